//! Rows RAW-1 to RAW-17, with literal octets.

use super::{Handshake, Incoming, LONGEST, LONGEST_SENT, Options, Outgoing, Refusal, handshake, pong};
use crate::realm::Batch;
use crate::shard::framing::Framing;
use crate::transport::frame::{Failure, Frame, Step};
use crate::wamp::Encoding;

fn accepted(octets: [u8; 4]) -> ([u8; 4], Encoding, usize, usize) {
    match handshake(&octets, &Options::default()) {
        Handshake::Accepted { reply, encoding, max_sent, max_received } => (reply, encoding, max_sent, max_received),
        other => panic!("{octets:02x?} gave {other:?}"),
    }
}

/// RAW-1, RAW-2: every length and every serializer; D-29: sends stay one byte below 16 MiB.
#[test]
fn the_handshake_agrees_on_lengths_and_serializer() {
    let encodings = [(1, Encoding::Json), (2, Encoding::MsgPack), (3, Encoding::Cbor)];
    for (serializer, wanted) in encodings {
        for nibble in 0..=15u8 {
            let (reply, encoding, max_sent, max_received) = accepted([0x7f, nibble << 4 | serializer, 0, 0]);
            assert_eq!(reply, [0x7f, 0xf0 | serializer, 0, 0]);
            assert_eq!(encoding, wanted);
            assert_eq!(max_sent, (512usize << nibble).min(LONGEST_SENT));
            assert_eq!(max_received, 1 << 24);
        }
    }
}

/// RAW-2, RAW-14: the router announces the power of two within its limit, and means it.
#[test]
fn the_announced_length_is_the_power_of_two_within_the_limit() {
    let cases = [(512, 0, 512), (1023, 0, 512), (1024, 1, 1024), (5000, 3, 4096), (usize::MAX, 15, 1 << 24)];
    for (max_message, nibble, limit) in cases {
        let options = Options { max_message, ..Options::default() };
        let Handshake::Accepted { reply, max_received, .. } = handshake(&[0x7f, 0xf1, 0, 0], &options) else {
            panic!("refused with {max_message}");
        };
        assert_eq!((reply, max_received), ([0x7f, nibble << 4 | 1, 0, 0], limit));
    }
}

/// RAW-3, RAW-4: serializers 0, 4 to 15, and those switched off.
#[test]
fn unsupported_serializers_are_answered_with_error_1() {
    for serializer in std::iter::once(0).chain(4..=15) {
        let got = handshake(&[0x7f, 0xf0 | serializer, 0, 0], &Options::default());
        assert_eq!(got, Handshake::Refused(Refusal::Serializer), "serializer {serializer}");
    }
    let only_cbor = Options { encodings: vec![Encoding::Cbor], ..Options::default() };
    assert_eq!(handshake(&[0x7f, 0xf1, 0, 0], &only_cbor), Handshake::Refused(Refusal::Serializer));
    assert_eq!(Refusal::Serializer.reply(), [0x7f, 0x10, 0, 0]);
}

/// RAW-5; RAW-3: the connection limit has its own error.
#[test]
fn reserved_octets_are_answered_with_error_3() {
    for octets in [[0x7f, 0xf1, 1, 0], [0x7f, 0xf1, 0, 1], [0x7f, 0xf0, 0xff, 0xff]] {
        assert_eq!(handshake(&octets, &Options::default()), Handshake::Refused(Refusal::ReservedOctets));
    }
    assert_eq!(Refusal::ReservedOctets.reply(), [0x7f, 0x30, 0, 0]);
    assert_eq!(Refusal::ConnectionLimit.reply(), [0x7f, 0x40, 0, 0]);
}

/// RAW-6: at the first octet already.
#[test]
fn a_foreign_first_octet_is_not_rawsocket() {
    for first in (0..=255).filter(|&first| first != 0x7f) {
        assert_eq!(handshake(&[first], &Options::default()), Handshake::Foreign);
    }
}

