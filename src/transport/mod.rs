//! Bytes and sockets.
//!
//! The framings and handshakes here are pure: bytes in, frames and answers out. Around them:
//!
//! ```text
//! listener --socket--> connection --opening--> driver --messages--> conversation --> shard
//!                          ^                      |
//!                          +---- moves to the realm's home shard, once HELLO names it
//! ```

mod complaints;
pub mod connection;
mod conversation;
mod driver;
pub mod frame;
pub mod http;
pub mod listener;
mod lookahead;
pub mod opening;
pub mod pool;
mod protocol;
pub mod rawsocket;
pub mod stream;
mod timer;
pub mod websocket;
