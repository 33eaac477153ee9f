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

/// SES-3, SES-6 to SES-8, FEA-1 to FEA-28, D-27: what works is announced, all of it and nothing else, as booleans.
#[test]
fn welcome_announces_what_works() {
    let router = Router::start();
    let mut client = router.client(JSON);
    client.send(json!([1, "realm1", {"agent": "test-1", "roles": {"caller": {}}}]));
    let welcome = client.receive();
    let announced = |role: &str| {
        let features = welcome[2]["roles"][role]["features"].as_object().unwrap();
        assert!(features.values().all(|value| *value == json!(true)), "{role}");
        let mut names: Vec<_> = features.keys().map(String::as_str).collect();
        names.sort_unstable();
        names.join(" ")
    };
    assert_eq!(welcome[2]["roles"].as_object().unwrap().len(), 2);
    assert_eq!(
        announced("broker"),
        "pattern_based_subscription payload_encryption_cryptobox payload_passthru_mode payload_transparency \
         publisher_exclusion publisher_identification session_meta_api subscriber_blackwhite_listing \
         subscription_meta_api subscription_revocation"
    );
    assert_eq!(
        announced("dealer"),
        "call_canceling call_reroute call_timeout caller_identification pattern_based_registration \
         payload_encryption_cryptobox payload_passthru_mode payload_transparency progressive_call_invocations \
         progressive_call_results registration_meta_api registration_revocation session_meta_api shared_registration"
    );
    assert!(welcome[2]["agent"].as_str().unwrap().starts_with("Banyan-"));
}

/// SES-18, ERR-28: whatever reason the client has.
#[test]
fn any_reason_of_a_goodbye_is_answered() {
    let router = Router::start();
    let mut client = router.client(MSGPACK);
    for reason in ["wamp.close.close_realm", "wamp.close.normal", "wamp.close.system_shutdown", "com.bye"] {
        client.join("realm1");
        client.send(json!([6, {"message": "bye"}, reason]));
        assert_eq!(client.receive(), json!([6, {}, "wamp.close.goodbye_and_out"]), "{reason}");
    }
}

/// PRO-10, D-39: a client that announced one role is served in all of them.
#[test]
fn roles_that_were_not_announced_are_served() {
    let router = Router::start();
    let mut client = router.client(JSON);
    client.send(json!([1, "realm1", {"roles": {"caller": {}}}]));
    assert_eq!(client.receive()[0], 2);
    let (registration, subscription) = (client.register(1, "com.a"), client.subscribe(2, "com.a"));
    client.send(json!([16, 3, {"exclude_me": false}, "com.a"]));
    let event = client.receive();
    assert_eq!((&event[0], &event[1]), (&json!(36), &json!(subscription)));
    client.send(json!([48, 4, {}, "com.a"]));
    assert_eq!(client.receive(), json!([68, 1, registration, {}]));
}

/// GEN-3, GEN-5, PSX-1, PSX-5, SES-22, CID-8, EXT-5: keys and messages of features that are not there change nothing.
#[test]
fn what_is_unknown_is_ignored_and_not_passed_on() {
    let router = Router::start();
    let mut client = router.client(JSON);
    client.send(json!([1, "realm1", {"roles": {"caller": {}}, "resumable": true, "resume-session": 7,
        "resume-token": "t", "x_cb_node": "n", "_own_key": [1]}]));
    let welcome = client.receive();
    assert!(welcome[0] == 2 && welcome[2].get("resumable").is_none(), "{welcome}");
    client.send(json!([32, 1, {"nkey": "k", "metatopics": ["x"], "_own_key": 1}, "com.a"]));
    let subscribed = client.receive();
    client.send(json!([16, 2, {"exclude_me": false, "rkey": "k", "_own_key": 1}, "com.a"]));
    let event = client.receive();
    assert_eq!(event, json!([36, subscribed[2], event[2], {}]));
    client.send(json!([337, event[2]]));
    client.send(json!([37, event[2]]));
    let registration = client.register(3, "com.a");
    client.send(json!([48, 4, {"runmode": "partition", "rkey": "k", "x_own": {"a": 1}}, "com.a"]));
    assert_eq!(client.receive(), json!([68, 1, registration, {}]));
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
