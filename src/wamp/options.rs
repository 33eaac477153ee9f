//! Typed Options and Details.
//!
//! A key the router does not know is ignored and never forwarded (GEN-3); a known key of the wrong type or outside
//! its set is a protocol violation, `null` counts as absent (GEN-4, D-38). What is rare lives in a box, so that the
//! options of an ordinary call cost no allocation and few bytes.

use std::borrow::Cow;

use super::{Features, Id, Invoke, Policy};

/// Keys a router copies from one peer to the other without looking: payload passthru (PPT-1), autobahn's transparent
/// payload (PPT-6) and the transaction hash (EXT-2).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Passthru<'a> {
    /// `ppt_scheme`; non-empty switches passthru mode on.
    pub ppt_scheme: Option<Cow<'a, str>>,
    /// `ppt_serializer`.
    pub ppt_serializer: Option<Cow<'a, str>>,
    /// `ppt_cipher`.
    pub ppt_cipher: Option<Cow<'a, str>>,
    /// `ppt_keyid`.
    pub ppt_keyid: Option<Cow<'a, str>>,
    /// `enc_algo`; present switches transparent payload on.
    pub enc_algo: Option<Cow<'a, str>>,
    /// `enc_key`.
    pub enc_key: Option<Cow<'a, str>>,
    /// `enc_serializer`.
    pub enc_serializer: Option<Cow<'a, str>>,
    /// `transaction_hash`.
    pub transaction_hash: Option<Cow<'a, str>>,
}

/// HELLO.Details (SES-2, SES-9).
#[derive(Clone, Debug, Default)]
pub struct HelloDetails<'a> {
    /// How many of the four client roles were announced: at least one is needed.
    pub roles: usize,
    /// The announced features of all roles.
    pub features: Features,
    /// `authmethods` in the client's order; `None` if absent.
    pub authmethods: Option<Vec<Cow<'a, str>>>,
    /// `authid` asked for.
    pub authid: Option<Cow<'a, str>>,
    /// `authrole` asked for.
    pub authrole: Option<Cow<'a, str>>,
    /// `agent`.
    pub agent: Option<Cow<'a, str>>,
    /// `authextra` as one encoded map, or empty.
    pub authextra: &'a [u8],
}

/// WELCOME.Details (SES-6, SES-7). The roles and features follow from the realm.
#[derive(Clone, Debug)]
pub struct WelcomeDetails<'a> {
    /// The realm joined.
    pub realm: &'a str,
    /// The identity given.
    pub authid: &'a str,
    /// The role given.
    pub authrole: &'a str,
    /// The method used.
    pub authmethod: &'a str,
    /// Who vouches.
    pub authprovider: &'a str,
    /// The router's name and version.
    pub agent: &'a str,
    /// Feature keys of role `broker`, all true.
    pub broker_features: &'a [&'a str],
    /// Feature keys of role `dealer`, all true.
    pub dealer_features: &'a [&'a str],
}

/// The six receiver lists of PUBLISH (SEL-2, SEL-3). An empty list present is not a list absent (SEL-5).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Selection<'a> {
    /// `exclude`.
    pub exclude: Option<Vec<Id>>,
    /// `exclude_authid`.
    pub exclude_authid: Option<Vec<Cow<'a, str>>>,
    /// `exclude_authrole`.
    pub exclude_authrole: Option<Vec<Cow<'a, str>>>,
    /// `eligible`.
    pub eligible: Option<Vec<Id>>,
    /// `eligible_authid`.
    pub eligible_authid: Option<Vec<Cow<'a, str>>>,
    /// `eligible_authrole`.
    pub eligible_authrole: Option<Vec<Cow<'a, str>>>,
}

/// PUBLISH.Options.
#[derive(Clone, Debug, Default)]
pub struct PublishOptions<'a> {
    /// `acknowledge` (PUB-7).
    pub acknowledge: bool,
    /// `exclude_me`, absent means true (SEL-1).
    pub exclude_me: Option<bool>,
    /// `disclose_me` (PID-1).
    pub disclose_me: bool,
    /// `retain` (RET-1).
    pub retain: bool,
    /// The receiver lists, where any is present.
    pub selection: Option<Box<Selection<'a>>>,
    /// What is copied to the EVENT.
    pub passthru: Option<Box<Passthru<'a>>>,
}

/// SUBSCRIBE.Options.
#[derive(Clone, Copy, Debug, Default)]
pub struct SubscribeOptions {
    /// `match` (PAT-1).
    pub policy: Policy,
    /// `get_retained` (RET-2).
    pub get_retained: bool,
}

