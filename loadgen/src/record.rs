//! What is kept of each operation: a recorder per thread, a book per measure.
//!
//! A [`Recorder`] belongs to one thread and costs a histogram's increment or two per operation. Once a second it hands
//! its slice to the [`Book`], which the live view reads and the outcome is made from.
//!
//! Which operations count: those that ended well between the measured stretch's start and end make the rate; those that
//! were due (or sent) in it make the latency, even when the answer came in the drain: else a stall at the end would hide.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};

use hdrhistogram::Histogram;

use crate::outcome::{Generator, Integrity, LONGEST_NS, Latency, LatencyFrom, Measure, Rate, Router, Second, Verdict, new_histogram};
use crate::pace::Schedule;
use crate::usage::{self, Sample};

/// A slice of the series, in nanoseconds.
const SLICE_NS: u64 = 1_000_000_000;
/// Between updates of the counters that the live view shows.
const TELL_NS: u64 = 50_000_000;

/// A stretch of the run's clock, in nanoseconds.
#[derive(Clone, Copy, Debug)]
pub struct Window {
    /// When load began; what is before `from` is warm-up.
    pub load: u64,
    /// When measuring begins.
    pub from: u64,
    /// When it ends; `u64::MAX` where a count ends it.
    pub until: u64,
}

/// One measure, of all threads.
pub struct Book {
    /// Its name.
    pub name: String,
    /// What one operation is.
    pub operation: &'static str,
    latency_from: LatencyFrom,
    asked: Option<f64>,
    router: Option<u32>,
    /// It measures parts of what another book measures: what was used stands there.
    parts_only: bool,
    /// Operations that ended well, failed ones and those under way, for the live view.
    pub counters: Counters,
    pages: Mutex<Pages>,
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

#[derive(Default)]
struct Pages {
    window: Option<Window>,
    schedule: Option<Schedule>,
    seconds: BTreeMap<i64, Slice>,
    errors: BTreeMap<String, u64>,
    timeouts: u64,
    integrity: Integrity,
    operations: u64,
    latency: Option<Histogram<u64>>,
    delay: Option<Histogram<u64>>,
    threads: usize,
    /// Threads that are done.
    finished: usize,
    cpu_s: f64,
    busiest: f64,
    /// The busiest thread's share in the last slice.
    busy_now: f64,
    /// When the last thread was done.
    ended: u64,
    router: Option<(Sample, Sample)>,
    rss_peak: u64,
    extra: BTreeMap<String, f64>,
}

/// A second of the series.
struct Slice {
    histogram: Histogram<u32>,
    operations: u64,
    errors: u64,
    in_flight: u64,
    /// How much of it passed, in nanoseconds.
    length: u64,
}

impl Slice {
    fn new() -> Slice {
        let histogram = Histogram::new_with_bounds(1_000, LONGEST_NS, 2).expect("the bounds are constants that fit");
        Slice { histogram, operations: 0, errors: 0, in_flight: 0, length: 0 }
    }

