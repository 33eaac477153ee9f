//! What a framing finds in the bytes of a client.
//!
//! A connection gives its unread bytes to the framing's `next` again and again; each answer is a [`Step`]. Whole
//! messages are slices of those bytes wherever they lie in one piece, so nothing is copied on the usual way.
//!
//! Invariant: a [`Failure`] is raised as soon as a header shows it, before the body arrives (RAW-14), and ends the
//! connection.

use std::fmt;

/// What lies at the front of the unread bytes.
#[derive(Debug)]
pub enum Step<'a> {
    /// No whole frame yet.
    More {
        /// How many bytes the frame at the front lacks at least, 1 or more. A client may announce a long frame and
        /// never send it: let the buffer grow with what arrives, not with this figure.
        missing: usize,
    },
    /// One whole frame.
    Frame {
        /// How many bytes it took; the next frame begins behind them.
        consumed: usize,
        /// What it says.
        frame: Frame<'a>,
    },
}

/// One frame of a client.
#[derive(Debug)]
pub enum Frame<'a> {
    /// WAMP messages to process in this order (WS-9).
    Messages(Messages<'a>),
    /// To be answered by exactly one pong with the same payload (RAW-13, WS-10).
    Ping(&'a [u8]),
    /// Answers a ping, or comes unasked; never an error.
    Pong(&'a [u8]),
    /// A WebSocket close with its code, if it has one; answer with the same code and close the socket.
    Close(Option<u16>),
    /// A piece of a message that goes on, or bytes behind a close: nothing to do.
    Nothing,
}

/// The WAMP messages of one frame, in order: one, or those of a batch. Each is a whole encoded message; it may be
/// empty, which no codec accepts (RAW-16).
#[derive(Clone, Debug)]
pub struct Messages<'a> {
    rest: Option<&'a [u8]>,
    split: Split,
}

/// How a frame's body is cut into messages.
#[derive(Clone, Copy, Debug, Default)]
enum Split {
    /// Not at all.
    #[default]
    Whole,
    /// Behind each separator.
    Separators,
    /// By a u32 length before each.
    Lengths,
}

/// The messages of one frame that wait to be handled, as they came.
#[derive(Debug, Default)]
pub struct Backlog {
    bytes: Vec<u8>,
    begin: usize,
    split: Split,
}

impl Backlog {
    /// Those that wait.
    pub fn messages(&self) -> Messages<'_> {
        Messages { rest: self.bytes.get(self.begin..).filter(|rest| !rest.is_empty()), split: self.split }
    }

    /// Keeps what is left of [`Backlog::messages`], so many bytes.
    pub fn keep(mut self, left: usize) -> Backlog {
        if left == 0 {
            return Backlog::default();
        }
        self.begin = self.bytes.len() - left;
        self
    }

    /// Bytes of memory held.
    pub fn held(&self) -> usize {
        self.bytes.capacity()
    }
}

/// Ends a message in a JSON batch, as the specification has it (WS-6).
pub const SEPARATOR: u8 = 0x1e;
/// Ends a message in a JSON batch as autobahn-python writes it (D-28).
pub const SEPARATOR_AUTOBAHN: u8 = 0x18;

