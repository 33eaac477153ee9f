//! Rows WS-1 to WS-10 with literal octets; any split of a stream; tungstenite as a client nobody here wrote.

use std::io::{self, Read, Write};

use tungstenite::protocol::{Role, WebSocket};

use super::super::frame::{Failure, Frame, SEPARATOR, SEPARATOR_AUTOBAHN, Step};
use super::{BATCH_LIMIT, Incoming, Limits, Outgoing, Subprotocol, close, ping, pong};
use crate::shard::framing::Framing;
use crate::wamp::Encoding;

const LIMITS: Limits = Limits { max_frame: 1000, max_message: 1500 };
const JSON: Subprotocol = Subprotocol { encoding: Encoding::Json, batched: false };
const CBOR: Subprotocol = Subprotocol { encoding: Encoding::Cbor, batched: false };
const JSON_BATCHED: Subprotocol = Subprotocol { encoding: Encoding::Json, batched: true };
const CBOR_BATCHED: Subprotocol = Subprotocol { encoding: Encoding::Cbor, batched: true };

/// A masked client frame, with its first octet as it is.
fn masked(first: u8, payload: &[u8]) -> Vec<u8> {
    let mask = [0xa1, 0x5b, 0x00, 0xff];
    let mut out = vec![first];
    match payload.len() {
        short @ 0..=125 => out.push(0x80 | short as u8),
        middle @ 126..=0xffff => {
            out.push(0x80 | 126);
            out.extend_from_slice(&(middle as u16).to_be_bytes());
        }
        long => {
            out.push(0x80 | 127);
            out.extend_from_slice(&(long as u64).to_be_bytes());
        }
    }
    out.extend_from_slice(&mask);
    out.extend(payload.iter().enumerate().map(|(i, byte)| byte ^ mask[i % 4]));
    out
}

/// What a client sent, in words.
#[derive(Debug, PartialEq, Eq)]
enum Seen {
    Message(Vec<u8>),
    Ping(Vec<u8>),
    Pong(Vec<u8>),
    Close(Option<u16>),
}

fn message(text: &str) -> Seen {
    Seen::Message(text.as_bytes().to_vec())
}

/// Reads `stream` as it arrives in pieces of the sizes `piece` gives; checks that no more is asked for than comes.
fn read_in_pieces(
    incoming: &mut Incoming,
    stream: &[u8],
    mut piece: impl FnMut() -> usize,
) -> Result<Vec<Seen>, Failure> {
    let (mut stream, end) = (stream.to_vec(), stream.len());
    let (mut unread, mut arrived, mut seen) = (0, 0, Vec::new());
    while unread < end {
        match incoming.next(&mut stream[unread..arrived])? {
            Step::More { missing } if arrived == end => panic!("asks for {missing} bytes that never come"),
            Step::More { missing } => {
                assert!(missing > 0 && arrived + missing <= end, "asks for {missing} of {}", end - arrived);
                arrived = (arrived + piece()).min(end);
            }
            Step::Frame { consumed, frame } => {
                unread += consumed;
                match frame {
                    Frame::Messages(messages) => seen.extend(messages.map(|bytes| Seen::Message(bytes.to_vec()))),
                    Frame::Ping(payload) => seen.push(Seen::Ping(payload.to_vec())),
                    Frame::Pong(payload) => seen.push(Seen::Pong(payload.to_vec())),
                    Frame::Close(code) => seen.push(Seen::Close(code)),
                    Frame::Nothing => {}
                }
            }
        }
    }
    Ok(seen)
}

fn read(subprotocol: Subprotocol, stream: &[u8]) -> Result<Vec<Seen>, Failure> {
    read_in_pieces(&mut Incoming::new(subprotocol, LIMITS), stream, || usize::MAX / 2)
}

/// The failure a header shows by itself, without its payload.
fn header_failure(subprotocol: Subprotocol, header: &[u8]) -> Failure {
    Incoming::new(subprotocol, LIMITS).next(&mut header.to_vec()).expect_err("the header is wrong")
}

