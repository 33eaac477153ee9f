//! Options and Details of what routers send.

use crate::codec::token::Emit;
use crate::wamp::{
    Disclosure, EventDetails, InterruptDetails, InvocationDetails, Passthru, ResultDetails, WelcomeDetails,
};

/// The keys under which one session is named to another.
type DisclosureKeys = [&'static str; 3];

const CALLER: DisclosureKeys = ["caller", "caller_authid", "caller_authrole"];
const CALLEE: DisclosureKeys = ["callee", "callee_authid", "callee_authrole"];
const PUBLISHER: DisclosureKeys = ["publisher", "publisher_authid", "publisher_authrole"];

/// INVOCATION.Details.
#[inline]
pub(super) fn invocation<E: Emit>(details: &InvocationDetails<'_>, emit: &mut E) {
    let flags = usize::from(details.receive_progress) + usize::from(details.progress);
    let own = usize::from(details.procedure.is_some()) + flags + usize::from(details.timeout.is_some());
    let len = own + disclosed(details.caller) + copied(details.passthru);
    if len == 0 {
        return empty(emit);
    }
    emit.begin_map(len);
    optional_text("procedure", details.procedure, emit);
    disclose(CALLER, details.caller, emit);
    flag("receive_progress", details.receive_progress, emit);
    flag("progress", details.progress, emit);
    if let Some(timeout) = details.timeout {
        emit.key("timeout");
        emit.uint(timeout);
    }
    copy(details.passthru, emit);
    emit.end_map();
}

/// RESULT.Details.
#[inline]
pub(super) fn result<E: Emit>(details: &ResultDetails<'_>, emit: &mut E) {
    let len = usize::from(details.progress) + disclosed(details.callee) + copied(details.passthru);
    if len == 0 {
        return empty(emit);
    }
    emit.begin_map(len);
    flag("progress", details.progress, emit);
    disclose(CALLEE, details.callee, emit);
    copy(details.passthru, emit);
    emit.end_map();
}

/// EVENT.Details.
#[inline]
pub(super) fn event<E: Emit>(details: &EventDetails<'_>, emit: &mut E) {
    let own = usize::from(details.topic.is_some()) + usize::from(details.retained);
    let len = own + disclosed(details.publisher) + copied(details.passthru);
    if len == 0 {
        return empty(emit);
    }
    emit.begin_map(len);
    optional_text("topic", details.topic, emit);
    disclose(PUBLISHER, details.publisher, emit);
    flag("retained", details.retained, emit);
    copy(details.passthru, emit);
    emit.end_map();
}

/// ERROR.Details.
pub(super) fn passthru_only<E: Emit>(passthru: Option<&Passthru<'_>>, emit: &mut E) {
    emit.begin_map(copied(passthru));
    copy(passthru, emit);
    emit.end_map();
}

/// INTERRUPT.Options.
pub(super) fn interrupt<E: Emit>(details: &InterruptDetails<'_>, emit: &mut E) {
    emit.begin_map(1 + usize::from(details.reason.is_some()));
    optional_text("mode", Some(details.mode.as_str()), emit);
    optional_text("reason", details.reason, emit);
    emit.end_map();
}

/// WELCOME.Details: the roles' features are all booleans and there is no other role (SES-6, TRP-2).
pub(super) fn welcome<E: Emit>(details: &WelcomeDetails<'_>, emit: &mut E) {
    emit.begin_map(7);
    optional_text("realm", Some(details.realm), emit);
    optional_text("authid", Some(details.authid), emit);
    optional_text("authrole", Some(details.authrole), emit);
    optional_text("authmethod", Some(details.authmethod), emit);
    optional_text("authprovider", Some(details.authprovider), emit);
    optional_text("agent", Some(details.agent), emit);
    emit.key("roles");
    emit.begin_map(2);
    role("broker", details.broker_features, emit);
    role("dealer", details.dealer_features, emit);
    emit.end_map();
    emit.end_map();
}

fn role<E: Emit>(name: &str, features: &[&str], emit: &mut E) {
    emit.key(name);
    emit.begin_map(1);
    emit.key("features");
    emit.begin_map(features.len());
    for feature in features {
        flag(feature, true, emit);
    }
    emit.end_map();
    emit.end_map();
}

/// A map without keys, as Details mostly are: nothing else is asked then.
#[inline(always)]
fn empty<E: Emit>(emit: &mut E) {
    emit.begin_map(0);
    emit.end_map();
}

/// A map of text.
pub(super) fn text_map<E: Emit>(pairs: &[(&str, &str)], emit: &mut E) {
    emit.begin_map(pairs.len());
    for &(key, text) in pairs {
        optional_text(key, Some(text), emit);
    }
    emit.end_map();
}

/// A boolean that is left out where it is false.
#[inline]
fn flag<E: Emit>(key: &str, value: bool, emit: &mut E) {
    if value {
        emit.key(key);
        emit.bool(true);
    }
}

#[inline]
fn optional_text<E: Emit>(key: &str, text: Option<&str>, emit: &mut E) {
    if let Some(text) = text {
        emit.key(key);
        emit.text(text);
    }
}

/// How many keys a disclosure has.
#[inline]
fn disclosed(session: Option<Disclosure<'_>>) -> usize {
    if session.is_some() { 3 } else { 0 }
}

#[inline]
fn disclose<E: Emit>(keys: DisclosureKeys, session: Option<Disclosure<'_>>, emit: &mut E) {
    if let Some(session) = session {
        emit.key(keys[0]);
        emit.uint(session.session.get());
        optional_text(keys[1], Some(session.authid), emit);
        optional_text(keys[2], Some(session.authrole), emit);
    }
}

/// How many keys are copied.
#[inline]
fn copied(passthru: Option<&Passthru<'_>>) -> usize {
    passthru.map_or(0, |passthru| pairs(passthru).filter(|(_, text)| text.is_some()).count())
}

#[inline]
fn copy<E: Emit>(passthru: Option<&Passthru<'_>>, emit: &mut E) {
    for (key, text) in passthru.into_iter().flat_map(pairs) {
        optional_text(key, text, emit);
    }
}

fn pairs<'p>(passthru: &'p Passthru<'_>) -> impl Iterator<Item = (&'static str, Option<&'p str>)> {
    [
        ("ppt_scheme", &passthru.ppt_scheme),
        ("ppt_serializer", &passthru.ppt_serializer),
        ("ppt_cipher", &passthru.ppt_cipher),
        ("ppt_keyid", &passthru.ppt_keyid),
        ("enc_algo", &passthru.enc_algo),
        ("enc_key", &passthru.enc_key),
        ("enc_serializer", &passthru.enc_serializer),
        ("transaction_hash", &passthru.transaction_hash),
    ]
    .into_iter()
    .map(|(key, text)| (key, text.as_deref()))
}
