//! Literal bytes: the single messages of the WAMP test suite, the tables of RFC 8949 and RFC 8259, and what the rows
//! say of each encoding.

use serde_json::json;

use super::support::encoded;
use crate::codec::{Limits, Value, decode, encode, transcode};
use crate::wamp::{ClientMessage, Encoding, EventDetails, Id, InvocationDetails, Passthru, Payload, RouterMessage};

fn hex(text: &str) -> Vec<u8> {
    (0..text.len()).step_by(2).map(|at| u8::from_str_radix(&text[at..at + 2], 16).unwrap()).collect()
}

fn refusal(encoding: Encoding, bytes: &[u8]) -> String {
    match decode(encoding, bytes, &Limits::default()) {
        Ok(accepted) => panic!("{bytes:x?} was accepted as {accepted:?}"),
        Err(violation) => violation.0,
    }
}

fn becomes(from: Encoding, value: &[u8], to: Encoding, expected: &[u8]) {
    let mut out = Vec::new();
    transcode(from, value, to, &mut out);
    assert_eq!(out, expected, "{value:x?} to {}", to.as_str());
}

fn reads(encoding: Encoding, bytes: &[u8], expected: Value<'_>) {
    assert_eq!(Value::read(encoding, bytes), Ok(expected), "{bytes:x?}");
}

/// SER-6: one client message of the test suite in its three encodings, and what it says.
fn suite(json: &str, msgpack: &str, cbor: &str, expected: &str) {
    let all =
        [(Encoding::Json, json.as_bytes().to_vec()), (Encoding::MsgPack, hex(msgpack)), (Encoding::Cbor, hex(cbor))];
    for (encoding, bytes) in all {
        let read = decode(encoding, &bytes, &Limits::default()).unwrap();
        assert!(format!("{read:?}").starts_with(expected), "{}: {read:?}", encoding.as_str());
    }
}

/// SER-6, MSG.
#[test]
fn messages_of_the_test_suite_are_read() {
    suite(
        r#"[48, 7814135, {}, "com.myapp.myprocedure1", ["Hello, world!"]]"#,
        "9530ce00773bf780b6636f6d2e6d796170702e6d7970726f6365647572653191ad48656c6c6f2c20776f726c6421",
        "8518301a00773bf7a076636f6d2e6d796170702e6d7970726f63656475726531816d48656c6c6f2c20776f726c6421",
        "Call { request: 7814135",
    );
    suite(
        r#"[1,"com.example.realm",{"roles":{"subscriber":{},"publisher":{}}}]"#,
        "9301b1636f6d2e6578616d706c652e7265616c6d81a5726f6c657382aa7375627363726962657280a97075626c697368657280",
        "830171636f6d2e6578616d706c652e7265616c6da165726f6c6573a26a73756273637269626572a0697075626c6973686572a0",
        "Hello { realm: Some(\"com.example.realm\"), details: HelloDetails { roles: 2",
    );
    suite(
        "[337, 5512315355]",
        "92cd0151cf00000001488f41db",
        "821901511b00000001488f41db",
        "EventReceived { publication: 5512315355 }",
    );
    suite("[49,7814135,{}]", "9331ce00773bf780", "8318311a00773bf7a0", "Cancel { request: 7814135, mode: None }");
    suite("[70, 6131533, {}]", "9346ce005d8f4d80", "8318461a005d8f4da0", "Yield { request: 6131533");
    suite(
        r#"[16,111222333,{},"com.myapp.data",["Alice",30],{"role":"admin","active":true}]"#,
        "9610ce06a11e3d80ae636f6d2e6d796170702e6461746192a5416c6963651e82a4726f6c65a561646d696ea6616374697665c3",
        "86101a06a11e3da06e636f6d2e6d796170702e646174618265416c696365181ea264726f6c656561646d696e66616374697665f5",
        "Publish { request: 111222333",
    );
}

