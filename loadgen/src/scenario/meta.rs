//! `meta`: registrations come and go while observers follow the four events.
//!
//! Two measures at the same time: `event`, from when the request that caused it was due or sent to its arrival, and
//! `change`, the requests themselves. At the end, with about half of the registrations standing, the observers' mirrors
//! are compared with what the sessions were told and with the router's lists.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use super::call::register_options;
use super::keeper::{Observer, Until, Watching};
use super::register::{against_router, missing, subscribe};
use super::uris::Uris;
use super::{BySender, Lanes, Measured, Run, Side, Turn, share};
use crate::args::{self, Kind};
use crate::engine::{Gate, Handler, Key, Net, Wait};
use crate::mirror::Entry;
use crate::outcome::Integrity;
use crate::record::Book;
use crate::wire::codec::{Message, Payload, Serializer, Template, write_text, write_uint};

/// An id in the place of a registration's while a request about it is under way.
const BUSY: u64 = u64::MAX;

/// What the threads share.
struct Plan<'a> {
    flags: &'a args::Meta,
    uris: Uris,
    events: Arc<Book>,
    changes: Measured,
    /// Sessions are joined; requests are answered; observers saw all; lists are compared.
    gates: [Gate; 4],
    /// When the last request about each registration of each session was due or sent.
    causes: Vec<AtomicU64>,
    /// Number of a session by its id.
    sessions: Mutex<HashMap<u64, u64>>,
    /// Events that must come, in the order of the topics.
    expected: [AtomicU64; 4],
    /// What each session holds at the end: session id, number of its first URI, ids.
    held: Mutex<Vec<(u64, u64, Vec<u64>)>>,
}

/// Runs the scenario.
pub fn run(run: &Run, flags: &args::Meta) {
    let shared = flags.registration == Kind::Shared;
    let count = if shared { flags.procedures } else { flags.procedures * flags.sessions };
    run.stage.sessions_wanted.fetch_add(flags.sessions + flags.observer, Ordering::Relaxed);
    let plan = Plan {
        flags,
        uris: Uris::new(&run.prefix, flags.registration, &flags.invoke, count),
        events: Side::book(run, "event", "event"),
        changes: Measured::new(run, "change", "request", true),
        gates: std::array::from_fn(|_| Gate::new(run.load.threads)),
        causes: (0..flags.procedures * flags.sessions).map(|_| AtomicU64::new(0)).collect(),
        sessions: Mutex::default(),
        expected: Default::default(),
        held: Mutex::default(),
    };
    run.threads(|net, thread| on_thread(run, &plan, net, thread));
}

fn on_thread(run: &Run, plan: &Plan<'_>, net: &mut Net, thread: usize) -> Result<(), String> {
    let (_, count) = share(plan.flags.observer, run.load.threads, thread);
    let observers = subscribe(net, count as usize, &plan.uris)?;
    let (first, sessions) = share(plan.flags.sessions, run.load.threads, thread);
    let keys = net.join(sessions as usize)?;
    let ids = keys.iter().enumerate().map(|(at, &key)| (net.session(key), first + at as u64));
    plan.sessions.lock().expect("no holder of this lock panics").extend(ids);
    plan.gates[0].arrive(net.control.now());
    net.pass(&plan.gates[0])?;
    run.gather(net)?;
    let mut churn = Churning::new(run, plan, net, thread, (observers, &keys, first));
    churn.lanes.ready(net, plan.flags.sessions);
    net.run(&mut churn);
    churn.hand_in();
    settle(run, plan, net, &mut churn)?;
    compare(run, plan, net, thread, &mut churn.observers)?;
    let now = net.control.now();
    churn.lanes.finish(now);
    churn.events.finish(now);
    churn.broken.map_or(Ok(()), Err)
}

/// Waits until all events have come.
fn settle(run: &Run, plan: &Plan<'_>, net: &mut Net, churn: &mut Churning<'_>) -> Result<(), String> {
    plan.gates[1].arrive(net.control.now());
    churn.settling = Some(net.control.now() + run.load.timeout);
    churn.patience = run.load.timeout;
    net.run(churn);
    if !churn.observers.is_empty() && plan.gates[1].opens().is_some() {
        let mut expected = std::array::from_fn(|topic| plan.expected[topic].load(Ordering::Relaxed));
        if churn.is_shared() {
            // Who came first and left last is the router's to say; that it fits shows in the mirror.
            (expected[0], expected[3]) = (churn.observers[0].mirror.seen[0], churn.observers[0].mirror.seen[3]);
        }
        missing(&plan.events, &mut churn.observers, expected);
    }
    plan.gates[2].arrive(net.control.now());
    Watching::run(net, &mut churn.observers, Until::Passed(&plan.gates[2]), None).map(drop)
}

