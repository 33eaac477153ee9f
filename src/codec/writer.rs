//! Values written one by one in any encoding, for what the router itself says.

use crate::wamp::Encoding;

/// Appends values to a buffer. Lengths are told beforehand and must be kept: `begin_map(n)` is followed by n pairs of
/// `text` (the key) and a value, then `end_map`.
#[derive(Debug)]
pub struct Writer<'o> {
    encoding: Encoding,
    out: &'o mut Vec<u8>,
}

impl<'o> Writer<'o> {
    /// A writer of one value at the end of `out`.
    pub fn new(encoding: Encoding, out: &'o mut Vec<u8>) -> Writer<'o> {
        Writer { encoding, out }
    }

    /// Begins a list of `len` items.
    pub fn begin_list(&mut self, len: usize) {
        let _ = (len, self.encoding, &mut self.out);
        todo!()
    }

    /// Ends the list begun last.
    pub fn end_list(&mut self) {
        todo!()
    }

    /// Begins a map of `len` pairs.
    pub fn begin_map(&mut self, len: usize) {
        let _ = len;
        todo!()
    }

    /// Ends the map begun last.
    pub fn end_map(&mut self) {
        todo!()
    }

    /// A string, or a map's next key.
    pub fn text(&mut self, text: &str) {
        let _ = text;
        todo!()
    }

    /// An integer.
    pub fn uint(&mut self, number: u64) {
        let _ = number;
        todo!()
    }

    /// A boolean.
    pub fn bool(&mut self, value: bool) {
        let _ = value;
        todo!()
    }

    /// Null.
    pub fn null(&mut self) {
        todo!()
    }
}