/// SER-6: what the router says is among the encodings the test suite lists, octet by octet.
#[test]
fn messages_of_the_test_suite_are_said() {
    let says = |message: &RouterMessage<'_>, json: &str, msgpack: &str, cbor: &str| {
        let all = [json.as_bytes().to_vec(), hex(msgpack), hex(cbor)];
        for (encoding, expected) in Encoding::ALL.into_iter().zip(all) {
            let mut out = Vec::new();
            encode(encoding, message, &mut out);
            assert_eq!(out, expected, "{}", encoding.as_str());
        }
    };
    let id = |number| Id::new(number).unwrap();
    let details = InvocationDetails::default();
    says(
        &RouterMessage::Invocation {
            request: id(6131533),
            registration: id(9823526),
            details,
            payload: Payload::EMPTY,
        },
        "[68,6131533,9823526,{}]",
        "9444ce005d8f4dce0095e52680",
        "8418441a005d8f4d1a0095e526a0",
    );
    let args = hex("91ad48656c6c6f2c206576656e7421");
    let payload = Payload { encoding: Encoding::MsgPack, args: &args, kwargs: &[] };
    says(
        &RouterMessage::Event {
            subscription: id(9823526),
            publication: id(112233445566),
            details: EventDetails::default(),
            payload,
        },
        r#"[36,9823526,112233445566,{},["Hello, event!"]]"#,
        "9524ce0095e526cf0000001a21a278be8091ad48656c6c6f2c206576656e7421",
        "8518241a0095e5261b0000001a21a278bea0816d48656c6c6f2c206576656e7421",
    );
    // A transparent payload: one bare binary (PPT-6).
    let args = hex("c41e83a5636f6c6f72a4626c7565a473697a65a56c61726765a5636f756e741e");
    let payload = Payload { encoding: Encoding::MsgPack, args: &args, kwargs: &[] };
    let passthru =
        Passthru { enc_algo: Some("cryptobox".into()), enc_serializer: Some("msgpack".into()), ..Passthru::default() };
    says(
        &RouterMessage::Event {
            subscription: id(5647382910),
            publication: id(998877665544),
            details: EventDetails { passthru: Some(&passthru), ..EventDetails::default() },
            payload,
        },
        concat!(
            r#"[36,5647382910,998877665544,{"enc_algo":"cryptobox","enc_serializer":"msgpack"},"#,
            r#""\u0000g6Vjb2xvcqRibHVlpHNpemWlbGFyZ2WlY291bnQe"]"#
        ),
        concat!(
            "9524cf00000001509c397ecf000000e891bf990882a8656e635f616c676fa963727970746f626f78ae656e635f73657269616c",
            "697a6572a76d73677061636bc41e83a5636f6c6f72a4626c7565a473697a65a56c61726765a5636f756e741e"
        ),
        concat!(
            "8518241b00000001509c397e1b000000e891bf9908a268656e635f616c676f6963727970746f626f786e656e635f7365726961",
            "6c697a6572676d73677061636b581e83a5636f6c6f72a4626c7565a473697a65a56c61726765a5636f756e741e"
        ),
    );
}

