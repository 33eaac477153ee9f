//! The messages a router sends, as far as a load generator reads them.

use super::cbor::Cbor;
use super::json::Json;
use super::msgpack::{self, MsgPack};
use super::{Sequence, Serializer, Source, nats};

/// Arguments as they lie in the frame: the elements behind the header, unread.
#[derive(Clone, Copy, Debug, Default)]
pub struct Payload<'a> {
    /// The encoded elements: nothing, the list of arguments, or it and the dictionary.
    pub raw: &'a [u8],
    /// How many elements: 0 to 2. Where JSON has any, 1.
    pub items: u8,
}

/// One message of a router. Strings are as in the frame (see [`Source::text`]).
#[derive(Clone, Copy, Debug)]
pub enum Message<'a> {
    /// The session is open; the details are encoded.
    Welcome { session: u64, details: &'a [u8] },
    /// The session or the transport ends with this reason.
    Abort { reason: &'a [u8] },
    /// The router wants proof; the extra is encoded.
    Challenge { method: &'a [u8], extra: &'a [u8] },
    /// The router ends the session or answers our end of it.
    Goodbye { reason: &'a [u8] },
    /// The request of that kind and id failed.
    Error { kind: u64, request: u64, uri: &'a [u8] },
    /// A publication was taken.
    Published { request: u64 },
    /// A subscription stands.
    Subscribed { request: u64, subscription: u64 },
    /// A subscription ended.
    Unsubscribed,
    /// A publication arrives.
    Event { subscription: u64, payload: Payload<'a> },
    /// An answer, or with `progress` a part of one.
    Result { request: u64, progress: bool, payload: Payload<'a> },
    /// A registration stands.
    Registered { request: u64, registration: u64 },
    /// A registration ended; request 0: the router revoked it.
    Unregistered { request: u64 },
    /// Somebody calls; `receive_progress`: the caller takes partial results.
    Invocation { request: u64, receive_progress: bool, payload: Payload<'a> },
    /// An invocation is to be given up.
    Interrupt,
}

impl<'a> Message<'a> {
    /// Reads one message; `None` if it is malformed or none that a router sends.
    #[inline]
    pub fn parse(serializer: Serializer, bytes: &'a [u8]) -> Option<Message<'a>> {
        match serializer {
            Serializer::Json => parse::<Json>(bytes),
            Serializer::Msgpack => msgpack::usual(bytes).or_else(|| parse::<MsgPack>(bytes)),
            Serializer::Cbor => parse::<Cbor>(bytes),
            Serializer::Nats => nats::parse(bytes),
        }
    }
}

impl<'a> Payload<'a> {
    /// The first argument, if it is a string or byte string.
    #[inline]
    pub fn first_text(self, serializer: Serializer) -> Option<&'a [u8]> {
        match serializer {
            Serializer::Json => first_text::<Json>(self.raw),
            Serializer::Msgpack => msgpack::usual_text(self.raw).or_else(|| first_text::<MsgPack>(self.raw)),
            Serializer::Cbor => first_text::<Cbor>(self.raw),
            Serializer::Nats => Some(self.raw),
        }
    }

    /// Arguments of a registration meta event other than `on_create`: session and registration.
    #[inline]
    pub fn two_ids(self, serializer: Serializer) -> Option<(u64, u64)> {
        match serializer {
            Serializer::Json => two_ids::<Json>(self.raw),
            Serializer::Msgpack => two_ids::<MsgPack>(self.raw),
            Serializer::Cbor => two_ids::<Cbor>(self.raw),
            Serializer::Nats => None,
        }
    }

    /// Arguments of `on_create`.
    #[inline]
    pub fn created(self, serializer: Serializer) -> Option<Created<'a>> {
        match serializer {
            Serializer::Json => created::<Json>(self.raw),
            Serializer::Msgpack => created::<MsgPack>(self.raw),
            Serializer::Cbor => created::<Cbor>(self.raw),
            Serializer::Nats => None,
        }
    }
}

/// What `wamp.registration.on_create` says.
#[derive(Clone, Copy, Debug, Default)]
pub struct Created<'a> {
    /// Who caused it.
    pub session: u64,
    /// The new registration.
    pub id: u64,
    /// Its URI or pattern.
    pub uri: &'a [u8],
    /// Its match policy.
    pub policy: &'a [u8],
    /// Its invocation rule.
    pub invoke: &'a [u8],
}

#[inline]
fn first_text<'a, S: Source<'a>>(raw: &'a [u8]) -> Option<&'a [u8]> {
    let mut source = S::new(raw);
    let mut list = source.array()?;
    if source.next(&mut list)? { source.text() } else { None }
}

#[inline]
fn two_ids<'a, S: Source<'a>>(raw: &'a [u8]) -> Option<(u64, u64)> {
    let mut source = S::new(raw);
    let mut list = source.array()?;
    let mut fields = Fields { source: &mut source, list: &mut list };
    Some((fields.uint()?, fields.uint()?))
}

#[inline]
fn created<'a, S: Source<'a>>(raw: &'a [u8]) -> Option<Created<'a>> {
    let mut source = S::new(raw);
    let mut list = source.array()?;
    let mut created =
        Created { session: Fields { source: &mut source, list: &mut list }.uint()?, ..Created::default() };
    if !source.next(&mut list)? {
        return None;
    }
    let mut map = source.map()?;
    while source.next(&mut map)? {
        match source.key()? {
            b"id" => created.id = source.uint()?,
            b"uri" => created.uri = source.text()?,
            b"match" => created.policy = source.text()?,
            b"invoke" => created.invoke = source.text()?,
            _ => source.skip()?,
        }
    }
    Some(created)
}

/// The elements of a message, one after the other.
struct Fields<'s, S> {
    source: &'s mut S,
    list: &'s mut Sequence,
}

impl<'a, S: Source<'a>> Fields<'_, S> {
    #[inline(always)]
    fn here(&mut self) -> Option<()> {
        self.source.next(self.list)?.then_some(())
    }

    #[inline(always)]
    fn uint(&mut self) -> Option<u64> {
        self.here()?;
        self.source.uint()
    }

    #[inline(always)]
    fn text(&mut self) -> Option<&'a [u8]> {
        self.here()?;
        self.source.text()
    }

    #[inline(always)]
    fn skip(&mut self) -> Option<()> {
        self.here()?;
        self.source.skip()
    }

    /// Whether a dictionary holds `true` under a key.
    #[inline(always)]
    fn flag(&mut self, wanted: &[u8]) -> Option<bool> {
        self.here()?;
        let mut map = self.source.map()?;
        let mut found = false;
        while self.source.next(&mut map)? {
            if self.source.key()? == wanted {
                found = self.source.is_true()?;
            } else {
                self.source.skip()?;
            }
        }
        Some(found)
    }

    #[inline(always)]
    fn payload(&mut self) -> Option<Payload<'a>> {
        let (raw, items) = self.source.rest(self.list)?;
        Some(Payload { raw, items })
    }
}

#[inline]
pub(super) fn parse<'a, S: Source<'a>>(bytes: &'a [u8]) -> Option<Message<'a>> {
    let mut source = S::new(bytes);
    let mut list = source.array()?;
    let mut fields = Fields { source: &mut source, list: &mut list };
    Some(match fields.uint()? {
        50 => {
            Message::Result { request: fields.uint()?, progress: fields.flag(b"progress")?, payload: fields.payload()? }
        }
        68 => Message::Invocation {
            request: (fields.uint()?, fields.uint()?).0,
            receive_progress: fields.flag(b"receive_progress")?,
            payload: fields.payload()?,
        },
        36 => {
            let subscription = fields.uint()?;
            let _publication = fields.uint()?;
            fields.skip()?;
            Message::Event { subscription, payload: fields.payload()? }
        }
        65 => Message::Registered { request: fields.uint()?, registration: fields.uint()? },
        67 => Message::Unregistered { request: fields.uint()? },
        17 => Message::Published { request: fields.uint()? },
        33 => Message::Subscribed { request: fields.uint()?, subscription: fields.uint()? },
        35 => Message::Unsubscribed,
        8 => {
            let (kind, request) = (fields.uint()?, fields.uint()?);
            fields.skip()?;
            Message::Error { kind, request, uri: fields.text()? }
        }
        69 => Message::Interrupt,
        2 => Message::Welcome { session: fields.uint()?, details: fields.payload()?.raw },
        4 => Message::Challenge { method: fields.text()?, extra: fields.payload()?.raw },
        3 => {
            fields.skip()?;
            Message::Abort { reason: fields.text()? }
        }
        6 => {
            fields.skip()?;
            Message::Goodbye { reason: fields.text()? }
        }
        _ => return None,
    })
}
