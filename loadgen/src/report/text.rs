//! One run as a short table for the terminal.

use super::groups::{load_of, name_of};
use super::table::Table;
use super::units;
use crate::outcome::{Ending, LatencyFrom, Measure, Outcome, QUANTILES, Verdict};

/// At most this many errors are listed by URI; the rest are summed up.
const ERRORS: usize = 8;

/// At most this many warnings stand above a comparison.
const WARNINGS: usize = 8;

/// The run as lines of text, each at most about 80 wide unless a sentence or a URI is longer.
pub fn text(outcome: &Outcome) -> String {
    let mut out = format!("{}\n", headline(outcome));
    let measured = if has_figures(outcome) { vec![rates(outcome), latencies(outcome)] } else { Vec::new() };
    for block in measured.into_iter().chain([errors(outcome), resources(outcome)]) {
        if !block.rows.is_empty() {
            out.push('\n');
            out += &block.plain();
        }
    }
    let remarks = remarks(outcome);
    if !remarks.is_empty() {
        out.push('\n');
    }
    for remark in remarks {
        out += &format!("  ! {}\n", remark.text);
    }
    tame(&out)
}

/// `text` without control characters but the ends of lines: URIs and names come from the other side and must not steer
/// the terminal.
pub fn tame(text: &str) -> String {
    text.chars().map(|c| if c.is_control() && c != '\n' { '\u{fffd}' } else { c }).collect()
}

/// What was run against what.
pub fn headline(outcome: &Outcome) -> String {
    let measure = outcome.headline();
    let load = match measure.rate.asked {
        Some(asked) => format!("at {}", units::asked(asked)),
        None => load_of(measure).to_owned(),
    };
    let length = if has_figures(outcome) { format!(", {}", length(measure.duration_s)) } else { String::new() };
    format!("{} on {}, {load}{length}", outcome.scenario, name_of(outcome))
}

/// Whether anything was measured before the run ended.
pub fn has_figures(outcome: &Outcome) -> bool {
    outcome.measures.iter().any(|measure| measure.duration_s > 0.0)
}

fn length(seconds: f64) -> String {
    if seconds < 60.0 { units::time(seconds * 1e9) } else { units::clock(seconds) }
}

/// Rates and counts, a row for each thing measured.
pub fn rates(outcome: &Outcome) -> Table {
    let asked = outcome.measures.iter().any(|measure| measure.rate.asked.is_some());
    let mut table = Table::new(["", "rate", "asked", "operations", "errors", "time"]);
    for measure in &outcome.measures {
        table.row([
            measure.name.clone(),
            units::rate(measure.rate.achieved),
            measure.rate.asked.map_or(units::NONE.to_owned(), units::asked),
            units::count(measure.operations),
            units::count(measure.faults()),
            length(measure.duration_s),
        ]);
    }
    if !asked {
        table.drop_column(2);
    }
    table
}

/// Latencies, a row for each thing measured.
pub fn latencies(outcome: &Outcome) -> Table {
    let shown = QUANTILES.iter().filter(|(label, _)| !matches!(*label, "p75" | "p95"));
    let labels: Vec<&str> = shown.map(|(label, _)| *label).collect();
    let mut table = Table::new([&["latency", "min"], labels.as_slice()].concat());
    for measure in &outcome.measures {
        let latency = &measure.latency;
        let name = match latency.from {
            LatencyFrom::Due => format!("{} (from due)", measure.name),
            LatencyFrom::Sent => measure.name.clone(),
        };
        let figures = std::iter::once(latency.min_ns).chain(labels.iter().map(|label| latency.quantile(label)));
        let shown = figures.map(|ns| if latency.count > 0 { units::time(ns as f64) } else { units::NONE.to_owned() });
        table.row(std::iter::once(name).chain(shown));
    }
    table
}

/// Errors by URI and what the checks found, most frequent first.
pub fn errors(outcome: &Outcome) -> Table {
    let mut found: Vec<(String, u64)> = outcome.measures.iter().flat_map(faults).collect();
    found.sort_by(|a, b| b.1.cmp(&a.1).then_with(|| a.0.cmp(&b.0)));
    let mut table = Table::new(["errors", "count"]);
    for (name, count) in found.iter().take(ERRORS) {
        table.row([name.clone(), units::count(*count)]);
    }
    let rest: u64 = found.iter().skip(ERRORS).map(|(_, count)| count).sum();
    if rest > 0 {
        table.row([format!("{} others", found.len() - ERRORS), units::count(rest)]);
    }
    table
}

