//! The kinds of load. Each scenario sets up its sessions in straight-line code on every thread, then runs a
//! [`Handler`](crate::engine::Handler) and returns; what it saw is in the run's books.

pub mod call;
pub mod churn;
pub mod connect;
mod keeper;
mod lanes;
pub mod matching;
pub mod meta;
pub mod mix;
pub mod pubsub;
pub mod register;
mod run;
mod side;
pub mod uris;

pub use call::BySender;
pub use lanes::{Lanes, Measured, Turn};
pub use run::{Load, Run, share};
pub use side::Side;

use crate::args::Command;

/// What a scenario does with its run.
pub type Work = Box<dyn FnOnce(&Run) + Send>;

/// The rate a scenario's own flags ask, and what it does. `rate`: asked from outside, by a mix.
///
/// # Errors
/// The flags ask for what cannot be driven, as a sentence; or it is none of the scenarios.
pub fn work(command: Command, rate: &Option<f64>) -> Result<(Option<f64>, Work), String> {
    match command {
        Command::Call(it) => Ok((it.extent.rate, Box::new(move |run| call::run(run, &it.calls)))),
        Command::Register(it) => Ok((it.rate, Box::new(move |run| register::run(run, &it)))),
        Command::Match(it) if it.exact + it.prefix + it.wildcard == 0 => {
            Err("match needs a population: --exact, --prefix or --wildcard".to_owned())
        }
        Command::Match(it) => Ok((it.extent.rate, Box::new(move |run| matching::run(run, &it)))),
        Command::Meta(it) if it.pipeline >= it.procedures => {
            Err("meta needs more --procedures than its --pipeline is long".to_owned())
        }
        Command::Meta(it) => Ok((it.extent.rate, Box::new(move |run| meta::run(run, &it)))),
        Command::Pubsub(it) => {
            pubsub::check(&it.publications, rate.or(it.extent.rate))?;
            Ok((it.extent.rate, Box::new(move |run| pubsub::run(run, &it.publications))))
        }
        Command::Connect(it) => Ok((it.rate, Box::new(move |run| connect::run(run, &it)))),
        Command::Churn(it) => Ok((it.extent.rate, Box::new(move |run| churn::run(run, &it)))),
        Command::Mix(_) | Command::Soak(_) | Command::Sweep(_) | Command::Report(_) => {
            Err("that is no scenario".to_owned())
        }
    }
}
