//! One topic's or pattern's subscribers.
//!
//! Most patterns have one subscriber, so that one stands in the entry itself; a crowd has a list, and from a certain
//! size an index, so that joining and leaving costs the same in any crowd.

use std::collections::HashMap;

use crate::realm::MemberKey;

/// Subscribers up to which a list is searched; beyond, it has an index.
const SEARCHED: usize = 16;

/// A subscription: its identity is the entry's (PAT-4), the id is the entry's key.
pub(in crate::realm) struct Subscription {
    /// When it came to be, milliseconds since the epoch.
    pub(in crate::realm) created: u64,
    subscribers: Subscribers,
}

/// One session in a subscription.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Subscriber {
    pub(super) member: MemberKey,
    /// Where the subscription stands in the member's list.
    pub(super) place: u32,
}

enum Subscribers {
    One(Subscriber),
    Many(Box<Crowd>),
}

#[derive(Default)]
struct Crowd {
    list: Vec<Subscriber>,
    /// Where each stands in the list, once that is long.
    index: HashMap<MemberKey, u32>,
}

impl Subscription {
    pub(super) const fn new(created: u64, first: Subscriber) -> Subscription {
        Subscription { created, subscribers: Subscribers::One(first) }
    }

    /// Who holds it, in no meaningful order.
    pub(super) fn subscribers(&self) -> &[Subscriber] {
        match &self.subscribers {
            Subscribers::One(one) => std::slice::from_ref(one),
            Subscribers::Many(crowd) => &crowd.list,
        }
    }

    /// How many hold it, at least 1.
    pub(in crate::realm) fn len(&self) -> usize {
        self.subscribers().len()
    }

    /// The members that hold it, from the `start`th on.
    pub(in crate::realm) fn members(&self, start: usize) -> impl Iterator<Item = MemberKey> {
        self.subscribers().iter().skip(start).map(|subscriber| subscriber.member)
    }

    /// Where a member stands among the subscribers.
    pub(super) fn find(&self, member: MemberKey) -> Option<usize> {
        match &self.subscribers {
            Subscribers::Many(crowd) if crowd.list.len() > SEARCHED => {
                crowd.index.get(&member).map(|&position| position as usize)
            }
            _ => self.subscribers().iter().position(|subscriber| subscriber.member == member),
        }
    }

    /// Adds a member that does not hold it yet.
    pub(super) fn add(&mut self, subscriber: Subscriber) {
        match &mut self.subscribers {
            Subscribers::One(one) => {
                let crowd = Crowd { list: vec![*one, subscriber], index: HashMap::new() };
                self.subscribers = Subscribers::Many(Box::new(crowd));
            }
            Subscribers::Many(crowd) => crowd.add(subscriber),
        }
    }

    /// Takes out the subscriber at `position`; `false` if it is the only one, who then goes with the subscription.
    pub(super) fn remove(&mut self, position: usize) -> bool {
        let Subscribers::Many(crowd) = &mut self.subscribers else { return false };
        crowd.remove(position);
        if let [one] = crowd.list[..] {
            self.subscribers = Subscribers::One(one);
        }
        true
    }

    /// The subscription moved in the list of a member.
    pub(super) fn moved(&mut self, member: MemberKey, place: u32) {
        let Some(position) = self.find(member) else { return };
        match &mut self.subscribers {
            Subscribers::One(one) => one.place = place,
            Subscribers::Many(crowd) => crowd.list[position].place = place,
        }
    }
}

impl Crowd {
    fn add(&mut self, subscriber: Subscriber) {
        self.list.push(subscriber);
        match self.list.len() {
            len if len <= SEARCHED => {}
            len if len == SEARCHED + 1 => self.build_index(),
            len => drop(self.index.insert(subscriber.member, len as u32 - 1)),
        }
    }

    fn build_index(&mut self) {
        let places = self.list.iter().enumerate();
        self.index = places.map(|(position, subscriber)| (subscriber.member, position as u32)).collect();
    }

    fn remove(&mut self, position: usize) {
        let gone = self.list.swap_remove(position);
        if self.list.len() <= SEARCHED {
            self.index = HashMap::new();
        } else {
            self.index.remove(&gone.member);
            if let Some(moved) = self.list.get(position) {
                self.index.insert(moved.member, position as u32);
            }
        }
        if self.list.len() < self.list.capacity() / 4 {
            self.list.shrink_to(self.list.len() * 2);
            self.index.shrink_to(self.list.len() * 2);
        }
    }
}
