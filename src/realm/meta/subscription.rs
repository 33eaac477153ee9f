//! The subscription meta procedures (SMA rows).
//!
//! Subscriptions to the router's own topics are not told of (MTA-3, MTA-6).

use super::answers::Cursor;
use super::details::write_subscription;
use super::lists::{self, reply_id, tell, write_ids};
use super::{Failure, Procedure, Reply, Request, no_such_session};
use crate::pattern::rules::Action;
use crate::pattern::{Entry, EntryKey};
use crate::realm::broker::Subscription;
use crate::realm::{Effects, MemberKey, Realm};
use crate::wamp::{Encoding, ErrorUri, Id, Policy, uri};

pub(in crate::realm) const MATCH: &str = "wamp.subscription.match";
pub(in crate::realm) const LOOKUP: &str = "wamp.subscription.lookup";

/// The procedures.
pub(super) const PROCEDURES: &[Procedure] = &[
    Procedure::open(MATCH, match_uri),
    Procedure::open(LOOKUP, lookup),
    Procedure::open("wamp.subscription.get", get),
    Procedure::open("wamp.subscription.list", list),
    Procedure::open("wamp.subscription.count", count),
    Procedure::open("wamp.subscription.list_subscribers", list_subscribers),
    Procedure::open("wamp.subscription.count_subscribers", count_subscribers),
    Procedure::privileged("wamp.subscription.remove_subscriber", remove_subscriber),
];

impl Realm {
    /// Whether a session is shown a subscription: never the router's own; where the realm hides some, only those whose
    /// URI its role may subscribe to or publish to.
    fn shows_subscription(&self, member: MemberKey, uri: &str, policy: Policy) -> bool {
        let may = |action| self.members.get(member).is_some_and(|m| m.judge(action, uri, policy).allowed);
        !uri::is_reserved(uri) && (!self.options.meta_visibility || may(Action::Subscribe) || may(Action::Publish))
    }

    /// The subscription with this id, where the session is shown it.
    fn subscription(&self, member: MemberKey, id: Id) -> Result<(EntryKey, Entry<'_, Subscription>), Failure> {
        let key = EntryKey::from_id(id.get());
        let found = key.and_then(|key| Some((key, self.broker.subscriptions.entry(key)?)));
        let (key, entry) = found.ok_or_else(no_such_subscription)?;
        if uri::is_reserved(entry.uri) {
            let message = "subscriptions to the router's own topics are not told of";
            return Err(Failure::new(ErrorUri::NotAuthorized, message));
        }
        if !self.shows_subscription(member, entry.uri, entry.policy) {
            return Err(no_such_subscription());
        }
        Ok((key, entry))
    }
}

fn no_such_subscription() -> Failure {
    Failure::new(ErrorUri::NoSuchSubscription, "there is no subscription with this id")
}

/// `[[ids] | null]` of all subscriptions that an event of this topic reaches (SMA-8).
fn match_uri(realm: &mut Realm, request: &Request<'_>, _: &mut dyn Effects) -> Result<Reply, Failure> {
    request.arity(1, 2)?;
    request.options(1)?;
    let topic = request.text(0)?;
    let subscriptions = &realm.broker.subscriptions;
    let mut keys = smallvec::SmallVec::<[EntryKey; 16]>::new();
    if !uri::is_reserved(topic) && realm.options.uris.allow(topic, Policy::Exact) {
        subscriptions.matches(topic, &mut |key| keys.push(key));
        keys.retain(|key| {
            let entry = subscriptions.entry(*key);
            entry.is_some_and(|entry| realm.shows_subscription(request.caller, entry.uri, entry.policy))
        });
    }
    Ok(request.reply(|writer| match keys.is_empty() {
        true => writer.null(),
        false => write_ids(writer, keys.iter().map(|key| key.to_id())),
    }))
}

/// `[id | null]` of the subscription with this very URI and policy (SMA-7).
fn lookup(realm: &mut Realm, request: &Request<'_>, _: &mut dyn Effects) -> Result<Reply, Failure> {
    request.arity(1, 2)?;
    request.options(1)?;
    let (topic, policy) = (request.text(0)?, request.policy_option()?);
    let found = realm.broker.subscriptions.find(policy, topic);
    Ok(reply_id(request, found.filter(|_| realm.shows_subscription(request.caller, topic, policy))))
}

/// `[{"id", "created", "uri", "match"}]` (SMA-9).
fn get(realm: &mut Realm, request: &Request<'_>, _: &mut dyn Effects) -> Result<Reply, Failure> {
    request.arity(1, 1)?;
    let id = request.id(0)?;
    let (_, Entry { uri, policy, value }) = realm.subscription(request.caller, id)?;
    Ok(request.reply(|writer| write_subscription(writer, id, value.created, uri, policy)))
}

