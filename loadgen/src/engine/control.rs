//! What the threads of a run share: a clock, the word to stop, and gates they pass together.

use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::time::Instant;

/// Shared by all threads of a run.
pub struct Control {
    epoch: Instant,
    stop: AtomicBool,
    failure: Mutex<Option<String>>,
    /// Sessions joined so far.
    pub sessions: AtomicU64,
}

impl Control {
    /// The clock starts now.
    pub fn new() -> Control {
        Control {
            epoch: Instant::now(),
            stop: AtomicBool::new(false),
            failure: Mutex::new(None),
            sessions: AtomicU64::new(0),
        }
    }

    /// Nanoseconds since the run began.
    pub fn now(&self) -> u64 {
        self.epoch.elapsed().as_nanos() as u64
    }

    /// Asks all threads to end soon and to keep what they have.
    pub fn stop(&self) {
        self.stop.store(true, Ordering::Relaxed);
    }

    /// Whether they are to end.
    pub fn stopped(&self) -> bool {
        self.stop.load(Ordering::Relaxed)
    }

    /// Ends the run for a reason, a sentence for a person; the first one counts.
    pub fn fail(&self, reason: String) {
        self.failure.lock().expect("no holder of this lock panics").get_or_insert(reason);
        self.stop();
    }

    /// The reason the run failed for, if it did.
    pub fn failure(&self) -> Option<String> {
        self.failure.lock().expect("no holder of this lock panics").clone()
    }
}

/// A point that all threads pass at the same moment, once.
pub struct Gate {
    threads: usize,
    arrived: AtomicUsize,
    /// When it opens, in nanoseconds of the run's clock; 0 while somebody is missing.
    opens: AtomicU64,
}

/// Between the last arrival and the opening: enough for every thread to see it.
const NOTICE_NS: u64 = 3_000_000;

impl Gate {
    /// A gate for that many threads.
    pub fn new(threads: usize) -> Gate {
        Gate { threads, arrived: AtomicUsize::new(0), opens: AtomicU64::new(0) }
    }

    /// One thread is ready. Call it once per thread.
    pub fn arrive(&self, now: u64) {
        if self.arrived.fetch_add(1, Ordering::AcqRel) + 1 == self.threads {
            self.opens.store(now + NOTICE_NS, Ordering::Release);
        }
    }

    /// When it opens, once everybody arrived.
    pub fn opens(&self) -> Option<u64> {
        Some(self.opens.load(Ordering::Acquire)).filter(|&at| at > 0)
    }
}
