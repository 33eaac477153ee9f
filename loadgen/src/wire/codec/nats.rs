//! The text protocol of NATS, in the place of WAMP's messages: a measure from another world.
//!
//! Request and reply become CALL and INVOCATION, YIELD and RESULT: a caller publishes with an inbox of its own that ends
//! in the request id, the callee publishes to that inbox. Payloads have no arguments around them. There are no
//! acknowledgements, so REGISTER and SUBSCRIBE are followed by a PING, whose PONG answers them in order.
//!
//! Session and request share one number: the session in the upper half, the request in the lower.

use std::io::Write;
use std::sync::atomic::{AtomicU64, Ordering};

use serde_json::Value;

use super::template::decimal;
use super::{Message, Payload};

/// The subject under which answers come, before session and request.
const INBOX: &[u8] = b"_INBOX.";
/// Longest line taken from a server; INFO names all servers of a cluster.
pub const LONGEST_LINE: usize = 64 * 1024;
/// Where the session is in a request id.
const SESSION: u32 = 32;

/// A number for a session that no other of this machine has at this time, most likely.
pub fn new_session() -> u64 {
    static NEXT: AtomicU64 = AtomicU64::new(1);
    u64::from(std::process::id() & 0x7fff) << 16 | NEXT.fetch_add(1, Ordering::Relaxed) & 0xffff
}

/// The first request id of a session.
pub fn first_request(session: u64) -> u64 {
    session << SESSION
}

/// What a session subscribes to for its answers.
pub fn subscribe_to_answers(session: u64, out: &mut Vec<u8>) {
    write!(out, "SUB _INBOX.{session}.* 0\r\n").expect("a Vec takes everything");
}

/// Writes HELLO, REGISTER or SUBSCRIBE; other messages have no counterpart.
pub fn encode(message: &Value, out: &mut Vec<u8>) {
    let uri = message[3].as_str().unwrap_or("");
    let written = match message[0].as_u64() {
        Some(1) => write!(out, "CONNECT {{\"verbose\":false,\"pedantic\":false,\"headers\":false}}\r\nPING\r\n"),
        Some(64) if !message[2]["invoke"].is_null() => write!(out, "SUB {uri} callees {}\r\nPING\r\n", message[1]),
        Some(32 | 64) => write!(out, "SUB {} {}\r\nPING\r\n", subject(uri, &message[2]["match"]), message[1]),
        _ => Ok(()),
    };
    written.expect("a Vec takes everything");
}

/// A pattern of WAMP as NATS spells it.
fn subject(uri: &str, policy: &Value) -> String {
    match policy.as_str() {
        Some("prefix") => format!("{uri}>"),
        Some("wildcard") => uri.split('.').map(|it| if it.is_empty() { "*" } else { it }).collect::<Vec<_>>().join("."),
        _ => uri.to_owned(),
    }
}

/// Writes CALL (48) or PUBLISH (16) to a subject, or YIELD (70) to an inbox. `payload` appends the payload.
pub fn write(code: u64, subject: &str, id: u64, out: &mut Vec<u8>, payload: impl FnOnce(&mut Vec<u8>)) {
    let mut digits = [0; 20];
    let mut inbox = |head: &mut Vec<u8>| {
        head.extend_from_slice(INBOX);
        head.extend_from_slice(decimal(id >> SESSION, &mut digits));
        head.push(b'.');
        head.extend_from_slice(decimal(u64::from(id as u32), &mut digits));
    };
    out.extend_from_slice(b"PUB ");
    if code == 70 {
        inbox(out);
    } else {
        out.extend_from_slice(subject.as_bytes());
    }
    if code == 48 {
        out.push(b' ');
        inbox(out);
    }
    // Room for a length of three digits; the payload moves where there are more or fewer.
    out.extend_from_slice(b" 000\r\n");
    let at = out.len();
    payload(out);
    let length = decimal((out.len() - at) as u64, &mut digits);
    match length.len() {
        3 => out[at - 5..at - 2].copy_from_slice(length),
        _ => drop(out.splice(at - 5..at - 2, length.iter().copied())),
    }
    out.extend_from_slice(b"\r\n");
}

/// How long the message at the front is with its payload and the line's end; `None` while it is not whole. `Some(0)`: it
/// cannot be read.
pub fn length(bytes: &[u8]) -> Option<usize> {
    let Some(end) = memchr::memchr(b'\n', bytes) else { return (bytes.len() > LONGEST_LINE).then_some(0) };
    if !bytes.starts_with(b"MSG ") {
        return Some(end + 1);
    }
    let line = bytes[..end].trim_ascii_end();
    let digits = &line[memchr::memrchr(b' ', line)? + 1..];
    let Some(payload) = number(digits).filter(|&length| length <= 1 << 24) else { return Some(0) };
    Some(end + 1 + payload as usize + 2).filter(|&length| length <= bytes.len())
}

/// Reads a message with its payload.
#[inline]
pub fn parse(bytes: &[u8]) -> Option<Message<'_>> {
    if bytes.starts_with(b"PONG") {
        return Some(Message::Registered { request: 0, registration: 1 });
    }
    if let Some(reason) = bytes.strip_prefix(b"-ERR ") {
        return Some(Message::Abort { reason: reason.trim_ascii() });
    }
    let end = memchr::memchr(b'\n', bytes)?;
    let payload = Payload { raw: bytes[end + 1..].strip_suffix(b"\r\n")?, items: 1 };
    let line = bytes[..end].strip_suffix(b"\r")?.strip_prefix(b"MSG ")?;
    let subject = &line[..memchr::memchr(b' ', line)?];
    if let Some(request) = request(subject) {
        return Some(Message::Result { request, progress: false, payload });
    }
    // Before the length is the inbox to answer to, or where there is none, the subscription.
    let front = &line[..memchr::memrchr(b' ', line)?];
    let last = &front[memchr::memrchr(b' ', front)? + 1..];
    match request(last) {
        Some(request) => Some(Message::Invocation { request, receive_progress: false, payload }),
        None => Some(Message::Event { subscription: number(last)?, payload }),
    }
}