/// CALL.Options.
#[derive(Clone, Debug, Default)]
pub struct CallOptions<'a> {
    /// `timeout`, 0 for none (TMO-1); milliseconds, unless the realm says otherwise.
    pub timeout: u64,
    /// `receive_progress` (PRG-1).
    pub receive_progress: bool,
    /// `progress` (PRI-1).
    pub progress: bool,
    /// `disclose_me` (CID-1).
    pub disclose_me: bool,
    /// What is copied to the INVOCATION.
    pub passthru: Option<Box<Passthru<'a>>>,
}

/// CANCEL.Options.mode (CAN-1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CancelMode {
    /// Answer the caller at once, tell the callee nothing.
    Skip,
    /// Interrupt the callee and pass its answer on.
    Kill,
    /// Answer the caller at once and interrupt the callee.
    KillNoWait,
}

impl CancelMode {
    /// The word on the wire.
    pub const fn as_str(self) -> &'static str {
        match self {
            CancelMode::Skip => "skip",
            CancelMode::Kill => "kill",
            CancelMode::KillNoWait => "killnowait",
        }
    }
}

/// REGISTER.Options.
#[derive(Clone, Copy, Debug, Default)]
pub struct RegisterOptions {
    /// `match` (RPP-1).
    pub policy: Policy,
    /// `invoke` (SHR-1).
    pub invoke: Invoke,
    /// `concurrency`, at least 1; `None` for no limit (LIM-1).
    pub concurrency: Option<u32>,
    /// `force_reregister` (LIM-5).
    pub force_reregister: bool,
    /// `disclose_caller` (CID-2).
    pub disclose_caller: bool,
    /// `forward_timeout` (TMO-2).
    pub forward_timeout: bool,
}

/// YIELD.Options.
#[derive(Clone, Debug, Default)]
pub struct YieldOptions<'a> {
    /// `progress` (PRG-1).
    pub progress: bool,
    /// What is copied to the RESULT.
    pub passthru: Option<Box<Passthru<'a>>>,
}

/// A session named to another: `caller*`, `publisher*` or `callee*` keys (CID-1, PID-1, RPC-12).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Disclosure<'a> {
    /// The session's id.
    pub session: Id,
    /// Its authid.
    pub authid: &'a str,
    /// Its authrole.
    pub authrole: &'a str,
}

/// INVOCATION.Details.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct InvocationDetails<'a> {
    /// `procedure`: the URI called, for pattern registrations only (RPP-6).
    pub procedure: Option<&'a str>,
    /// `caller`, `caller_authid`, `caller_authrole` (CID-1).
    pub caller: Option<Disclosure<'a>>,
    /// `receive_progress` (PRG-1).
    pub receive_progress: bool,
    /// `progress` (PRI-1).
    pub progress: bool,
    /// `timeout` as the caller gave it, where the callee runs it (TMO-2).
    pub timeout: Option<u64>,
    /// Copied from the CALL.
    pub passthru: Option<&'a Passthru<'a>>,
}

/// RESULT.Details.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct ResultDetails<'a> {
    /// `progress` (PRG-1).
    pub progress: bool,
    /// `callee`, `callee_authid`, `callee_authrole`, where the realm says so (RPC-12).
    pub callee: Option<Disclosure<'a>>,
    /// Copied from the YIELD.
    pub passthru: Option<&'a Passthru<'a>>,
}

/// EVENT.Details.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct EventDetails<'a> {
    /// `topic`: the URI published to, for pattern subscriptions only (PAT-6).
    pub topic: Option<&'a str>,
    /// `publisher`, `publisher_authid`, `publisher_authrole` (PID-1).
    pub publisher: Option<Disclosure<'a>>,
    /// `retained` (RET-3).
    pub retained: bool,
    /// Copied from the PUBLISH.
    pub passthru: Option<&'a Passthru<'a>>,
}

/// INTERRUPT.Options (CAN-6).
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct InterruptDetails<'a> {
    /// `mode`: kill or killnowait.
    pub mode: CancelMode,
    /// `reason`, a URI.
    pub reason: Option<&'a str>,
}

/// Details of a revocation: UNREGISTERED or UNSUBSCRIBED with request 0 (LIM-7, PSX-2).
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Revocation<'a> {
    /// The registration or subscription that ended.
    pub id: Id,
    /// `reason`, always a URI (D-36).
    pub reason: &'a str,
}
