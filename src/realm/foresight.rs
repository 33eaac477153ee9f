//! What the next requests will ask of the registrations and subscriptions, answered ahead of them.
//!
//! Invariant: nothing that a client sees depends on it.

use smallvec::SmallVec;

use super::Realm;
use super::meta::{registration, subscription};
use super::options::RegistrationMatch;
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
        let Realm { dealer, broker, foresight, options, .. } = self;
        let best = options.registration_match == RegistrationMatch::Best;
        let registrations = ahead.iter().filter_map(|glimpse| match *glimpse {
            Glimpse::Call(procedure) => Some(Coming::Best(procedure)),
            Glimpse::Meta(registration::MATCH, _, procedure) if best => Some(Coming::Best(procedure)),
            Glimpse::Meta(registration::MATCH, _, procedure) => Some(Coming::All(procedure)),
            Glimpse::Meta(registration::LOOKUP, policy, procedure) | Glimpse::Register(policy, procedure) => {
                Some(Coming::Entry(policy, procedure))
            }
            _ => None,
        });
        let subscriptions = ahead.iter().filter_map(|glimpse| match *glimpse {
            Glimpse::Publish(topic) | Glimpse::Meta(subscription::MATCH, _, topic) => Some(Coming::All(topic)),
            Glimpse::Meta(subscription::LOOKUP, policy, topic) | Glimpse::Subscribe(policy, topic) => {
                Some(Coming::Entry(policy, topic))
            }
            _ => None,
        });
        foresee(&mut dealer.registrations, registrations, &mut foresight.registrations)
            + foresee(&mut broker.subscriptions, subscriptions, &mut foresight.subscriptions)
    }
}

fn foresee<'u, T>(
    map: &mut PatternMap<T>,
    coming: impl Iterator<Item = Coming<'u>>,
    remembered: &mut Remembered,
) -> usize {
    if map.is_far() { map.foresee(&coming.collect::<SmallVec<[_; GROUP]>>(), remembered) } else { 0 }
}
