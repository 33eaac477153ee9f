//! A virtual world around one realm: clients, clock, seed, and every message that crosses, as literal JSON.
//!
//! A message to the realm goes through the codec as if it came from a socket; one from the realm is encoded, held for
//! its client and compared as JSON. Nothing sleeps: the clock is moved by [`World::advance`].
//!
//! In expected messages the string `"*"` stands for any value, as for ids drawn at random.

#![allow(dead_code, missing_docs, reason = "each test file uses a part of this world")]

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;

use banyan::codec;
use banyan::pattern::rules::{Action, Rule, RuleSet};
use banyan::realm::{Batch, Effects, Link, MemberKey, Now, Realm, RealmOptions, Refused};
use banyan::wamp::{Encoding, Features, Peer, Policy, RouterMessage, Violation};
use serde_json::Value;

/// 2026-11-22T09:50:31.409Z.
pub const EPOCH: u64 = 1_795_341_031_409;

/// One client: its number in the world.
pub type Client = usize;

/// Who joins.
#[derive(Clone, Debug)]
pub struct Profile {
    pub encoding: Encoding,
    pub features: Features,
    pub authid: &'static str,
    pub authrole: &'static str,
}

impl Profile {
    /// A client in JSON that announces nothing.
    pub fn plain() -> Profile {
        Profile { encoding: Encoding::Json, features: Features::default(), authid: "joe", authrole: "anonymous" }
    }

    /// A client that announces every feature there is.
    pub fn full() -> Profile {
        let mut profile = Profile::plain();
        Features::KNOWN.iter().for_each(|&(_, _, feature)| profile.features.insert(feature));
        profile
    }

    /// Announces one more feature.
    pub fn with(mut self, feature: Features) -> Profile {
        self.features.insert(feature);
        self
    }

    pub fn authid(self, authid: &'static str) -> Profile {
        Profile { authid, ..self }
    }

    pub fn role(self, authrole: &'static str) -> Profile {
        Profile { authrole, ..self }
    }

    pub fn speaking(self, encoding: Encoding) -> Profile {
        Profile { encoding, ..self }
    }
}

/// How a client's connection stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Open,
    /// The transport is lost and the realm does not know yet: everything is refused as `Gone`.
    Lost,
    /// GOODBYE is sent or `leave` was called: whatever follows is a bug of the realm.
    Over,
}

struct Wire {
    member: Option<MemberKey>,
    session: u64,
    encoding: Encoding,
    state: State,
    /// INVOCATION and EVENT are refused.
    full: bool,
    /// What [`Effects::has_room`] answers.
    room: bool,
    /// The longest message it takes, in octets of its encoding.
    longest: usize,
    inbox: VecDeque<Value>,
    /// Messages and octets received so far.
    received: (u64, u64),
}

/// The world as the realm sees it.
#[derive(Default)]
struct Net {
    wires: Vec<Wire>,
}

impl Net {
    fn wire(&mut self, link: Link) -> &mut Wire {
        &mut self.wires[link.0 as usize]
    }
}

impl Wire {
    fn accept(&mut self, bytes: &[u8]) -> Result<(), Refused> {
        match self.state {
            State::Open => {}
            State::Lost => return Err(Refused::Gone),
            State::Over => panic!("sent to session {} after its end: {}", self.session, json(self.encoding, bytes)),
        }
        if bytes.len() > self.longest {
            return Err(Refused::TooLarge);
        }
        self.received = (self.received.0 + 1, self.received.1 + bytes.len() as u64);
        self.inbox.push_back(json(self.encoding, bytes));
        Ok(())
    }
}

impl Effects for Net {
    fn send(&mut self, to: Link, message: &RouterMessage<'_>) -> Result<(), Refused> {
        let wire = self.wire(to);
        let refusable = matches!(message, RouterMessage::Invocation { .. } | RouterMessage::Event { .. });
        if refusable && wire.full && wire.state == State::Open {
            return Err(Refused::Full);
        }
        let mut bytes = Vec::new();
        codec::encode(wire.encoding, message, &mut bytes);
        wire.accept(&bytes)
    }

