//! Many runs sorted for comparison: what may stand side by side, and what is the same thing repeated.
//!
//! A [`Section`] holds what is comparable: the same scenario, the same thing measured, the same kind of load. In it a
//! [`Group`] is one contestant, the runs of equal name and parameters being its repetitions; a figure of a group is the
//! median with the lowest and highest beside it. Runs at three or more asked rates form a [`Sweep`] instead.

use std::collections::BTreeMap;

use super::sweep::Sweep;
use super::units;
use crate::outcome::{Latency, Measure, Outcome, new_histogram};

/// A sweep has at least this many different rates.
const SWEEP_RATES: usize = 3;

/// Parameters that do not make two runs different things: how and where it was run, not what was driven.
const INCIDENTAL: [&str; 18] = [
    "auth",
    "duration",
    "fail-if",
    "html",
    "json",
    "label",
    "quiet",
    "ramp",
    "rate",
    "realm",
    "router-pid",
    "seed",
    "svg",
    "tls-ca",
    "tls-insecure",
    "until",
    "url",
    "warmup",
];

/// A figure that contestants are compared by.
pub struct Metric {
    /// Its name in a table.
    pub name: &'static str,
    /// Reads it; `None` where it was not measured.
    pub of: fn(&Measure) -> Option<f64>,
    /// Writes it.
    pub text: fn(f64) -> String,
}

/// All of them, in the order of a table.
pub const METRICS: [Metric; 10] = [
    Metric { name: "rate", of: achieved, text: units::rate },
    Metric { name: "p50", of: |measure| quantile(measure, "p50"), text: units::time },
    Metric { name: "p90", of: |measure| quantile(measure, "p90"), text: units::time },
    Metric { name: "p99", of: |measure| quantile(measure, "p99"), text: units::time },
    Metric { name: "p99.9", of: |measure| quantile(measure, "p99.9"), text: units::time },
    Metric { name: "max", of: |measure| quantile(measure, "max"), text: units::time },
    Metric { name: "errors", of: |measure| Some(measure.faults() as f64), text: |value| units::count(value as u64) },
    Metric { name: "router CPU/op", of: router_cpu, text: units::time },
    Metric { name: "router memory", of: router_memory, text: units::bytes },
    Metric { name: "generator CPU/op", of: generator_cpu, text: units::time },
];

/// Operations per second, if there was time to measure them.
fn achieved(measure: &Measure) -> Option<f64> {
    (measure.duration_s > 0.0).then_some(measure.rate.achieved)
}

/// A latency quantile by its label, in nanoseconds.
pub fn quantile(measure: &Measure, label: &str) -> Option<f64> {
    (measure.latency.count > 0).then(|| measure.latency.quantile(label) as f64)
}

/// The router's CPU time per operation, in nanoseconds.
pub fn router_cpu(measure: &Measure) -> Option<f64> {
    measure.router.filter(|_| measure.operations > 0).map(|router| router.cpu_us_per_op * 1e3)
}

/// The router's highest resident memory, in bytes.
pub fn router_memory(measure: &Measure) -> Option<f64> {
    measure.router.map(|router| router.rss_peak as f64)
}

fn generator_cpu(measure: &Measure) -> Option<f64> {
    measure.generator.as_ref().filter(|_| measure.operations > 0).map(|generator| generator.cpu_us_per_op * 1e3)
}

/// A figure over repetitions.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Spread {
    /// Half of the repetitions are at or below it.
    pub median: f64,
    /// The lowest.
    pub low: f64,
    /// The highest.
    pub high: f64,
}

impl Spread {
    /// Of the values that are there; `None` of none.
    pub fn of(values: impl IntoIterator<Item = Option<f64>>) -> Option<Spread> {
        let mut values: Vec<f64> = values.into_iter().flatten().collect();
        values.sort_by(f64::total_cmp);
        let (low, high) = (*values.first()?, *values.last()?);
        let middle = values.len() / 2;
        let median = if values.len() % 2 == 1 { values[middle] } else { (values[middle - 1] + values[middle]) / 2.0 };
        Some(Spread { median, low, high })
    }
}

/// One contestant of a section.
pub struct Group<'a> {
    /// How it is called, different from the others of the section.
    pub name: String,
    /// Its repetitions, each with what was measured.
    pub runs: Vec<(&'a Outcome, &'a Measure)>,
}

impl Group<'_> {
    /// A figure over the repetitions.
    pub fn figure(&self, of: fn(&Measure) -> Option<f64>) -> Option<Spread> {
        Spread::of(self.runs.iter().map(|(_, measure)| of(measure)))
    }

    /// All latencies of the repetitions together.
    pub fn latency(&self) -> Latency {
        let mut all = new_histogram();
        for (_, measure) in &self.runs {
            for &(value, count) in &measure.latency.buckets {
                all.saturating_record_n(value, count);
            }
        }
        let from = self.runs.first().map(|(_, measure)| measure.latency.from).unwrap_or_default();
        Latency::of(&all, from)
    }
}

/// What may stand side by side.
pub struct Section<'a> {
    /// Scenario, thing measured, kind of load.
    pub title: String,
    /// The contestants, in the order they were given.
    pub groups: Vec<Group<'a>>,
    /// The contestants that were driven at many rates.
    pub sweeps: Vec<Sweep<'a>>,
}

