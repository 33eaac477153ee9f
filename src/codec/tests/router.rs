//! What routers send, read by decoders written elsewhere.

use serde_json::{Value as Json, json};

use super::support::{encoded, said};
use crate::wamp::{
    CancelMode, Disclosure, Encoding, EventDetails, Id, InterruptDetails, InvocationDetails, Passthru, Payload,
    RequestType, ResultDetails, Revocation, RouterMessage, WelcomeDetails,
};

fn id(number: u64) -> Id {
    Id::new(number).unwrap()
}

fn says(message: &RouterMessage<'_>, expected: Json) {
    for encoding in Encoding::ALL {
        assert_eq!(said(encoding, message), expected, "{}", encoding.as_str());
    }
}

const JOE: Disclosure<'static> = Disclosure { session: Id::MAX, authid: "joe", authrole: "us\"er" };

/// MSG-2, SES-6, SES-7, TRP-2.
#[test]
fn welcome_has_two_roles_and_booleans_only() {
    let details = WelcomeDetails {
        realm: "realm1",
        authid: "joe",
        authrole: "user",
        authmethod: "anonymous",
        authprovider: "static",
        agent: "banyan",
        broker_features: &["event_retention"],
        dealer_features: &[],
    };
    let expected = json!([2, 1u64 << 53, {
        "realm": "realm1", "authid": "joe", "authrole": "user", "authmethod": "anonymous", "authprovider": "static",
        "agent": "banyan",
        "roles": {"broker": {"features": {"event_retention": true}}, "dealer": {"features": {}}}
    }]);
    says(&RouterMessage::Welcome { session: Id::MAX, details: &details }, expected);
}

/// MSG-3, MSG-4, MSG-6, MSG-13, MSG-22, MSG-24, LIM-7, PSX-2, CAN-6.
#[test]
fn messages_without_payload() {
    says(&RouterMessage::Abort { reason: "a.b", message: "no\nway" }, json!([3, {"message": "no\nway"}, "a.b"]));
    says(&RouterMessage::Goodbye { reason: "a.b", message: None }, json!([6, {}, "a.b"]));
    says(&RouterMessage::Goodbye { reason: "a.b", message: Some("x") }, json!([6, {"message": "x"}, "a.b"]));
    says(&RouterMessage::Challenge { method: "ticket", extra: Payload::EMPTY }, json!([4, "ticket", {}]));
    says(&RouterMessage::Published { request: id(300), publication: Id::MAX }, json!([17, 300, 1u64 << 53]));
    says(&RouterMessage::Subscribed { request: id(1), subscription: id(70000) }, json!([33, 1, 70000]));
    says(&RouterMessage::Unsubscribed { request: id(128) }, json!([35, 128]));
    says(
        &RouterMessage::Registered { request: id(1), registration: id(u64::from(u32::MAX)) },
        json!([65, 1, u32::MAX]),
    );
    says(&RouterMessage::Unregistered { request: id(24) }, json!([67, 24]));
    let details = Revocation { id: id(7), reason: "wamp.error.unregistered" };
    says(
        &RouterMessage::UnregisteredRevoked { details },
        json!([67, 0, {"registration": 7, "reason": "wamp.error.unregistered"}]),
    );
    says(
        &RouterMessage::UnsubscribedRevoked { details },
        json!([35, 0, {"subscription": 7, "reason": "wamp.error.unregistered"}]),
    );
    let details = InterruptDetails { mode: CancelMode::Kill, reason: None };
    says(&RouterMessage::Interrupt { request: id(3), details }, json!([69, 3, {"mode": "kill"}]));
    let details = InterruptDetails { mode: CancelMode::KillNoWait, reason: Some("wamp.error.timeout") };
    says(
        &RouterMessage::Interrupt { request: id(3), details },
        json!([69, 3, {"mode": "killnowait", "reason": "wamp.error.timeout"}]),
    );
}

