//! A concrete URI taken apart: its components and their hashes, computed once for prefixes and wildcards alike.

use super::hash::Keys;
use smallvec::SmallVec;

/// A URI, where its components are, and the hashes of the first of them.
pub(super) struct Parts<'u> {
    pub(super) uri: &'u [u8],
    /// Where components begin, in octets, and where one more would.
    starts: SmallVec<[u32; 17]>,
    hashes: SmallVec<[u64; 16]>,
    /// Hashes of the anchors of prefixes, shortest first.
    anchors: SmallVec<[u64; 16]>,
}

impl<'u> Parts<'u> {
    /// Takes a URI apart.
    #[inline]
    pub(super) fn of(uri: &'u str) -> Parts<'u> {
        Parts { uri: uri.as_bytes(), starts: SmallVec::new(), hashes: SmallVec::new(), anchors: SmallVec::new() }
    }

    /// Finds the components.
    #[inline]
    pub(super) fn split(&mut self) {
        self.starts.push(0);
        for_each_dot(self.uri, |dot| self.starts.push(dot + 1));
        self.starts.push(self.uri.len() as u32 + 1);
    }

    /// Hashes the first `most` components, of as many as there are.
    #[inline]
    pub(super) fn hash(&mut self, keys: &Keys, most: usize) {
        for ends in self.starts.windows(2).take(most) {
            self.hashes.push(keys.text(&self.uri[ends[0] as usize..ends[1] as usize - 1]));
        }
    }

    /// Hashes the first `most` anchors, of as many as there are. Precondition: as many components are hashed.
    #[inline]
    pub(super) fn chain(&mut self, keys: &Keys, most: usize) {
        let mut anchor = keys.empty_prefix();
        for &component in self.hashes.iter().take(most) {
            self.anchors.push(anchor);
            anchor = keys.extend(anchor, component);
        }
    }

    /// Components of the whole URI, at least 1.
    pub(super) fn count(&self) -> usize {
        self.starts.len() - 1
    }

    /// Hashes of the components that were asked for.
    pub(super) fn hashes(&self) -> &[u64] {
        &self.hashes
    }

    /// Hashes of the anchors that were asked for: the first is that of nothing, the next of a component and its dot.
    pub(super) fn anchors(&self) -> &[u64] {
        &self.anchors
    }

    /// Where component `index` begins, in octets.
    pub(super) fn start(&self, index: usize) -> usize {
        self.starts[index] as usize
    }

    /// Where component `index` ends, in octets.
    pub(super) fn end(&self, index: usize) -> usize {
        self.starts[index + 1] as usize - 1
    }

    /// Component `index` without its dot.
    pub(super) fn component(&self, index: usize) -> &'u [u8] {
        &self.uri[self.start(index)..self.end(index)]
    }

    /// Whether any component is empty.
    pub(super) fn has_empty(&self) -> bool {
        self.starts.windows(2).any(|pair| pair[1] - pair[0] == 1)
    }
}

/// Eight octets at a time: most components are shorter than what starting a search costs.
#[inline]
fn for_each_dot(uri: &[u8], mut dot: impl FnMut(u32)) {
    let (mut rest, mut at) = (uri, 0);
    while let Some((word, more)) = rest.split_first_chunk::<8>() {
        let mut dots = zero_octets(u64::from_le_bytes(*word) ^ every_octet(b'.'));
        while dots != 0 {
            dot(at + dots.trailing_zeros() / 8);
            dots &= dots - 1;
        }
        (rest, at) = (more, at + 8);
    }
    (at..).zip(rest).filter(|&(_, &octet)| octet == b'.').for_each(|(at, _)| dot(at));
}

/// One octet eight times.
#[inline]
pub(super) fn every_octet(octet: u8) -> u64 {
    u64::from(octet) * 0x0101_0101_0101_0101
}

/// The high bit of every octet that is zero, and no other bit.
#[inline]
fn zero_octets(word: u64) -> u64 {
    const LOW: u64 = 0x7f7f_7f7f_7f7f_7f7f;
    !(((word & LOW) + LOW) | word | LOW)
}