/// What the run is called: its label, or what the router calls itself, or where it is.
pub fn name_of(outcome: &Outcome) -> String {
    if let Some(label) = &outcome.label {
        return label.clone();
    }
    let names = if outcome.agents.is_empty() { &outcome.targets } else { &outcome.agents };
    let mut distinct: Vec<&str> = Vec::new();
    for name in names {
        if !distinct.contains(&name.as_str()) {
            distinct.push(name);
        }
    }
    if distinct.is_empty() { outcome.scenario.clone() } else { distinct.join(", ") }
}

/// The kind of load as words: how operations were let go.
pub fn load_of(measure: &Measure) -> &'static str {
    if measure.rate.asked.is_some() { "at a set rate" } else { "as fast as answers come" }
}

/// Sorts runs into sections, in the order of their first appearance.
pub fn sections(outcomes: &[Outcome]) -> Vec<Section<'_>> {
    let mut found: Vec<Section<'_>> = Vec::new();
    for outcome in outcomes {
        for measure in &outcome.measures {
            let title = title_of(outcome, measure);
            let at = found.iter().position(|section| section.title == title).unwrap_or_else(|| {
                let (groups, sweeps) = (Vec::new(), Vec::new());
                found.push(Section { title: title.clone(), groups, sweeps });
                found.len() - 1
            });
            add(&mut found[at], outcome, measure);
        }
    }
    found.into_iter().map(settle).collect()
}

fn title_of(outcome: &Outcome, measure: &Measure) -> String {
    let load = load_of(measure);
    if measure.name == outcome.scenario {
        format!("{}, {load}", outcome.scenario)
    } else {
        format!("{}: {}, {load}", outcome.scenario, measure.name)
    }
}

/// Puts a run beside its repetitions. Rates are told apart in [`settle`], once all of them are known.
fn add<'a>(section: &mut Section<'a>, outcome: &'a Outcome, measure: &'a Measure) {
    let same = |group: &&mut Group<'a>| {
        let (first, _) = group.runs[0];
        name_of(first) == name_of(outcome) && differing(first, outcome).is_empty()
    };
    match section.groups.iter_mut().find(same) {
        Some(group) => group.runs.push((outcome, measure)),
        None => section.groups.push(Group { name: name_of(outcome), runs: vec![(outcome, measure)] }),
    }
}

/// What was driven, by parameter; the kind of transport is one.
fn facts(outcome: &Outcome) -> BTreeMap<String, String> {
    let named = outcome.parameters.iter().map(|(name, value)| (name.clone(), value_text(value)));
    let mut facts: BTreeMap<String, String> = named.filter(|(name, _)| !INCIDENTAL.contains(&name.as_str())).collect();
    let scheme = outcome.targets.first().and_then(|url| url.split_once(':'));
    facts.extend(scheme.map(|(scheme, _)| ("over".to_owned(), scheme.to_owned())));
    facts
}

/// The parameters in which two runs differ as things, by name.
fn differing(a: &Outcome, b: &Outcome) -> Vec<String> {
    let (a, b) = (facts(a), facts(b));
    let mut names: Vec<String> =
        a.keys().chain(b.keys()).filter(|name| a.get(*name) != b.get(*name)).cloned().collect();
    names.sort_unstable();
    names.dedup();
    names
}

/// Takes sweeps out of the groups, parts the rest by rate, and names what is still called the same.
fn settle(mut section: Section<'_>) -> Section<'_> {
    rename(&mut section.groups);
    for group in std::mem::take(&mut section.groups) {
        let mut rates: Vec<f64> = group.runs.iter().filter_map(|(_, measure)| measure.rate.asked).collect();
        rates.sort_by(f64::total_cmp);
        rates.dedup();
        if rates.len() >= SWEEP_RATES {
            section.sweeps.push(Sweep::of(group));
        } else if rates.len() > 1 {
            let at = |rate: f64| Group {
                name: format!("{}, {}", group.name, units::asked(rate)),
                runs: group.runs.iter().filter(|(_, measure)| measure.rate.asked == Some(rate)).copied().collect(),
            };
            section.groups.extend(rates.into_iter().map(at));
        } else {
            section.groups.push(group);
        }
    }
    section
}

/// Adds to equal names the parameters in which their groups differ.
fn rename(groups: &mut [Group<'_>]) {
    let names: Vec<String> = groups.iter().map(|group| group.name.clone()).collect();
    let firsts: Vec<&Outcome> = groups.iter().map(|group| group.runs[0].0).collect();
    for (at, group) in groups.iter_mut().enumerate() {
        let mut apart: Vec<String> = Vec::new();
        for (other, name) in names.iter().enumerate() {
            if other != at && *name == names[at] {
                apart.extend(differing(firsts[at], firsts[other]));
            }
        }
        apart.sort_unstable();
        apart.dedup();
        let facts = facts(firsts[at]);
        for parameter in apart {
            let value = facts.get(&parameter).map_or(units::NONE, String::as_str);
            group.name += &format!(", {parameter} {value}");
        }
    }
}

/// A parameter's value as a person wrote it.
pub fn value_text(value: &serde_json::Value) -> String {
    match value {
        serde_json::Value::String(text) => text.clone(),
        serde_json::Value::Array(items) => items.iter().map(value_text).collect::<Vec<_>>().join(", "),
        serde_json::Value::Bool(true) => "yes".to_owned(),
        serde_json::Value::Bool(false) => "no".to_owned(),
        serde_json::Value::Null => units::NONE.to_owned(),
        other => other.to_string(),
    }
}

#[cfg(test)]
mod tests;
