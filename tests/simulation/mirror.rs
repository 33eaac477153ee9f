//! What an observer knows: a mirror of the realm, kept from meta events alone.
//!
//! It follows one rule: an answer contains exactly the changes whose events arrived before it. So what an answer says
//! of an entry replaces what was known, every later event changes it, and none may say what is known already.

use std::collections::{BTreeMap, BTreeSet};

use banyan::codec::Value;

use crate::world::{Got, get, number, numbers, text};

/// A registration or subscription as an observer knows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    pub uri: String,
    pub policy: String,
    pub invoke: Option<String>,
    pub created: String,
    pub sessions: BTreeSet<u64>,
}

impl Entry {
    /// From the details dict of an event or answer.
    pub fn of(details: &Value<'static>) -> (u64, Entry) {
        let field = |key| text(get(details, key)).to_owned();
        let invoke = match get(details, "invoke") {
            Value::Null => None,
            word => Some(text(word).to_owned()),
        };
        let (uri, policy, created) = (field("uri"), field("match"), field("created"));
        (number(get(details, "id")), Entry { uri, policy, invoke, created, sessions: BTreeSet::new() })
    }
}

/// All registrations, or all subscriptions.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Side {
    pub entries: BTreeMap<u64, Entry>,
    /// The list has been asked for: it contains what happened before.
    pub listed: bool,
    /// Listed, and not asked for yet: their answers will contain what happens until then.
    pub unfetched: BTreeSet<u64>,
}

impl Side {
    /// Every id that is known to exist.
    pub fn ids(&self) -> BTreeSet<u64> {
        self.entries.keys().chain(&self.unfetched).copied().collect()
    }

    fn apply(&mut self, change: &str, event: &Got) {
        if !self.listed {
            return;
        }
        let args = event.list(3);
        let session = number(&args[0]);
        if change == "on_create" {
            let (id, entry) = Entry::of(&args[1]);
            named(event, &entry);
            assert!(!self.unfetched.contains(&id), "on_create of what was listed: {args:?}");
            assert!(self.entries.insert(id, entry).is_none(), "on_create twice: {args:?}");
            return;
        }
        let id = number(&args[1]);
        if self.unfetched.contains(&id) {
            if change == "on_delete" {
                self.unfetched.remove(&id);
            }
            return;
        }
        let entry = self.entries.get_mut(&id).unwrap_or_else(|| panic!("{change} before on_create: {args:?}"));
        named(event, entry);
        match change {
            "on_register" | "on_subscribe" => assert!(entry.sessions.insert(session), "{change} twice: {args:?}"),
            "on_unregister" | "on_unsubscribe" => {
                assert!(entry.sessions.remove(&session), "{change} of a session that was not there: {args:?}");
            }
            "on_delete" => {
                assert!(entry.sessions.is_empty(), "RMA-4, SMA-4: on_delete while {:?} remain", entry.sessions);
                self.entries.remove(&id);
            }
            other => panic!("no such change: {other}"),
        }
    }
}

/// The state of a realm as told by its events.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Mirror {
    pub registrations: Side,
    pub subscriptions: Side,
    pub sessions: BTreeSet<u64>,
}

impl Mirror {
    /// Applies one EVENT of the topic `topic`.
    ///
    /// # Panics
    /// Where the event contradicts what was told before: a gap or a double.
    pub fn apply(&mut self, topic: &str, event: &Got) {
        let args = event.list(3);
        match topic.strip_prefix("wamp.").and_then(|rest| rest.split_once('.')) {
            Some(("session", "on_join")) => {
                assert!(self.sessions.insert(number(get(&args[0], "session"))), "{topic} twice: {args:?}");
            }
            Some(("session", "on_leave")) => {
                assert_eq!(args.len(), 3, "SSM-2");
                let session = number(&args[0]);
                assert!(self.sessions.remove(&session), "{topic} of an unknown session: {args:?}");
                let mut held = self.registrations.entries.values().chain(self.subscriptions.entries.values());
                assert!(held.all(|entry| !entry.sessions.contains(&session)), "ORD-8: {topic} comes last");
            }
            Some(("registration", change)) => self.registrations.apply(change, event),
            Some(("subscription", change)) => self.subscriptions.apply(change, event),
            _ => panic!("no meta topic: {topic}"),
        }
    }
}

/// The kwargs say what the mirror knows.
fn named(event: &Got, entry: &Entry) {
    assert_eq!(text(event.entry(4, "uri")), entry.uri);
    assert_eq!(text(event.entry(4, "match")), entry.policy);
}

/// The ids of a `list` answer, all policies together.
pub fn listed(answer: &Value<'static>) -> BTreeSet<u64> {
    ["exact", "prefix", "wildcard"].into_iter().flat_map(|policy| numbers(get(answer, policy))).collect()
}
