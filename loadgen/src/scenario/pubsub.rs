//! `pubsub`: publishers publish, subscribers check what arrives.
//!
//! Every event tells its publisher and its number, so a subscriber sees what is missing, doubled or out of order. Without
//! acknowledgement and rate a publisher keeps `pipeline` publications on their way to the slowest subscriber of its topic.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use serde_json::json;

use super::{Lanes, Measured, Run, Side, Turn, share};
use crate::args::{Publications, Subscription};
use crate::engine::{Ask, Gate, Handler, Key, Net, Wait};
use crate::outcome::Integrity;
use crate::record::Book;
use crate::sizes::Lengths;
use crate::stamp::{Stamps, Token};
use crate::wire::codec::{Message, Payload, Serializer, Template};

/// Publications of one publisher whose times are remembered; a later event of an older one has no latency.
const REMEMBERED: usize = 1 << 14;
/// Between looks at how far subscribers on other threads are.
const GLANCE_NS: u64 = 100_000;

/// What the threads share.
struct Plan<'a> {
    flags: &'a Publications,
    pipeline: usize,
    events: Arc<Book>,
    publish: Measured,
    ready: Gate,
    published: Gate,
    publishers: Vec<Publisher>,
}

/// What subscribers must know of a publisher.
struct Publisher {
    /// Publications so far.
    sent: AtomicU64,
    /// When each was due or sent, by its number modulo [`REMEMBERED`].
    times: Vec<AtomicU64>,
    /// The number after the last that arrived, by subscriber of its topic.
    arrived: Vec<AtomicU64>,
}

/// Refuses what cannot be driven.
///
/// # Errors
/// A sentence.
pub fn check(flags: &Publications, rate: Option<f64>) -> Result<(), String> {
    if flags.payload.shortest() < 16 {
        return Err("pubsub needs a --payload of at least 16 octets, which hold publisher and number".to_owned());
    }
    if flags.topics > flags.publishers {
        return Err("pubsub needs at least as many --publishers as --topics".to_owned());
    }
    if !flags.acknowledge && rate.is_none() && flags.subscribers < flags.topics {
        return Err("nothing would tell how fast to publish: give each topic a subscriber, or --acknowledge, or a --rate"
            .to_owned());
    }
    Ok(())
}

/// Runs the scenario.
pub fn run(run: &Run, flags: &Publications) {
    run.stage.sessions_wanted.fetch_add(flags.publishers + flags.subscribers, Ordering::Relaxed);
    let default = if run.load.rate.is_some() { 65_536 } else { 64 };
    let publisher = |index: u64| {
        let topic = index % flags.topics;
        let subscribers = flags.subscribers / flags.topics + u64::from(topic < flags.subscribers % flags.topics);
        Publisher {
            sent: AtomicU64::new(0),
            times: (0..REMEMBERED).map(|_| AtomicU64::new(0)).collect(),
            arrived: (0..subscribers).map(|_| AtomicU64::new(0)).collect(),
        }
    };
    let plan = Plan {
        flags,
        pipeline: flags.pipeline.unwrap_or(default) as usize,
        events: Side::book(run, "event", "event"),
        publish: Measured::new(run, "publish", "publication", true),
        ready: Gate::new(run.load.threads),
        published: Gate::new(run.load.threads),
        publishers: (0..flags.publishers).map(publisher).collect(),
    };
    if flags.subscribers == 0 {
        // Nothing arrives anywhere: the publications are what was measured.
        run.books().retain(|book| !Arc::ptr_eq(book, &plan.events));
    }
    run.threads(|net, thread| on_thread(run, &plan, net, thread));
}

fn topic(prefix: &str, index: u64) -> String {
    format!("{prefix}.topic.t{index}.changed")
}

/// What subscribers of a topic subscribe to, and how.
fn pattern(prefix: &str, how: Subscription, index: u64) -> (String, serde_json::Value) {
    match how {
        Subscription::Exact => (topic(prefix, index), json!({})),
        Subscription::Prefix => (format!("{prefix}.topic.t{index}."), json!({"match": "prefix"})),
        Subscription::Wildcard => (format!("{prefix}..t{index}.changed"), json!({"match": "wildcard"})),
    }
}

