//! The pictures of one run: how latencies are distributed, and what happened over time.

use super::bars::{Bar, Bars};
use super::groups::{Group, Metric, Section};
use super::plot::{Axis, Column, Dots, Line, Mark, Plot};
use super::scale::Scale;
use super::svg::Sheet;
use super::units;
use crate::outcome::{Latency, LatencyFrom, Measure, Second};

/// Columns of a histogram from its lower to its upper bound.
const COLUMNS: usize = 72;

/// A slice shorter than this many seconds is not shown.
const SHORT: f64 = 0.25;

/// The points of so many slices are too close to each other to point at.
const POINTS: usize = 300;

/// Where a histogram marks its percentiles.
const MARKED: [&str; 3] = ["p50", "p99", "p99.9"];

/// The latencies of a run as columns over a logarithmic axis.
pub fn histogram(title: &str, latency: &Latency) -> Option<Sheet> {
    let (first, last) = (latency.buckets.first()?.0, latency.buckets.last()?.0);
    let scale = Scale::log_over([latency.min_ns.max(1).min(first) as f64, last as f64]);
    let Scale::Log(low, high) = scale else { return None };
    let edge = |at: usize| low * (high / low).powf(at as f64 / COLUMNS as f64);
    let mut counts = [0_u64; COLUMNS];
    for &(value, count) in &latency.buckets {
        let part = scale.at(value as f64).unwrap_or(0.0);
        counts[((part * COLUMNS as f64) as usize).min(COLUMNS - 1)] += count;
    }
    let share = |count: u64| count as f64 / latency.count as f64;
    let highest = counts.iter().map(|count| share(*count)).fold(0.0, f64::max);
    let x = Axis { label: from_text(latency.from), scale, text: units::time_tick };
    let y = Axis { label: "share of operations", scale: Scale::from_zero(highest), text: units::percent };
    let mut plot = Plot::new(title, x, y);
    plot.columns = counts
        .iter()
        .enumerate()
        .filter(|(_, count)| **count > 0)
        .map(|(at, &count)| {
            let (from, to) = (edge(at), edge(at + 1));
            let hint = format!("{} to {}: {}", units::time(from), units::time(to), units::count(count));
            Column { from, to, value: share(count), hint }
        })
        .collect();
    let mark = |label: &&str| {
        let ns = latency.quantile(label) as f64;
        Mark::At(ns, format!("{label} {}", units::time(ns)))
    };
    plot.marks = MARKED.iter().map(mark).collect();
    Some(plot.draw())
}

fn from_text(from: LatencyFrom) -> &'static str {
    match from {
        LatencyFrom::Due => "latency from when it was due (log scale)",
        LatencyFrom::Sent => "latency from when it was sent (log scale)",
    }
}

/// Latency by percentile, each nine as wide as the one before; one curve per named distribution.
pub fn percentiles(title: &str, runs: &[(String, Latency)]) -> Option<Sheet> {
    let most = runs.iter().map(|(_, latency)| latency.count).max().filter(|most| *most > 0)?;
    let nines = (most as f64).log10().floor().clamp(2.0, 7.0);
    let end = 1.0 - 10_f64.powf(-nines);
    let values = runs.iter().filter(|(_, latency)| latency.count > 0);
    let bounds = values.flat_map(|(_, latency)| [latency.min_ns.max(1) as f64, latency.quantile("max") as f64]);
    let y = Axis { label: "latency (log scale)", scale: Scale::log_over(bounds), text: units::time_tick };
    let x = Axis { label: "percentile", scale: Scale::Tail(end), text: percent_tick };
    let mut plot = Plot::new(title, x, y);
    let line = |(colour, (name, latency)): (usize, &(String, Latency))| Line {
        name: name.clone(),
        colour,
        points: curve(latency, end),
        dots: Dots::Felt(picked(latency, end)),
    };
    plot.lines = runs.iter().enumerate().map(line).collect();
    Some(plot.draw())
}

