//! Prefixes, by hash: no trie, so the cost depends on the shape of the URI and not on how many prefixes there are.
//!
//! A prefix is an *anchor*, everything up to its last dot (`com.myapp.`, or nothing), and a *rest* that begins a
//! component (`top` in `com.myapp.top`; empty when the prefix ends with a dot, as most do). A URI of n components
//! has n anchors. Each is one probe of the table, and all are known before the first answer, so the probes overlap
//! where the steps of a trie wait for each other. Where prefixes go beyond an anchor, *marks* at the anchor say how
//! long their rests are, and each length is one probe more.
//!
//! Invariants: the table holds every prefix under the hash of its text, with `slot + 1`, and for every length of rest
//! at an anchor one mark or more under the hash of the anchor, which count together how many prefixes have it (so do
//! those of another anchor of equal hash: that costs probes and nothing else). `depths[n]` counts the prefixes whose
//! anchor has n dots. Spec: PAT-2, RPP-3, D-43. Worst case: one probe an octet of the URI.

use super::hash::Keys;
use super::parts::Parts;
use super::table::Table;
use smallvec::SmallVec;
use std::ops::ControlFlow;

/// Sets marks apart; slots are below 2^31 - 1 in the table.
const MARK: u32 = 1 << 31;
/// Where a mark's count begins, below it is the length in octets.
const COUNT: u32 = 12;
/// Most prefixes that one mark counts.
const MOST: u32 = (MARK >> COUNT) - 1;
/// Stands for this length and every greater one.
const LONGEST: u32 = (1 << COUNT) - 1;

fn mark(length: u32, count: u32) -> u32 {
    MARK | count << COUNT | length
}

/// Length and count of a mark.
fn marked(number: u32) -> Option<(u32, u32)> {
    (number & MARK != 0).then_some((number & LONGEST, (number & !MARK) >> COUNT))
}

pub(super) struct Prefixes {
    table: Table,
    depths: Vec<u32>,
}

/// What the index must know of a prefix.
struct Place {
    depth: usize,
    /// Fragment of the anchor's hash, and of the whole.
    anchor: u32,
    whole: u32,
    rest: u32,
}

impl Place {
    fn of(keys: &Keys, prefix: &[u8]) -> Place {
        let dot = prefix.iter().rposition(|&octet| octet == b'.');
        let (mut anchor, mut depth) = (keys.empty_prefix(), 0);
        for component in dot.map(|dot| &prefix[..dot]).into_iter().flat_map(|anchor| anchor.split(|&o| o == b'.')) {
            anchor = keys.extend(anchor, keys.text(component));
            depth += 1;
        }
        let rest = &prefix[dot.map_or(0, |dot| dot + 1)..];
        let whole = rest.iter().fold(anchor, |hash, &octet| keys.extend_by_octet(hash, octet));
        let rest = (rest.len() as u32).min(LONGEST);
        Place { depth, anchor: keys.fragment(anchor), whole: keys.fragment(whole), rest }
    }
}

impl Prefixes {
    pub(super) fn new() -> Prefixes {
        Prefixes { table: Table::new(), depths: Vec::new() }
    }

    /// Components that a lookup wants taken apart: those of the deepest anchor, and the one after it.
    pub(super) fn depth(&self) -> usize {
        self.depths.len()
    }

