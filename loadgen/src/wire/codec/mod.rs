//! Bytes to WAMP messages and back, for JSON, MessagePack and CBOR.
//!
//! Reading is a pull over the bytes ([`Source`], one implementation each) and allocates nothing; [`Message`] borrows
//! from the frame and leaves arguments unread ([`Payload`]). Writing fills templates ([`Template`]): of the messages
//! that load consists of only the request id and the end vary. Everything that is rare goes through
//! `serde_json::Value` (`value.rs`).
//!
//! Not here: validation beyond what the generator needs. A router's malformed message is `None`, never a panic.

mod cbor;
mod json;
mod message;
mod msgpack;
pub mod nats;
mod template;
mod value;

pub use message::{Created, Message, Payload};
pub use template::{Template, list_head, write_uint};
pub use value::{bytes_head, decode, encode, write_text};

/// The encodings a router may speak.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum Serializer {
    /// JSON, WebSocket text.
    Json,
    /// MessagePack.
    Msgpack,
    /// CBOR.
    Cbor,
    /// None: the text protocol of NATS, which `nats://` brings with it.
    #[value(skip)]
    Nats,
}

impl Serializer {
    /// Its nibble in the RawSocket handshake.
    pub fn rawsocket_id(self) -> u8 {
        match self {
            Serializer::Json => 1,
            Serializer::Msgpack => 2,
            Serializer::Cbor => 3,
            Serializer::Nats => 0,
        }
    }

    /// Its name in a WebSocket subprotocol.
    pub fn name(self) -> &'static str {
        match self {
            Serializer::Json => "json",
            Serializer::Msgpack => "msgpack",
            Serializer::Cbor => "cbor",
            Serializer::Nats => "nats",
        }
    }
}

/// A pull reader of one encoding. `None` from any method: the bytes are not what was asked for; the reader is then
/// of no further use.
trait Source<'a>: Sized {
    /// Reads from the front of these bytes.
    fn new(bytes: &'a [u8]) -> Self;
    /// Enters a list.
    fn array(&mut self) -> Option<Sequence>;
    /// Enters a dictionary.
    fn map(&mut self) -> Option<Sequence>;
    /// Whether a further element (of a dictionary: a key) follows; leaves the list where not.
    fn next(&mut self, sequence: &mut Sequence) -> Option<bool>;
    /// The key of a dictionary; its value follows.
    fn key(&mut self) -> Option<&'a [u8]>;
    /// A non-negative integer.
    fn uint(&mut self) -> Option<u64>;
    /// A string or a byte string as it lies there: of JSON what stands between the quotes, escapes unresolved.
    fn text(&mut self) -> Option<&'a [u8]>;
    /// Skips a whole value.
    fn skip(&mut self) -> Option<()>;
    /// Whether the value here is `true`; it is skipped.
    fn is_true(&mut self) -> Option<bool>;
    /// The elements still to come in the message whose list is being read, and how many; leaves the reader at the end.
    fn rest(&mut self, list: &mut Sequence) -> Option<(&'a [u8], u8)>;
}

/// Where a list or dictionary stands; what it means is the encoding's affair.
struct Sequence(u64);

#[cfg(test)]
mod tests;
