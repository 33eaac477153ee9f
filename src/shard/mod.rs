//! All threads and queues.

pub mod framing;
