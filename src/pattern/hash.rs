//! Keyed hashes of URIs, of their components, and of what patterns are made of.
//!
//! Every hash starts from SipHash-1-3 under a key that the peers do not know, so they cannot choose URIs that
//! collide. What is combined from such hashes (prefix chains, wildcard sums) is mixed with further secret constants.
//! Equal hashes never decide a match: the text of the entry does.

use siphasher::sip::SipHasher13;

/// The secret of one map.
#[derive(Clone, Debug)]
pub(super) struct Keys {
    whole: SipHasher13,
    component: SipHasher13,
    chain: u64,
    multiplier: u64,
    position: u64,
    wild: u64,
    /// Bits of a component's or URI's hash that are kept; all, except where a test wants collisions.
    kept: u64,
}

impl Keys {
    pub(super) fn new(seed: u64) -> Keys {
        let mut state = seed;
        let mut next = || {
            state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
            scramble(state)
        };
        Keys {
            whole: SipHasher13::new_with_keys(next(), next()),
            component: SipHasher13::new_with_keys(next(), next()),
            chain: next(),
            multiplier: next() | 1,
            position: next(),
            wild: next(),
            kept: u64::MAX,
        }
    }

    /// A hash so weak that everything collides: for tests of what collisions do.
    #[cfg(test)]
    pub(super) fn weak(seed: u64, kept: u64) -> Keys {
        Keys { kept, ..Keys::new(seed) }
    }

    /// Hash of a whole URI.
    pub(super) fn whole(&self, uri: &str) -> u64 {
        self.whole.hash(uri.as_bytes()) & self.kept
    }

    /// Hash of one component.
    pub(super) fn component(&self, component: &str) -> u64 {
        self.component.hash(component.as_bytes()) & self.kept
    }

    /// Hash of the empty prefix, where every chain begins.
    pub(super) fn empty_prefix(&self) -> u64 {
        self.chain & self.kept
    }

    /// Hash of a prefix extended by one whole component and its dot.
    pub(super) fn extend(&self, prefix: u64, component: u64) -> u64 {
        fold(prefix.rotate_left(23) ^ component, self.multiplier) & self.kept
    }

    /// Hash of a prefix extended by one octet of an unfinished component.
    pub(super) fn extend_by_octet(&self, prefix: u64, octet: u8) -> u64 {
        let salted = self.position ^ (u64::from(octet) + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        fold(prefix ^ salted, self.multiplier) & self.kept
    }

    /// What a literal adds to the hash of a wildcard pattern.
    pub(super) fn literal_at(&self, position: usize, component: u64) -> u64 {
        let key = self.position.wrapping_add((position as u64).wrapping_mul(0xd6e8_feb8_6659_fd93));
        fold(component ^ scramble(key), self.multiplier) & self.kept
    }

    /// What a wildcard adds to the hash of a wildcard pattern.
    pub(super) fn wildcard_at(&self, position: usize) -> u64 {
        scramble(self.wild.wrapping_add((position as u64).wrapping_mul(0xa076_1d64_78bd_642f))) & self.kept
    }
}

/// The half of a hash that the tables store.
pub(super) fn fragment(hash: u64) -> u32 {
    (hash >> 32) as u32 ^ hash as u32
}

/// Both halves of the product: no octet of the input leaves any octet of the output alone.
fn fold(a: u64, b: u64) -> u64 {
    let product = u128::from(a).wrapping_mul(u128::from(b));
    (product >> 64) as u64 ^ product as u64
}

/// A fixed bijection of 64 bits (the finalizer of splitmix64).
fn scramble(mut bits: u64) -> u64 {
    bits = (bits ^ (bits >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    bits = (bits ^ (bits >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    bits ^ (bits >> 31)
}
