//! Sessions that hold many registrations, and observers of what happens to them.

use super::uris::Uris;
use super::{Lanes, Turn};
use crate::engine::{Gate, Handler, Key, Net, Wait};
use crate::mirror::{Event, Mirror};
use crate::record::{Book, Recorder};
use crate::wire::codec::{Message, Payload, Serializer, Template, write_text, write_uint};

/// Events that are followed in a turn without messages: the next ones should not wait for long.
const FOLLOWED: usize = 256;

/// A session and the registrations it is to hold.
#[derive(Clone, Debug)]
pub struct Holder {
    /// Its connection.
    pub key: Key,
    /// Its id.
    pub session: u64,
    /// Number of its first URI; the others follow.
    pub first: u64,
    /// Its registration ids in that order; 0: none.
    pub ids: Vec<u64>,
}

/// A session that follows the four events.
pub struct Observer {
    /// Its connection.
    pub key: Key,
    /// Subscription ids, in the order of the topics.
    pub subscriptions: [u64; 4],
    /// What it knows.
    pub mirror: Mirror,
}

impl Observer {
    /// Takes an event and leaves for later what it means.
    #[inline]
    pub fn note(&mut self, serializer: Serializer, subscription: u64, payload: Payload<'_>) {
        if let Some((_, event)) = self.read(serializer, subscription, payload) {
            self.mirror.note(event);
        }
    }

    /// Takes an event: which topic it is of and the number of its URI, if that is one of this run.
    #[inline]
    pub fn event(&mut self, serializer: Serializer, subscription: u64, payload: Payload<'_>) -> Option<(usize, u32)> {
        let (topic, event) = self.read(serializer, subscription, payload)?;
        self.mirror.take(event).map(|number| (topic, number))
    }

    #[inline]
    fn read(&mut self, serializer: Serializer, subscription: u64, payload: Payload<'_>) -> Option<(usize, Event)> {
        let topic = self.subscriptions.iter().position(|&it| it == subscription)?;
        let event = if topic == 0 {
            payload.created(serializer).map(|created| self.mirror.creation(&created))
        } else {
            payload.two_ids(serializer).map(|(session, id)| Some(Event::change(topic, session, id)))
        };
        // A null where a session id must be, for instance.
        self.mirror.integrity.wrong += u64::from(event.is_none());
        event.flatten().map(|event| (topic, event))
    }
}

/// What the lanes do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Work {
    /// REGISTER all URIs.
    Register,
    /// UNREGISTER all that is held.
    Unregister,
}

#[derive(Clone, Copy)]
enum Role {
    None,
    Holder(usize),
    Observer(usize),
}

/// The holders and observers of one thread while registrations come or go.
pub struct Keeper<'a> {
    /// Who may ask when; a lane per holder.
    pub lanes: Lanes<'a>,
    /// Those who hold.
    pub holders: &'a mut [Holder],
    /// Those who watch.
    pub observers: &'a mut [Observer],
    work: Work,
    uris: &'a Uris,
    serializer: Serializer,
    template: Template,
    roles: Vec<Role>,
    uri: String,
    scratch: Vec<u8>,
    /// Whether a message came since the last turn.
    busy: bool,
    /// Why a connection ended that was still needed.
    pub broken: Option<String>,
}

impl<'a> Keeper<'a> {
    /// `options`: of REGISTER.
    pub fn new(
        net: &Net,
        mut lanes: Lanes<'a>,
        (holders, observers): (&'a mut [Holder], &'a mut [Observer]),
        (work, uris, options): (Work, &'a Uris, serde_json::Value),
    ) -> Keeper<'a> {
        let mut roles = Vec::new();
        let mut set = |key: Key, role: Role| {
            if roles.len() <= key {
                roles.resize(key + 1, Role::None);
            }
            roles[key] = role;
        };
        for (index, holder) in holders.iter().enumerate() {
            lanes.add(net, holder.key, holder.ids.len() as u64);
            set(holder.key, Role::Holder(index));
        }
        for (index, observer) in observers.iter().enumerate() {
            set(observer.key, Role::Observer(index));
        }
        let serializer = net.serializer();
        let template = match work {
            Work::Register => Template::new(serializer, &[64], &[options]),
            Work::Unregister => Template::new(serializer, &[66], &[]),
        };
        let (uri, scratch, busy, broken) = (String::new(), Vec::new(), true, None);
        Keeper { lanes, holders, observers, work, uris, serializer, template, roles, uri, scratch, busy, broken }
    }

    #[inline]
    fn ask(&mut self, net: &mut Net, index: usize, start: u64) {
        let lane = &self.lanes.lanes()[index];
        let (key, at) = (lane.key, lane.started);
        let id = self.lanes.open(net, index, start, at, 0);
        let holder = &self.holders[index];
        self.scratch.clear();
        match self.work {
            Work::Register => {
                self.uri.clear();
                self.uris.write(holder.first + at, &mut self.uri);
                write_text(self.serializer, &self.uri, &mut self.scratch);
            }
            Work::Unregister => write_uint(self.serializer, holder.ids[at as usize], &mut self.scratch),
        }
        let (template, end) = (&self.template, Payload { raw: &self.scratch, items: 1 });
        net.send(key, template.overhead() + end.raw.len(), |out| template.write(id, end, out));
    }

    fn answered(&mut self, net: &mut Net, index: usize, request: u64, registration: u64) {
        if let Some(open) = self.lanes.take(index, request) {
            self.holders[index].ids[open.tag as usize] = registration;
            self.lanes.ended_well(net, &open);
            self.go_on(net, index);
        }
    }

