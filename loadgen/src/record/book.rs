//! A measure of all threads.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};

use hdrhistogram::Histogram;

use super::verdict::bottleneck;
use super::{SLICE_NS, Window};
use crate::outcome::{Generator, Integrity, LONGEST_NS, Latency, LatencyFrom, Measure, Rate, Router, Second, Verdict};
use crate::pace::Schedule;
use crate::usage::Sample;

/// One measure, of all threads.
pub struct Book {
    /// Its name.
    pub name: String,
    /// What one operation is.
    pub operation: &'static str,
    latency_from: LatencyFrom,
    asked: Option<f64>,
    pub(super) router: Option<u32>,
    /// It measures parts of what another book measures: what was used stands there.
    parts_only: bool,
    /// Operations that ended well, failed ones and those under way, for the live view.
    pub counters: Counters,
    pages: Mutex<Pages>,
}

/// A book at a glance.
pub struct Glance {
    /// Failed operations by URI, most frequent first.
    pub errors: Vec<(String, u64)>,
    /// What the checks found so far.
    pub integrity: Integrity,
    /// The busiest thread's share of its core in the last slice.
    pub busy: f64,
    /// Latencies so far, in nanoseconds.
    pub latency: Histogram<u32>,
}

/// Running counts over all threads; a little behind.
#[derive(Default)]
pub struct Counters {
    /// Ended well.
    pub operations: AtomicU64,
    /// Failed.
    pub errors: AtomicU64,
    /// Started and not ended.
    pub in_flight: AtomicU64,
}

impl Counters {
    fn add(&self, other: &Counters) {
        self.operations.fetch_add(other.operations.load(Ordering::Relaxed), Ordering::Relaxed);
        self.errors.fetch_add(other.errors.load(Ordering::Relaxed), Ordering::Relaxed);
        self.in_flight.fetch_add(other.in_flight.load(Ordering::Relaxed), Ordering::Relaxed);
    }
}

#[derive(Default)]
pub(super) struct Pages {
    pub(super) window: Option<Window>,
    pub(super) schedule: Option<Schedule>,
    pub(super) seconds: BTreeMap<i64, Slice>,
    pub(super) errors: BTreeMap<String, u64>,
    pub(super) timeouts: u64,
    pub(super) integrity: Integrity,
    pub(super) operations: u64,
    pub(super) latency: Option<Histogram<u64>>,
    pub(super) delay: Option<Histogram<u64>>,
    pub(super) threads: usize,
    /// Threads that are done.
    pub(super) finished: usize,
    pub(super) cpu_s: f64,
    pub(super) busiest: f64,
    /// The busiest thread's share in the last slice.
    pub(super) busy_now: f64,
    /// When the last thread was done.
    pub(super) ended: u64,
    pub(super) router: Option<(Sample, Sample)>,
    pub(super) rss_peak: u64,
    pub(super) extra: BTreeMap<String, f64>,
}

/// A second of the series.
pub(super) struct Slice {
    pub(super) histogram: Histogram<u32>,
    pub(super) operations: u64,
    pub(super) errors: u64,
    pub(super) in_flight: u64,
    /// How much of it passed, in nanoseconds.
    pub(super) length: u64,
}

impl Slice {
    pub(super) fn new() -> Slice {
        let histogram = Histogram::new_with_bounds(1_000, LONGEST_NS, 2).expect("the bounds are constants that fit");
        Slice { histogram, operations: 0, errors: 0, in_flight: 0, length: 0 }
    }

    pub(super) fn add(&mut self, other: &Slice) {
        self.histogram.add(&other.histogram).expect("all slices have the same bounds");
        self.operations += other.operations;
        self.errors += other.errors;
        self.in_flight += other.in_flight;
        self.length = self.length.max(other.length);
    }
}

