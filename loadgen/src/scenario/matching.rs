//! `match`: the registration meta procedures at a given population.
//!
//! Sessions register the population; then one procedure after the other is called about a random registration of it, and
//! every answer is compared with what was registered.

use std::sync::Mutex;
use std::sync::atomic::Ordering;

use serde_json::{Value, json};

use super::call::register_options;
use super::keeper::{Holder, Keeper, Work};
use super::uris::Uris;
use super::{Lanes, Measured, Run, Turn, share};
use crate::args::{self, Kind, Procedure};
use crate::engine::{Gate, Handler, Key, Net, Wait};
use crate::stamp::mix;
use crate::wire::codec::{Message, Payload, Serializer, Template, decode, encode, list_head, write_text, write_uint};

/// Requests of one session under way while the population registers.
const POPULATING: usize = 256;

/// What is registered by one policy.
struct Population {
    uris: Uris,
    populate: Measured,
    /// Registration id and callee by number.
    known: Mutex<Vec<(u64, u64)>>,
}

/// What the threads share.
struct Plan<'a> {
    flags: &'a args::Match,
    populations: Vec<Population>,
    procedures: Vec<(Procedure, Measured)>,
    populated: Gate,
}

/// Runs the scenario.
pub fn run(run: &Run, flags: &args::Match) {
    run.stage.sessions_wanted.store(flags.sessions + flags.callers, Ordering::Relaxed);
    let kinds = [(Kind::Exact, flags.exact), (Kind::Prefix, flags.prefix), (Kind::Wildcard, flags.wildcard)];
    let population = |&(kind, count): &(Kind, u64)| {
        let uris = Uris::new(&format!("{}{}", run.prefix, kind as u8), kind, "single", count);
        let name = format!("populate-{}", uris.policy().0);
        let known = Mutex::new(vec![(0, 0); count as usize]);
        Population { uris, populate: Measured::new(run, &name, "registration", false), known }
    };
    let populations = kinds.iter().filter(|(_, count)| *count > 0).map(population).collect();
    let all = [Procedure::Match, Procedure::Lookup, Procedure::Get, Procedure::ListCallees, Procedure::CountCallees];
    let chosen = if flags.procedure.is_empty() { &all[..] } else { &flags.procedure };
    let measured = |&procedure: &Procedure| (procedure, Measured::new(run, name(procedure), "request", true));
    let plan = Plan {
        flags,
        populations,
        procedures: chosen.iter().map(measured).collect(),
        populated: Gate::new(run.load.threads),
    };
    run.threads(|net, thread| on_thread(run, &plan, net, thread));
    // The reader wants the procedures first; the population is what they stand on.
    let mut books = run.books();
    let populating = plan.populations.len();
    books.rotate_left(populating);
}

fn name(procedure: Procedure) -> &'static str {
    match procedure {
        Procedure::Match => "match",
        Procedure::Lookup => "lookup",
        Procedure::Get => "get",
        Procedure::List => "list",
        Procedure::ListCallees => "list_callees",
        Procedure::CountCallees => "count_callees",
        Procedure::Count => "count",
    }
}

fn on_thread(run: &Run, plan: &Plan<'_>, net: &mut Net, thread: usize) -> Result<(), String> {
    let (first, sessions) = share(plan.flags.sessions, run.load.threads, thread);
    let keys = net.join(sessions as usize)?;
    for population in &plan.populations {
        populate(run, plan, population, net, thread, (first, &keys))?;
    }
    let (_, callers) = share(plan.flags.callers, run.load.threads, thread);
    let callers = net.join(callers as usize)?;
    plan.populated.arrive(net.control.now());
    net.pass(&plan.populated)?;
    for (procedure, measured) in &plan.procedures {
        let pipeline = if *procedure == Procedure::List { 1 } else { plan.flags.pipeline };
        let lanes = Lanes::new(run, measured, thread, pipeline as usize, true);
        let mut asking = Asking::new(plan, *procedure, net, lanes, &callers);
        asking.lanes.ready(net, plan.flags.callers);
        net.run(&mut asking);
        asking.lanes.finish(net.control.now());
        if let Some(why) = asking.broken {
            return Err(why);
        }
    }
    Ok(())
}

