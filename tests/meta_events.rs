//! Meta events: which, to whom, in which order.

mod support;

use std::sync::Arc;

use banyan::pattern::rules::{Action, RuleSet};
use banyan::realm::KilledByRole;
use banyan::wamp::{Encoding, Features, Policy};
use serde_json::{Value, json};
use support::{Client, Profile, World, everything, rule};

/// Subscribes to the four events of registrations; request ids from 1 to 4.
fn observe(world: &mut World, client: Client) -> [u64; 4] {
    let topics = ["on_create", "on_register", "on_unregister", "on_delete"];
    let mut request = 0;
    topics.map(|topic| {
        request += 1;
        world.subscribe(client, request, json!({}), &format!("wamp.registration.{topic}"))
    })
}

/// What an observer was sent: subscription and Arguments of each EVENT.
fn told(world: &mut World, client: Client) -> Vec<(u64, Value)> {
    world.drain(client).into_iter().map(|event| (event[1].as_u64().expect("an EVENT"), event[4].clone())).collect()
}

/// RMA-1 to RMA-6, MTA-9. Creation before the first callee, deletion after the last, and nothing else.
#[test]
fn the_life_of_a_shared_registration_is_told_in_order() {
    let mut world = World::new();
    let (observer, first, second) = (world.join(), world.join(), world.join());
    let [create, register, unregister, delete] = observe(&mut world, observer);
    let (one, two) = (world.session(first), world.session(second));
    let options = json!({"match": "prefix", "invoke": "roundrobin"});
    let id = world.register(first, 1, options.clone(), "com.proc");
    world.register(second, 1, options.clone(), "com.proc");
    world.send(second, json!([64, 2, {"match": "prefix", "invoke": "last"}, "com.proc"]));
    world.send(first, json!([66, 2, id]));
    world.send(second, json!([66, 3, id]));
    let details = json!({
        "id": id, "created": "2026-11-22T09:50:31.409Z", "uri": "com.proc", "match": "prefix", "invoke": "roundrobin"
    });
    let wanted = [
        (create, json!([one, details])),
        (register, json!([one, id])),
        (register, json!([two, id])),
        (unregister, json!([one, id])),
        (unregister, json!([two, id])),
        (delete, json!([two, id])),
    ];
    assert_eq!(told(&mut world, observer), wanted);
}

/// MTA-5, RMA-7, ORD-8, D-19, D-21. A session that is lost: real ids, `on_leave` last of all.
#[test]
fn a_lost_session_is_told_with_all_it_held() {
    let mut world = World::new();
    let observer = world.join();
    let all = world.subscribe(observer, 1, json!({"match": "prefix"}), "wamp.");
    let lost = world.join_as(Profile::plain().authid("ann"));
    let session = world.session(lost);
    let registration = world.register(lost, 1, json!({}), "com.proc");
    let subscription = world.subscribe(lost, 2, json!({}), "com.topic");
    world.leave(lost);
    let events = world.drain(observer);
    assert!(events.iter().all(|event| event[1] == all));
    let told: Vec<_> =
        events.iter().map(|event| (event[3]["topic"].as_str().unwrap().to_owned(), event[4].clone())).collect();
    let topics: Vec<_> = told.iter().map(|(topic, _)| topic.strip_prefix("wamp.").unwrap()).collect();
    let wanted = [
        "session.on_join",
        "registration.on_create",
        "registration.on_register",
        "subscription.on_create",
        "subscription.on_subscribe",
        "registration.on_unregister",
        "registration.on_delete",
        "subscription.on_unsubscribe",
        "subscription.on_delete",
        "session.on_leave",
    ];
    assert_eq!(topics, wanted);
    let details = json!({
        "session": session, "authid": "ann", "authrole": "anonymous", "authmethod": "anonymous",
        "authprovider": "static",
        "transport": {"type": "rawsocket", "peer": "tcp:127.0.0.1:51234", "serializer": "json"}
    });
    assert_eq!(told[0].1, json!([details]), "SSM-1");
    assert_eq!(told[6].1, json!([session, registration]));
    assert_eq!(told[8].1, json!([session, subscription]));
    assert_eq!(told[9].1, json!([session, "ann", "anonymous"]), "SSM-2");
}

