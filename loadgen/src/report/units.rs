//! Numbers for people: three significant digits, a unit that fits, the same in the terminal, the tables and the pictures.
//!
//! Invariant: no function here panics or answers with more than nine characters for a value a run can reach; a value
//! that is not a number reads `–`.

/// What stands where there is no figure.
pub const NONE: &str = "–";

/// A value with three significant digits, without needless zeros after the point if `trim`.
fn digits(value: f64, trim: bool) -> String {
    let magnitude = value.abs();
    let places = match magnitude {
        m if m >= 99.95 => 0,
        m if m >= 9.995 => 1,
        _ => 2,
    };
    let text = format!("{value:.places$}");
    if trim && text.contains('.') { text.trim_end_matches('0').trim_end_matches('.').to_owned() } else { text }
}

/// The value in the largest unit of `units` (ascending factors) that keeps it at one or more.
fn scaled(value: f64, units: &[(f64, &str)], trim: bool) -> String {
    if !value.is_finite() {
        return NONE.to_owned();
    }
    // 999.6 k would read "1000 k": a value that rounds up to the next unit is shown in it.
    let fits = |factor: f64| value.abs() >= factor * 0.9995;
    let (factor, unit) = units.iter().rev().find(|(factor, _)| fits(*factor)).unwrap_or(&units[0]);
    let number = digits(value / factor, trim);
    if unit.is_empty() { number } else { format!("{number} {unit}") }
}

const TIME: [(f64, &str); 4] = [(1.0, "ns"), (1e3, "µs"), (1e6, "ms"), (1e9, "s")];
const PLAIN: [(f64, &str); 4] = [(1.0, ""), (1e3, "k"), (1e6, "M"), (1e9, "G")];
const BYTES: [(f64, &str); 4] = [(1.0, "B"), (1024.0, "KiB"), (1_048_576.0, "MiB"), (1_073_741_824.0, "GiB")];

/// A length of time given in nanoseconds: `850 ns`, `12.3 µs`, `4.56 ms`, `1.20 s`.
pub fn time(ns: f64) -> String {
    if ns == 0.0 { "0".to_owned() } else { scaled(ns, &TIME, ns.abs() < 999.5) }
}

/// The same for an axis: `10 µs`, `2.5 ms`, without zeros that say nothing.
pub fn time_tick(ns: f64) -> String {
    if ns == 0.0 { "0".to_owned() } else { scaled(ns, &TIME, true) }
}

/// A quantity: `0`, `950`, `12.3 k`, `4.56 M`.
pub fn quantity(value: f64) -> String {
    scaled(value, &PLAIN, value.abs() < 999.5)
}

/// The same for an axis: `200 k`, `1.5 M`.
pub fn quantity_tick(value: f64) -> String {
    scaled(value, &PLAIN, true)
}

/// Operations per second: `123 k/s`.
pub fn rate(per_second: f64) -> String {
    if per_second.is_finite() { format!("{}/s", quantity(per_second)) } else { NONE.to_owned() }
}

/// A rate that somebody asked for, as round as it was asked: `50 k/s`, `1.25 k/s`.
pub fn asked(per_second: f64) -> String {
    if per_second.is_finite() { format!("{}/s", quantity_tick(per_second)) } else { NONE.to_owned() }
}

/// Memory: `640 B`, `12.3 MiB`.
pub fn bytes(value: f64) -> String {
    scaled(value, &BYTES, value.abs() < 1023.5)
}

/// The same for an axis: `50 MiB`.
pub fn bytes_tick(value: f64) -> String {
    scaled(value, &BYTES, true)
}

/// An exact count with its thousands apart: `1,234,567`.
pub fn count(value: u64) -> String {
    let plain = value.to_string();
    let mut out = String::with_capacity(plain.len() + plain.len() / 3);
    for (at, digit) in plain.chars().enumerate() {
        if at > 0 && (plain.len() - at) % 3 == 0 {
            out.push(',');
        }
        out.push(digit);
    }
    out
}

/// A part of one as a percentage: `0 %`, `0.02 %`, `97.3 %`.
pub fn percent(part: f64) -> String {
    if part.is_finite() { format!("{} %", digits(part * 100.0, true)) } else { NONE.to_owned() }
}

