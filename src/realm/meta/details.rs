//! The dicts in which answers and events describe a registration or a subscription.

use crate::codec::Writer;
use crate::wamp::{Id, Invoke, Policy};

/// `{"id", "created", "uri", "match", "invoke"}` (RMA-1, RMA-12).
pub(super) fn write_registration(
    writer: &mut Writer<'_>,
    id: Id,
    created: u64,
    uri: &str,
    policy: Policy,
    invoke: Invoke,
) {
    writer.begin_map(5);
    write_identity(writer, id, created, uri, policy);
    writer.text("invoke");
    writer.text(invoke.as_str());
    writer.end_map();
}

/// `{"id", "created", "uri", "match"}` (SMA-1, SMA-9).
pub(super) fn write_subscription(writer: &mut Writer<'_>, id: Id, created: u64, uri: &str, policy: Policy) {
    writer.begin_map(4);
    write_identity(writer, id, created, uri, policy);
    writer.end_map();
}

fn write_identity(writer: &mut Writer<'_>, id: Id, created: u64, uri: &str, policy: Policy) {
    writer.text("id");
    writer.uint(id.get());
    writer.text("created");
    write_created(writer, created);
    writer.text("uri");
    writer.text(uri);
    writer.text("match");
    writer.text(policy.as_str());
}

/// When something was created, `unix_ms` milliseconds after the epoch.
pub(super) fn write_created(writer: &mut Writer<'_>, unix_ms: u64) {
    writer.text(timestamp(&mut [0; 24], unix_ms));
}

/// ISO 8601 in UTC with milliseconds, as `2026-11-22T09:50:31.409Z` (MTA-9). Years end with 9999.
fn timestamp(text: &mut [u8; 24], unix_ms: u64) -> &str {
    const LAST: u64 = 253_402_300_799_999;
    let ms = unix_ms.min(LAST);
    let (year, month, day) = date(ms / 86_400_000);
    let (seconds, ms) = (ms / 1000 % 86_400, ms % 1000);
    text.copy_from_slice(b"0000-00-00T00:00:00.000Z");
    let fields = [
        (0..4, year),
        (5..7, month),
        (8..10, day),
        (11..13, seconds / 3600),
        (14..16, seconds / 60 % 60),
        (17..19, seconds % 60),
        (20..23, ms),
    ];
    for (place, mut number) in fields {
        for digit in text[place].iter_mut().rev() {
            *digit = b'0' + (number % 10) as u8;
            number /= 10;
        }
    }
    std::str::from_utf8(text).unwrap_or_default()
}

/// Year, month and day of a day since the epoch, counted in years that begin with March: then the leap day is last.
fn date(day: u64) -> (u64, u64, u64) {
    let day = day + 719_468;
    let (era, day) = (day / 146_097, day % 146_097);
    let year = (day - day / 1460 + day / 36_524 - day / 146_096) / 365;
    let day = day - (365 * year + year / 4 - year / 100);
    let month = (5 * day + 2) / 153;
    let day_of_month = day - (153 * month + 2) / 5 + 1;
    let (month, next) = if month < 10 { (month + 3, 0) } else { (month - 9, 1) };
    (era * 400 + year + next, month, day_of_month)
}

#[cfg(test)]
mod tests {
    use super::timestamp;

    /// MTA-9.
    #[test]
    fn timestamps_are_iso_8601_with_milliseconds() {
        let cases = [
            (0, "1970-01-01T00:00:00.000Z"),
            (951_782_400_000, "2000-02-29T00:00:00.000Z"),
            (951_868_799_999, "2000-02-29T23:59:59.999Z"),
            (1_795_341_031_409, "2026-11-22T09:50:31.409Z"),
            (4_107_542_400_000, "2100-03-01T00:00:00.000Z"),
            (u64::MAX, "9999-12-31T23:59:59.999Z"),
        ];
        for (unix_ms, text) in cases {
            assert_eq!(timestamp(&mut [0; 24], unix_ms), text);
        }
    }
}
