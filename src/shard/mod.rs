//! Threads and queues.

pub mod framing;
pub mod inbox;
