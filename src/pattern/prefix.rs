//! Prefixes, by hash: no trie, so the cost depends on the shape of the URI and not on how many prefixes there are.
//!
//! A prefix is an *anchor*, everything up to its last dot (`com.myapp.`, or nothing), and a *rest* that begins a
//! component (`top` in `com.myapp.top`; empty when the prefix ends with a dot, as most do). A URI of n components
//! has n anchors. Each is one probe of the table, and all are known before the first answer, so the probes overlap
//! where the steps of a trie wait for each other. Where prefixes go beyond an anchor, *marks* at the anchor say how
//! long their rests are, and each length is one probe more.
//!
//! Invariants: the table holds every prefix under the hash of its text, with `slot + 1`; for every length of rest at an
//! anchor a bit in one of the anchor's marks, under the hash of the anchor; and how many prefixes have that length
//! there, under a hash of both. Where hashes are equal, counts are shared and a bit may outlive its prefixes: that
//! costs probes and nothing else. `depths[n]` counts the prefixes whose anchor has n dots.
//! Spec: PAT-2, RPP-3, D-43. Worst case: one probe an octet of the URI.

use super::hash::Keys;
use super::parts::Parts;
use super::table::{Probe, Table};
use smallvec::SmallVec;
use std::ops::ControlFlow;

/// Sets marks and counts apart from slots, which are below 2^31 - 1 in the table, and counts from marks.
const MARK: u32 = 1 << 31;
const COUNT: u32 = 1 << 30;
/// Lengths in a mark, a bit each; above them is which lengths these are.
const SPAN: u32 = 22;
/// Stands for this length and every greater one.
const LONGEST: u32 = 4095;

/// Lengths of rests in octets, a bit each.
type Lengths = SmallVec<[u64; 2]>;

/// What a number in the table stands for.
enum Item {
    Slot(u32),
    /// Which span of lengths, and a bit for each length in it.
    Mark(u32, u32),
    Count(u32),
}

impl Item {
    fn of(number: u32) -> Item {
        match number {
            ..MARK => Item::Slot(number - 1),
            _ if number & COUNT != 0 => Item::Count(number & !(MARK | COUNT)),
            _ => Item::Mark((number & !MARK) >> SPAN, number & ((1 << SPAN) - 1)),
        }
    }

    fn number(self) -> u32 {
        match self {
            Item::Slot(slot) => slot + 1,
            Item::Mark(span, bits) => MARK | span << SPAN | bits,
            Item::Count(count) => MARK | COUNT | count,
        }
    }
}

pub(super) struct Prefixes {
    table: Table,
    depths: Vec<u32>,
}

/// What the index must know of a prefix.
struct Place {
    depth: usize,
    /// Fragments of the hashes of the anchor, of the whole, and of the anchor with the length of the rest.
    anchor: u32,
    whole: u32,
    counted: u32,
    /// Length of the rest.
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
        let counted = keys.fragment(keys.extend(anchor, u64::from(rest)));
        Place { depth, anchor: keys.fragment(anchor), whole: keys.fragment(whole), counted, rest }
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

