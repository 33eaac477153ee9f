//! Remote procedure calls, chapter by chapter: calls, progress, timeouts, canceling, identification, rerouting.

mod support;

use banyan::pattern::rules::{Action, RuleSet};
use banyan::wamp::{Encoding, Features, Policy};
use serde_json::json;
use std::sync::Arc;
use support::{Client, Profile, World, everything, rule};

/// A callee that serves `com.proc`, a caller, and the registration id.
fn pair(callee: Profile, caller: Profile) -> (World, Client, Client, u64) {
    let mut world = World::new();
    let (callee, caller) = (world.join_as(callee), world.join_as(caller));
    let registration = world.register(callee, 1, json!({}), "com.proc");
    (world, callee, caller, registration)
}

// ---- Basic ---------------------------------------------------------------------------------------------------------

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

/// RPC-9. UNREGISTER does not abort what is running.
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

// ---- Size and overload -----------------------------------------------------------------------------------------------

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

// ---- Patterns and sharing ----------------------------------------------------------------------------------------------

/// RPP-2 to RPP-6. Exact beats prefix beats wildcard; the called URI is told for patterns only.
#[test]
fn the_best_registration_is_called() {
    let mut world = World::new();
    let (callee, caller) = (world.join(), world.join());
    let exact = world.register(callee, 1, json!({}), "a1.b2.c3.d4.e5");
    let prefix = world.register(callee, 2, json!({"match": "prefix"}), "a1.b2");
    let longer = world.register(callee, 3, json!({"match": "prefix"}), "a1.b2.c3");
    let wildcard = world.register(callee, 4, json!({"match": "wildcard"}), "x..c");
    let better = world.register(callee, 5, json!({"match": "wildcard"}), "x.b.");
    for (request, uri, registration, details) in [
        (1, "a1.b2.c3.d4.e5", exact, json!({})),
        (2, "a1.b2.c3.d98.e74", longer, json!({"procedure": "a1.b2.c3.d98.e74"})),
        (3, "a1.b200.c3.d4.e5", prefix, json!({"procedure": "a1.b200.c3.d4.e5"})),
        (4, "x.y.c", wildcard, json!({"procedure": "x.y.c"})),
        (5, "x.b.c", better, json!({"procedure": "x.b.c"})),
    ] {
        world.send(caller, json!([48, request, {}, uri]));
        world.expect(callee, json!([68, request, registration, details]));
    }
}

/// RPP-7, D-22, URI-12. The chosen registration is final; a call to `wamp.*` never reaches a client.
#[test]
fn reserved_names_never_reach_a_pattern() {
    let mut world = World::new();
    let (callee, caller) = (world.join(), world.join());
    world.register(callee, 1, json!({"match": "prefix"}), "");
    world.register(callee, 2, json!({"match": "wildcard"}), "..");
    for (request, uri) in [(1, "wamp.no.such"), (2, "wamp"), (3, "wamp.x")] {
        world.send(caller, json!([48, request, {}, uri]));
        world.expect_error(caller, 48, request, "wamp.error.no_such_procedure");
    }
    world.send(caller, json!([48, 4, {}, "wampire"]));
    world.expect(callee, json!([68, 1, "*", {"procedure": "wampire"}]));
}

/// SHR-5, SHR-6. Whose turn it is, through the wire.
#[test]
fn shared_registrations_spread_calls_by_policy() {
    for (invoke, order) in [("roundrobin", [0, 1, 2, 0]), ("first", [0; 4]), ("last", [2; 4])] {
        let mut world = World::new();
        let callees = [world.join(), world.join(), world.join()];
        let caller = world.join();
        for callee in callees {
            world.register(callee, 1, json!({"invoke": invoke}), "com.proc");
        }
        for (request, callee) in (1..).zip(order) {
            world.send(caller, json!([48, request, {}, "com.proc", [request]]));
            let invocation = world.receive(callees[callee]);
            assert_eq!(invocation[4], json!([request]), "{invoke}");
        }
    }
}

