//! Publish and subscribe, chapter by chapter.

mod support;

use std::sync::Arc;

use banyan::pattern::rules::{Action, RuleSet};
use banyan::wamp::{Encoding, Features, Policy};
use serde_json::json;
use support::{Profile, World, everything, rule};

/// PUB-1, PUB-9, PUB-11, GEN-7. `SUBSCRIBE -> SUBSCRIBED`, `PUBLISH -> EVENT`, value for value, not to the publisher.
#[test]
fn an_event_reaches_the_subscribers_and_not_its_publisher() {
    let mut world = World::new();
    let (subscriber, publisher) = (world.join(), world.join());
    let subscription = world.subscribe(subscriber, 1, json!({}), "com.topic");
    assert_eq!(world.subscribe(publisher, 1, json!({}), "com.topic"), subscription, "IDS-10");

    world.send(publisher, json!([16, 2, {}, "com.topic", [1, 2.5, null], {"deep": [{"a": true}]}]));
    world.expect(subscriber, json!([36, subscription, "*", {}, [1, 2.5, null], {"deep": [{"a": true}]}]));
    world.expect_nothing(subscriber);
    world.expect_nothing(publisher);
}

/// PAT-1. Wildcards at too many different places are refused, as they are for registrations; places in use are free.
#[test]
fn subscriptions_keep_the_bound_on_wildcards() {
    let mut world = World::new();
    let client = world.join();
    let mut taken = 0;
    for request in 1..=4096_u64 {
        let components = (0..13).map(|place| if request >> place & 1 == 1 { "a" } else { "" });
        let topic = components.collect::<Vec<_>>().join(".");
        world.post(client, json!([32, request, {"match": "wildcard"}, topic]));
        let answer = world.receive(client);
        match answer[0].as_u64() {
            Some(33) => taken += 1,
            _ => assert_eq!(answer[4], "wamp.error.limit_exceeded"),
        }
    }
    assert_eq!(taken, 49_152 / 13);
    world.subscribe(client, 5000, json!({"match": "wildcard"}), "b............");
}

/// PUB-6, PUB-7, PUB-8, D-51. Only an acknowledged PUBLISH is answered, and before the publisher's own EVENT.
#[test]
fn published_comes_on_request_and_before_the_event() {
    let mut world = World::new();
    let client = world.join();
    world.send(client, json!([16, 1, {}, "com.topic"]));
    world.expect_nothing(client);
    world.send(client, json!([16, 2, {"acknowledge": true}, "com.topic"]));
    world.expect(client, json!([17, 2, "*"]));

    let subscription = world.subscribe(client, 3, json!({}), "com.topic");
    world.send(client, json!([16, 4, {"acknowledge": true, "exclude_me": false}, "com.topic", ["own"]]));
    let published = world.receive(client);
    assert_eq!(published[0], 17);
    world.expect(client, json!([36, subscription, published[2], {}, ["own"]]));
}

/// PUB-2, PUB-3, PUB-4. A subscription is held once; one UNSUBSCRIBE ends it.
#[test]
fn subscribing_twice_is_subscribing_once() {
    let mut world = World::new();
    let (client, other, publisher) = (world.join(), world.join(), world.join());
    let subscription = world.subscribe(client, 1, json!({}), "com.topic");
    assert_eq!(world.subscribe(client, 2, json!({}), "com.topic"), subscription);
    world.send(publisher, json!([16, 1, {}, "com.topic"]));
    world.expect(client, json!([36, subscription, "*", {}]));
    world.expect_nothing(client);

    world.send(other, json!([34, 1, subscription]));
    world.expect_error(other, 34, 1, "wamp.error.no_such_subscription");
    world.send(client, json!([34, 3, subscription]));
    world.expect(client, json!([35, 3]));
    world.send(client, json!([34, 4, subscription]));
    world.expect_error(client, 34, 4, "wamp.error.no_such_subscription");
    world.send(client, json!([34, 5, 4711]));
    world.expect_error(client, 34, 5, "wamp.error.no_such_subscription");
    world.send(publisher, json!([16, 2, {}, "com.topic"]));
    world.expect_nothing(client);
}

