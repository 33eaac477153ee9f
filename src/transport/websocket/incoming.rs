//! Frames of a client: headers checked, payloads unmasked in place, fragments gathered.

use super::super::frame::{Failure, Frame, Messages, SEPARATOR, Step};
use super::super::lookahead::Head;
use super::{CONTROL_LIMIT, FIN, Subprotocol, opcode};
use crate::wamp::Encoding;

/// How much one client may send at once, in bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Longest payload of one frame.
    pub max_frame: usize,
    /// Longest message, all fragments together; a batch counts as one message.
    pub max_message: usize,
}

/// Memory kept for gathering fragments between two fragmented messages, in bytes.
const GATHER_KEPT: usize = 4096;

/// The frames of a client.
#[derive(Debug)]
pub struct Incoming {
    subprotocol: Subprotocol,
    limits: Limits,
    /// What ends messages in the client's JSON batches, once one has come.
    separator: Option<u8>,
    state: State,
    /// The fragments so far; what was handed out is dropped at the next call.
    gathered: Vec<u8>,
}

/// ```text
/// Between --first fragment--> Gathering --last fragment--> Between
/// any     --close frame-----> Closed
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Between,
    Gathering,
    Closed,
}

impl Incoming {
    /// Frames of a client that speaks `subprotocol`.
    pub const fn new(subprotocol: Subprotocol, limits: Limits) -> Incoming {
        Incoming { subprotocol, limits, separator: None, state: State::Between, gathered: Vec::new() }
    }

    /// What the client ends the messages of its JSON batches with, as its first batch showed (D-28); before that, what
    /// the specification says.
    pub fn separator(&self) -> u8 {
        self.separator.unwrap_or(SEPARATOR)
    }

    /// Bytes held of a message that is not whole yet, or was just handed out.
    pub fn held(&self) -> usize {
        self.gathered.len()
    }

    /// Reads the frame at the front of `input` and unmasks it there. Bytes behind a close frame are consumed unread.
    ///
    /// # Errors
    /// The [`Failure`] its header or its payload shows.
    pub fn next<'a>(&'a mut self, input: &'a mut [u8]) -> Result<Step<'a>, Failure> {
        if self.state == State::Closed && !input.is_empty() {
            return Ok(Step::Frame { consumed: input.len(), frame: Frame::Nothing });
        }
        if self.state == State::Between {
            self.forget();
        }
        let header = match Header::read(input)? {
            Ok(header) => header,
            Err(missing) => return Ok(Step::More { missing }),
        };
        self.check(&header)?;
        let consumed = header.size + header.length;
        let arrived = input.len();
        let Some(payload) = input.get_mut(header.size..consumed) else {
            return Ok(Step::More { missing: consumed - arrived });
        };
        unmask(payload, header.mask);
        let frame = match header.opcode {
            opcode::PING => Frame::Ping(payload),
            opcode::PONG => Frame::Pong(payload),
            opcode::CLOSE => {
                self.state = State::Closed;
                Frame::Close(close_code(payload)?)
            }
            _ => self.data(&header, payload)?,
        };
        Ok(Step::Frame { consumed, frame })
    }

    /// The beginning of the message at the front of `input` if all of it is there in one frame, and how many bytes the
    /// frame takes. Batches have none.
    pub(in crate::transport) fn head(&self, input: &[u8]) -> Option<(usize, Head)> {
        let header = Header::read(input).ok()?.ok()?;
        let whole = header.fin && header.opcode == self.subprotocol.opcode() && !self.subprotocol.batched;
        if !whole || self.state != State::Between || self.check(&header).is_err() {
            return None;
        }
        let consumed = header.size + header.length;
        Some((consumed, Head::of(input.get(header.size..consumed)?, Some(header.mask))))
    }

    /// Whether a frame with this header may come now, and fits.
    fn check(&self, header: &Header) -> Result<(), Failure> {
        let gathering = self.state == State::Gathering;
        match header.opcode {
            opcode::CONTINUATION if !gathering => return Err(Failure::NothingToContinue),
            opcode::TEXT | opcode::BINARY if gathering => return Err(Failure::Interleaved),
            opcode::TEXT | opcode::BINARY if header.opcode != self.subprotocol.opcode() => {
                return Err(Failure::WrongKind);
            }
            opcode::CONTINUATION | opcode::TEXT | opcode::BINARY => {}
            _ => return Ok(()),
        }
        let whole = self.gathered.len().saturating_add(header.length);
        if header.length > self.limits.max_frame {
            return Err(Failure::TooLong { length: header.length as u64, limit: self.limits.max_frame });
        }
        if whole > self.limits.max_message {
            return Err(Failure::TooLong { length: whole as u64, limit: self.limits.max_message });
        }
        Ok(())
    }

    /// A data frame: the whole message, or a piece of it.
    fn data<'a>(&'a mut self, header: &Header, payload: &'a [u8]) -> Result<Frame<'a>, Failure> {
        if header.fin && self.state == State::Between {
            return self.messages_of(payload);
        }
        self.gathered.extend_from_slice(payload);
        self.state = if header.fin { State::Between } else { State::Gathering };
        if header.fin { self.messages_of_gathered() } else { Ok(Frame::Nothing) }
    }

