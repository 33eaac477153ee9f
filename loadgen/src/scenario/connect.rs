//! `connect`: sessions join, as many per second as asked or as come, and then stay idle.

use std::sync::atomic::Ordering;

use super::{Run, share};
use crate::args;
use crate::engine::{Gate, Handler, Key, Net, NotBegun, Wait};
use crate::outcome::Integrity;
use crate::pace::Schedule;
use crate::record::{Book, Recorder};
use crate::usage;
use crate::wire::codec::Message;

/// Between attempts while the operating system's queue is full.
const RETRY_NS: u64 = 1_000_000;

/// In the place of the time an attempt began: it succeeded.
const JOINED: u64 = u64::MAX;

/// Runs the scenario.
pub fn run(run: &Run, flags: &args::Connect) {
    run.stage.sessions_wanted.store(flags.sessions, Ordering::Relaxed);
    run.stage.planned.store(flags.sessions, Ordering::Relaxed);
    let book = run.book("join", "session", true);
    let gates = [Gate::new(run.load.threads), Gate::new(run.load.threads)];
    let before = run.load.router.and_then(usage::sample);
    run.threads(|net, thread| on_thread(run, flags, &book, &gates, net, thread));
    let after = book.measure().router;
    if let (Some(before), Some(after)) = (before, after) {
        let grown = after.rss_after.saturating_sub(before.rss);
        book.extra("router_bytes_per_session", grown as f64 / flags.sessions as f64);
    }
}

fn on_thread(
    run: &Run,
    flags: &args::Connect,
    book: &Book,
    gates: &[Gate; 2],
    net: &mut Net,
    thread: usize,
) -> Result<(), String> {
    gates[0].arrive(net.control.now());
    net.pass(&gates[0])?;
    let start = gates[0].opens().unwrap_or(0);
    let (_, wanted) = share(flags.sessions, run.load.threads, thread);
    let (_, parallel) = share(flags.parallel.max(run.load.threads as u64), run.load.threads, thread);
    let rate = run.load.rate.map(|rate| rate * wanted as f64 / flags.sessions as f64).filter(|&rate| rate > 0.0);
    let phase = thread as f64 / run.load.threads as f64;
    let mut joiner = Joiner {
        run,
        book,
        recorder: Recorder::new(book, run.load.window(start), None, thread),
        schedule: rate.map(|rate| Schedule::new(start, rate, run.load.ramp, phase)),
        wanted,
        parallel,
        started: Vec::new(),
        attempts: 0,
        under_way: 0,
        retry: 0,
        holding: None,
        hold: flags.hold.as_nanos() as u64,
        why: None,
    };
    net.run(&mut joiner);
    gates[1].arrive(net.control.now());
    net.pass(&gates[1])?;
    joiner.leave(net);
    joiner.recorder.finish(book, net.control.now());
    joiner.why.map_or(Ok(()), Err)
}

struct Joiner<'a> {
    run: &'a Run,
    book: &'a Book,
    recorder: Recorder,
    schedule: Option<Schedule>,
    wanted: u64,
    parallel: u64,
    /// By key: when the attempt was due or began, or [`JOINED`].
    started: Vec<u64>,
    attempts: u64,
    under_way: u64,
    retry: u64,
    /// Everybody is there; they stay until this moment.
    holding: Option<u64>,
    hold: u64,
    why: Option<String>,
}

impl Joiner<'_> {
    /// When the next attempt is due; `None`: not now.
    fn next_due(&self, net: &Net) -> Option<u64> {
        if self.attempts >= self.wanted || net.now < self.retry {
            return None;
        }
        match self.schedule {
            Some(schedule) => Some(schedule.due(self.attempts)).filter(|&due| due <= net.now),
            None => (self.under_way < self.parallel).then_some(net.now),
        }
    }

    fn attempt(&mut self, net: &mut Net, due: u64) {
        match net.connect() {
            Ok(key) => {
                self.started.resize(self.started.len().max(key + 1), 0);
                self.started[key] = due;
                self.attempts += 1;
                self.under_way += 1;
                self.recorder.in_flight += 1;
            }
            Err(NotBegun::Busy) => self.retry = net.now + RETRY_NS,
            Err(NotBegun::Failed(why)) => {
                self.attempts += 1;
                self.fail(&why, "(cannot connect)");
            }
        }
    }

    fn fail(&mut self, why: &str, name: &str) {
        self.recorder.error(name);
        self.why.get_or_insert(why.to_owned());
    }

    /// Says GOODBYE on all sessions at once and counts those that were not answered.
    fn leave(&mut self, net: &mut Net) {
        let keys: Vec<Key> = net.keys().filter(|&key| net.is_joined(key)).collect();
        let mut leaving = Leaving { left: keys.len(), until: net.control.now() + self.run.load.timeout };
        keys.into_iter().for_each(|key| net.leave(key));
        net.run(&mut leaving);
        self.recorder.integrity.add(&Integrity { lost: leaving.left as u64, ..Integrity::default() });
    }
}

impl Handler for Joiner<'_> {
    fn message(&mut self, _net: &mut Net, _key: Key, _message: Message<'_>) {}

    fn joined(&mut self, net: &mut Net, key: Key) {
        self.under_way -= 1;
        self.recorder.in_flight -= 1;
        self.recorder.operation(std::mem::replace(&mut self.started[key], JOINED), net.now);
    }

    fn ended(&mut self, _net: &mut Net, key: Key, why: &str) {
        if self.started[key] == JOINED {
            return self.fail(why, "(session lost)");
        }
        self.under_way -= 1;
        self.recorder.in_flight -= 1;
        self.fail(why, "(not joined)");
    }

    fn turn(&mut self, net: &mut Net) -> Wait {
        self.recorder.turn(self.book, net.now);
        if net.control.stopped() {
            return Wait::Done;
        }
        if let Some(until) = self.holding {
            return if net.now >= until { Wait::Done } else { Wait::Until(until) };
        }
        let given_up = net.now >= self.recorder.window().until;
        if (self.attempts >= self.wanted || given_up) && self.under_way == 0 {
            self.recorder.end(net.now);
            self.holding = Some(net.now + self.hold);
            return Wait::Until(net.now + self.hold);
        }
        while let Some(due) = self.next_due(net).filter(|_| !given_up) {
            self.attempt(net, due);
        }
        let next = self.schedule.filter(|_| self.attempts < self.wanted).map(|schedule| schedule.due(self.attempts));
        Wait::Until(next.unwrap_or(u64::MAX).max(self.retry).min(net.now + 20_000_000))
    }
}

/// Waits for the answers to GOODBYE.
struct Leaving {
    left: usize,
    until: u64,
}

impl Handler for Leaving {
    fn message(&mut self, _net: &mut Net, _key: Key, _message: Message<'_>) {}

    fn left(&mut self, _net: &mut Net, _key: Key) {
        self.left -= 1;
    }

    fn turn(&mut self, net: &mut Net) -> Wait {
        let over = self.left == 0 || net.now >= self.until || net.control.stopped();
        if over { Wait::Done } else { Wait::Until(self.until) }
    }
}
