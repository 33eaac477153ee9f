//! The kinds of load. Each scenario sets up its sessions in straight-line code on every thread, then runs a
//! [`Handler`](crate::engine::Handler) and returns; what it saw is in the run's books.

pub mod call;
pub mod churn;
pub mod connect;
mod keeper;

mod lanes;
pub mod matching;
pub mod meta;
pub mod pubsub;
pub mod register;
mod run;
mod side;
pub mod uris;

pub use lanes::{Lanes, Measured, Turn};
pub use side::Side;
pub use run::{Load, Run, Stage, share};
pub use call::BySender;
