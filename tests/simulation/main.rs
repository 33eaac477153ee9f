//! Random histories of one realm against a naive model and the mirrors of its observers.
//!
//! A history is a seed: `BANYAN_SEED` repeats one, `BANYAN_STEPS` sets its length. A step is one message of a client,
//! one end of a session or one move of the clock; faults of receivers, chunked departures and turns of several steps
//! come by chance. What must hold is checked after every step; a step that fails prints the seed and its number.
//!
//! `world`: queues and faults. `model`: what the realm should hold. `mirror`: what an observer knows. `history`: the
//! clients, and what they receive. `steps`, `calls`, `interventions`: what may happen. `checks`: what must hold.

mod calls;
mod checks;
mod history;
mod interventions;
mod mirror;
mod model;
mod steps;
mod world;

use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};

use history::History;

/// Steps of one history in CI.
const STEPS: u64 = 100_000;

fn setting(name: &str) -> Option<u64> {
    std::env::var(name).ok().map(|text| text.parse().unwrap_or_else(|_| panic!("{name}={text} is no number")))
}

#[test]
fn the_realm_equals_the_model_and_its_observers_know_it() {
    let seed = setting("BANYAN_SEED").unwrap_or_else(|| fastrand::u64(..));
    let steps = setting("BANYAN_STEPS").unwrap_or(STEPS);
    println!("BANYAN_SEED={seed} BANYAN_STEPS={steps}");
    let mut history = History::new(seed);
    let run = catch_unwind(AssertUnwindSafe(|| {
        for _ in 0..steps {
            history.step();
        }
        history.finish();
    }));
    if let Err(panic) = run {
        eprintln!("BANYAN_SEED={seed} failed at step {}", history.steps);
        resume_unwind(panic);
    }
    println!("{}", history.counts());
}

/// The same seed gives the same history, message by message.
#[test]
fn a_history_replays() {
    let run = |seed| {
        let mut history = History::new(seed);
        (0..2_000).for_each(|_| history.step());
        history.world.digest
    };
    let seed = fastrand::u64(..);
    assert_eq!(run(seed), run(seed), "seed {seed}");
}
