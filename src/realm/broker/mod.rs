//! Subscriptions: who gets this event.
//!
//! Invariants: a subscription lives from its first subscriber to its last; a subscriber stands in the subscription and
//! in its member's list, each knowing its place in the other; every change is told to [`Meta`] as it happens, in
//! order. SUBSCRIBED precedes the first EVENT of a subscription and nothing follows its UNSUBSCRIBED (PUB-5). What is
//! published is handed out at once, so a receiver gets what one publisher sends in order, on all topics (ORD-1).
//!
//! Here: SUBSCRIBE, UNSUBSCRIBE and revocation. `publish` is PUBLISH, `selection` its receiver lists, `subscription`
//! the lists of subscribers. Not here: the procedures that look at subscriptions, meta events (`meta`).
//! Spec: "Publish and Subscribe", "Pattern-based Subscription", "Subscription Revocation".

mod publish;
mod selection;
mod subscription;

pub(super) use self::subscription::Subscription;

use self::publish::Copies;
use self::subscription::Subscriber;
use super::dealer::MOST_WILDCARD_WORK;
use super::errors::{Failure, refuse};
use super::ids::id_of;
use super::members::{Member, Members};
use super::meta::{Event, Meta, Topics};
use super::{Effects, MemberKey, Now, Realm};
use crate::pattern::rules::Action;
use crate::pattern::{EntryKey, PatternMap};
use crate::wamp::{ErrorUri, Features, Id, Policy, RequestType, Revocation, RouterMessage, SubscribeOptions, uri};

/// All subscriptions of a realm.
pub(super) struct Broker {
    /// By topic and policy; the key is the subscription id.
    pub(super) subscriptions: PatternMap<Subscription>,
    /// How many of them, by policy, are to the router's own topics: nobody is told of these (MTA-6).
    reserved: [usize; Policy::ALL.len()],
    /// Subscribers of all subscriptions.
    subscribers: usize,
    copies: Copies,
}

impl Broker {
    pub(super) fn new(seed: u64) -> Broker {
        let (subscriptions, reserved) = (PatternMap::new(seed), [0; Policy::ALL.len()]);
        Broker { subscriptions, reserved, subscribers: 0, copies: Copies::new() }
    }

    /// How many subscriptions of one policy there are, those to the router's own topics left out.
    pub(super) fn count(&self, policy: Policy) -> usize {
        self.subscriptions.len(policy) - self.reserved[policy as usize]
    }

    /// The ticket of a member on a subscription; `None` where either is not.
    pub(super) fn ticket(&self, subscription: EntryKey, member: MemberKey) -> Option<u64> {
        self.subscriptions.get(subscription)?.ticket_of(member.slot())
    }

    /// Puts a member on a subscription, and creates that for the first one: `true`.
    fn attach(
        &mut self,
        key: MemberKey,
        member: &mut Member,
        policy: Policy,
        topic: &str,
        now: Now,
    ) -> (EntryKey, bool) {
        let subscriber = Subscriber { member: key.slot(), position: member.subscriptions.len() as u32 };
        let inserted = self.subscriptions.insert(policy, topic, Subscription::new(now.unix_ms, subscriber));
        let (entry, created) = match inserted {
            Ok(entry) => (entry, true),
            Err(entry) => (entry, false),
        };
        if created {
            self.reserved[policy as usize] += usize::from(uri::is_reserved(topic));
        } else if let Some(subscription) = self.subscriptions.get_mut(entry) {
            subscription.join(subscriber);
        }
        member.subscriptions.push(entry);
        self.subscribers += 1;
        (entry, created)
    }

    /// Takes a subscriber off its subscription, and the subscription away with its last one, and tells it (SMA-3,
    /// SMA-4).
    fn detach(&mut self, members: &mut Members, meta: &mut Meta, key: EntryKey, ticket: u64) {
        let Some(entry) = self.subscriptions.entry(key) else { return };
        let Some(&subscriber) = entry.value.subscriber(ticket) else { return };
        let Some(member) = members.at_mut(subscriber.member) else { return };
        let last = entry.value.count() == 1;
        let (session, id, uri, policy) = (member.session, id_of(key), entry.uri, entry.policy);
        meta.unobserve(subscriber.member, key);
        if uri::is_reserved(uri) {
            self.reserved[policy as usize] -= usize::from(last);
        } else {
            meta.emit(Event::SubscriptionLeft { session, id, uri, policy });
            if last {
                meta.emit(Event::SubscriptionDeleted { session, id, uri, policy });
            }
        }
        self.subscribers -= 1;
        member.subscriptions.swap_remove(subscriber.position as usize);
        let moved = member.subscriptions.get(subscriber.position as usize).copied();
        if last {
            self.subscriptions.remove(key);
        } else if let Some(subscription) = self.subscriptions.get_mut(key) {
            subscription.leave(ticket);
        }
        if let Some(subscription) = moved.and_then(|moved| self.subscriptions.get_mut(moved)) {
            subscription.reposition(subscriber.member, subscriber.position);
        }
    }

    /// Releases up to `budget` subscriptions of a departed member; how many it were.
    pub(super) fn release(
        &mut self,
        members: &mut Members,
        meta: &mut Meta,
        member: MemberKey,
        budget: usize,
    ) -> usize {
        for released in 0..budget {
            let last = members.get(member).and_then(|member| member.subscriptions.last().copied());
            let Some(key) = last else { return released };
            match self.ticket(key, member) {
                Some(ticket) => self.detach(members, meta, key, ticket),
                None => return released,
            }
        }
        budget
    }

