//! What a realm's configuration changes, from the text of the configuration to what a client sees.

use banyan::config::Config;
use serde_json::{Value, json};

use crate::client::{Client, JSON, MSGPACK, Router, hello};

/// The role of everybody: it may do everything, kill too.
const ROLE: &str = "anonymous = \"r\"\n[[realm.role]]\nname = \"r\"\n[[realm.role.rule]]\nuri = \"*\"\n\
    allow = [\"call\", \"register\", \"subscribe\", \"publish\"]\n[[realm.role.rule]]\nuri = \"wamp.session.kill*\"\n\
    allow = [\"call\"]\n";

/// A router whose realm1 has these keys.
fn router(keys: &str) -> Router {
    let text = format!("[[realm]]\nname = \"realm1\"\n{keys}\n{ROLE}");
    let realms = Config::parse("test.toml", &text).unwrap().realms;
    Router::with(|config| config.realms = realms)
}

fn ask(client: &mut Client, message: Value) -> Value {
    client.send(message);
    client.receive()
}

/// IDS-7, D-04, PRI-3: a gap and a repeat are violations, the next chunk of a progressive call is none.
#[test]
fn request_ids_out_of_sequence_abort_where_the_realm_is_strict() {
    let router = router("strict_ids = \"abort\"");
    let roles = json!({"caller": {"features": {"progressive_call_invocations": true}}});
    for (ids, text) in [([1, 3], "request id 3 is out of sequence: the next one is 2"), ([1, 1], "request id 1 is")] {
        let mut client = router.client(JSON);
        assert_eq!(ask(&mut client, json!([1, "realm1", {"roles": roles}]))[0], 2);
        assert_eq!(ask(&mut client, json!([48, ids[0], {}, "com.nobody"]))[0], 8);
        client.send(json!([48, ids[1], {}, "com.nobody"]));
        assert!(client.assert_aborted("wamp.error.protocol_violation", 1002).starts_with(text));
    }
    let mut client = router.client(JSON);
    ask(&mut client, json!([1, "realm1", {"roles": roles}]));
    assert_eq!(ask(&mut client, json!([48, 1, {"progress": true}, "com.nobody"]))[0], 8);
    client.send(json!([48, 1, {"progress": true}, "com.nobody"]));
    client.send(json!([48, 1, {}, "com.nobody"]));
    client.assert_alive(2);
}

/// TRP-5, D-04: without that, gaps are no fault.
#[test]
fn request_ids_with_gaps_are_served() {
    let router = router("");
    let mut client = router.joined(MSGPACK);
    for request in [1, 2, 7, 1 << 53, 3] {
        client.assert_alive(request);
    }
}

/// URI-5: what is a URI in one realm is none in another.
#[test]
fn a_realm_may_take_strict_uris_only() {
    for (check, code) in [("loose", 65), ("strict", 8)] {
        let router = router(&format!("uri_check = \"{check}\""));
        let mut client = router.joined(JSON);
        let answer = ask(&mut client, json!([64, 1, {}, "Com.X-y"]));
        assert_eq!(answer[0], code, "{answer}");
        assert!(code == 65 || answer[4] == "wamp.error.invalid_uri", "{answer}");
        client.register(2, "com.x_1");
    }
}

/// FEA-28, D-36: what a realm switched off is not announced.
#[test]
fn a_feature_that_is_off_is_not_announced() {
    for (on, announced) in [("true", json!(true)), ("false", Value::Null)] {
        let router = router(&format!("notify_unsubscribed = {on}"));
        let welcome = ask(&mut router.client(JSON), hello("realm1"));
        assert_eq!(welcome[2]["roles"]["broker"]["features"]["subscription_revocation"], announced, "{on}");
    }
}

/// RMA-11, D-01, SSM-10, D-20, D-04: one key for every choice by the letter.
#[test]
fn conformance_answers_by_the_letter() {
    let router = router("conformance = true");
    let mut client = router.joined(JSON);
    let id = client.register(1, "com.x");
    assert_eq!(ask(&mut client, json!([48, 2, {}, "wamp.registration.match", ["com.x"]])), json!([50, 2, {}, [id]]));
    let none = json!([48, 3, {}, "wamp.session.kill_by_authrole", ["nobody"]]);
    assert_eq!(ask(&mut client, none), json!([50, 3, {}, [0]]));
    client.send(json!([48, 9, {}, "com.x"]));
    client.assert_aborted("wamp.error.protocol_violation", 1002);
}

/// SIZ-7: what all sessions of a realm hold together has a limit, and what one gives back another may have.
#[test]
fn a_realm_has_limits_of_its_own() {
    let text = format!(
        "[[realm]]\nname = \"realm1\"\n{ROLE}[realm.limits]\nregistrations_in_all = 1\nsubscriptions_in_all = 1\n\
         calls_in_all = 1\n"
    );
    let realms = Config::parse("test.toml", &text).unwrap().realms;
    let router = Router::with(|config| config.realms = realms);
    let (mut one, mut other) = (router.joined(JSON), router.joined(JSON));
    let registration = one.register(1, "com.a");
    let subscription = one.subscribe(2, "com.a");
    for (request, message) in [(1, json!([64, 1, {}, "com.b"])), (2, json!([32, 2, {}, "com.b"]))] {
        let answer = ask(&mut other, message);
        assert_eq!((&answer[2], &answer[4]), (&json!(request), &json!("wamp.error.limit_exceeded")), "{answer}");
    }
    one.send(json!([48, 3, {}, "com.a"]));
    assert_eq!(one.receive()[0], json!(68), "in flight");
    let answer = ask(&mut other, json!([48, 3, {}, "com.a"]));
    assert_eq!(answer[4], json!("wamp.error.limit_exceeded"), "{answer}");
    assert_eq!(ask(&mut one, json!([70, 1, {}])), json!([50, 3, {}]));
    assert_eq!(ask(&mut one, json!([66, 4, registration])), json!([67, 4]));
    assert_eq!(ask(&mut one, json!([34, 5, subscription])), json!([35, 5]));
    other.register(4, "com.b");
    other.subscribe(5, "com.b");
}

/// SIZ-7: the limits of a session are those of its realm.
#[test]
fn limits_are_those_of_the_configuration() {
    let text = format!(
        "[[realm]]\nname = \"realm1\"\n{ROLE}[realm.limits]\nregistrations = 1\nsubscriptions = 1\nuri_bytes = 20\n\
         uri_components = 3\n"
    );
    let realms = Config::parse("test.toml", &text).unwrap().realms;
    let router = Router::with(|config| config.realms = realms);
    let mut client = router.joined(JSON);
    client.register(1, "com.a");
    client.subscribe(2, "com.a");
    for (request, message, error) in [
        (3, json!([64, 3, {}, "com.b"]), "wamp.error.limit_exceeded"),
        (4, json!([32, 4, {}, "com.b"]), "wamp.error.limit_exceeded"),
        (5, json!([48, 5, {}, "com.much.too.deep"]), "wamp.error.invalid_uri"),
        (6, json!([48, 6, {}, "com.very_very_very_long"]), "wamp.error.invalid_uri"),
    ] {
        let answer = ask(&mut client, message);
        assert_eq!((&answer[2], &answer[4]), (&json!(request), &json!(error)), "{answer}");
    }
}
