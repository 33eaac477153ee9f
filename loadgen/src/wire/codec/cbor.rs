//! CBOR, read.

use super::{Sequence, Source};

/// Marks a list or dictionary of indefinite length.
const INDEFINITE: u64 = u64::MAX;
/// Ends one.
const BREAK: u8 = 0xff;
/// Deeper values are malformed.
const DEEPEST: u32 = 64;

/// Reads CBOR.
pub struct Cbor<'a> {
    left: &'a [u8],
}

impl<'a> Cbor<'a> {
    #[inline(always)]
    fn take(&mut self, length: u64) -> Option<&'a [u8]> {
        let (taken, rest) = self.left.split_at_checked(usize::try_from(length).ok()?)?;
        self.left = rest;
        Some(taken)
    }

    /// Major type, additional information and argument of the next head; the argument of an indefinite one is
    /// [`INDEFINITE`].
    #[inline]
    fn head(&mut self) -> Option<(u8, u8, u64)> {
        let (&first, rest) = self.left.split_first()?;
        self.left = rest;
        let (major, info) = (first >> 5, first & 0x1f);
        let argument = match info {
            0..=23 => u64::from(info),
            24 => u64::from(self.take(1)?[0]),
            25 => u64::from(u16::from_be_bytes(self.take(2)?.try_into().ok()?)),
            26 => u64::from(u32::from_be_bytes(self.take(4)?.try_into().ok()?)),
            27 => u64::from_be_bytes(self.take(8)?.try_into().ok()?),
            31 => INDEFINITE,
            _ => return None,
        };
        Some((major, info, argument))
    }

    /// The head of a value of this major type; tags before it are passed over.
    #[inline]
    fn expect(&mut self, wanted: u8) -> Option<u64> {
        loop {
            match self.head()? {
                (6, ..) => (),
                (major, _, argument) if major == wanted => return Some(argument),
                _ => return None,
            }
        }
    }

    fn skip_at(&mut self, depth: u32) -> Option<()> {
        if depth > DEEPEST {
            return None;
        }
        let (major, _, argument) = self.head()?;
        match major {
            0 | 1 | 7 => Some(()),
            2 | 3 if argument != INDEFINITE => self.take(argument).map(drop),
            6 => self.skip_at(depth + 1),
            _ => {
                let mut items = Sequence(if major == 5 { argument.saturating_mul(2) } else { argument });
                while self.next(&mut items)? {
                    self.skip_at(depth + 1)?;
                }
                Some(())
            }
        }
    }
}

impl<'a> Source<'a> for Cbor<'a> {
    fn new(bytes: &'a [u8]) -> Cbor<'a> {
        Cbor { left: bytes }
    }

    fn array(&mut self) -> Option<Sequence> {
        self.expect(4).map(Sequence)
    }

    fn map(&mut self) -> Option<Sequence> {
        self.expect(5).map(Sequence)
    }

    #[inline]
    fn next(&mut self, sequence: &mut Sequence) -> Option<bool> {
        if sequence.0 == INDEFINITE {
            let ended = *self.left.first()? == BREAK;
            self.left = &self.left[usize::from(ended)..];
            return Some(!ended);
        }
        let more = sequence.0 > 0;
        sequence.0 -= u64::from(more);
        Some(more)
    }

    fn key(&mut self) -> Option<&'a [u8]> {
        self.text()
    }

    fn uint(&mut self) -> Option<u64> {
        self.expect(0)
    }

    fn text(&mut self) -> Option<&'a [u8]> {
        match self.head()? {
            (6, ..) => self.text(),
            (2 | 3, _, length) if length != INDEFINITE => self.take(length),
            _ => None,
        }
    }

    #[inline]
    fn skip(&mut self) -> Option<()> {
        // Most of what is skipped is an empty dictionary.
        if let Some((0xa0, rest)) = self.left.split_first() {
            self.left = rest;
            return Some(());
        }
        self.skip_at(0)
    }

    fn is_true(&mut self) -> Option<bool> {
        let found = self.left.first() == Some(&0xf5);
        self.skip()?;
        Some(found)
    }

    fn rest(&mut self, list: &mut Sequence) -> Option<(&'a [u8], u8)> {
        let all = self.left;
        if list.0 != INDEFINITE {
            self.left = &[];
            return Some((all, u8::try_from(list.0).ok()?));
        }
        let mut items = 0;
        while self.next(list)? {
            self.skip()?;
            items += 1;
        }
        let length = all.len() - self.left.len() - 1;
        Some((&all[..length], items))
    }
}
