//! Who may start an operation, and when: the part of a load that all scenarios share, for one thread.
//!
//! A lane is a session that starts operations. Closed loop: each lane keeps `pipeline` operations under way. Open loop:
//! the thread's schedule deals operations to its lanes in turn; a lane whose pipeline is full falls behind and catches
//! up with its answers, each operation still counted from when it was due.
//!
//! ```text
//! Ready --gate opens--> Running --time, count or word to stop--> Draining --all answered--> Drained --gate--> done
//! ```

mod lane;

use std::sync::atomic::Ordering;

pub use lane::{Lane, Measured};

use super::{Run, share};
use crate::engine::{Key, Net, Wait};
use crate::outcome::Integrity;
use crate::pace::Schedule;
use crate::pending::{Found, Open};
use crate::record::{Recorder, Window};

/// Operations dealt in one turn at most before answers are read again.
const PER_TURN: u32 = 4096;
/// A connection with more unsent octets takes no further operation.
const CROWDED: usize = 1 << 20;
/// Between looks for operations that take too long.
const SWEEP_NS: u64 = 50_000_000;
/// Between looks at a gate.
const GLANCE_NS: u64 = 1_000_000;
/// How long an interrupted run waits for answers.
const PATIENCE_NS: u64 = 500_000_000;

#[derive(Clone, Copy, PartialEq, Eq)]
enum Phase {
    Ready,
    Running,
    /// Until this moment at most.
    Draining(u64),
    Drained,
}

/// What a handler does next.
#[derive(Clone, Copy, Debug)]
pub enum Turn {
    /// Starts an operation on this lane; its latency counts from this moment.
    Start(usize, u64),
    /// Nothing now.
    Wait(Wait),
}

/// The lanes of one thread in one measure.
pub struct Lanes<'a> {
    run: &'a Run,
    measured: &'a Measured,
    thread: usize,
    pipeline: usize,
    /// Whether time and count end it.
    bounded: bool,
    lanes: Vec<Lane>,
    phase: Phase,
    paced: bool,
    schedule: Option<Schedule>,
    /// Open loop: number of the thread's next operation.
    next: u64,
    dealt_in_turn: u32,
    /// Closed loop: lanes from here on may have room.
    refill: usize,
    /// Operations this thread may still start.
    quota: u64,
    /// When no further operation is to be started.
    until: u64,
    next_sweep: u64,
    recorder: Option<Recorder>,
    /// What the checks found; handlers count here.
    pub integrity: Integrity,
}

