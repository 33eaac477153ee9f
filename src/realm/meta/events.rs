//! Meta events: encoded as they happen, sent in batches.
//!
//! ```text
//!  a change --emit--> nobody observes the topic: one branch, nothing kept
//!               \---> encoded once for each group of observers --flush--> one batch for each of them
//! ```
//!
//! Invariants: an observer gets the events of all its topics in the order of the changes (ORD-7), each once for every
//! subscription of its own that matches. Whoever changes who observes, or answers from the state of the realm, flushes
//! first: so nobody is sent an event from before its SUBSCRIBED, and an answer contains exactly the changes whose
//! events its receiver got before it.
//!
//! Not here: which changes there are (`dealer`, `broker`, `members`), the meta procedures.
//! Spec: "Session Meta API", "Registration Meta API", "Subscription Meta API".

use super::observers::{Group, Observers};
use super::stencil::{Facts, Kind, Stencils};
use super::topic::{Topic, Topics};
use crate::codec::{self, Writer};
use crate::pattern::EntryKey;
use crate::pattern::rules::{Action, RuleSet};
use crate::realm::members::Member;
use crate::realm::{Batch, Effects, RealmOptions};
use crate::wamp::{EventDetails, Id, Invoke, Payload, Peer, Policy, RouterMessage};

