//! Memory for messages that have not arrived whole yet: one pool for all connections.
//!
//! A connection holds what it was sent of a message until the rest comes. Many that announce long messages and never
//! end them would hold as much as they like: so what a connection holds beyond `FREE` comes out of a pool, and one
//! that needs more than there is left is ended.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use super::connection::Service;

/// What a connection may hold beside the pool, in bytes; one that has not joined a realm has no more than that.
pub(super) const FREE: usize = 64 * 1024;

/// What is left for all connections.
#[derive(Debug)]
pub struct Pool {
    size: usize,
    taken: AtomicUsize,
}

impl Pool {
    /// A pool of `size` bytes, nothing taken.
    pub const fn new(size: usize) -> Pool {
        Pool { size, taken: AtomicUsize::new(0) }
    }
}

/// What one connection holds of the pool; given back when dropped.
pub(super) struct Share {
    service: Arc<Service>,
    bytes: usize,
}

impl Share {
    /// Nothing yet.
    pub(super) fn new(service: Arc<Service>) -> Share {
        Share { service, bytes: 0 }
    }

    /// The connection now holds so many bytes in all; whether the pool has them.
    #[inline]
    pub(super) fn hold(&mut self, bytes: usize) -> bool {
        let wanted = if bytes > FREE { bytes } else { 0 };
        if wanted == self.bytes {
            return true;
        }
        let pool = &self.service.pool;
        let before = std::mem::replace(&mut self.bytes, wanted);
        if wanted < before {
            pool.taken.fetch_sub(before - wanted, Ordering::Relaxed);
            return true;
        }
        let more = wanted - before;
        pool.taken.fetch_add(more, Ordering::Relaxed) + more <= pool.size
    }
}

impl Drop for Share {
    fn drop(&mut self) {
        self.hold(0);
    }
}
