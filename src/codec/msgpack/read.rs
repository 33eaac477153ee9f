//! The reader.

use std::borrow::Cow;

use crate::codec::token::{Container, Kind, Malformed, Read, Reader, Token};
use crate::codec::utf8;

/// Reads MessagePack.
#[derive(Debug)]
pub(in crate::codec) struct MsgPackReader<'a> {
    whole: &'a [u8],
    rest: &'a [u8],
}

/// In [`FIXED`]: the length does not follow from the first byte alone.
const VARIES: u8 = u8::MAX;
/// How many bytes follow the first one, for scalars without a length: most of a payload costs one look-up.
const FIXED: [u8; 256] = fixed_lengths();

const fn fixed_lengths() -> [u8; 256] {
    let mut table = [VARIES; 256];
    let mut byte = 0;
    while byte < 256 {
        table[byte] = match byte {
            0x00..=0x7f | 0xe0..=0xff | 0xc0 | 0xc2 | 0xc3 => 0,
            0xcc | 0xd0 => 1,
            0xcd | 0xd1 | 0xd4 => 2,
            0xd5 => 3,
            0xca | 0xce | 0xd2 => 4,
            0xd6 => 5,
            0xcb | 0xcf | 0xd3 => 8,
            0xd7 => 9,
            0xd8 => 17,
            _ => VARIES,
        };
        byte += 1;
    }
    table
}

impl<'a> MsgPackReader<'a> {
    #[inline(always)]
    fn byte(&mut self) -> Read<u8> {
        let (&byte, rest) = self.rest.split_first().ok_or(Malformed::Truncated)?;
        self.rest = rest;
        Ok(byte)
    }

    #[inline(always)]
    fn take(&mut self, len: usize) -> Read<&'a [u8]> {
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

    /// An unsigned number of `width` bytes: 1, 2, 4 or 8.
    #[inline(always)]
    fn unsigned(&mut self, width: u8) -> Read<u64> {
        Ok(match width {
            1 => u64::from(self.byte()?),
            2 => u64::from(u16::from_be_bytes(self.array()?)),
            4 => u64::from(u32::from_be_bytes(self.array()?)),
            _ => u64::from_be_bytes(self.array()?),
        })
    }

    /// A non-negative number in a signed form; otherwise nothing is read.
    fn uint_in_signed(&mut self) -> Read<Option<u64>> {
        let before = self.rest;
        if let width @ 0xd0..=0xd3 = self.byte()?
            && let Token::Uint(number) = self.signed(1 << (width - 0xd0))?
        {
            return Ok(Some(number));
        }
        self.rest = before;
        Ok(None)
    }

    fn signed(&mut self, width: u8) -> Read<Token<'a>> {
        let number = match width {
            1 => i64::from(self.byte()? as i8),
            2 => i64::from(i16::from_be_bytes(self.array()?)),
            4 => i64::from(i32::from_be_bytes(self.array()?)),
            _ => i64::from_be_bytes(self.array()?),
        };
        Ok(u64::try_from(number).map_or(Token::Int(number), Token::Uint))
    }

    /// Bytes after a length of `width` bytes.
    #[inline(always)]
    fn counted(&mut self, width: u8) -> Read<&'a [u8]> {
        let len = self.unsigned(width)?;
        self.take(usize::try_from(len).map_err(|_| Malformed::Truncated)?)
    }

    /// The bytes of a string that begins with `byte`; `None` where none does.
    #[inline(always)]
    fn string(&mut self, byte: u8) -> Read<Option<&'a [u8]>> {
        Ok(Some(match byte {
            0xa0..=0xbf => self.take(usize::from(byte & 0x1f))?,
            0xd9..=0xdb => self.counted(1 << (byte - 0xd9))?,
            _ => return Ok(None),
        }))
    }

    /// The data of a binary or extension value; its type number is dropped.
    #[inline(always)]
    fn binary(&mut self, byte: u8) -> Read<&'a [u8]> {
        match byte {
            0xc4..=0xc6 => self.counted(1 << (byte - 0xc4)),
            0xc7..=0xc9 => {
                let len = self.unsigned(1 << (byte - 0xc7))?;
                self.byte()?;
                self.take(usize::try_from(len).map_err(|_| Malformed::Truncated)?)
            }
            0xd4..=0xd8 => {
                self.byte()?;
                self.take(1 << (byte - 0xd4))
            }
            _ => Err(Malformed::Reserved),
        }
    }

    /// The head of a list or map that begins with `byte`; `None` where none does.
    #[inline(always)]
    fn head(&mut self, byte: u8) -> Read<Option<Container>> {
        let (left, map) = match byte {
            0x80..=0x8f => (u64::from(byte & 0x0f), true),
            0x90..=0x9f => (u64::from(byte & 0x0f), false),
            0xdc | 0xdd => (self.unsigned(2 << (byte - 0xdc))?, false),
            0xde | 0xdf => (self.unsigned(2 << (byte - 0xde))?, true),
            _ => return Ok(None),
        };
        Ok(Some(Container { left, map }))
    }
}

