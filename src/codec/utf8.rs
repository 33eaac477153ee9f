//! UTF-8, checked at the speed of the ASCII that most text is.

use std::borrow::Cow;

use super::token::{Malformed, Read};

/// Bytes that must be text, as text.
#[inline]
pub(super) fn text(bytes: &[u8]) -> Read<&str> {
    if is_ascii(bytes) {
        // SAFETY: ASCII is valid UTF-8. The check by `str::from_utf8` costs eight times as many instructions for
        // the short strings that URIs and keys are, and every message has some.
        return Ok(unsafe { std::str::from_utf8_unchecked(bytes) });
    }
    simdutf8::basic::from_utf8(bytes).map_err(|_| Malformed::NotUtf8)
}

/// The same, borrowed.
#[inline]
pub(super) fn borrowed(bytes: &[u8]) -> Read<Cow<'_, str>> {
    text(bytes).map(Cow::Borrowed)
}

/// Bytes that must be text.
#[inline(always)]
pub(super) fn check(bytes: &[u8]) -> Read<()> {
    if is_ascii(bytes) || simdutf8::basic::from_utf8(bytes).is_ok() { Ok(()) } else { Err(Malformed::NotUtf8) }
}

/// The highest bit of every byte.
const HIGH: u128 = u128::MAX / 0xff * 0x80;

/// Whether no byte has its highest bit set. Short ones in one go: two loads, which may overlap, and no loop.
#[inline(always)]
fn is_ascii(bytes: &[u8]) -> bool {
    if bytes.len() > 32 {
        return bytes.is_ascii();
    }
    if let (Some(first), Some(last)) = (bytes.first_chunk(), bytes.last_chunk()) {
        return (u128::from_ne_bytes(*first) | u128::from_ne_bytes(*last)) & HIGH == 0;
    }
    if let (Some(first), Some(last)) = (bytes.first_chunk(), bytes.last_chunk()) {
        return (u64::from_ne_bytes(*first) | u64::from_ne_bytes(*last)) & HIGH as u64 == 0;
    }
    if let (Some(first), Some(last)) = (bytes.first_chunk(), bytes.last_chunk()) {
        return (u32::from_ne_bytes(*first) | u32::from_ne_bytes(*last)) & HIGH as u32 == 0;
    }
    match bytes {
        [] => true,
        [first, .., last] => (first | bytes[bytes.len() / 2] | last) < 0x80,
        [only] => *only < 0x80,
    }
}

#[cfg(test)]
mod tests {
    use super::text;

    /// Every length around the block sizes, with a lead byte, a whole character or nothing at every place.
    #[test]
    fn agrees_with_the_standard_library() {
        for len in 0..70 {
            let mut bytes = vec![b'a'; len];
            assert!(text(&bytes).is_ok());
            for at in 0..len {
                bytes[at] = 0xc3;
                assert_eq!(text(&bytes).ok(), std::str::from_utf8(&bytes).ok(), "{len} {at}");
                if at + 1 < len {
                    bytes[at + 1] = 0xa4;
                    assert_eq!(text(&bytes).ok(), std::str::from_utf8(&bytes).ok(), "{len} {at}");
                    bytes[at + 1] = b'a';
                }
                bytes[at] = b'a';
            }
        }
    }
}