/// Compares the mirrors with the truth, and the truth with the router's lists.
fn compare(
    run: &Run,
    plan: &Plan<'_>,
    net: &mut Net,
    thread: usize,
    observers: &mut [Observer],
) -> Result<(), String> {
    let mut truth = vec![Entry::default(); plan.uris.count() as usize];
    for (session, first, ids) in plan.held.lock().expect("no holder of this lock panics").iter() {
        for (at, &id) in ids.iter().enumerate().filter(|&(_, &id)| id != 0 && id != BUSY) {
            let entry = &mut truth[*first as usize + at];
            entry.id = id;
            entry.attach(*session);
        }
    }
    for observer in observers.iter() {
        let wrong = observer.mirror.differences(&truth);
        plan.events.integrity(&Integrity { wrong, checked: truth.len() as u64, ..Integrity::default() });
    }
    if thread == 0 {
        let standing = truth.iter().filter(|entry| entry.callees > 0).count();
        plan.events.extra("registrations_at_the_end", standing as f64);
        let found = against_router(net, &truth, &plan.uris)?;
        if let Err(why) = &found {
            run.note(format!("The router's own lists were not compared: {why}."));
        }
        plan.events.integrity(&found.unwrap_or_default());
    }
    plan.gates[3].arrive(net.control.now());
    Watching::run(net, observers, Until::Passed(&plan.gates[3]), None).map(drop)
}

/// A session whose registrations come and go.
struct Churner {
    session: u64,
    /// Number in the whole run.
    number: u64,
    /// Registration id by procedure; 0: not registered.
    ids: Vec<u64>,
    /// Which procedure is next.
    next: usize,
}

#[derive(Clone, Copy)]
enum Role {
    None,
    Churner(usize),
    Observer(usize),
}

/// The sessions of one thread.
struct Churning<'a> {
    plan: &'a Plan<'a>,
    lanes: Lanes<'a>,
    events: Side,
    observers: Vec<Observer>,
    churners: Vec<Churner>,
    /// Number of a session by its id, of all threads.
    sessions: HashMap<u64, u64, BySender>,
    serializer: Serializer,
    register: Template,
    unregister: Template,
    roles: Vec<Role>,
    scratch: Vec<u8>,
    /// The load is over; events are waited for until this moment, which each event moves by the patience.
    settling: Option<u64>,
    patience: u64,
    broken: Option<String>,
}

