//! The URIs of registrations made in bulk: 40 octets, several components, a number at the end.

use crate::args::Kind;

/// Digits of the number.
const DIGITS: usize = 9;
/// Registrations under one component in the middle.
const PER_TENANT: u64 = 1000;

/// Makes URIs and reads their numbers.
#[derive(Clone, Debug)]
pub struct Uris {
    prefix: String,
    kind: Kind,
    invoke: String,
    count: u64,
}

impl Uris {
    /// `count` URIs, below 10^9, that begin with `prefix`. `invoke`: of a shared registration.
    pub fn new(prefix: &str, kind: Kind, invoke: &str, count: u64) -> Uris {
        let invoke = if kind == Kind::Shared { invoke } else { "single" };
        Uris { prefix: prefix.to_owned(), kind, invoke: invoke.to_owned(), count }
    }

    /// How many there are.
    pub fn count(&self) -> u64 {
        self.count
    }

    /// Their match policy and invocation rule, as meta events spell them.
    pub fn policy(&self) -> (&str, &str) {
        let policy = match self.kind {
            Kind::Exact | Kind::Shared => "exact",
            Kind::Prefix => "prefix",
            Kind::Wildcard => "wildcard",
        };
        (policy, &self.invoke)
    }

    /// The URI or pattern of a number.
    pub fn uri(&self, number: u64) -> String {
        let mut uri = String::with_capacity(self.prefix.len() + 24);
        self.write(number, &mut uri);
        uri
    }

    /// Appends the URI or pattern of a number; cheaper than a format where there are millions.
    pub fn write(&self, number: u64, out: &mut String) {
        out.push_str(&self.prefix);
        out.push_str(".t");
        digits(number / PER_TENANT, 3, out);
        out.push_str(if self.kind == Kind::Wildcard { "..i" } else { ".svc.i" });
        digits(number, DIGITS, out);
    }

    /// A URI that the pattern of a number matches.
    pub fn called(&self, number: u64) -> String {
        let uri = self.uri(number);
        match self.kind {
            Kind::Exact | Kind::Shared => uri,
            Kind::Prefix => uri + ".get",
            Kind::Wildcard => uri.replace("..", ".any."),
        }
    }

    /// The number of a URI or pattern; `None` if it is none of these.
    #[inline]
    pub fn number(&self, uri: &[u8]) -> Option<u32> {
        let digits = uri.strip_prefix(self.prefix.as_bytes())?.last_chunk::<DIGITS>()?;
        let value = |sum: u64, digit: &u8| digit.is_ascii_digit().then(|| sum * 10 + u64::from(digit - b'0'));
        let number = digits.iter().try_fold(0, value)?;
        (number < self.count).then_some(number as u32)
    }
}

/// Appends a number with at least that many digits, at most 20.
fn digits(mut number: u64, least: usize, out: &mut String) {
    let mut digits = [b'0'; 20];
    let mut at = digits.len();
    while number > 0 || digits.len() - at < least {
        at -= 1;
        digits[at] = b'0' + (number % 10) as u8;
        number /= 10;
    }
    out.extend(digits[at..].iter().map(|&digit| char::from(digit)));
}

#[cfg(test)]
mod tests {
    use super::Uris;
    use crate::args::Kind;

    #[test]
    fn numbers_come_back() {
        for kind in [Kind::Exact, Kind::Shared, Kind::Prefix, Kind::Wildcard] {
            let uris = Uris::new("com.loadgen.r1234567", kind, "random", 1_000_000);
            for number in [0, 1, 999, 1000, 999_999] {
                assert_eq!(uris.number(uris.uri(number).as_bytes()), Some(number as u32));
            }
            assert_eq!(uris.number(b"com.loadgen.r1234567.t000.svc.i001000000"), None);
            assert_eq!(uris.number(b"com.other.t000.svc.i000000001"), None);
        }
        let uris = Uris::new("com.loadgen.r1234567", Kind::Exact, "", 1);
        assert_eq!(uris.uri(0), "com.loadgen.r1234567.t000.svc.i000000000");
        assert_eq!(uris.uri(12_345_678), "com.loadgen.r1234567.t12345.svc.i012345678");
    }
}
