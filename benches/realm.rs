//! The realm core alone: what one call, registration, departure, subscription and publication cost.
//!
//! Question: nanoseconds of one thread's CPU per operation (as the kernel counts them, so that a busy machine does
//! not), and bytes per registration. Messages are handed over as decoded structs; what the realm sends is encoded in
//! MessagePack into one reused buffer, or with `NULL` in the environment not encoded by the world at all (what the realm
//! itself encodes for many receivers, it still does). Left out: decoding, framing, sockets, queues.
//! `cargo bench --bench realm -- [calls|registrations|listing|publications] [COUNT]`; `SEED` in the environment orders
//! the calls otherwise. Built with `RUSTFLAGS="--cfg router_no_meta_events"`, it tells what registrations cost where the
//! code that tells of them is not there at all.

use std::alloc::{GlobalAlloc, Layout, System};
use std::borrow::Cow;
use std::collections::HashMap;
use std::hint::black_box;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Instant;

use banyan::codec;
use banyan::pattern::rules::{Action, Rule, RuleSet};
use banyan::realm::{Batch, Effects, Link, MemberKey, Now, Realm, RealmOptions, Refused};
use banyan::wamp::{
    CallOptions, ClientMessage, Encoding, Features, Id, Payload, Peer, Policy, PublishOptions, RegisterOptions,
    RouterMessage, SubscribeOptions, YieldOptions,
};

/// Counts live bytes.
struct Counting;

static LIVE: AtomicUsize = AtomicUsize::new(0);

