//! Wildcard patterns: per number of components, the masks in use, each probed by hash in the order of precedence.
//!
//! A *mask* says which components of a pattern are literal. With a URI at hand, a mask leaves one possible pattern, so
//! a mask is one probe. The hash of a pattern is the sum of what its components add at their positions, so for one
//! URI the hashes of all masks are sums of a few terms from one list.
//!
//! Precedence among the patterns of one URI is the order of their masks, read left to right with a literal above a
//! wildcard: that is the longest run of literals before the first wildcard, then before the second, and so on (RPP-4).
//!
//! Why not a trie of components: peers who want it slow give it a literal and a wildcard branch at every step and a
//! dead end at the last, and it visits twice as many nodes as there are masks, each waiting for the one before. The
//! probes of masks do not wait for each other, and their number is plain to see and to limit ([`Wildcards::work`]).

use super::hash::{Keys, add};
use super::parts::Parts;
use super::table::{Probe, Table};
use smallvec::{SmallVec, smallvec};
use std::ops::ControlFlow;

/// Above this many masks it pays to prepare sums.
const MANY: usize = 24;

/// What may be among the patterns of one mask: a bit for some of the bits of each fragment. A bit stays until the mask
/// goes; too many bits cost probes and nothing else.
#[derive(Clone, Copy, Default)]
struct Sieve([u64; 4]);

impl Sieve {
    fn add(&mut self, fragment: u32) {
        self.0[(fragment >> 30) as usize] |= 1 << (fragment >> 24 & 63);
    }

    #[inline]
    fn may_hold(&self, fragment: u32) -> bool {
        self.0[(fragment >> 30) as usize] >> (fragment >> 24 & 63) & 1 == 1
    }
}

/// Which components are literal: one bit each, the first component in the highest bit of the first word. Greater is
/// more specific. The last word stands apart, as most masks have no other.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Mask {
    before: Box<[u64]>,
    last: u64,
}

impl Mask {
    fn of(pattern: &[u8]) -> Mask {
        let mut mask = SmallVec::<[u64; 2]>::new();
        for (i, component) in components(pattern).enumerate() {
            if i % 64 == 0 {
                mask.push(0);
            }
            mask[i / 64] |= u64::from(!component.is_empty()) << (63 - i % 64);
        }
        let last = mask.pop().unwrap_or_default();
        Mask { before: mask.as_slice().into(), last }
    }

    /// Bits of the components from `64 * word` on.
    fn word(&self, word: usize) -> u64 {
        self.before.get(word).copied().unwrap_or(self.last)
    }
}

/// The patterns of one mask.
struct Masked {
    mask: Mask,
    len: u32,
    sieve: Sieve,
}

/// The masks of one number of components, most specific first.
#[derive(Default)]
struct Level(Vec<Masked>);

impl Level {
    /// Where a mask is, or belongs.
    fn place(&self, mask: &Mask) -> Result<usize, usize> {
        self.0.binary_search_by(|masked| mask.cmp(&masked.mask))
    }

    fn add(&mut self, mask: Mask, fragment: u32) {
        let at = self.place(&mask).unwrap_or_else(|at| {
            self.0.insert(at, Masked { mask, len: 0, sieve: Sieve::default() });
            at
        });
        self.0[at].len += 1;
        self.0[at].sieve.add(fragment);
    }

    fn sub(&mut self, mask: &Mask) {
        let Ok(at) = self.place(mask) else { return };
        self.0[at].len -= 1;
        if self.0[at].len == 0 {
            self.0.remove(at);
            if self.0.capacity() > 4 * self.0.len() {
                self.0.shrink_to(2 * self.0.len());
            }
        }
    }
}

pub(super) struct Wildcards {
    table: Table,
    levels: Vec<Level>,
}

impl Wildcards {
    pub(super) fn new() -> Wildcards {
        Wildcards { table: Table::new(), levels: Vec::new() }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.levels.is_empty()
    }

    /// Whether any pattern has this many components.
    pub(super) fn has(&self, count: usize) -> bool {
        self.levels.get(count).is_some_and(|level| !level.0.is_empty())
    }