fn faults(measure: &Measure) -> Vec<(String, u64)> {
    let it = &measure.integrity;
    let broken =
        [("wrong content", it.wrong), ("lost", it.lost), ("duplicated", it.duplicated), ("out of order", it.reordered)];
    let broken = broken.into_iter().map(|(name, count)| (format!("({name})"), count));
    let all = measure.errors.iter().map(|(uri, count)| (uri.clone(), *count)).chain(broken);
    all.filter(|(_, count)| *count > 0).map(|(name, count)| (format!("{name} · {}", measure.name), count)).collect()
}

/// What router and generator used, and the further figures of each measure.
pub fn resources(outcome: &Outcome) -> Table {
    let mut table = Table::new(["", "CPU/op", "cores", "memory", "grown by"]);
    let several = outcome.measures.len() > 1;
    for measure in &outcome.measures {
        let name = |who: &str| if several { format!("{who} · {}", measure.name) } else { who.to_owned() };
        if let Some(router) = &measure.router {
            let grown = router.rss_after as f64 - router.rss_before as f64;
            let (cpu, cores) = (units::time(router.cpu_us_per_op * 1e3), format!("{:.2}", router.cores));
            table.row([name("router"), cpu, cores, units::bytes(router.rss_peak as f64), units::bytes(grown)]);
        }
        if let Some(generator) = &measure.generator {
            let cores = if measure.duration_s > 0.0 { generator.cpu_s / measure.duration_s } else { 0.0 };
            let (cpu, cores) = (units::time(generator.cpu_us_per_op * 1e3), format!("{cores:.2}"));
            table.row([name("generator"), cpu, cores, String::new(), String::new()]);
        }
    }
    table
}

/// How much a sentence weighs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Weight {
    /// The figures are not what they seem.
    Warning,
    /// To be known.
    Note,
}

/// A sentence that must be read beside the figures.
pub struct Remark {
    /// How much it weighs.
    pub weight: Weight,
    /// The sentence.
    pub text: String,
}

/// The warnings of many runs, each with whose it is, none twice, at most [`WARNINGS`].
pub fn warnings(outcomes: &[Outcome]) -> Vec<String> {
    let mut found: Vec<String> = Vec::new();
    for outcome in outcomes {
        for remark in remarks(outcome).into_iter().filter(|remark| remark.weight == Weight::Warning) {
            let text = format!("{}: {}", name_of(outcome), remark.text);
            if !found.contains(&text) {
                found.push(text);
            }
        }
    }
    let more = found.len().saturating_sub(WARNINGS);
    if more > 0 {
        found.truncate(WARNINGS);
        found.push(format!("And {more} more warnings: see each run."));
    }
    found
}

/// All such sentences of a run, the gravest first.
pub fn remarks(outcome: &Outcome) -> Vec<Remark> {
    let mut found = Vec::new();
    let mut say = |weight, text: String| found.push(Remark { weight, text });
    match &outcome.ending {
        Ending::Finished => {}
        Ending::Interrupted => say(Weight::Warning, "Interrupted: the figures are those until then.".to_owned()),
        Ending::Failed { reason } => say(Weight::Warning, format!("Failed: {reason}")),
    }
    for measure in &outcome.measures {
        if let Some(Verdict::Bottleneck { reason }) = measure.generator.as_ref().map(|it| &it.verdict) {
            say(Weight::Warning, format!("The generator was the bottleneck of {}: {reason}", measure.name));
        }
        let broken = measure.integrity.broken();
        if broken > 0 {
            let (broken, checked) = (units::count(broken), units::count(measure.integrity.checked));
            say(Weight::Warning, format!("{}: {broken} of {checked} checked answers were not right.", measure.name));
        }
    }
    for note in &outcome.notes {
        say(Weight::Note, note.clone());
    }
    found
}
