//! Curves, columns and marks over two axes with units.

use super::scale::Scale;
use super::svg::{Anchor, COLOURS, Sheet, WIDTH, cut, width_of};

const HEIGHT: f64 = 330.0;
const LEFT: f64 = 66.0;
const BELOW: f64 = 46.0;
/// The names of curves are at most this wide; longer names are cut.
const NAMES: f64 = 180.0;
/// Between two lines of text.
const ROW: f64 = 15.0;

/// What runs along one side.
pub struct Axis {
    /// Quantity and, where the ticks do not say it, its unit.
    pub label: &'static str,
    /// Values to places.
    pub scale: Scale,
    /// How a tick is written.
    pub text: fn(f64) -> String,
}

impl Axis {
    /// How many ticks to ask for where `plain` would do: a logarithmic axis is read by its steps of 1, 2 and 5.
    fn wanted(&self, plain: usize) -> usize {
        if matches!(self.scale, Scale::Log(..)) { 9 } else { plain }
    }
}

/// One curve, named at its right end.
pub struct Line {
    /// What it shows; empty for none.
    pub name: String,
    /// Which colour, counted from 0.
    pub colour: usize,
    /// In ascending x; a y that the axis cannot show interrupts the curve.
    pub points: Vec<(f64, f64)>,
    /// Which points can be told from the curve.
    pub dots: Dots,
}

/// Whether the points of a curve stand out.
pub enum Dots {
    /// Each was measured by itself: a dot that tells its figures to a pointer.
    Seen,
    /// No dots, but a pointer near one of these points of the curve is told its figures.
    Felt(Vec<(f64, f64)>),
}

/// One column of a histogram from `from` to `to`.
pub struct Column {
    /// Left edge.
    pub from: f64,
    /// Right edge.
    pub to: f64,
    /// Height.
    pub value: f64,
    /// What a pointer resting on it reads.
    pub hint: String,
}

/// A dashed line across the plot.
pub enum Mark {
    /// At this x, named on top.
    At(f64, String),
    /// At this y, named on the left.
    Level(f64, String),
}

/// A picture with two axes.
pub struct Plot {
    /// On top.
    pub title: String,
    /// The lower side.
    pub x: Axis,
    /// The left side.
    pub y: Axis,
    /// Behind the curves.
    pub columns: Vec<Column>,
    /// The curves.
    pub lines: Vec<Line>,
    /// In front.
    pub marks: Vec<Mark>,
}

/// The rectangle between the axes.
struct Frame {
    left: f64,
    right: f64,
    top: f64,
    bottom: f64,
}

/// An upright mark with its name on top.
struct Flag<'a> {
    /// Its place on the axis, 0 to 1.
    part: f64,
    /// How wide its name is.
    width: f64,
    /// The row of its name, 0 the lowest.
    row: usize,
    name: &'a str,
}

impl Plot {
    /// A plot without content.
    pub fn new(title: impl Into<String>, x: Axis, y: Axis) -> Plot {
        Plot { title: title.into(), x, y, columns: Vec::new(), lines: Vec::new(), marks: Vec::new() }
    }

    /// Draws it.
    pub fn draw(&self) -> Sheet {
        let mut sheet = Sheet::new(WIDTH, HEIGHT, &self.title);
        let mut flags = self.flags();
        let right = self.right(&flags);
        raise(&mut flags, right - LEFT);
        let rows = flags.iter().map(|flag| flag.row + 1).max().unwrap_or(0);
        let frame = Frame { left: LEFT, right, top: 58.0 + rows as f64 * ROW, bottom: HEIGHT - BELOW };
        self.draw_axes(&mut sheet, &frame);
        self.draw_columns(&mut sheet, &frame);
        self.draw_marks(&mut sheet, &frame, &flags);
        for line in &self.lines {
            self.draw_line(&mut sheet, &frame, line);
        }
        self.draw_names(&mut sheet, &frame);
        sheet
    }

    fn place(&self, frame: &Frame, (x, y): (f64, f64)) -> Option<(f64, f64)> {
        Some((frame.x(self.x.scale.at(x)?), frame.y(self.y.scale.at(y)?)))
    }

