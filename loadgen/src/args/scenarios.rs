//! The flags of each scenario.

use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, ValueEnum};

use super::{Common, Extent, duration, percent, rate};
use crate::sizes::Sizes;

/// `call`.
#[derive(Clone, Debug, Args)]
pub struct Call {
    #[command(flatten)]
    pub common: Common,
    #[command(flatten)]
    pub extent: Extent,
    #[command(flatten)]
    pub calls: Calls,
}

/// What calls are like.
#[derive(Clone, Debug, Args)]
pub struct Calls {
    /// Sessions that call
    #[arg(long, default_value_t = 8, value_parser = clap::value_parser!(u64).range(1..=1_000_000))]
    pub callers: u64,
    /// Sessions that answer
    #[arg(long, default_value_t = 2, value_parser = clap::value_parser!(u64).range(1..=1_000_000))]
    pub callees: u64,
    /// Calls of one caller under way at the same time; with --rate only a bound
    #[arg(long, value_parser = clap::value_parser!(u64).range(1..=1_000_000))]
    pub pipeline: Option<u64>,
    /// Octets of payload: 256, 16-4096 or 16:50,256:40,4096:10 (by weight)
    #[arg(long, default_value = "256")]
    pub payload: Sizes,
    /// How procedures are registered
    #[arg(long, value_enum, default_value = "exact")]
    pub registration: Kind,
    /// Which callee of a shared registration is called
    #[arg(long, default_value = "roundrobin", value_parser = ["roundrobin", "random", "first", "last"])]
    pub invoke: String,
    /// Procedures, dealt to the callees in turn; one per callee if not given (one in all if shared)
    #[arg(long, value_parser = clap::value_parser!(u64).range(1..=10_000_000))]
    pub procedures: Option<u64>,
    /// Each call goes to the next procedure instead of always the same
    #[arg(long)]
    pub spread: bool,
    /// Answer with that many progressive results before the final one
    #[arg(long, default_value_t = 0, value_parser = clap::value_parser!(u32).range(0..=10_000))]
    pub progress: u32,
    /// Answer that many of 100 calls with an error; the error must reach the caller
    #[arg(long, default_value_t = 0.0, value_parser = percent)]
    pub error_percent: f64,
    /// Leave that many of 100 calls unanswered; the router must end them (--call-timeout)
    #[arg(long, default_value_t = 0.0, value_parser = percent, requires = "call_timeout")]
    pub unanswered_percent: f64,
    /// Ask the router to end a call after this time
    #[arg(long, value_parser = duration)]
    pub call_timeout: Option<Duration>,
}

/// How something is registered.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Kind {
    /// By exact URI.
    Exact,
    /// By prefix.
    Prefix,
    /// By wildcard.
    Wildcard,
    /// By exact URI, by several callees.
    Shared,
}

/// `register`.
#[derive(Clone, Debug, Args)]
pub struct Register {
    #[command(flatten)]
    pub common: Common,
    /// Registrations in all
    #[arg(long, default_value_t = 100_000, value_parser = clap::value_parser!(u64).range(1..=100_000_000))]
    pub registrations: u64,
    /// Sessions that hold them
    #[arg(long, default_value_t = 10, value_parser = clap::value_parser!(u64).range(1..=1_000_000))]
    pub sessions: u64,
    /// Requests of one session under way at the same time; with --rate only a bound
    #[arg(long, default_value_t = 64, value_parser = clap::value_parser!(u64).range(1..=1_000_000))]
    pub pipeline: u64,
    /// How they match; shared: each is held by all sessions
    #[arg(long, value_enum, default_value = "exact")]
    pub registration: Kind,
    /// Which callee of a shared registration is called
    #[arg(long, default_value = "roundrobin", value_parser = ["roundrobin", "random", "first", "last"])]
    pub invoke: String,
    /// Sessions that watch the four registration events and must see every one of them, in order
    #[arg(long, default_value_t = 0, value_parser = clap::value_parser!(u64).range(0..=1000))]
    pub observer: u64,
    /// How registrations end: by UNREGISTER, or because the sessions' connections close
    #[arg(long, value_enum, default_value = "unregister")]
    pub end: End,
    /// Registrations per second, whatever comes of them (open loop)
    #[arg(long, help_heading = "Load", value_parser = rate)]
    pub rate: Option<f64>,
    /// Give up after this time
    #[arg(long, default_value = "60s", value_parser = duration, help_heading = "Load")]
    pub duration: Duration,
}