impl<'a> Churning<'a> {
    fn new(
        run: &'a Run,
        plan: &'a Plan<'a>,
        net: &Net,
        thread: usize,
        (observers, keys, first): (Vec<Observer>, &[Key], u64),
    ) -> Churning<'a> {
        let mut roles = Vec::new();
        let mut set = |key: Key, role: Role| {
            if roles.len() <= key {
                roles.resize(key + 1, Role::None);
            }
            roles[key] = role;
        };
        let mut lanes = Lanes::new(run, &plan.changes, thread, plan.flags.pipeline as usize, true);
        let mut churners = Vec::new();
        for (at, &key) in keys.iter().enumerate() {
            lanes.add(net, key, u64::MAX);
            set(key, Role::Churner(at));
            let (session, number) = (net.session(key), first + at as u64);
            churners.push(Churner { session, number, ids: vec![0; plan.flags.procedures as usize], next: 0 });
        }
        observers.iter().enumerate().for_each(|(at, observer)| set(observer.key, Role::Observer(at)));
        let serializer = net.serializer();
        let options = register_options(plan.flags.registration, &plan.flags.invoke);
        let sessions = plan.sessions.lock().expect("no holder of this lock panics");
        Churning {
            lanes,
            events: Side::new(&plan.events, thread),
            observers,
            churners,
            sessions: sessions.iter().map(|(&id, &number)| (id, number)).collect(),
            serializer,
            register: Template::new(serializer, &[64], &[options]),
            unregister: Template::new(serializer, &[66], &[]),
            roles,
            scratch: Vec::new(),
            settling: None,
            patience: 0,
            broken: None,
            plan,
        }
    }

    /// The place of a session's procedure among the causes.
    fn place(&self, session: u64, procedure: u64) -> usize {
        (session * self.plan.flags.procedures + procedure) as usize
    }

    fn is_shared(&self) -> bool {
        self.plan.flags.registration == Kind::Shared
    }

    /// Registers the next procedure, or unregisters it if it stands.
    fn change(&mut self, net: &mut Net, lane: usize, start: u64) {
        let churner = &mut self.churners[lane];
        // One is free: the pipeline is shorter than the list.
        while churner.ids[churner.next] == BUSY {
            churner.next = (churner.next + 1) % churner.ids.len();
        }
        let (procedure, session) = (churner.next, churner.number);
        let id = std::mem::replace(&mut churner.ids[procedure], BUSY);
        churner.next = (procedure + 1) % churner.ids.len();
        let number = procedure as u64 + if self.is_shared() { 0 } else { session * self.plan.flags.procedures };
        self.plan.causes[self.place(session, procedure as u64)].store(start, Ordering::Relaxed);
        // The tag holds the procedure and, where one is taken back, that it was.
        let request = self.lanes.open(net, lane, start, (procedure as u64) << 1 | u64::from(id != 0), 0);
        self.scratch.clear();
        let template = if id == 0 {
            write_text(self.serializer, &self.plan.uris.uri(number), &mut self.scratch);
            &self.register
        } else {
            write_uint(self.serializer, id, &mut self.scratch);
            &self.unregister
        };
        let (key, end) = (self.lanes.lanes()[lane].key, Payload { raw: &self.scratch, items: 1 });
        net.send(key, template.overhead() + end.raw.len(), |out| template.write(request, end, out));
    }

    fn answered(&mut self, net: &mut Net, lane: usize, request: u64, registration: u64) {
        if let Some(open) = self.lanes.take(lane, request) {
            self.churners[lane].ids[(open.tag >> 1) as usize] = registration;
            let topic = if registration != 0 { 1 } else { 2 };
            self.plan.expected[topic].fetch_add(1, Ordering::Relaxed);
            self.lanes.ended_well(net, &open);
            self.go_on(net, lane);
        }
    }

    fn failed(&mut self, net: &mut Net, lane: usize, request: u64, uri: &[u8]) {
        if let Some(open) = self.lanes.take(lane, request) {
            self.churners[lane].ids[(open.tag >> 1) as usize] = 0;
            self.lanes.failed(uri);
            self.go_on(net, lane);
        }
    }

    fn go_on(&mut self, net: &mut Net, lane: usize) {
        while let Some(start) = self.lanes.grant(net, lane) {
            self.change(net, lane, start);
        }
    }

    /// An event, and how long after its cause it came.
    fn event(&mut self, net: &Net, index: usize, subscription: u64, payload: Payload<'_>) {
        if let Some(until) = &mut self.settling {
            *until = net.now + self.patience;
        }
        let session = match self.observers[index].subscriptions[0] == subscription {
            true => payload.created(self.serializer).map(|created| created.session),
            false => payload.two_ids(self.serializer).map(|(session, _)| session),
        };
        let event = self.observers[index].event(self.serializer, subscription, payload);
        let (Some((_, number)), Some(session)) = (event, session) else { return };
        let Some(&session) = self.sessions.get(&session) else { return };
        let procedure = u64::from(number) % self.plan.flags.procedures;
        let cause = self.plan.causes[self.place(session, procedure)].load(Ordering::Relaxed);
        self.events.happened(cause, net.now);
    }

    /// Tells what this thread's sessions hold, and which events their churn must have caused.
    fn hand_in(&mut self) {
        let mut held = self.plan.held.lock().expect("no holder of this lock panics");
        for churner in &self.churners {
            let first = if self.is_shared() { 0 } else { churner.number * self.plan.flags.procedures };
            held.push((churner.session, first, churner.ids.clone()));
        }
        if !self.is_shared() {
            // Each registration has one callee: it comes and goes with it.
            let mine = |topic: usize| self.plan.expected[topic].load(Ordering::Relaxed);
            self.plan.expected[0].store(mine(1), Ordering::Relaxed);
            self.plan.expected[3].store(mine(2), Ordering::Relaxed);
        }
    }
}

impl Handler for Churning<'_> {
    fn message(&mut self, net: &mut Net, key: Key, message: Message<'_>) {
        match (self.roles[key], message) {
            (Role::Observer(index), Message::Event { subscription, payload }) => {
                self.event(net, index, subscription, payload);
            }
            (Role::Churner(lane), Message::Registered { request, registration }) => {
                self.answered(net, lane, request, registration);
            }
            (Role::Churner(lane), Message::Unregistered { request }) if request != 0 => {
                self.answered(net, lane, request, 0);
            }
            (Role::Churner(lane), Message::Error { request, uri, .. }) => self.failed(net, lane, request, uri),
            _ => (),
        }
    }

    fn ended(&mut self, _net: &mut Net, key: Key, why: &str) {
        self.broken.get_or_insert(why.to_owned());
        if let Role::Churner(lane) = std::mem::replace(&mut self.roles[key], Role::None) {
            self.lanes.lost(lane);
        }
    }

    fn turn(&mut self, net: &mut Net) -> Wait {
        self.events.turn(&self.lanes, net.now);
        if let Some(until) = self.settling {
            let expected = |topic: usize| self.plan.expected[topic].load(Ordering::Relaxed);
            let all = |it: &Observer| (0..4).all(|topic| it.mirror.seen[topic] >= expected(topic));
            let complete = self.plan.gates[1].opens().is_some() && self.observers.iter().all(all);
            let over = net.now >= until || net.control.stopped() || self.broken.is_some();
            return if over || complete { Wait::Done } else { Wait::Until(net.now + 1_000_000) };
        }
        loop {
            match self.lanes.turn(net) {
                Turn::Start(lane, start) => self.change(net, lane, start),
                Turn::Wait(wait) => return wait,
            }
        }
    }
}
