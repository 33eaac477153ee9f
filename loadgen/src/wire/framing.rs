//! RawSocket and WebSocket frames of a client.
//!
//! [`Incoming::next`] finds the frame at the front of what was read; whole messages are slices of it. [`Outgoing`] is
//! what waits to be written: frames of one turn gather in it and leave in one write; where the subprotocol is batched,
//! the messages of a turn share one WebSocket message (WAMP: batched WebSocket transport).

use super::codec::{Serializer, nats};

/// Longest frame taken from a router: the limit announced in the RawSocket handshake, 16 MiB.
pub const LONGEST_FRAME: usize = 1 << 24;
/// Ends a message in a batch of JSON.
pub const SEPARATOR: u8 = 0x1e;
/// The same as autobahn and Crossbar.io have it; they take no other.
pub const SEPARATOR_AUTOBAHN: u8 = 0x18;
/// A batch is closed when it is this long, so that no router meets a frame beyond its limit.
const LONGEST_BATCH: usize = 64 * 1024;
/// The longest header of a masked frame.
const LONGEST_HEADER: usize = 14;

/// How messages are framed on a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Framing {
    /// WAMP RawSocket.
    RawSocket,
    /// WebSocket, one message each.
    WebSocket(Serializer),
    /// WebSocket, any number of messages each; of JSON each ends with this octet.
    Batched(Serializer, u8),
    /// The lines of NATS.
    Nats,
}

/// What is at the front of the bytes read.
#[derive(Debug)]
pub enum Step<'a> {
    /// No whole frame yet.
    More,
    /// A frame with nothing to do.
    Nothing,
    /// A message, or a batch of them (see [`split_batch`]).
    Message(&'a [u8]),
    /// The same, put together from fragments.
    Assembled(Vec<u8>),
    /// To be answered with a pong of the same content.
    Ping(&'a [u8]),
    /// The router closes the WebSocket with this code.
    Close(Option<u16>),
    /// The router broke the framing; a phrase for a person.
    Broken(&'static str),
}

/// The reading side.
#[derive(Debug)]
pub struct Incoming {
    framing: Framing,
    /// The fragments so far of a WebSocket message that goes on.
    fragments: Option<Vec<u8>>,
}

impl Incoming {
    /// At the start of a connection, behind the handshake.
    pub fn new(framing: Framing) -> Incoming {
        Incoming { framing, fragments: None }
    }

    /// The frame at the front, and how many bytes it took.
    #[inline]
    pub fn next<'a>(&mut self, bytes: &'a [u8]) -> (usize, Step<'a>) {
        match self.framing {
            Framing::RawSocket => rawsocket(bytes),
            Framing::Nats => lines(bytes),
            _ => self.websocket(bytes),
        }
    }

    fn websocket<'a>(&mut self, bytes: &'a [u8]) -> (usize, Step<'a>) {
        let &[first, second, ref rest @ ..] = bytes else { return (0, Step::More) };
        let extended = match second & 0x7f {
            126 => rest.first_chunk().map(|octets| (2, u64::from(u16::from_be_bytes(*octets)))),
            127 => rest.first_chunk().map(|octets| (8, u64::from_be_bytes(*octets))),
            short => Some((0, u64::from(short))),
        };
        let Some((octets, length)) = extended else { return (0, Step::More) };
        if second & 0x80 != 0 {
            return (0, Step::Broken("it masked a WebSocket frame"));
        }
        if length > LONGEST_FRAME as u64 {
            return (0, Step::Broken("it sent a WebSocket frame beyond 16 MiB"));
        }
        let Some(body) = rest.get(octets..octets + length as usize) else { return (0, Step::More) };
        (2 + octets + body.len(), self.websocket_frame(first, body))
    }

    fn websocket_frame<'a>(&mut self, first: u8, body: &'a [u8]) -> Step<'a> {
        let last = first & 0x80 != 0;
        match (first & 0x0f, last) {
            (1 | 2, true) => Step::Message(body),
            (1 | 2, false) => {
                self.fragments = Some(body.to_vec());
                Step::Nothing
            }
            (0, _) => {
                let Some(mut fragments) = self.fragments.take() else {
                    return Step::Broken("it continued a WebSocket message that it had not begun");
                };
                if fragments.len() + body.len() > LONGEST_FRAME {
                    return Step::Broken("it sent a WebSocket message beyond 16 MiB");
                }
                fragments.extend_from_slice(body);
                if last {
                    return Step::Assembled(fragments);
                }
                self.fragments = Some(fragments);
                Step::Nothing
            }
            (8, _) => Step::Close(body.first_chunk().map(|code| u16::from_be_bytes(*code))),
            (9, _) => Step::Ping(body),
            (10, _) => Step::Nothing,
            _ => Step::Broken("it sent a WebSocket frame of an unknown kind"),
        }
    }
}

