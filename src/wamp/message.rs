//! The messages, as the specification lists them (MSG-1 to MSG-25).

use std::borrow::Cow;

use super::{
    CallOptions, CancelMode, EventDetails, HelloDetails, Id, InterruptDetails, InvocationDetails, Passthru, Payload,
    Policy, PublishOptions, RegisterOptions, ResultDetails, Revocation, SubscribeOptions, WelcomeDetails, YieldOptions,
};

/// A message a client may send. Everything borrows from the bytes it was decoded from.
#[derive(Clone, Debug)]
#[expect(missing_docs, reason = "the fields are the elements of the specification's layouts")]
pub enum ClientMessage<'a> {
    /// `[1, Realm, Details]`; the realm may be null (SES-5).
    Hello { realm: Option<Cow<'a, str>>, details: Box<HelloDetails<'a>> },
    /// `[3, Details, Reason]`, never answered (SES-16).
    Abort { reason: Cow<'a, str> },
    /// `[5, Signature, Extra]`; Extra as one encoded map.
    Authenticate { signature: Cow<'a, str>, extra: &'a [u8] },
    /// `[6, Details, Reason]`.
    Goodbye { reason: Cow<'a, str> },
    /// `[8, 68, INVOCATION.Request, Details, Error, Arguments?, ArgumentsKw?]`: no other Type is legal (GEN-9).
    Error { request: Id, passthru: Option<Box<Passthru<'a>>>, error: Cow<'a, str>, payload: Payload<'a> },
    /// `[16, Request, Options, Topic, Arguments?, ArgumentsKw?]`.
    Publish { request: Id, options: PublishOptions<'a>, topic: Cow<'a, str>, payload: Payload<'a> },
    /// `[32, Request, Options, Topic]`.
    Subscribe { request: Id, options: SubscribeOptions, topic: Cow<'a, str> },
    /// `[34, Request, Subscription]`.
    Unsubscribe { request: Id, subscription: Id },
    /// `[337, Publication]` or `[37, Publication]`: accepted and ignored (PSX-5).
    EventReceived { publication: Id },
    /// `[48, Request, Options, Procedure, Arguments?, ArgumentsKw?]`.
    Call { request: Id, options: CallOptions<'a>, procedure: Cow<'a, str>, payload: Payload<'a> },
    /// `[49, CALL.Request, Options]`; no mode means the router's default (CAN-1).
    Cancel { request: Id, mode: Option<CancelMode> },
    /// `[64, Request, Options, Procedure]`.
    Register { request: Id, options: RegisterOptions, procedure: Cow<'a, str> },
    /// `[66, Request, Registration]`.
    Unregister { request: Id, registration: Id },
    /// `[70, INVOCATION.Request, Options, Arguments?, ArgumentsKw?]`.
    Yield { request: Id, options: YieldOptions<'a>, payload: Payload<'a> },
}

/// What a message that was not decoded yet asks for, as far as its first bytes tell.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Glimpse<'a> {
    /// CALL of this procedure.
    Call(&'a str),
    /// CALL of this procedure of the router's about a URI, its first argument; the policy is the option `match`.
    Meta(&'a str, Policy, &'a str),
    /// PUBLISH to this topic.
    Publish(&'a str),
    /// REGISTER of this procedure.
    Register(Policy, &'a str),
    /// SUBSCRIBE to this topic.
    Subscribe(Policy, &'a str),
}

/// What an ERROR answers: the code of the request's message type.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
#[expect(missing_docs, reason = "the names are the specification's")]
pub enum RequestType {
    Publish = 16,
    Subscribe = 32,
    Unsubscribe = 34,
    Call = 48,
    Register = 64,
    Unregister = 66,
}

/// A message a router may send. Payloads may stand in another encoding than the receiver's; the codec transcodes.
#[derive(Clone, Debug)]
#[expect(missing_docs, reason = "the fields are the elements of the specification's layouts")]
pub enum RouterMessage<'a> {
    /// `[2, Session, Details]`.
    Welcome { session: Id, details: &'a WelcomeDetails<'a> },
    /// `[3, {"message": text}, Reason]`: three elements, never more (MSG-3, TRP-2).
    Abort { reason: &'a str, message: &'a str },
    /// `[4, AuthMethod, Extra]`; Extra as a payload's kwargs.
    Challenge { method: &'a str, extra: Payload<'a> },
    /// `[6, Details, Reason]`; Details hold `message` where given (SSM-7).
    Goodbye { reason: &'a str, message: Option<&'a str> },
    /// `[8, REQUEST.Type, REQUEST.Request, Details, Error, Arguments?, ArgumentsKw?]`.
    Error {
        request_type: RequestType,
        request: Id,
        passthru: Option<&'a Passthru<'a>>,
        error: &'a str,
        payload: Payload<'a>,
    },
    /// `[17, PUBLISH.Request, Publication]`.
    Published { request: Id, publication: Id },
    /// `[33, SUBSCRIBE.Request, Subscription]`.
    Subscribed { request: Id, subscription: Id },
    /// `[35, UNSUBSCRIBE.Request]`.
    Unsubscribed { request: Id },
    /// `[35, 0, {"subscription", "reason"}]`.
    UnsubscribedRevoked { details: Revocation<'a> },
    /// `[36, Subscription, Publication, Details, Arguments?, ArgumentsKw?]`.
    Event { subscription: Id, publication: Id, details: EventDetails<'a>, payload: Payload<'a> },
    /// `[50, CALL.Request, Details, Arguments?, ArgumentsKw?]`.
    Result { request: Id, details: ResultDetails<'a>, payload: Payload<'a> },
    /// `[65, REGISTER.Request, Registration]`.
    Registered { request: Id, registration: Id },
    /// `[67, UNREGISTER.Request]`.
    Unregistered { request: Id },
    /// `[67, 0, {"registration", "reason"}]`.
    UnregisteredRevoked { details: Revocation<'a> },
    /// `[68, Request, Registration, Details, Arguments?, ArgumentsKw?]`.
    Invocation { request: Id, registration: Id, details: InvocationDetails<'a>, payload: Payload<'a> },
    /// `[69, INVOCATION.Request, Options]`.
    Interrupt { request: Id, details: InterruptDetails<'a> },
}
