//! Frames against `tungstenite`, octet by octet, and what a router may do wrong.

use tungstenite::protocol::{Role, WebSocket, WebSocketConfig};
use tungstenite::{Bytes, Message};

use super::{Framing, Incoming, Outgoing, SEPARATOR, Step, split_batch};
use crate::wire::codec::Serializer;

/// Lengths around every form of a header.
const LENGTHS: [usize; 9] = [0, 1, 125, 126, 127, 65_535, 65_536, 65_537, 200_000];

/// What NATS sends is read in whole lines, of MSG with its payload, wherever it is cut.
#[test]
fn lines_of_nats_are_read_wherever_they_are_cut() {
    let octets = b"INFO {}\r\nPONG\r\n+OK\r\nMSG a.b 1 _INBOX.1.2 7\r\nx\r\nPING\r\nMSG _INBOX.1.2 0 0\r\n\r\nPING\r\n-ERR 'no'\r\n";
    let wanted = [
        "Nothing",
        "PONG\r\n",
        "Nothing",
        "MSG a.b 1 _INBOX.1.2 7\r\nx\r\nPING\r\n",
        "MSG _INBOX.1.2 0 0\r\n\r\n",
        "Ping([])",
        "-ERR 'no'\r\n",
    ];
    for cut in 0..=octets.len() {
        let (mut incoming, mut held, mut said) = (Incoming::new(Framing::Nats), Vec::new(), Vec::new());
        for part in [&octets[..cut], &octets[cut..]] {
            held.extend_from_slice(part);
            let mut at = 0;
            loop {
                let (used, step) = incoming.next(&held[at..]);
                at += used;
                match step {
                    Step::More => break,
                    Step::Message(frame) => said.push(String::from_utf8_lossy(frame).into_owned()),
                    other => said.push(format!("{other:?}")),
                }
            }
            held.drain(..at);
        }
        assert_eq!((said, held), (wanted.map(str::to_owned).to_vec(), Vec::new()), "cut at {cut}");
    }
}

/// What a reference server reads from these octets.
fn served(octets: &[u8]) -> Vec<Message> {
    let mut server = WebSocket::from_raw_socket(Pipe::of(octets), Role::Server, None);
    std::iter::from_fn(|| server.read().ok()).collect()
}

/// What a reference server writes for these messages, in frames of their own.
fn written(messages: &[Message]) -> Vec<u8> {
    let config = WebSocketConfig::default().write_buffer_size(0);
    let mut server = WebSocket::from_raw_socket(Pipe::of(&[]), Role::Server, Some(config));
    for message in messages {
        server.send(message.clone()).expect("a pipe takes everything");
    }
    server.get_ref().out.clone()
}

struct Pipe {
    left: Vec<u8>,
    out: Vec<u8>,
}

impl Pipe {
    fn of(octets: &[u8]) -> Pipe {
        Pipe { left: octets.to_vec(), out: Vec::new() }
    }
}

impl std::io::Read for Pipe {
    fn read(&mut self, into: &mut [u8]) -> std::io::Result<usize> {
        let taken = self.left.len().min(into.len());
        into[..taken].copy_from_slice(&self.left[..taken]);
        self.left.drain(..taken);
        Ok(taken)
    }
}

