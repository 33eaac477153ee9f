//! What the procedures answer and refuse.

use std::sync::Arc;

use banyan::pattern::rules::{Action, RuleSet};
use banyan::realm::RegistrationMatch;
use banyan::wamp::Policy;
use serde_json::{Value, json};

use super::support::{Profile, World, rule};

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
