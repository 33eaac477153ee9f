//! What routers send, message by message.

use super::code;
use super::details::{self, text_map};
use crate::codec::token::Emit;
use crate::codec::transcode_into;
use crate::wamp::{Encoding, Id, Payload, Revocation, RouterMessage};

/// Room for the elements before a payload when they are of ordinary length: one growth of the buffer at most.
const HEAD: usize = 96;

/// Writes one message.
#[inline]
pub(in crate::codec) fn write<E: Emit>(encoding: Encoding, message: &RouterMessage<'_>, emit: &mut E) {
    match message {
        RouterMessage::Invocation { request, registration, details, payload } => {
            begin(emit, code::INVOCATION, 4, payload);
            emit.uint(request.get());
            emit.uint(registration.get());
            details::invocation(details, emit);
            end(encoding, payload, emit);
        }
        RouterMessage::Result { request, details, payload } => {
            begin(emit, code::RESULT, 3, payload);
            emit.uint(request.get());
            details::result(details, emit);
            end(encoding, payload, emit);
        }
        RouterMessage::Event { subscription, publication, details, payload } => {
            begin(emit, code::EVENT, 4, payload);
            emit.uint(subscription.get());
            emit.uint(publication.get());
            details::event(details, emit);
            end(encoding, payload, emit);
        }
        RouterMessage::Error { request_type, request, passthru, error, payload } => {
            begin(emit, code::ERROR, 5, payload);
            emit.uint(*request_type as u64);
            emit.uint(request.get());
            details::passthru_only(*passthru, emit);
            emit.text(error);
            end(encoding, payload, emit);
        }
        RouterMessage::Registered { request, registration } => ids(emit, code::REGISTERED, &[*request, *registration]),
        RouterMessage::Unregistered { request } => ids(emit, code::UNREGISTERED, &[*request]),
        RouterMessage::Subscribed { request, subscription } => ids(emit, code::SUBSCRIBED, &[*request, *subscription]),
        RouterMessage::Unsubscribed { request } => ids(emit, code::UNSUBSCRIBED, &[*request]),
        RouterMessage::Published { request, publication } => ids(emit, code::PUBLISHED, &[*request, *publication]),
        other => rare(encoding, other, emit),
    }
}

/// Messages that are sent once in a session's life, or seldom.
fn rare<E: Emit>(encoding: Encoding, message: &RouterMessage<'_>, emit: &mut E) {
    match message {
        RouterMessage::Welcome { session, details } => {
            emit.begin_list(3);
            emit.uint(code::WELCOME);
            emit.uint(session.get());
            details::welcome(details, emit);
            emit.end_list();
        }
        RouterMessage::Abort { reason, message } => leave(emit, code::ABORT, Some(message), reason),
        RouterMessage::Goodbye { reason, message } => leave(emit, code::GOODBYE, message.as_ref(), reason),
        RouterMessage::Challenge { method, extra } => {
            emit.begin_list(3);
            emit.uint(code::CHALLENGE);
            emit.text(method);
            match extra.kwargs {
                [] => text_map(&[], emit),
                kwargs => value(encoding, extra.encoding, kwargs, emit),
            }
            emit.end_list();
        }
        RouterMessage::Interrupt { request, details } => {
            emit.begin_list(3);
            emit.uint(code::INTERRUPT);
            emit.uint(request.get());
            details::interrupt(details, emit);
            emit.end_list();
        }
        RouterMessage::UnregisteredRevoked { details } => revoked(emit, code::UNREGISTERED, "registration", details),
        RouterMessage::UnsubscribedRevoked { details } => revoked(emit, code::UNSUBSCRIBED, "subscription", details),
        _ => {}
    }
}

/// Begins a message of `len` elements and those of its payload.
#[inline(always)]
fn begin<E: Emit>(emit: &mut E, code: u64, len: usize, payload: &Payload<'_>) {
    emit.reserve(HEAD + payload.args.len() + payload.kwargs.len());
    let payload = if payload.is_empty() { 0 } else { 1 + usize::from(!payload.kwargs.is_empty()) };
    emit.begin_list(len + payload);
    emit.uint(code);
}

/// Ends a message with its payload (GEN-6): the sender's bytes where the encodings are the same (GEN-7).
#[inline(always)]
fn end<E: Emit>(encoding: Encoding, payload: &Payload<'_>, emit: &mut E) {
    if !payload.is_empty() {
        match payload.args {
            [] => {
                emit.begin_list(0);
                emit.end_list();
            }
            args => value(encoding, payload.encoding, args, emit),
        }
        if !payload.kwargs.is_empty() {
            value(encoding, payload.encoding, payload.kwargs, emit);
        }
    }
    emit.end_list();
}

#[inline(always)]
fn value<E: Emit>(encoding: Encoding, from: Encoding, value: &[u8], emit: &mut E) {
    if from == encoding { emit.raw(value) } else { transcode_into(from, value, emit) }
}

/// A message of ids only.
#[inline(always)]
fn ids<E: Emit>(emit: &mut E, code: u64, ids: &[Id]) {
    emit.reserve(HEAD);
    emit.begin_list(1 + ids.len());
    emit.uint(code);
    for id in ids {
        emit.uint(id.get());
    }
    emit.end_list();
}

/// ABORT and GOODBYE.
fn leave<E: Emit>(emit: &mut E, code: u64, message: Option<&&str>, reason: &str) {
    emit.begin_list(3);
    emit.uint(code);
    match message {
        Some(message) => text_map(&[("message", message)], emit),
        None => text_map(&[], emit),
    }
    emit.text(reason);
    emit.end_list();
}

/// A revocation: request 0, and what ended (LIM-7, PSX-2).
fn revoked<E: Emit>(emit: &mut E, code: u64, what: &str, details: &Revocation<'_>) {
    emit.begin_list(3);
    emit.uint(code);
    emit.uint(0);
    emit.begin_map(2);
    emit.key(what);
    emit.uint(details.id.get());
    emit.key("reason");
    emit.text(details.reason);
    emit.end_map();
    emit.end_list();
}
