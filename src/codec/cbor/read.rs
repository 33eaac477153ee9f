//! The reader.

use std::borrow::Cow;

use super::{BYTES, LIST, MAP, NEGATIVE, TAG, TEXT, UNSIGNED};
use crate::codec::token::{Container, Kind, Malformed, Read, Reader, Token};
use crate::codec::utf8;

/// Reads CBOR.
#[derive(Debug)]
pub(in crate::codec) struct CborReader<'a> {
    whole: &'a [u8],
    rest: &'a [u8],
}

/// Additional information of a head whose length is told by a break, and the break itself.
const INDEFINITE: u8 = 31;
const BREAK: u8 = 0xff;

/// In [`FIXED`]: more than the first byte must be looked at.
const VARIES: u8 = u8::MAX;
/// How many bytes follow the first one, for numbers and simple values.
const FIXED: [u8; 256] = fixed_lengths();

const fn fixed_lengths() -> [u8; 256] {
    let mut table = [VARIES; 256];
    let mut byte = 0;
    while byte < 256 {
        table[byte] = match byte {
            0x00..=0x17 | 0x20..=0x37 | 0xe0..=0xf7 => 0,
            0x18 | 0x38 => 1,
            0x19 | 0x39 | 0xf9 => 2,
            0x1a | 0x3a | 0xfa => 4,
            0x1b | 0x3b | 0xfb => 8,
            _ => VARIES,
        };
        byte += 1;
    }
    table
}

/// The first byte of a value and the number behind it.
#[derive(Clone, Copy)]
struct Head {
    major: u8,
    info: u8,
    number: u64,
}

impl<'a> CborReader<'a> {
    #[inline(always)]
    fn byte(&mut self) -> Read<u8> {
        let (&byte, rest) = self.rest.split_first().ok_or(Malformed::Truncated)?;
        self.rest = rest;
        Ok(byte)
    }