/// MTA-4. The reply comes first, then the events it causes, also to the session that caused them.
#[test]
fn the_causing_session_hears_of_itself_after_its_reply() {
    let mut world = World::new();
    let client = world.join();
    let [create, register, ..] = observe(&mut world, client);
    world.send(client, json!([64, 5, {}, "com.proc"]));
    world.expect(client, json!([65, 5, "*"]));
    world.expect(client, json!([36, create, "*", {}, "*", {"uri": "com.proc", "match": "exact"}]));
    world.expect(client, json!([36, register, "*", {}, "*", {"uri": "com.proc", "match": "exact"}]));
    world.expect_nothing(client);
}

/// ORD-7, PAT-5, PUB-10. Exact, prefix and wildcard observers of one session and of several, in every encoding.
#[test]
fn every_matching_subscription_hears_in_the_order_of_the_changes() {
    let mut world = World::new();
    let client = world.join();
    let observers: Vec<Client> =
        Encoding::ALL.iter().map(|&encoding| world.join_as(Profile::plain().speaking(encoding))).collect();
    let mut ids = Vec::new();
    for &observer in &observers {
        let exact = world.subscribe(observer, 1, json!({}), "wamp.registration.on_create");
        let prefix = world.subscribe(observer, 2, json!({"match": "prefix"}), "wamp.registration.");
        let wildcard = world.subscribe(observer, 3, json!({"match": "wildcard"}), "wamp..on_create");
        ids = vec![exact, prefix, wildcard];
    }
    world.register(client, 1, json!({}), "com.proc");
    let mut publications = Vec::new();
    for &observer in &observers {
        let events = world.drain(observer);
        let mut first: Vec<u64> = events[..3].iter().map(|event| event[1].as_u64().unwrap()).collect();
        first.sort_unstable();
        let mut wanted = ids.clone();
        wanted.sort_unstable();
        assert_eq!(first, wanted, "on_create, once for each subscription");
        assert_eq!((events.len(), events[3][1].as_u64()), (4, Some(ids[1])), "on_register by the prefix only");
        assert_eq!(events[3][3], json!({"topic": "wamp.registration.on_register"}), "PAT-6, D-21");
        publications.push(events.iter().map(|event| event[2].as_u64().unwrap()).collect::<Vec<_>>());
    }
    assert!(publications.iter().all(|ids| *ids == publications[0]), "one publication id for all");
    assert!(
        publications[0][..3].iter().all(|id| *id == publications[0][0]) && publications[0][3] != publications[0][0]
    );
}

/// PUB-5. Nothing from before SUBSCRIBED, nothing missed before UNSUBSCRIBED, within one turn.
#[test]
fn a_subscription_begins_and_ends_between_two_events() {
    let mut world = World::new();
    let (observer, client) = (world.join(), world.join());
    world.post(client, json!([64, 1, {}, "com.a"]));
    world.post(observer, json!([32, 1, {}, "wamp.registration.on_create"]));
    world.post(client, json!([64, 2, {}, "com.b"]));
    let subscribed = world.receive(observer);
    assert_eq!(subscribed[0], 33);
    world.post(observer, json!([34, 2, subscribed[2]]));
    world.post(client, json!([64, 3, {}, "com.c"]));
    world.turn();
    world.expect(observer, json!([36, subscribed[2], "*", {}, "*", {"uri": "com.b", "match": "exact"}]));
    world.expect(observer, json!([35, 2]));
    world.expect_nothing(observer);
}

/// The observer's guarantee: an answer contains exactly the changes whose events arrived before it.
#[test]
fn an_answer_stands_between_the_events_before_and_after_it() {
    let mut world = World::new();
    let (observer, client) = (world.join(), world.join());
    let [create, register, ..] = observe(&mut world, observer);
    world.post(client, json!([64, 1, {}, "com.a"]));
    world.post(observer, json!([48, 5, {}, "wamp.registration.count"]));
    world.post(client, json!([64, 2, {}, "com.b"]));
    world.turn();
    world.expect(observer, json!([36, create, "*", {}, "*", "*"]));
    world.expect(observer, json!([36, register, "*", {}, "*", "*"]));
    world.expect(observer, json!([50, 5, {}, [{"exact": 1, "prefix": 0, "wildcard": 0}]]));
    world.expect(observer, json!([36, create, "*", {}, "*", {"uri": "com.b", "match": "exact"}]));
    world.expect(observer, json!([36, register, "*", {}, "*", "*"]));
    world.expect_nothing(observer);
}

/// MTA-3. Subscriptions to the router's own topics are no events.
#[test]
fn observing_is_not_observed() {
    let mut world = World::new();
    let observer = world.join();
    world.subscribe(observer, 1, json!({"match": "prefix"}), "wamp.subscription.");
    let other = world.join();
    let meta = world.subscribe(other, 1, json!({}), "wamp.session.on_join");
    world.send(other, json!([34, 2, meta]));
    world.expect_nothing(observer);
}

