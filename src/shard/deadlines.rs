//! When each realm of a shard wants to be called: the next one at hand without asking them all.

use std::collections::BTreeSet;

/// The deadlines of realms, milliseconds of the shard's clock.
#[derive(Debug, Default)]
pub(super) struct Deadlines {
    /// By realm, what `order` holds of it.
    known: Vec<Option<u64>>,
    order: BTreeSet<(u64, usize)>,
}

impl Deadlines {
    /// Notes when a realm wants to be called next.
    pub(super) fn set(&mut self, realm: usize, deadline: Option<u64>) {
        if self.known.len() <= realm {
            self.known.resize(realm + 1, None);
        }
        let known = std::mem::replace(&mut self.known[realm], deadline);
        if known == deadline {
            return;
        }
        if let Some(old) = known {
            self.order.remove(&(old, realm));
        }
        if let Some(new) = deadline {
            self.order.insert((new, realm));
        }
    }

    /// The earliest.
    pub(super) fn first(&self) -> Option<u64> {
        self.order.first().map(|&(deadline, _)| deadline)
    }

    /// A realm whose deadline is `now` or past, which has none then until it is set again.
    pub(super) fn take_due(&mut self, now: u64) -> Option<usize> {
        let &(deadline, realm) = self.order.first()?;
        if deadline > now {
            return None;
        }
        self.order.pop_first();
        self.known[realm] = None;
        Some(realm)
    }
}

#[cfg(test)]
mod tests {
    use super::Deadlines;

    #[test]
    fn the_earliest_is_due_first_and_once() {
        let mut deadlines = Deadlines::default();
        deadlines.set(2, Some(30));
        deadlines.set(0, Some(10));
        deadlines.set(2, Some(5));
        deadlines.set(1, Some(7));
        deadlines.set(1, None);
        assert_eq!(deadlines.first(), Some(5));
        assert_eq!([deadlines.take_due(4), deadlines.take_due(9), deadlines.take_due(9)], [None, Some(2), None]);
        assert_eq!(deadlines.first(), Some(10));
        assert_eq!(deadlines.take_due(10), Some(0));
        assert_eq!(deadlines.first(), None);
    }
}
