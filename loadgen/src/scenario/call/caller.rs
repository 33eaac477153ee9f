//! The callers of one thread, with its callees: the handler that runs the load.

use std::sync::Arc;

use super::callee::{Answers, Callee};
use super::{ASKED_ERROR, Lengths, Plan, call_templates};
use crate::engine::{Gate, Handler, Key, Net, Wait};
use crate::outcome::Integrity;
use crate::pace::Schedule;
use crate::pending::{Found, Open, Pending};
use crate::record::{Book, Recorder};
use crate::scenario::{Run, share};
use crate::stamp::{Stamps, Token};
use crate::wire::codec::{Message, Payload, Template};

/// Calls sent in one turn at most before answers are read again.
const PER_TURN: u64 = 4096;
/// A connection with more unsent octets takes no further call.
const CROWDED: usize = 1 << 20;
/// Between looks for calls that take too long.
const SWEEP_NS: u64 = 50_000_000;
/// How long an interrupted run waits for answers.
const PATIENCE_NS: u64 = 500_000_000;

/// One caller.
struct Caller {
    key: Key,
    sender: u32,
    /// Index of the procedure it calls next.
    procedure: usize,
    pending: Pending,
    /// Calls made.
    sent: u64,
    /// Open loop: calls that have been due.
    due: u64,
    alive: bool,
}

/// What a key is.
#[derive(Clone, Copy)]
enum Role {
    None,
    Caller(usize),
    Callee(usize),
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Phase {
    /// Waits for the other threads.
    Ready,
    Running,
    /// Waits for answers until this moment.
    Draining(u64),
    /// Waits for the other threads' answers.
    Drained,
}

/// The sessions of one thread.
pub struct Crew<'a> {
    run: &'a Run,
    plan: &'a Plan,
    book: &'a Arc<Book>,
    ready: &'a Gate,
    drained: &'a Gate,
    thread: usize,
    phase: Phase,
    roles: Vec<Role>,
    callers: Vec<Caller>,
    callees: Vec<Callee>,
    answers: Answers,
    stamps: Stamps,
    lengths: Lengths,
    templates: Vec<Template>,
    scratch: Vec<u8>,
    recorder: Option<Recorder>,
    /// What the checks found and the recorder does not have yet.
    integrity: Integrity,
    /// When no further call is to be started.
    until: u64,
    schedule: Option<Schedule>,
    /// Open loop: number of the thread's next call.
    next: u64,
    /// Calls this thread may still start.
    quota: u64,
    next_sweep: u64,
    broken: Option<String>,
}

