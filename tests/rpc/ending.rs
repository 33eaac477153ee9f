//! Spec: "Call Timeouts", "Call Canceling".

use banyan::realm::TimeoutUnit;
use serde_json::json;

use super::pair;
use super::support::{Profile, World};

/// TMO-1, TMO-3, TMO-4, D-10. Milliseconds, run by the router, not forwarded; late answers are dropped.
#[test]
fn a_call_times_out() {
    let (mut world, callee, caller, registration) = pair(Profile::full(), Profile::plain());
    world.send(caller, json!([48, 1, {"timeout": 100}, "com.proc"]));
    world.expect(callee, json!([68, 1, registration, {}]));
    world.advance(99);
    world.expect_nothing(caller);
    world.advance(1);
    world.expect_error(caller, 48, 1, "wamp.error.timeout");
    world.expect(callee, json!([69, 1, {"mode": "killnowait", "reason": "wamp.error.timeout"}]));
    world.send(callee, json!([70, 1, {}]));
    world.expect_nothing(caller);
    world.send(caller, json!([48, 2, {"timeout": 100}, "com.proc"]));
    world.send(callee, json!([70, 2, {}]));
    world.expect(caller, json!([50, 2, {}]));
    world.advance(1000);
    world.expect_nothing(caller);
}

/// TMO-2, TMO-6. Forwarded where the registration asked for it and the callee announced `call_timeout`.
#[test]
fn a_callee_may_run_the_timeout() {
    for (profile, forwarded) in [(Profile::full(), true), (Profile::plain(), false)] {
        let mut world = World::new();
        let (callee, caller) = (world.join_as(profile), world.join());
        world.register(callee, 1, json!({"forward_timeout": true}), "com.proc");
        world.send(caller, json!([48, 1, {"timeout": 100}, "com.proc"]));
        let details = if forwarded { json!({"timeout": 100}) } else { json!({}) };
        world.expect(callee, json!([68, 1, "*", details]));
        world.advance(1000);
        if forwarded {
            world.expect_nothing(caller);
            world.send(callee, json!([8, 68, 1, {}, "wamp.error.timeout"]));
            world.expect(caller, json!([8, 48, 1, {}, "wamp.error.timeout"]));
        } else {
            world.expect_error(caller, 48, 1, "wamp.error.timeout");
        }
    }
}

/// TMO-1, TMO-5, D-10. Where the realm counts in seconds, so does the router, and a callee is told what the caller said.
#[test]
fn a_realm_may_count_timeouts_in_seconds() {
    let mut world = World::with(|options| options.timeout_unit = TimeoutUnit::Seconds);
    let (callee, caller) = (world.join_as(Profile::full()), world.join());
    world.register(callee, 1, json!({}), "com.run");
    world.register(callee, 2, json!({"forward_timeout": true}), "com.told");
    world.send(caller, json!([48, 1, {"timeout": 2, "receive_progress": true}, "com.run"]));
    world.receive(callee);
    world.advance(1500);
    world.send(callee, json!([70, 1, {"progress": true}]));
    world.expect(caller, json!([50, 1, {"progress": true}]));
    world.advance(1999);
    world.expect_nothing(caller);
    world.advance(1);
    world.expect_error(caller, 48, 1, "wamp.error.timeout");
    world.receive(callee);
    world.send(caller, json!([48, 2, {"timeout": 2}, "com.told"]));
    world.expect(callee, json!([68, 2, "*", {"timeout": 2}]));
    world.send(caller, json!([48, 3, {"timeout": u64::MAX}, "com.run"]));
    world.receive(callee);
    world.advance(1_000_000);
    world.expect_nothing(caller);
}

/// TMO-5. With progress the time is that from one result to the next.
#[test]
fn progress_restarts_the_timeout() {
    let (mut world, callee, caller, _) = pair(Profile::plain(), Profile::plain());
    world.send(caller, json!([48, 1, {"timeout": 100, "receive_progress": true}, "com.proc"]));
    for _ in 0..3 {
        world.advance(80);
        world.send(callee, json!([70, 1, {"progress": true}]));
        world.expect(caller, json!([50, 1, {"progress": true}]));
    }
    world.advance(99);
    world.expect_nothing(caller);
    world.advance(1);
    world.expect_error(caller, 48, 1, "wamp.error.timeout");
}

