//! From arguments to an exit code: sets up a run, watches it, reports.
//!
//! Exit codes: 0 well, 1 the run failed or answers were wrong, 2 the arguments make no sense, 3 a `--fail-if` holds.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::ExitCode;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, SystemTime};

use clap::ArgMatches;
use serde_json::Value;

use crate::args::{Command, Common, Extent};
use crate::engine::{Control, Credentials, Settings};
use crate::live::View;
use crate::outcome::{Ending, FORMAT, Measure, Outcome};
use crate::report::{self, FailIf};
use crate::scenario::{self, Load, Run, Stage};
use crate::wire::target::Target;
use crate::wire::tls;
use crate::usage;

/// Between looks at what goes on.
const LOOK: Duration = Duration::from_millis(50);

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
        // Reports are passed around; what proves who one is must not be in them.
        ("auth", Some(text)) => Value::from(text.split(':').take(2).collect::<Vec<_>>().join(":")),
        _ => value,
    };
    let mut found = BTreeMap::new();
    for id in flags.ids() {
        // Ids of flattened groups have no values.
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
        Command::Call(it) => {
            let run = prepare(&it.common, &it.extent)?;
            carry_out(name, &it.common, parameters, run, |run| scenario::call::run(run, &it.calls))
        }
        Command::Register(it) => {
            let extent = Extent { duration: it.duration, count: Some(it.registrations), rate: it.rate };
            let run = prepare(&it.common, &extent)?;
            carry_out(name, &it.common, parameters, run, |run| scenario::register::run(run, &it))
        }
        Command::Match(it) => {
            let run = prepare(&it.common, &it.extent)?;
            if it.exact + it.prefix + it.wildcard == 0 {
                return Err("match needs a population: --exact, --prefix or --wildcard".to_owned());
            }
            carry_out(name, &it.common, parameters, run, |run| scenario::matching::run(run, &it))
        }
        Command::Meta(it) => {
            let run = prepare(&it.common, &it.extent)?;
            if it.pipeline >= it.procedures {
                return Err("meta needs more --procedures than its --pipeline is long".to_owned());
            }
            carry_out(name, &it.common, parameters, run, |run| scenario::meta::run(run, &it))
        }
        Command::Pubsub(it) => {
            let run = prepare(&it.common, &it.extent)?;
            scenario::pubsub::check(&it.publications, it.extent.rate)?;
            carry_out(name, &it.common, parameters, run, |run| scenario::pubsub::run(run, &it.publications))
        }
        Command::Connect(it) => {
            let extent = Extent { duration: it.duration, count: Some(it.sessions), rate: it.rate };
            let run = prepare(&it.common, &extent)?;
            carry_out(name, &it.common, parameters, run, |run| scenario::connect::run(run, &it))
        }
        Command::Churn(it) => {
            let run = prepare(&it.common, &it.extent)?;
            carry_out(name, &it.common, parameters, run, |run| scenario::churn::run(run, &it))
        }
    }
}

fn nanoseconds(time: Duration) -> u64 {
    time.as_nanos() as u64
}

