//! RawSocket: its handshake of four octets and its frames of a four-octet prefix, pure.
//!
//! ```text
//! client: 7F LS 00 00   L: it receives up to 2^(9+L) bytes   S: 1 JSON, 2 MessagePack, 3 CBOR
//! router: 7F LS 00 00   or 7F E0 00 00 and close
//! frame:  0000 XTTT + 24 bits of length   T: 0 message, 1 ping, 2 pong   X: exactly 2^24 bytes
//! ```
//!
//! Spec: "RawSocket Transport"; rows RAW-1 to RAW-17, D-29.
//!
//! Invariants: a frame longer than announced fails before its body arrives; nothing here allocates but `pong`'s
//! output. Not here: the handshake timeout, and never sending what the client does not take (the outbox, RAW-15).

use crate::codec::put;
use crate::realm::Batch;
use crate::shard::framing::Framing;
use crate::wamp::Encoding;

use super::frame::{Failure, Frame, Messages, Step};
use super::lookahead::Head;

/// The first octet of every handshake; no HTTP request begins with it (RAW-7).
pub const MAGIC: u8 = 0x7f;
/// Bytes of a handshake and of a frame's prefix.
const PREFIX: usize = 4;
/// The longest frame there is, in bytes (RAW-11).
const LONGEST: usize = 1 << 24;
/// The longest frame the router sends: one below the longest there is, which Autobahn frames otherwise (D-29).
const LONGEST_SENT: usize = LONGEST - 1;

const MESSAGE: u8 = 0;
const PING: u8 = 1;
const PONG: u8 = 2;
/// The 25th bit of the length.
const LENGTH_BIT_25: u8 = 0x08;

/// What this side speaks.
#[derive(Clone, Debug)]
pub struct Options {
    /// The encodings accepted, at least one.
    pub encodings: Vec<Encoding>,
    /// Longest message accepted, 512 to 16 Mi bytes; what is announced, and enforced, is the power of two at or below
    /// it.
    pub max_message: usize,
}

impl Default for Options {
    fn default() -> Options {
        Options { encodings: Encoding::ALL.to_vec(), max_message: LONGEST }
    }
}

impl Options {
    /// The length nibble of the router's answer: the largest L with 2^(9+L) within `max_message`.
    fn length_nibble(&self) -> u8 {
        let exponent = self.max_message.clamp(512, LONGEST).ilog2();
        (exponent - 9) as u8
    }
}

/// What the first octets of a client lead to. Exactly four are consumed, whatever follows them (RAW-8).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Handshake {
    /// Fewer than four octets yet.
    More,
    /// Send `reply` and go on with frames.
    Accepted {
        /// The answer.
        reply: [u8; 4],
        /// What the client speaks.
        encoding: Encoding,
        /// The longest message the client takes, in bytes, 512 to 16 Mi - 1 (RAW-15, D-29).
        max_sent: usize,
        /// The longest message this side now takes, in bytes, 512 to 16 Mi (RAW-14).
        max_received: usize,
    },
    /// Send the reason's reply and close.
    Refused(Refusal),
    /// Not RawSocket: close without a word (RAW-6).
    Foreign,
}

/// Why a handshake is refused; the value is the error nibble (RAW-3). There is no "maximum length unacceptable": every
/// length a client can announce is accepted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// The serializer is illegal, reserved or switched off (RAW-4).
    Serializer = 1,
    /// The third or fourth octet is not zero (RAW-5).
    ReservedOctets = 3,
    /// The router has as many connections as it takes.
    ConnectionLimit = 4,
}

impl Refusal {
    /// The answer, after which the connection closes.
    pub const fn reply(self) -> [u8; 4] {
        [MAGIC, (self as u8) << 4, 0, 0]
    }
}

/// Reads a client's handshake. An octet that can only be wrong is refused without waiting for the rest.
pub fn handshake(input: &[u8], options: &Options) -> Handshake {
    if input.first().is_some_and(|&first| first != MAGIC) {
        return Handshake::Foreign;
    }
    let Some(&[_, request, reserved @ ..]) = input.first_chunk::<PREFIX>() else { return Handshake::More };
    if reserved != [0, 0] {
        return Handshake::Refused(Refusal::ReservedOctets);
    }
    let Some(encoding) = encoding(request & 0x0f).filter(|wanted| options.encodings.contains(wanted)) else {
        return Handshake::Refused(Refusal::Serializer);
    };
    let announced = options.length_nibble();
    Handshake::Accepted {
        reply: [MAGIC, announced << 4 | request & 0x0f, 0, 0],
        encoding,
        max_sent: limit(request >> 4).min(LONGEST_SENT),
        max_received: limit(announced),
    }
}

const fn encoding(serializer: u8) -> Option<Encoding> {
    match serializer {
        1 => Some(Encoding::Json),
        2 => Some(Encoding::MsgPack),
        3 => Some(Encoding::Cbor),
        _ => None,
    }
}

