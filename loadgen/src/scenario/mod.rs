//! The kinds of load. Each scenario sets up its sessions in straight-line code on every thread, then runs a
//! [`Handler`](crate::engine::Handler) and returns; what it saw is in the run's books.

pub mod call;

mod run;

pub use run::{Load, Run, Stage, share};
