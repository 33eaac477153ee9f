//! Everything rare, by way of `serde_json::Value`.
//!
//! A byte string reads as a string with its octets as Latin-1; the generator compares such values, it never sends them.

use serde_json::{Map, Value};

use super::{Serializer, nats};

/// Deeper values are malformed.
const DEEPEST: u32 = 64;

/// Encodes a value.
pub fn encode(serializer: Serializer, value: &Value, out: &mut Vec<u8>) {
    match serializer {
        Serializer::Json => serde_json::to_writer(out, value).expect("a Value is always JSON and a Vec takes it"),
        Serializer::Msgpack => msgpack(value, out),
        Serializer::Cbor => cbor(value, out),
        Serializer::Nats => nats::encode(value, out),
    }
}

/// Decodes the value at the front of these bytes; `None` if they are malformed.
pub fn decode(serializer: Serializer, bytes: &[u8]) -> Option<Value> {
    match serializer {
        Serializer::Json => serde_json::from_slice(bytes).ok(),
        Serializer::Msgpack => Reader { left: bytes }.msgpack(0),
        Serializer::Cbor => Reader { left: bytes }.cbor(0),
        Serializer::Nats => None,
    }
}

fn msgpack(value: &Value, out: &mut Vec<u8>) {
    match value {
        Value::Null => out.push(0xc0),
        Value::Bool(value) => out.push(0xc2 + u8::from(*value)),
        Value::Number(number) => match (number.as_u64(), number.as_i64()) {
            (Some(value), _) => msgpack_uint(value, out),
            (None, Some(value)) => {
                out.push(0xd3);
                out.extend_from_slice(&value.to_be_bytes());
            }
            _ => {
                out.push(0xcb);
                out.extend_from_slice(&number.as_f64().unwrap_or(0.0).to_be_bytes());
            }
        },
        Value::String(text) => {
            msgpack_length(text.len(), STRING, 32, 0xd9, out);
            out.extend_from_slice(text.as_bytes());
        }
        Value::Array(items) => {
            msgpack_length(items.len(), 0x90, 16, 0xdb, out);
            items.iter().for_each(|item| msgpack(item, out));
        }
        Value::Object(map) => {
            msgpack_length(map.len(), 0x80, 16, 0xdd, out);
            for (key, item) in map {
                msgpack(&Value::from(key.as_str()), out);
                msgpack(item, out);
            }
        }
    }
}

/// Writes a MessagePack unsigned integer in its shortest form.
#[inline]
pub fn msgpack_uint(value: u64, out: &mut Vec<u8>) {
    match value {
        0..=0x7f => out.push(value as u8),
        0x80..=0xff => out.extend_from_slice(&[0xcc, value as u8]),
        0x100..=0xffff => {
            out.push(0xcd);
            out.extend_from_slice(&(value as u16).to_be_bytes());
        }
        0x1_0000..=0xffff_ffff => {
            out.push(0xce);
            out.extend_from_slice(&(value as u32).to_be_bytes());
        }
        _ => {
            out.push(0xcf);
            out.extend_from_slice(&value.to_be_bytes());
        }
    }
}

/// The `fixed` of what MessagePack counts in octets: strings, and byte strings (with a `limit` of 0).
const STRING: u8 = 0xa0;

/// A length: in the octet `fixed` below `limit`, else in 1 (strings only), 2 or 4 octets behind `wide`, `wide + 1`,
/// `wide + 2`. Lists and dictionaries have no form with 1 octet, so their `wide` is one below their 2-octet code.
#[inline]
fn msgpack_length(length: usize, fixed: u8, limit: usize, wide: u8, out: &mut Vec<u8>) {
    match length {
        _ if length < limit => out.push(fixed | length as u8),
        0..=0xff if fixed == STRING => out.extend_from_slice(&[wide, length as u8]),
        0..=0xffff => {
            out.push(wide + 1);
            out.extend_from_slice(&(length as u16).to_be_bytes());
        }
        _ => {
            out.push(wide + 2);
            out.extend_from_slice(&(length as u32).to_be_bytes());
        }
    }
}

