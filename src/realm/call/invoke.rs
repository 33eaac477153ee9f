//! CALL to INVOCATION: whether the call may be made, who takes it, what the callee is told.

use super::end::interrupt;
use super::kept::{Kept, MOST_KEPT, text_bytes};
use super::{Call, Seat, outrun};
use crate::pattern::EntryKey;
use crate::pattern::rules::Action;
use crate::realm::dealer::Choice;
use crate::realm::errors::{Failure, refuse};
use crate::realm::ids::id_of;
use crate::realm::members::{Member, Pending};
use crate::realm::{Effects, MemberKey, Now, Realm, RealmOptions, Refused};
use crate::wamp::{
    CallOptions, CancelMode, ErrorUri, Features, Id, InvocationDetails, Invoke, Passthru, Payload, Policy, RequestType,
    RouterMessage, Violation, uri,
};

/// A CALL as it came.
pub(in crate::realm) struct Asked<'a> {
    pub(in crate::realm) request: Id,
    pub(in crate::realm) options: &'a CallOptions<'a>,
    pub(in crate::realm) procedure: &'a str,
    pub(in crate::realm) payload: Payload<'a>,
}

/// A CALL as it is offered to callees.
pub(super) struct Offer<'a> {
    pub(super) caller: MemberKey,
    pub(super) procedure: &'a str,
    pub(super) payload: Payload<'a>,
    pub(super) passthru: Option<&'a Passthru<'a>>,
    /// The caller is named, asked or by rule.
    pub(super) disclose: bool,
    pub(super) receive_progress: bool,
    /// More chunks follow.
    pub(super) progress: bool,
    /// As the caller gave it, 0 for none.
    pub(super) timeout: u64,
}

impl Offer<'_> {
    /// Bytes of what later chunks and other callees need beside the payload.
    fn frozen_bytes(&self) -> usize {
        self.procedure.len() + self.passthru.map_or(0, text_bytes)
    }
}

impl Realm {
    /// CALL, or the next chunk of one (PRI-3).
    ///
    /// # Errors
    /// [`Violation`] for a feature used without announcing it (PRO-5, PRO-6) and for the id of a call in flight (D-50).
    #[inline(never)]
    pub(in crate::realm) fn call(
        &mut self,
        now: Now,
        from: MemberKey,
        asked: &Asked<'_>,
        out: &mut dyn Effects,
    ) -> Result<(), Violation> {
        let &Asked { request, options, procedure, payload } = asked;
        let Some(caller) = self.members.get_mut(from) else { return Ok(()) };
        announced(caller, options)?;
        match caller.calls.get(&request.get()) {
            Some(&Pending::Invoked(index)) => return self.call_again(index, options.progress, procedure, payload, out),
            Some(Pending::Streamed(_)) => return Err(in_flight()),
            None => {}
        }
        if !caller.outrun.is_empty() && caller.outrun.contains(&request.get()) {
            if !options.progress {
                caller.outrun.remove(&request.get());
            }
            return Ok(());
        }
        let result = if caller.calls.len() >= self.options.limits.calls {
            Err(Failure::limit("this session has as many calls in flight as a session may"))
        } else if self.calls.len() >= self.options.limits.calls_in_all {
            Err(Failure::limit("this realm has as many calls in flight as a realm may"))
        } else if uri::is_reserved(procedure) {
            self.call_router(from, request, options, procedure, &payload, out)
        } else {
            self.call_procedure(now, from, asked, out)
        };
        if let Err(failure) = result
            && let Some(caller) = self.members.get_mut(from)
        {
            refuse(caller, RequestType::Call, request, &failure, out);
            if options.progress {
                outrun(&mut caller.outrun, request);
            }
        }
        Ok(())
    }

