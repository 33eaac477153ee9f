//! URI to entries: one realm's registrations, or its subscriptions.
//!
//! A [`PatternMap`] owns values under (URI, policy) and answers which of them a concrete URI reaches: the best, or all
//! in the order of precedence. There is one definition of precedence, and both questions go through it: exact, then
//! the longest prefix, then the wildcard with the longest run of literal components before each wildcard (RPP-2 to
//! RPP-5, D-03).
//!
//! What lies where:
//! * `slab`: entries by key, in chunks. * `table`: slots by hash, growing a little at a time. * `hash`: keyed hashes.
//! * `parts`: a URI taken apart once. * `prefix`: hashed anchors. * `wildcard`: masks by number of components.
//! * `foresight`: questions that come soon, answered many at once. `answers`: what it found. `cache`: how it hurries.
//!
//! Beside it, `rules`: what a role may do, compiled to an automaton.
//!
//! Invariants: the text of an entry is stored once, in the entry; an index holds slots only, and a match is decided by
//! text, never by hash. No operation's time grows with the number of entries (that of wildcards grows with the number of
//! their masks), and removing gives memory back.
//!
//! Not here: whether a URI is valid, who may register it, what is reserved, locks, I/O. Any string is accepted.

mod answers;
mod cache;
mod foresight;
pub mod hash;
mod parts;
mod prefix;
pub mod rules;
mod slab;
mod table;
#[cfg(test)]
mod tests;
mod wildcard;

pub use foresight::{Coming, GROUP, Remembered};
pub use slab::EntryKey;

use crate::wamp::Policy;
use answers::{Answers, Known};
use hash::Keys;
use parts::Parts;
use prefix::Prefixes;
use slab::Slab;
use std::ops::ControlFlow;
use table::Table;
use wildcard::Wildcards;

/// An entry as seen from outside.
#[derive(Debug)]
pub struct Entry<'m, T> {
    /// The URI or pattern as it was inserted.
    pub uri: &'m str,
    /// How the URI is compared.
    pub policy: Policy,
    /// What it leads to.
    pub value: &'m T,
}

/// Values by (URI, policy), found by identity, by key, and by matching a concrete URI.
pub struct PatternMap<T> {
    keys: Keys,
    /// The note beside an entry is its policy.
    entries: Slab<T>,
    exact: Table,
    prefixes: Prefixes,
    wildcards: Wildcards,
    lens: [usize; 3],
    /// What was foreseen; none of it outlives a change.
    answers: Answers,
}

impl<T> PatternMap<T> {
    /// An empty map. `seed` keys its hashes and should be unknown to the peers; answers do not depend on it.
    pub fn new(seed: u64) -> Self {
        Self::with_keys(Keys::new(seed))
    }

    fn with_keys(keys: Keys) -> Self {
        PatternMap {
            keys,
            entries: Slab::new(),
            exact: Table::new(),
            prefixes: Prefixes::new(),
            wildcards: Wildcards::new(),
            lens: [0; 3],
            answers: Answers::default(),
        }
    }

    /// Adds a value under (URI, policy). For `Wildcard`, empty components are the wildcards.
    ///
    /// # Errors
    /// The key of the entry that has this identity already (PAT-4); the map is unchanged and `value` dropped.
    ///
    /// # Panics
    /// At 2^31 entries.
    pub fn insert(&mut self, policy: Policy, uri: &str, value: T) -> Result<EntryKey, EntryKey> {
        // An exact URI is hashed once for both, and is most likely new: then no line of the table need be read.
        let fragment = if policy == Policy::Exact { self.exact_fragment(uri.as_bytes()) } else { 0 };
        let taken = match policy {
            Policy::Exact => {
                self.exact.seek(fragment, self.has_text(uri)).and_then(|number| self.entries.key(number - 1))
            }
            _ => self.find(policy, uri),
        };
        if let Some(key) = taken {
            return Err(key);
        }
        self.answers.clear();
        let key = self.entries.insert(uri, value, note_of(policy));
        match policy {
            Policy::Exact => self.exact.insert(fragment, key.slot + 1),
            Policy::Prefix => self.prefixes.insert(&self.keys, uri.as_bytes(), key.slot),
            Policy::Wildcard => self.wildcards.insert(&self.keys, uri.as_bytes(), key.slot),
        }
        self.lens[policy as usize] += 1;
        Ok(key)
    }

