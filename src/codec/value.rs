//! A payload as values, for the few calls that the router itself answers. Routed payloads are never built into these.

use std::borrow::Cow;

use super::cbor::CborReader;
use super::json::JsonReader;
use super::msgpack::MsgPackReader;
use super::token::{Container, Malformed, Read, Reader, Token};
use super::walk::{Sink, key_text, walk};
use crate::wamp::{Encoding, Payload, Violation};

/// One decoded value.
#[derive(Clone, Debug, PartialEq)]
pub enum Value<'a> {
    /// Null.
    Null,
    /// A boolean.
    Bool(bool),
    /// A non-negative integer.
    Uint(u64),
    /// A negative integer.
    Int(i64),
    /// A float.
    Float(f64),
    /// Text.
    Text(Cow<'a, str>),
    /// Bytes.
    Bytes(Cow<'a, [u8]>),
    /// A list.
    List(Vec<Value<'a>>),
    /// A map with string keys, in the order sent.
    Map(Vec<(Cow<'a, str>, Value<'a>)>),
}

impl<'a> Value<'a> {
    /// Reads the one value that `bytes` hold.
    ///
    /// # Errors
    /// [`Violation`] where they are not exactly one value of the encoding.
    pub fn read(encoding: Encoding, bytes: &'a [u8]) -> Result<Value<'a>, Violation> {
        let value = match encoding {
            Encoding::Json => build::<JsonReader<'_>>(bytes),
            Encoding::MsgPack => build::<MsgPackReader<'_>>(bytes),
            Encoding::Cbor => build::<CborReader<'_>>(bytes),
        };
        value.map_err(|why| Violation::new(format!("malformed {}: {}", encoding.as_str(), why.as_str())))
    }
}

/// The positional arguments; absent is an empty list.
///
/// # Errors
/// [`Violation`] where they are not a list (transparent payload, PPT-6).
pub fn read_args<'a>(payload: &Payload<'a>) -> Result<Vec<Value<'a>>, Violation> {
    if payload.args.is_empty() {
        return Ok(Vec::new());
    }
    match Value::read(payload.encoding, payload.args)? {
        Value::List(items) => Ok(items),
        _ => Err(Violation::new("the positional arguments are not a list")),
    }
}

/// The keyword arguments; absent is an empty map.
///
/// # Errors
/// As [`read_args`].
pub fn read_kwargs<'a>(payload: &Payload<'a>) -> Result<Vec<(Cow<'a, str>, Value<'a>)>, Violation> {
    if payload.kwargs.is_empty() {
        return Ok(Vec::new());
    }
    match Value::read(payload.encoding, payload.kwargs)? {
        Value::Map(pairs) => Ok(pairs),
        _ => Err(Violation::new("the keyword arguments are not a map")),
    }
}

fn build<'a, R: Reader<'a>>(bytes: &'a [u8]) -> Read<Value<'a>> {
    let mut reader = R::new(bytes)?;
    let mut builder = Builder { stack: Vec::new(), done: None };
    walk(&mut reader, &mut builder)?;
    reader.finish()?;
    builder.done.ok_or(Malformed::Trailing)
}

/// Puts a value together.
struct Builder<'a> {
    stack: Vec<Part<'a>>,
    done: Option<Value<'a>>,
}

enum Part<'a> {
    List(Vec<Value<'a>>),
    /// The pairs so far, and the key whose value comes next.
    Map(Vec<(Cow<'a, str>, Value<'a>)>, Cow<'a, str>),
}

impl<'a> Builder<'a> {
    fn add(&mut self, value: Value<'a>) {
        match self.stack.last_mut() {
            None => self.done = Some(value),
            Some(Part::List(items)) => items.push(value),
            Some(Part::Map(pairs, key)) => pairs.push((std::mem::take(key), value)),
        }
    }
}

impl<'a> Sink<'a> for Builder<'a> {
    fn scalar(&mut self, token: Token<'a>) {
        self.add(match token {
            Token::Null | Token::List(_) | Token::Map(_) => Value::Null,
            Token::Bool(value) => Value::Bool(value),
            Token::Uint(number) => Value::Uint(number),
            Token::Int(number) => Value::Int(number),
            Token::Float(number) => Value::Float(number),
            Token::Text(text) => Value::Text(text),
            Token::Bytes(bytes) => Value::Bytes(bytes),
        });
    }

    fn key(&mut self, token: Token<'a>) {
        if let Some(Part::Map(_, key)) = self.stack.last_mut() {
            *key = key_text(token);
        }
    }

    /// The told length is a peer's word: no memory is set aside for it.
    fn begin(&mut self, container: Container) -> usize {
        let part = if container.map { Part::Map(Vec::new(), Cow::Borrowed("")) } else { Part::List(Vec::new()) };
        self.stack.push(part);
        0
    }

    fn end(&mut self, _container: Container, _mark: usize, _len: usize) {
        match self.stack.pop() {
            Some(Part::List(items)) => self.add(Value::List(items)),
            Some(Part::Map(pairs, _)) => self.add(Value::Map(pairs)),
            None => {}
        }
    }
}
