//! Sessions that hold very much leave in steps.

use serde_json::json;

use super::support::World;
use super::{Observer, register_many};

/// Issue 3, target 4. A session with many registrations dies in bounded steps; meanwhile nothing reaches it, its URIs
/// are free, and the procedures show exactly what the events have told.
#[test]
fn a_large_departure_is_released_in_steps() {
    let mut world = World::new();
    let observer = Observer::new(&mut world);
    let left = world.subscribe(observer.client, 9, json!({}), "wamp.session.on_leave");
    let (large, other) = (world.join(), world.join());
    let (session, successor) = (world.session(large), world.session(other));
    let mut mirror = register_many(&mut world, large, 5_000);
    observer.events(&mut world);

    world.leave_quietly(large);
    let mut steps = 0;
    let mut gone = false;
    while !gone {
        let count = world.ask_now(other, 1, "wamp.registration.count", json!([])).expect("a count");
        for event in world.drain(observer.client) {
            gone |= event[1] == left;
            if event[1] == observer.topics[3].0 {
                assert!(!gone && mirror.remove(&event[4][1].as_u64().expect("an id")), "{event}");
            }
        }
        assert_eq!(count[0]["exact"], mirror.len(), "the answer is what the events said");
        if steps == 1 {
            // The first ones registered are released last: this one is still there.
            world.post(other, json!([48, 2, {}, "com.many.1"]));
            world.expect_error(other, 48, 2, "wamp.error.no_such_procedure");
            world.post(other, json!([64, 3, {}, "com.many.2"]));
            let id = world.receive(other)[2].as_u64().expect("REGISTERED");
            mirror.insert(id);
            let callees = world.ask_now(other, 4, "wamp.registration.list_callees", json!([id]));
            assert_eq!(callees, Ok(json!([[successor]])));
            let still = world.ask_now(other, 5, "wamp.session.get", json!([session]));
            assert!(still.is_ok() || still == Err("wamp.error.no_such_session".into()));
        }
        if !gone {
            world.step();
            steps += 1;
        }
        assert!(steps < 20);
    }
    assert!(steps >= 4, "{steps} steps");
    assert_eq!(mirror.len(), 1);
    assert_eq!(world.realm.next_deadline(), None);
}

/// RPC-8, RPC-7. Very many calls in flight end in steps when their callee or their caller leaves: each once, and calls
/// that come in between are none of them.
#[test]
fn very_many_calls_end_in_steps() {
    const CALLS: u64 = 5_000;
    let mut world = World::new();
    let (callee, other, caller) = (world.join(), world.join(), world.join());
    world.register(callee, 1, json!({}), "com.leaves");
    world.register(other, 1, json!({}), "com.stays");
    for request in 1..=CALLS {
        world.post(caller, json!([48, request, {}, "com.leaves"]));
    }
    world.leave_quietly(callee);
    let mut ended = std::collections::BTreeSet::new();
    let mut steps = 0;
    while ended.len() < CALLS as usize {
        let answers = world.drain(caller);
        assert!(answers.len() <= 1_000, "a step is bounded");
        for error in answers {
            assert_eq!(error[4], "wamp.error.canceled");
            assert!(ended.insert(error[2].as_u64().expect("a request")), "answered twice: {error}");
        }
        // Takes the place of a call that is over.
        let request = CALLS + 1 + steps;
        world.post(caller, json!([48, request, {}, "com.stays"]));
        let invocation = world.receive(other);
        world.post(other, json!([70, invocation[1], {}, []]));
        assert_eq!(world.receive(caller)[1], request);
        world.step();
        steps += 1;
        assert!(steps < 20);
    }
    assert!(steps >= 4, "{steps} steps");

    for request in 1..=CALLS {
        world.post(caller, json!([48, 10_000 + request, {}, "com.stays"]));
    }
    let invocations = world.drain(other);
    world.leave_quietly(caller);
    // Answers to calls whose caller has left are dropped, whether its step has come or not.
    for invocation in invocations {
        world.post(other, json!([70, invocation[1], {}, []]));
    }
    world.turn();
    assert_eq!(world.realm.next_deadline(), None);
    world.expect_nothing(other);
}

/// A shared registration whose next callee is departing skips it.
#[test]
fn a_departing_callee_is_never_invoked() {
    let mut world = World::new();
    let (large, small, caller) = (world.join(), world.join(), world.join());
    world.register(large, 1, json!({"invoke": "first"}), "com.proc");
    world.register(small, 1, json!({"invoke": "first"}), "com.proc");
    for request in 2..3_000 {
        world.post(large, json!([64, request, {}, format!("com.many.{request}")]));
    }
    world.turn();
    world.leave_quietly(large);
    world.post(caller, json!([48, 1, {}, "com.proc"]));
    world.expect(small, json!([68, 1, "*", {}]));
}
