//! `churn`: sessions join, register, call and go, over and over.
//!
//! One life: connect, join, register procedures, call them, drop the connection or say GOODBYE. The headline is `life`;
//! `join`, `register` and `call` are measured in it. Observers check every registration event it causes.

mod life;

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use super::keeper::{Observer, Until, Watching};
use super::register::{missing, subscribe};
use super::uris::Uris;
use super::{Run, share};
use crate::args::{self, Kind};
use crate::engine::{Gate, Net};
use crate::mirror::Entry;
use crate::outcome::Integrity;
use crate::record::Book;

use life::Lives;

/// Lives of one place after which its URIs are used again: by then the router has long forgotten the first.
const GENERATIONS: u64 = 64;

/// What the threads share.
pub struct Plan<'a> {
    flags: &'a args::Churn,
    uris: Uris,
    /// `life`, `join`, `register`, `call`.
    books: [Arc<Book>; 4],
    /// Observers are there; lives are over; observers saw all.
    gates: [Gate; 3],
    /// Registrations made.
    registered: AtomicU64,
}

/// Runs the scenario.
pub fn run(run: &Run, flags: &args::Churn) {
    let count = flags.sessions * GENERATIONS * flags.procedures.max(1);
    run.stage.sessions_wanted.fetch_add(flags.sessions + flags.observer, Ordering::Relaxed);
    run.stage.planned.store(run.load.count.unwrap_or(0), Ordering::Relaxed);
    let plan = Plan {
        flags,
        uris: Uris::new(&run.prefix, Kind::Exact, "single", count),
        books: [
            run.book("life", "session", true),
            run.book_of_parts("join", "session"),
            run.book_of_parts("register", "registration"),
            run.book_of_parts("call", "call"),
        ],
        gates: std::array::from_fn(|_| Gate::new(run.load.threads)),
        registered: AtomicU64::new(0),
    };
    run.threads(|net, thread| on_thread(run, &plan, net, thread));
}

fn on_thread(run: &Run, plan: &Plan<'_>, net: &mut Net, thread: usize) -> Result<(), String> {
    let (_, count) = share(plan.flags.observer, run.load.threads, thread);
    let mut observers = subscribe(net, count as usize, &plan.uris)?;
    run.gather(net)?;
    plan.gates[0].arrive(net.control.now());
    net.pass(&plan.gates[0])?;
    let start = plan.gates[0].opens().unwrap_or(0);
    let mut lives = Lives::new(run, plan, thread, start, &mut observers);
    net.run(&mut lives);
    let broken = lives.finish(net.control.now());
    plan.gates[1].arrive(net.control.now());
    Watching::run(net, &mut observers, Until::Passed(&plan.gates[1]), None)?;
    check(run, plan, net, &mut observers)?;
    plan.gates[2].arrive(net.control.now());
    net.pass(&plan.gates[2])?;
    broken.map_or(Ok(()), Err)
}

/// Waits until the observers saw everything go, and checks that nothing is missing or left.
fn check(run: &Run, plan: &Plan<'_>, net: &mut Net, observers: &mut [Observer]) -> Result<(), String> {
    if observers.is_empty() {
        return Ok(());
    }
    let expected = [plan.registered.load(Ordering::Relaxed); 4];
    Watching::run(net, observers, Until::Seen(expected, run.load.timeout), None)?;
    for observer in observers.iter() {
        let wrong = observer.mirror.differences(&vec![Entry::default(); plan.uris.count() as usize]);
        plan.books[0].integrity(&Integrity { wrong, ..Integrity::default() });
    }
    missing(&plan.books[0], observers, expected);
    Ok(())
}