    fn add(&mut self, other: &Slice) {
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

    /// The sum of several books whose load ran at the same time.
    pub fn sum(name: &str, books: &[Arc<Book>]) -> Book {
        let asked = books.iter().filter_map(|book| book.asked).reduce(|sum, asked| sum + asked);
        let from = if asked.is_some() { LatencyFrom::Due } else { LatencyFrom::Sent };
        let sum = Book::new(name.to_owned(), "operation", from, asked, None);
        let mut pages = sum.pages();
        books.iter().for_each(|book| pages.add(&book.pages()));
        drop(pages);
        sum
    }

    fn pages(&self) -> MutexGuard<'_, Pages> {
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

    /// What the live view shows beside the seconds: errors by count, integrity, the busiest thread's share, latencies.
    pub fn glance(&self) -> (Vec<(String, u64)>, Integrity, f64, Option<Histogram<u32>>) {
        let pages = self.pages();
        let mut errors: Vec<_> = pages.errors.iter().map(|(uri, &count)| (uri.clone(), count)).collect();
        errors.sort_by_key(|&(_, count)| std::cmp::Reverse(count));
        let mut slices = pages.seconds.values().map(|slice| &slice.histogram);
        let all = slices.next().cloned().map(|first| {
            slices.fold(first, |mut sum, slice| {
                sum.add(slice).expect("all slices have the same bounds");
                sum
            })
        });
        (errors, pages.integrity, pages.busy_now, all)
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
        self.ended = self.ended.max(other.ended);
        self.router = self.router.or(other.router);
        self.rss_peak = self.rss_peak.max(other.rss_peak);
    }

    fn seconds(&self) -> Vec<Second> {
        let second = |(&number, slice): (&i64, &Slice)| {
            let length_s = slice.length as f64 / 1e9;
            let quantile = |q| if slice.histogram.is_empty() { 0 } else { slice.histogram.value_at_quantile(q) };
            let middle = self.window.map_or(0, |it| it.from.saturating_add_signed(number * SLICE_NS as i64 + 500_000_000));
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

/// A thread this busy has no time to spare.
const BUSY: f64 = 0.92;
/// A schedule this late matters if it is also a good part of the latencies.
const LATE_NS: u64 = 1_000_000;

/// Why the figures may be the generator's own, if they may.
fn bottleneck(generator: &Generator, measure: &Measure) -> Option<String> {
    let busy = generator.busiest * 100.0;
    let short = measure.rate.asked.is_none_or(|asked| measure.rate.achieved < asked * 0.99);
    if generator.busiest > BUSY && short {
        return Some(format!(
            "the generator's busiest thread used {busy:.0} % of its core, so the rate may be its own: give it more --threads or cores"
        ));
    }
    let (late, p99) = (generator.delay_p99_ns, measure.latency.quantile("p99"));
    if late > LATE_NS && late > p99 / 4 {
        return Some(format!(
            "the generator sent up to {:.1} ms late (p99 of its schedule), so latencies are partly its own: lower --rate, or give it more --threads or cores",
            late as f64 / 1e6
        ));
    }
    None
}

/// What one thread keeps.
pub struct Recorder {
    window: Window,
    slice: Slice,
    /// The slice's number, counted from the start of measuring.
    number: i64,
    slice_start: u64,
    slice_end: u64,
    slice_cpu: u64,
    operations: u64,
    latency: Histogram<u64>,
    delay: Histogram<u64>,
    errors: BTreeMap<String, u64>,
    timeouts: u64,
    /// What the checks found; the scenario counts here.
    pub integrity: Integrity,
    /// Operations under way; the scenario keeps it.
    pub in_flight: u64,
    /// What the counters of the book know of this thread.
    told: (u64, u64, u64),
    next_tell: u64,
    total: u64,
    total_errors: u64,
    started: Option<(u64, u64)>,
    ended: Option<(u64, u64)>,
    /// The thread that also watches the router.
    watches: Option<u32>,
    router_before: Option<Sample>,
    router_after: Option<Sample>,
}

impl Recorder {
    /// For one thread of `book`'s measure; `thread` 0 watches the router too.
    pub fn new(book: &Book, window: Window, schedule: Option<Schedule>, thread: usize) -> Recorder {
        let mut pages = book.pages();
        pages.window.get_or_insert(window);
        pages.threads += 1;
        if let Some(schedule) = schedule {
            pages.schedule.get_or_insert(schedule);
        }
        drop(pages);
        let number = (window.load as i64 - window.from as i64).div_euclid(SLICE_NS as i64);
        Recorder {
            window,
            slice: Slice::new(),
            number,
            slice_start: window.load,
            slice_end: window.from.saturating_add_signed((number + 1) * SLICE_NS as i64),
            slice_cpu: usage::thread_cpu(),
            operations: 0,
            latency: new_histogram(),
            delay: new_histogram(),
            errors: BTreeMap::new(),
            timeouts: 0,
            integrity: Integrity::default(),
            in_flight: 0,
            told: (0, 0, 0),
            next_tell: 0,
            total: 0,
            total_errors: 0,
            started: None,
            ended: None,
            watches: book.router.filter(|_| thread == 0),
            router_before: None,
            router_after: None,
        }
    }

    /// An operation that was due (or sent) at `start` ended well at `now`.
    #[inline]
    pub fn operation(&mut self, start: u64, now: u64) {
        let latency = now.saturating_sub(start).max(1);
        self.total += 1;
        self.slice.operations += 1;
        self.slice.histogram.saturating_record(latency);
        if now >= self.window.from && now < self.window.until {
            self.operations += 1;
        }
        if start >= self.window.from && start < self.window.until {
            self.latency.saturating_record(latency);
        }
    }

    /// An operation ended well whose latency nobody can tell.
    #[inline]
    pub fn untimed(&mut self, now: u64) {
        self.total += 1;
        self.slice.operations += 1;
        self.operations += u64::from(now >= self.window.from && now < self.window.until);
    }

    /// An operation failed with this URI, or a name in brackets.
    pub fn error(&mut self, uri: &str) {
        self.total_errors += 1;
        self.slice.errors += 1;
        match self.errors.get_mut(uri) {
            Some(count) => *count += 1,
            None => drop(self.errors.insert(uri.to_owned(), 1)),
        }
    }

    /// An operation that was due (or sent) at `start` had no answer in the time allowed. It counts in the latencies with
    /// the time it waited, so that they do not look better for what never came.
    pub fn timeout(&mut self, start: u64, now: u64) {
        self.timeouts += 1;
        self.error("(timeout)");
        if start >= self.window.from && start < self.window.until {
            self.latency.saturating_record(now.saturating_sub(start).max(1));
        }
    }

    /// How late the generator was by its own fault with an operation.
    #[inline]
    pub fn delay(&mut self, late: u64) {
        self.delay.saturating_record(late.max(1));
    }

    /// When the load runs.
    pub fn window(&self) -> Window {
        self.window
    }

    /// Call once per turn of the loop.
    #[inline]
    pub fn turn(&mut self, book: &Book, now: u64) {
        if self.started.is_none() && now >= self.window.from {
            self.started = Some((now, usage::thread_cpu()));
            self.router_before = self.watches.and_then(usage::sample);
        }
        if now >= self.window.until {
            self.end(now);
        }
        if now >= self.next_tell {
            self.next_tell = now + TELL_NS;
            self.tell(book);
        }
        if now >= self.slice_end {
            self.hand_over(book, now);
        }
    }

    /// Measuring ends now, if it has not ended before: where a count ends it.
    pub fn end(&mut self, now: u64) {
        if self.ended.is_some() {
            return;
        }
        self.window.until = self.window.until.min(now);
        self.ended = Some((now, usage::thread_cpu()));
        self.router_after = self.watches.and_then(usage::sample);
    }

    /// Gives the slice to the book and begins the next one.
    fn hand_over(&mut self, book: &Book, now: u64) {
        let mut slice = std::mem::replace(&mut self.slice, Slice::new());
        slice.in_flight = self.in_flight;
        slice.length = now.min(self.slice_end) - self.slice_start;
        let cpu = usage::thread_cpu();
        let busy = (cpu - self.slice_cpu) as f64 / (now - self.slice_start).max(1) as f64;
        let mut pages = book.pages();
        pages.busy_now = busy;
        pages.integrity.add(&std::mem::take(&mut self.integrity));
        for (uri, count) in std::mem::take(&mut self.errors) {
            *pages.errors.entry(uri).or_default() += count;
        }
        pages.seconds.entry(self.number).or_insert_with(Slice::new).add(&slice);
        drop(pages);
        self.slice_cpu = cpu;
        self.slice_start = self.slice_end;
        self.number += 1;
        self.slice_end += SLICE_NS;
        // A thread that was stopped for seconds starts again in the present.
        while self.slice_end <= now {
            self.slice_start = self.slice_end;
            self.number += 1;
            self.slice_end += SLICE_NS;
        }
    }

    /// Tells the book's counters, for the live view.
    fn tell(&mut self, book: &Book) {
        let now = (self.total, self.total_errors, self.in_flight);
        let tell = |counter: &AtomicU64, before: u64, after: u64| {
            counter.fetch_add(after.wrapping_sub(before), Ordering::Relaxed);
        };
        tell(&book.counters.operations, self.told.0, now.0);
        tell(&book.counters.errors, self.told.1, now.1);
        tell(&book.counters.in_flight, self.told.2, now.2);
        self.told = now;
    }

    /// Gives all of it to the book.
    pub fn finish(mut self, book: &Book, now: u64) {
        self.end(now);
        self.tell(book);
        self.hand_over(book, now.max(self.slice_start + 1));
        let mut pages = book.pages();
        pages.finished += 1;
        pages.operations += self.operations;
        pages.timeouts += self.timeouts;
        merge(&mut pages.latency, &self.latency);
        merge(&mut pages.delay, &self.delay);
        pages.ended = pages.ended.max(self.ended.map_or(now, |(at, _)| at));
        if let (Some((from, cpu_from)), Some((until, cpu_until))) = (self.started, self.ended) {
            let cpu = (cpu_until - cpu_from) as f64;
            pages.cpu_s += cpu / 1e9;
            pages.busiest = pages.busiest.max(cpu / until.saturating_sub(from).max(1) as f64);
        }
        if let (Some(before), Some(after)) = (self.router_before, self.router_after) {
            pages.router = Some((before, after));
        }
    }
}

fn merge(into: &mut Option<Histogram<u64>>, from: &Histogram<u64>) {
    match into {
        Some(sum) => sum.add(from).expect("all have the same bounds"),
        None => *into = Some(from.clone()),
    }
}
