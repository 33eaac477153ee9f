//! The entries of Options and Details.

use std::borrow::Cow;
use std::fmt;

use smallvec::SmallVec;

use super::code;
use super::elements::{Fault, illegal};
use crate::codec::token::{Kind, Malformed, Read, Reader, Token};
use crate::wamp::Id;

/// Most items of a list in Options or Details: whoever names more means a role.
const MOST_ITEMS: usize = 65_536;

/// Where in a message a value stands, for sentences: as `CALL.Options.timeout`.
pub(super) enum Path<'p> {
    /// The message with this code.
    Message(u64),
    /// The element or key of this name in what the path before leads to.
    Within(&'p Path<'p>, &'p str),
}

impl fmt::Display for Path<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Path::Message(code) => f.write_str(code::name(*code).unwrap_or("a message")),
            Path::Within(path, name) => write!(f, "{path}.{name}"),
        }
    }
}

/// The value of one key. Each method reads it whole.
pub(super) struct Entry<'e, R> {
    reader: &'e mut R,
    path: Path<'e>,
    /// How many levels of lists and maps the value may have.
    room: usize,
}

/// Keys seen in one map. A few are compared with each other; many are sorted, so that a map made of nothing but keys
/// costs no more than its length allows.
#[derive(Default)]
struct Keys<'a>(SmallVec<[Cow<'a, str>; 8]>);

impl Keys<'_> {
    /// A key that stands twice.
    fn twice(&mut self) -> Option<&str> {
        let keys = &mut self.0;
        if keys.len() > 8 {
            keys.sort_unstable();
            return keys.windows(2).find(|pair| pair[0] == pair[1]).map(|pair| &*pair[0]);
        }
        (1..keys.len()).find(|&last| keys[..last].contains(&keys[last])).map(|last| &*keys[last])
    }
}

/// Reads a map, `room` levels deep at most; `take` sees every pair whose value is not null.
#[inline(never)]
pub(super) fn entries<'a, R: Reader<'a>>(
    reader: &mut R,
    path: &Path<'_>,
    room: usize,
    mut take: impl FnMut(&str, Entry<'_, R>) -> Result<(), Fault>,
) -> Result<(), Fault> {
    let room = room.checked_sub(1).ok_or(Malformed::TooDeep)?;
    if reader.peek()? != Kind::Map {
        return Err(not_a_map(reader, path));
    }
    let Some(mut map) = reader.container()? else { return Err(not_a_map(reader, path)) };
    let mut keys = Keys::default();
    while reader.more(&mut map)? {
        let key = reader.text_key()?;
        match reader.peek()? {
            Kind::Null => reader.skip(0)?,
            _ => take(&key, Entry { reader, path: Path::Within(path, &key), room })?,
        }
        keys.0.push(key);
    }
    match keys.twice() {
        None => Ok(()),
        Some(key) => Err(illegal(format!("{path} has the key {key:?} twice"))),
    }
}

#[cold]
fn not_a_map<'a, R: Reader<'a>>(reader: &mut R, path: &Path<'_>) -> Fault {
    match reader.peek() {
        Ok(kind) => illegal(format!("{path} must be a map, not {}", kind.as_str())),
        Err(why) => Fault::Malformed(why),
    }
}

impl<'a, R: Reader<'a>> Entry<'_, R> {
    /// A value that does not matter (GEN-3).
    pub fn skip(self) -> Result<(), Fault> {
        Ok(self.reader.skip(self.room)?)
    }

    /// A boolean; numbers are none (GEN-2).
    pub fn bool(self) -> Result<bool, Fault> {
        if self.reader.peek()? == Kind::Bool
            && let Token::Bool(value) = self.reader.token()?
        {
            return Ok(value);
        }
        Err(self.wrong("a boolean"))
    }

    /// A non-negative integer.
    pub fn uint(self) -> Result<u64, Fault> {
        match self.reader.uint()? {
            Some(number) => Ok(number),
            None => Err(self.wrong("a non-negative integer")),
        }
    }

    /// An integer of at least 1, larger ones than a `u32` holds as its greatest.
    pub fn count(self) -> Result<u32, Fault> {
        match self.reader.uint()? {
            Some(0) => Err(illegal(format!("{} must be at least 1", self.path))),
            Some(number) => Ok(u32::try_from(number).unwrap_or(u32::MAX)),
            None => Err(self.wrong("an integer of at least 1")),
        }
    }

    /// Text.
    pub fn text(self) -> Result<Cow<'a, str>, Fault> {
        match self.reader.text()? {
            Some(text) => Ok(text),
            None => Err(self.wrong("a string")),
        }
    }

    /// One of the words that `known` knows.
    pub fn word<T>(self, known: impl Fn(&str) -> Option<T>, words: &str) -> Result<T, Fault> {
        let Some(word) = self.reader.text()? else { return Err(self.wrong(words)) };
        known(&word).ok_or_else(|| illegal(format!("{} must be {words}, not {word:?}", self.path)))
    }

    /// A list of text.
    pub fn texts(mut self) -> Result<Vec<Cow<'a, str>>, Fault> {
        self.list("a list of strings", |reader| reader.text())
    }

    /// A list of session ids. An integer that is no id names nobody and is left out (SEL-6).
    pub fn ids(mut self) -> Result<Vec<Id>, Fault> {
        let numbers = self.list("a list of integers", integer)?;
        Ok(numbers.into_iter().filter_map(Id::new).collect())
    }

    fn list<T>(&mut self, expected: &str, item: impl Fn(&mut R) -> Read<Option<T>>) -> Result<Vec<T>, Fault> {
        if self.reader.peek()? != Kind::List || self.room == 0 {
            return Err(self.wrong(expected));
        }
        let Some(mut list) = self.reader.container()? else { return Err(self.wrong(expected)) };
        let mut items = Vec::new();
        while self.reader.more(&mut list)? {
            match item(self.reader)? {
                Some(_) if items.len() == MOST_ITEMS => {
                    return Err(illegal(format!("{} has more than {MOST_ITEMS} items", self.path)));
                }
                Some(item) => items.push(item),
                None => return Err(illegal(format!("{} must be {expected}", self.path))),
            }
        }
        Ok(items)
    }

    /// A map.
    pub fn map(self, take: impl FnMut(&str, Entry<'_, R>) -> Result<(), Fault>) -> Result<(), Fault> {
        entries(self.reader, &self.path, self.room, take)
    }

    /// A map as its bytes.
    pub fn raw_map(self) -> Result<&'a [u8], Fault> {
        let start = self.reader.position();
        if self.reader.peek()? != Kind::Map {
            return Err(self.wrong("a map"));
        }
        self.reader.skip_text_map(self.room)?;
        Ok(self.reader.since(start))
    }

    #[cold]
    fn wrong(&self, expected: &str) -> Fault {
        illegal(format!("{} must be {expected}", self.path))
    }
}

/// An integer of either sign; a negative one as 0, which is no id either. In the binary encodings also a float above
/// 2^32 without a fraction (D-49).
fn integer<'a, R: Reader<'a>>(reader: &mut R) -> Read<Option<u64>> {
    if let Some(number) = reader.uint()? {
        return Ok(Some(number));
    }
    Ok(match reader.token()? {
        Token::Int(_) => Some(0),
        Token::Float(float) if R::FLOAT_IDS && float > 4_294_967_296.0 && float.fract() == 0.0 => Some(float as u64),
        _ => None,
    })
}