fn populate(
    run: &Run,
    plan: &Plan<'_>,
    population: &Population,
    net: &mut Net,
    thread: usize,
    (first, keys): (u64, &[Key]),
) -> Result<(), String> {
    let count = population.uris.count();
    let holder = |(at, &key): (usize, &Key)| {
        let (first, count) = share(count, plan.flags.sessions as usize, first as usize + at);
        Holder { key, session: net.session(key), first, ids: vec![0; count as usize] }
    };
    let mut holders: Vec<Holder> = keys.iter().enumerate().map(holder).collect();
    let lanes = Lanes::unbounded(run, &population.populate, thread, POPULATING);
    let (policy, _) = population.uris.policy();
    let kind = match policy {
        "prefix" => Kind::Prefix,
        "wildcard" => Kind::Wildcard,
        _ => Kind::Exact,
    };
    let what = (Work::Register, &population.uris, register_options(kind, "single"));
    let mut keeper = Keeper::new(net, lanes, (&mut holders, &mut []), what);
    keeper.lanes.ready(net, plan.flags.sessions);
    net.run(&mut keeper);
    keeper.lanes.finish(net.control.now());
    if let Some(why) = keeper.broken {
        return Err(why);
    }
    let mut known = population.known.lock().expect("no holder of this lock panics");
    for holder in &holders {
        for (at, &id) in holder.ids.iter().enumerate() {
            known[holder.first as usize + at] = (id, holder.session);
        }
    }
    Ok(())
}

/// What an answer must say.
#[derive(Clone, Copy)]
struct Expected {
    population: usize,
    number: usize,
}

/// The callers of one thread while one procedure is measured.
struct Asking<'a> {
    plan: &'a Plan<'a>,
    procedure: Procedure,
    lanes: Lanes<'a>,
    lane_of: Vec<Option<usize>>,
    serializer: Serializer,
    template: Template,
    /// Encoded second arguments of `lookup`, by population.
    policies: Vec<Vec<u8>>,
    known: Vec<Vec<(u64, u64)>>,
    total: u64,
    random: u64,
    /// Ids in the lists that came in parts, by lane.
    listed: Vec<u64>,
    scratch: Vec<u8>,
    broken: Option<String>,
}

