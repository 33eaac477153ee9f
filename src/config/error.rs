//! What is wrong with a configuration, in one sentence that names the place.

use std::fmt;
use std::ops::Range;

/// A configuration that cannot be used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Error {
    place: String,
    what: String,
}

impl Error {
    /// What is wrong with an argument or a file as a whole.
    pub fn of(place: &str, what: impl Into<String>) -> Error {
        Error { place: place.to_owned(), what: what.into() }
    }

    /// What is wrong at a place of a file, given as bytes of its text.
    pub(super) fn at(name: &str, text: &str, span: Range<usize>, what: impl Into<String>) -> Error {
        let before = &text.as_bytes()[..span.start.min(text.len())];
        let line = 1 + before.iter().filter(|&&byte| byte == b'\n').count();
        Error { place: format!("{name}, line {line}"), what: what.into() }
    }

    /// What the parser found.
    pub(super) fn parsing(name: &str, text: &str, error: &toml::de::Error) -> Error {
        let message = error.message().replace('\n', " ");
        let what = match suggest(&message) {
            Some((unknown, Some(known))) => format!("there is no key `{unknown}` here; did you mean `{known}`?"),
            Some((unknown, None)) => format!("there is no key `{unknown}` here ({message})"),
            None => message,
        };
        Error::at(name, text, error.span().unwrap_or(0..0), what)
    }
}

/// For a message about an unknown key, that key and the known one that looks most like it.
fn suggest(message: &str) -> Option<(&str, Option<&str>)> {
    let mut quoted = message.strip_prefix("unknown field ")?.split('`').skip(1).step_by(2);
    let unknown = quoted.next()?;
    let likeness = |known: &&str| strsim::jaro_winkler(unknown, known);
    let best = quoted.max_by(|a, b| likeness(a).total_cmp(&likeness(b)));
    Some((unknown, best.filter(|known| likeness(known) > 0.8)))
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.place, self.what)
    }
}

impl std::error::Error for Error {}
