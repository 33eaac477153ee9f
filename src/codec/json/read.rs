//! The reader.

use std::borrow::Cow;

use super::strings::{NUL, check_base64, decode_base64, escape, plain_len};
use crate::codec::token::{Container, Kind, Malformed, Read, Reader, Token};

/// Reads JSON. The whole input is checked to be UTF-8 once, up front.
#[derive(Debug)]
pub(in crate::codec) struct JsonReader<'a> {
    text: &'a str,
    at: usize,
}

impl<'a> JsonReader<'a> {
    #[inline(always)]
    fn rest(&self) -> &'a [u8] {
        &self.text.as_bytes()[self.at..]
    }

    /// The next byte that is no white space; stands before it afterwards.
    #[inline(always)]
    fn next_byte(&mut self) -> Read<u8> {
        let bytes = self.text.as_bytes();
        while let Some(&byte) = bytes.get(self.at) {
            if byte > b' ' || !matches!(byte, b' ' | b'\n' | b'\t' | b'\r') {
                return Ok(byte);
            }
            self.at += 1;
        }
        Err(Malformed::Truncated)
    }

    fn literal(&mut self, word: &'static [u8]) -> Read<()> {
        if !self.rest().starts_with(word) {
            return Err(if word.starts_with(self.rest()) { Malformed::Truncated } else { Malformed::NoValue });
        }
        self.at += word.len();
        Ok(())
    }

    /// Stands right behind a quote: passes over plain characters up to the closing quote (`true`, passed over as
    /// well) or to a backslash (`false`).
    #[inline(always)]
    fn plain(&mut self) -> Read<bool> {
        let rest = self.rest();
        let len = plain_len(rest);
        self.at += len;
        match rest.get(len) {
            Some(b'"') => {
                self.at += 1;
                Ok(true)
            }
            Some(b'\\') => Ok(false),
            Some(_) => Err(Malformed::Control),
            None => Err(Malformed::Truncated),
        }
    }

    /// The string behind the quote just read.
    #[inline]
    fn string(&mut self) -> Read<Cow<'a, str>> {
        let start = self.at;
        if self.plain()? { Ok(Cow::Borrowed(&self.text[start..self.at - 1])) } else { self.escaped(start) }
    }

    fn escaped(&mut self, start: usize) -> Read<Cow<'a, str>> {
        let mut built = String::from(&self.text[start..self.at]);
        loop {
            let (character, len) = escape(&self.rest()[1..])?;
            built.push(character);
            self.at += 1 + len;
            let start = self.at;
            if self.plain()? {
                built.push_str(&self.text[start..self.at - 1]);
                return Ok(Cow::Owned(built));
            }
            built.push_str(&self.text[start..self.at]);
        }
    }

    /// A string value: text, or binary by the convention.
    fn string_token(&mut self) -> Read<Token<'a>> {
        self.at += 1;
        if !self.rest().starts_with(NUL) {
            return self.string().map(Token::Text);
        }
        self.at += NUL.len();
        let base64 = self.string()?;
        decode_base64(base64.as_bytes()).map(|bytes| Token::Bytes(Cow::Owned(bytes)))
    }

    #[inline(always)]
    fn skip_string(&mut self) -> Read<()> {
        self.at += 1;
        if self.rest().starts_with(NUL) {
            self.at += NUL.len();
            return check_base64(self.string()?.as_bytes());
        }
        self.skip_plain()
    }

    /// As [`Self::string`], without building it.
    #[inline(always)]
    fn skip_plain(&mut self) -> Read<()> {
        while !self.plain()? {
            let (_, len) = escape(&self.rest()[1..])?;
            self.at += 1 + len;
        }
        Ok(())
    }

    #[inline]
    fn skip_key(&mut self) -> Read<()> {
        if self.next_byte()? != b'"' {
            return Err(Malformed::NoKey);
        }
        self.at += 1;
        self.skip_plain()?;
        self.colon()
    }

    #[inline(always)]
    fn colon(&mut self) -> Read<()> {
        if self.next_byte()? != b':' {
            return Err(Malformed::NoColon);
        }
        self.at += 1;
        Ok(())
    }

    fn digits(&mut self) -> Read<()> {
        let digits = self.rest().iter().take_while(|byte| byte.is_ascii_digit()).count();
        self.at += digits;
        match (digits, self.rest().is_empty()) {
            (0, true) => Err(Malformed::Truncated),
            (0, false) => Err(Malformed::BadNumber),
            _ => Ok(()),
        }
    }

    /// Passes over a number; whether it has neither fraction nor exponent.
    #[inline]
    fn skip_number(&mut self) -> Read<bool> {
        if self.rest().first() == Some(&b'-') {
            self.at += 1;
        }
        if self.rest().first() == Some(&b'0') {
            self.at += 1;
        } else {
            self.digits()?;
        }
        if !matches!(self.rest().first(), Some(b'0'..=b'9' | b'.' | b'e' | b'E')) {
            return Ok(true);
        }
        self.skip_fraction()?;
        Ok(false)
    }

    fn skip_fraction(&mut self) -> Read<()> {
        if self.rest().first() == Some(&b'.') {
            self.at += 1;
            self.digits()?;
        }
        match self.rest().first() {
            Some(b'e' | b'E') => self.at += 1,
            // A digit here follows a leading zero.
            Some(b'0'..=b'9') => return Err(Malformed::BadNumber),
            _ => return Ok(()),
        }
        if matches!(self.rest().first(), Some(b'+' | b'-')) {
            self.at += 1;
        }
        self.digits()
    }

    /// As `uint`, whatever the number looks like.
    fn long_uint(&mut self) -> Read<Option<u64>> {
        let start = self.at;
        if let Some(b'0'..=b'9') = self.rest().first()
            && self.skip_number()?
            && let Ok(number) = self.text[start..self.at].parse()
        {
            return Ok(Some(number));
        }
        self.at = start;
        Ok(None)
    }

    fn number(&mut self) -> Read<Token<'a>> {
        let start = self.at;
        let integral = self.skip_number()?;
        let digits = &self.text[start..self.at];
        if integral && digits != "-0" {
            if let Ok(number) = digits.parse() {
                return Ok(Token::Uint(number));
            }
            if let Ok(number) = digits.parse() {
                return Ok(Token::Int(number));
            }
        }
        digits.parse().map(Token::Float).map_err(|_| Malformed::BadNumber)
    }

    /// Recursion is as deep as `room` at most.
    fn skip_value(&mut self, room: usize) -> Read<()> {
        match self.next_byte()? {
            b'"' => self.skip_string(),
            b'-' | b'0'..=b'9' => self.skip_number().map(|_| ()),
            byte @ (b'[' | b'{') => {
                self.at += 1;
                self.skip_items(byte == b'{', room)
            }
            b't' => self.literal(b"true"),
            b'f' => self.literal(b"false"),
            b'n' => self.literal(b"null"),
            _ => Err(Malformed::NoValue),
        }
    }

    fn skip_items(&mut self, map: bool, room: usize) -> Read<()> {
        let room = room.checked_sub(1).ok_or(Malformed::TooDeep)?;
        let mut container = Container { left: Container::OPEN_FIRST, map };
        while self.more(&mut container)? {
            if map {
                self.skip_key()?;
            }
            self.skip_value(room)?;
        }
        Ok(())
    }
}

