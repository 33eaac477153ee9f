//! The session meta procedures (SSM-4 to SSM-12).
//!
//! A session counts as present until its `on_leave` is told, so that answers agree with the events; one that was
//! killed without announcement (SSM-11) is gone at once. The router has no sessions of its own (SSM-5).

use super::lists::write_ids;
use super::{Failure, Procedure, Reply, Request, no_such_session};
use crate::codec::{Value, Writer};
use crate::realm::members::Member;
use crate::realm::{Effects, KilledByRole, MemberKey, Realm};
use crate::wamp::{ErrorUri, Id, Peer, Policy};

/// The procedures.
pub(super) const PROCEDURES: &[Procedure] = &[
    Procedure::open("wamp.session.count", count),
    Procedure::open("wamp.session.list", list),
    Procedure::open("wamp.session.get", get),
    Procedure::privileged("wamp.session.kill", kill),
    Procedure::privileged("wamp.session.kill_by_authid", kill_by_authid),
    Procedure::privileged("wamp.session.kill_by_authrole", kill_by_authrole),
    Procedure::privileged("wamp.session.kill_all", kill_all),
];

/// `[authroles?]` to the number of sessions with one of these roles (SSM-4).
fn count(realm: &mut Realm, request: &Request<'_>, _: &mut dyn Effects) -> Result<Reply, Failure> {
    let roles = roles(request)?;
    let count = sessions(realm, &roles).count();
    Ok(request.reply(|writer| writer.uint(count as u64)))
}

/// `[authroles?]` to the ids of the sessions with one of these roles (SSM-4).
fn list(realm: &mut Realm, request: &Request<'_>, _: &mut dyn Effects) -> Result<Reply, Failure> {
    let roles = roles(request)?;
    let ids: Vec<u64> = sessions(realm, &roles).map(|member| member.session.get()).collect();
    Ok(request.reply(|writer| write_ids(writer, ids.into_iter())))
}

/// `[session]` to its details (SSM-6).
fn get(realm: &mut Realm, request: &Request<'_>, _: &mut dyn Effects) -> Result<Reply, Failure> {
    request.arity(1, 1)?;
    let key = realm.members.by_session(request.id(0)?);
    let found = key.and_then(|key| realm.members.get(key)).filter(|member| is_listed(member));
    let member = found.ok_or_else(no_such_session)?;
    Ok(request.reply(|writer| write_details(writer, member.session, &member.peer)))
}

/// `[session]`, kwargs `reason`, `message`: ends one other session (SSM-7, SSM-8, SSM-12).
fn kill(realm: &mut Realm, request: &Request<'_>, out: &mut dyn Effects) -> Result<Reply, Failure> {
    request.arity(1, 1)?;
    let end = End::of(realm, request, false)?;
    let victim = realm.members.by_session(request.id(0)?).ok_or_else(no_such_session)?;
    if victim == request.caller {
        return Err(Failure::new(ErrorUri::NoSuchSession, "a session cannot kill itself: it says GOODBYE"));
    }
    if realm.members.present(victim).is_none() {
        return Err(Failure::new(ErrorUri::NoSuchSession, "the session is ending already"));
    }
    end.carry_out(realm, victim, out);
    Ok(request.reply(|writer| writer.null()))
}

/// `[authid]`, kwargs as `kill`: ends every other session of an identity, and tells their ids (SSM-9).
fn kill_by_authid(realm: &mut Realm, request: &Request<'_>, out: &mut dyn Effects) -> Result<Reply, Failure> {
    request.arity(1, 1)?;
    let (authid, end) = (request.text(0)?, End::of(realm, request, false)?);
    let killed = kill_where(realm, request, &end, |member| &*member.peer.authid == authid, out);
    Ok(request.reply(|writer| write_ids(writer, killed.into_iter())))
}

/// `[authrole]`, kwargs as `kill`: ends every other session of a role, and tells their ids or, where the realm says so,
/// how many they were (SSM-10, D-20).
fn kill_by_authrole(realm: &mut Realm, request: &Request<'_>, out: &mut dyn Effects) -> Result<Reply, Failure> {
    request.arity(1, 1)?;
    let (authrole, end) = (request.text(0)?, End::of(realm, request, false)?);
    let killed = kill_where(realm, request, &end, |member| &*member.peer.authrole == authrole, out);
    Ok(request.reply(|writer| match realm.options.kill_by_authrole {
        KilledByRole::List => write_ids(writer, killed.into_iter()),
        KilledByRole::Count => writer.uint(killed.len() as u64),
    }))
}