    /// Where the search for this very prefix begins.
    pub(super) fn probe(&self, keys: &Keys, prefix: &[u8]) -> Probe<'_> {
        self.table.probe(Place::of(keys, prefix).whole)
    }

    /// Where the searches for prefixes of a URI begin, with their depths: at its anchors.
    pub(super) fn for_each_probe<'s>(&'s self, keys: &Keys, parts: &Parts, mut each: impl FnMut(usize, Probe<'s>)) {
        for (depth, (&anchor, &prefixes)) in parts.anchors().iter().zip(&self.depths).enumerate() {
            if prefixes > 0 {
                each(depth, self.table.probe(keys.fragment(anchor)));
            }
        }
    }

    /// Where the searches go on behind the anchor of this depth, for rests of these lengths; with their lengths.
    pub(super) fn for_each_rest<'s>(
        &'s self,
        keys: &Keys,
        parts: &Parts,
        depth: usize,
        lengths: &Lengths,
        mut each: impl FnMut(usize, Probe<'s>),
    ) {
        if !lengths.is_empty() {
            let rests = rests(keys, parts.anchors()[depth], lengths, parts.component(depth));
            rests.into_iter().for_each(|(length, fragment)| each(length, self.table.probe(fragment)));
        }
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
            self.mark(&place);
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
            self.unmark(&place);
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
        for (depth, &anchor) in parts.anchors().iter().enumerate().rev() {
            if self.depths[depth] == 0 {
                continue;
            }
            let mut lengths = Lengths::new();
            let whole = self.at_anchor(keys.fragment(anchor), &parts.uri[..parts.start(depth)], text, &mut lengths);
            if !lengths.is_empty() {
                for (length, fragment) in rests(keys, anchor, &lengths, parts.component(depth)).into_iter().rev() {
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
        lengths: &mut Lengths,
    ) -> Option<u32> {
        let mut whole = None;
        self.table.seek(anchor, |number| {
            match Item::of(number) {
                Item::Mark(span, bits) => add_lengths(lengths, span, bits),
                Item::Slot(slot) if whole.is_none() && text(slot) == prefix => whole = Some(slot),
                Item::Slot(_) | Item::Count(_) => {}
            }
            false
        });
        whole
    }

    /// The slot of this very prefix, whose hash has this fragment.
    pub(super) fn slot_of<'t>(&self, fragment: u32, prefix: &[u8], text: &impl Fn(u32) -> &'t [u8]) -> Option<u32> {
        let same = |number| matches!(Item::of(number), Item::Slot(slot) if text(slot) == prefix);
        self.table.seek(fragment, same).map(|number| number - 1)
    }

    fn mark(&mut self, place: &Place) {
        let count = self.count(place.counted);
        self.change(place.counted, count.map(Item::Count), Some(Item::Count(count.unwrap_or(0) + 1)));
        let (span, bit) = (place.rest / SPAN, 1 << (place.rest % SPAN));
        let before = self.bits(place.anchor, span);
        self.change(
            place.anchor,
            before.map(|bits| Item::Mark(span, bits)),
            Some(Item::Mark(span, before.unwrap_or(0) | bit)),
        );
    }

    fn unmark(&mut self, place: &Place) {
        let Some(count) = self.count(place.counted) else { return };
        self.change(place.counted, Some(Item::Count(count)), (count > 1).then(|| Item::Count(count - 1)));
        if count > 1 {
            return;
        }
        let (span, bit) = (place.rest / SPAN, 1 << (place.rest % SPAN));
        if let Some(before) = self.bits(place.anchor, span) {
            let bits = before & !bit;
            self.change(place.anchor, Some(Item::Mark(span, before)), (bits != 0).then_some(Item::Mark(span, bits)));
        }
    }

    fn count(&self, fragment: u32) -> Option<u32> {
        let mut count = None;
        self.table.seek(fragment, |number| match Item::of(number) {
            Item::Count(found) => {
                count = Some(found);
                true
            }
            _ => false,
        });
        count
    }

    /// The lengths of this span that are marked at an anchor.
    fn bits(&self, anchor: u32, span: u32) -> Option<u32> {
        let mut bits = None;
        self.table.seek(anchor, |number| match Item::of(number) {
            Item::Mark(of, found) if of == span => {
                bits = Some(found);
                true
            }
            _ => false,
        });
        bits
    }

    fn change(&mut self, fragment: u32, before: Option<Item>, after: Option<Item>) {
        if let Some(before) = before {
            self.table.remove(fragment, before.number());
        }
        if let Some(after) = after {
            self.table.insert(fragment, after.number());
        }
    }
}

/// What a probe leads to: the slots go to `slot`, the lengths of rests that are marked are returned.
#[inline]
pub(super) fn read(probe: Probe<'_>, mut slot: impl FnMut(u32)) -> Lengths {
    let mut lengths = Lengths::new();
    let mut read = |number| match Item::of(number) {
        Item::Slot(found) => slot(found),
        Item::Mark(span, bits) => add_lengths(&mut lengths, span, bits),
        Item::Count(_) => {}
    };
    probe.for_each(&mut read);
    probe.for_each_beyond(read);
    lengths
}

fn add_lengths(lengths: &mut Lengths, span: u32, bits: u32) {
    let (word, shift) = ((span * SPAN / 64) as usize, span * SPAN % 64);
    let bits = u128::from(bits) << shift;
    for (word, bits) in [(word, bits as u64), (word + 1, (bits >> 64) as u64)] {
        if bits == 0 {
            continue;
        }
        if lengths.len() <= word {
            lengths.resize(word + 1, 0);
        }
        lengths[word] |= bits;
    }
}

/// What to probe for prefixes that end in the component after an anchor: length of rest and fragment, shortest first.
fn rests(keys: &Keys, anchor: u64, lengths: &Lengths, component: &[u8]) -> SmallVec<[(usize, u32); 8]> {
    let has = |length: usize| lengths.get(length / 64).is_some_and(|word| word >> (length % 64) & 1 == 1);
    let longest = if has(LONGEST as usize) { usize::MAX } else { lengths.len() * 64 };
    let mut probes = SmallVec::new();
    let mut hash = anchor;
    for (&octet, length) in component.iter().take(longest).zip(1..) {
        hash = keys.extend_by_octet(hash, octet);
        if has(length.min(LONGEST as usize)) {
            probes.push((length, keys.fragment(hash)));
        }
    }
    probes
}
