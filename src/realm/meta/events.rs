//! Meta events: gathered as they happen, sent in batches.
//!
//! ```text
//!  a change --emit--> nobody observes the topic: one branch, nothing kept
//!               \---> a record --flush--> encoded once per group of observers --> one batch for each of them
//! ```
//!
//! Invariants: an observer gets the events of all its topics in the order of the changes (ORD-7), each once for every
//! subscription of its own that matches. Whoever changes who observes, or answers from the state of the realm, flushes
//! first: so nobody is sent an event from before its SUBSCRIBED, and an answer contains exactly the changes whose
//! events its receiver got before it.
//!
//! Not here: which changes there are (`dealer`, `broker`, `members`), the meta procedures.
//! Spec: "Session Meta API", "Registration Meta API", "Subscription Meta API".

use super::observers::{Group, Heard, Observers};
use super::pending::{Pending, Record, Subject, Text};
use super::stencil::{Facts, Kind, Stencils};
use super::topic::{Topic, Topics};
use crate::codec::{self, Writer};
use crate::pattern::EntryKey;
use crate::pattern::rules::{Action, RuleSet};
use crate::realm::members::Member;
use crate::realm::{Batch, Effects, RealmOptions};
use crate::wamp::{Encoding, EventDetails, Id, Invoke, Payload, Peer, Policy, RouterMessage};

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

impl Event<'_> {
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
}

/// Observers, and the events they have not been sent yet.
pub(in crate::realm) struct Meta {
    observers: Observers,
    pending: Pending,
    scratch: Scratch,
    form: Form,
}

/// What a realm chose of the form of events.
#[derive(Clone, Copy)]
struct Form {
    /// Events about registrations and subscriptions carry `uri` and `match` as kwargs.
    kwargs: bool,
    /// `on_leave` names the session alone (D-19).
    bare_leave: bool,
}

/// What a flush encodes into and with.
struct Scratch {
    batch: Batch,
    args: Vec<u8>,
    stencils: Stencils,
}

/// A batch larger than this is not kept.
const KEPT: usize = 1024 * 1024;

impl Meta {
    pub(in crate::realm) fn new(options: &RealmOptions, secret: u64) -> Meta {
        Meta {
            observers: Observers::new(options.meta_visibility, secret),
            pending: Pending::default(),
            scratch: Scratch::new(),
            form: Form { kwargs: options.meta_event_kwargs, bare_leave: options.compat_on_leave },
        }
    }

    /// Takes note of a change. With no observer it costs one branch; `router_no_meta_events` compiles even that out, so
    /// that benches can tell what it is.
    #[inline]
    pub(in crate::realm) fn emit(&mut self, event: Event<'_>) {
        if !cfg!(router_no_meta_events) && self.observers.any(event.topic()) {
            self.pending.push(event);
        }
    }

    /// Whether so much is gathered that it should be flushed before the turn ends.
    #[inline]
    pub(in crate::realm) fn is_full(&self) -> bool {
        !cfg!(router_no_meta_events) && self.pending.is_full()
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
    pub(in crate::realm) fn flush(&mut self, random: &mut fastrand::Rng, out: &mut dyn Effects) {
        if self.pending.is_empty() {
            return;
        }
        for record in &mut self.pending.records {
            record.publication = Id::from_random(random.u64(..));
        }
        for group in self.observers.groups().iter().filter(|group| group.hears(self.pending.topics)) {
            self.scratch.fill(&self.pending, group, self.form);
            if !self.scratch.batch.ends.is_empty() {
                for link in group.links() {
                    // A refusal is counted where it happens, and the policy for slow consumers decides what follows.
                    let _ = out.send_batch(link, &self.scratch.batch);
                }
            }
        }
        self.pending.clear();
        self.scratch.trim();
    }
}

impl Scratch {
    fn new() -> Scratch {
        Scratch { batch: Batch::new(Encoding::Json), args: Vec::new(), stencils: Stencils::new() }
    }

    /// Encodes everything pending that the group hears of and may see.
    fn fill(&mut self, pending: &Pending, group: &Group, form: Form) {
        self.batch.clear();
        self.batch.encoding = group.encoding();
        self.stencils.begin(group.encoding());
        // The events of one change have one text, which need not be looked up twice.
        let (mut text, mut uri) = (Text::default(), "");
        for record in &pending.records {
            let heard = group.heard(record.topic);
            if heard.is_empty() || group.rules.as_ref().is_some_and(|rules| !may_see(rules, pending, record)) {
                continue;
            }
            let (topic, publication, session) = (record.topic, record.publication, record.session);
            match record.subject {
                Subject::Session { peer } => self.session(pending.peer(peer), record, form, heard),
                Subject::Entry { id, created, uri: of, policy, invoke } => {
                    if of != text {
                        (text, uri) = (of, pending.text(of));
                    }
                    let kwargs = form.kwargs;
                    self.stencils.set(&Facts { publication, session, id, created, uri, text });
                    for &heard in heard {
                        let kind = Kind { encoding: group.encoding(), topic, heard, policy, invoke, kwargs };
                        self.batch.begin_message();
                        self.stencils.write(&kind, &mut self.batch.bytes);
                        self.batch.end_message();
                    }
                }
            }
        }
    }

    /// Encodes the EVENTs of a session that joined or left.
    fn session(&mut self, peer: &Peer, record: &Record, form: Form, heard: &[Heard]) {
        let encoding = self.batch.encoding;
        self.args.clear();
        write_session(record, peer, form, &mut Writer::new(encoding, &mut self.args));
        for heard in heard {
            let message = RouterMessage::Event {
                subscription: heard.subscription,
                publication: record.publication,
                details: EventDetails { topic: heard.pattern.then(|| record.topic.uri()), ..EventDetails::default() },
                payload: Payload { encoding, args: &self.args, kwargs: &[] },
            };
            self.batch.begin_message();
            codec::encode(encoding, &message, &mut self.batch.bytes);
            self.batch.end_message();
        }
    }

    fn trim(&mut self) {
        self.batch.clear();
        if self.batch.bytes.capacity() > KEPT {
            self.batch = Batch::new(self.batch.encoding);
        }
    }
}

/// Whether a role sees an event: always those of sessions; else only where it may use the URI itself.
fn may_see(rules: &RuleSet, pending: &Pending, record: &Record) -> bool {
    let Subject::Entry { uri, policy, .. } = record.subject else { return true };
    let actions = match record.topic {
        Topic::SubscriptionCreated
        | Topic::SubscriptionJoined
        | Topic::SubscriptionLeft
        | Topic::SubscriptionDeleted => [Action::Subscribe, Action::Publish],
        _ => [Action::Call, Action::Register],
    };
    actions.into_iter().any(|action| rules.judge(action, pending.text(uri), policy).allowed)
}

/// The positional arguments of SSM-1 and SSM-2.
fn write_session(record: &Record, peer: &Peer, form: Form, writer: &mut Writer<'_>) {
    if record.topic == Topic::SessionLeft && form.bare_leave {
        writer.begin_list(1);
        writer.uint(record.session.get());
    } else if record.topic == Topic::SessionLeft {
        writer.begin_list(3);
        writer.uint(record.session.get());
        writer.text(&peer.authid);
        writer.text(&peer.authrole);
    } else {
        writer.begin_list(1);
        super::session::write_details(writer, record.session, peer);
    }
    writer.end_list();
}
