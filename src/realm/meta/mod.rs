//! The realm's own procedures and events.
//!
//! A CALL to `wamp.*` reaches a [`Procedure`] of the tables here and nothing else (D-22). The observer's guarantee:
//! before a procedure looks at the realm, and before each part of a long answer, the gathered events are sent; so an
//! answer contains exactly the changes whose events arrived before it.
//!
//! Here: which procedures there are, who may call them, their answers and errors. `args` reads arguments,
//! `registration`, `subscription` and `session` are the procedures, `lists` and `answers` long answers; `events` the
//! events, `topic` their topics, `observers` who hears of them and what they have not been sent yet, `stencil` how
//! many alike are encoded, `details` the dicts of both.

mod answers;
mod args;
mod details;
mod events;
mod lists;
mod observers;
pub(super) mod registration;
mod session;
mod stencil;
pub(super) mod subscription;
mod topic;

use std::borrow::Cow;

pub(super) use answers::Answers;
pub(super) use events::{Event, Meta};
pub(super) use topic::Topics;

use self::answers::Parts;
pub(in crate::realm) use super::errors::Failure;
use super::{Effects, MemberKey, Realm, Refused};
use crate::codec::{Value, Writer, read_args, read_kwargs};
use crate::pattern::rules::Action;
use crate::wamp::{CallOptions, Encoding, ErrorUri, Id, Payload, Policy, ResultDetails, RouterMessage, Violation};

/// Longest arguments that the router's own procedures take, in bytes: as values they are many times as long.
const MOST_ARGUMENTS: usize = 64 * 1024;

/// A procedure of the router.
pub(in crate::realm) struct Procedure {
    /// The URI called.
    pub(in crate::realm) uri: &'static str,
    /// The URI whose *call* permission it needs: the same, but for a second name of a procedure (D-02).
    pub(in crate::realm) permission: &'static str,
    /// It changes the realm for others: a rule must grant it explicitly (RMA-17).
    pub(in crate::realm) privileged: bool,
    /// What it does.
    pub(in crate::realm) run: Run,
}

/// The body of a procedure.
pub(in crate::realm) type Run = fn(&mut Realm, &Request<'_>, &mut dyn Effects) -> Result<Reply, Failure>;

impl Procedure {
    /// A procedure that only looks.
    pub(in crate::realm) const fn open(uri: &'static str, run: Run) -> Procedure {
        Procedure { uri, permission: uri, privileged: false, run }
    }

    /// A procedure that needs an explicit grant.
    pub(in crate::realm) const fn privileged(uri: &'static str, run: Run) -> Procedure {
        Procedure { uri, permission: uri, privileged: true, run }
    }
}

/// Every procedure there is.
const TABLES: [&[Procedure]; 3] = [registration::PROCEDURES, subscription::PROCEDURES, session::PROCEDURES];

/// A call to one of the router's procedures.
pub(in crate::realm) struct Request<'a> {
    /// Who calls.
    pub(in crate::realm) caller: MemberKey,
    /// Its encoding.
    pub(in crate::realm) encoding: Encoding,
    /// It takes the answer in parts.
    pub(in crate::realm) receive_progress: bool,
    pub(in crate::realm) args: Vec<Value<'a>>,
    pub(in crate::realm) kwargs: Vec<(Cow<'a, str>, Value<'a>)>,
}

impl Request<'_> {
    /// An answer of one positional value, which `write` writes.
    pub(in crate::realm) fn reply(&self, write: impl FnOnce(&mut Writer<'_>)) -> Reply {
        let mut args = Vec::new();
        let mut writer = Writer::new(self.encoding, &mut args);
        writer.begin_list(1);
        write(&mut writer);
        writer.end_list();
        Reply::Whole { args, kwargs: Vec::new() }
    }
}

fn no_such_session() -> Failure {
    Failure::new(ErrorUri::NoSuchSession, "there is no session with this id")
}

