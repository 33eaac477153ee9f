//! What the next requests will read of the registrations and subscriptions, brought to the caches ahead of them.
//!
//! Invariant: a hint. Nothing that a client sees depends on it.

use smallvec::SmallVec;

use super::Realm;
use crate::pattern::{Coming, GROUP, PatternMap, Remembered};
use crate::wamp::Glimpse;

/// What was looked ahead for lately.
#[derive(Default)]
pub(super) struct Foresight {
    registrations: Remembered,
    subscriptions: Remembered,
}

impl Realm {
    /// Whether the realm is so large that [`Realm::foresee`] does anything.
    #[inline]
    pub fn is_far(&self) -> bool {
        self.dealer.registrations.is_far() || self.broker.subscriptions.is_far()
    }

    /// Looks ahead for requests that are handled next. Returns for how many of them that was new.
    pub fn foresee(&mut self, ahead: &[Glimpse<'_>]) -> usize {
        let Realm { dealer, broker, foresight, .. } = self;
        let registrations = ahead.iter().filter_map(|glimpse| match *glimpse {
            Glimpse::Call(procedure) => Some(Coming::Best(procedure)),
            Glimpse::Register(policy, procedure) => Some(Coming::Entry(policy, procedure)),
            Glimpse::Publish(_) | Glimpse::Subscribe(..) => None,
        });
        let subscriptions = ahead.iter().filter_map(|glimpse| match *glimpse {
            Glimpse::Publish(topic) => Some(Coming::All(topic)),
            Glimpse::Subscribe(policy, topic) => Some(Coming::Entry(policy, topic)),
            Glimpse::Call(_) | Glimpse::Register(..) => None,
        });
        foresee(&dealer.registrations, registrations, &mut foresight.registrations)
            + foresee(&broker.subscriptions, subscriptions, &mut foresight.subscriptions)
    }
}

fn foresee<'u, T>(map: &PatternMap<T>, coming: impl Iterator<Item = Coming<'u>>, remembered: &mut Remembered) -> usize {
    if map.is_far() { map.foresee(&coming.collect::<SmallVec<[_; GROUP]>>(), remembered) } else { 0 }
}
