//! A realm so large that the router looks ahead at what was read: clients see no difference.

use serde_json::{Value, json};

use crate::client::{Client, MSGPACK, Router, Wire};

/// Registrations, so many that looking ahead begins: `pattern::foresight` says when.
const POPULATION: u64 = 70_000;
/// Messages sent in one write, several groups of those that are looked at together.
const AT_ONCE: u64 = 60;

fn populate(router: &Router) -> Client {
    let mut holder = router.joined(MSGPACK);
    for first in (1..=POPULATION).step_by(1000) {
        let register = |request| json!([64, request, {}, format!("com.held.p{request}")]);
        holder.send_at_once(&(first..first + 1000).map(register).collect::<Vec<_>>());
        for request in first..first + 1000 {
            let registered = holder.receive();
            assert_eq!((&registered[0], &registered[1]), (&json!(65), &json!(request)), "{registered}");
        }
    }
    holder
}

/// What is sent at once: each message depends on those before it. Answers in their order, without ids of the router.
fn exchange(tag: &str) -> (Vec<Value>, Vec<Value>) {
    let (mut sent, mut expected) = (Vec::new(), Vec::new());
    let mut ask = |message: Value, answer: Value| {
        sent.push(message);
        expected.push(answer);
    };
    for round in 0..AT_ONCE / 10 {
        let (uri, request) = (format!("com.{tag}.r{round}"), round * 10 + 1);
        let pattern = format!("com.{tag}.r{round}..x");
        let look_up = json!(["wamp.registration.lookup", [pattern, {"match": "wildcard"}]]);
        let meta = |request, asked: &Value| json!([48, request, {}, asked[0], asked[1]]);
        let matches = json!(["wamp.registration.match", [format!("{uri}.any.x")]]);
        ask(json!([48, request, {}, uri]), json!([8, 48, request, "wamp.error.no_such_procedure"]));
        ask(json!([64, request + 1, {}, uri]), json!([65, request + 1]));
        ask(json!([48, request + 2, {}, uri, ["payload"]]), json!([68, ["payload"]]));
        ask(meta(request + 3, &look_up), json!([50, request + 3, "nothing"]));
        ask(meta(request + 4, &matches), json!([50, request + 4, "nothing"]));
        ask(json!([64, request + 5, {"match": "wildcard"}, pattern]), json!([65, request + 5]));
        ask(json!([48, request + 6, {"timeout": 0}, format!("{uri}.any.x"), ["other"]]), json!([68, ["other"]]));
        ask(meta(request + 7, &look_up), json!([50, request + 7, "something"]));
        ask(meta(request + 8, &matches), json!([50, request + 8, "something"]));
        let taken = json!([8, 64, request + 9, "wamp.error.procedure_already_exists"]);
        ask(json!([64, request + 9, {}, uri]), taken);
    }
    (sent, expected)
}

/// An answer without what the router chose.
fn essence(answer: &Value) -> Value {
    match answer[0].as_u64() {
        Some(50) if answer[3][0].is_null() || answer[3][0] == json!([]) => json!([50, answer[1], "nothing"]),
        Some(50) => json!([50, answer[1], "something"]),
        Some(8) => json!([8, answer[1], answer[2], answer[4]]),
        Some(68) => json!([68, answer[4]]),
        _ => json!([answer[0], answer[1]]),
    }
}

/// RPC-1, RPP-2, RMA-10, RMA-11: a procedure is there right behind its REGISTER and not before it, in every framing and encoding.
#[test]
fn messages_read_at_once_are_handled_one_after_the_other() {
    let router = Router::start();
    let mut holder = populate(&router);
    for (number, wire) in Wire::ALL.into_iter().filter(|wire| !wire.is_batched()).enumerate() {
        let mut client = router.joined(wire);
        let (sent, expected) = exchange(&format!("w{number}"));
        client.send_at_once(&sent);
        let answers: Vec<_> = expected.iter().map(|_| essence(&client.receive())).collect();
        assert_eq!(answers, expected, "{wire:?}");
        // What is asked for among many, and again, so that it is looked at and is not.
        for round in 0..3 {
            let calls: Vec<_> = (1..=AT_ONCE)
                .map(|i| json!([48, AT_ONCE * (round + 1) + i, {}, format!("com.held.p{}", i * 1000), [round, i]]))
                .collect();
            client.send_at_once(&calls);
            for i in 1..=AT_ONCE {
                let invocation = holder.receive();
                assert_eq!((&invocation[0], &invocation[4]), (&json!(68), &json!([round, i])), "{wire:?}");
            }
        }
    }
}

/// GEN-11: what breaks the rules ends the session where it stands; what is before it is answered, nothing behind it.
#[test]
fn a_violation_among_messages_read_at_once_ends_the_session_there() {
    let router = Router::start();
    let _holder = populate(&router);
    for wire in Wire::ALL.into_iter().filter(|wire| !wire.is_batched()) {
        let mut client = router.joined(wire);
        let mut sent: Vec<_> = (1..20).map(|request| json!([48, request, {}, "com.nobody"])).collect();
        sent.insert(10, json!([48, 0, {}, "com.nobody"]));
        client.send_at_once(&sent);
        for request in 1..=10 {
            assert_eq!(essence(&client.receive()), json!([8, 48, request, "wamp.error.no_such_procedure"]), "{wire:?}");
        }
        let abort = client.receive();
        assert_eq!((&abort[0], &abort[2]), (&json!(3), &json!("wamp.error.protocol_violation")), "{wire:?}");
        assert_eq!(client.receive_or_end(), None);
    }
}