/// PAT-2 to PAT-6, PUB-10. One EVENT per matching subscription, one publication; patterns are told the topic.
#[test]
fn every_matching_subscription_gets_the_event() {
    let mut world = World::new();
    let (client, publisher) = (world.join(), world.join());
    let exact = world.subscribe(client, 1, json!({}), "com.topic.emergency");
    let prefix = world.subscribe(client, 2, json!({"match": "prefix"}), "com.topic.emergency");
    let wildcard = world.subscribe(client, 3, json!({"match": "wildcard"}), "com..emergency");
    let other = world.subscribe(client, 4, json!({"match": "wildcard"}), "com.topic.");
    assert_eq!([exact, prefix, wildcard, other].iter().collect::<std::collections::HashSet<_>>().len(), 4, "PAT-4");

    world.send(publisher, json!([16, 1, {}, "com.topic.emergency", [1]]));
    let events = world.drain(client);
    assert!(events.iter().all(|event| event[2] == events[0][2]), "one publication id");
    let mut got: Vec<_> = events.iter().map(|event| (event[1].as_u64().unwrap(), event[3].clone())).collect();
    got.sort_by_key(|(subscription, _)| *subscription);
    let topic = json!({"topic": "com.topic.emergency"});
    let mut wanted = vec![(exact, json!({})), (prefix, topic.clone()), (wildcard, topic.clone()), (other, topic)];
    wanted.sort_by_key(|(subscription, _)| *subscription);
    assert_eq!(got, wanted);

    world.send(publisher, json!([16, 2, {}, "com.topic.emergency-low"]));
    let events = world.drain(client);
    assert_eq!(events.len(), 2, "prefix and com.topic.: {events:?}");
    world.send(publisher, json!([16, 3, {}, "com.topic.emerge"]));
    assert_eq!(world.drain(client).len(), 1, "com.topic. only");
}

/// URI-7 to URI-11, D-16, AZN-2, PUB-13. Refused with ERROR, silently where PUBLISH is not acknowledged; the session
/// stays up.
#[test]
fn bad_reserved_and_forbidden_topics_are_refused() {
    let mut world = World::with(|options| {
        let rules =
            [rule("com.x", Policy::Exact, &[Action::Subscribe]), rule("org.", Policy::Prefix, &[Action::Publish])];
        options.roles.insert("guest".into(), Arc::new(RuleSet::compile(rules.to_vec())));
    });
    let client = world.join();
    for (request, options, topic) in [
        (1, json!({}), "com..x"),
        (2, json!({}), "com.#"),
        (3, json!({"match": "prefix"}), "com..x"),
        (4, json!({"match": "wildcard"}), "com. x"),
    ] {
        world.send(client, json!([32, request, options, topic]));
        world.expect_error(client, 32, request, "wamp.error.invalid_uri");
    }
    for (request, topic) in [(5, "com..x"), (6, "wamp.session.on_join"), (7, "wamp"), (8, "com.")] {
        world.send(client, json!([16, request, {"acknowledge": true}, topic]));
        world.expect_error(client, 16, request, "wamp.error.invalid_uri");
        world.send(client, json!([16, request, {}, topic]));
        world.expect_nothing(client);
    }
    let guest = world.join_as(Profile::plain().role("guest"));
    world.send(guest, json!([32, 1, {}, "com.y"]));
    world.expect_error(guest, 32, 1, "wamp.error.not_authorized");
    // AZN-8, D-23: an exact rule covers no pattern.
    world.send(guest, json!([32, 2, {"match": "prefix"}, "com.x"]));
    world.expect_error(guest, 32, 2, "wamp.error.not_authorized");
    world.subscribe(guest, 3, json!({}), "com.x");
    world.send(guest, json!([16, 4, {"acknowledge": true}, "com.x"]));
    world.expect_error(guest, 16, 4, "wamp.error.not_authorized");
    world.send(guest, json!([16, 5, {}, "com.x"]));
    world.expect_nothing(guest);
}

