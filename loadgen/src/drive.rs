//! From arguments to an exit code: sets up a run, has it carried out, reports.
//!
//! Exit codes: 0 well, 1 the run failed or answers were wrong, 2 the arguments make no sense, 3 a `--fail-if` holds.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use clap::ArgMatches;
use serde_json::{Value, json};

use crate::args::{self, Command, Common, Extent};
use crate::engine::{Control, Credentials, Settings, without_secret};
use crate::outcome::{Ending, Outcome};
use crate::report::sweep::{Search, explore, held};
use crate::report::{self, FailIf, units};
use crate::scenario::{self, Load, Run, mix};
use crate::usage;
use crate::watch::Errand;
use crate::wire::codec::Serializer;
use crate::wire::framing::{SEPARATOR, SEPARATOR_AUTOBAHN};
use crate::wire::target::{Protocol, Target};
use crate::wire::tls;

/// Every parameter with its value, defaults included, by flag name.
pub fn parameters(flags: &ArgMatches) -> BTreeMap<String, Value> {
    let read = |text: &std::ffi::OsStr| {
        let text = text.to_string_lossy();
        serde_json::from_str::<Value>(&text)
            .ok()
            .filter(|value| value.is_number() || value.is_boolean())
            .unwrap_or_else(|| Value::from(text.as_ref()))
    };
    let secret = |id: &str, value: Value| match (id, value.as_str()) {
        ("auth", Some(text)) => Value::from(without_secret(text)),
        _ => value,
    };
    let mut found = BTreeMap::new();
    // Groups of flags, named as types are, repeat what their members are called.
    for id in flags.ids().filter(|id| !id.as_str().starts_with(char::is_uppercase)) {
        let Ok(Some(values)) = flags.try_get_raw(id.as_str()) else { continue };
        let mut values: Vec<Value> = values.map(|value| secret(id.as_str(), read(value))).collect();
        let value = if values.len() == 1 { values.remove(0) } else { Value::from(values) };
        found.insert(id.as_str().replace('_', "-"), value);
    }
    found
}

/// Does what the command line says.
///
/// # Errors
/// A sentence: the arguments make no sense.
pub fn command(name: &str, command: Command, parameters: BTreeMap<String, Value>) -> Result<ExitCode, String> {
    match command {
        Command::Report(it) => {
            print!("{}", report::review(&it.files, it.html.as_deref(), it.svg.as_deref())?);
            Ok(ExitCode::SUCCESS)
        }
        Command::Sweep(it) => sweep(&it, &parameters),
        Command::Mix(it) => {
            let file = it.file.display();
            let text = std::fs::read_to_string(&it.file).map_err(|error| format!("{file}: {error}"))?;
            mixed(name, &it.common, &it.extent, &text, parameters).map_err(|why| format!("{file}: {why}"))
        }
        Command::Soak(it) => {
            let text = match &it.mix {
                Some(file) => std::fs::read_to_string(file).map_err(|error| format!("{}: {error}", file.display()))?,
                None => mix::STEADY.to_owned(),
            };
            let extent = Extent { duration: it.duration, count: None, rate: Some(it.rate) };
            mixed(name, &it.common, &extent, &text, parameters)
        }
        scenario => {
            let (common, extent) = flags_of(&scenario).ok_or("that is no scenario")?;
            let conditions = conditions(&common.fail_if)?;
            let errand = Errand::new(name, &common, parameters, prepare(&common, &extent)?);
            fits(&scenario, &errand.run)?;
            let (_, work) = scenario::work(scenario, &None)?;
            let outcome = errand.carry_out(work);
            Ok(conclude(&common, &[outcome], &conditions))
        }
    }
}

/// Refuses what NATS has no counterpart of.
fn fits(command: &Command, run: &Run) -> Result<(), String> {
    let plain = match command {
        Command::Call(it) => it.calls.progress == 0 && it.calls.error_percent == 0.0 && it.calls.call_timeout.is_none(),
        Command::Pubsub(it) => !it.publications.acknowledge,
        _ => false,
    };
    if plain || run.settings.serializer != Serializer::Nats {
        return Ok(());
    }
    Err("nats:// takes plain call and pubsub only: the rest is WAMP's".to_owned())
}

