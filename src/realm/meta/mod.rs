//! The realm's own procedures and events.
//!
//! A CALL to `wamp.*` reaches a [`Procedure`] of the tables here and nothing else (D-22). The observer's guarantee:
//! before a procedure looks at the realm, and before each part of a long answer, the pending events are sent; so an
//! answer contains exactly the changes whose events arrived before it.
//!
//! Here: which procedures there are, who may call them, their answers and errors. `args` reads arguments,
//! `registration`, `subscription` and `session` are the procedures, `answers` the long answers, `events` the events.

mod args;
mod details;
mod events;
mod observers;
mod pending;
pub(in crate::realm) mod registration;
pub(in crate::realm) mod session;
pub(in crate::realm) mod subscription;
mod topic;

use std::borrow::Cow;

pub(super) use events::{Event, Meta};
pub(super) use topic::Topics;

use super::errors::Failure;
use super::{Effects, MemberKey, Now, Realm};
use crate::codec::{Value, Writer};
use crate::wamp::{Encoding, ErrorUri, Id};

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

/// A call to one of the router's procedures.
pub(in crate::realm) struct Request<'a> {
    pub(in crate::realm) now: Now,
    /// Who calls.
    pub(in crate::realm) caller: MemberKey,
    /// Its session id.
    pub(in crate::realm) session: Id,
    /// Its encoding.
    pub(in crate::realm) encoding: Encoding,
    /// CALL.Request.
    pub(in crate::realm) request: Id,
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

/// What a procedure answers.
pub(in crate::realm) enum Reply {
    /// One RESULT, encoded for the caller: `args` is a list, `kwargs` a map or empty.
    Whole {
        /// Arguments.
        args: Vec<u8>,
        /// ArgumentsKw.
        kwargs: Vec<u8>,
    },
    /// The answer has begun and goes on in parts.
    InParts,
}