/// LIM-2, LIM-4. At the limit; the slot is free again after an answer, a cancellation, a timeout, a caller's loss.
#[test]
fn concurrency_is_limited_and_slots_come_back() {
    let mut world = World::new();
    let (callee, caller) = (world.join(), world.join());
    world.register(callee, 1, json!({"concurrency": 1}), "com.proc");
    let full = |world: &mut World, request| {
        world.send(caller, json!([48, request, {}, "com.proc"]));
        world.expect_error(caller, 48, request, "crossbar.error.max_concurrency_reached");
    };
    world.send(caller, json!([48, 1, {}, "com.proc"]));
    full(&mut world, 2);
    world.send(callee, json!([70, 1, {}]));
    world.expect(caller, json!([50, 1, {}]));
    world.send(caller, json!([48, 3, {"timeout": 10}, "com.proc"]));
    full(&mut world, 4);
    world.advance(10);
    world.expect_error(caller, 48, 3, "wamp.error.timeout");
    world.send(caller, json!([48, 5, {}, "com.proc"]));
    world.send(caller, json!([49, 5, {}]));
    world.expect_error(caller, 48, 5, "wamp.error.canceled");
    let other = world.join();
    world.send(other, json!([48, 1, {}, "com.proc"]));
    full(&mut world, 6);
    world.leave(other);
    world.send(caller, json!([48, 7, {}, "com.proc"]));
    world.expect_nothing(caller);
}

// ---- Progressive results -----------------------------------------------------------------------------------------------

/// PRG-1, PRG-4, ORD-5. Results keep their order; the last one ends the call; D-11: no `call_canceling` needed.
#[test]
fn progressive_results_flow_to_a_caller_that_asked() {
    let (mut world, callee, caller, registration) = pair(Profile::plain(), Profile::plain());
    world.send(caller, json!([48, 1, {"receive_progress": true}, "com.proc"]));
    world.expect(callee, json!([68, 1, registration, {"receive_progress": true}]));
    for part in 0..3 {
        world.post(callee, json!([70, 1, {"progress": true}, [part]]));
    }
    world.send(callee, json!([70, 1, {}]));
    for part in 0..3 {
        world.expect(caller, json!([50, 1, {"progress": true}, [part]]));
    }
    world.expect(caller, json!([50, 1, {}]));
    world.send(callee, json!([70, 1, {"progress": true}, ["late"]]));
    world.expect_nothing(caller);
}

/// PRG-3, D-11. Progress nobody asked for is not passed on, and does not end the call.
#[test]
fn unsolicited_progress_is_dropped() {
    let (mut world, callee, caller, _) = pair(Profile::plain(), Profile::plain());
    world.send(caller, json!([48, 1, {}, "com.proc"]));
    world.send(callee, json!([70, 1, {"progress": true}, ["part"]]));
    world.expect_nothing(caller);
    world.send(callee, json!([70, 1, {}, ["whole"]]));
    world.expect(caller, json!([50, 1, {}, ["whole"]]));
}

/// PRG-5. A caller that does not keep up loses the call, and nothing is buffered without bound.
#[test]
fn a_slow_caller_loses_its_progressive_call() {
    let (mut world, callee, caller, _) = pair(Profile::full(), Profile::plain());
    world.send(caller, json!([48, 1, {"receive_progress": true}, "com.proc"]));
    world.receive(callee);
    world.set_room(caller, false);
    world.send(callee, json!([70, 1, {"progress": true}, ["part"]]));
    world.expect_error(caller, 48, 1, "wamp.error.network_failure");
    world.expect(callee, json!([69, 1, {"mode": "killnowait", "reason": "wamp.error.network_failure"}]));
}

// ---- Progressive invocations -------------------------------------------------------------------------------------------

