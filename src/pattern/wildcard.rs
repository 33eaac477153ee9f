//! Wildcard patterns: per number of components, the masks in use, each probed by hash in the order of precedence.
//!
//! A *mask* says which components of a pattern are literal. With a URI at hand, a mask leaves one possible pattern, so
//! a mask is one probe. The hash of a pattern is the sum of what its components add at their positions, so for one
//! URI the hashes of all masks come from one sum, less one term for each wildcard.
//!
//! Precedence among the patterns of one URI is the order of their masks, read left to right with a literal above a
//! wildcard: that is the longest run of literals before the first wildcard, then before the second, and so on (RPP-4).

use super::hash::{Keys, fragment};
use super::parts::Parts;
use super::table::Table;
use smallvec::SmallVec;
use std::ops::ControlFlow;

/// Which components are literal: one bit each, the first component in the highest bit of the first word. Greater
/// means more specific.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Mask(SmallVec<[u64; 2]>);

impl Mask {
    pub(super) fn of(pattern: &str, count: usize) -> Mask {
        let mut words = SmallVec::from_elem(0, count.div_ceil(64));
        for (i, component) in pattern.split('.').enumerate() {
            if !component.is_empty() {
                words[i / 64] |= 1 << (63 - i % 64);
            }
        }
        Mask(words)
    }

    /// Positions of the wildcards among `count` components.
    fn wildcards(&self, count: usize) -> impl Iterator<Item = usize> + '_ {
        self.0
            .iter()
            .enumerate()
            .flat_map(move |(word, &bits)| Zeros(!bits).map(move |bit| word * 64 + bit))
            .take_while(move |&at| at < count)
    }
}

struct Zeros(u64);

impl Iterator for Zeros {
    type Item = usize;

    fn next(&mut self) -> Option<usize> {
        let bit = self.0.leading_zeros();
        self.0 &= !(1u64 << 63).checked_shr(bit).unwrap_or(0);
        (bit < 64).then_some(bit as usize)
    }
}

struct Probed {
    mask: Mask,
    len: u32,
}

/// The patterns of one number of components.
#[derive(Default)]
struct Level {
    /// Most specific first.
    probed: Vec<Probed>,
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
        self.levels.get(count).is_some_and(|level| !level.probed.is_empty())
    }

    /// The slot of this very pattern.
    pub(super) fn find<'t>(&self, keys: &Keys, pattern: &str, text: &impl Fn(u32) -> &'t str) -> Option<u32> {
        let same = |number: u32| text(number - 1) == pattern;
        self.table.find(fragment(hash_of(keys, pattern)), same).map(|number| number - 1)
    }

    /// Precondition: it is not there.
    pub(super) fn insert(&mut self, keys: &Keys, pattern: &str, slot: u32) {
        let count = super::parts::count(pattern);
        self.table.insert(fragment(hash_of(keys, pattern)), slot + 1);
        if self.levels.len() <= count {
            self.levels.resize_with(count + 1, Level::default);
        }
        let (level, mask) = (&mut self.levels[count], Mask::of(pattern, count));
        match level.probed.binary_search_by(|probed| mask.cmp(&probed.mask)) {
            Ok(at) => level.probed[at].len += 1,
            Err(at) => level.probed.insert(at, Probed { mask, len: 1 }),
        }
    }

    /// Precondition: it is there.
    pub(super) fn remove(&mut self, keys: &Keys, pattern: &str, slot: u32) {
        let count = super::parts::count(pattern);
        self.table.remove(fragment(hash_of(keys, pattern)), slot + 1);
        let (level, mask) = (&mut self.levels[count], Mask::of(pattern, count));
        if let Ok(at) = level.probed.binary_search_by(|probed| mask.cmp(&probed.mask)) {
            level.probed[at].len -= 1;
            if level.probed[at].len == 0 {
                level.probed.remove(at);
            }
        }
        while self.levels.last().is_some_and(|level| level.probed.is_empty()) {
            self.levels.pop();
        }
    }

    /// Every pattern that matches the URI, most specific first, until `found` breaks.
    pub(super) fn walk<'t, B>(
        &self,
        keys: &Keys,
        parts: &Parts,
        _one: bool,
        text: &impl Fn(u32) -> &'t str,
        found: &mut impl FnMut(u32) -> ControlFlow<B>,
    ) -> ControlFlow<B> {
        if !self.has(parts.count) || parts.uri.split('.').any(str::is_empty) {
            return ControlFlow::Continue(());
        }
        let sums = Sums::of(keys, parts.hashes());
        for probed in &self.levels[parts.count].probed {
            let hash = sums.of_mask(&probed.mask);
            let same = |number: u32| fits(text(number - 1), &probed.mask, parts.uri);
            if let Some(number) = self.table.find(fragment(hash), same) {
                found(number - 1)?;
            }
        }
        ControlFlow::Continue(())
    }
}

/// Hashes of all patterns that could match one URI.
struct Sums {
    /// The hash if every component is literal.
    literal: u64,
    /// What changes when the component at this position is a wildcard.
    change: SmallVec<[u64; 16]>,
}

impl Sums {
    fn of(keys: &Keys, components: &[u64]) -> Sums {
        let mut literal = 0u64;
        let change = components.iter().enumerate().map(|(at, &component)| {
            let here = keys.literal_at(at, component);
            literal = literal.wrapping_add(here);
            keys.wildcard_at(at).wrapping_sub(here)
        });
        let change = change.collect();
        Sums { literal, change }
    }

    fn of_mask(&self, mask: &Mask) -> u64 {
        mask.wildcards(self.change.len()).fold(self.literal, |sum, at| sum.wrapping_add(self.change[at]))
    }
}

fn hash_of(keys: &Keys, pattern: &str) -> u64 {
    pattern.split('.').enumerate().fold(0, |sum, (at, component)| {
        sum.wrapping_add(match component {
            "" => keys.wildcard_at(at),
            literal => keys.literal_at(at, keys.component(literal)),
        })
    })
}

/// Whether a pattern has this mask and matches this URI, both of the same number of non-empty components (PAT-3).
fn fits(pattern: &str, mask: &Mask, uri: &str) -> bool {
    let (mut patterns, mut components) = (pattern.split('.'), uri.split('.'));
    let mut at = 0;
    loop {
        match (patterns.next(), components.next()) {
            (None, None) => return true,
            (Some(pattern), Some(component)) => {
                let literal = mask.0[at / 64] >> (63 - at % 64) & 1 == 1;
                if literal == pattern.is_empty() || literal && pattern != component {
                    return false;
                }
            }
            _ => return false,
        }
        at += 1;
    }
}