    /// A call to a client's procedure.
    fn call_procedure(
        &mut self,
        now: Now,
        from: MemberKey,
        asked: &Asked<'_>,
        out: &mut dyn Effects,
    ) -> Result<(), Failure> {
        let &Asked { request, options, procedure, payload } = asked;
        let found = self.dealer.registrations.best(procedure);
        let disclose = self.may_call(from, options, procedure, found)?;
        let offer = Offer {
            caller: from,
            procedure,
            payload,
            passthru: options.passthru.as_deref(),
            disclose,
            receive_progress: options.receive_progress,
            progress: options.progress,
            timeout: options.timeout,
        };
        if offer.progress && self.calls.kept_bytes + offer.frozen_bytes() > MOST_KEPT {
            return Err(Failure::limit("the progressive calls in flight have as long options as a realm keeps"));
        }
        let seat = self.find_seat(found, &offer, out)?;
        let deadline = (offer.timeout != 0 && !seat.runs_timeout).then(|| self.expiry(now, offer.timeout));
        let kept = self.keep(&offer, &seat);
        let call = Call {
            caller: from,
            request,
            seat,
            timeout: offer.timeout,
            deadline,
            receive_progress: offer.receive_progress,
            progressed: false,
            open: offer.progress,
            killed: false,
            kept,
        };
        self.calls.begin(&mut self.members, call);
        Ok(())
    }

    /// When a call times out that is made, or goes on, now (TMO-1, D-10).
    pub(super) fn expiry(&self, now: Now, timeout: u64) -> u64 {
        now.mono_ms.saturating_add(self.options.timeout_unit.milliseconds(timeout))
    }

    /// Everything that is decided without telling whether the procedure exists (AZN-4): a valid URI, an allowed call,
    /// an allowed disclosure. Returns whether the caller is named (CID-1, CID-3, D-12).
    fn may_call(
        &mut self,
        from: MemberKey,
        options: &CallOptions<'_>,
        procedure: &str,
        found: Option<EntryKey>,
    ) -> Result<bool, Failure> {
        // What is registered was checked when it was: only other URIs need the walk over their characters.
        let exact = found.filter(|&key| self.dealer.registrations.policy(key) == Some(Policy::Exact));
        if exact.is_none() && !self.options.uris.allow(procedure, Policy::Exact) {
            return Err(Failure::invalid_uri("the procedure is no valid URI"));
        }
        let Some(caller) = self.members.get(from) else { return Err(Failure::not_authorized()) };
        let verdict = match (&caller.rules, exact) {
            (Some(rules), Some(registration)) => self.verdicts.judge(rules, registration, procedure),
            _ => caller.judge(Action::Call, procedure, Policy::Exact),
        };
        if !verdict.allowed {
            return Err(Failure::not_authorized());
        }
        if options.disclose_me && !verdict.disclose && !self.options.allow_disclose_me {
            let message = "this realm does not disclose callers on their request";
            return Err(Failure::new(ErrorUri::DiscloseMeNotAllowed, message));
        }
        Ok(verdict.disclose || options.disclose_me)
    }

    /// A callee of the best registration, which was `found`, with the INVOCATION sent. That registration is final
    /// (RPP-7); one that turns out to be held by departed sessions only is no registration.
    fn find_seat(
        &mut self,
        mut found: Option<EntryKey>,
        offer: &Offer<'_>,
        out: &mut dyn Effects,
    ) -> Result<Seat, Failure> {
        while let Some(key) = found {
            if let Some(seat) = self.seat(key, offer, &[], out)? {
                return Ok(seat);
            }
            found = self.dealer.registrations.best(offer.procedure);
        }
        Err(Failure::new(
            ErrorUri::NoSuchProcedure,
            "no procedure is registered under this URI or a pattern that matches it",
        ))
    }

