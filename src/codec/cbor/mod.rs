//! CBOR, RFC 8949: every well-formed encoding is read, indefinite lengths and half floats included. Tags are passed
//! over, `undefined` and unassigned simple values are null (SER-5, SER-6).

mod emit;
mod read;

pub(super) use emit::CborEmit;
pub(super) use read::CborReader;

/// Major types: a non-negative integer.
const UNSIGNED: u8 = 0;
/// A negative one.
const NEGATIVE: u8 = 1;
/// Binary.
const BYTES: u8 = 2;
/// Text.
const TEXT: u8 = 3;
/// A list.
const LIST: u8 = 4;
/// A map.
const MAP: u8 = 5;
/// A tag before a value.
const TAG: u8 = 6;
