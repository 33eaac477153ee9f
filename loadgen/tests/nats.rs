//! `call` and `pubsub` in the NATS client protocol: the built program runs against a stub, and its JSON must say what the stub did.

#[path = "stub/nats.rs"]
mod stub;

use std::process::Command;

use serde_json::Value;

use stub::{Quirk, start};

/// What the program said: exit code, JSON (null where it wrote none), errors.
fn loadgen(url: &str, scenario: &str, flags: &str) -> (Option<i32>, Value, String) {
    let output = Command::new(env!("CARGO_BIN_EXE_banyan-loadgen"))
        .args([scenario, "--url", url, "--quiet", "--json", "-", "--timeout", "300ms", "--connect-timeout", "2s"])
        .args(flags.split_whitespace())
        .output()
        .expect("the program starts");
    let json = serde_json::from_slice(&output.stdout).unwrap_or_default();
    (output.status.code(), json, String::from_utf8_lossy(&output.stderr).into_owned())
}

fn call(quirk: Quirk, flags: &str) -> (Option<i32>, Value, String) {
    let small = "--callers 3 --callees 2 --pipeline 4 --count 1000";
    loadgen(&start(quirk), "call", &format!("{small} {flags}"))
}

#[test]
fn a_faithful_server_has_no_faults() {
    for flags in [
        "",
        "--payload 1",
        "--payload 0-2000",
        "--payload 70000 --threads 2",
        "--registration shared --threads 2",
        "--procedures 5 --spread",
        "--registration prefix",
    ] {
        let (code, json, errors) = call(Quirk::None, flags);
        assert_eq!(
            (code, &json["measures"][0]["operations"]),
            (Some(0), &Value::from(1000)),
            "{flags}: {errors}{json}"
        );
        assert_eq!(
            (&json["agents"][0], &json["parameters"]["serializer"]),
            (&"nats-server 0.1".into(), &"nats".into())
        );
    }
    let (_, json, _) = call(Quirk::None, "--payload 256");
    assert_eq!(json["measures"][0]["integrity"]["checked"], 2000, "each request and each reply");
}

#[test]
fn published_messages_are_followed_one_by_one() {
    let (code, json, errors) = loadgen(&start(Quirk::None), "pubsub", "--publishers 2 --subscribers 3 --count 500");
    assert_eq!((code, &json["measures"][0]["operations"]), (Some(0), &Value::from(1500)), "{errors}{json}");
}

#[test]
fn the_rate_asked_is_the_rate_made() {
    let flags = "--callers 3 --callees 2 --rate 500 --duration 2s --warmup 200ms --timeout 5s";
    let output = Command::new(env!("CARGO_BIN_EXE_banyan-loadgen"))
        .args(["call", "--url", &start(Quirk::None), "--quiet", "--json", "-"])
        .args(flags.split_whitespace())
        .output()
        .expect("the program starts");
    let json: Value = serde_json::from_slice(&output.stdout).expect("it wrote JSON");
    let achieved = json["measures"][0]["rate"]["achieved"].as_f64().unwrap_or(0.0);
    assert!((475.0..525.0).contains(&achieved), "{achieved}");
    assert_eq!(json["measures"][0]["latency"]["from"], "due");
}

#[test]
fn wrong_double_and_missing_answers_are_counted() {
    let integrity = |json: &Value, name: &str| json["measures"][0]["integrity"][name].as_u64().unwrap_or(0);
    let (code, json, _) = call(Quirk::WrongAnswer(10), "");
    assert_eq!((code, integrity(&json, "wrong")), (Some(1), 100));
    let (code, json, _) = call(Quirk::DoubleAnswer(10), "");
    // The very last one may come when nobody listens any more.
    assert!(code == Some(1) && (99..=100).contains(&integrity(&json, "duplicated")), "{json}");
    let (code, json, _) = call(Quirk::NoAnswer(50), "");
    assert_eq!((code, &json["measures"][0]["timeouts"]), (Some(1), &Value::from(20)));
}

#[test]
fn what_ends_a_run_is_a_sentence_and_the_figures_stay() {
    let (code, json, errors) = call(Quirk::CloseAfter(1000), "");
    assert!(code == Some(1) && errors.contains("the router closed the connection"), "{errors}");
    assert!(json["measures"][0]["operations"].as_u64() > Some(400), "{json}");
    let (code, _, errors) = call(Quirk::ErrorAfter(1000), "");
    assert!(code == Some(1) && errors.contains("the router aborted the session: 'Slow Consumer'"), "{errors}");
}

#[test]
fn refusals_are_sentences() {
    for (quirk, sentence) in [
        (Quirk::Refuse, "the router refused the session: 'Authorization Violation'"),
        (Quirk::Tls, "the server demands TLS"),
        (Quirk::Stranger, "what listens there does not speak NATS"),
        (Quirk::Mute, "is it a NATS server?"),
    ] {
        let (code, _, errors) = call(quirk, "");
        assert!(code == Some(1) && errors.contains(sentence), "{quirk:?}: {errors}");
    }
    let (code, _, errors) = call(Quirk::None, "--payload 2000000");
    assert!(code == Some(1) && errors.contains("at most 1048576 octets"), "{errors}");
}

#[test]
fn what_nats_has_not_is_refused() {
    for (scenario, flags, sentence) in [
        ("register", "", "plain call and pubsub only"),
        ("soak", "", "plain call and pubsub only"),
        ("pubsub", "--acknowledge", "plain call and pubsub only"),
        ("call", "--progress 1", "plain call and pubsub only"),
        ("call", "--auth ticket:joe:secret", "--auth is for WAMP"),
        ("call", "--url tcp://127.0.0.1:1", "cannot be driven in one run"),
    ] {
        let (code, _, errors) = loadgen("nats://127.0.0.1:1", scenario, flags);
        assert!(code == Some(2) && errors.contains(sentence), "{scenario} {flags}: {errors}");
    }
}