/// What a procedure answers.
pub(in crate::realm) enum Reply {
    /// One RESULT, encoded for the caller: `args` is a list, `kwargs` a map or empty.
    Whole {
        /// Arguments.
        args: Vec<u8>,
        /// ArgumentsKw.
        kwargs: Vec<u8>,
    },
    /// Progressive RESULTs, as the caller reads them.
    InParts(Parts),
}

impl Realm {
    /// A CALL to `wamp` or `wamp.*` (D-22). What is not allowed is not revealed (AZN-4).
    pub(super) fn call_router(
        &mut self,
        from: MemberKey,
        request: Id,
        options: &CallOptions<'_>,
        uri: &str,
        payload: &Payload<'_>,
        out: &mut dyn Effects,
    ) -> Result<(), Failure> {
        let procedure = self.find_procedure(from, uri)?;
        if options.progress || options.passthru.as_ref().is_some_and(|passthru| passthru.ppt_scheme.is_some()) {
            let message = "the router's procedures take neither progressive calls nor payload passthru";
            return Err(Failure::new(ErrorUri::FeatureNotSupported, message));
        }
        if payload.args.len() + payload.kwargs.len() > MOST_ARGUMENTS {
            return Err(Failure::invalid("the router's procedures take arguments of at most 65536 bytes"));
        }
        let Some(caller) = self.members.get(from) else { return Ok(()) };
        let unreadable = |violation: Violation| Failure::invalid(violation.0);
        let asked = Request {
            caller: from,
            encoding: caller.peer.encoding,
            receive_progress: options.receive_progress,
            args: read_args(payload).map_err(unreadable)?,
            kwargs: read_kwargs(payload).map_err(unreadable)?,
        };
        self.meta.flush(out);
        let reply = (procedure.run)(self, &asked, out)?;
        // What the procedure itself changed is told before its answer (RMA-16).
        self.meta.flush(out);
        match reply {
            Reply::Whole { args, kwargs } => self.answer(from, request, false, &args, &kwargs, out),
            Reply::InParts(parts) => self.begin_answer(from, request, parts, out),
        }
    }

    fn find_procedure(&self, from: MemberKey, uri: &str) -> Result<&'static Procedure, Failure> {
        let found = TABLES.into_iter().flatten().find(|procedure| procedure.uri == uri);
        if found.is_none() && !self.options.uris.allow(uri, Policy::Exact) {
            return Err(Failure::invalid_uri("the procedure is no valid URI"));
        }
        let Some(caller) = self.members.get(from) else { return Err(Failure::not_authorized()) };
        let verdict = caller.judge(Action::Call, found.map_or(uri, |procedure| procedure.permission), Policy::Exact);
        match found {
            _ if !verdict.allowed => Err(Failure::not_authorized()),
            Some(procedure) if procedure.privileged && !verdict.explicit => {
                let message = "this procedure needs a rule that names it or a part of \"wamp.\" above it";
                Err(Failure::new(ErrorUri::NotAuthorized, message))
            }
            Some(procedure) => Ok(procedure),
            None => Err(Failure::new(ErrorUri::NoSuchProcedure, "the router has no such procedure")),
        }
    }

    /// Sends a RESULT of the router's own.
    fn answer(
        &self,
        to: MemberKey,
        request: Id,
        progress: bool,
        args: &[u8],
        kwargs: &[u8],
        out: &mut dyn Effects,
    ) -> Result<(), Failure> {
        let Some(caller) = self.members.present(to) else { return Ok(()) };
        let payload = Payload { encoding: caller.peer.encoding, args, kwargs };
        let details = ResultDetails { progress, ..ResultDetails::default() };
        match out.send(caller.link, &RouterMessage::Result { request, details, payload }) {
            Err(Refused::TooLarge) => {
                let message = "the answer is longer than this session takes; lists of registrations and subscriptions \
                               come in parts with receive_progress, and in pages with the options limit and after";
                Err(Failure::new(ErrorUri::PayloadSizeExceeded, message))
            }
            // A connection that is gone needs no answer; its leave is on its way.
            _ => Ok(()),
        }
    }
}