/// WS-1, WS-2: one message per WebSocket message, text for JSON and binary for the others.
#[test]
fn a_message_is_one_websocket_message_of_its_kind() {
    assert_eq!(read(JSON, &masked(0x81, b"[1]")).unwrap(), [message("[1]")]);
    assert_eq!(read(CBOR, &masked(0x82, b"\x80")).unwrap(), [Seen::Message(vec![0x80])]);
    assert_eq!(header_failure(JSON, b"\x82\x80\0\0\0\0"), Failure::WrongKind);
    assert_eq!(header_failure(CBOR, b"\x81\x80\0\0\0\0"), Failure::WrongKind);
    assert_eq!(Failure::WrongKind.close_code(), 1002);
    assert_eq!(read(JSON, &masked(0x81, b"")).unwrap(), [message("")]);
}

/// WS-1: fragments gather, also around control frames (RFC 6455, section 5.4); memory is let go afterwards.
#[test]
fn fragments_gather_into_one_message() {
    let stream = [
        masked(0x01, b"[1,"),
        masked(0x89, b"p"),
        masked(0x00, b"2,"),
        masked(0x8a, b""),
        masked(0x80, b"3]"),
        masked(0x81, b"[4]"),
    ];
    let wanted = [Seen::Ping(b"p".to_vec()), Seen::Pong(Vec::new()), message("[1,2,3]"), message("[4]")];
    assert_eq!(read(JSON, &stream.concat()).unwrap(), wanted);
    assert_eq!(header_failure(JSON, b"\x80\x80\0\0\0\0"), Failure::NothingToContinue);
    let interleaved = [masked(0x01, b"a"), masked(0x81, b"b")].concat();
    assert_eq!(read(JSON, &interleaved), Err(Failure::Interleaved));
}

/// WS-5 to WS-9, TRP-1, D-28.
#[test]
fn batches_hold_messages_in_order() {
    assert_eq!(read(JSON_BATCHED, &masked(0x81, b"[1]\x1e[2]\x1e")).unwrap(), [message("[1]"), message("[2]")]);
    assert_eq!(read(JSON_BATCHED, &masked(0x81, b"[1]\x18")).unwrap(), [message("[1]")]);
    let lengths = b"\0\0\0\x01a\0\0\0\x02bc";
    assert_eq!(read(CBOR_BATCHED, &masked(0x82, lengths)).unwrap(), [message("a"), message("bc")]);
    let fragmented = [masked(0x02, &lengths[..7]), masked(0x80, &lengths[7..])].concat();
    assert_eq!(read(CBOR_BATCHED, &fragmented).unwrap(), [message("a"), message("bc")]);
    assert_eq!(read(CBOR_BATCHED, &masked(0x82, b"")), Err(Failure::EmptyBatch));
    assert_eq!(read(CBOR_BATCHED, &masked(0x82, &lengths[..8])), Err(Failure::TruncatedBatch));
    assert_eq!(read(JSON_BATCHED, &masked(0x81, b"[1]")), Err(Failure::TruncatedBatch));
}

/// D-28: the first frame shows the separator the client knows, and keeps it.
#[test]
fn the_separator_of_the_first_batch_is_noted() {
    let mut incoming = Incoming::new(JSON_BATCHED, LIMITS);
    assert_eq!(incoming.separator(), SEPARATOR);
    read_in_pieces(&mut incoming, &masked(0x81, b"[1]\x18"), || 1).unwrap();
    assert_eq!(incoming.separator(), SEPARATOR_AUTOBAHN);
    read_in_pieces(&mut incoming, &masked(0x81, b"[1]\x1e"), || 1).unwrap();
    assert_eq!(incoming.separator(), SEPARATOR_AUTOBAHN);
}

