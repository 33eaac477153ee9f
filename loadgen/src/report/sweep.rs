//! Latency against offered load: the steps of a sweep, its knee, and the search for it.
//!
//! A step *holds* if the router kept up (at least [`KEPT_UP`] of the asked rate was achieved) and no threshold of
//! `--until` was crossed. The *knee* is the highest rate up to which every step holds. A step at which the generator
//! was the bottleneck says so: it bounds what was measured, not what the router can do.

use super::fail_if::FailIf;
use super::groups::{Group, Spread, quantile, router_cpu, router_memory, value_text};
use super::plot::{Axis, Dots, Line, Mark, Plot};
use super::scale::Scale;
use super::svg::Sheet;
use super::table::Table;
use super::units;
use crate::outcome::{Ending, Measure, Outcome, Verdict};

/// The part of the asked rate that must be achieved for a step to hold.
pub const KEPT_UP: f64 = 0.97;

/// Rates further apart than this ratio are drawn over a logarithmic axis.
const WIDE: f64 = 20.0;

/// The percentiles a sweep shows.
const SHOWN: [&str; 3] = ["p50", "p99", "p99.9"];

/// One rate; figures are medians where it was driven repeatedly.
pub struct Step<'a> {
    /// Operations per second that were asked.
    pub asked: f64,
    /// Operations per second that were achieved.
    pub achieved: f64,
    /// Whether most of its runs held.
    pub held: bool,
    /// Its runs.
    pub runs: Group<'a>,
}

/// One contestant over many rates.
pub struct Sweep<'a> {
    /// How it is called.
    pub name: String,
    /// Its steps by ascending rate.
    pub steps: Vec<Step<'a>>,
    /// The bound on a latency that was to hold: percentile and nanoseconds.
    pub bound: Option<(String, f64)>,
}

/// Whether one run kept up and crossed no threshold of its sweep.
pub fn held(outcome: &Outcome) -> bool {
    let Rates { asked, achieved } = rates(outcome.headline());
    achieved >= asked * KEPT_UP && thresholds(outcome).iter().all(|threshold| threshold.check(outcome).is_ok())
}

struct Rates {
    asked: f64,
    achieved: f64,
}

fn rates(measure: &Measure) -> Rates {
    Rates { asked: measure.rate.asked.unwrap_or(0.0), achieved: measure.rate.achieved }
}

/// The thresholds of `--until`; one that cannot be read was refused when the run began.
fn thresholds(outcome: &Outcome) -> Vec<FailIf> {
    let Some(until) = outcome.parameters.get("until") else { return Vec::new() };
    let texts = until.as_array().map_or_else(|| vec![value_text(until)], |list| list.iter().map(value_text).collect());
    texts.iter().filter_map(|text| FailIf::parse(text).ok()).collect()
}

impl<'a> Sweep<'a> {
    /// Sorts the runs of a group by their rates.
    pub fn of(group: Group<'a>) -> Sweep<'a> {
        let bound = group.runs.iter().flat_map(|(outcome, _)| thresholds(outcome)).find_map(|it| it.latency_bound());
        let mut asked: Vec<f64> = group.runs.iter().map(|(_, measure)| rates(measure).asked).collect();
        asked.sort_by(f64::total_cmp);
        asked.dedup();
        let step = |asked: f64| {
            let runs: Vec<_> =
                group.runs.iter().filter(|(_, measure)| rates(measure).asked == asked).copied().collect();
            let achieved = Spread::of(runs.iter().map(|(_, measure)| Some(measure.rate.achieved)));
            let held = runs.iter().filter(|(outcome, _)| held(outcome)).count() * 2 > runs.len();
            let runs = Group { name: group.name.clone(), runs };
            Step { asked, achieved: achieved.map_or(0.0, |spread| spread.median), held, runs }
        };
        Sweep { name: group.name.clone(), steps: asked.into_iter().map(step).collect(), bound }
    }

    /// The highest step up to which every step holds.
    pub fn knee(&self) -> Option<&Step<'a>> {
        self.steps.iter().take_while(|step| step.held).last()
    }