impl<'a> Asking<'a> {
    fn new(plan: &'a Plan<'a>, procedure: Procedure, net: &mut Net, mut lanes: Lanes<'a>, keys: &[Key]) -> Asking<'a> {
        let mut lane_of = Vec::new();
        for (lane, &key) in keys.iter().enumerate() {
            lanes.add(net, key, u64::MAX);
            lane_of.resize(lane_of.len().max(key + 1), None);
            lane_of[key] = Some(lane);
        }
        let serializer = net.serializer();
        let progressive = procedure == Procedure::List && plan.flags.progressive;
        let options = if progressive { json!({"receive_progress": true}) } else { json!({}) };
        let policy = |population: &Population| {
            let mut encoded = Vec::new();
            encode(serializer, &json!({"match": population.uris.policy().0}), &mut encoded);
            encoded
        };
        let known = |population: &Population| population.known.lock().expect("no holder of this lock panics").clone();
        Asking {
            plan,
            procedure,
            lane_of,
            serializer,
            template: Template::new(serializer, &[48], &[options, uri(procedure).into()]),
            policies: plan.populations.iter().map(policy).collect(),
            known: plan.populations.iter().map(known).collect(),
            total: plan.populations.iter().map(|population| population.uris.count()).sum(),
            random: net.random(),
            listed: vec![0; keys.len()],
            lanes,
            scratch: Vec::new(),
            broken: None,
        }
    }

    /// A registration at random.
    fn choose(&mut self) -> Expected {
        self.random = self.random.wrapping_add(1);
        let mut number = mix(self.random) % self.total;
        let mut population = 0;
        while number >= self.plan.populations[population].uris.count() {
            number -= self.plan.populations[population].uris.count();
            population += 1;
        }
        Expected { population, number: number as usize }
    }

    fn ask(&mut self, net: &mut Net, index: usize, start: u64) {
        let expected = self.choose();
        let tag = (expected.population as u64) << 48 | expected.number as u64;
        let key = self.lanes.lanes()[index].key;
        let id = self.lanes.open(net, index, start, tag, 0);
        self.arguments(expected);
        let end = Payload { raw: &self.scratch, items: 1 };
        let template = &self.template;
        net.send(key, template.overhead() + end.raw.len(), |out| template.write(id, end, out));
    }

    fn arguments(&mut self, expected: Expected) {
        let Expected { population, number } = expected;
        let uris = &self.plan.populations[population].uris;
        let (serializer, out) = (self.serializer, &mut self.scratch);
        out.clear();
        match self.procedure {
            Procedure::List | Procedure::Count => list_head(serializer, 0, out),
            Procedure::Match => {
                list_head(serializer, 1, out);
                write_text(serializer, &uris.called(number as u64), out);
            }
            Procedure::Lookup => {
                list_head(serializer, 2, out);
                write_text(serializer, &uris.uri(number as u64), out);
                if serializer == Serializer::Json {
                    out.push(b',');
                }
                out.extend_from_slice(&self.policies[population]);
            }
            Procedure::Get | Procedure::ListCallees | Procedure::CountCallees => {
                list_head(serializer, 1, out);
                write_uint(serializer, self.known[population][number].0, out);
            }
        }
        if serializer == Serializer::Json {
            out.push(b']');
        }
    }

    /// Whether an answer says what was registered.
    fn is_right(&self, expected: Expected, lane: usize, payload: Payload<'_>) -> bool {
        let Expected { population, number } = expected;
        let (id, session) = self.known[population][number];
        if self.procedure == Procedure::List {
            // Others may have registered too.
            return self.listed[lane] >= self.total;
        }
        let answer = decode(self.serializer, payload.raw).unwrap_or_default();
        let first = &answer[0];
        match self.procedure {
            // A list of all matches, or (the reading of the specification) the best one.
            Procedure::Match => first.as_array().map_or(first == id, |ids| ids.iter().any(|it| it == id)),
            Procedure::Lookup => first == id,
            Procedure::Get => first["id"] == id && first["uri"] == self.plan.populations[population].uris.uri(number as u64),
            Procedure::ListCallees => first.as_array().is_some_and(|them| them.len() == 1 && them[0] == session),
            Procedure::CountCallees => first == 1,
            Procedure::Count => count_of(first) >= self.total,
            Procedure::List => true,
        }
    }

    fn part(&mut self, lane: usize, payload: Payload<'_>) {
        if self.procedure == Procedure::List {
            let part = decode(self.serializer, payload.raw).unwrap_or_default();
            let lists = part[0].as_object().into_iter().flat_map(|lists| lists.values());
            self.listed[lane] += lists.filter_map(Value::as_array).map(|list| list.len() as u64).sum::<u64>();
        }
    }

    fn answered(&mut self, net: &mut Net, lane: usize, request: u64, payload: Payload<'_>) {
        self.part(lane, payload);
        if let Some(open) = self.lanes.take(lane, request) {
            let expected = Expected { population: (open.tag >> 48) as usize, number: (open.tag & 0xffff_ffff) as usize };
            if self.is_right(expected, lane, payload) {
                self.lanes.ended_well(net, &open);
            } else {
                self.lanes.integrity.wrong += 1;
            }
            self.listed[lane] = 0;
            self.go_on(net, lane);
        }
    }

    fn go_on(&mut self, net: &mut Net, lane: usize) {
        while let Some(start) = self.lanes.grant(net, lane) {
            self.ask(net, lane, start);
        }
    }
}

fn uri(procedure: Procedure) -> String {
    format!("wamp.registration.{}", name(procedure))
}

/// The sum of a count by policy, or the count itself.
fn count_of(value: &Value) -> u64 {
    value.as_u64().unwrap_or_else(|| {
        value.as_object().into_iter().flat_map(|counts| counts.values()).filter_map(Value::as_u64).sum()
    })
}

impl Handler for Asking<'_> {
    fn message(&mut self, net: &mut Net, key: Key, message: Message<'_>) {
        let Some(lane) = self.lane_of.get(key).copied().flatten() else { return };
        match message {
            Message::Result { request, progress: false, payload } => self.answered(net, lane, request, payload),
            Message::Result { payload, .. } => self.part(lane, payload),
            Message::Error { request, uri, .. } => {
                if self.lanes.take(lane, request).is_some() {
                    self.lanes.failed(uri);
                    self.go_on(net, lane);
                }
            }
            _ => (),
        }
    }

    fn ended(&mut self, _net: &mut Net, key: Key, why: &str) {
        self.broken.get_or_insert(why.to_owned());
        if let Some(lane) = self.lane_of.get(key).copied().flatten() {
            self.lanes.lost(lane);
        }
    }

    fn turn(&mut self, net: &mut Net) -> Wait {
        loop {
            match self.lanes.turn(net) {
                Turn::Start(lane, start) => self.ask(net, lane, start),
                Turn::Wait(wait) => return wait,
            }
        }
    }
}
