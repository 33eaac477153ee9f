//! Remote procedure calls, chapter by chapter.

mod support;

use banyan::wamp::{Encoding, Features};
use serde_json::json;
use support::{Profile, World};

/// RPC-4. `CALL -> INVOCATION -> YIELD -> RESULT`, value for value.
#[test]
fn a_call_reaches_its_callee_and_its_result_the_caller() {
    let mut world = World::new();
    let (callee, caller) = (world.join(), world.join());
    let registration = world.register(callee, 1, json!({}), "com.myapp.sum");

    world.send(caller, json!([48, 1, {}, "com.myapp.sum", [1, 2.5, "x", null], {"deep": [{"a": true}]}]));
    world.expect(callee, json!([68, 1, registration, {}, [1, 2.5, "x", null], {"deep": [{"a": true}]}]));
    world.send(callee, json!([70, 1, {}, [3], {"unit": "m"}]));
    world.expect(caller, json!([50, 1, {}, [3], {"unit": "m"}]));
    world.expect_nothing(callee);
    world.expect_nothing(caller);
}