    /// Takes an entry out. `None` if the key is stale.
    pub fn remove(&mut self, key: EntryKey) -> Option<T> {
        let policy = policy_of(self.entries.note(key)?);
        self.answers.clear();
        let uri = self.entries.text(key.slot);
        match policy {
            Policy::Exact => self.exact.remove(self.exact_fragment(uri), key.slot + 1),
            Policy::Prefix => self.prefixes.remove(&self.keys, uri, key.slot),
            Policy::Wildcard => self.wildcards.remove(&self.keys, uri, key.slot),
        }
        self.lens[policy as usize] -= 1;
        self.entries.remove(key)
    }

    /// The value of a live entry.
    pub fn get(&self, key: EntryKey) -> Option<&T> {
        self.entries.get(key)
    }

    /// The value of a live entry, to change.
    pub fn get_mut(&mut self, key: EntryKey) -> Option<&mut T> {
        self.entries.get_mut(key)
    }

    /// How the URI of a live entry is compared.
    pub fn policy(&self, key: EntryKey) -> Option<Policy> {
        self.entries.note(key).map(policy_of)
    }

    /// A live entry with its identity.
    pub fn entry(&self, key: EntryKey) -> Option<Entry<'_, T>> {
        let policy = policy_of(self.entries.note(key)?);
        let uri = std::str::from_utf8(self.entries.text(key.slot)).ok()?;
        Some(Entry { uri, policy, value: self.entries.get(key)? })
    }

    /// The entry with this very identity; matches nothing (RMA-10, SMA-7).
    pub fn find(&self, policy: Policy, uri: &str) -> Option<EntryKey> {
        let text = |slot| self.entries.text(slot);
        let slot = match policy {
            Policy::Exact => self.exact_slot(self.exact_fragment(uri.as_bytes()), uri),
            Policy::Prefix => self.prefixes.find(&self.keys, uri.as_bytes(), &text),
            Policy::Wildcard => self.wildcards.find(&self.keys, uri.as_bytes(), &text),
        };
        self.entries.key(slot?)
    }

    /// The entry that a call to this URI takes (RPP-2 to RPP-5).
    pub fn best(&self, uri: &str) -> Option<EntryKey> {
        match self.answers.take(uri, false, |slot| self.entries.text(slot)) {
            Some(Known::Best(slot)) => return self.entries.key(slot),
            Some(Known::Slots(slots)) => return slots.first().and_then(|&slot| self.entries.key(slot)),
            None => {}
        }
        match self.walk(uri, &mut ControlFlow::Break) {
            ControlFlow::Break(slot) => self.entries.key(slot),
            ControlFlow::Continue(()) => None,
        }
    }

    /// Every entry that matches this URI, in the order of precedence: the first is the best.
    pub fn matches(&self, uri: &str, found: &mut impl FnMut(EntryKey)) {
        if let Some(Known::Slots(slots)) = self.answers.take(uri, true, |slot| self.entries.text(slot)) {
            return slots.iter().filter_map(|&slot| self.entries.key(slot)).for_each(found);
        }
        let _ = self.walk::<()>(uri, &mut |slot| {
            self.entries.key(slot).into_iter().for_each(&mut *found);
            ControlFlow::Continue(())
        });
    }

    /// The steps that finding the best match of a URI would take at most among wildcard patterns with as many
    /// components as this one, were it inserted: components times masks in use, 0.3 to 1.5 ns each. Who lets strangers
    /// insert should refuse what goes beyond a limit; 12 components have at most 49,152.
    pub fn wildcard_work(&self, pattern: &str) -> usize {
        self.wildcards.work(pattern.as_bytes())
    }

    /// Entries of one policy.
    pub fn len(&self, policy: Policy) -> usize {
        self.lens[policy as usize]
    }

    /// Entries of all policies.
    pub fn len_all(&self) -> usize {
        self.lens.iter().sum()
    }

    /// Whether there is no entry.
    pub fn is_empty(&self) -> bool {
        self.len_all() == 0
    }

    /// One page of all entries (of one policy), in no meaningful order: at most `limit` keys go to `found`, at most
    /// `budget` slots are looked at (at least 1 each). Returns where the next page begins, `None` after the last.
    ///
    /// Entries that live from the first page to the last are seen exactly once, whatever comes and goes meanwhile.
    /// The cursor need not be a live entry.
    pub fn scan(
        &self,
        policy: Option<Policy>,
        after: Option<EntryKey>,
        limit: usize,
        budget: usize,
        found: &mut impl FnMut(EntryKey),
    ) -> Option<EntryKey> {
        let mut slot = after.map_or(0, |key| key.slot as usize + 1);
        let (mut limit, mut budget) = (limit.max(1), budget.max(1));
        while slot < self.entries.end() {
            let absent = self.entries.absent_from(slot);
            if let Some(key) = self.entries.key(slot as u32).filter(|key| self.has_policy(*key, policy)) {
                found(key);
                limit -= 1;
            }
            slot += absent.max(1);
            budget -= 1;
            if limit == 0 || budget == 0 {
                break;
            }
        }
        let more = slot < self.entries.end();
        more.then(|| EntryKey { slot: slot as u32 - 1, generation: 0 })
    }

    fn has_policy(&self, key: EntryKey, policy: Option<Policy>) -> bool {
        policy.is_none_or(|policy| self.entries.note(key).is_some_and(|note| policy_of(note) == policy))
    }

    /// Slots of all that match, best first, until `found` breaks.
    fn walk<B>(&self, uri: &str, found: &mut impl FnMut(u32) -> ControlFlow<B>) -> ControlFlow<B> {
        self.walk_from(uri, self.exact_fragment(uri.as_bytes()), found)
    }

    /// The one definition of precedence. `fragment` is that of the URI's hash.
    fn walk_from<B>(&self, uri: &str, fragment: u32, found: &mut impl FnMut(u32) -> ControlFlow<B>) -> ControlFlow<B> {
        if let Some(slot) = self.exact_slot(fragment, uri) {
            found(slot)?;
        }
        if !self.has_patterns() {
            return ControlFlow::Continue(());
        }
        let mut parts = Parts::of(uri);
        self.take_apart(&mut parts);
        let text = |slot| self.entries.text(slot);
        self.prefixes.walk(&self.keys, &parts, &text, found)?;
        self.wildcards.walk(&self.keys, &parts, &text, found)
    }

    /// Whether there is any prefix or wildcard.
    #[inline]
    fn has_patterns(&self) -> bool {
        self.prefixes.depth() > 0 || !self.wildcards.is_empty()
    }

    /// Takes a URI as far apart as the prefixes and wildcards need it.
    #[inline]
    fn take_apart(&self, parts: &mut Parts<'_>) {
        parts.split();
        let whole = self.wildcards.has(parts.count());
        parts.hash(&self.keys, if whole { parts.count() } else { self.prefixes.depth() });
        parts.chain(&self.keys, self.prefixes.depth());
    }

    fn exact_slot(&self, fragment: u32, uri: &str) -> Option<u32> {
        self.exact.find(fragment, self.has_text(uri)).map(|number| number - 1)
    }

    /// Whether a number of the exact table stands for this URI.
    fn has_text(&self, uri: &str) -> impl Fn(u32) -> bool {
        move |number| self.entries.text(number - 1) == uri.as_bytes()
    }

    fn exact_fragment(&self, uri: &[u8]) -> u32 {
        self.keys.fragment(self.keys.text(uri))
    }
}

fn note_of(policy: Policy) -> u32 {
    policy as u32
}

fn policy_of(note: u32) -> Policy {
    Policy::ALL[note as usize % Policy::ALL.len()]
}
