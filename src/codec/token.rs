//! What the three encodings have in common: values seen as a stream of tokens.
//!
//! [`Reader`] pulls tokens out of bytes, [`Emit`] puts them into bytes; `json`, `msgpack` and `cbor` implement both.
//! All use is by static dispatch: each encoding gets its own copy of the code built on these.

use std::borrow::Cow;

/// Why bytes are no value of their encoding. One byte, so that results of reading fit into registers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Malformed {
    /// The bytes end too early.
    Truncated,
    /// More levels than the limit.
    TooDeep,
    /// Text in another encoding.
    NotUtf8,
    /// No JSON has such keys, and WAMP wants strings (GEN-2).
    CompoundKey,
    /// Where only text may be a key.
    KeyNotText,
    /// More than one value.
    Trailing,
    /// A first byte that MessagePack or CBOR do not define.
    Reserved,
    /// In a CBOR string of indefinite length.
    BadChunk,
    /// Outside of what it could end.
    BadBreak,
    /// RFC 8949, 3.3.
    BadSimple,
    /// A byte that begins none.
    NoValue,
    /// In JSON.
    NoSeparator,
    /// In JSON.
    NoColon,
    /// In JSON.
    NoKey,
    /// As `01` or `1.`.
    BadNumber,
    /// In JSON.
    Control,
    /// In JSON.
    BadEscape,
    /// In JSON.
    Surrogate,
    /// The binary convention of JSON (SER-3).
    BadBase64,
}

impl Malformed {
    /// The reason, as the end of a sentence.
    pub const fn as_str(self) -> &'static str {
        match self {
            Malformed::Truncated => "the bytes end within a value",
            Malformed::TooDeep => "lists and maps are nested too deeply",
            Malformed::NotUtf8 => "text is not valid UTF-8",
            Malformed::CompoundKey => "a map key is a list or a map",
            Malformed::KeyNotText => "a map key is not a string",
            Malformed::Trailing => "bytes follow the end of the message",
            Malformed::Reserved => "a reserved first byte",
            Malformed::BadChunk => "a chunk of a CBOR string is no string of definite length",
            Malformed::BadBreak => "a CBOR break where a value is due",
            Malformed::BadSimple => "a CBOR simple value below 32 in two bytes",
            Malformed::NoValue => "no JSON value begins here",
            Malformed::NoSeparator => "a comma or the end of a list or map is missing",
            Malformed::NoColon => "a colon is missing after a key",
            Malformed::NoKey => "a key is missing",
            Malformed::BadNumber => "a number breaks the JSON grammar",
            Malformed::Control => "a control character stands unescaped in a string",
            Malformed::BadEscape => "an unknown escape in a string",
            Malformed::Surrogate => "half of a surrogate pair stands alone in a string",
            Malformed::BadBase64 => "U+0000 is not followed by Base64",
        }
    }
}

/// The result of reading.
pub(super) type Read<T> = Result<T, Malformed>;

/// What a value is, seen from its first byte.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Null,
    Bool,
    Number,
    Text,
    Bytes,
    List,
    Map,
}

impl Kind {
    /// The kind with its article, for sentences.
    pub const fn as_str(self) -> &'static str {
        match self {
            Kind::Null => "null",
            Kind::Bool => "a boolean",
            Kind::Number => "a number",
            Kind::Text => "a string",
            Kind::Bytes => "binary",
            Kind::List => "a list",
            Kind::Map => "a map",
        }
    }
}

/// One scalar, or the beginning of a list or map.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Token<'a> {
    Null,
    Bool(bool),
    Uint(u64),
    /// Always below zero.
    Int(i64),
    /// Also an integer that needs more than 64 bits.
    Float(f64),
    Text(Cow<'a, str>),
    Bytes(Cow<'a, [u8]>),
    List(Container),
    Map(Container),
}

/// A list or map being read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Container {
    /// Items or pairs to come, or one of the two marks.
    pub left: u64,
    /// Whether it is a map.
    pub map: bool,
}

impl Container {
    /// `left` of a container that ends with a mark in the bytes.
    pub const OPEN: u64 = u64::MAX;
    /// The same before its first item.
    pub const OPEN_FIRST: u64 = u64::MAX - 1;

    /// Items or pairs of a container just begun, where its head tells.
    pub fn known_len(self) -> Option<usize> {
        if self.left >= Container::OPEN_FIRST { None } else { usize::try_from(self.left).ok() }
    }

    /// Counts one item or pair off; whether there was one. Not for open containers.
    #[inline(always)]
    pub fn count_down(&mut self) -> bool {
        let more = self.left != 0;
        self.left -= u64::from(more);
        more
    }
}

