//! A sheet to draw on, and the one palette of all pictures.
//!
//! A picture is the same inside an HTML page ([`Sheet::inline`], styled by the page through [`style`]) and as a file of
//! its own ([`Sheet::file`], which carries the style and a ground to stand on). Colours follow the reader's light or
//! dark scheme, and paper is light. The series' colours keep apart for colour-blind readers (after Okabe and Ito), and
//! no picture relies on colour alone: lines are named at their ends, bars at their feet.
//!
//! Invariant: whatever the texts hold, the result is well-formed XML and loads nothing.

use std::fmt::Write;

/// How wide pictures are drawn, in px; a page scales them.
pub const WIDTH: f64 = 640.0;

/// How many series have a colour of their own; the next one starts over.
pub const COLOURS: usize = 6;

const LIGHT: [&str; COLOURS] = ["#0068a8", "#c94f00", "#00805c", "#a8428a", "#946200", "#54606c"];
const DARK: [&str; COLOURS] = ["#5cb3f0", "#ff8f4a", "#3ecf9f", "#e596cc", "#eabf4b", "#a9b6c3"];

/// Ground, ink, muted ink, axis, grid.
const LIGHT_INK: [&str; 5] = ["#ffffff", "#1c2126", "#5a646e", "#8d98a3", "#e3e7eb"];
const DARK_INK: [&str; 5] = ["#14181d", "#e6eaee", "#9ba6b1", "#6b7681", "#2a3138"];

/// The rules of all pictures, for a page's or a file's style element.
pub fn style() -> String {
    let mut out = String::from(
        ".pic text{font:12px system-ui,-apple-system,'Segoe UI',Roboto,'Helvetica Neue',Arial,sans-serif}\
         .pic .h{font-size:15px;font-weight:600}.pic .line{fill:none;stroke-width:2;stroke-linejoin:round}\
         .pic .col{opacity:.85}.pic .mark{stroke-dasharray:4 3}.pic .n{font-variant-numeric:tabular-nums}\
         .pic .felt{fill:transparent;stroke-opacity:0;stroke-width:2}.pic .felt:hover{stroke-opacity:1}",
    );
    out.push_str(&scheme(&LIGHT, &LIGHT_INK));
    let _ = write!(out, "@media screen and (prefers-color-scheme:dark){{{}}}", scheme(&DARK, &DARK_INK));
    out
}

fn scheme(series: &[&str; COLOURS], [ground, ink, muted, axis, grid]: &[&str; 5]) -> String {
    let mut out = format!(
        ".pic .ground{{fill:{ground}}}.pic .ink{{fill:{ink}}}.pic .muted{{fill:{muted}}}\
         .pic .axis{{stroke:{axis}}}.pic .grid{{stroke:{grid}}}.pic .mark{{stroke:{muted}}}.pic .whisker{{stroke:{ink}}}\
         .pic .halo{{paint-order:stroke;stroke:{ground};stroke-width:4px;stroke-linejoin:round}}"
    );
    for (at, colour) in series.iter().enumerate() {
        let _ = write!(out, ".pic .s{at}{{stroke:{colour}}}.pic .f{at}{{fill:{colour}}}");
    }
    out
}

/// Which end of a text stands at its place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Anchor {
    /// The text begins there.
    Start,
    /// The text is centred there.
    Middle,
    /// The text ends there.
    End,
}

/// About how wide `text` is at 12 px, in px; on the generous side, to leave room.
pub fn width_of(text: &str) -> f64 {
    text.chars().map(|c| if c.is_ascii_uppercase() || c == 'm' || c == '%' { 8.6 } else { 6.7 }).sum()
}

/// `text` cut with an ellipsis to about `width` px.
pub fn cut(text: &str, width: f64) -> String {
    if width_of(text) <= width {
        return text.to_owned();
    }
    let mut kept = String::new();
    for c in text.chars() {
        if width_of(&kept) + width_of("…") + 8.6 > width {
            break;
        }
        kept.push(c);
    }
    kept.trim_end().to_owned() + "…"
}

/// `text` safe inside an element or a quoted attribute, without characters XML forbids.
pub fn escape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            '\t' | '\n' | '\r' => out.push(' '),
            c if c.is_control() || matches!(c, '\u{fffe}' | '\u{ffff}') => out.push('\u{fffd}'),
            c => out.push(c),
        }
    }
    out
}

