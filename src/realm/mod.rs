//! Pure routing: one realm as a deterministic state machine.
//!
//! `(now, session, message) -> effects`: no clock, socket, lock or unseeded randomness, so any history replays.

mod broker;
mod call;
mod chunked;
mod dealer;
mod effects;
mod errors;
mod ids;
mod members;
mod meta;
mod options;

pub use effects::{Batch, Effects, Link, Refused};
pub use members::MemberKey;
pub use options::{Limits, RealmOptions, RegistrationMatch};

use self::broker::Broker;
use self::call::Calls;
use self::dealer::Dealer;
use self::members::Members;
use self::meta::Meta;
use crate::wamp::{ClientMessage, Peer, Violation};

/// The time, read by the world once a turn.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Now {
    /// Milliseconds since the Unix epoch, for timestamps.
    pub unix_ms: u64,
    /// Milliseconds of a clock that never goes back, for deadlines.
    pub mono_ms: u64,
}

/// One realm: its members, registrations, subscriptions, calls in flight and meta events.
pub struct Realm {
    options: RealmOptions,
    random: fastrand::Rng,
    members: Members,
    dealer: Dealer,
    broker: Broker,
    calls: Calls,
    meta: Meta,
}

impl Realm {
    /// An empty realm. `seed` starts its random numbers and keys its hashes.
    pub fn new(options: RealmOptions, seed: u64) -> Realm {
        let _ = (options, seed);
        todo!()
    }

    /// Lets a client in: draws its session id, queues WELCOME, then announces it (D-44).
    pub fn join(&mut self, now: Now, peer: Peer, link: Link, out: &mut dyn Effects) -> MemberKey {
        let _ = (now, peer, link, out);
        todo!()
    }

    /// Handles one message of a joined session. A key that is stale is ignored.
    ///
    /// # Errors
    /// [`Violation`]: the world must ABORT the session and call [`Realm::leave`] (PRO-1).
    pub fn handle(
        &mut self,
        now: Now,
        from: MemberKey,
        message: ClientMessage<'_>,
        out: &mut dyn Effects,
    ) -> Result<(), Violation> {
        let _ = (now, from, message, out);
        todo!()
    }

    /// The session is over, whatever ended it; nothing more is sent to it. What it held is released in bounded steps,
    /// the rest by [`Realm::tick`].
    pub fn leave(&mut self, now: Now, member: MemberKey, out: &mut dyn Effects) {
        let _ = (now, member, out);
        todo!()
    }

    /// When [`Realm::tick`] is wanted next, on the clock of [`Now::mono_ms`]; a time past means at once.
    pub fn next_deadline(&self) -> Option<u64> {
        todo!()
    }

    /// Does what is due: timeouts, the next step of a departure or of a long answer.
    pub fn tick(&mut self, now: Now, out: &mut dyn Effects) {
        let _ = (now, out);
        todo!()
    }

    /// Ends a turn: sends the meta events gathered since the last flush, one batch per observer.
    pub fn flush(&mut self, now: Now, out: &mut dyn Effects) {
        let _ = (now, out);
        todo!()
    }

    /// Says GOODBYE to every session and forgets them all (SES-17).
    pub fn shutdown(&mut self, now: Now, reason: &str, out: &mut dyn Effects) {
        let _ = (now, reason, out);
        todo!()
    }
}
