//! Properties of all values: what is read is what was written, in every encoding and between all of them, and no
//! bytes bring a reader down. The naive twins are `serde_json`, `rmpv` and `ciborium`.

use proptest::prelude::*;
use serde_json::{Map, Value as Json, json};

use super::support::{binary, cargo, decoded, encoded};
use crate::codec::{Limits, Value, Writer, decode, is_valid, read_args, read_kwargs, transcode};
use crate::wamp::{ClientMessage, Encoding, Payload};

fn any_value() -> impl Strategy<Value = Json> {
    let leaf = prop_oneof![
        Just(Json::Null),
        any::<bool>().prop_map(Json::from),
        any::<u64>().prop_map(Json::from),
        any::<i64>().prop_map(Json::from),
        (0u64..300).prop_map(Json::from),
        (-300i64..0).prop_map(Json::from),
        any::<f64>().prop_filter("JSON has no other", |float| float.is_finite()).prop_map(Json::from),
        any_text().prop_map(Json::from),
        proptest::collection::vec(any::<u8>(), 0..40).prop_map(|bytes| super::support::binary_text(&bytes)),
    ];
    leaf.prop_recursive(4, 24, 6, |inner| {
        prop_oneof![
            proptest::collection::vec(inner.clone(), 0..6).prop_map(Json::from),
            any_map(inner).prop_map(Json::from),
        ]
    })
}

fn any_map(value: impl Strategy<Value = Json>) -> impl Strategy<Value = Map<String, Json>> {
    proptest::collection::vec((any_text(), value), 0..6).prop_map(|pairs| pairs.into_iter().collect())
}

/// Text that is no binary by the convention; escapes, all planes, lengths around the heads' limits.
fn any_text() -> impl Strategy<Value = String> {
    prop_oneof![
        "[a-z_.]{0,40}",
        any::<String>().prop_map(|text| text.trim_start_matches('\0').to_owned()),
        "[\"\\\\/\n\t\u{1}é日😀]{0,12}",
        (250usize..260).prop_map(|len| "k".repeat(len)),
    ]
}

fn any_encoding() -> impl Strategy<Value = Encoding> {
    prop_oneof![Just(Encoding::Json), Just(Encoding::MsgPack), Just(Encoding::Cbor)]
}

/// What [`Value::read`] should make of it.
fn expected(value: &Json) -> Value<'static> {
    match value {
        Json::Null => Value::Null,
        Json::Bool(value) => Value::Bool(*value),
        Json::Number(number) => match (number.as_u64(), number.as_i64(), number.as_f64()) {
            (Some(number), _, _) => Value::Uint(number),
            (_, Some(number), _) => Value::Int(number),
            (_, _, number) => Value::Float(number.unwrap()),
        },
        Json::String(text) => {
            binary(text).map_or_else(|| Value::Text(text.clone().into()), |bytes| Value::Bytes(bytes.into()))
        }
        Json::Array(items) => Value::List(items.iter().map(expected).collect()),
        Json::Object(pairs) => {
            Value::Map(pairs.iter().map(|(key, value)| (key.clone().into(), expected(value))).collect())
        }
    }
}

fn transcoded(from: Encoding, value: &[u8], to: Encoding) -> Vec<u8> {
    let mut out = Vec::new();
    transcode(from, value, to, &mut out);
    out
}

