//! The kinds of load. Each scenario sets up its sessions in straight-line code on every thread, then runs a
//! [`Handler`](crate::engine::Handler) and returns; what it saw is in the run's books.

pub mod call;
mod keeper;

mod lanes;
pub mod register;
mod run;
pub mod uris;

pub use lanes::{Lanes, Measured, Turn};
pub use run::{Load, Run, Stage, share};
pub use call::BySender;
