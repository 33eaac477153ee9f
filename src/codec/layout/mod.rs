//! The layout of messages: which elements, in which order, of which type. Once for all encodings.
//!
//! `read` takes what clients send, `write` says what routers send; `elements` and `entries` are the words they are
//! told in. Everything is generic over the encoding's reader or emitter and compiled once for each.
//!
//! Spec: "Messages", "Message Codes"; rows MSG, GEN. The rules of Options and Details are GEN-3, GEN-4, SER-8 and
//! D-38: a key not known is passed over, a known one of the wrong type is a violation, null counts as absent, no key
//! stands twice.

mod details;
mod elements;
mod entries;
mod hello;
mod options;
mod read;
mod write;

pub(super) use read::read;
pub(super) use write::write;

/// Message codes (MSG-1 to MSG-25).
#[rustfmt::skip]
mod code {
    pub const HELLO: u64 = 1;
    pub const WELCOME: u64 = 2;
    pub const ABORT: u64 = 3;
    pub const CHALLENGE: u64 = 4;
    pub const AUTHENTICATE: u64 = 5;
    pub const GOODBYE: u64 = 6;
    pub const ERROR: u64 = 8;
    pub const PUBLISH: u64 = 16;
    pub const PUBLISHED: u64 = 17;
    pub const SUBSCRIBE: u64 = 32;
    pub const SUBSCRIBED: u64 = 33;
    pub const UNSUBSCRIBE: u64 = 34;
    pub const UNSUBSCRIBED: u64 = 35;
    pub const EVENT: u64 = 36;
    /// The code meant for EVENT_RECEIVED, and the one in use (PSX-5).
    pub const EVENT_RECEIVED: u64 = 37;
    pub const EVENT_RECEIVED_PROVISIONAL: u64 = 337;
    pub const CALL: u64 = 48;
    pub const CANCEL: u64 = 49;
    pub const RESULT: u64 = 50;
    pub const REGISTER: u64 = 64;
    pub const REGISTERED: u64 = 65;
    pub const UNREGISTER: u64 = 66;
    pub const UNREGISTERED: u64 = 67;
    pub const INVOCATION: u64 = 68;
    pub const INTERRUPT: u64 = 69;
    pub const YIELD: u64 = 70;
}
