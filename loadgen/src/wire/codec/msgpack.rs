//! MessagePack, read.

use super::{Message, Payload, Sequence, Source};

/// The two messages that calls consist of, in the form that nearly all of them have: an id of 4 octets, no details. Any
/// other form is `None`, which says nothing about whether it is good.
#[inline]
pub fn usual(bytes: &[u8]) -> Option<Message<'_>> {
    let (&[list, code, 0xce, a, b, c, d], rest) = bytes.split_first_chunk()? else { return None };
    let request = u64::from(u32::from_be_bytes([a, b, c, d]));
    let items = |before: u8| (list ^ 0x90).checked_sub(before).filter(|&items| items <= 2);
    match code {
        50 => {
            let (0x80, raw) = rest.split_first()? else { return None };
            Some(Message::Result { request, progress: false, payload: Payload { raw, items: items(3)? } })
        }
        68 => {
            let registration = match rest.first()? {
                0x00..=0x7f => 1,
                0xcc => 2,
                0xcd => 3,
                0xce => 5,
                0xcf => 9,
                _ => return None,
            };
            let (0x80, raw) = rest.get(registration..)?.split_first()? else { return None };
            Some(Message::Invocation { request, receive_progress: false, payload: Payload { raw, items: items(4)? } })
        }
        _ => None,
    }
}

/// The one argument of a payload, in the form that those of 32 octets and more have.
#[inline]
pub fn usual_text(raw: &[u8]) -> Option<&[u8]> {
    match raw {
        [0x91, 0xc5, high, low, rest @ ..] => rest.get(..usize::from(*high) << 8 | usize::from(*low)),
        [0x91, 0xc4, length, rest @ ..] => rest.get(..usize::from(*length)),
        _ => None,
    }
}

/// Reads MessagePack.
pub struct MsgPack<'a> {
    left: &'a [u8],
}

impl<'a> MsgPack<'a> {
    #[inline(always)]
    fn byte(&mut self) -> Option<u8> {
        let (&first, rest) = self.left.split_first()?;
        self.left = rest;
        Some(first)
    }

    #[inline(always)]
    fn take(&mut self, length: u64) -> Option<&'a [u8]> {
        let (taken, rest) = self.left.split_at_checked(usize::try_from(length).ok()?)?;
        self.left = rest;
        Some(taken)
    }

    /// A big-endian unsigned integer of that many octets.
    fn big_endian(&mut self, octets: u64) -> Option<u64> {
        Some(self.take(octets)?.iter().fold(0, |value, &octet| value << 8 | u64::from(octet)))
    }

    /// A big-endian unsigned integer of 2 octets.
    #[inline(always)]
    fn two(&mut self) -> Option<u64> {
        let (octets, rest) = self.left.split_first_chunk()?;
        self.left = rest;
        Some(u64::from(u16::from_be_bytes(*octets)))
    }

    fn skip_any(&mut self) -> Option<()> {
        let mut values: u64 = 1;
        while values > 0 {
            let first = self.byte()?;
            let (octets, inside) = self.extent(first)?;
            self.take(octets)?;
            values = values - 1 + inside;
        }
        Some(())
    }

    /// The octets of the value that starts with this one, and the values inside it.
    fn extent(&mut self, first: u8) -> Option<(u64, u64)> {
        Some(match first {
            0x00..=0x7f | 0xc0..=0xc3 | 0xe0..=0xff => (0, 0),
            0x80..=0x8f => (0, u64::from(first & 0x0f) * 2),
            0x90..=0x9f => (0, u64::from(first & 0x0f)),
            0xa0..=0xbf => (u64::from(first & 0x1f), 0),
            0xc4 | 0xd9 => (self.big_endian(1)?, 0),
            0xc5 | 0xda => (self.big_endian(2)?, 0),
            0xc6 | 0xdb => (self.big_endian(4)?, 0),
            0xc7..=0xc9 => (self.big_endian(1 << (first - 0xc7))? + 1, 0),
            0xca | 0xce | 0xd2 => (4, 0),
            0xcb | 0xcf | 0xd3 => (8, 0),
            0xcc | 0xd0 => (1, 0),
            0xcd | 0xd1 => (2, 0),
            0xd4..=0xd8 => ((1 << (first - 0xd4)) + 1, 0),
            0xdc => (0, self.big_endian(2)?),
            0xdd => (0, self.big_endian(4)?),
            0xde => (0, self.big_endian(2)? * 2),
            0xdf => (0, self.big_endian(4)? * 2),
        })
    }
}

impl<'a> Source<'a> for MsgPack<'a> {
    fn new(bytes: &'a [u8]) -> MsgPack<'a> {
        MsgPack { left: bytes }
    }

    #[inline(always)]
    fn array(&mut self) -> Option<Sequence> {
        let first = self.byte()?;
        match first {
            0x90..=0x9f => Some(Sequence(u64::from(first & 0x0f))),
            0xdc | 0xdd => Some(Sequence(self.extent(first)?.1)),
            _ => None,
        }
    }

    #[inline(always)]
    fn map(&mut self) -> Option<Sequence> {
        let first = self.byte()?;
        match first {
            0x80..=0x8f => Some(Sequence(u64::from(first & 0x0f))),
            0xde | 0xdf => Some(Sequence(self.extent(first)?.1 / 2)),
            _ => None,
        }
    }

    #[inline(always)]
    fn next(&mut self, sequence: &mut Sequence) -> Option<bool> {
        let more = sequence.0 > 0;
        sequence.0 -= u64::from(more);
        Some(more)
    }

    #[inline(always)]
    fn key(&mut self) -> Option<&'a [u8]> {
        self.text()
    }

    #[inline(always)]
    fn uint(&mut self) -> Option<u64> {
        match self.byte()? {
            small @ 0x00..=0x7f => Some(u64::from(small)),
            0xce | 0xd2 => self.take(4)?.try_into().ok().map(u32::from_be_bytes).map(u64::from),
            0xcf | 0xd3 => self.take(8)?.try_into().ok().map(u64::from_be_bytes),
            0xcd | 0xd1 => self.two(),
            0xcc | 0xd0 => self.byte().map(u64::from),
            _ => None,
        }
    }

    #[inline(always)]
    fn text(&mut self) -> Option<&'a [u8]> {
        let first = self.byte()?;
        let length = match first {
            0xa0..=0xbf => u64::from(first & 0x1f),
            0xc4 | 0xd9 => u64::from(self.byte()?),
            0xc5 | 0xda => self.two()?,
            0xc6 | 0xdb => self.big_endian(4)?,
            _ => return None,
        };
        self.take(length)
    }

    #[inline(always)]
    fn skip(&mut self) -> Option<()> {
        // Most of what is skipped is an empty dictionary.
        if let Some((0x80, rest)) = self.left.split_first() {
            self.left = rest;
            return Some(());
        }
        self.skip_any()
    }

    fn is_true(&mut self) -> Option<bool> {
        let found = self.left.first() == Some(&0xc3);
        self.skip()?;
        Some(found)
    }

    #[inline(always)]
    fn rest(&mut self, list: &mut Sequence) -> Option<(&'a [u8], u8)> {
        Some((std::mem::take(&mut self.left), u8::try_from(list.0).ok()?))
    }
}
