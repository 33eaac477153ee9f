//! The stub's realm: who is there, what is registered and subscribed, and what goes wrong.

use std::collections::{BTreeMap, HashMap};

use serde_json::{Value, json};

use super::Quirk;
use super::wire::Writer;

struct Registration {
    uri: String,
    policy: String,
    invoke: String,
    callees: Vec<u64>,
    calls: usize,
}

/// All state of the stub.
pub struct Realm {
    quirk: Quirk,
    writers: HashMap<u64, Writer>,
    registrations: BTreeMap<u64, Registration>,
    by_uri: HashMap<(String, String), u64>,
    subscribers: HashMap<String, Vec<(u64, u64)>>,
    /// Invocations under way: caller and its request, by callee and request.
    invocations: HashMap<(u64, u64), (u64, u64)>,
    next_session: u64,
    next_id: u64,
    next_invocation: HashMap<u64, u64>,
    calls: u64,
    answers: u64,
    events: u64,
    /// An invocation that another one is to overtake.
    held: Option<(u64, Value)>,
    last_payload: Value,
}

impl Realm {
    pub fn new(quirk: Quirk) -> Realm {
        Realm {
            quirk,
            writers: HashMap::new(),
            registrations: BTreeMap::new(),
            by_uri: HashMap::new(),
            subscribers: HashMap::new(),
            invocations: HashMap::new(),
            next_session: 1000,
            next_id: 1,
            next_invocation: HashMap::new(),
            calls: 0,
            answers: 0,
            events: 0,
            held: None,
            last_payload: Value::Null,
        }
    }

    pub fn connect(&mut self, writer: Writer) -> u64 {
        self.next_session += 1;
        self.writers.insert(self.next_session, writer);
        self.next_session
    }

    /// Everything of a session goes.
    pub fn leave(&mut self, session: u64) {
        self.writers.remove(&session);
        self.subscribers.values_mut().for_each(|them| them.retain(|&(it, _)| it != session));
        let held = |it: &Registration| it.callees.contains(&session);
        let ids: Vec<u64> = self.registrations.iter().filter(|(_, it)| held(it)).map(|(&id, _)| id).collect();
        ids.into_iter().for_each(|id| self.detach(session, id));
    }

    /// Writes a message. A session that has gone takes nothing.
    pub fn send(&mut self, session: u64, message: &Value) {
        if let Some(writer) = self.writers.get_mut(&session) {
            writer.write(message);
        }
    }

    pub fn handle(&mut self, session: u64, message: &Value) {
        let id = message[1].as_u64().unwrap_or(0);
        match message[0].as_u64() {
            Some(16) => self.publish(session, message),
            Some(32) => {
                let topic = message[3].as_str().unwrap_or("").to_owned();
                let subscription = self.new_id();
                self.subscribers.entry(topic).or_default().push((session, subscription));
                self.send(session, &json!([33, id, subscription]));
            }
            Some(48) => self.call(session, message),
            Some(64) => self.register(session, message),
            Some(66) => {
                self.detach(session, message[2].as_u64().unwrap_or(0));
                self.send(session, &json!([67, id]));
            }
            Some(70) => self.answer(session, message),
            Some(8) => {
                if let Some((caller, request)) = self.invocations.remove(&(session, message[2].as_u64().unwrap_or(0))) {
                    self.send(caller, &json!([8, 48, request, {}, message[4], message[5]]));
                }
            }
            code => panic!("the generator sent {code:?}"),
        }
    }

    fn new_id(&mut self) -> u64 {
        self.next_id += 1;
        self.next_id
    }

    fn register(&mut self, session: u64, message: &Value) {
        let text = |value: &Value, default: &str| value.as_str().unwrap_or(default).to_owned();
        let (request, uri) = (&message[1], text(&message[3], ""));
        let (policy, invoke) = (text(&message[2]["match"], "exact"), text(&message[2]["invoke"], "single"));
        let known = self.by_uri.get(&(uri.clone(), policy.clone())).copied();
        if known.is_some() && invoke == "single" {
            return self.send(session, &json!([8, 64, request, {}, "wamp.error.procedure_already_exists"]));
        }
        let id = known.unwrap_or_else(|| self.new_id());
        let new = Registration { uri: uri.clone(), policy: policy.clone(), invoke, callees: Vec::new(), calls: 0 };
        self.by_uri.insert((uri, policy), id);
        self.registrations.entry(id).or_insert(new).callees.push(session);
        self.send(session, &json!([65, request, id]));
        let who = if self.quirk == Quirk::NullSession { Value::Null } else { session.into() };
        let details = self.details(id);
        let (create, register) = (json!([who, details]), json!([who, id]));
        if self.quirk == Quirk::RegisterBeforeCreate {
            self.event("wamp.registration.on_register", &register);
        }
        if known.is_none() {
            self.event("wamp.registration.on_create", &create);
        }
        if self.quirk != Quirk::RegisterBeforeCreate {
            self.event("wamp.registration.on_register", &register);
        }
    }

    fn details(&self, id: u64) -> Value {
        self.registrations.get(&id).map_or(Value::Null, |it| {
            json!({"id": id, "created": "2026-01-01T00:00:00.000Z", "uri": it.uri, "match": it.policy, "invoke": it.invoke})
        })
    }

