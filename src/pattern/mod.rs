//! URI to entries.
