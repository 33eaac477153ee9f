//! The lives of one thread's sessions.

use std::io;
use std::sync::atomic::Ordering;

use serde_json::json;

use super::{GENERATIONS, Plan};
use crate::engine::{Handler, Key, Net, Wait};
use crate::outcome::Integrity;
use crate::pace::Schedule;
use crate::record::Recorder;
use crate::scenario::keeper::Observer;
use crate::scenario::{Run, share};
use crate::stamp::{Stamps, Token, mix};
use crate::wire::codec::{Message, Payload, Serializer, Template};

/// Octets of payload of a call.
const PAYLOAD: usize = 64;
/// Between looks for steps that take too long.
const SWEEP_NS: u64 = 50_000_000;
/// Between attempts while the operating system's queue is full.
const RETRY_NS: u64 = 1_000_000;

/// The books, by what is measured.
const LIFE: usize = 0;
const JOIN: usize = 1;
const REGISTER: usize = 2;
const CALL: usize = 3;

#[derive(Clone, Copy, PartialEq, Eq)]
enum Step {
    Free,
    Joining,
    Registering,
    Calling,
    Leaving,
}

/// A place where one session lives after the other.
struct Place {
    key: Key,
    step: Step,
    /// Lives so far.
    lives: u64,
    /// When this life was due or began.
    began: u64,
    /// When its step began.
    since: u64,
    registered: u64,
    calls: u64,
    /// The request under way, of a call.
    request: u64,
}

/// The places of one thread.
pub struct Lives<'a> {
    run: &'a Run,
    plan: &'a Plan<'a>,
    observers: &'a mut [Observer],
    recorders: [Recorder; 4],
    schedule: Option<Schedule>,
    /// Number of the first place in the whole run.
    first: u64,
    places: Vec<Place>,
    /// Places by key.
    at: Vec<Option<usize>>,
    begun: u64,
    quota: u64,
    next_sweep: u64,
    retry: u64,
    serializer: Serializer,
    stamps: Stamps,
    answer: Template,
    scratch: Vec<u8>,
    integrity: Integrity,
    broken: Option<String>,
}

