//! Bars that lie: one quantity, one row per thing compared, the figure at the end of each.

use super::scale::Scale;
use super::svg::{Anchor, COLOURS, Sheet, WIDTH, cut, width_of};

const ROW: f64 = 30.0;
const THICK: f64 = 18.0;
const TOP: f64 = 56.0;
/// The names' column is at most this wide; longer names are cut.
const NAMES: f64 = 220.0;

/// One row.
pub struct Bar {
    /// What it stands for.
    pub name: String,
    /// Which colour, counted from 0.
    pub colour: usize,
    /// Median over the repetitions.
    pub median: f64,
    /// Lowest repetition.
    pub low: f64,
    /// Highest repetition.
    pub high: f64,
}

/// A picture of bars from zero.
pub struct Bars {
    /// On top.
    pub title: String,
    /// Under the title: what is better, how many repetitions.
    pub note: String,
    /// How a figure is written.
    pub text: fn(f64) -> String,
    /// The rows from above.
    pub rows: Vec<Bar>,
}

impl Bars {
    /// Draws it.
    pub fn draw(&self) -> Sheet {
        let mut sheet = Sheet::new(WIDTH, TOP + ROW * self.rows.len() as f64 + 10.0, &self.title);
        sheet.text(12.0, 43.0, "muted", Anchor::Start, &cut(&self.note, WIDTH - 24.0));
        let names = self.rows.iter().map(|row| width_of(&row.name)).fold(0.0, f64::max).min(NAMES);
        let figures = self.rows.iter().map(|row| width_of(&(self.text)(row.median))).fold(0.0, f64::max);
        let (left, right) = (12.0 + names + 10.0, WIDTH - figures - 24.0);
        let top = self.rows.iter().map(|row| row.high.max(row.median)).fold(0.0, f64::max);
        let scale = Scale::between(0.0, top);
        let x = |value: f64| left + scale.at(value).unwrap_or(0.0) * (right - left);
        for (at, row) in self.rows.iter().enumerate() {
            let y = TOP + at as f64 * ROW + (ROW - THICK) / 2.0;
            let middle = y + THICK / 2.0;
            sheet.text(left - 10.0, middle + 4.0, "ink", Anchor::End, &cut(&row.name, names));
            let class = format!("col f{}", row.colour % COLOURS);
            sheet.rect((left, y), (x(row.median) - left, THICK), &class, &self.hint(row));
            if row.high > row.low {
                sheet.line((x(row.low), middle), (x(row.high), middle), "whisker");
                for end in [row.low, row.high] {
                    sheet.line((x(end), middle - 4.0), (x(end), middle + 4.0), "whisker");
                }
            }
            let end = x(row.high.max(row.median)) + 8.0;
            sheet.text(end, middle + 4.0, "ink n", Anchor::Start, &(self.text)(row.median));
        }
        sheet.line((left, TOP), (left, TOP + ROW * self.rows.len() as f64), "axis");
        sheet
    }

    fn hint(&self, row: &Bar) -> String {
        let (median, low, high) = ((self.text)(row.median), (self.text)(row.low), (self.text)(row.high));
        if row.high > row.low {
            format!("{}: median {median}, lowest {low}, highest {high}", row.name)
        } else {
            format!("{}: {median}", row.name)
        }
    }
}
