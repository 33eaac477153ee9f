//! Appending a few bytes whose number is known when compiled, or that are appended again and again.

/// Appends `bytes`.
///
/// `extend_from_slice` makes two calls of it, its own and that of `memcpy`, for every number in every message: a tenth
/// of what encoding a message cost. This is a check for room and a store.
#[inline(always)]
pub(crate) fn put<const N: usize>(out: &mut Vec<u8>, bytes: [u8; N]) {
    out.reserve(N);
    let len = out.len();
    // SAFETY: there is room for N bytes behind `len`, which this write fills: an array of bytes needs no alignment.
    unsafe {
        out.as_mut_ptr().add(len).cast::<[u8; N]>().write(bytes);
        out.set_len(len + N);
    }
}

/// The same behind a tag.
#[inline(always)]
pub(super) fn tagged<const N: usize>(out: &mut Vec<u8>, tag: u8, bytes: [u8; N]) {
    out.reserve(1 + N);
    let len = out.len();
    // SAFETY: there is room for 1 + N bytes behind `len`, which these two writes fill: an array of bytes needs no
    // alignment.
    unsafe {
        let end = out.as_mut_ptr().add(len);
        end.write(tag);
        end.add(1).cast::<[u8; N]>().write(bytes);
        out.set_len(len + 1 + N);
    }
}

/// Bytes of a block.
const BLOCK: usize = 32;

/// Bytes that are appended again and again, by a few stores of whole blocks.
#[derive(Debug)]
pub(crate) struct Piece {
    /// The bytes, and as many behind them as a block has.
    padded: Vec<u8>,
}

impl Piece {
    /// A piece of what `write` appends.
    pub(crate) fn new(write: impl FnOnce(&mut Vec<u8>)) -> Piece {
        let mut piece = Piece { padded: Vec::new() };
        piece.set(write);
        piece
    }

    /// How many bytes it has.
    #[inline(always)]
    pub(crate) fn len(&self) -> usize {
        self.padded.len() - BLOCK
    }

    /// Makes it a piece of what `write` appends to an empty buffer.
    #[inline(always)]
    pub(crate) fn set(&mut self, write: impl FnOnce(&mut Vec<u8>)) {
        self.padded.clear();
        write(&mut self.padded);
        put(&mut self.padded, [0; BLOCK]);
    }
}

/// The end of a buffer, to which pieces are appended: where it is stays in registers.
pub(crate) struct End<'o> {
    out: &'o mut Vec<u8>,
    start: *mut u8,
    len: usize,
    capacity: usize,
}

impl<'o> End<'o> {
    #[inline(always)]
    pub(crate) fn of(out: &'o mut Vec<u8>) -> End<'o> {
        let (start, len, capacity) = (out.as_mut_ptr(), out.len(), out.capacity());
        End { out, start, len, capacity }
    }

    /// Appends the bytes of a piece from `from` to `to`, which must lie within it.
    #[inline(always)]
    pub(crate) fn append(&mut self, piece: &Piece, from: usize, to: usize) {
        let padded = &piece.padded[from..to + BLOCK];
        if self.capacity - self.len < padded.len() {
            (self.start, self.capacity) = grown(self.out, self.len, padded.len());
        }
        let len = padded.len() - BLOCK;
        let mut at = 0;
        while at < len {
            // SAFETY: `at` is less than `len`, so the block ends before `len + BLOCK`: as many bytes `padded` has, and
            // there is room for as many behind `self.len`. They are in two vectors.
            unsafe { padded.as_ptr().add(at).copy_to_nonoverlapping(self.start.add(self.len + at), BLOCK) };
            at += BLOCK;
        }
        self.len += len;
    }

    /// Appends what `write` does.
    #[inline(always)]
    pub(crate) fn write(&mut self, write: impl FnOnce(&mut Vec<u8>)) {
        // SAFETY: as in `finish`.
        unsafe { self.out.set_len(self.len) };
        write(self.out);
        (self.start, self.len, self.capacity) = (self.out.as_mut_ptr(), self.out.len(), self.out.capacity());
    }

    /// Lets the buffer have what was appended.
    #[inline(always)]
    pub(crate) fn finish(self) {
        // SAFETY: there is room, and every byte up to `len` was written: each piece begins where the one before ends.
        unsafe { self.out.set_len(self.len) };
    }
}

/// Makes room for `more` bytes behind the first `len` of a buffer; where it begins then, and its capacity.
#[cold]
#[inline(never)]
fn grown(out: &mut Vec<u8>, len: usize, more: usize) -> (*mut u8, usize) {
    // SAFETY: as in `End::finish`.
    unsafe { out.set_len(len) };
    out.reserve(more);
    (out.as_mut_ptr(), out.capacity())
}

#[cfg(test)]
mod tests {
    use super::{BLOCK, End, Piece, put, tagged};

    /// With room and without.
    #[test]
    fn it_appends() {
        let (mut out, mut twin) = (Vec::new(), Vec::new());
        for number in 0..1000_u64 {
            tagged(&mut out, number as u8, number.to_be_bytes());
            twin.push(number as u8);
            twin.extend(number.to_be_bytes());
            tagged(&mut out, 7, [number as u8]);
            twin.extend([7, number as u8]);
            put(&mut out, [9, 8, number as u8]);
            twin.extend([9, 8, number as u8]);
            put(&mut out, []);
        }
        assert_eq!(out, twin);
    }

    /// Of any length and from anywhere, with room and without, set anew or not.
    #[test]
    fn pieces_append_what_was_written() {
        let (mut out, mut twin, mut again) = (Vec::new(), Vec::new(), Piece::new(|_| {}));
        for len in 0..9 * BLOCK {
            let bytes: Vec<u8> = (0..len).map(|at| (at * 7 + len) as u8).collect();
            let once = Piece::new(|piece| piece.extend_from_slice(&bytes));
            again.set(|piece| piece.extend_from_slice(&bytes[len / 2..]));
            assert_eq!((once.len(), again.len()), (len, len - len / 2));
            let mut end = End::of(&mut out);
            end.append(&again, 0, again.len());
            end.write(|out| out.extend_from_slice(&bytes));
            end.append(&once, len / 3, len);
            end.append(&once, len / 4, len / 2);
            end.finish();
            End::of(&mut out).finish();
            twin.extend([&bytes[len / 2..], &bytes, &bytes[len / 3..], &bytes[len / 4..len / 2]].concat());
            assert_eq!(out.len(), twin.len());
        }
        assert_eq!(out, twin);
    }
}
