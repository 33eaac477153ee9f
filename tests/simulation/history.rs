//! The clients of a history, and what they receive.

use std::collections::{BTreeMap, BTreeSet, HashMap, VecDeque};
use std::sync::Arc;

use banyan::codec::{Value, Writer};
use banyan::pattern::rules::{Action, Rule, RuleSet};
use banyan::realm::{Link, MemberKey, Now, Realm, RealmOptions};
use banyan::wamp::{CallOptions, ClientMessage, Encoding, Features, Id, Payload, Peer, Policy};

use crate::mirror::{Mirror, listed};
use crate::model::Model;
use crate::world::{Got, World, number};

/// One session of the history.
pub struct Client {
    pub link: Link,
    pub key: MemberKey,
    pub session: u64,
    pub encoding: Encoding,
    pub features: Features,
    pub authid: &'static str,
    pub role: &'static str,
    /// The connection is broken, and the realm does not know yet.
    pub lost: bool,
    request: u64,
    /// The last INVOCATION.Request it was sent.
    pub invoked: u64,
    /// Invocations it was told to interrupt, by mode.
    interrupted: BTreeSet<(u64, String)>,
    /// Replies to what is no call.
    pub replies: VecDeque<Got>,
    /// Publisher to its last number on anything.
    heard: BTreeMap<(u64, u64), u64>,
    /// Meta subscriptions by id, with the topic where it is exact.
    pub watching: BTreeMap<u64, Option<String>>,
    pub mirror: Option<Mirror>,
    pub stream: Option<Stream>,
}

/// A `wamp.registration.list` that comes in parts.
pub struct Stream {
    pub request: u64,
    /// What was there when it began.
    pub before: BTreeSet<u64>,
    pub told: BTreeSet<u64>,
}

/// How a call ended.
#[derive(Clone, Debug)]
pub struct Final {
    pub caller: usize,
    pub request: u64,
    /// The RESULT, or the error's URI.
    pub outcome: Result<Got, String>,
}

/// One realm and everything around it.
pub struct History {
    pub random: fastrand::Rng,
    pub realm: Realm,
    pub world: World,
    pub model: Model,
    pub clients: Vec<Client>,
    /// Sessions the realm has not been told the end of, observers included.
    pub alive: Vec<usize>,
    pub now: Now,
    pub steps: u64,
    /// Calls that have had no final answer.
    pub open: BTreeSet<(usize, u64)>,
    /// Answers since the step began.
    pub finals: Vec<Final>,
    /// A call is on its way to another callee: no order holds for it.
    pub rerouting: bool,
    pub tally: BTreeMap<&'static str, u64>,
}

impl History {
    pub fn new(seed: u64) -> History {
        let mut random = fastrand::Rng::with_seed(seed);
        let realm = Realm::new(options(), random.u64(..));
        let world = World::new(random.u64(..));
        let now = Now { unix_ms: 1_795_341_031_409, mono_ms: 1 };
        let mut history = History {
            random,
            realm,
            world,
            model: Model::default(),
            clients: Vec::new(),
            alive: Vec::new(),
            now,
            steps: 0,
            open: BTreeSet::new(),
            finals: Vec::new(),
            rerouting: false,
            tally: BTreeMap::new(),
        };
        history.world.fault_rate = 20;
        history
    }

    /// What happened, for whoever wonders whether the history is rich.
    pub fn counts(&self) -> String {
        self.tally.iter().map(|(what, count)| format!("{what} {count}  ")).collect()
    }

    pub fn count(&mut self, what: &'static str) {
        *self.tally.entry(what).or_default() += 1;
    }

    /// A client joins.
    pub fn join(&mut self, role: &'static str, features: Features) -> usize {
        let encoding = Encoding::ALL[self.random.usize(..3)];
        let authid = ["ann", "bob", "cyd"][self.random.usize(..3)];
        let link = self.world.connect(encoding, role == "observer");
        let peer = Peer {
            encoding,
            features,
            authid: authid.into(),
            authrole: role.into(),
            authmethod: "anonymous",
            authprovider: "static",
            transport: "rawsocket",
            address: "unix".into(),
        };
        let key = self.realm.join(self.now, peer, link, &mut self.world);
        let welcome = self.world.receive(link).expect("WELCOME");
        assert_eq!(welcome.code, 2, "WELCOME comes first");
        let session = welcome.id(0);
        assert!(self.alive.iter().all(|&other| self.clients[other].session != session), "IDS-8");
        self.clients.push(Client {
            link,
            key,
            session,
            encoding,
            features,
            authid,
            role,
            lost: false,
            request: 0,
            invoked: 0,
            interrupted: BTreeSet::new(),
            replies: VecDeque::new(),
            heard: BTreeMap::new(),
            watching: BTreeMap::new(),
            mirror: None,
            stream: None,
        });
        self.alive.push(self.clients.len() - 1);
        self.pump();
        self.clients.len() - 1
    }