/// A run's length in whole seconds, as a clock shows it: `12 s`, `3:05`, `1:00:00`.
pub fn clock(seconds: f64) -> String {
    if !seconds.is_finite() || seconds < 0.0 {
        return NONE.to_owned();
    }
    let whole = seconds.round() as u64;
    let (h, m, s) = (whole / 3600, whole / 60 % 60, whole % 60);
    match (h, m) {
        (0, 0) => format!("{s} s"),
        (0, _) => format!("{m}:{s:02}"),
        _ => format!("{h}:{m:02}:{s:02}"),
    }
}

/// An operation's name in the plural: `calls`, `matches`, `queries`.
pub fn plural(name: &str) -> String {
    match name {
        _ if name.ends_with("ch") || name.ends_with('s') || name.ends_with('x') => format!("{name}es"),
        _ if name.ends_with('y') => format!("{}ies", &name[..name.len() - 1]),
        "" => "operations".to_owned(),
        _ => format!("{name}s"),
    }
}

/// The name of a quantile in 0 to 1: `p50`, `p99.9`, `p99.999`.
pub fn quantile_name(quantile: f64) -> String {
    let text = format!("{:.6}", quantile * 100.0);
    format!("p{}", text.trim_end_matches('0').trim_end_matches('.'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_take_the_unit_that_fits() {
        let shown = [0.0, 850.0, 999.6, 12_340.0, 4_560_000.0, 1.2e9, 125e9].map(time);
        assert_eq!(shown, ["0", "850 ns", "1.00 µs", "12.3 µs", "4.56 ms", "1.20 s", "125 s"]);
    }

    #[test]
    fn a_value_that_rounds_up_moves_to_the_next_unit() {
        assert_eq!(time(999_950.0), "1.00 ms");
        assert_eq!(rate(999_600.0), "1.00 M/s");
        assert_eq!(quantity(99.96), "100");
        assert_eq!(quantity(9.996), "10");
    }

    #[test]
    fn quantities_have_three_digits_and_ticks_no_empty_zeros() {
        assert_eq!([0.0, 7.0, 950.0, 12_345.0, 4.56e6].map(quantity), ["0", "7", "950", "12.3 k", "4.56 M"]);
        assert_eq!([0.0, 200e3, 1.5e6].map(quantity_tick), ["0", "200 k", "1.5 M"]);
        assert_eq!([1e4, 2.5e6].map(time_tick), ["10 µs", "2.5 ms"]);
        assert_eq!([500.0, 50e3, 1250.0].map(asked), ["500/s", "50 k/s", "1.25 k/s"]);
    }

    #[test]
    fn bytes_step_by_1024() {
        assert_eq!([640.0, 1024.0, 12.3 * 1_048_576.0].map(bytes), ["640 B", "1.00 KiB", "12.3 MiB"]);
        assert_eq!(bytes_tick(50.0 * 1_048_576.0), "50 MiB");
    }

    #[test]
    fn counts_are_exact() {
        assert_eq!([0, 999, 1000, 1_234_567].map(count), ["0", "999", "1,000", "1,234,567"]);
    }

    #[test]
    fn parts_clocks_and_quantiles_read_as_said() {
        assert_eq!([0.0, 0.0002, 0.973, 1.0].map(percent), ["0 %", "0.02 %", "97.3 %", "100 %"]);
        assert_eq!([12.2, 185.0, 3600.0].map(clock), ["12 s", "3:05", "1:00:00"]);
        assert_eq!([0.5, 0.999, 0.99999].map(quantile_name), ["p50", "p99.9", "p99.999"]);
    }

    #[test]
    fn operations_have_a_plural() {
        let shown = ["call", "match", "query", "access", ""].map(plural);
        assert_eq!(shown, ["calls", "matches", "queries", "accesses", "operations"]);
    }

    #[test]
    fn what_is_no_number_reads_as_a_dash() {
        assert_eq!([time(f64::NAN), rate(f64::INFINITY), percent(f64::NAN), clock(-1.0)], [NONE; 4]);
    }
}
