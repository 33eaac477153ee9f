//! Saying no: an error, its sentence, and the ERROR that carries both.

use std::borrow::Cow;

use super::Effects;
use super::members::Member;
use crate::codec::Writer;
use crate::wamp::{ErrorUri, Id, Payload, Policy, RequestType, RouterMessage};

/// Why a request is not granted.
#[derive(Debug)]
pub(in crate::realm) struct Failure {
    /// The error.
    pub(in crate::realm) error: ErrorUri,
    /// A sentence for the developer of the peer: the ERROR's only argument.
    pub(in crate::realm) message: Cow<'static, str>,
}

impl Failure {
    /// An error with its sentence.
    pub(in crate::realm) fn new(error: ErrorUri, message: impl Into<Cow<'static, str>>) -> Failure {
        Failure { error, message: message.into() }
    }

    /// Wrong number, type or value of arguments (MTA-7).
    pub(in crate::realm) fn invalid(message: impl Into<Cow<'static, str>>) -> Failure {
        Failure::new(ErrorUri::InvalidArgument, message)
    }

    /// A URI that is none, or that is the router's own (URI-9, URI-11).
    pub(in crate::realm) fn invalid_uri(message: &'static str) -> Failure {
        Failure::new(ErrorUri::InvalidUri, message)
    }

    /// The role's rules do not allow it (AZN-2).
    pub(in crate::realm) fn not_authorized() -> Failure {
        Failure::new(ErrorUri::NotAuthorized, "the rules of this session's role do not allow it")
    }

    /// The same for a request under a match policy: what a pattern needs is more (AZN-8, D-23).
    pub(in crate::realm) fn not_authorized_for(policy: Policy) -> Failure {
        match policy {
            Policy::Exact => Failure::not_authorized(),
            Policy::Prefix | Policy::Wildcard => {
                let message = "no rule of this session's role allows it for every URI that the pattern can match";
                Failure::new(ErrorUri::NotAuthorized, message)
            }
        }
    }

    /// A quota is used up (SIZ-7).
    pub(in crate::realm) fn limit(message: &'static str) -> Failure {
        Failure::new(ErrorUri::LimitExceeded, message)
    }
}

/// Answers a request with ERROR. Should even the sentence be too long for the peer, it goes without (SIZ-5).
#[cold]
pub(in crate::realm) fn refuse(
    to: &Member,
    request_type: RequestType,
    request: Id,
    failure: &Failure,
    out: &mut dyn Effects,
) {
    let mut args = Vec::new();
    let mut writer = Writer::new(to.peer.encoding, &mut args);
    writer.begin_list(1);
    writer.text(&failure.message);
    writer.end_list();
    let payload = Payload { encoding: to.peer.encoding, args: &args, kwargs: &[] };
    let error = failure.error.as_str();
    let message = RouterMessage::Error { request_type, request, passthru: None, error, payload };
    send_error(to, message, out);
}

/// Sends an ERROR; one that is too long for the peer goes without its payload (SIZ-5).
pub(in crate::realm) fn send_error(to: &Member, mut message: RouterMessage<'_>, out: &mut dyn Effects) {
    if out.send(to.link, &message) == Err(super::Refused::TooLarge)
        && let RouterMessage::Error { payload, passthru, .. } = &mut message
    {
        (*payload, *passthru) = (Payload::EMPTY, None);
        // An answer of a few octets: what refuses it now is a connection that is gone.
        let _ = out.send(to.link, &message);
    }
}
