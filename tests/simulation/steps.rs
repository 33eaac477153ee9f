//! What may happen in a step, and what must follow at once.

use banyan::codec::Value;
use banyan::wamp::{
    CallOptions, ClientMessage, Encoding, Features, Id, Invoke, Payload, Policy, PublishOptions, RegisterOptions,
    Selection, SubscribeOptions,
};

use crate::history::{History, encode};
use crate::model::{Callee, Registration, Subscription, matches};

/// Clients that are no observers, at most.
const CROWD: usize = 12;
const WORDS: [&str; 3] = ["a", "b", "cc"];

impl History {
    /// One step of the history, and every check that is due.
    pub fn step(&mut self) {
        self.steps += 1;
        if self.random.u32(..20) == 0 {
            self.keep_observers();
        }
        self.act();
        if self.random.u32(..3) == 0 {
            self.realm.flush(self.now, &mut self.world);
            self.pump();
        }
        let seldom = if self.model.registrations.len() > 500 { 64 } else { 8 };
        if self.random.u32(..seldom) == 0 {
            self.check();
        }
    }

    /// Anything but the coming of observers.
    pub fn act(&mut self) {
        self.finals.clear();
        self.world.attempts.clear();
        let Some(client) = self.anybody() else { return self.come() };
        match self.random.u32(..100) {
            0..4 => self.come(),
            4..6 => self.go(client),
            6 => self.world.fault_rate = [0, 5, 20, 100][self.random.usize(..4)],
            7..20 => self.register(client),
            20..27 => self.unregister(client),
            27..36 => self.subscribe(client),
            36..41 => self.unsubscribe(client),
            41..50 => self.publish(client),
            50..68 => self.call(client),
            68..84 => self.answer(),
            84..87 => self.cancel(),
            87..89 => self.go_on(),
            89..95 => self.pass_time(),
            95 => self.stray(client),
            96 => self.register_many(client),
            97 => self.begin_stream(),
            _ => self.intervene(),
        }
    }

    /// A client that can speak and is no observer.
    pub fn anybody(&mut self) -> Option<usize> {
        let able = |&&client: &&usize| self.clients[client].role != "observer" && !self.clients[client].lost;
        let able: Vec<usize> = self.alive.iter().filter(able).copied().collect();
        self.random.choice(able)
    }

    pub fn uri(&mut self) -> String {
        let count = self.random.usize(1..4);
        let parts: Vec<&str> = (0..count).map(|_| WORDS[self.random.usize(..WORDS.len())]).collect();
        parts.join(".")
    }

    pub fn pattern(&mut self) -> (Policy, String) {
        let uri = self.uri();
        match self.random.u32(..4) {
            0 => (Policy::Prefix, uri[..self.random.usize(..=uri.len())].trim_end_matches("..").to_owned()),
            1 => {
                let blank = |part| if self.random.bool() { part } else { "" };
                (Policy::Wildcard, uri.split('.').map(blank).collect::<Vec<_>>().join("."))
            }
            _ => (Policy::Exact, uri),
        }
    }

    /// A client joins.
    pub fn come(&mut self) {
        if self.alive.iter().filter(|&&client| self.clients[client].role != "observer").count() >= CROWD {
            return;
        }
        let mut features = Features::default();
        for &(_, _, feature) in Features::KNOWN {
            if self.random.u32(..3) > 0 || feature == Features::CALLER_PROGRESSIVE_INVOCATIONS {
                features.insert(feature);
            }
        }
        let role = if self.random.u32(..8) == 0 { "guest" } else { "user" };
        self.join(role, features);
        self.count("join");
    }

    /// A session ends, or its connection breaks and it ends later.
    pub fn go(&mut self, client: usize) {
        if self.random.u32(..3) == 0 {
            self.world.lose(self.clients[client].link);
            self.clients[client].lost = true;
            return;
        }
        let lost = self.alive.iter().find(|&&other| self.clients[other].lost).copied();
        let client = lost.unwrap_or(client);
        self.world.end(self.clients[client].link);
        self.realm.leave(self.now, self.clients[client].key, &mut self.world);
        self.departed(client);
        self.count("leave");
    }

