//! Ids of entries, and maps by id for tables that every message asks.

use std::collections::HashMap;
use std::hash::{BuildHasher, Hasher};

use crate::pattern::EntryKey;
use crate::wamp::Id;

/// The registration or subscription id of an entry.
pub(super) fn id_of(key: EntryKey) -> Id {
    Id::new(key.to_id()).unwrap_or(Id::MAX)
}

/// A map by a 64-bit id.
pub(super) type IdMap<V> = HashMap<u64, V, Keyed>;

/// One multiplication folded, under a secret: clients choose some of these ids and must not choose the buckets.
#[derive(Clone, Copy, Debug)]
pub(super) struct Keyed(u64);

impl Keyed {
    /// Hashes under `secret`.
    pub(super) const fn new(secret: u64) -> Keyed {
        Keyed(secret)
    }
}

impl BuildHasher for Keyed {
    type Hasher = Fold;

    #[inline]
    fn build_hasher(&self) -> Fold {
        Fold { secret: self.0, folded: self.0 }
    }
}

/// See [`Keyed`].
pub(super) struct Fold {
    secret: u64,
    folded: u64,
}

impl Hasher for Fold {
    #[inline]
    fn write_u64(&mut self, id: u64) {
        let product = u128::from(id ^ self.folded) * u128::from(self.secret.rotate_left(32) | 1);
        self.folded = product as u64 ^ (product >> 64) as u64;
    }

    fn write(&mut self, bytes: &[u8]) {
        for &byte in bytes {
            self.write_u64(u64::from(byte));
        }
    }

    #[inline]
    fn finish(&self) -> u64 {
        self.folded
    }
}

#[cfg(test)]
mod tests {
    use super::{IdMap, Keyed};

    /// Sequential ids, and ids that differ in high bits only, spread over buckets and tags.
    #[test]
    fn ids_spread_whatever_their_pattern() {
        for shift in [0, 20, 40] {
            let mut map = IdMap::with_hasher(Keyed::new(0x9e37_79b9_7f4a_7c15));
            for id in 0..10_000_u64 {
                map.insert(id << shift, id);
            }
            let mut buckets = vec![0_u32; 1024];
            for id in 0..10_000_u64 {
                assert_eq!(map.get(&(id << shift)), Some(&id));
                let hash = std::hash::BuildHasher::hash_one(map.hasher(), id << shift);
                buckets[hash as usize % 1024] += 1;
            }
            assert!(buckets.iter().all(|&count| count < 40), "shift {shift}");
        }
    }
}
