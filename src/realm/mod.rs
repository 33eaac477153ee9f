//! Pure routing: one realm as a deterministic state machine.
//!
//! `(now, session, message) -> effects`: no clock, socket, lock or unseeded randomness, so any history replays.
//!
//! `members`: who is joined. `in_flight`: their requests, by id. `dealer`: registrations. `call`: calls in flight.
//! `broker`: subscriptions, publications. `meta`: the router's own procedures and events. `departure`: how sessions
//! end. `errors`: how requests are refused. `foresight`: what the next requests will ask. `effects`: what a realm asks of
//! the world. `options`: what it is configured with.
//!
//! Invariants: every request is answered exactly once, at once or by a call's end; a reply leaves before the meta
//! events that its request caused (MTA-4), because those leave when the turn ends; no step's time grows with what
//! other sessions hold.

mod broker;
mod call;
mod chunked;
mod dealer;
mod departure;
mod effects;
mod errors;
mod foresight;
mod ids;
mod in_flight;
mod members;
mod meta;
mod options;

use std::collections::VecDeque;

pub use effects::{Batch, Effects, Link, Refused};
pub use members::MemberKey;
pub use options::{KilledByRole, Limits, RealmOptions, RegistrationMatch, TimeoutUnit};

use self::broker::Broker;
use self::call::{Asked, Calls, Verdicts};
use self::dealer::Dealer;
use self::departure::{Abandoned, RELEASES_PER_TURN};
use self::foresight::Foresight;
use self::members::Members;
use self::meta::{Answers, Event, Meta};
use crate::wamp::{ClientMessage, Peer, RouterMessage, Violation, WelcomeDetails};

/// The time, read by the world once a turn.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Now {
    /// Milliseconds since the Unix epoch, for timestamps.
    pub unix_ms: u64,
    /// Milliseconds of a clock that never goes back, for deadlines.
    pub mono_ms: u64,
}

/// What WELCOME may announce for role `broker` (SES-6, FEA-28); payload passthru under its two sets of names (D-27).
const BROKER_FEATURES: &[&str] = &[
    "pattern_based_subscription",
    "payload_encryption_cryptobox",
    "payload_passthru_mode",
    "payload_transparency",
    "publisher_exclusion",
    "publisher_identification",
    "session_meta_api",
    "subscriber_blackwhite_listing",
    "subscription_meta_api",
    "subscription_revocation",
];

/// What WELCOME announces for role `dealer`.
const DEALER_FEATURES: &[&str] = &[
    "call_canceling",
    "call_reroute",
    "call_timeout",
    "caller_identification",
    "pattern_based_registration",
    "payload_encryption_cryptobox",
    "payload_passthru_mode",
    "payload_transparency",
    "progressive_call_invocations",
    "progressive_call_results",
    "registration_meta_api",
    "registration_revocation",
    "session_meta_api",
    "shared_registration",
];

/// [`BROKER_FEATURES`] but those that the realm switched off (FEA-28).
fn broker_features(options: &RealmOptions) -> Vec<&'static str> {
    let on = |feature: &&str| *feature != "subscription_revocation" || options.notify_unsubscribed;
    BROKER_FEATURES.iter().copied().filter(on).collect()
}

/// One realm: its members, registrations, subscriptions, calls in flight and meta events.
pub struct Realm {
    options: RealmOptions,
    /// What WELCOME announces for role `broker`.
    broker_features: Vec<&'static str>,
    random: fastrand::Rng,
    members: Members,
    foresight: Foresight,
    dealer: Dealer,
    broker: Broker,
    calls: Calls,
    verdicts: Verdicts,
    answers: Answers,
    meta: Meta,
    /// Sessions that are over and still hold something, first come first released.
    departures: VecDeque<MemberKey>,
    /// The calls of sessions that are over, first come first ended.
    abandoned: VecDeque<Abandoned>,
    /// What this turn may still release of them, and how many calls it may still end.
    releases: usize,
    endings: usize,
}

impl Realm {
    /// An empty realm. `seed` starts its random numbers and keys its hashes.
    pub fn new(options: RealmOptions, seed: u64) -> Realm {
        let mut random = fastrand::Rng::with_seed(seed);
        Realm {
            members: Members::new(random.u64(..)),
            foresight: Foresight::default(),
            dealer: Dealer::new(random.u64(..)),
            broker: Broker::new(random.u64(..)),
            calls: Calls::new(),
            verdicts: Verdicts::default(),
            answers: Answers::new(),
            meta: Meta::new(&options, &mut random),
            departures: VecDeque::new(),
            abandoned: VecDeque::new(),
            releases: RELEASES_PER_TURN,
            endings: RELEASES_PER_TURN,
            broker_features: broker_features(&options),
            options,
            random,
        }
    }

