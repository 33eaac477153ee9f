//! Prefixes, by hash: no trie, so the cost depends on the shape of the URI and not on how many prefixes there are.
//!
//! A prefix is an *anchor*, everything up to its last dot (`com.myapp.`, or nothing), and a *rest* that begins a
//! component (`top` in `com.myapp.top`; empty when the prefix ends with a dot, as most do). A URI of n components
//! has n anchors. Each is one probe of the table, and all are known before the first answer, so the probes overlap
//! where the steps of a trie wait for each other. Under anchors that some prefix goes beyond, a *fork* lists the
//! lengths of the rests in use, each of which is one probe more.
//!
//! Invariants: the table holds every prefix under the hash of its text, with `slot + 1`, and every fork under the
//! hash of its anchor, with [`FORK`] set. `depths[n]` counts the prefixes whose anchor has n dots.
//! Spec: PAT-2, RPP-3, D-43. Worst case: one probe an octet of the URI.

use super::hash::{Keys, fragment};
use super::parts::Parts;
use super::slab::Slab;
use super::table::Table;
use smallvec::SmallVec;
use std::ops::ControlFlow;

/// Marks numbers of forks; slots are below 2^31 - 1 in the table.
const FORK: u32 = 1 << 31;

/// The rests under one anchor. Two anchors of equal hash share one, which costs probes and nothing else.
struct Fork {
    anchor: u64,
    /// Lengths in octets, ascending, at least 1, and how many prefixes have each.
    lengths: SmallVec<[(u32, u32); 2]>,
}

pub(super) struct Prefixes {
    table: Table,
    forks: Slab<Fork>,
    depths: Vec<u32>,
}

/// What the index must know of a prefix.
struct Place {
    depth: usize,
    anchor: u64,
    rest: usize,
    hash: u64,
}

impl Place {
    fn of(keys: &Keys, prefix: &str) -> Place {
        let dot = prefix.rfind('.');
        let (mut anchor, mut depth) = (keys.empty_prefix(), 0);
        for component in dot.map(|dot| &prefix[..dot]).into_iter().flat_map(|anchor| anchor.split('.')) {
            anchor = keys.extend(anchor, keys.component(component));
            depth += 1;
        }
        let rest = &prefix.as_bytes()[dot.map_or(0, |dot| dot + 1)..];
        let hash = rest.iter().fold(anchor, |hash, &octet| keys.extend_by_octet(hash, octet));
        Place { depth, anchor, rest: rest.len(), hash }
    }
}

impl Prefixes {
    pub(super) fn new() -> Prefixes {
        Prefixes { table: Table::new(), forks: Slab::new(), depths: Vec::new() }
    }

    /// Components that a lookup wants taken apart: those of the deepest anchor, and the one after it.
    pub(super) fn depth(&self) -> usize {
        self.depths.len()
    }

