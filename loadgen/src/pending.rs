//! Operations of one session that wait for their answer, by request id.
//!
//! Ids grow by one, so the table is a ring: the slot of an id is its low bits. Invariant: every open operation's id lies
//! within one ring length of the next id; the ring doubles while its oldest is still open, up to [`LONGEST`] slots, and
//! then refuses. Nothing is allocated per operation.

use std::collections::HashSet;

/// Slots at most; a session that has an operation open for so many later ones waits for it.
const LONGEST: usize = 1 << 20;
/// Timed-out ids remembered, so that their late answers are told from duplicates.
const REMEMBERED: usize = 1 << 16;

/// An operation under way.
#[derive(Clone, Copy, Debug, Default)]
pub struct Open {
    /// Request id; 0: the slot is empty.
    id: u64,
    /// When its latency begins: due or sent.
    pub start: u64,
    /// When it was written.
    pub sent: u64,
    /// What the scenario knows of it: a sequence number, an index.
    pub tag: u64,
    /// Octets of its payload.
    pub length: u32,
    /// Partial results so far.
    pub parts: u32,
}

/// What an answer's id turns out to be.
#[derive(Debug)]
pub enum Found {
    /// An open operation, which is now closed.
    Open(Open),
    /// One that was given up before.
    Late,
    /// One that was answered before, or never asked.
    Unknown,
}

/// The open operations of one session.
#[derive(Debug)]
pub struct Pending {
    ring: Vec<Open>,
    /// No operation before this id is open.
    oldest: u64,
    /// The id after the last one.
    next: u64,
    open: usize,
    expired: HashSet<u64>,
}

impl Pending {
    /// Nothing open; the next id is `next`.
    pub fn new(next: u64) -> Pending {
        Pending { ring: vec![Open::default(); 64], oldest: next, next, open: 0, expired: HashSet::new() }
    }

    /// How many are open.
    #[inline]
    pub fn open(&self) -> usize {
        self.open
    }

    /// Whether a further operation finds room.
    #[inline]
    pub fn has_room(&mut self) -> bool {
        if ((self.next - self.oldest) as usize) < self.ring.len() {
            return true;
        }
        self.advance();
        while (self.next - self.oldest) as usize >= self.ring.len() && self.ring.len() < LONGEST {
            self.grow();
        }
        ((self.next - self.oldest) as usize) < self.ring.len()
    }

    /// Opens the operation of the next id, for which there is room.
    #[inline]
    pub fn push(&mut self, start: u64, sent: u64, tag: u64, length: u32) {
        let at = self.slot(self.next);
        self.ring[at] = Open { id: self.next, start, sent, tag, length, parts: 0 };
        self.next += 1;
        self.open += 1;
    }

    /// The open operation of an id.
    #[inline]
    pub fn get(&mut self, id: u64) -> Option<&mut Open> {
        let at = self.slot(id);
        Some(&mut self.ring[at]).filter(|open| open.id == id && id != 0)
    }

    /// Closes the operation of an id.
    #[inline]
    pub fn take(&mut self, id: u64) -> Found {
        let at = self.slot(id);
        if self.ring[at].id == id && id != 0 {
            self.open -= 1;
            return Found::Open(std::mem::take(&mut self.ring[at]));
        }
        if self.expired.remove(&id) { Found::Late } else { Found::Unknown }
    }

    /// Closes an operation that was sent before `limit`, the oldest first.
    pub fn expire(&mut self, limit: u64) -> Option<Open> {
        self.advance();
        let at = self.slot(self.oldest);
        if self.oldest == self.next || self.ring[at].sent >= limit {
            return None;
        }
        self.open -= 1;
        let expired = std::mem::take(&mut self.ring[at]);
        if self.expired.len() < REMEMBERED {
            self.expired.insert(expired.id);
        }
        Some(expired)
    }

    #[inline]
    fn slot(&self, id: u64) -> usize {
        id as usize & (self.ring.len() - 1)
    }

    #[inline]
    fn advance(&mut self) {
        while self.oldest < self.next && self.ring[self.slot(self.oldest)].id != self.oldest {
            self.oldest += 1;
        }
    }

    fn grow(&mut self) {
        let old = std::mem::take(&mut self.ring);
        self.ring = vec![Open::default(); old.len() * 2];
        for open in old.into_iter().filter(|open| open.id != 0) {
            let at = self.slot(open.id);
            self.ring[at] = open;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Found, Pending};

    #[test]
    fn answers_in_any_order_find_their_operation_once() {
        let mut pending = Pending::new(1);
        for id in 1..=1000_u64 {
            assert!(pending.has_room());
            pending.push(id * 10, id * 10, id, 16);
        }
        for id in (1..=1000).rev() {
            assert!(matches!(pending.take(id), Found::Open(open) if open.tag == id));
            assert!(matches!(pending.take(id), Found::Unknown));
        }
        assert_eq!(pending.open(), 0);
        assert!(matches!(pending.take(0), Found::Unknown));
    }

    #[test]
    fn one_that_never_ends_does_not_hinder_a_million_others() {
        let mut pending = Pending::new(1);
        assert!(pending.has_room());
        pending.push(0, 0, 0, 0);
        for id in 2..=(1 << 20) {
            assert!(pending.has_room());
            pending.push(id, id, 0, 0);
            assert!(matches!(pending.take(id), Found::Open(_)));
        }
        assert!(!pending.has_room(), "but beyond that it does");
        assert!(pending.expire(1).is_some());
        assert!(pending.has_room());
    }

    #[test]
    fn a_late_answer_is_no_duplicate() {
        let mut pending = Pending::new(5);
        assert!(pending.has_room());
        pending.push(100, 100, 0, 0);
        assert!(pending.expire(100).is_none());
        assert!(pending.expire(101).is_some());
        assert!(matches!(pending.take(5), Found::Late));
        assert!(matches!(pending.take(5), Found::Unknown));
    }
}