impl std::io::Write for Pipe {
    fn write(&mut self, octets: &[u8]) -> std::io::Result<usize> {
        self.out.extend_from_slice(octets);
        Ok(octets.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

fn content(length: usize) -> Vec<u8> {
    (0..length).map(|at| b'a' + (at % 26) as u8).collect()
}

#[test]
fn a_server_reads_our_frames_whatever_length_was_expected() {
    for expected in [0, 64, 1000, 100_000] {
        let mut out = Outgoing::new(Framing::WebSocket(Serializer::Cbor), 42);
        for length in LENGTHS {
            out.message(expected, |out| out.extend_from_slice(&content(length)));
        }
        let read = served(out.pending());
        let wanted: Vec<Message> = LENGTHS.iter().map(|&length| Message::Binary(content(length).into())).collect();
        assert_eq!(read, wanted, "expected {expected}");
    }
}

#[test]
fn json_is_text_and_a_pong_repeats_the_ping() {
    let mut out = Outgoing::new(Framing::WebSocket(Serializer::Json), 1);
    out.message(2, |out| out.extend_from_slice(b"[]"));
    out.pong(b"are you there");
    assert_eq!(served(out.pending()), [Message::text("[]"), Message::Pong(Bytes::from_static(b"are you there"))]);
}

#[test]
fn a_batch_is_one_message_and_is_cut_into_what_it_was() {
    for serializer in [Serializer::Json, Serializer::Msgpack] {
        let mut out = Outgoing::new(Framing::Batched(serializer, SEPARATOR), 3);
        let sent: Vec<Vec<u8>> = (1..100).map(content).collect();
        sent.iter().for_each(|message| out.message(0, |out| out.extend_from_slice(message)));
        let read = served(out.pending());
        assert_eq!(read.len(), 1);
        let body = read[0].clone().into_data();
        let cut: Vec<Vec<u8>> = split_batch(serializer, &body).map(|it| it.expect("it is whole").to_vec()).collect();
        assert_eq!(cut, sent);
    }
}

#[test]
fn a_long_batch_becomes_several_messages() {
    let mut out = Outgoing::new(Framing::Batched(Serializer::Cbor, SEPARATOR), 3);
    for _ in 0..100 {
        out.message(0, |out| out.extend_from_slice(&content(5000)));
    }
    let read = served(out.pending());
    assert!((5..20).contains(&read.len()), "{} messages", read.len());
}

#[test]
fn a_batch_cut_short_shows() {
    let cut = |serializer, body: &'static [u8]| split_batch(serializer, body).collect::<Vec<_>>();
    assert_eq!(cut(Serializer::Json, b"[1]\x1e[2]"), [Some(&b"[1]"[..]), None]);
    assert_eq!(cut(Serializer::Json, b"[1]\x18[2]\x18"), [Some(&b"[1]"[..]), Some(&b"[2]"[..])], "as Crossbar.io does");
    assert_eq!(cut(Serializer::Cbor, b"\0\0\0\x01x\0\0\0\x05y"), [Some(&b"x"[..]), None]);
}

/// All frames in these octets when they arrive in pieces of that many.
fn read(framing: Framing, octets: &[u8], piece: usize) -> Vec<Vec<u8>> {
    let mut incoming = Incoming::new(framing);
    let (mut held, mut found) = (Vec::new(), Vec::new());
    for piece in octets.chunks(piece) {
        held.extend_from_slice(piece);
        loop {
            let (used, step) = incoming.next(&held);
            match step {
                Step::More => break,
                Step::Message(body) => found.push(body.to_vec()),
                Step::Assembled(body) => found.push(body),
                Step::Nothing => (),
                other => panic!("{other:?}"),
            }
            held.drain(..used);
        }
    }
    assert!(held.is_empty());
    found
}

#[test]
fn frames_of_a_server_are_read_in_any_pieces() {
    let lengths = [0, 1, 125, 126, 3000];
    let messages: Vec<Message> = lengths.iter().map(|&length| Message::Binary(content(length).into())).collect();
    let octets = written(&messages);
    for piece in 1..40 {
        let found = read(Framing::WebSocket(Serializer::Cbor), &octets, piece);
        assert_eq!(found, lengths.map(content), "pieces of {piece}");
    }
}

/// RFC 6455, 5.4: a message in three frames with a pong between them.
#[test]
fn fragments_are_put_together() {
    let octets = b"\x02\x02ab\x00\x01c\x8a\x00\x80\x02de";
    assert_eq!(read(Framing::WebSocket(Serializer::Cbor), octets, 3), [b"abcde"]);
}

#[test]
fn rawsocket_frames_go_and_come() {
    let mut out = Outgoing::new(Framing::RawSocket, 0);
    for length in LENGTHS {
        out.message(0, |out| out.extend_from_slice(&content(length)));
    }
    let octets = out.pending().to_vec();
    assert_eq!(read(Framing::RawSocket, &octets, 1000), LENGTHS.map(content));
    out.took(octets.len());
    assert_eq!(out.waiting(), 0);
    // A ping is answered with its content, a pong is nothing.
    let (used, step) = Incoming::new(Framing::RawSocket).next(b"\x01\x00\x00\x02hi");
    assert!(used == 6 && matches!(step, Step::Ping(b"hi")));
    let (used, step) = Incoming::new(Framing::RawSocket).next(b"\x02\x00\x00\x02hi");
    assert!(used == 6 && matches!(step, Step::Nothing));
    out.pong(b"hi");
    assert_eq!(out.pending(), b"\x02\x00\x00\x02hi");
}

#[test]
fn broken_framing_is_named() {
    let broken = |framing, octets: &'static [u8]| matches!(Incoming::new(framing).next(octets).1, Step::Broken(_));
    let socket = Framing::WebSocket(Serializer::Json);
    assert!(broken(socket, b"\x81\x81maskx"), "masked");
    assert!(broken(socket, b"\x80\x01x"), "a continuation of nothing");
    assert!(broken(socket, b"\x83\x01x"), "an unknown kind");
    assert!(broken(socket, b"\x82\x7f\xff\0\0\0\0\0\0\0"), "too long");
    assert!(broken(Framing::RawSocket, b"\x05\0\0\x01x"), "an unknown kind");
}

#[test]
fn what_the_socket_did_not_take_goes_on_waiting() {
    let mut out = Outgoing::new(Framing::RawSocket, 0);
    out.message(0, |out| out.extend_from_slice(&content(100_000)));
    let octets = out.pending().to_vec();
    let mut sent = Vec::new();
    while out.waiting() > 0 {
        let taken = out.pending().len().min(777);
        sent.extend_from_slice(&out.pending()[..taken]);
        out.took(taken);
        if sent.len() == 777 * 3 {
            out.message(0, |out| out.extend_from_slice(b"another"));
        }
    }
    assert_eq!(&sent[..octets.len()], &octets[..]);
    assert_eq!(&sent[octets.len()..], b"\0\0\0\x07another");
}