    #[inline(always)]
    fn take(&mut self, len: u64) -> Read<&'a [u8]> {
        let len = usize::try_from(len).map_err(|_| Malformed::Truncated)?;
        let (taken, rest) = self.rest.split_at_checked(len).ok_or(Malformed::Truncated)?;
        self.rest = rest;
        Ok(taken)
    }

    #[inline(always)]
    fn array<const N: usize>(&mut self) -> Read<[u8; N]> {
        let (taken, rest) = self.rest.split_first_chunk::<N>().ok_or(Malformed::Truncated)?;
        self.rest = rest;
        Ok(*taken)
    }

    #[inline(always)]
    fn head(&mut self) -> Read<Head> {
        let byte = self.byte()?;
        let info = byte & 0x1f;
        let number = match info {
            0..=23 => u64::from(info),
            24 => u64::from(self.byte()?),
            25 => u64::from(u16::from_be_bytes(self.array()?)),
            26 => u64::from(u32::from_be_bytes(self.array()?)),
            27 => u64::from_be_bytes(self.array()?),
            INDEFINITE => 0,
            _ => return Err(Malformed::Reserved),
        };
        Ok(Head { major: byte >> 5, info, number })
    }

    #[inline(always)]
    fn skip_tags(&mut self) -> Read<()> {
        while self.rest.first().is_some_and(|byte| byte >> 5 == TAG) {
            if self.head()?.info == INDEFINITE {
                return Err(Malformed::Reserved);
            }
        }
        Ok(())
    }

    /// The next chunk of a string of indefinite length; `None` at its end.
    fn chunk(&mut self, major: u8) -> Read<Option<&'a [u8]>> {
        if self.rest.first() == Some(&BREAK) {
            return self.byte().map(|_| None);
        }
        let head = self.head()?;
        if head.major != major || head.info == INDEFINITE {
            return Err(Malformed::BadChunk);
        }
        self.take(head.number).map(Some)
    }

    fn read_text(&mut self, head: Head) -> Read<Cow<'a, str>> {
        if head.info != INDEFINITE {
            return utf8::borrowed(self.take(head.number)?);
        }
        let mut text = String::new();
        while let Some(chunk) = self.chunk(TEXT)? {
            text.push_str(utf8::text(chunk)?);
        }
        Ok(Cow::Owned(text))
    }

    fn read_bytes(&mut self, head: Head) -> Read<Cow<'a, [u8]>> {
        if head.info != INDEFINITE {
            return self.take(head.number).map(Cow::Borrowed);
        }
        let mut bytes = Vec::new();
        while let Some(chunk) = self.chunk(BYTES)? {
            bytes.extend_from_slice(chunk);
        }
        Ok(Cow::Owned(bytes))
    }

    #[inline(always)]
    fn container_of(head: Head) -> Container {
        let left = if head.info == INDEFINITE { Container::OPEN } else { head.number.min(Container::OPEN - 2) };
        Container { left, map: head.major == MAP }
    }

    fn simple(head: Head) -> Read<Token<'a>> {
        Ok(match head.info {
            20 | 21 => Token::Bool(head.info == 21),
            24 if head.number < 32 => return Err(Malformed::BadSimple),
            25 => Token::Float(half(head.number as u16)),
            26 => Token::Float(f64::from(f32::from_bits(head.number as u32))),
            27 => Token::Float(f64::from_bits(head.number)),
            INDEFINITE => return Err(Malformed::BadBreak),
            _ => Token::Null,
        })
    }

    #[inline(always)]
    fn skip_value(&mut self, room: usize) -> Read<()> {
        let fixed = FIXED[usize::from(*self.rest.first().ok_or(Malformed::Truncated)?)];
        if fixed == VARIES {
            return self.skip_varying(room);
        }
        self.take(u64::from(fixed) + 1)?;
        Ok(())
    }

    /// Recursion is as deep as `room` at most.
    fn skip_varying(&mut self, room: usize) -> Read<()> {
        self.skip_tags()?;
        let head = self.head()?;
        match head.major {
            UNSIGNED | NEGATIVE if head.info == INDEFINITE => Err(Malformed::Reserved),
            UNSIGNED | NEGATIVE => Ok(()),
            TEXT if head.info != INDEFINITE => utf8::check(self.take(head.number)?),
            TEXT => {
                while let Some(chunk) = self.chunk(TEXT)? {
                    utf8::check(chunk)?;
                }
                Ok(())
            }
            BYTES if head.info != INDEFINITE => self.take(head.number).map(|_| ()),
            BYTES => {
                while self.chunk(BYTES)?.is_some() {}
                Ok(())
            }
            LIST | MAP => self.skip_container(CborReader::container_of(head), room),
            _ => CborReader::simple(head).map(|_| ()),
        }
    }

    fn skip_container(&mut self, mut container: Container, room: usize) -> Read<()> {
        let room = room.checked_sub(1).ok_or(Malformed::TooDeep)?;
        while self.more(&mut container)? {
            if container.map {
                self.skip_key()?;
            }
            self.skip_value(room)?;
        }
        Ok(())
    }

    fn skip_key(&mut self) -> Read<()> {
        self.skip_tags()?;
        match self.rest.first().map(|byte| byte >> 5) {
            Some(LIST | MAP) => Err(Malformed::CompoundKey),
            _ => self.skip_value(0),
        }
    }
}

/// The value of an IEEE 754 binary16, exactly.
fn half(bits: u16) -> f64 {
    let fraction = f64::from(bits & 0x03ff);
    let magnitude = match (bits >> 10) & 0x1f {
        0 => fraction * 2f64.powi(-24),
        0x1f if bits & 0x03ff == 0 => f64::INFINITY,
        0x1f => f64::NAN,
        exponent => (1024.0 + fraction) * 2f64.powi(i32::from(exponent) - 25),
    };
    if bits & 0x8000 == 0 { magnitude } else { -magnitude }
}

