//! A concrete URI taken apart: its components and their hashes, computed once for prefixes and wildcards alike.

use super::hash::Keys;
use smallvec::SmallVec;

/// The first components of a URI.
pub(super) struct Parts<'u> {
    pub(super) uri: &'u str,
    /// Components of the whole URI, at least 1.
    pub(super) count: usize,
    /// Hashes of the first components, in order.
    hashes: SmallVec<[u64; 16]>,
    /// Where those components begin.
    starts: SmallVec<[u32; 16]>,
}

impl<'u> Parts<'u> {
    /// Takes apart the first `most` components; counts all.
    pub(super) fn of(keys: &Keys, uri: &'u str, most: impl FnOnce(usize) -> usize) -> Parts<'u> {
        let count = count(uri);
        let most = most(count).min(count);
        let (mut hashes, mut starts) = (SmallVec::new(), SmallVec::new());
        let mut start = 0;
        for component in uri.split('.').take(most) {
            hashes.push(keys.component(component));
            starts.push(start as u32);
            start += component.len() + 1;
        }
        Parts { uri, count, hashes, starts }
    }

    /// Hashes of the components that were asked for.
    pub(super) fn hashes(&self) -> &[u64] {
        &self.hashes
    }

    /// Where component `index` begins, in octets.
    pub(super) fn start(&self, index: usize) -> usize {
        self.starts[index] as usize
    }

    /// Component `index` without its dot.
    pub(super) fn component(&self, index: usize) -> &'u [u8] {
        let bytes = &self.uri.as_bytes()[self.start(index)..];
        let end = match self.starts.get(index + 1) {
            Some(&next) => next as usize - 1 - self.start(index),
            None => bytes.iter().position(|&octet| octet == b'.').unwrap_or(bytes.len()),
        };
        &bytes[..end]
    }
}

/// Components of a URI: one more than it has dots.
pub(super) fn count(uri: &str) -> usize {
    1 + uri.bytes().filter(|&octet| octet == b'.').count()
}