/// `match`.
#[derive(Clone, Debug, Args)]
pub struct Match {
    #[command(flatten)]
    pub common: Common,
    #[command(flatten)]
    pub extent: Extent,
    /// Procedures to measure, one after the other; repeatable; all that answer in one message if not given
    #[arg(long, value_enum)]
    pub procedure: Vec<Procedure>,
    /// Exact registrations
    #[arg(long, default_value_t = 10_000, value_parser = clap::value_parser!(u64).range(0..=100_000_000))]
    pub exact: u64,
    /// Prefix registrations
    #[arg(long, default_value_t = 0, value_parser = clap::value_parser!(u64).range(0..=100_000_000))]
    pub prefix: u64,
    /// Wildcard registrations
    #[arg(long, default_value_t = 0, value_parser = clap::value_parser!(u64).range(0..=100_000_000))]
    pub wildcard: u64,
    /// Sessions that hold them
    #[arg(long, default_value_t = 10, value_parser = clap::value_parser!(u64).range(1..=1_000_000))]
    pub sessions: u64,
    /// Sessions that ask
    #[arg(long, default_value_t = 4, value_parser = clap::value_parser!(u64).range(1..=1_000_000))]
    pub callers: u64,
    /// Requests of one of them under way at the same time; with --rate only a bound
    #[arg(long, default_value_t = 16, value_parser = clap::value_parser!(u64).range(1..=1_000_000))]
    pub pipeline: u64,
    /// Take lists in parts
    #[arg(long)]
    pub progressive: bool,
}

/// A registration meta procedure.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Procedure {
    /// Registrations that match a URI.
    Match,
    /// The registration of a URI or pattern.
    Lookup,
    /// What a registration is.
    Get,
    /// All registrations.
    List,
    /// Who is on a registration.
    ListCallees,
    /// How many are on a registration.
    CountCallees,
    /// How many registrations there are (not every router has it).
    Count,
}

/// `meta`.
#[derive(Clone, Debug, Args)]
pub struct Meta {
    #[command(flatten)]
    pub common: Common,
    #[command(flatten)]
    pub extent: Extent,
    /// Sessions that register and unregister
    #[arg(long, default_value_t = 10, value_parser = clap::value_parser!(u64).range(1..=100_000))]
    pub sessions: u64,
    /// Procedures of each
    #[arg(long, default_value_t = 100, value_parser = clap::value_parser!(u64).range(1..=1_000_000))]
    pub procedures: u64,
    /// Requests of one session under way at the same time, below the number of its procedures; with --rate only a bound
    #[arg(long, default_value_t = 16, value_parser = clap::value_parser!(u64).range(1..=1_000_000))]
    pub pipeline: u64,
    /// How they match; shared: all sessions hold the same procedures
    #[arg(long, value_enum, default_value = "exact")]
    pub registration: Kind,
    /// Which callee of a shared registration is called
    #[arg(long, default_value = "roundrobin", value_parser = ["roundrobin", "random", "first", "last"])]
    pub invoke: String,
    /// Sessions that watch the four events
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u64).range(1..=1000))]
    pub observer: u64,
}

/// `pubsub`.
#[derive(Clone, Debug, Args)]
pub struct Pubsub {
    #[command(flatten)]
    pub common: Common,
    #[command(flatten)]
    pub extent: Extent,
    #[command(flatten)]
    pub publications: Publications,
}

/// What publications are like.
#[derive(Clone, Debug, Args)]
pub struct Publications {
    /// Sessions that publish
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u64).range(1..=1_000_000))]
    pub publishers: u64,
    /// Sessions that subscribe
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u64).range(0..=1_000_000))]
    pub subscribers: u64,
    /// Topics; publishers and subscribers are dealt to them in turn
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u64).range(1..=1_000_000))]
    pub topics: u64,
    /// How subscribers match
    #[arg(long, value_enum, default_value = "exact")]
    pub subscription: Subscription,
    /// Ask the router to acknowledge each publication
    #[arg(long)]
    pub acknowledge: bool,
    /// Publications of one publisher under way (unacknowledged: not yet with the slowest subscriber); with --rate only a
    /// bound
    #[arg(long, value_parser = clap::value_parser!(u64).range(1..=1_000_000))]
    pub pipeline: Option<u64>,
    /// Octets of payload: 256, 16-4096 or 16:50,256:40,4096:10 (by weight); at least 16
    #[arg(long, default_value = "256")]
    pub payload: Sizes,
}