/// A change that observers hear of. Ids are those at the time of the event (MTA-5).
#[derive(Clone, Copy, Debug)]
pub(in crate::realm) enum Event<'a> {
    /// `wamp.registration.on_create` (RMA-1).
    RegistrationCreated { session: Id, id: Id, created: u64, uri: &'a str, policy: Policy, invoke: Invoke },
    /// `wamp.registration.on_register` (RMA-2).
    RegistrationJoined { session: Id, id: Id, uri: &'a str, policy: Policy },
    /// `wamp.registration.on_unregister` (RMA-3).
    RegistrationLeft { session: Id, id: Id, uri: &'a str, policy: Policy },
    /// `wamp.registration.on_delete` (RMA-4).
    RegistrationDeleted { session: Id, id: Id, uri: &'a str, policy: Policy },
    /// `wamp.subscription.on_create` (SMA-1).
    SubscriptionCreated { session: Id, id: Id, created: u64, uri: &'a str, policy: Policy },
    /// `wamp.subscription.on_subscribe` (SMA-2).
    SubscriptionJoined { session: Id, id: Id, uri: &'a str, policy: Policy },
    /// `wamp.subscription.on_unsubscribe` (SMA-3).
    SubscriptionLeft { session: Id, id: Id, uri: &'a str, policy: Policy },
    /// `wamp.subscription.on_delete` (SMA-4).
    SubscriptionDeleted { session: Id, id: Id, uri: &'a str, policy: Policy },
    /// `wamp.session.on_join` (SSM-1).
    SessionJoined { session: Id, peer: &'a Peer },
    /// `wamp.session.on_leave` (SSM-2).
    SessionLeft { session: Id, peer: &'a Peer },
}

impl<'a> Event<'a> {
    pub(super) const fn topic(&self) -> Topic {
        match self {
            Event::RegistrationCreated { .. } => Topic::RegistrationCreated,
            Event::RegistrationJoined { .. } => Topic::RegistrationJoined,
            Event::RegistrationLeft { .. } => Topic::RegistrationLeft,
            Event::RegistrationDeleted { .. } => Topic::RegistrationDeleted,
            Event::SubscriptionCreated { .. } => Topic::SubscriptionCreated,
            Event::SubscriptionJoined { .. } => Topic::SubscriptionJoined,
            Event::SubscriptionLeft { .. } => Topic::SubscriptionLeft,
            Event::SubscriptionDeleted { .. } => Topic::SubscriptionDeleted,
            Event::SessionJoined { .. } => Topic::SessionJoined,
            Event::SessionLeft { .. } => Topic::SessionLeft,
        }
    }

    /// What it says of a registration or subscription; of a session, that one.
    fn about(&self, publication: Id) -> About<'a> {
        let (created, invoke) = match *self {
            Event::RegistrationCreated { created, invoke, .. } => (Some(created), invoke),
            Event::SubscriptionCreated { created, .. } => (Some(created), Invoke::default()),
            _ => (None, Invoke::default()),
        };
        let (session, id, uri, policy) = match *self {
            Event::RegistrationCreated { session, id, uri, policy, .. }
            | Event::RegistrationJoined { session, id, uri, policy }
            | Event::RegistrationLeft { session, id, uri, policy }
            | Event::RegistrationDeleted { session, id, uri, policy }
            | Event::SubscriptionCreated { session, id, uri, policy, .. }
            | Event::SubscriptionJoined { session, id, uri, policy }
            | Event::SubscriptionLeft { session, id, uri, policy }
            | Event::SubscriptionDeleted { session, id, uri, policy } => (session, id, uri, policy),
            Event::SessionJoined { session, peer } | Event::SessionLeft { session, peer } => {
                return About::Session(session, peer);
            }
        };
        About::Entry(Facts { publication, session, id, created, uri, policy, invoke })
    }
}

/// What an event is about.
enum About<'a> {
    Session(Id, &'a Peer),
    Entry(Facts<'a>),
}

/// Observers, and the events they have not been sent yet.
pub(in crate::realm) struct Meta {
    observers: Observers,
    encoder: Encoder,
    /// Draws the ids of publications.
    random: fastrand::Rng,
    /// Bytes of the longest batch, and of all batches together.
    longest: usize,
    gathered: usize,
    /// Empty batches that have memory.
    spares: Vec<Batch>,
}

/// What a realm chose of the form of events.
#[derive(Clone, Copy)]
struct Form {
    /// Events about registrations and subscriptions carry `uri` and `match` as kwargs.
    kwargs: bool,
    /// `on_leave` names the session alone (D-19).
    bare_leave: bool,
}

/// What events are encoded with.
struct Encoder {
    form: Form,
    args: Vec<u8>,
    stencils: Stencils,
}

/// Bytes of one group's events from which on [`Meta::is_full`]: what is sent then lies in the caches.
const FULL: usize = 128 * 1024;
/// The same of all groups' events.
const FULL_IN_ALL: usize = 16 * FULL;
/// Spare batches that are kept, and how long the longest of them is.
const SPARES: usize = 8;
const LONGEST_SPARE: usize = 2 * FULL;

impl Meta {
    pub(in crate::realm) fn new(options: &RealmOptions, random: &mut fastrand::Rng) -> Meta {
        let form = Form { kwargs: options.meta_event_kwargs, bare_leave: options.compat_on_leave };
        Meta {
            observers: Observers::new(options.meta_visibility, random.u64(..)),
            encoder: Encoder { form, args: Vec::new(), stencils: Stencils::new() },
            random: random.fork(),
            longest: 0,
            gathered: 0,
            spares: Vec::new(),
        }
    }

    /// Tells of a change. With no observer it costs one branch; `router_no_meta_events` compiles even that out, so
    /// that benches can tell what it is.
    #[inline]
    pub(in crate::realm) fn emit(&mut self, event: Event<'_>) {
        if !cfg!(router_no_meta_events) && self.observers.any(event.topic()) {
            self.tell(&event);
        }
    }

    /// Encodes an event for everyone who hears of it and may see it.
    #[inline(never)]
    fn tell(&mut self, event: &Event<'_>) {
        let topic = event.topic();
        // One id for all who hear of it (PUB-10).
        let publication = Id::from_random(self.random.u64(..));
        let about = event.about(publication);
        for group in self.observers.hearing(topic) {
            if group.batch.bytes.capacity() == 0
                && let Some(spare) = self.spares.pop()
            {
                group.batch = Batch { encoding: group.batch.encoding, ..spare };
            }
            let before = group.batch.bytes.len();
            match &about {
                About::Session(session, peer) => self.encoder.session(topic, *session, peer, publication, group),
                About::Entry(facts) => self.encoder.entry(topic, facts, group),
            }
            self.gathered += group.batch.bytes.len() - before;
            self.longest = self.longest.max(group.batch.bytes.len());
        }
    }

    /// Whether so much is gathered that it should be flushed before the turn ends.
    #[inline]
    pub(in crate::realm) fn is_full(&self) -> bool {
        !cfg!(router_no_meta_events) && (self.longest >= FULL || self.gathered >= FULL_IN_ALL)
    }

    /// The session now holds this subscription, which matches `topics`. A pattern counts only where the role may
    /// subscribe to all of the router's names (PAT-8, D-22). Flush first.
    pub(in crate::realm) fn observe(
        &mut self,
        member: u32,
        who: &Member,
        key: EntryKey,
        policy: Policy,
        topics: Topics,
    ) {
        if policy == Policy::Exact || who.judge(Action::Subscribe, "wamp.", Policy::Prefix).allowed {
            self.observers.add(member, who, key, policy, topics);
        }
    }

    /// The session no longer holds this subscription. Flush first.
    pub(in crate::realm) fn unobserve(&mut self, member: u32, key: EntryKey) {
        self.observers.remove(member, key);
    }

    /// The session is gone: it hears of nothing any more.
    pub(in crate::realm) fn forget(&mut self, member: u32) {
        self.observers.forget(member);
    }

    /// Sends what was gathered: one batch to each observer.
    #[inline]
    pub(in crate::realm) fn flush(&mut self, out: &mut dyn Effects) {
        if self.gathered > 0 {
            self.send(out);
        }
    }

    fn send(&mut self, out: &mut dyn Effects) {
        (self.longest, self.gathered) = (0, 0);
        for group in self.observers.groups().filter(|group| !group.batch.ends.is_empty()) {
            let encoding = group.batch.encoding;
            let mut batch = std::mem::replace(&mut group.batch, Batch::new(encoding));
            // A refusal is counted where it happens, and the policy for slow consumers decides what follows.
            let mut links = group.links();
            let last = links.next_back();
            links.for_each(|link| _ = out.send_batch(link, &batch));
            last.into_iter().for_each(|link| _ = out.hand_over(link, &mut batch));
            if self.spares.len() < SPARES && batch.bytes.capacity() <= LONGEST_SPARE {
                batch.clear();
                self.spares.push(batch);
            }
        }
    }
}

impl Encoder {
    /// Appends the EVENTs about a registration or subscription.
    #[inline]
    fn entry(&mut self, topic: Topic, facts: &Facts<'_>, group: &mut Group) {
        if group.rules.as_ref().is_some_and(|rules| !may_see(rules, topic, facts)) {
            return;
        }
        let (heard, batch) = group.heard(topic);
        let &Facts { policy, invoke, .. } = facts;
        for &heard in heard {
            let kind = Kind { encoding: batch.encoding, topic, heard, policy, invoke, kwargs: self.form.kwargs };
            batch.begin_message();
            self.stencils.write(&kind, facts, &mut batch.bytes);
            batch.end_message();
        }
    }

    /// Appends the EVENTs of a session that joined or left.
    fn session(&mut self, topic: Topic, session: Id, peer: &Peer, publication: Id, group: &mut Group) {
        let (heard, batch) = group.heard(topic);
        let encoding = batch.encoding;
        self.args.clear();
        write_session(topic, session, peer, self.form, &mut Writer::new(encoding, &mut self.args));
        for heard in heard {
            let message = RouterMessage::Event {
                subscription: heard.subscription,
                publication,
                details: EventDetails { topic: heard.pattern.then(|| topic.uri()), ..EventDetails::default() },
                payload: Payload { encoding, args: &self.args, kwargs: &[] },
            };
            batch.begin_message();
            codec::encode(encoding, &message, &mut batch.bytes);
            batch.end_message();
        }
    }
}

/// Whether a role sees an event about a registration or subscription: only where it may use the URI itself.
fn may_see(rules: &RuleSet, topic: Topic, facts: &Facts<'_>) -> bool {
    let actions = match topic {
        Topic::SubscriptionCreated
        | Topic::SubscriptionJoined
        | Topic::SubscriptionLeft
        | Topic::SubscriptionDeleted => [Action::Subscribe, Action::Publish],
        _ => [Action::Call, Action::Register],
    };
    actions.into_iter().any(|action| rules.judge(action, facts.uri, facts.policy).allowed)
}

/// The positional arguments of SSM-1 and SSM-2.
fn write_session(topic: Topic, session: Id, peer: &Peer, form: Form, writer: &mut Writer<'_>) {
    if topic == Topic::SessionLeft && form.bare_leave {
        writer.begin_list(1);
        writer.uint(session.get());
    } else if topic == Topic::SessionLeft {
        writer.begin_list(3);
        writer.uint(session.get());
        writer.text(&peer.authid);
        writer.text(&peer.authrole);
    } else {
        writer.begin_list(1);
        super::session::write_details(writer, session, peer);
    }
    writer.end_list();
}
