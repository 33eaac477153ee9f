//! `register`: sessions register many procedures, then unregister them or go.
//!
//! With observers every event is checked, and at the quiet moment in the middle the mirror made from the events alone is
//! compared with what the sessions were told and with what the router lists.

use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};

use serde_json::{Value, json};

use super::call::register_options;
use super::keeper::{Holder, Keeper, Observer, Until, Watching, Work};
use super::uris::Uris;
use super::{Lanes, Measured, Run, share};
use crate::args::{self, End, Kind};
use crate::engine::{Ask, Gate, Key, Net};
use crate::mirror::{Entry, Mirror, TOPICS};
use crate::outcome::Integrity;
use crate::record::{Book, Recorder, Window};

/// Registrations looked at one by one when the router's lists are compared.
const SAMPLE: usize = 200;

/// What the threads share.
struct Plan<'a> {
    flags: &'a args::Register,
    uris: Uris,
    register: Measured,
    end: Option<Measured>,
    /// Registered; what the observers saw is complete; the router's lists are compared.
    gates: [Gate; 3],
    /// Registrations that stand, over all threads.
    standing: AtomicU64,
    /// All holders, as of the quiet moment.
    holders: Mutex<Vec<Holder>>,
}

/// Runs the scenario.
pub fn run(run: &Run, flags: &args::Register) {
    let each = flags.registrations.div_ceil(flags.sessions);
    let count = if flags.registration == Kind::Shared { each } else { flags.registrations };
    run.stage.sessions_wanted.store(flags.sessions + flags.observer, Ordering::Relaxed);
    run.stage.planned.store(flags.registrations, Ordering::Relaxed);
    let end = match flags.end {
        End::Unregister => Some("unregister"),
        End::Drop => Some("drop"),
        End::Goodbye => Some("goodbye"),
        End::Keep => None,
    };
    let plan = Plan {
        flags,
        uris: Uris::new(&run.prefix, flags.registration, &flags.invoke, count),
        register: Measured::new(run, "register", "registration", true),
        end: end.map(|name| Measured::new(run, name, "registration", false)),
        gates: std::array::from_fn(|_| Gate::new(run.load.threads)),
        standing: AtomicU64::new(0),
        holders: Mutex::default(),
    };
    run.threads(|net, thread| on_thread(run, &plan, net, thread));
    memory_per_registration(&plan);
}

/// States what a registration costs the router in memory.
fn memory_per_registration(plan: &Plan<'_>) {
    let book = &plan.register.book;
    let standing = plan.standing.load(Ordering::Relaxed);
    if let (Some(router), true) = (book.measure().router, standing > 0) {
        let grown = router.rss_after.saturating_sub(router.rss_before);
        book.extra("router_bytes_per_registration", grown as f64 / standing as f64);
    }
}

fn on_thread(run: &Run, plan: &Plan<'_>, net: &mut Net, thread: usize) -> Result<(), String> {
    let mut observers = observe(run, plan, net, thread)?;
    let mut holders = holders(run, plan, net, thread)?;
    registering(run, plan, net, thread, (&mut holders, &mut observers))?;
    compare(run, plan, net, thread, &mut observers)?;
    match plan.flags.end {
        End::Keep => Ok(()),
        End::Unregister => unregistering(run, plan, net, thread, (&mut holders, &mut observers)),
        End::Drop | End::Goodbye => leaving(run, plan, net, thread, (&holders, &mut observers)),
    }
}

/// Joins this thread's observers and subscribes them to the four events.
fn observe(run: &Run, plan: &Plan<'_>, net: &mut Net, thread: usize) -> Result<Vec<Observer>, String> {
    let (_, count) = share(plan.flags.observer, run.load.threads, thread);
    subscribe(net, count as usize, &plan.uris)
}

