//! The vocabulary of WAMP v2: the words every other room speaks.
//!
//! Here: identifiers, URIs and match policies, the messages a router receives and sends, their typed Options and
//! Details, payloads as tagged bytes, and every error with its URI. The specification defines them in "Building
//! Blocks" and "Messages" (basic profile) and in the chapters of the advanced profile that add options.
//!
//! Invariants: an [`Id`] is in 1..=2^53; a message borrows from the bytes it was read from and owns nothing large.
//!
//! Not here: any encoding (`codec`), any rule of who may send what when (`session`, `realm`).

mod error;
mod id;
mod message;
mod options;
mod payload;
mod peer;
mod policy;
pub mod uri;

pub use error::{ErrorUri, Violation};
pub use id::Id;
pub use message::{ClientMessage, Glimpse, RequestType, RouterMessage};
pub use options::{
    CallOptions, CancelMode, Disclosure, EventDetails, HelloDetails, InterruptDetails, InvocationDetails, Passthru,
    PublishOptions, RegisterOptions, ResultDetails, Revocation, Selection, SubscribeOptions, WelcomeDetails,
    YieldOptions,
};
pub use payload::{Encoding, Payload};
pub use peer::{Features, Peer};
pub use policy::{Invoke, Policy};