    /// Lets a client in: draws its session id, queues WELCOME, then announces it (D-44).
    pub fn join(&mut self, now: Now, peer: Peer, link: Link, out: &mut dyn Effects) -> MemberKey {
        let _ = now;
        let rules = self.options.roles.get(&*peer.authrole).cloned();
        let key = self.members.join(peer, link, rules, &mut self.random);
        if let Some(member) = self.members.get(key) {
            let details = WelcomeDetails {
                realm: &self.options.name,
                authid: &member.peer.authid,
                authrole: &member.peer.authrole,
                authmethod: member.peer.authmethod,
                authprovider: member.peer.authprovider,
                agent: &self.options.agent,
                broker_features: &self.broker_features,
                dealer_features: DEALER_FEATURES,
            };
            let session = member.session;
            // Whatever refuses WELCOME is a connection that is gone: its leave is on its way.
            let _ = out.send(link, &RouterMessage::Welcome { session, details: &details });
            self.meta.emit(Event::SessionJoined { session, peer: &member.peer });
        }
        key
    }

    /// Handles one message of a joined session. A key that is stale is ignored.
    ///
    /// # Errors
    /// [`Violation`]: the world must ABORT the session and call [`Realm::leave`] (PRO-1).
    #[inline]
    pub fn handle(
        &mut self,
        now: Now,
        from: MemberKey,
        message: ClientMessage<'_>,
        out: &mut dyn Effects,
    ) -> Result<(), Violation> {
        if self.members.present(from).is_none() {
            return Ok(());
        }
        self.answers.others_are_served();
        let result = self.dispatch(now, from, message, out);
        self.flush_if_full(out);
        result
    }

    #[inline(always)]
    fn dispatch(
        &mut self,
        now: Now,
        from: MemberKey,
        message: ClientMessage<'_>,
        out: &mut dyn Effects,
    ) -> Result<(), Violation> {
        match message {
            #[cfg(test)]
            ClientMessage::Call { procedure, .. } if procedure == "test.panic" => panic!("as the test asked"),
            ClientMessage::Call { request, options, procedure, payload } => {
                let asked = Asked { request, options: &options, procedure: &procedure, payload };
                return self.call(now, from, &asked, out);
            }
            ClientMessage::Yield { request, options, payload } => {
                return self.yields(now, from, request, &options, payload, out);
            }
            ClientMessage::Error { request, passthru, error, payload } => {
                return self.fails(from, request, passthru.as_deref(), &error, payload, out);
            }
            ClientMessage::Publish { request, options, topic, payload } => {
                return self.publish(from, request, options, &topic, payload, out);
            }
            ClientMessage::Subscribe { request, options, topic } => {
                self.subscribe(now, from, request, options, &topic, out);
            }
            ClientMessage::Unsubscribe { request, subscription } => self.unsubscribe(from, request, subscription, out),
            ClientMessage::Cancel { request, mode } => self.cancel(from, request, mode, out),
            ClientMessage::Register { request, options, procedure } => {
                self.register(now, from, request, &options, &procedure, out);
            }
            ClientMessage::Unregister { request, registration } => self.unregister(from, request, registration, out),
            ClientMessage::EventReceived { .. } => {}
            ClientMessage::Hello { .. }
            | ClientMessage::Abort { .. }
            | ClientMessage::Authenticate { .. }
            | ClientMessage::Goodbye { .. } => {
                return Err(Violation::new("this message has no place within a session"));
            }
        }
        Ok(())
    }

    /// When [`Realm::tick`] is wanted next, on the clock of [`Now::mono_ms`]; a time past means at once.
    pub fn next_deadline(&self) -> Option<u64> {
        let departures = (!self.departures.is_empty()).then_some(0);
        [departures, self.calls.next_deadline(), self.answers.next_deadline()].into_iter().flatten().min()
    }

    /// Does what is due: timeouts, the next step of a departure or of a long answer.
    pub fn tick(&mut self, now: Now, out: &mut dyn Effects) {
        self.time_out(now, out);
        self.end_abandoned(out);
        self.release_departed(out);
        self.continue_answers(now, out);
    }

    /// Ends a turn: sends the meta events gathered since the last flush, one batch per observer.
    pub fn flush(&mut self, now: Now, out: &mut dyn Effects) {
        let _ = now;
        (self.releases, self.endings) = (RELEASES_PER_TURN, RELEASES_PER_TURN);
        self.meta.flush(out);
    }

    /// Sends the gathered meta events before the turn ends, where they have become many.
    #[inline]
    fn flush_if_full(&mut self, out: &mut dyn Effects) {
        if self.meta.is_full() {
            self.meta.flush(out);
        }
    }
}
