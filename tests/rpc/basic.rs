//! Calls and answers; what is too long or too much. Spec: "Remote Procedure Calls".

use std::sync::Arc;

use banyan::pattern::rules::{Action, RuleSet};
use banyan::wamp::{Encoding, Features, Policy};
use serde_json::json;

use super::pair;
use super::support::{Profile, World, rule};

/// RPC-4, GEN-7. `CALL -> INVOCATION -> YIELD -> RESULT`, value for value.
#[test]
fn a_call_reaches_its_callee_and_its_result_the_caller() {
    let (mut world, callee, caller, registration) = pair(Profile::plain(), Profile::plain());
    world.send(caller, json!([48, 1, {}, "com.proc", [1, 2.5, "x", null], {"deep": [{"a": true}]}]));
    world.expect(callee, json!([68, 1, registration, {}, [1, 2.5, "x", null], {"deep": [{"a": true}]}]));
    world.send(callee, json!([70, 1, {}, [3], {"unit": "m"}]));
    world.expect(caller, json!([50, 1, {}, [3], {"unit": "m"}]));
    world.expect_nothing(callee);
    world.expect_nothing(caller);
}

/// RPC-4, RPC-13, GEN-3. `CALL -> INVOCATION -> ERROR -> ERROR`: URI and payload as the callee sent them, no details.
#[test]
fn an_error_reaches_the_caller_unchanged() {
    let (mut world, callee, caller, _) = pair(Profile::plain(), Profile::plain());
    world.send(caller, json!([48, 7, {}, "com.proc"]));
    world.expect(callee, json!([68, 1, "*", {}]));
    world.send(callee, json!([8, 68, 1, {"unknown": 1}, "com.error.bad", ["why"], {"code": 4}]));
    world.expect(caller, json!([8, 48, 7, {}, "com.error.bad", ["why"], {"code": 4}]));
}

/// RPC-3, URI-7, URI-9, AZN-2. Errors that need no callee; the session stays up.
#[test]
fn calls_that_reach_nobody_are_answered() {
    let mut world = World::with(|options| {
        let rules = RuleSet::compile(vec![rule("com.", Policy::Prefix, &[Action::Call])]);
        options.roles.insert("guest".into(), Arc::new(rules));
    });
    let caller = world.join_as(Profile::plain().role("guest"));
    for (request, procedure, error) in [
        (1, "com.nobody", "wamp.error.no_such_procedure"),
        (2, "com..x", "wamp.error.invalid_uri"),
        (3, "com.a b", "wamp.error.invalid_uri"),
        (4, "org.secret", "wamp.error.not_authorized"),
        (5, "wamp.registration.list", "wamp.error.not_authorized"),
    ] {
        world.send(caller, json!([48, request, {}, procedure]));
        world.expect_error(caller, 48, request, error);
    }
    let nobody = world.join_as(Profile::plain().role("unheard"));
    world.send(nobody, json!([48, 1, {}, "com.nobody"]));
    world.expect_error(nobody, 48, 1, "wamp.error.not_authorized");
}

/// URI-1, PAT-4. Names differ by case; a procedure and a topic may share one.
#[test]
fn uris_are_case_sensitive_and_topics_are_no_procedures() {
    let mut world = World::new();
    let client = world.join();
    let ids = ["com.x", "com.X"].map(|procedure| world.register(client, 1, json!({}), procedure));
    assert_ne!(ids[0], ids[1]);
    world.subscribe(client, 2, json!({}), "com.topic");
    world.subscribe(client, 3, json!({}), "com.x");
    for (request, procedure) in [(4, "com.topic"), (5, "COM.x")] {
        world.send(client, json!([48, request, {}, procedure]));
        world.expect_error(client, 48, request, "wamp.error.no_such_procedure");
    }
}

/// RPC-5. Caller and callee may be the same session.
#[test]
fn a_session_may_call_itself() {
    let mut world = World::new();
    let client = world.join();
    let registration = world.register(client, 1, json!({}), "com.proc");
    world.send(client, json!([48, 2, {}, "com.proc", [1]]));
    world.expect(client, json!([68, 1, registration, {}, [1]]));
    world.send(client, json!([70, 1, {}, [2]]));
    world.expect(client, json!([50, 2, {}, [2]]));
}