// SAFETY: every call goes to the system's allocator unchanged; only a counter is kept beside it.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        LIVE.fetch_add(layout.size(), Ordering::Relaxed);
        // SAFETY: the caller's contract is ours.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, at: *mut u8, layout: Layout) {
        LIVE.fetch_sub(layout.size(), Ordering::Relaxed);
        // SAFETY: the caller's contract is ours.
        unsafe { System.dealloc(at, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// Encodes and forgets; keeps the number of the last invocation.
#[derive(Default)]
struct Sink {
    buffer: Vec<u8>,
    invocation: Option<Id>,
    events: usize,
    null: bool,
}

impl Sink {
    fn new() -> Sink {
        Sink { null: std::env::var_os("NULL").is_some(), ..Sink::default() }
    }
}

impl Effects for Sink {
    fn send(&mut self, _: Link, message: &RouterMessage<'_>) -> Result<(), Refused> {
        if !self.null {
            self.buffer.clear();
            codec::encode(Encoding::MsgPack, message, &mut self.buffer);
        }
        self.events += usize::from(matches!(message, RouterMessage::Event { .. }));
        if let RouterMessage::Invocation { request, .. } = message {
            self.invocation = Some(*request);
        }
        if let RouterMessage::Error { error, .. } = message {
            panic!("{error}");
        }
        Ok(())
    }

    fn send_batch(&mut self, _: Link, batch: &Batch) -> Result<(), Refused> {
        if !self.null {
            self.buffer.clear();
            self.buffer.extend_from_slice(&batch.bytes);
        }
        self.events += batch.ends.len();
        Ok(())
    }

    fn has_room(&mut self, _: Link) -> bool {
        true
    }

    fn goodbye(&mut self, _: Link, _: &str, _: Option<&str>) {}
}

/// Nanoseconds this thread has been on a CPU.
fn cpu() -> u64 {
    let text = std::fs::read_to_string("/proc/thread-self/schedstat").expect("Linux");
    text.split(' ').next().and_then(|time| time.parse().ok()).expect("a number")
}

/// Median, 99th percentile and longest of wall-clock microseconds; on a busy machine the last is mostly the machine.
fn spread(times: &mut [u128]) -> String {
    times.sort_unstable();
    let at = |percent: usize| times.get((times.len() * percent / 100).min(times.len().saturating_sub(1)));
    format!("{:?} / {:?} / {:?} us", at(50), at(99), times.last()).replace("Some", "")
}

const NOW: Now = Now { unix_ms: 1_795_341_031_409, mono_ms: 1 };

fn realm() -> Realm {
    let allow = vec![Action::Register, Action::Call, Action::Subscribe, Action::Publish];
    let rule = |uri: &str| Rule {
        uri: uri.into(),
        policy: Policy::Prefix,
        allow: allow.clone(),
        disclose_caller: false,
        disclose_publisher: false,
    };
    let rules = RuleSet::compile(vec![rule(""), rule("wamp.")]);
    let options = RealmOptions {
        agent: "banyan".into(),
        roles: HashMap::from([("anonymous".into(), Arc::new(rules))]),
        ..RealmOptions::named("realm1")
    };
    Realm::new(options, 7)
}

fn join(realm: &mut Realm, link: u64, out: &mut Sink) -> MemberKey {
    let peer = Peer {
        encoding: Encoding::MsgPack,
        features: Features::default(),
        authid: "bench".into(),
        authrole: "anonymous".into(),
        authmethod: "anonymous",
        authprovider: "static",
        transport: "rawsocket",
        address: "unix".into(),
    };
    realm.join(NOW, peer, Link(link), out)
}

fn register(realm: &mut Realm, member: MemberKey, request: u64, procedure: &str, out: &mut Sink) {
    let request = Id::new(request).expect("from 1");
    let options = RegisterOptions::default();
    let message = ClientMessage::Register { request, options, procedure: Cow::Borrowed(procedure) };
    realm.handle(NOW, member, message, out).expect("legal");
}

/// 32 callers, 8 callees, 100 procedures, 256 octets of payload each way; a turn is 64 calls.
fn calls(count: u64, seed: u64) -> f64 {
    let (mut realm, mut out) = (realm(), Sink::new());
    let mut random = fastrand::Rng::with_seed(seed);
    let callees: Vec<_> = (0..8).map(|link| join(&mut realm, link, &mut out)).collect();
    let callers: Vec<_> = (8..40).map(|link| join(&mut realm, link, &mut out)).collect();
    let procedures: Vec<String> = (0..100).map(|n| format!("com.example.service{n}.customer.update")).collect();
    for (procedure, n) in procedures.iter().zip(1..) {
        register(&mut realm, callees[n as usize % 8], n, procedure, &mut out);
    }
    let mut args = vec![0x91, 0xc5, 0x01, 0x00];
    args.resize(260, 7);
    let payload = Payload { encoding: Encoding::MsgPack, args: &args, kwargs: &[] };
    let started = cpu();
    for n in 1..=count {
        let (caller, procedure) = (random.usize(..32), random.usize(..100));
        let request = Id::new(n).expect("from 1");
        let procedure_uri = Cow::Borrowed(procedures[procedure].as_str());
        let options = CallOptions::default();
        let call = ClientMessage::Call { request, options, procedure: procedure_uri, payload };
        realm.handle(NOW, callers[caller], black_box(call), &mut out).expect("legal");
        let request = out.invocation.take().expect("an invocation");
        let answer = ClientMessage::Yield { request, options: YieldOptions::default(), payload };
        realm.handle(NOW, callees[(procedure + 1) % 8], black_box(answer), &mut out).expect("legal");
        if n % 64 == 0 {
            realm.flush(NOW, &mut out);
        }
    }
    (cpu() - started) as f64 / count as f64
}

/// Registrations by 100 sessions, 256 to a turn, with or without an observer of all four topics.
fn registrations(count: u64, observed: bool) {
    let (mut realm, mut out) = (realm(), Sink::new());
    if observed {
        let observer = join(&mut realm, 1000, &mut out);
        for (request, topic) in (1..).zip(["on_create", "on_register", "on_unregister", "on_delete"]) {
            let request = Id::new(request).expect("from 1");
            let topic = Cow::Owned(format!("wamp.registration.{topic}"));
            let message = ClientMessage::Subscribe { request, options: SubscribeOptions::default(), topic };
            realm.handle(NOW, observer, message, &mut out).expect("legal");
        }
    }
    let members: Vec<_> = (0..100).map(|link| join(&mut realm, link, &mut out)).collect();
    let mut procedures: Vec<String> =
        (0..count).map(|n| format!("com.tenant{:05}.inventory.item{n:08}", n % 997)).collect();
    procedures.iter_mut().for_each(|procedure| procedure.truncate(40));
    let before = LIVE.load(Ordering::Relaxed);
    let mut turns = Vec::new();
    let started = cpu();
    let mut turn = Instant::now();
    for (n, procedure) in (0..).zip(&procedures) {
        register(&mut realm, members[n as usize % 100], n / 100 + 1, procedure, &mut out);
        if n % 256 == 255 {
            realm.flush(NOW, &mut out);
            turns.push(turn.elapsed().as_micros());
            turn = Instant::now();
        }
    }
    realm.flush(NOW, &mut out);
    let each = (cpu() - started) as f64 / count as f64;
    let bytes = (LIVE.load(Ordering::Relaxed) - before) as f64 / count as f64;
    let (started, mut steps) = (cpu(), Vec::new());
    for member in &members {
        realm.leave(NOW, *member, &mut out);
    }
    while realm.next_deadline().is_some() {
        let begin = Instant::now();
        realm.tick(NOW, &mut out);
        realm.flush(NOW, &mut out);
        steps.push(begin.elapsed().as_micros());
    }
    let leave = (cpu() - started) as f64 / count as f64;
    if observed {
        assert_eq!(out.events as u64, 4 * count, "every event");
    }
    println!("register, observed {observed}: {each:.0} ns, {bytes:.0} bytes; released in {leave:.0} ns");
    println!("  turn of 256 REGISTERs {}; step of a departure {}", spread(&mut turns), spread(&mut steps));
}

/// Turns of a realm that sends the list of all registrations in parts: how long others wait for each.
fn listing(count: u64) {
    let (mut realm, mut out) = (realm(), Sink::new());
    let members: Vec<_> = (0..100).map(|link| join(&mut realm, link, &mut out)).collect();
    for n in 0..count {
        let procedure = format!("com.tenant{:05}.inventory.item{n:08}", n % 997);
        register(&mut realm, members[n as usize % 100], n / 100 + 1, &procedure, &mut out);
    }
    let caller = join(&mut realm, 1000, &mut out);
    let options = CallOptions { receive_progress: true, ..CallOptions::default() };
    let payload = Payload { encoding: Encoding::MsgPack, args: &[], kwargs: &[] };
    let procedure = Cow::Borrowed("wamp.registration.list");
    let (started, mut turns) = (cpu(), Vec::new());
    let call = ClientMessage::Call { request: Id::MIN, options, procedure, payload };
    realm.handle(NOW, caller, call, &mut out).expect("legal");
    while realm.next_deadline().is_some() {
        let begin = Instant::now();
        realm.tick(NOW, &mut out);
        realm.flush(NOW, &mut out);
        turns.push(begin.elapsed().as_micros());
    }
    let each = (cpu() - started) as f64 / count as f64;
    println!("list in parts: {each:.1} ns for each registration, {} turns of {}", turns.len(), spread(&mut turns));
}

fn subscribe(realm: &mut Realm, member: MemberKey, request: u64, policy: Policy, topic: &str, out: &mut Sink) {
    let request = Id::new(request).expect("from 1");
    let options = SubscribeOptions { policy, ..SubscribeOptions::default() };
    realm.handle(NOW, member, ClientMessage::Subscribe { request, options, topic: topic.into() }, out).expect("legal");
}

/// Nanoseconds of one PUBLISH of 256 octets to `topic`.
fn publish(realm: &mut Realm, from: MemberKey, topic: &str, count: u64, out: &mut Sink) -> f64 {
    let mut args = vec![0x91, 0xc5, 0x01, 0x00];
    args.resize(260, 7);
    let payload = Payload { encoding: Encoding::MsgPack, args: &args, kwargs: &[] };
    let started = cpu();
    for n in 1..=count {
        let (request, options) = (Id::new(n).expect("from 1"), PublishOptions::default());
        let message = ClientMessage::Publish { request, options, topic: topic.into(), payload };
        realm.handle(NOW, from, black_box(message), out).expect("legal");
    }
    (cpu() - started) as f64 / count as f64
}

/// PUBLISH to nobody, to one and to many, with few and with many subscriptions beside them; what a pattern costs.
fn publications(count: u64) {
    let (mut realm, mut out) = (realm(), Sink::new());
    let publisher = join(&mut realm, 1, &mut out);
    let crowd: Vec<_> = (2..1002).map(|link| join(&mut realm, link, &mut out)).collect();
    for (&member, n) in crowd.iter().zip(0..) {
        if n < 1 {
            subscribe(&mut realm, member, 1, Policy::Exact, "com.fanout.to1", &mut out);
        }
        if n < 100 {
            subscribe(&mut realm, member, 2, Policy::Exact, "com.fanout.to100", &mut out);
        }
        subscribe(&mut realm, member, 3, Policy::Exact, "com.fanout.to1000", &mut out);
    }
    for beside in [0, 50_000] {
        let (before, started) = (LIVE.load(Ordering::Relaxed), cpu());
        for n in 0..beside {
            let topic = format!("com.tenant{:04}..item{n:06}", n % 1000);
            subscribe(&mut realm, crowd[n % 1000], 4, Policy::Wildcard, &topic, &mut out);
        }
        if beside > 0 {
            let each = (cpu() - started) as f64 / beside as f64;
            let bytes = (LIVE.load(Ordering::Relaxed) - before) as f64 / beside as f64;
            println!("subscribe to a wildcard pattern: {each:.0} ns, {bytes:.0} bytes");
        }
        for (receivers, topic) in
            [(0, "com.fanout.to0"), (1, "com.fanout.to1"), (100, "com.fanout.to100"), (1000, "com.fanout.to1000")]
        {
            let count = count / receivers.max(1);
            out.events = 0;
            let each = publish(&mut realm, publisher, topic, count, &mut out);
            assert_eq!(out.events as u64, receivers * count, "every event");
            println!("publish to {receivers}, {beside} patterns beside: {each:.0} ns");
        }
    }
}

fn main() {
    let seed = std::env::var("SEED").ok().and_then(|seed| seed.parse().ok()).unwrap_or(1);
    let args: Vec<String> = std::env::args().skip(1).filter(|arg| !arg.starts_with('-')).collect();
    let wanted = |name: &str| args.first().is_none_or(|arg| arg == name);
    let count = args.get(1).and_then(|count| count.parse().ok()).unwrap_or(1_000_000);
    println!("seed {seed}, {count} each");
    if wanted("calls") {
        println!("call round trip: {:.0} ns", calls(count, seed));
    }
    if wanted("publications") {
        publications(count);
    }
    if wanted("listing") {
        listing(count);
    }
    if wanted("registrations") {
        registrations(count, false);
        if !cfg!(router_no_meta_events) {
            registrations(count, true);
        }
    }
}
