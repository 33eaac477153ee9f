//! A payload as values, for the few calls that the router itself answers. Routed payloads are never built into these.

use std::borrow::Cow;

use crate::wamp::{Payload, Violation};

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

/// The positional arguments; absent is an empty list.
///
/// # Errors
/// [`Violation`] where they are not a list (transparent payload, PPT-6).
pub fn read_args<'a>(payload: &Payload<'a>) -> Result<Vec<Value<'a>>, Violation> {
    let _ = payload;
    todo!()
}

/// The keyword arguments; absent is an empty map.
///
/// # Errors
/// As [`read_args`].
pub fn read_kwargs<'a>(payload: &Payload<'a>) -> Result<Vec<(Cow<'a, str>, Value<'a>)>, Violation> {
    let _ = payload;
    todo!()
}
