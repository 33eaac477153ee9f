//! What a connection speaks after its opening: RawSocket or WebSocket, as one.

use super::frame::{Failure, Step, close};
use super::lookahead::Head;
use super::{rawsocket, websocket};
use crate::shard::framing::Framing;
use crate::wamp::Encoding;

/// The frames of a client, and how it is answered.
#[derive(Debug)]
pub(super) enum Protocol {
    RawSocket { incoming: rawsocket::Incoming, encoding: Encoding, max_sent: usize },
    WebSocket { incoming: websocket::Incoming, subprotocol: websocket::Subprotocol, max_sent: usize },
}

impl Protocol {
    #[inline]
    pub(super) fn next<'a>(&'a mut self, input: &'a mut [u8]) -> Result<Step<'a>, Failure> {
        match self {
            Protocol::RawSocket { incoming, .. } => incoming.next(input),
            Protocol::WebSocket { incoming, .. } => incoming.next(input),
        }
    }

    /// The beginning of the one message in the whole frame at the front, and how many bytes that frame takes; `None`
    /// where the front is anything else. Takes nothing.
    #[inline]
    pub(super) fn head(&self, input: &[u8]) -> Option<(usize, Head)> {
        match self {
            Protocol::RawSocket { incoming, .. } => incoming.head(input),
            Protocol::WebSocket { incoming, .. } => incoming.head(input),
        }
    }

    /// Bytes held of a message that comes in fragments.
    pub(super) fn held(&self) -> usize {
        match self {
            Protocol::RawSocket { .. } => 0,
            Protocol::WebSocket { incoming, .. } => incoming.held(),
        }
    }

    pub(super) fn encoding(&self) -> Encoding {
        match self {
            Protocol::RawSocket { encoding, .. } => *encoding,
            Protocol::WebSocket { subprotocol, .. } => subprotocol.encoding,
        }
    }

    /// The longest message the client takes, in bytes (RAW-15); WebSocket has none, so the router's own holds.
    pub(super) fn max_sent(&self) -> usize {
        match self {
            Protocol::RawSocket { max_sent, .. } | Protocol::WebSocket { max_sent, .. } => *max_sent,
        }
    }

    /// How messages to this client are framed, as far as its first frame has shown.
    pub(super) fn framing(&self) -> Box<dyn Framing> {
        match self {
            Protocol::RawSocket { .. } => Box::new(rawsocket::Outgoing),
            Protocol::WebSocket { incoming, subprotocol, .. } => {
                Box::new(websocket::Outgoing::new(*subprotocol).with_separator(incoming.separator()))
            }
        }
    }

    pub(super) fn manner(&self) -> Manner {
        match self {
            Protocol::RawSocket { .. } => Manner::RawSocket,
            Protocol::WebSocket { subprotocol, .. } => Manner::WebSocket(*subprotocol),
        }
    }
}

/// What control frames look like.
#[derive(Clone, Copy, Debug)]
pub(super) enum Manner {
    RawSocket,
    WebSocket(websocket::Subprotocol),
}

impl Manner {
    /// The name in session details and log lines.
    pub(super) const fn as_str(self) -> &'static str {
        match self {
            Manner::RawSocket => "rawsocket",
            Manner::WebSocket(_) => "websocket",
        }
    }

    /// The answer to a ping.
    pub(super) fn pong(self, payload: &[u8], out: &mut Vec<u8>) {
        match self {
            Manner::RawSocket => rawsocket::pong(payload, out),
            Manner::WebSocket(_) => websocket::pong(payload, out),
        }
    }

    /// A ping of the router's own: only where every client answers it (RAW-12).
    pub(super) fn ping(self, out: &mut Vec<u8>) {
        if let Manner::WebSocket(_) = self {
            websocket::ping(b"banyan", out);
        }
    }

    /// The frame that ends the connection; RawSocket has none.
    pub(super) fn close(self, code: Option<u16>, reason: &str, out: &mut Vec<u8>) {
        if let Manner::WebSocket(_) = self {
            websocket::close(code, reason, out);
        }
    }
}

/// Codes that this room closes with; RawSocket only closes.
pub(super) const GOING_AWAY: Option<u16> = Some(close::GOING_AWAY);
