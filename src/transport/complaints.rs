//! Log lines that a peer causes, at most a few each second: whoever misbehaves must not fill the disk.

use std::fmt::Arguments;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

/// Lines each second, of the whole process.
const PER_SECOND: u64 = 20;

/// Lines in the current second, and lines left out since the last one that was written.
struct Allowance {
    second: AtomicU64,
    used: AtomicU64,
    suppressed: AtomicU64,
}

static ALLOWANCE: Allowance = Allowance::new();

/// Logs a warning, unless too many were logged in this second; says then how many are missing.
pub(super) fn complain(what: Arguments<'_>) {
    static STARTED: std::sync::OnceLock<Instant> = std::sync::OnceLock::new();
    let second = STARTED.get_or_init(Instant::now).elapsed().as_secs();
    match ALLOWANCE.take(second) {
        Some(0) => log::warn!("{what}"),
        Some(missing) => log::warn!("{what} (suppressed={missing})"),
        None => {}
    }
}

impl Allowance {
    const fn new() -> Allowance {
        Allowance { second: AtomicU64::new(0), used: AtomicU64::new(0), suppressed: AtomicU64::new(0) }
    }

    /// Whether one more line may be written in `second`, and how many were left out before it. Two threads that turn
    /// the second over at once may let a line too many through, which does no harm: hence relaxed.
    fn take(&self, second: u64) -> Option<u64> {
        if self.second.swap(second, Ordering::Relaxed) != second {
            self.used.store(0, Ordering::Relaxed);
        }
        if self.used.fetch_add(1, Ordering::Relaxed) < PER_SECOND {
            return Some(self.suppressed.swap(0, Ordering::Relaxed));
        }
        self.suppressed.fetch_add(1, Ordering::Relaxed);
        None
    }
}

#[cfg(test)]
mod tests {
    use super::{Allowance, PER_SECOND};

    #[test]
    fn the_next_second_tells_how_many_lines_are_missing() {
        let allowance = Allowance::new();
        for _ in 0..PER_SECOND {
            assert_eq!(allowance.take(7), Some(0));
        }
        assert_eq!([allowance.take(7), allowance.take(7)], [None, None]);
        assert_eq!(allowance.take(8), Some(2));
        assert_eq!(allowance.take(8), Some(0));
    }
}
