//! The configuration file, key by key. What stands here is the form; what the keys mean is in `default.toml`.

use serde::Deserialize;
use toml::Spanned;

/// The whole file.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct File {
    pub(super) server: Server,
    pub(super) limits: Limits,
    pub(super) tcp: Tcp,
    pub(super) websocket: WebSocket,
    pub(super) rawsocket: RawSocket,
    pub(super) realm: Vec<Realm>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct Server {
    pub(super) listen: Option<Vec<Spanned<String>>>,
    pub(super) workers: Option<Spanned<usize>>,
    pub(super) grace_seconds: Option<Spanned<usize>>,
    pub(super) log: Option<Spanned<String>>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct Limits {
    pub(super) connections: Option<usize>,
    pub(super) unauthenticated: Option<usize>,
    pub(super) message_bytes: Option<Spanned<usize>>,
    pub(super) receiving_bytes: Option<Spanned<usize>>,
    pub(super) queued_bytes: Option<Spanned<usize>>,
    pub(super) nesting: Option<Spanned<usize>>,
    pub(super) http_head_bytes: Option<Spanned<usize>>,
    pub(super) handshake_seconds: Option<Spanned<usize>>,
    pub(super) hello_seconds: Option<Spanned<usize>>,
    pub(super) close_seconds: Option<Spanned<usize>>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct Tcp {
    pub(super) nodelay: Option<bool>,
    pub(super) keepalive_seconds: Option<Spanned<usize>>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct WebSocket {
    pub(super) enabled: Option<bool>,
    pub(super) allowed_origins: Option<Vec<String>>,
    pub(super) assume_json: Option<bool>,
    pub(super) ping_seconds: Option<Spanned<usize>>,
    pub(super) ping_timeout_seconds: Option<Spanned<usize>>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct RawSocket {
    pub(super) enabled: Option<bool>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Realm {
    pub(super) name: Spanned<String>,
    pub(super) registration_match: Option<RegistrationMatch>,
    pub(super) strict_ids: Option<StrictIds>,
    #[serde(default)]
    pub(super) uri_check: UriCheck,
    pub(super) meta_event_kwargs: Option<bool>,
    #[serde(default)]
    pub(super) meta_visibility: bool,
    pub(super) allow_disclose_me: Option<bool>,
    #[serde(default)]
    pub(super) disclose_callee: bool,
    pub(super) notify_unsubscribed: Option<bool>,
    pub(super) progress_requires_cancel: Option<bool>,
    #[serde(default)]
    pub(super) timeout_unit: TimeoutUnit,
    #[serde(default)]
    pub(super) pattern_authorization: PatternAuthorization,
    #[serde(default)]
    pub(super) compat_on_leave: bool,
    pub(super) kill_by_authrole: Option<KilledByRole>,
    #[serde(default)]
    pub(super) conformance: bool,
    pub(super) anonymous: Option<Spanned<String>>,
    #[serde(default)]
    pub(super) limits: RealmLimits,
    #[serde(default)]
    pub(super) role: Vec<Role>,
}

#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum RegistrationMatch {
    List,
    Best,
}

#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum StrictIds {
    Off,
    Warn,
    Abort,
}

#[derive(Clone, Copy, Debug, Default, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum UriCheck {
    #[default]
    Loose,
    Strict,
}

#[derive(Clone, Copy, Debug, Default, Deserialize)]
pub(super) enum TimeoutUnit {
    #[default]
    #[serde(rename = "ms")]
    Milliseconds,
    #[serde(rename = "s")]
    Seconds,
}

#[derive(Clone, Copy, Debug, Default, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum PatternAuthorization {
    #[default]
    Cover,
    Literal,
}

#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum KilledByRole {
    List,
    Count,
}

#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum SlowConsumer {
    Close,
    Drop,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct RealmLimits {
    pub(super) registrations: Option<usize>,
    pub(super) subscriptions: Option<usize>,
    pub(super) calls: Option<usize>,
    pub(super) invocations: Option<usize>,
    pub(super) registrations_in_all: Option<usize>,
    pub(super) subscriptions_in_all: Option<usize>,
    pub(super) calls_in_all: Option<usize>,
    pub(super) uri_bytes: Option<usize>,
    pub(super) uri_components: Option<usize>,
    pub(super) queue_bytes: Option<Spanned<usize>>,
    pub(super) slow_consumer: Option<SlowConsumer>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Role {
    pub(super) name: Spanned<String>,
    #[serde(default)]
    pub(super) rule: Vec<Rule>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Rule {
    pub(super) uri: Spanned<String>,
    #[serde(rename = "match")]
    pub(super) policy: Option<Policy>,
    #[serde(default)]
    pub(super) allow: Vec<Action>,
    #[serde(default)]
    pub(super) disclose: Disclose,
}

#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Policy {
    Exact,
    Prefix,
    Wildcard,
}

#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Action {
    Call,
    Register,
    Subscribe,
    Publish,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct Disclose {
    pub(super) caller: bool,
    pub(super) publisher: bool,
}