impl Book {
    /// An empty book. `latency_from`: what recorders are given as an operation's start. `asked`: operations per second,
    /// where a schedule makes them. `router`: a process to watch.
    pub fn new(
        name: String,
        operation: &'static str,
        latency_from: LatencyFrom,
        asked: Option<f64>,
        router: Option<u32>,
    ) -> Book {
        Book {
            name,
            operation,
            latency_from,
            asked,
            router,
            parts_only: false,
            counters: Counters::default(),
            pages: Mutex::default(),
        }
    }

    /// A book for parts of another one's operations: it states no use of its own.
    pub fn of_parts(self) -> Book {
        Book { parts_only: true, router: None, ..self }
    }

    /// Whether a schedule makes its operations.
    pub fn is_paced(&self) -> bool {
        self.asked.is_some()
    }

    /// The sum of several books whose load ran at the same time.
    pub fn sum(name: &str, books: &[Arc<Book>]) -> Book {
        let asked = books.iter().filter_map(|book| book.asked).reduce(|sum, asked| sum + asked);
        let from = if asked.is_some() { LatencyFrom::Due } else { LatencyFrom::Sent };
        let sum = Book::new(name.to_owned(), "operation", from, asked, None);
        let mut pages = sum.pages();
        for book in books {
            pages.add(&book.pages());
            sum.counters.add(&book.counters);
        }
        drop(pages);
        sum
    }

    pub(super) fn pages(&self) -> MutexGuard<'_, Pages> {
        self.pages.lock().expect("no holder of this lock panics")
    }

    /// A further figure of this measure.
    pub fn extra(&self, name: &str, value: f64) {
        self.pages().extra.insert(name.to_owned(), value);
    }

    /// Adds what was found when the load was over.
    pub fn integrity(&self, found: &Integrity) {
        self.pages().integrity.add(found);
    }

    /// When the load began and measuring begins and ends, once known.
    pub fn window(&self) -> Option<Window> {
        self.pages().window
    }

    /// Whether it is being written in.
    pub fn is_open(&self) -> bool {
        let pages = self.pages();
        pages.finished < pages.threads
    }

    /// Notes the router's memory; the highest is kept.
    pub fn watch(&self, sample: &Sample) {
        let mut pages = self.pages();
        pages.rss_peak = pages.rss_peak.max(sample.rss);
    }

    /// The whole seconds so far.
    pub fn seconds(&self) -> Vec<Second> {
        self.pages().seconds()
    }

    /// What the live view shows beside the seconds.
    pub fn glance(&self) -> Glance {
        let pages = self.pages();
        let mut errors: Vec<_> = pages.errors.iter().map(|(uri, &count)| (uri.clone(), count)).collect();
        errors.sort_by_key(|&(_, count)| std::cmp::Reverse(count));
        let mut latency = Slice::new().histogram;
        for slice in pages.seconds.values() {
            latency.add(&slice.histogram).expect("all slices have the same bounds");
        }
        Glance { errors, integrity: pages.integrity, busy: pages.busy_now, latency }
    }

    /// The rate asked at that moment, per second.
    pub fn asked_now(&self, now: u64) -> Option<f64> {
        let pages = self.pages();
        self.asked.and(pages.schedule.as_ref().map(|schedule| schedule.asked(now)))
    }

    /// The figures, when all threads are done.
    pub fn measure(&self) -> Measure {
        let pages = self.pages();
        let window = pages.window.unwrap_or(Window { load: 0, from: 0, until: 0 });
        let duration_s = pages.ended.min(window.until).saturating_sub(window.from) as f64 / 1e9;
        let per_second = |count: f64| if duration_s > 0.0 { count / duration_s } else { 0.0 };
        let latency = pages.latency.as_ref().map(|histogram| Latency::of(histogram, self.latency_from));
        let mut measure = Measure {
            name: self.name.clone(),
            operation: self.operation.to_owned(),
            duration_s,
            operations: pages.operations,
            rate: Rate { asked: self.asked, achieved: per_second(pages.operations as f64) },
            latency: latency.unwrap_or(Latency { from: self.latency_from, ..Latency::default() }),
            series: pages.seconds(),
            errors: pages.errors.clone(),
            timeouts: pages.timeouts,
            integrity: pages.integrity,
            generator: None,
            router: pages.router_use(duration_s),
            extra: pages.extra.clone(),
        };
        measure.generator = (pages.threads > 0 && !self.parts_only).then(|| pages.generator(&measure));
        measure
    }
}

