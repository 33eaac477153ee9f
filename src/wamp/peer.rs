//! Who joined.

use std::sync::Arc;

use super::Encoding;

/// The features a client announced in HELLO, as a set of flags (section 8 of the feature rows). Absent is false.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Features(u32);

macro_rules! features {
    ($($(#[$doc:meta])* $name:ident = $bit:expr, $role:literal, $key:literal;)*) => {
        impl Features {
            $($(#[$doc])* pub const $name: Features = Features(1 << $bit);)*

            /// Every feature the router takes note of: (role, key under `features`, flag).
            pub const KNOWN: &'static [(&'static str, &'static str, Features)] =
                &[$(($role, $key, Features::$name)),*];
        }
    };
}

features! {
    /// The caller takes progressive results.
    CALLER_PROGRESSIVE_RESULTS = 0, "caller", "progressive_call_results";
    /// The caller sends progressive calls.
    CALLER_PROGRESSIVE_INVOCATIONS = 1, "caller", "progressive_call_invocations";
    /// The caller cancels calls.
    CALLER_CANCELING = 2, "caller", "call_canceling";
    /// The caller uses payload passthru.
    CALLER_PASSTHRU = 3, "caller", "payload_passthru_mode";
    /// The callee yields progressive results.
    CALLEE_PROGRESSIVE_RESULTS = 4, "callee", "progressive_call_results";
    /// The callee takes progressive invocations.
    CALLEE_PROGRESSIVE_INVOCATIONS = 5, "callee", "progressive_call_invocations";
    /// The callee takes INTERRUPT.
    CALLEE_CANCELING = 6, "callee", "call_canceling";
    /// The callee runs timeouts itself.
    CALLEE_TIMEOUT = 7, "callee", "call_timeout";
    /// The callee uses payload passthru.
    CALLEE_PASSTHRU = 8, "callee", "payload_passthru_mode";
    /// The callee understands UNREGISTERED with request 0.
    CALLEE_REVOCATION = 9, "callee", "registration_revocation";
    /// The callee hands calls back with `wamp.error.unavailable`.
    CALLEE_REROUTE = 10, "callee", "call_reroute";
    /// The publisher uses payload passthru.
    PUBLISHER_PASSTHRU = 11, "publisher", "payload_passthru_mode";
    /// The subscriber understands UNSUBSCRIBED with request 0.
    SUBSCRIBER_REVOCATION = 12, "subscriber", "subscription_revocation";
    /// The subscriber uses payload passthru.
    SUBSCRIBER_PASSTHRU = 13, "subscriber", "payload_passthru_mode";
}

impl Features {
    /// Whether every flag of `other` is set.
    pub const fn has(self, other: Features) -> bool {
        self.0 & other.0 == other.0
    }

    /// Sets the flags of `other`.
    pub fn insert(&mut self, other: Features) {
        self.0 |= other.0;
    }
}

/// A client that has proved who it is, as the realm will know it (SES-7, SSM-1).
#[derive(Clone, Debug)]
pub struct Peer {
    /// The encoding of its connection.
    pub encoding: Encoding,
    /// What it announced.
    pub features: Features,
    /// The identity it was given.
    pub authid: Arc<str>,
    /// The role it was given.
    pub authrole: Arc<str>,
    /// The method that proved the identity, as `anonymous`.
    pub authmethod: &'static str,
    /// Who vouches for it, as `static`.
    pub authprovider: &'static str,
    /// How it is connected, for session details: as `websocket` or `rawsocket`.
    pub transport: &'static str,
    /// The address it comes from, as `tcp:127.0.0.1:51234` or `unix`.
    pub address: Arc<str>,
}