impl<'a> Lives<'a> {
    /// All places free; the load begins at `start`.
    pub fn new(
        run: &'a Run,
        plan: &'a Plan<'a>,
        thread: usize,
        start: u64,
        observers: &'a mut [Observer],
    ) -> Lives<'a> {
        let threads = run.load.threads;
        let (first, count) = share(plan.flags.sessions, threads, thread);
        let window = run.load.window(start);
        let part = count as f64 / plan.flags.sessions as f64;
        let rate = run.load.rate.map(|rate| rate * part).filter(|&rate| rate > 0.0);
        let schedule = rate.map(|rate| Schedule::new(start, rate, run.load.ramp, thread as f64 / threads as f64));
        let whole = run.load.rate.map(|rate| Schedule::new(start, rate, run.load.ramp, 0.0));
        let recorder = |book: usize| Recorder::new(&plan.books[book], window, whole.filter(|_| book == LIFE), thread);
        let place = |_| Place {
            key: 0,
            step: Step::Free,
            lives: 0,
            began: 0,
            since: 0,
            registered: 0,
            calls: 0,
            request: 0,
        };
        let serializer = run.settings.serializer;
        Lives {
            run,
            plan,
            observers,
            recorders: [LIFE, JOIN, REGISTER, CALL].map(recorder),
            schedule,
            first,
            places: (0..count).map(place).collect(),
            at: Vec::new(),
            begun: 0,
            quota: run.load.count.map_or(u64::MAX, |count| share(count, threads, thread).1),
            next_sweep: 0,
            retry: 0,
            serializer,
            stamps: Stamps::new(serializer, run.load.seed, PAYLOAD, run.load.verify),
            answer: Template::new(serializer, &[70], &[json!({})]),
            scratch: Vec::new(),
            integrity: Integrity::default(),
            broken: None,
        }
    }

    /// Hands over what was recorded; why a life failed, if one did.
    pub fn finish(mut self, now: u64) -> Option<String> {
        self.recorders[LIFE].integrity.add(&self.integrity);
        for (recorder, book) in self.recorders.into_iter().zip(&self.plan.books) {
            recorder.finish(book, now);
        }
        self.broken
    }

    /// The URI of a place's procedure in its present life.
    fn uri(&self, index: usize, procedure: u64) -> String {
        let generation = self.places[index].lives % GENERATIONS;
        let place = self.first + index as u64;
        self.plan.uris.uri((place * GENERATIONS + generation) * self.plan.flags.procedures + procedure)
    }

    /// Begins the lives that are due.
    fn begin(&mut self, net: &mut Net) {
        for index in 0..self.places.len() {
            if self.places[index].step != Step::Free || self.quota == 0 || net.now < self.retry {
                continue;
            }
            let due = self.schedule.map_or(net.now, |schedule| schedule.due(self.begun));
            if due > net.now {
                return;
            }
            match net.connect() {
                Ok(key) => {
                    self.at.resize(self.at.len().max(key + 1), None);
                    self.at[key] = Some(index);
                    let place = &mut self.places[index];
                    (place.key, place.step, place.began, place.since) = (key, Step::Joining, due, net.now);
                    (place.registered, place.calls) = (0, 0);
                    self.begun += 1;
                    self.quota -= 1;
                    self.recorders[LIFE].in_flight += 1;
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => self.retry = net.now + RETRY_NS,
                Err(error) => {
                    self.broken.get_or_insert(format!("cannot open a connection: {error}"));
                    self.quota = 0;
                }
            }
        }
    }

    /// Goes to the next step that has something to do.
    fn advance(&mut self, net: &mut Net, index: usize) {
        let flags = self.plan.flags;
        self.places[index].since = net.now;
        let Place { key, step, calls, .. } = self.places[index];
        if step == Step::Joining && flags.procedures > 0 {
            self.places[index].step = Step::Registering;
            for procedure in 0..flags.procedures {
                let id = net.next_request(key);
                net.send_value(key, &json!([64, id, {}, self.uri(index, procedure)]));
            }
        } else if flags.procedures > 0 && calls < flags.calls {
            self.places[index].step = Step::Calling;
            self.call(net, index);
        } else {
            self.leave(net, index);
        }
    }

    fn token(&self, index: usize) -> Token {
        Token { sender: (self.first + index as u64) as u32, sequence: self.places[index].calls }
    }

    fn call(&mut self, net: &mut Net, index: usize) {
        let key = self.places[index].key;
        let uri = self.uri(index, self.places[index].calls % self.plan.flags.procedures);
        let id = net.next_request(key);
        self.places[index].request = id;
        self.scratch.clear();
        self.stamps.arguments(self.token(index), PAYLOAD, &mut self.scratch);
        let template = Template::new(self.serializer, &[48], &[json!({}), uri.into()]);
        let end = Payload { raw: &self.scratch, items: 1 };
        net.send(key, template.overhead() + end.raw.len(), |out| template.write(id, end, out));
    }

    fn leave(&mut self, net: &mut Net, index: usize) {
        let place = &mut self.places[index];
        place.step = Step::Leaving;
        let number = (self.first + index as u64) << 32 | place.lives;
        if ((mix(number ^ self.run.load.seed) % 10_000) as f64) < self.plan.flags.drop_percent * 100.0 {
            net.drop(place.key);
            self.over(net, index, true);
        } else {
            net.leave(place.key);
        }
    }

    /// A life ended.
    fn over(&mut self, net: &Net, index: usize, well: bool) {
        let place = &mut self.places[index];
        self.at[place.key] = None;
        place.step = Step::Free;
        place.lives += 1;
        self.recorders[LIFE].in_flight -= 1;
        if well {
            self.recorders[LIFE].operation(place.began, net.now);
        }
    }

    /// A life ended badly.
    fn failed(&mut self, net: &mut Net, index: usize, name: &str) {
        self.recorders[LIFE].error(name);
        net.drop(self.places[index].key);
        self.over(net, index, false);
    }

    fn answered(&mut self, net: &mut Net, index: usize, request: u64, payload: Payload<'_>) {
        self.integrity.checked += 1;
        let place = &self.places[index];
        if place.step != Step::Calling || place.request != request {
            self.integrity.duplicated += 1;
            return;
        }
        let text = payload.first_text(self.serializer).unwrap_or(b"");
        if !self.stamps.is(text, self.token(index), PAYLOAD) {
            self.integrity.wrong += 1;
        }
        self.recorders[CALL].operation(place.since, net.now);
        self.places[index].calls += 1;
        self.advance(net, index);
    }

    fn registered(&mut self, net: &mut Net, index: usize) {
        let place = &mut self.places[index];
        place.registered += 1;
        self.plan.registered.fetch_add(1, Ordering::Relaxed);
        self.recorders[REGISTER].operation(place.since, net.now);
        if place.registered == self.plan.flags.procedures {
            self.advance(net, index);
        }
    }

    /// Gives up steps that take too long.
    fn sweep(&mut self, net: &mut Net) {
        self.next_sweep = net.now + SWEEP_NS;
        for index in 0..self.places.len() {
            let place = &self.places[index];
            let late = net.now.saturating_sub(place.since) > self.run.load.timeout;
            // Joining has a time limit of its own.
            if late && !matches!(place.step, Step::Free | Step::Joining) {
                self.recorders[LIFE].timeout(self.places[index].began, net.now);
                net.drop(self.places[index].key);
                self.over(net, index, false);
            }
        }
    }

    fn place(&self, key: Key) -> Option<usize> {
        self.at.get(key).copied().flatten()
    }
}