impl<'a> Crew<'a> {
    /// Nobody yet.
    pub fn new(
        run: &'a Run,
        plan: &'a Plan,
        book: &'a Arc<Book>,
        (ready, drained): (&'a Gate, &'a Gate),
        thread: usize,
    ) -> Crew<'a> {
        let serializer = run.settings.serializer;
        let stamps = Stamps::new(serializer, run.load.seed, plan.longest(), run.load.verify);
        Crew {
            run,
            plan,
            book,
            ready,
            drained,
            thread,
            phase: Phase::Ready,
            roles: Vec::new(),
            callers: Vec::new(),
            callees: Vec::new(),
            answers: Answers::new(serializer, &plan.calls, &stamps),
            stamps,
            lengths: Lengths { sizes: plan.calls.payload.clone(), random: run.load.seed ^ (thread as u64) << 32 },
            templates: Vec::new(),
            scratch: Vec::new(),
            recorder: None,
            integrity: Integrity::default(),
            until: u64::MAX,
            schedule: None,
            next: 0,
            quota: 0,
            next_sweep: 0,
            broken: None,
        }
    }

    /// Sessions that answer.
    pub fn add_callees(&mut self, keys: &[Key]) {
        for &key in keys {
            self.set_role(key, Role::Callee(self.callees.len()));
            self.callees.push(Callee::default());
        }
    }

    /// Sessions that call; `first`: the number of the first one in the whole run.
    pub fn add_callers(&mut self, net: &Net, keys: &[Key], first: u64) {
        self.templates = call_templates(self.plan, net);
        for (at, &key) in keys.iter().enumerate() {
            let number = first + at as u64;
            self.set_role(key, Role::Caller(self.callers.len()));
            self.callers.push(Caller {
                key,
                sender: number as u32,
                procedure: number as usize % self.templates.len(),
                pending: Pending::new(1),
                sent: 0,
                due: 0,
                alive: true,
            });
        }
    }

    fn set_role(&mut self, key: Key, role: Role) {
        if self.roles.len() <= key {
            self.roles.resize(key + 1, Role::None);
        }
        self.roles[key] = role;
    }

    /// Why the load could not go on, if it could not.
    pub fn broken(&mut self) -> Option<String> {
        self.broken.take()
    }

    /// Hands over what was recorded.
    pub fn finish(self, now: u64) {
        if let Some(mut recorder) = self.recorder {
            recorder.integrity.add(&self.integrity);
            recorder.finish(self.book, now);
        }
    }

    fn begin(&mut self, net: &mut Net, start: u64) {
        let load = &self.run.load;
        let window = load.window(start);
        self.until = window.until;
        if let Some(rate) = load.rate {
            let part = self.callers.len() as f64 / self.plan.calls.callers as f64;
            let phase = self.thread as f64 / load.threads as f64;
            self.schedule = (part > 0.0).then(|| Schedule::new(start, rate * part, load.ramp, phase));
        }
        let whole = load.rate.map(|rate| Schedule::new(start, rate, load.ramp, 0.0));
        self.quota = load.count.map_or(u64::MAX, |count| {
            let callers = self.callers.len() as u64;
            // Dealt by callers: a thread without any has nothing to do.
            let (first, _) = share(self.plan.calls.callers, load.threads, self.thread);
            let upto = |caller: u64| (u128::from(count) * u128::from(caller) / u128::from(self.plan.calls.callers)) as u64;
            upto(first + callers) - upto(first)
        });
        self.recorder = Some(Recorder::new(self.book, window, whole, self.thread));
        self.next_sweep = net.now + SWEEP_NS;
        self.phase = Phase::Running;
        if self.schedule.is_none() {
            for caller in 0..self.callers.len() {
                self.fill(net, caller);
            }
        }
    }

    /// Closed loop: keeps the pipeline full.
    fn fill(&mut self, net: &mut Net, caller: usize) {
        while self.phase == Phase::Running && self.may_send(net, caller) {
            self.call(net, caller, net.now);
        }
    }

    /// Open loop: sends what has been due.
    fn catch_up(&mut self, net: &mut Net, caller: usize) {
        let Some(schedule) = self.schedule else { return };
        let callers = self.callers.len() as u64;
        while self.callers[caller].sent < self.callers[caller].due && self.may_send(net, caller) {
            let due = schedule.due(self.callers[caller].sent * callers + caller as u64);
            self.call(net, caller, due);
        }
    }

    #[inline]
    fn may_send(&mut self, net: &Net, caller: usize) -> bool {
        let caller = &mut self.callers[caller];
        self.quota > 0
            && caller.alive
            && caller.pending.open() < self.plan.pipeline
            && caller.pending.has_room()
            && net.waiting(caller.key) < CROWDED
    }

    #[inline]
    fn call(&mut self, net: &mut Net, index: usize, start: u64) {
        let caller = &mut self.callers[index];
        let length = self.lengths.next();
        let token = Token { sender: caller.sender, sequence: caller.sent };
        let id = net.next_request(caller.key);
        caller.pending.push(start, net.now, caller.sent, length);
        caller.sent += 1;
        self.quota -= 1;
        let template = &self.templates[caller.procedure];
        if self.plan.calls.spread {
            caller.procedure = (caller.procedure + 1) % self.templates.len();
        }
        self.scratch.clear();
        self.stamps.arguments(token, length as usize, &mut self.scratch);
        let payload = Payload { raw: &self.scratch, items: 1 };
        net.send(caller.key, template.overhead() + payload.raw.len(), |out| template.write(id, payload, out));
        if let Some(recorder) = &mut self.recorder {
            recorder.in_flight += 1;
        }
    }

    /// Deals what is due to the callers in turn.
    fn deal(&mut self, net: &mut Net, schedule: Schedule) {
        let callers = self.callers.len() as u64;
        for _ in 0..PER_TURN {
            let due = schedule.due(self.next);
            if due > net.now || self.quota == 0 {
                return;
            }
            let caller = (self.next % callers) as usize;
            let behind = self.callers[caller].sent < self.callers[caller].due;
            self.callers[caller].due += 1;
            self.next += 1;
            if !behind && self.may_send(net, caller) {
                if let Some(recorder) = &mut self.recorder {
                    recorder.delay(net.now - due);
                }
                self.call(net, caller, due);
            }
        }
    }

    fn answered(&mut self, net: &mut Net, index: usize, request: u64, payload: Payload<'_>) {
        let Some(recorder) = &mut self.recorder else { return };
        let caller = &mut self.callers[index];
        self.integrity.checked += 1;
        match caller.pending.take(request) {
            Found::Open(open) => {
                recorder.in_flight -= 1;
                let token = Token { sender: caller.sender, sequence: open.tag };
                let text = payload.first_text(self.run.settings.serializer).unwrap_or(b"");
                self.integrity.lost += u64::from(self.plan.calls.progress.saturating_sub(open.parts));
                if self.stamps.is(text, token, open.length as usize) {
                    recorder.operation(open.start, net.now);
                } else {
                    self.integrity.wrong += 1;
                }
                self.go_on(net, index);
            }
            Found::Late => (),
            Found::Unknown => self.integrity.duplicated += 1,
        }
    }

    fn part(&mut self, index: usize, request: u64, payload: Payload<'_>) {
        let caller = &mut self.callers[index];
        self.integrity.checked += 1;
        let Some(open) = caller.pending.get(request) else {
            self.integrity.duplicated += 1;
            return;
        };
        open.parts += 1;
        self.integrity.duplicated += u64::from(open.parts > self.plan.calls.progress);
        let (token, length) = (Token { sender: caller.sender, sequence: open.tag }, open.length);
        let text = payload.first_text(self.run.settings.serializer).unwrap_or(b"");
        if !self.stamps.is(text, token, length as usize) {
            self.integrity.wrong += 1;
        }
    }

    fn failed(&mut self, net: &mut Net, index: usize, request: u64, uri: &[u8]) {
        let asked = self.is_asked(uri);
        let Some(recorder) = &mut self.recorder else { return };
        self.integrity.checked += 1;
        match self.callers[index].pending.take(request) {
            Found::Open(open) => {
                recorder.in_flight -= 1;
                if asked {
                    recorder.operation(open.start, net.now);
                } else {
                    recorder.error(&String::from_utf8_lossy(uri));
                }
                self.go_on(net, index);
            }
            Found::Late => (),
            Found::Unknown => self.integrity.duplicated += 1,
        }
    }

    /// Whether the load asks for such errors.
    fn is_asked(&self, uri: &[u8]) -> bool {
        let calls = &self.plan.calls;
        (calls.error_percent > 0.0 && uri == ASKED_ERROR.as_bytes())
            || (calls.unanswered_percent > 0.0 && matches!(uri, b"wamp.error.timeout" | b"wamp.error.canceled"))
    }

    #[inline]
    fn go_on(&mut self, net: &mut Net, caller: usize) {
        if self.phase != Phase::Running {
            return;
        }
        if self.schedule.is_some() { self.catch_up(net, caller) } else { self.fill(net, caller) }
    }

    /// Gives up calls that take too long.
    fn sweep(&mut self, net: &mut Net) {
        let limit = net.now.saturating_sub(self.run.load.timeout);
        self.next_sweep = net.now + SWEEP_NS;
        for caller in 0..self.callers.len() {
            while let Some(open) = self.callers[caller].pending.expire(limit) {
                self.given_up(net, &open);
                self.go_on(net, caller);
            }
        }
    }

    fn given_up(&mut self, net: &Net, open: &Open) {
        if let Some(recorder) = &mut self.recorder {
            recorder.in_flight -= 1;
            recorder.timeout(open.start, net.now);
        }
    }

    fn open(&self) -> usize {
        self.callers.iter().map(|caller| caller.pending.open()).sum()
    }

    /// Whether no further call is to be started.
    fn over(&self, net: &Net) -> bool {
        net.now >= self.until || self.quota == 0 || net.control.stopped() || self.callers.iter().all(|caller| !caller.alive)
    }

    fn running(&mut self, net: &mut Net) -> Wait {
        if self.over(net) {
            let limit = if net.control.stopped() { PATIENCE_NS } else { self.run.load.timeout + 2 * SWEEP_NS };
            self.phase = Phase::Draining(net.now + limit);
            return self.draining(net, net.now + limit);
        }
        let Some(schedule) = self.schedule else { return Wait::Until(self.next_sweep) };
        self.deal(net, schedule);
        Wait::Until(schedule.due(self.next).min(self.next_sweep))
    }

    fn draining(&mut self, net: &mut Net, until: u64) -> Wait {
        if self.open() > 0 && net.now < until {
            return Wait::Until(until.min(self.next_sweep));
        }
        if self.quota == 0
            && let Some(recorder) = &mut self.recorder
        {
            recorder.end(net.now);
        }
        self.run.stage.draining.store(true, std::sync::atomic::Ordering::Relaxed);
        self.drained.arrive(net.now);
        self.phase = Phase::Drained;
        Wait::LONG
    }
}

