//! The elements of a message that is being read.

use std::borrow::Cow;

use super::entries::{Entry, Path, entries};
use crate::codec::token::{Container, Kind, Malformed, Reader, Token};
use crate::wamp::{Encoding, Id, Payload, Violation};

/// Why a message is refused. Two words, so that results fit into registers.
#[derive(Debug)]
pub(super) enum Fault {
    /// It is no value of its encoding.
    Malformed(Malformed),
    /// It is a value, but not such a message.
    Illegal(Box<Violation>),
}

impl From<Malformed> for Fault {
    fn from(why: Malformed) -> Fault {
        Fault::Malformed(why)
    }
}

/// A fault told in a sentence.
#[cold]
pub(super) fn illegal(text: String) -> Fault {
    Fault::Illegal(Box::new(Violation(text)))
}

/// A message behind its code. Each method reads the next element; `what` is the specification's name for it.
pub(super) struct Elements<'r, R> {
    pub reader: &'r mut R,
    pub encoding: Encoding,
    /// The message's code.
    pub code: u64,
    /// The message's list.
    pub list: Container,
    /// How many levels of lists and maps an element may have.
    pub room: usize,
}

impl<'a, R: Reader<'a>> Elements<'_, R> {
    /// An id, 1 to 2^53 (IDS-1); in the binary encodings also a float above 2^32 that is one exactly (D-49).
    #[inline(always)]
    pub fn id(&mut self, what: &'static str) -> Result<Id, Fault> {
        self.expect(what)?;
        let number = self.reader.uint()?;
        match number.and_then(Id::new) {
            Some(id) => Ok(id),
            None => self.unusual_id(what, number),
        }
    }

    #[cold]
    fn unusual_id(&mut self, what: &'static str, number: Option<u64>) -> Result<Id, Fault> {
        if number.is_none()
            && R::FLOAT_IDS
            && let Token::Float(float) = self.reader.token()?
            && float > 4_294_967_296.0
            && float.fract() == 0.0
            && let Some(id) = Id::new(float as u64)
        {
            return Ok(id);
        }
        Err(illegal(format!("{}.{what} must be an id: an integer from 1 to 2^53", self.name())))
    }

    /// A non-negative integer.
    pub fn uint(&mut self, what: &'static str) -> Result<u64, Fault> {
        self.expect(what)?;
        match self.reader.uint()? {
            Some(number) => Ok(number),
            None => Err(self.wrong(what, "a non-negative integer")),
        }
    }

    /// Text.
    #[inline(always)]
    pub fn text(&mut self, what: &'static str) -> Result<Cow<'a, str>, Fault> {
        self.expect(what)?;
        match self.reader.text()? {
            Some(text) => Ok(text),
            None => Err(self.wrong(what, "a string")),
        }
    }

    /// Text or null.
    pub fn text_or_null(&mut self, what: &'static str) -> Result<Option<Cow<'a, str>>, Fault> {
        self.expect(what)?;
        if let Some(text) = self.reader.text()? {
            return Ok(Some(text));
        }
        match self.reader.peek()? {
            Kind::Null => Ok(self.reader.skip(0).map(|()| None)?),
            _ => Err(self.wrong(what, "a string or null")),
        }
    }

    /// A map whose pairs `take` sees one by one, those whose value is null left out.
    #[inline(always)]
    pub fn map(
        &mut self,
        what: &'static str,
        take: impl FnMut(&str, Entry<'_, R>) -> Result<(), Fault>,
    ) -> Result<(), Fault> {
        self.expect(what)?;
        self.pairs(what, take)
    }

    #[inline(always)]
    fn pairs(
        &mut self,
        what: &'static str,
        take: impl FnMut(&str, Entry<'_, R>) -> Result<(), Fault>,
    ) -> Result<(), Fault> {
        // Options mostly are empty: nothing else is asked then.
        if self.room > 0 && self.reader.empty_map() {
            return Ok(());
        }
        entries(self.reader, &Path::Within(&Path::Message(self.code), what), self.room, take)
    }

    /// A map in which no key matters.
    pub fn any_map(&mut self, what: &'static str) -> Result<(), Fault> {
        self.map(what, |_, entry| entry.skip())
    }

    /// The same as the last element, or nothing.
    pub fn optional_map(&mut self, what: &'static str) -> Result<(), Fault> {
        if self.more()? { self.pairs(what, |_, entry| entry.skip()) } else { Ok(()) }
    }

    /// A map as its bytes.
    pub fn raw_map(&mut self, what: &'static str) -> Result<&'a [u8], Fault> {
        self.expect(what)?;
        let start = self.reader.position();
        if self.reader.peek()? != Kind::Map {
            return Err(self.wrong(what, "a map"));
        }
        self.reader.skip_text_map(self.room)?;
        Ok(self.reader.since(start))
    }

    /// Arguments and ArgumentsKw, both optional. In `transparent` mode a string or binary may stand for both (PPT-6).
    ///
    /// What is empty is left out (GEN-6): two absent elements and two empty ones are the same payload.
    #[inline(always)]
    pub fn payload(&mut self, transparent: bool) -> Result<Payload<'a>, Fault> {
        let mut payload = Payload { encoding: self.encoding, args: &[], kwargs: &[] };
        if !self.more()? {
            return Ok(payload);
        }
        payload.args = self.args(transparent)?;
        if self.more()? {
            payload.kwargs = self.kwargs(&payload)?;
        }
        if payload.kwargs.is_empty() {
            if R::is_empty(payload.args) {
                payload.args = &[];
            }
        } else if payload.args.is_empty() {
            payload.args = R::EMPTY_LIST;
        }
        Ok(payload)
    }

    #[inline(always)]
    fn args(&mut self, transparent: bool) -> Result<&'a [u8], Fault> {
        let start = self.reader.position();
        match self.reader.peek()? {
            Kind::List => {}
            Kind::Text | Kind::Bytes if transparent => {}
            Kind::Null => return Ok(self.reader.skip(0).map(|()| &[][..])?),
            _ => return Err(self.wrong("Arguments", "a list")),
        }
        self.reader.skip(self.room)?;
        Ok(self.reader.since(start))
    }

    #[inline]
    fn kwargs(&mut self, payload: &Payload<'a>) -> Result<&'a [u8], Fault> {
        let start = self.reader.position();
        match self.reader.peek()? {
            Kind::Map if payload.args.is_empty() || R::is_list(payload.args) => {}
            Kind::Null => return Ok(self.reader.skip(0).map(|()| &[][..])?),
            Kind::Map => return Err(illegal(format!("{} has ArgumentsKw behind a transparent payload", self.name()))),
            _ => return Err(self.wrong("ArgumentsKw", "a map")),
        }
        self.reader.skip_text_map(self.room)?;
        let kwargs = self.reader.since(start);
        Ok(if R::is_empty(kwargs) { &[] } else { kwargs })
    }

    /// Whether there is one more element.
    #[inline(always)]
    pub fn more(&mut self) -> Result<bool, Fault> {
        Ok(self.reader.more(&mut self.list)?)
    }

    /// No element follows, and nothing behind the message.
    #[inline]
    pub fn end(&mut self) -> Result<(), Fault> {
        if self.more()? {
            return Err(illegal(format!("{} has more elements than its layout", self.name())));
        }
        Ok(self.reader.finish()?)
    }

    #[inline(always)]
    fn expect(&mut self, what: &'static str) -> Result<(), Fault> {
        if self.more()? { Ok(()) } else { Err(illegal(format!("{} ends before {what}", self.name()))) }
    }

    /// The message's name, for sentences.
    fn name(&self) -> Path<'static> {
        Path::Message(self.code)
    }

    #[cold]
    fn wrong(&mut self, what: &str, expected: &str) -> Fault {
        match self.reader.peek() {
            Ok(kind) => illegal(format!("{}.{what} must be {expected}, not {}", self.name(), kind.as_str())),
            Err(why) => Fault::Malformed(why),
        }
    }
}
