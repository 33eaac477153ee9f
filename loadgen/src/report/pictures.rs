//! Which pictures a comparison or a run has, in the order of reading, each with a name for its file.

use super::figures::{bars, histogram, latency_over_time, percentiles, rate_over_time};
use super::groups::{Group, METRICS, Metric, Section, sections};
use super::svg::Sheet;
use super::sweep::{cpu_picture, overlay};
use crate::outcome::{Measure, Outcome};

/// More curves than this in one picture cannot be told apart.
const CURVES: usize = 6;

/// Figures drawn as bars: the metric's name, the title, what is better, the name of the file.
const BARS: [(&str, &str, &str, &str); 5] = [
    ("rate", "Operations per second", "more is better", "rate"),
    ("router CPU/op", "Router CPU time per operation", "less is better", "cpu"),
    ("p99", "99th percentile of latency", "less is better", "p99"),
    ("router memory", "Highest resident memory of the router", "less is better", "memory"),
    ("p50", "Median latency", "less is better", "p50"),
];

/// The pictures of all `outcomes` as (file name, SVG), for a folder of results; no name comes twice.
pub fn files(outcomes: &[Outcome]) -> Vec<(String, String)> {
    let mut found = Vec::new();
    for section in sections(outcomes) {
        let sheets = match (&section.groups[..], &section.sweeps[..]) {
            ([Group { name, runs }], []) if runs.len() == 1 => of_measure(runs[0].1, name),
            _ => of_section(&section),
        };
        for (name, sheet) in sheets {
            let name = format!("{}-{name}", slug(&section.title));
            let taken = |name: &str| found.iter().any(|(file, _): &(String, String)| file == &format!("{name}.svg"));
            let numbered = (2..).map(|number| format!("{name}-{number}"));
            let free = std::iter::once(name.clone()).chain(numbered).find(|name| !taken(name)).unwrap_or(name);
            found.push((format!("{free}.svg"), sheet.file()));
        }
    }
    found
}

/// The pictures of one thing measured; `whose` is added to their titles if not empty.
pub fn of_measure(measure: &Measure, whose: &str) -> Vec<(String, Sheet)> {
    let title = |text: &str| if whose.is_empty() { text.to_owned() } else { format!("{text}: {whose}") };
    let curve = percentiles(&title("Latency by percentile"), &[(String::new(), measure.latency.clone())]);
    let all = [
        ("latency", histogram(&title("Latency distribution"), &measure.latency)),
        ("percentiles", curve),
        ("rate-over-time", rate_over_time(&title("Rate over time"), measure)),
        ("latency-over-time", latency_over_time(&title("Latency over time"), measure)),
    ];
    all.into_iter().filter_map(|(name, sheet)| Some((name.to_owned(), sheet?))).collect()
}

/// The pictures that compare the contestants of a section.
pub fn of_section(section: &Section<'_>) -> Vec<(String, Sheet)> {
    let mut found: Vec<(String, Sheet)> = Vec::new();
    let mut add = |name: String, sheet: Option<Sheet>| found.extend(sheet.map(|sheet| (name, sheet)));
    if section.sweeps.len() > 1 {
        for label in ["p50", "p99", "p99.9"] {
            add(format!("sweep-{label}"), overlay(&section.sweeps, label));
        }
    }
    for sweep in &section.sweeps {
        add(format!("sweep-{}", slug(&sweep.name)), sweep.picture());
    }
    add("sweep-cpu".to_owned(), cpu_picture(&section.sweeps));
    for (metric, title, better, name) in BARS {
        let metric: Option<&Metric> = METRICS.iter().find(|known| known.name == metric);
        add(name.to_owned(), metric.and_then(|metric| bars(section, title, better, metric)));
    }
    if section.groups.len() > 1 {
        for part in section.groups.chunks(CURVES) {
            let runs: Vec<_> = part.iter().map(|group| (group.name.clone(), group.latency())).collect();
            let name = format!("percentiles-{}", slug(&part[0].name));
            add(
                if section.groups.len() > CURVES { name } else { "percentiles".to_owned() },
                percentiles("Latency by percentile", &runs),
            );
        }
    }
    found
}

/// Small letters, digits and dashes.
fn slug(text: &str) -> String {
    let plain = |c: char| if c.is_ascii_alphanumeric() { c.to_ascii_lowercase() } else { '-' };
    let dashed: String = text.chars().map(plain).collect();
    dashed.split('-').filter(|part| !part.is_empty()).collect::<Vec<_>>().join("-")
}
