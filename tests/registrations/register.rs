//! REGISTER and UNREGISTER: their answers, their events, their refusals.

use std::sync::Arc;

use banyan::pattern::rules::{Action, RuleSet};
use banyan::wamp::Policy;
use serde_json::json;

use super::Observer;
use super::support::{Profile, World, rule};

/// RPC-1, RMA-1, RMA-2, RMA-5, MTA-5, MTA-9. `REGISTER -> REGISTERED, on_create, on_register`.
#[test]
fn the_first_callee_creates_a_registration() {
    let mut world = World::new();
    let observer = Observer::new(&mut world);
    let callee = world.join();
    let session = world.session(callee);
    let id = world.register(callee, 1, json!({}), "com.proc");
    let details = json!({"id": id, "created": "2026-11-22T09:50:31.409Z", "uri": "com.proc", "match": "exact",
        "invoke": "single"});
    observer.expect(&mut world, json!([["on_create", session, details], ["on_register", session, id]]));
    let id = world.register(callee, 2, json!({"match": "wildcard", "invoke": "roundrobin"}), "com..x");
    let details = json!({"id": id, "created": "*", "uri": "com..x", "match": "wildcard", "invoke": "roundrobin"});
    observer.expect(&mut world, json!([["on_create", session, details], ["on_register", session, id]]));
    world.expect_nothing(callee);
}

/// RPC-2, RMA-3, RMA-4. `UNREGISTER -> UNREGISTERED, on_unregister, on_delete`.
#[test]
fn the_last_callee_deletes_a_registration() {
    let mut world = World::new();
    let observer = Observer::new(&mut world);
    let callee = world.join();
    let session = world.session(callee);
    let id = world.register(callee, 1, json!({}), "com.proc");
    observer.events(&mut world);
    world.send(callee, json!([66, 2, id]));
    world.expect(callee, json!([67, 2]));
    observer.expect(&mut world, json!([["on_unregister", session, id], ["on_delete", session, id]]));
    let again = world.register(callee, 3, json!({}), "com.proc");
    assert_ne!(again, id, "ids are not used again");
}

/// MTA-4. The session that causes events gets them too, after its reply.
#[test]
fn replies_come_before_the_events_they_cause() {
    let mut world = World::new();
    let client = world.join();
    let created = world.subscribe(client, 1, json!({}), "wamp.registration.on_create");
    let deleted = world.subscribe(client, 2, json!({}), "wamp.registration.on_delete");
    world.send(client, json!([64, 3, {}, "com.proc"]));
    let registered = world.receive(client);
    assert_eq!(registered[0], 65);
    world.expect(client, json!([36, created, "*", {}, ["*", "*"], {"uri": "com.proc", "match": "exact"}]));
    world.send(client, json!([66, 4, registered[2]]));
    world.expect(client, json!([67, 4]));
    world.expect(client, json!([36, deleted, "*", {}, ["*", registered[2]], {"uri": "com.proc", "match": "exact"}]));
}

/// RMA-6, SHR-2, RMA-18. Further callees join and leave; only the last one deletes.
#[test]
fn a_shared_registration_lives_until_its_last_callee() {
    let mut world = World::new();
    let observer = Observer::new(&mut world);
    let callees = [world.join(), world.join(), world.join()];
    let sessions = callees.map(|callee| world.session(callee));
    let ids = callees.map(|callee| world.register(callee, 1, json!({"invoke": "random"}), "com.proc"));
    assert_eq!(ids, [ids[0]; 3]);
    let id = ids[0];
    observer.expect(
        &mut world,
        json!([
            ["on_create", sessions[0], "*"],
            ["on_register", sessions[0], id],
            ["on_register", sessions[1], id],
            ["on_register", sessions[2], id],
        ]),
    );
    world.send(callees[1], json!([66, 2, id]));
    world.leave(callees[0]);
    world.send(callees[2], json!([66, 2, id]));
    observer.expect(
        &mut world,
        json!([
            ["on_unregister", sessions[1], id],
            ["on_unregister", sessions[0], id],
            ["on_unregister", sessions[2], id],
            ["on_delete", sessions[2], id],
        ]),
    );
}

