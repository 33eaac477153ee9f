//! Sessions, calls and events over each framing and encoding.

use serde_json::json;

use crate::client::{Client, JSON, MSGPACK, Router, Wire, hello};

/// MSG-1, MSG-2, MSG-6, SES-12: HELLO, WELCOME, GOODBYE, GOODBYE.
#[test]
fn a_session_begins_and_ends() {
    let router = Router::start();
    for wire in Wire::ALL {
        let mut client = router.client(wire);
        client.send(hello("realm1"));
        let welcome = client.receive();
        assert_eq!(welcome[0], 2, "{wire:?}");
        let details = &welcome[2];
        assert!(details["roles"]["broker"].is_object() && details["roles"]["dealer"].is_object());
        assert_eq!((&details["realm"], &details["authmethod"]), (&json!("realm1"), &json!("anonymous")));
        client.send(json!([6, {}, "wamp.close.normal"]));
        assert_eq!(client.receive(), json!([6, {}, "wamp.close.goodbye_and_out"]), "{wire:?}");
    }
}

/// WS-13: the transport outlives the session, and the next one has another id.
#[test]
fn a_second_session_follows_on_the_same_transport() {
    let router = Router::start();
    for wire in Wire::ALL {
        let mut client = router.client(wire);
        let first = client.join("realm1");
        client.send(json!([6, {}, "wamp.close.close_realm"]));
        assert_eq!(client.receive()[0], 6);
        assert_ne!(client.join("realm1"), first, "{wire:?}");
        client.assert_alive(1);
    }
}

/// MSG-12, MSG-16 to MSG-19: a call goes from each framing and encoding to each other one and back.
#[test]
fn a_call_crosses_every_pair_of_wires() {
    let router = Router::start();
    let mut callers: Vec<_> = Wire::ALL.map(|wire| router.joined(wire)).into();
    for (index, wire) in Wire::ALL.into_iter().enumerate() {
        let mut callee = router.joined(wire);
        let procedure = format!("com.example.echo{index}");
        let registration = callee.register(1, &procedure);
        for caller in &mut callers {
            let request = index as u64 + 1;
            caller.send(json!([48, request, {}, procedure, [1, "zwei", null], {"k": [true, 2.5]}]));
            let invocation = callee.receive();
            assert_eq!((&invocation[0], &invocation[2]), (&json!(68), &json!(registration)), "{invocation}");
            callee.send(json!([70, invocation[1], {}, invocation[4], invocation[5]]));
            assert_eq!(caller.receive(), json!([50, request, {}, [1, "zwei", null], {"k": [true, 2.5]}]));
        }
    }
}

/// MSG-9 to MSG-11: an event reaches a subscriber on each framing and encoding.
#[test]
fn an_event_reaches_every_wire() {
    let router = Router::start();
    let mut subscribers: Vec<_> = Wire::ALL.map(|wire| router.joined(wire)).into();
    let ids: Vec<_> = subscribers.iter_mut().map(|client| client.subscribe(1, "com.example.topic")).collect();
    let mut publisher = router.joined(JSON);
    publisher.send(json!([16, 1, {"acknowledge": true}, "com.example.topic", ["hi"], {"n": 1}]));
    let published = publisher.receive();
    assert_eq!((&published[0], &published[1]), (&json!(17), &json!(1)));
    for (client, id) in subscribers.iter_mut().zip(ids) {
        assert_eq!(client.receive(), json!([36, id, published[2], {}, ["hi"], {"n": 1}]));
    }
}

/// WS-5, WS-9: a batch is processed in order, and HELLO may share one with what follows it.
#[test]
fn messages_sent_together_are_processed_in_order() {
    let router = Router::start();
    for wire in Wire::ALL {
        let mut client = router.client(wire);
        let calls = (1..=20).map(|request| json!([48, request, {}, "wamp.registration.count"]));
        let messages: Vec<_> = std::iter::once(hello("realm1")).chain(calls).collect();
        client.send_all(&messages);
        assert_eq!(client.receive()[0], 2, "{wire:?}");
        for request in 1..=20 {
            assert_eq!(client.receive()[1], request, "{wire:?}");
        }
    }
}

/// A connection moves to the home of its realm, wherever it was accepted: many realms on more workers than one.
#[test]
fn every_realm_is_reached_from_every_shard() {
    let router = Router::with(|config| {
        config.workers = 3;
        let first = config.realms[0].clone();
        for index in 2..=7 {
            let mut realm = first.clone();
            realm.options.name = format!("realm{index}");
            config.realms.push(realm);
        }
    });
    for realm in 1..=7 {
        let name = format!("realm{realm}");
        for wire in Wire::ALL {
            let mut callee = router.client(wire);
            callee.join(&name);
            callee.register(1, "a.b");
            let mut caller = router.client(MSGPACK);
            caller.join(&name);
            caller.send(json!([48, 1, {}, "a.b"]));
            assert_eq!(callee.receive()[0], 68);
            callee.send(json!([6, {}, "wamp.close.normal"]));
            assert_eq!(callee.receive()[0], 6);
            assert_eq!(caller.receive()[4], "wamp.error.canceled");
            // The next session on this transport goes to another home.
            callee.join(&format!("realm{}", 1 + realm % 7));
            callee.assert_alive(1);
        }
    }
}

/// RAW-17: a Unix domain socket, whose file goes when the router does.
#[test]
fn rawsocket_over_a_unix_domain_socket() {
    let path = std::env::temp_dir().join(format!("banyan-wire-{}", std::process::id()));
    let router = {
        let path = path.clone();
        Router::with(|config| config.listen.push(banyan::transport::listener::Address::Unix(path)))
    };
    let mut client = Client::over(std::os::unix::net::UnixStream::connect(&path).unwrap(), MSGPACK);
    client.join("realm1");
    client.assert_alive(1);
    drop(client);
    drop(router);
    assert!(!path.exists());
}

/// RAW-13, WS-10: pings are answered before HELLO and after it.
#[test]
fn a_ping_gets_exactly_one_pong() {
    let router = Router::start();
    for wire in Wire::ALL {
        let mut client = router.client(wire);
        assert_eq!(client.ping(b"before"), b"before", "{wire:?}");
        client.join("realm1");
        assert_eq!(client.ping(b""), b"", "{wire:?}");
        assert_eq!(client.ping(&[7; 125]), [7; 125], "{wire:?}");
        client.assert_alive(1);
    }
}
