//! Registrations and their meta API: every cause of the four events, every procedure, every refusal.

mod support;

use banyan::pattern::rules::{Action, RuleSet};
use banyan::realm::RegistrationMatch;
use banyan::wamp::{Encoding, Policy};
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::sync::Arc;
use support::{Client, Profile, World, matches, rule};

/// A session that subscribes to the four topics.
struct Observer {
    client: Client,
    /// By subscription id, the last word of the topic.
    topics: Vec<(u64, &'static str)>,
}

impl Observer {
    fn new(world: &mut World) -> Observer {
        Observer::speaking(world, Encoding::Json)
    }

    fn speaking(world: &mut World, encoding: Encoding) -> Observer {
        let client = world.join_as(Profile::plain().speaking(encoding));
        let topics = ["on_create", "on_register", "on_unregister", "on_delete"];
        let subscribe = |(request, topic): (u64, &'static str)| {
            (world.subscribe(client, request, json!({}), &format!("wamp.registration.{topic}")), topic)
        };
        Observer { client, topics: (1..).zip(topics).map(subscribe).collect() }
    }

    /// The events since the last look: `[topic, Arguments...]` each.
    fn events(&self, world: &mut World) -> Vec<Value> {
        let told = |event: Value| {
            assert_eq!((&event[0], &event[3]), (&json!(36), &json!({})), "an EVENT, with no details: {event}");
            let topic = self.topics.iter().find(|(id, _)| event[1] == *id).expect("its own subscription").1;
            let mut told = vec![json!(topic)];
            told.extend(event[4].as_array().expect("Arguments").iter().cloned());
            Value::from(told)
        };
        world.drain(self.client).into_iter().map(told).collect()
    }

