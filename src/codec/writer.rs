//! Values written one by one in any encoding, for what the router itself says.

use super::cbor::CborEmit;
use super::json::JsonEmit;
use super::msgpack::MsgPackEmit;
use super::token::Emit;
use crate::wamp::Encoding;

/// Appends values to a buffer. Lengths are told beforehand and must be kept: `begin_map(n)` is followed by n pairs of
/// `text` (the key) and a value, then `end_map`. Lists and maps may lie 64 deep in each other.
#[derive(Debug)]
pub struct Writer<'o> {
    encoding: Encoding,
    out: &'o mut Vec<u8>,
    /// Where the value begins in `out`.
    start: usize,
    /// One bit for each container that is open, the innermost lowest: set for a map. Only JSON tells keys by it.
    maps: u64,
}

/// Calls one method of the emitter of the writer's encoding.
macro_rules! emit {
    ($writer:ident, $method:ident($($argument:expr),*)) => {
        match $writer.encoding {
            Encoding::Json => JsonEmit::resume($writer.out, $writer.start).$method($($argument),*),
            Encoding::MsgPack => MsgPackEmit::new($writer.out).$method($($argument),*),
            Encoding::Cbor => CborEmit::new($writer.out).$method($($argument),*),
        }
    };
}

impl<'o> Writer<'o> {
    /// A writer of one value at the end of `out`.
    #[inline]
    pub fn new(encoding: Encoding, out: &'o mut Vec<u8>) -> Writer<'o> {
        let start = out.len();
        Writer { encoding, out, start, maps: 0 }
    }

    /// Begins a list of `len` items.
    #[inline]
    pub fn begin_list(&mut self, len: usize) {
        self.maps <<= 1;
        emit!(self, begin_list(len));
    }

    /// Ends the list begun last.
    #[inline]
    pub fn end_list(&mut self) {
        self.maps >>= 1;
        emit!(self, end_list());
    }

    /// Begins a map of `len` pairs.
    #[inline]
    pub fn begin_map(&mut self, len: usize) {
        self.maps = self.maps << 1 | 1;
        emit!(self, begin_map(len));
    }

    /// Ends the map begun last.
    #[inline]
    pub fn end_map(&mut self) {
        self.maps >>= 1;
        emit!(self, end_map());
    }

    /// A string, or a map's next key.
    #[inline]
    pub fn text(&mut self, text: &str) {
        match self.encoding {
            Encoding::MsgPack => MsgPackEmit::new(self.out).text(text),
            Encoding::Cbor => CborEmit::new(self.out).text(text),
            Encoding::Json => {
                let mut emit = JsonEmit::resume(self.out, self.start);
                if self.maps & 1 == 1 && !emit.after_key() { emit.key(text) } else { emit.text(text) }
            }
        }
    }

    /// An integer.
    #[inline(always)]
    pub fn uint(&mut self, number: u64) {
        emit!(self, uint(number));
    }

    /// A boolean.
    #[inline]
    pub fn bool(&mut self, value: bool) {
        emit!(self, bool(value));
    }

    /// Null.
    #[inline]
    pub fn null(&mut self) {
        emit!(self, null());
    }
}
