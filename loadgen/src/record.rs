//! What is kept of each operation: a recorder per thread, a book per measure.
//!
//! A [`Recorder`] belongs to one thread and costs an increment in a [`Tally`] per operation. Once a second it hands its
//! slice to the [`Book`], which the live view reads and the outcome is made from.
//!
//! Which operations count: those that ended well between the measured stretch's start and end make the rate; those that
//! were due (or sent) in it make the latency, even when the answer came in the drain: else a stall at the end would hide.

mod book;
mod tally;
mod verdict;

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};

use hdrhistogram::Histogram;

pub use book::Book;
use book::{Slice, merge};
use tally::Tally;

use crate::outcome::{Integrity, new_histogram};
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

/// What one thread keeps.
pub struct Recorder {
    window: Window,
    slice: Slice,
    /// Latencies of the slice that count as measured, and the others.
    tallies: [Tally; 2],
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
            tallies: [Tally::new(), Tally::new()],
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
        self.operations += u64::from(self.measures(now));
        self.tallies[usize::from(!self.measures(start))].record(latency);
    }

    /// Whether a moment is in the measured stretch.
    #[inline]
    fn measures(&self, moment: u64) -> bool {
        moment >= self.window.from && moment < self.window.until
    }

    /// An operation ended well whose latency nobody can tell.
    #[inline]
    pub fn untimed(&mut self, now: u64) {
        self.total += 1;
        self.slice.operations += 1;
        self.operations += u64::from(self.measures(now));
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
        if self.measures(start) {
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
        let [measured, other] = &mut self.tallies;
        measured.drain(|value, count| {
            self.latency.saturating_record_n(value, count.into());
            slice.histogram.saturating_record_n(value, count);
        });
        other.drain(|value, count| slice.histogram.saturating_record_n(value, count));
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
