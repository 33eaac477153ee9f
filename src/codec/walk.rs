//! One value from a reader into whatever takes values, without recursion.

use std::borrow::Cow;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use smallvec::SmallVec;

use super::Limits;
use super::json::JsonEmit;
use super::token::{Container, Emit, Malformed, Read, Reader, Token};

/// Takes a value in pieces.
pub(super) trait Sink<'a> {
    /// A scalar.
    fn scalar(&mut self, token: Token<'a>);
    /// A map's next key, a scalar.
    fn key(&mut self, token: Token<'a>);
    /// A list or map begins. What this returns comes back at its end.
    fn begin(&mut self, container: Container) -> usize;
    /// The list or map begun last ends; it had `len` items or pairs.
    fn end(&mut self, container: Container, mark: usize, len: usize);
}

/// A list or map not yet ended.
struct Open {
    /// As it began.
    head: Container,
    /// What is left of it.
    rest: Container,
    mark: usize,
    len: usize,
}

/// Moves one value from `reader` to `sink`.
///
/// # Errors
/// [`super::token::Malformed`] where there is none; the sink then has a part of it.
pub(super) fn walk<'a, R: Reader<'a>>(reader: &mut R, sink: &mut impl Sink<'a>) -> Read<()> {
    let mut stack: SmallVec<[Open; 8]> = SmallVec::new();
    loop {
        match reader.token()? {
            Token::List(head) | Token::Map(head) => {
                if stack.len() == Limits::DEEPEST {
                    return Err(Malformed::TooDeep);
                }
                let mark = sink.begin(head);
                stack.push(Open { head, rest: head, mark, len: 0 });
            }
            scalar => sink.scalar(scalar),
        }
        loop {
            let Some(open) = stack.last_mut() else { return Ok(()) };
            if reader.more(&mut open.rest)? {
                open.len += 1;
                if open.head.map {
                    sink.key(reader.key()?);
                }
                break;
            }
            sink.end(open.head, open.mark, open.len);
            stack.pop();
        }
    }
}

/// A sink that encodes.
pub(super) struct Encoded<'e, E>(pub &'e mut E);

impl<'a, E: Emit> Sink<'a> for Encoded<'_, E> {
    #[inline]
    fn scalar(&mut self, token: Token<'a>) {
        match token {
            Token::Null => self.0.null(),
            Token::Bool(value) => self.0.bool(value),
            Token::Uint(number) => self.0.uint(number),
            Token::Int(number) => self.0.int(number),
            Token::Float(number) => self.0.float(number),
            Token::Text(text) => self.0.text(&text),
            Token::Bytes(bytes) => self.0.bytes(&bytes),
            Token::List(_) | Token::Map(_) => {}
        }
    }

    #[inline]
    fn key(&mut self, token: Token<'a>) {
        match token {
            Token::Text(key) => self.0.key(&key),
            other if E::TEXT_KEYS => self.0.key(&key_text(other)),
            other => self.scalar(other),
        }
    }

    #[inline]
    fn begin(&mut self, container: Container) -> usize {
        match container.known_len() {
            None => return self.0.begin_open(container.map),
            Some(len) if container.map => self.0.begin_map(len),
            Some(len) => self.0.begin_list(len),
        }
        0
    }

    #[inline]
    fn end(&mut self, container: Container, mark: usize, len: usize) {
        match container.known_len() {
            None => self.0.end_open(container.map, mark, len),
            Some(_) if container.map => self.0.end_map(),
            Some(_) => self.0.end_list(),
        }
    }
}

/// A key as text: what is none becomes its JSON form, binary that of the binary convention (SER-5).
pub(super) fn key_text(key: Token<'_>) -> Cow<'_, str> {
    match key {
        Token::Text(text) => text,
        Token::Bytes(bytes) => Cow::Owned(format!("\0{}", STANDARD.encode(bytes))),
        other => {
            let mut text = Vec::new();
            Encoded(&mut JsonEmit::new(&mut text)).scalar(other);
            Cow::Owned(String::from_utf8(text).unwrap_or_default())
        }
    }
}
