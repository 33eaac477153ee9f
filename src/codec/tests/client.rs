//! What clients send.

use serde_json::{Value as Json, json};

use super::support::{cargo, in_every_encoding, refusal};
use crate::wamp::{CancelMode, ClientMessage, Encoding, Features, Id, Invoke, Policy};

fn id(number: u64) -> Id {
    Id::new(number).unwrap()
}

fn refused(message: Json, sentence: &str) {
    for encoding in Encoding::ALL {
        let told = refusal(encoding, &message);
        assert!(told.contains(sentence), "{} {message}: {told:?} lacks {sentence:?}", encoding.as_str());
    }
}

/// MSG-1, SES-2, SES-9, FEA-28, D-09.
#[test]
fn hello_tells_roles_features_and_identity() {
    let hello = json!([1, "realm1", {
        "roles": {
            "caller": {"features": {"call_cancelling": true, "progressive_call_results": false, "new": [1]}},
            "callee": {"features": {"registration_revocation": true, "call_timeout": null}},
            "publisher": {},
            "observer": 7
        },
        "authmethods": ["ticket", "anonymous"], "authid": "joe", "authrole": null, "agent": "a-1",
        "authextra": {"k": [1]}, "resumable": true
    }]);
    in_every_encoding(&hello, |encoding, message| {
        let ClientMessage::Hello { realm, details } = message else { panic!("{message:?}") };
        assert_eq!(realm.as_deref(), Some("realm1"));
        assert_eq!(details.roles, 3);
        let mut features = Features::CALLER_CANCELING;
        features.insert(Features::CALLEE_REVOCATION);
        assert_eq!(details.features, features);
        assert_eq!(details.authmethods.unwrap(), ["ticket", "anonymous"]);
        assert_eq!(
            (details.authid.as_deref(), details.authrole, details.agent.as_deref()),
            (Some("joe"), None, Some("a-1"))
        );
        assert_eq!(super::support::decoded(encoding, details.authextra), json!({"k": [1]}));
    });
    in_every_encoding(&json!([1, null, {"roles": {"caller": {}}}]), |_, message| {
        assert!(matches!(message, ClientMessage::Hello { realm: None, .. }));
    });
    refused(json!([1, "r", {}]), "HELLO.Details.roles must hold at least one of publisher");
    refused(json!([1, "r", {"roles": {}}]), "HELLO.Details.roles");
    refused(json!([1, "r", {"roles": {"caller": true}}]), "HELLO.Details.roles.caller must be a map");
    refused(
        json!([1, "r", {"roles": {"caller": {"features": {"call_canceling": 1}}}}]),
        "HELLO.Details.roles.caller.features.call_canceling must be a boolean",
    );
    refused(json!([1, 7, {"roles": {"caller": {}}}]), "HELLO.Realm must be a string or null, not a number");
    refused(json!([1, "r", {"roles": {"caller": {}}, "authmethods": ["a", 1]}]), "must be a list of strings");
    refused(json!([1, "r", {"roles": {"caller": {}}, "authextra": []}]), "HELLO.Details.authextra must be a map");
}

