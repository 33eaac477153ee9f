//! Each encoding against a reference (`serde_json`, `rmp-serde`, `ciborium`), and what a router may send in odd forms.

use serde_json::{Value, json};

use super::{Message, Payload, Serializer, Template, decode, encode};

const ALL: [Serializer; 3] = [Serializer::Json, Serializer::Msgpack, Serializer::Cbor];

/// The reference's encoding.
fn reference(serializer: Serializer, value: &Value) -> Vec<u8> {
    match serializer {
        Serializer::Json => serde_json::to_vec(value).expect("a value is JSON"),
        Serializer::Msgpack => rmp_serde::to_vec(value).expect("a value is MessagePack"),
        Serializer::Cbor => {
            let mut out = Vec::new();
            ciborium::into_writer(value, &mut out).expect("a value is CBOR");
            out
        }
        Serializer::Nats => unreachable!("it is no encoding"),
    }
}

/// Values with every width of number and length that the encodings know.
fn values() -> Vec<Value> {
    let mut values =
        vec![json!(null), json!(true), json!(false), json!(-1), json!(i64::MIN), json!(1.5), json!({}), json!([])];
    for bits in 0..64 {
        let edge = 1_u64 << bits;
        values.extend([json!(edge - 1), json!(edge), json!(edge + 1), json!(-(edge as i64 >> 1) - 1)]);
    }
    for length in [0, 1, 15, 16, 17, 23, 24, 31, 32, 33, 255, 256, 257, 65_535, 65_536] {
        values.push(json!("x".repeat(length)));
        values.push(json!(vec![7; length]));
        if length < 300 {
            values
                .push((0..length).map(|at| (format!("key{at}"), json!(at))).collect::<serde_json::Map<_, _>>().into());
        }
    }
    values.push(json!({"a": [1, {"b": [null, "ü", -70_000, 0.25]}], "c": {"d": {"e": []}}}));
    values
}

#[test]
fn values_are_written_as_the_reference_reads_them() {
    for value in values() {
        for serializer in ALL {
            let mut mine = Vec::new();
            encode(serializer, &value, &mut mine);
            let read: Value = match serializer {
                Serializer::Json => serde_json::from_slice(&mine).expect("it is JSON"),
                Serializer::Msgpack => rmp_serde::from_slice(&mine).expect("it is MessagePack"),
                Serializer::Cbor => ciborium::from_reader(&mine[..]).expect("it is CBOR"),
                Serializer::Nats => unreachable!("it is no encoding"),
            };
            assert_eq!(read, value, "{serializer:?}");
        }
    }
}

#[test]
fn values_are_read_as_the_reference_writes_them() {
    for value in values() {
        for serializer in ALL {
            assert_eq!(decode(serializer, &reference(serializer, &value)).as_ref(), Some(&value), "{serializer:?}");
        }
    }
}

#[test]
fn cut_short_anywhere_is_none_and_no_panic() {
    let message = json!([68, 70_000, 3, {"receive_progress": true, "x": [1, {"y": "z"}]}, ["payload", 1], {"k": 2}]);
    for serializer in ALL {
        let whole = reference(serializer, &message);
        assert!(Message::parse(serializer, &whole).is_some());
        for end in 0..whole.len() {
            assert!(decode(serializer, &whole[..end]).is_none(), "{serializer:?} {end}");
            if let Some(Message::Invocation { payload, .. }) = Message::parse(serializer, &whole[..end]) {
                // The arguments are not read before somebody wants them.
                let _ = (payload.first_text(serializer), payload.two_ids(serializer), payload.created(serializer));
            }
        }
    }
}

#[test]
fn noise_never_panics() {
    let mut state = 0x5eed_u64;
    println!("seed {state:#x}");
    for _ in 0..200_000 {
        let mut bytes = [0; 24];
        for byte in &mut bytes {
            state = crate::stamp::mix(state.wrapping_add(1));
            *byte = state as u8;
        }
        let length = (state >> 32) as usize % 25;
        for serializer in ALL {
            let payload = Payload { raw: &bytes[..length], items: 1 };
            let _ = (Message::parse(serializer, payload.raw), decode(serializer, payload.raw));
            let _ = (payload.first_text(serializer), payload.two_ids(serializer), payload.created(serializer));
        }
    }
}

#[test]
fn templates_write_what_a_plain_encoder_would() {
    for serializer in ALL {
        let template = Template::new(serializer, &[48], &[json!({"timeout": 5}), json!("com.example.add")]);
        for id in [1, 23, 24, 127, 128, 255, 256, 65_535, 65_536, u64::from(u32::MAX), 1 << 32, 1 << 53] {
            for arguments in [None, Some(json!(["x", 2]))] {
                let mut raw = Vec::new();
                arguments.iter().for_each(|arguments| encode(serializer, arguments, &mut raw));
                let mut mine = Vec::new();
                template.write(id, Payload { raw: &raw, items: arguments.is_some().into() }, &mut mine);
                let mut message = vec![json!(48), json!(id), json!({"timeout": 5}), json!("com.example.add")];
                message.extend(arguments);
                assert_eq!(mine, reference(serializer, &Value::from(message)), "{serializer:?} {id}");
            }
        }
        let error = Template::new(serializer, &[8, 68], &[json!({}), json!("com.example.error")]);
        let mut mine = Vec::new();
        error.write(300, Payload::default(), &mut mine);
        assert_eq!(mine, reference(serializer, &json!([8, 68, 300, {}, "com.example.error"])), "{serializer:?}");
    }
}

