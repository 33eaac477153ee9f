//! How sessions end, in bounded steps.
//!
//! ```text
//!  leave, kill --> departed --> steps: calls answered and canceled --> steps: registrations, subscriptions
//!                                                                                  --> on_leave, forgotten
//! ```
//!
//! Invariants: from the first moment nothing is sent to the session and nothing reaches it; what it holds is released
//! at most [`RELEASES_PER_TURN`] at a time, so that a session with very many registrations makes no long turn, nor one
//! with very many calls; calls go first, as others wait for them. Events are told as each thing is released,
//! `on_leave` last of all (D-19, ORD-8).

use std::collections::VecDeque;
use std::vec::IntoIter;

use super::members::Pending;
use super::meta::{Answers, Event};
use super::{Calls, Effects, MemberKey, Now, Realm};

/// Registrations, subscriptions and sessions that are released in one turn; and as many calls are ended.
pub(super) const RELEASES_PER_TURN: usize = 1000;

/// What a session that is over still had in flight.
pub(super) struct Abandoned {
    pub(super) member: MemberKey,
    /// By CALL.Request, what answers.
    pub(super) calls: IntoIter<(u64, Pending)>,
    /// By INVOCATION.Request, the call's index.
    pub(super) invocations: IntoIter<(u64, u32)>,
}

impl Realm {
    /// The session is over, whatever ended it; nothing more is sent to it. What it held is released in bounded steps,
    /// the rest by [`Realm::tick`].
    pub fn leave(&mut self, now: Now, member: MemberKey, out: &mut dyn Effects) {
        let _ = now;
        self.depart(member, true, out);
    }

    /// As [`Realm::leave`]; without `announce`, no `on_leave` is told (SSM-11).
    pub(super) fn depart(&mut self, member: MemberKey, announce: bool, out: &mut dyn Effects) {
        let Some(departing) = self.members.get_mut(member).filter(|member| !member.departed) else { return };
        (departing.departed, departing.silent) = (true, !announce);
        self.meta.forget(member.slot());
        self.abandon_calls(member);
        self.departures.push_back(member);
        self.end_abandoned(out);
        self.release_departed(out);
    }

    /// Releases what departed sessions hold, as far as this turn's budget goes.
    pub(super) fn release_departed(&mut self, out: &mut dyn Effects) {
        while let Some(&member) = self.departures.front()
            && self.releases > 0
        {
            let Realm { dealer, broker, members, meta, .. } = self;
            let mut released = dealer.release(members, meta, member, self.releases);
            released += broker.release(members, meta, member, self.releases - released);
            let rest = self.members.get(member).is_some_and(|m| m.registrations.len() + m.subscriptions.len() > 0);
            if !rest && !self.abandoned.is_empty() {
                return;
            }
            if !rest {
                self.forget(member);
                released += 1;
            }
            self.releases = self.releases.saturating_sub(released);
            self.flush_if_full(out);
        }
    }

    /// Ends the first departure.
    fn forget(&mut self, member: MemberKey) {
        self.departures.pop_front();
        let Some(member) = self.members.remove(member) else { return };
        if !member.silent {
            self.meta.emit(Event::SessionLeft { session: member.session, peer: &member.peer });
        }
    }

    /// Says GOODBYE to every session and forgets them all (SES-17). Observers are told the end of every registration
    /// first.
    pub fn shutdown(&mut self, now: Now, reason: &str, out: &mut dyn Effects) {
        let _ = now;
        let keys: Vec<MemberKey> = self.members.iter().map(|(key, _)| key).collect();
        (self.calls, self.answers) = (Calls::new(), Answers::new());
        self.departures.clear();
        self.abandoned = VecDeque::new();
        for &key in &keys {
            if let Some(member) = self.members.get_mut(key) {
                member.calls.clear();
                member.invocations.clear();
            }
            while self.dealer.release(&mut self.members, &mut self.meta, key, RELEASES_PER_TURN) > 0 {
                self.flush_if_full(out);
            }
        }
        self.meta.flush(out);
        for &key in &keys {
            self.meta.forget(key.slot());
            while self.broker.release(&mut self.members, &mut self.meta, key, RELEASES_PER_TURN) > 0 {}
            if let Some(member) = self.members.remove(key)
                && !member.departed
            {
                out.goodbye(member.link, reason, None);
            }
        }
        self.meta.flush(out);
    }
}
