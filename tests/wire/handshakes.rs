//! The first bytes of a connection.

use std::io::{Read, Write};
use std::time::Duration;

use crate::client::{JSON, Router, Wire, hello, rest};

const UPGRADE: &str = "GET /any/path HTTP/1.1\r\nHost: h\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
    Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\
    Sec-WebSocket-Protocol: wamp.2.json\r\n\r\n";

fn text(bytes: &[u8]) -> &str {
    std::str::from_utf8(bytes).unwrap()
}

/// RAW-8: however the handshake and the first frame are cut, both arrive.
#[test]
fn a_rawsocket_handshake_may_be_split_at_every_byte() {
    let router = Router::start();
    let message = serde_json::to_vec(&hello("realm1")).unwrap();
    let bytes = [b"\x7f\xf1\0\0", &(message.len() as u32).to_be_bytes()[..], &message].concat();
    for cut in 1..bytes.len() {
        let mut stream = router.tcp();
        stream.write_all(&bytes[..cut]).unwrap();
        // The reply shows that the first part was read alone.
        let mut reply = [0; 4];
        if cut >= 4 {
            stream.read_exact(&mut reply).unwrap();
        }
        stream.write_all(&bytes[cut..]).unwrap();
        if cut < 4 {
            stream.read_exact(&mut reply).unwrap();
        }
        assert_eq!(reply, *b"\x7f\xf1\0\0", "cut at {cut}");
        let mut prefix = [0; 5];
        stream.read_exact(&mut prefix).unwrap();
        assert_eq!(prefix[4], b'[', "cut at {cut}");
    }
}

/// WS-10: the same for the request of a WebSocket.
#[test]
fn a_websocket_handshake_may_be_split_at_every_byte() {
    let router = Router::start();
    for cut in 1..UPGRADE.len() {
        let mut stream = router.tcp();
        stream.write_all(&UPGRADE.as_bytes()[..cut]).unwrap();
        stream.write_all(&UPGRADE.as_bytes()[cut..]).unwrap();
        let mut status = [0; 12];
        stream.read_exact(&mut status).unwrap();
        assert_eq!(text(&status), "HTTP/1.1 101", "cut at {cut}");
    }
}

/// RAW-3 to RAW-6: error octets, then the end; no word to what is not RawSocket.
#[test]
fn broken_rawsocket_handshakes_are_answered_and_closed() {
    let router = Router::start();
    assert_eq!(router.answer_to(b"\x7f\xf0\0\0"), b"\x7f\x10\0\0");
    assert_eq!(router.answer_to(b"\x7f\xf4\0\0"), b"\x7f\x10\0\0");
    assert_eq!(router.answer_to(b"\x7f\xf1\x01\0"), b"\x7f\x30\0\0");
    assert_eq!(router.answer_to(b"\x10\x0e\0\x04MQTT"), b"");
    assert_eq!(router.answer_to(b"\x16\x03\x01"), b"");
    router.joined(JSON).assert_alive(1);
}

/// One port: health, a page for people, refusals for the rest.
#[test]
fn plain_http_is_answered() {
    let router = Router::start();
    let status = |request: &str| text(&router.answer_to(request.as_bytes()))[9..12].to_owned();
    let health = router.answer_to(b"GET /healthz HTTP/1.1\r\nHost: h\r\n\r\n");
    assert!(text(&health).starts_with("HTTP/1.1 200 OK\r\n") && text(&health).ends_with("\r\n\r\nok\n"));
    assert_eq!(status("GET / HTTP/1.1\r\nHost: h\r\n\r\n"), "200");
    assert_eq!(status("GET /nothing HTTP/1.1\r\nHost: h\r\n\r\n"), "404");
    assert_eq!(status("POST / HTTP/1.1\r\nHost: h\r\n\r\n"), "405");
    assert_eq!(status(&UPGRADE.replace("wamp.2.json", "chat")), "400");
    assert_eq!(status(&format!("GET / HTTP/1.1\r\nA: {}\r\n\r\n", "x".repeat(20_000))), "431");
}

/// Whoever says nothing, or not enough, is let go.
#[test]
fn a_handshake_that_takes_too_long_is_dropped() {
    let router = Router::with(|config| config.connection.handshake_timeout = Duration::from_millis(50));
    for beginning in [&b""[..], b"\x7f", b"GET / HTTP/1.1\r\n"] {
        assert_eq!(router.answer_to(beginning), b"");
    }
}

/// SES-20: ABORT and the end.
#[test]
fn a_client_that_does_not_say_hello_is_aborted() {
    let router = Router::with(|config| config.connection.hello_timeout = Duration::from_millis(50));
    for wire in Wire::ALL {
        let text = router.client(wire).assert_aborted("wamp.error.timeout", 1008);
        assert!(text.starts_with("no HELLO within"), "{text}");
    }
}

/// RAW-3, RAW-15: too many connections are told so; a place that becomes free is taken again.
#[test]
fn connections_above_the_limit_are_turned_away() {
    let router = Router::with(|config| config.gate.connections = 1);
    let mut first = router.joined(JSON);
    assert_eq!(router.answer_to(b"\x7f\xf1\0\0"), b"\x7f\x40\0\0");
    assert!(text(&router.answer_to(UPGRADE.as_bytes())).starts_with("HTTP/1.1 503 "));
    let health = router.answer_to(b"GET /healthz HTTP/1.1\r\n\r\n");
    assert!(text(&health).starts_with("HTTP/1.1 200 "), "health is told all the same");
    first.send(serde_json::json!([6, {}, "wamp.close.normal"]));
    assert_eq!(first.receive()[0], 6);
    drop(first);
    // The router needs a moment to see that the first is gone: ask until it has.
    loop {
        let mut stream = router.tcp();
        stream.write_all(b"\x7f\xf1\0\0").unwrap();
        let mut reply = [0; 4];
        stream.read_exact(&mut reply).unwrap();
        if reply == *b"\x7f\xf1\0\0" {
            break;
        }
        assert_eq!(rest(&mut stream), b"");
    }
}

/// SES-4, SES-5, URI-10, D-16, AUT-2, ERR-16, ERR-17: HELLO for what is not there.
#[test]
fn unknown_realms_and_methods_are_refused() {
    let router = Router::start();
    for wire in Wire::ALL {
        let refused = |hello, reason| {
            let mut client = router.client(wire);
            client.send(hello);
            client.assert_aborted(reason, 1000)
        };
        refused(hello("realm2"), "wamp.error.no_such_realm");
        refused(serde_json::json!([1, null, {"roles": {"caller": {}}}]), "wamp.error.no_such_realm");
        refused(hello("no realm"), "wamp.error.invalid_uri");
        let ticket = serde_json::json!([1, "realm1", {"roles": {"caller": {}}, "authmethods": ["ticket", "new"]}]);
        refused(ticket, "wamp.error.no_matching_auth_method");
    }
}