#[test]
fn the_messages_of_a_router_are_understood() {
    for serializer in ALL {
        let bytes = |message: Value| reference(serializer, &message);
        let result = bytes(json!([50, 9, {"progress": true, "callee": 5}, ["hello"]]));
        let Some(Message::Result { request: 9, progress: true, payload }) = Message::parse(serializer, &result) else {
            panic!("{serializer:?}: no RESULT");
        };
        assert_eq!(payload.first_text(serializer), Some(&b"hello"[..]));
        let empty = bytes(json!([50, 9, {}]));
        let Some(Message::Result { progress: false, payload, .. }) = Message::parse(serializer, &empty) else {
            panic!("{serializer:?}: no RESULT");
        };
        assert_eq!((payload.items, payload.raw), (0, &b""[..]));
        let both = bytes(json!([36, 1, 2, {"topic": "a.b"}, [7, 8], {"k": "v"}]));
        let Some(Message::Event { subscription: 1, payload }) = Message::parse(serializer, &both) else {
            panic!("{serializer:?}: no EVENT");
        };
        assert_eq!(payload.two_ids(serializer), Some((7, 8)));
        let error = bytes(json!([8, 48, 12, {}, "wamp.error.timeout", ["why"]]));
        let parsed = Message::parse(serializer, &error);
        assert!(matches!(parsed, Some(Message::Error { kind: 48, request: 12, uri: b"wamp.error.timeout" })));
        let revoked = bytes(json!([67, 0, {"registration": 7}]));
        assert!(matches!(Message::parse(serializer, &revoked), Some(Message::Unregistered { request: 0 })));
        for unknown in [json!([]), json!([999]), json!({}), json!([50]), json!([50, "x", {}])] {
            assert!(Message::parse(serializer, &bytes(unknown.clone())).is_none(), "{serializer:?} {unknown}");
        }
    }
}

/// The short way of MessagePack says the same as the long one.
#[test]
fn usual_messages_read_as_the_others_do() {
    for id in [1_u64, 255, 65_535, 65_536, u64::from(u32::MAX), 1 << 40] {
        for registration in [1_u64, 128, 300, 70_000, 1 << 50] {
            for message in
                [json!([50, id, {}, ["x"]]), json!([68, id, registration, {}, ["x"], {"k": 1}]), json!([50, id, {}])]
            {
                let bytes = reference(Serializer::Msgpack, &message);
                let short = super::msgpack::usual(&bytes).map(|message| format!("{message:?}"));
                let long =
                    super::message::parse::<super::msgpack::MsgPack>(&bytes).map(|message| format!("{message:?}"));
                assert!(short.is_none() || short == long, "{message}: {short:?} is not {long:?}");
                assert_eq!(short.is_some(), (65_536..1 << 32).contains(&id), "{message}");
            }
        }
    }
}

#[test]
fn a_creation_is_read_in_any_order_of_its_keys() {
    let details = json!({"created": "2026-01-01T00:00:00.000Z", "id": 77, "extra": [1, {}], "invoke": "single",
        "match": "exact", "uri": "com.example.add"});
    for serializer in ALL {
        let raw = reference(serializer, &json!([5, details]));
        let created = Payload { raw: &raw, items: 1 }.created(serializer).expect("it is one");
        assert_eq!((created.session, created.id, created.uri), (5, 77, &b"com.example.add"[..]));
        assert_eq!((created.policy, created.invoke), (&b"exact"[..], &b"single"[..]));
        let without = reference(serializer, &json!([null, details]));
        assert!(Payload { raw: &without, items: 1 }.created(serializer).is_none(), "a session is a number");
    }
}

/// RFC 8949, 3.2: lists and dictionaries of indefinite length.
#[test]
fn cbor_of_indefinite_length_is_read() {
    // [_ 50, 9, {_ "progress": true}, [_ "hi"]]
    let result = b"\x9f\x18\x32\x09\xbf\x68progress\xf5\xff\x9f\x62hi\xff\xff";
    let Some(Message::Result { request: 9, progress: true, payload }) = Message::parse(Serializer::Cbor, result) else {
        panic!("no RESULT");
    };
    assert_eq!(payload.items, 1);
    assert_eq!(payload.first_text(Serializer::Cbor), Some(&b"hi"[..]));
    assert_eq!(decode(Serializer::Cbor, result), Some(json!([50, 9, {"progress": true}, ["hi"]])));
}

#[test]
fn json_with_white_space_and_escapes_is_read() {
    let result = b" [ 50 , 9 , { \"a\\\"]\" : [ \"}\" ] } , [ \"h\\\"i\" ] ] ";
    let Some(Message::Result { request: 9, payload, .. }) = Message::parse(Serializer::Json, result) else {
        panic!("no RESULT");
    };
    assert_eq!(payload.first_text(Serializer::Json), Some(&b"h\\\"i"[..]));
}
