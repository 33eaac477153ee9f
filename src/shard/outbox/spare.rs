//! Empty buffers of past turns, for the queues of the next one: an idle session holds none.
//!
//! Short and long ones lie apart. What goes to many sessions is short, and would take the buffer that has grown for the
//! one that gets batches of meta events, which would then grow another one each turn.

/// Buffers larger than this are long.
const SHORT: usize = 16 * 1024;
/// Buffers larger than this go back to the allocator once they are empty.
const LONGEST: usize = 512 * 1024;
/// How many are kept of each kind.
const MOST_SHORT: usize = 64;
const MOST_LONG: usize = 16;

/// The buffers that are kept.
#[derive(Default)]
pub(super) struct Spares {
    short: Vec<Vec<u8>>,
    long: Vec<Vec<u8>>,
}

impl Spares {
    /// A buffer for about so many bytes; `None` where none is left.
    #[inline]
    pub(super) fn take(&mut self, bytes: usize) -> Option<Vec<u8>> {
        match bytes {
            0..=SHORT => self.short.pop(),
            _ => self.long.pop().or_else(|| self.short.pop()),
        }
    }

    /// Keeps a buffer, unless there are enough.
    pub(super) fn keep(&mut self, mut buffer: Vec<u8>) {
        buffer.clear();
        let (kept, most) = match buffer.capacity() {
            0 => return,
            1..=SHORT => (&mut self.short, MOST_SHORT),
            _ => (&mut self.long, MOST_LONG),
        };
        if buffer.capacity() <= LONGEST && kept.len() < most {
            kept.push(buffer);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{LONGEST, MOST_LONG, MOST_SHORT, SHORT, Spares};

    fn capacity(buffer: Option<Vec<u8>>) -> Option<usize> {
        buffer.map(|buffer| buffer.capacity())
    }

    /// A long buffer waits for who has use for it, and nobody who has goes without one.
    #[test]
    fn a_long_buffer_is_not_given_for_few_bytes() {
        let mut spares = Spares::default();
        for capacity in [0, 100, 4 * SHORT, LONGEST + 1] {
            spares.keep(Vec::with_capacity(capacity));
        }
        assert_eq!(capacity(spares.take(1)), Some(100));
        assert_eq!(capacity(spares.take(1)), None);
        assert_eq!(capacity(spares.take(2 * SHORT)), Some(4 * SHORT));
        spares.keep(Vec::with_capacity(100));
        assert_eq!(capacity(spares.take(2 * SHORT)), Some(100));
        assert_eq!(capacity(spares.take(2 * SHORT)), None);
    }

    /// What is kept is bounded, and empty.
    #[test]
    fn so_many_are_kept() {
        let mut spares = Spares::default();
        for capacity in [SHORT, LONGEST] {
            (0..100).for_each(|_| spares.keep(vec![7; capacity]));
        }
        assert_eq!((spares.short.len(), spares.long.len()), (MOST_SHORT, MOST_LONG));
        assert!(spares.take(1).is_some_and(|buffer| buffer.is_empty()));
    }
}