/// Joins sessions and subscribes each to the four events.
pub fn subscribe(net: &mut Net, count: usize, uris: &Uris) -> Result<Vec<Observer>, String> {
    let keys = net.join(count)?;
    let topics = |&key: &Key| TOPICS.map(|topic| (key, Ask::Subscribe(topic.to_owned(), json!({}))));
    let answers = net.ask(keys.iter().flat_map(topics).collect())?;
    let mut observers = Vec::new();
    for (key, answers) in keys.into_iter().zip(answers.chunks(TOPICS.len())) {
        let mut subscriptions = [0; 4];
        for (id, answer) in subscriptions.iter_mut().zip(answers) {
            *id = answer.as_ref().map_err(|uri| format!("the router refused the subscription of an observer: {uri}"))?.0;
        }
        observers.push(Observer { key, subscriptions, mirror: Mirror::new(uris.clone()) });
    }
    Ok(observers)
}

fn holders(run: &Run, plan: &Plan<'_>, net: &mut Net, thread: usize) -> Result<Vec<Holder>, String> {
    let (first, count) = share(plan.flags.sessions, run.load.threads, thread);
    let keys = net.join(count as usize)?;
    let holder = |(at, key): (usize, Key)| {
        let (first, count) = match plan.flags.registration {
            Kind::Shared => (0, plan.uris.count()),
            _ => share(plan.uris.count(), plan.flags.sessions as usize, first as usize + at),
        };
        Holder { key, session: net.session(key), first, ids: vec![0; count as usize] }
    };
    Ok(keys.into_iter().enumerate().map(holder).collect())
}

fn registering(
    run: &Run,
    plan: &Plan<'_>,
    net: &mut Net,
    thread: usize,
    (holders, observers): (&mut [Holder], &mut [Observer]),
) -> Result<(), String> {
    let lanes = Lanes::new(run, &plan.register, thread, plan.flags.pipeline as usize, true);
    let options = register_options(plan.flags.registration, &plan.flags.invoke);
    work(net, plan, lanes, (holders, observers), (Work::Register, options))?;
    let done = net.control.now();
    let standing = holders.iter().flat_map(|holder| &holder.ids).filter(|&&id| id != 0).count() as u64;
    plan.standing.fetch_add(standing, Ordering::Relaxed);
    plan.holders.lock().expect("no holder of this lock panics").extend_from_slice(holders);
    pass(net, &plan.gates[0], observers)?;
    let creations = if plan.flags.registration == Kind::Shared { distinct(plan) } else { all(plan) };
    let expected = [creations, all(plan), 0, 0];
    let last = Watching::run(net, observers, Until::Seen(expected, run.load.timeout), None)?;
    if !observers.is_empty() {
        missing(&plan.register.book, observers, expected);
        plan.register.book.extra("last_event_after_last_answer_ms", last.saturating_sub(done) as f64 / 1e6);
    }
    Ok(())
}

/// Runs requests for all that the holders hold.
fn work(
    net: &mut Net,
    plan: &Plan<'_>,
    lanes: Lanes<'_>,
    sessions: (&mut [Holder], &mut [Observer]),
    (work, options): (Work, Value),
) -> Result<(), String> {
    let mut keeper = Keeper::new(net, lanes, sessions, (work, &plan.uris, options));
    keeper.lanes.ready(net, plan.flags.sessions);
    net.run(&mut keeper);
    keeper.lanes.finish(net.control.now());
    keeper.broken.map_or(Ok(()), Err)
}

/// Registrations that stand.
fn all(plan: &Plan<'_>) -> u64 {
    plan.standing.load(Ordering::Relaxed)
}

/// URIs that somebody holds.
fn distinct(plan: &Plan<'_>) -> u64 {
    truth(plan).iter().filter(|entry| entry.callees > 0).count() as u64
}

/// What must be true at the quiet moment, by number.
fn truth(plan: &Plan<'_>) -> Vec<Entry> {
    let mut truth = vec![Entry::default(); plan.uris.count() as usize];
    for holder in plan.holders.lock().expect("no holder of this lock panics").iter() {
        for (at, &id) in holder.ids.iter().enumerate().filter(|&(_, &id)| id != 0) {
            let entry = &mut truth[holder.first as usize + at];
            entry.id = id;
            entry.attach(holder.session);
        }
    }
    truth
}

/// Waits for the other threads while observers watch.
fn pass(net: &mut Net, gate: &Gate, observers: &mut [Observer]) -> Result<(), String> {
    gate.arrive(net.control.now());
    Watching::run(net, observers, Until::Passed(gate), None).map(drop)
}