/// SEL-2 to SEL-6, SEL-8, D-15. A receiver passes every list that is present, also an empty one.
#[test]
fn receivers_pass_every_list() {
    let mut world = World::new();
    let publisher = world.join();
    let ann = world.join_as(Profile::plain().authid("ann"));
    let bob = world.join_as(Profile::plain().authid("bob"));
    let subscription = world.subscribe(ann, 1, json!({}), "com.topic");
    world.subscribe(bob, 1, json!({}), "com.topic");
    let (ann_id, bob_id) = (world.session(ann), world.session(bob));
    let cases = [
        (json!({"exclude": [ann_id]}), false, true),
        (json!({"eligible": [ann_id, 4711]}), true, false),
        (json!({"exclude_authid": ["bob", "zoe"]}), true, false),
        (json!({"eligible_authid": ["bob"]}), false, true),
        (json!({"exclude_authrole": ["anonymous"]}), false, false),
        (json!({"eligible_authrole": ["anonymous"]}), true, true),
        (json!({"eligible": [ann_id, bob_id], "exclude": [ann_id]}), false, true),
        (json!({"eligible": [ann_id], "eligible_authid": ["bob"]}), false, false),
        (json!({"eligible": []}), false, false),
        (json!({"eligible_authid": []}), false, false),
        (json!({"exclude": []}), true, true),
        (json!({"eligible": null}), true, true),
    ];
    for (request, (options, to_ann, to_bob)) in (1..).zip(cases) {
        world.send(publisher, json!([16, request, options, "com.topic", [1]]));
        for (client, reached) in [(ann, to_ann), (bob, to_bob)] {
            if reached {
                world.expect(client, json!([36, subscription, "*", {}, [1]]));
            }
            world.expect_nothing(client);
        }
    }
}

/// SEL-7, GEN-4, D-38. A scalar in place of a list is a violation.
#[test]
fn a_scalar_is_no_list() {
    let mut world = World::new();
    for options in [json!({"eligible": 1}), json!({"eligible_authid": "ann"}), json!({"exclude": ["1"]})] {
        let client = world.join();
        world.violate(client, json!([16, 1, options, "com.topic"]));
    }
    let client = world.join();
    world.violate(client, json!([32, 1, {"match": "regex"}, "com.topic"]));
}

/// PID-1 to PID-3, D-12. The publisher is named if it asks or the rule says so, and refused where the realm does not
/// disclose on request.
#[test]
fn the_publisher_is_named_where_it_asks_or_a_rule_says_so() {
    let mut world = World::with(|options| {
        let mut disclosing = rule("", Policy::Prefix, &[Action::Publish]);
        disclosing.disclose_publisher = true;
        options.roles.insert("sensor".into(), Arc::new(RuleSet::compile(vec![disclosing])));
    });
    let subscriber = world.join();
    let subscription = world.subscribe(subscriber, 1, json!({}), "com.topic");
    let asking = world.join_as(Profile::plain().authid("ann"));
    world.send(asking, json!([16, 1, {"disclose_me": true}, "com.topic"]));
    let named =
        json!({"publisher": world.session(asking), "publisher_authid": "ann", "publisher_authrole": "anonymous"});
    world.expect(subscriber, json!([36, subscription, "*", named]));
    let sensor = world.join_as(Profile::plain().role("sensor"));
    world.send(sensor, json!([16, 1, {}, "com.topic"]));
    let named = json!({"publisher": world.session(sensor), "publisher_authid": "joe", "publisher_authrole": "sensor"});
    world.expect(subscriber, json!([36, subscription, "*", named]));

    let mut world = World::with(|options| {
        let mut told = rule("com.told", Policy::Exact, &[Action::Subscribe, Action::Publish]);
        told.disclose_publisher = true;
        let rules = RuleSet::compile(vec![everything("com."), told]);
        options.roles.insert("anonymous".into(), Arc::new(rules));
        options.allow_disclose_me = false;
    });
    let (subscriber, asking) = (world.join(), world.join());
    let told = world.subscribe(subscriber, 1, json!({}), "com.told");
    world.subscribe(subscriber, 2, json!({}), "com.topic");
    world.send(asking, json!([16, 3, {"disclose_me": true}, "com.told"]));
    let session = world.session(asking);
    let named = json!({"publisher": session, "publisher_authid": "joe", "publisher_authrole": "anonymous"});
    world.expect(subscriber, json!([36, told, "*", named]));
    world.send(asking, json!([16, 1, {"disclose_me": true, "acknowledge": true}, "com.topic"]));
    world.expect_error(asking, 16, 1, "wamp.error.option_disallowed.disclose_me");
    world.send(asking, json!([16, 2, {"disclose_me": true}, "com.topic"]));
    world.expect_nothing(asking);
    world.expect_nothing(subscriber);
}

