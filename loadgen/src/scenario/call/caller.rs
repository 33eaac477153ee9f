//! The callers of one thread, with its callees: the handler that runs the load.

use super::callee::{Answers, Callee};
use super::{ASKED_ERROR, Plan, call_templates};
use crate::engine::{Handler, Key, Net, Wait};
use crate::scenario::{Lanes, Run, Turn};
use crate::sizes::Lengths;
use crate::stamp::{Stamps, Token};
use crate::wire::codec::{Message, Payload, Serializer, Template};

/// One caller, beside its lane.
struct Caller {
    /// Its number in the whole run.
    sender: u32,
    /// Index of the procedure it calls next.
    procedure: usize,
}

/// What a key is.
#[derive(Clone, Copy)]
enum Role {
    None,
    Caller(usize),
    Callee(usize),
}

/// The sessions of one thread.
pub struct Crew<'a> {
    plan: &'a Plan,
    /// Who may call when.
    pub lanes: Lanes<'a>,
    serializer: Serializer,
    roles: Vec<Role>,
    callers: Vec<Caller>,
    callees: Vec<Callee>,
    answers: Answers,
    stamps: Stamps,
    lengths: Lengths,
    templates: Vec<Template>,
    /// Why a connection ended that was still needed.
    pub broken: Option<String>,
}

impl<'a> Crew<'a> {
    /// Nobody yet.
    pub fn new(run: &Run, plan: &'a Plan, lanes: Lanes<'a>, thread: usize) -> Crew<'a> {
        let serializer = run.settings.serializer;
        let stamps = Stamps::new(serializer, run.load.seed, plan.longest(), run.load.verify);
        Crew {
            plan,
            lanes,
            serializer,
            roles: Vec::new(),
            callers: Vec::new(),
            callees: Vec::new(),
            answers: Answers::new(serializer, &plan.calls, &stamps),
            stamps,
            lengths: Lengths::new(&plan.calls.payload, run.load.seed, thread),
            templates: call_templates(plan, serializer),
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
        for (at, &key) in keys.iter().enumerate() {
            let number = first + at as u64;
            self.set_role(key, Role::Caller(self.callers.len()));
            self.lanes.add(net, key, u64::MAX);
            self.callers.push(Caller { sender: number as u32, procedure: number as usize % self.templates.len() });
        }
    }

    fn set_role(&mut self, key: Key, role: Role) {
        if self.roles.len() <= key {
            self.roles.resize(key + 1, Role::None);
        }
        self.roles[key] = role;
    }

    #[inline]
    fn call(&mut self, net: &mut Net, index: usize, start: u64) {
        let lane = &self.lanes.lanes()[index];
        let (key, sequence) = (lane.key, lane.started);
        let length = self.lengths.next();
        let id = self.lanes.open(net, index, start, sequence, length);
        let caller = &mut self.callers[index];
        let template = &self.templates[caller.procedure];
        if self.plan.calls.spread {
            caller.procedure = (caller.procedure + 1) % self.templates.len();
        }
        let (stamps, token, length) = (&self.stamps, Token { sender: caller.sender, sequence }, length as usize);
        net.send(key, template.overhead() + length, |out| {
            template.write_with(id, 1, out, |out| stamps.arguments(token, length, out));
        });
    }

    #[inline]
    fn go_on(&mut self, net: &mut Net, index: usize) {
        while let Some(start) = self.lanes.grant(net, index) {
            self.call(net, index, start);
            if !self.lanes.is_paced() {
                // One answer makes room for one call.
                return;
            }
        }
    }

    /// Whether this is the payload that was sent.
    #[inline]
    fn is_right(&self, index: usize, sequence: u64, length: u32, payload: Payload<'_>) -> bool {
        let token = Token { sender: self.callers[index].sender, sequence };
        payload.first_text(self.serializer).is_some_and(|text| self.stamps.is(text, token, length as usize))
    }

    fn answered(&mut self, net: &mut Net, index: usize, request: u64, payload: Payload<'_>) {
        if let Some(open) = self.lanes.take(index, request) {
            self.lanes.integrity.lost += u64::from(self.plan.calls.progress.saturating_sub(open.parts));
            if self.is_right(index, open.tag, open.length, payload) {
                self.lanes.ended_well(net, &open);
            } else {
                self.lanes.integrity.wrong += 1;
            }
            self.go_on(net, index);
        }
    }

    fn part(&mut self, index: usize, request: u64, payload: Payload<'_>) {
        let Some(open) = self.lanes.peek(index, request) else { return };
        open.parts += 1;
        let (parts, sequence, length) = (open.parts, open.tag, open.length);
        let right = self.is_right(index, sequence, length, payload);
        self.lanes.integrity.duplicated += u64::from(parts > self.plan.calls.progress);
        self.lanes.integrity.wrong += u64::from(!right);
    }

    fn failed(&mut self, net: &mut Net, index: usize, request: u64, uri: &[u8]) {
        if let Some(open) = self.lanes.take(index, request) {
            if self.is_asked(uri) {
                self.lanes.ended_well(net, &open);
            } else {
                self.lanes.failed(uri);
            }
            self.go_on(net, index);
        }
    }

    /// Whether the load asks for such errors.
    fn is_asked(&self, uri: &[u8]) -> bool {
        let calls = &self.plan.calls;
        (calls.error_percent > 0.0 && uri == ASKED_ERROR.as_bytes())
            || (calls.unanswered_percent > 0.0 && matches!(uri, b"wamp.error.timeout" | b"wamp.error.canceled"))
    }
}

impl Handler for Crew<'_> {
    #[inline]
    fn message(&mut self, net: &mut Net, key: Key, message: Message<'_>) {
        match (self.roles[key], message) {
            (Role::Callee(index), Message::Invocation { request, receive_progress, payload, .. }) => {
                let shared = (&self.answers, &self.stamps, &mut self.lanes.integrity);
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
        if let Role::Caller(index) = std::mem::replace(&mut self.roles[key], Role::None) {
            self.lanes.lost(index);
        }
    }

    fn turn(&mut self, net: &mut Net) -> Wait {
        loop {
            match self.lanes.turn(net) {
                Turn::Start(index, start) => self.call(net, index, start),
                Turn::Wait(wait) => return wait,
            }
        }
    }
}