/// PRI-1, PRI-4, PRI-6, SHR-8. All chunks reach the first callee under one invocation, with the first one's options.
#[test]
fn progressive_calls_stick_to_their_callee_and_options() {
    let mut world = World::new();
    let (one, two) = (world.join_as(Profile::full()), world.join_as(Profile::full()));
    let caller = world.join_as(Profile::full());
    let registration = world.register(one, 1, json!({"invoke": "roundrobin", "match": "prefix"}), "com.");
    world.register(two, 1, json!({"invoke": "roundrobin", "match": "prefix"}), "com.");
    let session = world.session(caller);

    let first = json!({"progress": true, "receive_progress": true, "disclose_me": true});
    world.send(caller, json!([48, 1, first, "com.proc", [0]]));
    world.send(caller, json!([48, 1, {"progress": true}, "com.proc", [1]]));
    world.send(caller, json!([48, 1, {}, "com.proc", [2]]));
    let who = json!({"procedure": "com.proc", "receive_progress": true, "progress": true, "caller": session,
        "caller_authid": "joe", "caller_authrole": "anonymous"});
    let mut last = who.clone();
    last.as_object_mut().expect("a dict").remove("progress");
    world.expect(one, json!([68, 1, registration, who, [0]]));
    world.expect(one, json!([68, 1, registration, who, [1]]));
    world.expect(one, json!([68, 1, registration, last, [2]]));
    world.expect_nothing(two);

    world.send(one, json!([70, 1, {"progress": true}, ["half"]]));
    world.expect(caller, json!([50, 1, {"progress": true}, ["half"]]));
    world.send(one, json!([70, 1, {}]));
    world.expect(caller, json!([50, 1, {}]));
}

/// PRO-5, PRI-2, PRI-3. Who may send and who takes progressive calls.
#[test]
fn progressive_calls_need_the_feature_on_both_sides() {
    let (mut world, callee, caller, _) = pair(Profile::plain(), Profile::full());
    world.send(caller, json!([48, 1, {"progress": true}, "com.proc"]));
    world.expect_error(caller, 48, 1, "wamp.error.feature_not_supported");
    world.expect_nothing(callee);
    // Chunks that were under way are dropped without a word.
    world.send(caller, json!([48, 1, {"progress": true}, "com.proc"]));
    world.send(caller, json!([48, 1, {}, "com.proc"]));
    world.expect_nothing(caller);
    let plain = world.join();
    world.violate(plain, json!([48, 1, {"progress": true}, "com.proc"]));
}

/// PRI-5, PRI-3. The callee may answer early; chunks still under way are dropped, and the id is free after the last.
#[test]
fn chunks_after_an_early_answer_are_dropped() {
    let (mut world, callee, caller, _) = pair(Profile::full(), Profile::full());
    world.send(caller, json!([48, 1, {"progress": true}, "com.proc"]));
    world.receive(callee);
    world.send(callee, json!([70, 1, {}, ["enough"]]));
    world.expect(caller, json!([50, 1, {}, ["enough"]]));
    world.send(caller, json!([48, 1, {"progress": true}, "com.proc"]));
    world.send(caller, json!([48, 1, {}, "com.proc"]));
    world.expect_nothing(callee);
    world.expect_nothing(caller);
    world.send(caller, json!([48, 2, {"progress": true}, "com.proc"]));
    world.send(caller, json!([48, 2, {}, "com.proc"]));
    world.violate(caller, json!([48, 2, {}, "com.proc"]));
}

/// PRI-7, SIZ-6. A chunk for another procedure is dropped; one that cannot be sent ends the call.
#[test]
fn a_chunk_that_goes_astray_does_no_harm() {
    let (mut world, callee, caller, _) = pair(Profile::full(), Profile::full());
    world.send(caller, json!([48, 1, {"progress": true}, "com.proc"]));
    world.receive(callee);
    world.send(caller, json!([48, 1, {"progress": true}, "com.other"]));
    world.expect_nothing(callee);
    world.set_full(callee, true);
    world.send(caller, json!([48, 1, {"progress": true}, "com.proc"]));
    world.expect_error(caller, 48, 1, "wamp.error.network_failure");
    world.expect(callee, json!([69, 1, {"mode": "killnowait"}]));
    world.send(caller, json!([48, 1, {}, "com.proc"]));
    world.expect_nothing(caller);
}