/// RAW-8: split arrival waits; what follows the four octets is not looked at.
#[test]
fn the_handshake_takes_exactly_four_octets() {
    let whole = [0x7f, 0xf2, 0, 0, 0, 0, 0, 3, 1, 2, 3];
    for arrived in 0..4 {
        assert_eq!(handshake(&whole[..arrived], &Options::default()), Handshake::More);
    }
    assert_eq!(handshake(&whole, &Options::default()), handshake(&whole[..4], &Options::default()));
}

/// The one frame of `input`, which it must fill, written down for comparison.
fn frame(input: &[u8], max: usize) -> Result<String, Failure> {
    match Incoming::new(max).next(input)? {
        Step::More { missing } => Ok(format!("more {missing}")),
        Step::Frame { consumed, frame } => {
            assert_eq!(consumed, input.len());
            Ok(match frame {
                Frame::Messages(messages) => format!("{:?}", messages.collect::<Vec<_>>()),
                other => format!("{other:?}"),
            })
        }
    }
}

/// RAW-9, RAW-13, RAW-16.
#[test]
fn frames_are_messages_pings_and_pongs() {
    assert_eq!(frame(b"\0\0\0\x03abc", 512).unwrap(), "[[97, 98, 99]]");
    assert_eq!(frame(b"\0\0\0\0", 512).unwrap(), "[[]]");
    assert_eq!(frame(b"\x01\0\0\x01p", 512).unwrap(), "Ping([112])");
    assert_eq!(frame(b"\x01\0\0\0", 512).unwrap(), "Ping([])");
    assert_eq!(frame(b"\x02\0\0\x01p", 512).unwrap(), "Pong([112])");
}

/// RAW-9: every reserved bit and type.
#[test]
fn reserved_bits_and_types_fail() {
    for bit in 4..8 {
        assert_eq!(frame(&[1 << bit, 0, 0, 0], 512), Err(Failure::ReservedPrefixBits));
    }
    for kind in 3..=7 {
        assert_eq!(frame(&[kind, 0, 0, 0], 512), Err(Failure::ReservedFrameType(kind)));
    }
}

/// RAW-10, RAW-11, RAW-14: judged by the prefix alone, before the body comes.
#[test]
fn too_long_frames_fail_before_their_body() {
    let too_long = |length, limit| Err(Failure::TooLong { length, limit });
    assert_eq!(frame(&[0, 0, 2, 0], 512).unwrap(), "more 512");
    assert_eq!(frame(&[0, 0, 2, 1], 512), too_long(513, 512));
    assert_eq!(frame(&[1, 0xff, 0xff, 0xff], 512), too_long((1 << 24) - 1, 512));
    assert_eq!(frame(&[8, 0, 0, 0], LONGEST).unwrap(), "more 16777216");
    assert_eq!(frame(&[8, 0, 0, 0], LONGEST / 2), too_long(1 << 24, LONGEST / 2));
    assert_eq!(frame(&[8, 0, 0, 1], LONGEST), Err(Failure::LengthBeyond16Mi));
}

/// RAW-10: exactly 16 MiB in both directions; RAW-12: one byte less is an ordinary length.
#[test]
fn sixteen_mebibytes_have_a_bit_of_their_own() {
    for (length, prefix) in [(LONGEST, [8, 0, 0, 0]), (LONGEST_SENT, [0, 0xff, 0xff, 0xff])] {
        let mut out = Vec::new();
        let mark = Outgoing.begin(&mut out);
        out.resize(out.len() + length, b'x');
        Outgoing.end(&mut out, mark);
        assert_eq!(out[..4], prefix);
        let Step::Frame { consumed, frame: Frame::Messages(mut messages) } = Incoming::new(LONGEST).next(&out).unwrap()
        else {
            panic!("no message of {length}");
        };
        assert_eq!((consumed, messages.next().map(<[u8]>::len)), (length + 4, Some(length)));
    }
}

/// RAW-13: identical payload.
#[test]
fn a_pong_carries_the_payload_of_its_ping() {
    let mut out = Vec::new();
    pong(b"xyz", &mut out);
    assert_eq!(out, b"\x02\0\0\x03xyz");
}