    /// Offers a call to a registration; `None` where nobody is left to take it.
    pub(super) fn seat(
        &mut self,
        key: EntryKey,
        offer: &Offer<'_>,
        tried: &[u64],
        out: &mut dyn Effects,
    ) -> Result<Option<Seat>, Failure> {
        let Realm { dealer, members, meta, random, options, .. } = self;
        let (ticket, member) = match dealer.choose(members, meta, random, key, tried) {
            Choice::Callee { ticket, member } => (ticket, member),
            Choice::Full => {
                let message = "every callee is at its concurrency limit";
                return Err(Failure::new(ErrorUri::MaxConcurrencyReached, message));
            }
            Choice::Nobody => return Ok(None),
        };
        let Some(registration) = dealer.registrations.get(key) else { return Ok(None) };
        let (Some(seated), Some((member_key, callee)), Some(caller)) =
            (registration.callee(ticket), members.entry_at(member), members.get(offer.caller))
        else {
            return Ok(None);
        };
        supports(callee, offer)?;
        if callee.invocations.len() >= options.limits.invocations {
            return Err(Failure::limit("the callee owes as many answers as a session may"));
        }
        let invocation = next_invocation(callee);
        let runs_timeout = offer.timeout != 0 && seated.runs_timeout();
        let returnable = callee.has(Features::CALLEE_REROUTE) && registration.invoke != Invoke::Single;
        let details = InvocationDetails {
            procedure: (dealer.registrations.policy(key) != Some(Policy::Exact)).then_some(offer.procedure),
            caller: (offer.disclose || seated.discloses()).then(|| caller.disclosure()),
            receive_progress: offer.receive_progress && gives_progress(callee, options),
            progress: offer.progress,
            timeout: runs_timeout.then_some(offer.timeout),
            passthru: offer.passthru,
        };
        let message = RouterMessage::Invocation {
            request: invocation,
            registration: id_of(key),
            details,
            payload: offer.payload,
        };
        out.send(callee.link, &message).map_err(undelivered)?;
        if let Some(callee) = dealer.registrations.get_mut(key).and_then(|r| r.callee_mut(ticket)) {
            callee.occupy();
        }
        Ok(Some(Seat { callee: member_key, invocation, registration: key, ticket, runs_timeout, returnable }))
    }

    /// What the call will need again, if anything.
    #[inline]
    fn keep(&self, offer: &Offer<'_>, seat: &Seat) -> Option<Box<Kept>> {
        if !seat.returnable && !offer.progress {
            return None;
        }
        if !offer.progress && self.calls.kept_bytes + offer.frozen_bytes() > MOST_KEPT {
            return None;
        }
        let bytes = offer.frozen_bytes() + offer.payload.args.len() + offer.payload.kwargs.len();
        let payload = seat.returnable && self.calls.kept_bytes + bytes <= MOST_KEPT;
        Some(Box::new(Kept::new(offer, payload)))
    }

    /// The next chunk of a progressive call: to the same callee, under the same ids, with the first one's options
    /// (PRI-1, PRI-4, SHR-8). A chunk for another procedure is dropped (PRI-7).
    fn call_again(
        &mut self,
        index: u32,
        progress: bool,
        procedure: &str,
        payload: Payload<'_>,
        out: &mut dyn Effects,
    ) -> Result<(), Violation> {
        let Realm { dealer, members, calls, options, .. } = self;
        let Some(call) = calls.slots.get_mut(index as usize).and_then(Option::as_mut) else { return Ok(()) };
        if !call.open {
            return Err(in_flight());
        }
        let Some(kept) = call.kept.as_mut().filter(|kept| *kept.procedure == *procedure) else { return Ok(()) };
        call.open = progress;
        if call.killed {
            return Ok(());
        }
        // More than the first chunk is out: no other callee could take over.
        calls.kept_bytes -= kept.payload_bytes();
        kept.payload = None;
        let registration = dealer.registrations.entry(call.seat.registration);
        // A registration that was removed meanwhile still gets the rest of what it began (RPC-9).
        let pattern = registration.as_ref().is_none_or(|entry| entry.policy != Policy::Exact);
        let discloses =
            registration.and_then(|entry| entry.value.callee(call.seat.ticket)).is_some_and(|c| c.discloses());
        let (Some(caller), Some(callee)) = (members.get(call.caller), members.present(call.seat.callee)) else {
            return Ok(());
        };
        let details = InvocationDetails {
            procedure: pattern.then_some(procedure),
            caller: (kept.disclose || discloses).then(|| caller.disclosure()),
            receive_progress: call.receive_progress && gives_progress(callee, options),
            progress,
            timeout: call.seat.runs_timeout.then_some(call.timeout),
            passthru: kept.passthru.as_deref(),
        };
        let request = call.seat.invocation;
        let registration = id_of(call.seat.registration);
        let message = RouterMessage::Invocation { request, registration, details, payload };
        if let Err(refused) = out.send(callee.link, &message) {
            let seat = call.seat;
            self.fail_call(index, &undelivered(refused), out);
            interrupt(&self.members, &seat, CancelMode::KillNoWait, None, out);
        }
        Ok(())
    }
}

