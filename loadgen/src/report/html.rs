//! Runs as one page that needs nothing else: style and pictures inside, no scripts, nothing loaded.
//!
//! A single run is a page of its own; several are compared first, and each stands folded below. The page follows the
//! reader's light or dark scheme and prints light.

use super::compare::table;
use super::groups::{Section, quantile, router_cpu, router_memory, sections, value_text};
use super::pictures::{of_measure, of_section};
use super::svg::{Sheet, escape, style};
use super::table::Table;
use super::text::{self, Weight};
use super::units;
use crate::outcome::{Machine, Outcome};

const STYLE: &str = include_str!("page.css");

/// The page.
pub fn html(outcomes: &[Outcome]) -> String {
    let (title, body) = match outcomes {
        [single] => (text::headline(single), run(single)),
        several => (title(several), comparison(several)),
    };
    let (title, pictures) = (escape(&title), style());
    format!(
        "<!DOCTYPE html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
         <meta name=\"color-scheme\" content=\"light dark\">\n<title>{title}</title>\n\
         <style>{STYLE}{pictures}</style></head>\n<body>\n<h1>{title}</h1>\n{body}</body></html>\n"
    )
}

/// What many runs are together: one sweep, or a comparison.
fn title(outcomes: &[Outcome]) -> String {
    match &sections(outcomes)[..] {
        [Section { groups, sweeps, .. }] if groups.is_empty() && sweeps.len() == 1 => {
            format!("Sweep of {} on {}", outcomes[0].scenario, sweeps[0].name)
        }
        _ => format!("{} runs compared", outcomes.len()),
    }
}

/// Everything about one run.
fn run(outcome: &Outcome) -> String {
    let mut out = about(outcome) + &remarks(outcome);
    if text::has_figures(outcome) {
        out += &figures(outcome);
    }
    out + &parameters(outcome)
}

/// Pictures and tables.
fn figures(outcome: &Outcome) -> String {
    let mut out = tiles(outcome);
    for measure in &outcome.measures {
        if outcome.measures.len() > 1 {
            out += &format!("<h2>{}</h2>\n", escape(&measure.name));
        }
        out += &gallery(of_measure(measure, ""));
    }
    out += "<h2>Figures</h2>\n";
    for table in [text::rates(outcome), text::latencies(outcome), text::errors(outcome), text::resources(outcome)] {
        if !table.rows.is_empty() {
            out += &table.html();
        }
    }
    out + &further(outcome)
}

/// When, where and against what.
fn about(outcome: &Outcome) -> String {
    let agents = if outcome.agents.is_empty() { String::new() } else { format!("{}, ", outcome.agents.join(", ")) };
    let (targets, started) = (outcome.targets.join(", "), outcome.started.get(..19).unwrap_or(&outcome.started));
    let started = started.replacen('T', " ", 1);
    let machine = machine(&outcome.machine);
    format!(
        "<p class=\"about\">{}<br>{}</p>\n",
        escape(&format!("{agents}{targets}")),
        escape(&format!("{started} UTC, {machine}"))
    )
}

fn machine(it: &Machine) -> String {
    let cores = if it.cores == 1 { "1 core".to_owned() } else { format!("{} cores", it.cores) };
    let memory = units::bytes_tick(it.memory as f64);
    format!("{}, {cores}, {memory}, {}, banyan-loadgen {}", it.cpu, it.kernel, it.loadgen)
}

fn remarks(outcome: &Outcome) -> String {
    let remark = |remark: text::Remark| {
        let class = if remark.weight == Weight::Warning { "warning" } else { "note" };
        format!("<p class=\"{class}\">{}</p>\n", escape(&remark.text))
    };
    text::remarks(outcome).into_iter().map(remark).collect()
}