proptest! {
    /// SER-4, SER-6: the twins' bytes are read as the twins mean them.
    #[test]
    fn values_are_read_as_their_twins_wrote_them(value in any_value(), encoding in any_encoding()) {
        let bytes = encoded(encoding, &value);
        prop_assert_eq!(Value::read(encoding, &bytes).unwrap(), expected(&value));
    }

    /// SER-4, SER-5: between all pairs and back nothing changes, and the twins read our bytes.
    #[test]
    fn transcoding_keeps_every_value(value in any_value(), from in any_encoding(), to in any_encoding()) {
        let bytes = encoded(from, &value);
        let there = transcoded(from, &bytes, to);
        prop_assert_eq!(&decoded(to, &there), &value);
        prop_assert_eq!(Value::read(to, &there).unwrap(), expected(&value));
        let back = transcoded(to, &there, from);
        prop_assert_eq!(Value::read(from, &back).unwrap(), expected(&value));
    }

    /// GEN-7: a message's payload is what its sender put in; `read_args` and `read_kwargs` agree.
    #[test]
    fn messages_carry_their_payload(
        args in proptest::collection::vec(any_value(), 1..6),
        kwargs in any_map(any_value()),
        request in 1u64..=1 << 53,
        encoding in any_encoding(),
    ) {
        let (args, kwargs) = (Json::from(args), Json::from(kwargs));
        let messages = [
            json!([48, request, {}, "com.a", args, kwargs]),
            json!([16, request, {"acknowledge": true}, "com.a", args, kwargs]),
            json!([70, request, {"progress": true}, args, kwargs]),
            json!([8, 68, request, {}, "com.a", args, kwargs]),
        ];
        for message in messages {
            let bytes = encoded(encoding, &message);
            let (read, payload) = match decode(encoding, &bytes, &Limits::default()).unwrap() {
                ClientMessage::Call { request, payload, .. }
                | ClientMessage::Publish { request, payload, .. }
                | ClientMessage::Yield { request, payload, .. }
                | ClientMessage::Error { request, payload, .. } => (request, payload),
                other => panic!("{other:?}"),
            };
            prop_assert_eq!(read.get(), request);
            prop_assert!(is_valid(&payload, &Limits::default()));
            let sent_kwargs = if kwargs == json!({}) { Json::Null } else { kwargs.clone() };
            prop_assert_eq!(cargo(&payload), (args.clone(), sent_kwargs));
            prop_assert_eq!(Value::List(read_args(&payload).unwrap()), expected(&args));
            prop_assert_eq!(Value::Map(read_kwargs(&payload).unwrap()), expected(&kwargs));
        }
    }

    /// GEN-11: a message cut short anywhere, or with something behind it, is no message.
    #[test]
    fn truncated_messages_are_violations(value in any_value(), key in any_text(), encoding in any_encoding()) {
        let message = json!([48, 300, {"timeout": 70000, key: null}, "com.a", [value], {"é\n": value}]);
        let mut bytes = encoded(encoding, &message);
        for len in 0..bytes.len() {
            prop_assert!(decode(encoding, &bytes[..len], &Limits::default()).is_err(), "{} of {:?}", len, bytes);
        }
        bytes.push(0);
        prop_assert!(decode(encoding, &bytes, &Limits::default()).is_err());
    }

    /// GEN-11: wrong bytes never panic, and what is let through is sound enough for everything that follows.
    #[test]
    fn damaged_messages_never_panic(
        value in any_value(),
        encoding in any_encoding(),
        damage in proptest::collection::vec((any::<proptest::sample::Index>(), any::<u8>()), 1..8),
    ) {
        let mut bytes = encoded(encoding, &json!([16, 300, {"exclude": [1, 2]}, "com.a", [value], {"k": value}]));
        for (at, byte) in damage {
            let at = at.index(bytes.len());
            bytes[at] = byte;
            survives(encoding, &bytes)?;
        }
    }

    /// The same for bytes that never were a message.
    #[test]
    fn noise_never_panics(noise in proptest::collection::vec(any::<u8>(), 0..200), encoding in any_encoding()) {
        survives(encoding, &noise)?;
        let head: &[u8] = match encoding {
            Encoding::Json => b"[70,1,{},[",
            Encoding::MsgPack => b"\x94\x46\x01\x80",
            Encoding::Cbor => b"\x84\x18\x46\x01\xa0",
        };
        survives(encoding, &[head, &noise].concat())?;
    }

    /// RFC 8259: damaged JSON is accepted exactly where `serde_json` accepts it.
    #[test]
    fn json_grammar_is_that_of_the_twin(
        value in any_value(),
        damage in proptest::collection::vec((any::<proptest::sample::Index>(), "[\\[\\]{},:\"\\\\ue0-9.+-]|[\t\n é\u{0}]"), 0..4),
    ) {
        let mut bytes = encoded(Encoding::Json, &json!([value]));
        for (at, part) in damage {
            let at = at.index(bytes.len());
            bytes.splice(at..=at, part.bytes());
        }
        let ours = is_valid(&Payload { encoding: Encoding::Json, args: &bytes, kwargs: &[] }, &Limits::default());
        match serde_json::from_slice::<Json>(&bytes) {
            // Of these the twin knows nothing: binary must be Base64 (SER-3), arguments are a list or a string.
            Ok(read) if !ours => prop_assert!(has_broken_binary(&read) || !(read.is_array() || read.is_string())),
            Ok(_) => {}
            // A number too large for the twin is still a number.
            Err(error) if ours => prop_assert!(error.to_string().contains("number out of range"), "{}", error),
            Err(_) => {}
        }
    }

    /// SER-6: white space is legal between all tokens.
    #[test]
    fn json_white_space_does_not_matter(args in proptest::collection::vec(any_value(), 1..4)) {
        let message = json!([48, 1, {"timeout": 5, "ppt_scheme": "x"}, "com.a", args, {"k": args}]);
        let pretty = format!(" \r\n\t{}\n ", serde_json::to_string_pretty(&message).unwrap());
        let Ok(ClientMessage::Call { options, payload, .. }) =
            decode(Encoding::Json, pretty.as_bytes(), &Limits::default()) else { panic!("{pretty}") };
        prop_assert_eq!(options.timeout, 5);
        prop_assert_eq!(cargo(&payload), (Json::from(args.clone()), json!({"k": args})));
    }

    /// The writer says what it is told, in every encoding.
    #[test]
    fn the_writer_writes_what_it_is_told(value in any_value(), encoding in any_encoding()) {
        let value = writable(value);
        let mut out = b"[{:".to_vec();
        write(&mut Writer::new(encoding, &mut out), &value);
        prop_assert_eq!(&out[..3], b"[{:");
        prop_assert_eq!(decoded(encoding, &out[3..]), value);
    }
}

