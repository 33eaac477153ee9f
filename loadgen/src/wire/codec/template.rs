//! Messages of which only the request id and the end vary.

use serde_json::Value;

use super::value::{cbor_head, encode, msgpack_uint};
use super::{Payload, Serializer};

/// An encoded message with two gaps: behind the codes an id, and at the end further elements that lie ready encoded.
///
/// The head of a binary message counts its elements, so there is one head for each number of elements at the end.
#[derive(Clone, Debug)]
pub struct Template {
    serializer: Serializer,
    /// List and codes, for 0, 1 and 2 elements at the end.
    heads: [Vec<u8>; 3],
    /// What stands between the id and the end.
    middle: Vec<u8>,
}

impl Template {
    /// `[codes..., ID, elements..., END...]`; only ERROR has two codes.
    pub fn new(serializer: Serializer, codes: &[u64], elements: &[Value]) -> Template {
        let head = |items: usize| {
            let mut head = Vec::new();
            list_head(serializer, codes.len() + 1 + elements.len() + items, &mut head);
            for &code in codes {
                encode(serializer, &code.into(), &mut head);
                if serializer == Serializer::Json {
                    head.push(b',');
                }
            }
            head
        };
        let mut middle = Vec::new();
        for element in elements {
            if serializer == Serializer::Json {
                middle.push(b',');
            }
            encode(serializer, element, &mut middle);
        }
        Template { serializer, heads: [head(0), head(1), head(2)], middle }
    }

    /// Writes the message with this id and end.
    #[inline]
    pub fn write(&self, id: u64, end: Payload<'_>, out: &mut Vec<u8>) {
        out.extend_from_slice(&self.heads[usize::from(end.items.min(2))]);
        write_uint(self.serializer, id, out);
        out.extend_from_slice(&self.middle);
        if self.serializer != Serializer::Json {
            out.extend_from_slice(end.raw);
            return;
        }
        if !end.raw.is_empty() {
            out.push(b',');
            out.extend_from_slice(end.raw);
        }
        out.push(b']');
    }

    /// At most this many octets beside the end.
    pub fn overhead(&self) -> usize {
        self.heads[0].len() + self.middle.len() + 24
    }
}

/// Starts a list of that many elements.
pub fn list_head(serializer: Serializer, items: usize, out: &mut Vec<u8>) {
    match serializer {
        Serializer::Json => out.push(b'['),
        Serializer::Msgpack => out.push(0x90 | (items as u8 & 0x0f)),
        Serializer::Cbor => cbor_head(4, items as u64, out),
    }
}

/// Writes an unsigned integer.
#[inline]
pub fn write_uint(serializer: Serializer, value: u64, out: &mut Vec<u8>) {
    match serializer {
        Serializer::Json => write_decimal(value, out),
        Serializer::Msgpack => msgpack_uint(value, out),
        Serializer::Cbor => cbor_head(0, value, out),
    }
}

fn write_decimal(mut value: u64, out: &mut Vec<u8>) {
    let mut digits = [0u8; 20];
    let mut at = digits.len();
    loop {
        at -= 1;
        digits[at] = b'0' + (value % 10) as u8;
        value /= 10;
        if value == 0 {
            break;
        }
    }
    out.extend_from_slice(&digits[at..]);
}
