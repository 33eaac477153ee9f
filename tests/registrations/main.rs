//! Registrations and their meta API: every cause of the four events, every procedure, every refusal.

#[path = "../support/mod.rs"]
mod support;

mod causes;
mod departure;
mod long;
mod procedures;
mod register;

use std::collections::BTreeSet;

use banyan::wamp::Encoding;
use serde_json::{Value, json};
use support::{Client, Profile, World, matches};

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

fn register_many(world: &mut World, client: Client, count: u64) -> BTreeSet<u64> {
    for request in 1..=count {
        world.post(client, json!([64, request, {}, format!("com.many.{request}")]));
    }
    world.turn();
    world.drain(client).iter().map(|registered| registered[2].as_u64().expect("an id")).collect()
}
