//! What rules say of calls, remembered: the rules of a role never change, and neither does the URI of a registration,
//! so that the walk over both is made once and not for every call.
//!
//! Invariant: a verdict is found under the very rules and registration it was given for. A cache of bounded size, so
//! that losing a verdict costs the walk and nothing else.

use std::sync::Arc;

use crate::pattern::EntryKey;
use crate::pattern::rules::{Action, RuleSet, Verdict};
use crate::wamp::Policy;

/// Verdicts kept; a power of two.
const PLACES: usize = 1024;

struct Place {
    registration: EntryKey,
    /// Held, so that no other rules come to lie at the same address.
    rules: Arc<RuleSet>,
    verdict: Verdict,
}

/// Verdicts on calls to exact registrations.
#[derive(Default)]
pub(in crate::realm) struct Verdicts {
    /// None before the first call.
    places: Vec<Option<Place>>,
}

impl Verdicts {
    /// What `rules` say of a call to `procedure`, which is the URI of the exact registration `registration` (AZN-1).
    #[inline]
    pub(super) fn judge(&mut self, rules: &Arc<RuleSet>, registration: EntryKey, procedure: &str) -> Verdict {
        let place = registration.to_id() as usize % PLACES;
        match self.places.get(place) {
            Some(Some(place)) if place.registration == registration && Arc::ptr_eq(&place.rules, rules) => {
                place.verdict
            }
            _ => self.learn(place, rules, registration, procedure),
        }
    }

    #[cold]
    fn learn(&mut self, place: usize, rules: &Arc<RuleSet>, registration: EntryKey, procedure: &str) -> Verdict {
        let verdict = rules.judge(Action::Call, procedure, Policy::Exact);
        if self.places.is_empty() {
            self.places.resize_with(PLACES, || None);
        }
        self.places[place] = Some(Place { registration, rules: rules.clone(), verdict });
        verdict
    }
}
