//! Strangers that mean harm: what they hold is bounded, what they do costs them their own connection.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::client::{Client, JSON, MSGPACK, Router, Wire, hello};

const VIOLATION: &str = "wamp.error.protocol_violation";

/// The head of a frame that announces so many bytes, and the first of them.
fn begun(wire: Wire, announced: u32, sent: usize) -> Vec<u8> {
    let mut frame = match wire {
        Wire::Raw(_) => announced.to_be_bytes().to_vec(),
        Wire::Web(_) => {
            let opcode = if wire.encoding() == 1 { 0x81 } else { 0x82 };
            [&[opcode, 0xff][..], &u64::from(announced).to_be_bytes(), &[0; 4]].concat()
        }
    };
    frame.resize(frame.len() + sent, b' ');
    frame
}

/// SES-20: who has not joined may send 64 KiB at once, known from the header alone.
#[test]
fn a_newcomer_may_not_send_much() {
    let router = Router::start();
    for wire in Wire::ALL {
        let mut client = router.client(wire);
        client.raw().write_all(&begun(wire, 1 << 20, 10)).unwrap();
        let text = client.assert_aborted(VIOLATION, 1009);
        assert!(text.ends_with("is longer than the 65536 that are taken"), "{text}");
    }
    let mut fragments = router.client(Wire::Web("wamp.2.json"));
    for first in [0x01].into_iter().chain([0; 4]) {
        fragments.raw().write_all(&[&[first, 0xfe, 0x7f, 0xff, 0, 0, 0, 0][..], &[b' '; 0x7fff]].concat()).unwrap();
    }
    fragments.assert_aborted(VIOLATION, 1009);
}

/// Messages that never end share one pool: who needs more than is left is ended, and what it held is free again.
#[test]
fn messages_that_never_end_take_bounded_memory() {
    let router = Router::with(|config| config.connection.receiving = 8 << 20);
    for wire in [JSON, MSGPACK, Wire::Web("wamp.2.cbor")] {
        // Two of four MiB each: four of them have room at most.
        let mut holders: Vec<TcpStream> = (0..12).map(|_| holder(&router, wire)).collect();
        let deadline = Instant::now() + Duration::from_secs(10);
        while holders.len() > 4 {
            holders.retain_mut(|stream| stream.read(&mut [0]).is_err());
            assert!(Instant::now() < deadline, "{wire:?}: {} hold on", holders.len());
        }
        assert!(!holders.is_empty(), "{wire:?}: the pool was for somebody");
        drop(holders);
        // They are gone when the router has noticed.
        let long = json!([48, 1, {}, "a.b", ["x".repeat(1 << 20)]]);
        while ask_once(&router, wire, &long).is_none() {
            assert!(Instant::now() < deadline, "the pool is not given back");
        }
    }
}

/// A session that holds half a message; any octet it can read is the end.
fn holder(router: &Router, wire: Wire) -> TcpStream {
    let stream = router.tcp();
    let mut held = stream.try_clone().unwrap();
    Client::over(stream, wire).join("realm1");
    held.write_all(&begun(wire, 4 << 20, 2 << 20)).unwrap();
    held.set_read_timeout(Some(Duration::from_millis(10))).unwrap();
    held
}

/// What a fresh session is answered; `None` where it is ended instead.
fn ask_once(router: &Router, wire: Wire, message: &Value) -> Option<Value> {
    let mut client = router.joined(wire);
    client.send(message.clone());
    client.receive_or_end().filter(|answer| answer[0] == 8)
}

/// A batch of very many calls is handled in slices: every call is answered, in order, and a neighbour is served
/// meanwhile.
#[test]
fn a_long_batch_is_answered_whole_and_in_order() {
    const CALLS: u64 = 50_000;
    let router = Router::start();
    let mut neighbour = router.joined(JSON);
    for name in ["wamp.2.json.batched", "wamp.2.msgpack.batched", "wamp.2.cbor.batched"] {
        let mut client = router.joined(Wire::Web(name));
        let calls: Vec<Value> = (1..=CALLS).map(|request| json!([48, request, {}, "wamp.session.count"])).collect();
        client.send_all(&calls);
        neighbour.assert_alive(1 + u64::from(name.contains("msgpack")) + 2 * u64::from(name.contains("cbor")));
        for request in 1..=CALLS {
            assert_eq!(client.receive()[1], request, "{name}");
        }
    }
}

/// Lists in options have a bound, as has what the router's own procedures read.
#[test]
fn long_lists_are_refused() {
    let router = Router::start();
    let numbers: Vec<u64> = (1..=65_536).collect();
    for wire in Wire::ALL {
        let mut client = router.joined(wire);
        client.send(json!([16, 1, {"acknowledge": true, "eligible": numbers}, "a.b"]));
        assert_eq!(client.receive()[0], 17);
        client.send(json!([48, 2, {}, "wamp.session.count", [numbers]]));
        assert_eq!(client.receive()[4], "wamp.error.invalid_argument");
        let more: Vec<u64> = (0..=65_536).collect();
        client.send(json!([16, 3, {"exclude": more}, "a.b"]));
        assert!(client.assert_aborted(VIOLATION, 1002).contains("more than 65536 items"));
    }
}

/// All queues together have a bound: those who left most unread are cut off, nobody else.
#[test]
fn unread_messages_take_bounded_memory() {
    let router = Router::with(|config| config.queued = 16 << 20);
    let mut deaf: Vec<Client> = (0..8).map(|_| router.joined(MSGPACK)).collect();
    deaf.iter_mut().for_each(|client| _ = client.subscribe(1, "com.example.flood"));
    let mut reader = router.joined(JSON);
    reader.subscribe(1, "com.example.flood");
    let mut publisher = router.joined(JSON);
    let payload = "x".repeat(512 * 1024);
    for request in 1..=24 {
        publisher.send(json!([16, request, {"acknowledge": true}, "com.example.flood", [payload]]));
        assert_eq!(publisher.receive()[0], 17);
        assert_eq!(reader.receive()[0], 36);
    }
    let complete = deaf.iter_mut().map(|client| {
        let events = std::iter::from_fn(|| client.event_or_end()).take(24);
        events.count() == 24
    });
    assert!(complete.filter(|complete| !complete).count() > 0, "96 MiB did not wait in 16");
    publisher.assert_alive(25);
    router.joined(MSGPACK).assert_alive(1);
    let mut late = router.client(JSON);
    late.send(hello("realm1"));
    assert_eq!(late.receive()[0], 2);
}
