//! Banyan: a sharded WAMP v2 router.

pub mod pattern;
