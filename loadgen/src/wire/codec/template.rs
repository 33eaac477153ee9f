//! Messages of which only the request id and the end vary.
//!
//! This is what most of the generator's time would go into, so a binary message is one copy of all that stands before its
//! end, with the id's octets put in afterwards: there is a form for each width that a shortest integer may have.

use serde_json::Value;

use super::value::{cbor_head, encode, msgpack_uint};
use super::{Payload, Serializer, nats};

/// Ids of the different widths: 1 octet with the value inside, then 1, 2, 4 and 8 octets behind a head.
const WIDTHS: [u64; 5] = [1, 0xff, 0xffff, 0xffff_ffff, u64::MAX];

/// An encoded message with two gaps: behind the codes an id, and at the end further elements that lie ready encoded.
#[derive(Clone, Debug)]
pub struct Template {
    serializer: Serializer,
    /// All before the end, by how many elements the end has and how wide the id is. Of JSON, up to the id.
    forms: [[Form; 5]; 3],
    /// JSON: what stands between the id and the end.
    middle: Vec<u8>,
    /// NATS: the code, and the subject if there is one.
    subject: (u64, String),
}

/// The octets before the end, and where those of the id are in them.
#[derive(Clone, Debug)]
struct Form {
    octets: Vec<u8>,
    id: usize,
}

impl Template {
    /// `[codes..., ID, elements..., END...]`; only ERROR has two codes.
    pub fn new(serializer: Serializer, codes: &[u64], elements: &[Value]) -> Template {
        let mut middle = Vec::new();
        for element in elements {
            if serializer == Serializer::Json {
                middle.push(b',');
            }
            encode(serializer, element, &mut middle);
        }
        let form = |items: usize, widest: u64| {
            let mut octets = Vec::new();
            list_head(serializer, codes.len() + 1 + elements.len() + items, &mut octets);
            for &code in codes {
                encode(serializer, &code.into(), &mut octets);
                if serializer == Serializer::Json {
                    octets.push(b',');
                }
            }
            if serializer == Serializer::Json {
                return Form { octets, id: 0 };
            }
            let before = octets.len();
            write_uint(serializer, widest, &mut octets);
            let id = before + usize::from(octets.len() - before > 1);
            octets.extend_from_slice(&middle);
            Form { octets, id }
        };
        let forms = [0, 1, 2].map(|items| WIDTHS.map(|widest| form(items, widest)));
        let subject = elements.last().and_then(Value::as_str).unwrap_or("").to_owned();
        Template { serializer, forms, middle, subject: (codes[0], subject) }
    }

    /// Writes the message with this id and end.
    #[inline]
    pub fn write(&self, id: u64, end: Payload<'_>, out: &mut Vec<u8>) {
        self.write_with(id, end.items, out, |out| out.extend_from_slice(end.raw));
    }

    /// Writes the message with this id and an end of that many elements, at most 2, which `end` appends.
    #[inline]
    pub fn write_with(&self, id: u64, items: u8, out: &mut Vec<u8>, end: impl FnOnce(&mut Vec<u8>)) {
        let forms = &self.forms[usize::from(items.min(2))];
        if self.serializer == Serializer::Json {
            out.extend_from_slice(&forms[0].octets);
            write_decimal(id, out);
            out.extend_from_slice(&self.middle);
            if items > 0 {
                out.push(b',');
                end(out);
            }
            out.push(b']');
            return;
        }
        if self.serializer == Serializer::Nats {
            return nats::write(self.subject.0, &self.subject.1, id, out, end);
        }
        let inside = if self.serializer == Serializer::Msgpack { 0x80 } else { 24 };
        let width = match id {
            _ if id < inside => 0,
            0..=0xff => 1,
            0x100..=0xffff => 2,
            0x1_0000..=0xffff_ffff => 3,
            _ => 4,
        };
        let form = &forms[width];
        let at = out.len() + form.id;
        out.extend_from_slice(&form.octets);
        match width {
            0 | 1 => out[at] = id as u8,
            2 => out[at..at + 2].copy_from_slice(&(id as u16).to_be_bytes()),
            3 => out[at..at + 4].copy_from_slice(&(id as u32).to_be_bytes()),
            _ => out[at..at + 8].copy_from_slice(&id.to_be_bytes()),
        }
        end(out);
    }

    /// At most this many octets beside the end.
    #[inline]
    pub fn overhead(&self) -> usize {
        self.forms[0][4].octets.len() + self.middle.len() + self.subject.1.len() + 24
    }
}

/// Starts a list of that many elements.
#[inline]
pub fn list_head(serializer: Serializer, items: usize, out: &mut Vec<u8>) {
    match serializer {
        Serializer::Json => out.push(b'['),
        Serializer::Msgpack => out.push(0x90 | (items as u8 & 0x0f)),
        Serializer::Cbor => cbor_head(4, items as u64, out),
        Serializer::Nats => (),
    }
}

/// Writes an unsigned integer.
#[inline]
pub fn write_uint(serializer: Serializer, value: u64, out: &mut Vec<u8>) {
    match serializer {
        Serializer::Json => write_decimal(value, out),
        Serializer::Msgpack => msgpack_uint(value, out),
        Serializer::Cbor => cbor_head(0, value, out),
        Serializer::Nats => (),
    }
}

fn write_decimal(value: u64, out: &mut Vec<u8>) {
    out.extend_from_slice(decimal(value, &mut [0; 20]));
}

/// A number in decimal, at the end of `digits`.
#[inline]
pub fn decimal(mut value: u64, digits: &mut [u8; 20]) -> &[u8] {
    let mut at = digits.len();
    loop {
        at -= 1;
        digits[at] = b'0' + (value % 10) as u8;
        value /= 10;
        if value == 0 {
            return &digits[at..];
        }
    }
}
