//! `banyan-loadgen`: drives a WAMP router with load and reports what it saw.
//!
//! Rooms: `wire` (bytes, frames, messages of a client), `engine` (the loop that drives sessions), `scenario` (the kinds
//! of load), `record` (what is kept of each operation), `outcome` (what a run found), `live` and `report` (what people
//! see of it), `watch` (a run as seen from beside), `drive` (arguments to exit code).

mod args;
mod calendar;
mod drive;
mod engine;
mod live;
mod mirror;
mod outcome;
mod pace;
mod pending;
mod record;
mod report;
mod scenario;
mod sizes;
mod stamp;
mod usage;
mod watch;
mod wire;

use std::process::ExitCode;

use clap::{CommandFactory, FromArgMatches};

fn main() -> ExitCode {
    let matches = args::Arguments::command().get_matches();
    let arguments = match args::Arguments::from_arg_matches(&matches) {
        Ok(arguments) => arguments,
        Err(error) => error.exit(),
    };
    let (name, flags) = matches.subcommand().expect("clap demands a subcommand");
    let parameters = drive::parameters(flags);
    match drive::command(name, arguments.command, parameters) {
        Ok(code) => code,
        Err(why) => {
            eprintln!("banyan-loadgen: {why}");
            ExitCode::from(2)
        }
    }
}