impl<'a> Reader<'a> for CborReader<'a> {
    const FLOAT_IDS: bool = true;
    const EMPTY_LIST: &'static [u8] = &[0x80];

    #[inline]
    fn new(bytes: &'a [u8]) -> Read<CborReader<'a>> {
        Ok(CborReader { whole: bytes, rest: bytes })
    }

    #[inline]
    fn position(&self) -> usize {
        self.whole.len() - self.rest.len()
    }

    #[inline]
    fn since(&self, start: usize) -> &'a [u8] {
        &self.whole[start..self.position()]
    }

    #[inline]
    fn peek(&mut self) -> Read<Kind> {
        self.skip_tags()?;
        let byte = *self.rest.first().ok_or(Malformed::Truncated)?;
        Ok(match byte >> 5 {
            UNSIGNED | NEGATIVE => Kind::Number,
            BYTES => Kind::Bytes,
            TEXT => Kind::Text,
            LIST => Kind::List,
            MAP => Kind::Map,
            _ => match byte {
                0xf4 | 0xf5 => Kind::Bool,
                0xf9..=0xfb => Kind::Number,
                BREAK => return Err(Malformed::BadBreak),
                _ => Kind::Null,
            },
        })
    }

    fn token(&mut self) -> Read<Token<'a>> {
        self.skip_tags()?;
        let head = self.head()?;
        if head.info == INDEFINITE && head.major <= NEGATIVE {
            return Err(Malformed::Reserved);
        }
        Ok(match head.major {
            UNSIGNED => Token::Uint(head.number),
            NEGATIVE => match i64::try_from(head.number) {
                Ok(number) => Token::Int(!number),
                Err(_) => Token::Float(-1.0 - head.number as f64),
            },
            BYTES => Token::Bytes(self.read_bytes(head)?),
            TEXT => Token::Text(self.read_text(head)?),
            LIST => Token::List(CborReader::container_of(head)),
            MAP => Token::Map(CborReader::container_of(head)),
            _ => CborReader::simple(head)?,
        })
    }

    #[inline(always)]
    fn empty_map(&mut self) -> bool {
        let Some((0xa0, rest)) = self.rest.split_first() else { return false };
        self.rest = rest;
        true
    }

    #[inline(always)]
    fn container(&mut self) -> Read<Option<Container>> {
        self.skip_tags()?;
        match self.rest.first() {
            Some(0x80..=0xbf) => self.head().map(|head| Some(CborReader::container_of(head))),
            Some(_) => Ok(None),
            None => Err(Malformed::Truncated),
        }
    }

    #[inline(always)]
    fn more(&mut self, container: &mut Container) -> Read<bool> {
        if container.left != Container::OPEN {
            return Ok(container.count_down());
        }
        if self.rest.first() != Some(&BREAK) {
            return Ok(true);
        }
        container.left = 0;
        self.byte().map(|_| false)
    }

    fn key(&mut self) -> Read<Token<'a>> {
        match self.token()? {
            Token::List(_) | Token::Map(_) => Err(Malformed::CompoundKey),
            key => Ok(key),
        }
    }

    #[inline]
    fn skip(&mut self, room: usize) -> Read<()> {
        self.skip_value(room)
    }

    fn skip_text_map(&mut self, room: usize) -> Read<()> {
        self.skip_tags()?;
        let mut container = CborReader::container_of(self.head()?);
        let room = room.checked_sub(1).ok_or(Malformed::TooDeep)?;
        while self.more(&mut container)? {
            if self.peek()? != Kind::Text {
                return Err(Malformed::KeyNotText);
            }
            self.skip_value(0)?;
            self.skip_value(room)?;
        }
        Ok(())
    }

    #[inline]
    fn finish(&mut self) -> Read<()> {
        if self.rest.is_empty() { Ok(()) } else { Err(Malformed::Trailing) }
    }

    #[inline(always)]
    fn uint(&mut self) -> Read<Option<u64>> {
        self.skip_tags()?;
        match self.rest.first() {
            Some(0x00..=0x1b) => self.head().map(|head| Some(head.number)),
            Some(_) => Ok(None),
            None => Err(Malformed::Truncated),
        }
    }

    #[inline(always)]
    fn text(&mut self) -> Read<Option<Cow<'a, str>>> {
        if self.peek()? != Kind::Text {
            return Ok(None);
        }
        let head = self.head()?;
        self.read_text(head).map(Some)
    }
}
