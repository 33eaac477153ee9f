//! Asking the processor to bring memory to its caches.

/// Starts bringing a value to the caches, all of its lines. A hint: nothing waits for it. Elsewhere than on x86-64 it
/// does nothing.
#[inline(always)]
pub(super) fn bring<T>(value: &T) {
    #[cfg(target_arch = "x86_64")]
    {
        let first = std::ptr::from_ref(value).cast::<i8>();
        let mut at = 0;
        while at < size_of::<T>() {
            bring_line(first.wrapping_add(at));
            at += LINE;
        }
        // What is larger than its alignment may end in one line more.
        if size_of::<T>() > align_of::<T>() && align_of::<T>() < LINE {
            bring_line(first.wrapping_add(size_of::<T>() - 1));
        }
    }
    #[cfg(not(target_arch = "x86_64"))]
    let _ = value;
}

/// Octets of a line of the caches.
#[cfg(target_arch = "x86_64")]
const LINE: usize = 64;

#[cfg(target_arch = "x86_64")]
#[inline(always)]
fn bring_line(at: *const i8) {
    use std::arch::x86_64::{_MM_HINT_T0, _mm_prefetch};
    // SAFETY: a prefetch reads nothing that the program sees and faults at no address. It is here because the misses of
    // a large map overlap with it and wait for each other without: `banyan-compare mixed` has the measure.
    unsafe { _mm_prefetch::<_MM_HINT_T0>(at) };
}
