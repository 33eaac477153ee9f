//! mimalloc, as in the router, that counts what is asked of it.

use std::alloc::{GlobalAlloc, Layout};
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

pub struct Counting;

static ASKED: AtomicUsize = AtomicUsize::new(0);

// SAFETY: everything is mimalloc's; the counter touches no memory that is handed out.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        ASKED.fetch_add(layout.size(), Relaxed);
        // SAFETY: the caller's promises are passed on.
        unsafe { mimalloc::MiMalloc.alloc(layout) }
    }

    unsafe fn dealloc(&self, at: *mut u8, layout: Layout) {
        ASKED.fetch_sub(layout.size(), Relaxed);
        // SAFETY: the caller's promises are passed on.
        unsafe { mimalloc::MiMalloc.dealloc(at, layout) }
    }
}

/// Octets asked for and not given back.
pub fn asked() -> usize {
    ASKED.load(Relaxed)
}

/// Octets of this process that are in memory.
pub fn resident() -> usize {
    let statm = std::fs::read_to_string("/proc/self/statm").unwrap_or_default();
    statm.split(' ').nth(1).and_then(|pages| pages.parse::<usize>().ok()).unwrap_or(0) * 4096
}

/// What `make` makes, and how many octets it holds.
pub fn weigh<T>(make: impl FnOnce() -> T) -> (T, usize) {
    let before = asked();
    let made = make();
    (made, asked() - before)
}