/// PAT-8, D-22, MTA-1. A pattern that reaches the router's topics hears them only with permission for `wamp.`.
#[test]
fn a_wide_pattern_hears_nothing_of_the_router_without_permission() {
    let mut world = World::with(|options| {
        let rules = vec![everything(""), rule("wamp.", Policy::Prefix, &[Action::Call])];
        options.roles.insert("guest".into(), Arc::new(RuleSet::compile(rules)));
    });
    let guest = world.join_as(Profile::plain().role("guest"));
    let trusted = world.join();
    let all = world.subscribe(guest, 1, json!({"match": "prefix"}), "");
    world.subscribe(trusted, 1, json!({"match": "prefix"}), "");
    world.drain(trusted);
    for (request, topic) in [(2, "wamp.session.on_join"), (3, "wamp.registration.on_create")] {
        world.send(guest, json!([32, request, {}, topic]));
        world.expect_error(guest, 32, request, "wamp.error.not_authorized");
    }
    let client = world.join();
    world.expect_nothing(guest);
    assert_eq!(world.drain(trusted).len(), 1, "on_join");
    world.send(client, json!([16, 1, {}, "com.topic"]));
    world.expect(guest, json!([36, all, "*", {"topic": "com.topic"}]));
}

/// `meta_visibility`: a session hears only of what its role may use.
#[test]
fn a_filtered_observer_hears_of_what_it_may_use() {
    let mut world = World::with(|options| {
        options.meta_visibility = true;
        let rules = vec![
            rule("com.", Policy::Prefix, &[Action::Call, Action::Publish]),
            rule("wamp.", Policy::Prefix, &[Action::Call, Action::Subscribe]),
        ];
        options.roles.insert("guest".into(), Arc::new(RuleSet::compile(rules)));
    });
    let guest = world.join_as(Profile::plain().role("guest"));
    world.subscribe(guest, 1, json!({"match": "prefix"}), "wamp.");
    let all = world.join();
    world.subscribe(all, 1, json!({"match": "prefix"}), "wamp.");
    let client = world.join();
    world.drain(guest);
    world.drain(all);
    world.register(client, 1, json!({}), "org.secret");
    world.register(client, 2, json!({}), "com.open");
    world.subscribe(client, 3, json!({}), "org.secret");
    world.subscribe(client, 4, json!({"match": "prefix"}), "com.open");
    let uris = |events: Vec<Value>| events.into_iter().map(|event| event[5]["uri"].clone()).collect::<Vec<_>>();
    assert_eq!(uris(world.drain(guest)), ["com.open", "com.open", "com.open", "com.open"]);
    assert_eq!(world.drain(all).len(), 8);
}

/// The kwargs are a realm's choice.
#[test]
fn without_the_switch_events_carry_no_kwargs() {
    let mut world = World::with(|options| options.meta_event_kwargs = false);
    let (observer, client) = (world.join(), world.join());
    let [create, register, ..] = observe(&mut world, observer);
    let id = world.register(client, 1, json!({}), "com.proc");
    let session = world.session(client);
    world.expect(observer, json!([36, create, "*", {}, [session, "*"]]));
    world.expect(observer, json!([36, register, "*", {}, [session, id]]));
    world.expect_nothing(observer);
}

/// MTA-1. Events go to their own realm, and the leaver hears nothing: not of itself, not of others.
#[test]
fn an_observer_that_leaves_hears_nothing_more() {
    let mut world = World::new();
    let (observer, stays, client) = (world.join(), world.join(), world.join());
    observe(&mut world, observer);
    let [create, ..] = observe(&mut world, stays);
    world.subscribe(observer, 5, json!({}), "wamp.session.on_leave");
    world.post(client, json!([64, 1, {}, "com.proc"]));
    world.leave_quietly(observer);
    world.turn();
    world.expect_nothing(observer);
    assert_eq!(told(&mut world, stays)[0].0, create);
}

