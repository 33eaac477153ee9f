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

/// What `timeout` of a CALL counts (TMO-1, D-10). A callee that runs it is told the number as the caller gave it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum TimeoutUnit {
    /// Milliseconds, as the specification says.
    #[default]
    Milliseconds,
    /// Seconds, as some clients were written for.
    Seconds,
}

impl TimeoutUnit {
    /// A timeout in milliseconds.
    pub(super) fn milliseconds(self, timeout: u64) -> u64 {
        match self {
            TimeoutUnit::Milliseconds => timeout,
            TimeoutUnit::Seconds => timeout.saturating_mul(1000),
        }
    }
}

/// What `wamp.session.kill_by_authrole` answers (SSM-10, D-20).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum KilledByRole {
    /// The list of the session ids, as `kill_by_authid`.
    #[default]
    List,
    /// Their number, as the specification says.
    Count,
}

/// Quotas (SIZ-7). A request above one is answered `wamp.error.limit_exceeded`.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Registrations a session may hold.
    pub registrations: usize,
    /// Subscriptions a session may hold.
    pub subscriptions: usize,
    /// Calls a session may have in flight.
    pub calls: usize,
    /// Invocations that may wait for a session's answers.
    pub invocations: usize,
    /// Registrations that all sessions of the realm together may hold.
    pub registrations_in_all: usize,
    /// Subscriptions that all sessions of the realm together may hold.
    pub subscriptions_in_all: usize,
    /// Calls that may be in flight in the realm.
    pub calls_in_all: usize,
}

impl Default for Limits {
    fn default() -> Limits {
        Limits {
            registrations: 4_000_000,
            subscriptions: 4_000_000,
            calls: 65_536,
            invocations: 65_536,
            registrations_in_all: 20_000_000,
            subscriptions_in_all: 20_000_000,
            calls_in_all: 4_000_000,
        }
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
    /// Whether only callees that announced `call_canceling` beside `progressive_call_results` give progressive results
    /// (PRG-2, D-11).
    pub progress_requires_cancel: bool,
    /// What `timeout` of a CALL counts.
    pub timeout_unit: TimeoutUnit,
    /// Whether `wamp.session.on_leave` names the session alone, without its identity and role (SSM-2, D-19).
    pub compat_on_leave: bool,
    /// What `wamp.session.kill_by_authrole` answers.
    pub kill_by_authrole: KilledByRole,
    /// Whether a session that announced `subscription_revocation` is told when the router ends a subscription (D-36).
    pub notify_unsubscribed: bool,
    /// Quotas of each session.
    pub limits: Limits,
}

impl RealmOptions {
    /// A realm of this name as the default configuration has it, and without roles: nobody may do anything.
    pub fn named(name: &str) -> RealmOptions {
        RealmOptions {
            name: name.to_owned(),
            agent: "banyan".to_owned(),
            uris: uri::Rules::default(),
            roles: HashMap::new(),
            registration_match: RegistrationMatch::default(),
            meta_event_kwargs: true,
            meta_visibility: false,
            allow_disclose_me: true,
            disclose_callee: false,
            progress_requires_cancel: false,
            timeout_unit: TimeoutUnit::default(),
            compat_on_leave: false,
            kill_by_authrole: KilledByRole::default(),
            notify_unsubscribed: true,
            limits: Limits::default(),
        }
    }
}