/// WS-10: masks, reserved bits, opcodes, lengths and control frames, each judged as soon as its octet is there.
#[test]
fn frames_that_break_rfc_6455_fail_at_their_header() {
    assert_eq!(header_failure(JSON, b"\x81\x03"), Failure::NotMasked);
    for rsv in [0x40, 0x20, 0x10] {
        assert_eq!(header_failure(JSON, &[0x81 | rsv, 0x80]), Failure::ReservedBits);
    }
    for opcode in (3..8).chain(11..16) {
        assert_eq!(header_failure(JSON, &[0x80 | opcode, 0x80]), Failure::UnknownOpcode(opcode));
    }
    for opcode in 8..11 {
        assert_eq!(header_failure(JSON, &[opcode, 0x80]), Failure::BadControlFrame);
        assert_eq!(header_failure(JSON, &[0x80 | opcode, 0xfe]), Failure::BadControlFrame);
    }
    assert_eq!(header_failure(JSON, b"\x81\xfe\x00\x7d"), Failure::BadLength);
    assert_eq!(header_failure(JSON, b"\x81\xff\0\0\0\0\0\0\xff\xff"), Failure::BadLength);
    assert_eq!(header_failure(JSON, b"\x81\xff\x80\0\0\0\0\0\0\0"), Failure::BadLength);
}

/// WS-11, RAW-14 in spirit: frames and messages beyond their limits fail before their payload comes.
#[test]
fn too_long_frames_and_messages_fail_before_their_payload() {
    let too_long = |length, limit| Failure::TooLong { length, limit };
    assert_eq!(header_failure(JSON, b"\x81\xfe\x03\xe9\0\0\0\0"), too_long(1001, 1000));
    assert_eq!(header_failure(JSON, b"\x81\xff\x7f\xff\xff\xff\xff\xff\xff\xff\0\0\0\0").close_code(), 1009);
    assert!(read(JSON, &masked(0x81, &[b' '; 1000])).is_ok());
    let two = |second| [masked(0x01, &[b' '; 1000]), masked(0x80, &vec![b' '; second])].concat();
    assert!(read(JSON, &two(500)).is_ok());
    assert_eq!(read(JSON, &two(501)), Err(too_long(1501, 1500)));
}

/// WS-10, WS-12: codes that may be sent, reasons that are text; nothing counts behind a close.
#[test]
fn close_frames_carry_valid_codes_and_reasons() {
    assert_eq!(read(JSON, &masked(0x88, b"")).unwrap(), [Seen::Close(None)]);
    for code in [1000u16, 1001, 1002, 1003, 1007, 1011, 1014, 3000, 3002, 4999] {
        let stream = [masked(0x88, &[&code.to_be_bytes()[..], b"bye"].concat()), b"rubbish".to_vec()].concat();
        assert_eq!(read(JSON, &stream).unwrap(), [Seen::Close(Some(code))]);
    }
    for code in [0u16, 999, 1004, 1005, 1006, 1015, 1016, 2999, 5000, 65535] {
        assert_eq!(read(JSON, &masked(0x88, &code.to_be_bytes())), Err(Failure::BadCloseCode), "{code}");
    }
    assert_eq!(read(JSON, &masked(0x88, b"\x03")), Err(Failure::BadCloseCode));
    assert_eq!(read(JSON, &masked(0x88, b"\x03\xe8\xff")), Err(Failure::BadCloseReason));
    assert_eq!(Failure::BadCloseReason.close_code(), 1007);
}

/// WS-1: any division of the stream gives the same frames.
#[test]
fn any_split_of_the_stream_gives_the_same_frames() {
    let seed = fastrand::u64(..);
    println!("seed {seed}");
    let mut rng = fastrand::Rng::with_seed(seed);
    for _ in 0..300 {
        let (subprotocol, stream) = random_stream(&mut rng);
        let at_once = read(subprotocol, &stream).unwrap();
        let octet_wise = read_in_pieces(&mut Incoming::new(subprotocol, LIMITS), &stream, || 1).unwrap();
        let in_pieces = read_in_pieces(&mut Incoming::new(subprotocol, LIMITS), &stream, || rng.usize(1..300)).unwrap();
        assert_eq!(at_once, octet_wise);
        assert_eq!(at_once, in_pieces);
        assert!(!at_once.is_empty());
    }
}