/// MSG-7, MSG-14, MSG-18, MSG-23, SER-4, GEN-6: in all nine pairs of encodings.
#[test]
fn payloads_reach_every_encoding() {
    let (args, kwargs) =
        (json!([1, -1, "a\u{1}", null, "\0AP8=", 0.1, u64::MAX, i64::MIN]), json!({"k": [{}], "": true}));
    for from in Encoding::ALL {
        let (args_bytes, kwargs_bytes) = (encoded(from, &args), encoded(from, &kwargs));
        let shapes: [(&[u8], &[u8], Vec<Json>); 4] = [
            (&[], &[], vec![]),
            (&args_bytes, &[], vec![args.clone()]),
            (&[], &kwargs_bytes, vec![json!([]), kwargs.clone()]),
            (&args_bytes, &kwargs_bytes, vec![args.clone(), kwargs.clone()]),
        ];
        for (args, kwargs, elements) in shapes {
            with_payload(Payload { encoding: from, args, kwargs }, &elements);
        }
    }
}

fn with_payload(payload: Payload<'_>, elements: &[Json]) {
    let expect = |head: Json| -> Json { head.as_array().unwrap().iter().chain(elements).cloned().collect() };
    let passthru = Passthru { ppt_scheme: Some("x_a".into()), enc_key: Some("k".into()), ..Passthru::default() };
    let details = InvocationDetails {
        procedure: Some("com.a"),
        caller: Some(JOE),
        receive_progress: true,
        progress: true,
        timeout: Some(70000),
        passthru: Some(&passthru),
    };
    says(
        &RouterMessage::Invocation { request: id(1), registration: id(2), details, payload },
        expect(json!([68, 1, 2, {
            "procedure": "com.a", "caller": 1u64 << 53, "caller_authid": "joe", "caller_authrole": "us\"er",
            "receive_progress": true, "progress": true, "timeout": 70000, "ppt_scheme": "x_a", "enc_key": "k"
        }])),
    );
    let details = ResultDetails { progress: true, callee: Some(JOE), passthru: None };
    says(
        &RouterMessage::Result { request: id(1), details, payload },
        expect(json!([50, 1, {
            "progress": true, "callee": 1u64 << 53, "callee_authid": "joe", "callee_authrole": "us\"er"
        }])),
    );
    let details = EventDetails { topic: Some("t"), publisher: Some(JOE), retained: true, passthru: None };
    says(
        &RouterMessage::Event { subscription: id(1), publication: id(2), details, payload },
        expect(json!([36, 1, 2, {
            "topic": "t", "publisher": 1u64 << 53, "publisher_authid": "joe", "publisher_authrole": "us\"er",
            "retained": true
        }])),
    );
    let details = EventDetails::default();
    says(
        &RouterMessage::Event { subscription: id(1), publication: id(2), details, payload },
        expect(json!([36, 1, 2, {}])),
    );
    says(
        &RouterMessage::Error {
            request_type: RequestType::Call,
            request: id(9),
            passthru: None,
            error: "a.b",
            payload,
        },
        expect(json!([8, 48, 9, {}, "a.b"])),
    );
}

/// GEN-7: between equal encodings the sender's bytes stay as they are, whatever form they have.
#[test]
fn equal_encodings_splice_the_senders_bytes() {
    let cases: [(Encoding, &[u8], &[u8]); 3] = [
        (Encoding::Json, b"[ 1.0e0,18446744073709551616 ]", b"[50,1,{},[ 1.0e0,18446744073709551616 ]]"),
        (
            Encoding::MsgPack,
            b"\xdc\x00\x01\xcf\0\0\0\0\0\0\0\x01",
            b"\x94\x32\x01\x80\xdc\x00\x01\xcf\0\0\0\0\0\0\0\x01",
        ),
        (Encoding::Cbor, b"\x9f\xc1\x18\x01\xff", b"\x84\x18\x32\x01\xa0\x9f\xc1\x18\x01\xff"),
    ];
    for (encoding, args, expected) in cases {
        let payload = Payload { encoding, args, kwargs: &[] };
        let result = RouterMessage::Result { request: id(1), details: ResultDetails::default(), payload };
        let mut out = Vec::new();
        crate::codec::encode(encoding, &result, &mut out);
        assert_eq!(out, expected, "{}", encoding.as_str());
    }
}