    fn send_batch(&mut self, to: Link, batch: &Batch) -> Result<(), Refused> {
        let wire = self.wire(to);
        assert_eq!(batch.encoding, wire.encoding, "a batch is in the receiver's encoding");
        if wire.full && wire.state == State::Open {
            return Err(Refused::Full);
        }
        for message in batch.messages() {
            match wire.accept(message) {
                Ok(()) | Err(Refused::TooLarge) => {}
                Err(refused) => return Err(refused),
            }
        }
        Ok(())
    }

    fn has_room(&mut self, to: Link) -> bool {
        let wire = self.wire(to);
        wire.room && wire.state == State::Open
    }

    fn goodbye(&mut self, to: Link, reason: &str, message: Option<&str>) {
        let wire = self.wire(to);
        let mut bytes = Vec::new();
        codec::encode(wire.encoding, &RouterMessage::Goodbye { reason, message }, &mut bytes);
        // One that is lost already takes no GOODBYE.
        let _ = wire.accept(&bytes);
        wire.state = State::Over;
    }
}

/// The octets of a message as JSON.
fn json(encoding: Encoding, bytes: &[u8]) -> Value {
    let mut text = Vec::new();
    codec::transcode(encoding, bytes, Encoding::Json, &mut text);
    serde_json::from_slice(&text).expect("a message is JSON")
}

/// What every realm of the tests starts from: role `anonymous` may do everything, also what needs an explicit grant.
pub fn options() -> RealmOptions {
    RealmOptions {
        agent: "banyan-test".into(),
        roles: HashMap::from([(
            "anonymous".into(),
            Arc::new(RuleSet::compile(vec![everything(""), everything("wamp.")])),
        )]),
        ..RealmOptions::named("realm1")
    }
}

/// A rule that allows every action on URIs that begin with `prefix`.
pub fn everything(prefix: &str) -> Rule {
    rule(prefix, Policy::Prefix, &[Action::Register, Action::Call, Action::Subscribe, Action::Publish])
}

/// A rule that allows these actions.
pub fn rule(uri: &str, policy: Policy, allow: &[Action]) -> Rule {
    Rule { uri: uri.into(), policy, allow: allow.to_vec(), disclose_caller: false, disclose_publisher: false }
}

/// One realm, its clients and its clock.
pub struct World {
    pub realm: Realm,
    net: Net,
    now: Now,
}

impl World {
    /// A realm with [`options`].
    pub fn new() -> World {
        World::with(|_| {})
    }

    /// A realm with options that `change` changes.
    pub fn with(change: impl FnOnce(&mut RealmOptions)) -> World {
        World::seeded(change, 1)
    }

    /// The same from another seed.
    pub fn seeded(change: impl FnOnce(&mut RealmOptions), seed: u64) -> World {
        let mut options = options();
        change(&mut options);
        World { realm: Realm::new(options, seed), net: Net::default(), now: Now { unix_ms: EPOCH, mono_ms: 1 } }
    }

    /// The time.
    pub fn now(&self) -> Now {
        self.now
    }

    /// A plain client joins.
    pub fn join(&mut self) -> Client {
        self.join_as(Profile::plain())
    }

    /// A client joins and reads its WELCOME.
    pub fn join_as(&mut self, profile: Profile) -> Client {
        let client = self.join_quietly(profile);
        self.turn();
        client
    }

    /// A client joins within the turn.
    pub fn join_quietly(&mut self, profile: Profile) -> Client {
        let client = self.net.wires.len();
        self.net.wires.push(Wire {
            member: None,
            session: 0,
            encoding: profile.encoding,
            state: State::Open,
            full: false,
            room: true,
            longest: usize::MAX,
            inbox: VecDeque::new(),
            received: (0, 0),
        });
        let peer = Peer {
            encoding: profile.encoding,
            features: profile.features,
            authid: profile.authid.into(),
            authrole: profile.authrole.into(),
            authmethod: "anonymous",
            authprovider: "static",
            transport: "rawsocket",
            address: "tcp:127.0.0.1:51234".into(),
        };
        let member = self.realm.join(self.now, peer, Link(client as u64), &mut self.net);
        let welcome = self.receive(client);
        assert_eq!(welcome[0], 2, "WELCOME comes first: {welcome}");
        let wire = &mut self.net.wires[client];
        (wire.member, wire.session) = (Some(member), welcome[1].as_u64().expect("a session id"));
        client
    }

