//! Bytes to messages and back, in JSON, MessagePack and CBOR.
//!
//! ```text
//!  layout   which elements a message has, in which order: once for all encodings
//!    |      walk (a value from one encoding into another), value, writer
//!  token    the reader and the emitter that each encoding implements
//!    |
//!  json  msgpack  cbor
//! ```
//!
//! Invariants: what [`decode`] lets through is well-formed to the last byte, payload included, and borrows from its
//! input; the payload is never built into values, only checked (GEN-7). Nothing here panics or recurses deeper than
//! [`Limits::max_depth`] on any input. Encoding allocates nothing but the buffer it appends to.
//!
//! Not here: framing and batches (`transport`), which message is legal when (`session`), whether a URI is one
//! (`wamp::uri`). Spec: "Serializers", "Messages"; rows SER, MSG, GEN, IDS-1.

mod cbor;
mod json;
mod layout;
mod msgpack;
mod put;
mod token;
mod utf8;
mod value;
mod walk;
mod writer;

#[cfg(test)]
mod tests;

pub(crate) use put::{End, Piece, put};
pub use value::{Value, read_args, read_kwargs};
pub use writer::Writer;

use crate::wamp::{ClientMessage, Encoding, Glimpse, Payload, RouterMessage, Violation};
use cbor::{CborEmit, CborReader};
use json::{JsonEmit, JsonReader};
use msgpack::{MsgPackEmit, MsgPackReader};
use token::{Emit, Kind, Read, Reader};

/// What one message may cost to decode.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Deepest nesting of lists and maps in one message, the message itself counted; more than 1024 count as 1024.
    pub max_depth: usize,
}

impl Limits {
    /// The bound of every recursion and of a value's own depth, whatever is configured.
    const DEEPEST: usize = 1024;

    #[inline]
    fn depth(&self) -> usize {
        self.max_depth.min(Limits::DEEPEST)
    }
}

impl Default for Limits {
    fn default() -> Limits {
        Limits { max_depth: 64 }
    }
}

/// Decodes and validates one client message; `bytes` hold nothing else.
///
/// # Errors
/// [`Violation`] where the bytes are no message that a client may send (GEN rows, GEN-11).
#[inline]
pub fn decode<'a>(encoding: Encoding, bytes: &'a [u8], limits: &Limits) -> Result<ClientMessage<'a>, Violation> {
    match encoding {
        Encoding::Json => layout::read::<JsonReader<'_>>(encoding, bytes, limits.depth()),
        Encoding::MsgPack => layout::read::<MsgPackReader<'_>>(encoding, bytes, limits.depth()),
        Encoding::Cbor => layout::read::<CborReader<'_>>(encoding, bytes, limits.depth()),
    }
}

/// What the message asks for whose first bytes are `head`, its payload unseen: a hint, for most messages and most heads
/// that hold the URI. Whether the message is one, [`decode`] says.
#[inline]
pub fn glimpse(encoding: Encoding, head: &[u8]) -> Option<Glimpse<'_>> {
    match encoding {
        Encoding::Json => layout::glimpse::<JsonReader<'_>>(encoding, head),
        Encoding::MsgPack => layout::glimpse::<MsgPackReader<'_>>(encoding, head),
        Encoding::Cbor => layout::glimpse::<CborReader<'_>>(encoding, head),
    }
}

/// Appends the encoded message to `out`; a payload in another encoding is transcoded.
#[inline]
pub fn encode(encoding: Encoding, message: &RouterMessage<'_>, out: &mut Vec<u8>) {
    match encoding {
        Encoding::Json => layout::write(encoding, message, &mut JsonEmit::new(out)),
        Encoding::MsgPack => layout::write(encoding, message, &mut MsgPackEmit::new(out)),
        Encoding::Cbor => layout::write(encoding, message, &mut CborEmit::new(out)),
    }
}

/// Appends a payload's `args` or `kwargs` (one encoded value of `from`) to `out` in the encoding `to` (SER-4, SER-5).
///
/// Values are kept: integers to 64 bits, floats exactly. To JSON, NaN and the infinities become null and keys become
/// text; CBOR tags and MessagePack extension types are dropped. Bytes that are no value of `from` become null.
pub fn transcode(from: Encoding, value: &[u8], to: Encoding, out: &mut Vec<u8>) {
    out.reserve(value.len());
    match to {
        Encoding::Json => transcode_into(from, value, &mut JsonEmit::new(out)),
        Encoding::MsgPack => transcode_into(from, value, &mut MsgPackEmit::new(out)),
        Encoding::Cbor => transcode_into(from, value, &mut CborEmit::new(out)),
    }
}

/// As [`transcode`], as the next value of `emit`.
fn transcode_into<E: Emit>(from: Encoding, value: &[u8], emit: &mut E) {
    let start = emit.len();
    let walked = match from {
        Encoding::Json => transcode_from::<JsonReader<'_>>(value, emit),
        Encoding::MsgPack => transcode_from::<MsgPackReader<'_>>(value, emit),
        Encoding::Cbor => transcode_from::<CborReader<'_>>(value, emit),
    };
    if walked.is_err() {
        emit.truncate(start);
        emit.null();
    }
}

fn transcode_from<'a, R: Reader<'a>>(value: &'a [u8], emit: &mut impl Emit) -> Read<()> {
    walk::walk(&mut R::new(value)?, &mut walk::Encoded(emit))
}

/// Whether a payload's two slices are what a decoder would let through: for tests and for payloads built here.
pub fn is_valid(payload: &Payload<'_>, limits: &Limits) -> bool {
    // Both lie within the message's own list.
    let room = limits.depth().saturating_sub(1);
    let checked = match payload.encoding {
        Encoding::Json => check_payload::<JsonReader<'_>>(payload, room),
        Encoding::MsgPack => check_payload::<MsgPackReader<'_>>(payload, room),
        Encoding::Cbor => check_payload::<CborReader<'_>>(payload, room),
    };
    checked == Ok(true)
}

fn check_payload<'a, R: Reader<'a>>(payload: &Payload<'a>, room: usize) -> Read<bool> {
    if !payload.args.is_empty() {
        let mut reader = R::new(payload.args)?;
        if !matches!(reader.peek()?, Kind::List | Kind::Text | Kind::Bytes) {
            return Ok(false);
        }
        reader.skip(room)?;
        reader.finish()?;
    }
    if !payload.kwargs.is_empty() {
        let mut reader = R::new(payload.kwargs)?;
        if payload.args.is_empty() || reader.peek()? != Kind::Map {
            return Ok(false);
        }
        reader.skip_text_map(room)?;
        reader.finish()?;
    }
    Ok(true)
}
