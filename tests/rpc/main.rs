//! Remote procedure calls, chapter by chapter.

#[path = "../support/mod.rs"]
mod support;

mod basic;
mod details;
mod ending;
mod progress;
mod sharing;

use serde_json::json;
use support::{Client, Profile, World};

/// A callee that serves `com.proc`, a caller, and the registration id.
fn pair(callee: Profile, caller: Profile) -> (World, Client, Client, u64) {
    let mut world = World::new();
    let (callee, caller) = (world.join_as(callee), world.join_as(caller));
    let registration = world.register(callee, 1, json!({}), "com.proc");
    (world, callee, caller, registration)
}
