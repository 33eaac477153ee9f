//! Thresholds: when does a run count as failed (`--fail-if`), where does a sweep end.
//!
//! ```text
//! [MEASURE.]FIGURE (> | >= | < | <=) VALUE      p99>5ms   errors>0   errors>0.1%   rate<100k   register.max>=1s
//! ```
//! FIGURE is a percentile (`p50`, `p99.9`...), `min`, `mean`, `max`; `rate`; `errors` (broken integrity included),
//! `timeouts`, `wrong`, `lost`, `duplicated`, `reordered`; with `--router-pid` also `cpu` (router time per operation)
//! and `memory` (its highest resident memory). MEASURE is one of the things measured; without it, the headline.

use super::units;
use crate::outcome::{Measure, Outcome};

/// A condition under which a run counts as failed.
#[derive(Debug, Clone, PartialEq)]
pub struct FailIf {
    text: String,
    measure: Option<String>,
    figure: Figure,
    compare: Compare,
    bound: Bound,
}

#[derive(Debug, Clone, Copy, PartialEq)]
enum Figure {
    Quantile(f64),
    Min,
    Mean,
    Max,
    Rate,
    Errors,
    Timeouts,
    Wrong,
    Lost,
    Duplicated,
    Reordered,
    Cpu,
    Memory,
}

#[derive(Debug, Clone, Copy, PartialEq)]
enum Compare {
    Above,
    AtLeast,
    Below,
    AtMost,
}

/// What the figure is compared with: in the figure's own unit, or as a part of all operations.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Bound {
    Value(f64),
    Part(f64),
}

/// The kinds of values, each with its units.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Time,
    Rate,
    Count,
    Bytes,
}

const NAMES: [(&str, Figure); 12] = [
    ("min", Figure::Min),
    ("mean", Figure::Mean),
    ("max", Figure::Max),
    ("rate", Figure::Rate),
    ("errors", Figure::Errors),
    ("timeouts", Figure::Timeouts),
    ("wrong", Figure::Wrong),
    ("lost", Figure::Lost),
    ("duplicated", Figure::Duplicated),
    ("reordered", Figure::Reordered),
    ("cpu", Figure::Cpu),
    ("memory", Figure::Memory),
];

/// Longest first, so that `>=` is not taken for `>`.
const OPERATORS: [(&str, Compare); 4] =
    [(">=", Compare::AtLeast), ("<=", Compare::AtMost), (">", Compare::Above), ("<", Compare::Below)];

impl FailIf {
    /// Reads a condition.
    ///
    /// # Errors
    /// A sentence that says what could not be read and what would be.
    pub fn parse(text: &str) -> Result<FailIf, String> {
        let found = OPERATORS.iter().filter_map(|(sign, compare)| Some((text.find(sign)?, *sign, *compare)));
        let (at, sign, compare) = found.min_by_key(|(at, ..)| *at).ok_or_else(|| {
            format!("'{text}' compares nothing: write a figure, one of > >= < <=, and a value, like 'p99>5ms'")
        })?;
        let (left, right) = (text[..at].trim(), text[at + sign.len()..].trim());
        let (measure, name) = split_measure(left);
        let figure = Figure::parse(name)?;
        let bound = figure.bound(right).map_err(|why| format!("in '{text}': {why}"))?;
        Ok(FailIf { text: text.trim().to_owned(), measure: measure.map(str::to_owned), figure, compare, bound })
    }

    /// Whether the run passes.
    ///
    /// # Errors
    /// A sentence for a person: the condition holds, or the run has no figure to judge it by.
    pub fn check(&self, outcome: &Outcome) -> Result<(), String> {
        let measure = match &self.measure {
            None => Some(outcome.headline()),
            Some(name) => outcome.measure(name),
        };
        let Some(measure) = measure else {
            let names: Vec<&str> = outcome.measures.iter().map(|measure| measure.name.as_str()).collect();
            return Err(format!("'{}' cannot be judged: this run measured {}", self.text, names.join(", ")));
        };
        let Some(value) = self.figure.of(measure) else {
            return Err(format!("'{}' cannot be judged: this run has no such figure", self.text));
        };
        let (value, bound, show): (f64, f64, fn(f64) -> String) = match self.bound {
            Bound::Value(bound) => (value, bound, self.figure.text()),
            Bound::Part(bound) => (value / attempts(measure), bound, units::percent),
        };
        if self.compare.holds(value, bound) {
            let name = &measure.name;
            return Err(format!(
                "{} of {name} is {}: the run fails by '{}'",
                self.figure.name(),
                show(value),
                self.text
            ));
        }
        Ok(())
    }

    /// For a bound on a latency from above (`p99>5ms`): the label of the percentile and the bound in nanoseconds.
    pub fn latency_bound(&self) -> Option<(String, f64)> {
        match (self.figure, self.compare, self.bound) {
            (Figure::Quantile(_) | Figure::Max, Compare::Above | Compare::AtLeast, Bound::Value(ns)) => {
                Some((self.figure.name(), ns))
            }
            _ => None,
        }
    }
}

impl std::fmt::Display for FailIf {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.text)
    }
}

impl std::str::FromStr for FailIf {
    type Err = String;

    fn from_str(text: &str) -> Result<FailIf, String> {
        FailIf::parse(text)
    }
}

/// `register.p99` is p99 of `register`; `p99.9` is no measure's.
fn split_measure(left: &str) -> (Option<&str>, &str) {
    match left.split_once('.') {
        Some((measure, figure)) if !is_percentile(measure) => (Some(measure.trim()), figure.trim()),
        _ => (None, left),
    }
}