    /// Whether holding this subscription makes a session an observer of meta events.
    fn is_observing(&self, key: EntryKey) -> bool {
        let entry = self.subscriptions.entry(key);
        entry.is_some_and(|entry| !Topics::matched_by(entry.policy, entry.uri).is_empty())
    }
}

impl Realm {
    /// SUBSCRIBE (PUB-1, PUB-2, PAT-1).
    pub(super) fn subscribe(
        &mut self,
        now: Now,
        from: MemberKey,
        request: Id,
        options: SubscribeOptions,
        topic: &str,
        out: &mut dyn Effects,
    ) {
        let Some(member) = self.members.present(from) else { return };
        match self.may_subscribe(from, member, options.policy, topic) {
            Ok(None) => self.add_subscriber(now, from, request, options.policy, topic, out),
            Ok(Some(held)) => {
                let _ = out.send(member.link, &RouterMessage::Subscribed { request, subscription: id_of(held) });
            }
            Err(failure) => refuse(member, RequestType::Subscribe, request, &failure, out),
        }
    }

    /// Whether the session may hold this subscription; the subscription, if it holds it already (PUB-2).
    fn may_subscribe(
        &self,
        from: MemberKey,
        member: &Member,
        policy: Policy,
        topic: &str,
    ) -> Result<Option<EntryKey>, Failure> {
        if !self.options.uris.allow(topic, policy) {
            return Err(Failure::invalid_uri("the topic is no valid URI under this match policy"));
        }
        if !member.judge(Action::Subscribe, topic, policy).allowed {
            return Err(Failure::not_authorized_for(policy));
        }
        let found = self.broker.subscriptions.find(policy, topic);
        let held = found.filter(|&key| self.broker.ticket(key, from).is_some());
        let new_pattern = found.is_none() && policy == Policy::Wildcard;
        if new_pattern && self.broker.subscriptions.wildcard_work(topic) > MOST_WILDCARD_WORK {
            return Err(Failure::limit(
                "patterns with wildcards at so many different places are more than a realm takes",
            ));
        }
        if held.is_none() && member.subscriptions.len() >= self.options.limits.subscriptions {
            return Err(Failure::limit("this session holds as many subscriptions as a session may"));
        }
        if held.is_none() && self.broker.subscribers >= self.options.limits.subscriptions_in_all {
            return Err(Failure::limit("the sessions of this realm hold as many subscriptions as a realm may"));
        }
        Ok(held)
    }

    fn add_subscriber(
        &mut self,
        now: Now,
        from: MemberKey,
        request: Id,
        policy: Policy,
        uri: &str,
        out: &mut dyn Effects,
    ) {
        let observed = Topics::matched_by(policy, uri);
        if !observed.is_empty() {
            self.meta.flush(out);
        }
        let Realm { broker, members, meta, .. } = self;
        let Some(member) = members.get_mut(from) else { return };
        let (key, created) = broker.attach(from, member, policy, uri, now);
        let (id, session) = (id_of(key), member.session);
        let _ = out.send(member.link, &RouterMessage::Subscribed { request, subscription: id });
        if !observed.is_empty() {
            meta.observe(from.slot(), member, key, policy, observed);
        }
        if uri::is_reserved(uri) {
            return;
        }
        if created {
            meta.emit(Event::SubscriptionCreated { session, id, created: now.unix_ms, uri, policy });
        }
        meta.emit(Event::SubscriptionJoined { session, id, uri, policy });
    }

    /// UNSUBSCRIBE (PUB-3, PUB-4).
    pub(super) fn unsubscribe(&mut self, from: MemberKey, request: Id, subscription: Id, out: &mut dyn Effects) {
        let key = EntryKey::from_id(subscription.get());
        let held = key.and_then(|key| Some((key, self.broker.ticket(key, from)?)));
        let Some((key, ticket)) = held else {
            let Some(member) = self.members.present(from) else { return };
            let failure = Failure::new(ErrorUri::NoSuchSubscription, "this session does not hold such a subscription");
            return refuse(member, RequestType::Unsubscribe, request, &failure, out);
        };
        self.end_subscription(key, ticket, out);
        if let Some(member) = self.members.present(from) {
            let _ = out.send(member.link, &RouterMessage::Unsubscribed { request });
        }
    }

    /// Takes a subscriber off at somebody else's request: `wamp.subscription.remove_subscriber` (SMA-11, PSX-2, PSX-3).
    /// Returns whether the member was a subscriber.
    pub(super) fn remove_subscriber(
        &mut self,
        subscription: EntryKey,
        subscriber: MemberKey,
        reason: &str,
        out: &mut dyn Effects,
    ) -> bool {
        let Some(ticket) = self.broker.ticket(subscription, subscriber) else { return false };
        self.end_subscription(subscription, ticket, out);
        if let Some(member) = self.members.present(subscriber)
            && member.has(Features::SUBSCRIBER_REVOCATION)
            && self.options.notify_unsubscribed
        {
            let details = Revocation { id: id_of(subscription), reason };
            let _ = out.send(member.link, &RouterMessage::UnsubscribedRevoked { details });
        }
        true
    }

    /// Ends a subscription of one session. Where that was an observer, it is first sent what happened before.
    fn end_subscription(&mut self, key: EntryKey, ticket: u64, out: &mut dyn Effects) {
        if self.broker.is_observing(key) {
            self.meta.flush(out);
        }
        let Realm { broker, members, meta, .. } = self;
        broker.detach(members, meta, key, ticket);
    }
}