/// LIM-6, SSM-7 to SSM-11. Every cause that is not the session's own.
#[test]
fn kills_and_removals_are_told_like_anything_else() {
    let mut world = World::new();
    let (observer, admin) = (world.join(), world.join());
    let [_, _, unregister, delete] = observe(&mut world, observer);
    let leave = world.subscribe(observer, 5, json!({}), "wamp.session.on_leave");
    let victims: Vec<Client> = (0..3).map(|_| world.join_as(Profile::full().authid("eve"))).collect();
    let sessions: Vec<u64> = victims.iter().map(|&client| world.session(client)).collect();
    let options = json!({"invoke": "random"});
    let id = world.register(victims[0], 1, options.clone(), "com.proc");
    world.register(victims[1], 1, options.clone(), "com.proc");
    world.register(victims[2], 1, options, "com.proc");
    world.drain(observer);

    let args = json!([id, sessions[0]]);
    assert_eq!(world.ask(admin, 1, "wamp.registration.remove_callee", args), Ok(json!([null])));
    world.expect(victims[0], json!([67, 0, {"registration": id, "reason": "*"}]));
    assert_eq!(told(&mut world, observer), [(unregister, json!([sessions[0], id]))]);

    world.send(admin, json!([48, 2, {}, "wamp.session.kill", [sessions[1]], {"reason": "com.bye", "message": "go"}]));
    world.expect(admin, json!([50, 2, {}, [null]]));
    world.expect(victims[1], json!([6, {"message": "go"}, "com.bye"]));
    let left = |session| json!([session, "eve", "anonymous"]);
    assert_eq!(told(&mut world, observer), [(unregister, json!([sessions[1], id])), (leave, left(sessions[1]))]);

    let killed = world.ask(admin, 3, "wamp.session.kill_by_authid", json!(["eve"])).unwrap();
    assert_eq!(killed, json!([[sessions[0], sessions[2]]]));
    world.expect(victims[2], json!([6, {}, "wamp.close.killed"]));
    let wanted = [
        (leave, left(sessions[0])),
        (unregister, json!([sessions[2], id])),
        (delete, json!([sessions[2], id])),
        (leave, left(sessions[2])),
    ];
    assert_eq!(told(&mut world, observer), wanted);
    assert_eq!(world.ask(admin, 4, "wamp.session.kill_by_authid", json!(["eve"])), Ok(json!([[]])));
    let bad = json!([48, 5, {}, "wamp.session.kill", [world.session(observer)], {"reason": "no uri"}]);
    world.send(admin, bad);
    world.expect_error(admin, 48, 5, "wamp.error.invalid_uri");
    for (request, session) in [(6, world.session(admin)), (7, 4711)] {
        let answer = world.ask(admin, request, "wamp.session.kill", json!([session]));
        assert_eq!(answer, Err("wamp.error.no_such_session".to_owned()), "SSM-8");
    }
    assert_eq!(world.ask(admin, 8, "wamp.session.kill_all", json!([])), Ok(json!([1])));
    world.expect(observer, json!([6, {}, "wamp.close.killed"]));
    world.expect_nothing(observer);
}

/// SSM-12, SSM-6. A session that is being released is still told of, until its `on_leave`, and is not killed again.
#[test]
fn an_ending_session_is_not_killed_again() {
    let mut world = World::new();
    let (admin, victim) = (world.join(), world.join());
    for request in 1..=1500 {
        world.post(victim, json!([64, request, {}, format!("com.p{request}")]));
    }
    world.drain(victim);
    let session = world.session(victim);
    world.post(admin, json!([48, 1, {}, "wamp.session.kill", [session]]));
    world.expect(admin, json!([50, 1, {}, [null]]));
    world.post(admin, json!([48, 2, {}, "wamp.session.get", [session]]));
    assert_eq!(world.receive(admin)[0], 50);
    world.post(admin, json!([48, 3, {}, "wamp.session.kill", [session]]));
    world.expect_error(admin, 48, 3, "wamp.error.no_such_session");
    world.post(admin, json!([48, 4, {}, "wamp.session.kill_by_authid", ["joe"]]));
    world.expect(admin, json!([50, 4, {}, [[]]]));
    world.turn();
    assert_eq!(world.ask(admin, 5, "wamp.session.get", json!([session])), Err("wamp.error.no_such_session".to_owned()));
}

/// SSM-2, D-19. `on_leave` names the session alone for a realm whose observers take no more.
#[test]
fn a_leaving_session_may_be_named_by_its_id_alone() {
    let mut world = World::with(|options| options.compat_on_leave = true);
    let (observer, leaver) = (world.join(), world.join());
    let leave = world.subscribe(observer, 1, json!({}), "wamp.session.on_leave");
    let session = world.session(leaver);
    world.leave(leaver);
    world.expect(observer, json!([36, leave, "*", {}, [session]]));
}