/// MSG-16, PRG-1, PRI-1, TMO-1, CID-1, EXT-1, EXT-2, PPT-1.
#[test]
fn call_reads_its_options_and_leaves_the_payload_as_it_is() {
    let call = json!([48, 7814135, {
        "timeout": 1000, "receive_progress": true, "progress": false, "disclose_me": true, "forward_for": 3,
        "ppt_scheme": "x_a", "transaction_hash": "0xab", "unknown": {"deep": [null]}
    }, "com.myapp.user.new", ["johnny", 1.5, null, -7], {"firstname": "John", "Ä": [{}]}]);
    in_every_encoding(&call, |_, message| {
        let ClientMessage::Call { request, options, procedure, payload } = message else { panic!("{message:?}") };
        assert_eq!((request, &*procedure), (id(7814135), "com.myapp.user.new"));
        assert_eq!(
            (options.timeout, options.receive_progress, options.progress, options.disclose_me),
            (1000, true, false, true)
        );
        let passthru = options.passthru.unwrap();
        assert_eq!((passthru.ppt_scheme.as_deref(), passthru.transaction_hash.as_deref()), (Some("x_a"), Some("0xab")));
        assert_eq!(cargo(&payload), (json!(["johnny", 1.5, null, -7]), json!({"firstname": "John", "Ä": [{}]})));
    });
    refused(json!([48, 1, {"timeout": -1}, "p"]), "CALL.Options.timeout must be a non-negative integer");
    refused(json!([48, 1, {"timeout": 1.5}, "p"]), "CALL.Options.timeout");
    refused(json!([48, 1, {"disclose_me": 1}, "p"]), "CALL.Options.disclose_me must be a boolean");
    refused(json!([48, 1, {"ppt_scheme": false}, "p"]), "CALL.Options.ppt_scheme must be a string");
}

/// GEN-6, GEN-8: null, empty and absent payload elements are one.
#[test]
fn an_empty_payload_is_an_absent_one() {
    for tail in [json!([]), json!([[]]), json!([null]), json!([[], {}]), json!([null, null]), json!([[], null])] {
        let mut yielded = vec![json!(70), json!(9), json!({})];
        yielded.extend(tail.as_array().unwrap().iter().cloned());
        in_every_encoding(&Json::from(yielded), |_, message| {
            let ClientMessage::Yield { request, payload, .. } = message else { panic!("{message:?}") };
            assert!(request == id(9) && payload.is_empty());
        });
    }
    for args in [json!(null), json!([])] {
        in_every_encoding(&json!([48, 1, {}, "p", args, {"a": 1}]), |_, message| {
            let ClientMessage::Call { payload, .. } = message else { panic!("{message:?}") };
            assert_eq!(cargo(&payload), (json!([]), json!({"a": 1})));
        });
    }
    in_every_encoding(&json!([48, 1, {}, "p", [0], {}]), |_, message| {
        let ClientMessage::Call { payload, .. } = message else { panic!("{message:?}") };
        assert_eq!(cargo(&payload), (json!([0]), Json::Null));
    });
}

/// PPT-6, D-27: a bare string or binary only together with `enc_algo`.
#[test]
fn transparent_payload_is_one_bare_element() {
    for bare in [json!("opaque"), json!("\0AAH/")] {
        in_every_encoding(&json!([48, 1, {"enc_algo": "cryptobox"}, "p", bare]), |_, message| {
            let ClientMessage::Call { options, payload, .. } = message else { panic!("{message:?}") };
            assert_eq!(options.passthru.unwrap().enc_algo.as_deref(), Some("cryptobox"));
            assert_eq!(cargo(&payload).0, bare);
        });
        refused(json!([48, 1, {}, "p", bare]), "CALL.Arguments must be a list, not");
        refused(json!([48, 1, {"enc_algo": "cryptobox"}, "p", bare, {"a": 1}]), "behind a transparent payload");
    }
}

/// MSG-8, SEL-1 to SEL-7, PUB-7, RET-1, D-15.
#[test]
fn publish_reads_the_receiver_lists() {
    let publish = json!([16, 2, {
        "acknowledge": true, "exclude_me": false, "retain": true, "exclude": [], "eligible": [5, 0, 9007199254740993u64],
        "eligible_authrole": ["a", ""], "exclude_authid": null
    }, "com.t", [], {"x": 1}]);
    in_every_encoding(&publish, |_, message| {
        let ClientMessage::Publish { options, topic, .. } = message else { panic!("{message:?}") };
        assert!(topic == "com.t" && options.acknowledge && options.retain && options.exclude_me == Some(false));
        let selection = options.selection.unwrap();
        assert_eq!((selection.exclude, selection.eligible), (Some(vec![]), Some(vec![id(5)])));
        assert_eq!(selection.eligible_authrole.unwrap(), ["a", ""]);
        assert_eq!((selection.exclude_authid, selection.eligible_authid), (None, None));
    });
    refused(json!([16, 2, {"eligible": 5}, "t"]), "PUBLISH.Options.eligible must be a list of integers");
    refused(json!([16, 2, {"exclude": ["5"]}, "t"]), "PUBLISH.Options.exclude must be a list of integers");
    refused(json!([16, 2, {"exclude_authid": "joe"}, "t"]), "PUBLISH.Options.exclude_authid must be a list of strings");
}

