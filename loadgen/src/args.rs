//! The command line.

mod scenarios;

use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, Parser, Subcommand};

pub use scenarios::*;

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
    /// Where a router listens: ws://, wss://, tcp://HOST:PORT and tls://HOST:PORT (RawSocket), unix:PATH, or (call and pubsub) nats://; repeat it to
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
    /// End the messages of a JSON batch as autobahn and Crossbar.io do (0x18) instead of as specified (0x1e)
    #[arg(long, requires = "batched", help_heading = "Target")]
    pub autobahn_batches: bool,
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
    /// Give up joining after this time
    #[arg(long, default_value = "10s", value_parser = duration, help_heading = "Load")]
    pub connect_timeout: Duration,
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
