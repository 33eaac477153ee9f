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
use super::table::Table;
use smallvec::SmallVec;
use std::ops::ControlFlow;

/// Above this many masks it pays to sum the terms of four components beforehand.
const MANY: usize = 24;

/// The masks of one number of components. A mask is `words` words, one bit a literal, the first component in the
/// highest bit of the first word. Greater means more specific.
#[derive(Default)]
struct Level {
    words: usize,
    /// Most specific first.
    masks: Vec<u64>,
    /// Patterns of each mask.
    lens: Vec<u32>,
}

impl Level {
    /// Where a mask is, or belongs.
    fn place(&self, mask: &[u64]) -> Result<usize, usize> {
        let (mut low, mut high) = (0, self.lens.len());
        while low < high {
            let middle = (low + high) / 2;
            match self.masks[middle * self.words..][..self.words].cmp(mask) {
                std::cmp::Ordering::Equal => return Ok(middle),
                std::cmp::Ordering::Greater => low = middle + 1,
                std::cmp::Ordering::Less => high = middle,
            }
        }
        Err(low)
    }

    fn add(&mut self, mask: &[u64]) {
        self.words = mask.len();
        match self.place(mask) {
            Ok(at) => self.lens[at] += 1,
            Err(at) => {
                let word = at * self.words;
                self.masks.splice(word..word, mask.iter().copied());
                self.lens.insert(at, 1);
            }
        }
    }

    fn sub(&mut self, mask: &[u64]) {
        let Ok(at) = self.place(mask) else { return };
        self.lens[at] -= 1;
        if self.lens[at] == 0 {
            self.lens.remove(at);
            self.masks.drain(at * self.words..(at + 1) * self.words);
            if self.masks.capacity() > 4 * self.masks.len() {
                self.masks.shrink_to(2 * self.masks.len());
                self.lens.shrink_to(2 * self.lens.len());
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
        self.levels.get(count).is_some_and(|level| !level.lens.is_empty())
    }

    /// Steps of a lookup among the patterns with as many components as this one, were it here too: components times
    /// masks.
    pub(super) fn work(&self, pattern: &[u8]) -> usize {
        let count = components(pattern).count();
        let masks = match self.levels.get(count).filter(|level| !level.lens.is_empty()) {
            None => 1,
            Some(level) => level.lens.len() + usize::from(level.place(&mask_of(pattern)).is_err()),
        };
        count.saturating_mul(masks)
    }

    /// The slot of this very pattern.
    pub(super) fn find<'t>(&self, keys: &Keys, pattern: &[u8], text: &impl Fn(u32) -> &'t [u8]) -> Option<u32> {
        let same = |number: u32| text(number - 1) == pattern;
        self.table.seek(fragment_of(keys, pattern), same).map(|number| number - 1)
    }

    /// Precondition: it is not there.
    pub(super) fn insert(&mut self, keys: &Keys, pattern: &[u8], slot: u32) {
        self.table.insert(fragment_of(keys, pattern), slot + 1);
        let count = components(pattern).count();
        if self.levels.len() <= count {
            self.levels.resize_with(count + 1, Level::default);
        }
        self.levels[count].add(&mask_of(pattern));
    }

    /// Precondition: it is there.
    pub(super) fn remove(&mut self, keys: &Keys, pattern: &[u8], slot: u32) {
        self.table.remove(fragment_of(keys, pattern), slot + 1);
        self.levels[components(pattern).count()].sub(&mask_of(pattern));
        while self.levels.last().is_some_and(|level| level.lens.is_empty()) {
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
        if !self.has(parts.count()) || parts.has_empty() {
            return ControlFlow::Continue(());
        }
        let level = &self.levels[parts.count()];
        let sums = Sums::of(keys, parts.hashes(), if level.lens.len() > MANY { 4 } else { 1 });
        for mask in level.masks.chunks_exact(level.words) {
            let fits = |number: u32| fits(text(number - 1), mask, parts);
            if let Some(number) = self.table.seek(keys.fragment(sums.of_mask(mask)), fits) {
                found(number - 1)?;
            }
        }
        ControlFlow::Continue(())
    }
}

/// Hashes of all patterns that could match one URI, as sums over groups of its components.
struct Sums {
    /// Components in a group: 1 or 4, so that no group lies in two words of a mask.
    group: u32,
    /// For each group, what it adds for each choice of literals in it.
    terms: SmallVec<[u64; 64]>,
}

impl Sums {
    fn of(keys: &Keys, components: &[u64], group: u32) -> Sums {
        let mut sums = Sums { group, terms: SmallVec::new() };
        for (at, components) in components.chunks(group as usize).enumerate() {
            let terms: SmallVec<[[u64; 2]; 4]> =
                (at * group as usize..).zip(components).map(|(at, &component)| keys.terms(at, component)).collect();
            let literal = |choice: usize, i: usize| choice >> (group as usize - 1 - i) & 1;
            let sum = |choice| terms.iter().enumerate().fold(0, |sum, (i, term)| add(sum, term[literal(choice, i)]));
            sums.terms.extend((0..1 << group).map(sum));
        }
        sums
    }

    fn of_mask(&self, mask: &[u64]) -> u64 {
        let groups = self.terms.chunks_exact(1 << self.group);
        let mut sum = 0;
        for (at, terms) in (0..).step_by(self.group as usize).zip(groups) {
            let choice = mask[at / 64].rotate_left(at as u32 % 64 + self.group) as usize & ((1 << self.group) - 1);
            sum = add(sum, terms[choice]);
        }
        sum
    }
}

fn components(pattern: &[u8]) -> impl Iterator<Item = &[u8]> {
    pattern.split(|&octet| octet == b'.')
}

fn mask_of(pattern: &[u8]) -> SmallVec<[u64; 2]> {
    let mut words = SmallVec::new();
    for (i, component) in components(pattern).enumerate() {
        if i % 64 == 0 {
            words.push(0);
        }
        words[i / 64] |= u64::from(!component.is_empty()) << (63 - i % 64);
    }
    words
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
fn fits(pattern: &[u8], mask: &[u64], parts: &Parts) -> bool {
    let (mut rest, mut from) = (pattern, 0);
    for (word, &bits) in mask.iter().enumerate() {
        let mut wildcards = !bits;
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
