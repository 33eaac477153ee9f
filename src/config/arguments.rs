//! The command line.

use std::ffi::OsString;
use std::path::PathBuf;

use lexopt::prelude::*;

use super::{Config, Error, MOST_WORKERS, parse_address, parse_level, workers};
use crate::transport::listener::Address;

/// What `--help` says.
pub const HELP: &str = "\
Banyan, a WAMP v2 router

Usage: banyan [run] [OPTIONS]         start the router
       banyan check [--config FILE]   check a configuration and exit

Options:
  --listen ADDR:PORT | unix:PATH   where clients connect; may be given several times
  --workers N                      worker threads; 0 takes one for each core
  --config FILE                    the configuration, in TOML; without it realm1 is open on 127.0.0.1:8080
  --log LEVEL                      error, warn, info, debug, trace or off
  --version                        print the version and exit
  --help                           print this and exit

An option overrides what the configuration says. SIGTERM or SIGINT ends the router: it says GOODBYE to every session;
a second one ends it at once.
";

/// What the router is asked to do.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Command {
    /// Run.
    #[default]
    Run,
    /// Check the configuration.
    Check,
    /// Print the version.
    Version,
    /// Print the help.
    Help,
}

/// The command line, taken apart.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Arguments {
    /// What to do.
    pub command: Command,
    config: Option<PathBuf>,
    listen: Vec<Address>,
    workers: Option<usize>,
    log: Option<log::LevelFilter>,
}

impl Arguments {
    /// Reads the arguments behind the program's name.
    ///
    /// # Errors
    /// [`Error`] names the argument.
    pub fn parse(arguments: impl IntoIterator<Item = OsString>) -> Result<Arguments, Error> {
        let mut parser = lexopt::Parser::from_args(arguments);
        let mut parsed = Arguments::default();
        let mut command = None;
        while let Some(argument) = parser.next().map_err(of_command_line)? {
            match argument {
                Long("help") | Short('h') => return Ok(Arguments { command: Command::Help, ..parsed }),
                Long("version") | Short('V') => return Ok(Arguments { command: Command::Version, ..parsed }),
                Value(word) if command.is_none() => command = Some(command_of(&word)?),
                Long(name) => {
                    let name = name.to_owned();
                    parsed.option(&name, &mut parser)?;
                }
                unknown => return Err(of_command_line(unknown.unexpected())),
            }
        }
        parsed.command = command.unwrap_or_default();
        Ok(parsed)
    }

    /// Reads the value of an option, named without its dashes.
    fn option(&mut self, name: &str, parser: &mut lexopt::Parser) -> Result<(), Error> {
        match name {
            "config" => self.config = Some(parser.value().map_err(of_command_line)?.into()),
            "listen" => self.listen.push(text("--listen", parser, parse_address)?),
            "workers" => self.workers = Some(text("--workers", parser, parse_workers)?),
            "log" => self.log = Some(text("--log", parser, parse_level)?),
            unknown => return Err(Error::of("command line", format!("there is no option --{unknown} (see --help)"))),
        }
        Ok(())
    }

    /// The configuration that the arguments lead to.
    ///
    /// # Errors
    /// [`Error`] names what is wrong with the file.
    pub fn config(&self) -> Result<Config, Error> {
        let mut config = match &self.config {
            Some(path) => Config::read(path)?,
            None => Config::default_config()?,
        };
        if !self.listen.is_empty() {
            config.listen.clone_from(&self.listen);
        }
        config.workers = self.workers.map_or(config.workers, workers);
        config.log = self.log.unwrap_or(config.log);
        Ok(config)
    }
}

fn of_command_line(error: lexopt::Error) -> Error {
    Error::of("command line", format!("{error} (see --help)"))
}

fn command_of(word: &OsString) -> Result<Command, Error> {
    match word.to_str() {
        Some("run") => Ok(Command::Run),
        Some("check") => Ok(Command::Check),
        Some("help") => Ok(Command::Help),
        _ => Err(Error::of("command line", format!("there is no command {word:?}; there are run and check"))),
    }
}

/// The value of an option, read by `parse`.
fn text<T>(
    option: &str,
    parser: &mut lexopt::Parser,
    parse: impl FnOnce(&str) -> Result<T, String>,
) -> Result<T, Error> {
    let value = parser.value().map_err(of_command_line)?;
    let value = value.to_str().ok_or_else(|| Error::of(option, "the value is not UTF-8"))?;
    parse(value).map_err(|what| Error::of(option, what))
}

fn parse_workers(text: &str) -> Result<usize, String> {
    let number = text.parse().ok().filter(|&number| number <= MOST_WORKERS);
    number.ok_or_else(|| format!("`{text}` is no number from 0 to {MOST_WORKERS}"))
}