impl Handler for Lives<'_> {
    fn joined(&mut self, net: &mut Net, key: Key) {
        if let Some(index) = self.place(key) {
            self.recorders[JOIN].operation(self.places[index].since, net.now);
            self.advance(net, index);
        }
    }

    fn message(&mut self, net: &mut Net, key: Key, message: Message<'_>) {
        let Some(index) = self.place(key) else {
            if let (Message::Event { subscription, payload }, Some(observer)) =
                (message, self.observers.iter_mut().find(|observer| observer.key == key))
            {
                observer.event(self.serializer, subscription, payload);
            }
            return;
        };
        match message {
            Message::Registered { .. } => self.registered(net, index),
            Message::Invocation { request, payload, .. } => {
                let answer = &self.answer;
                net.send(key, answer.overhead() + payload.raw.len(), |out| answer.write(request, payload, out));
            }
            Message::Result { request, payload, .. } => self.answered(net, index, request, payload),
            Message::Error { uri, .. } => self.failed(net, index, &String::from_utf8_lossy(uri)),
            _ => (),
        }
    }

    fn left(&mut self, net: &mut Net, key: Key) {
        if let Some(index) = self.place(key) {
            self.over(net, index, true);
        }
    }

    fn ended(&mut self, net: &mut Net, key: Key, why: &str) {
        self.broken.get_or_insert(why.to_owned());
        if let Some(index) = self.place(key) {
            self.recorders[LIFE].error("(connection closed)");
            self.over(net, index, false);
        }
    }

    fn turn(&mut self, net: &mut Net) -> Wait {
        for (recorder, book) in self.recorders.iter_mut().zip(&self.plan.books) {
            recorder.turn(book, net.now);
        }
        if net.now >= self.next_sweep {
            self.sweep(net);
        }
        let over = net.now >= self.recorders[LIFE].window().until || self.quota == 0 || net.control.stopped();
        if over && (net.control.stopped() || self.places.iter().all(|place| place.step == Step::Free)) {
            return Wait::Done;
        }
        if !over {
            self.begin(net);
        }
        let due = self.schedule.map(|schedule| schedule.due(self.begun)).filter(|&due| due > net.now);
        Wait::Until(due.unwrap_or(u64::MAX).min(self.next_sweep).min(net.now + RETRY_NS))
    }
}
