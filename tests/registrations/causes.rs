//! Every other cause of the four events.

use std::sync::Arc;

use banyan::pattern::rules::{Action, RuleSet};
use banyan::wamp::{Encoding, Policy};
use serde_json::{Value, json};

use super::Observer;
use super::support::{Profile, World, matches, rule};

/// RMA-3, RMA-4, RMA-7, MTA-5, D-19, ORD-8. A session is lost: for each registration on_unregister, on_delete where it
/// was the last, its true id; on_leave after all of them.
#[test]
fn a_lost_session_leaves_its_registrations_in_order() {
    let mut world = World::new();
    let observer = Observer::new(&mut world);
    let left = world.subscribe(observer.client, 9, json!({}), "wamp.session.on_leave");
    let (one, two) = (world.join(), world.join_as(Profile::plain().authid("ann")));
    let (first, second) = (world.session(one), world.session(two));
    let shared = world.register(one, 1, json!({"invoke": "last"}), "com.shared");
    world.register(two, 1, json!({"invoke": "last"}), "com.shared");
    let own = world.register(two, 2, json!({"match": "prefix"}), "com.");
    observer.events(&mut world);
    world.leave(two);
    let mut events = world.drain(observer.client);
    let last = events.pop().expect("on_leave");
    assert!(matches(&json!([36, left, "*", {}, [second, "ann", "anonymous"]]), &last), "{last}");
    let topic = |event: &Value| observer.topics.iter().find(|(id, _)| event[1] == *id).map(|(_, topic)| *topic);
    let told: Vec<_> = events.iter().map(|event| (topic(event), event[4].clone())).collect();
    let of_own = told.iter().filter(|(_, args)| args[1] == own).map(|(topic, _)| *topic);
    assert!(of_own.eq([Some("on_unregister"), Some("on_delete")]), "{told:?}");
    let of_shared = told.iter().filter(|(_, args)| args[1] == shared).map(|(topic, _)| *topic);
    assert!(of_shared.eq([Some("on_unregister")]), "{told:?}");
    assert!(told.iter().all(|(_, args)| args[0] == second));
    world.leave(one);
    let events = world.drain(observer.client);
    assert_eq!(events.len(), 3);
    assert!(matches(&json!([first, shared]), &events[0][4]) && matches(&json!([first, shared]), &events[1][4]));
}

/// SSM-7, RMA-3. A killed session leaves as a lost one does; it is told GOODBYE and nothing after it.
#[test]
fn a_killed_session_leaves_its_registrations() {
    let mut world = World::new();
    let observer = Observer::new(&mut world);
    let (callee, killer) = (world.join(), world.join());
    let session = world.session(callee);
    let id = world.register(callee, 1, json!({}), "com.proc");
    observer.events(&mut world);
    assert_eq!(world.ask(killer, 1, "wamp.session.kill", json!([session])), Ok(json!([null])));
    world.expect(callee, json!([6, {}, "wamp.close.killed"]));
    world.expect_nothing(callee);
    observer.expect(&mut world, json!([["on_unregister", session, id], ["on_delete", session, id]]));
}

/// LIM-5, LIM-6, LIM-7, D-14. `force_reregister`: all callees go, with their events, before the new registration comes.
#[test]
fn force_reregister_takes_over() {
    let mut world = World::new();
    let observer = Observer::new(&mut world);
    let (one, two) = (world.join_as(Profile::full()), world.join());
    let sessions = [one, two].map(|client| world.session(client));
    let old = world.register(one, 1, json!({"invoke": "first"}), "com.proc");
    world.register(two, 1, json!({"invoke": "first"}), "com.proc");
    let taker = world.join();
    let session = world.session(taker);
    observer.events(&mut world);

    let new = world.register(taker, 1, json!({"force_reregister": true}), "com.proc");
    assert_ne!(new, old);
    world.expect(one, json!([67, 0, {"registration": old, "reason": "wamp.error.unregistered"}]));
    world.expect_nothing(two);
    observer.expect(&mut world, json!([
        ["on_unregister", sessions[0], old],
        ["on_unregister", sessions[1], old],
        ["on_delete", sessions[1], old],
        ["on_create", session, {"id": new, "created": "*", "uri": "com.proc", "match": "exact", "invoke": "single"}],
        ["on_register", session, new],
    ]));
    let fresh = world.register(taker, 2, json!({"force_reregister": true}), "com.fresh");
    assert_ne!(fresh, new);
}

/// D-14. Only the same principal takes over.
#[test]
fn force_reregister_needs_the_same_authid() {
    let mut world = World::new();
    let observer = Observer::new(&mut world);
    let (owner, other) = (world.join(), world.join_as(Profile::plain().authid("mallory")));
    world.register(owner, 1, json!({}), "com.proc");
    observer.events(&mut world);
    world.send(other, json!([64, 1, {"force_reregister": true}, "com.proc"]));
    world.expect_error(other, 64, 1, "wamp.error.not_authorized");
    observer.expect(&mut world, json!([]));
}

