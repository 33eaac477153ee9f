//! The realms of a configuration, with their roles and rules.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use toml::Spanned;

use super::{Error, Source, file};
use crate::pattern::rules::{Action, Coverage, Rule, RuleSet, starred};
use crate::realm::{KilledByRole, Limits, RealmOptions, RegistrationMatch, TimeoutUnit};
use crate::session::StrictIds;
use crate::session::auth::Methods;
use crate::shard::outbox::SlowConsumer;
use crate::shard::placement::Entry;
use crate::wamp::Policy;
use crate::wamp::uri::{self, Strictness};

/// The router's name and version, as WELCOME has it.
const AGENT: &str = concat!("Banyan-", env!("CARGO_PKG_VERSION"));
/// Bytes that may wait for one session.
const QUEUE_BYTES: usize = 16 << 20;

impl Source<'_> {
    pub(super) fn realms(&self, realms: Vec<file::Realm>) -> Result<Vec<Entry>, Error> {
        if realms.is_empty() {
            return Err(Error::of(self.name, "no [[realm]] is configured"));
        }
        let mut names = HashSet::new();
        for realm in &realms {
            if !names.insert(realm.name.get_ref()) {
                return Err(self.wrong(&realm.name, format!("realm `{}` is configured twice", realm.name.get_ref())));
            }
        }
        realms.iter().map(|realm| self.realm(realm)).collect()
    }

    fn realm(&self, realm: &file::Realm) -> Result<Entry, Error> {
        let name = realm.name.get_ref();
        if !uri::Rules::default().allow(name, Policy::Exact) || uri::is_reserved(name) {
            return Err(self.wrong(&realm.name, format!("`{name}` is no URI that a realm may have as its name")));
        }
        let roles = self.roles(realm)?;
        if let Some(role) = &realm.anonymous
            && !roles.contains_key(role.get_ref())
        {
            return Err(self.wrong(role, format!("realm `{name}` has no role `{}`", role.get_ref())));
        }
        let queue_bytes = &realm.limits.queue_bytes;
        Ok(Entry {
            methods: Methods { anonymous: realm.anonymous.as_ref().map(|role| role.get_ref().clone()) },
            strict_ids: strict_ids(realm),
            queue_bytes: self.bounded("queue_bytes", queue_bytes, QUEUE_BYTES, 1 << 16..=1 << 32)?,
            slow_consumer: match realm.limits.slow_consumer {
                Some(file::SlowConsumer::Drop) => SlowConsumer::Drop,
                Some(file::SlowConsumer::Close) | None => SlowConsumer::Close,
            },
            options: options(realm, roles),
        })
    }

    fn roles(&self, realm: &file::Realm) -> Result<HashMap<String, Arc<RuleSet>>, Error> {
        let mut roles = HashMap::new();
        for role in &realm.role {
            let rules = role.rule.iter().map(|rule| self.rule(rule)).collect::<Result<Vec<_>, _>>()?;
            let rules = RuleSet::compile(rules).with_coverage(realm.pattern_authorization.into());
            if roles.insert(role.name.get_ref().clone(), Arc::new(rules)).is_some() {
                let what = format!("role `{}` is configured twice", role.name.get_ref());
                return Err(self.wrong(&role.name, what));
            }
        }
        Ok(roles)
    }

    fn rule(&self, rule: &file::Rule) -> Result<Rule, Error> {
        let (uri, policy) = match rule.policy {
            Some(policy) => (rule.uri.get_ref().clone(), policy.into()),
            None => starred(rule.uri.get_ref()),
        };
        self.check_uri(&rule.uri, &uri, policy)?;
        let allow = rule.allow.iter().map(|&action| action.into()).collect();
        let file::Disclose { caller, publisher } = rule.disclose;
        Ok(Rule { uri, policy, allow, disclose_caller: caller, disclose_publisher: publisher })
    }

    fn check_uri(&self, at: &Spanned<String>, uri: &str, policy: Policy) -> Result<(), Error> {
        if uri::Rules::default().allow(uri, policy) {
            return Ok(());
        }
        Err(self.wrong(at, format!("`{}` is no valid URI for match = \"{}\"", at.get_ref(), policy.as_str())))
    }
}

