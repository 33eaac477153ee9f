//! How sessions, connections and the router end.

use std::time::{Duration, Instant};

use serde_json::json;

use crate::client::{JSON, MSGPACK, Router, Wire, hello, rest};

/// SES-17: GOODBYE to every session, and the router waits for the answers.
#[test]
fn a_router_that_stops_says_goodbye() {
    let router = Router::start();
    let mut clients: Vec<_> = Wire::ALL.map(|wire| (wire, router.joined(wire))).into();
    router.shutdown();
    for (wire, client) in &mut clients {
        let goodbye = client.receive();
        assert_eq!((&goodbye[0], &goodbye[2]), (&json!(6), &json!("wamp.close.system_shutdown")), "{wire:?}");
        client.send(json!([6, {}, "wamp.close.goodbye_and_out"]));
        let expected = matches!(wire, Wire::Web(_)).then_some(1001);
        assert_eq!(client.close_code(), expected, "{wire:?}");
    }
    drop(clients);
    router.wait();
}

/// SES-17: ABORT to who has not joined; health says what is going on.
#[test]
fn a_router_that_stops_aborts_the_half_open_and_takes_nobody() {
    let router = Router::start();
    let mut holds_on = router.joined(JSON);
    let mut half_open: Vec<_> = Wire::ALL.map(|wire| router.client(wire)).into();
    for client in &mut half_open {
        client.ping(b"there?");
    }
    router.shutdown();
    assert_eq!(holds_on.receive()[2], "wamp.close.system_shutdown");
    for client in &mut half_open {
        client.assert_aborted("wamp.close.system_shutdown", 1001);
    }
    let health = router.answer_to(b"GET /healthz HTTP/1.1\r\n\r\n");
    assert!(health.starts_with(b"HTTP/1.1 503 "));
    let mut late = router.client(JSON);
    late.assert_aborted("wamp.close.system_shutdown", 1001);
    drop((half_open, late));
    holds_on.send(json!([6, {}, "wamp.close.goodbye_and_out"]));
    assert_eq!(holds_on.close_code(), None);
    drop(holds_on);
    router.wait();
}

/// A client that does not answer GOODBYE holds the router up for the grace time at most.
#[test]
fn the_grace_time_ends_the_drain() {
    let router = Router::with(|config| config.grace = Duration::from_millis(100));
    let mut silent = router.joined(JSON);
    router.shutdown();
    assert_eq!(silent.receive()[0], 6);
    let waiting = Instant::now();
    router.wait();
    assert!(waiting.elapsed() < Duration::from_secs(4), "not for as long as a client gets to answer");
    assert_eq!(rest(&mut silent.raw()), b"");
}

/// SES-14, D-18: a killed session that does not answer loses its transport.
#[test]
fn a_killed_session_gets_a_moment_to_answer() {
    let router = Router::with(|config| config.connection.close_timeout = Duration::from_millis(100));
    for wire in Wire::ALL {
        let mut killer = router.joined(JSON);
        for answers in [true, false] {
            let mut victim = router.client(wire);
            let session = victim.join("realm1");
            killer.send(json!([48, 1 + u64::from(!answers), {}, "wamp.session.kill", [session], {"reason": "a.b"}]));
            assert_eq!(killer.receive()[0], 50);
            assert_eq!(victim.receive()[2], "a.b", "{wire:?}");
            // What it still asks is not answered any more (SES-13).
            victim.send(json!([48, 1, {}, "wamp.registration.count"]));
            if answers {
                victim.send(json!([6, {}, "wamp.close.goodbye_and_out"]));
            }
            let expected = matches!(wire, Wire::Web(_)).then_some(1000);
            assert_eq!(victim.close_code(), expected, "{wire:?}");
        }
    }
}

/// SES-16: ABORT is not answered, before WELCOME and after it.
#[test]
fn a_clients_abort_ends_the_connection_without_a_word() {
    let router = Router::start();
    for wire in Wire::ALL {
        for joined in [false, true] {
            let mut client = if joined { router.joined(wire) } else { router.client(wire) };
            client.send(json!([3, {}, "wamp.error.canceled"]));
            let expected = matches!(wire, Wire::Web(_)).then_some(1000);
            assert_eq!(client.close_code(), expected, "{wire:?}");
        }
    }
}

/// SES-10: a lost connection takes its registrations along; a waiting caller is told.
#[test]
fn a_lost_connection_releases_what_it_held() {
    let router = Router::start();
    let mut caller = router.joined(JSON);
    for (index, wire) in Wire::ALL.into_iter().enumerate() {
        let mut callee = router.joined(wire);
        callee.register(1, "com.example.lost");
        let request = index as u64 + 1;
        caller.send(json!([48, request, {}, "com.example.lost"]));
        assert_eq!(callee.receive()[0], 68);
        drop(callee);
        let error = caller.receive();
        assert_eq!((&error[2], &error[4]), (&json!(request), &json!("wamp.error.canceled")), "{wire:?}");
    }
    let mut next = router.joined(MSGPACK);
    next.register(1, "com.example.lost");
}

/// WS-10, WS-12: the client's close is answered with its code.
#[test]
fn a_websocket_close_is_answered_in_kind() {
    let router = Router::start();
    for code in [1000u16, 1001, 3000, 4999] {
        let mut client = router.joined(Wire::Web("wamp.2.json"));
        let frame = [&[0x88, 0x82, 0, 0, 0, 0], &code.to_be_bytes()[..]].concat();
        client.raw().write_all(&frame).unwrap();
        assert_eq!(rest(&mut client.raw()), [&[0x88, 2], &code.to_be_bytes()[..]].concat());
    }
}

/// WS-11: a client that does not answer pings is ended, one that does is not.
#[test]
fn pings_find_out_who_is_gone() {
    let router = Router::with(|config| {
        config.connection.ping_interval = Some(Duration::from_millis(20));
        config.connection.ping_timeout = Duration::from_millis(100);
    });
    let mut silent = router.joined(Wire::Web("wamp.2.json"));
    let last_words = rest(&mut silent.raw());
    assert!(last_words.starts_with(b"\x89\x06banyan"), "{last_words:?}");
    assert!(String::from_utf8_lossy(&last_words).contains("wamp.error.timeout"));
    let mut answering = router.joined(Wire::Web("wamp.2.cbor"));
    answering.answer_pings(5);
    answering.assert_alive(1);
}

/// HELLO in one piece with a GOODBYE and what follows: nothing is answered behind the GOODBYE.
#[test]
fn nothing_is_answered_behind_goodbye() {
    let router = Router::start();
    for wire in Wire::ALL {
        let mut client = router.client(wire);
        let call = json!([48, 1, {}, "wamp.registration.count"]);
        client.send_all(&[hello("realm1"), json!([6, {}, "wamp.close.normal"]), call]);
        assert_eq!(client.receive()[0], 2);
        assert_eq!(client.receive(), json!([6, {}, "wamp.close.goodbye_and_out"]));
        // The call outside a session is a violation; the GOODBYE was the last word (SES-13).
        assert_eq!(client.receive_or_end(), None, "{wire:?}");
    }
}