/// Writes the head of a string of that many octets; JSON's closing quote is the writer's affair.
#[inline]
fn text_head(serializer: Serializer, length: usize, out: &mut Vec<u8>) {
    match serializer {
        Serializer::Json => out.push(b'"'),
        Serializer::Msgpack => msgpack_length(length, STRING, 32, 0xd9, out),
        Serializer::Cbor => cbor_head(3, length as u64, out),
        Serializer::Nats => (),
    }
}

/// Writes a string that needs no escapes.
#[inline]
pub fn write_text(serializer: Serializer, text: &str, out: &mut Vec<u8>) {
    text_head(serializer, text.len(), out);
    out.extend_from_slice(text.as_bytes());
    if serializer == Serializer::Json {
        out.push(b'"');
    }
}

/// Writes the head of a byte string of that many octets; JSON has none and writes text.
#[inline]
pub fn bytes_head(serializer: Serializer, length: usize, out: &mut Vec<u8>) {
    match serializer {
        Serializer::Json => out.push(b'"'),
        Serializer::Msgpack => msgpack_length(length, STRING, 0, 0xc4, out),
        Serializer::Cbor => cbor_head(2, length as u64, out),
        Serializer::Nats => (),
    }
}

fn cbor(value: &Value, out: &mut Vec<u8>) {
    match value {
        Value::Null => out.push(0xf6),
        Value::Bool(value) => out.push(0xf4 + u8::from(*value)),
        Value::Number(number) => match (number.as_u64(), number.as_i64()) {
            (Some(value), _) => cbor_head(0, value, out),
            (None, Some(value)) => cbor_head(1, !value as u64, out),
            _ => {
                out.push(0xfb);
                out.extend_from_slice(&number.as_f64().unwrap_or(0.0).to_be_bytes());
            }
        },
        Value::String(text) => {
            cbor_head(3, text.len() as u64, out);
            out.extend_from_slice(text.as_bytes());
        }
        Value::Array(items) => {
            cbor_head(4, items.len() as u64, out);
            items.iter().for_each(|item| cbor(item, out));
        }
        Value::Object(map) => {
            cbor_head(5, map.len() as u64, out);
            for (key, item) in map {
                cbor(&Value::from(key.as_str()), out);
                cbor(item, out);
            }
        }
    }
}

/// Writes a CBOR head in its shortest form.
#[inline]
pub fn cbor_head(major: u8, argument: u64, out: &mut Vec<u8>) {
    let major = major << 5;
    match argument {
        0..=23 => out.push(major | argument as u8),
        24..=0xff => out.extend_from_slice(&[major | 24, argument as u8]),
        0x100..=0xffff => {
            out.push(major | 25);
            out.extend_from_slice(&(argument as u16).to_be_bytes());
        }
        0x1_0000..=0xffff_ffff => {
            out.push(major | 26);
            out.extend_from_slice(&(argument as u32).to_be_bytes());
        }
        _ => {
            out.push(major | 27);
            out.extend_from_slice(&argument.to_be_bytes());
        }
    }
}

/// A number of half precision (IEEE 754 binary16).
fn half(bits: u16) -> f64 {
    let (sign, exponent, fraction) = (bits >> 15, i32::from(bits >> 10 & 0x1f), f64::from(bits & 0x3ff));
    let value = match exponent {
        0 => fraction * 2_f64.powi(-24),
        31 if fraction == 0.0 => f64::INFINITY,
        31 => f64::NAN,
        _ => (1024.0 + fraction) * 2_f64.powi(exponent - 25),
    };
    if sign == 1 { -value } else { value }
}

/// Reads the binary encodings.
struct Reader<'a> {
    left: &'a [u8],
}