/// SIZ-1: what was begun can be taken back.
#[test]
fn a_message_can_be_taken_back() {
    let mut out = Vec::new();
    let mark = Outgoing.begin(&mut out);
    out.extend_from_slice(b"first");
    Outgoing.end(&mut out, mark);
    let before = out.len();
    Outgoing.begin(&mut out);
    out.extend_from_slice(b"too long");
    out.truncate(before);
    Outgoing.seal(&mut out);
    assert_eq!(out, b"\0\0\0\x05first");
}

/// RAW-8, RAW-9: any division of the stream gives the same frames.
#[test]
fn any_split_of_the_stream_gives_the_same_frames() {
    let seed = fastrand::u64(..);
    println!("seed {seed}");
    let mut rng = fastrand::Rng::with_seed(seed);
    for _ in 0..200 {
        let mut stream = Vec::new();
        let mut wanted = Vec::new();
        for _ in 0..rng.usize(1..20) {
            let body: Vec<u8> = (0..rng.usize(0..600)).map(|_| rng.u8(..)).collect();
            let kind = rng.u8(0..3);
            stream.extend_from_slice(&super::prefix(kind, body.len()));
            stream.extend_from_slice(&body);
            wanted.push((kind, body));
        }
        assert_eq!(read_in_pieces(&stream, &mut rng).unwrap(), wanted);
    }
}

/// A batch is framed as its messages are one by one, behind what is queued already.
#[test]
fn a_batch_is_framed_as_its_messages() {
    let mut batch = Batch::new(Encoding::MsgPack);
    let messages = [0, 1, 150, 70_000].map(|length| vec![7; length]);
    let (mut together, mut one_by_one) = (b"queued".to_vec(), b"queued".to_vec());
    for message in &messages {
        batch.begin_message();
        batch.bytes.extend_from_slice(message);
        batch.end_message();
        let mark = Outgoing.begin(&mut one_by_one);
        one_by_one.extend_from_slice(message);
        Outgoing.end(&mut one_by_one, mark);
    }
    assert!(batch.messages().eq(&messages));
    Outgoing.append(&mut together, &batch);
    assert_eq!(together, one_by_one);
    let mut in_place = batch;
    assert!(Outgoing.frame_in_place(&mut in_place));
    assert!(in_place.bytes == one_by_one[b"queued".len()..]);
}

/// Hostile bytes neither panic nor ask for more than the limit.
#[test]
fn random_bytes_never_panic_and_never_ask_beyond_the_limit() {
    let seed = fastrand::u64(..);
    println!("seed {seed}");
    let mut rng = fastrand::Rng::with_seed(seed);
    for _ in 0..20_000 {
        let input: Vec<u8> = (0..rng.usize(0..12)).map(|_| rng.u8(..) & rng.u8(..)).collect();
        if let Ok(Step::More { missing }) = Incoming::new(1024).next(&input) {
            assert!((1..=1024).contains(&missing));
        }
        handshake(&input, &Options::default());
    }
}

/// Feeds `stream` in random pieces; gives type and body of each frame.
fn read_in_pieces(stream: &[u8], rng: &mut fastrand::Rng) -> Result<Vec<(u8, Vec<u8>)>, Failure> {
    let mut incoming = Incoming::new(1024);
    let (mut unread, mut arrived, mut frames) = (0, 0, Vec::new());
    while unread < stream.len() {
        match incoming.next(&stream[unread..arrived])? {
            Step::More { missing } => {
                assert!(missing > 0 && arrived + missing <= stream.len(), "asks for more than was sent");
                arrived = (arrived + rng.usize(1..100)).min(stream.len());
            }
            Step::Frame { consumed, frame } => {
                unread += consumed;
                frames.push(match frame {
                    Frame::Messages(mut messages) => (0, messages.next().unwrap().to_vec()),
                    Frame::Ping(body) => (1, body.to_vec()),
                    Frame::Pong(body) => (2, body.to_vec()),
                    other => panic!("{other:?}"),
                });
            }
        }
    }
    Ok(frames)
}
