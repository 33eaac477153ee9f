//! Who is joined: sessions by key and by session id, and what each of them holds.
//!
//! Invariant: everything a session holds (registrations, subscriptions, calls, invocations) is found from the session
//! itself, so that its departure costs what it held and nothing else.
//!
//! Not here: what is done when one leaves (`departure`).

use std::collections::BTreeSet;
use std::sync::Arc;

use super::chunked::Chunked;
use super::ids::{IdMap, Keyed};
use super::in_flight::InFlight;
use crate::pattern::EntryKey;
use crate::pattern::rules::{Action, RuleSet, Verdict};
use crate::realm::Link;
use crate::wamp::{Disclosure, Features, Id, Peer, Policy};

/// A member of a realm: slot and generation, so that a stale key leads nowhere.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct MemberKey {
    slot: u32,
    generation: u32,
}

impl MemberKey {
    /// The slot alone: enough for what is released before the member's slot is given away.
    pub(super) fn slot(self) -> u32 {
        self.slot
    }
}

/// What answers one of a session's calls.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Pending {
    /// A callee: the call's index.
    Invoked(u32),
    /// The router itself, in parts: the answer's index.
    Streamed(u32),
}

/// One joined session.
pub(super) struct Member {
    /// Its session id.
    pub(super) session: Id,
    /// The way to its connection.
    pub(super) link: Link,
    /// Who it is.
    pub(super) peer: Peer,
    /// What its role may do; `None` is nothing.
    pub(super) rules: Option<Arc<RuleSet>>,
    /// The session is over and is being released: nothing is sent to it, nothing reaches it.
    pub(super) departed: bool,
    /// Its departure is not announced (SSM-11).
    pub(super) silent: bool,
    /// The registrations it serves, in no order; the callee knows its position here.
    pub(super) registrations: Chunked<EntryKey>,
    /// The subscriptions it holds, in no order; the subscriber knows its position here.
    pub(super) subscriptions: Chunked<EntryKey>,
    /// Its calls in flight, by CALL.Request.
    pub(super) calls: InFlight<Pending>,
    /// Progressive calls that ended before their last chunk came: chunks still under way are dropped (PRI-3).
    pub(super) outrun: BTreeSet<u64>,
    /// Calls that wait for its answer, by INVOCATION.Request.
    pub(super) invocations: InFlight<u32>,
    /// How many invocations it was sent: the last INVOCATION.Request (IDS-5).
    pub(super) invoked: u64,
}

impl Member {
    /// Whether it announced the feature.
    #[inline]
    pub(super) fn has(&self, feature: Features) -> bool {
        self.peer.features.has(feature)
    }

    /// What its role says of a request (AZN-1, AZN-8).
    #[inline]
    pub(super) fn judge(&self, action: Action, uri: &str, policy: Policy) -> Verdict {
        self.rules.as_ref().map_or_else(Verdict::default, |rules| rules.judge(action, uri, policy))
    }

    /// How it is named to another session.
    pub(super) fn disclosure(&self) -> Disclosure<'_> {
        Disclosure { session: self.session, authid: &self.peer.authid, authrole: &self.peer.authrole }
    }
}

struct Slot {
    generation: u32,
    member: Option<Box<Member>>,
}

/// All members, by key and by session id.
pub(super) struct Members {
    slots: Vec<Slot>,
    free: Vec<u32>,
    by_session: IdMap<MemberKey>,
    hashes: Keyed,
}

impl Members {
    pub(super) fn new(secret: u64) -> Members {
        let hashes = Keyed::new(secret);
        Members { slots: Vec::new(), free: Vec::new(), by_session: IdMap::with_hasher(hashes), hashes }
    }

    /// Lets a session in under a fresh random id (IDS-2, IDS-8).
    pub(super) fn join(
        &mut self,
        peer: Peer,
        link: Link,
        rules: Option<Arc<RuleSet>>,
        random: &mut fastrand::Rng,
    ) -> MemberKey {
        let session = self.fresh_session(random);
        let member = Member {
            session,
            link,
            peer,
            rules,
            departed: false,
            silent: false,
            registrations: Chunked::default(),
            subscriptions: Chunked::default(),
            calls: InFlight::new(self.hashes),
            outrun: BTreeSet::new(),
            invocations: InFlight::new(self.hashes),
            invoked: 0,
        };
        let slot = self.free.pop().unwrap_or_else(|| {
            self.slots.push(Slot { generation: 0, member: None });
            (self.slots.len() - 1) as u32
        });
        let place = &mut self.slots[slot as usize];
        place.member = Some(Box::new(member));
        let key = MemberKey { slot, generation: place.generation };
        self.by_session.insert(session.get(), key);
        key
    }

    fn fresh_session(&self, random: &mut fastrand::Rng) -> Id {
        loop {
            let session = Id::from_random(random.u64(..));
            if !self.by_session.contains_key(&session.get()) {
                return session;
            }
        }
    }

    /// Forgets a member that holds nothing any more.
    pub(super) fn remove(&mut self, key: MemberKey) -> Option<Box<Member>> {
        self.get(key)?;
        let place = &mut self.slots[key.slot as usize];
        let member = place.member.take()?;
        place.generation = place.generation.wrapping_add(1);
        self.free.push(key.slot);
        self.by_session.remove(&member.session.get());
        Some(member)
    }

    /// The member of a live key, departed ones included.
    #[inline]
    pub(super) fn get(&self, key: MemberKey) -> Option<&Member> {
        let place = self.slots.get(key.slot as usize)?;
        if place.generation == key.generation { place.member.as_deref() } else { None }
    }

    /// The member of a live key, to change.
    #[inline]
    pub(super) fn get_mut(&mut self, key: MemberKey) -> Option<&mut Member> {
        let place = self.slots.get_mut(key.slot as usize)?;
        if place.generation == key.generation { place.member.as_deref_mut() } else { None }
    }

    /// The member of a live key that has not departed.
    #[inline]
    pub(super) fn present(&self, key: MemberKey) -> Option<&Member> {
        self.get(key).filter(|member| !member.departed)
    }

    /// The member in a slot: for callees and subscribers, whose member cannot be forgotten before they are released.
    #[inline]
    pub(super) fn at(&self, slot: u32) -> Option<&Member> {
        self.slots.get(slot as usize)?.member.as_deref()
    }

    /// The member in a slot, to change.
    #[inline]
    pub(super) fn at_mut(&mut self, slot: u32) -> Option<&mut Member> {
        self.slots.get_mut(slot as usize)?.member.as_deref_mut()
    }

    /// The member in a slot, with its key.
    #[inline]
    pub(super) fn entry_at(&self, slot: u32) -> Option<(MemberKey, &Member)> {
        let place = self.slots.get(slot as usize)?;
        place.member.as_deref().map(|member| (MemberKey { slot, generation: place.generation }, member))
    }

    /// The member with this session id, departed ones included until their `on_leave` is told.
    pub(super) fn by_session(&self, session: Id) -> Option<MemberKey> {
        self.by_session.get(&session.get()).copied()
    }

    /// Every member with its key, departed ones included.
    pub(super) fn iter(&self) -> impl Iterator<Item = (MemberKey, &Member)> {
        self.slots.iter().zip(0_u32..).filter_map(|(place, slot)| {
            let member = place.member.as_deref()?;
            Some((MemberKey { slot, generation: place.generation }, member))
        })
    }
}