fn lines(bytes: &[u8]) -> (usize, Step<'_>) {
    match nats::length(bytes) {
        None => (0, Step::More),
        Some(0) => (0, Step::Broken("it sent a message of no length")),
        Some(length) => {
            let step = match &bytes[..length] {
                b"PING\r\n" => Step::Ping(&[]),
                line if line.starts_with(b"+OK") || line.starts_with(b"INFO ") => Step::Nothing,
                message => Step::Message(message),
            };
            (length, step)
        }
    }
}

#[inline]
fn rawsocket(bytes: &[u8]) -> (usize, Step<'_>) {
    let Some((prefix, rest)) = bytes.split_first_chunk::<4>() else { return (0, Step::More) };
    let prefix = u32::from_be_bytes(*prefix);
    if prefix >> 24 == 0 {
        let length = prefix as usize;
        return rest.get(..length).map_or((0, Step::More), |body| (4 + length, Step::Message(body)));
    }
    // The 25th bit of the length stands for exactly 2^24 octets (WAMP: RawSocket).
    let whole = prefix & 0x0800_0000 != 0;
    let length = if whole { LONGEST_FRAME } else { prefix as usize & (LONGEST_FRAME - 1) };
    let Some(body) = rest.get(..length) else { return (0, Step::More) };
    let step = match prefix >> 24 & 0x07 {
        0 => Step::Message(body),
        1 => Step::Ping(body),
        2 => Step::Nothing,
        _ => Step::Broken("it sent a RawSocket frame of an unknown kind"),
    };
    (4 + length, step)
}

/// The messages of a batch, in order. A batch that is cut short ends early, with `None` in the place of a message.
pub fn split_batch(serializer: Serializer, body: &[u8]) -> impl Iterator<Item = Option<&[u8]>> {
    let mut left = body;
    std::iter::from_fn(move || {
        if left.is_empty() {
            return None;
        }
        let cut = match serializer {
            Serializer::Json => {
                memchr::memchr2(SEPARATOR, SEPARATOR_AUTOBAHN, left).map(|at| (&left[..at], &left[at + 1..]))
            }
            _ => left
                .split_first_chunk()
                .and_then(|(length, rest)| rest.split_at_checked(u32::from_be_bytes(*length) as usize)),
        };
        left = cut.map_or(&[], |(_, rest)| rest);
        Some(cut.map(|(message, _)| message))
    })
}

/// The writing side: bytes that wait for the socket.
#[derive(Debug)]
pub struct Outgoing {
    framing: Framing,
    bytes: Vec<u8>,
    /// How many of them the socket took.
    sent: usize,
    /// Where the open batch starts.
    batch: Option<usize>,
    /// State of the mask generator.
    mask: u64,
}

impl Outgoing {
    /// Nothing to write yet. `seed` feeds the masks.
    pub fn new(framing: Framing, seed: u64) -> Outgoing {
        Outgoing { framing, bytes: Vec::new(), sent: 0, batch: None, mask: seed | 1 }
    }

    /// How many bytes wait.
    pub fn waiting(&self) -> usize {
        self.bytes.len() - self.sent
    }

    /// Bytes that are no frame (the handshake).
    pub fn raw(&mut self, bytes: &[u8]) {
        self.bytes.extend_from_slice(bytes);
    }

    /// Frames the message that `write` appends. `expected`: its likely length in octets; a better guess saves a move.
    #[inline]
    pub fn message(&mut self, expected: usize, write: impl FnOnce(&mut Vec<u8>)) {
        match self.framing {
            Framing::RawSocket => {
                let at = self.bytes.len();
                self.bytes.extend_from_slice(&[0; 4]);
                write(&mut self.bytes);
                let length = (self.bytes.len() - at - 4) as u32;
                self.bytes[at..at + 4].copy_from_slice(&length.to_be_bytes());
            }
            Framing::Nats => write(&mut self.bytes),
            Framing::WebSocket(serializer) => {
                let at = self.bytes.len();
                let header = header_length(expected);
                self.bytes.extend_from_slice(&[0; LONGEST_HEADER][..header]);
                write(&mut self.bytes);
                let opcode = if serializer == Serializer::Json { 1 } else { 2 };
                self.close_frame(at, header, opcode);
            }
            Framing::Batched(serializer, separator) => self.batched(serializer, separator, write),
        }
    }

