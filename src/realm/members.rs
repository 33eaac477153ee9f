//! Who is joined.

use crate::pattern::EntryKey;
use crate::realm::Link;
use crate::wamp::{Id, Peer};

/// A member of a realm: slot and generation, so that a stale key leads nowhere.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct MemberKey {
    slot: u32,
    generation: u32,
}

/// One joined session.
pub(super) struct Member {
    /// Its session id.
    pub(super) session: Id,
    /// The way to its connection.
    pub(super) link: Link,
    /// Who it is.
    pub(super) peer: Peer,
    /// The registrations it serves.
    pub(super) registrations: Vec<EntryKey>,
    /// The subscriptions it holds.
    pub(super) subscriptions: Vec<EntryKey>,
}

/// All members by key and by session id.
pub(super) struct Members {}
