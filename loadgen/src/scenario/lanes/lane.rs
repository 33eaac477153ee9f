//! A session that starts operations, and the measure it starts them for.

use std::sync::Arc;

use crate::engine::{Gate, Key, Net};
use crate::pending::Pending;
use crate::record::Book;
use crate::scenario::Run;

/// One measure of a run: its book, and the gates its threads pass together.
pub struct Measured {
    /// The book.
    pub book: Arc<Book>,
    pub(super) ready: Gate,
    pub(super) drained: Gate,
}

impl Measured {
    /// For all threads of a run. The load is open-loop if the run has a rate and `paced`.
    pub fn new(run: &Run, name: &str, operation: &'static str, paced: bool) -> Measured {
        Measured {
            book: run.book(name, operation, paced),
            ready: Gate::new(run.load.threads),
            drained: Gate::new(run.load.threads),
        }
    }

    /// Waits until all threads are here: where a measure has no lanes.
    ///
    /// # Errors
    /// The run was stopped.
    pub fn gather(&self, net: &mut Net) -> Result<(), String> {
        self.ready.arrive(net.control.now());
        net.pass(&self.ready)
    }
}

/// A session that starts operations.
pub struct Lane {
    /// Its connection.
    pub key: Key,
    pub(super) pending: Pending,
    /// Operations started.
    pub started: u64,
    /// Operations it may start.
    pub(super) limit: u64,
    /// Open loop: operations that have been due.
    pub(super) due: u64,
    /// Operations without an answer: how many have taken effect, as the handler knows.
    pub(super) confirmed: u64,
    /// Whether its operations have answers.
    pub(super) answered: bool,
    pub(super) alive: bool,
}

impl Lane {
    /// That has done nothing; `next`: its session's next request id.
    pub(super) fn new(key: Key, next: u64, limit: u64) -> Lane {
        let pending = Pending::new(next);
        Lane { key, pending, started: 0, limit, due: 0, confirmed: 0, answered: true, alive: true }
    }

    /// Operations under way.
    #[inline]
    pub(super) fn under_way(&self) -> usize {
        if self.answered { self.pending.open() } else { (self.started - self.confirmed) as usize }
    }
}
