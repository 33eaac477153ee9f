//! Lists of registrations, subscriptions and sessions: whole, as pages, or in parts.

use super::answers::{Cursor, Parts, Step};
use super::{Failure, Reply, Request};
use crate::codec::Writer;
use crate::pattern::{Entry, EntryKey, PatternMap};
use crate::realm::Realm;
use crate::realm::chunked::Chunked;
use crate::wamp::{Encoding, Id, Policy};

/// Tells a list as the caller wants it: a page with `limit` and `after` (RESULT kwargs then say where the `next` one
/// begins, or null), in parts with `receive_progress`, else whole.
pub(super) fn tell(realm: &Realm, request: &Request<'_>, step: Step, subject: Option<Id>) -> Result<Reply, Failure> {
    let (limit, after) = (request.id_option("limit")?, request.id_option("after")?);
    let mut cursor = Cursor { caller: request.caller, subject, after };
    let paged = limit.is_some() || after.is_some();
    if request.receive_progress && !paged {
        return Ok(Reply::InParts(Parts { step, cursor }));
    }
    let (mut args, mut kwargs) = (Vec::new(), Vec::new());
    let limit = limit.map_or(usize::MAX, |limit| limit.get() as usize);
    let more = step(realm, &mut cursor, limit, request.encoding, &mut args);
    if paged {
        let mut writer = Writer::new(request.encoding, &mut kwargs);
        writer.begin_map(1);
        writer.text("next");
        match cursor.after.filter(|_| more) {
            Some(next) => writer.uint(next.get()),
            None => writer.null(),
        }
        writer.end_map();
    }
    Ok(Reply::Whole { args, kwargs })
}

/// The session whose entries a `list` is about: a positional argument or an option; none for all sessions.
///
/// # Errors
/// `wamp.error.invalid_argument`.
pub(super) fn session_filter(request: &Request<'_>) -> Result<Option<Id>, Failure> {
    request.arity(0, 2)?;
    let given = if request.args.len() == 1 && request.options(0).is_ok() { None } else { request.optional_id(0)? };
    request.options(1)?;
    Ok(given.or(request.id_option("session_id")?))
}

/// A part of all entries of a map that are `shown`; the cursor is the map's own.
pub(super) fn of_map<T>(
    map: &PatternMap<T>,
    shown: impl Fn(&Entry<'_, T>) -> bool,
    cursor: &mut Cursor,
    limit: usize,
    encoding: Encoding,
    out: &mut Vec<u8>,
) -> bool {
    let mut lists = Lists::default();
    let after = cursor.after.and_then(|after| EntryKey::from_id(after.get()));
    let budget = limit.saturating_mul(4);
    let next = map.scan(None, after, limit, budget, &mut |key| lists.add(map, key, &shown));
    lists.write(encoding, out);
    cursor.after = next.and_then(|next| Id::new(next.to_id()));
    next.is_some()
}

/// A part of the entries that one session holds and that are `shown`. The cursor is a position in the session's list,
/// from the end to the beginning: what leaves meanwhile brings others down, so an id may be told twice, but none is
/// left out.
pub(super) fn of_session<T>(
    map: &PatternMap<T>,
    held: Option<&Chunked<EntryKey>>,
    shown: impl Fn(&Entry<'_, T>) -> bool,
    cursor: &mut Cursor,
    limit: usize,
    encoding: Encoding,
    out: &mut Vec<u8>,
) -> bool {
    let mut lists = Lists::default();
    let mut left = 0;
    if let Some(held) = held {
        let end = cursor.after.map_or(usize::MAX, |after| after.get() as usize).min(held.len());
        left = end.saturating_sub(limit);
        (left..end).rev().filter_map(|position| held.get(position)).for_each(|&key| lists.add(map, key, &shown));
    }
    lists.write(encoding, out);
    cursor.after = Id::new(left as u64);
    left > 0
}

/// A part of the sessions of one registration or subscription: by ticket, the slots of members; the cursor becomes
/// the ticket of the next one.
pub(super) fn of_members(
    realm: &Realm,
    mut members: impl Iterator<Item = (u64, u32)>,
    cursor: &mut Cursor,
    limit: usize,
    encoding: Encoding,
    out: &mut Vec<u8>,
) -> bool {
    let told = members.by_ref().take(limit).filter_map(|(_, member)| realm.members.at(member));
    let sessions: Vec<u64> = told.map(|member| member.session.get()).collect();
    let next = members.next().and_then(|(ticket, _)| Id::new(ticket));
    let mut writer = Writer::new(encoding, out);
    writer.begin_list(1);
    write_ids(&mut writer, sessions.into_iter());
    writer.end_list();
    cursor.after = next;
    next.is_some()
}

/// `{"exact": n, "prefix": n, "wildcard": n}`.
pub(super) fn counts(request: &Request<'_>, count: impl Fn(Policy) -> usize) -> Reply {
    request.reply(|writer| {
        writer.begin_map(Policy::ALL.len());
        for policy in Policy::ALL {
            writer.text(policy.as_str());
            writer.uint(count(policy) as u64);
        }
        writer.end_map();
    })
}

/// Ids by policy.
#[derive(Default)]
struct Lists([Vec<u64>; Policy::ALL.len()]);

impl Lists {
    fn add<T>(&mut self, map: &PatternMap<T>, key: EntryKey, shown: impl Fn(&Entry<'_, T>) -> bool) {
        if let Some(entry) = map.entry(key).filter(|entry| shown(entry)) {
            self.0[entry.policy as usize].push(key.to_id());
        }
    }

    fn write(&self, encoding: Encoding, out: &mut Vec<u8>) {
        let mut writer = Writer::new(encoding, out);
        writer.begin_list(1);
        writer.begin_map(Policy::ALL.len());
        for policy in Policy::ALL {
            writer.text(policy.as_str());
            write_ids(&mut writer, self.0[policy as usize].iter().copied());
        }
        writer.end_map();
        writer.end_list();
    }
}

/// A list of ids.
pub(super) fn write_ids(writer: &mut Writer<'_>, ids: impl ExactSizeIterator<Item = u64>) {
    writer.begin_list(ids.len());
    ids.for_each(|id| writer.uint(id));
    writer.end_list();
}

/// `[id | null]`.
pub(super) fn reply_id(request: &Request<'_>, found: Option<EntryKey>) -> Reply {
    request.reply(|writer| match found {
        Some(key) => writer.uint(key.to_id()),
        None => writer.null(),
    })
}
