//! The dicts in which answers and events describe a registration or a subscription.

use crate::codec::Writer;
use crate::wamp::{Id, Invoke, Policy};

/// `{"id", "created", "uri", "match", "invoke"}` (RMA-1, RMA-12).
pub(super) fn write_registration(
    writer: &mut Writer<'_>,
    id: Id,
    created: &Timestamp,
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
pub(super) fn write_subscription(writer: &mut Writer<'_>, id: Id, created: &Timestamp, uri: &str, policy: Policy) {
    writer.begin_map(4);
    write_identity(writer, id, created, uri, policy);
    writer.end_map();
}

fn write_identity(writer: &mut Writer<'_>, id: Id, created: &Timestamp, uri: &str, policy: Policy) {
    writer.text("id");
    writer.uint(id.get());
    writer.text("created");
    writer.text(&created.text);
    writer.text("uri");
    writer.text(uri);
    writer.text("match");
    writer.text(policy.as_str());
}

/// A moment in ISO 8601, UTC with milliseconds, as `2026-11-22T09:50:31.409Z` (MTA-9). Years end with 9999.
pub(super) struct Timestamp {
    /// Milliseconds since the epoch.
    pub(super) unix_ms: u64,
    text: String,
}

impl Timestamp {
    pub(super) fn new(unix_ms: u64) -> Timestamp {
        const LAST: u64 = 253_402_300_799_999;
        let ms = unix_ms.min(LAST);
        let (year, month, day) = date(ms / 86_400_000);
        let (seconds, ms) = (ms / 1000 % 86_400, ms % 1000);
        let (hour, minute, second) = (seconds / 3600, seconds / 60 % 60, seconds % 60);
        let text = format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}.{ms:03}Z");
        Timestamp { unix_ms, text }
    }
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
    use super::Timestamp;

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
            assert_eq!(Timestamp::new(unix_ms).text, text);
        }
    }
}