    fn draw_axes(&self, sheet: &mut Sheet, frame: &Frame) {
        sheet.text(12.0, 44.0, "muted", Anchor::Start, self.y.label);
        sheet.text((frame.left + frame.right) / 2.0, HEIGHT - 10.0, "muted", Anchor::Middle, self.x.label);
        for tick in self.y.scale.ticks(self.y.wanted(5)) {
            let Some(y) = self.y.scale.at(tick).map(|part| frame.y(part)) else { continue };
            sheet.line((frame.left, y), (frame.right, y), "grid");
            sheet.text(frame.left - 8.0, y + 4.0, "muted n", Anchor::End, &(self.y.text)(tick));
        }
        let mut free = f64::NEG_INFINITY;
        for tick in self.x.scale.ticks(self.x.wanted(6)) {
            let Some(x) = self.x.scale.at(tick).map(|part| frame.x(part)) else { continue };
            sheet.line((x, frame.bottom), (x, frame.bottom + 4.0), "axis");
            let text = (self.x.text)(tick);
            let half = width_of(&text) / 2.0;
            // A figure that would touch its neighbour is left out; its stroke stays.
            if x - half >= free {
                sheet.text(x, frame.bottom + 18.0, "muted n", Anchor::Middle, &text);
                free = x + half + 8.0;
            }
        }
        sheet.line((frame.left, frame.bottom), (frame.right, frame.bottom), "axis");
    }

    fn draw_columns(&self, sheet: &mut Sheet, frame: &Frame) {
        for column in &self.columns {
            let corners =
                (self.place(frame, (column.from, column.value)), self.place(frame, (column.to, column.value)));
            let (Some((x1, y)), Some((x2, _))) = corners else { continue };
            let gap = if x2 - x1 > 3.0 { 1.0 } else { 0.0 };
            // What was seen at all is visible, however few.
            let height = (frame.bottom - y).max(if column.value > 0.0 { 1.0 } else { 0.0 });
            let corner = (x1, frame.bottom - height);
            sheet.rect(corner, ((x2 - x1 - gap).max(0.8), height), "col f0", &column.hint);
        }
    }

    /// The upright marks from the right. A name stands to the right of its line, above those it would reach: so no line
    /// runs through a name.
    fn flags(&self) -> Vec<Flag<'_>> {
        let upright = self.marks.iter().filter_map(|mark| match mark {
            Mark::At(x, name) => Some(Flag { part: self.x.scale.at(*x)?, width: width_of(name), row: 0, name }),
            Mark::Level(..) => None,
        });
        let mut flags: Vec<Flag<'_>> = upright.collect();
        flags.sort_by(|a, b| b.part.total_cmp(&a.part));
        flags
    }

    /// Where the plot ends on the right, so that the names of curves and marks and the last figure have room.
    fn right(&self, flags: &[Flag<'_>]) -> f64 {
        let names = self.lines.iter().map(|line| width_of(&line.name)).fold(0.0, f64::max).min(NAMES);
        let last =
            self.x.scale.ticks(self.x.wanted(6)).last().map_or(0.0, |tick| width_of(&(self.x.text)(*tick)) / 2.0);
        let right = WIDTH - (if names > 0.0 { names + 20.0 } else { 24.0 }).max(last + 10.0);
        let room = |flag: &Flag<'_>| LEFT + (WIDTH - 12.0 - flag.width - LEFT) / flag.part.max(1e-9);
        flags.iter().map(room).fold(right, f64::min)
    }

    fn draw_marks(&self, sheet: &mut Sheet, frame: &Frame, flags: &[Flag<'_>]) {
        for flag in flags {
            let (x, y) = (frame.x(flag.part), frame.top - 8.0 - flag.row as f64 * ROW);
            sheet.line((x, y - 10.0), (x, frame.bottom), "mark");
            sheet.text(x + 4.0, y, "ink n", Anchor::Start, flag.name);
        }
        for mark in &self.marks {
            let Mark::Level(y, name) = mark else { continue };
            let Some(y) = self.y.scale.at(*y).map(|part| frame.y(part)) else { continue };
            sheet.line((frame.left, y), (frame.right, y), "mark");
            sheet.text(frame.left + 6.0, y - 5.0, "halo ink n", Anchor::Start, name);
        }
    }

    fn draw_line(&self, sheet: &mut Sheet, frame: &Frame, line: &Line) {
        let colour = line.colour % COLOURS;
        let places = thin(line.points.iter().map(|point| self.place(frame, *point)));
        sheet.polyline(places, &format!("line s{colour}"));
        let (points, radius, class) = match &line.dots {
            Dots::Seen => (&line.points, 3.2, format!("f{colour}")),
            Dots::Felt(points) => (points, 6.0, format!("felt s{colour}")),
        };
        for point in points {
            let Some(place) = self.place(frame, *point) else { continue };
            let hint = format!("{} {} at {}", line.name, (self.y.text)(point.1), (self.x.text)(point.0));
            sheet.dot(place, radius, &class, hint.trim());
        }
    }

    /// Names at the right ends, moved apart where they would cover each other.
    fn draw_names(&self, sheet: &mut Sheet, frame: &Frame) {
        let end = |line: &Line| line.points.iter().rev().find_map(|point| self.place(frame, *point));
        let named = self.lines.iter().filter(|line| !line.name.is_empty());
        let mut names: Vec<Name<'_>> = named
            .filter_map(|line| {
                end(line).map(|(x, y)| Name { x: x + 8.0, y: y + 4.0, width: width_of(&line.name).min(NAMES), line })
            })
            .collect();
        names.sort_by(|a, b| a.y.total_cmp(&b.y));
        for at in 0..names.len() {
            let above = names[..at].iter().filter(|name| name.covers(&names[at])).map(|name| name.y + ROW);
            names[at].y = above.fold(names[at].y.max(frame.top), f64::max);
        }
        for at in (0..names.len()).rev() {
            let below = names[at + 1..].iter().filter(|name| name.covers(&names[at])).map(|name| name.y - ROW);
            names[at].y = below.fold(names[at].y.min(frame.bottom), f64::min);
        }
        for Name { x, y, line, .. } in names {
            sheet.text(x, y, &format!("halo f{}", line.colour % COLOURS), Anchor::Start, &cut(&line.name, NAMES));
        }
    }
}

/// Where a curve's name goes.
struct Name<'a> {
    x: f64,
    y: f64,
    width: f64,
    line: &'a Line,
}