/// The points of a curve at the percentiles that stand below it.
fn picked(latency: &Latency, end: f64) -> Vec<(f64, f64)> {
    let histogram = latency.histogram();
    let at = |quantile: f64| (quantile, histogram.value_at_quantile(quantile) as f64);
    if latency.count == 0 { Vec::new() } else { Scale::Tail(end).ticks(0).into_iter().map(at).collect() }
}

/// (quantile, nanoseconds) up to the quantile `end`, beyond which there are no samples to tell.
fn curve(latency: &Latency, end: f64) -> Vec<(f64, f64)> {
    let mut points = vec![(0.0, latency.min_ns as f64)];
    let mut below = 0_u64;
    for &(value, count) in &latency.buckets {
        below += count;
        let part = below as f64 / latency.count as f64;
        points.push((part.min(end), value as f64));
        if part >= end {
            break;
        }
    }
    points
}

/// The slices long enough to tell a rate; the last one may be a mere rest.
fn slices(measure: &Measure) -> &[Second] {
    match &measure.series[..] {
        [whole @ .., rest] if rest.length_s < SHORT && !whole.is_empty() => whole,
        all => all,
    }
}

/// The middle of a slice of time.
fn middle(second: &Second) -> f64 {
    second.at_s + second.length_s / 2.0
}

fn time_axis(series: &[Second]) -> Option<Axis> {
    let (first, last) = (series.first()?, series.last()?);
    let scale = Scale::between(first.at_s.min(0.0), last.at_s + last.length_s);
    Some(Axis { label: "time since the load began", scale, text: since })
}

/// A time on the axis, in seconds: `-3 s`, `2.5 s`, `1:30`.
fn since(seconds: f64) -> String {
    if seconds < 60.0 { format!("{} s", units::quantity_tick(seconds)) } else { units::clock(seconds) }
}

fn over_time(name: &str, colour: usize, series: &[Second], of: impl Fn(&Second) -> Option<f64>) -> Line {
    let points = series.iter().map(|second| (middle(second), of(second).unwrap_or(f64::NAN)));
    let points: Vec<(f64, f64)> = points.collect();
    let dots = match series.len() {
        // A single slice would be no line at all.
        0..3 => Dots::Seen,
        3..POINTS => Dots::Felt(points.clone()),
        _ => Dots::Felt(Vec::new()),
    };
    Line { name: name.to_owned(), colour, points, dots }
}

fn warm_up_mark(series: &[Second]) -> Option<Mark> {
    series.first().filter(|first| first.at_s < 0.0).map(|_| Mark::At(0.0, "measured from here".to_owned()))
}

/// Achieved and asked rate, and a dot for each second with errors.
pub fn rate_over_time(title: &str, measure: &Measure) -> Option<Sheet> {
    let series = slices(measure);
    let tops = series.iter().flat_map(|second| [second.rate, second.asked.unwrap_or(0.0)]);
    let y = Axis {
        label: "operations per second",
        scale: Scale::from_zero(tops.fold(0.0, f64::max)),
        text: units::quantity_tick,
    };
    let mut plot = Plot::new(title, time_axis(series)?, y);
    if series.iter().any(|second| second.asked.is_some()) {
        plot.lines.push(over_time("asked", 5, series, |second| second.asked));
    }
    plot.lines.push(over_time("achieved", 0, series, |second| Some(second.rate)));
    if series.iter().any(|second| second.errors > 0) {
        let failed = |second: &Second| (second.errors > 0).then(|| second.errors as f64 / second.length_s);
        plot.lines.push(Line { dots: Dots::Seen, ..over_time("errors", 1, series, failed) });
    }
    plot.marks.extend(warm_up_mark(series));
    Some(plot.draw())
}

/// Reads nanoseconds off a second.
type Of = fn(&Second) -> u64;