/// MSG-19, RPP-1, SHR-1, LIM-1, LIM-5, TMO-2.
#[test]
fn register_reads_policies_and_concurrency() {
    let register = json!([64, 1, {
        "match": "wildcard", "invoke": "roundrobin", "concurrency": 3, "force_reregister": true,
        "disclose_caller": true, "forward_timeout": true
    }, "a..c"]);
    in_every_encoding(&register, |_, message| {
        let ClientMessage::Register { options, procedure, .. } = message else { panic!("{message:?}") };
        assert_eq!(
            (options.policy, options.invoke, options.concurrency),
            (Policy::Wildcard, Invoke::RoundRobin, Some(3))
        );
        assert!(procedure == "a..c" && options.force_reregister && options.disclose_caller && options.forward_timeout);
    });
    refused(json!([64, 1, {"match": "glob"}, "p"]), "REGISTER.Options.match must be \"exact\"");
    refused(json!([64, 1, {"invoke": 1}, "p"]), "REGISTER.Options.invoke must be \"single\"");
    refused(json!([64, 1, {"concurrency": 0}, "p"]), "REGISTER.Options.concurrency must be at least 1");
    refused(json!([64, 1, {"concurrency": "1"}, "p"]), "REGISTER.Options.concurrency must be an integer");
}