    pub fn register(&mut self, client: usize) {
        let (mut policy, mut uri) = self.pattern();
        let mut invoke = Invoke::ALL[self.random.usize(..5)];
        let shared: Vec<&Registration> =
            self.model.registrations.iter().filter(|it| it.invoke != Invoke::Single).collect();
        if self.random.bool()
            && let Some(known) = self.random.choice(shared)
        {
            (policy, uri, invoke) = (known.policy, known.uri.clone(), known.invoke);
        }
        let concurrency = (self.random.u32(..4) == 0).then(|| self.random.u32(1..3));
        let force_reregister = self.random.u32(..10) == 0;
        let options = RegisterOptions { policy, invoke, concurrency, force_reregister, ..RegisterOptions::default() };
        let request = self.request(client);
        self.send(client, ClientMessage::Register { request, options, procedure: uri.as_str().into() });
        let reply = self.reply(client).expect("REGISTER is answered");
        let wanted = self.expect_register(client, &uri, &options);
        match wanted {
            Err(error) => assert_eq!((reply.code, reply.text(3)), (8, error), "REGISTER {uri:?} {options:?}"),
            Ok(known) => {
                assert_eq!((reply.code, reply.id(0)), (65, request.get()), "{reply:?}");
                self.registered(client, &uri, &options, known, reply.id(1));
            }
        }
    }

