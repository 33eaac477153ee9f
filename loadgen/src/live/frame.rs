//! The live view as text: pure, from the progress to lines no wider than the terminal.

use crate::outcome::{Phase, Progress, Second};
use crate::report::units;

/// Cells of the bar of progress.
const BAR: usize = 24;

/// How a piece of text looks.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Tone {
    Plain,
    /// The figures.
    Strong,
    /// What names them.
    Faint,
    /// Bars and sparklines.
    Drawn,
    /// Errors.
    Alarm,
}

/// One line in pieces.
#[derive(Default)]
struct Row(Vec<(Tone, String)>);

impl Row {
    fn put(mut self, tone: Tone, text: impl Into<String>) -> Row {
        self.0.push((tone, text.into()));
        self
    }

    fn field(self, name: &str, figure: impl AsRef<str>) -> Row {
        let figure = format!("{:<10}", figure.as_ref());
        self.put(Tone::Faint, format!("  {name:<11}")).put(Tone::Strong, figure)
    }

    /// The line cut to `width` columns.
    fn render(self, width: usize, colour: bool) -> String {
        let mut left = width;
        let mut out = String::new();
        for (tone, text) in self.0 {
            // URIs of errors come from the other side and must not steer the terminal.
            let kept: String = text.chars().take(left).map(|c| if c.is_control() { '\u{fffd}' } else { c }).collect();
            left -= kept.chars().count();
            let code = match tone {
                Tone::Plain => "",
                Tone::Strong => "1",
                Tone::Faint => "2",
                Tone::Drawn => "36",
                Tone::Alarm => "1;31",
            };
            if !colour || code.is_empty() || kept.is_empty() {
                out += &kept;
            } else {
                out += &format!("\x1b[{code}m{kept}\x1b[0m");
            }
        }
        out
    }
}

/// The lines of the view, each at most `width` columns.
pub fn draw(title: &str, progress: &Progress, width: usize, colour: bool) -> Vec<String> {
    // The last column stays free: some terminals wrap as soon as it is filled.
    let width = width.saturating_sub(1);
    let mut rows = vec![Row::default().put(Tone::Strong, title), phase(progress), Row::default()];
    rows.push(rate(progress, width));
    rows.push(in_flight(progress));
    rows.push(errors(progress));
    rows.push(Row::default());
    rows.extend(latency(progress));
    rows.push(slowest(progress, width));
    rows.push(Row::default());
    rows.push(resources(progress));
    rows.into_iter().map(|row| row.render(width, colour)).collect()
}

/// The same in one line, for a log.
pub fn line(progress: &Progress) -> String {
    let clock = units::clock(progress.elapsed_s);
    let phase = phase_name(progress.phase);
    if progress.phase == Phase::Connecting {
        let (joined, wanted) = (units::count(progress.sessions), units::count(progress.sessions_wanted));
        return format!("{clock:>7}  {phase:<10}  sessions {joined} of {wanted}");
    }
    let asked = progress.asked_rate.map_or(String::new(), |asked| format!(" of {}", units::asked(asked)));
    let latency = |label| quantile(progress, label).map_or(units::NONE.to_owned(), units::time);
    format!(
        "{clock:>7}  {phase:<10}  {}  {}{asked}  p50 {}  p99 {}  max {}  in flight {}  errors {}",
        progress.stage,
        units::rate(rate_now(progress)),
        latency("p50"),
        latency("p99"),
        latency("max"),
        units::count(progress.in_flight),
        units::count(faults(progress)),
    )
}

fn phase_name(phase: Phase) -> &'static str {
    match phase {
        Phase::Connecting => "connecting",
        Phase::WarmUp => "warm-up",
        Phase::Measuring => "measuring",
        Phase::Draining => "draining",
    }
}

fn phase(progress: &Progress) -> Row {
    let (done, text) = extent(progress);
    let stage = if progress.stage.is_empty() { String::new() } else { format!("{}, ", progress.stage) };
    let row = Row::default().put(Tone::Plain, format!("  {stage}{}  ", phase_name(progress.phase)));
    let row = match done {
        Some(part) => {
            let full = (part.clamp(0.0, 1.0) * BAR as f64).round() as usize;
            row.put(Tone::Drawn, "━".repeat(full)).put(Tone::Faint, "─".repeat(BAR - full)).put(Tone::Plain, "  ")
        }
        None => row,
    };
    row.put(Tone::Plain, text)
}