/// The length a nibble stands for, in bytes (RAW-1).
const fn limit(nibble: u8) -> usize {
    1 << (9 + nibble)
}

/// The frames of a client.
#[derive(Clone, Copy, Debug)]
pub struct Incoming {
    max_received: usize,
}

impl Incoming {
    /// Frames of up to `max_received` bytes, as the handshake announced.
    pub const fn new(max_received: usize) -> Incoming {
        Incoming { max_received }
    }

    /// Reads the frame at the front of `input`.
    ///
    /// # Errors
    /// The [`Failure`] its prefix shows.
    #[inline]
    pub fn next<'a>(&mut self, input: &'a [u8]) -> Result<Step<'a>, Failure> {
        let Some((prefix, rest)) = input.split_first_chunk::<PREFIX>() else {
            return Ok(Step::More { missing: PREFIX - input.len() });
        };
        let (kind, length) = read_prefix(*prefix)?;
        if length > self.max_received {
            return Err(Failure::TooLong { length: length as u64, limit: self.max_received });
        }
        let Some(body) = rest.get(..length) else { return Ok(Step::More { missing: length - rest.len() }) };
        let frame = match kind {
            MESSAGE => Frame::Messages(Messages::whole(body)),
            PING => Frame::Ping(body),
            _ => Frame::Pong(body),
        };
        Ok(Step::Frame { consumed: PREFIX + length, frame })
    }

    /// The beginning of the message at the front of `input` if all of it is there, and how many bytes its frame takes.
    pub(super) fn head(mut self, input: &[u8]) -> Option<(usize, Head)> {
        match self.next(input) {
            Ok(Step::Frame { consumed, frame: Frame::Messages(mut messages) }) => {
                Some((consumed, Head::of(messages.next()?, None)))
            }
            _ => None,
        }
    }
}

/// The type and length of a frame (RAW-9, RAW-10).
#[inline]
fn read_prefix(prefix: [u8; PREFIX]) -> Result<(u8, usize), Failure> {
    let head = prefix[0];
    let length = u32::from_be_bytes(prefix) as usize & (LONGEST - 1);
    if head & 0xf0 != 0 {
        return Err(Failure::ReservedPrefixBits);
    }
    let kind = head & 0x07;
    if kind > PONG {
        return Err(Failure::ReservedFrameType(kind));
    }
    match (head & LENGTH_BIT_25 != 0, length) {
        (false, length) => Ok((kind, length)),
        (true, 0) => Ok((kind, LONGEST)),
        (true, _) => Err(Failure::LengthBeyond16Mi),
    }
}

/// The prefix of a frame of `length` bytes, 16 Mi at most.
#[inline]
fn prefix(kind: u8, length: usize) -> [u8; PREFIX] {
    debug_assert!(length <= LONGEST, "the outbox lets no longer message through");
    if length == LONGEST {
        return [kind | LENGTH_BIT_25, 0, 0, 0];
    }
    let [_, a, b, c] = (length as u32).to_be_bytes();
    [kind, a, b, c]
}

/// Appends the pong that answers a ping with this payload (RAW-13).
pub fn pong(payload: &[u8], out: &mut Vec<u8>) {
    out.extend_from_slice(&prefix(PONG, payload.len()));
    out.extend_from_slice(payload);
}

/// The frames of the router: each message behind its prefix.
#[derive(Clone, Copy, Debug, Default)]
pub struct Outgoing;

impl Framing for Outgoing {
    #[inline]
    fn begin(&mut self, out: &mut Vec<u8>) -> usize {
        let mark = out.len();
        put(out, [0; PREFIX]);
        mark
    }

    #[inline]
    fn end(&mut self, out: &mut Vec<u8>, mark: usize) {
        let length = out.len() - mark - PREFIX;
        if let Some(reserved) = out[mark..].first_chunk_mut() {
            *reserved = prefix(MESSAGE, length);
        }
    }

    fn append(&mut self, out: &mut Vec<u8>, batch: &Batch) {
        let from = out.len();
        out.extend_from_slice(&batch.bytes);
        write_prefixes(&mut out[from..], batch.spans());
    }

    fn frame_in_place(&mut self, batch: &mut Batch) -> bool {
        let mut bytes = std::mem::take(&mut batch.bytes);
        write_prefixes(&mut bytes, batch.spans());
        batch.bytes = bytes;
        true
    }

    fn seal(&mut self, _: &mut Vec<u8>) {}
}

/// Writes the prefixes of messages that begin and end there into the room that a batch has for them.
fn write_prefixes(bytes: &mut [u8], spans: impl Iterator<Item = (usize, usize)>) {
    const { assert!(Batch::ROOM == PREFIX) };
    for (start, end) in spans {
        if let Some(room) = bytes[start - PREFIX..].first_chunk_mut() {
            *room = prefix(MESSAGE, end - start);
        }
    }
}

#[cfg(test)]
mod tests;
