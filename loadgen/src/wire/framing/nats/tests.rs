//! The lines of a NATS server, cut anywhere, and what it may do wrong.

use crate::wire::framing::{Framing, Incoming, LONGEST_FRAME, Step};

/// What a step is, in words.
fn told(step: Step<'_>) -> Option<String> {
    let text = |octets: &[u8]| String::from_utf8_lossy(octets).into_owned();
    match step {
        Step::More => None,
        Step::Message(frame) => Some(format!("message {}", text(frame))),
        other => Some(format!("{other:?}")),
    }
}

/// All that a server says which arrives in pieces of these lengths.
fn read(octets: &[u8], cut: usize) -> Vec<String> {
    let (mut incoming, mut held, mut said) = (Incoming::new(Framing::Nats), Vec::new(), Vec::new());
    for part in [&octets[..cut], &octets[cut..]] {
        held.extend_from_slice(part);
        let mut at = 0;
        while let (used, step) = incoming.next(&held[at..])
            && let Some(step) = told(step)
        {
            said.push(step);
            at += used;
        }
        held.drain(..at);
    }
    assert!(held.is_empty(), "cut at {cut}, {held:?} is left");
    said
}

#[test]
fn lines_are_read_wherever_they_are_cut() {
    let octets = b"INFO {\"version\":\"2\"}\r\nPONG\r\n+OK\r\nMSG a.b 1 _INBOX.r-1.2 7\r\nx\r\nPING\r\nMSG _INBOX.r-1.2 1 0\r\n\r\n\
        PING\r\nPONG\r\n-ERR 'Slow Consumer'\r\n";
    let wanted = [
        "Nothing",
        "Pong(0)",
        "Nothing",
        "message MSG a.b 1 _INBOX.r-1.2 7\r\nx\r\nPING",
        "message MSG _INBOX.r-1.2 1 0\r\n",
        "Ping([])",
        "Pong(1)",
        "message -ERR 'Slow Consumer'",
    ];
    for cut in 0..=octets.len() {
        assert_eq!(read(octets, cut), wanted, "cut at {cut}");
    }
}

#[test]
fn what_breaks_the_protocol_is_told() {
    let endless = vec![b'x'; super::LONGEST_LINE + 1];
    let beyond = format!("MSG a 1 {}\r\n", LONGEST_FRAME + 1);
    for (octets, how) in [
        (&b"HTTP/1.1 400 Bad Request\r\n"[..], "not of the NATS protocol"),
        (&endless, "a line without an end"),
        (b"MSG a 1 x\r\n", "without a length"),
        (b"MSG a 1 \r\n", "without a length"),
        (b"MSG a 1 18446744073709551617\r\n", "without a length"),
        (beyond.as_bytes(), "beyond 16 MiB"),
        (b"MSG a 1 2\r\nabcd", "does not end where its MSG says"),
    ] {
        match Incoming::new(Framing::Nats).next(octets) {
            (_, Step::Broken(said)) => assert!(said.contains(how), "{said}"),
            other => panic!("{how}: {other:?}"),
        }
    }
}
