//! `call`: callers call callees, which check what arrives and echo it.

mod callee;
mod caller;

use serde_json::json;

use super::{Lanes, Measured, Run, share};
use crate::args::{self, Kind};
use crate::engine::{Ask, Key, Net};
use crate::stamp::Stamps;
use crate::wire::codec::{Serializer, Template};

pub use callee::BySender;
use caller::Crew;

/// The error that a callee answers with where it is asked to.
pub const ASKED_ERROR: &str = "com.banyan.loadgen.asked";

/// What calls are like, for all threads.
pub struct Plan {
    /// The arguments.
    pub calls: args::Calls,
    /// Calls of one caller under way at most.
    pub pipeline: usize,
    /// URIs to call.
    pub procedures: Vec<String>,
}

/// Bounds the calls of one caller under way where `--rate` is given without `--pipeline`.
const OPEN_LOOP_PIPELINE: u64 = 65_536;

impl Plan {
    /// Lays out the procedures of a run.
    pub fn new(run: &Run, calls: &args::Calls) -> Plan {
        let shared = calls.registration == Kind::Shared;
        let procedures = calls.procedures.unwrap_or(if shared { 1 } else { calls.callees });
        let default = if run.load.rate.is_some() { OPEN_LOOP_PIPELINE } else { 16 };
        Plan {
            calls: calls.clone(),
            pipeline: calls.pipeline.unwrap_or(default) as usize,
            procedures: (0..procedures).map(|index| called(&run.prefix, calls.registration, index)).collect(),
        }
    }

    /// The longest payload.
    pub fn longest(&self) -> usize {
        self.calls.payload.longest() as usize
    }
}

/// What is registered as procedure `index`.
fn pattern(prefix: &str, kind: Kind, index: u64) -> String {
    match kind {
        Kind::Exact | Kind::Shared => format!("{prefix}.proc.p{index}"),
        Kind::Prefix => format!("{prefix}.proc.p{index}."),
        Kind::Wildcard => format!("{prefix}.proc.p{index}..echo"),
    }
}

/// What is called to reach procedure `index`.
fn called(prefix: &str, kind: Kind, index: u64) -> String {
    match kind {
        Kind::Exact | Kind::Shared => pattern(prefix, kind, index),
        Kind::Prefix => format!("{prefix}.proc.p{index}.echo"),
        Kind::Wildcard => format!("{prefix}.proc.p{index}.any.echo"),
    }
}

/// The options of REGISTER.
pub fn register_options(kind: Kind, invoke: &str) -> serde_json::Value {
    match kind {
        Kind::Exact => json!({}),
        Kind::Prefix => json!({"match": "prefix"}),
        Kind::Wildcard => json!({"match": "wildcard"}),
        Kind::Shared => json!({"invoke": invoke}),
    }
}

/// Runs the scenario.
pub fn run(run: &Run, calls: &args::Calls) {
    let plan = Plan::new(run, calls);
    run.stage.sessions_wanted.fetch_add(calls.callers + calls.callees, std::sync::atomic::Ordering::Relaxed);
    run.stage.planned.store(run.load.count.unwrap_or(0), std::sync::atomic::Ordering::Relaxed);
    let measured = Measured::new(run, "call", "call", true);
    if !Stamps::new(run.settings.serializer, 0, 0, run.load.verify).tells(plan.calls.payload.shortest() as usize) {
        run.note("Payloads below 16 octets carry no sequence number: their order was not checked.".to_owned());
    }
    run.threads(|net, thread| on_thread(run, &plan, &measured, net, thread));
}

fn on_thread(run: &Run, plan: &Plan, measured: &Measured, net: &mut Net, thread: usize) -> Result<(), String> {
    let (first_callee, callees) = share(plan.calls.callees, run.load.threads, thread);
    let (first_caller, callers) = share(plan.calls.callers, run.load.threads, thread);
    let callee_keys = net.join(callees as usize)?;
    let caller_keys = net.join(callers as usize)?;
    if plan.longest() as u64 > net.longest_payload {
        return Err(format!("the server takes payloads of at most {} octets (its max_payload)", net.longest_payload));
    }
    register(run, plan, net, &callee_keys, first_callee)?;
    let mut crew = Crew::new(run, plan, Lanes::new(run, measured, thread, plan.pipeline, true), thread);
    crew.add_callees(&callee_keys);
    crew.add_callers(net, &caller_keys, first_caller);
    run.gather(net)?;
    crew.lanes.ready(net, plan.calls.callers);
    net.run(&mut crew);
    crew.lanes.finish(net.control.now());
    crew.broken.map_or(Ok(()), Err)
}

/// Registers the procedures of this thread's callees.
fn register(run: &Run, plan: &Plan, net: &mut Net, keys: &[Key], first: u64) -> Result<(), String> {
    let kind = plan.calls.registration;
    let mut asks = Vec::new();
    for (at, &key) in keys.iter().enumerate() {
        let callee = first + at as u64;
        let mine = |procedure: u64| kind == Kind::Shared || procedure % plan.calls.callees == callee;
        for procedure in (0..plan.procedures.len() as u64).filter(|&procedure| mine(procedure)) {
            let uri = pattern(&run.prefix, kind, procedure);
            asks.push((key, Ask::Register(uri, register_options(kind, &plan.calls.invoke))));
        }
    }
    for answer in net.ask(asks)? {
        answer.map_err(|uri| format!("the router refused a registration the load needs: {uri}"))?;
    }
    Ok(())
}

/// The templates of the calls to all procedures.
fn call_templates(plan: &Plan, serializer: Serializer) -> Vec<Template> {
    let mut options = json!({});
    if plan.calls.progress > 0 {
        options["receive_progress"] = json!(true);
    }
    if let Some(timeout) = plan.calls.call_timeout {
        options["timeout"] = json!(timeout.as_millis() as u64);
    }
    let template = |procedure: &String| Template::new(serializer, &[48], &[options.clone(), json!(procedure)]);
    plan.procedures.iter().map(template).collect()
}

/// Whether a share of the calls, told by a number that both sides know, is to end in another way.
fn chosen(number: u64, percent: f64) -> bool {
    percent > 0.0 && (crate::stamp::mix(number) % 1_000_000) as f64 / 10_000.0 < percent
}