/// IDS-5, ORD-2. INVOCATION.Request counts from 1 for each callee; invocations keep the order of calls.
#[test]
fn invocations_count_per_callee_in_the_order_of_calls() {
    let mut world = World::new();
    let (one, two, caller) = (world.join(), world.join(), world.join());
    let a = world.register(one, 1, json!({}), "com.a");
    let b = world.register(one, 2, json!({}), "com.b");
    let c = world.register(two, 1, json!({}), "com.c");
    for (request, procedure) in [(1, "com.b"), (2, "com.c"), (3, "com.a"), (4, "com.b")] {
        world.post(caller, json!([48, request, {}, procedure, [request]]));
    }
    world.turn();
    for (invocation, registration, argument) in [(1, b, 1), (2, a, 3), (3, b, 4)] {
        world.expect(one, json!([68, invocation, registration, {}, [argument]]));
    }
    world.expect(two, json!([68, 1, c, {}, [2]]));
}

/// RPC-6, PRO-3, PRO-4, D-06. An invocation is answered once: later answers are dropped, answers to what was never
/// issued are violations.
#[test]
fn only_live_invocations_are_answered() {
    let (mut world, callee, caller, _) = pair(Profile::plain(), Profile::plain());
    world.send(caller, json!([48, 1, {}, "com.proc"]));
    world.send(callee, json!([70, 1, {}]));
    world.expect(caller, json!([50, 1, {}]));
    world.send(callee, json!([70, 1, {}, ["again"]]));
    world.send(callee, json!([8, 68, 1, {}, "com.error.late"]));
    world.expect_nothing(caller);
    assert!(world.try_post(callee, &json!([8, 68, 2, {}, "com.error.never"])).is_err());
    world.violate(callee, json!([70, 2, {}]));
}

/// RPC-11. The number of another session's invocation means nothing.
#[test]
fn only_the_invoked_session_may_answer() {
    let (mut world, callee, caller, _) = pair(Profile::plain(), Profile::plain());
    let other = world.join();
    world.send(caller, json!([48, 1, {}, "com.proc"]));
    world.violate(other, json!([70, 1, {}, ["forged"]]));
    world.expect_nothing(caller);
    world.send(callee, json!([70, 1, {}, ["true"]]));
    world.expect(caller, json!([50, 1, {}, ["true"]]));
}

/// RPC-7, PRG-6, D-45. The caller leaves: INTERRUPT where the callee takes it; late answers are dropped.
#[test]
fn a_caller_that_leaves_interrupts_its_calls() {
    for (profile, interrupted) in [(Profile::plain(), false), (Profile::plain().with(Features::CALLEE_CANCELING), true)]
    {
        let (mut world, callee, caller, _) = pair(profile, Profile::plain());
        world.send(caller, json!([48, 1, {}, "com.proc"]));
        world.expect(callee, json!([68, 1, "*", {}]));
        world.leave(caller);
        if interrupted {
            world.expect(callee, json!([69, 1, {"mode": "killnowait"}]));
        }
        world.expect_nothing(callee);
        world.send(callee, json!([70, 1, {}]));
    }
}

/// RPC-8, D-47. The callee leaves: `canceled`, never a second callee.
#[test]
fn a_callee_that_leaves_cancels_its_calls() {
    let mut world = World::new();
    let (one, two, caller) = (world.join(), world.join(), world.join());
    world.register(one, 1, json!({"invoke": "first"}), "com.proc");
    world.register(two, 1, json!({"invoke": "first"}), "com.proc");
    world.send(caller, json!([48, 1, {}, "com.proc"]));
    world.leave(one);
    world.expect_error(caller, 48, 1, "wamp.error.canceled");
    world.expect_nothing(two);
}

/// D-45. A session that calls itself and leaves: nothing is sent to anybody.
#[test]
fn a_self_call_dies_with_its_session() {
    let mut world = World::new();
    let client = world.join_as(Profile::full());
    world.register(client, 1, json!({}), "com.proc");
    world.send(client, json!([48, 2, {}, "com.proc"]));
    world.leave(client);
}

/// RPC-9, RPC-10, ORD-6. UNREGISTER does not abort what is running.
#[test]
fn running_invocations_survive_unregister() {
    let (mut world, callee, caller, registration) = pair(Profile::plain(), Profile::plain());
    world.send(caller, json!([48, 1, {}, "com.proc"]));
    world.expect(callee, json!([68, 1, registration, {}]));
    world.send(callee, json!([66, 2, registration]));
    world.expect(callee, json!([67, 2]));
    world.send(callee, json!([70, 1, {}, ["done"]]));
    world.expect(caller, json!([50, 1, {}, ["done"]]));
    world.send(caller, json!([48, 2, {}, "com.proc"]));
    world.expect_error(caller, 48, 2, "wamp.error.no_such_procedure");
}