/// PPT-1, PPT-2, PPT-4, PPT-5, PRO-6. Passthru keys are copied, whatever the subscriber announced; the publisher must announce it.
#[test]
fn payload_passthru_is_copied_to_every_subscriber() {
    let mut world = World::new();
    let subscribers = Encoding::ALL.map(|encoding| world.join_as(Profile::plain().speaking(encoding)));
    let [subscription, ..] = subscribers.map(|client| world.subscribe(client, 1, json!({}), "com.topic"));
    let publisher = world.join_as(Profile::plain().with(Features::PUBLISHER_PASSTHRU));
    let keys = json!({"ppt_scheme": "x_own", "ppt_serializer": "cbor", "ppt_cipher": "aes256gcm", "ppt_keyid": "k1"});
    world.send(publisher, json!([16, 1, keys, "com.topic", ["\u{0}AAE="]]));
    for subscriber in subscribers {
        world.expect(subscriber, json!([36, subscription, "*", keys, ["\u{0}AAE="]]));
    }
    let silent = world.join();
    world.violate(silent, json!([16, 1, {"ppt_scheme": "x_own"}, "com.topic"]));
}

/// ORD-1, ORD-3. Events of one publisher on several topics arrive in order, in every encoding.
#[test]
fn events_of_one_publisher_keep_their_order_across_topics() {
    let mut world = World::new();
    let publisher = world.join();
    let receivers: Vec<_> = Encoding::ALL
        .iter()
        .cycle()
        .take(7)
        .map(|&encoding| world.join_as(Profile::plain().speaking(encoding)))
        .collect();
    for &receiver in &receivers {
        world.subscribe(receiver, 1, json!({}), "com.a");
        world.subscribe(receiver, 2, json!({"match": "prefix"}), "com.b");
    }
    for number in 1..=20 {
        let topic = if number % 3 == 0 { "com.a" } else { "com.b.c" };
        world.send(publisher, json!([16, number, {}, topic, [number]]));
    }
    for receiver in receivers {
        let numbers: Vec<_> = world.drain(receiver).iter().map(|event| event[4][0].as_u64().unwrap()).collect();
        assert_eq!(numbers, (1..=20).collect::<Vec<_>>());
    }
}

/// SIZ-4, SIZ-6. Who cannot take an EVENT misses it; nobody else does.
#[test]
fn a_receiver_that_cannot_take_an_event_costs_nobody_else_anything() {
    let mut world = World::new();
    let (small, full, lost, well, publisher) = (world.join(), world.join(), world.join(), world.join(), world.join());
    for client in [small, full, lost, well] {
        world.subscribe(client, 1, json!({}), "com.topic");
    }
    world.set_longest(small, 40);
    world.set_full(full, true);
    world.lose(lost);
    world.send(publisher, json!([16, 1, {"acknowledge": true}, "com.topic", ["a payload of some length"]]));
    world.expect(publisher, json!([17, 1, "*"]));
    world.expect(well, json!([36, "*", "*", {}, ["a payload of some length"]]));
    for client in [small, full, lost] {
        world.expect_nothing(client);
    }
}

/// SIZ-7. A quota refuses what is above it, and nothing that is held already.
#[test]
fn subscriptions_are_limited_for_each_session() {
    let mut world = World::with(|options| options.limits.subscriptions = 2);
    let client = world.join();
    let first = world.subscribe(client, 1, json!({}), "com.a");
    world.subscribe(client, 2, json!({}), "com.b");
    world.send(client, json!([32, 3, {}, "com.c"]));
    world.expect_error(client, 32, 3, "wamp.error.limit_exceeded");
    assert_eq!(world.subscribe(client, 4, json!({}), "com.a"), first);
    world.send(client, json!([34, 5, first]));
    world.expect(client, json!([35, 5]));
    world.subscribe(client, 6, json!({}), "com.c");
}

/// SMA-11, PSX-2 to PSX-4, D-36. Who announced revocation is told, with a URI as reason; both lose the subscription.
#[test]
fn a_subscriber_can_be_removed() {
    let mut world = World::new();
    let (admin, publisher) = (world.join(), world.join());
    let told = world.join_as(Profile::plain().with(Features::SUBSCRIBER_REVOCATION));
    let untold = world.join();
    let subscription = world.subscribe(told, 1, json!({}), "com.topic");
    world.subscribe(untold, 1, json!({}), "com.topic");
    let remove = "wamp.subscription.remove_subscriber";
    for (request, client) in [(1, told), (2, untold)] {
        let session = world.session(client);
        assert_eq!(world.ask(admin, request, remove, json!([subscription, session])), Ok(json!([null])));
    }
    let details = json!({"subscription": subscription, "reason": "wamp.error.unsubscribed"});
    world.expect(told, json!([35, 0, details]));
    world.send(publisher, json!([16, 1, {}, "com.topic"]));
    world.expect_nothing(told);
    world.expect_nothing(untold);

    let session = world.session(told);
    let no_subscription = Err("wamp.error.no_such_subscription".to_owned());
    assert_eq!(world.ask(admin, 3, remove, json!([subscription, session])), no_subscription);
    assert_eq!(world.ask(admin, 4, remove, json!([subscription, 4711])), Err("wamp.error.no_such_session".to_owned()));
    let meta = world.subscribe(told, 2, json!({}), "wamp.session.on_join");
    assert_eq!(world.ask(admin, 5, remove, json!([meta, session])), Err("wamp.error.not_authorized".to_owned()));
}

