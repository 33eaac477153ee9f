//! The writer.

use std::io::Write;

use super::strings::{write_base64, write_string};
use crate::codec::token::Emit;

/// Writes JSON without white space.
///
/// Whether a comma is due is told by the byte written last: none right after a bracket, a brace or a colon, and none
/// before the outermost value. So there is no state to keep.
#[derive(Debug)]
pub(in crate::codec) struct JsonEmit<'o> {
    out: &'o mut Vec<u8>,
    start: usize,
}

impl<'o> JsonEmit<'o> {
    /// Writes one value at the end of `out`.
    pub fn new(out: &'o mut Vec<u8>) -> JsonEmit<'o> {
        let start = out.len();
        JsonEmit { out, start }
    }

    /// Goes on with the value that begins at `start` of `out`.
    pub fn resume(out: &'o mut Vec<u8>, start: usize) -> JsonEmit<'o> {
        JsonEmit { out, start }
    }

    /// Whether the value that stands last awaits its other half: a key was written.
    pub fn after_key(&self) -> bool {
        self.out.last() == Some(&b':') && self.out.len() != self.start
    }

    #[inline(always)]
    fn comma(&mut self) {
        if self.out.len() != self.start && !matches!(self.out.last(), Some(b'[' | b'{' | b':')) {
            self.out.push(b',');
        }
    }

    #[inline(always)]
    fn open(&mut self, bracket: u8) {
        self.comma();
        self.out.push(bracket);
    }

    #[inline(always)]
    fn word(&mut self, word: &[u8]) {
        self.comma();
        self.out.extend_from_slice(word);
    }
}

impl Emit for JsonEmit<'_> {
    const TEXT_KEYS: bool = true;

    fn null(&mut self) {
        self.word(b"null");
    }

    fn bool(&mut self, value: bool) {
        self.word(if value { b"true" } else { b"false" });
    }

    fn uint(&mut self, number: u64) {
        self.word(itoa::Buffer::new().format(number).as_bytes());
    }

    fn int(&mut self, number: i64) {
        self.word(itoa::Buffer::new().format(number).as_bytes());
    }

    /// The shortest digits that read back as the same float; what JSON has no word for is null (SER-5).
    fn float(&mut self, number: f64) {
        if !number.is_finite() {
            return self.null();
        }
        self.comma();
        // Writing to a Vec does not fail.
        let _ = write!(self.out, "{number:?}");
    }

    fn text(&mut self, text: &str) {
        self.comma();
        write_string(text, self.out);
    }

    fn bytes(&mut self, bytes: &[u8]) {
        self.comma();
        write_base64(bytes, self.out);
    }

    fn key(&mut self, key: &str) {
        self.text(key);
        self.out.push(b':');
    }

    fn raw(&mut self, value: &[u8]) {
        self.word(value);
    }

    fn reserve(&mut self, bytes: usize) {
        self.out.reserve(bytes);
    }

    #[inline]
    fn len(&self) -> usize {
        self.out.len()
    }

    fn truncate(&mut self, len: usize) {
        self.out.truncate(len);
    }

    fn begin_list(&mut self, _len: usize) {
        self.open(b'[');
    }

    fn begin_map(&mut self, _len: usize) {
        self.open(b'{');
    }

    fn end_list(&mut self) {
        self.out.push(b']');
    }

    fn end_map(&mut self) {
        self.out.push(b'}');
    }

    fn begin_open(&mut self, map: bool) -> usize {
        self.open(if map { b'{' } else { b'[' });
        0
    }

    fn end_open(&mut self, map: bool, _mark: usize, _len: usize) {
        self.out.push(if map { b'}' } else { b']' });
    }
}
