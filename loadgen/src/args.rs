//! The command line.

use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, Parser, Subcommand, ValueEnum};

use crate::sizes::Sizes;
use crate::wire::codec::Serializer;

/// Drives any WAMP deployment and tells the truth about it.
#[derive(Debug, Parser)]
#[command(name = "banyan-loadgen", version, max_term_width = 100)]
pub struct Arguments {
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// What to do.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Callers call callees, as fast as answers come or at a fixed rate
    Call(Call),
    /// Sessions register procedures, then unregister them or drop the connection
    Register(Register),
    /// The registration meta procedures are asked about a population of registrations
    Match(Match),
    /// Registrations come and go while observers follow all four events
    Meta(Meta),
    /// Publishers publish to subscribers
    Pubsub(Pubsub),
    /// Sessions join, and stay idle
    Connect(Connect),
    /// Sessions join, register, call and go, over and over
    Churn(Churn),
    /// Several kinds of load at the same time, from a file
    Mix(Mix),
    /// A steady mix for a long time; watches the router's memory (--router-pid)
    Soak(Soak),
    /// `call` at rising rates until a latency bound breaks: where is the knee?
    Sweep(Sweep),
    /// Shows and compares what earlier runs wrote with --json
    Report(Report),
}

/// Flags of every scenario.
#[derive(Clone, Debug, Args)]
pub struct Common {
    /// Where a router listens: ws://, wss://, tcp://HOST:PORT and tls://HOST:PORT (RawSocket), unix:PATH; repeat it to
    /// spread sessions over several
    #[arg(long, default_value = "ws://127.0.0.1:8080/ws", help_heading = "Target")]
    pub url: Vec<String>,
    /// Realm to join
    #[arg(long, default_value = "realm1", help_heading = "Target")]
    pub realm: String,
    /// Encoding
    #[arg(long, value_enum, default_value = "msgpack", help_heading = "Target")]
    pub serializer: Serializer,
    /// Use the batched WebSocket subprotocols
    #[arg(long, help_heading = "Target")]
    pub batched: bool,
    /// Who the sessions are: anonymous, ticket:AUTHID:TICKET, wampcra:AUTHID:SECRET or cryptosign:AUTHID:HEXKEY (AUTHID
    /// may be empty)
    #[arg(long, default_value = "anonymous", help_heading = "Target")]
    pub auth: String,
    /// Trust the certificates in this PEM file instead of the public authorities
    #[arg(long, value_name = "FILE", help_heading = "Target")]
    pub tls_ca: Option<PathBuf>,
    /// Accept any certificate
    #[arg(long, help_heading = "Target")]
    pub tls_insecure: bool,
    /// Threads that drive load; sessions are spread over them
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u64).range(1..=256), help_heading = "Load")]
    pub threads: u64,
    /// Load before measuring begins; 1s if a duration ends the load, none if a count does
    #[arg(long, value_parser = duration, help_heading = "Load")]
    pub warmup: Option<Duration>,
    /// Time in which --rate is reached in a straight line (part of the warm-up, which it lengthens if need be)
    #[arg(long, default_value = "0s", value_parser = duration, help_heading = "Load")]
    pub ramp: Duration,
    /// Give up an operation without an answer after this time
    #[arg(long, default_value = "10s", value_parser = duration, help_heading = "Load")]
    pub timeout: Duration,
    /// Where random choices come from: the same seed makes the same load
    #[arg(long, default_value_t = 1, help_heading = "Load")]
    pub seed: u64,
    /// Do not check sequence and content of what arrives
    #[arg(long, help_heading = "Load")]
    pub no_verify: bool,
    /// Name of this run in reports
    #[arg(long, value_name = "NAME", help_heading = "Report")]
    pub label: Option<String>,
    /// Write the outcome for machines ("-": to standard output)
    #[arg(long, value_name = "FILE", help_heading = "Report")]
    pub json: Option<PathBuf>,
    /// Write a page with pictures
    #[arg(long, value_name = "FILE", help_heading = "Report")]
    pub html: Option<PathBuf>,
    /// Exit with 3 if this holds, for instance 'p99>5ms', 'rate<10000', 'errors>0'; repeatable
    #[arg(long, value_name = "EXPR", help_heading = "Report")]
    pub fail_if: Vec<String>,
    /// Also record CPU time and memory of this process and those below it
    #[arg(long, value_name = "PID", help_heading = "Report")]
    pub router_pid: Option<u32>,
    /// Say nothing before the end
    #[arg(long, short, help_heading = "Report")]
    pub quiet: bool,
}

/// How long the load lasts.
#[derive(Clone, Debug, Args)]
pub struct Extent {
    /// Measure for this long
    #[arg(long, default_value = "10s", value_parser = duration, help_heading = "Load")]
    pub duration: Duration,
    /// End after this many operations, if that is earlier
    #[arg(long, help_heading = "Load")]
    pub count: Option<u64>,
    /// Operations per second, whatever comes of them (open loop); without it each answer starts the next
    #[arg(long, help_heading = "Load", value_parser = rate)]
    pub rate: Option<f64>,
}

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
    /// TOML: [[part]] tables with scenario (call, pubsub, meta or churn), weight and the flags of that scenario as keys
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

/// Reads `500ms`, `2s`, `1m`, `1h`, or plain seconds.
pub fn duration(text: &str) -> Result<Duration, String> {
    let digits = text.trim_end_matches(|letter: char| letter.is_ascii_alphabetic());
    let unit = match &text[digits.len()..] {
        "us" => 1e-6,
        "ms" => 1e-3,
        "s" | "" => 1.0,
        "m" | "min" => 60.0,
        "h" => 3600.0,
        _ => return Err(DURATION.to_owned()),
    };
    let value: f64 = digits.parse().map_err(|_| DURATION.to_owned())?;
    let seconds = value * unit;
    if (0.0..=1e6).contains(&seconds) { Ok(Duration::from_secs_f64(seconds)) } else { Err(DURATION.to_owned()) }
}

const DURATION: &str = "expected a time such as 500ms, 10s, 2m or 1h, up to 1000000s";

fn rate(text: &str) -> Result<f64, String> {
    let (digits, scale) = match text.as_bytes().last() {
        Some(b'k') => (&text[..text.len() - 1], 1e3),
        Some(b'M') => (&text[..text.len() - 1], 1e6),
        _ => (text, 1.0),
    };
    match digits.parse::<f64>() {
        Ok(rate) if rate > 0.0 && rate * scale <= 1e9 => Ok(rate * scale),
        _ => Err("expected operations per second such as 500, 20k or 1.5M".to_owned()),
    }
}

fn percent(text: &str) -> Result<f64, String> {
    match text.parse::<f64>() {
        Ok(percent) if (0.0..=100.0).contains(&percent) => Ok(percent),
        _ => Err("expected a number from 0 to 100".to_owned()),
    }
}
