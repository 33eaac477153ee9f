//! Spec: "Progressive Call Results", "Progressive Call Invocations".

use banyan::wamp::Features;
use serde_json::json;

use super::pair;
use super::support::{Profile, World};

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

/// What later chunks need is kept within bounds: a call whose options would go beyond is refused.
#[test]
fn frozen_options_have_a_bound() {
    let (mut world, _, caller, _) = pair(Profile::full(), Profile::full());
    let cipher = "x".repeat(1 << 20);
    let options = json!({"progress": true, "ppt_scheme": "x_test", "ppt_cipher": cipher});
    for request in 1..=63 {
        world.post(caller, json!([48, request, options, "com.proc"]));
        world.expect_nothing(caller);
    }
    world.post(caller, json!([48, 64, options, "com.proc"]));
    world.expect_error(caller, 48, 64, "wamp.error.limit_exceeded");
    world.send(caller, json!([49, 1, {"mode": "skip"}]));
    world.expect_error(caller, 48, 1, "wamp.error.canceled");
    world.post(caller, json!([48, 65, options, "com.proc"]));
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

/// PRG-2, D-11. Where the realm takes the specification by the letter, a callee that announced neither `call_canceling`
/// nor progressive results is not asked for progress, and what it sends nevertheless is dropped.
#[test]
fn progress_may_need_a_callee_that_cancels() {
    for (profile, gives) in [
        (Profile::full(), true),
        (Profile::plain().with(Features::CALLEE_PROGRESSIVE_RESULTS), false),
        (Profile::plain().with(Features::CALLEE_CANCELING), false),
    ] {
        let mut world = World::with(|options| options.progress_requires_cancel = true);
        let (callee, caller) = (world.join_as(profile), world.join_as(Profile::full()));
        world.register(callee, 1, json!({}), "com.proc");
        world.send(caller, json!([48, 1, {"receive_progress": true}, "com.proc"]));
        let details = if gives { json!({"receive_progress": true}) } else { json!({}) };
        world.expect(callee, json!([68, 1, "*", details]));
        world.send(callee, json!([70, 1, {"progress": true}, ["part"]]));
        if gives {
            world.expect(caller, json!([50, 1, {"progress": true}, ["part"]]));
        }
        world.expect_nothing(caller);
        world.send(callee, json!([70, 1, {}, ["whole"]]));
        world.expect(caller, json!([50, 1, {}, ["whole"]]));
    }
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
