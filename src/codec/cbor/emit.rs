//! The writer.

use super::{BYTES, LIST, MAP, NEGATIVE, TEXT, UNSIGNED};
use crate::codec::put;
use crate::codec::token::Emit;

/// Writes CBOR with definite lengths.
#[derive(Debug)]
pub(in crate::codec) struct CborEmit<'o> {
    out: &'o mut Vec<u8>,
}

impl<'o> CborEmit<'o> {
    /// Writes at the end of `out`.
    pub fn new(out: &'o mut Vec<u8>) -> CborEmit<'o> {
        CborEmit { out }
    }

    #[inline(always)]
    fn tagged<const N: usize>(&mut self, tag: u8, bytes: [u8; N]) {
        put::tagged(self.out, tag, bytes);
    }

    #[inline(always)]
    fn head(&mut self, major: u8, number: u64) {
        let major = major << 5;
        match number {
            0..=23 => self.out.push(major | number as u8),
            24..=0xff => self.tagged(major | 24, [number as u8]),
            0x100..=0xffff => self.tagged(major | 25, (number as u16).to_be_bytes()),
            0x1_0000..=0xffff_ffff => self.tagged(major | 26, (number as u32).to_be_bytes()),
            _ => self.tagged(major | 27, number.to_be_bytes()),
        }
    }
}

impl Emit for CborEmit<'_> {
    const TEXT_KEYS: bool = false;

    fn null(&mut self) {
        self.out.push(0xf6);
    }

    fn bool(&mut self, value: bool) {
        self.out.push(0xf4 | u8::from(value));
    }

    #[inline(always)]
    fn uint(&mut self, number: u64) {
        self.head(UNSIGNED, number);
    }

    fn int(&mut self, number: i64) {
        self.head(NEGATIVE, !number as u64);
    }

    fn float(&mut self, number: f64) {
        self.tagged(0xfb, number.to_be_bytes());
    }

    #[inline]
    fn text(&mut self, text: &str) {
        self.head(TEXT, text.len() as u64);
        self.out.extend_from_slice(text.as_bytes());
    }

    fn bytes(&mut self, bytes: &[u8]) {
        self.head(BYTES, bytes.len() as u64);
        self.out.extend_from_slice(bytes);
    }

    #[inline]
    fn key(&mut self, key: &str) {
        self.text(key);
    }

    #[inline]
    fn raw(&mut self, value: &[u8]) {
        self.out.extend_from_slice(value);
    }

    #[inline]
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

    #[inline(always)]
    fn begin_list(&mut self, len: usize) {
        self.head(LIST, len as u64);
    }

    #[inline(always)]
    fn begin_map(&mut self, len: usize) {
        self.head(MAP, len as u64);
    }

    #[inline(always)]
    fn end_list(&mut self) {}

    #[inline(always)]
    fn end_map(&mut self) {}

    fn begin_open(&mut self, _map: bool) -> usize {
        self.out.push(0);
        self.out.len() - 1
    }

    /// Most containers are short and their head is the one byte left for it; for others what follows moves.
    fn end_open(&mut self, map: bool, mark: usize, len: usize) {
        let major = if map { MAP } else { LIST };
        let mut head = Vec::with_capacity(9);
        CborEmit::new(&mut head).head(major, len as u64);
        self.out.splice(mark..=mark, head);
    }
}