    #[track_caller]
    fn expect(&self, world: &mut World, events: Value) {
        let got = Value::from(self.events(world));
        assert!(matches(&events, &got), "expected {events}\n     got {got}");
    }
}

// ---- REGISTER and UNREGISTER -------------------------------------------------------------------------------------------

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

// ---- Every other cause -------------------------------------------------------------------------------------------------

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

// ---- The procedures ----------------------------------------------------------------------------------------------------

/// RMA-8 to RMA-14, RMA-18. Everything the procedures answer.
#[test]
fn the_procedures_answer() {
    let mut world = World::new();
    let (one, two, client) = (world.join(), world.join(), world.join());
    let sessions = [one, two].map(|client| world.session(client));
    let exact = world.register(one, 1, json!({"invoke": "roundrobin"}), "com.myapp.create");
    world.register(two, 1, json!({"invoke": "roundrobin"}), "com.myapp.create");
    let prefix = world.register(two, 2, json!({"match": "prefix"}), "com.myapp");
    let wildcard = world.register(two, 3, json!({"match": "wildcard"}), "com..create");
    let mut request = 0;
    let mut ask = |world: &mut World, procedure: &str, args: Value| {
        request += 1;
        world.ask(client, request, &format!("wamp.registration.{procedure}"), args)
    };
    let all = json!([{"exact": [exact], "prefix": [prefix], "wildcard": [wildcard]}]);
    assert_eq!(ask(&mut world, "list", json!([])), Ok(all.clone()));
    assert_eq!(ask(&mut world, "list", json!([null])), Ok(all));
    let of_one = json!([{"exact": [exact], "prefix": [], "wildcard": []}]);
    assert_eq!(ask(&mut world, "list", json!([sessions[0]])), Ok(of_one));
    assert_eq!(ask(&mut world, "list", json!([4711])), Err("wamp.error.no_such_session".into()));
    assert_eq!(ask(&mut world, "count", json!([])), Ok(json!([{"exact": 1, "prefix": 1, "wildcard": 1}])));

    assert_eq!(ask(&mut world, "lookup", json!(["com.myapp.create"])), Ok(json!([exact])));
    assert_eq!(ask(&mut world, "lookup", json!(["com.myapp", {"match": "prefix"}])), Ok(json!([prefix])));
    assert_eq!(ask(&mut world, "lookup", json!(["com..create", {"match": "wildcard"}])), Ok(json!([wildcard])));
    assert_eq!(ask(&mut world, "lookup", json!(["com.myapp"])), Ok(json!([null])));
    assert_eq!(ask(&mut world, "lookup", json!(["com.myapp", {"match": null, "other": 1}])), Ok(json!([null])));

    assert_eq!(ask(&mut world, "match", json!(["com.myapp.create"])), Ok(json!([[exact, prefix, wildcard]])));
    assert_eq!(ask(&mut world, "match", json!(["com.x.create"])), Ok(json!([[wildcard]])));
    assert_eq!(ask(&mut world, "match", json!(["org.x"])), Ok(json!([[]])));
    assert_eq!(ask(&mut world, "match", json!(["com.myapp.create", {"best": true}])), Ok(json!([exact])));
    assert_eq!(ask(&mut world, "match", json!(["org.x", {"best": true}])), Ok(json!([null])));

    let details = json!({"id": prefix, "created": "2026-11-22T09:50:31.409Z", "uri": "com.myapp", "match": "prefix",
        "invoke": "single"});
    assert_eq!(ask(&mut world, "get", json!([prefix])), Ok(json!([details])));
    assert_eq!(ask(&mut world, "list_callees", json!([exact])), Ok(json!([sessions])));
    assert_eq!(ask(&mut world, "count_callees", json!([exact])), Ok(json!([2])));
    for procedure in ["get", "list_callees", "count_callees"] {
        let unknown = ask(&mut world, procedure, json!([exact + 1000]));
        assert_eq!(unknown, Err("wamp.error.no_such_registration".into()), "{procedure}");
    }
}

/// RMA-11, D-01. The realm's setting, and the keyword argument.
#[test]
fn match_answers_the_best_where_the_realm_says_so() {
    let mut world = World::with(|options| options.registration_match = RegistrationMatch::Best);
    let client = world.join();
    let id = world.register(client, 1, json!({}), "com.proc");
    assert_eq!(world.ask(client, 2, "wamp.registration.match", json!(["com.proc"])), Ok(json!([id])));
    assert_eq!(world.ask(client, 3, "wamp.registration.match", json!(["com.other"])), Ok(json!([null])));
    world.send(client, json!([48, 4, {}, "wamp.registration.match", ["com.proc"], {"best": false}]));
    world.expect(client, json!([50, 4, {}, [[id]]]));
}

/// RMA-11, D-22. What a CALL would not reach does not match: reserved names, invalid URIs.
#[test]
fn match_finds_what_a_call_reaches() {
    let mut world = World::new();
    let client = world.join();
    world.register(client, 1, json!({"match": "prefix"}), "");
    for (request, uri) in [(2, "wamp.session.count"), (3, "wamp"), (4, "com..x"), (5, "")] {
        assert_eq!(world.ask(client, request, "wamp.registration.match", json!([uri])), Ok(json!([[]])), "{uri}");
    }
}

/// MTA-7, D-42. Number and types of arguments.
#[test]
fn wrong_arguments_are_refused() {
    let mut world = World::new();
    let client = world.join();
    let wrong = [
        ("list", json!(["x"])),
        ("list", json!([1, {}, 3])),
        ("list", json!([null, 5])),
        ("list", json!([{"limit": 0}])),
        ("list", json!([{"after": "x"}])),
        ("count", json!([1])),
        ("lookup", json!([])),
        ("lookup", json!([1])),
        ("lookup", json!(["com.x", "prefix"])),
        ("lookup", json!(["com.x", {"match": "regex"}])),
        ("lookup", json!(["com.x", {"match": 1}])),
        ("lookup", json!(["com.x", {}, 1])),
        ("match", json!([])),
        ("match", json!(["com.x", {"best": 1}])),
        ("get", json!([])),
        ("get", json!([0])),
        ("get", json!([-1])),
        ("get", json!(["1"])),
        ("get", json!([1, 2])),
        ("list_callees", json!([null])),
        ("count_callees", json!([])),
    ];
    for (request, (procedure, args)) in (1..).zip(wrong) {
        let answer = world.ask(client, request, &format!("wamp.registration.{procedure}"), args.clone());
        assert_eq!(answer, Err("wamp.error.invalid_argument".into()), "{procedure} {args}");
    }
    let no_such = world.ask(client, 100, "wamp.registration.nothing", json!([]));
    assert_eq!(no_such, Err("wamp.error.no_such_procedure".into()));
}

/// Issue 3, meta_visibility: a session sees what it may call or register, and nothing else.
#[test]
fn a_realm_may_hide_registrations() {
    let mut world = World::with(|options| {
        let rules = [rule("com.open", Policy::Prefix, &[Action::Call]), rule("wamp.", Policy::Prefix, &[Action::Call])];
        options.roles.insert("guest".into(), Arc::new(RuleSet::compile(rules.to_vec())));
        options.meta_visibility = true;
    });
    let (owner, guest) = (world.join(), world.join_as(Profile::plain().role("guest")));
    let open = world.register(owner, 1, json!({}), "com.open.a");
    let closed = world.register(owner, 2, json!({}), "com.closed");
    let wide = world.register(owner, 3, json!({"match": "prefix"}), "com.");
    let mut request = 10;
    let mut ask = |world: &mut World, client, procedure: &str, args: Value| {
        request += 1;
        world.ask(client, request, &format!("wamp.registration.{procedure}"), args)
    };
    let seen = json!([{"exact": [open], "prefix": [], "wildcard": []}]);
    assert_eq!(ask(&mut world, guest, "list", json!([])), Ok(seen.clone()));
    let session = world.session(owner);
    assert_eq!(ask(&mut world, guest, "list", json!([session])), Ok(seen));
    assert_eq!(ask(&mut world, guest, "lookup", json!(["com.closed"])), Ok(json!([null])));
    assert_eq!(ask(&mut world, guest, "match", json!(["com.open.a"])), Ok(json!([[open]])));
    assert_eq!(ask(&mut world, guest, "match", json!(["com.closed", {"best": true}])), Ok(json!([null])));
    assert_eq!(ask(&mut world, guest, "get", json!([closed])), Err("wamp.error.no_such_registration".into()));
    assert_eq!(ask(&mut world, guest, "count", json!([])), Err("wamp.error.not_authorized".into()));
    let all = json!([{"exact": [open, closed], "prefix": [wide], "wildcard": []}]);
    assert_eq!(ask(&mut world, owner, "list", json!([])), Ok(all));
}

// ---- Long answers ------------------------------------------------------------------------------------------------------

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

fn register_many(world: &mut World, client: Client, count: u64) -> BTreeSet<u64> {
    for request in 1..=count {
        world.post(client, json!([64, request, {}, format!("com.many.{request}")]));
    }
    world.turn();
    world.drain(client).iter().map(|registered| registered[2].as_u64().expect("an id")).collect()
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

// ---- Departures in steps -----------------------------------------------------------------------------------------------

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
