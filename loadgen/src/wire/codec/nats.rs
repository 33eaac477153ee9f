//! The NATS client protocol as a further dialect: what of WAMP's calls it can say, in its words.
//!
//! A call is a PUB whose reply subject is in the caller's inbox, `_INBOX.RUN-CALLER.REQUEST`; its invocation is the MSG
//! that carries it to the callee, its result the MSG that comes to the inbox. One number stands for a reply subject:
//! the caller's above [`REQUEST_BITS`] bits of the request's. HELLO is CONNECT; REGISTER and SUBSCRIBE are SUB. None of
//! these is answered, so a PING follows each, and the PONG confirms it.

use serde_json::{Value, json};

use super::template::decimal;
use super::{Message, Payload};

/// Bits of a reply subject's number that are the request's; above them is the caller's.
pub const REQUEST_BITS: u32 = 40;
/// Bits that a caller's number may have.
const CALLER_BITS: u32 = 64 - REQUEST_BITS;
/// How the subject of every inbox begins.
const INBOX: &[u8] = b"_INBOX.";
/// The queue group of what several callees serve.
const QUEUE: &str = "loadgen";

/// How the inboxes of a run begin, up to the caller's number. `run`: a token that no other run has.
pub fn inbox(run: &str) -> String {
    format!("_INBOX.{run}-")
}

/// Reads a line or a MSG with its payload; `None` if it is none that a caller or callee awaits.
#[inline]
pub fn parse(frame: &[u8]) -> Option<Message<'_>> {
    if let Some(reason) = frame.strip_prefix(b"-ERR") {
        return Some(Message::Abort { reason: reason.trim_ascii() });
    }
    let end = memchr::memchr(b'\n', frame)?;
    let line = frame[..end].strip_prefix(b"MSG ")?;
    let payload = Payload { raw: &frame[end + 1..], items: 1 };
    if line.starts_with(INBOX) {
        let subject = &line[..memchr::memchr(b' ', line)?];
        return Some(Message::Result { request: last(subject, b'.')?.1, progress: false, payload });
    }
    // The reply subject is the word before the length.
    let reply = &line[..memchr::memrchr(b' ', line)?];
    let (rest, request) = last(reply, b'.')?;
    let (_, caller) = last(rest, b'-')?;
    let request =
        (caller >> CALLER_BITS == 0 && request >> REQUEST_BITS == 0).then_some(caller << REQUEST_BITS | request)?;
    Some(Message::Invocation { request, receive_progress: false, payload })
}

/// The number at the end of these octets, behind the last `mark`, and what is before the mark.
#[inline]
fn last(octets: &[u8], mark: u8) -> Option<(&[u8], u64)> {
    let at = memchr::memrchr(mark, octets)?;
    Some((&octets[..at], number(&octets[at + 1..])?))
}

/// A number in decimal, of at most as many digits as surely fit.
#[inline]
pub fn number(digits: &[u8]) -> Option<u64> {
    let value = |sum: u64, digit: &u8| digit.is_ascii_digit().then(|| sum * 10 + u64::from(digit - b'0'));
    if (1..20).contains(&digits.len()) { digits.iter().try_fold(0, value) } else { None }
}

/// Writes PUB: `head` up to the caller's number, the number of the reply subject, and the payload that `end` appends.
#[inline]
pub fn publish(head: &[u8], reply: u64, out: &mut Vec<u8>, end: impl FnOnce(&mut Vec<u8>)) {
    let mut digits = [0; 20];
    out.extend_from_slice(head);
    out.extend_from_slice(decimal(reply >> REQUEST_BITS, &mut digits));
    out.push(b'.');
    out.extend_from_slice(decimal(reply & ((1 << REQUEST_BITS) - 1), &mut digits));
    // Room for a length of three digits; the payload moves where there are more or fewer.
    out.extend_from_slice(b" 000\r\n");
    let at = out.len();
    end(out);
    let length = decimal((out.len() - at) as u64, &mut digits);
    match length.len() {
        3 => out[at - 5..at - 2].copy_from_slice(length),
        _ => drop(out.splice(at - 5..at - 2, length.iter().copied())),
    }
    out.extend_from_slice(b"\r\n");
}

/// Writes HELLO, SUBSCRIBE or REGISTER, each with the PING that gets it confirmed. Others have no form here.
pub fn encode(message: &Value, out: &mut Vec<u8>) {
    let text = |at: usize| message[at].as_str().unwrap_or("");
    let line = match (message[0].as_u64(), &message[2]) {
        (Some(1), details) => {
            let options = json!({"verbose": false, "pedantic": false, "tls_required": false, "lang": "rust",
                "name": details["agent"], "version": env!("CARGO_PKG_VERSION"), "protocol": 1});
            format!("CONNECT {options}\r\nPING\r\n")
        }
        (Some(32 | 64), options) => {
            let queue = if options["invoke"].is_string() { format!(" {QUEUE}") } else { String::new() };
            format!("SUB {}{queue} {}\r\nPING\r\n", text(3), message[1])
        }
        _ => String::new(),
    };
    out.extend_from_slice(line.as_bytes());
}

#[cfg(test)]
mod tests;