    /// Steps of a lookup among the patterns with as many components as this one, were it here too: components times
    /// masks.
    pub(super) fn work(&self, pattern: &[u8]) -> usize {
        let count = components(pattern).count();
        let masks = match self.levels.get(count).filter(|level| !level.0.is_empty()) {
            None => 1,
            Some(level) => level.0.len() + usize::from(level.place(&Mask::of(pattern)).is_err()),
        };
        count.saturating_mul(masks)
    }

    /// Where the search for this very pattern begins.
    pub(super) fn probe(&self, keys: &Keys, pattern: &[u8]) -> Probe<'_> {
        self.table.probe(fragment_of(keys, pattern))
    }

    /// Where the searches for patterns that match a URI begin, with the places of their masks, of the most specific
    /// ones; whether that is all of them. Precondition: as of `walk`.
    pub(super) fn for_each_probe<'s>(
        &'s self,
        keys: &Keys,
        parts: &Parts,
        mut each: impl FnMut(usize, Probe<'s>),
    ) -> bool {
        let _ = self.for_each_fragment(keys, parts, MANY, |place, _, fragment| {
            each(place, self.table.probe(fragment));
            ControlFlow::<()>::Continue(())
        });
        self.levels.get(parts.count()).is_none_or(|level| level.0.len() <= MANY)
    }

    /// Places, masks and fragments of the patterns that may match the URI, of the `most` most specific masks in their
    /// order, until `each` breaks. Precondition: as of `walk`.
    #[inline]
    fn for_each_fragment<B>(
        &self,
        keys: &Keys,
        parts: &Parts,
        most: usize,
        mut each: impl FnMut(usize, &Mask, u32) -> ControlFlow<B>,
    ) -> ControlFlow<B> {
        let Some(level) = self.levels.get(parts.count()).filter(|_| !parts.has_empty()) else {
            return ControlFlow::Continue(());
        };
        let masks = &level.0[..level.0.len().min(most)];
        let Some(first) = masks.first() else { return ControlFlow::Continue(()) };
        let mut sums = Sums::new(keys, parts.hashes());
        if masks.len() > MANY {
            sums.prepare();
        }
        sums.enter(&first.mask);
        for (place, Masked { mask, sieve, .. }) in masks.iter().enumerate() {
            let fragment = keys.fragment(sums.of_mask(mask));
            if sieve.may_hold(fragment) {
                each(place, mask, fragment)?;
            }
        }
        ControlFlow::Continue(())
    }

    /// Whether a pattern is the one with the mask at this place that matches the URI.
    pub(super) fn is_match(&self, place: usize, pattern: &[u8], parts: &Parts) -> bool {
        let masked = self.levels.get(parts.count()).and_then(|level| level.0.get(place));
        masked.is_some_and(|masked| fits(pattern, &masked.mask, parts))
    }

    /// The slot of this very pattern.
    pub(super) fn find<'t>(&self, keys: &Keys, pattern: &[u8], text: &impl Fn(u32) -> &'t [u8]) -> Option<u32> {
        let same = |number: u32| text(number - 1) == pattern;
        self.table.seek(fragment_of(keys, pattern), same).map(|number| number - 1)
    }

    /// Precondition: it is not there.
    pub(super) fn insert(&mut self, keys: &Keys, pattern: &[u8], slot: u32) {
        let fragment = fragment_of(keys, pattern);
        self.table.insert(fragment, slot + 1);
        let count = components(pattern).count();
        if self.levels.len() <= count {
            self.levels.resize_with(count + 1, Level::default);
        }
        self.levels[count].add(Mask::of(pattern), fragment);
    }

    /// Precondition: it is there.
    pub(super) fn remove(&mut self, keys: &Keys, pattern: &[u8], slot: u32) {
        self.table.remove(fragment_of(keys, pattern), slot + 1);
        self.levels[components(pattern).count()].sub(&Mask::of(pattern));
        while self.levels.last().is_some_and(|level| level.0.is_empty()) {
            self.levels.pop();
        }
    }

    /// Every pattern that matches the URI, most specific first, until `found` breaks. Precondition: if any pattern has
    /// as many components, all of them are hashed.
    pub(super) fn walk<'t, B>(
        &self,
        keys: &Keys,
        parts: &Parts,
        text: &impl Fn(u32) -> &'t [u8],
        found: &mut impl FnMut(u32) -> ControlFlow<B>,
    ) -> ControlFlow<B> {
        self.for_each_fragment(keys, parts, usize::MAX, |_, mask, fragment| {
            let fitting = self.table.seek(fragment, |number| fits(text(number - 1), mask, parts));
            fitting.map_or(ControlFlow::Continue(()), |number| found(number - 1))
        })
    }
}

