//! Payloads that tell who sent them, in which order, and whether they arrived whole.
//!
//! The first 16 octets hold a sender (24 bits), a sequence number (40 bits) and a mix of both with the length; what
//! follows is the same text in every payload. JSON has no byte strings, so there all octets are letters of an alphabet
//! of 64: 11 for the token, 5 for the mix. A payload below 16 octets is a prefix of that and tells less.

use crate::wire::codec::{Serializer, bytes_head, list_head};

/// Octets that carry sender, sequence number and mix.
const STAMP: usize = 16;
/// The highest sequence number.
const SEQUENCE: u64 = (1 << 40) - 1;

/// Makes and checks payloads.
#[derive(Clone, Debug)]
pub struct Stamps {
    serializer: Serializer,
    /// Whether content is checked at all.
    verify: bool,
    seed: u64,
    /// What fills a payload behind its stamp.
    filling: Vec<u8>,
}

/// What a payload says of itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Token {
    /// Who sent it, below 2^24.
    pub sender: u32,
    /// Which of its payloads it is, from 0, below 2^40.
    pub sequence: u64,
}

impl Token {
    #[inline]
    fn of(bits: u64) -> Token {
        Token { sender: (bits >> 40) as u32, sequence: bits & SEQUENCE }
    }

    #[inline]
    fn bits(self) -> u64 {
        u64::from(self.sender) << 40 | (self.sequence & SEQUENCE)
    }
}

impl Stamps {
    /// For payloads of at most `longest` octets.
    pub fn new(serializer: Serializer, seed: u64, longest: usize, verify: bool) -> Stamps {
        let mut state = mix(seed);
        let letter = || {
            state = mix(state.wrapping_add(1));
            LETTERS[state as usize % 64]
        };
        let filling = std::iter::repeat_with(letter).take(longest).collect();
        Stamps { serializer, verify, seed, filling }
    }

    /// Writes the argument list that holds the payload of that token and length.
    #[inline]
    pub fn arguments(&self, token: Token, length: usize, out: &mut Vec<u8>) {
        list_head(self.serializer, 1, out);
        bytes_head(self.serializer, length, out);
        let stamp = self.stamp(token, length);
        if length >= STAMP {
            out.extend_from_slice(&stamp);
            out.extend_from_slice(&self.filling[..length - STAMP]);
        } else {
            out.extend_from_slice(&stamp[..length]);
        }
        if self.serializer == Serializer::Json {
            out.extend_from_slice(b"\"]");
        }
    }

    /// Whether this is the payload of that token and length.
    #[inline]
    pub fn is(&self, payload: &[u8], token: Token, length: usize) -> bool {
        if !self.verify {
            return true;
        }
        if payload.len() != length {
            return false;
        }
        let stamp = self.stamp(token, length);
        if length < STAMP { payload == &stamp[..length] } else { self.whole(payload, stamp) }
    }

    /// The token of a payload; `None` if it is damaged, too short to have one, or not to be checked.
    #[inline]
    pub fn token(&self, payload: &[u8]) -> Option<Token> {
        if !self.verify {
            return None;
        }
        let (front, rest) = payload.split_first_chunk::<STAMP>()?;
        let (bits, whole) = if self.serializer == Serializer::Json {
            let bits = from_letters(front.first_chunk()?)?;
            (bits, self.stamp(Token::of(bits), payload.len()) == *front)
        } else {
            let stamp = u128::from_le_bytes(*front);
            (stamp as u64, self.check(stamp as u64, payload.len()) == (stamp >> 64) as u64)
        };
        (whole && self.is_filling(rest)).then(|| Token::of(bits))
    }

    /// Whether payloads of that length can be told apart by [`Stamps::token`].
    pub fn tells(&self, length: usize) -> bool {
        self.verify && length >= STAMP
    }

    #[inline]
    fn whole(&self, payload: &[u8], stamp: [u8; STAMP]) -> bool {
        let Some((front, rest)) = payload.split_first_chunk::<STAMP>() else { return false };
        // As numbers: two comparisons instead of a call.
        u128::from_ne_bytes(*front) == u128::from_ne_bytes(stamp) && self.is_filling(rest)
    }