fn options(realm: &file::Realm, roles: HashMap<String, Arc<RuleSet>>) -> RealmOptions {
    let (limits, uris) = (Limits::default(), uri::Rules::default());
    RealmOptions {
        name: realm.name.get_ref().clone(),
        agent: AGENT.to_owned(),
        uris: uri::Rules {
            strictness: match realm.uri_check {
                file::UriCheck::Loose => Strictness::Loose,
                file::UriCheck::Strict => Strictness::Strict,
            },
            max_length: realm.limits.uri_bytes.unwrap_or(uris.max_length),
            max_components: realm.limits.uri_components.unwrap_or(uris.max_components),
        },
        roles,
        registration_match: match realm.registration_match {
            Some(file::RegistrationMatch::Best) => RegistrationMatch::Best,
            Some(file::RegistrationMatch::List) => RegistrationMatch::List,
            None if realm.conformance => RegistrationMatch::Best,
            None => RegistrationMatch::default(),
        },
        meta_event_kwargs: realm.meta_event_kwargs.unwrap_or(true),
        meta_visibility: realm.meta_visibility,
        allow_disclose_me: realm.allow_disclose_me.unwrap_or(true),
        disclose_callee: realm.disclose_callee,
        progress_requires_cancel: realm.progress_requires_cancel.unwrap_or(realm.conformance),
        timeout_unit: match realm.timeout_unit {
            file::TimeoutUnit::Milliseconds => TimeoutUnit::Milliseconds,
            file::TimeoutUnit::Seconds => TimeoutUnit::Seconds,
        },
        compat_on_leave: realm.compat_on_leave,
        kill_by_authrole: match realm.kill_by_authrole {
            Some(file::KilledByRole::Count) => KilledByRole::Count,
            Some(file::KilledByRole::List) => KilledByRole::List,
            None if realm.conformance => KilledByRole::Count,
            None => KilledByRole::default(),
        },
        notify_unsubscribed: realm.notify_unsubscribed.unwrap_or(true),
        limits: Limits {
            registrations: realm.limits.registrations.unwrap_or(limits.registrations),
            subscriptions: realm.limits.subscriptions.unwrap_or(limits.subscriptions),
            calls: realm.limits.calls.unwrap_or(limits.calls),
            invocations: realm.limits.invocations.unwrap_or(limits.invocations),
            registrations_in_all: realm.limits.registrations_in_all.unwrap_or(limits.registrations_in_all),
            subscriptions_in_all: realm.limits.subscriptions_in_all.unwrap_or(limits.subscriptions_in_all),
            calls_in_all: realm.limits.calls_in_all.unwrap_or(limits.calls_in_all),
        },
    }
}

fn strict_ids(realm: &file::Realm) -> StrictIds {
    match realm.strict_ids {
        Some(file::StrictIds::Off) => StrictIds::Off,
        Some(file::StrictIds::Warn) => StrictIds::Warn,
        Some(file::StrictIds::Abort) => StrictIds::Abort,
        None if realm.conformance => StrictIds::Abort,
        None => StrictIds::default(),
    }
}

impl From<file::PatternAuthorization> for Coverage {
    fn from(authorization: file::PatternAuthorization) -> Coverage {
        match authorization {
            file::PatternAuthorization::Cover => Coverage::Cover,
            file::PatternAuthorization::Literal => Coverage::Literal,
        }
    }
}

impl From<file::Policy> for Policy {
    fn from(policy: file::Policy) -> Policy {
        match policy {
            file::Policy::Exact => Policy::Exact,
            file::Policy::Prefix => Policy::Prefix,
            file::Policy::Wildcard => Policy::Wildcard,
        }
    }
}

impl From<file::Action> for Action {
    fn from(action: file::Action) -> Action {
        match action {
            file::Action::Call => Action::Call,
            file::Action::Register => Action::Register,
            file::Action::Subscribe => Action::Subscribe,
            file::Action::Publish => Action::Publish,
        }
    }
}
