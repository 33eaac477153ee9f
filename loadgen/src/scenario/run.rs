//! What every scenario has: settings, the bounds of the load, and the books the live view looks into.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};

use crate::engine::{Control, Gate, Net, STOPPED, Settings, on_threads};
use crate::outcome::{LatencyFrom, Phase, Progress, QUANTILES};
use crate::record::{Book, Window};

/// The bounds of a load.
#[derive(Clone, Debug)]
pub struct Load {
    /// Threads.
    pub threads: usize,
    /// Operations per second, where the load is open-loop.
    pub rate: Option<f64>,
    /// How long to measure, in nanoseconds.
    pub duration: u64,
    /// Operations after which it ends, if that is earlier.
    pub count: Option<u64>,
    /// Load before measuring begins, in nanoseconds.
    pub warmup: u64,
    /// Time in which the rate is reached, in nanoseconds.
    pub ramp: u64,
    /// How long an answer may take, in nanoseconds.
    pub timeout: u64,
    /// Where random choices come from.
    pub seed: u64,
    /// Whether content and sequence are checked.
    pub verify: bool,
    /// The process to watch.
    pub router: Option<u32>,
}

impl Load {
    /// The window of a load that begins at `start`.
    pub fn window(&self, start: u64) -> Window {
        let from = start + self.warmup.max(self.ramp);
        Window { load: start, from, until: from.saturating_add(self.duration) }
    }
}

/// A run under way.
pub struct Run {
    /// How sessions reach the router.
    pub settings: Arc<Settings>,
    /// What the threads share.
    pub control: Arc<Control>,
    /// The bounds of the load.
    pub load: Load,
    /// Prefix of all URIs of this run, without a dot at its end; differs between runs.
    pub prefix: String,
    /// Its name in a mix; goes before the names of its measures.
    pub part: Option<String>,
    /// Where it stands.
    pub stage: Arc<Stage>,
    /// What it has to tell.
    pub told: Arc<Told>,
    /// Of a mix: all threads of all parts begin their load together.
    pub together: Option<Arc<Gate>>,
}

/// What a run and its parts have to tell.
#[derive(Default)]
pub struct Told {
    agents: Mutex<Vec<String>>,
    notes: Mutex<Vec<String>>,
    /// The router's resident memory over time: seconds of the run's clock and bytes.
    memory: Mutex<Vec<(f64, u64)>>,
    books: Mutex<Vec<Arc<Book>>>,
}

impl Told {
    /// All books so far.
    pub fn books(&self) -> MutexGuard<'_, Vec<Arc<Book>>> {
        self.books.lock().expect("no holder of this lock panics")
    }

    /// How fast the router's memory grew in the last two thirds of the time, in bytes per hour: the slope of the line
    /// that fits best. `None` with too few looks.
    pub fn growth(&self) -> Option<f64> {
        let memory = self.memory.lock().expect("no holder of this lock panics");
        let late = &memory[memory.len() / 3..];
        if late.len() < 10 {
            return None;
        }
        let count = late.len() as f64;
        let (x, y) = late.iter().fold((0.0, 0.0), |sum, &(at, rss)| (sum.0 + at / count, sum.1 + rss as f64 / count));
        let (mut products, mut squares) = (0.0, 0.0);
        for &(at, rss) in late {
            products += (at - x) * (rss as f64 - y);
            squares += (at - x) * (at - x);
        }
        Some(products / squares * 3600.0)
    }
}

/// Where a run stands, for the live view.
#[derive(Default)]
pub struct Stage {
    /// Sessions the scenario wants.
    pub sessions_wanted: AtomicU64,
    /// Operations a count bounds; 0: none does.
    pub planned: AtomicU64,
    /// The load is over, answers are waited for.
    pub draining: AtomicBool,
}

impl Run {
    /// The first book that is being written in, else the last that was.
    pub fn book_at_hand(&self) -> Option<Arc<Book>> {
        let books = self.books();
        let begun = || books.iter().filter(|book| book.window().is_some());
        let open = begun().find(|book| book.is_open());
        open.or_else(|| begun().last()).or(books.first()).cloned()
    }

    /// Opens a book. `paced`: its operations are due when the run's rate says; otherwise their latencies count from when
    /// they, or in an open loop their causes, began.
    pub fn book(&self, name: &str, operation: &'static str, paced: bool) -> Arc<Book> {
        self.keep(self.new_book(name, operation, paced))
    }

    /// Opens a book for parts of what another measures.
    pub fn book_of_parts(&self, name: &str, operation: &'static str) -> Arc<Book> {
        self.keep(self.new_book(name, operation, false).of_parts())
    }

    fn new_book(&self, name: &str, operation: &'static str, paced: bool) -> Book {
        let name = self.part.as_ref().map_or_else(|| name.to_owned(), |part| format!("{part}.{name}"));
        let from = if self.load.rate.is_some() { LatencyFrom::Due } else { LatencyFrom::Sent };
        Book::new(name, operation, from, self.load.rate.filter(|_| paced), self.load.router)
    }

