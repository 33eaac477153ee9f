//! The registration meta procedures (RMA rows).

use super::answers::Cursor;
use super::details::write_registration;
use super::lists::{self, reply_id, tell, write_ids};
use super::{Failure, Procedure, Reply, Request, no_such_session};
use crate::pattern::rules::Action;
use crate::pattern::{Entry, EntryKey};
use crate::realm::dealer::Registration;
use crate::realm::{Effects, MemberKey, Realm, RegistrationMatch};
use crate::wamp::{Encoding, ErrorUri, Id, Policy, uri};

pub(in crate::realm) const MATCH: &str = "wamp.registration.match";
pub(in crate::realm) const LOOKUP: &str = "wamp.registration.lookup";
const REMOVE_CALLEE: &str = "wamp.registration.remove_callee";

/// The procedures.
pub(super) const PROCEDURES: &[Procedure] = &[
    Procedure::open(MATCH, match_uri),
    Procedure::open(LOOKUP, lookup),
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
    Failure::new(ErrorUri::NoSuchRegistration, "there is no registration with this id")
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
    match lists::session_filter(request)? {
        None => tell(realm, request, list_all, None),
        Some(session) => {
            realm.members.by_session(session).ok_or_else(no_such_session)?;
            tell(realm, request, list_of_session, Some(session))
        }
    }
}

/// `[{"exact": n, "prefix": n, "wildcard": n}]`. Where the realm hides registrations, only for roles that see all.
fn count(realm: &mut Realm, request: &Request<'_>, _: &mut dyn Effects) -> Result<Reply, Failure> {
    request.arity(0, 0)?;
    if !realm.shows(request.caller, "", Policy::Prefix) {
        let message = "this realm hides registrations, and their number, from roles that may not use all URIs";
        return Err(Failure::new(ErrorUri::NotAuthorized, message));
    }
    let registrations = &realm.dealer.registrations;
    Ok(lists::counts(request, |policy| registrations.len(policy)))
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

/// A part of all registrations.
fn list_all(realm: &Realm, cursor: &mut Cursor, limit: usize, encoding: Encoding, out: &mut Vec<u8>) -> bool {
    let (caller, registrations) = (cursor.caller, &realm.dealer.registrations);
    lists::of_map(registrations, |entry| realm.shows(caller, entry.uri, entry.policy), cursor, limit, encoding, out)
}

/// A part of the registrations of one session.
fn list_of_session(realm: &Realm, cursor: &mut Cursor, limit: usize, encoding: Encoding, out: &mut Vec<u8>) -> bool {
    let (caller, registrations) = (cursor.caller, &realm.dealer.registrations);
    let member = cursor.subject.and_then(|session| realm.members.by_session(session));
    let held = member.and_then(|member| realm.members.get(member)).map(|member| &member.registrations);
    let shown = |entry: &Entry<'_, Registration>| realm.shows(caller, entry.uri, entry.policy);
    lists::of_session(registrations, held, shown, cursor, limit, encoding, out)
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
    let callees = registration.into_iter().flat_map(|registration| registration.callees_from(from));
    let sessions = callees.map(|(ticket, callee)| (ticket, callee.member));
    lists::of_members(realm, sessions, cursor, limit, encoding, out)
}