/// The next INVOCATION.Request of a callee: 1, 2, 3 and so on (IDS-5).
fn next_invocation(callee: &Member) -> Id {
    Id::new(callee.invoked).map_or(Id::MIN, Id::next)
}

/// Features that must be announced before they are used (PRO-5, PRO-6).
fn announced(caller: &Member, options: &CallOptions<'_>) -> Result<(), Violation> {
    if options.progress && !caller.has(Features::CALLER_PROGRESSIVE_INVOCATIONS) {
        return Err(Violation::new("CALL with progress, but progressive_call_invocations was not announced"));
    }
    if uses_passthru(options.passthru.as_deref()) && !caller.has(Features::CALLER_PASSTHRU) {
        return Err(Violation::new("CALL with ppt_scheme, but payload_passthru_mode was not announced"));
    }
    Ok(())
}

/// Whether payload passthru mode is on (PPT-1).
pub(super) fn uses_passthru(passthru: Option<&Passthru<'_>>) -> bool {
    passthru.and_then(|passthru| passthru.ppt_scheme.as_ref()).is_some_and(|scheme| !scheme.is_empty())
}

/// Whether the callee can take the call at all (PRI-2, PPT-3).
fn supports(callee: &Member, offer: &Offer<'_>) -> Result<(), Failure> {
    let progressive = Features::CALLEE_PROGRESSIVE_INVOCATIONS;
    if offer.progress && !(callee.has(progressive) && callee.has(Features::CALLEE_CANCELING)) {
        let message = "the callee does not take progressive calls";
        return Err(Failure::new(ErrorUri::FeatureNotSupported, message));
    }
    if uses_passthru(offer.passthru) && !callee.has(Features::CALLEE_PASSTHRU) {
        let message = "the callee does not take payload passthru";
        return Err(Failure::new(ErrorUri::FeatureNotSupported, message));
    }
    Ok(())
}

/// Whether a callee's progressive results are passed on (PRG-2, D-11).
#[inline]
pub(super) fn gives_progress(callee: &Member, options: &RealmOptions) -> bool {
    !options.progress_requires_cancel
        || callee.has(Features::CALLEE_PROGRESSIVE_RESULTS) && callee.has(Features::CALLEE_CANCELING)
}

/// Why an INVOCATION did not leave, told to the caller (SIZ-3, SIZ-6, RPC-8).
fn undelivered(refused: Refused) -> Failure {
    match refused {
        Refused::TooLarge => Failure::new(ErrorUri::PayloadSizeExceeded, "the call is longer than its callee takes"),
        Refused::Full => Failure::new(ErrorUri::NetworkFailure, "the callee does not read what it is sent"),
        Refused::Gone => Failure::new(ErrorUri::Canceled, "the callee has left"),
    }
}

fn in_flight() -> Violation {
    Violation::new("CALL with the request id of a call in flight")
}