/// Median, 99th percentile and longest of each second.
pub fn latency_over_time(title: &str, measure: &Measure) -> Option<Sheet> {
    let series = slices(measure);
    let shown: [(&str, Of); 3] =
        [("p50", |second| second.p50_ns), ("p99", |second| second.p99_ns), ("max", |second| second.max_ns)];
    let values = series.iter().flat_map(|second| shown.map(|(_, of)| of(second) as f64));
    if values.clone().all(|value| value == 0.0) {
        return None;
    }
    let y = Axis { label: "latency (log scale)", scale: Scale::log_over(values), text: units::time_tick };
    let mut plot = Plot::new(title, time_axis(series)?, y);
    // From above, so that the lower figure stays visible where two coincide.
    for (colour, (name, of)) in shown.into_iter().enumerate().rev() {
        plot.lines.push(over_time(name, colour, series, |second| Some(of(second) as f64)));
    }
    plot.marks.extend(warm_up_mark(series));
    Some(plot.draw())
}

/// One figure of all contestants of a section; `None` if fewer than two have it.
pub fn bars(section: &Section<'_>, title: &str, better: &str, metric: &Metric) -> Option<Sheet> {
    let row = |(colour, group): (usize, &Group<'_>)| {
        let spread = group.figure(metric.of)?;
        let (median, low, high) = (spread.median, spread.low, spread.high);
        Some(Bar { name: group.name.clone(), colour, median, low, high })
    };
    let rows: Vec<Bar> = section.groups.iter().enumerate().filter_map(row).collect();
    let most = section.groups.iter().map(|group| group.runs.len()).max().unwrap_or(0);
    let repeated = if most > 1 { format!("; median, lowest and highest of {most} runs") } else { String::new() };
    let note = format!("{}; {better}{repeated}", section.title);
    (rows.len() > 1).then(|| Bars { title: title.to_owned(), note, text: metric.text, rows }.draw())
}

/// `99.9 %` exactly, however many nines: three digits would round it up to 100.
fn percent_tick(part: f64) -> String {
    format!("{} %", units::quantile_name(part).trim_start_matches('p'))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::sample::latency;

    #[test]
    fn a_curve_passes_through_the_percentiles_and_never_falls() {
        let latency = latency(1, 1e5, 20_000);
        let curve = curve(&latency, 0.9999);
        assert!(curve.is_sorted_by_key(|point| point.0) && curve.is_sorted_by_key(|point| point.1));
        for (label, quantile) in [("p50", 0.5), ("p99", 0.99), ("p99.9", 0.999)] {
            let reached = curve.iter().find(|point| point.0 >= quantile).map(|point| point.1);
            assert_eq!(reached, Some(latency.quantile(label) as f64), "{label}");
        }
    }

    #[test]
    fn a_picked_point_is_what_the_table_says() {
        let latency = latency(2, 1e5, 20_000);
        let picked = picked(&latency, 0.9999);
        let at = |quantile: f64| picked.iter().find(|point| (point.0 - quantile).abs() < 1e-9).map(|point| point.1);
        assert_eq!(at(0.5), Some(latency.quantile("p50") as f64));
        assert_eq!(at(0.99), Some(latency.quantile("p99") as f64));
    }

    #[test]
    fn ticks_of_time_and_percentiles_read_as_people_say_them() {
        assert_eq!([-3.0, 0.0, 2.5, 90.0].map(since), ["-3 s", "0 s", "2.5 s", "1:30"]);
        assert_eq!([0.0, 0.9, 0.999, 0.99999].map(percent_tick), ["0 %", "90 %", "99.9 %", "99.999 %"]);
    }

    #[test]
    fn the_rest_of_a_second_is_no_slice() {
        let mut measure = Measure::default();
        let second = |at_s: f64, length_s: f64| Second { at_s, length_s, ..Second::default() };
        measure.series = vec![second(0.0, 1.0), second(1.0, 0.02)];
        assert_eq!(slices(&measure).len(), 1);
        measure.series.remove(0);
        assert_eq!(slices(&measure).len(), 1);
    }
}