/// `[{"exact", "prefix", "wildcard"}]`: ids of all subscriptions (SMA-5), or of those of one session (SMA-6).
fn list(realm: &mut Realm, request: &Request<'_>, _: &mut dyn Effects) -> Result<Reply, Failure> {
    match lists::session_filter(request)? {
        None => tell(realm, request, list_all, None),
        Some(session) => {
            realm.members.by_session(session).ok_or_else(no_such_session)?;
            tell(realm, request, list_of_session, Some(session))
        }
    }
}

/// `[{"exact": n, "prefix": n, "wildcard": n}]`. Where the realm hides subscriptions, only for roles that see all.
fn count(realm: &mut Realm, request: &Request<'_>, _: &mut dyn Effects) -> Result<Reply, Failure> {
    request.arity(0, 0)?;
    if !realm.shows_subscription(request.caller, "", Policy::Prefix) {
        let message = "this realm hides subscriptions, and their number, from roles that may not use all URIs";
        return Err(Failure::new(ErrorUri::NotAuthorized, message));
    }
    Ok(lists::counts(request, |policy| realm.broker.count(policy)))
}

/// `[[sessions]]` in order of joining (SMA-10).
fn list_subscribers(realm: &mut Realm, request: &Request<'_>, _: &mut dyn Effects) -> Result<Reply, Failure> {
    request.arity(1, 2)?;
    request.options(1)?;
    let id = request.id(0)?;
    realm.subscription(request.caller, id)?;
    tell(realm, request, list_of_subscription, Some(id))
}

/// `[n]` (SMA-10).
fn count_subscribers(realm: &mut Realm, request: &Request<'_>, _: &mut dyn Effects) -> Result<Reply, Failure> {
    request.arity(1, 1)?;
    let (_, entry) = realm.subscription(request.caller, request.id(0)?)?;
    Ok(request.reply(|writer| writer.uint(entry.value.count() as u64)))
}

/// Takes a subscriber off; `[null]` (SMA-11).
fn remove_subscriber(realm: &mut Realm, request: &Request<'_>, out: &mut dyn Effects) -> Result<Reply, Failure> {
    request.arity(2, 2)?;
    let (id, session) = (request.id(0)?, request.id(1)?);
    let reason = request.text_option("reason")?.unwrap_or(ErrorUri::Unsubscribed.as_str());
    if !realm.options.uris.allow(reason, Policy::Exact) {
        return Err(Failure::invalid_uri("the reason is no valid URI"));
    }
    let subscriber = realm.members.by_session(session).ok_or_else(no_such_session)?;
    let (key, _) = realm.subscription(request.caller, id)?;
    if !realm.remove_subscriber(key, subscriber, reason, out) {
        return Err(Failure::new(ErrorUri::NoSuchSubscription, "the session does not hold this subscription"));
    }
    Ok(request.reply(|writer| writer.null()))
}

/// A part of all subscriptions.
fn list_all(realm: &Realm, cursor: &mut Cursor, limit: usize, encoding: Encoding, out: &mut Vec<u8>) -> bool {
    let (caller, subscriptions) = (cursor.caller, &realm.broker.subscriptions);
    let shown = |entry: &Entry<'_, Subscription>| realm.shows_subscription(caller, entry.uri, entry.policy);
    lists::of_map(subscriptions, shown, cursor, limit, encoding, out)
}

/// A part of the subscriptions of one session.
fn list_of_session(realm: &Realm, cursor: &mut Cursor, limit: usize, encoding: Encoding, out: &mut Vec<u8>) -> bool {
    let (caller, subscriptions) = (cursor.caller, &realm.broker.subscriptions);
    let member = cursor.subject.and_then(|session| realm.members.by_session(session));
    let held = member.and_then(|member| realm.members.get(member)).map(|member| &member.subscriptions);
    let shown = |entry: &Entry<'_, Subscription>| realm.shows_subscription(caller, entry.uri, entry.policy);
    lists::of_session(subscriptions, held, shown, cursor, limit, encoding, out)
}

/// A part of the subscribers of one subscription; the cursor is the ticket of the next one.
fn list_of_subscription(
    realm: &Realm,
    cursor: &mut Cursor,
    limit: usize,
    encoding: Encoding,
    out: &mut Vec<u8>,
) -> bool {
    let key = cursor.subject.and_then(|id| EntryKey::from_id(id.get()));
    let subscription = key.and_then(|key| realm.broker.subscriptions.get(key));
    let from = cursor.after.map_or(0, Id::get);
    let subscribers = subscription.into_iter().flat_map(|subscription| subscription.subscribers_from(from));
    let sessions = subscribers.map(|(ticket, subscriber)| (ticket, subscriber.member));
    lists::of_members(realm, sessions, cursor, limit, encoding, out)
}
