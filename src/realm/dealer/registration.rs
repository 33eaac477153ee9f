//! One registration: its callees, and whose turn it is.
//!
//! A callee's **ticket** is its number in the order of joining: 0 for the first, never used again within one
//! registration. So a call in flight finds the very callee it went to, even if that session left and came back.
//!
//! Most registrations have one callee, and there are millions of them: they hold it in place, in few bytes. Shared
//! ones keep theirs in order of joining; a callee that leaves from the middle leaves a vacancy, and vacancies are
//! swept when they are more than the callees, so that leaving is cheap however many there are.

use std::collections::{BTreeMap, VecDeque};

use crate::wamp::{Invoke, RegisterOptions};

/// A session as callee of one registration.
#[derive(Clone, Copy, Debug)]
pub(in crate::realm) struct Callee {
    /// The slot of the member.
    pub(in crate::realm) member: u32,
    /// Where the registration stands in the member's list.
    pub(in crate::realm) position: u32,
    /// Invocations in flight it takes at once; 0 is no limit (LIM-1).
    limit: u32,
    /// Invocations in flight, counted where there is a limit.
    running: u32,
    flags: u8,
}

/// The callee asked that callers be named to it (CID-2).
const DISCLOSE: u8 = 1;
/// The callee runs timeouts itself (TMO-2).
const FORWARD_TIMEOUT: u8 = 2;
/// It has been invoked while it was the only callee, so that the turn is the next one's.
const SERVED: u8 = 4;

impl Callee {
    /// The callee that a REGISTER makes.
    pub(in crate::realm) fn new(member: u32, position: u32, options: &RegisterOptions, takes_timeout: bool) -> Callee {
        let disclose = if options.disclose_caller { DISCLOSE } else { 0 };
        let forward = if options.forward_timeout && takes_timeout { FORWARD_TIMEOUT } else { 0 };
        Callee { member, position, limit: options.concurrency.unwrap_or(0), running: 0, flags: disclose | forward }
    }

    /// Whether callers are named to it.
    pub(in crate::realm) fn discloses(&self) -> bool {
        self.flags & DISCLOSE != 0
    }

    /// Whether it is told the timeout and runs it.
    pub(in crate::realm) fn runs_timeout(&self) -> bool {
        self.flags & FORWARD_TIMEOUT != 0
    }

    fn is_full(&self) -> bool {
        self.limit != 0 && self.running >= self.limit
    }

    /// An invocation is on its way.
    pub(in crate::realm) fn occupy(&mut self) {
        self.running += u32::from(self.limit != 0);
    }

    /// An invocation is over (LIM-4).
    pub(in crate::realm) fn release(&mut self) {
        self.running = self.running.saturating_sub(1);
    }
}

/// Who takes a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::realm) enum Choice {
    /// This one.
    Callee {
        /// Its ticket.
        ticket: u64,
        /// Its member's slot.
        member: u32,
    },
    /// Who could is at its concurrency limit (LIM-2).
    Full,
    /// Nobody is left to try.
    Nobody,
}

enum Callees {
    One(Callee),
    Many(Box<Shared>),
}

/// A procedure that is served.
pub(in crate::realm) struct Registration {
    /// When it was created: milliseconds since the Unix epoch.
    pub(in crate::realm) created: u64,
    callees: Callees,
    /// Who of several callees is invoked.
    pub(in crate::realm) invoke: Invoke,
}

impl Registration {
    /// A registration with its first callee.
    pub(in crate::realm) fn new(created: u64, invoke: Invoke, callee: Callee) -> Registration {
        Registration { created, callees: Callees::One(callee), invoke }
    }

    /// How many callees there are, at least 1.
    pub(in crate::realm) fn count(&self) -> usize {
        match &self.callees {
            Callees::One(_) => 1,
            Callees::Many(shared) => shared.by_member.len(),
        }
    }

    /// Callees with a ticket of at least `from`, in order of joining.
    pub(in crate::realm) fn callees_from(&self, from: u64) -> impl Iterator<Item = (u64, &Callee)> {
        let (one, many) = match &self.callees {
            Callees::One(callee) => (Some((0, callee)).filter(|_| from == 0), None),
            Callees::Many(shared) => (None, Some(shared.places.range(shared.index(from)..))),
        };
        let many = many.into_iter().flatten();
        one.into_iter().chain(many.filter_map(|place| Some((place.ticket, place.callee.as_ref()?))))
    }

    /// The ticket of a member, where it is a callee.
    pub(in crate::realm) fn ticket_of(&self, member: u32) -> Option<u64> {
        match &self.callees {
            Callees::One(callee) => (callee.member == member).then_some(0),
            Callees::Many(shared) => shared.by_member.get(&member).copied(),
        }
    }

    /// The callee with this ticket.
    pub(in crate::realm) fn callee(&self, ticket: u64) -> Option<&Callee> {
        match &self.callees {
            Callees::One(callee) => Some(callee).filter(|_| ticket == 0),
            Callees::Many(shared) => shared.places.get(shared.find(ticket)?)?.callee.as_ref(),
        }
    }

    /// The callee with this ticket, to change.
    pub(in crate::realm) fn callee_mut(&mut self, ticket: u64) -> Option<&mut Callee> {
        match &mut self.callees {
            Callees::One(callee) => Some(callee).filter(|_| ticket == 0),
            Callees::Many(shared) => {
                let index = shared.find(ticket)?;
                shared.places.get_mut(index)?.callee.as_mut()
            }
        }
    }