    fn messages_of_gathered(&mut self) -> Result<Frame<'_>, Failure> {
        note_separator(&mut self.separator, self.subprotocol, &self.gathered);
        cut(self.subprotocol, &self.gathered)
    }

    fn messages_of<'a>(&mut self, body: &'a [u8]) -> Result<Frame<'a>, Failure> {
        note_separator(&mut self.separator, self.subprotocol, body);
        cut(self.subprotocol, body)
    }

    /// Drops a gathered message that was handed out, so that an idle client holds next to no memory.
    fn forget(&mut self) {
        self.gathered.clear();
        self.gathered.shrink_to(GATHER_KEPT);
    }
}

fn note_separator(separator: &mut Option<u8>, subprotocol: Subprotocol, body: &[u8]) {
    if separator.is_none() && subprotocol.batched && subprotocol.encoding == Encoding::Json {
        *separator = body.last().copied();
    }
}

fn cut(subprotocol: Subprotocol, body: &[u8]) -> Result<Frame<'_>, Failure> {
    Ok(Frame::Messages(match (subprotocol.batched, subprotocol.encoding) {
        (false, _) => Messages::whole(body),
        (true, Encoding::Json) => Messages::separated(body)?,
        (true, _) => Messages::length_prefixed(body)?,
    }))
}

/// A frame header that keeps the rules that need no memory of earlier frames.
struct Header {
    fin: bool,
    opcode: u8,
    /// Bytes of the header itself, mask included.
    size: usize,
    /// Bytes of the payload.
    length: usize,
    mask: [u8; 4],
}

impl Header {
    /// The header at the front of `input`, or how many bytes it lacks. Spec: RFC 6455, sections 5.2, 5.5.
    fn read(input: &[u8]) -> Result<Result<Header, usize>, Failure> {
        let Some((&[first, second], rest)) = input.split_first_chunk() else { return Ok(Err(2 - input.len())) };
        check_first(first)?;
        let (fin, opcode) = (first & FIN != 0, first & 0x0f);
        let short = second & 0x7f;
        if second & 0x80 == 0 {
            return Err(Failure::NotMasked);
        }
        if opcode >= opcode::CLOSE && (!fin || short as usize > CONTROL_LIMIT) {
            return Err(Failure::BadControlFrame);
        }
        let extended = match short {
            126 => 2,
            127 => 8,
            _ => 0,
        };
        let size = 2 + extended + 4;
        if rest.len() < extended {
            return Ok(Err(size - input.len()));
        }
        let length = read_length(short, &rest[..extended])?;
        let Some(mask) = rest[extended..].first_chunk() else { return Ok(Err(size - input.len())) };
        Ok(Ok(Header { fin, opcode, size, length, mask: *mask }))
    }
}

fn check_first(first: u8) -> Result<(), Failure> {
    if first & 0x70 != 0 {
        return Err(Failure::ReservedBits);
    }
    match first & 0x0f {
        0..=2 | 8..=10 => Ok(()),
        unknown => Err(Failure::UnknownOpcode(unknown)),
    }
}

/// The length in the second octet or behind it, which must be in its shortest form.
fn read_length(short: u8, extended: &[u8]) -> Result<usize, Failure> {
    if extended.is_empty() {
        return Ok(short as usize);
    }
    let length = extended.iter().fold(0, |sum, &octet| sum << 8 | u64::from(octet));
    let shortest = if extended.len() == 2 { 126 } else { 1 << 16 };
    if length < shortest || length > i64::MAX as u64 {
        return Err(Failure::BadLength);
    }
    Ok(usize::try_from(length).unwrap_or(usize::MAX / 2))
}

/// The code of a close frame's payload. Spec: RFC 6455, sections 5.5.1, 7.4; 1012 to 1014 are registered since.
fn close_code(payload: &[u8]) -> Result<Option<u16>, Failure> {
    let Some((code, reason)) = payload.split_first_chunk() else {
        return if payload.is_empty() { Ok(None) } else { Err(Failure::BadCloseCode) };
    };
    let code = u16::from_be_bytes(*code);
    if !matches!(code, 1000..=1003 | 1007..=1014 | 3000..=4999) {
        return Err(Failure::BadCloseCode);
    }
    std::str::from_utf8(reason).map_err(|_| Failure::BadCloseReason)?;
    Ok(Some(code))
}

/// Takes the mask off, sixteen bytes at a time.
fn unmask(payload: &mut [u8], mask: [u8; 4]) {
    let [a, b, c, d] = mask;
    let key = u128::from_ne_bytes([a, b, c, d, a, b, c, d, a, b, c, d, a, b, c, d]);
    let mut words = payload.chunks_exact_mut(16);
    for word in &mut words {
        if let Some(word) = word.first_chunk_mut() {
            *word = (u128::from_ne_bytes(*word) ^ key).to_ne_bytes();
        }
    }
    for (byte, place) in words.into_remainder().iter_mut().zip(0..) {
        *byte ^= mask[place % 4];
    }
}

#[cfg(test)]
mod tests {
    use super::unmask;

    /// RFC 6455, section 5.3, byte by byte, is the twin.
    #[test]
    fn unmasking_equals_the_definition_at_every_length() {
        let mask = [0x12, 0x34, 0x56, 0x78];
        for length in 0..100 {
            let plain: Vec<u8> = (0..length).collect();
            let mut masked: Vec<u8> = plain.iter().enumerate().map(|(i, byte)| byte ^ mask[i % 4]).collect();
            unmask(&mut masked, mask);
            assert_eq!(masked, plain);
        }
    }
}