/// kwargs as `kill`: ends every other session without announcing it, and tells how many they were (SSM-11).
fn kill_all(realm: &mut Realm, request: &Request<'_>, out: &mut dyn Effects) -> Result<Reply, Failure> {
    request.arity(0, 0)?;
    let end = End::of(realm, request, true)?;
    let killed = kill_where(realm, request, &end, |_| true, out);
    Ok(request.reply(|writer| writer.uint(killed.len() as u64)))
}

/// How sessions are ended.
struct End<'r> {
    reason: &'r str,
    message: Option<&'r str>,
    /// No meta events tell of the sessions.
    silent: bool,
}

impl<'r> End<'r> {
    fn of(realm: &Realm, request: &'r Request<'_>, silent: bool) -> Result<End<'r>, Failure> {
        let reason = request.text_option("reason")?.unwrap_or(ErrorUri::Killed.as_str());
        if !realm.options.uris.allow(reason, Policy::Exact) {
            return Err(Failure::invalid_uri("the reason is no valid URI"));
        }
        Ok(End { reason, message: request.text_option("message")?, silent })
    }

    fn carry_out(&self, realm: &mut Realm, victim: MemberKey, out: &mut dyn Effects) {
        if let Some(member) = realm.members.present(victim) {
            out.goodbye(member.link, self.reason, self.message);
            realm.depart(victim, !self.silent, out);
        }
    }
}

/// Ends every session but the caller's that `chosen` picks and that is not ending already; their ids.
fn kill_where(
    realm: &mut Realm,
    request: &Request<'_>,
    end: &End<'_>,
    chosen: impl Fn(&Member) -> bool,
    out: &mut dyn Effects,
) -> Vec<u64> {
    let others = realm.members.iter().filter(|(key, member)| *key != request.caller && !member.departed);
    let victims: Vec<_> =
        others.filter(|(_, member)| chosen(member)).map(|(key, member)| (key, member.session.get())).collect();
    victims.iter().for_each(|&(victim, _)| end.carry_out(realm, victim, out));
    victims.into_iter().map(|(_, session)| session).collect()
}

fn is_listed(member: &Member) -> bool {
    !(member.departed && member.silent)
}

/// The filter of `count` and `list`: a list of roles; `None` is no filter, an empty list lets nothing pass (D-42).
fn roles<'r>(request: &'r Request<'_>) -> Result<Option<Vec<&'r str>>, Failure> {
    request.arity(0, 1)?;
    let text = |value: &'r Value<'_>| match value {
        Value::Text(text) => Some(&**text),
        _ => None,
    };
    let roles = match request.arg(0) {
        None => return Ok(None),
        Some(Value::List(roles)) => roles.iter().map(text).collect(),
        Some(_) => None,
    };
    roles.map(Some).ok_or_else(|| Failure::invalid("positional argument 1 must be a list of strings"))
}

fn sessions<'r>(realm: &'r Realm, roles: &Option<Vec<&str>>) -> impl Iterator<Item = &'r Member> {
    let passes = |member: &Member| roles.as_ref().is_none_or(|roles| roles.contains(&&*member.peer.authrole));
    realm
        .members
        .iter()
        .map(|(_, member)| member)
        .filter(|member| is_listed(member))
        .filter(move |member| passes(member))
}

/// `{"session", "authid", "authrole", "authmethod", "authprovider", "transport"}` (SSM-1, SSM-6). Of the transport,
/// nothing that could be a secret.
pub(super) fn write_details(writer: &mut Writer<'_>, session: Id, peer: &Peer) {
    writer.begin_map(6);
    writer.text("session");
    writer.uint(session.get());
    let identity = [
        ("authid", &*peer.authid),
        ("authrole", &*peer.authrole),
        ("authmethod", peer.authmethod),
        ("authprovider", peer.authprovider),
    ];
    write_texts(writer, &identity);
    writer.text("transport");
    writer.begin_map(3);
    let transport = [("type", peer.transport), ("peer", &*peer.address), ("serializer", peer.encoding.as_str())];
    write_texts(writer, &transport);
    writer.end_map();
    writer.end_map();
}

fn write_texts(writer: &mut Writer<'_>, pairs: &[(&str, &str)]) {
    for (key, text) in pairs {
        writer.text(key);
        writer.text(text);
    }
}