    #[inline]
    fn is_filling(&self, rest: &[u8]) -> bool {
        self.filling.get(..rest.len()).is_some_and(|filling| rest == filling)
    }

    /// The mix of a token with the length.
    #[inline]
    fn check(&self, bits: u64, length: usize) -> u64 {
        mix(bits ^ self.seed ^ (length as u64).rotate_left(48))
    }

    #[inline]
    fn stamp(&self, token: Token, length: usize) -> [u8; STAMP] {
        let bits = token.bits();
        let check = self.check(bits, length);
        if self.serializer != Serializer::Json {
            return (u128::from(check) << 64 | u128::from(bits)).to_le_bytes();
        }
        let mut stamp = [0; STAMP];
        to_letters(bits, &mut stamp[..11]);
        to_letters(check & ((1 << 30) - 1), &mut stamp[11..]);
        stamp
    }
}

/// Letters that no encoding escapes.
const LETTERS: &[u8; 64] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz-_";

fn to_letters(mut bits: u64, letters: &mut [u8]) {
    for letter in letters {
        *letter = LETTERS[(bits & 63) as usize];
        bits >>= 6;
    }
}

fn from_letters(letters: &[u8; 11]) -> Option<u64> {
    letters.iter().rev().try_fold(0, |bits: u64, &letter| {
        let value = match letter {
            b'0'..=b'9' => letter - b'0',
            b'A'..=b'Z' => letter - b'A' + 10,
            b'a'..=b'z' => letter - b'a' + 36,
            b'-' => 62,
            b'_' => 63,
            _ => return None,
        };
        Some(bits << 6 | u64::from(value))
    })
}

/// Spreads a value over 64 bits (the finalizer of SplitMix64).
#[inline]
pub fn mix(value: u64) -> u64 {
    let value = (value ^ (value >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let value = (value ^ (value >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    value ^ (value >> 31)
}

#[cfg(test)]
mod tests {
    use super::{Stamps, Token};
    use crate::wire::codec::{Payload, Serializer};

    const ALL: [Serializer; 3] = [Serializer::Json, Serializer::Msgpack, Serializer::Cbor];

    fn payload(stamps: &Stamps, serializer: Serializer, token: Token, length: usize) -> Vec<u8> {
        let mut raw = Vec::new();
        stamps.arguments(token, length, &mut raw);
        Payload { raw: &raw, items: 1 }.first_text(serializer).expect("arguments hold one text").to_vec()
    }

    #[test]
    fn a_payload_tells_its_token_at_any_length() {
        for serializer in ALL {
            let stamps = Stamps::new(serializer, 42, 70_000, true);
            for length in [16, 17, 31, 32, 255, 256, 70_000] {
                let token = Token { sender: 0xab_cdef, sequence: 0xff_1234_5678 };
                let bytes = payload(&stamps, serializer, token, length);
                assert_eq!(bytes.len(), length);
                assert_eq!(stamps.token(&bytes), Some(token));
                assert!(stamps.is(&bytes, token, length));
            }
        }
    }

    #[test]
    fn a_short_payload_is_compared_with_what_was_sent() {
        for serializer in ALL {
            let stamps = Stamps::new(serializer, 42, 16, true);
            let token = Token { sender: 1, sequence: 2 };
            let bytes = payload(&stamps, serializer, token, 4);
            assert!(stamps.is(&bytes, token, 4) && stamps.token(&bytes).is_none());
            assert!(!stamps.is(&bytes, Token { sender: 1, sequence: 3 }, 4));
        }
    }

    #[test]
    fn any_flipped_bit_shows() {
        for serializer in ALL {
            let stamps = Stamps::new(serializer, 7, 64, true);
            let token = Token { sender: 3, sequence: 9 };
            let bytes = payload(&stamps, serializer, token, 40);
            for bit in 0..40 * 8 {
                let mut damaged = bytes.clone();
                damaged[bit / 8] ^= 1 << (bit % 8);
                assert_eq!(stamps.token(&damaged), None, "bit {bit}");
                assert!(!stamps.is(&damaged, token, 40), "bit {bit}");
            }
        }
    }
}