/// SSM-10, D-20. `kill_by_authrole` tells the sessions, or how many they were, and spares its caller.
#[test]
fn kill_by_authrole_answers_as_the_realm_says() {
    for answer in [KilledByRole::List, KilledByRole::Count] {
        let mut world = World::with(|options| options.kill_by_authrole = answer);
        let (admin, victim) = (world.join(), world.join());
        let wanted = match answer {
            KilledByRole::List => json!([[world.session(victim)]]),
            KilledByRole::Count => json!([1]),
        };
        assert_eq!(world.ask(admin, 1, "wamp.session.kill_by_authrole", json!(["anonymous"])), Ok(wanted));
        world.expect(victim, json!([6, {}, "wamp.close.killed"]));
    }
}

/// SSM-4 to SSM-6, D-42. Sessions counted, listed and described.
#[test]
fn sessions_can_be_looked_at() {
    let mut world = World::with(|options| {
        options.roles.insert("sensor".into(), Arc::new(RuleSet::compile(Vec::new())));
    });
    let client = world.join();
    let sensor = world.join_as(Profile::plain().role("sensor").authid("s1").speaking(Encoding::Cbor));
    let (own, other) = (world.session(client), world.session(sensor));
    let filters = [
        (json!([]), vec![own, other]),
        (json!([null]), vec![own, other]),
        (json!([["sensor"]]), vec![other]),
        (json!([["anonymous", "sensor"]]), vec![own, other]),
        (json!([["nobody"]]), vec![]),
        (json!([[]]), vec![]),
    ];
    for (request, (args, sessions)) in (1..).step_by(2).zip(filters) {
        let count = world.ask(client, request, "wamp.session.count", args.clone());
        assert_eq!(count, Ok(json!([sessions.len()])), "{args}");
        assert_eq!(world.ask(client, request + 1, "wamp.session.list", args), Ok(json!([sessions])));
    }
    let details = world.ask(client, 20, "wamp.session.get", json!([other])).unwrap();
    assert_eq!((&details[0]["session"], &details[0]["authid"]), (&json!(other), &json!("s1")));
    assert_eq!(details[0]["transport"]["serializer"], "cbor");
    assert_eq!(world.ask(client, 21, "wamp.session.get", json!([4711])), Err("wamp.error.no_such_session".into()));
    for (request, args) in (30..).zip([json!(["sensor"]), json!([[1]]), json!([[], []])]) {
        let answer = world.ask(client, request, "wamp.session.count", args);
        assert_eq!(answer, Err("wamp.error.invalid_argument".to_owned()), "MTA-7");
    }
}

/// RMA-17. What changes the realm for others needs a rule that names it.
#[test]
fn privileged_procedures_need_an_explicit_grant() {
    let mut world = World::with(|options| {
        options.roles.insert("guest".into(), Arc::new(RuleSet::compile(vec![everything("")])));
    });
    let guest = world.join_as(Profile::plain().role("guest"));
    assert!(world.ask(guest, 1, "wamp.session.count", json!([])).is_ok());
    let privileged = [
        "wamp.session.kill",
        "wamp.session.kill_by_authid",
        "wamp.session.kill_by_authrole",
        "wamp.session.kill_all",
        "wamp.subscription.remove_subscriber",
    ];
    for (request, procedure) in (2..).zip(privileged) {
        let answer = world.ask(guest, request, procedure, json!([]));
        assert_eq!(answer, Err("wamp.error.not_authorized".to_owned()), "{procedure}");
    }
}

/// A turn with very many changes is told in several batches, all of them, in order.
#[test]
fn a_long_turn_loses_nothing() {
    let mut world = World::new();
    let observer = world.join();
    let [create, register, unregister, delete] = observe(&mut world, observer);
    let client = world.join_as(Profile::plain().with(Features::CALLEE_REVOCATION).speaking(Encoding::MsgPack));
    for number in 1..=5_000 {
        world.post(client, json!([64, number, {}, format!("com.proc.n{number}")]));
    }
    world.turn();
    let events = told(&mut world, observer);
    assert_eq!(events.len(), 10_000);
    for pair in events.chunks(2) {
        assert_eq!((pair[0].0, pair[1].0), (create, register));
        assert_eq!(pair[0].1[1]["id"], pair[1].1[1]);
    }
    world.leave(client);
    let gone = told(&mut world, observer);
    assert_eq!(gone.len(), 10_000);
    assert!(gone.chunks(2).all(|pair| (pair[0].0, pair[1].0) == (unregister, delete) && pair[0].1 == pair[1].1));
}