/// Counts events that did not come or came too often.
pub fn missing(book: &Book, observers: &mut [Observer], expected: [u64; 4]) {
    for observer in observers {
        let mut found = std::mem::take(&mut observer.mirror.integrity);
        for (seen, expected) in observer.mirror.seen.iter().zip(expected) {
            found.lost += expected.saturating_sub(*seen);
            found.duplicated += seen.saturating_sub(expected);
        }
        book.integrity(&found);
    }
}

/// Compares each mirror with the truth, and both with the router's lists.
fn compare(
    run: &Run,
    plan: &Plan<'_>,
    net: &mut Net,
    thread: usize,
    observers: &mut [Observer],
) -> Result<(), String> {
    pass(net, &plan.gates[1], observers)?;
    if !observers.is_empty() {
        let truth = truth(plan);
        for observer in observers.iter() {
            let wrong = observer.mirror.differences(&truth);
            plan.register.book.integrity(&Integrity { wrong, checked: truth.len() as u64, ..Integrity::default() });
        }
    }
    if thread == 0 && plan.flags.observer > 0 {
        let found = against_router(net, &truth(plan), &plan.uris)?;
        if let Err(why) = &found {
            run.note(format!("The router's own lists were not compared: {why}."));
        }
        plan.register.book.integrity(&found.unwrap_or_default());
    }
    pass(net, &plan.gates[2], observers)
}

/// Compares the truth with `wamp.registration.list`, and for a sample with `get` and `list_callees`. The inner error:
/// the router does not offer them.
///
/// # Errors
/// The connection ended, as a sentence.
pub fn against_router(net: &mut Net, truth: &[Entry], uris: &Uris) -> Result<Result<Integrity, String>, String> {
    let key = net.join(1)?[0];
    let mut found = Integrity::default();
    let listed = match ask(net, key, "wamp.registration.list", json!({"receive_progress": true}), json!([]))? {
        Ok(parts) => ids(&parts, uris.policy().0),
        Err(uri) => return Ok(Err(format!("wamp.registration.list answers {uri}"))),
    };
    found.checked += truth.len() as u64;
    found.lost += truth.iter().filter(|entry| entry.id != 0 && !listed.contains(&entry.id)).count() as u64;
    let step = (truth.len() / SAMPLE).max(1);
    for (number, entry) in truth.iter().enumerate().step_by(step).filter(|(_, entry)| entry.id != 0) {
        found.checked += 2;
        let got = ask(net, key, "wamp.registration.get", json!({}), json!([entry.id]))?.unwrap_or_default();
        let details = got.first().map_or(&Value::Null, |it| &it[0]);
        let (policy, invoke) = uris.policy();
        let right = details["uri"] == uris.uri(number as u64) && details["id"] == entry.id;
        let right = right && details["match"] == policy && details["invoke"] == invoke;
        found.wrong += u64::from(!right);
        let callees = ask(net, key, "wamp.registration.list_callees", json!({}), json!([entry.id]))?.unwrap_or_default();
        let mut listed = Entry { id: entry.id, ..Entry::default() };
        let sessions = callees.first().and_then(|it| it[0].as_array()).into_iter().flatten().filter_map(Value::as_u64);
        sessions.for_each(|session| listed.attach(session));
        found.wrong += u64::from(listed != *entry);
    }
    net.drop(key);
    Ok(Ok(found))
}

/// All ids of one policy in the parts of a list.
fn ids(parts: &[Value], policy: &str) -> std::collections::HashSet<u64> {
    let lists = parts.iter().filter_map(|part| part[0][policy].as_array());
    lists.flatten().filter_map(Value::as_u64).collect()
}

/// One call of a meta procedure: the arguments of its results, or the URI of its error.
fn ask(net: &mut Net, key: Key, procedure: &str, options: Value, arguments: Value) -> Result<Result<Vec<Value>, String>, String> {
    let mut answers = net.ask(vec![(key, Ask::Call(procedure.to_owned(), options, arguments))])?;
    Ok(answers.remove(0).map(|(_, parts)| parts))
}