impl<'a> Messages<'a> {
    /// A frame that holds one message.
    #[inline]
    pub const fn whole(body: &'a [u8]) -> Messages<'a> {
        Messages { rest: Some(body), split: Split::Whole }
    }

    /// Bytes of those that were not handed out yet.
    pub fn left(&self) -> usize {
        self.rest.map_or(0, <[u8]>::len)
    }

    /// A copy of those that were not handed out yet.
    pub fn to_backlog(&self) -> Backlog {
        Backlog { bytes: self.rest.unwrap_or_default().to_vec(), begin: 0, split: self.split }
    }

    /// What ends the last message of a batch of JSON: the client's choice of separator (D-28).
    pub fn separator(&self) -> Option<u8> {
        match self.split {
            Split::Separators => self.rest?.last().copied(),
            Split::Whole | Split::Lengths => None,
        }
    }

    /// A batch whose messages each end in a separator, of either kind: neither byte can stand unescaped inside JSON
    /// (D-28).
    ///
    /// # Errors
    /// [`Failure::EmptyBatch`] or, where the last message has no separator, [`Failure::TruncatedBatch`] (WS-8).
    pub fn separated(body: &'a [u8]) -> Result<Messages<'a>, Failure> {
        match body.last() {
            None => Err(Failure::EmptyBatch),
            Some(&(SEPARATOR | SEPARATOR_AUTOBAHN)) => Ok(Messages { rest: Some(body), split: Split::Separators }),
            Some(_) => Err(Failure::TruncatedBatch),
        }
    }

    /// A batch whose messages each follow their length, u32 big-endian (WS-7). The whole batch is checked at once, so
    /// that no message of a broken one is processed.
    ///
    /// # Errors
    /// [`Failure::EmptyBatch`] or [`Failure::TruncatedBatch`] (WS-8).
    pub fn length_prefixed(body: &'a [u8]) -> Result<Messages<'a>, Failure> {
        if body.is_empty() {
            return Err(Failure::EmptyBatch);
        }
        let mut rest = body;
        while !rest.is_empty() {
            rest = split_length(rest).ok_or(Failure::TruncatedBatch)?.1;
        }
        Ok(Messages { rest: Some(body), split: Split::Lengths })
    }
}

impl<'a> Iterator for Messages<'a> {
    type Item = &'a [u8];

    #[inline]
    fn next(&mut self) -> Option<&'a [u8]> {
        let body = self.rest.take()?;
        let (message, rest) = match self.split {
            Split::Whole => return Some(body),
            Split::Separators => {
                let end = memchr::memchr2(SEPARATOR, SEPARATOR_AUTOBAHN, body)?;
                (&body[..end], &body[end + 1..])
            }
            Split::Lengths => split_length(body)?,
        };
        self.rest = Some(rest).filter(|rest| !rest.is_empty());
        Some(message)
    }
}

/// The message behind the length at the front, and what follows it; `None` where either is cut short.
fn split_length(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let (length, rest) = bytes.split_first_chunk()?;
    rest.split_at_checked(u32::from_be_bytes(*length) as usize)
}

/// How a client broke its framing. Nothing that follows can be trusted, so the connection ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Failure {
    /// RawSocket: one of the four reserved bits of the prefix is set (RAW-9).
    ReservedPrefixBits,
    /// RawSocket: a frame type from 3 to 7 (RAW-9).
    ReservedFrameType(u8),
    /// RawSocket: the 25th length bit beside other length bits (RAW-10).
    LengthBeyond16Mi,
    /// A frame or message longer than this side takes, in bytes (RAW-14, WS-11).
    TooLong {
        /// What the header announced, with the fragments before it.
        length: u64,
        /// What is taken.
        limit: usize,
    },
    /// WebSocket: a frame without mask.
    NotMasked,
    /// WebSocket: a reserved bit no extension gives a meaning.
    ReservedBits,
    /// WebSocket: an opcode nobody defined.
    UnknownOpcode(u8),
    /// WebSocket: a length that is not in its shortest form, or beyond 2^63.
    BadLength,
    /// WebSocket: a control frame in pieces or longer than 125 bytes.
    BadControlFrame,
    /// WebSocket: a continuation of nothing.
    NothingToContinue,
    /// WebSocket: a new message within a fragmented one.
    Interleaved,
    /// WebSocket: binary for JSON, or text for the others (WS-2).
    WrongKind,
    /// WebSocket: a close frame of one byte, or with a code that must not be sent.
    BadCloseCode,
    /// WebSocket: a close reason that is not UTF-8.
    BadCloseReason,
    /// A batch without a message (WS-8).
    EmptyBatch,
    /// A batch whose last message is cut short (WS-8).
    TruncatedBatch,
}

impl Failure {
    /// The code of the WebSocket close frame that answers. Spec: RFC 6455, section 7.4.1.
    pub const fn close_code(self) -> u16 {
        match self {
            Failure::TooLong { .. } => close::TOO_BIG,
            Failure::BadCloseReason => close::INVALID_DATA,
            _ => close::PROTOCOL_ERROR,
        }
    }
}

/// Codes of WebSocket close frames (WS-12). Spec: RFC 6455, section 7.4.1.
pub mod close {
    /// The purpose is fulfilled.
    pub const NORMAL: u16 = 1000;
    /// The router stops.
    pub const GOING_AWAY: u16 = 1001;
    /// The peer broke a rule of WebSocket or of WAMP (D-17).
    pub const PROTOCOL_ERROR: u16 = 1002;
    /// The data is not what its type promises.
    pub const INVALID_DATA: u16 = 1007;
    /// The peer broke a rule of this router, as not answering pings.
    pub const POLICY: u16 = 1008;
    /// A message longer than is taken.
    pub const TOO_BIG: u16 = 1009;
    /// The router failed.
    pub const INTERNAL: u16 = 1011;
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Failure::ReservedPrefixBits => "a reserved bit of the frame prefix is set",
            Failure::ReservedFrameType(kind) => return write!(f, "frame type {kind} is reserved"),
            Failure::LengthBeyond16Mi => "the frame is longer than 16 MiB",
            Failure::TooLong { length, limit } => {
                return write!(f, "a message of {length} bytes is longer than the {limit} that are taken");
            }
            Failure::NotMasked => "a frame from a client must be masked",
            Failure::ReservedBits => "a reserved bit of the frame header is set",
            Failure::UnknownOpcode(opcode) => return write!(f, "opcode {opcode} is not defined"),
            Failure::BadLength => "the frame length is not in its shortest form",
            Failure::BadControlFrame => "a control frame is fragmented or longer than 125 bytes",
            Failure::NothingToContinue => "a continuation frame follows no fragment",
            Failure::Interleaved => "a new message begins within a fragmented one",
            Failure::WrongKind => "JSON needs text messages, other encodings binary ones",
            Failure::BadCloseCode => "the close code is invalid",
            Failure::BadCloseReason => "the close reason is not UTF-8",
            Failure::EmptyBatch => "a batch holds no message",
            Failure::TruncatedBatch => "the last message of a batch is cut short",
        })
    }
}

