//! Messages written down as `serde_json` values, and encoded by other people's encoders.

use serde_json::Value as Json;

use crate::codec::{Limits, decode, encode};
use crate::wamp::{ClientMessage, Encoding, Payload, RouterMessage};

/// The value in an encoding. Strings that begin with U+0000 are binary by JSON's convention (SER-2).
pub fn encoded(encoding: Encoding, value: &Json) -> Vec<u8> {
    let mut out = Vec::new();
    match encoding {
        Encoding::Json => serde_json::to_writer(&mut out, value).unwrap(),
        Encoding::MsgPack => rmpv::encode::write_value(&mut out, &to_msgpack(value)).unwrap(),
        Encoding::Cbor => ciborium::into_writer(&to_cbor(value), &mut out).unwrap(),
    }
    out
}

/// What one of the other decoders makes of the bytes, back as JSON.
pub fn decoded(encoding: Encoding, bytes: &[u8]) -> Json {
    match encoding {
        Encoding::Json => serde_json::from_slice(bytes).unwrap(),
        Encoding::MsgPack => {
            let mut rest = bytes;
            let value = rmpv::decode::read_value(&mut rest).unwrap();
            assert!(rest.is_empty());
            from_msgpack(value)
        }
        Encoding::Cbor => from_cbor(ciborium::from_reader(bytes).unwrap()),
    }
}

/// What the router says, read by another decoder.
pub fn said(encoding: Encoding, message: &RouterMessage<'_>) -> Json {
    let mut out = b"before".to_vec();
    encode(encoding, message, &mut out);
    assert_eq!(&out[..6], b"before");
    decoded(encoding, &out[6..])
}

/// The violation's sentence.
pub fn refusal(encoding: Encoding, message: &Json) -> String {
    match decode(encoding, &encoded(encoding, message), &Limits::default()) {
        Ok(accepted) => panic!("{} {message} was accepted as {accepted:?}", encoding.as_str()),
        Err(violation) => violation.0,
    }
}

/// Decodes the message in every encoding and hands it on.
pub fn in_every_encoding(message: &Json, check: impl Fn(Encoding, ClientMessage<'_>)) {
    for encoding in Encoding::ALL {
        let bytes = encoded(encoding, message);
        match decode(encoding, &bytes, &Limits::default()) {
            Ok(read) => check(encoding, read),
            Err(violation) => panic!("{} {message}: {}", encoding.as_str(), violation.0),
        }
    }
}

/// A payload's two elements as JSON; null where absent.
pub fn cargo(payload: &Payload<'_>) -> (Json, Json) {
    let element = |bytes: &[u8]| if bytes.is_empty() { Json::Null } else { decoded(payload.encoding, bytes) };
    (element(payload.args), element(payload.kwargs))
}

/// The bytes of a string that begins with U+0000.
pub fn binary(text: &str) -> Option<Vec<u8>> {
    text.starts_with('\0').then(|| try_binary(text).unwrap())
}

/// The same where it may not be Base64.
pub fn try_binary(text: &str) -> Option<Vec<u8>> {
    use base64::Engine;
    base64::engine::general_purpose::STANDARD.decode(text.strip_prefix('\0')?).ok()
}

/// Bytes as JSON has them.
pub fn binary_text(bytes: &[u8]) -> Json {
    use base64::Engine;
    Json::from(format!("\0{}", base64::engine::general_purpose::STANDARD.encode(bytes)))
}

fn to_msgpack(value: &Json) -> rmpv::Value {
    match value {
        Json::Null => rmpv::Value::Nil,
        Json::Bool(value) => (*value).into(),
        Json::Number(number) => match (number.as_u64(), number.as_i64(), number.as_f64()) {
            (Some(number), _, _) => number.into(),
            (_, Some(number), _) => number.into(),
            (_, _, number) => number.unwrap().into(),
        },
        Json::String(text) => binary(text).map_or_else(|| text.as_str().into(), rmpv::Value::Binary),
        Json::Array(items) => rmpv::Value::Array(items.iter().map(to_msgpack).collect()),
        Json::Object(pairs) => {
            rmpv::Value::Map(pairs.iter().map(|(key, value)| (key.as_str().into(), to_msgpack(value))).collect())
        }
    }
}

fn from_msgpack(value: rmpv::Value) -> Json {
    match value {
        rmpv::Value::Nil => Json::Null,
        rmpv::Value::Boolean(value) => value.into(),
        rmpv::Value::Integer(number) => {
            number.as_u64().map_or_else(|| Json::from(number.as_i64().unwrap()), Json::from)
        }
        rmpv::Value::F32(number) => f64::from(number).into(),
        rmpv::Value::F64(number) => number.into(),
        rmpv::Value::String(text) => text.into_str().unwrap().into(),
        rmpv::Value::Binary(bytes) | rmpv::Value::Ext(_, bytes) => binary_text(&bytes),
        rmpv::Value::Array(items) => items.into_iter().map(from_msgpack).collect(),
        rmpv::Value::Map(pairs) => {
            pairs.into_iter().map(|(key, value)| (key.as_str().unwrap().to_owned(), from_msgpack(value))).collect()
        }
    }
}

fn to_cbor(value: &Json) -> ciborium::Value {
    match value {
        Json::Null => ciborium::Value::Null,
        Json::Bool(value) => (*value).into(),
        Json::Number(number) => match (number.as_u64(), number.as_i64(), number.as_f64()) {
            (Some(number), _, _) => number.into(),
            (_, Some(number), _) => number.into(),
            (_, _, number) => number.unwrap().into(),
        },
        Json::String(text) => binary(text).map_or_else(|| text.as_str().into(), ciborium::Value::Bytes),
        Json::Array(items) => ciborium::Value::Array(items.iter().map(to_cbor).collect()),
        Json::Object(pairs) => {
            ciborium::Value::Map(pairs.iter().map(|(key, value)| (key.as_str().into(), to_cbor(value))).collect())
        }
    }
}

fn from_cbor(value: ciborium::Value) -> Json {
    match value {
        ciborium::Value::Bool(value) => value.into(),
        ciborium::Value::Integer(number) => {
            let number = i128::from(number);
            u64::try_from(number).map_or_else(|_| Json::from(i64::try_from(number).unwrap()), Json::from)
        }
        ciborium::Value::Float(number) => number.into(),
        ciborium::Value::Text(text) => text.into(),
        ciborium::Value::Bytes(bytes) => binary_text(&bytes),
        ciborium::Value::Tag(_, value) => from_cbor(*value),
        ciborium::Value::Array(items) => items.into_iter().map(from_cbor).collect(),
        ciborium::Value::Map(pairs) => {
            pairs.into_iter().map(|(key, value)| (key.into_text().unwrap(), from_cbor(value))).collect()
        }
        _ => Json::Null,
    }
}
