//! How memory comes from the system and goes back to it: in steps that hold up no message.

use std::ffi::c_long;

use libmimalloc_sys::{mi_option_get, mi_option_set, mi_option_t};

/// The allocator's option `purge_delay`, which the bindings have no name for, and what it is if nobody chose.
const PURGE_DELAY: mi_option_t = 15;
const UNCHOSEN: c_long = 1000;
/// Milliseconds until free memory is given back. All that has become free meanwhile goes at once, by whoever allocates
/// next: after a second that may be 200 MB, which take 10 ms. At once would cost long messages half of their speed.
const MILLISECONDS: c_long = 100;

/// Chooses both for this process, for a `main` whose allocator is mimalloc to begin with. A choice in the environment
/// (`MIMALLOC_PURGE_DELAY`) stays.
pub fn tune() {
    // SAFETY: these are not to be called from several threads at once; there is only one yet.
    unsafe {
        if mi_option_get(PURGE_DELAY) == UNCHOSEN {
            mi_option_set(PURGE_DELAY, MILLISECONDS);
        }
    }
    avoid_huge_pages();
}

/// The first to touch a huge page waits until all of it is cleared: one REGISTER in ten thousand would hold up its shard
/// for 0.2 to 8 ms, where a small page takes microseconds.
fn avoid_huge_pages() {
    #[cfg(target_os = "linux")]
    if let Err(error) = rustix::thread::disable_transparent_huge_pages(true) {
        log::warn!("the system may use huge pages, which it takes long to clear: {error}");
    }
}
