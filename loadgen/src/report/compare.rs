//! Several runs side by side.

use super::groups::{Group, METRICS, Metric, Section, sections};
use super::table::Table;
use super::text::{tame, warnings};
use super::units;
use crate::outcome::Outcome;

/// Contestants whose names and figures together need more columns than this do not fit side by side on 80 columns and
/// stand below each other.
const ABREAST: usize = 56;

/// About the columns of a figure with its spread.
const CELL: usize = 13;

/// What a row has no room for.
const LEFT_OUT: [&str; 3] = ["p90", "max", "generator CPU/op"];

/// The runs as tables for a terminal, one per section.
pub fn compare(outcomes: &[Outcome]) -> String {
    let mut out = String::new();
    for section in sections(outcomes) {
        out += &format!("{}\n\n", section.title);
        if let Some(table) = table(&section) {
            out += &table.plain();
            out.push('\n');
        }
        for sweep in &section.sweeps {
            out += &format!("{}\n  {}\n\n", sweep.table().plain(), sweep.verdict());
        }
    }
    for warning in warnings(outcomes) {
        out += &format!("  ! {warning}\n");
    }
    tame(&out)
}

/// The contestants of a section: figures down and contestants across, or the other way round if there are many.
pub fn table(section: &Section<'_>) -> Option<Table> {
    let measured: Vec<&Metric> =
        METRICS.iter().filter(|metric| section.groups.iter().any(|group| group.figure(metric.of).is_some())).collect();
    let names: usize = section.groups.iter().map(|group| group.name.chars().count().max(CELL)).sum();
    match section.groups.len() {
        0 => None,
        _ if names <= ABREAST => Some(across(section, &measured)),
        _ => Some(down(section, &measured)),
    }
}

fn across(section: &Section<'_>, metrics: &[&Metric]) -> Table {
    let groups = &section.groups;
    let mut table = Table::new([String::new()].into_iter().chain(groups.iter().map(|group| group.name.clone())));
    for metric in metrics {
        let name = metric.name.to_owned();
        table.row([name].into_iter().chain(groups.iter().map(|group| cell(group, metric))));
        if metric.name == METRICS[0].name && groups.len() > 1 {
            let ratios = groups.iter().map(|group| ratio(group, &groups[0]));
            table.row([String::from("rate to the first")].into_iter().chain(ratios));
        }
    }
    if groups.iter().any(|group| group.runs.len() > 1) {
        let runs = groups.iter().map(|group| group.runs.len().to_string());
        table.row([String::from("runs")].into_iter().chain(runs));
    }
    table
}

fn down(section: &Section<'_>, metrics: &[&Metric]) -> Table {
    let short: Vec<&&Metric> = metrics.iter().filter(|metric| !LEFT_OUT.contains(&metric.name)).collect();
    let mut table = Table::new([""].into_iter().chain(short.iter().map(|metric| metric.name)));
    for group in &section.groups {
        let median = |metric: &&&Metric| {
            group.figure(metric.of).map_or(units::NONE.to_owned(), |spread| (metric.text)(spread.median))
        };
        table.row([group.name.clone()].into_iter().chain(short.iter().map(median)));
    }
    table
}

/// The median, and how far the repetitions went from it.
fn cell(group: &Group<'_>, metric: &Metric) -> String {
    let Some(spread) = group.figure(metric.of) else { return units::NONE.to_owned() };
    let median = (metric.text)(spread.median);
    let away = (spread.high - spread.median).max(spread.median - spread.low) / spread.median.abs();
    if away.is_finite() && away >= 0.005 { format!("{median} ±{:.0}%", away * 100.0) } else { median }
}

fn ratio(group: &Group<'_>, first: &Group<'_>) -> String {
    let rate = |group: &Group<'_>| group.figure(METRICS[0].of).map_or(f64::NAN, |spread| spread.median);
    let part = rate(group) / rate(first);
    if part.is_finite() { format!("{part:.2}") } else { units::NONE.to_owned() }
}
