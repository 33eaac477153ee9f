//! What may stand between two quotes.

use base64::Engine;
use base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD};

use crate::codec::token::{Malformed, Read};

/// How the binary convention's U+0000 must look: no raw control character is legal.
pub(super) const NUL: &[u8] = br"\u0000";

/// How many bytes at the front of `bytes` are plain: no quote, backslash or control character.
#[inline(always)]
pub(super) fn plain_len(bytes: &[u8]) -> usize {
    let mut len = 0;
    for block in bytes.chunks_exact(BLOCK) {
        // Whole blocks without a branch within, so that the compiler makes vector instructions of it.
        if block.iter().fold(false, |found, &byte| found | is_special(byte)) {
            break;
        }
        len += BLOCK;
    }
    len + bytes[len..].iter().position(|&byte| is_special(byte)).unwrap_or(bytes.len() - len)
}

const BLOCK: usize = 16;

#[inline(always)]
fn is_special(byte: u8) -> bool {
    byte < 0x20 || byte == b'"' || byte == b'\\'
}

/// The character of the escape at the front of `bytes`, which begin after the backslash, and its length there.
pub(super) fn escape(bytes: &[u8]) -> Read<(char, usize)> {
    let simple = match bytes.first().ok_or(Malformed::Truncated)? {
        b'"' => '"',
        b'\\' => '\\',
        b'/' => '/',
        b'b' => '\u{8}',
        b'f' => '\u{c}',
        b'n' => '\n',
        b'r' => '\r',
        b't' => '\t',
        b'u' => return unicode(&bytes[1..]),
        _ => return Err(Malformed::BadEscape),
    };
    Ok((simple, 1))
}

fn unicode(bytes: &[u8]) -> Read<(char, usize)> {
    let unit = hex4(bytes)?;
    if let Some(character) = char::from_u32(unit) {
        return Ok((character, 5));
    }
    let Some(rest) = bytes[4..].strip_prefix(br"\u") else { return Err(Malformed::Surrogate) };
    let low = hex4(rest)?;
    if unit >= 0xdc00 || !(0xdc00..0xe000).contains(&low) {
        return Err(Malformed::Surrogate);
    }
    let character = char::from_u32(0x1_0000 + ((unit - 0xd800) << 10) + (low - 0xdc00)).ok_or(Malformed::Surrogate)?;
    Ok((character, 11))
}

fn hex4(bytes: &[u8]) -> Read<u32> {
    let digits = bytes.get(..4).ok_or(Malformed::Truncated)?;
    digits.iter().try_fold(0, |value, &digit| {
        let digit = char::from(digit).to_digit(16).ok_or(Malformed::BadEscape)?;
        Ok(value << 4 | digit)
    })
}

/// The bytes that Base64 stands for (SER-3).
pub(super) fn decode_base64(text: &[u8]) -> Read<Vec<u8>> {
    STANDARD.decode(text).map_err(|_| Malformed::BadBase64)
}

/// Whether `text` is Base64, without a buffer for what it stands for.
pub(super) fn check_base64(text: &[u8]) -> Read<()> {
    let mut scratch = [0; 768];
    let mut blocks = text.chunks(1024).peekable();
    while let Some(block) = blocks.next() {
        // Padding may stand in the last block only.
        let engine = if blocks.peek().is_none() { &STANDARD } else { &STANDARD_NO_PAD };
        engine.decode_slice_unchecked(block, &mut scratch).map_err(|_| Malformed::BadBase64)?;
    }
    Ok(())
}

/// Appends the binary convention's form of `bytes`, quotes included.
pub(super) fn write_base64(bytes: &[u8], out: &mut Vec<u8>) {
    out.push(b'"');
    out.extend_from_slice(NUL);
    let start = out.len();
    out.resize(start + bytes.len().div_ceil(3) * 4, b'=');
    // The buffer has the length of the padded form, so there is nothing that could fail.
    let written = STANDARD.encode_slice(bytes, &mut out[start..]).unwrap_or(0);
    out.truncate(start + written);
    out.push(b'"');
}

/// Appends `text` as a string, quotes included.
#[inline]
pub(super) fn write_string(text: &str, out: &mut Vec<u8>) {
    out.push(b'"');
    let mut rest = text.as_bytes();
    loop {
        let (plain, special) = rest.split_at(plain_len(rest));
        out.extend_from_slice(plain);
        let Some((&byte, after)) = special.split_first() else { break };
        write_escape(byte, out);
        rest = after;
    }
    out.push(b'"');
}

#[cold]
fn write_escape(byte: u8, out: &mut Vec<u8>) {
    const HEX: &[u8; 16] = b"0123456789abcdef";
    match byte {
        b'"' | b'\\' => out.extend_from_slice(&[b'\\', byte]),
        b'\n' => out.extend_from_slice(br"\n"),
        b'\r' => out.extend_from_slice(br"\r"),
        b'\t' => out.extend_from_slice(br"\t"),
        _ => {
            out.extend_from_slice(br"\u00");
            out.extend_from_slice(&[HEX[usize::from(byte >> 4)], HEX[usize::from(byte & 0x0f)]]);
        }
    }
}