fn is_percentile(text: &str) -> bool {
    text.strip_prefix('p').is_some_and(|rest| rest.starts_with(|c: char| c.is_ascii_digit()))
}

/// Operations that ended, well or not; at least one, to divide by.
fn attempts(measure: &Measure) -> f64 {
    (measure.operations + measure.error_count()).max(1) as f64
}

impl Compare {
    fn holds(self, value: f64, bound: f64) -> bool {
        match self {
            Compare::Above => value > bound,
            Compare::AtLeast => value >= bound,
            Compare::Below => value < bound,
            Compare::AtMost => value <= bound,
        }
    }
}

impl Figure {
    fn parse(name: &str) -> Result<Figure, String> {
        if is_percentile(name) {
            let percent = name[1..].parse::<f64>().ok().filter(|percent| (0.0..=100.0).contains(percent));
            // Rounded, because 99.9 / 100 is a little more than 0.999 and would ask for another bucket.
            return percent
                .map(|percent| Figure::Quantile((percent * 1e7).round() / 1e9))
                .ok_or_else(|| format!("'{name}' is no percentile: it goes from p0 to p100, like p99 or p99.9"));
        }
        NAMES.iter().find(|(known, _)| *known == name).map(|(_, figure)| *figure).ok_or_else(|| {
            let known: Vec<&str> = NAMES.iter().map(|(known, _)| *known).collect();
            format!("there is no figure '{name}'; there are p50, p99, p99.9 and so on, {}", known.join(", "))
        })
    }

    fn name(self) -> String {
        match self {
            Figure::Quantile(quantile) => units::quantile_name(quantile),
            _ => NAMES.iter().find(|(_, figure)| *figure == self).map_or("", |(name, _)| name).to_owned(),
        }
    }

    fn kind(self) -> Kind {
        match self {
            Figure::Quantile(_) | Figure::Min | Figure::Mean | Figure::Max | Figure::Cpu => Kind::Time,
            Figure::Rate => Kind::Rate,
            Figure::Memory => Kind::Bytes,
            _ => Kind::Count,
        }
    }

    fn text(self) -> fn(f64) -> String {
        match self.kind() {
            Kind::Time => units::time,
            Kind::Rate => units::rate,
            Kind::Count => |value| units::count(value as u64),
            Kind::Bytes => units::bytes,
        }
    }

    /// The figure of a measure; times in nanoseconds.
    fn of(self, measure: &Measure) -> Option<f64> {
        let latency = &measure.latency;
        let sampled = |value: f64| (latency.count > 0).then_some(value);
        match self {
            Figure::Quantile(quantile) => sampled(latency.histogram().value_at_quantile(quantile) as f64),
            Figure::Min => sampled(latency.min_ns as f64),
            Figure::Mean => sampled(latency.mean_ns),
            Figure::Max => sampled(latency.quantile("max") as f64),
            Figure::Rate => Some(measure.rate.achieved),
            Figure::Errors => Some(measure.faults() as f64),
            Figure::Timeouts => Some(measure.timeouts as f64),
            Figure::Wrong => Some(measure.integrity.wrong as f64),
            Figure::Lost => Some(measure.integrity.lost as f64),
            Figure::Duplicated => Some(measure.integrity.duplicated as f64),
            Figure::Reordered => Some(measure.integrity.reordered as f64),
            Figure::Cpu => measure.router.map(|router| router.cpu_us_per_op * 1e3),
            Figure::Memory => measure.router.map(|router| router.rss_peak as f64),
        }
    }

    fn bound(self, text: &str) -> Result<Bound, String> {
        let digits = text.find(|c: char| !c.is_ascii_digit() && c != '.' && c != '_').unwrap_or(text.len());
        let (number, unit) = (text[..digits].replace('_', ""), text[digits..].trim());
        let number: f64 = number.parse().map_err(|_| format!("'{text}' is no value"))?;
        if unit == "%" && self.kind() == Kind::Count {
            return Ok(Bound::Part(number / 100.0));
        }
        let units = self.kind().units();
        let factor = units.iter().find(|(known, _)| *known == unit).map(|(_, factor)| *factor);
        // Nothing is nothing in any unit.
        let factor = factor.or((number == 0.0 && unit.is_empty()).then_some(1.0));
        factor.map(|factor| Bound::Value(number * factor)).ok_or_else(|| {
            let known: Vec<&str> = units.iter().map(|(known, _)| *known).filter(|known| !known.is_empty()).collect();
            let name = self.name();
            if unit.is_empty() {
                format!("'{text}' lacks a unit; {name} takes {}", known.join(", "))
            } else {
                format!("'{unit}' is no unit of {name}; it takes {}", known.join(", "))
            }
        })
    }
}

impl Kind {
    /// Units by name, with their factors to the figure's own.
    fn units(self) -> &'static [(&'static str, f64)] {
        const KIB: f64 = 1024.0;
        match self {
            Kind::Time => &[("ns", 1.0), ("us", 1e3), ("µs", 1e3), ("ms", 1e6), ("s", 1e9), ("min", 60e9)],
            Kind::Rate => &[("", 1.0), ("k", 1e3), ("M", 1e6), ("/s", 1.0), ("k/s", 1e3), ("M/s", 1e6)],
            Kind::Count => &[("", 1.0), ("k", 1e3), ("M", 1e6), ("%", 0.01)],
            Kind::Bytes => &[
                ("B", 1.0),
                ("KiB", KIB),
                ("MiB", KIB * KIB),
                ("GiB", KIB * KIB * KIB),
                ("kB", 1e3),
                ("MB", 1e6),
                ("GB", 1e9),
            ],
        }
    }
}

#[cfg(test)]
mod tests;