    /// The slot of this very prefix.
    pub(super) fn find<'t>(&self, keys: &Keys, prefix: &str, text: &impl Fn(u32) -> &'t str) -> Option<u32> {
        self.slot_of(Place::of(keys, prefix).hash, prefix, text)
    }

    /// Precondition: it is not there.
    pub(super) fn insert(&mut self, keys: &Keys, prefix: &str, slot: u32) {
        let place = Place::of(keys, prefix);
        if self.depths.len() <= place.depth {
            self.depths.resize(place.depth + 1, 0);
        }
        self.depths[place.depth] += 1;
        self.table.insert(fragment(place.hash), slot + 1);
        if place.rest > 0 {
            self.fork(place.anchor, place.rest as u32);
        }
    }

    /// Precondition: it is there.
    pub(super) fn remove(&mut self, keys: &Keys, prefix: &str, slot: u32) {
        let place = Place::of(keys, prefix);
        self.depths[place.depth] -= 1;
        while self.depths.last() == Some(&0) {
            self.depths.pop();
        }
        self.table.remove(fragment(place.hash), slot + 1);
        if place.rest > 0 {
            self.unfork(place.anchor, place.rest as u32);
        }
    }

    /// Every prefix of the URI, longest first, until `found` breaks.
    pub(super) fn walk<'t, B>(
        &self,
        keys: &Keys,
        parts: &Parts,
        text: &impl Fn(u32) -> &'t str,
        found: &mut impl FnMut(u32) -> ControlFlow<B>,
    ) -> ControlFlow<B> {
        let anchors = self.anchors(keys, parts);
        for (depth, &anchor) in anchors.iter().enumerate().rev() {
            if self.depths[depth] == 0 {
                continue;
            }
            let (whole, fork) = self.at_anchor(anchor, &parts.uri[..parts.start(depth)], text);
            if let Some(fork) = fork {
                self.walk_fork(keys, fork, parts, depth, text, found)?;
            }
            if let Some(slot) = whole {
                found(slot)?;
            }
        }
        ControlFlow::Continue(())
    }

    /// Hashes of the URI's anchors, shortest first.
    fn anchors(&self, keys: &Keys, parts: &Parts) -> SmallVec<[u64; 16]> {
        let count = self.depths.len().min(parts.count);
        let mut anchors = SmallVec::with_capacity(count);
        let mut anchor = keys.empty_prefix();
        for depth in 0..count {
            anchors.push(anchor);
            anchor = keys.extend(anchor, parts.hashes()[depth]);
        }
        anchors
    }

    /// The prefix that is this anchor, and the fork at it.
    fn at_anchor<'t>(&self, anchor: u64, prefix: &str, text: &impl Fn(u32) -> &'t str) -> (Option<u32>, Option<&Fork>) {
        let (mut whole, mut fork) = (None, None);
        self.table.find(fragment(anchor), |number| {
            if number & FORK != 0 {
                fork = fork.or_else(|| self.forks.at(number & !FORK).filter(|fork| fork.anchor == anchor));
            } else if whole.is_none() && text(number - 1) == prefix {
                whole = Some(number - 1);
            }
            false
        });
        (whole, fork)
    }

    fn walk_fork<'t, B>(
        &self,
        keys: &Keys,
        fork: &Fork,
        parts: &Parts,
        depth: usize,
        text: &impl Fn(u32) -> &'t str,
        found: &mut impl FnMut(u32) -> ControlFlow<B>,
    ) -> ControlFlow<B> {
        let component = parts.component(depth);
        let (mut hash, mut length) = (fork.anchor, 0);
        let mut probes = SmallVec::<[(usize, u64); 16]>::new();
        for &(rest, _) in fork.lengths.iter().take_while(|&&(rest, _)| rest as usize <= component.len()) {
            let octets = &component[length..rest as usize];
            hash = octets.iter().fold(hash, |hash, &octet| keys.extend_by_octet(hash, octet));
            length = rest as usize;
            probes.push((length, hash));
        }
        for &(length, hash) in probes.iter().rev() {
            let end = parts.start(depth) + length;
            let Some(prefix) = parts.uri.get(..end) else { continue };
            if let Some(slot) = self.slot_of(hash, prefix, text) {
                found(slot)?;
            }
        }
        ControlFlow::Continue(())
    }

    fn slot_of<'t>(&self, hash: u64, prefix: &str, text: &impl Fn(u32) -> &'t str) -> Option<u32> {
        let same = |number: u32| number & FORK == 0 && text(number - 1) == prefix;
        self.table.find(fragment(hash), same).map(|number| number - 1)
    }

    fn fork_at(&self, anchor: u64) -> Option<u32> {
        let same =
            |number: u32| number & FORK != 0 && self.forks.at(number & !FORK).is_some_and(|fork| fork.anchor == anchor);
        self.table.find(fragment(anchor), same).map(|number| number & !FORK)
    }

    fn fork(&mut self, anchor: u64, rest: u32) {
        let slot = self.fork_at(anchor).unwrap_or_else(|| {
            let slot = self.forks.insert(Fork { anchor, lengths: SmallVec::new() }, 0).slot;
            self.table.insert(fragment(anchor), slot | FORK);
            slot
        });
        let Some(fork) = self.forks.at_mut(slot) else { return };
        match fork.lengths.binary_search_by_key(&rest, |&(length, _)| length) {
            Ok(at) => fork.lengths[at].1 += 1,
            Err(at) => fork.lengths.insert(at, (rest, 1)),
        }
    }

    fn unfork(&mut self, anchor: u64, rest: u32) {
        let Some(slot) = self.fork_at(anchor) else { return };
        let Some(fork) = self.forks.at_mut(slot) else { return };
        if let Ok(at) = fork.lengths.binary_search_by_key(&rest, |&(length, _)| length) {
            fork.lengths[at].1 -= 1;
            if fork.lengths[at].1 == 0 {
                fork.lengths.remove(at);
            }
        }
        if fork.lengths.is_empty() {
            self.table.remove(fragment(anchor), slot | FORK);
            self.forks.key(slot).and_then(|key| self.forks.remove(key));
        }
    }
}
