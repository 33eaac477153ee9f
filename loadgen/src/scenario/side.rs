//! A second measure beside the one of the lanes: what arrives elsewhere because of them.

use std::sync::Arc;

use super::{Lanes, Run};
use crate::record::{Book, Recorder};

/// One thread's part of such a measure.
pub struct Side {
    book: Arc<Book>,
    thread: usize,
    recorder: Option<Recorder>,
}

impl Side {
    /// The book for all threads. Its latencies count from when the cause was due, if the load is paced.
    pub fn book(run: &Run, name: &str, operation: &'static str) -> Arc<Book> {
        run.book(name, operation, false)
    }

    /// For one thread.
    pub fn new(book: &Arc<Book>, thread: usize) -> Side {
        Side { book: Arc::clone(book), thread, recorder: None }
    }

    /// Call it once per turn of the loop.
    #[inline]
    pub fn turn(&mut self, lanes: &Lanes<'_>, now: u64) {
        if self.recorder.is_none()
            && let Some(window) = lanes.window()
        {
            self.recorder = Some(Recorder::new(&self.book, window, None, self.thread));
        }
        if let Some(recorder) = &mut self.recorder {
            recorder.turn(&self.book, now);
        }
    }

    /// Something happened whose cause was at `start`.
    #[inline]
    pub fn happened(&mut self, start: u64, now: u64) {
        if let Some(recorder) = &mut self.recorder {
            recorder.operation(start, now);
        }
    }

    /// Hands over what was recorded.
    pub fn finish(self, now: u64) {
        if let Some(recorder) = self.recorder {
            recorder.finish(&self.book, now);
        }
    }
}
