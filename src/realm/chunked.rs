//! A list that grows without copying, for what may become long: no push is slow because of those before it.
//!
//! Invariant: every chunk but the last one in use is full; at most one empty chunk is kept, so that a list that
//! grows and shrinks at a border does not allocate.

/// Items in a chunk.
const CHUNK: usize = 1024;

/// Items by position.
#[derive(Debug)]
pub(super) struct Chunked<T> {
    chunks: Vec<Vec<T>>,
    len: usize,
}

impl<T> Default for Chunked<T> {
    fn default() -> Chunked<T> {
        Chunked { chunks: Vec::new(), len: 0 }
    }
}

impl<T> Chunked<T> {
    /// How many items there are.
    pub(super) fn len(&self) -> usize {
        self.len
    }

    /// Adds an item; its position.
    #[inline]
    pub(super) fn push(&mut self, item: T) -> usize {
        let position = self.len;
        if position / CHUNK == self.chunks.len() {
            // The first chunk grows by doubling, as most lists are short; the others come whole.
            self.chunks.push(if position == 0 { Vec::new() } else { Vec::with_capacity(CHUNK) });
        }
        self.chunks[position / CHUNK].push(item);
        self.len += 1;
        position
    }

    /// Takes the last item.
    #[inline]
    pub(super) fn pop(&mut self) -> Option<T> {
        let last = self.len.checked_sub(1)?;
        self.len = last;
        self.chunks.truncate(last / CHUNK + 2);
        self.chunks[last / CHUNK].pop()
    }

    /// Takes the item at `position`, where the last one then moves; `None` beyond the end.
    #[inline]
    pub(super) fn swap_remove(&mut self, position: usize) -> Option<T> {
        if position >= self.len {
            return None;
        }
        let last = self.pop()?;
        match self.get_mut(position) {
            Some(place) => Some(std::mem::replace(place, last)),
            None => Some(last),
        }
    }

    /// The item at `position`.
    #[inline]
    pub(super) fn get(&self, position: usize) -> Option<&T> {
        self.chunks.get(position / CHUNK)?.get(position % CHUNK)
    }

    /// The item at `position`, to change.
    #[inline]
    pub(super) fn get_mut(&mut self, position: usize) -> Option<&mut T> {
        self.chunks.get_mut(position / CHUNK)?.get_mut(position % CHUNK)
    }

    /// The last item.
    pub(super) fn last(&self) -> Option<&T> {
        self.get(self.len.checked_sub(1)?)
    }
}

#[cfg(test)]
mod tests {
    use super::{CHUNK, Chunked};

    /// Against a plain vector, across several chunks and back.
    #[test]
    fn it_is_a_vector_in_pieces() {
        let seed = fastrand::u64(..);
        let mut random = fastrand::Rng::with_seed(seed);
        let (mut list, mut twin) = (Chunked::default(), Vec::new());
        for step in 0..20_000_u32 {
            let grow = (step / 4_000) % 2 == 0;
            if twin.is_empty() || random.u8(..4) < if grow { 3 } else { 1 } {
                assert_eq!(list.push(step), twin.len());
                twin.push(step);
            } else if random.bool() {
                let position = random.usize(..twin.len());
                assert_eq!(list.swap_remove(position), Some(twin.swap_remove(position)), "seed {seed}");
            } else {
                assert_eq!(list.pop(), twin.pop(), "seed {seed}");
            }
            assert_eq!((list.len(), list.last()), (twin.len(), twin.last()), "seed {seed}");
        }
        assert!((0..list.len()).filter_map(|position| list.get(position)).eq(&twin), "seed {seed}");
        assert_eq!(list.swap_remove(twin.len()), None);
    }

    /// Emptied chunks go back, all but one.
    #[test]
    fn emptied_chunks_are_freed() {
        let mut list = Chunked::default();
        for item in 0..4 * CHUNK {
            list.push(item);
        }
        while list.pop().is_some() {}
        assert!(list.len() == 0 && list.chunks.len() <= 2);
    }
}