    fn batched(&mut self, serializer: Serializer, separator: u8, write: impl FnOnce(&mut Vec<u8>)) {
        let start = *self.batch.get_or_insert_with(|| {
            let at = self.bytes.len();
            self.bytes.extend_from_slice(&[0; LONGEST_HEADER]);
            at
        });
        let at = self.bytes.len();
        if serializer == Serializer::Json {
            write(&mut self.bytes);
            self.bytes.push(separator);
        } else {
            self.bytes.extend_from_slice(&[0; 4]);
            write(&mut self.bytes);
            let length = (self.bytes.len() - at - 4) as u32;
            self.bytes[at..at + 4].copy_from_slice(&length.to_be_bytes());
        }
        if self.bytes.len() - start > LONGEST_BATCH {
            self.close_batch();
        }
    }

    fn close_batch(&mut self) {
        if let (Some(at), Framing::Batched(serializer, _)) = (self.batch.take(), self.framing) {
            self.close_frame(at, LONGEST_HEADER, if serializer == Serializer::Json { 1 } else { 2 });
        }
    }

    /// A WebSocket pong, or RawSocket's.
    pub fn pong(&mut self, content: &[u8]) {
        self.close_batch();
        let at = self.bytes.len();
        if self.framing == Framing::Nats {
            self.bytes.extend_from_slice(b"PONG\r\n");
        } else if self.framing == Framing::RawSocket {
            self.bytes.extend_from_slice(&(content.len() as u32 | 0x0200_0000).to_be_bytes());
            self.bytes.extend_from_slice(content);
        } else {
            let header = header_length(content.len());
            self.bytes.extend_from_slice(&[0; LONGEST_HEADER][..header]);
            self.bytes.extend_from_slice(content);
            self.close_frame(at, header, 10);
        }
    }

    /// Fills in the header of the frame at `at`, for which `reserved` octets were left, and masks its body.
    fn close_frame(&mut self, at: usize, reserved: usize, opcode: u8) {
        let length = self.bytes.len() - at - reserved;
        let header = header_length(length);
        if header > reserved {
            self.bytes.splice(at..at, std::iter::repeat_n(0, header - reserved));
        } else if header < reserved {
            self.bytes.copy_within(at + reserved.., at + header);
            self.bytes.truncate(at + header + length);
        }
        // The generator need not be good, only unpredictable for what sits between (RFC 6455, 10.3).
        self.mask ^= self.mask << 13;
        self.mask ^= self.mask >> 7;
        self.mask ^= self.mask << 17;
        let mask = (self.mask as u32).to_ne_bytes();
        let (head, body) = self.bytes[at..].split_at_mut(header);
        head[0] = 0x80 | opcode;
        match header {
            6 => head[1] = 0x80 | length as u8,
            8 => {
                head[1] = 0x80 | 126;
                head[2..4].copy_from_slice(&(length as u16).to_be_bytes());
            }
            _ => {
                head[1] = 0x80 | 127;
                head[2..10].copy_from_slice(&(length as u64).to_be_bytes());
            }
        }
        head[header - 4..].copy_from_slice(&mask);
        apply_mask(mask, body);
    }

    /// What the socket should take now; closes an open batch.
    pub fn pending(&mut self) -> &[u8] {
        self.close_batch();
        &self.bytes[self.sent..]
    }

    /// The socket took that many octets.
    pub fn took(&mut self, octets: usize) {
        self.sent += octets;
        if self.sent == self.bytes.len() {
            self.bytes.clear();
            self.sent = 0;
        } else if self.sent > LONGEST_BATCH {
            self.bytes.drain(..self.sent);
            self.sent = 0;
        }
    }

    /// The framing agreed on.
    pub fn agree(&mut self, framing: Framing) {
        self.framing = framing;
    }
}

/// The octets of a masked header before a body of that length.
fn header_length(length: usize) -> usize {
    match length {
        0..=125 => 6,
        126..=0xffff => 8,
        _ => 14,
    }
}

fn apply_mask(mask: [u8; 4], body: &mut [u8]) {
    let wide = u64::from_ne_bytes([mask[0], mask[1], mask[2], mask[3], mask[0], mask[1], mask[2], mask[3]]);
    let mut chunks = body.chunks_exact_mut(8);
    for chunk in &mut chunks {
        let word = u64::from_ne_bytes(chunk.try_into().expect("the chunk has 8 octets")) ^ wide;
        chunk.copy_from_slice(&word.to_ne_bytes());
    }
    for (octet, mask) in chunks.into_remainder().iter_mut().zip(mask.iter().cycle()) {
        *octet ^= mask;
    }
}

#[cfg(test)]
mod tests;
