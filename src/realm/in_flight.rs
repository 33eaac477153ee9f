//! Requests in flight, by id.
//!
//! Request ids count up, so an id has its place at the id modulo the number of places, and neighbours do not meet. An
//! id whose place another one has (a straggler, or a client that counts otherwise) stands among the others, in a map
//! keyed by a secret: no choice of ids makes any step slow.
//!
//! Invariants: an id stands once, in its place or among the others; there are at most four times as many places as
//! there ever were ids at once, and none that matter once all ids are gone.

use super::ids::{IdMap, Keyed};

/// Places at least, once there are any.
const FEWEST: usize = 8;
/// Places kept when nothing is in flight.
const MOST_KEPT: usize = 256;
/// No request has this id.
const VACANT: u64 = 0;

/// Values by request id, at least 1.
pub(super) struct InFlight<V> {
    /// Ids with their values; a power of two, or none.
    places: Vec<(u64, V)>,
    others: Option<Box<IdMap<V>>>,
    len: usize,
    hashes: Keyed,
}

impl<V: Copy> InFlight<V> {
    /// Nothing; `hashes` holds the secret.
    pub(super) const fn new(hashes: Keyed) -> InFlight<V> {
        InFlight { places: Vec::new(), others: None, len: 0, hashes }
    }

    /// How many there are.
    #[inline]
    pub(super) fn len(&self) -> usize {
        self.len
    }

    /// The value of an id.
    #[inline]
    pub(super) fn get(&self, id: &u64) -> Option<&V> {
        match self.places.get(self.place(*id)) {
            Some((known, value)) if known == id => Some(value),
            _ => self.others.as_ref()?.get(id),
        }
    }

    /// Adds an id that is not in flight.
    #[inline]
    pub(super) fn insert(&mut self, id: u64, value: V) {
        debug_assert!(id != VACANT && self.get(&id).is_none(), "ids in flight are told apart");
        self.len += 1;
        let place = self.place(id);
        match self.places.get_mut(place) {
            Some(place) if place.0 == VACANT => *place = (id, value),
            _ => self.make_room(id, value),
        }
    }

    /// Takes an id off.
    #[inline]
    pub(super) fn remove(&mut self, id: &u64) -> Option<V> {
        let place = self.place(*id);
        let value = match self.places.get_mut(place) {
            Some(place) if place.0 == *id => {
                place.0 = VACANT;
                place.1
            }
            _ => self.others.as_mut()?.remove(id)?,
        };
        self.len -= 1;
        if self.len == 0 && (self.places.len() > MOST_KEPT || self.others.is_some()) {
            self.clear();
        }
        Some(value)
    }

    /// Takes all off, in no order that matters.
    pub(super) fn drain(&mut self) -> std::vec::IntoIter<(u64, V)> {
        let InFlight { mut places, others, .. } = std::mem::replace(self, InFlight::new(self.hashes));
        places.retain(|&(id, _)| id != VACANT);
        places.extend(others.into_iter().flat_map(|others| *others));
        places.into_iter()
    }

    /// Forgets all, and gives the memory back.
    pub(super) fn clear(&mut self) {
        *self = InFlight::new(self.hashes);
    }

    #[inline]
    fn place(&self, id: u64) -> usize {
        id as usize & self.places.len().wrapping_sub(1)
    }

    /// Adds an id whose place is taken: to one of more places, as long as many are in use, else among the others.
    #[cold]
    fn make_room(&mut self, id: u64, value: V) {
        while self.places.len() < FEWEST || self.len * 2 > self.places.len() {
            let more = (self.places.len() * 2).max(FEWEST);
            let fewer = std::mem::replace(&mut self.places, vec![(VACANT, value); more]);
            for entry in fewer.into_iter().filter(|entry| entry.0 != VACANT) {
                // Ids that did not meet among fewer places do not meet now.
                let place = self.place(entry.0);
                self.places[place] = entry;
            }
            let place = self.place(id);
            if self.places[place].0 == VACANT {
                self.places[place] = (id, value);
                return;
            }
        }
        let hashes = self.hashes;
        self.others.get_or_insert_with(|| Box::new(IdMap::with_hasher(hashes))).insert(id, value);
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::super::ids::Keyed;
    use super::{FEWEST, InFlight, MOST_KEPT};

    fn empty() -> InFlight<u64> {
        InFlight::new(Keyed::new(0x9e37_79b9_7f4a_7c15))
    }

    /// Against an ordered map: ids that count up with stragglers, and ids as a hostile client may choose them.
    #[test]
    fn it_is_a_map() {
        let seed = fastrand::u64(..);
        let mut random = fastrand::Rng::with_seed(seed);
        for stride in [1, 3, 64, 1 << 20] {
            let (mut map, mut twin, mut last) = (empty(), BTreeMap::new(), 0);
            for step in 0..20_000_u64 {
                let grows = step / 2_000 % 2 == 0;
                if twin.is_empty() || random.u8(..10) < if grows { 6 } else { 4 } {
                    last += stride;
                    map.insert(last, step);
                    twin.insert(last, step);
                } else {
                    let nth = random.usize(..twin.len().min(20));
                    let id = *twin.keys().nth(nth).unwrap();
                    assert_eq!(map.get(&id), twin.get(&id), "seed {seed}");
                    assert_eq!(map.remove(&id), twin.remove(&id), "seed {seed}");
                    assert!(map.get(&id).is_none() && map.remove(&id).is_none(), "seed {seed}");
                }
                assert_eq!(map.len(), twin.len(), "seed {seed}");
            }
            let drained: BTreeMap<_, _> = map.drain().collect();
            assert_eq!(drained, twin, "seed {seed}");
            assert_eq!(map.len(), 0);
        }
    }

    /// Many at once cost four places each at most, and none once they are gone.
    #[test]
    fn places_follow_the_load() {
        for stride in [1, 8, 4096] {
            let mut map = empty();
            for number in 1..=10_000 {
                map.insert(number * stride, number);
                assert!(map.places.len() <= (4 * map.len()).max(FEWEST));
            }
            for number in 1..=10_000 {
                assert_eq!(map.remove(&(number * stride)), Some(number));
            }
            assert!(map.places.len() <= MOST_KEPT);
        }
    }
}
