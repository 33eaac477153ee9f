//! What must hold between steps: the realm's answers are what its observers know, and what the model says.

use std::collections::{BTreeMap, BTreeSet};

use banyan::codec::Value;
use banyan::wamp::{ClientMessage, Features, Policy, SubscribeOptions};

use crate::history::History;
use crate::mirror::{Entry, Mirror, Side, listed};
use crate::model::{matches, rank};
use crate::world::{number, numbers};

/// Observers there should be.
const OBSERVERS: usize = 3;

impl History {
    /// Observers that were killed are replaced; one now and then leaves and comes again.
    pub fn keep_observers(&mut self) {
        let mut observers: Vec<usize> = self.observers();
        if observers.len() == OBSERVERS && self.random.u32(..20) == 0 {
            let leaver = observers.remove(0);
            self.world.end(self.clients[leaver].link);
            self.realm.leave(self.now, self.clients[leaver].key, &mut self.world);
            self.departed(leaver);
        }
        if observers.len() < OBSERVERS {
            self.observe();
        }
    }

    fn observers(&self) -> Vec<usize> {
        self.alive.iter().filter(|&&client| self.clients[client].role == "observer").copied().collect()
    }

    /// A session subscribes to all meta topics, one way or another, and takes stock while others go on.
    fn observe(&mut self) {
        let observer = self.join("observer", Features::default());
        match self.random.u32(..3) {
            0 => {
                for topic in TOPICS {
                    self.watch(observer, Policy::Exact, topic);
                }
            }
            1 => self.watch(observer, Policy::Prefix, "wamp."),
            _ => self.watch(observer, Policy::Wildcard, "wamp.."),
        }
        self.count("observer");
        if self.take_stock(observer).is_some() {
            self.clients[observer].mirror.iter().for_each(|mirror| {
                assert!(mirror.registrations.unfetched.is_empty() && mirror.subscriptions.unfetched.is_empty());
            });
        }
    }

    fn watch(&mut self, observer: usize, policy: Policy, topic: &str) {
        let options = SubscribeOptions { policy, ..SubscribeOptions::default() };
        let request = self.request(observer);
        self.send(observer, ClientMessage::Subscribe { request, options, topic: topic.to_owned().into() });
        let reply = self.reply(observer).expect("SUBSCRIBE is answered");
        assert_eq!((reply.code, reply.id(0)), (33, request.get()), "{reply:?}");
        let exact = (policy == Policy::Exact).then(|| topic.to_owned());
        self.clients[observer].watching.insert(reply.id(1), exact);
    }

    /// Builds a mirror by the documented rule. `None` if the observer was killed meanwhile.
    fn take_stock(&mut self, observer: usize) -> Option<()> {
        let sessions = numbers(&self.ask(observer, "wamp.session.list", &[]).ok()?).into_iter().collect();
        self.clients[observer].mirror = Some(Mirror { sessions, ..Mirror::default() });
        for kind in [Kind::Registration, Kind::Subscription] {
            let all = listed(&self.ask(observer, &kind.procedure("list"), &[]).ok()?);
            *kind.side(self.clients[observer].mirror.as_mut()?) =
                Side { listed: true, unfetched: all, ..Side::default() };
            loop {
                if self.random.u32(..4) == 0 {
                    self.act();
                }
                if !self.alive.contains(&observer) {
                    return None;
                }
                let Some(&id) = kind.side(self.clients[observer].mirror.as_mut()?).unfetched.first() else { break };
                self.fetch(observer, kind, id);
            }
        }
        Some(())
    }

    /// One entry: its details, and who holds it. Both are of one moment, as nothing happens between the two calls.
    fn fetch(&mut self, observer: usize, kind: Kind, id: u64) {
        let details = self.ask(observer, &kind.procedure("get"), &[Value::Uint(id)]);
        let holders = self.ask(observer, &kind.procedure(kind.holders()), &[Value::Uint(id)]);
        let Some(mirror) = self.clients[observer].mirror.as_mut() else { return };
        let side = kind.side(mirror);
        if !side.unfetched.remove(&id) {
            assert!(details.is_err(), "on_delete came before the answer");
            return;
        }
        let (known, mut entry) = Entry::of(&details.expect("it is there, as no on_delete said otherwise"));
        assert_eq!(known, id);
        entry.sessions = numbers(&holders.expect("as above")).into_iter().collect();
        side.entries.insert(id, entry);
    }

