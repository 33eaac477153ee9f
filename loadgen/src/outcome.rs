//! What a run found: the one data model that the JSON file holds and every report reads.
//!
//! An [`Outcome`] is a run; its [`Measure`]s are the things measured in it: a stretch of time (`register`, then
//! `unregister`) or one kind of operation among several (`mix`). The first one is the headline. Times carry their unit
//! in the name; latencies are nanoseconds. Not here: how any of it is measured (`engine`, `scenario`) or shown.

use std::collections::BTreeMap;

use hdrhistogram::Histogram;
use serde::{Deserialize, Serialize};

/// The version of this layout, written into every file. A reader refuses a higher one.
pub const FORMAT: u32 = 1;

/// The longest latency that is told apart, in nanoseconds: one hour. Longer ones count as this.
pub const LONGEST_NS: u64 = 3_600_000_000_000;

/// The quantiles that every latency states beside its histogram, as (label, quantile).
pub const QUANTILES: [(&str, f64); 8] = [
    ("p50", 0.5),
    ("p75", 0.75),
    ("p90", 0.9),
    ("p95", 0.95),
    ("p99", 0.99),
    ("p99.9", 0.999),
    ("p99.99", 0.9999),
    ("max", 1.0),
];

/// One run, whole.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Outcome {
    /// [`FORMAT`] of the writer.
    pub format: u32,
    /// `call`, `register`, `match`, `meta`, `pubsub`, `connect`, `churn`, `mix`, `soak`.
    pub scenario: String,
    /// What the person calls this run (`--label`), for instance the name of the router.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub label: Option<String>,
    /// Every parameter the run had, defaults included, by flag name without dashes.
    pub parameters: BTreeMap<String, serde_json::Value>,
    /// The command line as given.
    pub command: Vec<String>,
    /// The URLs driven.
    pub targets: Vec<String>,
    /// What the routers call themselves (`agent` in WELCOME), one per target where known.
    #[serde(default)]
    pub agents: Vec<String>,
    /// When the first measured operation could start: RFC 3339, UTC, milliseconds.
    pub started: String,
    /// The whole run with set-up and tear-down, in seconds.
    pub elapsed_s: f64,
    /// The things measured, the headline first; at least one, even in a run that failed early.
    pub measures: Vec<Measure>,
    /// How it ended.
    pub ending: Ending,
    /// Where the generator ran.
    pub machine: Machine,
    /// Sentences a reader must see beside the figures (for instance a claim that could not be checked), may be empty.
    #[serde(default)]
    pub notes: Vec<String>,
}

impl Outcome {
    /// The measure that one sentence about this run would state.
    pub fn headline(&self) -> &Measure {
        &self.measures[0]
    }

    /// The measure of that name.
    pub fn measure(&self, name: &str) -> Option<&Measure> {
        self.measures.iter().find(|measure| measure.name == name)
    }

    /// Errors, timeouts and broken integrity over all measures; 0 means that every answer was the right one.
    pub fn faults(&self) -> u64 {
        self.measures.iter().map(Measure::faults).sum()
    }
}

/// How a run ended.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "kebab-case")]
pub enum Ending {
    /// It did what was asked.
    Finished,
    /// A person or a signal stopped it; the figures are those until then.
    Interrupted,
    /// It could not go on; the figures are those until then.
    Failed {
        /// What happened, as a sentence for a person.
        reason: String,
    },
}

/// One thing measured.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Measure {
    /// Short and unique in the run: `call`, `register`, `unregister`, `lookup`, `event`...
    pub name: String,
    /// One operation, in the singular: `call`, `registration`, `event`, `session`...
    pub operation: String,
    /// How long it was measured (without warm-up and drain), in seconds.
    pub duration_s: f64,
    /// Operations that ended well in that time.
    pub operations: u64,
    /// Asked and achieved operations per second.
    pub rate: Rate,
    /// From when an operation was due (`--rate`) or sent (otherwise) to its answer.
    pub latency: Latency,
    /// The same in slices of a second, oldest first; warm-up included and marked.
    pub series: Vec<Second>,
    /// Failed operations by error URI. What has no URI goes by a name in brackets: `(timeout)`, `(connection closed)`.
    pub errors: BTreeMap<String, u64>,
    /// Operations without an answer within `--timeout`; also in `errors`.
    pub timeouts: u64,
    /// What the checks of sequence and content found.
    pub integrity: Integrity,
    /// What the generator itself used meanwhile, and whether it was the bottleneck.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub generator: Option<Generator>,
    /// What the router process used meanwhile (`--router-pid`).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub router: Option<Router>,
    /// Further figures by name, the unit in the name (`bytes_per_registration`, `idle_sessions`).
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub extra: BTreeMap<String, f64>,
}

