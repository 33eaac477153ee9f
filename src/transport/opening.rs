//! The opening of a connection: its first octet picks the protocol (RAW-7), its first bytes are the handshake, pure.
//!
//! ```text
//! 7F      RawSocket handshake -> frames, or an error octet and the end
//! A to Z  HTTP request        -> WebSocket frames, or a page and the end
//! other   the end, without a word
//! ```
//!
//! Not here: the handshake timeout and the limit on connections (the connection and its listener).

use super::{http, rawsocket, websocket};

/// What a listener speaks.
#[derive(Clone, Debug)]
pub struct Options {
    /// RawSocket, if it is spoken.
    pub rawsocket: Option<rawsocket::Options>,
    /// WebSocket, if it is spoken.
    pub websocket: Option<websocket::Options>,
    /// Longest head of an HTTP request, in bytes.
    pub max_head: usize,
}

impl Default for Options {
    fn default() -> Options {
        Options {
            rawsocket: Some(rawsocket::Options::default()),
            websocket: Some(websocket::Options::default()),
            max_head: 16 * 1024,
        }
    }
}

/// What the bytes so far lead to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// Wait for more.
    More,
    /// Send `reply`, drop four bytes and go on with RawSocket frames.
    RawSocket {
        /// The answer.
        reply: [u8; 4],
        /// What the client speaks.
        encoding: crate::wamp::Encoding,
        /// Longest message the client takes, in bytes.
        max_sent: usize,
        /// Longest message this side takes, in bytes.
        max_received: usize,
    },
    /// Send the response, drop `consumed` bytes and go on with WebSocket frames.
    WebSocket {
        /// Bytes of the request.
        consumed: usize,
        /// The answer and what it agrees on.
        upgrade: websocket::Upgrade,
    },
    /// Send this and close.
    Answer(Vec<u8>),
    /// Close without a word.
    Foreign,
}

/// Reads the opening of one connection.
#[derive(Clone, Copy, Debug, Default)]
pub struct Opening {
    head: http::HeadScanner,
}

impl Opening {
    /// Looks at `input`, which is all that has arrived so far each time. It asks for more only while `input` is shorter
    /// than four bytes or `max_head`. `ready` is whether the router takes sessions, which it says to who asks.
    pub fn next(&mut self, input: &[u8], options: &Options, ready: bool) -> Outcome {
        match (input.first(), &options.rawsocket) {
            (None, _) => Outcome::More,
            (Some(&rawsocket::MAGIC), Some(spoken)) => open_rawsocket(input, spoken),
            (Some(&first), _) if http::may_begin(first) => self.open_http(input, options, ready),
            (Some(_), _) => Outcome::Foreign,
        }
    }

    fn open_http(&mut self, input: &[u8], options: &Options, ready: bool) -> Outcome {
        let length = match self.head.find(input, options.max_head) {
            Ok(Some(length)) => length,
            Ok(None) => return Outcome::More,
            Err(refusal) => return Outcome::Answer(refusal.response()),
        };
        respond(&input[..length], options, ready).unwrap_or_else(|refusal| Outcome::Answer(refusal.response()))
    }
}

fn open_rawsocket(input: &[u8], options: &rawsocket::Options) -> Outcome {
    match rawsocket::handshake(input, options) {
        rawsocket::Handshake::More => Outcome::More,
        rawsocket::Handshake::Accepted { reply, encoding, max_sent, max_received } => {
            Outcome::RawSocket { reply, encoding, max_sent, max_received }
        }
        rawsocket::Handshake::Refused(refusal) => Outcome::Answer(refusal.reply().to_vec()),
        rawsocket::Handshake::Foreign => Outcome::Foreign,
    }
}