/// PRO-9, D-50. A call in flight keeps its id.
#[test]
fn the_id_of_a_call_in_flight_is_not_free() {
    let (mut world, _, caller, _) = pair(Profile::plain(), Profile::plain());
    world.send(caller, json!([48, 1, {}, "com.proc"]));
    world.violate(caller, json!([48, 1, {}, "com.proc"]));
}

/// SIZ-7. Quotas of calls and invocations are answered.
#[test]
fn calls_above_a_quota_are_refused() {
    let mut world = World::with(|options| {
        options.limits.calls = 2;
        options.limits.invocations = 3;
    });
    let (callee, one, two) = (world.join(), world.join(), world.join());
    world.register(callee, 1, json!({}), "com.proc");
    for request in 1..=3 {
        world.send(one, json!([48, request, {}, "com.proc"]));
    }
    world.expect_error(one, 48, 3, "wamp.error.limit_exceeded");
    world.send(two, json!([48, 1, {}, "com.proc"]));
    world.expect_nothing(two);
    world.send(two, json!([48, 2, {}, "com.proc"]));
    world.expect_error(two, 48, 2, "wamp.error.limit_exceeded");
    world.send(callee, json!([70, 1, {}]));
    world.expect(one, json!([50, 1, {}]));
    world.send(two, json!([48, 3, {}, "com.proc"]));
    world.expect_nothing(two);
}

/// SER-4. A payload crosses from one encoding to every other.
#[test]
fn callers_and_callees_may_speak_different_encodings() {
    for (from, to) in Encoding::ALL.into_iter().flat_map(|from| Encoding::ALL.map(|to| (from, to))) {
        let (mut world, callee, caller, _) = pair(Profile::plain().speaking(to), Profile::plain().speaking(from));
        world.send(caller, json!([48, 1, {}, "com.proc", [1, -5, 2.5, null, "ü"], {"bin": "\u{0}AAEC"}]));
        world.expect(callee, json!([68, 1, "*", {}, [1, -5, 2.5, null, "ü"], {"bin": "\u{0}AAEC"}]));
        world.send(callee, json!([8, 68, 1, {}, "com.error.x", [], {"a": [true]}]));
        world.expect(caller, json!([8, 48, 1, {}, "com.error.x", [], {"a": [true]}]));
    }
}

/// SIZ-3, SIZ-6, SIZ-7. An INVOCATION that does not leave: the caller is told, no number is used up.
#[test]
fn an_invocation_that_cannot_be_sent_is_answered() {
    let (mut world, callee, caller, registration) = pair(Profile::plain(), Profile::plain());
    world.set_full(callee, true);
    world.send(caller, json!([48, 1, {}, "com.proc"]));
    world.expect_error(caller, 48, 1, "wamp.error.network_failure");
    world.set_full(callee, false);
    world.set_longest(callee, 100);
    world.send(caller, json!([48, 2, {}, "com.proc", ["x".repeat(100)]]));
    world.expect_error(caller, 48, 2, "wamp.error.payload_size_exceeded");
    world.send(caller, json!([48, 3, {}, "com.proc"]));
    world.expect(callee, json!([68, 1, registration, {}]));
    world.lose(callee);
    world.send(caller, json!([48, 4, {}, "com.proc"]));
    world.expect_error(caller, 48, 4, "wamp.error.canceled");
    world.leave(callee);
    world.expect_error(caller, 48, 3, "wamp.error.canceled");
}

/// SIZ-2, SIZ-5. A RESULT that is too long becomes an ERROR, an ERROR that is too long loses its payload.
#[test]
fn an_answer_that_is_too_long_is_told() {
    let (mut world, callee, caller, _) = pair(Profile::plain(), Profile::plain());
    world.set_longest(caller, 120);
    world.send(caller, json!([48, 1, {}, "com.proc"]));
    world.send(callee, json!([70, 1, {}, ["x".repeat(200)]]));
    world.expect_error(caller, 48, 1, "wamp.error.payload_size_exceeded");
    world.send(caller, json!([48, 2, {}, "com.proc"]));
    world.send(callee, json!([8, 68, 2, {}, "com.error.long", ["x".repeat(200)]]));
    world.expect(caller, json!([8, 48, 2, {}, "com.error.long"]));
    world.send(callee, json!([70, 1, {}]));
    world.expect_nothing(caller);
}