/// CAN-1, CAN-2, CAN-4, CAN-5, D-07, D-08. The caller is answered at once; later answers are dropped.
#[test]
fn skip_and_killnowait_answer_at_once() {
    let cases = [
        (Profile::full(), json!({}), true),
        (Profile::full(), json!({"mode": "killnowait"}), true),
        (Profile::full(), json!({"mode": "skip"}), false),
        (Profile::plain(), json!({"mode": "killnowait"}), false),
        (Profile::plain(), json!({"mode": "kill"}), false),
    ];
    for (profile, options, interrupted) in cases {
        let (mut world, callee, caller, _) = pair(profile, Profile::plain());
        world.send(caller, json!([48, 1, {}, "com.proc"]));
        world.receive(callee);
        world.send(caller, json!([49, 1, options]));
        world.expect_error(caller, 48, 1, "wamp.error.canceled");
        if interrupted {
            world.expect(callee, json!([69, 1, {"mode": "killnowait"}]));
        }
        world.expect_nothing(callee);
        world.send(callee, json!([70, 1, {}]));
        world.send(caller, json!([49, 1, options]));
        world.expect_nothing(caller);
    }
}

/// CAN-3, D-08. kill passes on what the callee says: a RESULT or its own ERROR.
#[test]
fn kill_waits_for_the_callee() {
    for (answer, expected) in [
        (json!([70, 1, {}, ["done"]]), json!([50, 1, {}, ["done"]])),
        (json!([8, 68, 1, {}, "com.error.stopped", [9]]), json!([8, 48, 1, {}, "com.error.stopped", [9]])),
    ] {
        let (mut world, callee, caller, _) = pair(Profile::full(), Profile::plain());
        world.send(caller, json!([48, 1, {}, "com.proc"]));
        world.receive(callee);
        world.send(caller, json!([49, 1, {"mode": "kill"}]));
        world.send(caller, json!([49, 1, {"mode": "kill"}]));
        world.expect(callee, json!([69, 1, {"mode": "kill"}]));
        world.expect_nothing(callee);
        world.expect_nothing(caller);
        world.send(callee, answer);
        world.expect(caller, expected);
    }
}

/// CAN-7, CAN-8. A kill may be upgraded, time out, or lose its callee.
#[test]
fn a_kill_that_is_not_answered_ends_otherwise() {
    let killed = |options: serde_json::Value| {
        let (mut world, callee, caller, _) = pair(Profile::full(), Profile::plain());
        world.send(caller, json!([48, 1, options, "com.proc"]));
        world.send(caller, json!([49, 1, {"mode": "kill"}]));
        world.drain(callee);
        (world, callee, caller)
    };
    let (mut world, callee, caller) = killed(json!({}));
    world.send(caller, json!([49, 1, {"mode": "killnowait"}]));
    world.expect_error(caller, 48, 1, "wamp.error.canceled");
    world.expect_nothing(callee);

    let (mut world, callee, caller) = killed(json!({"timeout": 50}));
    world.advance(50);
    world.expect_error(caller, 48, 1, "wamp.error.timeout");
    world.expect_nothing(callee);

    let (mut world, callee, caller) = killed(json!({}));
    world.leave(callee);
    world.expect_error(caller, 48, 1, "wamp.error.canceled");
}

/// CAN-7, PRO-7. Only the caller cancels its call; unknown calls are ignored.
#[test]
fn only_the_caller_cancels() {
    let (mut world, callee, caller, _) = pair(Profile::full(), Profile::plain());
    let other = world.join();
    world.send(caller, json!([48, 1, {}, "com.proc"]));
    world.receive(callee);
    world.send(other, json!([49, 1, {}]));
    world.send(caller, json!([49, 9, {}]));
    world.expect_nothing(callee);
    world.expect_nothing(caller);
}
