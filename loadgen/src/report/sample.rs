//! Made-up runs for the tests of this room: plausible shapes, seeded, no figure of a real router.

use crate::outcome::{
    Ending, FORMAT, Generator, Latency, LatencyFrom, Machine, Measure, Outcome, Rate, Router, Second, Verdict,
    new_histogram,
};

/// A small generator of numbers in 0 to 1.
pub struct Dice(u64);

impl Dice {
    /// Begins at `seed`.
    pub fn new(seed: u64) -> Dice {
        Dice(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1)
    }

    /// The next number.
    pub fn roll(&mut self) -> f64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 11) as f64 / (1_u64 << 53) as f64
    }
}

/// Latencies around `typical_ns` with a tail.
pub fn latency(seed: u64, typical_ns: f64, count: u64) -> Latency {
    let mut dice = Dice::new(seed);
    let mut histogram = new_histogram();
    for _ in 0..count {
        let body: f64 = (0..4).map(|_| dice.roll()).sum::<f64>() / 2.0;
        let tail = if dice.roll() < 0.02 { 1.0 / (dice.roll() + 0.01) } else { 1.0 };
        histogram.saturating_record((typical_ns * (0.4 + body * 0.6) * tail) as u64);
    }
    Latency::of(&histogram, LatencyFrom::Sent)
}

/// A run of 20 s with 3 s of warm-up.
pub fn run(label: &str, seed: u64, rate: f64, typical_ns: f64) -> Outcome {
    let mut dice = Dice::new(seed);
    let second = |at: i32| Second {
        at_s: f64::from(at),
        length_s: 1.0,
        rate: rate * (0.96 + dice.roll() * 0.08) * if at == -3 { 0.6 } else { 1.0 },
        p50_ns: (typical_ns * (0.95 + dice.roll() * 0.1)) as u64,
        p99_ns: (typical_ns * (1.6 + dice.roll() * 0.6)) as u64,
        max_ns: (typical_ns * (4.0 + 40.0 * dice.roll().powi(3))) as u64,
        in_flight: 64,
        ..Second::default()
    };
    let measure = Measure {
        name: "call".to_owned(),
        operation: "call".to_owned(),
        duration_s: 20.0,
        operations: (rate * 20.0) as u64,
        rate: Rate { asked: None, achieved: rate },
        series: (-3..20).map(second).collect(),
        latency: latency(seed, typical_ns, 50_000),
        generator: Some(Generator {
            threads: 1,
            cpu_s: 9.0,
            busiest: 0.45,
            cpu_us_per_op: 9e6 / rate / 20.0,
            ..Generator::default()
        }),
        router: Some(Router {
            cpu_s: 18.0,
            cpu_system_s: 7.0,
            cpu_us_per_op: 18e6 / rate / 20.0,
            cores: 0.9,
            rss_before: 9 << 20,
            rss_after: 14 << 20,
            rss_peak: 15 << 20,
        }),
        ..Measure::default()
    };
    Outcome {
        format: FORMAT,
        scenario: "call".to_owned(),
        label: Some(label.to_owned()),
        parameters: [("callers".to_owned(), 64.into()), ("payload".to_owned(), 64.into())].into(),
        command: ["banyan-loadgen", "call", "--callers", "64"].map(str::to_owned).to_vec(),
        targets: vec!["ws://127.0.0.1:8080/ws".to_owned()],
        agents: Vec::new(),
        started: "2026-01-02T03:04:05.678Z".to_owned(),
        elapsed_s: 24.1,
        measures: vec![measure],
        ending: Ending::Finished,
        machine: Machine {
            cpu: "Some Processor 3000".to_owned(),
            cores: 2,
            kernel: "Linux 6.1".to_owned(),
            memory: 8 << 30,
            loadgen: "0.1.0".to_owned(),
        },
        notes: Vec::new(),
    }
}

/// One step of a sweep whose router breaks down above `limit`.
pub fn step(label: &str, asked: f64, limit: f64) -> Outcome {
    let load = asked / limit;
    let typical = 80_000.0 / (1.0 - load.min(0.985));
    let mut outcome = run(label, asked as u64, asked.min(limit), typical);
    outcome.parameters.insert("until".to_owned(), "p99>5ms".into());
    outcome.measures[0].rate.asked = Some(asked);
    outcome.measures[0].latency.from = LatencyFrom::Due;
    outcome
}

/// The generator could not keep up.
pub fn overworked(mut outcome: Outcome) -> Outcome {
    if let Some(generator) = &mut outcome.measures[0].generator {
        let reason = "its busiest thread used 99 % of a core; give it more threads (--threads)".to_owned();
        generator.verdict = Verdict::Bottleneck { reason };
    }
    outcome
}