/// PSX-3, PSX-4, D-36. A realm may keep the notice back from clients that break at it.
#[test]
fn a_subscriber_may_be_removed_without_notice() {
    let mut world = World::with(|options| options.notify_unsubscribed = false);
    let (subscriber, admin) = (world.join_as(Profile::full()), world.join());
    let subscription = world.subscribe(subscriber, 1, json!({}), "com.topic");
    let args = json!([subscription, world.session(subscriber)]);
    assert_eq!(world.ask(admin, 1, "wamp.subscription.remove_subscriber", args), Ok(json!([null])));
    world.expect_nothing(subscriber);
    assert_eq!(world.ask(admin, 2, "wamp.subscription.match", json!(["com.topic"])), Ok(json!([null])));
}

/// SMA-5 to SMA-10, MTA-6. What the procedures tell of subscriptions; those to the router's topics are not told of.
#[test]
fn subscriptions_can_be_looked_at() {
    let mut world = World::new();
    let (client, other) = (world.join(), world.join());
    let exact = world.subscribe(client, 1, json!({}), "com.topic");
    let prefix = world.subscribe(client, 2, json!({"match": "prefix"}), "com.");
    let wildcard = world.subscribe(other, 1, json!({"match": "wildcard"}), "com.");
    let hidden = world.subscribe(other, 2, json!({}), "wamp.session.on_leave");
    world.subscribe(other, 3, json!({}), "com.topic");

    let all = json!([{"exact": [exact], "prefix": [prefix], "wildcard": [wildcard]}]);
    assert_eq!(world.ask(client, 10, "wamp.subscription.list", json!([])), Ok(all));
    let own = json!([{"exact": [exact], "prefix": [prefix], "wildcard": []}]);
    let session = world.session(client);
    assert_eq!(world.ask(client, 11, "wamp.subscription.list", json!([session])), Ok(own));
    let counts = json!([{"exact": 1, "prefix": 1, "wildcard": 1}]);
    assert_eq!(world.ask(client, 12, "wamp.subscription.count", json!([])), Ok(counts));
    assert_eq!(world.ask(client, 13, "wamp.subscription.lookup", json!(["com.topic"])), Ok(json!([exact])));
    let lookup = json!(["com.", {"match": "prefix"}]);
    assert_eq!(world.ask(client, 14, "wamp.subscription.lookup", lookup), Ok(json!([prefix])));
    assert_eq!(world.ask(client, 15, "wamp.subscription.lookup", json!(["com"])), Ok(json!([null])));
    let matching = json!([[exact, prefix, wildcard]]);
    assert_eq!(world.ask(client, 16, "wamp.subscription.match", json!(["com.topic"])), Ok(matching));
    assert_eq!(world.ask(client, 17, "wamp.subscription.match", json!(["org.topic"])), Ok(json!([null])));
    let details = json!([{"id": prefix, "created": "2026-11-22T09:50:31.409Z", "uri": "com.", "match": "prefix"}]);
    assert_eq!(world.ask(client, 18, "wamp.subscription.get", json!([prefix])), Ok(details));
    let sessions = json!([[world.session(client), world.session(other)]]);
    assert_eq!(world.ask(client, 19, "wamp.subscription.list_subscribers", json!([exact])), Ok(sessions));
    assert_eq!(world.ask(client, 20, "wamp.subscription.count_subscribers", json!([exact])), Ok(json!([2])));
    for (request, procedure) in (30..).zip(["get", "list_subscribers", "count_subscribers"]) {
        let procedure = format!("wamp.subscription.{procedure}");
        let unknown = world.ask(client, request, &procedure, json!([4711]));
        assert_eq!(unknown, Err("wamp.error.no_such_subscription".to_owned()), "{procedure}");
        let protected = world.ask(client, request + 10, &procedure, json!([hidden]));
        assert_eq!(protected, Err("wamp.error.not_authorized".to_owned()), "{procedure}");
    }
}
