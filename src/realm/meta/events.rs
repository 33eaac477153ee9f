//! Meta events: gathered as they happen, sent in batches.

use crate::wamp::{Id, Invoke, Policy};

/// A change that observers hear of. Ids are those at the time of the event (MTA-5).
#[derive(Clone, Copy, Debug)]
pub(in crate::realm) enum Event<'a> {
    /// `wamp.registration.on_create` (RMA-1).
    RegistrationCreated { session: Id, id: Id, created: u64, uri: &'a str, policy: Policy, invoke: Invoke },
    /// `wamp.registration.on_register` (RMA-2).
    RegistrationJoined { session: Id, id: Id, uri: &'a str, policy: Policy },
    /// `wamp.registration.on_unregister` (RMA-3).
    RegistrationLeft { session: Id, id: Id, uri: &'a str, policy: Policy },
    /// `wamp.registration.on_delete` (RMA-4).
    RegistrationDeleted { session: Id, id: Id, uri: &'a str, policy: Policy },
    /// `wamp.subscription.on_create` (SMA-1).
    SubscriptionCreated { session: Id, id: Id, created: u64, uri: &'a str, policy: Policy },
    /// `wamp.subscription.on_subscribe` (SMA-2).
    SubscriptionJoined { session: Id, id: Id, uri: &'a str, policy: Policy },
    /// `wamp.subscription.on_unsubscribe` (SMA-3).
    SubscriptionLeft { session: Id, id: Id, uri: &'a str, policy: Policy },
    /// `wamp.subscription.on_delete` (SMA-4).
    SubscriptionDeleted { session: Id, id: Id, uri: &'a str, policy: Policy },
}

/// Observers, and the events they have not been sent yet.
pub(in crate::realm) struct Meta {}

impl Meta {
    /// Takes note of a change. With no observer it costs one branch.
    #[inline]
    pub(in crate::realm) fn emit(&mut self, event: Event<'_>) {
        let _ = event;
        todo!()
    }
}
