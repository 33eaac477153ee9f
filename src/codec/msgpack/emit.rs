//! The writer.

use crate::codec::put;
use crate::codec::token::Emit;

/// Writes MessagePack.
#[derive(Debug)]
pub(in crate::codec) struct MsgPackEmit<'o> {
    out: &'o mut Vec<u8>,
}

impl<'o> MsgPackEmit<'o> {
    /// Writes at the end of `out`.
    pub fn new(out: &'o mut Vec<u8>) -> MsgPackEmit<'o> {
        MsgPackEmit { out }
    }

    #[inline(always)]
    fn tagged<const N: usize>(&mut self, tag: u8, bytes: [u8; N]) {
        put::tagged(self.out, tag, bytes);
    }

    /// The head of a container: in one byte below 16, else after the tag for two bytes or its successor for four.
    #[inline(always)]
    fn head(&mut self, fix: u8, wide: u8, len: usize) {
        match len {
            0..=0x0f => self.out.push(fix | len as u8),
            0x10..=0xffff => self.tagged(wide, (len as u16).to_be_bytes()),
            _ => self.tagged(wide + 1, (len as u32).to_be_bytes()),
        }
    }
}

impl Emit for MsgPackEmit<'_> {
    const TEXT_KEYS: bool = false;

    fn null(&mut self) {
        self.out.push(0xc0);
    }

    fn bool(&mut self, value: bool) {
        self.out.push(0xc2 | u8::from(value));
    }

    #[inline(always)]
    fn uint(&mut self, number: u64) {
        match number {
            0..=0x7f => self.out.push(number as u8),
            0x80..=0xff => self.tagged(0xcc, [number as u8]),
            0x100..=0xffff => self.tagged(0xcd, (number as u16).to_be_bytes()),
            0x1_0000..=0xffff_ffff => self.tagged(0xce, (number as u32).to_be_bytes()),
            _ => self.tagged(0xcf, number.to_be_bytes()),
        }
    }

    fn int(&mut self, number: i64) {
        match number {
            -0x20.. => self.out.push(number as u8),
            -0x80.. => self.tagged(0xd0, [number as u8]),
            -0x8000.. => self.tagged(0xd1, (number as i16).to_be_bytes()),
            -0x8000_0000.. => self.tagged(0xd2, (number as i32).to_be_bytes()),
            _ => self.tagged(0xd3, number.to_be_bytes()),
        }
    }

    fn float(&mut self, number: f64) {
        self.tagged(0xcb, number.to_be_bytes());
    }

    #[inline]
    fn text(&mut self, text: &str) {
        match text.len() {
            len @ 0..=0x1f => self.out.push(0xa0 | len as u8),
            len @ 0x20..=0xff => self.tagged(0xd9, [len as u8]),
            len @ 0x100..=0xffff => self.tagged(0xda, (len as u16).to_be_bytes()),
            len => self.tagged(0xdb, (len as u32).to_be_bytes()),
        }
        self.out.extend_from_slice(text.as_bytes());
    }

    fn bytes(&mut self, bytes: &[u8]) {
        match bytes.len() {
            len @ 0..=0xff => self.tagged(0xc4, [len as u8]),
            len @ 0x100..=0xffff => self.tagged(0xc5, (len as u16).to_be_bytes()),
            len => self.tagged(0xc6, (len as u32).to_be_bytes()),
        }
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
        self.head(0x90, 0xdc, len);
    }

    #[inline(always)]
    fn begin_map(&mut self, len: usize) {
        self.head(0x80, 0xde, len);
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
        let (fix, wide) = if map { (0x80, 0xde) } else { (0x90, 0xdc) };
        match len {
            0..=0x0f => self.out[mark] = fix | len as u8,
            0x10..=0xffff => {
                let [a, b] = (len as u16).to_be_bytes();
                self.out.splice(mark..=mark, [wide, a, b]);
            }
            _ => {
                let [a, b, c, d] = (len as u32).to_be_bytes();
                self.out.splice(mark..=mark, [wide + 1, a, b, c, d]);
            }
        }
    }
}
