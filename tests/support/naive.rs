//! Matching by the sentences of the specification (PAT-2, PAT-3), as naive twins have it.

use banyan::wamp::Policy;

/// Whether a URI matches a pattern.
pub fn applies(policy: Policy, pattern: &str, uri: &str) -> bool {
    match policy {
        Policy::Exact => pattern == uri,
        Policy::Prefix => uri.starts_with(pattern),
        Policy::Wildcard => {
            pattern.split('.').count() == uri.split('.').count()
                && pattern
                    .split('.')
                    .zip(uri.split('.'))
                    .all(|(p, u)| if p.is_empty() { !u.is_empty() } else { p == u })
        }
    }
}