impl Measure {
    /// Failed operations, timeouts included.
    pub fn error_count(&self) -> u64 {
        self.errors.values().sum()
    }

    /// Failed operations and broken integrity.
    pub fn faults(&self) -> u64 {
        self.error_count() + self.integrity.broken()
    }
}

/// Operations per second.
#[derive(Clone, Copy, Debug, Default, Serialize, Deserialize)]
pub struct Rate {
    /// What `--rate` asked; absent where the load was closed-loop, as fast as answers came.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub asked: Option<f64>,
    /// What was measured.
    pub achieved: f64,
}

/// A distribution of latencies.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Latency {
    /// What the clock of one sample starts at.
    pub from: LatencyFrom,
    /// Samples.
    pub count: u64,
    /// Mean in nanoseconds, 0 without samples.
    pub mean_ns: f64,
    /// Shortest in nanoseconds, 0 without samples.
    pub min_ns: u64,
    /// [`QUANTILES`] by label, in nanoseconds; empty without samples.
    pub quantiles_ns: BTreeMap<String, u64>,
    /// The histogram: (upper edge of the bucket in nanoseconds, samples in it), ascending, empty buckets left out;
    /// three significant digits.
    pub buckets: Vec<(u64, u64)>,
}

/// What the clock of a latency starts at.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum LatencyFrom {
    /// When the open-loop schedule said that it is due: waiting counts.
    Due,
    /// When it was written to the socket.
    #[default]
    Sent,
}

impl Latency {
    /// Reads the figures off a histogram of nanoseconds.
    pub fn of(histogram: &Histogram<u64>, from: LatencyFrom) -> Latency {
        if histogram.is_empty() {
            return Latency { from, ..Latency::default() };
        }
        let quantile = |&(label, q): &(&str, f64)| (label.to_owned(), histogram.value_at_quantile(q));
        Latency {
            from,
            count: histogram.len(),
            mean_ns: histogram.mean(),
            min_ns: histogram.min(),
            quantiles_ns: QUANTILES.iter().map(quantile).collect(),
            buckets: histogram.iter_recorded().map(|it| (it.value_iterated_to(), it.count_at_value())).collect(),
        }
    }

    /// The histogram again, to merge runs or to ask for other quantiles.
    pub fn histogram(&self) -> Histogram<u64> {
        let mut histogram = new_histogram();
        for &(value, count) in &self.buckets {
            histogram.saturating_record_n(value, count);
        }
        histogram
    }

    /// The quantile of that label in nanoseconds; 0 without samples.
    pub fn quantile(&self, label: &str) -> u64 {
        self.quantiles_ns.get(label).copied().unwrap_or(0)
    }
}

/// A histogram of nanoseconds from 1 to [`LONGEST_NS`], three significant digits.
pub fn new_histogram() -> Histogram<u64> {
    Histogram::new_with_bounds(1, LONGEST_NS, 3).expect("the bounds are constants that fit")
}

/// A slice of one second.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Second {
    /// Its start, in seconds since the load began; negative during warm-up.
    pub at_s: f64,
    /// How much of the second was measured: 1.0 but for the last one.
    pub length_s: f64,
    /// Operations that ended well per second.
    pub rate: f64,
    /// What the schedule asked per second at that moment (ramp), where there is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub asked: Option<f64>,
    /// Median latency in nanoseconds, 0 without samples.
    pub p50_ns: u64,
    /// 99th percentile in nanoseconds, 0 without samples.
    pub p99_ns: u64,
    /// Longest in nanoseconds, 0 without samples.
    pub max_ns: u64,
    /// Failed operations, timeouts included.
    pub errors: u64,
    /// Operations under way at its end.
    pub in_flight: u64,
}

/// What sequence numbers and checksums found. Each is 0 in a correct deployment.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Integrity {
    /// Answers or events that were checked.
    pub checked: u64,
    /// The content was not what was sent, or belonged to another request.
    pub wrong: u64,
    /// Never came, though the connection lived: events, parts of answers. A call without an answer is a timeout instead.
    pub lost: u64,
    /// Came a second time.
    pub duplicated: u64,
    /// Came before an earlier one of the same sender to the same receiver.
    pub reordered: u64,
}

impl Integrity {
    /// All that is not as it must be.
    pub fn broken(&self) -> u64 {
        self.wrong + self.lost + self.duplicated + self.reordered
    }