/// The flags that all scenarios share, and the bounds of the load.
fn flags_of(command: &Command) -> Option<(Common, Extent)> {
    let bounded = |common: &Common, duration, count, rate| (common.clone(), Extent { duration, count, rate });
    match command {
        Command::Call(it) => Some((it.common.clone(), it.extent.clone())),
        Command::Match(it) => Some((it.common.clone(), it.extent.clone())),
        Command::Meta(it) => Some((it.common.clone(), it.extent.clone())),
        Command::Pubsub(it) => Some((it.common.clone(), it.extent.clone())),
        Command::Churn(it) => Some((it.common.clone(), it.extent.clone())),
        Command::Register(it) => Some(bounded(&it.common, it.duration, Some(it.registrations), it.rate)),
        Command::Connect(it) => Some(bounded(&it.common, it.duration, Some(it.sessions), it.rate)),
        Command::Mix(_) | Command::Soak(_) | Command::Sweep(_) | Command::Report(_) => None,
    }
}

fn conditions(texts: &[String]) -> Result<Vec<FailIf>, String> {
    texts.iter().map(|text| FailIf::parse(text)).collect()
}

/// Several kinds of load at the same time.
fn mixed(
    name: &str,
    common: &Common,
    extent: &Extent,
    text: &str,
    parameters: BTreeMap<String, Value>,
) -> Result<ExitCode, String> {
    let conditions = conditions(&common.fail_if)?;
    let run = Run { mixed: true, ..prepare(common, extent)? };
    let errand = Errand::new(name, common, parameters, run);
    if errand.run.settings.serializer == Serializer::Nats {
        return Err("nats:// takes plain call and pubsub only: the rest is WAMP's".to_owned());
    }
    let parts = mix::lay_out(&errand.run, mix::parse(text)?, extent)?;
    let told = Arc::clone(&errand.run.told);
    let mut outcome = errand.carry_out(|_| mix::run(parts));
    if let Some(sum) = mix::sum(&told.books()) {
        // Of the process that serves all parts, none has a share that could be told.
        outcome.measures.iter_mut().for_each(|measure| measure.router = None);
        outcome.measures.insert(0, sum.measure());
    }
    if let Some(growth) = told.growth() {
        outcome.measures[0].extra.insert("router_growth_bytes_per_hour".to_owned(), growth);
    }
    Ok(conclude(common, &[outcome], &conditions))
}

/// Calls at rising rates.
fn sweep(flags: &args::Sweep, parameters: &BTreeMap<String, Value>) -> Result<ExitCode, String> {
    let (common, until) = (&flags.common, conditions(&flags.until)?);
    let conditions = conditions(&common.fail_if)?;
    if until.iter().all(|bound| bound.latency_bound().is_none()) || flags.precision <= 1.0 {
        return Err("sweep needs a bound on a latency, such as --until 'p99>5ms', and a --precision above 1".to_owned());
    }
    let extent = |rate| Extent { duration: flags.duration, count: None, rate: Some(rate) };
    prepare(common, &extent(flags.from))?;
    let step = |rate: f64| {
        let mut parameters = parameters.clone();
        parameters.insert("rate".to_owned(), json!(rate));
        let run = prepare(common, &extent(rate)).expect("the same arguments were good before");
        let errand = Errand::new("call", common, parameters, run);
        let outcome = errand.carry_out(|run| scenario::call::run(run, &flags.calls));
        if !common.quiet {
            eprintln!("{}", step_line(rate, &outcome));
        }
        outcome
    };
    let outcomes = explore(Search::new(flags.from, flags.precision), step);
    Ok(conclude(common, &outcomes, &conditions))
}

/// One rate of a sweep, in a line.
fn step_line(rate: f64, outcome: &Outcome) -> String {
    let measure = outcome.headline();
    let (achieved, p99) = (units::rate(measure.rate.achieved), units::time(measure.latency.quantile("p99") as f64));
    let verdict = if held(outcome) { "held" } else { "too much" };
    format!("{} asked: {achieved} achieved, p99 {p99}: {verdict}", units::rate(rate))
}

fn nanoseconds(time: Duration) -> u64 {
    time.as_nanos() as u64
}