// ---- Timeout -----------------------------------------------------------------------------------------------------------

/// TMO-1, TMO-3, TMO-4, D-10. Milliseconds, run by the router, not forwarded; late answers are dropped.
#[test]
fn a_call_times_out() {
    let (mut world, callee, caller, registration) = pair(Profile::full(), Profile::plain());
    world.send(caller, json!([48, 1, {"timeout": 100}, "com.proc"]));
    world.expect(callee, json!([68, 1, registration, {}]));
    world.advance(99);
    world.expect_nothing(caller);
    world.advance(1);
    world.expect_error(caller, 48, 1, "wamp.error.timeout");
    world.expect(callee, json!([69, 1, {"mode": "killnowait", "reason": "wamp.error.timeout"}]));
    world.send(callee, json!([70, 1, {}]));
    world.expect_nothing(caller);
    world.send(caller, json!([48, 2, {"timeout": 100}, "com.proc"]));
    world.send(callee, json!([70, 2, {}]));
    world.expect(caller, json!([50, 2, {}]));
    world.advance(1000);
    world.expect_nothing(caller);
}

/// TMO-2, TMO-6. Forwarded where the registration asked for it and the callee announced `call_timeout`.
#[test]
fn a_callee_may_run_the_timeout() {
    for (profile, forwarded) in [(Profile::full(), true), (Profile::plain(), false)] {
        let mut world = World::new();
        let (callee, caller) = (world.join_as(profile), world.join());
        world.register(callee, 1, json!({"forward_timeout": true}), "com.proc");
        world.send(caller, json!([48, 1, {"timeout": 100}, "com.proc"]));
        let details = if forwarded { json!({"timeout": 100}) } else { json!({}) };
        world.expect(callee, json!([68, 1, "*", details]));
        world.advance(1000);
        if forwarded {
            world.expect_nothing(caller);
            world.send(callee, json!([8, 68, 1, {}, "wamp.error.timeout"]));
            world.expect(caller, json!([8, 48, 1, {}, "wamp.error.timeout"]));
        } else {
            world.expect_error(caller, 48, 1, "wamp.error.timeout");
        }
    }
}

/// TMO-5. With progress the time is that from one result to the next.
#[test]
fn progress_restarts_the_timeout() {
    let (mut world, callee, caller, _) = pair(Profile::plain(), Profile::plain());
    world.send(caller, json!([48, 1, {"timeout": 100, "receive_progress": true}, "com.proc"]));
    for _ in 0..3 {
        world.advance(80);
        world.send(callee, json!([70, 1, {"progress": true}]));
        world.expect(caller, json!([50, 1, {"progress": true}]));
    }
    world.advance(99);
    world.expect_nothing(caller);
    world.advance(1);
    world.expect_error(caller, 48, 1, "wamp.error.timeout");
}

// ---- Cancel ------------------------------------------------------------------------------------------------------------

/// CAN-1, CAN-2, CAN-4, CAN-5, D-07, D-08. The caller is answered at once; later answers are dropped.
#[test]
fn skip_and_killnowait_answer_at_once() {
    let cases = [
        (Profile::full(), json!({}), true),
        (Profile::full(), json!({"mode": "killnowait"}), true),
        (Profile::full(), json!({"mode": "skip"}), false),
        (Profile::plain(), json!({"mode": "killnowait"}), false),
        (Profile::plain(), json!({"mode": "kill"}), false),
    ];
    for (profile, options, interrupted) in cases {
        let (mut world, callee, caller, _) = pair(profile, Profile::plain());
        world.send(caller, json!([48, 1, {}, "com.proc"]));
        world.receive(callee);
        world.send(caller, json!([49, 1, options]));
        world.expect_error(caller, 48, 1, "wamp.error.canceled");
        if interrupted {
            world.expect(callee, json!([69, 1, {"mode": "killnowait"}]));
        }
        world.expect_nothing(callee);
        world.send(callee, json!([70, 1, {}]));
        world.send(caller, json!([49, 1, options]));
        world.expect_nothing(caller);
    }
}