    fn failed(&mut self, net: &mut Net, index: usize, request: u64, uri: &[u8]) {
        if self.lanes.take(index, request).is_some() {
            self.lanes.failed(uri);
            self.go_on(net, index);
        }
    }

    #[inline]
    fn go_on(&mut self, net: &mut Net, index: usize) {
        while let Some(start) = self.lanes.grant(net, index) {
            self.ask(net, index, start);
        }
    }
}

impl Handler for Keeper<'_> {
    #[inline]
    fn message(&mut self, net: &mut Net, key: Key, message: Message<'_>) {
        self.busy = true;
        match (self.roles[key], message) {
            (Role::Observer(index), Message::Event { subscription, payload, .. }) => {
                self.observers[index].note(self.serializer, subscription, payload);
            }
            (Role::Holder(index), Message::Registered { request, registration }) => {
                self.answered(net, index, request, registration);
            }
            (Role::Holder(index), Message::Unregistered { request }) if request != 0 => {
                self.answered(net, index, request, 0);
            }
            (Role::Holder(index), Message::Error { request, uri, .. }) => self.failed(net, index, request, uri),
            _ => (),
        }
    }

    fn ended(&mut self, _net: &mut Net, key: Key, why: &str) {
        self.broken.get_or_insert(why.to_owned());
        if let Role::Holder(index) = std::mem::replace(&mut self.roles[key], Role::None) {
            self.lanes.lost(index);
        }
    }

    fn turn(&mut self, net: &mut Net) -> Wait {
        follow_if_idle(self.observers, &mut self.busy);
        loop {
            match self.lanes.turn(net) {
                Turn::Start(index, start) => self.ask(net, index, start),
                Turn::Wait(wait) => return wait,
            }
        }
    }
}

/// Follows some of what was noted, if no message came since the last turn.
fn follow_if_idle(observers: &mut [Observer], busy: &mut bool) {
    if !std::mem::take(busy) {
        observers.iter_mut().for_each(|observer| observer.mirror.catch_up(FOLLOWED));
    }
}

/// What observers wait for.
#[derive(Clone, Copy)]
pub enum Until<'a> {
    /// That each event came so often, or nothing came for so many nanoseconds.
    Seen([u64; 4], u64),
    /// That all threads are here.
    Passed(&'a Gate),
}

/// Observers that watch while nothing else is done on this thread.
pub struct Watching<'a> {
    observers: &'a mut [Observer],
    until: Until<'a>,
    /// When the last event came.
    last: u64,
    /// Whether one came since the last turn.
    busy: bool,
    /// For a measure of `on_unregister`: its recorder, and when the cause was.
    recorder: Option<(&'a mut Recorder, &'a Book, u64)>,
    broken: Option<String>,
}

impl<'a> Watching<'a> {
    /// Waits and watches; when the last event came.
    ///
    /// # Errors
    /// An observer's connection ended, as a sentence.
    pub fn run(
        net: &mut Net,
        observers: &'a mut [Observer],
        until: Until<'a>,
        recorder: Option<(&'a mut Recorder, &'a Book, u64)>,
    ) -> Result<u64, String> {
        let mut watching = Watching { observers, until, last: net.control.now(), busy: true, recorder, broken: None };
        net.run(&mut watching);
        watching.broken.map_or(Ok(watching.last), Err)
    }

    fn complete(&self, now: u64) -> bool {
        match self.until {
            Until::Passed(gate) => gate.opens().is_some() && !self.observers.iter().any(|it| it.mirror.is_behind()),
            Until::Seen(expected, patience) => {
                let seen_all = |it: &Observer| {
                    !it.mirror.is_behind() && (0..4).all(|topic| it.mirror.seen[topic] >= expected[topic])
                };
                self.observers.iter().all(seen_all) || now >= self.last + patience
            }
        }
    }
}

impl Handler for Watching<'_> {
    fn message(&mut self, net: &mut Net, key: Key, message: Message<'_>) {
        let Message::Event { subscription, payload } = message else { return };
        let serializer = net.serializer();
        let Some(index) = self.observers.iter().position(|observer| observer.key == key) else { return };
        (self.last, self.busy) = (net.now, true);
        let observer = &mut self.observers[index];
        // What was noted while others worked is followed when nothing comes any more, so that `last` tells when it came.
        if observer.mirror.is_behind() {
            return observer.note(serializer, subscription, payload);
        }
        let event = observer.event(serializer, subscription, payload);
        if let (0, Some((2, _)), Some((recorder, _, cause))) = (index, event, &mut self.recorder) {
            recorder.operation(*cause, net.now);
        }
    }

    fn ended(&mut self, _net: &mut Net, key: Key, why: &str) {
        if self.observers.iter().any(|observer| observer.key == key) {
            self.broken.get_or_insert(why.to_owned());
        }
    }

    fn turn(&mut self, net: &mut Net) -> Wait {
        if let Some((recorder, book, _)) = &mut self.recorder {
            recorder.turn(book, net.now);
        }
        follow_if_idle(self.observers, &mut self.busy);
        if self.broken.is_some() || net.control.stopped() || self.complete(net.now) {
            return Wait::Done;
        }
        let behind = self.observers.iter().any(|it| it.mirror.is_behind());
        Wait::Until(if behind { net.now } else { net.now + 1_000_000 })
    }
}