impl std::error::Error for Failure {}

#[cfg(test)]
mod tests {
    use super::{Failure, Messages};

    fn texts<'a>(messages: Result<Messages<'a>, Failure>) -> Vec<&'a [u8]> {
        messages.unwrap().collect()
    }

    /// WS-6, WS-9, D-28: either separator, also mixed; order is kept.
    #[test]
    fn json_batches_are_cut_behind_either_separator() {
        assert_eq!(texts(Messages::separated(b"[1]\x1e")), [b"[1]"]);
        assert_eq!(texts(Messages::separated(b"[1]\x18[2]\x1e[3]\x18")), [b"[1]", b"[2]", b"[3]"]);
    }

    /// WS-7, WS-9.
    #[test]
    fn binary_batches_are_cut_by_length() {
        assert_eq!(texts(Messages::length_prefixed(b"\0\0\0\x01a\0\0\0\x02bc")), [&b"a"[..], b"bc"]);
    }

    /// RAW-16: an empty message reaches the codec, which refuses it.
    #[test]
    fn empty_messages_are_passed_on() {
        assert_eq!(Messages::whole(b"").collect::<Vec<_>>(), [b""]);
        assert_eq!(texts(Messages::separated(b"\x1e\x1e")), [b"", b""]);
        assert_eq!(texts(Messages::length_prefixed(b"\0\0\0\0")), [b""]);
    }

    /// WS-8: an empty batch and every truncation fail, and nothing of the batch is processed.
    #[test]
    fn broken_batches_fail_as_a_whole() {
        assert_eq!(Messages::separated(b"").unwrap_err(), Failure::EmptyBatch);
        assert_eq!(Messages::separated(b"[1]\x1e[2]").unwrap_err(), Failure::TruncatedBatch);
        assert_eq!(Messages::length_prefixed(b"").unwrap_err(), Failure::EmptyBatch);
        let batch = b"\0\0\0\x03abc\0\0\0\x01d";
        for cut in (1..batch.len()).filter(|&cut| cut != 7) {
            assert_eq!(Messages::length_prefixed(&batch[..cut]).unwrap_err(), Failure::TruncatedBatch, "cut at {cut}");
        }
        assert_eq!(Messages::length_prefixed(b"\xff\xff\xff\xffabc").unwrap_err(), Failure::TruncatedBatch);
    }
}