/// CAN-3, D-08. kill passes on what the callee says: a RESULT or its own ERROR.
#[test]
fn kill_waits_for_the_callee() {
    for (answer, expected) in [
        (json!([70, 1, {}, ["done"]]), json!([50, 1, {}, ["done"]])),
        (json!([8, 68, 1, {}, "com.error.stopped", [9]]), json!([8, 48, 1, {}, "com.error.stopped", [9]])),
    ] {
        let (mut world, callee, caller, _) = pair(Profile::full(), Profile::plain());
        world.send(caller, json!([48, 1, {}, "com.proc"]));
        world.receive(callee);
        world.send(caller, json!([49, 1, {"mode": "kill"}]));
        world.send(caller, json!([49, 1, {"mode": "kill"}]));
        world.expect(callee, json!([69, 1, {"mode": "kill"}]));
        world.expect_nothing(callee);
        world.expect_nothing(caller);
        world.send(callee, answer);
        world.expect(caller, expected);
    }
}

/// CAN-7, CAN-8. A kill may be upgraded, time out, or lose its callee.
#[test]
fn a_kill_that_is_not_answered_ends_otherwise() {
    let killed = |options: serde_json::Value| {
        let (mut world, callee, caller, _) = pair(Profile::full(), Profile::plain());
        world.send(caller, json!([48, 1, options, "com.proc"]));
        world.send(caller, json!([49, 1, {"mode": "kill"}]));
        world.drain(callee);
        (world, callee, caller)
    };
    let (mut world, callee, caller) = killed(json!({}));
    world.send(caller, json!([49, 1, {"mode": "killnowait"}]));
    world.expect_error(caller, 48, 1, "wamp.error.canceled");
    world.expect_nothing(callee);

    let (mut world, callee, caller) = killed(json!({"timeout": 50}));
    world.advance(50);
    world.expect_error(caller, 48, 1, "wamp.error.timeout");
    world.expect_nothing(callee);

    let (mut world, callee, caller) = killed(json!({}));
    world.leave(callee);
    world.expect_error(caller, 48, 1, "wamp.error.canceled");
}

/// CAN-7, PRO-7. Only the caller cancels its call; unknown calls are ignored.
#[test]
fn only_the_caller_cancels() {
    let (mut world, callee, caller, _) = pair(Profile::full(), Profile::plain());
    let other = world.join();
    world.send(caller, json!([48, 1, {}, "com.proc"]));
    world.receive(callee);
    world.send(other, json!([49, 1, {}]));
    world.send(caller, json!([49, 9, {}]));
    world.expect_nothing(callee);
    world.expect_nothing(caller);
}

// ---- Identification ----------------------------------------------------------------------------------------------------

/// CID-1, CID-2, CID-3, D-12. Named when asked, by the caller, the callee or a rule; refused where the realm says so.
#[test]
fn callers_are_disclosed_on_request_or_by_rule() {
    let by_rule = |options: &mut banyan::realm::RealmOptions| {
        let mut told = everything("com.told");
        told.disclose_caller = true;
        options.roles.insert("anonymous".into(), Arc::new(RuleSet::compile(vec![everything("com."), told])));
        options.allow_disclose_me = false;
    };
    let mut world = World::with(by_rule);
    let (callee, caller) = (world.join(), world.join_as(Profile::plain().authid("ann")));
    let named = json!({"caller": world.session(caller), "caller_authid": "ann", "caller_authrole": "anonymous"});
    world.register(callee, 1, json!({}), "com.told");
    world.register(callee, 2, json!({}), "com.quiet");
    world.send(caller, json!([48, 1, {}, "com.told"]));
    world.expect(callee, json!([68, 1, "*", named]));
    world.send(caller, json!([48, 2, {"disclose_me": true}, "com.told"]));
    world.expect(callee, json!([68, 2, "*", named]));
    world.send(caller, json!([48, 3, {"disclose_me": true}, "com.quiet"]));
    world.expect_error(caller, 48, 3, "wamp.error.option_disallowed.disclose_me");
    world.send(callee, json!([64, 3, {"disclose_caller": true}, "com.asking"]));
    world.expect_error(callee, 64, 3, "wamp.error.option_disallowed.disclose_me");

    let mut world = World::new();
    let (callee, caller) = (world.join(), world.join_as(Profile::plain().authid("ann")));
    let named = json!({"caller": world.session(caller), "caller_authid": "ann", "caller_authrole": "anonymous"});
    world.register(callee, 1, json!({"disclose_caller": true}), "com.asking");
    world.register(callee, 2, json!({}), "com.quiet");
    for (request, options, procedure, details) in [
        (1, json!({}), "com.asking", &named),
        (2, json!({"disclose_me": true}), "com.quiet", &named),
        (3, json!({}), "com.quiet", &json!({})),
    ] {
        world.send(caller, json!([48, request, options, procedure]));
        world.expect(callee, json!([68, request, "*", details]));
    }
}