/// Messages, some in fragments, with control frames between.
fn random_stream(rng: &mut fastrand::Rng) -> (Subprotocol, Vec<u8>) {
    let subprotocol = Subprotocol::ALL[rng.usize(..6)];
    let mut stream = Vec::new();
    for _ in 0..rng.usize(1..8) {
        let body = random_body(rng, subprotocol);
        let mut first = subprotocol.opcode();
        let mut rest = &body[..];
        while rng.bool() {
            let (part, behind) = rest.split_at(rng.usize(..=rest.len()));
            stream.extend(masked(first, part));
            stream.extend(masked(0x89, &vec![b'p'; rng.usize(..=125)]));
            (first, rest) = (0, behind);
        }
        stream.extend(masked(0x80 | first, rest));
    }
    (subprotocol, stream)
}

fn random_body(rng: &mut fastrand::Rng, subprotocol: Subprotocol) -> Vec<u8> {
    let count = if subprotocol.batched { rng.usize(1..4) } else { 1 };
    let mut body = Vec::new();
    for _ in 0..count {
        let message = vec![b'm'; rng.usize(..300)];
        if subprotocol.batched && subprotocol.encoding != Encoding::Json {
            body.extend_from_slice(&(message.len() as u32).to_be_bytes());
        }
        body.extend_from_slice(&message);
        if subprotocol.batched && subprotocol.encoding == Encoding::Json {
            body.push(if rng.bool() { SEPARATOR } else { SEPARATOR_AUTOBAHN });
        }
    }
    body
}

/// Hostile bytes neither panic nor make the reader hold or await more than its limits.
#[test]
fn broken_streams_never_panic_and_stay_within_the_limits() {
    let seed = fastrand::u64(..);
    println!("seed {seed}");
    let mut rng = fastrand::Rng::with_seed(seed);
    for _ in 0..5_000 {
        let (subprotocol, mut stream) = random_stream(&mut rng);
        for _ in 0..rng.usize(1..5) {
            let at = rng.usize(..stream.len());
            stream[at] = rng.u8(..);
        }
        let mut incoming = Incoming::new(subprotocol, LIMITS);
        let mut rest = &mut stream[..];
        loop {
            assert!(incoming.held() <= LIMITS.max_message);
            match incoming.next(rest) {
                Ok(Step::Frame { consumed, .. }) => rest = &mut rest[consumed..],
                Ok(Step::More { missing }) => {
                    assert!(rest.len() + missing <= LIMITS.max_frame + 14);
                    break;
                }
                Err(_) => break,
            }
        }
    }
}

/// Appends `messages` in one turn.
fn turn(framing: &mut Outgoing, messages: &[&[u8]]) -> Vec<u8> {
    let mut out = Vec::new();
    for message in messages {
        let mark = framing.begin(&mut out);
        out.extend_from_slice(message);
        framing.end(&mut out, mark);
    }
    framing.seal(&mut out);
    out
}

/// WS-2, RFC 6455 section 5.2: unmasked, of one piece, the shortest length, whatever was guessed before.
#[test]
fn frames_have_the_shortest_header() {
    let mut rng = fastrand::Rng::with_seed(7);
    let mut framing = Outgoing::new(CBOR);
    for _ in 0..200 {
        let length = [0, 1, 125, 126, 127, 0xffff, 0x1_0000, 0x1_0001][rng.usize(..8)];
        let header = match length {
            0..=125 => vec![0x82, length as u8],
            126..=0xffff => [&[0x82, 126][..], &(length as u16).to_be_bytes()].concat(),
            _ => [&[0x82, 127][..], &(length as u64).to_be_bytes()].concat(),
        };
        let body: Vec<u8> = (0..length).map(|i| i as u8).collect();
        assert_eq!(turn(&mut framing, &[&body]), [header, body].concat());
    }
    assert_eq!(turn(&mut Outgoing::new(JSON), &[b"[1]", b"[2]"]), b"\x81\x03[1]\x81\x03[2]");
}

