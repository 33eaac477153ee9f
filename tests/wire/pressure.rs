//! Clients that do not read, or stop writing: what is queued is bounded, nobody else waits, nothing is lost.

use std::io::{ErrorKind, Write};
use std::net::Shutdown;
use std::time::Duration;

use banyan::shard::outbox::SlowConsumer;
use serde_json::json;

use crate::client::{Client, JSON, MSGPACK, Router, hello};

/// Events that fill every buffer of the kernel and the queue behind it.
const EVENTS: u64 = 4000;
const EVENT_BYTES: usize = 16 * 1024;

fn router(policy: SlowConsumer) -> Router {
    Router::with(|config| {
        config.realms[0].queue_bytes = 1 << 20;
        config.realms[0].slow_consumer = policy;
    })
}

/// Publishes until far more was sent than the slow one's buffers take, while the fast one reads along.
fn flood(router: &Router, topic: &str) {
    let mut fast = router.joined(MSGPACK);
    fast.subscribe(1, topic);
    let mut publisher = router.joined(MSGPACK);
    let payload = "x".repeat(EVENT_BYTES);
    for request in 1..=EVENTS {
        publisher.send(json!([16, request, {"acknowledge": true}, topic, [request, payload]]));
        let published = publisher.receive();
        assert_eq!(published[0], 17);
        let event = fast.receive();
        assert_eq!((&event[2], &event[4][0]), (&published[2], &json!(request)), "nobody waits for the slow one");
    }
}

/// SIZ-6: the default policy ends the session, and says so in order behind what was sent before.
#[test]
fn a_subscriber_that_does_not_read_is_told_and_ended() {
    let router = router(SlowConsumer::Close);
    let mut slow = router.joined(MSGPACK);
    slow.subscribe(1, "com.example.flood");
    flood(&router, "com.example.flood");
    let mut expected = 1;
    loop {
        let message = slow.receive();
        if message[0] == 6 {
            assert_eq!(message[2], "wamp.close.slow_consumer");
            break;
        }
        assert_eq!((&message[0], &message[4][0]), (&json!(36), &json!(expected)));
        expected += 1;
    }
    assert!(expected < EVENTS, "its queue has an end");
}

/// SIZ-6: the other policy leaves events out and keeps the session.
#[test]
fn a_subscriber_that_does_not_read_may_miss_events() {
    let router = router(SlowConsumer::Drop);
    let mut slow = router.joined(MSGPACK);
    slow.subscribe(1, "com.example.flood");
    flood(&router, "com.example.flood");
    slow.send(json!([48, 2, {}, "wamp.registration.count"]));
    let (mut last, mut received) = (0, 0);
    loop {
        let message = slow.receive();
        if message[0] == 50 {
            break;
        }
        let number = message[4][0].as_u64().unwrap();
        assert!(number > last, "what is left is in order");
        (last, received) = (number, received + 1);
    }
    assert!(received < EVENTS, "some are left out");
}

/// A caller that does not read its answers is not read either; once it reads, it gets every one.
#[test]
fn a_caller_that_does_not_read_is_held_back_and_loses_nothing() {
    const CALLS: u64 = 200_000;
    let router = router(SlowConsumer::Close);
    let mut stream = router.tcp();
    stream.write_all(b"\x7f\xf2\0\0").unwrap();
    let mut writer = stream.try_clone().unwrap();
    let mut client = Client::shaken(stream, MSGPACK);
    client.join("realm1");
    let procedure = format!("com.{}", "x".repeat(100));
    let calls: Vec<u8> = (1..=CALLS).flat_map(|request| frame(&json!([48, request, {}, procedure]))).collect();
    writer.set_write_timeout(Some(Duration::from_millis(500))).unwrap();
    let written = write_until_stuck(&mut writer, &calls);
    assert!(written < calls.len(), "the router took {written} bytes and read on");
    router.joined(JSON).assert_alive(1);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            writer.set_write_timeout(None).unwrap();
            writer.write_all(&calls[written..]).unwrap();
        });
        for request in 1..=CALLS {
            assert_eq!(client.receive()[2], request);
        }
    });
}

fn frame(message: &serde_json::Value) -> Vec<u8> {
    let bytes = MSGPACK.encode(message);
    [&(bytes.len() as u32).to_be_bytes()[..], &bytes].concat()
}

fn write_until_stuck(writer: &mut impl Write, bytes: &[u8]) -> usize {
    let mut written = 0;
    while written < bytes.len() {
        match writer.write(&bytes[written..]) {
            Ok(taken) => written += taken,
            Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => break,
            Err(error) => panic!("{error}"),
        }
    }
    written
}

/// A client that closes its writing half still gets what is answered at once; then its session is over.
#[test]
fn a_half_closed_connection_is_answered_and_ended() {
    let router = Router::start();
    let mut stream = router.tcp();
    stream.write_all(b"\x7f\xf2\0\0").unwrap();
    stream.write_all(&frame(&hello("realm1"))).unwrap();
    for request in 1..=50 {
        stream.write_all(&frame(&json!([48, request, {}, "wamp.registration.count"]))).unwrap();
    }
    stream.shutdown(Shutdown::Write).unwrap();
    let mut client = Client::shaken(stream, MSGPACK);
    assert_eq!(client.receive()[0], 2);
    for request in 1..=50 {
        assert_eq!(client.receive()[1], request);
    }
    assert_eq!(client.receive_or_end(), None);
}

/// A long message in many pieces is gathered while the session's neighbours go on.
#[test]
fn a_long_message_arrives_piece_by_piece() {
    let router = Router::start();
    let mut callee = router.joined(MSGPACK);
    callee.register(1, "com.example.length");
    let mut neighbour = router.joined(JSON);
    let mut caller = router.joined(MSGPACK);
    let payload = "y".repeat(10 << 20);
    let call = frame(&json!([48, 1, {}, "com.example.length", [payload]]));
    for (index, piece) in call.chunks(1 << 20).enumerate() {
        caller.raw().write_all(piece).unwrap();
        neighbour.assert_alive(index as u64 + 1);
    }
    let invocation = callee.receive();
    assert_eq!(invocation[4][0].as_str().map(str::len), Some(10 << 20));
    callee.send(json!([70, invocation[1], {}, invocation[4]]));
    assert_eq!(caller.receive()[3][0], payload.as_str());
}