/// RPC-12, D-48. RESULTs name the callee where the realm says so.
#[test]
fn callees_are_disclosed_by_the_realm() {
    let mut world = World::with(|options| options.disclose_callee = true);
    let (callee, caller) = (world.join(), world.join());
    world.register(callee, 1, json!({}), "com.proc");
    world.send(caller, json!([48, 1, {}, "com.proc"]));
    world.send(callee, json!([70, 1, {}]));
    let named = json!({"callee": world.session(callee), "callee_authid": "joe", "callee_authrole": "anonymous"});
    world.expect(caller, json!([50, 1, named]));
}

// ---- Rerouting ---------------------------------------------------------------------------------------------------------

/// CID-6, CID-7. A call handed back goes to the next, each callee once, under a new number; the caller hears nothing.
#[test]
fn a_call_handed_back_goes_on() {
    for (invoke, order) in [("roundrobin", [0, 1, 2]), ("first", [0, 1, 2]), ("last", [2, 1, 0])] {
        let mut world = World::new();
        let callees = [0; 3].map(|_| world.join_as(Profile::full()));
        let caller = world.join();
        for callee in callees {
            world.register(callee, 1, json!({"invoke": invoke}), "com.proc");
        }
        world.send(caller, json!([48, 1, {}, "com.proc", ["work"], {"k": 1}]));
        for callee in order {
            world.expect(callees[callee], json!([68, 1, "*", {}, ["work"], {"k": 1}]));
            world.expect_nothing(caller);
            world.send(callees[callee], json!([8, 68, 1, {}, "wamp.error.unavailable"]));
        }
        world.expect_error(caller, 48, 1, "wamp.error.no_available_callee");
        world.send(callees[0], json!([70, 1, {}]));
        world.expect_nothing(caller);
    }
}

/// CID-6, CID-7. A single callee has no successor; without the feature the error is an ordinary one; nothing moves
/// after a progressive result.
#[test]
fn only_announced_and_unstarted_calls_move() {
    let (mut world, callee, caller, _) = pair(Profile::full(), Profile::plain());
    world.send(caller, json!([48, 1, {}, "com.proc"]));
    world.send(callee, json!([8, 68, 1, {}, "wamp.error.unavailable"]));
    world.expect_error(caller, 48, 1, "wamp.error.no_available_callee");
    world.send(caller, json!([48, 2, {"receive_progress": true}, "com.proc"]));
    world.send(callee, json!([70, 2, {"progress": true}]));
    world.send(callee, json!([8, 68, 2, {}, "wamp.error.unavailable"]));
    world.expect(caller, json!([50, 2, {"progress": true}]));
    world.expect(caller, json!([8, 48, 2, {}, "wamp.error.unavailable"]));

    let (mut world, callee, caller, _) = pair(Profile::plain(), Profile::plain());
    world.send(caller, json!([48, 1, {}, "com.proc"]));
    world.send(callee, json!([8, 68, 1, {}, "wamp.error.unavailable"]));
    world.expect(caller, json!([8, 48, 1, {}, "wamp.error.unavailable"]));
}

