//! What a person sees while a run is under way, on standard error.
//!
//! On a terminal a few lines are drawn again in place, about five times a second, and erased at the end, so that the
//! report stands alone. The terminal is left in its usual mode all the time (no raw mode, no hidden cursor, no other
//! screen): however the program ends, nothing has to be put back. Where standard error is no terminal, or a dumb one,
//! single lines come at growing distances. Colour is left out if `NO_COLOR` is set.
//!
//! Not here: the report at the end, and signals (the engine ends the run and calls [`View::finish`]).

mod frame;

use std::io::{IsTerminal, Write, stderr};
use std::time::{Duration, Instant};

use crate::outcome::Progress;

/// Between two drawings.
const REDRAW: Duration = Duration::from_millis(200);

/// Where the width of the terminal cannot be told.
const USUAL: (usize, usize) = (80, 24);

/// The live view of one run.
pub struct View {
    title: String,
    kind: Kind,
}

enum Kind {
    /// Nothing is shown (`--quiet`).
    Silent,
    /// Lines of text, each when it is due.
    Lines { due_s: f64 },
    /// Lines drawn in place: how many stand there, when, and whether they are coloured.
    Terminal { drawn: usize, last: Option<Instant>, colour: bool },
}

impl View {
    /// A view for what standard error is; `title` says what is run against what.
    pub fn new(title: &str, quiet: bool) -> View {
        let set = |name: &str| std::env::var_os(name).filter(|value| !value.is_empty());
        let dumb = set("TERM").is_none_or(|term| term == "dumb");
        let kind = match (quiet, stderr().is_terminal() && !dumb) {
            (true, _) => Kind::Silent,
            (_, true) => Kind::Terminal { drawn: 0, last: None, colour: set("NO_COLOR").is_none() },
            (_, false) => Kind::Lines { due_s: next_line(0.0) },
        };
        View { title: title.to_owned(), kind }
    }

    /// Whether [`View::show`] would show anything now; if not, the progress need not be gathered.
    pub fn is_due(&self, elapsed_s: f64) -> bool {
        match &self.kind {
            Kind::Silent => false,
            Kind::Lines { due_s } => elapsed_s >= *due_s,
            Kind::Terminal { last, .. } => last.is_none_or(|last| last.elapsed() >= REDRAW),
        }
    }

    /// Shows where the run stands, if it is time to: call it as often as you like.
    pub fn show(&mut self, progress: &Progress) {
        if !self.is_due(progress.elapsed_s) {
            return;
        }
        match &mut self.kind {
            Kind::Silent => {}
            Kind::Lines { due_s } => {
                *due_s = next_line(progress.elapsed_s);
                put(&format!("{}\n", frame::line(progress)));
            }
            Kind::Terminal { drawn, last, colour } => {
                *last = Some(Instant::now());
                let (width, height) = size();
                let lines = frame::draw(&self.title, progress, width, *colour);
                // A frame higher than the terminal could not be drawn over.
                let lines = &lines[..lines.len().min(height.saturating_sub(1))];
                put(&over(*drawn, lines));
                *drawn = lines.len();
            }
        }
    }

    /// Erases what was drawn in place. Called by drop too.
    pub fn finish(&mut self) {
        if let Kind::Terminal { drawn, .. } = &mut self.kind {
            if *drawn > 0 {
                put(&over(*drawn, &[]));
            }
            *drawn = 0;
        }
    }
}

impl Drop for View {
    fn drop(&mut self) {
        self.finish();
    }
}

/// When the next line is due: every second up to ten, every ten up to a hundred, then every minute.
fn next_line(elapsed_s: f64) -> f64 {
    let step = match elapsed_s {
        s if s < 10.0 => 1.0,
        s if s < 100.0 => 10.0,
        _ => 60.0,
    };
    (elapsed_s / step).floor() * step + step
}

/// The control sequences that draw `lines` over the `drawn` ones above the cursor, in one go (mode 2026).
fn over(drawn: usize, lines: &[String]) -> String {
    let mut out = String::from("\x1b[?2026h\r");
    if drawn > 0 {
        out += &format!("\x1b[{drawn}A");
    }
    for line in lines {
        out += line;
        out += "\x1b[K\r\n";
    }
    out + "\x1b[J\x1b[?2026l"
}

/// Columns and rows of the terminal.
fn size() -> (usize, usize) {
    match rustix::termios::tcgetwinsize(stderr()) {
        Ok(size) if size.ws_col > 0 && size.ws_row > 0 => (size.ws_col.into(), size.ws_row.into()),
        _ => USUAL,
    }
}

/// Writes in one call. A terminal that is gone is no reason to end the run.
fn put(text: &str) {
    let _ = stderr().write_all(text.as_bytes());
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_come_at_growing_distances() {
        assert_eq!(
            [0.0, 0.9, 1.02, 9.5, 10.0, 57.0, 99.0, 130.0].map(next_line),
            [1.0, 1.0, 2.0, 10.0, 20.0, 60.0, 100.0, 180.0]
        );
    }

    #[test]
    fn drawing_again_covers_what_was_drawn() {
        let lines = ["a".to_owned(), "b".to_owned()];
        assert_eq!(over(0, &lines), "\x1b[?2026h\ra\x1b[K\r\nb\x1b[K\r\n\x1b[J\x1b[?2026l");
        assert_eq!(over(2, &[]), "\x1b[?2026h\r\x1b[2A\x1b[J\x1b[?2026l");
    }

    #[test]
    fn a_silent_view_is_never_due() {
        let mut view = View::new("any", true);
        view.show(&Progress::default());
        assert!(!view.is_due(1e9));
    }
}
