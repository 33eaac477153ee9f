//! Subscriptions; who gets this event.

pub(super) struct Broker {}
