//! The configuration: read from a TOML file and the command line, and filled into the options of every room.
//!
//! This room is the only reader of files and arguments. `default.toml` is both the documentation of every key and the
//! configuration that runs where none is given.

mod arguments;
mod error;
mod file;
mod realms;

use std::path::{Path, PathBuf};
use std::time::Duration;

pub use arguments::{Arguments, Command, HELP};
pub use error::Error;

use self::file::File;
use crate::codec;
use crate::shard::placement::Entry;
use crate::transport::listener::{Address, GateOptions};
use crate::transport::stream::TcpOptions;
use crate::transport::{connection, opening, rawsocket, websocket};

/// The configuration that runs where none is given.
pub const DEFAULT: &str = include_str!("default.toml");
/// How the default configuration is called in errors.
const DEFAULT_NAME: &str = "default.toml (embedded)";
/// Most workers.
const MOST_WORKERS: usize = 1024;
/// What may wait for all clients together, in bytes.
const QUEUED_BYTES: usize = 2 << 30;
/// Longest time to wait for anything, in seconds: a year.
const LONGEST_WAIT: usize = 31_536_000;
/// The longest time that the kernel takes for keepalive, in seconds.
const LONGEST_KEEPALIVE: usize = 32_767;
/// The longest message there is: what a RawSocket frame can hold.
const LONGEST_MESSAGE: usize = 1 << 24;

/// The options of every room.
#[derive(Clone, Debug)]
pub struct Config {
    /// Where to listen, at least one address.
    pub listen: Vec<Address>,
    /// Worker threads, at least 1.
    pub workers: usize,
    /// How long sessions get to say GOODBYE when the router stops.
    pub grace: Duration,
    /// The most detailed lines that are logged.
    pub log: log::LevelFilter,
    /// How many connections there may be.
    pub gate: GateOptions,
    /// Memory that all messages waiting for clients may take, in bytes.
    pub queued: usize,
    /// What TCP connections are set to.
    pub tcp: TcpOptions,
    /// What every connection is served with.
    pub connection: connection::Options,
    /// The realms, at least one.
    pub realms: Vec<Entry>,
}

impl Config {
    /// The embedded default configuration.
    ///
    /// # Errors
    /// None, as a test shows.
    pub fn default_config() -> Result<Config, Error> {
        Config::parse(DEFAULT_NAME, DEFAULT)
    }

    /// Reads a file.
    ///
    /// # Errors
    /// [`Error`] where it cannot be read, or does not say what a configuration says.
    pub fn read(path: &Path) -> Result<Config, Error> {
        let name = path.display().to_string();
        let text = std::fs::read_to_string(path)
            .map_err(|error| Error::of(&name, format!("the configuration cannot be read: {error}")))?;
        Config::parse(&name, &text)
    }

    /// Reads the text of a file called `name`.
    ///
    /// # Errors
    /// [`Error`] names the line of what is wrong.
    pub fn parse(name: &str, text: &str) -> Result<Config, Error> {
        let file: File = toml::from_str(text).map_err(|error| Error::parsing(name, text, &error))?;
        Source { name, text }.config(file)
    }
}

/// The text that is read, for errors.
struct Source<'a> {
    name: &'a str,
    text: &'a str,
}