fn unregistering(
    run: &Run,
    plan: &Plan<'_>,
    net: &mut Net,
    thread: usize,
    (holders, observers): (&mut [Holder], &mut [Observer]),
) -> Result<(), String> {
    let Some(measured) = &plan.end else { return Ok(()) };
    let lanes = Lanes::new(run, measured, thread, plan.flags.pipeline as usize, false);
    work(net, plan, lanes, (holders, observers), (Work::Unregister, Value::Null))?;
    after_the_end(run, plan, net, observers, &measured.book, None).map(drop)
}

/// Waits until observers saw everything go, and checks that nothing remains.
fn after_the_end<'a>(
    run: &Run,
    plan: &Plan<'_>,
    net: &mut Net,
    observers: &'a mut [Observer],
    book: &'a Book,
    recorder: Option<(&'a mut Recorder, &'a Book, u64)>,
) -> Result<u64, String> {
    if observers.is_empty() {
        return Ok(net.control.now());
    }
    let creations = distinct(plan);
    let expected = [creations, all(plan), all(plan), creations];
    let last = Watching::run(net, observers, Until::Seen(expected, run.load.timeout), recorder)?;
    for observer in observers.iter() {
        let wrong = observer.mirror.differences(&vec![Entry::default(); plan.uris.count() as usize]);
        book.integrity(&Integrity { wrong, ..Integrity::default() });
    }
    missing(book, observers, expected);
    Ok(last)
}

/// Ends the holders' sessions and measures until the router has forgotten what they held: by what the first observer
/// sees, or, without one, by asking for the last URI of each.
fn leaving(
    run: &Run,
    plan: &Plan<'_>,
    net: &mut Net,
    thread: usize,
    (holders, observers): (&[Holder], &mut [Observer]),
) -> Result<(), String> {
    let Some(measured) = &plan.end else { return Ok(()) };
    let prober = if thread == 0 && observers.is_empty() { Some(net.join(1)?[0]) } else { None };
    measured.gather(net)?;
    let start = net.control.now();
    let window = Window { load: start, from: start, until: u64::MAX };
    let mut recorder = Recorder::new(&measured.book, window, None, thread);
    recorder.turn(&measured.book, start);
    for holder in holders {
        match plan.flags.end {
            End::Goodbye => net.leave(holder.key),
            _ => net.drop(holder.key),
        }
    }
    match prober {
        Some(key) => probe(run, plan, net, key, &mut recorder, (&measured.book, start))?,
        None => {
            let told = (thread == 0).then_some((&mut recorder, &*measured.book, start));
            after_the_end(run, plan, net, observers, &measured.book, told)?;
        }
    }
    recorder.finish(&measured.book, net.control.now());
    Ok(())
}

/// Asks for the last URI of each session until the router knows none of them.
fn probe(
    run: &Run,
    plan: &Plan<'_>,
    net: &mut Net,
    key: Key,
    recorder: &mut Recorder,
    (book, start): (&Book, u64),
) -> Result<(), String> {
    let mut left = plan.holders.lock().expect("no holder of this lock panics").clone();
    if plan.flags.registration == Kind::Shared {
        // All hold the same: it is gone with the last of them.
        left.truncate(1);
    }
    let options = json!({"match": plan.uris.policy().0});
    while !left.is_empty() && net.control.now() < start + run.load.timeout && !net.control.stopped() {
        let last = |holder: &Holder| plan.uris.uri(holder.first + holder.ids.len() as u64 - 1);
        let lookup = |holder: &Holder| {
            (key, Ask::Call("wamp.registration.lookup".to_owned(), json!({}), json!([last(holder), options])))
        };
        let answers = net.ask(left.iter().map(lookup).collect())?;
        let now = net.control.now();
        recorder.turn(book, now);
        let mut answers = answers.into_iter();
        left.retain(|holder| {
            let gone = answers.next().is_some_and(|it| it.is_ok_and(|(_, parts)| parts.iter().all(|it| it[0].is_null())));
            (0..if gone { holder.ids.len() } else { 0 }).for_each(|_| recorder.operation(start, now));
            !gone
        });
    }
    book.integrity(&Integrity { wrong: left.iter().map(|it| it.ids.len() as u64).sum(), ..Integrity::default() });
    Ok(())
}
