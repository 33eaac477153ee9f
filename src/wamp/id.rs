//! Identifiers.

use std::fmt;
use std::num::NonZeroU64;

/// A WAMP id: an integer in 1..=2^53 (IDS-1). Session, publication, subscription, registration and request ids alike.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Id(NonZeroU64);

impl Id {
    /// The first id of a counter.
    pub const MIN: Id = Id(NonZeroU64::MIN);
    /// The last id of a counter: 2^53.
    pub const MAX: Id = Id(NonZeroU64::new(1 << 53).expect("2^53 is not zero"));

    /// The id for `value`; `None` outside 1..=2^53.
    #[inline]
    pub const fn new(value: u64) -> Option<Id> {
        match NonZeroU64::new(value) {
            Some(value) if value.get() <= 1 << 53 => Some(Id(value)),
            _ => None,
        }
    }

    /// The number, 1..=2^53.
    #[inline]
    pub const fn get(self) -> u64 {
        self.0.get()
    }

    /// The next id of a session-scope counter; wraps from 2^53 to 1 (IDS-4).
    #[inline]
    pub const fn next(self) -> Id {
        match Id::new(self.get() + 1) {
            Some(next) => next,
            None => Id::MIN,
        }
    }

    /// The global-scope id that the 64 random bits of `random` select, uniform over the whole range (IDS-2).
    pub const fn from_random(random: u64) -> Id {
        match Id::new((random >> 11) + 1) {
            Some(id) => id,
            None => Id::MAX,
        }
    }
}

impl fmt::Debug for Id {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, f)
    }
}

impl fmt::Display for Id {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, f)
    }
}

#[cfg(test)]
mod tests {
    use super::Id;

    /// IDS-1, IDS-4.
    #[test]
    fn ids_span_1_to_2_to_the_53_and_wrap() {
        assert_eq!(Id::new(0), None);
        assert_eq!(Id::new(1), Some(Id::MIN));
        assert_eq!(Id::new(1 << 53), Some(Id::MAX));
        assert_eq!(Id::new((1 << 53) + 1), None);
        assert_eq!(Id::MAX.next(), Id::MIN);
        assert_eq!(Id::MIN.next().get(), 2);
    }

    /// IDS-2.
    #[test]
    fn random_ids_cover_both_ends_of_the_range() {
        assert_eq!(Id::from_random(0), Id::MIN);
        assert_eq!(Id::from_random(u64::MAX), Id::MAX);
    }
}
