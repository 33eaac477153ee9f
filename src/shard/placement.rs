//! Which shard is a realm's home, and why order holds.
//!
//! A realm has one home, and only that worker changes it. A session's messages reach it by one path, in order, so
//! each pair of peers sees the order that WAMP promises (section 15 of the feature rows): messages are handled in the
//! order in which the home takes them, and each session's queue is first in, first out.
//!
//! Realms go to shards by turns, in the order of the configuration: neighbours in the list share no core until there
//! are more realms than cores.

use std::collections::HashMap;

use super::outbox::SlowConsumer;
use crate::realm::{Realm, RealmOptions};
use crate::session::StrictIds;
use crate::session::auth::Methods;

/// A realm as every worker knows it, for HELLO.
#[derive(Clone, Debug)]
pub struct Entry {
    /// What the realm itself is configured with; its name among it.
    pub options: RealmOptions,
    /// How clients prove who they are.
    pub methods: Methods,
    /// What is done about request ids out of sequence.
    pub strict_ids: StrictIds,
    /// Bytes that may wait for one session.
    pub queue_bytes: usize,
    /// What is done about a session that does not read.
    pub slow_consumer: SlowConsumer,
}

/// Every realm of the process.
#[derive(Debug)]
pub struct Directory {
    entries: Vec<Entry>,
    by_name: HashMap<String, usize>,
    shards: usize,
}

impl Directory {
    /// The directory of `entries`, spread over `shards` workers, at least 1. Names are unique.
    pub fn new(entries: Vec<Entry>, shards: usize) -> Directory {
        let by_name = entries.iter().enumerate().map(|(index, entry)| (entry.options.name.clone(), index)).collect();
        Directory { entries, by_name, shards }
    }

    /// The index of a realm.
    pub fn find(&self, name: &str) -> Option<usize> {
        self.by_name.get(name).copied()
    }

    /// The realm at an index that [`Directory::find`] gave.
    pub fn entry(&self, index: usize) -> &Entry {
        &self.entries[index]
    }

    /// The shard that the realm is at home on.
    pub fn home(&self, index: usize) -> usize {
        index % self.shards
    }

    /// How many shards are home to a realm, at least 1.
    pub(super) fn homes(&self) -> usize {
        self.entries.len().min(self.shards).max(1)
    }

    /// The realms of one shard, at their indexes.
    pub(super) fn realms_at(&self, shard: usize, seed: u64) -> Vec<Option<Realm>> {
        let open = |(index, entry): (usize, &Entry)| {
            (self.home(index) == shard).then(|| Realm::new(entry.options.clone(), seed ^ index as u64))
        };
        self.entries.iter().enumerate().map(open).collect()
    }
}