/// RMA-15, RMA-16, D-02. Both names; revocation if announced, the events, then the result; running calls finish.
#[test]
fn remove_callee_removes_one_callee() {
    for name in ["wamp.registration.remove_callee", "wamp.subscription.remove_callee"] {
        let mut world = World::new();
        let (one, two, caller) = (world.join_as(Profile::full()), world.join(), world.join());
        let sessions = [one, two].map(|client| world.session(client));
        let id = world.register(one, 1, json!({"invoke": "first"}), "com.proc");
        world.register(two, 1, json!({"invoke": "first"}), "com.proc");
        world.send(caller, json!([48, 1, {}, "com.proc"]));
        world.receive(one);
        let gone = world.subscribe(caller, 2, json!({}), "wamp.registration.on_unregister");
        let deleted = world.subscribe(caller, 3, json!({}), "wamp.registration.on_delete");
        let event = |topic: u64, session: u64| json!([36, topic, "*", {}, [session, id], {"uri": "com.proc", "match": "exact"}]);

        world.send(caller, json!([48, 4, {}, name, [id, sessions[0]], {"reason": "com.reason.why"}]));
        world.expect(one, json!([67, 0, {"registration": id, "reason": "com.reason.why"}]));
        world.expect(caller, event(gone, sessions[0]));
        world.expect(caller, json!([50, 4, {}, [null]]));
        world.send(caller, json!([48, 5, {}, name, [id, sessions[1]]]));
        world.expect(caller, event(gone, sessions[1]));
        world.expect(caller, event(deleted, sessions[1]));
        world.expect(caller, json!([50, 5, {}, [null]]));
        world.expect_nothing(two);
        world.send(one, json!([70, 1, {}, ["finished"]]));
        world.expect(caller, json!([50, 1, {}, ["finished"]]));
    }
}

/// RMA-15, RMA-17. The errors of remove_callee, in their order; an explicit grant is needed.
#[test]
fn remove_callee_refuses() {
    let mut world = World::with(|options| {
        let rules = RuleSet::compile(vec![rule("", Policy::Prefix, &[Action::Call, Action::Register])]);
        options.roles.insert("ordinary".into(), Arc::new(rules));
        let named = rule("wamp.subscription.remove_callee", Policy::Exact, &[Action::Call]);
        options.roles.insert("second".into(), Arc::new(RuleSet::compile(vec![named])));
    });
    let observer = Observer::new(&mut world);
    let (callee, other) = (world.join(), world.join());
    let id = world.register(callee, 1, json!({}), "com.proc");
    observer.events(&mut world);
    let (session, bystander) = (world.session(callee), world.session(other));
    for (request, args, error) in [
        (1, json!([id + 9, 77]), "wamp.error.no_such_session"),
        (2, json!([id + 9, session]), "wamp.error.no_such_registration"),
        (3, json!([id, bystander]), "wamp.error.no_such_registration"),
        (4, json!([id]), "wamp.error.invalid_argument"),
        (5, json!([id, "x"]), "wamp.error.invalid_argument"),
        (6, json!([id, session, 3]), "wamp.error.invalid_argument"),
    ] {
        let answer = world.ask(other, request, "wamp.registration.remove_callee", args);
        assert_eq!(answer, Err(error.into()));
    }
    world.send(other, json!([48, 7, {}, "wamp.registration.remove_callee", [id, session], {"reason": "no uri"}]));
    world.expect_error(other, 48, 7, "wamp.error.invalid_uri");
    for role in ["ordinary", "second"] {
        let client = world.join_as(Profile::plain().role(role));
        for (request, name) in [(1, "wamp.registration.remove_callee"), (2, "wamp.subscription.remove_callee")] {
            let answer = world.ask(client, request, name, json!([id, session]));
            assert_eq!(answer, Err("wamp.error.not_authorized".into()), "{role} {name}");
        }
    }
    observer.expect(&mut world, json!([]));
}

/// SES-17, RMA-3, RMA-4. The realm shuts down: observers hear the end of every registration, then everybody GOODBYE.
#[test]
fn shutdown_ends_every_registration() {
    let mut world = World::new();
    let observer = Observer::new(&mut world);
    let callee = world.join();
    let session = world.session(callee);
    let id = world.register(callee, 1, json!({}), "com.proc");
    observer.events(&mut world);
    world.shutdown();
    world.expect(callee, json!([6, {}, "wamp.close.system_shutdown"]));
    let mut messages = world.drain(observer.client);
    assert!(matches(&json!([6, {}, "wamp.close.system_shutdown"]), &messages.pop().expect("GOODBYE")));
    let args: Vec<_> = messages.iter().map(|event| event[4].clone()).collect();
    assert_eq!(args, [json!([session, id]), json!([session, id])]);
    world.send(callee, json!([64, 2, {}, "com.late"]));
}

/// MTA-1, PAT-6, ORD-7. Observers by pattern hear the same order, and are told the topic.
#[test]
fn pattern_observers_hear_the_same() {
    for (options, uri) in
        [(json!({"match": "prefix"}), "wamp.registration."), (json!({"match": "wildcard"}), "wamp.registration.")]
    {
        let mut world = World::new();
        let (observer, callee) = (world.join(), world.join());
        let subscription = world.subscribe(observer, 1, options, uri);
        let id = world.register(callee, 1, json!({}), "com.proc");
        world.send(callee, json!([66, 2, id]));
        for topic in ["on_create", "on_register", "on_unregister", "on_delete"] {
            let details = json!({"topic": format!("wamp.registration.{topic}")});
            world.expect(observer, json!([36, subscription, "*", details, "*", {"uri": "com.proc", "match": "exact"}]));
        }
        world.expect_nothing(observer);
    }
}

/// Issue 3: the events of a turn come in one order in every encoding.
#[test]
fn observers_in_every_encoding_hear_the_same() {
    let mut world = World::new();
    let observers = Encoding::ALL.map(|encoding| Observer::speaking(&mut world, encoding));
    let callee = world.join();
    for request in 1..=50 {
        world.post(callee, json!([64, request, {}, format!("com.proc{request}")]));
    }
    world.turn();
    let [one, two, three] = observers.map(|observer| observer.events(&mut world));
    assert_eq!((one.len(), &one, &one), (100, &two, &three));
}