/// Pulls values out of bytes that a peer sent: every method checks what it passes over.
pub(super) trait Reader<'a>: Sized {
    /// Whether a float may stand for an integer above 2^32 (D-49).
    const FLOAT_IDS: bool;
    /// A list without items.
    const EMPTY_LIST: &'static [u8];
    /// How many bytes a list or map without content has at most, where there is such a bound.
    const LONGEST_EMPTY: usize = usize::MAX;

    /// A reader of `bytes`.
    fn new(bytes: &'a [u8]) -> Read<Self>;

    /// How many bytes have been read.
    fn position(&self) -> usize;

    /// The bytes from `start` (a former position) to here.
    fn since(&self, start: usize) -> &'a [u8];

    /// The next value's kind; stands right before the value afterwards.
    fn peek(&mut self) -> Read<Kind>;

    /// The next scalar, or the head of a list or map.
    fn token(&mut self) -> Read<Token<'a>>;

    /// Whether the container has one more item or pair; passes over its end where not, and stays at that answer.
    fn more(&mut self, container: &mut Container) -> Read<bool>;

    /// A map's next key; a scalar, in JSON always text.
    fn key(&mut self) -> Read<Token<'a>>;

    /// Passes over one value that holds at most `room` levels of lists and maps.
    fn skip(&mut self, room: usize) -> Read<()>;

    /// Passes over one map, whose own keys (not those of maps within) must be text.
    fn skip_text_map(&mut self, room: usize) -> Read<()>;

    /// Nothing follows.
    fn finish(&mut self) -> Read<()>;

    /// The next value where it is a non-negative integer; otherwise nothing is read.
    fn uint(&mut self) -> Read<Option<u64>>;

    /// The next value where it is text; otherwise nothing is read.
    fn text(&mut self) -> Read<Option<Cow<'a, str>>>;

    /// The head of the next value where it is a list or map; otherwise nothing is read.
    fn container(&mut self) -> Read<Option<Container>>;

    /// Passes over the next value where it is a map without content in its usual form; otherwise nothing is read.
    fn empty_map(&mut self) -> bool;

    /// Whether one value that this reader passed over is a list or map without content.
    #[inline]
    fn is_empty(value: &'a [u8]) -> bool {
        if value.len() > Self::LONGEST_EMPTY {
            return false;
        }
        let Ok(mut reader) = Self::new(value) else { return false };
        match reader.container() {
            Ok(Some(mut container)) => reader.more(&mut container) == Ok(false),
            _ => false,
        }
    }

    /// Whether one value that this reader passed over is a list.
    #[inline]
    fn is_list(value: &'a [u8]) -> bool {
        Self::new(value).and_then(|mut reader| reader.peek()) == Ok(Kind::List)
    }

    /// A map's next key, which must be text.
    #[inline(always)]
    fn text_key(&mut self) -> Read<Cow<'a, str>> {
        self.text()?.ok_or(Malformed::KeyNotText)
    }
}

/// Puts values into bytes. Lengths told at the beginning of a container must be kept.
pub(super) trait Emit {
    /// Whether keys must be text.
    const TEXT_KEYS: bool;

    /// Null.
    fn null(&mut self);
    /// A boolean.
    fn bool(&mut self, value: bool);
    /// A non-negative integer, in its shortest form.
    fn uint(&mut self, number: u64);
    /// A negative integer, in its shortest form.
    fn int(&mut self, number: i64);
    /// A float; its value is kept exactly.
    fn float(&mut self, number: f64);
    /// Text.
    fn text(&mut self, text: &str);
    /// Binary.
    fn bytes(&mut self, bytes: &[u8]);
    /// A map's next key.
    fn key(&mut self, key: &str);
    /// One value already encoded.
    fn raw(&mut self, value: &[u8]);
    /// Makes room for `bytes` more.
    fn reserve(&mut self, bytes: usize);
    /// How long the buffer is.
    fn len(&self) -> usize;
    /// Takes back what was written since the buffer had this length.
    fn truncate(&mut self, len: usize);

    /// Begins a list of `len` items.
    fn begin_list(&mut self, len: usize);
    /// Begins a map of `len` pairs.
    fn begin_map(&mut self, len: usize);
    /// Ends the list begun last.
    fn end_list(&mut self);
    /// Ends the map begun last.
    fn end_map(&mut self);

    /// Begins a list or map of unknown length; returns what `end_open` wants back.
    fn begin_open(&mut self, map: bool) -> usize;
    /// Ends it: it has `len` items or pairs.
    fn end_open(&mut self, map: bool, mark: usize, len: usize);
}