    /// The session id of a client.
    pub fn session(&self, client: Client) -> u64 {
        self.net.wires[client].session
    }

    /// Hands a message to the realm, within the turn.
    ///
    /// # Errors
    /// The violation that ends the session.
    pub fn try_post(&mut self, client: Client, message: &Value) -> Result<(), Violation> {
        let wire = &self.net.wires[client];
        let (encoding, member) = (wire.encoding, wire.member.expect("joined"));
        let mut bytes = Vec::new();
        codec::transcode(Encoding::Json, message.to_string().as_bytes(), encoding, &mut bytes);
        let message = codec::decode(encoding, &bytes, &codec::Limits::default())?;
        self.realm.handle(self.now, member, message, &mut self.net)
    }

    /// Hands a message to the realm, within the turn.
    pub fn post(&mut self, client: Client, message: Value) {
        if let Err(violation) = self.try_post(client, &message) {
            panic!("{message} is a violation: {}", violation.0);
        }
    }

    /// Hands a message to the realm and ends the turn.
    pub fn send(&mut self, client: Client, message: Value) {
        self.post(client, message);
        self.turn();
    }

    /// The message must be a violation; the world then lets the session go, as PRO-1 asks.
    pub fn violate(&mut self, client: Client, message: Value) {
        assert!(self.try_post(client, &message).is_err(), "{message} should be a violation");
        self.leave(client);
    }

    /// The session is over: its client said GOODBYE, aborted, or its transport was lost.
    pub fn leave(&mut self, client: Client) {
        self.leave_quietly(client);
        self.turn();
    }

    /// The session is over, within the turn; only the first step of its departure is done.
    pub fn leave_quietly(&mut self, client: Client) {
        let wire = &mut self.net.wires[client];
        wire.state = State::Over;
        let member = wire.member.expect("joined");
        self.realm.leave(self.now, member, &mut self.net);
    }

    /// The transport is lost, and the realm does not know yet.
    pub fn lose(&mut self, client: Client) {
        self.net.wires[client].state = State::Lost;
    }

    /// INVOCATIONs and EVENTs to this client are refused from now on, or no longer.
    pub fn set_full(&mut self, client: Client, full: bool) {
        self.net.wires[client].full = full;
    }

    /// Whether there is room for more parts and progressive results.
    pub fn set_room(&mut self, client: Client, room: bool) {
        self.net.wires[client].room = room;
    }

    /// The longest message this client takes.
    pub fn set_longest(&mut self, client: Client, longest: usize) {
        self.net.wires[client].longest = longest;
    }

    /// Says GOODBYE to everybody.
    pub fn shutdown(&mut self) {
        self.realm.shutdown(self.now, "wamp.close.system_shutdown", &mut self.net);
        self.turn();
    }

    /// Ends the turn, and all turns that follow at once.
    pub fn turn(&mut self) {
        self.realm.flush(self.now, &mut self.net);
        while self.realm.next_deadline().is_some_and(|deadline| deadline <= self.now.mono_ms) {
            self.step();
        }
    }

    /// One tick and the end of its turn.
    pub fn step(&mut self) {
        self.realm.tick(self.now, &mut self.net);
        self.realm.flush(self.now, &mut self.net);
    }

    /// Moves the clock to the next deadline and does one step.
    pub fn step_next(&mut self) {
        let deadline = self.realm.next_deadline().expect("something is due");
        let elapsed = deadline.saturating_sub(self.now.mono_ms);
        self.now = Now { unix_ms: self.now.unix_ms + elapsed, mono_ms: self.now.mono_ms + elapsed };
        self.step();
    }

    /// Moves the clock, stopping at every deadline on the way.
    pub fn advance(&mut self, ms: u64) {
        let until = self.now.mono_ms + ms;
        while self.realm.next_deadline().is_some_and(|deadline| deadline <= until) {
            self.step_next();
        }
        self.now = Now { unix_ms: self.now.unix_ms + until - self.now.mono_ms, mono_ms: until };
    }