    /// Adds another count, of another thread or stretch.
    pub fn add(&mut self, other: &Integrity) {
        self.checked += other.checked;
        self.wrong += other.wrong;
        self.lost += other.lost;
        self.duplicated += other.duplicated;
        self.reordered += other.reordered;
    }
}

/// What the generator used and how punctual it was.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Generator {
    /// Threads that drove load.
    pub threads: usize,
    /// CPU seconds of these threads, user and system.
    pub cpu_s: f64,
    /// The busiest thread's share of its core, 0 to 1.
    pub busiest: f64,
    /// CPU microseconds per operation, 0 without operations.
    pub cpu_us_per_op: f64,
    /// How late the schedule ran in the generator itself (an operation was due and its connection free, but the thread
    /// was elsewhere): 99th percentile, nanoseconds. 0 without `--rate`.
    pub delay_p99_ns: u64,
    /// The longest such delay, nanoseconds.
    pub delay_max_ns: u64,
    /// Whether the figures are the router's or the generator's own.
    pub verdict: Verdict,
}

/// Whether the generator could be trusted in this run.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "kebab-case")]
pub enum Verdict {
    /// It had time to spare.
    #[default]
    Fine,
    /// It was the bottleneck, or too late to state latencies this small.
    Bottleneck {
        /// Why, and what to do, as a sentence for a person.
        reason: String,
    },
}

/// What the router process used, from `/proc/PID`.
#[derive(Clone, Copy, Debug, Default, Serialize, Deserialize)]
pub struct Router {
    /// CPU seconds in the measured time, user and system, all threads.
    pub cpu_s: f64,
    /// The system part of it, in seconds.
    pub cpu_system_s: f64,
    /// CPU microseconds per operation that ended well; 0 without operations.
    pub cpu_us_per_op: f64,
    /// Cores kept busy: CPU seconds per second.
    pub cores: f64,
    /// Resident memory before the measured time, in bytes.
    pub rss_before: u64,
    /// Resident memory at its end, in bytes.
    pub rss_after: u64,
    /// Highest resident memory seen (samples four times a second), in bytes.
    pub rss_peak: u64,
}

/// Where the generator ran.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Machine {
    /// Model name of the first processor.
    pub cpu: String,
    /// Processors this process may use.
    pub cores: usize,
    /// Kernel name and release.
    pub kernel: String,
    /// Memory in bytes.
    pub memory: u64,
    /// Version of this generator.
    pub loadgen: String,
}

/// Where a run stands; what the live view shows. Cheap to take several times a second.
#[derive(Clone, Debug, Default)]
pub struct Progress {
    /// Scenario and stretch under way: `call`, `register`, `unregister`...
    pub stage: String,
    /// One operation, in the singular.
    pub operation: String,
    /// `connecting`, `warm-up`, `measuring`, `draining`.
    pub phase: Phase,
    /// Seconds since the load began (since the start while connecting).
    pub elapsed_s: f64,
    /// Seconds the load will last, where a duration bounds it.
    pub planned_s: Option<f64>,
    /// Operations the run will make, where a count bounds it.
    pub planned_operations: Option<u64>,
    /// Sessions joined.
    pub sessions: u64,
    /// Sessions wanted.
    pub sessions_wanted: u64,
    /// Operations that ended well so far (warm-up included).
    pub operations: u64,
    /// Failed operations so far.
    pub errors: u64,
    /// The most frequent errors so far, most frequent first, at most five.
    pub top_errors: Vec<(String, u64)>,
    /// Broken integrity so far.
    pub integrity: Integrity,
    /// Operations under way.
    pub in_flight: u64,
    /// What `--rate` asks at this moment.
    pub asked_rate: Option<f64>,
    /// Whole seconds so far, oldest first.
    pub seconds: Vec<Second>,
    /// Latency so far in nanoseconds by label of [`QUANTILES`]; empty without samples.
    pub quantiles_ns: Vec<(&'static str, u64)>,
    /// The busiest generator thread's share of its core over the last second, 0 to 1.
    pub generator_busy: f64,
    /// Cores the router kept busy over the last second (`--router-pid`).
    pub router_cores: Option<f64>,
    /// Its resident memory in bytes.
    pub router_rss: Option<u64>,
}

/// What a run is doing.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Phase {
    /// Opening connections, joining, registering what the load needs.
    #[default]
    Connecting,
    /// Load runs, figures are not kept.
    WarmUp,
    /// Load runs, figures count.
    Measuring,
    /// No new operations; waiting for answers.
    Draining,
}
