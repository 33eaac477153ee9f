//! PUBLISH: to whom, and what they are told.

use super::selection::Receivers;
use super::subscription::{Subscriber, Subscription};
use super::{Broker, Request};
use crate::codec;
use crate::pattern::rules::Action;
use crate::pattern::{Entry, EntryKey};
use crate::realm::members::Members;
use crate::realm::{Batch, Effects, MemberKey};
use crate::wamp::{
    Disclosure, Encoding, ErrorUri, EventDetails, Features, Id, Payload, Policy, PublishOptions, RequestType,
    RouterMessage, Violation, uri,
};

/// A batch larger than this is not kept.
const KEPT: usize = 256 * 1024;

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
            subscription: super::id_of(key),
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
