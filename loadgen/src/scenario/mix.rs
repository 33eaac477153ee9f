//! `mix`: several kinds of load at the same time, described in a file.
//!
//! ```toml
//! [[part]]
//! scenario = "call"        # or pubsub, meta, churn
//! name = "orders"          # goes before the names of its measures
//! weight = 6               # its share of --rate
//! callers = 16             # and any flag of that scenario
//! ```
//!
//! All parts begin together. Without `--rate` each is as fast as its answers come, or has a `rate` of its own.

use std::collections::HashSet;
use std::sync::Arc;

use serde::Deserialize;
use serde_json::{Map, Value};

use super::{Run, Told};
use crate::args::{Arguments, Command, Extent};
use crate::engine::Gate;
use crate::outcome::Measure;
use crate::record::Book;

/// What `soak` runs where no other mix is given.
pub const STEADY: &str = include_str!("mix/steady.toml");

/// A mix file.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    part: Vec<Map<String, Value>>,
}

/// One kind of load.
pub struct Part {
    name: String,
    weight: f64,
    command: Command,
}

/// Reads a mix.
///
/// # Errors
/// A sentence that says what is wrong with which part.
pub fn parse(text: &str) -> Result<Vec<Part>, String> {
    let file: File = toml::from_str(text).map_err(|error| error.to_string())?;
    let parts = file.part.into_iter().enumerate().map(|(at, table)| part(at, table)).collect::<Result<Vec<_>, _>>()?;
    let mut names = HashSet::new();
    match parts.iter().find(|part| !names.insert(part.name.as_str())) {
        _ if parts.is_empty() => Err("a mix needs at least one [[part]]".to_owned()),
        Some(twice) => Err(format!("two parts are called \"{}\": give them a name", twice.name)),
        None => Ok(parts),
    }
}

fn part(at: usize, mut table: Map<String, Value>) -> Result<Part, String> {
    let mut take = |key: &str| table.remove(key);
    let scenario = match take("scenario") {
        Some(Value::String(scenario)) => scenario,
        _ => return Err(format!("part {}: scenario is missing", at + 1)),
    };
    let name = take("name").and_then(|name| name.as_str().map(str::to_owned)).unwrap_or_else(|| scenario.clone());
    let weight = take("weight").map_or(Some(1.0), |weight| weight.as_f64());
    let weight = weight.filter(|&weight| weight > 0.0).ok_or(format!("part \"{name}\": weight must be above 0"))?;
    let mut words = vec!["banyan-loadgen".to_owned(), scenario];
    for (key, value) in &table {
        words.extend(flag(key, value));
    }
    let parsed = <Arguments as clap::Parser>::try_parse_from(words).map_err(|error| format!("part \"{name}\": {error}"))?;
    match parsed.command {
        command @ (Command::Call(_) | Command::Pubsub(_) | Command::Meta(_) | Command::Churn(_)) => {
            Ok(Part { name, weight, command })
        }
        _ => Err(format!("part \"{name}\": a mix holds call, pubsub, meta and churn")),
    }
}

/// A key and its value as words of a command line.
fn flag(key: &str, value: &Value) -> Vec<String> {
    let text = |value: &Value| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    match value {
        Value::Bool(false) => Vec::new(),
        Value::Bool(true) => vec![format!("--{key}")],
        Value::Array(values) => values.iter().flat_map(|value| [format!("--{key}"), text(value)]).collect(),
        value => vec![format!("--{key}"), text(value)],
    }
}

/// A part with what it does in this run.
type Work = (Run, Box<dyn FnOnce(&Run) + Send>);

/// Makes the run of each part.
///
/// # Errors
/// A part asks for what cannot be driven, as a sentence.
pub fn lay_out(run: &Run, parts: Vec<Part>, extent: &Extent) -> Result<Vec<Work>, String> {
    let weights: f64 = parts.iter().map(|part| part.weight).sum();
    let gate = Arc::new(Gate::new(run.load.threads * parts.len()));
    let lay = |(at, part): (usize, Part)| {
        let share = extent.rate.map(|rate| rate * part.weight / weights);
        let (own, work) = super::work(part.command, &share)?;
        let mut load = run.load.clone();
        load.rate = share.or(own);
        let one = Run {
            settings: Arc::clone(&run.settings),
            control: Arc::clone(&run.control),
            load,
            prefix: format!("{}{at}", run.prefix),
            part: Some(part.name),
            stage: Arc::clone(&run.stage),
            told: Arc::clone(&run.told),
            together: Some(Arc::clone(&gate)),
        };
        Ok((one, work))
    };
    parts.into_iter().enumerate().map(lay).collect()
}

/// Runs all parts at the same time.
pub fn run(parts: Vec<Work>) {
    std::thread::scope(|scope| {
        for (run, work) in parts {
            scope.spawn(move || {
                work(&run);
                // The others wait for this one at the start, if it did not get there.
                if run.control.failure().is_some() {
                    run.control.stop();
                }
            });
        }
    });
}

/// The sum over the first measure of each part.
pub fn headline(told: &Told) -> Option<Measure> {
    let mut seen = HashSet::new();
    let books = told.books();
    let first = |book: &&Arc<Book>| seen.insert(book.name.split('.').next().unwrap_or("").to_owned());
    let first: Vec<Arc<Book>> = books.iter().filter(first).cloned().collect();
    (!first.is_empty()).then(|| Book::sum("mix", &first).measure())
}

#[cfg(test)]
mod tests {
    use super::{STEADY, parse};

    #[test]
    fn the_built_in_mix_is_one() {
        assert!(parse(STEADY).is_ok_and(|parts| parts.len() > 2));
    }

    #[test]
    fn what_is_wrong_is_said() {
        let why = |text: &str| parse(text).err().expect("this is no mix");
        assert!(why("part = []").contains("at least one"));
        assert!(why("[[part]]\ncallers = 3").contains("scenario is missing"));
        assert!(why("[[part]]\nscenario = 'call'\nweight = 0").contains("above 0"));
        assert!(why("[[part]]\nscenario = 'connect'").contains("a mix holds"));
        assert!(why("[[part]]\nscenario = 'call'\nnonsense = 3").contains("nonsense"));
        assert!(why("[[part]]\nscenario = 'call'\n[[part]]\nscenario = 'call'").contains("give them a name"));
    }
}