impl Handler for Crew<'_> {
    #[inline]
    fn message(&mut self, net: &mut Net, key: Key, message: Message<'_>) {
        match (self.roles[key], message) {
            (Role::Callee(index), Message::Invocation { request, receive_progress, payload, .. }) => {
                let shared = (&self.answers, &self.stamps, &mut self.integrity);
                self.callees[index].invoked(net, key, request, receive_progress, payload, shared);
            }
            (Role::Caller(index), Message::Result { request, progress: false, payload }) => {
                self.answered(net, index, request, payload);
            }
            (Role::Caller(index), Message::Result { request, progress: true, payload }) => {
                self.part(index, request, payload);
            }
            (Role::Caller(index), Message::Error { kind: 48, request, uri, .. }) => {
                self.failed(net, index, request, uri);
            }
            _ => (),
        }
    }

    fn ended(&mut self, _net: &mut Net, key: Key, why: &str) {
        self.broken.get_or_insert(why.to_owned());
        let role = std::mem::replace(&mut self.roles[key], Role::None);
        if let (Role::Caller(index), Some(recorder)) = (role, &mut self.recorder) {
            let caller = &mut self.callers[index];
            caller.alive = false;
            while caller.pending.expire(u64::MAX).is_some() {
                recorder.in_flight -= 1;
                recorder.error("(connection closed)");
            }
        }
    }

    fn turn(&mut self, net: &mut Net) -> Wait {
        if let Some(recorder) = &mut self.recorder {
            recorder.integrity.add(&std::mem::take(&mut self.integrity));
            recorder.turn(self.book, net.now);
        }
        if net.now >= self.next_sweep && self.recorder.is_some() {
            self.sweep(net);
        }
        match self.phase {
            Phase::Ready => match self.ready.opens() {
                _ if net.control.stopped() => Wait::Done,
                Some(start) if net.now >= start => {
                    self.begin(net, start);
                    Wait::Until(0)
                }
                Some(start) => Wait::Until(start),
                None => Wait::Until(net.now + 1_000_000),
            },
            Phase::Running => self.running(net),
            Phase::Draining(until) => self.draining(net, until),
            Phase::Drained if self.drained.opens().is_some() || net.control.stopped() => Wait::Done,
            Phase::Drained => Wait::Until(net.now + 1_000_000),
        }
    }
}
