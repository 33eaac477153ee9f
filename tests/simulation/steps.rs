//! What may happen in a step, and what must follow at once.

use banyan::codec::Value;
use banyan::realm::{Now, Refused};
use banyan::wamp::{
    CallOptions, CancelMode, ClientMessage, Encoding, Features, Id, Invoke, Payload, Policy, PublishOptions,
    RegisterOptions, Selection, SubscribeOptions, YieldOptions,
};

use crate::history::{History, encode};
use crate::model::{Call, Callee, Choice, Registration, Subscription, matches};
use crate::world::Attempt;

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
    fn anybody(&mut self) -> Option<usize> {
        let able = |&&client: &&usize| self.clients[client].role != "observer" && !self.clients[client].lost;
        let able: Vec<usize> = self.alive.iter().filter(able).copied().collect();
        self.random.choice(able)
    }

    fn uri(&mut self) -> String {
        let count = self.random.usize(1..4);
        let parts: Vec<&str> = (0..count).map(|_| WORDS[self.random.usize(..WORDS.len())]).collect();
        parts.join(".")
    }

    fn pattern(&mut self) -> (Policy, String) {
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
    fn come(&mut self) {
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
    fn go(&mut self, client: usize) {
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

    fn register(&mut self, client: usize) {
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
    fn expect_register(
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

    fn registered(&mut self, client: usize, uri: &str, options: &RegisterOptions, known: Option<u64>, id: u64) {
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
    fn register_many(&mut self, client: usize) {
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

    fn unregister(&mut self, client: usize) {
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

    fn subscribe(&mut self, client: usize) {
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

    fn unsubscribe(&mut self, client: usize) {
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

    fn publish(&mut self, client: usize) {
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

    fn selection(&mut self) -> Box<Selection<'static>> {
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
    fn receivers(
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
    fn signature(&self, client: usize, request: Id) -> Vec<u8> {
        encode(self.clients[client].encoding, &[Value::Uint(client as u64), Value::Uint(request.get())])
    }

    fn call(&mut self, client: usize) {
        let mut procedure = self.uri();
        let exact: Vec<_> = self.model.registrations.iter().filter(|it| it.policy == Policy::Exact).collect();
        if self.random.bool()
            && let Some(known) = self.random.choice(exact)
        {
            procedure.clone_from(&known.uri);
        }
        let timeout = if self.random.u32(..4) == 0 { self.random.u64(1..60) } else { 0 };
        let (receive_progress, progress) = (self.random.bool(), self.random.u32(..6) == 0);
        let options = CallOptions { timeout, receive_progress, progress, ..CallOptions::default() };
        let best = self.model.best(&procedure).map(|index| self.model.registrations[index].clone());
        let choice = best.as_ref().map_or(Choice::Nobody, |best| self.model.choose(best, &[]));
        let request = self.request(client);
        let args = self.signature(client, request);
        let payload = Payload { encoding: self.clients[client].encoding, args: &args, kwargs: &[] };
        self.open.insert((client, request.get()));
        self.send(client, ClientMessage::Call { request, options, procedure: procedure.as_str().into(), payload });
        let call = Call {
            caller: client,
            request: request.get(),
            registration: best.map_or(0, |best| best.id),
            callee: 0,
            joined: 0,
            invocation: 0,
            receive_progress,
            open: progress,
            procedure,
            timeout,
            deadline: (timeout > 0).then_some(self.now.mono_ms + timeout),
            killed: false,
            progressed: false,
            tried: Vec::new(),
        };
        self.offered(call, &choice);
        self.count("call");
    }

    /// A call was offered to a registration: to whom it went, or how it ended.
    fn offered(&mut self, mut call: Call, choice: &Choice) {
        let mut attempts: Vec<Attempt> = std::mem::take(&mut self.world.attempts);
        attempts.retain(|attempt| attempt.got.code == 68);
        let (caller, request) = (call.caller, call.request);
        if let (Choice::OneOf(chosen), [one]) = (choice, &chosen_one(choice)[..]) {
            debug_assert_eq!(chosen.len(), 1);
            self.turn(call.registration, *one);
        }
        let Some(attempt) = attempts.pop() else {
            let error = match choice {
                Choice::OneOf(_) => "wamp.error.feature_not_supported",
                Choice::Full => "crossbar.error.max_concurrency_reached",
                Choice::Nobody if call.tried.is_empty() => "wamp.error.no_such_procedure",
                Choice::Nobody => "wamp.error.no_available_callee",
            };
            assert!(
                error != "wamp.error.feature_not_supported" || call.open,
                "PRI-2: only progressive calls need more"
            );
            return self.ended(caller, request, &[error]);
        };
        assert!(attempts.is_empty(), "one callee for one call");
        assert_eq!(attempt.got.id(1), call.registration, "RPP-2: the best registration");
        let callee = self.alive.iter().find(|&&client| self.clients[client].link == attempt.link);
        call.callee = *callee.expect("a callee that is there");
        let entry = self.model.by_id(call.registration).expect("it is known");
        let seat = entry.callees.iter().find(|seat| seat.client == call.callee).expect("a callee of the registration");
        call.joined = seat.joined;
        call.invocation = attempt.got.id(0);
        let Choice::OneOf(chosen) = choice else { panic!("nobody should be invoked: {choice:?}") };
        assert!(chosen.contains(&call.joined), "SHR-5: {} of {chosen:?}", call.joined);
        self.turn(call.registration, call.joined);
        match attempt.refused {
            None => self.model.calls.push(call),
            Some(Refused::Full) => self.ended(caller, request, &["wamp.error.network_failure"]),
            Some(Refused::TooLarge) => self.ended(caller, request, &["wamp.error.payload_size_exceeded"]),
            Some(Refused::Gone) => self.ended(caller, request, &["wamp.error.canceled"]),
        }
    }

    fn turn(&mut self, registration: u64, joined: u64) {
        if let Some(entry) = self.model.by_id(registration) {
            entry.turn = joined + 1;
        }
    }

    /// A call that a callee works on.
    fn live_call(&mut self, able: impl Fn(&History, &Call) -> bool) -> Option<Call> {
        let calls: Vec<Call> = self.model.calls.iter().filter(|call| able(self, call)).cloned().collect();
        self.random.choice(calls)
    }

    /// A callee answers.
    fn answer(&mut self) {
        let Some(call) = self.live_call(|history, call| !history.clients[call.callee].lost) else { return };
        let (callee, request) = (call.callee, Id::new(call.invocation).expect("an id"));
        let encoding = self.clients[callee].encoding;
        let args = encode(encoding, &[Value::Text("done".into())]);
        let payload = Payload { encoding, args: &args, kwargs: &[] };
        let kinds = if self.clients[call.caller].lost { 7 } else { 10 };
        match self.random.u32(..kinds) {
            0..3 => {
                let options = YieldOptions { progress: true, passthru: None };
                self.send(callee, ClientMessage::Yield { request, options, payload });
                self.progressed(&call);
            }
            3..6 => {
                self.send(callee, ClientMessage::Yield { request, options: YieldOptions::default(), payload });
                self.forget_call(call.caller, call.request);
                let failed = self.finals.iter().any(|done| done.outcome.is_err());
                let errors: &[&str] = if failed { &["wamp.error.payload_size_exceeded"] } else { &[] };
                self.ended(call.caller, call.request, errors);
            }
            6 => {
                self.send(callee, error(request, "com.myapp.broken", payload));
                self.forget_call(call.caller, call.request);
                self.ended(call.caller, call.request, &["com.myapp.broken"]);
            }
            _ => self.hand_back(call, payload),
        }
        self.count("answer");
    }

    fn progressed(&mut self, call: &Call) {
        if !call.receive_progress {
            assert!(self.finals.is_empty(), "PRG-3");
            return;
        }
        let lost = self.clients[call.caller].lost;
        if lost || !self.finals.is_empty() {
            // Too long for the caller, or a caller that is gone and does not read.
            self.forget_call(call.caller, call.request);
            return self.ended(call.caller, call.request, &["wamp.error.payload_size_exceeded"]);
        }
        let now = self.now.mono_ms;
        let found =
            self.model.calls.iter_mut().find(|other| (other.caller, other.request) == (call.caller, call.request));
        let live = found.expect("it goes on");
        live.progressed = true;
        live.deadline = live.deadline.map(|_| now + live.timeout);
    }

    /// `wamp.error.unavailable`: another callee, or nobody (CID-6).
    fn hand_back(&mut self, mut call: Call, payload: Payload<'_>) {
        let feature = self.clients[call.callee].features.has(Features::CALLEE_REROUTE);
        let request = Id::new(call.invocation).expect("an id");
        let reroutes = feature && !call.progressed && !call.killed;
        self.forget_call(call.caller, call.request);
        call.tried.push(call.joined);
        let entry = self.model.by_id(call.registration).cloned();
        // A registration that is gone, or single, has nobody else; a progressive call is not kept for another.
        let again = entry.filter(|entry| entry.invoke != Invoke::Single);
        let choice = again.map_or(Choice::Nobody, |entry| self.model.choose(&entry, &call.tried));
        self.rerouting = true;
        self.send(call.callee, error(request, "wamp.error.unavailable", payload));
        self.rerouting = false;
        if !reroutes {
            return self.ended(call.caller, call.request, &["wamp.error.unavailable"]);
        }
        let moved = self.world.attempts.iter().any(|attempt| attempt.got.code == 68);
        let refused = self
            .finals
            .iter()
            .any(|done| matches!(&done.outcome, Err(error) if error == "wamp.error.no_available_callee"));
        if !moved && refused {
            return self.ended(call.caller, call.request, &["wamp.error.no_available_callee"]);
        }
        self.offered(call, &choice);
        self.count("reroute");
    }

    /// A caller cancels, or asks to cancel what is over.
    fn cancel(&mut self) {
        let Some(call) = self.live_call(|history, call| !history.clients[call.caller].lost) else { return };
        let mode = [CancelMode::Skip, CancelMode::Kill, CancelMode::KillNoWait][self.random.usize(..3)];
        let request = Id::new(call.request).expect("an id");
        self.send(call.caller, ClientMessage::Cancel { request, mode: Some(mode) });
        let can = self.clients[call.callee].features.has(Features::CALLEE_CANCELING);
        if mode == CancelMode::Kill && can {
            assert!(self.finals.is_empty(), "CAN-3: the callee's answer is awaited");
            let live =
                self.model.calls.iter_mut().find(|other| (other.caller, other.request) == (call.caller, call.request));
            live.expect("it goes on").killed = true;
        } else {
            self.forget_call(call.caller, call.request);
            self.ended(call.caller, call.request, &["wamp.error.canceled"]);
        }
        self.count("cancel");
    }

    /// The next chunk of a progressive call.
    fn go_on(&mut self) {
        let Some(call) = self.live_call(|history, call| call.open && !history.clients[call.caller].lost) else {
            return;
        };
        let progress = self.random.bool();
        let request = Id::new(call.request).expect("an id");
        let number = self.request(call.caller);
        let args = self.signature(call.caller, number);
        let payload = Payload { encoding: self.clients[call.caller].encoding, args: &args, kwargs: &[] };
        let options = CallOptions { progress, ..CallOptions::default() };
        let procedure = call.procedure.as_str().into();
        self.send(call.caller, ClientMessage::Call { request, options, procedure, payload });
        let attempts = self.world.attempts.iter().filter(|attempt| attempt.got.code == 68).collect::<Vec<_>>();
        let refused = match attempts[..] {
            [one] => {
                assert_eq!((one.got.id(0), one.got.id(1)), (call.invocation, call.registration), "PRI-1");
                one.refused
            }
            [] => {
                assert!(call.killed, "every chunk goes to the callee");
                None
            }
            _ => panic!("one callee for one chunk"),
        };
        match refused {
            None => {
                let live = self
                    .model
                    .calls
                    .iter_mut()
                    .find(|other| (other.caller, other.request) == (call.caller, call.request));
                live.expect("it goes on").open = progress;
            }
            Some(refused) => {
                self.forget_call(call.caller, call.request);
                let error = match refused {
                    Refused::Full => "wamp.error.network_failure",
                    Refused::TooLarge => "wamp.error.payload_size_exceeded",
                    Refused::Gone => "wamp.error.canceled",
                };
                self.ended(call.caller, call.request, &[error]);
            }
        }
        self.count("chunk");
    }

    /// Time passes: calls time out, departures and long answers go on.
    pub fn pass_time(&mut self) {
        let elapsed = self.random.u64(..25);
        self.now = Now { unix_ms: self.now.unix_ms + elapsed, mono_ms: self.now.mono_ms + elapsed };
        let now = self.now.mono_ms;
        self.realm.flush(self.now, &mut self.world);
        self.realm.tick(self.now, &mut self.world);
        self.pump();
        let due: Vec<Call> = self
            .model
            .calls
            .iter()
            .filter(|call| call.deadline.is_some_and(|deadline| deadline <= now))
            .cloned()
            .collect();
        for call in due {
            self.forget_call(call.caller, call.request);
            self.ended(call.caller, call.request, &["wamp.error.timeout"]);
            self.count("timeout");
        }
    }

    /// Answers and requests that come too late change nothing (PRO-3, PRO-4, PRO-7).
    fn stray(&mut self, client: usize) {
        let invoked = self.clients[client].invoked;
        if invoked == 0 {
            return;
        }
        let old = self.random.u64(1..=invoked);
        let in_flight = self.model.calls.iter().any(|call| (call.callee, call.invocation) == (client, old));
        if in_flight {
            return;
        }
        let (encoding, request) = (self.clients[client].encoding, Id::new(old).expect("an id"));
        let payload = Payload { encoding, args: &[], kwargs: &[] };
        let options = YieldOptions { progress: self.random.bool(), passthru: None };
        self.send(client, ClientMessage::Yield { request, options, payload });
        let request = self.request(client);
        self.send(client, ClientMessage::Cancel { request, mode: None });
        assert!(self.finals.is_empty() && self.world.attempts.is_empty());
        self.count("stray");
    }

    /// An administrator steps in.
    fn intervene(&mut self) {
        let observers: Vec<usize> =
            self.alive.iter().filter(|&&client| self.clients[client].role == "observer").copied().collect();
        let Some(observer) = self.random.choice(observers) else { return };
        match self.random.u32(..12) {
            0..5 => self.remove_callee(observer),
            5..9 => self.remove_subscriber(observer),
            _ => self.kill(observer),
        }
    }

    fn remove_callee(&mut self, observer: usize) {
        let registrations: Vec<Registration> = self.model.registrations.iter().take(50).cloned().collect();
        let Some(entry) = self.random.choice(registrations) else { return };
        let Some(client) = self.anybody() else { return };
        let client = if self.random.u32(..4) > 0 { entry.callees[0].client } else { client };
        let args = [Value::Uint(entry.id), Value::Uint(self.clients[client].session)];
        let name = ["wamp.registration.remove_callee", "wamp.subscription.remove_callee"][self.random.usize(..2)];
        let answer = self.ask(observer, name, &args);
        let removed = self.model.unregister(entry.id, client);
        let wanted = if removed { Ok(Value::Null) } else { Err("wamp.error.no_such_registration".to_owned()) };
        assert_eq!(answer, wanted, "RMA-15");
        self.count("remove_callee");
    }

    fn remove_subscriber(&mut self, observer: usize) {
        let subscriptions: Vec<Subscription> = self.model.subscriptions.clone();
        let Some(entry) = self.random.choice(subscriptions) else { return };
        let Some(client) = self.anybody() else { return };
        let client = if self.random.u32(..4) > 0 { entry.clients[0] } else { client };
        let args = [Value::Uint(entry.id), Value::Uint(self.clients[client].session)];
        let answer = self.ask(observer, "wamp.subscription.remove_subscriber", &args);
        let removed = self.model.unsubscribe(entry.id, client);
        let wanted = if removed { Ok(Value::Null) } else { Err("wamp.error.no_such_subscription".to_owned()) };
        assert_eq!(answer, wanted, "SMA-11");
        self.count("remove_subscriber");
    }

    fn kill(&mut self, observer: usize) {
        let others: Vec<usize> = self.alive.iter().filter(|&&client| client != observer).copied().collect();
        let Some(victim) = self.random.choice(others.clone()) else { return };
        let this = &self.clients[victim];
        let (session, authid, role) = (this.session, this.authid, this.role);
        let (name, args, victims): (_, Vec<Value<'_>>, Vec<usize>) = match self.random.u32(..10) {
            0 => ("wamp.session.kill_all", vec![], others),
            1 => {
                let same = |&client: &usize| self.clients[client].authid == authid;
                (
                    "wamp.session.kill_by_authid",
                    vec![Value::Text(authid.into())],
                    others.into_iter().filter(same).collect(),
                )
            }
            2 => {
                let same = |&client: &usize| self.clients[client].role == role;
                (
                    "wamp.session.kill_by_authrole",
                    vec![Value::Text(role.into())],
                    others.into_iter().filter(same).collect(),
                )
            }
            3 => {
                let own = self.clients[observer].session;
                let answer = self.ask(observer, "wamp.session.kill", &[Value::Uint(own)]);
                assert_eq!(answer, Err("wamp.error.no_such_session".to_owned()), "SSM-8");
                return;
            }
            _ => ("wamp.session.kill", vec![Value::Uint(session)], vec![victim]),
        };
        let silent = name == "wamp.session.kill_all";
        let answer = self.ask(observer, name, &args).expect("it is allowed");
        if silent {
            // SSM-11: no event tells of these, so an observer learns of them as the one who asked does.
            let sessions: Vec<u64> = victims.iter().map(|&client| self.clients[client].session).collect();
            let mirrors = self.clients.iter_mut().filter_map(|client| client.mirror.as_mut());
            mirrors.for_each(|mirror| mirror.sessions.retain(|session| !sessions.contains(session)));
        }
        let mut dismissed = std::mem::take(&mut self.world.dismissed);
        dismissed.sort_unstable_by_key(|link| link.0);
        let links: Vec<_> = victims.iter().map(|&client| self.clients[client].link).collect();
        assert_eq!(dismissed, links, "{name}: GOODBYE to each");
        match &answer {
            Value::Null => {}
            Value::Uint(count) => assert_eq!(*count, victims.len() as u64, "SSM-11"),
            Value::List(_) => {
                let mut sessions: Vec<u64> = victims.iter().map(|&client| self.clients[client].session).collect();
                let mut told = crate::world::numbers(&answer);
                sessions.sort_unstable();
                told.sort_unstable();
                assert_eq!(told, sessions, "SSM-9, SSM-10");
            }
            other => panic!("{name} answers {other:?}"),
        }
        // They went in the realm's own order: none of them hears of another.
        self.alive.retain(|client| !victims.contains(client));
        for victim in victims {
            self.departed(victim);
        }
        self.count("kill");
    }

    /// An observer asks for all registrations in parts.
    fn begin_stream(&mut self) {
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

/// The callee that must get the call, where it can be only one.
fn chosen_one(choice: &Choice) -> Vec<u64> {
    match choice {
        Choice::OneOf(chosen) if chosen.len() == 1 => chosen.clone(),
        _ => Vec::new(),
    }
}

fn error<'a>(request: Id, error: &'a str, payload: Payload<'a>) -> ClientMessage<'a> {
    ClientMessage::Error { request, passthru: None, error: error.into(), payload }
}