impl Pages {
    fn add(&mut self, other: &Pages) {
        self.window = self.window.or(other.window);
        for (&number, slice) in &other.seconds {
            self.seconds.entry(number).or_insert_with(Slice::new).add(slice);
        }
        for (uri, count) in &other.errors {
            *self.errors.entry(uri.clone()).or_default() += count;
        }
        self.timeouts += other.timeouts;
        self.integrity.add(&other.integrity);
        self.operations += other.operations;
        other.latency.iter().for_each(|it| merge(&mut self.latency, it));
        other.delay.iter().for_each(|it| merge(&mut self.delay, it));
        self.threads += other.threads;
        self.cpu_s += other.cpu_s;
        self.busiest = self.busiest.max(other.busiest);
        self.busy_now = self.busy_now.max(other.busy_now);
        self.finished += other.finished;
        self.ended = self.ended.max(other.ended);
        self.router = self.router.or(other.router);
        self.rss_peak = self.rss_peak.max(other.rss_peak);
    }

    fn seconds(&self) -> Vec<Second> {
        let second = |(&number, slice): (&i64, &Slice)| {
            let length_s = slice.length as f64 / 1e9;
            let quantile = |q| if slice.histogram.is_empty() { 0 } else { slice.histogram.value_at_quantile(q) };
            let middle =
                self.window.map_or(0, |it| it.from.saturating_add_signed(number * SLICE_NS as i64 + 500_000_000));
            Second {
                at_s: number as f64,
                length_s,
                rate: if length_s > 0.0 { slice.operations as f64 / length_s } else { 0.0 },
                asked: self.schedule.as_ref().map(|schedule| schedule.asked(middle)),
                p50_ns: quantile(0.5),
                p99_ns: quantile(0.99),
                max_ns: quantile(1.0),
                errors: slice.errors,
                in_flight: slice.in_flight,
            }
        };
        self.seconds.iter().map(second).collect()
    }

    fn router_use(&self, duration_s: f64) -> Option<Router> {
        let (before, after) = self.router?;
        let cpu_s = after.cpu_s - before.cpu_s;
        Some(Router {
            cpu_s,
            cpu_system_s: after.cpu_system_s - before.cpu_system_s,
            cpu_us_per_op: if self.operations > 0 { cpu_s * 1e6 / self.operations as f64 } else { 0.0 },
            cores: if duration_s > 0.0 { cpu_s / duration_s } else { 0.0 },
            rss_before: before.rss,
            rss_after: after.rss,
            rss_peak: self.rss_peak.max(before.rss).max(after.rss),
        })
    }

    fn generator(&self, measure: &Measure) -> Generator {
        let delay = |q| self.delay.as_ref().filter(|it| !it.is_empty()).map_or(0, |it| it.value_at_quantile(q));
        let mut generator = Generator {
            threads: self.threads,
            cpu_s: self.cpu_s,
            busiest: self.busiest,
            cpu_us_per_op: if self.operations > 0 { self.cpu_s * 1e6 / self.operations as f64 } else { 0.0 },
            delay_p99_ns: delay(0.99),
            delay_max_ns: delay(1.0),
            verdict: Verdict::Fine,
        };
        if let Some(reason) = bottleneck(&generator, measure) {
            generator.verdict = Verdict::Bottleneck { reason };
        }
        generator
    }
}

/// Adds a histogram to the sum so far.
pub(super) fn merge(into: &mut Option<Histogram<u64>>, from: &Histogram<u64>) {
    match into {
        Some(sum) => sum.add(from).expect("all have the same bounds"),
        None => *into = Some(from.clone()),
    }
}
