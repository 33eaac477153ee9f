//! The registration meta procedures (RMA rows).

use super::answers::{Cursor, Parts};
use super::details::write_registration;
use super::{Failure, Procedure, Reply, Request};
use crate::codec::Writer;
use crate::pattern::rules::Action;
use crate::pattern::{Entry, EntryKey};
use crate::realm::dealer::{Registration, id_of};
use crate::realm::{Effects, MemberKey, Realm, RegistrationMatch};
use crate::wamp::{Encoding, ErrorUri, Id, Policy, uri};

const REMOVE_CALLEE: &str = "wamp.registration.remove_callee";

/// The procedures.
pub(super) const PROCEDURES: &[Procedure] = &[
    Procedure::open("wamp.registration.match", match_uri),
    Procedure::open("wamp.registration.lookup", lookup),
    Procedure::open("wamp.registration.get", get),
    Procedure::open("wamp.registration.list", list),
    Procedure::open("wamp.registration.count", count),
    Procedure::open("wamp.registration.list_callees", list_callees),
    Procedure::open("wamp.registration.count_callees", count_callees),
    Procedure::privileged(REMOVE_CALLEE, remove_callee),
    // Its name in the mission text; one procedure, one permission (D-02).
    Procedure {
        uri: "wamp.subscription.remove_callee",
        permission: REMOVE_CALLEE,
        privileged: true,
        run: remove_callee,
    },
];

impl Realm {
    /// Whether a session is shown a registration: where the realm hides some, only those whose URI its role may call
    /// or register.
    fn shows(&self, member: MemberKey, uri: &str, policy: Policy) -> bool {
        let may = |action| self.members.get(member).is_some_and(|m| m.judge(action, uri, policy).allowed);
        !self.options.meta_visibility || may(Action::Call) || may(Action::Register)
    }

    /// The registration with this id, where the session is shown it.
    fn registration(&self, member: MemberKey, id: Id) -> Result<(EntryKey, Entry<'_, Registration>), Failure> {
        let key = EntryKey::from_id(id.get());
        let found = key.and_then(|key| Some((key, self.dealer.registrations.entry(key)?)));
        found.filter(|(_, entry)| self.shows(member, entry.uri, entry.policy)).ok_or_else(no_such_registration)
    }
}

fn no_such_registration() -> Failure {
    Failure::new(ErrorUri::NoSuchRegistration, "no such registration")
}

fn no_such_session() -> Failure {
    Failure::new(ErrorUri::NoSuchSession, "no such session")
}

/// `[[ids]]` of all that match, best first, or `[best | null]` (RMA-11, D-01): as a CALL would find them.
fn match_uri(realm: &mut Realm, request: &Request<'_>, _: &mut dyn Effects) -> Result<Reply, Failure> {
    request.arity(1, 2)?;
    request.options(1)?;
    let procedure = request.text(0)?;
    let default = realm.options.registration_match == RegistrationMatch::Best;
    let best = request.bool_option("best")?.unwrap_or(default);
    let registrations = &realm.dealer.registrations;
    let shown = |key: &EntryKey| {
        let entry = registrations.entry(*key);
        entry.is_some_and(|entry| realm.shows(request.caller, entry.uri, entry.policy))
    };
    let callable = !uri::is_reserved(procedure) && realm.options.uris.allow(procedure, Policy::Exact);
    if best {
        let found = if callable { registrations.best(procedure).filter(shown) } else { None };
        return Ok(reply_id(request, found));
    }
    let mut keys = smallvec::SmallVec::<[EntryKey; 16]>::new();
    if callable {
        registrations.matches(procedure, &mut |key| keys.push(key));
        keys.retain(|key| shown(key));
    }
    Ok(request.reply(|writer| write_ids(writer, keys.iter().map(|key| key.to_id()))))
}