/// Components of the last group at most, whose sums are prepared where masks are many.
const GROUP: u32 = 6;

/// Hashes of all patterns that could match one URI, as sums of what its components add.
///
/// Masks come in order, so most share all but their last components with the one before: the sum of the others is kept.
struct Sums<'m> {
    terms: SmallVec<[[u64; 2]; 16]>,
    /// Components in the last group, none if not prepared. The group lies in one word of a mask.
    last: u32,
    /// How far the group is from the lowest bit of the word.
    free: u32,
    /// What the last group adds for each choice of literals in it; nothing, if not prepared.
    prepared: SmallVec<[u64; 1 << GROUP]>,
    /// The latest mask without its last group, and the sum of that.
    before: &'m [u64],
    head: u64,
    sum: u64,
}

impl<'m> Sums<'m> {
    fn new(keys: &Keys, components: &[u64]) -> Sums<'m> {
        let mut terms = SmallVec::new();
        for (at, &component) in components.iter().enumerate() {
            terms.push(keys.terms(at, component));
        }
        let free = 63 - (terms.len() as u32 - 1) % 64;
        Sums { terms, last: 0, free, prepared: smallvec![0], before: &[], head: 0, sum: 0 }
    }

    fn prepare(&mut self) {
        self.last = (64 - self.free).min(GROUP);
        for &[wildcard, literal] in &self.terms[self.terms.len() - self.last as usize..] {
            self.prepared = self.prepared.iter().flat_map(|&sum| [add(sum, wildcard), add(sum, literal)]).collect();
        }
    }

    /// The choice of literals that a mask makes in the last group, and the last word without it.
    #[inline]
    fn cut(&self, mask: &Mask) -> (usize, u64) {
        let group = mask.last >> self.free & !(u64::MAX << self.last);
        (group as usize, mask.last ^ group << self.free)
    }

    /// Precondition: a mask was entered.
    #[inline]
    fn of_mask(&mut self, mask: &'m Mask) -> u64 {
        let (group, head) = self.cut(mask);
        if head != self.head || !mask.before.is_empty() && *mask.before != *self.before {
            self.enter(mask);
        }
        add(self.sum, self.prepared[group])
    }

    fn enter(&mut self, mask: &'m Mask) {
        (self.before, self.head) = (&mask.before, self.cut(mask).1);
        self.sum = self.sum_of_head(mask);
    }

    fn sum_of_head(&self, mask: &Mask) -> u64 {
        let head = &self.terms[..self.terms.len() - self.last as usize];
        let literal = |at: usize| (mask.word(at / 64) >> (63 - at % 64) & 1) as usize;
        head.iter().enumerate().fold(0, |sum, (at, term)| add(sum, term[literal(at)]))
    }
}

fn components(pattern: &[u8]) -> impl Iterator<Item = &[u8]> {
    pattern.split(|&octet| octet == b'.')
}

fn fragment_of(keys: &Keys, pattern: &[u8]) -> u32 {
    let sum = components(pattern).enumerate().fold(0, |sum, (at, component)| {
        let [wildcard, literal] = keys.terms(at, keys.text(component));
        add(sum, if component.is_empty() { wildcard } else { literal })
    });
    keys.fragment(sum)
}

/// Whether a pattern is the one of this mask that matches this URI, which has no empty component (PAT-3): it is the URI
/// less what stands where the mask has wildcards.
fn fits(pattern: &[u8], mask: &Mask, parts: &Parts) -> bool {
    let (mut rest, mut from) = (pattern, 0);
    for word in 0..=mask.before.len() {
        let mut wildcards = !mask.word(word);
        while wildcards != 0 {
            let at = word * 64 + wildcards.leading_zeros() as usize;
            if at >= parts.count() {
                break;
            }
            match rest.strip_prefix(&parts.uri[from..parts.start(at)]) {
                Some(more) => (rest, from) = (more, parts.end(at)),
                None => return false,
            }
            wildcards &= !(1 << (63 - at % 64));
        }
    }
    rest == &parts.uri[from..]
}
