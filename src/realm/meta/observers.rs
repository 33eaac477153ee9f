//! Who hears of meta events.
//!
//! Observers that hold the same subscriptions, in the same encoding (and, where the realm hides what a role may not
//! use, with the same role) get the same bytes: they form a group, and what a turn brought is encoded once for each.
//!
//! Invariants: a session is in one group or in none; a watch lives while a session holds it; a group while it has
//! members. Joining or leaving costs the same however many observers there are.

use std::collections::HashMap;
use std::sync::Arc;

use super::topic::{Topic, Topics};
use crate::pattern::EntryKey;
use crate::pattern::rules::RuleSet;
use crate::realm::ids::id_of;
use crate::realm::ids::{IdMap, Keyed};
use crate::realm::members::Member;
use crate::realm::{Batch, Link};
use crate::wamp::{Encoding, Id, Policy};

/// Watches there can be: one for each URI and policy that matches a meta topic, of which there are fewer.
const WATCHES: usize = 256;

/// A subscription that matches meta topics, and who holds it.
struct Watch {
    key: EntryKey,
    heard: Heard,
    topics: Topics,
    holders: usize,
}

/// A subscription as EVENTs need it.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) struct Heard {
    /// Its id on the wire.
    pub(super) subscription: Id,
    /// EVENTs on it name their topic (PAT-6).
    pub(super) pattern: bool,
}

/// A set of watches.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub(super) struct Set([u64; WATCHES / 64]);

impl Set {
    fn insert(&mut self, watch: usize) {
        self.0[watch / 64] |= 1 << (watch % 64);
    }

    fn remove(&mut self, watch: usize) {
        self.0[watch / 64] &= !(1 << (watch % 64));
    }

    fn has(&self, watch: usize) -> bool {
        self.0[watch / 64] & 1 << (watch % 64) != 0
    }

    fn is_empty(&self) -> bool {
        self.0 == [0; WATCHES / 64]
    }

    fn iter(self) -> impl Iterator<Item = usize> {
        self.0.into_iter().enumerate().flat_map(|(word, mut bits)| {
            std::iter::from_fn(move || {
                let bit = bits.trailing_zeros() as usize;
                bits &= bits.checked_sub(1)?;
                Some(word * 64 + bit)
            })
        })
    }
}

/// What the members of a group have in common.
#[derive(Clone, PartialEq, Eq, Hash)]
struct Kind {
    encoding: Encoding,
    /// The role, where it decides what is seen.
    role: Option<Arc<str>>,
    set: Set,
}

/// Observers that get the same bytes.
pub(super) struct Group {
    kind: Kind,
    /// What its members may see; `None` for everything.
    pub(super) rules: Option<Arc<RuleSet>>,
    topics: Topics,
    /// By topic, the subscriptions through which it is heard.
    heard: [Vec<Heard>; Topic::ALL.len()],
    /// Events that its members have not been sent yet.
    pub(super) batch: Batch,
    /// Slots of members, and the ways to them.
    seats: Vec<(u32, Link)>,
}

impl Group {
    /// The subscriptions through which it hears of a topic, and where EVENTs on them go.
    #[inline]
    pub(super) fn heard(&mut self, topic: Topic) -> (&[Heard], &mut Batch) {
        (&self.heard[topic as usize], &mut self.batch)
    }

    pub(super) fn links(&self) -> impl DoubleEndedIterator<Item = Link> {
        self.seats.iter().map(|&(_, link)| link)
    }
}

#[derive(Clone, Copy)]
struct Seat {
    group: usize,
    place: usize,
}

/// All observers of a realm.
pub(super) struct Observers {
    /// Groups differ by role.
    by_role: bool,
    /// Topics that anybody observes.
    topics: Topics,
    watches: Vec<Option<Watch>>,
    groups: Vec<Group>,
    vacant: Vec<usize>,
    kinds: HashMap<Kind, usize, Keyed>,
    /// By the slot of the member.
    seats: IdMap<Seat>,
}

impl Observers {
    pub(super) fn new(by_role: bool, secret: u64) -> Observers {
        Observers {
            by_role,
            topics: Topics::default(),
            watches: Vec::new(),
            groups: Vec::new(),
            vacant: Vec::new(),
            kinds: HashMap::with_hasher(Keyed::new(secret)),
            seats: IdMap::with_hasher(Keyed::new(secret)),
        }
    }

    /// Whether anybody observes a topic.
    #[inline]
    pub(super) fn any(&self, topic: Topic) -> bool {
        self.topics.has(topic)
    }

    /// All groups; some may be empty.
    pub(super) fn groups(&mut self) -> impl Iterator<Item = &mut Group> {
        self.groups.iter_mut()
    }

    /// The groups that hear of a topic.
    #[inline]
    pub(super) fn hearing(&mut self, topic: Topic) -> impl Iterator<Item = &mut Group> {
        self.groups.iter_mut().filter(move |group| group.topics.has(topic) && !group.seats.is_empty())
    }

    /// The session now holds this subscription, which matches `topics`.
    pub(super) fn add(&mut self, member: u32, who: &Member, key: EntryKey, policy: Policy, topics: Topics) {
        let watch = self.watch(key, policy, topics);
        let (mut kind, rules) = match self.stand(member) {
            Some((kind, rules, _)) => (kind, rules),
            None => {
                let role = self.by_role.then(|| who.peer.authrole.clone());
                let rules = who.rules.clone().filter(|_| self.by_role);
                (Kind { encoding: who.peer.encoding, role, set: Set::default() }, rules)
            }
        };
        kind.set.insert(watch);
        self.sit(member, who.link, kind, rules);
        self.count();
    }