    /// Asks the realm through a random observer, and compares the answers with what it knows, and that with the model.
    pub fn check(&mut self) {
        let observers = self.observers();
        let Some(observer) = self.random.choice(observers) else { return };
        for kind in [Kind::Registration, Kind::Subscription] {
            self.check_kind(observer, kind);
        }
        let sessions = numbers(&self.ask(observer, "wamp.session.list", &[]).expect("allowed"));
        let sessions: BTreeSet<u64> = sessions.into_iter().collect();
        assert_eq!(Some(&sessions), self.clients[observer].mirror.as_ref().map(|mirror| &mirror.sessions));
        let count = self.ask(observer, "wamp.session.count", &[]).expect("allowed");
        assert_eq!(number(&count), sessions.len() as u64);
        assert!(self.alive.iter().all(|&client| sessions.contains(&self.clients[client].session)));
        self.check_model(observer);
        self.count("check");
    }

    fn side(&mut self, observer: usize, kind: Kind) -> Side {
        kind.side(self.clients[observer].mirror.as_mut().expect("observers have a mirror")).clone()
    }

    fn check_kind(&mut self, observer: usize, kind: Kind) {
        let list = listed(&self.ask(observer, &kind.procedure("list"), &[]).expect("allowed"));
        let side = self.side(observer, kind);
        assert_eq!(list, side.ids(), "{kind:?}: the list is what the events told");
        let counts = self.ask(observer, &kind.procedure("count"), &[]).expect("allowed");
        let total: u64 =
            Policy::ALL.into_iter().map(|policy| number(crate::world::get(&counts, policy.as_str()))).sum();
        assert_eq!(total, list.len() as u64);
        let ids: Vec<u64> = list.into_iter().collect();
        let few = (0..ids.len().min(4)).map(|_| ids[self.random.usize(..ids.len())]).collect::<Vec<_>>();
        for id in few {
            let (_, mut entry) =
                Entry::of(&self.ask(observer, &kind.procedure("get"), &[Value::Uint(id)]).expect("listed"));
            let holders =
                numbers(&self.ask(observer, &kind.procedure(kind.holders()), &[Value::Uint(id)]).expect("listed"));
            entry.sessions = holders.iter().copied().collect();
            assert_eq!(holders.len(), entry.sessions.len(), "nobody twice");
            assert_eq!(Some(&entry), side.entries.get(&id), "{kind:?} {id}");
        }
        self.check_matching(observer, kind, &side);
    }

    /// `match` and `lookup`, against a search from end to end.
    fn check_matching(&mut self, observer: usize, kind: Kind, side: &Side) {
        let uri = ["a", "a.b", "b.cc", "a.b.cc", "cc.cc.a", "x"][self.random.usize(..6)];
        let answer = self.ask(observer, &kind.procedure("match"), &[Value::Text(uri.into())]).expect("allowed");
        let told = if answer == Value::Null { Vec::new() } else { numbers(&answer) };
        let policy = |entry: &Entry| Policy::from_wire(&entry.policy).expect("RMA-5");
        let mut wanted: Vec<_> =
            side.entries.iter().filter(|(_, entry)| matches(policy(entry), &entry.uri, uri)).collect();
        wanted.sort_by_key(|(_, entry)| std::cmp::Reverse(rank(policy(entry), &entry.uri)));
        let wanted: Vec<u64> = wanted.into_iter().map(|(&id, _)| id).collect();
        assert_eq!(told, wanted, "{kind:?}: match {uri}");
        let word = Policy::ALL[self.random.usize(..3)].as_str();
        let options = Value::Map(vec![("match".into(), Value::Text(word.into()))]);
        let answer =
            self.ask(observer, &kind.procedure("lookup"), &[Value::Text(uri.into()), options]).expect("allowed");
        let found = side.entries.iter().find(|(_, entry)| entry.uri == uri && entry.policy == word);
        assert_eq!(answer, found.map_or(Value::Null, |(&id, _)| Value::Uint(id)), "{kind:?}: lookup {uri} {word}");
    }

