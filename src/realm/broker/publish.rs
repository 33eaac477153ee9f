//! PUBLISH: to whom, and what they are told.

use super::Broker;
use super::selection::Receivers;
use super::subscription::Subscriber;
use crate::codec;
use crate::pattern::rules::Action;
use crate::pattern::{Entry, EntryKey};
use crate::realm::errors::{Failure, refuse};
use crate::realm::ids::id_of;
use crate::realm::members::{Member, Members};
use crate::realm::{Batch, Effects, MemberKey, Realm, RealmOptions};
use crate::wamp::{
    Disclosure, Encoding, ErrorUri, EventDetails, Features, Id, Payload, Policy, PublishOptions, RequestType,
    RouterMessage, Violation, uri,
};

/// A batch larger than this is not kept.
const KEPT: usize = 256 * 1024;

impl Realm {
    /// PUBLISH (PUB-6 to PUB-13).
    ///
    /// # Errors
    /// Payload passthru that the publisher did not announce (PRO-6).
    pub(in crate::realm) fn publish(
        &mut self,
        from: MemberKey,
        request: Id,
        mut options: PublishOptions<'_>,
        topic: &str,
        payload: Payload<'_>,
        out: &mut dyn Effects,
    ) -> Result<(), Violation> {
        let Realm { broker, members, random, options: realm, .. } = self;
        let Some(publisher) = members.present(from) else { return Ok(()) };
        let passthru = options.passthru.take();
        let in_passthru = passthru.as_ref().and_then(|keys| keys.ppt_scheme.as_ref());
        if in_passthru.is_some_and(|scheme| !scheme.is_empty()) && !publisher.has(Features::PUBLISHER_PASSTHRU) {
            return Err(Violation::new("PUBLISH in payload passthru mode, which was not announced"));
        }
        let disclosed = match may_publish(realm, publisher, &options, topic) {
            Ok(disclosed) => disclosed,
            Err(failure) => {
                if options.acknowledge {
                    refuse(publisher, RequestType::Publish, request, &failure, out);
                }
                return Ok(());
            }
        };
        let id = Id::from_random(random.u64(..));
        if options.acknowledge {
            let _ = out.send(publisher.link, &RouterMessage::Published { request, publication: id });
        }
        let receivers = Receivers::new(from, &mut options);
        let details = EventDetails { publisher: disclosed, passthru: passthru.as_deref(), ..EventDetails::default() };
        broker.distribute(members, &receivers, &Publication { id, topic, details, payload }, out);
        Ok(())
    }
}

/// Whether the session may publish this, and whether as whom (PUB-13, PID-1 to PID-3, D-12).
fn may_publish<'m>(
    realm: &RealmOptions,
    publisher: &'m Member,
    options: &PublishOptions<'_>,
    topic: &str,
) -> Result<Option<Disclosure<'m>>, Failure> {
    if !realm.uris.allow(topic, Policy::Exact) {
        return Err(Failure::invalid_uri("the topic is no valid URI"));
    }
    if uri::is_reserved(topic) {
        return Err(Failure::invalid_uri("URIs whose first component is \"wamp\" belong to the router"));
    }
    let verdict = publisher.judge(Action::Publish, topic, Policy::Exact);
    if !verdict.allowed {
        return Err(Failure::not_authorized());
    }
    if options.disclose_me && !verdict.disclose && !realm.allow_disclose_me {
        let message = "this realm does not disclose publishers at their request";
        return Err(Failure::new(ErrorUri::DiscloseMeNotAllowed, message));
    }
    Ok((verdict.disclose || options.disclose_me).then(|| publisher.disclosure()))
}

impl Broker {
    /// One EVENT for each subscription that matches and each of its subscribers that is a receiver (PUB-10, PAT-5).
    fn distribute(
        &mut self,
        members: &Members,
        receivers: &Receivers<'_>,
        publication: &Publication<'_>,
        out: &mut dyn Effects,
    ) {
        let Broker { subscriptions, copies, .. } = self;
        let receiver = |subscriber: &Subscriber| {
            let member = members.at(subscriber.member)?;
            (!member.departed && receivers.admit(subscriber.member, member)).then_some(member)
        };
        subscriptions.matches(publication.topic, &mut |key| {
            let Some(Entry { policy, value: subscription, .. }) = subscriptions.entry(key) else { return };
            let event = publication.event(key, policy);
            let admitted = subscription.subscribers_from(0).filter_map(|(_, subscriber)| receiver(subscriber));
            let alone = subscription.count() == 1;
            for member in admitted {
                // A refused EVENT is counted where it is refused (SIZ-4, SIZ-6).
                let _ = match alone {
                    true => out.send(member.link, &event),
                    false => out.send_batch(member.link, copies.of(member.peer.encoding, &event)),
                };
            }
            copies.clear();
        });
    }
}

/// What every receiver is told of one publication.
struct Publication<'a> {
    id: Id,
    topic: &'a str,
    details: EventDetails<'a>,
    payload: Payload<'a>,
}

impl Publication<'_> {
    /// The EVENT for the subscribers of one subscription: patterns are told the topic, exact ones know it (PAT-6).
    fn event(&self, key: EntryKey, policy: Policy) -> RouterMessage<'_> {
        let topic = (policy != Policy::Exact).then_some(self.topic);
        RouterMessage::Event {
            subscription: id_of(key),
            publication: self.id,
            details: EventDetails { topic, ..self.details },
            payload: self.payload,
        }
    }
}

/// One EVENT in each encoding that a receiver asked for so far.
pub(super) struct Copies([Batch; Encoding::ALL.len()]);

impl Copies {
    pub(super) const fn new() -> Copies {
        let [json, msgpack, cbor] = Encoding::ALL;
        Copies([Batch::new(json), Batch::new(msgpack), Batch::new(cbor)])
    }

    fn of(&mut self, encoding: Encoding, message: &RouterMessage<'_>) -> &Batch {
        let batch = &mut self.0[encoding as usize];
        if batch.ends.is_empty() {
            batch.begin_message();
            codec::encode(encoding, message, &mut batch.bytes);
            batch.end_message();
        }
        batch
    }

    fn clear(&mut self) {
        for batch in &mut self.0 {
            batch.clear();
            batch.bytes.shrink_to(KEPT);
        }
    }
}