/// One picture while it is drawn. Places and sizes are in px from the upper left corner.
pub struct Sheet {
    /// Width of the picture.
    pub width: f64,
    /// Height of the picture.
    pub height: f64,
    title: String,
    body: String,
}

impl Sheet {
    /// An empty sheet whose `title` stands on top and is read to those who cannot see the picture.
    pub fn new(width: f64, height: f64, title: &str) -> Sheet {
        let mut sheet = Sheet { width, height, title: escape(title), body: String::new() };
        // The title's letters are larger than those that widths are counted in.
        sheet.text(12.0, 24.0, "h ink", Anchor::Start, &cut(title, (width - 24.0) / 1.3));
        sheet
    }

    /// Writes `text` with its baseline at `y`.
    pub fn text(&mut self, x: f64, y: f64, class: &str, anchor: Anchor, text: &str) {
        let anchor = match anchor {
            Anchor::Start => "",
            Anchor::Middle => " text-anchor=\"middle\"",
            Anchor::End => " text-anchor=\"end\"",
        };
        let text = escape(text);
        self.put(format_args!("<text class=\"{class}\" x=\"{x:.1}\" y=\"{y:.1}\"{anchor}>{text}</text>"));
    }

    /// A straight line.
    pub fn line(&mut self, (x1, y1): (f64, f64), (x2, y2): (f64, f64), class: &str) {
        self.put(format_args!("<line class=\"{class}\" x1=\"{x1:.1}\" y1=\"{y1:.1}\" x2=\"{x2:.1}\" y2=\"{y2:.1}\"/>"));
    }

    /// A rectangle; `hint` is shown when a pointer rests on it.
    pub fn rect(&mut self, (x, y): (f64, f64), (width, height): (f64, f64), class: &str, hint: &str) {
        let (width, height, hint) = (width.max(0.0), height.max(0.0), hint_element(hint));
        self.put(format_args!(
            "<rect class=\"{class}\" x=\"{x:.1}\" y=\"{y:.1}\" width=\"{width:.1}\" height=\"{height:.1}\">{hint}</rect>"
        ));
    }

    /// A dot; `hint` as for [`Sheet::rect`].
    pub fn dot(&mut self, (x, y): (f64, f64), radius: f64, class: &str, hint: &str) {
        let hint = hint_element(hint);
        self.put(format_args!(
            "<circle class=\"{class}\" cx=\"{x:.1}\" cy=\"{y:.1}\" r=\"{radius:.1}\">{hint}</circle>"
        ));
    }

    /// A line through `points`; `None` lifts the pen.
    pub fn polyline(&mut self, points: impl IntoIterator<Item = Option<(f64, f64)>>, class: &str) {
        let mut path = String::new();
        let mut down = false;
        for point in points {
            if let Some((x, y)) = point {
                let _ = write!(path, "{}{x:.1} {y:.1}", if down { "L" } else { "M" });
            }
            down = point.is_some();
        }
        if !path.is_empty() {
            self.put(format_args!("<path class=\"{class}\" d=\"{path}\"/>"));
        }
    }

    /// The picture for a page that holds [`style`].
    pub fn inline(&self) -> String {
        let Sheet { width, height, title, body } = self;
        format!("<svg class=\"pic\" viewBox=\"0 0 {width} {height}\" role=\"img\" aria-label=\"{title}\">{body}</svg>")
    }

    /// The picture as a file of its own.
    pub fn file(&self) -> String {
        let Sheet { width, height, title, body } = self;
        format!(
            "<svg xmlns=\"http://www.w3.org/2000/svg\" class=\"pic\" width=\"{width}\" height=\"{height}\" \
             viewBox=\"0 0 {width} {height}\" role=\"img\" aria-label=\"{title}\">\n<style>{}</style>\n\
             <rect class=\"ground\" width=\"{width}\" height=\"{height}\" rx=\"6\"/>\n{body}</svg>\n",
            style()
        )
    }

    fn put(&mut self, element: std::fmt::Arguments<'_>) {
        // Writing to a String cannot fail.
        let _ = self.body.write_fmt(element);
        self.body.push('\n');
    }
}

fn hint_element(hint: &str) -> String {
    if hint.is_empty() { String::new() } else { format!("<title>{}</title>", escape(hint)) }
}