/// The request id that an inbox stands for.
#[inline]
fn request(inbox: &[u8]) -> Option<u64> {
    let rest = inbox.strip_prefix(INBOX)?;
    let at = memchr::memchr(b'.', rest)?;
    Some(number(&rest[..at])? << SESSION | number(&rest[at + 1..])?)
}

/// A number in decimal, of at most as many digits as surely fit.
#[inline]
fn number(digits: &[u8]) -> Option<u64> {
    let value = |sum: u64, digit: &u8| digit.is_ascii_digit().then(|| sum * 10 + u64::from(digit - b'0'));
    if (1..20).contains(&digits.len()) { digits.iter().try_fold(0, value) } else { None }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::{Message, encode, length, parse, write};

    fn written(code: u64, subject: &str, id: u64) -> String {
        let mut out = Vec::new();
        write(code, subject, id, &mut out, |out| out.extend_from_slice(b"hello"));
        String::from_utf8(out).expect("it is text")
    }

    #[test]
    fn requests_and_replies_go_to_where_they_belong() {
        let id = 7 << 32 | 9;
        assert_eq!(written(48, "com.example.add", id), "PUB com.example.add _INBOX.7.9 5\r\nhello\r\n");
        assert_eq!(written(70, "", id), "PUB _INBOX.7.9 5\r\nhello\r\n");
        assert_eq!(written(16, "com.example.news", id), "PUB com.example.news 5\r\nhello\r\n");
        let invocation = parse(b"MSG com.example.add 1 _INBOX.7.9 5\r\nhello\r\n");
        assert!(
            matches!(invocation, Some(Message::Invocation { request, payload, .. }) if request == id && payload.raw == b"hello")
        );
        let result = parse(b"MSG _INBOX.7.9 0 5\r\nhello\r\n");
        assert!(matches!(result, Some(Message::Result { request, progress: false, .. }) if request == id));
        let event = parse(b"MSG com.example.news 4 5\r\nhello\r\n");
        assert!(matches!(event, Some(Message::Event { subscription: 4, payload }) if payload.raw == b"hello"));
        let event = parse(b"MSG com.example.news 9223372032559808513 5\r\nhello\r\n");
        assert!(matches!(event, Some(Message::Event { subscription: 9_223_372_032_559_808_513, .. })));
    }

    #[test]
    fn patterns_are_spelled_as_nats_does() {
        let text = |message| {
            let mut out = Vec::new();
            encode(&message, &mut out);
            String::from_utf8(out).expect("it is text")
        };
        assert_eq!(text(json!([64, 3, {}, "a.b"])), "SUB a.b 3\r\nPING\r\n");
        assert_eq!(text(json!([64, 3, {"invoke": "random"}, "a.b"])), "SUB a.b callees 3\r\nPING\r\n");
        assert_eq!(text(json!([32, 3, {"match": "prefix"}, "a.b."])), "SUB a.b.> 3\r\nPING\r\n");
        assert_eq!(text(json!([32, 3, {"match": "wildcard"}, "a..b"])), "SUB a.*.b 3\r\nPING\r\n");
    }

    #[test]
    fn the_length_of_any_payload_is_told() {
        for length in [0, 1, 9, 10, 99, 100, 256, 999, 1000, 70_000] {
            let mut out = b"before".to_vec();
            write(48, "com.echo", 7 << 32 | 10, &mut out, |out| out.resize(out.len() + length, b'x'));
            let wanted = format!("beforePUB com.echo _INBOX.7.10 {length}\r\n{}\r\n", "x".repeat(length));
            assert_eq!(String::from_utf8(out).expect("it is text"), wanted);
        }
    }

    #[test]
    fn what_nobody_awaits_is_no_message() {
        for bytes in [
            &b"MSG com.echo 1 elsewhere 5\r\nhello\r\n"[..],
            b"MSG com.echo 1 _INBOX.1.99999999999999999999 5\r\nhello\r\n",
            b"MSG _INBOX.1. 5\r\nhello\r\n",
            b"MSG com.echo 1 5\r\nhello, world",
            b"MSG\r\n",
            b"MSG \r\n\r\n",
            b"",
        ] {
            assert!(parse(bytes).is_none(), "{}", String::from_utf8_lossy(bytes));
        }
    }

    #[test]
    fn a_line_without_an_end_cannot_be_read() {
        assert_eq!(length(&[b'x'; super::LONGEST_LINE]), None);
        assert_eq!(length(&[b'x'; super::LONGEST_LINE + 1]), Some(0));
    }

    #[test]
    fn a_message_is_whole_with_its_payload() {
        let message = b"MSG a 1 5\r\nhello\r\nPING\r\n";
        for end in 0..18 {
            assert_eq!(length(&message[..end]), None, "{end}");
        }
        assert_eq!(length(message), Some(18));
        assert_eq!(length(b"PING\r\nMSG"), Some(6));
        assert_eq!(length(b"MSG a 1 x\r\n"), Some(0));
    }
}