    /// The id of the registration that is joined, if it is none yet; or the error.
    pub fn expect_register(
        &mut self,
        client: usize,
        uri: &str,
        options: &RegisterOptions,
    ) -> Result<Option<u64>, &'static str> {
        if self.clients[client].role == "guest" {
            return Err("wamp.error.not_authorized");
        }
        let Some(index) = self.model.find(options.policy, uri) else { return Ok(None) };
        let found = &self.model.registrations[index];
        if options.force_reregister {
            let authid = self.clients[client].authid;
            if found.callees.iter().any(|callee| self.clients[callee.client].authid != authid) {
                return Err("wamp.error.not_authorized");
            }
            self.model.registrations.remove(index);
            self.count("force_reregister");
            return Ok(None);
        }
        match found {
            found if found.invoke == Invoke::Single => Err("wamp.error.procedure_already_exists"),
            found if found.invoke != options.invoke => {
                Err("wamp.error.procedure_exists_with_different_invocation_policy")
            }
            found if found.callees.iter().any(|callee| callee.client == client) => {
                Err("wamp.error.procedure_already_exists")
            }
            found => Ok(Some(found.id)),
        }
    }

    pub fn registered(&mut self, client: usize, uri: &str, options: &RegisterOptions, known: Option<u64>, id: u64) {
        let callee = |joined| Callee { client, joined, limit: options.concurrency };
        match known {
            Some(known) => {
                assert_eq!(id, known, "SHR-2");
                let entry = self.model.by_id(id).expect("it is known");
                entry.callees.push(callee(entry.next_join));
                entry.next_join += 1;
                self.count("shared");
            }
            None => {
                assert!(self.model.by_id(id).is_none(), "IDS-3: {id} is in use");
                self.model.registrations.push(Registration {
                    id,
                    policy: options.policy,
                    uri: uri.to_owned(),
                    invoke: options.invoke,
                    callees: vec![callee(0)],
                    next_join: 1,
                    turn: 0,
                });
                self.count("register");
            }
        }
    }

    /// So many registrations that the departure takes several turns.
    pub fn register_many(&mut self, client: usize) {
        if self.random.u32(..60) > 0 || self.clients[client].role == "guest" || self.model.registrations.len() > 3000 {
            return;
        }
        for number in 0..2500 {
            let uri = format!("many.{}.n{number}", self.clients[client].session);
            if self.model.find(Policy::Exact, &uri).is_some() {
                return;
            }
            let (request, options) = (self.request(client), RegisterOptions::default());
            self.send(client, ClientMessage::Register { request, options, procedure: uri.as_str().into() });
            let reply = self.reply(client).expect("REGISTER is answered");
            self.registered(client, &uri, &options, None, reply.id(1));
        }
        self.count("many");
    }

    pub fn unregister(&mut self, client: usize) {
        let ids: Vec<u64> = self.model.registrations.iter().map(|entry| entry.id).collect();
        let own: Vec<u64> =
            self.model.registrations.iter().filter(|entry| holds(entry, client)).map(|entry| entry.id).collect();
        let pool = if self.random.u32(..6) > 0 && !own.is_empty() { own } else { ids };
        let id = self.random.choice(pool).unwrap_or(77);
        let (request, registration) = (self.request(client), Id::new(id).expect("an id"));
        self.send(client, ClientMessage::Unregister { request, registration });
        let reply = self.reply(client).expect("UNREGISTER is answered");
        if self.model.unregister(id, client) {
            assert_eq!((reply.code, reply.id(0)), (67, request.get()));
        } else {
            assert_eq!((reply.code, reply.text(3)), (8, "wamp.error.no_such_registration"));
        }
        self.count("unregister");
    }

    pub fn subscribe(&mut self, client: usize) {
        let (policy, uri) = self.pattern();
        let options = SubscribeOptions { policy, ..SubscribeOptions::default() };
        let request = self.request(client);
        // What arrives with SUBSCRIBED is checked against the model: the id is learned before anything is published.
        self.send(client, ClientMessage::Subscribe { request, options, topic: uri.as_str().into() });
        let reply = self.reply(client).expect("SUBSCRIBE is answered");
        assert_eq!((reply.code, reply.id(0)), (33, request.get()), "{reply:?}");
        let id = reply.id(1);
        let found = self.model.subscriptions.iter_mut().find(|entry| entry.policy == policy && entry.uri == uri);
        match found {
            Some(entry) => {
                assert_eq!(entry.id, id, "PUB-2, IDS-10");
                if !entry.clients.contains(&client) {
                    entry.clients.push(client);
                }
            }
            None => {
                assert!(self.model.subscriptions.iter().all(|entry| entry.id != id), "IDS-3: {id} is in use");
                self.model.subscriptions.push(Subscription { id, policy, uri, clients: vec![client] });
            }
        }
        self.count("subscribe");
    }

    pub fn unsubscribe(&mut self, client: usize) {
        let ids: Vec<u64> = self.model.subscriptions.iter().map(|entry| entry.id).collect();
        let own: Vec<u64> = self
            .model
            .subscriptions
            .iter()
            .filter(|entry| entry.clients.contains(&client))
            .map(|entry| entry.id)
            .collect();
        let pool = if self.random.u32(..6) > 0 && !own.is_empty() { own } else { ids };
        let id = self.random.choice(pool).unwrap_or(77);
        let (request, subscription) = (self.request(client), Id::new(id).expect("an id"));
        self.send(client, ClientMessage::Unsubscribe { request, subscription });
        let reply = self.reply(client).expect("UNSUBSCRIBE is answered");
        if self.model.unsubscribe(id, client) {
            assert_eq!((reply.code, reply.id(0)), (35, request.get()));
        } else {
            assert_eq!((reply.code, reply.text(3)), (8, "wamp.error.no_such_subscription"));
        }
        self.count("unsubscribe");
    }

    pub fn publish(&mut self, client: usize) {
        let topic = self.uri();
        let acknowledge = self.random.bool();
        let exclude_me = [None, Some(true), Some(false)][self.random.usize(..3)];
        let selection = (self.random.u32(..3) == 0).then(|| self.selection());
        let request = self.request(client);
        let wanted = self.receivers(client, &topic, exclude_me, selection.as_deref());
        let options = PublishOptions { acknowledge, exclude_me, selection, ..PublishOptions::default() };
        let encoding = self.clients[client].encoding;
        let args = self.signature(client, request);
        let payload = Payload { encoding, args: &args, kwargs: &[] };
        self.send(client, ClientMessage::Publish { request, options, topic: topic.as_str().into(), payload });
        let allowed = self.clients[client].role != "guest";
        let mut got: Vec<_> = std::mem::take(&mut self.world.attempts);
        got.retain(|attempt| attempt.got.code == 36);
        let mut handed: Vec<_> = got.iter().map(|attempt| (attempt.link.0, attempt.got.id(0))).collect();
        handed.sort_unstable();
        assert_eq!(handed, if allowed { wanted } else { Vec::new() }, "PUBLISH {topic}: who gets it");
        match self.reply(client) {
            None => assert!(!acknowledge, "PUB-7"),
            Some(reply) if allowed => {
                assert_eq!((reply.code, reply.id(0)), (17, request.get()));
                assert!(got.iter().all(|attempt| attempt.got.id(1) == reply.id(1)), "PUB-10: one publication id");
            }
            Some(reply) => assert_eq!((acknowledge, reply.text(3)), (true, "wamp.error.not_authorized")),
        }
        self.count("publish");
    }

    pub fn selection(&mut self) -> Box<Selection<'static>> {
        let mut some = |all: &[&'static str]| {
            (self.random.u32(..3) == 0)
                .then(|| all.iter().filter(|_| self.random.bool()).map(|&text| text.into()).collect::<Vec<_>>())
        };
        let (authids, roles) = (["ann", "bob", "cyd"], ["user", "guest"]);
        let mut selection = Selection {
            exclude_authid: some(&authids),
            eligible_authid: some(&authids),
            exclude_authrole: some(&roles),
            eligible_authrole: some(&roles),
            ..Selection::default()
        };
        for list in [&mut selection.exclude, &mut selection.eligible] {
            if self.random.u32(..3) == 0 {
                let sessions = self.alive.iter().filter(|_| self.random.bool());
                *list = Some(sessions.filter_map(|&client| Id::new(self.clients[client].session)).collect());
            }
        }
        Box::new(selection)
    }

    /// Who should get a publication: link and subscription, sorted.
    pub fn receivers(
        &self,
        from: usize,
        topic: &str,
        exclude_me: Option<bool>,
        selection: Option<&Selection<'_>>,
    ) -> Vec<(u64, u64)> {
        let admits = |client: usize| {
            let (this, lists) = (&self.clients[client], selection.cloned().unwrap_or_default());
            let session = Id::new(this.session).expect("an id");
            let within = |list: &Option<Vec<std::borrow::Cow<'_, str>>>, text: &str, absent| {
                list.as_ref().map_or(absent, |list| list.iter().any(|item| item == text))
            };
            (client != from || exclude_me == Some(false))
                && !lists.exclude.is_some_and(|list| list.contains(&session))
                && !within(&lists.exclude_authid, this.authid, false)
                && !within(&lists.exclude_authrole, this.role, false)
                && lists.eligible.is_none_or(|list| list.contains(&session))
                && within(&lists.eligible_authid, this.authid, true)
                && within(&lists.eligible_authrole, this.role, true)
        };
        let mut wanted = Vec::new();
        for entry in self.model.subscriptions.iter().filter(|entry| matches(entry.policy, &entry.uri, topic)) {
            let receivers = entry.clients.iter().filter(|&&client| admits(client));
            wanted.extend(receivers.map(|&client| (self.clients[client].link.0, entry.id)));
        }
        wanted.sort_unstable();
        wanted
    }

    /// Arguments that say who sent a message, and as which of its own.
    pub fn signature(&self, client: usize, request: Id) -> Vec<u8> {
        encode(self.clients[client].encoding, &[Value::Uint(client as u64), Value::Uint(request.get())])
    }

    /// An observer asks for all registrations in parts.
    pub fn begin_stream(&mut self) {
        let idle = |&&client: &&usize| {
            let this = &self.clients[client];
            this.mirror.is_some() && this.stream.is_none()
        };
        let observers: Vec<usize> = self.alive.iter().filter(idle).copied().collect();
        let Some(observer) = self.random.choice(observers) else { return };
        self.realm.flush(self.now, &mut self.world);
        self.pump();
        let request = self.request(observer);
        self.open.insert((observer, request.get()));
        let this = &mut self.clients[observer];
        let before = this.mirror.as_ref().map(|mirror| mirror.registrations.ids()).unwrap_or_default();
        this.stream = Some(crate::history::Stream { request: request.get(), before, told: Default::default() });
        let options = CallOptions { receive_progress: true, ..CallOptions::default() };
        let payload = Payload { encoding: Encoding::Json, args: &[], kwargs: &[] };
        let procedure = "wamp.registration.list".into();
        self.send(observer, ClientMessage::Call { request, options, procedure, payload });
    }
}

fn holds(entry: &Registration, client: usize) -> bool {
    entry.callees.iter().any(|callee| callee.client == client)
}