fn survives(encoding: Encoding, bytes: &[u8]) -> Result<(), TestCaseError> {
    let _ = Value::read(encoding, bytes);
    for to in Encoding::ALL {
        let there = transcoded(encoding, bytes, to);
        prop_assert!(Value::read(to, &there).is_ok(), "{:?} became {:?}", bytes, there);
    }
    let Ok(ClientMessage::Publish { payload, .. } | ClientMessage::Yield { payload, .. }) =
        decode(encoding, bytes, &Limits::default())
    else {
        return Ok(());
    };
    prop_assert!(is_valid(&payload, &Limits::default()));
    prop_assert!(read_args(&payload).is_ok() && read_kwargs(&payload).is_ok());
    for to in Encoding::ALL {
        let args = transcoded(encoding, payload.args, to);
        prop_assert!(payload.args.is_empty() || matches!(Value::read(to, &args), Ok(Value::List(_))));
    }
    Ok(())
}

fn has_broken_binary(value: &Json) -> bool {
    match value {
        Json::String(text) => text.starts_with('\0') && super::support::try_binary(text).is_none(),
        Json::Array(items) => items.iter().any(has_broken_binary),
        Json::Object(pairs) => pairs.values().any(has_broken_binary),
        _ => false,
    }
}

/// The value without what the writer has no word for.
fn writable(value: Json) -> Json {
    match value {
        Json::Number(number) => number.as_u64().map_or(Json::Null, Json::from),
        Json::String(text) => Json::from(text.trim_start_matches('\0')),
        Json::Array(items) => items.into_iter().map(writable).collect(),
        Json::Object(pairs) => pairs.into_iter().map(|(key, value)| (key, writable(value))).collect(),
        other => other,
    }
}

fn write(writer: &mut Writer<'_>, value: &Json) {
    match value {
        Json::Bool(value) => writer.bool(*value),
        Json::Number(number) => writer.uint(number.as_u64().unwrap()),
        Json::String(text) => writer.text(text),
        Json::Array(items) => {
            writer.begin_list(items.len());
            items.iter().for_each(|item| write(writer, item));
            writer.end_list();
        }
        Json::Object(pairs) => {
            writer.begin_map(pairs.len());
            for (key, value) in pairs {
                writer.text(key);
                write(writer, value);
            }
            writer.end_map();
        }
        Json::Null => writer.null(),
    }
}

/// Containers of every width of head, from a source that tells lengths and from one that does not.
#[test]
fn long_lists_and_maps_keep_their_length() {
    for len in [0, 1, 15, 16, 23, 24, 255, 256, 65535, 65536] {
        let list = Json::from(vec![json!([len]); len]);
        let map: Json = (0..len).map(|key| (key.to_string(), json!(key))).collect();
        for (from, to) in Encoding::ALL.into_iter().flat_map(|from| Encoding::ALL.map(|to| (from, to))) {
            for value in [&list, &map] {
                assert_eq!(&decoded(to, &transcoded(from, &encoded(from, value), to)), value, "{len}");
            }
        }
    }
}
