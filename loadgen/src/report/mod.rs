//! Outcomes as people read them: a table in the terminal, a page with pictures, runs side by side, thresholds.
//!
//! Everything here is pure: outcomes in, text out; nothing is measured and no terminal is touched (`live` does that).
//!
//! * `units`: figures with their units. * `table`: aligned rows. * `text`: one run as a short table.
//! * `scale`, `svg`, `plot`, `bars`: axes, the sheet, and the two kinds of pictures. * `figures`: pictures of runs.
//! * `groups`: what may be compared. * `sweep`: latency by load. * `compare`, `pictures`, `html`: runs side by side.
//! * `fail_if`: thresholds.

mod bars;
mod compare;
mod fail_if;
mod figures;
mod groups;
mod html;
mod pictures;
mod plot;
mod scale;
pub mod svg;
pub mod sweep;
mod table;
mod text;
pub mod units;

#[cfg(test)]
pub mod sample;

pub use compare::compare;
pub use fail_if::FailIf;
pub use html::html;
pub use pictures::files as pictures;
pub use text::text;

use crate::outcome::{FORMAT, Outcome};

/// Reads what `--json` wrote: one run, or a list of them as a sweep writes.
///
/// # Errors
/// A sentence: the text is no outcome, is of a newer layout, or holds no run or a run without a measure.
pub fn read(json: &str) -> Result<Vec<Outcome>, String> {
    let values = match serde_json::from_str(json).map_err(|error| format!("is not JSON: {error}"))? {
        serde_json::Value::Array(values) => values,
        one => vec![one],
    };
    if values.is_empty() {
        return Err("holds no run".to_owned());
    }
    values.into_iter().map(read_one).collect()
}

fn read_one(value: serde_json::Value) -> Result<Outcome, String> {
    let format = value.get("format").and_then(serde_json::Value::as_u64);
    match format {
        None => return Err("is not a report of banyan-loadgen: it has no 'format'".to_owned()),
        Some(format) if format > u64::from(FORMAT) => {
            return Err(format!("has layout {format}; this banyan-loadgen reads up to {FORMAT}: update it"));
        }
        Some(_) => {}
    }
    let outcome: Outcome = serde_json::from_value(value).map_err(|error| format!("is damaged: {error}"))?;
    if outcome.measures.is_empty() { Err("holds a run that measured nothing".to_owned()) } else { Ok(outcome) }
}

#[cfg(test)]
mod tests;