/// A run that has not begun.
fn prepare(common: &Common, extent: &Extent) -> Result<Run, String> {
    let targets = common.url.iter().map(|url| Target::parse(url)).collect::<Result<Vec<_>, _>>()?;
    let websocket = |target: &Target| matches!(target.protocol, Protocol::WebSocket(..));
    if common.batched && !targets.iter().all(websocket) {
        return Err("--batched is for ws:// and wss:// only: RawSocket has no batches".to_owned());
    }
    let nats = targets.iter().filter(|target| target.protocol == Protocol::Nats).count();
    if nats != 0 && nats != targets.len() {
        return Err("nats:// and WAMP cannot be driven in one run".to_owned());
    }
    if nats != 0 && common.auth != "anonymous" {
        return Err("--auth is for WAMP: nats:// connects without credentials".to_owned());
    }
    if let Some(pid) = common.router_pid.filter(|&pid| usage::sample(pid).is_none()) {
        return Err(format!("--router-pid {pid}: there is no such process"));
    }
    let warmup = common.warmup.unwrap_or(Duration::from_secs(u64::from(extent.count.is_none())));
    let settings = Settings {
        targets,
        realm: common.realm.clone(),
        serializer: if nats > 0 { Serializer::Nats } else { common.serializer },
        batched: common.batched,
        separator: if common.autobahn_batches { SEPARATOR_AUTOBAHN } else { SEPARATOR },
        credentials: Credentials::parse(&common.auth)?,
        tls: tls::config(common.tls_ca.as_deref(), common.tls_insecure)?,
        join_timeout: nanoseconds(common.connect_timeout),
        answer_timeout: nanoseconds(common.timeout),
        seed: common.seed,
    };
    let load = Load {
        threads: common.threads as usize,
        rate: extent.rate,
        duration: nanoseconds(extent.duration),
        count: extent.count,
        warmup: nanoseconds(warmup),
        ramp: nanoseconds(common.ramp),
        timeout: nanoseconds(common.timeout),
        seed: common.seed,
        verify: !common.no_verify,
        router: common.router_pid,
    };
    // Two runs at the same time must not meet in their URIs.
    let nonce =
        (std::process::id() as u64) << 20 ^ SystemTime::UNIX_EPOCH.elapsed().map_or(0, |it| it.as_micros() as u64);
    Ok(Run {
        settings: Arc::new(settings),
        control: Arc::new(Control::new()),
        load,
        prefix: format!("com.loadgen.r{:07x}", nonce & 0xfff_ffff),
        part: None,
        mixed: false,
        stage: Arc::default(),
        told: Arc::default(),
        together: None,
    })
}

/// Writes what was asked and says what a person wants to know.
fn conclude(common: &Common, outcomes: &[Outcome], conditions: &[FailIf]) -> ExitCode {
    let to_stdout = common.json.as_deref() == Some(Path::new("-"));
    if !to_stdout {
        match outcomes {
            [one] => print!("{}", report::text(one)),
            many => print!("{}", report::compare(many)),
        }
    }
    let mut failed = outcomes.is_empty();
    if let Some(path) = &common.json {
        let json = match outcomes {
            [one] => serde_json::to_string_pretty(one),
            many => serde_json::to_string_pretty(many),
        };
        failed |= write(path, &json.expect("an outcome is always JSON"), to_stdout);
    }
    if let Some(path) = &common.html {
        failed |= write(path, &report::html(outcomes), false);
    }
    let crossed: Vec<String> =
        outcomes.iter().flat_map(|outcome| conditions.iter().filter_map(|it| it.check(outcome).err())).collect();
    crossed.iter().for_each(|why| eprintln!("banyan-loadgen: {why}"));
    for outcome in outcomes {
        if let Ending::Failed { reason } = &outcome.ending {
            eprintln!("banyan-loadgen: {reason}");
            failed = true;
        }
        failed |= outcome.faults() > 0;
    }
    match (failed, crossed.is_empty()) {
        (true, _) => ExitCode::from(1),
        (false, false) => ExitCode::from(3),
        (false, true) => ExitCode::SUCCESS,
    }
}

/// Writes a file or standard output; true if it failed, which it says.
fn write(path: &Path, text: &str, to_stdout: bool) -> bool {
    if to_stdout {
        println!("{text}");
        return false;
    }
    let written = std::fs::write(path, text);
    if let Err(error) = &written {
        eprintln!("banyan-loadgen: cannot write {}: {error}", path.display());
    }
    written.is_err()
}
