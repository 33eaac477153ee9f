//! What breaks the protocol ends the one session that sent it, with a reason; the others notice nothing.

use std::io::Write;

use serde_json::{Value, json};

use crate::client::{Client, JSON, MSGPACK, Router, Wire, hello};

const VIOLATION: &str = "wamp.error.protocol_violation";

/// PRO-1, PRO-2, GEN-1 to GEN-10, SES-11, D-17, D-38: each of these as the first message of a session.
fn violations() -> Vec<Value> {
    vec![
        json!([]),
        json!({}),
        json!("text"),
        json!(["48", 1, {}, "a.b"]),
        json!([999, 1, {}]),
        json!([48]),
        json!([48, 1, {}]),
        json!([48, "1", {}, "a.b"]),
        json!([48, 0, {}, "a.b"]),
        json!([48, 1, [], "a.b"]),
        json!([48, 1, {}, 7]),
        json!([48, 1, {}, "a.b", "text"]),
        json!([48, 1, {}, "a.b", [], []]),
        json!([48, 1, {}, "a.b", [], {}, 1]),
        json!([48, 1, {"receive_progress": 1}, "a.b"]),
        json!([16, 1, {"acknowledge": "yes"}, "a.b"]),
        json!([16, 1, {"eligible": "everybody"}, "a.b"]),
        json!([32, 1, {"match": "regex"}, "a.b"]),
        json!([64, 1, {"invoke": "any"}, "a.b"]),
        json!([8, 48, 1, {}, "a.b"]),
        json!([70, 99, {}]),
        json!([5, "signature", {}]),
        json!([2, 1, {}]),
        json!([36, 1, 1, {}]),
        json!([50, 1, {}]),
        json!([68, 1, 1, {}]),
        hello("realm1"),
    ]
}

#[test]
fn a_malformed_message_aborts_its_session_and_no_other() {
    let router = Router::start();
    let mut bystander = router.joined(JSON);
    let mut request = 0;
    for wire in Wire::ALL {
        for message in violations() {
            let mut client = router.joined(wire);
            client.send(message.clone());
            let text = client.assert_aborted(VIOLATION, 1002);
            assert!(!text.is_empty(), "{wire:?} {message}");
        }
        request += 1;
        bystander.assert_alive(request);
    }
}

/// SES-1: before WELCOME only HELLO and ABORT.
#[test]
fn a_message_before_hello_is_a_violation() {
    let router = Router::start();
    for wire in Wire::ALL {
        for message in [json!([48, 1, {}, "a.b"]), json!([6, {}, "wamp.close.normal"]), json!([5, "", {}])] {
            let mut client = router.client(wire);
            client.send(message);
            let text = client.assert_aborted(VIOLATION, 1002);
            assert!(text.contains("HELLO"), "{text}");
        }
    }
}

/// SES-2, SES-9.
#[test]
fn a_malformed_hello_is_a_violation() {
    let router = Router::start();
    for wire in Wire::ALL {
        for hello in [json!([1, "realm1"]), json!([1, "realm1", {}]), json!([1, 7, {"roles": {"caller": {}}}])] {
            let mut client = router.client(wire);
            client.send(hello);
            client.assert_aborted(VIOLATION, 1002);
        }
    }
}

/// GEN-11, RAW-16: bytes that are no message in this encoding.
#[test]
fn undecodable_bytes_are_a_violation() {
    let router = Router::start();
    for wire in Wire::ALL {
        let garbage: [&[u8]; 4] = match wire.encoding() {
            1 => [b"", b"[", b"[48,1,{},\"a.b\"] []", b"[48,1,{\"a\":1,\"a\":2"],
            2 => [b"", b"\x94", b"\xc1", b"\x94\x30\x01\x80"],
            _ => [b"", b"\x84", b"\xff", b"\x84\x18\x30\x01\xa0"],
        };
        for bytes in garbage {
            let mut client = router.joined(wire);
            client.send_encoded(&[bytes.to_vec()]);
            client.assert_aborted(VIOLATION, 1002);
        }
    }
}

/// SIZ-7: nesting is refused before it is followed, in a message and in a payload.
#[test]
fn deep_nesting_is_a_violation() {
    let router = Router::start();
    let depth = 200_000;
    for wire in Wire::ALL {
        let list: &[u8] = match wire.encoding() {
            1 => b"[",
            2 => b"\x91",
            _ => b"\x81",
        };
        let mut client = router.joined(wire);
        client.send_encoded(&[list.repeat(depth)]);
        client.assert_aborted(VIOLATION, 1002);
        let mut client = router.joined(wire);
        let mut call = wire.encode(&json!([48, 1, {}, "a.b", []]));
        call.truncate(call.len() - if wire.encoding() == 1 { 3 } else { 1 });
        call.extend(list.repeat(depth));
        client.send_encoded(&[call]);
        client.assert_aborted(VIOLATION, 1002);
    }
    router.joined(JSON).assert_alive(1);
}

