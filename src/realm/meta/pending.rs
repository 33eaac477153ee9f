//! Meta events that observers have not been sent yet.
//!
//! A record is small and owns nothing: texts stand in one arena, and the events of one change share theirs. What is
//! recorded here is what was true when it happened (MTA-5).

use super::events::Event;
use super::topic::{Topic, Topics};
use crate::wamp::{Id, Invoke, Peer, Policy};

/// Bytes of records and texts from which on [`Pending::is_full`]: what is sent then lies in the caches.
const FULL: usize = 32 * 1024;
/// Memory above this is given back after a flush.
const KEPT: usize = 2 * FULL;

/// One event.
pub(super) struct Record {
    pub(super) topic: Topic,
    /// The session that caused it.
    pub(super) session: Id,
    /// One id for all who hear of it (PUB-10).
    pub(super) publication: Id,
    pub(super) subject: Subject,
}

/// What an event is about.
#[derive(Clone, Copy)]
pub(super) enum Subject {
    /// A registration or subscription.
    Entry {
        id: Id,
        /// Milliseconds since the epoch, of an event that tells them.
        created: Option<u64>,
        uri: Text,
        policy: Policy,
        /// Of a registration.
        invoke: Invoke,
    },
    /// A session: an index of [`Pending::peers`].
    Session { peer: u32 },
}

/// A text in the arena.
#[derive(Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Text {
    start: u32,
    end: u32,
}

/// Recorded events, in the order of the changes.
#[derive(Default)]
pub(super) struct Pending {
    pub(super) records: Vec<Record>,
    pub(super) topics: Topics,
    texts: String,
    last: Option<Text>,
    peers: Vec<Peer>,
}

impl Pending {
    pub(super) fn is_empty(&self) -> bool {
        self.records.is_empty()
    }

    /// Whether so much is gathered that it should be sent before more is.
    pub(super) fn is_full(&self) -> bool {
        self.records.len() * size_of::<Record>() + self.texts.len() + self.peers.len() * size_of::<Peer>() >= FULL
    }

    /// Records an event; its publication id is drawn when it is sent.
    pub(super) fn push(&mut self, event: Event<'_>) {
        let topic = event.topic();
        let (session, subject) = self.subject(event);
        self.topics.insert(topic);
        self.records.push(Record { topic, session, publication: Id::MIN, subject });
    }

    fn subject(&mut self, event: Event<'_>) -> (Id, Subject) {
        let (created, invoke) = match event {
            Event::RegistrationCreated { created, invoke, .. } => (Some(created), invoke),
            Event::SubscriptionCreated { created, .. } => (Some(created), Invoke::default()),
            _ => (None, Invoke::default()),
        };
        match event {
            Event::RegistrationCreated { session, id, uri, policy, .. }
            | Event::RegistrationJoined { session, id, uri, policy }
            | Event::RegistrationLeft { session, id, uri, policy }
            | Event::RegistrationDeleted { session, id, uri, policy }
            | Event::SubscriptionCreated { session, id, uri, policy, .. }
            | Event::SubscriptionJoined { session, id, uri, policy }
            | Event::SubscriptionLeft { session, id, uri, policy }
            | Event::SubscriptionDeleted { session, id, uri, policy } => {
                let uri = self.keep(uri);
                (session, Subject::Entry { id, created, uri, policy, invoke })
            }
            Event::SessionJoined { session, peer } | Event::SessionLeft { session, peer } => {
                self.peers.push(peer.clone());
                (session, Subject::Session { peer: self.peers.len() as u32 - 1 })
            }
        }
    }

    /// Keeps a text; the one kept just before is kept once.
    pub(super) fn keep(&mut self, text: &str) -> Text {
        if let Some(last) = self.last.filter(|&last| self.text(last) == text) {
            return last;
        }
        let start = self.texts.len() as u32;
        self.texts.push_str(text);
        let kept = Text { start, end: self.texts.len() as u32 };
        self.last = Some(kept);
        kept
    }

    pub(super) fn text(&self, text: Text) -> &str {
        &self.texts[text.start as usize..text.end as usize]
    }

    pub(super) fn peer(&self, peer: u32) -> &Peer {
        &self.peers[peer as usize]
    }

    /// Forgets all; keeps what memory an ordinary turn needs.
    pub(super) fn clear(&mut self) {
        self.records.clear();
        self.texts.clear();
        self.peers.clear();
        self.records.shrink_to(KEPT / size_of::<Record>());
        self.texts.shrink_to(KEPT);
        self.peers.shrink_to(KEPT / size_of::<Peer>());
        (self.last, self.topics) = (None, Topics::default());
    }
}