/// How a subscription matches.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Subscription {
    /// By exact URI.
    Exact,
    /// By prefix.
    Prefix,
    /// By wildcard.
    Wildcard,
}

/// `connect`.
#[derive(Clone, Debug, Args)]
pub struct Connect {
    #[command(flatten)]
    pub common: Common,
    /// Sessions in all
    #[arg(long, default_value_t = 1000, value_parser = clap::value_parser!(u64).range(1..=10_000_000))]
    pub sessions: u64,
    /// Attempts at the same time
    #[arg(long, default_value_t = 32, value_parser = clap::value_parser!(u64).range(1..=100_000))]
    pub parallel: u64,
    /// Sessions per second, whatever comes of them (open loop)
    #[arg(long, help_heading = "Load", value_parser = rate)]
    pub rate: Option<f64>,
    /// Give up joining after this time
    #[arg(long, default_value = "60s", value_parser = duration, help_heading = "Load")]
    pub duration: Duration,
    /// Stay joined and idle for this long
    #[arg(long, default_value = "2s", value_parser = duration, help_heading = "Load")]
    pub hold: Duration,
}

/// `churn`.
#[derive(Clone, Debug, Args)]
pub struct Churn {
    #[command(flatten)]
    pub common: Common,
    #[command(flatten)]
    pub extent: Extent,
    /// Sessions alive at the same time; with --rate only a bound
    #[arg(long, default_value_t = 16, value_parser = clap::value_parser!(u64).range(1..=100_000))]
    pub sessions: u64,
    /// Procedures each registers
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u64).range(0..=10_000))]
    pub procedures: u64,
    /// Calls each makes, to procedures of its own
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u64).range(0..=1_000_000))]
    pub calls: u64,
    /// That many of 100 drop the connection; the others say GOODBYE
    #[arg(long, default_value_t = 50.0, value_parser = percent)]
    pub drop_percent: f64,
    /// Sessions that watch the four registration events
    #[arg(long, default_value_t = 0, value_parser = clap::value_parser!(u64).range(0..=1000))]
    pub observer: u64,
}

/// `mix`.
#[derive(Clone, Debug, Args)]
pub struct Mix {
    /// TOML: `part` tables with scenario (call, pubsub, meta or churn), weight and the flags of that scenario as keys
    pub file: PathBuf,
    #[command(flatten)]
    pub common: Common,
    #[command(flatten)]
    pub extent: Extent,
}

/// `soak`.
#[derive(Clone, Debug, Args)]
pub struct Soak {
    /// The mix to run instead of the built-in one
    #[arg(long, value_name = "FILE")]
    pub mix: Option<PathBuf>,
    #[command(flatten)]
    pub common: Common,
    /// Measure for this long
    #[arg(long, default_value = "10m", value_parser = duration, help_heading = "Load")]
    pub duration: Duration,
    /// Operations per second over all parts
    #[arg(long, default_value = "2000", help_heading = "Load", value_parser = rate)]
    pub rate: f64,
}

/// `sweep`.
#[derive(Clone, Debug, Args)]
pub struct Sweep {
    #[command(flatten)]
    pub common: Common,
    #[command(flatten)]
    pub calls: Calls,
    /// The first rate, calls per second
    #[arg(long, default_value = "1000", value_parser = rate, help_heading = "Load")]
    pub from: f64,
    /// What must not happen, for instance 'p99>5ms'; repeatable
    #[arg(long, value_name = "EXPR", default_value = "p99>10ms", help_heading = "Load")]
    pub until: Vec<String>,
    /// The knee is known when the rate above it is at most this many times higher
    #[arg(long, default_value_t = 1.1, help_heading = "Load")]
    pub precision: f64,
    /// Measure each rate for this long
    #[arg(long, default_value = "5s", value_parser = duration, help_heading = "Load")]
    pub duration: Duration,
}

/// `report`.
#[derive(Clone, Debug, Args)]
pub struct Report {
    /// Files that --json wrote
    #[arg(required = true)]
    pub files: Vec<PathBuf>,
    /// Write a page with pictures
    #[arg(long, value_name = "FILE")]
    pub html: Option<PathBuf>,
    /// Write the pictures into this folder, one file each
    #[arg(long, value_name = "FOLDER")]
    pub svg: Option<PathBuf>,
}

/// How registrations end.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum End {
    /// One by one.
    Unregister,
    /// The connection closes.
    Drop,
    /// The session says GOODBYE.
    Goodbye,
    /// They stay until the generator goes.
    Keep,
}