    /// The next message this client has not read.
    pub fn receive(&mut self, client: Client) -> Value {
        self.net.wires[client].inbox.pop_front().expect("a message is there to read")
    }

    /// Everything this client has not read.
    pub fn drain(&mut self, client: Client) -> Vec<Value> {
        self.net.wires[client].inbox.drain(..).collect()
    }

    /// The next message must be this one.
    #[track_caller]
    pub fn expect(&mut self, client: Client, message: Value) {
        let next = self.net.wires[client].inbox.pop_front();
        assert!(next.as_ref().is_some_and(|next| matches(&message, next)), "expected {message}\n     got {next:?}");
    }

    /// The next message must be this ERROR with one sentence.
    #[track_caller]
    pub fn expect_error(&mut self, client: Client, request_type: u64, request: u64, error: &str) {
        self.expect(client, serde_json::json!([8, request_type, request, {}, error, ["*"]]));
    }

    /// The client must have nothing to read.
    #[track_caller]
    pub fn expect_nothing(&self, client: Client) {
        let inbox = &self.net.wires[client].inbox;
        assert!(inbox.is_empty(), "expected nothing, got {} messages, first {}", inbox.len(), inbox[0]);
    }

    /// Registers a procedure; the registration id.
    #[track_caller]
    pub fn register(&mut self, client: Client, request: u64, options: Value, procedure: &str) -> u64 {
        self.send(client, serde_json::json!([64, request, options, procedure]));
        self.granted(client, 65, request)
    }

    /// Subscribes to a topic; the subscription id.
    #[track_caller]
    pub fn subscribe(&mut self, client: Client, request: u64, options: Value, topic: &str) -> u64 {
        self.send(client, serde_json::json!([32, request, options, topic]));
        self.granted(client, 33, request)
    }

    #[track_caller]
    fn granted(&mut self, client: Client, code: u64, request: u64) -> u64 {
        let inbox = &mut self.net.wires[client].inbox;
        let reply = inbox.iter().position(|message| message[0] == code && message[1] == request);
        let reply = inbox.remove(reply.unwrap_or_else(|| panic!("no {code} for {request} in {inbox:?}")));
        reply.and_then(|reply| reply[2].as_u64()).expect("an id")
    }

    /// Calls a procedure of the router; Arguments of its RESULT, or the error.
    #[track_caller]
    pub fn ask(&mut self, client: Client, request: u64, procedure: &str, args: Value) -> Result<Value, String> {
        let answer = self.ask_now(client, request, procedure, args);
        self.turn();
        answer
    }

    /// As [`World::ask`], within the turn.
    #[track_caller]
    pub fn ask_now(&mut self, client: Client, request: u64, procedure: &str, args: Value) -> Result<Value, String> {
        self.post(client, serde_json::json!([48, request, {}, procedure, args]));
        let inbox = &mut self.net.wires[client].inbox;
        let answers = |m: &Value| (m[0] == 50 && m[1] == request) || (m[0] == 8 && m[2] == request);
        let reply = inbox.iter().position(answers).unwrap_or_else(|| panic!("no answer to {request} in {inbox:?}"));
        let reply = inbox.remove(reply).expect("it is there");
        if reply[0] == 50 { Ok(reply[3].clone()) } else { Err(reply[4].as_str().expect("a URI").into()) }
    }
}

impl Default for World {
    fn default() -> World {
        World::new()
    }
}

/// Whether `value` is what `pattern` says; `"*"` stands for anything.
pub fn matches(pattern: &Value, value: &Value) -> bool {
    match (pattern, value) {
        (Value::String(any), _) if any == "*" => true,
        (Value::Array(patterns), Value::Array(values)) => {
            patterns.len() == values.len() && patterns.iter().zip(values).all(|(p, v)| matches(p, v))
        }
        (Value::Object(patterns), Value::Object(values)) => {
            patterns.len() == values.len()
                && patterns.iter().all(|(key, p)| values.get(key).is_some_and(|v| matches(p, v)))
        }
        _ => pattern == value,
    }
}