impl Source<'_> {
    fn wrong<T>(&self, at: &toml::Spanned<T>, what: impl Into<String>) -> Error {
        Error::at(self.name, self.text, at.span(), what)
    }

    fn config(&self, file: File) -> Result<Config, Error> {
        let connection = self.connection(&file)?;
        let gate = GateOptions::default();
        let tcp = TcpOptions::default();
        Ok(Config {
            listen: self.listen(&file.server)?,
            workers: self.bounded("workers", &file.server.workers, 0, 0..=MOST_WORKERS).map(workers)?,
            grace: self.seconds("grace_seconds", &file.server.grace_seconds, Duration::from_secs(10), LONGEST_WAIT)?,
            log: self.log(&file.server)?,
            gate: GateOptions {
                connections: file.limits.connections.unwrap_or(gate.connections),
                unauthenticated: file.limits.unauthenticated.unwrap_or(gate.unauthenticated),
            },
            queued: self.bounded("queued_bytes", &file.limits.queued_bytes, QUEUED_BYTES, 1 << 24..=1 << 48)?,
            tcp: TcpOptions {
                nodelay: file.tcp.nodelay.unwrap_or(tcp.nodelay),
                keepalive: self.pause(
                    "keepalive_seconds",
                    &file.tcp.keepalive_seconds,
                    tcp.keepalive,
                    LONGEST_KEEPALIVE,
                )?,
            },
            connection,
            realms: self.realms(file.realm)?,
        })
    }

    fn listen(&self, server: &file::Server) -> Result<Vec<Address>, Error> {
        let Some(listen) = &server.listen else { return Ok(vec![default_address()]) };
        let parse = |text: &toml::Spanned<String>| {
            parse_address(text.get_ref()).map_err(|what| self.wrong(text, format!("listen: {what}")))
        };
        let addresses = listen.iter().map(parse).collect::<Result<Vec<_>, _>>()?;
        if addresses.is_empty() {
            return Err(Error::of(self.name, "server.listen names no address"));
        }
        Ok(addresses)
    }

    fn log(&self, server: &file::Server) -> Result<log::LevelFilter, Error> {
        let Some(text) = &server.log else { return Ok(log::LevelFilter::Info) };
        parse_level(text.get_ref()).map_err(|what| self.wrong(text, format!("log: {what}")))
    }

    /// A number within bounds, or the default.
    fn bounded(
        &self,
        key: &str,
        given: &Option<toml::Spanned<usize>>,
        default: usize,
        bounds: std::ops::RangeInclusive<usize>,
    ) -> Result<usize, Error> {
        let Some(given) = given else { return Ok(default) };
        if bounds.contains(given.get_ref()) {
            return Ok(*given.get_ref());
        }
        Err(self.wrong(given, format!("{key} must be from {} to {}", bounds.start(), bounds.end())))
    }

    /// A number of seconds up to `most`, or the default.
    fn seconds(
        &self,
        key: &str,
        given: &Option<toml::Spanned<usize>>,
        default: Duration,
        most: usize,
    ) -> Result<Duration, Error> {
        let seconds = self.bounded(key, given, default.as_secs() as usize, 0..=most)?;
        Ok(Duration::from_secs(seconds as u64))
    }

    /// As [`Source::seconds`]; 0 is never.
    fn pause(
        &self,
        key: &str,
        given: &Option<toml::Spanned<usize>>,
        default: Option<Duration>,
        most: usize,
    ) -> Result<Option<Duration>, Error> {
        let pause = self.seconds(key, given, default.unwrap_or_default(), most)?;
        Ok((!pause.is_zero()).then_some(pause))
    }

    fn connection(&self, file: &File) -> Result<connection::Options, Error> {
        let (limits, web) = (&file.limits, &file.websocket);
        let longest = self.bounded("message_bytes", &limits.message_bytes, LONGEST_MESSAGE, 512..=LONGEST_MESSAGE)?;
        let defaults = connection::Options::default();
        let spoken = websocket::Options::default();
        let websocket = websocket::Options {
            allowed_origins: web.allowed_origins.clone().unwrap_or(spoken.allowed_origins),
            assume_json: web.assume_json.unwrap_or(spoken.assume_json),
            ..spoken
        };
        let rawsocket = rawsocket::Options { max_message: longest, ..rawsocket::Options::default() };
        let head = defaults.opening.max_head;
        let wait = |key: &str, given: &_, default| self.seconds(key, given, default, LONGEST_WAIT);
        Ok(connection::Options {
            opening: opening::Options {
                rawsocket: file.rawsocket.enabled.unwrap_or(true).then_some(rawsocket),
                websocket: web.enabled.unwrap_or(true).then_some(websocket),
                max_head: self.bounded("http_head_bytes", &limits.http_head_bytes, head, 1024..=1 << 20)?,
            },
            websocket: websocket::Limits { max_frame: longest, max_message: longest },
            max_sent: defaults.max_sent,
            receiving: self.bounded(
                "receiving_bytes",
                &limits.receiving_bytes,
                defaults.receiving,
                1 << 25..=1 << 48,
            )?,
            codec: codec::Limits { max_depth: self.bounded("nesting", &limits.nesting, 64, 8..=256)? },
            handshake_timeout: wait("handshake_seconds", &limits.handshake_seconds, defaults.handshake_timeout)?,
            hello_timeout: wait("hello_seconds", &limits.hello_seconds, defaults.hello_timeout)?,
            close_timeout: wait("close_seconds", &limits.close_seconds, defaults.close_timeout)?,
            ping_interval: self.pause("ping_seconds", &web.ping_seconds, defaults.ping_interval, LONGEST_WAIT)?,
            ping_timeout: wait("ping_timeout_seconds", &web.ping_timeout_seconds, defaults.ping_timeout)?,
        })
    }
}

fn default_address() -> Address {
    Address::Tcp(std::net::SocketAddr::from(([127, 0, 0, 1], 8080)))
}

/// As many workers as were asked for, or one for each core.
fn workers(asked: usize) -> usize {
    match asked {
        0 => std::thread::available_parallelism().map_or(1, usize::from),
        asked => asked,
    }
}

/// An address to listen on.
///
/// # Errors
/// A sentence that says what an address looks like.
fn parse_address(text: &str) -> Result<Address, String> {
    if let Some(path) = text.strip_prefix("unix:") {
        return match path {
            "" => Err("unix: needs a path".to_owned()),
            path => Ok(Address::Unix(PathBuf::from(path))),
        };
    }
    let socket =
        text.parse().map_err(|_| format!("`{text}` is neither ADDRESS:PORT, as 127.0.0.1:8080, nor unix:PATH"));
    socket.map(Address::Tcp)
}

fn parse_level(text: &str) -> Result<log::LevelFilter, String> {
    let level = text.parse().ok().filter(|_| text.chars().all(|c| c.is_ascii_lowercase()));
    level.ok_or_else(|| format!("`{text}` is none of error, warn, info, debug, trace and off"))
}

#[cfg(test)]
mod tests;
