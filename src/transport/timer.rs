//! The one timer of a connection. A joined session that is not pinged holds none.

use std::future::Future;
use std::pin::Pin;
use std::task::Context;
use std::time::Duration;

use tokio::time::{Instant, Sleep, sleep};

/// At most one moment to come.
#[derive(Default)]
pub(super) struct Timer(Option<Pin<Box<Sleep>>>);

impl Timer {
    /// Fires after this time, and no more at the one set before.
    pub(super) fn set(&mut self, after: Duration) {
        match &mut self.0 {
            Some(sleep) => sleep.as_mut().reset(Instant::now() + after),
            None => self.0 = Some(Box::pin(sleep(after))),
        }
    }

    /// Does not fire.
    pub(super) fn clear(&mut self) {
        self.0 = None;
    }

    /// Whether the moment has come; it is then forgotten. Otherwise the task is woken when it comes.
    pub(super) fn fired(&mut self, cx: &mut Context<'_>) -> bool {
        let fired = self.0.as_mut().is_some_and(|sleep| sleep.as_mut().poll(cx).is_ready());
        if fired {
            self.clear();
        }
        fired
    }
}