    fn detach(&mut self, session: u64, id: u64) {
        let Some(registration) = self.registrations.get_mut(&id) else { return };
        registration.callees.retain(|&callee| callee != session);
        let gone = registration.callees.is_empty();
        self.event("wamp.registration.on_unregister", &json!([session, id]));
        if gone {
            self.event("wamp.registration.on_delete", &json!([session, id]));
            if let Some(it) = self.registrations.remove(&id) {
                self.by_uri.remove(&(it.uri, it.policy));
            }
        }
    }

    fn event(&mut self, topic: &str, arguments: &Value) {
        for (subscriber, subscription) in self.subscribers.get(topic).cloned().unwrap_or_default() {
            self.events += 1;
            let event = json!([36, subscription, 77, {"topic": topic}, arguments]);
            match self.quirk {
                Quirk::LoseEvent(each) if self.events % each == 0 => (),
                Quirk::DoubleEvent(each) if self.events % each == 0 => {
                    self.send(subscriber, &event);
                    self.send(subscriber, &event);
                }
                _ => self.send(subscriber, &event),
            }
        }
    }

    fn publish(&mut self, session: u64, message: &Value) {
        self.event(message[3].as_str().unwrap_or(""), &message[4]);
        if message[2]["acknowledge"] == true {
            self.send(session, &json!([17, message[1], 77]));
        }
    }

    fn call(&mut self, session: u64, message: &Value) {
        let (request, procedure) = (message[1].as_u64().unwrap_or(0), message[3].as_str().unwrap_or(""));
        if let Some(name) = procedure.strip_prefix("wamp.registration.") {
            let answer = self.meta(name, &message[4]);
            return self.send(session, &json!([50, request, {}, [answer]]));
        }
        self.calls += 1;
        match self.quirk {
            Quirk::NoAnswer(each) if self.calls % each == 0 => return,
            Quirk::Error(each) if self.calls % each == 0 => {
                return self.send(session, &json!([8, 48, request, {}, "com.example.broken"]));
            }
            Quirk::CloseAfter(calls) if self.calls == calls => {
                return self.writers.values().for_each(Writer::close);
            }
            Quirk::GoodbyeAfter(calls) if self.calls == calls => {
                let sessions: Vec<u64> = self.writers.keys().copied().collect();
                return sessions.into_iter().for_each(|it| {
                    self.send(it, &json!([6, {}, "wamp.close.system_shutdown"]));
                });
            }
            Quirk::GarbageAfter(calls) if self.calls == calls => return self.send(session, &json!({"no": "message"})),
            _ => (),
        }
        self.invoke(session, request, procedure, message);
    }

    fn invoke(&mut self, caller: u64, request: u64, procedure: &str, message: &Value) {
        let Some(&id) = self.by_uri.get(&(procedure.to_owned(), "exact".to_owned())) else {
            return self.send(caller, &json!([8, 48, request, {}, "wamp.error.no_such_procedure"]));
        };
        let registration = self.registrations.get_mut(&id).expect("both maps hold it");
        let callee = registration.callees[registration.calls % registration.callees.len()];
        registration.calls += 1;
        let invocation = self.next_invocation.entry(callee).or_default();
        *invocation += 1;
        self.invocations.insert((callee, *invocation), (caller, request));
        let details =
            if message[2]["receive_progress"] == true { json!({"receive_progress": true}) } else { json!({}) };
        let invocation = json!([68, *invocation, id, details, message[4]]);
        if matches!(self.quirk, Quirk::SwapInvocations(each) if self.calls % each == 0) && self.held.is_none() {
            self.held = Some((callee, invocation));
            return;
        }
        self.send(callee, &invocation);
        if let Some((callee, held)) = self.held.take() {
            self.send(callee, &held);
        }
    }

    fn answer(&mut self, callee: u64, message: &Value) {
        let key = (callee, message[1].as_u64().unwrap_or(0));
        let progress = message[2]["progress"] == true;
        let Some(&(caller, request)) = self.invocations.get(&key) else { return };
        if !progress {
            self.invocations.remove(&key);
        }
        self.answers += 1;
        let before = std::mem::replace(&mut self.last_payload, message[3].clone());
        let payload = match self.quirk {
            Quirk::WrongAnswer(each) if self.answers % each == 0 => before,
            _ => message[3].clone(),
        };
        let result = json!([50, request, if progress { json!({"progress": true}) } else { json!({}) }, payload]);
        self.send(caller, &result);
        if matches!(self.quirk, Quirk::DoubleAnswer(each) if self.answers % each == 0) {
            self.send(caller, &result);
        }
    }

    fn meta(&self, name: &str, arguments: &Value) -> Value {
        let by_policy = |policy: &str| -> Vec<u64> {
            self.registrations.iter().filter(|(_, it)| it.policy == policy).map(|(&id, _)| id).collect()
        };
        let first = &arguments[0];
        let registration = first.as_u64().and_then(|id| self.registrations.get(&id));
        match name {
            "list" => {
                json!({"exact": by_policy("exact"), "prefix": by_policy("prefix"), "wildcard": by_policy("wildcard")})
            }
            "get" => self.details(first.as_u64().unwrap_or(0)),
            "list_callees" => json!(registration.map(|it| &it.callees)),
            "count_callees" => json!(registration.map(|it| it.callees.len())),
            "lookup" | "match" => {
                let policy = arguments[1]["match"].as_str().unwrap_or("exact");
                let uri = first.as_str().unwrap_or("");
                let id = self.by_uri.get(&(uri.to_owned(), policy.to_owned()));
                if name == "match" { json!(id.into_iter().collect::<Vec<_>>()) } else { json!(id) }
            }
            _ => Value::Null,
        }
    }
}
