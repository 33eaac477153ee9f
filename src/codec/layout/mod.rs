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
mod glimpse;
mod hello;
mod options;
mod read;
mod write;

pub(super) use glimpse::glimpse;
pub(super) use read::read;
pub(super) use write::write;

/// Message codes (MSG-1 to MSG-25).
mod code {
    macro_rules! codes {
        ($($name:ident = $code:literal;)*) => {
            $(pub const $name: u64 = $code;)*

            /// The name of the message with this code.
            pub fn name(code: u64) -> Option<&'static str> {
                match code {
                    $($code => Some(stringify!($name)),)*
                    // What EVENT_RECEIVED uses until its own code is ratified (PSX-5).
                    EVENT_RECEIVED_PROVISIONAL => Some("EVENT_RECEIVED"),
                    _ => None,
                }
            }
        };
    }

    codes! {
        HELLO = 1;
        WELCOME = 2;
        ABORT = 3;
        CHALLENGE = 4;
        AUTHENTICATE = 5;
        GOODBYE = 6;
        ERROR = 8;
        PUBLISH = 16;
        PUBLISHED = 17;
        SUBSCRIBE = 32;
        SUBSCRIBED = 33;
        UNSUBSCRIBE = 34;
        UNSUBSCRIBED = 35;
        EVENT = 36;
        EVENT_RECEIVED = 37;
        CALL = 48;
        CANCEL = 49;
        RESULT = 50;
        REGISTER = 64;
        REGISTERED = 65;
        UNREGISTER = 66;
        UNREGISTERED = 67;
        INVOCATION = 68;
        INTERRUPT = 69;
        YIELD = 70;
    }

    /// See [`name`].
    pub const EVENT_RECEIVED_PROVISIONAL: u64 = 337;
}