/// WS-6, WS-7, D-28: the messages of a turn are one batch.
#[test]
fn the_messages_of_a_turn_are_one_batch() {
    assert_eq!(turn(&mut Outgoing::new(JSON_BATCHED), &[b"[1]", b"[2]"]), b"\x81\x08[1]\x1e[2]\x1e");
    let mut as_autobahn = Outgoing::new(JSON_BATCHED).with_separator(SEPARATOR_AUTOBAHN);
    assert_eq!(turn(&mut as_autobahn, &[b"[1]"]), b"\x81\x04[1]\x18");
    let mut lengths = Outgoing::new(CBOR_BATCHED).with_separator(SEPARATOR_AUTOBAHN);
    assert_eq!(turn(&mut lengths, &[b"a", b"bc"]), b"\x82\x0b\0\0\0\x01a\0\0\0\x02bc");
    assert_eq!(turn(&mut lengths, &[b"d"]), b"\x82\x05\0\0\0\x01d");
    assert_eq!(turn(&mut lengths, &[]), b"");
}

/// A batch ends behind the message that fills it.
#[test]
fn a_batch_is_bounded() {
    let message = vec![b'm'; BATCH_LIMIT / 2];
    let mut framing = Outgoing::new(CBOR_BATCHED);
    let mut out = turn(&mut framing, &[&message[..]; 5]);
    let mut sizes = Vec::new();
    while !out.is_empty() {
        let payload = u64::from_be_bytes(out[2..10].try_into().unwrap()) as usize;
        assert_eq!(out[..2], [0x82, 127]);
        sizes.push(payload / message.len());
        out.drain(..10 + payload);
    }
    assert_eq!(sizes, [2, 2, 1]);
}

/// SIZ-1: what was begun can be taken back, first of a batch or not.
#[test]
fn a_message_can_be_taken_back() {
    for subprotocol in Subprotocol::ALL {
        for kept_before in 0..3 {
            let kept = vec![&b"[1]"[..]; kept_before + 1];
            let mut framing = Outgoing::new(subprotocol);
            let mut out = Vec::new();
            for i in 0..=kept_before {
                if i == kept_before {
                    let before = out.len();
                    framing.begin(&mut out);
                    out.extend_from_slice(&[b'x'; 1000]);
                    out.truncate(before);
                }
                let mark = framing.begin(&mut out);
                out.extend_from_slice(b"[1]");
                framing.end(&mut out, mark);
            }
            framing.seal(&mut out);
            assert_eq!(out, turn(&mut Outgoing::new(subprotocol), &kept), "{subprotocol:?}");
            let before = out.len();
            framing.begin(&mut out);
            out.truncate(before);
            framing.seal(&mut out);
            assert_eq!(out.len(), before, "{subprotocol:?}");
        }
    }
}

/// WS-10.
#[test]
fn control_frames_are_short_and_whole() {
    let mut out = Vec::new();
    pong(b"abc", &mut out);
    ping(b"", &mut out);
    close(Some(1002), "bad", &mut out);
    close(None, "", &mut out);
    assert_eq!(out, b"\x8a\x03abc\x89\x00\x88\x05\x03\xeabad\x88\x00");
    let mut out = Vec::new();
    close(Some(1000), &"ä".repeat(100), &mut out);
    assert_eq!(out.len(), 2 + 2 + 122);
    assert_eq!(std::str::from_utf8(&out[4..]).unwrap(), "ä".repeat(61));
}

/// Two directions of bytes in memory.
#[derive(Default)]
struct Wire {
    to_client: io::Cursor<Vec<u8>>,
    to_router: Vec<u8>,
}