impl<'a> Lanes<'a> {
    /// No lane yet. `pipeline`: operations of a lane under way at most.
    pub fn new(run: &'a Run, measured: &'a Measured, thread: usize, pipeline: usize, paced: bool) -> Lanes<'a> {
        Lanes {
            run,
            measured,
            thread,
            pipeline,
            bounded: true,
            lanes: Vec::new(),
            phase: Phase::Ready,
            paced: paced && run.load.rate.is_some(),
            schedule: None,
            next: 0,
            dealt_in_turn: 0,
            refill: 0,
            quota: 0,
            until: u64::MAX,
            next_sweep: 0,
            recorder: None,
            integrity: Integrity::default(),
        }
    }

    /// The same for set-up that must be done whatever time it takes, as fast as answers come.
    pub fn unbounded(run: &'a Run, measured: &'a Measured, thread: usize, pipeline: usize) -> Lanes<'a> {
        Lanes { bounded: false, ..Lanes::new(run, measured, thread, pipeline, false) }
    }

    /// A session that may start up to `limit` operations.
    pub fn add(&mut self, net: &Net, key: Key, limit: u64) {
        self.lanes.push(Lane::new(key, net.last_request(key) + 1, limit));
    }

    /// That many operations of a lane, which have no answers, have taken effect: so many less are under way.
    pub fn confirm(&mut self, index: usize, confirmed: u64) {
        let lane = &mut self.lanes[index];
        if confirmed > lane.confirmed {
            if let Some(recorder) = &mut self.recorder {
                recorder.in_flight -= confirmed - lane.confirmed;
            }
            lane.confirmed = confirmed;
            self.refill = self.refill.min(index);
        }
    }

    /// When the load runs, once the gate has opened.
    pub fn window(&self) -> Option<Window> {
        self.recorder.as_ref().map(Recorder::window)
    }

    /// The lanes of this thread.
    pub fn lanes(&self) -> &[Lane] {
        &self.lanes
    }

    /// This thread is ready. Call it once, before the handler runs. `total`: lanes of all threads.
    pub fn ready(&mut self, net: &Net, total: u64) {
        let load = &self.run.load;
        let limits = self.lanes.iter().fold(0_u64, |sum, lane| sum.saturating_add(lane.limit));
        self.quota = load.count.filter(|_| self.bounded).map_or(u64::MAX, |count| {
            let (first, _) = share(total, load.threads, self.thread);
            let upto = |lane: u64| (u128::from(count) * u128::from(lane) / u128::from(total)) as u64;
            upto(first + self.lanes.len() as u64) - upto(first)
        });
        self.quota = self.quota.min(limits);
        if let Some(rate) = load.rate.filter(|_| self.paced && !self.lanes.is_empty()) {
            let part = self.lanes.len() as f64 / total as f64;
            let phase = self.thread as f64 / load.threads as f64;
            self.schedule = Some(Schedule::new(0, rate * part, load.ramp, phase));
        }
        self.measured.ready.arrive(net.control.now());
    }

    fn begin(&mut self, net: &Net, start: u64) {
        let load = &self.run.load;
        let window =
            if self.bounded { load.window(start) } else { Window { load: start, from: start, until: u64::MAX } };
        self.until = window.until;
        self.schedule = self.schedule.map(|schedule| schedule.from(start));
        let whole = load.rate.filter(|_| self.paced).map(|rate| Schedule::new(start, rate, load.ramp, 0.0));
        self.recorder = Some(Recorder::new(&self.measured.book, window, whole, self.thread));
        self.run.stage.draining.store(false, Ordering::Relaxed);
        self.next_sweep = net.now + SWEEP_NS;
        self.phase = Phase::Running;
    }

    /// Call it in each turn of the loop until it says to wait.
    #[inline]
    pub fn turn(&mut self, net: &mut Net) -> Turn {
        if self.phase == Phase::Running
            && let Some((lane, start)) = self.next_start(net)
        {
            return Turn::Start(lane, start);
        }
        self.dealt_in_turn = 0;
        self.keep_books(net);
        let wait = match self.phase {
            Phase::Ready => self.at_the_gate(net),
            Phase::Running => self.running(net),
            Phase::Draining(until) => self.draining(net, until),
            Phase::Drained if self.measured.drained.opens().is_some() || net.control.stopped() => Wait::Done,
            Phase::Drained => Wait::Until(net.now + GLANCE_NS),
        };
        Turn::Wait(wait)
    }

    fn at_the_gate(&mut self, net: &mut Net) -> Wait {
        match self.measured.ready.opens() {
            _ if net.control.stopped() => Wait::Done,
            Some(start) if net.now >= start => {
                self.begin(net, start);
                Wait::Until(0)
            }
            Some(start) => Wait::Until(start),
            None => Wait::Until(net.now + GLANCE_NS),
        }
    }

    fn keep_books(&mut self, net: &Net) {
        let Some(recorder) = &mut self.recorder else { return };
        recorder.integrity.add(&std::mem::take(&mut self.integrity));
        recorder.turn(&self.measured.book, net.now);
        if net.now >= self.next_sweep {
            self.next_sweep = net.now + SWEEP_NS;
            let limit = net.now.saturating_sub(self.run.load.timeout);
            for lane in &mut self.lanes {
                while let Some(open) = lane.pending.expire(limit) {
                    recorder.in_flight -= 1;
                    recorder.timeout(open.start, net.now);
                }
            }
            // Lanes whose operations were given up, or that were crowded, have room again.
            self.refill = 0;
        }
    }

    fn next_start(&mut self, net: &Net) -> Option<(usize, u64)> {
        if self.over(net) {
            return None;
        }
        if let Some(schedule) = self.schedule {
            return self.deal(net, schedule);
        }
        if self.paced {
            return None;
        }
        while self.refill < self.lanes.len() {
            if self.may_start(net, self.refill) {
                return Some((self.refill, net.now));
            }
            self.refill += 1;
        }
        None
    }

    /// Open loop: deals what is due to the lanes in turn.
    fn deal(&mut self, net: &Net, schedule: Schedule) -> Option<(usize, u64)> {
        let lanes = self.lanes.len() as u64;
        while self.dealt_in_turn < PER_TURN {
            let due = schedule.due(self.next);
            if due > net.now {
                return None;
            }
            let index = (self.next % lanes) as usize;
            let lane = &mut self.lanes[index];
            let behind = lane.started < lane.due;
            lane.due += 1;
            self.next += 1;
            self.dealt_in_turn += 1;
            if !behind && self.may_start(net, index) {
                if let Some(recorder) = &mut self.recorder {
                    recorder.delay(net.now - due);
                }
                return Some((index, due));
            }
        }
        None
    }

    /// Whether a schedule says when operations start.
    #[inline]
    pub fn is_paced(&self) -> bool {
        self.paced
    }

    /// Whether a lane may start an operation because an answer came, and from when its latency counts.
    #[inline]
    pub fn grant(&mut self, net: &Net, index: usize) -> Option<u64> {
        if self.phase != Phase::Running || net.now >= self.until || !self.may_start(net, index) {
            return None;
        }
        let Some(schedule) = self.schedule else { return Some(net.now) };
        let lane = &self.lanes[index];
        (lane.started < lane.due).then(|| schedule.due(lane.started * self.lanes.len() as u64 + index as u64))
    }

    #[inline]
    fn may_start(&mut self, net: &Net, index: usize) -> bool {
        let lane = &mut self.lanes[index];
        // A full pipeline is what it most often fails by.
        lane.under_way() < self.pipeline
            && self.quota > 0
            && lane.alive
            && lane.started < lane.limit
            && lane.pending.has_room()
            && net.waiting(lane.key) < CROWDED
    }

    /// Opens an operation that was allowed; the request id it is to have. `tag`: what the handler knows of it.
    #[inline]
    pub fn open(&mut self, net: &mut Net, index: usize, start: u64, tag: u64, length: u32) -> u64 {
        let lane = &mut self.lanes[index];
        let id = net.next_request(lane.key);
        lane.pending.push(start, net.now, tag, length);
        lane.started += 1;
        self.quota -= 1;
        if let Some(recorder) = &mut self.recorder {
            recorder.in_flight += 1;
        }
        id
    }

    /// Opens an operation that was allowed and has no answer; see [`Lanes::confirm`].
    #[inline]
    pub fn open_unanswered(&mut self, net: &mut Net, index: usize) -> u64 {
        let lane = &mut self.lanes[index];
        lane.answered = false;
        lane.started += 1;
        self.quota -= 1;
        if let Some(recorder) = &mut self.recorder {
            recorder.in_flight += 1;
            recorder.untimed(net.now);
        }
        net.next_request(lane.key)
    }

    /// The operation that a partial answer belongs to.
    pub fn peek(&mut self, index: usize, request: u64) -> Option<&mut Open> {
        let found = self.lanes[index].pending.get(request);
        self.integrity.checked += 1;
        self.integrity.duplicated += u64::from(found.is_none());
        found
    }

    /// The operation that a final answer belongs to; an answer to none is counted.
    #[inline]
    pub fn take(&mut self, index: usize, request: u64) -> Option<Open> {
        self.integrity.checked += 1;
        match self.lanes[index].pending.take(request) {
            Found::Open(open) => {
                if let Some(recorder) = &mut self.recorder {
                    recorder.in_flight -= 1;
                }
                Some(open)
            }
            Found::Late => None,
            Found::Unknown => {
                self.integrity.duplicated += 1;
                None
            }
        }
    }

    /// An operation ended well.
    #[inline]
    pub fn ended_well(&mut self, net: &Net, open: &Open) {
        if let Some(recorder) = &mut self.recorder {
            recorder.operation(open.start, net.now);
        }
    }

    /// An operation failed.
    pub fn failed(&mut self, uri: &[u8]) {
        if let Some(recorder) = &mut self.recorder {
            recorder.error(&String::from_utf8_lossy(uri));
        }
    }

    /// A lane's connection ended.
    pub fn lost(&mut self, index: usize) {
        let lane = &mut self.lanes[index];
        lane.alive = false;
        while lane.pending.expire(u64::MAX).is_some() {
            if let Some(recorder) = &mut self.recorder {
                recorder.in_flight -= 1;
                recorder.error("(connection closed)");
            }
        }
    }

    /// Whether no further operation is to be started.
    fn over(&self, net: &Net) -> bool {
        net.now >= self.until || self.quota == 0 || net.control.stopped()
    }

    fn running(&mut self, net: &mut Net) -> Wait {
        if self.over(net) || self.lanes.iter().all(|lane| !lane.alive) {
            let limit = if net.control.stopped() { PATIENCE_NS } else { self.run.load.timeout + 2 * SWEEP_NS };
            self.phase = Phase::Draining(net.now + limit);
            return self.draining(net, net.now + limit);
        }
        match self.schedule {
            Some(schedule) => Wait::Until(schedule.due(self.next).min(self.next_sweep)),
            None => Wait::Until(self.next_sweep),
        }
    }

    fn draining(&mut self, net: &mut Net, until: u64) -> Wait {
        let open = self.lanes.iter().any(|lane| lane.pending.open() > 0);
        if open && net.now < until {
            return Wait::Until(until.min(self.next_sweep));
        }
        if let Some(recorder) = &mut self.recorder {
            recorder.end(net.now);
        }
        self.run.stage.draining.store(true, Ordering::Relaxed);
        self.measured.drained.arrive(net.now);
        self.phase = Phase::Drained;
        Wait::Until(net.now + GLANCE_NS)
    }

    /// Hands over what was recorded.
    pub fn finish(mut self, now: u64) {
        if let Some(recorder) = &mut self.recorder {
            recorder.integrity.add(&self.integrity);
        }
        if let Some(recorder) = self.recorder {
            recorder.finish(&self.measured.book, now);
        }
    }
}