    /// The next request id of a client.
    pub fn request(&mut self, client: usize) -> Id {
        let client = &mut self.clients[client];
        client.request += 1;
        Id::new(client.request).expect("an id")
    }

    /// One message of a client, and what everybody receives then.
    pub fn send(&mut self, client: usize, message: ClientMessage<'_>) {
        let key = self.clients[client].key;
        let result = self.realm.handle(self.now, key, message, &mut self.world);
        assert!(result.is_ok(), "no client here breaks the protocol: {result:?}");
        self.pump();
    }

    /// The reply to the request that a client just made.
    pub fn reply(&mut self, client: usize) -> Option<Got> {
        let reply = self.clients[client].replies.pop_front();
        assert!(self.clients[client].replies.is_empty(), "one reply to one request");
        reply
    }

    /// Calls a procedure of the router. `write` writes Arguments and says how many they are.
    pub fn ask(&mut self, client: usize, procedure: &str, args: &[Value<'_>]) -> Result<Value<'static>, String> {
        let request = self.request(client);
        let encoded = encode(self.clients[client].encoding, args);
        let payload = Payload { encoding: self.clients[client].encoding, args: &encoded, kwargs: &[] };
        self.open.insert((client, request.get()));
        self.finals.clear();
        let options = CallOptions::default();
        self.send(client, ClientMessage::Call { request, options, procedure: procedure.into(), payload });
        match self.finals.iter().find(|done| (done.caller, done.request) == (client, request.get())) {
            Some(Final { outcome: Ok(got), .. }) => Ok(got.list(2).first().cloned().unwrap_or(Value::Null)),
            Some(Final { outcome: Err(error), .. }) => Err(error.clone()),
            None => panic!("{procedure} is answered at once"),
        }
    }

    /// Everybody reads what they were sent.
    pub fn pump(&mut self) {
        for index in 0..self.alive.len() {
            let client = self.alive[index];
            while let Some(got) = self.world.receive(self.clients[client].link) {
                self.receive(client, got);
            }
        }
    }

    fn receive(&mut self, client: usize, got: Got) {
        match got.code {
            6 => {}
            8 if got.id(0) == 48 => self.finish_call(client, got.id(1), Err(got.text(3).to_owned())),
            35 if got.id(0) == 0 => self.revoked(client, Features::SUBSCRIBER_REVOCATION),
            67 if got.id(0) == 0 => self.revoked(client, Features::CALLEE_REVOCATION),
            8 | 17 | 33 | 35 | 65 | 67 => self.clients[client].replies.push_back(got),
            36 => self.event(client, &got),
            50 if *got.entry(1, "progress") == Value::Bool(true) => self.progress(client, &got),
            50 => {
                self.progress(client, &got);
                self.finish_call(client, got.id(0), Ok(got));
            }
            68 => self.invocation(client, &got),
            69 => self.interrupt(client, &got),
            code => panic!("no client expects {code}"),
        }
    }

    fn revoked(&mut self, client: usize, feature: Features) {
        assert!(self.clients[client].features.has(feature), "LIM-7, PSX-3: only to who announced it");
        self.count("revoked");
    }

    fn finish_call(&mut self, caller: usize, request: u64, outcome: Result<Got, String>) {
        assert!(
            self.open.remove(&(caller, request)),
            "RPC-6: one final answer to call {request} of {caller}: {outcome:?}"
        );
        self.finals.push(Final { caller, request, outcome });
    }

    /// A progressive result, or the last part of one.
    fn progress(&mut self, client: usize, got: &Got) {
        let request = got.id(0);
        assert!(self.open.contains(&(client, request)), "RPC-6: nothing follows the final answer");
        let this = &mut self.clients[client];
        if let Some(stream) = this.stream.as_mut().filter(|stream| stream.request == request) {
            let part = listed(&got.list(2)[0]);
            let known = this.mirror.as_ref().map(|mirror| mirror.registrations.ids()).unwrap_or_default();
            assert!(part.is_subset(&known), "a part tells what is there, at its own moment");
            stream.told.extend(part);
            if *got.entry(1, "progress") != Value::Bool(true) {
                let stayed: BTreeSet<u64> = stream.before.intersection(&known).copied().collect();
                assert!(stayed.is_subset(&stream.told), "all that stayed from first to last part are told");
                this.stream = None;
                self.count("streamed");
            }
        }
    }

    fn invocation(&mut self, client: usize, got: &Got) {
        let request = got.id(0);
        let continues = self.model.calls.iter().any(|call| call.callee == client && call.invocation == request);
        let this = &mut self.clients[client];
        if !continues {
            assert_eq!(request, this.invoked + 1, "IDS-5");
            this.invoked = request;
        }
        let from = got.list(3);
        if !self.rerouting {
            self.in_order(client, number(&from[0]), 68, number(&from[1]));
        }
    }

    fn interrupt(&mut self, client: usize, got: &Got) {
        let mode = crate::world::text(got.entry(1, "mode")).to_owned();
        let this = &mut self.clients[client];
        assert!(this.features.has(Features::CALLEE_CANCELING), "CAN-5");
        assert!(got.id(0) <= this.invoked, "an interrupt follows its invocation");
        assert!(this.interrupted.insert((got.id(0), mode)), "one interrupt of a kind");
    }

    fn event(&mut self, client: usize, got: &Got) {
        let subscription = got.id(0);
        if let Some(exact) = self.clients[client].watching.get(&subscription) {
            assert!(matches!(got.entry(2, "publisher"), Value::Null), "D-21");
            let topic = match exact {
                Some(topic) => topic.clone(),
                None => crate::world::text(got.entry(2, "topic")).to_owned(),
            };
            if let Some(mirror) = &mut self.clients[client].mirror {
                mirror.apply(&topic, got);
            }
            return;
        }
        // PUB-5: none for a subscription it does not hold.
        let holds = |entry: &&crate::model::Subscription| entry.id == subscription && entry.clients.contains(&client);
        let entry = self.model.subscriptions.iter().find(holds).expect("an EVENT for a subscription that is held");
        assert_eq!(entry.policy == Policy::Exact, matches!(got.entry(2, "topic"), Value::Null), "PAT-6");
        let from = got.list(3);
        self.in_order(client, number(&from[0]), subscription, number(&from[1]));
    }

    /// ORD-1, ORD-2: what one peer sends to another arrives in order.
    fn in_order(&mut self, receiver: usize, sender: u64, kind: u64, number: u64) {
        let last = self.clients[receiver].heard.entry((sender, kind)).or_default();
        assert!(*last < number, "{sender} to {receiver}: {number} after {last}");
        *last = number;
    }

    /// The realm was told, or decided, that a session is over.
    pub fn departed(&mut self, client: usize) {
        self.alive.retain(|&other| other != client);
        self.open.retain(|&(caller, _)| caller != client);
        let waiting = self.model.leave(client);
        self.pump();
        for call in waiting {
            self.ended(call.caller, call.request, &["wamp.error.canceled"]);
            self.forget_call(call.caller, call.request);
        }
    }

    pub fn forget_call(&mut self, caller: usize, request: u64) {
        self.model.calls.retain(|call| (call.caller, call.request) != (caller, request));
    }

    /// The call must have ended in this step with one of these errors; with none of them, with a RESULT. A caller whose
    /// connection is broken hears nothing.
    pub fn ended(&mut self, caller: usize, request: u64, errors: &[&str]) {
        if self.clients[caller].lost || !self.alive.contains(&caller) {
            self.open.remove(&(caller, request));
            return;
        }
        let done = self.finals.iter().find(|done| (done.caller, done.request) == (caller, request));
        let done = done.unwrap_or_else(|| panic!("call {request} of {caller} has no answer, wanted {errors:?}"));
        match &done.outcome {
            Ok(_) => assert!(errors.is_empty(), "a result, not {errors:?}"),
            Err(error) => assert!(errors.contains(&error.as_str()), "{error}, not {errors:?}"),
        }
    }
}

/// Arguments in an encoding.
pub fn encode(encoding: Encoding, args: &[Value<'_>]) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut writer = Writer::new(encoding, &mut bytes);
    writer.begin_list(args.len());
    for arg in args {
        match arg {
            Value::Uint(number) => writer.uint(*number),
            Value::Text(text) => writer.text(text),
            Value::Map(pairs) => {
                writer.begin_map(pairs.len());
                for (key, value) in pairs {
                    writer.text(key);
                    match value {
                        Value::Text(text) => writer.text(text),
                        other => panic!("not needed here: {other:?}"),
                    }
                }
                writer.end_map();
            }
            other => panic!("not needed here: {other:?}"),
        }
    }
    writer.end_list();
    bytes
}

fn options() -> RealmOptions {
    use Action::{Call, Publish, Register, Subscribe};
    let rule = |uri: &str, allow: &[Action]| Rule {
        uri: uri.into(),
        policy: Policy::Prefix,
        allow: allow.to_vec(),
        disclose_caller: false,
        disclose_publisher: false,
    };
    let all = [Register, Call, Subscribe, Publish];
    let observer = RuleSet::compile(vec![rule("", &all), rule("wamp.", &all)]);
    let user = RuleSet::compile(vec![rule("", &all), rule("wamp.", &[])]);
    let guest = RuleSet::compile(vec![rule("", &[Call, Subscribe]), rule("wamp.", &[])]);
    let roles = [("observer", observer), ("user", user), ("guest", guest)];
    RealmOptions {
        agent: "simulation".into(),
        roles: roles.into_iter().map(|(role, rules)| (role.into(), Arc::new(rules))).collect::<HashMap<_, _>>(),
        ..RealmOptions::named("realm1")
    }
}