    /// The mirror without those who departed and are still being released is the model.
    fn check_model(&mut self, observer: usize) {
        let Some(mirror) = &self.clients[observer].mirror else { return };
        let session = |&client: &usize| self.clients[client].session;
        let alive: BTreeSet<u64> = self.alive.iter().map(session).collect();
        let known = |side: &Side| {
            let present = |(&id, entry): (&u64, &Entry)| {
                let sessions: BTreeSet<u64> = entry.sessions.intersection(&alive).copied().collect();
                (!sessions.is_empty()).then(|| (id, (entry.policy.clone(), entry.uri.clone(), sessions)))
            };
            side.entries.iter().filter_map(present).collect::<BTreeMap<_, _>>()
        };
        let registrations = self.model.registrations.iter().map(|entry| {
            let sessions = entry.callees.iter().map(|callee| session(&callee.client)).collect();
            (entry.id, (entry.policy.as_str().to_owned(), entry.uri.clone(), sessions))
        });
        assert_eq!(known(&mirror.registrations), registrations.collect(), "registrations");
        let subscriptions = self.model.subscriptions.iter().map(|entry| {
            (
                entry.id,
                (entry.policy.as_str().to_owned(), entry.uri.clone(), entry.clients.iter().map(session).collect()),
            )
        });
        assert_eq!(known(&mirror.subscriptions), subscriptions.collect(), "subscriptions");
        let invokes = self.model.registrations.iter().map(|entry| (entry.id, entry.invoke.as_str()));
        for (id, invoke) in invokes {
            assert_eq!(mirror.registrations.entries[&id].invoke.as_deref(), Some(invoke), "RMA-5");
        }
    }

    /// Ends the history: everybody but an observer leaves, and nothing remains.
    pub fn finish(&mut self) {
        self.finals.clear();
        self.world.fault_rate = 0;
        self.keep_observers();
        for client in self.alive.clone() {
            if self.clients[client].role != "observer" {
                self.finals.clear();
                self.world.end(self.clients[client].link);
                self.realm.leave(self.now, self.clients[client].key, &mut self.world);
                self.departed(client);
            }
        }
        while self.realm.next_deadline().is_some() {
            self.pass_time();
        }
        assert!(self.model.calls.is_empty() && self.open.is_empty(), "RPC-6: {:?}", self.open);
        self.check();
        for observer in self.observers() {
            let mirror = self.clients[observer].mirror.as_ref().expect("observers have a mirror");
            assert!(mirror.registrations.entries.is_empty(), "nothing is left: {:?}", mirror.registrations);
            assert_eq!(mirror.sessions, self.alive.iter().map(|&client| self.clients[client].session).collect());
        }
    }
}

#[derive(Clone, Copy, Debug)]
enum Kind {
    Registration,
    Subscription,
}

impl Kind {
    fn procedure(self, name: &str) -> String {
        match self {
            Kind::Registration => format!("wamp.registration.{name}"),
            Kind::Subscription => format!("wamp.subscription.{name}"),
        }
    }

    fn holders(self) -> &'static str {
        match self {
            Kind::Registration => "list_callees",
            Kind::Subscription => "list_subscribers",
        }
    }

    fn side(self, mirror: &mut Mirror) -> &mut Side {
        match self {
            Kind::Registration => &mut mirror.registrations,
            Kind::Subscription => &mut mirror.subscriptions,
        }
    }
}

const TOPICS: [&str; 10] = [
    "wamp.registration.on_create",
    "wamp.registration.on_register",
    "wamp.registration.on_unregister",
    "wamp.registration.on_delete",
    "wamp.subscription.on_create",
    "wamp.subscription.on_subscribe",
    "wamp.subscription.on_unsubscribe",
    "wamp.subscription.on_delete",
    "wamp.session.on_join",
    "wamp.session.on_leave",
];