impl<'a> Reader<'a> for JsonReader<'a> {
    const FLOAT_IDS: bool = false;
    const EMPTY_LIST: &'static [u8] = b"[]";

    fn new(bytes: &'a [u8]) -> Read<JsonReader<'a>> {
        let text = simdutf8::basic::from_utf8(bytes).map_err(|_| Malformed::NotUtf8)?;
        Ok(JsonReader { text, at: 0 })
    }

    fn position(&self) -> usize {
        self.at
    }

    fn since(&self, start: usize) -> &'a [u8] {
        self.text.as_bytes()[start..self.at].trim_ascii_start()
    }

    fn peek(&mut self) -> Read<Kind> {
        Ok(match self.next_byte()? {
            b'"' if self.rest()[1..].starts_with(NUL) => Kind::Bytes,
            b'"' => Kind::Text,
            b'-' | b'0'..=b'9' => Kind::Number,
            b'[' => Kind::List,
            b'{' => Kind::Map,
            b't' | b'f' => Kind::Bool,
            b'n' => Kind::Null,
            _ => return Err(Malformed::NoValue),
        })
    }

    fn token(&mut self) -> Read<Token<'a>> {
        match self.next_byte()? {
            b'"' => self.string_token(),
            b'-' | b'0'..=b'9' => self.number(),
            byte @ (b'[' | b'{') => {
                self.at += 1;
                let container = Container { left: Container::OPEN_FIRST, map: byte == b'{' };
                Ok(if container.map { Token::Map(container) } else { Token::List(container) })
            }
            b't' => self.literal(b"true").map(|()| Token::Bool(true)),
            b'f' => self.literal(b"false").map(|()| Token::Bool(false)),
            b'n' => self.literal(b"null").map(|()| Token::Null),
            _ => Err(Malformed::NoValue),
        }
    }

    #[inline(always)]
    fn empty_map(&mut self) -> bool {
        let empty = self.rest().starts_with(b"{}");
        self.at += if empty { 2 } else { 0 };
        empty
    }

    fn container(&mut self) -> Read<Option<Container>> {
        let byte = self.next_byte()?;
        if !matches!(byte, b'[' | b'{') {
            return Ok(None);
        }
        self.at += 1;
        Ok(Some(Container { left: Container::OPEN_FIRST, map: byte == b'{' }))
    }

    #[inline]
    fn more(&mut self, container: &mut Container) -> Read<bool> {
        if container.left == 0 {
            return Ok(false);
        }
        let byte = self.next_byte()?;
        if byte == if container.map { b'}' } else { b']' } {
            self.at += 1;
            container.left = 0;
            return Ok(false);
        }
        if container.left == Container::OPEN_FIRST {
            container.left = Container::OPEN;
        } else if byte == b',' {
            self.at += 1;
        } else {
            return Err(Malformed::NoSeparator);
        }
        Ok(true)
    }

    fn key(&mut self) -> Read<Token<'a>> {
        self.text_key().map(Token::Text)
    }

    fn text_key(&mut self) -> Read<Cow<'a, str>> {
        if self.next_byte()? != b'"' {
            return Err(Malformed::NoKey);
        }
        self.at += 1;
        let key = self.string()?;
        self.colon()?;
        Ok(key)
    }

    fn skip(&mut self, room: usize) -> Read<()> {
        self.skip_value(room)
    }

    /// All keys are text.
    fn skip_text_map(&mut self, room: usize) -> Read<()> {
        self.skip_value(room)
    }

    fn finish(&mut self) -> Read<()> {
        match self.next_byte() {
            Ok(_) => Err(Malformed::Trailing),
            Err(_) => Ok(()),
        }
    }

    #[inline]
    fn uint(&mut self) -> Read<Option<u64>> {
        let first = self.next_byte()?;
        // As many digits cannot overflow; codes and ids have no more.
        let rest = self.rest();
        let digits = rest.iter().take(19).take_while(|byte| byte.is_ascii_digit());
        let (len, number) =
            digits.fold((0, 0), |(len, number), digit| (len + 1, number * 10 + u64::from(digit - b'0')));
        if len > 0
            && (len == 1 || first != b'0')
            && !matches!(rest.get(len), None | Some(b'0'..=b'9' | b'.' | b'e' | b'E'))
        {
            self.at += len;
            return Ok(Some(number));
        }
        self.long_uint()
    }

    /// Looks at the bytes: to set up a reader for them would check their UTF-8 once more.
    fn is_empty(value: &'a [u8]) -> bool {
        match value {
            [b'[' | b'{', content @ .., b']' | b'}'] => content.trim_ascii_start().is_empty(),
            _ => false,
        }
    }

    fn is_list(value: &'a [u8]) -> bool {
        value.first() == Some(&b'[')
    }

    fn text(&mut self) -> Read<Option<Cow<'a, str>>> {
        if self.peek()? != Kind::Text {
            return Ok(None);
        }
        self.at += 1;
        self.string().map(Some)
    }
}
