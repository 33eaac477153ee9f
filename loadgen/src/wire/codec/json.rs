//! JSON, read.

use super::{Sequence, Source};

/// Reads JSON.
pub struct Json<'a> {
    left: &'a [u8],
}

impl<'a> Json<'a> {
    /// The first octet that is not white space; not taken.
    fn peek(&mut self) -> Option<u8> {
        loop {
            match *self.left.first()? {
                b' ' | b'\t' | b'\r' | b'\n' => self.left = &self.left[1..],
                other => return Some(other),
            }
        }
    }

    fn expect(&mut self, wanted: u8) -> Option<()> {
        (self.peek()? == wanted).then(|| self.left = &self.left[1..])
    }

    /// Takes octets while they are part of a number or a word.
    fn scalar(&mut self) -> &'a [u8] {
        let part = |octet: &u8| !matches!(octet, b',' | b']' | b'}' | b' ' | b'\t' | b'\r' | b'\n');
        let length = self.left.iter().take_while(|octet| part(octet)).count();
        let (taken, rest) = self.left.split_at(length);
        self.left = rest;
        taken
    }
}

impl<'a> Source<'a> for Json<'a> {
    fn new(bytes: &'a [u8]) -> Json<'a> {
        Json { left: bytes }
    }

    fn array(&mut self) -> Option<Sequence> {
        self.expect(b'[')?;
        Some(Sequence(0))
    }

    fn map(&mut self) -> Option<Sequence> {
        self.expect(b'{')?;
        Some(Sequence(0))
    }

    fn next(&mut self, sequence: &mut Sequence) -> Option<bool> {
        let first = std::mem::replace(&mut sequence.0, 1) == 0;
        match self.peek()? {
            b']' | b'}' => {
                self.left = &self.left[1..];
                Some(false)
            }
            b',' if !first => {
                self.left = &self.left[1..];
                Some(true)
            }
            _ => first.then_some(true),
        }
    }

    fn key(&mut self) -> Option<&'a [u8]> {
        let key = self.text()?;
        self.expect(b':')?;
        Some(key)
    }

    fn uint(&mut self) -> Option<u64> {
        self.peek()?;
        let digits = self.scalar();
        if digits.is_empty() || digits.len() > 19 {
            return None;
        }
        digits.iter().try_fold(0, |value, digit| digit.is_ascii_digit().then(|| value * 10 + u64::from(digit - b'0')))
    }

    fn text(&mut self) -> Option<&'a [u8]> {
        self.expect(b'"')?;
        let all = self.left;
        let mut from = 0;
        loop {
            let at = from + memchr::memchr2(b'"', b'\\', &all[from..])?;
            if all[at] == b'"' {
                self.left = &all[at + 1..];
                return Some(&all[..at]);
            }
            from = at + 2;
            if from > all.len() {
                return None;
            }
        }
    }

    fn skip(&mut self) -> Option<()> {
        let mut depth: u32 = 0;
        loop {
            match self.peek()? {
                b'"' => drop(self.text()?),
                b'[' | b'{' => {
                    depth += 1;
                    self.left = &self.left[1..];
                    continue;
                }
                b']' | b'}' => {
                    depth = depth.checked_sub(1)?;
                    self.left = &self.left[1..];
                }
                b',' | b':' if depth > 0 => {
                    self.left = &self.left[1..];
                    continue;
                }
                _ if self.scalar().is_empty() => return None,
                _ => (),
            }
            if depth == 0 {
                return Some(());
            }
        }
    }

    fn is_true(&mut self) -> Option<bool> {
        self.peek()?;
        let found = self.left.starts_with(b"true");
        self.skip()?;
        Some(found)
    }

    fn rest(&mut self, list: &mut Sequence) -> Option<(&'a [u8], u8)> {
        if !self.next(list)? {
            return Some((&[], 0));
        }
        let raw = std::mem::take(&mut self.left).trim_ascii().strip_suffix(b"]")?.trim_ascii();
        Some((raw, 1))
    }
}
