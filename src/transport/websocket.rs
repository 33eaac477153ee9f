//! WebSocket: its handshake over HTTP, its frames, and the batches of WAMP within them, pure.
//!
//! ```text
//! handshake   an HTTP request becomes an upgrade or a refusal that says why
//! incoming    frames of the client, unmasked where they lie, fragments gathered
//! outgoing    frames of the router: one message each, or one batch per turn
//! ```
//!
//! Spec: "WebSocket Transport", "Message Batching", RFC 6455; rows WS-1 to WS-13, TRP-1, D-28.
//!
//! Text messages are not checked for UTF-8 here: they go whole to the JSON codec, which accepts nothing else. The
//! connection then ends as after any other violation, with ABORT and close code 1002 (D-17), not with 1007, which is
//! left to the one place where no codec looks, the reason of a close frame.
//!
//! Not here: when to ping, how long to wait for the answer to a close (the connection).

mod handshake;
mod incoming;
mod outgoing;

pub use handshake::{Options, Upgrade, handshake, wants};
pub use incoming::{Incoming, Limits};
pub use outgoing::{BATCH_LIMIT, Outgoing, close, ping, pong};

use crate::wamp::Encoding;

/// A subprotocol of WAMP (WS-1, WS-5).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Subprotocol {
    /// How each message is encoded.
    pub encoding: Encoding,
    /// Whether a WebSocket message holds a batch of them.
    pub batched: bool,
}

impl Subprotocol {
    /// Every subprotocol the router speaks.
    pub const ALL: [Subprotocol; 6] = [
        Subprotocol { encoding: Encoding::Json, batched: false },
        Subprotocol { encoding: Encoding::MsgPack, batched: false },
        Subprotocol { encoding: Encoding::Cbor, batched: false },
        Subprotocol { encoding: Encoding::Json, batched: true },
        Subprotocol { encoding: Encoding::MsgPack, batched: true },
        Subprotocol { encoding: Encoding::Cbor, batched: true },
    ];

    /// The registered name.
    pub const fn as_str(self) -> &'static str {
        match (self.encoding, self.batched) {
            (Encoding::Json, false) => "wamp.2.json",
            (Encoding::MsgPack, false) => "wamp.2.msgpack",
            (Encoding::Cbor, false) => "wamp.2.cbor",
            (Encoding::Json, true) => "wamp.2.json.batched",
            (Encoding::MsgPack, true) => "wamp.2.msgpack.batched",
            (Encoding::Cbor, true) => "wamp.2.cbor.batched",
        }
    }

    /// The subprotocol of this name; `None` for any other name.
    pub fn from_name(name: &str) -> Option<Subprotocol> {
        Subprotocol::ALL.into_iter().find(|known| known.as_str() == name)
    }

    /// The opcode of its messages: text for JSON, binary for the others (WS-2).
    const fn opcode(self) -> u8 {
        match self.encoding {
            Encoding::Json => opcode::TEXT,
            Encoding::MsgPack | Encoding::Cbor => opcode::BINARY,
        }
    }
}

/// Opcodes. Spec: RFC 6455, section 5.2.
mod opcode {
    pub const CONTINUATION: u8 = 0;
    pub const TEXT: u8 = 1;
    pub const BINARY: u8 = 2;
    pub const CLOSE: u8 = 8;
    pub const PING: u8 = 9;
    pub const PONG: u8 = 10;
}

/// First octet of a frame: the last of its message.
const FIN: u8 = 0x80;
/// Longest payload of a control frame, in bytes.
const CONTROL_LIMIT: usize = 125;

#[cfg(test)]
mod tests;
