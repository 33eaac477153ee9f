//! Calls: made, answered, canceled, continued, timed out.

use banyan::codec::Value;
use banyan::realm::{Now, Refused};
use banyan::wamp::{CallOptions, CancelMode, ClientMessage, Features, Id, Invoke, Payload, Policy, YieldOptions};

use crate::history::{History, encode};
use crate::model::{Call, Choice};
use crate::world::Attempt;

impl History {
    pub fn call(&mut self, client: usize) {
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
    pub fn offered(&mut self, mut call: Call, choice: &Choice) {
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

    pub fn turn(&mut self, registration: u64, joined: u64) {
        if let Some(entry) = self.model.by_id(registration) {
            entry.turn = joined + 1;
        }
    }

    /// A call that a callee works on.
    pub fn live_call(&mut self, able: impl Fn(&History, &Call) -> bool) -> Option<Call> {
        let calls: Vec<Call> = self.model.calls.iter().filter(|call| able(self, call)).cloned().collect();
        self.random.choice(calls)
    }

    /// A callee answers.
    pub fn answer(&mut self) {
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

    pub fn progressed(&mut self, call: &Call) {
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
    pub fn hand_back(&mut self, mut call: Call, payload: Payload<'_>) {
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
    pub fn cancel(&mut self) {
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
    pub fn go_on(&mut self) {
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
    pub fn stray(&mut self, client: usize) {
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
