//! URIs: which strings are URIs, and which belong to the router.
//!
//! Spec: "URIs" (basic profile), "Strict/Loose URI check"; rows URI-1 to URI-12. A URI stays a `&str` on its way
//! through the router; these checks stand where one enters.

use super::Policy;

/// Which characters a component may hold (URI-2, URI-5).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Strictness {
    /// Anything but white space, `.` and `#`.
    #[default]
    Loose,
    /// Lower-case ASCII letters, digits and `_`.
    Strict,
}

/// What a URI may be in this realm.
#[derive(Clone, Copy, Debug)]
pub struct Rules {
    /// Which characters a component may hold.
    pub strictness: Strictness,
    /// Longest URI in bytes.
    pub max_length: usize,
    /// Most components in one URI.
    pub max_components: usize,
}

impl Default for Rules {
    fn default() -> Rules {
        Rules { strictness: Strictness::Loose, max_length: 4096, max_components: 1024 }
    }
}

impl Rules {
    /// Whether `uri` is valid under `policy`: exact allows no empty component, prefix an empty last one (also the
    /// whole string), wildcard any (URI-7).
    pub fn allow(&self, uri: &str, policy: Policy) -> bool {
        let octets = uri.as_bytes();
        if octets.len() > self.max_length {
            return false;
        }
        // Walks without a branch, which compilers turn into vector code, as this stands in the way of every request.
        let foreign = match self.strictness {
            Strictness::Strict => any(octets, |octet| octet != b'.' && !strict(octet)),
            Strictness::Loose => any(octets, |octet| octet == b'#' || ascii_space(octet)),
        };
        if foreign || self.is_deep(octets) || !(uri.is_ascii() || uri.chars().all(|c| !c.is_whitespace())) {
            return false;
        }
        let last_empty = octets.last().is_none_or(|&octet| octet == b'.');
        match policy {
            Policy::Exact => !last_empty && !empty_before_last(octets),
            Policy::Prefix => !empty_before_last(octets),
            Policy::Wildcard => true,
        }
    }

    /// Whether there are too many components. So short is almost every URI that it cannot have them.
    fn is_deep(&self, octets: &[u8]) -> bool {
        let dots = || octets.iter().filter(|&&octet| octet == b'.').count();
        octets.len() >= self.max_components && dots() >= self.max_components
    }
}

/// Whether `is` holds for any octet; all are asked.
#[inline]
fn any(octets: &[u8], is: impl Fn(u8) -> bool) -> bool {
    octets.iter().fold(0, |found, &octet| found | u8::from(is(octet))) != 0
}

/// Whether a component other than the last is empty.
fn empty_before_last(octets: &[u8]) -> bool {
    let next = octets.get(1..).unwrap_or_default();
    let doubled = octets.iter().zip(next).fold(0, |found, (&a, &b)| found | u8::from((a == b'.') & (b == b'.')));
    doubled != 0 || octets.first() == Some(&b'.')
}

/// What the strict check lets stand in a component.
fn strict(octet: u8) -> bool {
    matches!(octet, b'a'..=b'z' | b'0'..=b'9' | b'_')
}

/// ASCII white space as the specification's `\s` has it, which counts the four information separators in.
fn ascii_space(byte: u8) -> bool {
    matches!(byte, b'\t'..=b'\r' | 0x1c..=0x1f | b' ')
}

/// Whether `uri` lies in the router's own name space: `wamp` or `wamp.*` (URI-11, URI-12).
#[inline]
pub fn is_reserved(uri: &str) -> bool {
    uri.strip_prefix("wamp").is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
}

#[cfg(test)]
mod tests {
    use super::{Rules, Strictness, is_reserved};
    use crate::wamp::Policy::{Exact, Prefix, Wildcard};

    /// URI-2, URI-3, URI-4, URI-7.
    #[test]
    fn empty_components_are_allowed_by_policy() {
        let rules = Rules::default();
        let cases = [
            ("com.myapp", true, true, true),
            ("Com.X-y", true, true, true),
            ("com.", false, true, true),
            ("", false, true, true),
            (".", false, false, true),
            ("a..b", false, false, true),
            (".a", false, false, true),
        ];
        for (uri, exact, prefix, wildcard) in cases {
            assert_eq!(rules.allow(uri, Exact), exact, "exact {uri:?}");
            assert_eq!(rules.allow(uri, Prefix), prefix, "prefix {uri:?}");
            assert_eq!(rules.allow(uri, Wildcard), wildcard, "wildcard {uri:?}");
        }
    }

    /// URI-6, URI-8.
    #[test]
    fn white_space_and_hash_are_never_allowed() {
        let rules = Rules::default();
        for uri in ["a b", "a#", "a\n", "a\u{a0}b", "a\u{2028}", "\u{1c}", "ä\u{1f}"] {
            assert!(!rules.allow(uri, Wildcard), "{uri:?}");
        }
        assert!(rules.allow("größe.日本", Exact));
    }

    /// URI-5, URI-6.
    #[test]
    fn strict_check_and_limits() {
        let strict = Rules { strictness: Strictness::Strict, max_length: 10, max_components: 3 };
        assert!(strict.allow("a_1.b.c", Exact));
        assert!(!strict.allow("A.b", Exact));
        assert!(!strict.allow("a.b.c.d", Exact));
        assert!(!strict.allow("aaaaaaaaaaa", Exact));
    }

    /// URI-11, URI-12.
    #[test]
    fn the_first_component_wamp_is_the_routers() {
        assert!(is_reserved("wamp") && is_reserved("wamp.") && is_reserved("wamp.session.count"));
        assert!(!is_reserved("wampire.x") && !is_reserved("com.wamp"));
    }
}