/// A run that has not begun.
fn prepare(common: &Common, extent: &Extent) -> Result<Run, String> {
    let targets = common.url.iter().map(|url| Target::parse(url)).collect::<Result<Vec<_>, _>>()?;
    if common.batched && targets.iter().any(|target| target.websocket.is_none()) {
        return Err("--batched is for ws:// and wss:// only: RawSocket has no batches".to_owned());
    }
    if let Some(pid) = common.router_pid.filter(|&pid| usage::sample(pid).is_none()) {
        return Err(format!("--router-pid {pid}: there is no such process"));
    }
    let warmup = common.warmup.unwrap_or(Duration::from_secs(u64::from(extent.count.is_none())));
    let settings = Settings {
        targets,
        realm: common.realm.clone(),
        serializer: common.serializer,
        batched: common.batched,
        credentials: Credentials::parse(&common.auth)?,
        tls: tls::config(common.tls_ca.as_deref(), common.tls_insecure)?,
        join_timeout: nanoseconds(common.timeout),
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
    let nonce = (std::process::id() as u64) << 20 ^ SystemTime::UNIX_EPOCH.elapsed().map_or(0, |it| it.as_micros() as u64);
    Ok(Run {
        settings: Arc::new(settings),
        control: Arc::new(Control::new()),
        load,
        prefix: format!("com.loadgen.r{:07x}", nonce & 0xfff_ffff),
        part: None,
        stage: Stage::default(),
        agents: Mutex::default(),
        notes: Mutex::default(),
        books: Mutex::default(),
    })
}

/// Runs a scenario to its end and reports.
fn carry_out(
    name: &str,
    common: &Common,
    parameters: BTreeMap<String, Value>,
    run: Run,
    scenario: impl FnOnce(&Run) + Send,
) -> Result<ExitCode, String> {
    let conditions = common.fail_if.iter().map(|text| FailIf::parse(text)).collect::<Result<Vec<_>, _>>()?;
    usage::raise_descriptors();
    let outcome = execute(name, common, parameters, &run, scenario);
    report(common, &outcome, &conditions)
}

/// Runs a scenario to its end.
fn execute(
    name: &str,
    common: &Common,
    parameters: BTreeMap<String, Value>,
    run: &Run,
    scenario: impl FnOnce(&Run) + Send,
) -> Outcome {
    let interrupted = interrupts();
    let started = SystemTime::now();
    let mut view = View::new(&format!("{name} against {}", common.url.join(", ")), common.quiet);
    std::thread::scope(|scope| {
        let work = scope.spawn(|| scenario(run));
        while !work.is_finished() {
            watch(run, &interrupted, &mut view);
            std::thread::park_timeout(LOOK);
        }
        if work.join().is_err() {
            run.control.fail("the generator broke down; this is a defect of it".to_owned());
        }
    });
    view.finish();
    let books = run.books();
    let mut measures: Vec<Measure> = books.iter().map(|book| book.measure()).collect();
    if measures.is_empty() {
        measures.push(Measure { name: name.to_owned(), operation: name.to_owned(), ..Measure::default() });
    }
    let began = books.iter().find_map(|book| book.window()).map_or(0, |window| window.from);
    Outcome {
        format: FORMAT,
        scenario: name.to_owned(),
        label: common.label.clone(),
        parameters,
        command: std::env::args().collect(),
        targets: common.url.clone(),
        agents: run.agents.lock().expect("no holder of this lock panics").clone(),
        started: rfc3339(started + Duration::from_nanos(began)),
        elapsed_s: run.control.now() as f64 / 1e9,
        measures,
        ending: match run.control.failure() {
            Some(reason) => Ending::Failed { reason },
            None if interrupted.load(Ordering::Relaxed) => Ending::Interrupted,
            None => Ending::Finished,
        },
        machine: usage::machine(),
        notes: run.notes.lock().expect("no holder of this lock panics").clone(),
    }
}

/// One look at a run: signals, the router's memory, the live view.
fn watch(run: &Run, interrupted: &AtomicBool, view: &mut View) {
    if interrupted.load(Ordering::Relaxed) {
        run.control.stop();
    }
    let sample = run.load.router.and_then(usage::sample);
    if let Some(sample) = &sample
        && let Some(book) = run.book_at_hand()
    {
        book.watch(sample);
    }
    let mut progress = run.progress();
    progress.router_rss = sample.map(|sample| sample.rss);
    view.show(&progress);
}

/// Set by SIGINT and SIGTERM; a second signal ends the process at once.
fn interrupts() -> Arc<AtomicBool> {
    use signal_hook::consts::{SIGINT, SIGTERM};
    let interrupted = Arc::new(AtomicBool::new(false));
    for signal in [SIGINT, SIGTERM] {
        // Where a handler cannot be set, the signal ends the process, as it would without us.
        let _ = signal_hook::flag::register_conditional_shutdown(signal, 130, Arc::clone(&interrupted));
        let _ = signal_hook::flag::register(signal, Arc::clone(&interrupted));
    }
    interrupted
}

/// Writes what was asked and says what a person wants to know.
fn report(common: &Common, outcome: &Outcome, conditions: &[FailIf]) -> Result<ExitCode, String> {
    let to_stdout = common.json.as_deref() == Some(Path::new("-"));
    if !to_stdout {
        print!("{}", report::text(outcome));
    }
    let mut failed = false;
    if let Some(path) = &common.json {
        let json = serde_json::to_string_pretty(outcome).expect("an outcome is always JSON");
        failed |= write(path, &json, to_stdout);
    }
    if let Some(path) = &common.html {
        failed |= write(path, &report::html(std::slice::from_ref(outcome)), false);
    }
    let mut crossed = false;
    for condition in conditions {
        if let Err(why) = condition.check(outcome) {
            eprintln!("banyan-loadgen: {why}");
            crossed = true;
        }
    }
    if let Ending::Failed { reason } = &outcome.ending {
        eprintln!("banyan-loadgen: {reason}");
        failed = true;
    }
    failed |= outcome.faults() > 0;
    Ok(ExitCode::from(if failed { 1 } else if crossed { 3 } else { 0 }))
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

/// A time as RFC 3339, UTC, milliseconds.
fn rfc3339(time: SystemTime) -> String {
    let since = time.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    let (seconds, milliseconds) = (since.as_secs(), since.subsec_millis());
    let (days, of_day) = ((seconds / 86_400) as i64, seconds % 86_400);
    // Civil from days (Howard Hinnant): years begin in March, so that the leap day comes last.
    let z = days + 719_468;
    let era = z.div_euclid(146_097);
    let day_of_era = z.rem_euclid(146_097);
    let year_of_era = (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * shifted + 2) / 5 + 1;
    let month = if shifted < 10 { shifted + 3 } else { shifted - 9 };
    let year = year_of_era + era * 400 + i64::from(month <= 2);
    let (hour, minute, second) = (of_day / 3600, of_day / 60 % 60, of_day % 60);
    format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}.{milliseconds:03}Z")
}

#[cfg(test)]
mod tests {
    use super::rfc3339;
    use std::time::{Duration, SystemTime};

    #[test]
    fn dates_are_those_of_the_calendar() {
        let at = |seconds: u64| rfc3339(SystemTime::UNIX_EPOCH + Duration::from_secs(seconds));
        assert_eq!(at(0), "1970-01-01T00:00:00.000Z");
        assert_eq!(at(951_782_399), "2000-02-28T23:59:59.000Z");
        assert_eq!(at(951_782_400), "2000-02-29T00:00:00.000Z");
        assert_eq!(at(1_794_000_000), "2026-11-06T20:00:00.000Z");
    }
}
