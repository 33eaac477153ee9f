//! What peers learn of each other. Spec: "Caller Identification", "Payload Passthru Mode".

use std::sync::Arc;

use banyan::pattern::rules::RuleSet;
use serde_json::json;

use super::pair;
use super::support::{Profile, World, everything};

/// CID-1, CID-2, CID-3, D-12. Named when asked, by the caller, the callee or a rule; refused where the realm says so.
#[test]
fn callers_are_disclosed_on_request_or_by_rule() {
    let by_rule = |options: &mut banyan::realm::RealmOptions| {
        let mut told = everything("com.told");
        told.disclose_caller = true;
        options.roles.insert("anonymous".into(), Arc::new(RuleSet::compile(vec![everything("com."), told])));
        options.allow_disclose_me = false;
    };
    let mut world = World::with(by_rule);
    let (callee, caller) = (world.join(), world.join_as(Profile::plain().authid("ann")));
    let named = json!({"caller": world.session(caller), "caller_authid": "ann", "caller_authrole": "anonymous"});
    world.register(callee, 1, json!({}), "com.told");
    world.register(callee, 2, json!({}), "com.quiet");
    world.send(caller, json!([48, 1, {}, "com.told"]));
    world.expect(callee, json!([68, 1, "*", named]));
    world.send(caller, json!([48, 2, {"disclose_me": true}, "com.told"]));
    world.expect(callee, json!([68, 2, "*", named]));
    world.send(caller, json!([48, 3, {"disclose_me": true}, "com.quiet"]));
    world.expect_error(caller, 48, 3, "wamp.error.option_disallowed.disclose_me");
    world.send(callee, json!([64, 3, {"disclose_caller": true}, "com.asking"]));
    world.expect_error(callee, 64, 3, "wamp.error.option_disallowed.disclose_me");

    let mut world = World::new();
    let (callee, caller) = (world.join(), world.join_as(Profile::plain().authid("ann")));
    let named = json!({"caller": world.session(caller), "caller_authid": "ann", "caller_authrole": "anonymous"});
    world.register(callee, 1, json!({"disclose_caller": true}), "com.asking");
    world.register(callee, 2, json!({}), "com.quiet");
    for (request, options, procedure, details) in [
        (1, json!({}), "com.asking", &named),
        (2, json!({"disclose_me": true}), "com.quiet", &named),
        (3, json!({}), "com.quiet", &json!({})),
    ] {
        world.send(caller, json!([48, request, options, procedure]));
        world.expect(callee, json!([68, request, "*", details]));
    }
}

/// RPC-12, D-48. RESULTs name the callee where the realm says so.
#[test]
fn callees_are_disclosed_by_the_realm() {
    let mut world = World::with(|options| options.disclose_callee = true);
    let (callee, caller) = (world.join(), world.join());
    world.register(callee, 1, json!({}), "com.proc");
    world.send(caller, json!([48, 1, {}, "com.proc"]));
    world.send(callee, json!([70, 1, {}]));
    let named = json!({"callee": world.session(callee), "callee_authid": "joe", "callee_authrole": "anonymous"});
    world.expect(caller, json!([50, 1, named]));
}

/// PPT-1, PPT-6, EXT-2. The keys are copied both ways, and on errors.
#[test]
fn passthru_keys_are_copied() {
    let (mut world, callee, caller, _) = pair(Profile::full(), Profile::full());
    let keys = json!({"ppt_scheme": "x_mine", "ppt_serializer": "cbor", "ppt_cipher": "aes256gcm", "ppt_keyid": "1"});
    world.send(caller, json!([48, 1, keys, "com.proc", ["\u{0}AAEC"]]));
    world.expect(callee, json!([68, 1, "*", keys, ["\u{0}AAEC"]]));
    world.send(callee, json!([70, 1, keys, ["\u{0}AAEC"]]));
    world.expect(caller, json!([50, 1, keys, ["\u{0}AAEC"]]));
    world.send(caller, json!([48, 2, {"transaction_hash": "0xab"}, "com.proc"]));
    world.expect(callee, json!([68, 2, "*", {"transaction_hash": "0xab"}]));
    world.send(callee, json!([8, 68, 2, keys, "com.error.x", ["\u{0}AAEC"]]));
    world.expect(caller, json!([8, 48, 2, keys, "com.error.x", ["\u{0}AAEC"]]));
}

/// PRO-6, PPT-3. Unannounced use is a violation; a peer that cannot take it is spared.
#[test]
fn passthru_needs_the_feature_on_both_sides() {
    let ppt = json!({"ppt_scheme": "x_mine"});
    let (mut world, callee, caller, _) = pair(Profile::plain(), Profile::full());
    world.send(caller, json!([48, 1, ppt, "com.proc", ["\u{0}AA=="]]));
    world.expect_error(caller, 48, 1, "wamp.error.feature_not_supported");
    world.send(caller, json!([48, 2, {}, "com.proc"]));
    world.violate(callee, json!([70, 1, ppt]));
    world.expect_error(caller, 48, 2, "wamp.error.canceled");

    let (mut world, callee, caller, _) = pair(Profile::full(), Profile::plain());
    assert!(world.try_post(caller, &json!([48, 1, ppt, "com.proc"])).is_err());
    world.send(caller, json!([48, 2, {}, "com.proc"]));
    world.send(callee, json!([70, 1, ppt, ["\u{0}AA=="]]));
    world.expect_error(caller, 48, 2, "wamp.error.feature_not_supported");
}

/// ERR rows: an error whose URI is none would end the caller's connection.
#[test]
fn an_error_without_a_uri_does_not_reach_the_caller() {
    let (mut world, callee, caller, _) = pair(Profile::plain(), Profile::plain());
    world.send(caller, json!([48, 1, {}, "com.proc"]));
    world.send(callee, json!([8, 68, 1, {}, "not a uri", ["x"]]));
    world.expect_error(caller, 48, 1, "wamp.error.invalid_uri");
}
