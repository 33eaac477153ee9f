//! What a NATS server sends: lines, of which MSG has a payload behind it.

use super::{LONGEST_FRAME, Step};
use crate::wire::codec::nats::number;

/// Longest line taken from a server; INFO names all servers of a cluster.
const LONGEST_LINE: usize = 64 * 1024;

/// The line at the front, of MSG with its payload. `pongs`: how many PONG there were so far.
#[inline]
pub fn next<'a>(bytes: &'a [u8], pongs: &mut u64) -> (usize, Step<'a>) {
    let Some(end) = memchr::memchr(b'\n', bytes) else {
        let endless = bytes.len() > LONGEST_LINE;
        return (0, if endless { Step::Broken("it sent a line without an end") } else { Step::More });
    };
    let line = bytes[..end].strip_suffix(b"\r").unwrap_or(&bytes[..end]);
    if line.starts_with(b"MSG ") {
        return message(bytes, line, end + 1);
    }
    let step = match line {
        b"PING" => Step::Ping(&[]),
        b"PONG" => {
            *pongs += 1;
            Step::Pong(*pongs - 1)
        }
        b"+OK" => Step::Nothing,
        _ if line.starts_with(b"INFO ") => Step::Nothing,
        _ if line.starts_with(b"-ERR") => Step::Message(line),
        _ => Step::Broken("it sent a line that is not of the NATS protocol"),
    };
    (end + 1, step)
}

/// MSG, whose payload begins at `at`: the line and the payload are one message.
#[inline]
fn message<'a>(bytes: &'a [u8], line: &[u8], at: usize) -> (usize, Step<'a>) {
    let length = memchr::memrchr(b' ', line).and_then(|space| number(&line[space + 1..]));
    let Some(length) = length else { return (0, Step::Broken("it sent MSG without a length")) };
    if length > LONGEST_FRAME as u64 {
        return (0, Step::Broken("it sent a payload beyond 16 MiB"));
    }
    let end = at + length as usize;
    match bytes.get(end..end + 2) {
        None => (0, Step::More),
        Some(b"\r\n") => (end + 2, Step::Message(&bytes[..end])),
        Some(_) => (0, Step::Broken("a payload does not end where its MSG says")),
    }
}

#[cfg(test)]
mod tests;
