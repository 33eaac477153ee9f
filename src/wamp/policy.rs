//! How a URI is matched, and who of several callees is invoked.

/// How a registration's or subscription's URI is compared with a concrete URI. Spec: "Pattern-based Registrations",
/// "Pattern-based Subscriptions" (PAT-1, RPP-1).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Policy {
    /// The whole URI, octet by octet.
    #[default]
    Exact,
    /// A plain string prefix (D-43).
    Prefix,
    /// Same number of components; an empty one stands for any one non-empty component (PAT-3).
    Wildcard,
}

impl Policy {
    /// Every policy, in the order in which answers list them.
    pub const ALL: [Policy; 3] = [Policy::Exact, Policy::Prefix, Policy::Wildcard];

    /// The word on the wire.
    pub const fn as_str(self) -> &'static str {
        match self {
            Policy::Exact => "exact",
            Policy::Prefix => "prefix",
            Policy::Wildcard => "wildcard",
        }
    }

    /// The policy for a word of the wire; `None` for any other word.
    pub fn from_wire(word: &str) -> Option<Policy> {
        Policy::ALL.into_iter().find(|policy| policy.as_str() == word)
    }
}

/// Who of the callees of a shared registration is invoked. Spec: "Shared Registration" (SHR-1).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Invoke {
    /// One callee at most.
    #[default]
    Single,
    /// In turn, in the order of joining.
    RoundRobin,
    /// Any, uniformly.
    Random,
    /// The oldest still attached.
    First,
    /// The newest still attached.
    Last,
}

impl Invoke {
    /// Every invocation policy.
    pub const ALL: [Invoke; 5] = [Invoke::Single, Invoke::RoundRobin, Invoke::Random, Invoke::First, Invoke::Last];

    /// The word on the wire.
    pub const fn as_str(self) -> &'static str {
        match self {
            Invoke::Single => "single",
            Invoke::RoundRobin => "roundrobin",
            Invoke::Random => "random",
            Invoke::First => "first",
            Invoke::Last => "last",
        }
    }

    /// The policy for a word of the wire; `None` for any other word.
    pub fn from_wire(word: &str) -> Option<Invoke> {
        Invoke::ALL.into_iter().find(|invoke| invoke.as_str() == word)
    }
}