/// `[id | null]` of the registration with this very URI and policy (RMA-10).
fn lookup(realm: &mut Realm, request: &Request<'_>, _: &mut dyn Effects) -> Result<Reply, Failure> {
    request.arity(1, 2)?;
    request.options(1)?;
    let (procedure, policy) = (request.text(0)?, request.policy_option()?);
    let found = realm.dealer.registrations.find(policy, procedure);
    Ok(reply_id(request, found.filter(|_| realm.shows(request.caller, procedure, policy))))
}

/// `[{"id", "created", "uri", "match", "invoke"}]` (RMA-12).
fn get(realm: &mut Realm, request: &Request<'_>, _: &mut dyn Effects) -> Result<Reply, Failure> {
    request.arity(1, 1)?;
    let id = request.id(0)?;
    let (_, Entry { uri, policy, value }) = realm.registration(request.caller, id)?;
    Ok(request.reply(|writer| write_registration(writer, id, value.created, uri, policy, value.invoke)))
}

/// `[{"exact", "prefix", "wildcard"}]`: ids of all registrations (RMA-8), or of those of one session (RMA-9).
fn list(realm: &mut Realm, request: &Request<'_>, _: &mut dyn Effects) -> Result<Reply, Failure> {
    request.arity(0, 2)?;
    let given = if request.args.len() == 1 && request.options(0).is_ok() { None } else { request.optional_id(0)? };
    request.options(1)?;
    let Some(session) = given.or(request.id_option("session_id")?) else {
        return tell(realm, request, list_all, None);
    };
    realm.members.by_session(session).ok_or_else(no_such_session)?;
    tell(realm, request, list_of_session, Some(session))
}

/// `[{"exact": n, "prefix": n, "wildcard": n}]`. Where the realm hides registrations, only for roles that see all.
fn count(realm: &mut Realm, request: &Request<'_>, _: &mut dyn Effects) -> Result<Reply, Failure> {
    request.arity(0, 0)?;
    if !realm.shows(request.caller, "", Policy::Prefix) {
        let message = "this realm hides registrations, and their number, from roles that may not use all URIs";
        return Err(Failure::new(ErrorUri::NotAuthorized, message));
    }
    let registrations = &realm.dealer.registrations;
    Ok(request.reply(|writer| {
        writer.begin_map(Policy::ALL.len());
        for policy in Policy::ALL {
            writer.text(policy.as_str());
            writer.uint(registrations.len(policy) as u64);
        }
        writer.end_map();
    }))
}

/// `[[sessions]]` in order of joining (RMA-13).
fn list_callees(realm: &mut Realm, request: &Request<'_>, _: &mut dyn Effects) -> Result<Reply, Failure> {
    request.arity(1, 2)?;
    request.options(1)?;
    let id = request.id(0)?;
    realm.registration(request.caller, id)?;
    tell(realm, request, list_of_registration, Some(id))
}

/// `[n]` (RMA-14).
fn count_callees(realm: &mut Realm, request: &Request<'_>, _: &mut dyn Effects) -> Result<Reply, Failure> {
    request.arity(1, 1)?;
    let (_, entry) = realm.registration(request.caller, request.id(0)?)?;
    Ok(request.reply(|writer| writer.uint(entry.value.count() as u64)))
}

/// Takes a callee off; `[null]` (RMA-15, RMA-16, D-02).
fn remove_callee(realm: &mut Realm, request: &Request<'_>, out: &mut dyn Effects) -> Result<Reply, Failure> {
    request.arity(2, 2)?;
    let (id, session) = (request.id(0)?, request.id(1)?);
    let reason = request.text_option("reason")?.unwrap_or(ErrorUri::Unregistered.as_str());
    if !realm.options.uris.allow(reason, Policy::Exact) {
        return Err(Failure::invalid_uri("the reason is no valid URI"));
    }
    let callee = realm.members.by_session(session).ok_or_else(no_such_session)?;
    let (key, _) = realm.registration(request.caller, id)?;
    if !realm.remove_callee(key, callee, reason, out) {
        return Err(Failure::new(ErrorUri::NoSuchRegistration, "the session does not serve this registration"));
    }
    Ok(request.reply(|writer| writer.null()))
}