    /// One sentence for a person.
    pub fn verdict(&self) -> String {
        let bound = match &self.bound {
            Some((label, ns)) => format!("{label} up to {}", units::time_tick(*ns)),
            None => "the asked rate achieved".to_owned(),
        };
        let Some(knee) = self.knee() else {
            let lowest = self.steps.first().map_or(0.0, |step| step.asked);
            return format!("{}: no step held ({bound}); start below {}.", self.name, units::asked(lowest));
        };
        let end = match self.steps.iter().find(|step| !step.held) {
            Some(broken) if broken.limited_by_generator() => "the next step was beyond the generator, not the router",
            Some(_) => "the next step did not hold",
            None => "no step failed, so the knee lies higher",
        };
        format!("{}: knee at {} ({bound}); {end}.", self.name, units::asked(knee.asked))
    }

    /// Its steps as a table.
    pub fn table(&self) -> Table {
        let mut table = Table::new(["asked", "achieved", "p50", "p99", "p99.9", "errors", "CPU/op", "memory", ""]);
        let knee = self.knee().map(|step| step.asked);
        for step in &self.steps {
            let shown = |of: fn(&Measure) -> Option<f64>, text: fn(f64) -> String| {
                step.runs.figure(of).map_or(units::NONE.to_owned(), |spread| text(spread.median))
            };
            let remark = match (step.held, step.limited_by_generator()) {
                (_, true) => "generator full",
                (false, _) => "broken",
                _ if knee == Some(step.asked) => "knee",
                _ => "",
            };
            table.row([
                units::asked(step.asked),
                units::rate(step.achieved),
                shown(|measure| quantile(measure, "p50"), units::time),
                shown(|measure| quantile(measure, "p99"), units::time),
                shown(|measure| quantile(measure, "p99.9"), units::time),
                shown(|measure| Some(measure.faults() as f64), |value| units::count(value as u64)),
                shown(router_cpu, units::time),
                shown(router_memory, units::bytes),
                remark.to_owned(),
            ]);
        }
        table
    }

    /// Its percentiles against the offered rate.
    pub fn picture(&self) -> Option<Sheet> {
        // From above, so that the lower percentile stays visible where two coincide.
        let lines = SHOWN.iter().enumerate().rev().map(|(colour, label)| self.line(label, label, colour));
        let mut plot = plot(format!("Latency by load: {}", self.name), lines.collect(), self.bound.as_ref())?;
        if let Some(knee) = self.knee() {
            plot.marks.push(Mark::At(knee.asked, format!("knee {}", units::asked(knee.asked))));
        }
        Some(plot.draw())
    }

    fn line(&self, label: &str, name: &str, colour: usize) -> Line {
        self.line_of(name, colour, |measure| quantile(measure, label))
    }

    fn line_of(&self, name: &str, colour: usize, of: impl Fn(&Measure) -> Option<f64>) -> Line {
        let at = |step: &Step<'_>| {
            let values = step.runs.runs.iter().map(|(_, measure)| of(measure));
            Spread::of(values).map(|spread| (step.asked, spread.median))
        };
        Line { name: name.to_owned(), colour, points: self.steps.iter().filter_map(at).collect(), dots: Dots::Seen }
    }
}

impl Step<'_> {
    /// Whether the generator was the bottleneck in any of its runs.
    pub fn limited_by_generator(&self) -> bool {
        let full = |measure: &Measure| matches!(&measure.generator, Some(it) if it.verdict != Verdict::Fine);
        self.runs.runs.iter().any(|(_, measure)| full(measure))
    }
}

