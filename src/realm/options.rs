//! What a realm is configured with.

use std::collections::HashMap;
use std::sync::Arc;

use crate::pattern::rules::RuleSet;
use crate::wamp::uri;

/// What `wamp.registration.match` answers (RMA-11, D-01).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum RegistrationMatch {
    /// The list of all that match, best first.
    #[default]
    List,
    /// The best one, or null.
    Best,
}

/// Quotas of one session (SIZ-7). A request above one is answered `wamp.error.limit_exceeded`.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Registrations it may hold.
    pub registrations: usize,
    /// Subscriptions it may hold.
    pub subscriptions: usize,
    /// Calls it may have in flight.
    pub calls: usize,
    /// Invocations that may wait for its answers.
    pub invocations: usize,
}

impl Default for Limits {
    fn default() -> Limits {
        Limits { registrations: 4_000_000, subscriptions: 4_000_000, calls: 65_536, invocations: 65_536 }
    }
}

/// The configuration of one realm.
#[derive(Clone, Debug)]
pub struct RealmOptions {
    /// Its name, as HELLO asks for it.
    pub name: String,
    /// The router's name and version, for WELCOME.
    pub agent: String,
    /// What a URI may be.
    pub uris: uri::Rules,
    /// What each role may do; a role that is not here may do nothing.
    pub roles: HashMap<String, Arc<RuleSet>>,
    /// What `wamp.registration.match` answers by default.
    pub registration_match: RegistrationMatch,
    /// Whether registration and subscription meta events carry the URI and the match policy as kwargs.
    pub meta_event_kwargs: bool,
    /// Whether a session sees only registrations and subscriptions of which its role may use the URI.
    pub meta_visibility: bool,
    /// Whether sessions may ask to be disclosed with `disclose_me` (D-12).
    pub allow_disclose_me: bool,
    /// Whether RESULTs name the callee (RPC-12, D-48).
    pub disclose_callee: bool,
    /// Whether a session that announced `subscription_revocation` is told when the router ends a subscription (D-36).
    pub notify_unsubscribed: bool,
    /// Quotas of each session.
    pub limits: Limits,
}
