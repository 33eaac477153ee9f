//! One topic's or pattern's subscribers.
//!
//! A subscriber's **ticket** is its number in the order of joining: 0 for the first, never used again within one
//! subscription, so that a long list can be told in parts while others come and go.
//!
//! Most patterns have one subscriber, who stands in the entry itself, in few bytes. A crowd is kept in order of
//! joining, and from a certain size with an index, so that leaving costs little in any crowd.

use std::collections::BTreeMap;

use crate::realm::ids::{IdMap, Keyed};

/// Subscribers up to which a crowd is searched; beyond, it has an index.
const SEARCHED: usize = 16;

/// A subscription: its identity is the entry's (PAT-4), its id the entry's key.
pub(in crate::realm) struct Subscription {
    /// When it was created: milliseconds since the Unix epoch.
    pub(in crate::realm) created: u64,
    subscribers: Subscribers,
}

/// One session in a subscription.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::realm) struct Subscriber {
    /// The slot of the member.
    pub(in crate::realm) member: u32,
    /// Where the subscription stands in the member's list.
    pub(in crate::realm) position: u32,
}

enum Subscribers {
    One(Subscriber),
    Many(Box<Crowd>),
}

struct Crowd {
    /// By ticket.
    places: BTreeMap<u64, Subscriber>,
    /// Member to ticket, where there are more than a few.
    by_member: IdMap<u64>,
    next_ticket: u64,
}

impl Subscription {
    /// A subscription with its first subscriber.
    pub(in crate::realm) const fn new(created: u64, first: Subscriber) -> Subscription {
        Subscription { created, subscribers: Subscribers::One(first) }
    }

    /// How many subscribers there are, at least 1.
    pub(in crate::realm) fn count(&self) -> usize {
        match &self.subscribers {
            Subscribers::One(_) => 1,
            Subscribers::Many(crowd) => crowd.places.len(),
        }
    }

    /// Subscribers with a ticket of at least `from`, in order of joining.
    pub(in crate::realm) fn subscribers_from(&self, from: u64) -> impl Iterator<Item = (u64, &Subscriber)> {
        let (one, many) = match &self.subscribers {
            Subscribers::One(one) => (Some((0, one)).filter(|_| from == 0), None),
            Subscribers::Many(crowd) => (None, Some(crowd.places.range(from..))),
        };
        one.into_iter().chain(many.into_iter().flatten().map(|(&ticket, subscriber)| (ticket, subscriber)))
    }

    /// The ticket of a member, where it is a subscriber.
    pub(in crate::realm) fn ticket_of(&self, member: u32) -> Option<u64> {
        match &self.subscribers {
            Subscribers::One(one) => (one.member == member).then_some(0),
            Subscribers::Many(crowd) => crowd.ticket_of(member),
        }
    }

    /// The subscriber with this ticket.
    pub(in crate::realm) fn subscriber(&self, ticket: u64) -> Option<&Subscriber> {
        self.subscribers_from(ticket).next().filter(|&(found, _)| found == ticket).map(|(_, subscriber)| subscriber)
    }

    /// Adds a member that is no subscriber yet.
    pub(super) fn join(&mut self, subscriber: Subscriber) {
        match &mut self.subscribers {
            Subscribers::One(first) => {
                let mut crowd = Crowd::new(*first);
                crowd.join(subscriber);
                self.subscribers = Subscribers::Many(Box::new(crowd));
            }
            Subscribers::Many(crowd) => crowd.join(subscriber),
        }
    }

    /// Takes a subscriber out, unless it is the last one: then the subscription itself must go.
    pub(super) fn leave(&mut self, ticket: u64) {
        if let Subscribers::Many(crowd) = &mut self.subscribers {
            crowd.leave(ticket);
        }
    }

    /// The subscription stands at another position of a member's list now.
    pub(super) fn reposition(&mut self, member: u32, position: u32) {
        let place = match &mut self.subscribers {
            Subscribers::One(one) => Some(one),
            Subscribers::Many(crowd) => crowd.ticket_of(member).and_then(|ticket| crowd.places.get_mut(&ticket)),
        };
        if let Some(place) = place {
            place.position = position;
        }
    }
}

impl Crowd {
    fn new(first: Subscriber) -> Crowd {
        // The slots of members are the router's own numbers: any key will do.
        let by_member = IdMap::with_hasher(Keyed::new(0x9e37_79b9_7f4a_7c15));
        Crowd { places: BTreeMap::from([(0, first)]), by_member, next_ticket: 1 }
    }

    fn ticket_of(&self, member: u32) -> Option<u64> {
        if self.places.len() > SEARCHED {
            return self.by_member.get(&member.into()).copied();
        }
        self.places.iter().find(|(_, place)| place.member == member).map(|(&ticket, _)| ticket)
    }

    fn join(&mut self, subscriber: Subscriber) {
        let ticket = self.next_ticket;
        self.next_ticket += 1;
        self.places.insert(ticket, subscriber);
        match self.places.len() {
            count if count <= SEARCHED => {}
            count if count == SEARCHED + 1 => {
                self.by_member.extend(self.places.iter().map(|(&ticket, place)| (place.member.into(), ticket)));
            }
            _ => drop(self.by_member.insert(subscriber.member.into(), ticket)),
        }
    }

    fn leave(&mut self, ticket: u64) {
        let Some(gone) = self.places.remove(&ticket) else { return };
        if self.places.len() <= SEARCHED {
            self.by_member.clear();
        } else {
            self.by_member.remove(&gone.member.into());
        }
        if self.by_member.len() < self.by_member.capacity() / 4 {
            self.by_member.shrink_to(2 * self.places.len());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Subscriber, Subscription};

    /// In order of joining, with tickets that are never used again, against a plain list.
    #[test]
    fn subscribers_are_a_list_in_order_of_joining() {
        let seed = fastrand::u64(..);
        let mut random = fastrand::Rng::with_seed(seed);
        let first = Subscriber { member: 0, position: 0 };
        let (mut subscription, mut twin) = (Subscription::new(1, first), vec![(0, first)]);
        let mut next = 1;
        for step in 0..20_000_u32 {
            let grow = step / 100 % 2 == 0;
            if twin.len() == 1 || random.u8(..4) < if grow { 3 } else { 1 } {
                let member = (0..).find(|&member| twin.iter().all(|(_, other)| other.member != member)).unwrap();
                subscription.join(Subscriber { member, position: step });
                twin.push((next, Subscriber { member, position: step }));
                next += 1;
            } else if random.bool() {
                let (ticket, _) = twin.remove(random.usize(..twin.len()));
                subscription.leave(ticket);
            } else {
                let moved = random.usize(..twin.len());
                twin[moved].1.position = step;
                subscription.reposition(twin[moved].1.member, step);
            }
            let from = random.u64(..next);
            let listed = subscription.subscribers_from(from).map(|(ticket, place)| (ticket, *place));
            assert!(listed.eq(twin.iter().copied().filter(|&(ticket, _)| ticket >= from)), "seed {seed}");
            let (ticket, place) = twin[random.usize(..twin.len())];
            assert_eq!(subscription.ticket_of(place.member), Some(ticket), "seed {seed}");
            assert_eq!(subscription.subscriber(ticket), Some(&place), "seed {seed}");
            assert_eq!(subscription.count(), twin.len(), "seed {seed}");
        }
    }
}
