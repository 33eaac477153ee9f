//! Which registration, which callee. Spec: "Pattern-based Registrations", "Shared Registration", "Call Rerouting".

use serde_json::json;

use super::pair;
use super::support::{Profile, World};

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