    /// Adds a callee.
    pub(in crate::realm) fn join(&mut self, callee: Callee) {
        match &mut self.callees {
            Callees::One(first) => {
                let mut shared = Shared::new(*first);
                shared.join(callee);
                self.callees = Callees::Many(Box::new(shared));
            }
            Callees::Many(shared) => shared.join(callee),
        }
    }

    /// Takes a callee off, unless it is the last one: then the registration itself must go.
    pub(in crate::realm) fn leave(&mut self, ticket: u64) {
        if let Callees::Many(shared) = &mut self.callees {
            shared.leave(ticket);
        }
    }

    /// Who takes the next call, those `tried` before left out (SHR-5, LIM-2, CID-6).
    pub(in crate::realm) fn choose(&mut self, tried: &[u64], random: &mut fastrand::Rng) -> Choice {
        match &mut self.callees {
            Callees::One(_) if tried.contains(&0) => Choice::Nobody,
            Callees::One(callee) if callee.is_full() => Choice::Full,
            Callees::One(callee) => {
                callee.flags |= SERVED;
                Choice::Callee { ticket: 0, member: callee.member }
            }
            Callees::Many(shared) => shared.choose(self.invoke, tried, random),
        }
    }
}

struct Place {
    ticket: u64,
    /// `None` is a vacancy: never the first or last place.
    callee: Option<Callee>,
}

struct Shared {
    /// In order of tickets.
    places: VecDeque<Place>,
    /// Member to ticket.
    by_member: BTreeMap<u32, u64>,
    next_ticket: u64,
    /// Round robin goes on with the first ticket from here (SHR-6).
    turn: u64,
}

impl Shared {
    fn new(first: Callee) -> Shared {
        let turn = u64::from(first.flags & SERVED != 0);
        let mut shared = Shared { places: VecDeque::new(), by_member: BTreeMap::new(), next_ticket: 0, turn };
        shared.join(first);
        shared
    }

    fn join(&mut self, callee: Callee) {
        let ticket = self.next_ticket;
        self.next_ticket += 1;
        self.by_member.insert(callee.member, ticket);
        self.places.push_back(Place { ticket, callee: Some(callee) });
    }

    /// The first place with at least this ticket.
    fn index(&self, ticket: u64) -> usize {
        self.places.partition_point(|place| place.ticket < ticket)
    }

    fn find(&self, ticket: u64) -> Option<usize> {
        let index = self.index(ticket);
        self.places.get(index).filter(|place| place.ticket == ticket).map(|_| index)
    }

    fn leave(&mut self, ticket: u64) {
        let Some(callee) = self.find(ticket).and_then(|index| self.places[index].callee.take()) else { return };
        self.by_member.remove(&callee.member);
        while self.places.front().is_some_and(|place| place.callee.is_none()) {
            self.places.pop_front();
        }
        while self.places.back().is_some_and(|place| place.callee.is_none()) {
            self.places.pop_back();
        }
        if self.places.len() > 2 * self.by_member.len() {
            self.places.retain(|place| place.callee.is_some());
            self.places.shrink_to_fit();
        }
    }

    fn choose(&mut self, invoke: Invoke, tried: &[u64], random: &mut fastrand::Rng) -> Choice {
        let mut candidates = Candidates { tried, any: false };
        let found = match invoke {
            Invoke::Single | Invoke::First => {
                self.places.iter().find(|place| candidates.admit(place)).filter(|place| place.is_free())
            }
            Invoke::Last => {
                self.places.iter().rev().find(|place| candidates.admit(place)).filter(|place| place.is_free())
            }
            Invoke::RoundRobin => {
                let start = self.index(self.turn);
                let mut round = self.places.range(start..).chain(self.places.range(..start));
                round.find(|place| candidates.admit(place) && place.is_free())
            }
            Invoke::Random => self.draw(&mut candidates, random),
        };
        match found.and_then(|place| Some((place.ticket, place.callee.as_ref()?.member))) {
            Some((ticket, member)) => {
                self.turn = ticket + 1;
                Choice::Callee { ticket, member }
            }
            None if candidates.any => Choice::Full,
            None => Choice::Nobody,
        }
    }

    /// One of those that can take a call, each as likely as the others: by luck, as few places are vacant, and by
    /// counting them where luck fails.
    fn draw(&self, candidates: &mut Candidates<'_>, random: &mut fastrand::Rng) -> Option<&Place> {
        for _ in 0..8 {
            let place = &self.places[random.usize(..self.places.len())];
            if candidates.admit(place) && place.is_free() {
                return Some(place);
            }
        }
        let free = self.places.iter().filter(|place| candidates.admit(place) && place.is_free()).count();
        let nth = if free == 0 { return None } else { random.usize(..free) };
        self.places.iter().filter(|place| candidates.admit(place) && place.is_free()).nth(nth)
    }
}

impl Place {
    fn is_free(&self) -> bool {
        self.callee.as_ref().is_some_and(|callee| !callee.is_full())
    }
}

/// Who comes into question for one call.
struct Candidates<'t> {
    tried: &'t [u64],
    /// Somebody does.
    any: bool,
}

impl Candidates<'_> {
    fn admit(&mut self, place: &Place) -> bool {
        let admitted = place.callee.is_some() && !self.tried.contains(&place.ticket);
        self.any |= admitted;
        admitted
    }
}

#[cfg(test)]
mod tests;