/// RAW-9, RAW-10, RAW-14: a prefix that breaks the rules ends the connection before a body comes.
#[test]
fn broken_rawsocket_frames_end_the_connection() {
    let router = Router::start();
    for prefix in [b"\x10\0\0\x01", b"\x03\0\0\x01", b"\x07\0\0\0", b"\x08\0\0\x01"] {
        let mut client = router.joined(JSON);
        client.raw().write_all(prefix).unwrap();
        client.assert_aborted(VIOLATION, 1002);
    }
}

/// WS-2, WS-10: the same for frames of WebSocket.
#[test]
fn broken_websocket_frames_end_the_connection() {
    let router = Router::start();
    let frames: [&[u8]; 8] = [
        b"\x81\x02[]",
        b"\xc1\x80\0\0\0\0",
        b"\x83\x80\0\0\0\0",
        b"\x80\x80\0\0\0\0",
        b"\x82\x80\0\0\0\0",
        b"\x09\x80\0\0\0\0",
        b"\x89\xfe\0\x7e\0\0\0\0",
        b"\x88\x81\0\0\0\0x",
    ];
    for frame in frames {
        let mut client = router.joined(Wire::Web("wamp.2.json"));
        client.raw().write_all(frame).unwrap();
        client.assert_aborted(VIOLATION, 1002);
    }
}

/// WS-8: a batch of nothing, and one whose last message is cut short.
#[test]
fn broken_batches_end_the_connection() {
    let router = Router::start();
    for wire in Wire::ALL.into_iter().filter(|wire| wire.is_batched()) {
        let truncated: &[u8] = if wire.encoding() == 1 { b"[48,1,{},\"a.b\"]" } else { b"\0\0\0\x09abc" };
        for batch in [b"", truncated] {
            let mut client = router.joined(wire);
            client.send_bytes(batch);
            client.assert_aborted(VIOLATION, 1002);
        }
    }
}

/// RAW-14, WS-11: longer than announced, known from the header alone.
#[test]
fn oversized_frames_end_the_connection() {
    let router = Router::with(|config| {
        config.connection.opening.rawsocket.as_mut().unwrap().max_message = 1 << 16;
        config.connection.websocket = banyan::transport::websocket::Limits { max_frame: 1 << 16, max_message: 1 << 16 };
    });
    let long_call = |bytes: usize| json!([48, 1, {}, "a.b", ["x".repeat(bytes)]]);
    for wire in Wire::ALL {
        let mut fits = router.joined(wire);
        fits.send(long_call(65_000));
        assert_eq!(fits.receive()[4], "wamp.error.no_such_procedure");
        let mut too_long = router.joined(wire);
        too_long.send(long_call(1 << 16));
        let text = too_long.assert_aborted(VIOLATION, 1009);
        assert!(text.ends_with("is longer than the 65536 that are taken"), "{text}");
    }
    let mut endless = router.joined(JSON);
    endless.raw().write_all(b"\0\xff\xff\xff").unwrap();
    endless.assert_aborted(VIOLATION, 1009);
}

/// RAW-15, SIZ-2, SIZ-3: what is too long for its receiver is not sent, and the connection stays.
#[test]
fn nothing_longer_than_the_client_takes_is_sent() {
    let router = Router::start();
    let mut callee = router.joined(MSGPACK);
    callee.register(1, "com.example.long");
    // Takes 2^10 bytes.
    let mut stream = router.tcp();
    stream.write_all(b"\x7f\x12\0\0").unwrap();
    let mut caller = Client::shaken(stream, MSGPACK);
    caller.join("realm1");
    caller.send(json!([48, 1, {}, "com.example.long"]));
    let invocation = callee.receive();
    callee.send(json!([70, invocation[1], {}, ["x".repeat(5000)]]));
    let error = caller.receive();
    assert_eq!((&error[0], &error[4]), (&json!(8), &json!("wamp.error.payload_size_exceeded")), "{error}");
    caller.assert_alive(2);
}

/// WS-1: a message in fragments, with a ping between them.
#[test]
fn a_message_may_come_in_fragments() {
    let router = Router::start();
    let mut client = router.joined(Wire::Web("wamp.2.json"));
    let masked = |first: u8, payload: &[u8]| [&[first, 0x80 | payload.len() as u8, 0, 0, 0, 0], payload].concat();
    client.raw().write_all(&masked(0x01, b"[48,1,{},\"wamp.")).unwrap();
    client.raw().write_all(&masked(0x89, b"?")).unwrap();
    client.raw().write_all(&masked(0x80, b"registration.count\"]")).unwrap();
    assert_eq!(client.receive()[0], 50);
}