fn on_thread(run: &Run, plan: &Plan<'_>, net: &mut Net, thread: usize) -> Result<(), String> {
    let (first_subscriber, subscribers) = share(plan.flags.subscribers, run.load.threads, thread);
    let (first_publisher, publishers) = share(plan.flags.publishers, run.load.threads, thread);
    let subscriber_keys = net.join(subscribers as usize)?;
    let publisher_keys = net.join(publishers as usize)?;
    let subscribe = |(at, &key): (usize, &Key)| {
        let (uri, options) =
            pattern(&run.prefix, plan.flags.subscription, (first_subscriber + at as u64) % plan.flags.topics);
        (key, Ask::Subscribe(uri, options))
    };
    for answer in net.ask(subscriber_keys.iter().enumerate().map(subscribe).collect())? {
        answer.map_err(|uri| format!("the router refused a subscription the load needs: {uri}"))?;
    }
    plan.ready.arrive(net.control.now());
    net.pass(&plan.ready)?;
    run.gather(net)?;
    let mut crowd = Crowd::new(run, plan, thread);
    crowd.add_subscribers(&subscriber_keys, first_subscriber);
    crowd.add_publishers(run, net, &publisher_keys, first_publisher);
    crowd.lanes.ready(net, plan.flags.publishers);
    net.run(&mut crowd);
    plan.published.arrive(net.control.now());
    crowd.settle(net, run.load.timeout);
    let now = net.control.now();
    plan.events.integrity(&crowd.integrity);
    crowd.lanes.finish(now);
    crowd.events.finish(now);
    crowd.broken.map_or(Ok(()), Err)
}

/// A subscriber.
struct Subscriber {
    topic: u64,
    /// Its place among the subscribers of its topic.
    place: usize,
    /// By publisher of its topic: how many arrived.
    count: Vec<u64>,
}

#[derive(Clone, Copy)]
enum Role {
    None,
    Publisher(usize),
    Subscriber(usize),
}

/// The sessions of one thread.
struct Crowd<'a> {
    plan: &'a Plan<'a>,
    lanes: Lanes<'a>,
    events: Side,
    serializer: Serializer,
    stamps: Stamps,
    lengths: Lengths,
    roles: Vec<Role>,
    templates: Vec<Template>,
    /// Number of this thread's first publisher.
    first: u64,
    subscribers: Vec<Subscriber>,
    scratch: Vec<u8>,
    integrity: Integrity,
    /// The load is over; events are waited for until this moment, which each event moves by the patience.
    settling: Option<u64>,
    patience: u64,
    broken: Option<String>,
}

