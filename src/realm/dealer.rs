//! Registrations; who serves this call.

pub(super) struct Dealer {}