fn respond(head: &[u8], options: &Options, ready: bool) -> Result<Outcome, http::Refusal> {
    let request = http::Request::parse(head)?;
    if !websocket::wants(&request) {
        let spoken = options.websocket.as_ref().map(websocket::Options::spoken).unwrap_or_default();
        return Ok(Outcome::Answer(http::answer(&request, &spoken, ready)));
    }
    let spoken = options.websocket.as_ref().ok_or(http::Refusal::NotFound)?;
    Ok(Outcome::WebSocket { consumed: head.len(), upgrade: websocket::handshake(&request, spoken)? })
}

#[cfg(test)]
mod tests {
    use super::{Opening, Options, Outcome};
    use crate::wamp::Encoding;

    const UPGRADE: &[u8] = b"GET /ws HTTP/1.1\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
        Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\
        Sec-WebSocket-Protocol: wamp.2.cbor.batched\r\n\r\n";

    fn open(input: &[u8]) -> Outcome {
        Opening::default().next(input, &Options::default(), true)
    }

    fn status(outcome: &Outcome) -> &str {
        let Outcome::Answer(response) = outcome else { panic!("no answer: {outcome:?}") };
        std::str::from_utf8(&response[9..12]).unwrap()
    }

    /// RAW-6, RAW-7: MQTT, TLS and everything else is neither.
    #[test]
    fn the_first_octet_picks_the_protocol() {
        for first in 0..=255u8 {
            let outcome = open(&[first]);
            let known = first == 0x7f || first.is_ascii_uppercase();
            assert_eq!(outcome, if known { Outcome::More } else { Outcome::Foreign }, "{first:#x}");
        }
        assert_eq!(open(b""), Outcome::More);
    }

    /// RAW-8: frames may follow the handshake at once.
    #[test]
    fn rawsocket_opens_with_four_octets() {
        let outcome = open(b"\x7f\xf3\0\0\0\0\0\x01x");
        let Outcome::RawSocket { reply, encoding, .. } = outcome else { panic!("{outcome:?}") };
        assert_eq!((reply, encoding), ([0x7f, 0xf3, 0, 0], Encoding::Cbor));
        assert_eq!(open(b"\x7f\xf4\0\0"), Outcome::Answer(vec![0x7f, 0x10, 0, 0]));
    }

    /// WS-1: however it arrives; bytes behind the request are left.
    #[test]
    fn websocket_opens_with_a_request() {
        let mut opening = Opening::default();
        for arrived in 1..UPGRADE.len() {
            assert_eq!(opening.next(&UPGRADE[..arrived], &Options::default(), true), Outcome::More);
        }
        let with_more = [UPGRADE, b"\x82\x80"].concat();
        let outcome = opening.next(&with_more, &Options::default(), true);
        let Outcome::WebSocket { consumed, upgrade } = outcome else { panic!("{outcome:?}") };
        assert_eq!((consumed, upgrade.subprotocol.as_str()), (UPGRADE.len(), "wamp.2.cbor.batched"));
    }

    #[test]
    fn http_answers_and_refusals_end_the_connection() {
        assert_eq!(status(&open(b"GET /healthz HTTP/1.1\r\n\r\n")), "200");
        let draining = Opening::default().next(b"GET /healthz HTTP/1.1\r\n\r\n", &Options::default(), false);
        assert_eq!(status(&draining), "503");
        assert_eq!(status(&open(b"GET / nonsense\r\n\r\n")), "400");
        assert_eq!(status(&open(&[b'G'; 100])), "400");
        let endless = [&b"GET / HTTP/1.1\r\nA: "[..], &[b'x'; 20_000]].concat();
        assert_eq!(status(&open(&endless)), "431");
    }

    /// A listener speaks only what it is told to.
    #[test]
    fn protocols_can_be_switched_off() {
        let options = Options { rawsocket: None, websocket: None, ..Options::default() };
        assert_eq!(Opening::default().next(b"\x7f\xf3\0\0", &options, true), Outcome::Foreign);
        assert_eq!(status(&Opening::default().next(UPGRADE, &options, true)), "404");
        assert_eq!(status(&Opening::default().next(b"GET /healthz HTTP/1.1\r\n\r\n", &options, true)), "200");
    }
}
