//! Log lines on standard error: one line each, `TIME LEVEL message key=value`.
//!
//! What a peer sends never breaks a line: control characters are escaped. Rates are the business of who logs.

use std::io::Write;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use log::{LevelFilter, Log, Metadata, Record};

struct Lines;

/// Logs from now on up to `level`, and panics as errors. A second call only changes the level.
pub fn install(level: LevelFilter) {
    log::set_max_level(level);
    if log::set_logger(&Lines).is_ok() {
        std::panic::set_hook(Box::new(|panic| log::error!("fault of the router: {panic}")));
    }
}

impl Log for Lines {
    fn enabled(&self, _: &Metadata<'_>) -> bool {
        true
    }

    fn log(&self, record: &Record<'_>) {
        let since_epoch = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let line = line(since_epoch, record);
        // Where standard error is gone there is nobody to tell.
        let _ = std::io::stderr().write_all(line.as_bytes());
    }

    fn flush(&self) {}
}

fn line(since_epoch: Duration, record: &Record<'_>) -> String {
    let mut line = format!("{} {:<5} ", timestamp(since_epoch), record.level());
    for character in record.args().to_string().chars() {
        match character {
            control if control.is_control() => line.extend(control.escape_default()),
            other => line.push(other),
        }
    }
    line.push('\n');
    line
}

/// The time in UTC, to the millisecond, as RFC 3339 has it.
fn timestamp(since_epoch: Duration) -> String {
    let seconds = since_epoch.as_secs();
    let (year, month, day) = date(seconds / 86_400);
    let (hour, minute, second) = (seconds / 3600 % 24, seconds / 60 % 60, seconds % 60);
    let milliseconds = since_epoch.subsec_millis();
    format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}.{milliseconds:03}Z")
}

/// Year, month and day of a number of days since 1970-01-01. Years are counted from March, so that a leap day is the
/// last of its year; 719468 days lie between 0000-03-01 and 1970-01-01.
fn date(days: u64) -> (u64, u64, u64) {
    let days = days + 719_468;
    let (era, day_of_era) = (days / 146_097, days % 146_097);
    let year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month_from_march = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * month_from_march + 2) / 5 + 1;
    let month = if month_from_march < 10 { month_from_march + 3 } else { month_from_march - 9 };
    (era * 400 + year_of_era + u64::from(month <= 2), month, day)
}

#[cfg(test)]
mod tests {
    use super::{date, line, timestamp};
    use std::time::Duration;

    #[test]
    fn days_become_dates() {
        assert_eq!(date(0), (1970, 1, 1));
        assert_eq!(date(11_016), (2000, 2, 29));
        assert_eq!(date(11_017), (2000, 3, 1));
        assert_eq!(date(20_453), (2025, 12, 31));
        assert_eq!(date(20_454), (2026, 1, 1));
        assert_eq!(timestamp(Duration::from_millis(951_827_696_789)), "2000-02-29T12:34:56.789Z");
    }

    #[test]
    fn a_message_stays_on_its_line() {
        let record = log::Record::builder().level(log::Level::Warn).args(format_args!("a=\"x\ny\u{7}\"")).build();
        assert_eq!(line(Duration::ZERO, &record), "1970-01-01T00:00:00.000Z WARN  a=\"x\\ny\\u{7}\"\n");
    }
}
