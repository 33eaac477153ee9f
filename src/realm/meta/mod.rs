//! The realm's own procedures and events.

mod events;

pub(super) use events::{Event, Meta};