    /// The session no longer holds this subscription.
    pub(super) fn remove(&mut self, member: u32, key: EntryKey) {
        let Some(watch) = self.find(key) else { return };
        let seat = self.seats.get(&u64::from(member));
        let seated = seat.is_some_and(|seat| self.groups[seat.group].kind.set.has(watch));
        if !seated {
            return;
        }
        if let Some((mut kind, rules, link)) = self.stand(member) {
            kind.set.remove(watch);
            if !kind.set.is_empty() {
                self.sit(member, link, kind, rules);
            }
        }
        self.drop_watch(watch);
        self.count();
    }

    /// The session is gone with all it held.
    pub(super) fn forget(&mut self, member: u32) {
        if let Some((kind, ..)) = self.stand(member) {
            kind.set.iter().for_each(|watch| self.drop_watch(watch));
            self.count();
        }
    }

    fn find(&self, key: EntryKey) -> Option<usize> {
        self.watches.iter().position(|watch| watch.as_ref().is_some_and(|watch| watch.key == key))
    }

    /// Takes a hold of the watch of a subscription.
    fn watch(&mut self, key: EntryKey, policy: Policy, topics: Topics) -> usize {
        if let Some(found) = self.find(key) {
            self.watches[found].iter_mut().for_each(|watch| watch.holders += 1);
            return found;
        }
        let heard = Heard { subscription: id_of(key), pattern: policy != Policy::Exact };
        let watch = Watch { key, heard, topics, holders: 1 };
        let vacant = self.watches.iter().position(Option::is_none).unwrap_or_else(|| {
            self.watches.push(None);
            self.watches.len() - 1
        });
        self.watches[vacant] = Some(watch);
        vacant
    }

    fn drop_watch(&mut self, watch: usize) {
        if let Some(held) = &mut self.watches[watch] {
            held.holders -= 1;
            if held.holders == 0 {
                self.watches[watch] = None;
            }
        }
    }

    /// Takes the session out of its group; the group goes with its last member.
    fn stand(&mut self, member: u32) -> Option<(Kind, Option<Arc<RuleSet>>, Link)> {
        let Seat { group, place } = self.seats.remove(&u64::from(member))?;
        let left = &mut self.groups[group];
        let (_, link) = left.seats.swap_remove(place);
        if let Some((moved, _)) = left.seats.get(place) {
            self.seats.insert(u64::from(*moved), Seat { group, place });
        }
        let (kind, rules) = (left.kind.clone(), left.rules.clone());
        if left.seats.is_empty() {
            (left.seats, left.batch) = (Vec::new(), Batch::new(kind.encoding));
            self.kinds.remove(&kind);
            self.vacant.push(group);
        }
        Some((kind, rules, link))
    }

    fn sit(&mut self, member: u32, link: Link, kind: Kind, rules: Option<Arc<RuleSet>>) {
        let group = match self.kinds.get(&kind) {
            Some(&group) => group,
            None => self.open(kind, rules),
        };
        let joined = &mut self.groups[group];
        self.seats.insert(member.into(), Seat { group, place: joined.seats.len() });
        joined.seats.push((member, link));
    }

    fn open(&mut self, kind: Kind, rules: Option<Arc<RuleSet>>) -> usize {
        let mut topics = Topics::default();
        let mut heard = std::array::from_fn(|_| Vec::new());
        for watch in kind.set.iter().filter_map(|watch| self.watches[watch].as_ref()) {
            topics.extend(watch.topics);
            let own = Topic::ALL.into_iter().filter(|&topic| watch.topics.has(topic));
            own.for_each(|topic| heard[topic as usize].push(watch.heard));
        }
        let batch = Batch::new(kind.encoding);
        let opened = Group { kind: kind.clone(), rules, topics, heard, batch, seats: Vec::new() };
        let group = match self.vacant.pop() {
            Some(group) => {
                self.groups[group] = opened;
                group
            }
            None => {
                self.groups.push(opened);
                self.groups.len() - 1
            }
        };
        self.kinds.insert(kind, group);
        group
    }

    fn count(&mut self) {
        self.topics = Topics::default();
        self.watches.iter().flatten().for_each(|watch| self.topics.extend(watch.topics));
    }
}

#[cfg(test)]
mod tests {
    use super::{Topic, WATCHES};
    use std::collections::BTreeSet;

    /// Every URI and policy that matches a meta topic: there is a watch for each.
    #[test]
    fn there_are_fewer_matching_patterns_than_watches() {
        let topics = Topic::ALL.map(Topic::uri);
        let prefixes: BTreeSet<&str> = topics.iter().flat_map(|uri| (0..=uri.len()).map(|end| &uri[..end])).collect();
        let blanked = |uri: &str, blank: usize| {
            let parts = uri.split('.').enumerate();
            parts.map(|(n, part)| if blank >> n & 1 == 1 { "" } else { part }).collect::<Vec<_>>().join(".")
        };
        let wildcards: BTreeSet<String> =
            topics.iter().flat_map(|uri| (0..8).map(|blank| blanked(uri, blank))).collect();
        assert!(topics.iter().all(|uri| uri.split('.').count() == 3));
        assert!(topics.len() + prefixes.len() + wildcards.len() <= WATCHES);
    }
}
