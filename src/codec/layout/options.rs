//! Typed Options and Details of what clients send.

use std::borrow::Cow;

use super::elements::{Elements, Fault};
use super::entries::Entry;
use crate::codec::token::Reader;
use crate::wamp::{
    CallOptions, CancelMode, Invoke, Passthru, Policy, PublishOptions, RegisterOptions, Selection, SubscribeOptions,
    YieldOptions,
};

pub(super) const MATCH_WORDS: &str = "\"exact\", \"prefix\" or \"wildcard\"";
const INVOKE_WORDS: &str = "\"single\", \"roundrobin\", \"random\", \"first\" or \"last\"";
const MODE_WORDS: &str = "\"skip\", \"kill\" or \"killnowait\"";

/// What the receiver gets copied, where there is any.
type Copied<'a> = Option<Box<Passthru<'a>>>;

/// CALL.Options.
#[inline(always)]
pub(super) fn call<'a, R: Reader<'a>>(message: &mut Elements<'_, R>) -> Result<CallOptions<'a>, Fault> {
    let mut options = CallOptions::default();
    message.map("Options", |key, entry| {
        match key {
            "timeout" => options.timeout = entry.uint()?,
            "receive_progress" => options.receive_progress = entry.bool()?,
            "progress" => options.progress = entry.bool()?,
            "disclose_me" => options.disclose_me = entry.bool()?,
            _ => routed_passthru(&mut options.passthru, key, entry)?,
        }
        Ok(())
    })?;
    Ok(options)
}

/// YIELD.Options.
#[inline(always)]
pub(super) fn r#yield<'a, R: Reader<'a>>(message: &mut Elements<'_, R>) -> Result<YieldOptions<'a>, Fault> {
    let mut options = YieldOptions::default();
    message.map("Options", |key, entry| {
        match key {
            "progress" => options.progress = entry.bool()?,
            _ => passthru(&mut options.passthru, key, entry)?,
        }
        Ok(())
    })?;
    Ok(options)
}

/// ERROR.Details.
pub(super) fn error<'a, R: Reader<'a>>(message: &mut Elements<'_, R>) -> Result<Copied<'a>, Fault> {
    let mut copied = None;
    message.map("Details", |key, entry| passthru(&mut copied, key, entry))?;
    Ok(copied)
}

/// PUBLISH.Options.
#[inline]
pub(super) fn publish<'a, R: Reader<'a>>(message: &mut Elements<'_, R>) -> Result<PublishOptions<'a>, Fault> {
    let mut options = PublishOptions::default();
    message.map("Options", |key, entry| {
        match key {
            "acknowledge" => options.acknowledge = entry.bool()?,
            "exclude_me" => options.exclude_me = Some(entry.bool()?),
            "disclose_me" => options.disclose_me = entry.bool()?,
            "retain" => options.retain = entry.bool()?,
            "exclude" => selection(&mut options).exclude = Some(entry.ids()?),
            "exclude_authid" => selection(&mut options).exclude_authid = Some(entry.texts()?),
            "exclude_authrole" => selection(&mut options).exclude_authrole = Some(entry.texts()?),
            "eligible" => selection(&mut options).eligible = Some(entry.ids()?),
            "eligible_authid" => selection(&mut options).eligible_authid = Some(entry.texts()?),
            "eligible_authrole" => selection(&mut options).eligible_authrole = Some(entry.texts()?),
            _ => routed_passthru(&mut options.passthru, key, entry)?,
        }
        Ok(())
    })?;
    Ok(options)
}

fn selection<'o, 'a>(options: &'o mut PublishOptions<'a>) -> &'o mut Selection<'a> {
    options.selection.get_or_insert_default()
}

/// SUBSCRIBE.Options.
pub(super) fn subscribe<'a, R: Reader<'a>>(message: &mut Elements<'_, R>) -> Result<SubscribeOptions, Fault> {
    let mut options = SubscribeOptions::default();
    message.map("Options", |key, entry| {
        match key {
            "match" => options.policy = entry.word(Policy::from_wire, MATCH_WORDS)?,
            "get_retained" => options.get_retained = entry.bool()?,
            _ => entry.skip()?,
        }
        Ok(())
    })?;
    Ok(options)
}

/// REGISTER.Options.
#[inline]
pub(super) fn register<'a, R: Reader<'a>>(message: &mut Elements<'_, R>) -> Result<RegisterOptions, Fault> {
    let mut options = RegisterOptions::default();
    message.map("Options", |key, entry| {
        match key {
            "match" => options.policy = entry.word(Policy::from_wire, MATCH_WORDS)?,
            "invoke" => options.invoke = entry.word(Invoke::from_wire, INVOKE_WORDS)?,
            "concurrency" => options.concurrency = Some(entry.count()?),
            "force_reregister" => options.force_reregister = entry.bool()?,
            "disclose_caller" => options.disclose_caller = entry.bool()?,
            "forward_timeout" => options.forward_timeout = entry.bool()?,
            _ => entry.skip()?,
        }
        Ok(())
    })?;
    Ok(options)
}

/// CANCEL.Options.
pub(super) fn cancel<'a, R: Reader<'a>>(message: &mut Elements<'_, R>) -> Result<Option<CancelMode>, Fault> {
    let mut mode = None;
    message.map("Options", |key, entry| {
        match key {
            "mode" => mode = Some(entry.word(cancel_mode, MODE_WORDS)?),
            _ => entry.skip()?,
        }
        Ok(())
    })?;
    Ok(mode)
}

fn cancel_mode(word: &str) -> Option<CancelMode> {
    [CancelMode::Skip, CancelMode::Kill, CancelMode::KillNoWait].into_iter().find(|mode| mode.as_str() == word)
}

/// The keys copied from a CALL or PUBLISH (PPT-1, PPT-6, EXT-2).
fn routed_passthru<'a, R: Reader<'a>>(copied: &mut Copied<'a>, key: &str, entry: Entry<'_, R>) -> Result<(), Fault> {
    match key {
        "transaction_hash" => {
            copied.get_or_insert_default().transaction_hash = Some(entry.text()?);
            Ok(())
        }
        _ => passthru(copied, key, entry),
    }
}

/// The keys copied from every message with a payload (PPT-1, PPT-6).
fn passthru<'a, R: Reader<'a>>(copied: &mut Copied<'a>, key: &str, entry: Entry<'_, R>) -> Result<(), Fault> {
    type Field<'a> = for<'p> fn(&'p mut Passthru<'a>) -> &'p mut Option<Cow<'a, str>>;
    let field: Field<'a> = match key {
        "ppt_scheme" => |keys| &mut keys.ppt_scheme,
        "ppt_serializer" => |keys| &mut keys.ppt_serializer,
        "ppt_cipher" => |keys| &mut keys.ppt_cipher,
        "ppt_keyid" => |keys| &mut keys.ppt_keyid,
        "enc_algo" => |keys| &mut keys.enc_algo,
        "enc_key" => |keys| &mut keys.enc_key,
        "enc_serializer" => |keys| &mut keys.enc_serializer,
        _ => return entry.skip(),
    };
    *field(copied.get_or_insert_default()) = Some(entry.text()?);
    Ok(())
}

/// Whether a payload may be one bare string or binary (PPT-6, D-27).
pub(super) fn is_transparent(copied: &Copied<'_>) -> bool {
    copied.as_ref().is_some_and(|keys| keys.enc_algo.is_some())
}
