//! Bytes and sockets.
//!
//! The framings and handshakes here are pure: bytes in, frames and answers out.

pub mod frame;
pub mod http;
pub mod opening;
pub mod rawsocket;
pub mod websocket;