impl<'a> Crowd<'a> {
    fn new(run: &'a Run, plan: &'a Plan<'a>, thread: usize) -> Crowd<'a> {
        let serializer = run.settings.serializer;
        let longest = plan.flags.payload.longest() as usize;
        Crowd {
            plan,
            lanes: Lanes::new(run, &plan.publish, thread, plan.pipeline, true),
            events: Side::new(&plan.events, thread),
            serializer,
            // What tells publisher and number is needed in any case.
            stamps: Stamps::new(serializer, run.load.seed, longest, true),
            lengths: Lengths::new(&plan.flags.payload, run.load.seed, thread),
            roles: Vec::new(),
            templates: Vec::new(),
            first: 0,
            subscribers: Vec::new(),
            scratch: Vec::new(),
            integrity: Integrity::default(),
            settling: None,
            patience: 0,
            broken: None,
        }
    }

    fn set_role(&mut self, key: Key, role: Role) {
        if self.roles.len() <= key {
            self.roles.resize(key + 1, Role::None);
        }
        self.roles[key] = role;
    }

    fn add_subscribers(&mut self, keys: &[Key], first: u64) {
        for (at, &key) in keys.iter().enumerate() {
            let number = first + at as u64;
            let (topic, place) = (number % self.plan.flags.topics, (number / self.plan.flags.topics) as usize);
            self.set_role(key, Role::Subscriber(self.subscribers.len()));
            let count = vec![0; self.plan.publishers.len()];
            self.subscribers.push(Subscriber { topic, place, count });
        }
    }

    fn add_publishers(&mut self, run: &Run, net: &Net, keys: &[Key], first: u64) {
        self.first = first;
        let options = if self.plan.flags.acknowledge { json!({"acknowledge": true}) } else { json!({}) };
        for (at, &key) in keys.iter().enumerate() {
            let topic = topic(&run.prefix, (first + at as u64) % self.plan.flags.topics);
            self.templates.push(Template::new(self.serializer, &[16], &[options.clone(), topic.into()]));
            self.set_role(key, Role::Publisher(at));
            self.lanes.add(net, key, u64::MAX);
        }
    }

    fn publish(&mut self, net: &mut Net, lane: usize, start: u64) {
        let (key, sequence) = (self.lanes.lanes()[lane].key, self.lanes.lanes()[lane].started);
        let length = self.lengths.next();
        let id = if self.plan.flags.acknowledge {
            self.lanes.open(net, lane, start, sequence, length)
        } else {
            self.lanes.open_unanswered(net, lane)
        };
        let publisher = &self.plan.publishers[(self.first + lane as u64) as usize];
        publisher.times[sequence as usize % REMEMBERED].store(start, Ordering::Relaxed);
        publisher.sent.store(sequence + 1, Ordering::Release);
        let token = Token { sender: (self.first + lane as u64) as u32, sequence };
        self.scratch.clear();
        self.stamps.arguments(token, length as usize, &mut self.scratch);
        let (template, end) = (&self.templates[lane], Payload { raw: &self.scratch, items: 1 });
        net.send(key, template.overhead() + end.raw.len(), |out| template.write(id, end, out));
        if !self.plan.flags.acknowledge && publisher.arrived.is_empty() {
            self.lanes.confirm(lane, sequence + 1);
        }
    }

    fn event(&mut self, net: &Net, index: usize, payload: Payload<'_>) {
        let subscriber = &mut self.subscribers[index];
        self.integrity.checked += 1;
        let token = payload.first_text(self.serializer).and_then(|text| self.stamps.token(text));
        let ours = token.and_then(|token| Some((token, self.plan.publishers.get(token.sender as usize)?)));
        let Some((token, publisher)) = ours else {
            self.integrity.wrong += 1;
            return;
        };
        if u64::from(token.sender) % self.plan.flags.topics != subscriber.topic {
            self.integrity.wrong += 1;
            return;
        }
        let arrived = &publisher.arrived[subscriber.place];
        let next = arrived.load(Ordering::Relaxed);
        if token.sequence + 1 == next {
            self.integrity.duplicated += 1;
            return;
        }
        subscriber.count[token.sender as usize] += 1;
        if token.sequence < next {
            self.integrity.reordered += 1;
        } else {
            arrived.store(token.sequence + 1, Ordering::Relaxed);
        }
        let sent = publisher.sent.load(Ordering::Acquire);
        if sent - token.sequence.min(sent) < REMEMBERED as u64 {
            let start = publisher.times[token.sequence as usize % REMEMBERED].load(Ordering::Relaxed);
            self.events.happened(start, net.now);
        }
        if let Some(until) = &mut self.settling {
            *until = net.now + self.patience;
        }
    }

    /// Notes how far the subscribers are, where no acknowledgement tells.
    fn look_at_subscribers(&mut self) {
        if self.plan.flags.acknowledge {
            return;
        }
        for lane in 0..self.templates.len() {
            let publisher = &self.plan.publishers[(self.first + lane as u64) as usize];
            if let Some(slowest) = publisher.arrived.iter().map(|arrived| arrived.load(Ordering::Relaxed)).min() {
                self.lanes.confirm(lane, slowest);
            }
        }
    }

    /// Events that have not come.
    fn missing(&self) -> u64 {
        let of = |subscriber: &Subscriber| -> u64 {
            let mine = |&(sender, _): &(usize, &Publisher)| sender as u64 % self.plan.flags.topics == subscriber.topic;
            let missing = |(sender, publisher): (usize, &Publisher)| {
                publisher.sent.load(Ordering::Acquire).saturating_sub(subscriber.count[sender])
            };
            self.plan.publishers.iter().enumerate().filter(mine).map(missing).sum()
        };
        self.subscribers.iter().map(of).sum()
    }

    /// Waits for the events that are still on their way; those that do not come are lost.
    fn settle(&mut self, net: &mut Net, patience: u64) {
        self.patience = patience;
        self.settling = Some(net.control.now() + patience);
        net.run(self);
        if !net.control.stopped() {
            self.integrity.lost += self.missing();
        }
    }
}

impl Handler for Crowd<'_> {
    #[inline]
    fn message(&mut self, net: &mut Net, key: Key, message: Message<'_>) {
        match (self.roles[key], message) {
            (Role::Subscriber(index), Message::Event { payload, .. }) => self.event(net, index, payload),
            (Role::Publisher(lane), Message::Published { request }) => {
                if let Some(open) = self.lanes.take(lane, request) {
                    self.lanes.ended_well(net, &open);
                    while let Some(start) = self.lanes.grant(net, lane) {
                        self.publish(net, lane, start);
                    }
                }
            }
            (Role::Publisher(lane), Message::Error { request, uri, .. }) => {
                if self.lanes.take(lane, request).is_some() {
                    self.lanes.failed(uri);
                }
            }
            _ => (),
        }
    }

    fn ended(&mut self, _net: &mut Net, key: Key, why: &str) {
        self.broken.get_or_insert(why.to_owned());
        if let Role::Publisher(lane) = std::mem::replace(&mut self.roles[key], Role::None) {
            self.lanes.lost(lane);
        }
    }

    fn turn(&mut self, net: &mut Net) -> Wait {
        self.events.turn(&self.lanes, net.now);
        if let Some(until) = self.settling {
            let over = net.now >= until || net.control.stopped() || self.broken.is_some();
            let complete = self.plan.published.opens().is_some() && self.missing() == 0;
            return if over || complete { Wait::Done } else { Wait::Until(net.now + GLANCE_NS * 10) };
        }
        self.look_at_subscribers();
        loop {
            match self.lanes.turn(net) {
                Turn::Start(lane, start) => self.publish(net, lane, start),
                Turn::Wait(Wait::Until(until)) if !self.plan.flags.acknowledge => {
                    return Wait::Until(until.min(net.now + GLANCE_NS));
                }
                Turn::Wait(wait) => return wait,
            }
        }
    }
}
