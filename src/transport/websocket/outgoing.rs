//! Frames of the router: unmasked, of minimal length encoding, one message each or one batch per turn.

use super::super::frame::SEPARATOR;
use super::{CONTROL_LIMIT, FIN, Subprotocol, opcode};
use crate::shard::framing::Framing;
use crate::wamp::Encoding;

/// A batch ends behind the message that brings it to this many bytes; the next message opens another one.
pub const BATCH_LIMIT: usize = 256 * 1024;
/// Longest header of an unmasked frame, in bytes.
const LONGEST_HEADER: usize = 10;

/// The frames of the router.
///
/// The length of a header depends on the length of what follows it. Room is reserved for a header as long as the last
/// one, and the payload moves where the guess was wrong: messages of one connection tend to be alike.
#[derive(Clone, Copy, Debug)]
pub struct Outgoing {
    /// First octet of each frame.
    first: u8,
    batching: Batching,
    /// Bytes reserved for a header: 2, 4 or 10.
    room: u8,
    /// Where the header of the open batch begins; without meaning where nothing lies behind it (see `open`).
    batch: Option<usize>,
}

#[derive(Clone, Copy, Debug)]
enum Batching {
    None,
    /// Behind each message, one octet (WS-6).
    Separator(u8),
    /// Before each message, its length (WS-7).
    Lengths,
}

impl Outgoing {
    /// Frames for a client that speaks `subprotocol`.
    pub const fn new(subprotocol: Subprotocol) -> Outgoing {
        let batching = match (subprotocol.batched, subprotocol.encoding) {
            (false, _) => Batching::None,
            (true, Encoding::Json) => Batching::Separator(SEPARATOR),
            (true, _) => Batching::Lengths,
        };
        Outgoing { first: FIN | subprotocol.opcode(), batching, room: 4, batch: None }
    }

    /// Ends the messages of JSON batches with `separator`, as the client does (D-28). Call it before the first message.
    pub const fn with_separator(mut self, separator: u8) -> Outgoing {
        if let Batching::Separator(_) = self.batching {
            self.batching = Batching::Separator(separator);
        }
        self
    }

    /// Where the header of the open batch begins. One whose only message was taken back has nothing behind its
    /// beginning, and is not open.
    fn open(&self, out: &[u8]) -> Option<usize> {
        self.batch.filter(|&start| start < out.len())
    }

    fn reserve(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(&[0; LONGEST_HEADER][..self.room as usize]);
    }

    /// Writes the header of the frame whose reserved room begins at `start`.
    fn close_frame(&mut self, out: &mut Vec<u8>, start: usize) {
        let room = self.room as usize;
        let length = out.len() - start - room;
        let (header, size) = header(self.first, length);
        if size != room {
            move_payload(out, start + room, start + size);
            self.room = size as u8;
        }
        out[start..start + size].copy_from_slice(&header[..size]);
    }
}

impl Framing for Outgoing {
    fn begin(&mut self, out: &mut Vec<u8>) -> usize {
        let mut mark = out.len();
        match self.batching {
            Batching::None => self.reserve(out),
            Batching::Separator(_) | Batching::Lengths => {
                if self.open(out).is_none() {
                    self.batch = Some(mark);
                    self.reserve(out);
                    mark = out.len();
                }
            }
        }
        if let Batching::Lengths = self.batching {
            out.extend_from_slice(&[0; 4]);
        }
        mark
    }

    fn end(&mut self, out: &mut Vec<u8>, mark: usize) {
        match self.batching {
            Batching::None => return self.close_frame(out, mark),
            Batching::Separator(separator) => out.push(separator),
            Batching::Lengths => {
                let length = (out.len() - mark - 4) as u32;
                out[mark..mark + 4].copy_from_slice(&length.to_be_bytes());
            }
        }
        if self.batch.is_some_and(|start| out.len() - start >= BATCH_LIMIT) {
            self.seal(out);
        }
    }

    fn seal(&mut self, out: &mut Vec<u8>) {
        if let Some(start) = self.open(out) {
            self.close_frame(out, start);
        }
        self.batch = None;
    }
}

/// The header of an unmasked frame and its size, 2, 4 or 10 bytes. Spec: RFC 6455, section 5.2.
fn header(first: u8, length: usize) -> ([u8; LONGEST_HEADER], usize) {
    let mut header = [0; LONGEST_HEADER];
    header[0] = first;
    let size = match length {
        0..=125 => {
            header[1] = length as u8;
            2
        }
        126..=0xffff => {
            header[1] = 126;
            header[2..4].copy_from_slice(&(length as u16).to_be_bytes());
            4
        }
        _ => {
            header[1] = 127;
            header[2..10].copy_from_slice(&(length as u64).to_be_bytes());
            10
        }
    };
    (header, size)
}

/// Moves what lies from `from` to the end so that it begins at `to`.
fn move_payload(out: &mut Vec<u8>, from: usize, to: usize) {
    let length = out.len() - from;
    if to > from {
        out.resize(to + length, 0);
    }
    out.copy_within(from..from + length, to);
    out.truncate(to + length);
}

/// Appends the pong that answers a ping with this payload, 125 bytes at most. The buffer must be sealed.
pub fn pong(payload: &[u8], out: &mut Vec<u8>) {
    control(opcode::PONG, payload, out);
}

/// Appends a ping with this payload, 125 bytes at most. The buffer must be sealed.
pub fn ping(payload: &[u8], out: &mut Vec<u8>) {
    control(opcode::PING, payload, out);
}

/// Appends a close frame, the last of a connection. A reason too long for one is cut between two characters. The buffer
/// must be sealed.
pub fn close(code: Option<u16>, reason: &str, out: &mut Vec<u8>) {
    let Some(code) = code else { return control(opcode::CLOSE, &[], out) };
    let fits = (0..=reason.len().min(CONTROL_LIMIT - 2)).rev().find(|&end| reason.is_char_boundary(end)).unwrap_or(0);
    let mut payload = code.to_be_bytes().to_vec();
    payload.extend_from_slice(&reason.as_bytes()[..fits]);
    control(opcode::CLOSE, &payload, out);
}

fn control(opcode: u8, payload: &[u8], out: &mut Vec<u8>) {
    debug_assert!(payload.len() <= CONTROL_LIMIT, "control frames are short");
    out.extend_from_slice(&[FIN | opcode, payload.len() as u8]);
    out.extend_from_slice(payload);
}
