//! Long answers: whole, in parts, in pages.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::register_many;
use super::support::{Client, Profile, World};

/// Ids in the lists of an answer, and that none stands there twice.
fn ids_of(lists: &Value) -> BTreeSet<u64> {
    let all: Vec<u64> = ["exact", "prefix", "wildcard"]
        .iter()
        .flat_map(|policy| lists[policy].as_array().expect("a list").iter().map(|id| id.as_u64().expect("an id")))
        .collect();
    let ids: BTreeSet<u64> = all.iter().copied().collect();
    assert_eq!(ids.len(), all.len(), "an id twice");
    ids
}

/// Issue 3. `list` in parts: bounded RESULTs that together are the list, the last one final; paused while the caller
/// has no room.
#[test]
fn long_lists_come_in_parts() {
    let mut world = World::new();
    let (callee, caller) = (world.join(), world.join());
    let ids = register_many(&mut world, callee, 9_000);
    for args in [json!([]), json!([world.session(callee)])] {
        world.post(caller, json!([48, 1, {"receive_progress": true}, "wamp.registration.list", args]));
        let mut told = BTreeSet::new();
        let mut parts = 0;
        loop {
            let part = world.receive(caller);
            let new = ids_of(&part[3][0]);
            assert!(new.len() <= 2_000);
            told.extend(new);
            parts += 1;
            if part[2] == json!({}) {
                break;
            }
            assert_eq!(part[2], json!({"progress": true}));
            world.set_room(caller, false);
            world.advance(50);
            world.expect_nothing(caller);
            world.set_room(caller, true);
            world.step_next();
        }
        assert_eq!((told.len(), told == ids, parts >= 5), (9_000, true, true));
        world.turn();
        world.expect_nothing(caller);
        world.send(caller, json!([49, 1, {}]));
        world.expect_nothing(caller);
    }
    // The same without receive_progress, and page by page.
    let whole = world.ask(caller, 2, "wamp.registration.list", json!([])).expect("a list");
    assert_eq!(ids_of(&whole[0]), ids);
    for first in [json!([{"limit": 1000}]), json!([world.session(callee), {"limit": 1000}])] {
        let mut left = ids.clone();
        let mut args = first.clone();
        loop {
            world.send(caller, json!([48, 3, {}, "wamp.registration.list", args]));
            let page = world.receive(caller);
            ids_of(&page[3][0]).iter().for_each(|id| assert!(left.remove(id)));
            let next = page[4]["next"].clone();
            if next.is_null() {
                break;
            }
            args = first.clone();
            args.as_array_mut().expect("a list").last_mut().expect("options")["after"] = next;
        }
        assert!(left.is_empty());
    }
}

/// SIZ-2. A list that is too long for the caller: the error says what to do instead.
#[test]
fn a_list_that_is_too_long_says_what_helps() {
    let mut world = World::new();
    let (callee, caller) = (world.join(), world.join());
    register_many(&mut world, callee, 1_000);
    world.set_longest(caller, 1_000);
    world.send(caller, json!([48, 1, {}, "wamp.registration.list"]));
    let error = world.receive(caller);
    assert_eq!(error[4], "wamp.error.payload_size_exceeded");
    assert!(error[5][0].as_str().is_some_and(|text| text.contains("receive_progress") && text.contains("limit")));
    world.send(caller, json!([48, 2, {"receive_progress": true}, "wamp.registration.list"]));
    world.expect_error(caller, 48, 2, "wamp.error.payload_size_exceeded");
    world.send(caller, json!([48, 2, {}, "wamp.registration.count"]));
    world.receive(caller);
}

/// Issue 3. While others are served a long answer goes on once a millisecond, so that they hardly notice it; else as fast
/// as its caller reads.
#[test]
fn a_long_list_makes_way_for_others() {
    let mut world = World::new();
    let (callee, caller, other) = (world.join(), world.join(), world.join());
    register_many(&mut world, callee, 19_000);
    let parts = |world: &mut World| world.drain(caller).len();
    let mut serve_other = {
        let mut request = 0;
        move |world: &mut World| {
            request += 1;
            world.post(other, json!([48, request, {}, "wamp.registration.count_callees", [1]]));
            world.step();
            world.drain(other);
        }
    };
    world.post(caller, json!([48, 1, {"receive_progress": true}, "wamp.registration.list"]));
    assert_eq!(parts(&mut world), 1, "with the answer's beginning");
    serve_other(&mut world);
    assert_eq!(parts(&mut world), 1, "which nobody had to make way for");
    for _ in 0..10 {
        serve_other(&mut world);
        assert_eq!(parts(&mut world), 0, "within the same millisecond");
    }
    world.advance(1);
    assert_eq!(parts(&mut world), 1, "a millisecond later");
    world.advance(1);
    assert_eq!(parts(&mut world), 7, "all that is left, as nobody else is served");
}

/// CAN rows, D-50. A long answer is a call in flight: it can be canceled, its id is taken, it ends with its caller.
#[test]
fn a_long_answer_can_be_canceled() {
    let mut world = World::new();
    let (callee, caller) = (world.join(), world.join());
    register_many(&mut world, callee, 9_000);
    world.post(caller, json!([48, 1, {"receive_progress": true}, "wamp.registration.list"]));
    world.receive(caller);
    world.post(caller, json!([49, 1, {"mode": "kill"}]));
    world.expect_error(caller, 48, 1, "wamp.error.canceled");
    world.turn();
    world.expect_nothing(caller);
    world.post(caller, json!([48, 2, {"receive_progress": true}, "wamp.registration.list"]));
    world.receive(caller);
    world.violate(caller, json!([48, 2, {}, "wamp.registration.list"]));
}

/// Issue 3. `list_callees` in parts and pages, in order of joining.
#[test]
fn long_lists_of_callees_come_in_parts() {
    let mut world = World::new();
    let callees: Vec<Client> = (0..4_500).map(|_| world.join_quietly(Profile::plain())).collect();
    for &callee in &callees {
        world.post(callee, json!([64, 1, {"invoke": "random"}, "com.proc"]));
    }
    world.turn();
    let id = world.receive(callees[0])[2].clone();
    let sessions: Vec<u64> = callees.iter().map(|&callee| world.session(callee)).collect();
    let caller = world.join();
    world.send(caller, json!([48, 1, {"receive_progress": true}, "wamp.registration.list_callees", [id]]));
    let parts = world.drain(caller);
    let told: Vec<u64> =
        parts.iter().flat_map(|part| part[3][0].as_array().expect("a list")).filter_map(Value::as_u64).collect();
    assert_eq!((parts.len(), told), (3, sessions.clone()));
    let mut after = Value::Null;
    let mut told = Vec::new();
    loop {
        world.send(caller, json!([48, 2, {}, "wamp.registration.list_callees", [id, {"limit": 1000, "after": after}]]));
        let page = world.receive(caller);
        told.extend(page[3][0].as_array().expect("a list").iter().filter_map(Value::as_u64));
        after = page[4]["next"].clone();
        if after.is_null() {
            break;
        }
    }
    assert_eq!(told, sessions);
}
