//! What drives sessions: one loop per thread over plain non-blocking sockets.
//!
//! A thread owns its connections, its histograms and its schedule; nothing of the hot path is shared. A scenario is a
//! [`Handler`]: it gets each message as it lies in the read buffer and writes its own into the connection's buffer,
//! which leaves in one write when the reads of that connection are dealt with.
//!
//! Not here: what the load is (`scenario`), when an operation is due (`pace`), what is kept of it (`record`).

mod ask;
mod control;
mod net;
mod opening;
mod peer;
mod threads;

pub use ask::{Ask, STOPPED};
pub use control::{Control, Gate};
pub use net::{Handler, Key, Net, NotBegun, Wait};
pub use opening::{Credentials, without_secret};
pub use threads::{Settings, on_threads};
