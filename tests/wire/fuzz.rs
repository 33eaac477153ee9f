//! Valid traffic, mutated at random: the router neither falls nor hangs, and a bystander notices nothing.

use std::time::{Duration, Instant};

use banyan::codec::{self, Limits};
use banyan::wamp::Encoding;
use serde_json::{Value, json};

use crate::client::{JSON, Router, Wire, hello};

/// Connections for each framing and encoding.
const ROUNDS: usize = 40;
/// Mutations that go to a decoder alone, for each encoding.
const DECODED: usize = 40_000;

/// Octets that mean something in one of the encodings.
const TELLING: [u8; 8] = [0, 0x7f, 0x80, 0xff, b'"', b'[', 0x9f, 0xdf];

/// A conversation that meets every kind of message.
fn traffic() -> Vec<Value> {
    let wide = json!({"match": "wildcard", "invoke": "roundrobin", "concurrency": 3});
    vec![
        json!([64, 1, wide, "a..c"]),
        json!([64, 2, {"force_reregister": true}, "a.b"]),
        json!([32, 3, {"match": "prefix"}, "a."]),
        json!([32, 4, {}, "wamp.registration.on_create"]),
        json!([16, 5, {"acknowledge": true, "exclude_me": false, "eligible": [1, 2]}, "a.b", [1.5, "\u{e9}"], {"k": []}]),
        json!([48, 6, {"receive_progress": true, "timeout": 1}, "a.b", [{"x": [[null]]}], {"y": -1}]),
        json!([70, 1, {"progress": true}, ["part"]]),
        json!([70, 1, {}, [], {}]),
        json!([8, 68, 2, {}, "a.error", ["why"]]),
        json!([49, 6, {"mode": "kill"}]),
        json!([48, 7, {}, "wamp.registration.list", [], {"limit": 3}]),
        json!([48, 8, {}, "wamp.session.get", [12_345]]),
        json!([66, 9, 1]),
        json!([34, 10, 1]),
        json!([6, {}, "wamp.close.normal"]),
    ]
}

/// A few random changes.
fn mutate(random: &mut fastrand::Rng, bytes: &mut Vec<u8>) {
    for _ in 0..random.usize(1..4) {
        let at = random.usize(..=bytes.len());
        let end = random.usize(at..=bytes.len()).min(at + 16);
        match random.u8(..6) {
            0 => bytes.truncate(at),
            1 => bytes.insert(at, random.u8(..)),
            2 if at < bytes.len() => bytes[at] ^= 1 << random.u8(..8),
            3 if at < bytes.len() => bytes[at] = TELLING[random.usize(..TELLING.len())],
            4 => _ = bytes.drain(at..end),
            _ => {
                let piece = bytes[at..end].to_vec();
                bytes.splice(at..at, piece);
            }
        }
    }
}

/// No bytes bring a decoder down, and what one lets through can be encoded for every receiver.
#[test]
fn decoders_stand_what_comes() {
    let seed = fastrand::u64(..);
    println!("seed {seed}");
    let mut random = fastrand::Rng::with_seed(seed);
    let mut passed = 0;
    for (wire, encoding) in
        [(Wire::Raw(1), Encoding::Json), (Wire::Raw(2), Encoding::MsgPack), (Wire::Raw(3), Encoding::Cbor)]
    {
        let valid: Vec<Vec<u8>> =
            traffic().iter().chain([&hello("realm1")]).map(|message| wire.encode(message)).collect();
        for _ in 0..DECODED {
            let mut bytes = valid[random.usize(..valid.len())].clone();
            mutate(&mut random, &mut bytes);
            if let Ok(banyan::wamp::ClientMessage::Publish { payload, .. }) =
                codec::decode(encoding, &bytes, &Limits::default())
            {
                passed += 1;
                for to in Encoding::ALL {
                    let mut out = Vec::new();
                    codec::transcode(encoding, payload.args, to, &mut out);
                }
            }
        }
    }
    assert!(passed > 0, "seed {seed}: some survive");
}

/// Framing and messages, mutated on the wire; the connection may go on or end, the router and its neighbours go on.
#[test]
fn mutated_traffic_harms_nobody_else() {
    let seed = fastrand::u64(..);
    println!("seed {seed}");
    let mut random = fastrand::Rng::with_seed(seed);
    let router = Router::start();
    let mut bystander = router.joined(JSON);
    let mut request = 0;
    for wire in Wire::ALL {
        for _ in 0..ROUNDS {
            let mut client = router.joined(wire);
            let mut frames = traffic().iter().map(|message| frame(wire, &wire.encode(message))).collect::<Vec<_>>();
            let mutated = random.usize(..frames.len());
            mutate(&mut random, &mut frames[mutated]);
            // The router may hang up in the middle of it.
            let _ = client.raw().write_all(&frames.concat());
            // With answers unread, this is a reset.
            drop(client);
            request += 1;
            bystander.assert_alive(request);
        }
    }
    // What the dead held is gone with them.
    let deadline = Instant::now() + Duration::from_secs(10);
    loop {
        request += 1;
        bystander.send(json!([48, request, {}, "wamp.session.count"]));
        let count = bystander.receive()[3][0].clone();
        if count == 1 {
            break;
        }
        assert!(Instant::now() < deadline, "seed {seed}: {count} sessions are left");
    }
    bystander.send(json!([48, request + 1, {}, "wamp.registration.count"]));
    assert_eq!(bystander.receive()[3][0], json!({"exact": 0, "prefix": 0, "wildcard": 0}), "seed {seed}");
}

/// One frame as a client sends it.
fn frame(wire: Wire, message: &[u8]) -> Vec<u8> {
    let body = match (wire.is_batched(), wire.encoding()) {
        (false, _) => message.to_vec(),
        (true, 1) => [message, b"\x1e"].concat(),
        (true, _) => [&(message.len() as u32).to_be_bytes()[..], message].concat(),
    };
    match wire {
        Wire::Raw(_) => [&(body.len() as u32).to_be_bytes()[..], &body].concat(),
        Wire::Web(_) => {
            let first = if wire.encoding() == 1 { 0x81 } else { 0x82 };
            let head = match body.len() {
                short @ 0..126 => vec![first, 0x80 | short as u8],
                long => vec![first, 0xfe, (long >> 8) as u8, long as u8],
            };
            [&head[..], &[0; 4], &body].concat()
        }
    }
}
