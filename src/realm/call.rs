//! Calls in flight.

pub(super) struct Calls {}
