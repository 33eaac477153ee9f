//! Outcomes as people read them: a table in the terminal, a page with pictures, runs side by side, thresholds.
//!
//! Outcomes in, text out: nothing is measured and no terminal is touched (`live` does that); only `review` opens files.
//!
//! * `units`: figures with their units. * `table`: aligned rows. * `text`: one run as a short table.
//! * `scale`, `svg`, `plot`, `bars`: axes, the sheet, and the two kinds of pictures. * `figures`: pictures of runs.
//! * `groups`: what may be compared. * `sweep`: latency by load. * `compare`, `pictures`, `html`: runs side by side.
//! * `fail_if`: thresholds. * `review`: files of earlier runs.

mod bars;
mod compare;
mod fail_if;
mod figures;
mod groups;
mod html;
mod pictures;
mod plot;
mod review;
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
pub use review::review;
pub use text::text;

#[cfg(test)]
mod tests;
