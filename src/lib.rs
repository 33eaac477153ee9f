//! Banyan: a sharded WAMP v2 router.
//!
//! The rooms, in layer order; imports point down only:
//!
//! 1. [`wamp`]: the vocabulary.
//! 2. [`codec`] (bytes to messages), [`pattern`] (URI to entries).
//! 3. [`session`] (one connection's life), [`realm`] (pure routing).
//! 4. [`shard`]: all threads and queues.
//! 5. [`transport`]: bytes and sockets.
//! 6. [`config`]: the only reader of files and arguments; [`logging`].
//! 7. [`server`]: starts shards and listeners, drains them.

pub mod codec;
pub mod config;
pub mod logging;
pub mod pattern;
pub mod realm;
pub mod server;
pub mod session;
pub mod shard;
pub mod transport;
pub mod wamp;