/// PAT-1, MSG-3, MSG-5, MSG-6, MSG-10, MSG-12, MSG-15, MSG-17, MSG-21, CAN-1, PRO-8.
#[test]
fn the_other_messages() {
    let read = |message: Json, expected: &str| {
        in_every_encoding(&message, |_, read| assert_eq!(format!("{read:?}"), expected, "{message}"));
    };
    read(json!([3, {"message": "x"}, "a.b"]), r#"Abort { reason: "a.b" }"#);
    read(json!([3, {}, "a.b", [1], {"k": 2}]), r#"Abort { reason: "a.b" }"#);
    read(json!([6, {}, "wamp.close.normal"]), r#"Goodbye { reason: "wamp.close.normal" }"#);
    read(json!([34, 1, 2]), "Unsubscribe { request: 1, subscription: 2 }");
    read(json!([34, 1, 2, {"forward_for": []}]), "Unsubscribe { request: 1, subscription: 2 }");
    read(json!([66, 1, 2]), "Unregister { request: 1, registration: 2 }");
    read(json!([66, 1, 2, {}]), "Unregister { request: 1, registration: 2 }");
    read(json!([337, 8]), "EventReceived { publication: 8 }");
    read(json!([37, 8]), "EventReceived { publication: 8 }");
    read(json!([49, 1, {}]), "Cancel { request: 1, mode: None }");
    for (word, mode) in [("skip", CancelMode::Skip), ("kill", CancelMode::Kill), ("killnowait", CancelMode::KillNoWait)]
    {
        read(json!([49, 1, {"mode": word}]), &format!("Cancel {{ request: 1, mode: Some({mode:?}) }}"));
    }
    read(
        json!([32, 1, {"match": "prefix", "get_retained": true, "nkey": "x"}, "com."]),
        r#"Subscribe { request: 1, options: SubscribeOptions { policy: Prefix, get_retained: true }, topic: "com." }"#,
    );
    in_every_encoding(&json!([5, "sig", {"a": [1]}]), |encoding, read| {
        let ClientMessage::Authenticate { signature, extra } = read else { panic!("{read:?}") };
        assert_eq!((&*signature, super::support::decoded(encoding, extra)), ("sig", json!({"a": [1]})));
    });
    refused(json!([49, 1, {"mode": "soft"}]), "CANCEL.Options.mode must be \"skip\", \"kill\" or \"killnowait\"");
    refused(json!([34, 1, 2, 3]), "UNSUBSCRIBE.Options must be a map, not a number");
}

/// MSG-7, GEN-9, PPT-1.
#[test]
fn a_clients_error_answers_invocations_only() {
    in_every_encoding(&json!([8, 68, 3, {"ppt_scheme": "wamp"}, "a.b", ["x"]]), |_, message| {
        let ClientMessage::Error { request, passthru, error, payload } = message else { panic!("{message:?}") };
        assert_eq!((request, &*error, cargo(&payload).0), (id(3), "a.b", json!(["x"])));
        assert_eq!(passthru.unwrap().ppt_scheme.as_deref(), Some("wamp"));
    });
    for other in [48, 64, 0, 999] {
        refused(json!([8, other, 3, {}, "a.b"]), &format!("ERROR.Type must be 68 (INVOCATION), not {other}"));
    }
}

/// GEN-1, GEN-2, GEN-10, MSG.
#[test]
fn what_is_no_clients_message_is_a_violation() {
    refused(json!([]), "empty list");
    refused(json!({}), "a message must be a list, not a map");
    refused(json!("x"), "a message must be a list, not a string");
    refused(json!([null]), "message code");
    refused(json!([1.0, "r", {}]), "message code");
    refused(json!([7]), "7 is no message code");
    for (code, name) in [
        (2, "WELCOME"),
        (4, "CHALLENGE"),
        (17, "PUBLISHED"),
        (33, "SUBSCRIBED"),
        (35, "UNSUBSCRIBED"),
        (36, "EVENT"),
        (50, "RESULT"),
        (65, "REGISTERED"),
        (67, "UNREGISTERED"),
        (68, "INVOCATION"),
        (69, "INTERRUPT"),
    ] {
        refused(json!([code, 1, {}]), &format!("{name} ({code}) is sent by routers"));
    }
    refused(json!([48, 1, {}]), "CALL ends before Procedure");
    refused(json!([48, 1, {}, "p", [], {}, 0]), "CALL has more elements");
    refused(json!([64, 1, {}, "p", []]), "REGISTER has more elements");
    refused(json!([48, 1, [], "p"]), "CALL.Options must be a map, not a list");
    refused(json!([48, 1, {}, 5]), "CALL.Procedure must be a string, not a number");
    refused(json!([48, 1, {}, "\0AA=="]), "CALL.Procedure must be a string, not binary");
    refused(json!([48, 1, {}, "p", {}]), "CALL.Arguments must be a list, not a map");
    refused(json!([48, 1, {}, "p", [], []]), "CALL.ArgumentsKw must be a map, not a list");
}

/// IDS-1, D-49.
#[test]
fn ids_lie_between_1_and_2_to_the_53() {
    for good in [1u64, 127, 128, 255, 256, 65535, 65536, 4294967295, 4294967296, 1 << 53] {
        in_every_encoding(&json!([66, good, 1]), |_, message| {
            assert!(matches!(message, ClientMessage::Unregister { request, .. } if request == id(good)));
        });
    }
    for bad in [
        json!(0),
        json!(-1),
        json!((1u64 << 53) + 1),
        json!(u64::MAX),
        json!(1.0),
        json!(1.5),
        json!("1"),
        json!(null),
        json!(true),
    ] {
        refused(json!([66, bad, 1]), "UNREGISTER.Request must be an id: an integer from 1 to 2^53");
    }
    let double = json!([66, 4294967298.0, 1]);
    assert!(refusal(Encoding::Json, &double).contains("id"));
    for encoding in [Encoding::MsgPack, Encoding::Cbor] {
        let bytes = super::support::encoded(encoding, &double);
        let read = crate::codec::decode(encoding, &bytes, &Default::default()).unwrap();
        assert!(matches!(read, ClientMessage::Unregister { request, .. } if request == id(4294967298)));
    }
}
