//! Appending a few bytes whose number is known when compiled.

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

#[cfg(test)]
mod tests {
    use super::{put, tagged};

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
}