    /// The slot of this very prefix.
    pub(super) fn find<'t>(&self, keys: &Keys, prefix: &[u8], text: &impl Fn(u32) -> &'t [u8]) -> Option<u32> {
        self.slot_of(Place::of(keys, prefix).whole, prefix, text)
    }

    /// Precondition: it is not there.
    pub(super) fn insert(&mut self, keys: &Keys, prefix: &[u8], slot: u32) {
        let place = Place::of(keys, prefix);
        if self.depths.len() <= place.depth {
            self.depths.resize(place.depth + 1, 0);
        }
        self.depths[place.depth] += 1;
        self.table.insert(place.whole, slot + 1);
        if place.rest > 0 {
            self.mark(place.anchor, place.rest);
        }
    }

    /// Precondition: it is there.
    pub(super) fn remove(&mut self, keys: &Keys, prefix: &[u8], slot: u32) {
        let place = Place::of(keys, prefix);
        self.depths[place.depth] -= 1;
        while self.depths.last() == Some(&0) {
            self.depths.pop();
        }
        self.table.remove(place.whole, slot + 1);
        if place.rest > 0 {
            self.unmark(place.anchor, place.rest);
        }
    }

    /// Every prefix of the URI, longest first, until `found` breaks.
    pub(super) fn walk<'t, B>(
        &self,
        keys: &Keys,
        parts: &Parts,
        text: &impl Fn(u32) -> &'t [u8],
        found: &mut impl FnMut(u32) -> ControlFlow<B>,
    ) -> ControlFlow<B> {
        let mut anchors = SmallVec::<[u64; 16]>::new();
        let mut anchor = keys.empty_prefix();
        for &component in parts.hashes().iter().take(self.depths.len()) {
            anchors.push(anchor);
            anchor = keys.extend(anchor, component);
        }
        for (depth, &anchor) in anchors.iter().enumerate().rev() {
            if self.depths[depth] == 0 {
                continue;
            }
            let mut lengths = SmallVec::new();
            let whole = self.at_anchor(keys.fragment(anchor), &parts.uri[..parts.start(depth)], text, &mut lengths);
            if !lengths.is_empty() {
                for (length, fragment) in rests(keys, anchor, &mut lengths, parts.component(depth)).into_iter().rev() {
                    let prefix = &parts.uri[..parts.start(depth) + length];
                    self.slot_of(fragment, prefix, text).map_or(ControlFlow::Continue(()), &mut *found)?;
                }
            }
            if let Some(slot) = whole {
                found(slot)?;
            }
        }
        ControlFlow::Continue(())
    }

    /// The prefix that is this anchor; the lengths of rests go to `lengths`.
    fn at_anchor<'t>(
        &self,
        anchor: u32,
        prefix: &[u8],
        text: &impl Fn(u32) -> &'t [u8],
        lengths: &mut SmallVec<[u32; 8]>,
    ) -> Option<u32> {
        let mut whole = None;
        self.table.seek(anchor, |number| {
            if let Some((length, _)) = marked(number) {
                lengths.push(length);
            } else if whole.is_none() && text(number - 1) == prefix {
                whole = Some(number - 1);
            }
            false
        });
        whole
    }

    fn slot_of<'t>(&self, fragment: u32, prefix: &[u8], text: &impl Fn(u32) -> &'t [u8]) -> Option<u32> {
        let same = |number: u32| marked(number).is_none() && text(number - 1) == prefix;
        self.table.seek(fragment, same).map(|number| number - 1)
    }

    fn mark(&mut self, anchor: u32, length: u32) {
        let has_room = |number| marked(number).is_some_and(|(marked, count)| marked == length && count < MOST);
        let old = self.table.seek(anchor, has_room);
        if let Some(old) = old {
            self.table.remove(anchor, old);
        }
        let count = old.and_then(marked).map_or(0, |(_, count)| count);
        self.table.insert(anchor, mark(length, count + 1));
    }

    fn unmark(&mut self, anchor: u32, length: u32) {
        let same = |number| marked(number).is_some_and(|(marked, _)| marked == length);
        let Some(old) = self.table.seek(anchor, same) else { return };
        self.table.remove(anchor, old);
        if let Some((_, count)) = marked(old).filter(|&(_, count)| count > 1) {
            self.table.insert(anchor, mark(length, count - 1));
        }
    }
}

/// What to probe for prefixes that end in the component after an anchor: length of rest and fragment, shortest first.
fn rests(keys: &Keys, anchor: u64, lengths: &mut SmallVec<[u32; 8]>, component: &[u8]) -> SmallVec<[(usize, u32); 8]> {
    lengths.sort_unstable();
    let most = match lengths.last() {
        None => 0,
        Some(&LONGEST) => usize::MAX,
        Some(&length) => length as usize,
    };
    let mut probes = SmallVec::new();
    let mut hash = anchor;
    for (&octet, length) in component.iter().take(most).zip(1..) {
        hash = keys.extend_by_octet(hash, octet);
        if lengths.binary_search(&(length as u32).min(LONGEST)).is_ok() {
            probes.push((length, keys.fragment(hash)));
        }
    }
    probes
}
