//! What a message asks for, seen before it is decoded: the decoder is the twin.

use serde_json::json;

use super::support::encoded;
use crate::codec::{Limits, decode, glimpse};
use crate::wamp::{ClientMessage, Encoding, Glimpse, Policy};

/// What the decoded message asks for.
fn asked<'m>(message: &'m ClientMessage<'_>) -> Option<Glimpse<'m>> {
    Some(match message {
        ClientMessage::Call { procedure, .. } => Glimpse::Call(procedure),
        ClientMessage::Publish { topic, .. } => Glimpse::Publish(topic),
        ClientMessage::Register { options, procedure, .. } => Glimpse::Register(options.policy, procedure),
        ClientMessage::Subscribe { options, topic, .. } => Glimpse::Subscribe(options.policy, topic),
        _ => return None,
    })
}

/// Cut anywhere, a message shows what it asks for or nothing; whole, or cut behind its URI, it shows that.
#[test]
fn a_glimpse_is_what_the_decoder_finds_or_nothing() {
    let messages = [
        json!([48, 1, {}, "com.example.add", [1, "é\u{1F333}"], {"a": [true]}]),
        json!([48, 9_007_199_254_740_992_u64, {"timeout": 100, "x": {"y": [1, 2]}}, "com.example.ä"]),
        json!([16, 3, {"acknowledge": true, "exclude": [1, 2]}, "com.example.topic", ["x"]]),
        json!([64, 4, {}, "com.example.exact"]),
        json!([64, 5, {"match": "prefix", "invoke": "random"}, "com.example."]),
        json!([32, 6, {"match": "wildcard"}, "com..topic"]),
        json!([32, 7, {}, ""]),
        json!([70, 8, {}, ["com.example.add"]]),
        json!([66, 9, 10]),
        json!([6, {}, "wamp.close.normal"]),
    ];
    for (encoding, message) in Encoding::ALL.into_iter().flat_map(|e| messages.iter().map(move |m| (e, m))) {
        let bytes = encoded(encoding, message);
        let decoded = decode(encoding, &bytes, &Limits::default()).unwrap();
        let whole = asked(&decoded);
        assert_eq!(glimpse(encoding, &bytes), whole, "{} {message}", encoding.as_str());
        let mut seen = whole.is_none();
        for cut in 0..bytes.len() {
            let found = glimpse(encoding, &bytes[..cut]);
            assert!(found.is_none() || found == whole, "{} {message} cut at {cut}", encoding.as_str());
            seen |= found.is_some();
        }
        assert!(seen || message.as_array().unwrap().len() == 4, "the payload need not be there: {message}");
    }
}

/// Of a call to the router's procedures, the URI that it asks for is seen, and under which policy.
#[test]
fn a_glimpse_has_what_the_router_is_asked() {
    let meta = |procedure, policy, uri| Some(Glimpse::Meta(procedure, policy, uri));
    let cases = [
        (json!(["wamp.registration.match", ["a.b"]]), meta("wamp.registration.match", Policy::Exact, "a.b")),
        (json!(["wamp.any", ["a.", {"x": [1], "match": "prefix"}]]), meta("wamp.any", Policy::Prefix, "a.")),
        (json!(["wamp.any", ["a..b", {"match": "wildcard"}, 3]]), meta("wamp.any", Policy::Wildcard, "a..b")),
        (json!(["wamp.any", ["a", {}], {"k": 1}]), meta("wamp.any", Policy::Exact, "a")),
        (json!(["wamp.any", ["a", {"match": "suffix"}]]), None),
        (json!(["wamp.any", ["a", 1]]), None),
        (json!(["wamp.any", [1]]), None),
        (json!(["wamp.any", []]), None),
        (json!(["wamp.any"]), None),
    ];
    for (encoding, (asked, expected)) in Encoding::ALL.into_iter().flat_map(|e| cases.iter().map(move |case| (e, case)))
    {
        let mut message = vec![json!(48), json!(7), json!({"receive_progress": true})];
        message.extend_from_slice(asked.as_array().unwrap());
        let bytes = encoded(encoding, &json!(message));
        assert_eq!(glimpse(encoding, &bytes), *expected, "{} {asked}", encoding.as_str());
        for cut in 0..bytes.len() {
            let found = glimpse(encoding, &bytes[..cut]);
            assert!(found.is_none() || found == *expected, "{} {asked} cut at {cut}", encoding.as_str());
        }
    }
}

/// Whatever comes: no panic, and nothing for what is no such message.
#[test]
fn what_is_no_message_shows_nothing() {
    for (encoding, bytes) in Encoding::ALL.into_iter().flat_map(|e| {
        let others =
            [json!({}), json!([]), json!(["a"]), json!([48]), json!([48, 0, {}, "a"]), json!([48, 1, [], "a"])];
        others.map(|other| (e, encoded(e, &other)))
    }) {
        assert_eq!(glimpse(encoding, &bytes), None, "{} {bytes:x?}", encoding.as_str());
    }
    let mut random = fastrand::Rng::with_seed(1);
    for _ in 0..100_000 {
        let bytes: Vec<_> = (0..random.usize(0..40)).map(|_| random.u8(..)).collect();
        Encoding::ALL.into_iter().for_each(|encoding| _ = glimpse(encoding, &bytes));
    }
}