impl Read for Wire {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        match self.to_client.read(into)? {
            0 => Err(io::ErrorKind::WouldBlock.into()),
            count => Ok(count),
        }
    }
}

impl Write for Wire {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.to_router.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// WS-10: tungstenite's frames of every size, its pings and its close are read as it meant them.
#[test]
fn a_foreign_client_is_understood() {
    let limits = Limits { max_frame: 1 << 20, max_message: 1 << 20 };
    let mut client = WebSocket::from_raw_socket(Wire::default(), Role::Client, None);
    let mut wanted = Vec::new();
    for length in [0, 1, 125, 126, 0xffff, 0x1_0000, 300_000] {
        let body: Vec<u8> = (0..length).map(|i| i as u8).collect();
        client.send(tungstenite::Message::Binary(body.clone().into())).unwrap();
        client.send(tungstenite::Message::Ping(b"p"[..].to_vec().into())).unwrap();
        wanted.extend([Seen::Message(body), Seen::Ping(b"p".to_vec())]);
    }
    client.close(None).unwrap();
    wanted.push(Seen::Close(None));
    let stream = std::mem::take(&mut client.get_mut().to_router);
    let seen = read_in_pieces(&mut Incoming::new(CBOR, limits), &stream, || 1000).unwrap();
    assert!(seen == wanted, "frames differ");
}

/// WS-10: tungstenite reads our frames and takes part in our close.
#[test]
fn a_foreign_client_understands() {
    let mut framing = Outgoing::new(CBOR);
    let bodies: Vec<Vec<u8>> = [0, 125, 126, 0xffff, 0x1_0000].map(|length| vec![b'x'; length]).to_vec();
    let mut out = turn(&mut framing, &bodies.iter().map(Vec::as_slice).collect::<Vec<_>>());
    ping(b"are you there", &mut out);
    close(Some(1001), "going", &mut out);
    let mut client = WebSocket::from_raw_socket(Wire::default(), Role::Client, None);
    client.get_mut().to_client = io::Cursor::new(out);
    for body in &bodies {
        assert_eq!(client.read().unwrap().into_data(), body[..]);
    }
    assert_eq!(client.read().unwrap(), tungstenite::Message::Ping(b"are you there"[..].to_vec().into()));
    let tungstenite::Message::Close(Some(frame)) = client.read().unwrap() else { panic!("no close") };
    assert_eq!((u16::from(frame.code), frame.reason.as_str()), (1001, "going"));
    client.flush().ok();
    let answers = read(CBOR, &client.get_ref().to_router).unwrap();
    assert_eq!(answers, [Seen::Pong(b"are you there".to_vec()), Seen::Close(Some(1001))]);
}

/// WS-1, WS-3: tungstenite's handshake goes through, with the subprotocol it asked for.
#[test]
fn a_foreign_client_completes_the_handshake() {
    use super::super::opening::{Opening, Options, Outcome};
    use tungstenite::client::IntoClientRequest;
    use tungstenite::handshake::HandshakeError;

    let mut request = "ws://localhost/ws".into_client_request().unwrap();
    request.headers_mut().insert("Sec-WebSocket-Protocol", "wamp.2.msgpack".parse().unwrap());
    let Err(HandshakeError::Interrupted(mut waiting)) = tungstenite::client(request, Wire::default()) else {
        panic!("no handshake begun");
    };
    let wire = waiting.get_mut().get_mut();
    let outcome = Opening::default().next(&wire.to_router, &Options::default(), true);
    let Outcome::WebSocket { consumed, upgrade } = outcome else { panic!("{outcome:?}") };
    assert_eq!((consumed, upgrade.subprotocol.as_str()), (wire.to_router.len(), "wamp.2.msgpack"));
    wire.to_client = io::Cursor::new(upgrade.response);
    assert!(waiting.handshake().is_ok());
}