/// The bytes behind the content of a list or map; a scalar alone counts as a list of one. Recursion is as deep as `room`
/// at most.
///
/// Most of what a message costs is spent here, so the position is a local that lives in registers.
fn skip_content(rest: &[u8], container: Container, room: usize) -> Read<&[u8]> {
    let mut reader = MsgPackReader { whole: rest, rest };
    let mut left = container.left << u8::from(container.map);
    while left != 0 {
        let byte = reader.byte()?;
        let fixed = FIXED[usize::from(byte)];
        if fixed != VARIES {
            reader.take(usize::from(fixed))?;
        } else if let Some(text) = reader.string(byte)? {
            utf8::check(text)?;
        } else if let Some(inner) = reader.head(byte)? {
            if container.map && left % 2 == 0 {
                return Err(Malformed::CompoundKey);
            }
            reader.rest = skip_content(reader.rest, inner, room.checked_sub(1).ok_or(Malformed::TooDeep)?)?;
        } else {
            reader.binary(byte)?;
        }
        left -= 1;
    }
    Ok(reader.rest)
}

impl<'a> Reader<'a> for MsgPackReader<'a> {
    const FLOAT_IDS: bool = true;
    const EMPTY_LIST: &'static [u8] = &[0x90];
    const LONGEST_EMPTY: usize = 5;

    #[inline]
    fn new(bytes: &'a [u8]) -> Read<MsgPackReader<'a>> {
        Ok(MsgPackReader { whole: bytes, rest: bytes })
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
        Ok(match self.rest.first().ok_or(Malformed::Truncated)? {
            0x80..=0x8f | 0xde | 0xdf => Kind::Map,
            0x90..=0x9f | 0xdc | 0xdd => Kind::List,
            0xa0..=0xbf | 0xd9..=0xdb => Kind::Text,
            0xc0 => Kind::Null,
            0xc1 => return Err(Malformed::Reserved),
            0xc2 | 0xc3 => Kind::Bool,
            0xc4..=0xc9 | 0xd4..=0xd8 => Kind::Bytes,
            _ => Kind::Number,
        })
    }

    fn token(&mut self) -> Read<Token<'a>> {
        let byte = self.byte()?;
        Ok(match byte {
            0x00..=0x7f => Token::Uint(u64::from(byte)),
            0xe0..=0xff => Token::Int(i64::from(byte as i8)),
            0x80..=0x9f | 0xdc..=0xdf => match self.head(byte)? {
                Some(container) if container.map => Token::Map(container),
                Some(container) => Token::List(container),
                None => return Err(Malformed::Reserved),
            },
            0xa0..=0xbf | 0xd9..=0xdb => Token::Text(utf8::borrowed(self.string(byte)?.unwrap_or_default())?),
            0xc0 => Token::Null,
            0xc2 | 0xc3 => Token::Bool(byte == 0xc3),
            0xca => Token::Float(f64::from(f32::from_be_bytes(self.array()?))),
            0xcb => Token::Float(f64::from_be_bytes(self.array()?)),
            0xcc..=0xcf => Token::Uint(self.unsigned(1 << (byte - 0xcc))?),
            0xd0..=0xd3 => self.signed(1 << (byte - 0xd0))?,
            _ => Token::Bytes(Cow::Borrowed(self.binary(byte)?)),
        })
    }

    #[inline(always)]
    fn container(&mut self) -> Read<Option<Container>> {
        match self.rest.first() {
            Some(0x80..=0x9f | 0xdc..=0xdf) => {
                let byte = self.byte()?;
                self.head(byte)
            }
            Some(_) => Ok(None),
            None => Err(Malformed::Truncated),
        }
    }

    #[inline(always)]
    fn empty_map(&mut self) -> bool {
        let Some((0x80, rest)) = self.rest.split_first() else { return false };
        self.rest = rest;
        true
    }

    #[inline(always)]
    fn more(&mut self, container: &mut Container) -> Read<bool> {
        Ok(container.count_down())
    }

    fn key(&mut self) -> Read<Token<'a>> {
        match self.token()? {
            Token::List(_) | Token::Map(_) => Err(Malformed::CompoundKey),
            key => Ok(key),
        }
    }

    #[inline]
    fn skip(&mut self, room: usize) -> Read<()> {
        let (content, room) = match self.container()? {
            Some(content) => (content, room.checked_sub(1).ok_or(Malformed::TooDeep)?),
            None => (Container { left: 1, map: false }, room),
        };
        self.rest = skip_content(self.rest, content, room)?;
        Ok(())
    }

    fn skip_text_map(&mut self, room: usize) -> Read<()> {
        let byte = self.byte()?;
        let pairs = self.head(byte)?.map_or(0, |container| container.left);
        let room = room.checked_sub(1).ok_or(Malformed::TooDeep)?;
        for _ in 0..pairs {
            let byte = self.byte()?;
            utf8::check(self.string(byte)?.ok_or(Malformed::KeyNotText)?)?;
            self.skip(room)?;
        }
        Ok(())
    }

    #[inline]
    fn finish(&mut self) -> Read<()> {
        if self.rest.is_empty() { Ok(()) } else { Err(Malformed::Trailing) }
    }

    #[inline(always)]
    fn uint(&mut self) -> Read<Option<u64>> {
        let before = self.rest;
        let number = match self.byte()? {
            byte @ 0x00..=0x7f => u64::from(byte),
            0xcc => u64::from(self.byte()?),
            0xcd => u64::from(u16::from_be_bytes(self.array()?)),
            0xce => u64::from(u32::from_be_bytes(self.array()?)),
            0xcf => u64::from_be_bytes(self.array()?),
            _ => {
                self.rest = before;
                return self.uint_in_signed();
            }
        };
        Ok(Some(number))
    }

    #[inline(always)]
    fn text(&mut self) -> Read<Option<Cow<'a, str>>> {
        let before = self.rest;
        let byte = self.byte()?;
        match self.string(byte)? {
            Some(text) => utf8::borrowed(text).map(Some),
            None => {
                self.rest = before;
                Ok(None)
            }
        }
    }
}