/// SER-2, SER-3.
#[test]
fn json_strings_after_nul_are_binary() {
    reads(Encoding::Json, br#""\u0000EKz/""#, Value::Bytes(b"\x10\xac\xff".as_slice().into()));
    reads(Encoding::Json, br#""\u0000EKz\/""#, Value::Bytes(b"\x10\xac\xff".as_slice().into()));
    reads(Encoding::Json, br#""\u0000""#, Value::Bytes(b"".as_slice().into()));
    reads(Encoding::Json, br#""a\u0000AA==""#, Value::Text("a\0AA==".into()));
    for broken in ["A", "AA", "AA=", "AA==AA==", "A*==", "AAA=\u{e9}", "====", "AB=="] {
        let told = refusal(Encoding::Json, format!(r#"[70,1,{{}},["\u0000{broken}"]]"#).as_bytes());
        assert!(told.contains("Base64"), "{broken}: {told}");
    }
    // Longer than one block of the check, whole and broken.
    let long = format!(r#"[70,1,{{}},["\u0000{}"]]"#, "ABCD".repeat(1000));
    assert!(decode(Encoding::Json, long.as_bytes(), &Limits::default()).is_ok());
    assert!(refusal(Encoding::Json, long.replacen("ABCD", "AA==", 1).as_bytes()).contains("Base64"));
    becomes(Encoding::Json, br#"["\u0000EKz/"]"#, Encoding::MsgPack, b"\x91\xc4\x03\x10\xac\xff");
    becomes(Encoding::Cbor, b"\x81\x43\x10\xac\xff", Encoding::Json, br#"["\u0000EKz/"]"#);
}

/// RFC 8259: strings and literals.
#[test]
fn json_strings_and_literals() {
    reads(Encoding::Json, br#""\ud83d\ude00\u00e9\n\"\\\/\b\f\r\t""#, Value::Text("😀é\n\"\\/\u{8}\u{c}\r\t".into()));
    for broken in [r"\ud83d", r"\ude00", r"\ud83dx", r"\ud83d\n", r"\ud83d\ud83d", r"\x", r"\u12g4", "\t", "\u{1}"] {
        refusal(Encoding::Json, format!("[70,1,{{}},[\"{broken}\"]]").as_bytes());
    }
    for broken in
        ["NaN", "Infinity", "-Infinity", "nul", "True", "01", "-", "1.", ".5", "1e", "+1", "0x1", "1 2", "'a'"]
    {
        refusal(Encoding::Json, format!("[70,1,{{}},[{broken}]]").as_bytes());
    }
    for broken in [
        "[70,1,{},[1,]]",
        "[70,1,{},[,1]]",
        "[70,1,{,}]",
        "[70,1,{\"a\"}]",
        "[70,1,{\"a\":}]",
        "[70,1,{a:1}]",
        "[70,1,{}],",
        "[70,1,{}]]",
        "[70 1,{}]",
        "[70,1,{\"a\":1 \"b\":2}]",
        "",
        " ",
    ] {
        refusal(Encoding::Json, broken.as_bytes());
    }
    refusal(Encoding::Json, b"[70,1,{},[\"\xff\"]]");
}

/// SER-5: integers without a detour, floats exactly.
#[test]
fn numbers_keep_their_value() {
    becomes(
        Encoding::Json,
        b"[9007199254740993,18446744073709551615]",
        Encoding::MsgPack,
        &hex("92cf0020000000000001cfffffffffffffffff"),
    );
    becomes(Encoding::Json, b"[-9223372036854775808,-1,-33]", Encoding::Cbor, &hex("833b7fffffffffffffff203820"));
    becomes(Encoding::MsgPack, &hex("92d3fffffffffffffff0"), Encoding::Json, b"null");
    becomes(Encoding::MsgPack, &hex("91d3fffffffffffffff0"), Encoding::Json, b"[-16]");
    reads(Encoding::Json, b"18446744073709551616", Value::Float(18446744073709551616.0));
    reads(Encoding::Json, b"-9223372036854775809", Value::Float(-9223372036854775809.0));
    reads(Encoding::Json, b"1e2", Value::Float(100.0));
    reads(Encoding::Json, b"1E+400", Value::Float(f64::INFINITY));
    assert_eq!(format!("{:?}", Value::read(Encoding::Json, b"-0").unwrap()), "Float(-0.0)");
    becomes(
        Encoding::Json,
        b"[1.0,-0.0,5e-324,1.7976931348623157e308]",
        Encoding::MsgPack,
        &hex("94cb3ff0000000000000cb8000000000000000cb0000000000000001cb7fefffffffffffff"),
    );
    becomes(Encoding::MsgPack, &hex("92ca3dcccccdcb3fb999999999999a"), Encoding::Json, b"[0.10000000149011612,0.1]");
    becomes(
        Encoding::MsgPack,
        &hex("93cb7ff8000000000000cb7ff0000000000000caff800000"),
        Encoding::Json,
        b"[null,null,null]",
    );
    becomes(Encoding::Cbor, &hex("3bffffffffffffffff"), Encoding::Json, b"-1.8446744073709552e19");
}

/// SER-5: keys become text, tags and extension types are dropped.
#[test]
fn what_json_lacks_is_turned_into_what_it_has() {
    becomes(
        Encoding::MsgPack,
        &hex("8601a1610ca162c0a163c3a164cb3ff8000000000000a165c40100a166"),
        Encoding::Json,
        br#"{"1":"a","12":"b","null":"c","true":"d","1.5":"e","\u0000AA==":"f"}"#,
    );
    becomes(Encoding::MsgPack, &hex("8101a161"), Encoding::Cbor, &hex("a1016161"));
    // Timestamp and fixed extensions of MessagePack.
    becomes(
        Encoding::MsgPack,
        &hex("93d6ff00000001c703050a0b0cd4017f"),
        Encoding::Cbor,
        &hex("834400000001430a0b0c417f"),
    );
    // A bignum, a date and a tag within a tag.
    becomes(
        Encoding::Cbor,
        &hex("83c249010000000000000000c11a514b67b0d9d9f7c101"),
        Encoding::Json,
        br#"["\u0000AQAAAAAAAAAA",1363896240,1]"#,
    );
}

/// RFC 8949, appendix A: half floats, indefinite lengths, simple values.
#[test]
fn cbor_is_read_in_every_form() {
    let halves = [
        ("f90000", 0.0),
        ("f93c00", 1.0),
        ("f97bff", 65504.0),
        ("f90001", 5.960464477539063e-8),
        ("f90400", 0.00006103515625),
        ("f9c400", -4.0),
        ("f97c00", f64::INFINITY),
        ("f9fc00", f64::NEG_INFINITY),
        ("fa47c35000", 100000.0),
        ("fb3ff199999999999a", 1.1),
    ];
    for (bytes, float) in halves {
        reads(Encoding::Cbor, &hex(bytes), Value::Float(float));
    }
    assert!(matches!(Value::read(Encoding::Cbor, &hex("f97e00")), Ok(Value::Float(float)) if float.is_nan()));
    reads(Encoding::Cbor, &hex("5f42010243030405ff"), Value::Bytes([1, 2, 3, 4, 5].as_slice().into()));
    reads(Encoding::Cbor, &hex("7f657374726561646d696e67ff"), Value::Text("streaming".into()));
    becomes(Encoding::Cbor, &hex("bf61610161629f0203ffff"), Encoding::Json, br#"{"a":1,"b":[2,3]}"#);
    becomes(
        Encoding::Cbor,
        &hex("9f018202039f0405ffff"),
        Encoding::MsgPack,
        &hex("930192020392 0405".replace(' ', "").as_str()),
    );
    becomes(Encoding::Cbor, &hex("85f4f5f6f7f0"), Encoding::MsgPack, &hex("95c2c3c0c0c0"));
    for broken in [
        "1c",
        "ff",
        "81",
        "81ff",
        "5f00ff",
        "5f6161ff",
        "5f5f4100ffff",
        "7f4100ff",
        "9f",
        "bf01ff",
        "f818",
        "f81f",
        "df00",
        "1f",
        "3f",
        "c1",
        "fc",
        "61ff",
        "7f61ff61bfff",
    ] {
        assert!(Value::read(Encoding::Cbor, &hex(broken)).is_err(), "{broken}");
        let message = [hex("84184601a0"), hex("81"), hex(broken)].concat();
        refusal(Encoding::Cbor, &message);
    }
    // A whole message of indefinite lengths.
    let message = hex("9f18460 1bf6870726f6772657373f5ff9f01ffbf616101ffff".replace(' ', "").as_str());
    let read = decode(Encoding::Cbor, &message, &Limits::default()).unwrap();
    let ClientMessage::Yield { options, payload, .. } = read else { panic!("{read:?}") };
    assert!(options.progress);
    assert_eq!((payload.args, payload.kwargs), (hex("9f01ff").as_slice(), hex("bf616101ff").as_slice()));
    let empty = hex("9f184601a09fffbfffff");
    let read = decode(Encoding::Cbor, &empty, &Limits::default()).unwrap();
    assert!(matches!(read, ClientMessage::Yield { payload, .. } if payload.is_empty()));
}

/// SER-6: every width of MessagePack is read.
#[test]
fn msgpack_is_read_in_every_width() {
    for id in [
        "05",
        "cc05",
        "cd0005",
        "ce00000005",
        "cf0000000000000005",
        "d005",
        "d10005",
        "d200000005",
        "d30000000000000005",
    ] {
        for (list, map) in [("93", "80"), ("dc0003", "de0000"), ("dd00000003", "df00000000")] {
            let message = hex(&format!("{list}46{id}{map}"));
            let read = decode(Encoding::MsgPack, &message, &Limits::default()).unwrap();
            assert!(matches!(read, ClientMessage::Yield { request, .. } if request.get() == 5), "{id}");
        }
    }
    for uri in ["a161", "d90161", "da000161", "db0000000161"] {
        let message = hex(&format!("9440 01 80 {uri}").replace(' ', ""));
        let read = decode(Encoding::MsgPack, &message, &Limits::default()).unwrap();
        assert!(matches!(read, ClientMessage::Register { procedure, .. } if procedure == "a"), "{uri}");
    }
    for broken in ["c1", "a1ff", "d901ff", "dd00000002c0", "8101", "819001", "8180c0"] {
        refusal(Encoding::MsgPack, &hex(&format!("94460180{broken}")));
    }
}

/// SER-8, GEN-2: in Options and Details no key stands twice, and all are text; in payloads that is the application's
/// affair, but for ArgumentsKw.
#[test]
fn keys_are_unique_strings() {
    for message in [
        r#"[48,1,{"x":1,"x":2},"p"]"#,
        r#"[48,1,{"timeout":1,"\u0074imeout":2},"p"]"#,
        r#"[1,"r",{"roles":{"caller":{},"caller":{}}}]"#,
        r#"[3,{"a":null,"a":null},"x"]"#,
    ] {
        assert!(refusal(Encoding::Json, message.as_bytes()).contains("twice"), "{message}");
    }
    let many: Vec<_> = (0..5000).map(|key| format!(r#""k{key}":0"#)).collect();
    let unique = format!(r#"[48,1,{{{}}},"p"]"#, many.join(","));
    assert!(decode(Encoding::Json, unique.as_bytes(), &Limits::default()).is_ok());
    let twice = unique.replace("\"k4999\"", "\"k17\"");
    assert!(refusal(Encoding::Json, twice.as_bytes()).contains("CALL.Options has the key \"k17\" twice"));
    assert!(decode(Encoding::Json, br#"[48,1,{},"p",[{"a":1,"a":2}],{"a":1,"a":2}]"#, &Limits::default()).is_ok());
    assert!(refusal(Encoding::MsgPack, &hex("9430018101c0a170")).contains("key is not a string"));
    assert!(refusal(Encoding::Cbor, &hex("84183001a101f66170")).contains("key is not a string"));
    assert!(
        refusal(Encoding::MsgPack, &hex("9546018090 8101c0".replace(' ', "").as_str())).contains("key is not a string")
    );
    assert!(refusal(Encoding::Cbor, &hex("85184601a080a101f6")).contains("key is not a string"));
    assert!(decode(Encoding::MsgPack, &hex("94460180918101c0"), &Limits::default()).is_ok());
}

/// SIZ-7: the message itself is the first level.
#[test]
fn nesting_is_limited() {
    for encoding in Encoding::ALL {
        for (levels, fits) in [(63, true), (64, false), (100_000, false)] {
            let (open, close, head): (&[u8], &[u8], &[u8]) = match encoding {
                Encoding::Json => (b"[", b"]", b"[70,1,{},"),
                Encoding::MsgPack => (b"\x91", b"", b"\x94\x46\x01\x80"),
                Encoding::Cbor => (b"\x81", b"", b"\x84\x18\x46\x01\xa0"),
            };
            let innermost: &[u8] = if encoding == Encoding::Json { b"" } else { b"\x01" };
            let end: &[u8] = if encoding == Encoding::Json { b"]" } else { b"" };
            let message = [head, &open.repeat(levels), innermost, &close.repeat(levels), end].concat();
            let read = decode(encoding, &message, &Limits::default());
            assert_eq!(read.is_ok(), fits, "{} {levels}", encoding.as_str());
            if let Err(violation) = read {
                assert!(violation.0.contains("nested too deeply"), "{}", violation.0);
            }
            // Whoever skips the check meets a bound all the same.
            let value = [&open.repeat(levels), innermost, &close.repeat(levels)].concat();
            assert_eq!(Value::read(encoding, &value).is_ok(), levels < 1000);
        }
        let deep = (0..62).fold(json!(1), |value, _| json!({"k": value}));
        for message in [json!([48, 1, {"unknown": deep}, "p"]), json!([48, 1, {}, "p", [], {"k": deep}])] {
            assert!(decode(encoding, &encoded(encoding, &message), &Limits::default()).is_ok());
            let deeper = Limits { max_depth: 63 };
            assert!(decode(encoding, &encoded(encoding, &message), &deeper).is_err());
        }
        let shallow = Limits { max_depth: 1 };
        assert!(decode(encoding, &encoded(encoding, &json!([34, 1, 2])), &shallow).is_ok());
        assert!(decode(encoding, &encoded(encoding, &json!([70, 1, {}])), &shallow).is_err());
        assert!(decode(encoding, &encoded(encoding, &json!([34, 1, 2])), &Limits { max_depth: 0 }).is_err());
    }
}
