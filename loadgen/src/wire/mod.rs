//! The wire: where a router listens, how bytes get there, how they are framed and what they mean.

pub mod codec;
pub mod framing;
pub mod stream;
pub mod target;
pub mod tls;