/// How far the run is as a part of one, where that can be told, and in words.
fn extent(progress: &Progress) -> (Option<f64>, String) {
    let part = |done: f64, all: f64| Some(done / all).filter(|part| part.is_finite());
    if progress.phase == Phase::Connecting {
        let (joined, wanted) = (progress.sessions, progress.sessions_wanted);
        let text = format!("{} of {} sessions", units::count(joined), units::count(wanted));
        return (part(joined as f64, wanted as f64), text);
    }
    let clock = units::clock(progress.elapsed_s);
    match (progress.planned_s, progress.planned_operations) {
        (Some(all), _) => (part(progress.elapsed_s, all), format!("{clock} of {}", units::clock(all))),
        (None, Some(all)) => {
            let text =
                format!("{} of {}, {clock}", units::quantity(progress.operations as f64), units::quantity(all as f64));
            (part(progress.operations as f64, all as f64), text)
        }
        (None, None) => (None, clock),
    }
}

/// The rate of the last whole second, or so far if there is none.
fn rate_now(progress: &Progress) -> f64 {
    match progress.seconds.last() {
        Some(second) => second.rate,
        None if progress.elapsed_s > 0.0 => progress.operations as f64 / progress.elapsed_s,
        None => 0.0,
    }
}

fn rate(progress: &Progress, width: usize) -> Row {
    let row = Row::default().field("rate", units::rate(rate_now(progress)));
    let asked = progress.asked_rate.map_or(String::new(), |asked| format!("of {}", units::asked(asked)));
    let row = row.put(Tone::Faint, format!("{asked:<14}"));
    row.put(Tone::Drawn, sparkline(&progress.seconds, width, |second| second.rate))
}

fn in_flight(progress: &Progress) -> Row {
    let row = Row::default().field("in flight", units::count(progress.in_flight));
    row.put(Tone::Faint, format!("sessions {}", units::count(progress.sessions)))
}

fn faults(progress: &Progress) -> u64 {
    progress.errors + progress.integrity.broken()
}

fn errors(progress: &Progress) -> Row {
    let faults = faults(progress);
    let row = Row::default();
    if faults == 0 {
        return row.field("errors", "0");
    }
    let row = row.put(Tone::Faint, format!("  {:<11}", "errors"));
    let broken = progress.integrity.broken();
    let broken = (broken > 0).then(|| ("wrong, lost or out of order".to_owned(), broken));
    let names = broken.iter().chain(&progress.top_errors);
    let names: Vec<String> = names.map(|(name, count)| format!("{name} {}", units::count(*count))).collect();
    row.put(Tone::Alarm, format!("{:<10}", units::count(faults))).put(Tone::Plain, names.join(", "))
}

fn quantile(progress: &Progress, label: &str) -> Option<f64> {
    progress.quantiles_ns.iter().find(|(known, _)| *known == label).map(|(_, ns)| *ns as f64)
}

fn latency(progress: &Progress) -> [Row; 2] {
    let mut names = Row::default().put(Tone::Faint, format!("  {:<11}", "latency"));
    let mut figures = Row::default().put(Tone::Plain, " ".repeat(13));
    for label in ["p50", "p90", "p99", "p99.9", "p99.99", "max"] {
        let figure = quantile(progress, label).map_or(units::NONE.to_owned(), units::time);
        names = names.put(Tone::Faint, format!("{label:<10}"));
        figures = figures.put(Tone::Strong, format!("{figure:<10}"));
    }
    [names, figures]
}

fn slowest(progress: &Progress, width: usize) -> Row {
    let last = progress.seconds.last().map_or(0, |second| second.p99_ns);
    let row = Row::default().put(Tone::Faint, format!("  {:<11}", "p99 now"));
    let row = row.put(Tone::Plain, format!("{:<24}", units::time(last as f64)));
    row.put(Tone::Drawn, sparkline(&progress.seconds, width, |second| second.p99_ns as f64))
}

fn resources(progress: &Progress) -> Row {
    let mut text =
        format!("  generator {} of a core", units::percent((progress.generator_busy * 100.0).round() / 100.0));
    let cores = progress.router_cores.map(|cores| format!("{cores:.2} cores"));
    let memory = progress.router_rss.map(|rss| units::bytes(rss as f64));
    let router: Vec<String> = cores.into_iter().chain(memory).collect();
    if !router.is_empty() {
        text += &format!("   router {}", router.join(", "));
    }
    Row::default().put(Tone::Faint, text + "   Ctrl-C ends the run")
}

/// The last seconds as blocks between zero and their highest.
fn sparkline(seconds: &[Second], width: usize, of: impl Fn(&Second) -> f64) -> String {
    const BLOCKS: [char; 8] = ['▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];
    let cells = width.saturating_sub(40).min(60);
    let shown = &seconds[seconds.len().saturating_sub(cells)..];
    let top = shown.iter().map(&of).fold(0.0, f64::max);
    let block = |second| {
        let part = of(second) / top;
        if part.is_finite() { BLOCKS[((part * 7.0).round() as usize).min(7)] } else { BLOCKS[0] }
    };
    shown.iter().map(block).collect()
}

#[cfg(test)]
mod tests;
