//! Files of earlier runs, read again and laid side by side.

use std::fs;
use std::path::Path;

use super::{compare, html, pictures, text};
use crate::outcome::{FORMAT, Outcome};

/// Reads `files` as `--json` wrote them and answers with their table or comparison; writes the page to `page` and the
/// pictures into the folder `drawings`, which is made if it is missing.
///
/// # Errors
/// A sentence that names the file: it cannot be read or written, or is not what `--json` writes.
pub fn review<P: AsRef<Path>>(files: &[P], page: Option<&Path>, drawings: Option<&Path>) -> Result<String, String> {
    let mut outcomes = Vec::new();
    for file in files {
        let name = file.as_ref().display();
        let json = fs::read_to_string(file).map_err(|error| format!("cannot read {name}: {error}"))?;
        outcomes.extend(read(&json).map_err(|why| format!("{name} {why}"))?);
    }
    if let Some(page) = page {
        write(page, &html(&outcomes))?;
    }
    if let Some(folder) = drawings {
        fs::create_dir_all(folder).map_err(|error| format!("cannot make {}: {error}", folder.display()))?;
        for (name, svg) in pictures(&outcomes) {
            write(&folder.join(name), &svg)?;
        }
    }
    Ok(if let [single] = &outcomes[..] { text(single) } else { compare(&outcomes) })
}

fn write(file: &Path, content: &str) -> Result<(), String> {
    fs::write(file, content).map_err(|error| format!("cannot write {}: {error}", file.display()))
}

/// Reads what `--json` wrote: one run, or a list of them as a sweep writes.
///
/// # Errors
/// A sentence: the text is no outcome, is of a newer layout, or holds no run or a run without a measure.
pub(super) fn read(json: &str) -> Result<Vec<Outcome>, String> {
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