impl Name<'_> {
    /// Whether two names on one row would overlap.
    fn covers(&self, other: &Name<'_>) -> bool {
        self.x < other.x + other.width && other.x < self.x + self.width
    }
}

/// Gives each flag, from the right, the lowest row in which its name reaches no flag further right.
fn raise(flags: &mut [Flag<'_>], width: f64) {
    for at in 0..flags.len() {
        let end = flags[at].part * width + flags[at].width + 12.0;
        let reached = flags[..at].iter().filter(|right| right.part * width < end);
        flags[at].row = reached.map(|right| right.row + 1).max().unwrap_or(0);
    }
}

impl Frame {
    fn x(&self, part: f64) -> f64 {
        self.left + part * (self.right - self.left)
    }

    fn y(&self, part: f64) -> f64 {
        self.bottom - part * (self.bottom - self.top)
    }
}

/// A point in the picture; `None` where the curve is interrupted.
type Place = Option<(f64, f64)>;

/// Of all points in one column of pixels the lowest and the highest stay, in their order, so that no peak is lost.
fn thin(places: impl Iterator<Item = Place>) -> Vec<Place> {
    let mut kept: Vec<Place> = Vec::new();
    let mut column: Vec<(f64, f64)> = Vec::new();
    for place in places {
        let same = matches!((place, column.last()), (Some(new), Some(old)) if new.0.round() == old.0.round());
        if !same {
            flush(&mut column, &mut kept);
        }
        match place {
            Some(point) => column.push(point),
            None => kept.push(None),
        }
    }
    flush(&mut column, &mut kept);
    kept
}

fn flush(column: &mut Vec<(f64, f64)>, kept: &mut Vec<Place>) {
    let by_height = |a: &usize, b: &usize| column[*a].1.total_cmp(&column[*b].1);
    if let (Some(low), Some(high)) = ((0..column.len()).min_by(by_height), (0..column.len()).max_by(by_height)) {
        kept.push(Some(column[low.min(high)]));
        if low != high {
            kept.push(Some(column[low.max(high)]));
        }
    }
    column.clear();
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn thinning_keeps_peaks_and_gaps() {
        let mut points: Vec<Place> = (0..10_000).map(|at| Some((at as f64 / 100.0, 10.0))).collect();
        points[4_321] = Some((43.21, 99.0));
        points[7_000] = None;
        let kept = thin(points.into_iter());
        assert!(kept.len() < 220, "{}", kept.len());
        assert!(kept.contains(&Some((43.21, 99.0))));
        assert!(kept.contains(&None));
        assert!(kept.iter().flatten().map(|point| point.0).is_sorted());
    }
}