    fn keep(&self, book: Book) -> Arc<Book> {
        let book = Arc::new(book);
        self.books().push(Arc::clone(&book));
        book
    }

    /// Waits until all parts of a mix are ready; at once in another run.
    ///
    /// # Errors
    /// The run was stopped.
    pub fn gather(&self, net: &mut Net) -> Result<(), String> {
        let Some(gate) = &self.together else { return Ok(()) };
        gate.arrive(net.control.now());
        net.pass(gate)
    }

    /// All books so far.
    pub fn books(&self) -> MutexGuard<'_, Vec<Arc<Book>>> {
        self.told.books()
    }

    /// Adds a sentence for the reader of the outcome, once.
    pub fn note(&self, sentence: String) {
        let mut notes = self.told.notes.lock().expect("no holder of this lock panics");
        if !notes.contains(&sentence) {
            notes.push(sentence);
        }
    }

    /// What the routers call themselves, and the sentences for the reader.
    pub fn remarks(&self) -> (Vec<String>, Vec<String>) {
        let read = |list: &Mutex<Vec<String>>| list.lock().expect("no holder of this lock panics").clone();
        (read(&self.told.agents), read(&self.told.notes))
    }

    /// Notes the router's memory.
    pub fn remember(&self, rss: u64) {
        let now = self.control.now() as f64 / 1e9;
        self.told.memory.lock().expect("no holder of this lock panics").push((now, rss));
    }

    /// Runs `work` on every thread. What it fails with fails the run.
    pub fn threads<T: Send>(&self, work: impl Fn(&mut Net, usize) -> Result<T, String> + Sync) -> Vec<T> {
        let guarded = |net: &mut Net, thread: usize| {
            let result = work(net, thread).map_err(|why| if why != STOPPED { self.control.fail(why) }).ok();
            let mut agents = self.told.agents.lock().expect("no holder of this lock panics");
            let new: Vec<String> = net.agents.iter().filter(|agent| !agents.contains(agent)).cloned().collect();
            agents.extend(new);
            result
        };
        on_threads(self.load.threads, &self.settings, &self.control, guarded).into_iter().flatten().collect()
    }

    /// Where it stands now.
    pub fn progress(&self) -> Progress {
        let now = self.control.now();
        let book = self.book_at_hand();
        let mut progress = Progress {
            elapsed_s: now as f64 / 1e9,
            sessions: self.control.sessions.load(Ordering::Relaxed),
            sessions_wanted: self.stage.sessions_wanted.load(Ordering::Relaxed),
            planned_operations: Some(self.stage.planned.load(Ordering::Relaxed)).filter(|&planned| planned > 0),
            ..Progress::default()
        };
        if let Some(book) = book {
            self.look(&book, now, &mut progress);
        }
        progress
    }

    fn look(&self, book: &Book, now: u64, progress: &mut Progress) {
        progress.stage = book.name.clone();
        progress.operation = book.operation.to_owned();
        progress.operations = book.counters.operations.load(Ordering::Relaxed);
        progress.errors = book.counters.errors.load(Ordering::Relaxed);
        progress.in_flight = book.counters.in_flight.load(Ordering::Relaxed);
        let Some(window) = book.window() else { return };
        progress.elapsed_s = now.saturating_sub(window.load) as f64 / 1e9;
        if window.until < u64::MAX {
            progress.planned_s = Some((window.until - window.load) as f64 / 1e9);
        }
        progress.phase = match now {
            _ if self.stage.draining.load(Ordering::Relaxed) || now >= window.until => Phase::Draining,
            _ if now >= window.from => Phase::Measuring,
            _ => Phase::WarmUp,
        };
        progress.asked_rate = book.asked_now(now);
        progress.seconds = book.seconds();
        let (mut errors, integrity, busy, histogram) = book.glance();
        errors.truncate(5);
        progress.top_errors = errors;
        progress.integrity = integrity;
        progress.generator_busy = busy;
        if let Some(histogram) = histogram.filter(|it| !it.is_empty()) {
            progress.quantiles_ns = QUANTILES.iter().map(|&(label, q)| (label, histogram.value_at_quantile(q))).collect();
        }
    }
}

/// What falls to thread `index` of `threads` when `total` are dealt out: first and number.
pub fn share(total: u64, threads: usize, index: usize) -> (u64, u64) {
    let (threads, index) = (threads as u64, index as u64);
    let (each, over) = (total / threads, total % threads);
    (index * each + index.min(over), each + u64::from(index < over))
}

#[cfg(test)]
mod tests {
    use super::share;

    #[test]
    fn shares_are_whole_and_even() {
        let parts: Vec<_> = (0..4).map(|index| share(10, 4, index)).collect();
        assert_eq!(parts, [(0, 3), (3, 3), (6, 2), (8, 2)]);
        assert_eq!(share(1, 3, 2), (1, 0));
    }
}