/// Several sweeps over each other, one percentile each.
pub fn overlay(sweeps: &[Sweep<'_>], label: &str) -> Option<Sheet> {
    let lines = sweeps.iter().enumerate().map(|(colour, sweep)| sweep.line(label, &sweep.name, colour));
    let bound = sweeps.iter().find_map(|sweep| sweep.bound.as_ref()).filter(|(bounded, _)| bounded == label);
    plot(format!("{label} latency by load"), lines.collect(), bound).map(|plot| plot.draw())
}

/// The router's CPU time per operation against the offered rate.
pub fn cpu_picture(sweeps: &[Sweep<'_>]) -> Option<Sheet> {
    let named = |sweep: &Sweep<'_>| if sweeps.len() > 1 { sweep.name.clone() } else { String::new() };
    let line = |(colour, sweep): (usize, &Sweep<'_>)| sweep.line_of(&named(sweep), colour, router_cpu);
    let lines: Vec<Line> = sweeps.iter().enumerate().map(line).collect();
    let top = points(&lines).map(|point| point.1).fold(0.0, f64::max);
    let y = Axis { label: "CPU time per operation", scale: Scale::from_zero(top), text: units::time_tick };
    let mut plot = Plot::new("Router CPU by load", rate_axis(&lines)?, y);
    plot.lines = lines;
    Some(plot.draw())
}

fn plot(title: String, lines: Vec<Line>, bound: Option<&(String, f64)>) -> Option<Plot> {
    let heights = points(&lines).map(|point| point.1).chain(bound.map(|(_, ns)| *ns));
    let y = Axis { label: "latency (log scale)", scale: Scale::log_over(heights), text: units::time_tick };
    let mut plot = Plot::new(title, rate_axis(&lines)?, y);
    plot.marks.extend(bound.map(|(label, ns)| Mark::Level(*ns, format!("bound: {label} {}", units::time_tick(*ns)))));
    plot.lines = lines;
    Some(plot)
}

fn points(lines: &[Line]) -> impl Iterator<Item = &(f64, f64)> {
    lines.iter().flat_map(|line| line.points.iter())
}

/// The axis of offered rates; `None` without a point.
fn rate_axis(lines: &[Line]) -> Option<Axis> {
    points(lines).next()?;
    let rates = || points(lines).map(|point| point.0);
    let (low, top) = (rates().fold(f64::INFINITY, f64::min), rates().fold(0.0, f64::max));
    let (label, scale) = if top > low * WIDE {
        ("offered operations per second (log scale)", Scale::log_over(rates()))
    } else {
        ("offered operations per second", Scale::from_zero(top))
    };
    Some(Axis { label, scale, text: units::quantity_tick })
}

/// Which rate to try next: doubled while steps hold, then halved in between until the knee is known well enough.
pub struct Search {
    next: f64,
    held: Option<f64>,
    broken: Option<f64>,
    /// Stop once the broken rate is at most this many times the held one.
    precision: f64,
}

impl Search {
    /// Begins at `start` operations per second, above 0; `precision` is a ratio above 1, for instance 1.1.
    pub fn new(start: f64, precision: f64) -> Search {
        Search { next: start, held: None, broken: None, precision }
    }

    /// The rate to try; `None` once the knee is known, or if not even one operation per second held.
    pub fn next(&self) -> Option<f64> {
        let found = matches!((self.held, self.broken), (Some(held), Some(broken)) if broken <= held * self.precision);
        (!found && self.next >= 1.0).then_some(self.next)
    }

    /// Tells whether [`Search::next`] held.
    pub fn record(&mut self, held: bool) {
        *(if held { &mut self.held } else { &mut self.broken }) = Some(self.next);
        self.next = match (self.held, self.broken) {
            (Some(held), Some(broken)) => tidy((held * broken).sqrt()),
            (Some(held), None) => held * 2.0,
            (None, Some(broken)) if broken > 1.0 => tidy(broken / 4.0).max(1.0),
            (None, Some(_)) => 0.0,
            (None, None) => self.next,
        };
    }
}

/// Drives one rate after the other until the knee is known, a run cannot go on, or a person stops it; all runs, in the
/// order they were made.
pub fn explore(mut search: Search, mut drive: impl FnMut(f64) -> Outcome) -> Vec<Outcome> {
    let mut steps = Vec::new();
    while let Some(rate) = search.next() {
        let outcome = drive(rate);
        let ended = !matches!(outcome.ending, Ending::Finished);
        search.record(held(&outcome));
        steps.push(outcome);
        if ended {
            break;
        }
    }
    steps
}

/// Three significant digits: a rate a person would ask.
fn tidy(rate: f64) -> f64 {
    let unit = 10_f64.powf(rate.log10().floor() - 2.0);
    (rate / unit).round() * unit
}

#[cfg(test)]
mod tests;