/// TMO-7. The time goes on over a reroute.
#[test]
fn rerouting_does_not_restart_the_timeout() {
    let mut world = World::new();
    let callees = [0; 2].map(|_| world.join_as(Profile::full()));
    let caller = world.join();
    for callee in callees {
        world.register(callee, 1, json!({"invoke": "first"}), "com.proc");
    }
    world.send(caller, json!([48, 1, {"timeout": 100}, "com.proc"]));
    world.advance(60);
    world.send(callees[0], json!([8, 68, 1, {}, "wamp.error.unavailable"]));
    world.advance(40);
    world.expect_error(caller, 48, 1, "wamp.error.timeout");
    world.drain(callees[0]);
    world.expect(callees[1], json!([68, 1, "*", {}]));
    world.expect(callees[1], json!([69, 1, {"mode": "killnowait", "reason": "wamp.error.timeout"}]));
}

// ---- Payload passthru --------------------------------------------------------------------------------------------------

/// PPT-1, PPT-6, EXT-2. The keys are copied both ways, and on errors.
#[test]
fn passthru_keys_are_copied() {
    let (mut world, callee, caller, _) = pair(Profile::full(), Profile::full());
    let keys = json!({"ppt_scheme": "x_mine", "ppt_serializer": "cbor", "ppt_cipher": "aes256gcm", "ppt_keyid": "1"});
    world.send(caller, json!([48, 1, keys, "com.proc", ["\u{0}AAEC"]]));
    world.expect(callee, json!([68, 1, "*", keys, ["\u{0}AAEC"]]));
    world.send(callee, json!([70, 1, keys, ["\u{0}AAEC"]]));
    world.expect(caller, json!([50, 1, keys, ["\u{0}AAEC"]]));
    world.send(caller, json!([48, 2, {"transaction_hash": "0xab"}, "com.proc"]));
    world.expect(callee, json!([68, 2, "*", {"transaction_hash": "0xab"}]));
    world.send(callee, json!([8, 68, 2, keys, "com.error.x", ["\u{0}AAEC"]]));
    world.expect(caller, json!([8, 48, 2, keys, "com.error.x", ["\u{0}AAEC"]]));
}

/// PRO-6, PPT-3. Unannounced use is a violation; a peer that cannot take it is spared.
#[test]
fn passthru_needs_the_feature_on_both_sides() {
    let ppt = json!({"ppt_scheme": "x_mine"});
    let (mut world, callee, caller, _) = pair(Profile::plain(), Profile::full());
    world.send(caller, json!([48, 1, ppt, "com.proc", ["\u{0}AA=="]]));
    world.expect_error(caller, 48, 1, "wamp.error.feature_not_supported");
    world.send(caller, json!([48, 2, {}, "com.proc"]));
    world.violate(callee, json!([70, 1, ppt]));
    world.expect_error(caller, 48, 2, "wamp.error.canceled");

    let (mut world, callee, caller, _) = pair(Profile::full(), Profile::plain());
    assert!(world.try_post(caller, &json!([48, 1, ppt, "com.proc"])).is_err());
    world.send(caller, json!([48, 2, {}, "com.proc"]));
    world.send(callee, json!([70, 1, ppt, ["\u{0}AA=="]]));
    world.expect_error(caller, 48, 2, "wamp.error.feature_not_supported");
}

/// ERR rows: an error whose URI is none would end the caller's connection.
#[test]
fn an_error_without_a_uri_does_not_reach_the_caller() {
    let (mut world, callee, caller, _) = pair(Profile::plain(), Profile::plain());
    world.send(caller, json!([48, 1, {}, "com.proc"]));
    world.send(callee, json!([8, 68, 1, {}, "not a uri", ["x"]]));
    world.expect_error(caller, 48, 1, "wamp.error.invalid_uri");
}
