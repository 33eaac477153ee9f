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
        if uri.len() > self.max_length {
            return false;
        }
        // One walk over the octets, as this stands in the way of every request.
        let (mut components, mut empty_before_last, mut start) = (1, false, 0);
        let (mut foreign, mut ascii) = (false, true);
        for (at, octet) in uri.bytes().enumerate() {
            if octet == b'.' {
                components += 1;
                empty_before_last |= at == start;
                start = at + 1;
            } else {
                foreign |= !self.takes(octet);
                ascii &= octet.is_ascii();
            }
        }
        let last_empty = start == uri.len();
        components <= self.max_components
            && !foreign
            && (ascii || uri.chars().all(|c| !c.is_whitespace()))
            && match policy {
                Policy::Exact => !empty_before_last && !last_empty,
                Policy::Prefix => !empty_before_last,
                Policy::Wildcard => true,
            }
    }

    /// Whether an octet may stand in a component; of a character beyond ASCII, each of its octets.
    fn takes(&self, octet: u8) -> bool {
        match self.strictness {
            Strictness::Strict => matches!(octet, b'a'..=b'z' | b'0'..=b'9' | b'_'),
            Strictness::Loose => octet != b'#' && !ascii_space(octet),
        }
    }
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