/// Tells a list as the caller wants it: a page with `limit` and `after` (RESULT kwargs then say where the `next` one
/// begins, or null), in parts with `receive_progress`, else whole.
fn tell(
    realm: &Realm,
    request: &Request<'_>,
    step: super::answers::Step,
    subject: Option<Id>,
) -> Result<Reply, Failure> {
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

/// A part of all registrations: the cursor is the map's own.
fn list_all(realm: &Realm, cursor: &mut Cursor, limit: usize, encoding: Encoding, out: &mut Vec<u8>) -> bool {
    let mut lists = Lists::default();
    let registrations = &realm.dealer.registrations;
    let after = cursor.after.and_then(|after| EntryKey::from_id(after.get()));
    let next =
        registrations.scan(None, after, limit, limit.saturating_mul(4), &mut |key| lists.add(realm, cursor, key));
    lists.write(encoding, out);
    cursor.after = next.map(id_of);
    next.is_some()
}

/// A part of the registrations of one session. The cursor is a position in the session's list, from the end to the
/// beginning: what leaves meanwhile brings others down, so an id may be told twice, but none is left out.
fn list_of_session(realm: &Realm, cursor: &mut Cursor, limit: usize, encoding: Encoding, out: &mut Vec<u8>) -> bool {
    let mut lists = Lists::default();
    let member = cursor.subject.and_then(|session| realm.members.by_session(session));
    let mut left = 0;
    if let Some(member) = member.and_then(|member| realm.members.get(member)) {
        let end = cursor.after.map_or(usize::MAX, |after| after.get() as usize).min(member.registrations.len());
        left = end.saturating_sub(limit);
        let keys = (left..end).rev().filter_map(|position| member.registrations.get(position).copied());
        keys.for_each(|key| lists.add(realm, cursor, key));
    }
    lists.write(encoding, out);
    cursor.after = Id::new(left as u64);
    left > 0
}

/// A part of the callees of one registration; the cursor is the ticket of the next one.
fn list_of_registration(
    realm: &Realm,
    cursor: &mut Cursor,
    limit: usize,
    encoding: Encoding,
    out: &mut Vec<u8>,
) -> bool {
    let key = cursor.subject.and_then(|id| EntryKey::from_id(id.get()));
    let registration = key.and_then(|key| realm.dealer.registrations.get(key));
    let from = cursor.after.map_or(0, Id::get);
    let mut callees = registration.into_iter().flat_map(|registration| registration.callees_from(from));
    let told = callees.by_ref().take(limit).filter_map(|(_, callee)| realm.members.at(callee.member));
    let sessions: Vec<u64> = told.map(|member| member.session.get()).collect();
    let next = callees.next().and_then(|(ticket, _)| Id::new(ticket));
    let mut writer = Writer::new(encoding, out);
    writer.begin_list(1);
    write_ids(&mut writer, sessions.into_iter());
    writer.end_list();
    cursor.after = next;
    next.is_some()
}

/// Registration ids by policy.
#[derive(Default)]
struct Lists([Vec<u64>; Policy::ALL.len()]);

impl Lists {
    fn add(&mut self, realm: &Realm, cursor: &Cursor, key: EntryKey) {
        if let Some(entry) = realm.dealer.registrations.entry(key)
            && realm.shows(cursor.caller, entry.uri, entry.policy)
        {
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

fn write_ids(writer: &mut Writer<'_>, ids: impl ExactSizeIterator<Item = u64>) {
    writer.begin_list(ids.len());
    ids.for_each(|id| writer.uint(id));
    writer.end_list();
}

fn reply_id(request: &Request<'_>, found: Option<EntryKey>) -> Reply {
    request.reply(|writer| match found {
        Some(key) => writer.uint(key.to_id()),
        None => writer.null(),
    })
}