/// The headline's figures, large.
fn tiles(outcome: &Outcome) -> String {
    let measure = outcome.headline();
    let latency = |label| quantile(measure, label).map_or(units::NONE.to_owned(), units::time);
    let asked = measure.rate.asked.map(|asked| format!("asked {}", units::asked(asked)));
    let mut tiles = vec![
        (units::plural(&measure.operation), units::rate(measure.rate.achieved), asked.unwrap_or_default()),
        ("median".to_owned(), latency("p50"), String::new()),
        ("p99".to_owned(), latency("p99"), String::new()),
        ("p99.9".to_owned(), latency("p99.9"), String::new()),
        ("longest".to_owned(), latency("max"), String::new()),
        (
            "errors".to_owned(),
            units::count(measure.faults()),
            format!("of {}", units::quantity(measure.operations as f64)),
        ),
    ];
    if let (Some(cpu), Some(router)) = (router_cpu(measure), measure.router) {
        let cores = format!("{:.2} cores busy", router.cores);
        tiles.push(("router CPU/op".to_owned(), units::time(cpu), cores));
    }
    if let (Some(memory), Some(router)) = (router_memory(measure), measure.router) {
        let before = format!("{} before", units::bytes(router.rss_before as f64));
        tiles.push(("router memory".to_owned(), units::bytes(memory), before));
    }
    let tile = |(name, figure, beside): &(String, String, String)| {
        let (name, figure, beside) = (escape(name), escape(figure), escape(beside));
        format!("<div><span>{name}</span><b>{figure}</b><span>{beside}</span></div>\n")
    };
    format!("<div class=\"tiles\">\n{}</div>\n", tiles.iter().map(tile).collect::<String>())
}

fn gallery(sheets: Vec<(String, Sheet)>) -> String {
    let figure = |(_, sheet): &(String, Sheet)| format!("<figure>{}</figure>\n", sheet.inline());
    format!("<div class=\"gallery\">\n{}</div>\n", sheets.iter().map(figure).collect::<String>())
}

/// The figures that only some scenarios have.
fn further(outcome: &Outcome) -> String {
    let mut table = Table::new(["further figures", "value"]);
    for measure in &outcome.measures {
        for (name, value) in &measure.extra {
            table.row([format!("{} · {}", name.replace('_', " "), measure.name), units::quantity(*value)]);
        }
    }
    if table.rows.is_empty() { String::new() } else { table.html() }
}

fn parameters(outcome: &Outcome) -> String {
    let mut table = Table::new(["parameter", "value"]);
    for (name, value) in &outcome.parameters {
        table.row([name.clone(), value_text(value)]);
    }
    let command = escape(&outcome.command.join(" "));
    format!("<details><summary>Parameters and command</summary>\n<pre>{command}</pre>\n{}</details>\n", table.html())
}

fn comparison(outcomes: &[Outcome]) -> String {
    let mut out = outcomes
        .first()
        .map_or(String::new(), |first| format!("<p class=\"about\">{}</p>\n", escape(&machine(&first.machine))));
    for warning in text::warnings(outcomes) {
        out += &format!("<p class=\"warning\">{}</p>\n", escape(&warning));
    }
    for part in sections(outcomes) {
        out += &section(&part);
    }
    out += "<h2>Each run</h2>\n";
    for outcome in outcomes {
        let measure = outcome.headline();
        let p99 = quantile(measure, "p99").map_or(String::new(), |ns| format!(", p99 {}", units::time(ns)));
        let figures = match text::has_figures(outcome) {
            true => format!("{}{p99}", units::rate(measure.rate.achieved)),
            false => "failed".to_owned(),
        };
        let title = escape(&format!("{}: {figures}", text::headline(outcome)));
        out += &format!("<details><summary>{title}</summary>\n{}</details>\n", run(outcome));
    }
    out
}

fn section(part: &Section<'_>) -> String {
    let mut out = format!("<h2>{}</h2>\n", escape(&part.title));
    for sweep in &part.sweeps {
        out += &format!("<p class=\"note\">{}</p>\n", escape(&sweep.verdict()));
    }
    out += &gallery(of_section(part));
    if let Some(table) = table(part) {
        out += &table.html();
    }
    for sweep in &part.sweeps {
        out += &format!("<h3>{}</h3>\n{}", escape(&sweep.name), sweep.table().html());
    }
    out
}