/// RMA-6, SHR-3, SHR-4, SHR-7, D-13, URI-7, URI-9, URI-11, AZN-2, AZN-4, AZN-8. Refusals, and no event of any.
#[test]
fn a_failed_register_changes_nothing() {
    let mut world = World::with(|options| {
        let rules = RuleSet::compile(vec![rule("com.x", Policy::Exact, &[Action::Register])]);
        options.roles.insert("guest".into(), Arc::new(rules));
    });
    let observer = Observer::new(&mut world);
    let (one, two, guest) = (world.join(), world.join(), world.join_as(Profile::plain().role("guest")));
    world.register(one, 1, json!({}), "com.single");
    world.register(one, 2, json!({"invoke": "first"}), "com.shared");
    observer.events(&mut world);
    for (client, request, options, procedure, error) in [
        (two, 1, json!({}), "com.single", "wamp.error.procedure_already_exists"),
        (two, 2, json!({"invoke": "first"}), "com.single", "wamp.error.procedure_already_exists"),
        (two, 3, json!({}), "com.shared", "wamp.error.procedure_exists_with_different_invocation_policy"),
        (
            two,
            4,
            json!({"invoke": "last"}),
            "com.shared",
            "wamp.error.procedure_exists_with_different_invocation_policy",
        ),
        (one, 5, json!({"invoke": "first"}), "com.shared", "wamp.error.procedure_already_exists"),
        (one, 6, json!({}), "com.single", "wamp.error.procedure_already_exists"),
        (one, 7, json!({}), "com..x", "wamp.error.invalid_uri"),
        (one, 8, json!({}), "com.", "wamp.error.invalid_uri"),
        (one, 9, json!({"match": "prefix"}), "com.#", "wamp.error.invalid_uri"),
        (one, 10, json!({}), "wamp.mine", "wamp.error.invalid_uri"),
        (one, 11, json!({}), "wamp", "wamp.error.invalid_uri"),
        (one, 12, json!({"match": "prefix"}), "wamp.", "wamp.error.invalid_uri"),
        (guest, 1, json!({}), "com.single", "wamp.error.not_authorized"),
        (guest, 2, json!({"match": "prefix"}), "com.x", "wamp.error.not_authorized"),
    ] {
        world.send(client, json!([64, request, options, procedure]));
        world.expect_error(client, 64, request, error);
    }
    world.register(guest, 3, json!({}), "com.x");
    world.register(one, 13, json!({"match": "prefix"}), "com.single");
    assert_eq!(observer.events(&mut world).len(), 4, "two of each that succeeded");
}

/// RPC-2. Unknown registrations and those of others.
#[test]
fn only_a_callee_unregisters() {
    let mut world = World::new();
    let observer = Observer::new(&mut world);
    let (callee, other) = (world.join(), world.join());
    let id = world.register(callee, 1, json!({}), "com.proc");
    observer.events(&mut world);
    for (request, registration) in [(1, id), (2, id + 1), (3, 1 << 53)] {
        world.send(other, json!([66, request, registration]));
        world.expect_error(other, 66, request, "wamp.error.no_such_registration");
    }
    observer.expect(&mut world, json!([]));
}

/// SIZ-7. The quota of registrations.
#[test]
fn registrations_are_limited_per_session() {
    let mut world = World::with(|options| options.limits.registrations = 2);
    let callee = world.join();
    let id = world.register(callee, 1, json!({}), "com.a");
    world.register(callee, 2, json!({}), "com.b");
    world.send(callee, json!([64, 3, {}, "com.c"]));
    world.expect_error(callee, 64, 3, "wamp.error.limit_exceeded");
    world.send(callee, json!([66, 4, id]));
    world.expect(callee, json!([67, 4]));
    world.register(callee, 5, json!({}), "com.c");
}
