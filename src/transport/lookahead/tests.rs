//! The framings are the twin: heads are the beginnings of the messages that they hand out afterwards.

use super::{HEAD, LONGEST_PAUSE, Lookahead};
use crate::transport::frame::{Frame, Step};
use crate::transport::protocol::Protocol;
use crate::transport::{rawsocket, websocket};
use crate::wamp::Encoding;

fn raw() -> Protocol {
    let incoming = rawsocket::Incoming::new(1 << 24);
    Protocol::RawSocket { incoming, encoding: Encoding::Json, max_sent: 1 << 24 }
}

fn web(batched: bool) -> Protocol {
    let subprotocol = websocket::Subprotocol { encoding: Encoding::Json, batched };
    let limits = websocket::Limits { max_frame: 1 << 20, max_message: 1 << 20 };
    let incoming = websocket::Incoming::new(subprotocol, limits);
    Protocol::WebSocket { incoming, subprotocol, max_sent: 1 << 20 }
}

fn raw_frame(body: &[u8]) -> Vec<u8> {
    [&(body.len() as u32).to_be_bytes()[..], body].concat()
}

/// A masked frame; `first` is its first octet.
fn web_frame(first: u8, body: &[u8]) -> Vec<u8> {
    let mask = [0x37, 0xfa, 0x21, 0x3d];
    let length = (body.len() as u16).to_be_bytes();
    let mut frame = match body.len() {
        short @ 0..126 => vec![first, 0x80 | short as u8],
        _ => vec![first, 0x80 | 126, length[0], length[1]],
    };
    frame.extend(mask);
    frame.extend(body.iter().zip(mask.into_iter().cycle()).map(|(byte, mask)| byte ^ mask));
    frame
}

/// Messages below, at and above the length that is looked at; the last with a character across the end of it.
fn bodies() -> Vec<Vec<u8>> {
    let mut bodies: Vec<_> = [1, 4, 40, HEAD - 1, HEAD, HEAD + 1, 1000].map(|length| vec![b'7'; length]).into();
    bodies.push([vec![b'x'; HEAD - 1], "é".as_bytes().to_vec()].concat());
    bodies
}

fn heads_are_beginnings(mut protocol: Protocol, mut input: Vec<u8>) {
    let before = input.clone();
    let mut heads = Vec::new();
    let mut at = 0;
    while let Some((taken, head)) = protocol.head(&input[at..]) {
        heads.push(head.bytes().to_vec());
        at += taken;
    }
    assert_eq!(at, input.len(), "every whole frame is looked at");
    assert_eq!(input, before, "and left as it was");
    for (head, body) in heads.iter().zip(bodies()) {
        let Ok(Step::Frame { consumed, frame: Frame::Messages(mut messages) }) = protocol.next(&mut input) else {
            panic!("a whole frame")
        };
        assert_eq!(messages.next(), Some(&body[..]), "the framing hands out what it would have without");
        assert!(body.starts_with(head) && head.len() >= body.len().min(HEAD) - 1 && std::str::from_utf8(head).is_ok());
        input.drain(..consumed);
    }
    assert_eq!((heads.len(), input.len()), (bodies().len(), 0));
}

#[test]
fn heads_are_the_beginnings_of_messages() {
    heads_are_beginnings(raw(), bodies().iter().flat_map(|body| raw_frame(body)).collect());
    heads_are_beginnings(web(false), bodies().iter().flat_map(|body| web_frame(0x81, body)).collect());
}

/// Pings, fragments, batches, frames that have not arrived whole and frames that break the rules: not looked at.
#[test]
fn anything_but_whole_messages_ends_the_look() {
    let whole = web_frame(0x81, b"[1]");
    for input in
        [&whole[..whole.len() - 1], &web_frame(0x89, b"ping"), &web_frame(0x01, b"["), &web_frame(0x82, b"[1]")]
    {
        assert!(web(false).head(input).is_none(), "{input:x?}");
    }
    assert!(web(true).head(&web_frame(0x81, b"[1]\x1e")).is_none());
    let mut gathering = web(false);
    let _ = gathering.next(&mut web_frame(0x01, b"["));
    assert!(gathering.head(&whole).is_none(), "a message within a fragmented one");
    let whole = raw_frame(b"[1]");
    for input in [&whole[..6], &[1, 0, 0, 0], &[0xf0, 0, 0, 0], &[]] {
        assert!(raw().head(input).is_none(), "{input:x?}");
    }
}

/// After looks that do not pay, more and more reads go without.
#[test]
fn pauses_grow_and_end() {
    let mut ahead = Lookahead::default();
    for expected in [1, 3, 7, 15, 31, 63, LONGEST_PAUSE] {
        assert!(ahead.is_due());
        ahead.paid(false);
        assert!((0..expected).all(|_| !ahead.is_due()));
    }
    assert!(ahead.is_due());
    ahead.paid(true);
    assert!(ahead.is_due());
}