impl Reader<'_> {
    fn take(&mut self, length: u64) -> Option<&[u8]> {
        let (taken, rest) = self.left.split_at_checked(usize::try_from(length).ok()?)?;
        self.left = rest;
        Some(taken)
    }

    fn big_endian(&mut self, octets: u64) -> Option<u64> {
        Some(self.take(octets)?.iter().fold(0, |value, &octet| value << 8 | u64::from(octet)))
    }

    /// A big-endian signed integer of that many octets.
    fn signed(&mut self, octets: u64) -> Option<Value> {
        let unused = 64 - 8 * octets;
        Some(((self.big_endian(octets)? << unused) as i64 >> unused).into())
    }

    fn text(&mut self, length: u64) -> Option<Value> {
        let octets = self.take(length)?;
        let latin = || octets.iter().map(|&octet| char::from(octet)).collect();
        Some(Value::String(std::str::from_utf8(octets).map_or_else(|_| latin(), str::to_owned)))
    }

    fn list(&mut self, length: u64, item: impl Fn(&mut Self) -> Option<Value>) -> Option<Value> {
        (0..length).map(|_| item(self)).collect::<Option<Vec<Value>>>().map(Value::Array)
    }

    fn map(&mut self, length: u64, item: impl Fn(&mut Self) -> Option<Value>) -> Option<Value> {
        let mut map = Map::new();
        for _ in 0..length {
            let key = item(self)?;
            let key = key.as_str().map_or_else(|| key.to_string(), str::to_owned);
            map.insert(key, item(self)?);
        }
        Some(Value::Object(map))
    }

    fn msgpack(&mut self, depth: u32) -> Option<Value> {
        if depth > DEEPEST {
            return None;
        }
        let item = |reader: &mut Self| reader.msgpack(depth + 1);
        let first = self.take(1)?[0];
        match first {
            0x00..=0x7f => Some(first.into()),
            0xe0..=0xff => Some((first as i8).into()),
            0xc0 => Some(Value::Null),
            0xc2 | 0xc3 => Some((first == 0xc3).into()),
            0xcc..=0xcf => self.big_endian(1 << (first - 0xcc)).map(Value::from),
            0xd0..=0xd3 => self.signed(1 << (first - 0xd0)),
            0xca => Some(f32::from_bits(self.big_endian(4)? as u32).into()),
            0xcb => Some(f64::from_bits(self.big_endian(8)?).into()),
            0xa0..=0xbf => self.text(u64::from(first & 0x1f)),
            0xc4..=0xc6 => {
                let length = self.big_endian(1 << (first - 0xc4))?;
                self.text(length)
            }
            0xd9..=0xdb => {
                let length = self.big_endian(1 << (first - 0xd9))?;
                self.text(length)
            }
            0x90..=0x9f => self.list(u64::from(first & 0x0f), item),
            0xdc | 0xdd => {
                let length = self.big_endian(2 << (first - 0xdc))?;
                self.list(length, item)
            }
            0x80..=0x8f => self.map(u64::from(first & 0x0f), item),
            0xde | 0xdf => {
                let length = self.big_endian(2 << (first - 0xde))?;
                self.map(length, item)
            }
            // No router has a use for the extension types.
            _ => None,
        }
    }

    fn cbor(&mut self, depth: u32) -> Option<Value> {
        if depth > DEEPEST {
            return None;
        }
        let item = |reader: &mut Self| reader.cbor(depth + 1);
        let first = self.take(1)?[0];
        let info = first & 0x1f;
        let argument = match info {
            0..=23 => u64::from(info),
            24..=27 => self.big_endian(1 << (info - 24))?,
            31 => return self.cbor_indefinite(first >> 5, depth),
            _ => return None,
        };
        match first >> 5 {
            0 => Some(argument.into()),
            1 => Some((!argument as i64).into()),
            2 | 3 => self.text(argument),
            4 => self.list(argument, item),
            5 => self.map(argument, item),
            6 => item(self),
            _ => match info {
                20 | 21 => Some((info == 21).into()),
                25 => Some(half(argument as u16).into()),
                26 => Some(f32::from_bits(argument as u32).into()),
                27 => Some(f64::from_bits(argument).into()),
                _ => Some(Value::Null),
            },
        }
    }

    fn cbor_indefinite(&mut self, major: u8, depth: u32) -> Option<Value> {
        let mut items = Vec::new();
        while *self.left.first()? != 0xff {
            items.push(self.cbor(depth + 1)?);
        }
        self.take(1)?;
        match major {
            4 => Some(Value::Array(items)),
            5 => {
                let pairs =
                    items.chunks_exact(2).map(|pair| (pair[0].as_str().unwrap_or("").to_owned(), pair[1].clone()));
                Some(Value::Object(pairs.collect()))
            }
            _ => Some(Value::String(items.iter().filter_map(Value::as_str).collect())),
        }
    }
}
