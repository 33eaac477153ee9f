//! YIELD and ERROR of a callee, to RESULT and ERROR for the caller.

use super::end::interrupt;
use super::invoke::{Offer, gives_progress, uses_passthru};
use super::{Call, Seat, vacate};
use crate::realm::errors::{Failure, refuse, send_error};
use crate::realm::members::Member;
use crate::realm::{Effects, MemberKey, Now, Realm, Refused};
use crate::wamp::uri::{self, Strictness};
use crate::wamp::{
    CancelMode, ErrorUri, Features, Id, Passthru, Payload, Policy, RequestType, ResultDetails, RouterMessage,
    Violation, YieldOptions,
};

impl Realm {
    /// YIELD (RPC-4, PRG).
    ///
    /// # Errors
    /// [`Violation`] for an invocation never issued to this session (PRO-3) and for payload passthru that was not
    /// announced (PRO-6).
    #[inline(never)]
    pub(in crate::realm) fn yields(
        &mut self,
        now: Now,
        from: MemberKey,
        request: Id,
        options: &YieldOptions<'_>,
        payload: Payload<'_>,
        out: &mut dyn Effects,
    ) -> Result<(), Violation> {
        let Some(callee) = self.members.get(from) else { return Ok(()) };
        let passthru = options.passthru.as_deref();
        if uses_passthru(passthru) && !callee.has(Features::CALLEE_PASSTHRU) {
            return Err(Violation::new("YIELD with ppt_scheme, but payload_passthru_mode was not announced"));
        }
        let Some(index) = invocation(callee, request)? else { return Ok(()) };
        if options.progress && !gives_progress(callee, &self.options) {
            return Ok(());
        }
        if options.progress {
            self.progress(now, index, passthru, payload, out);
        } else if let Some(call) = self.calls.end(&mut self.members, &mut self.dealer, index)
            && let Err(failure) = self.send_result(&call, false, passthru, payload, out)
        {
            self.answer_failure(&call, &failure, out);
        }
        Ok(())
    }

    /// A progressive result: passed on if it was asked for (PRG-3), as long as the caller keeps up (PRG-5).
    fn progress(
        &mut self,
        now: Now,
        index: u32,
        passthru: Option<&Passthru<'_>>,
        payload: Payload<'_>,
        out: &mut dyn Effects,
    ) {
        let Some(call) = self.calls.get(index).filter(|call| call.receive_progress) else { return };
        let Some(caller) = self.members.present(call.caller) else { return };
        let seat = call.seat;
        let sent = if out.has_room(caller.link) {
            self.send_result(call, true, passthru, payload, out)
        } else {
            let message = "this session does not read its progressive results as fast as they come";
            Err(Failure::new(ErrorUri::NetworkFailure, message))
        };
        if let Err(failure) = sent {
            self.fail_call(index, &failure, out);
            interrupt(&self.members, &seat, CancelMode::KillNoWait, Some(failure.error.as_str()), out);
            return;
        }
        let Some(call) = self.calls.get_mut(index) else { return };
        call.progressed = true;
        // The time is from one result to the next (TMO-5).
        if call.deadline.is_some() {
            let timeout = call.timeout;
            self.calls.set_deadline(index, Some(self.expiry(now, timeout)));
        }
    }

    /// Sends a RESULT, unless the caller cannot take it (SIZ-2, PPT-3).
    fn send_result(
        &self,
        call: &Call,
        progress: bool,
        passthru: Option<&Passthru<'_>>,
        payload: Payload<'_>,
        out: &mut dyn Effects,
    ) -> Result<(), Failure> {
        let Some(caller) = self.members.present(call.caller) else { return Ok(()) };
        if uses_passthru(passthru) && !caller.has(Features::CALLER_PASSTHRU) {
            let message = "the callee answered with payload passthru, which this session did not announce";
            return Err(Failure::new(ErrorUri::FeatureNotSupported, message));
        }
        let disclosed = if self.options.disclose_callee { self.members.get(call.seat.callee) } else { None };
        let details = ResultDetails { progress, callee: disclosed.map(Member::disclosure), passthru };
        let message = RouterMessage::Result { request: call.request, details, payload };
        match out.send(caller.link, &message) {
            Err(Refused::TooLarge) => {
                let message = "the result is longer than this session takes";
                Err(Failure::new(ErrorUri::PayloadSizeExceeded, message))
            }
            // A connection that is gone needs no answer; its leave is on its way.
            _ => Ok(()),
        }
    }

    fn answer_failure(&self, call: &Call, failure: &Failure, out: &mut dyn Effects) {
        if let Some(caller) = self.members.present(call.caller) {
            refuse(caller, RequestType::Call, call.request, failure, out);
        }
    }

    /// ERROR for an INVOCATION (RPC-4, RPC-13), or a call handed back (CID-6).
    ///
    /// # Errors
    /// [`Violation`] for an invocation never issued to this session (D-06).
    pub(in crate::realm) fn fails(
        &mut self,
        from: MemberKey,
        request: Id,
        passthru: Option<&Passthru<'_>>,
        error: &str,
        payload: Payload<'_>,
        out: &mut dyn Effects,
    ) -> Result<(), Violation> {
        let Some(callee) = self.members.get(from) else { return Ok(()) };
        let hands_back = error == ErrorUri::Unavailable.as_str() && callee.has(Features::CALLEE_REROUTE);
        let Some(index) = invocation(callee, request)? else { return Ok(()) };
        if hands_back && self.calls.get(index).is_some_and(|call| !call.progressed && !call.killed) {
            self.reroute(index, out);
            return Ok(());
        }
        let Some(call) = self.calls.end(&mut self.members, &mut self.dealer, index) else { return Ok(()) };
        let Some(caller) = self.members.present(call.caller) else { return Ok(()) };
        if !is_error_uri(error) {
            // Clients end the connection on an ERROR whose URI is none; that is the callee's fault, not the caller's.
            let failure = Failure::invalid_uri("the callee answered with an error whose URI is invalid");
            refuse(caller, RequestType::Call, call.request, &failure, out);
        } else if uses_passthru(passthru) && !caller.has(Features::CALLER_PASSTHRU) {
            let message = "the callee answered with payload passthru, which this session did not announce";
            let failure = Failure::new(ErrorUri::FeatureNotSupported, message);
            refuse(caller, RequestType::Call, call.request, &failure, out);
        } else {
            let (request_type, request) = (RequestType::Call, call.request);
            send_error(caller, RouterMessage::Error { request_type, request, passthru, error, payload }, out);
        }
        Ok(())
    }

    /// The callee hands the call back unstarted: to another one, each at most once (CID-6, CID-7).
    fn reroute(&mut self, index: u32, out: &mut dyn Effects) {
        let Some(call) = self.calls.get_mut(index) else { return };
        let (seat, caller) = (call.seat, call.caller);
        let Some(mut kept) = call.kept.take() else { return self.nobody_took(index, out) };
        kept.tried.push(seat.ticket);
        let seated = match &kept.payload {
            Some(payload) => {
                let offer = Offer {
                    caller,
                    procedure: &kept.procedure,
                    payload: payload.borrow(),
                    passthru: kept.passthru.as_deref(),
                    disclose: kept.disclose,
                    receive_progress: call.receive_progress,
                    progress: call.open,
                    timeout: call.timeout,
                };
                self.seat(seat.registration, &offer, &kept.tried, out)
            }
            None => Ok(None),
        };
        let Some(call) = self.calls.get_mut(index) else { return };
        call.kept = Some(kept);
        match seated {
            Ok(Some(next)) => {
                vacate(&mut self.members, &mut self.dealer, &seat);
                self.move_call(index, next);
            }
            // The end of the call vacates the seat.
            Ok(None) => self.nobody_took(index, out),
            Err(failure) => self.fail_call(index, &failure, out),
        }
    }

    /// The call went to another callee. Its time goes on where the router runs it (TMO-7).
    fn move_call(&mut self, index: u32, seat: Seat) {
        let Some(call) = self.calls.get_mut(index) else { return };
        call.seat = seat;
        seat.occupy(&mut self.members, index);
        if seat.runs_timeout {
            self.calls.set_deadline(index, None);
        }
    }

    fn nobody_took(&mut self, index: u32, out: &mut dyn Effects) {
        let failure = Failure::new(ErrorUri::NoAvailableCallee, "no callee took the call");
        self.fail_call(index, &failure, out);
    }
}

/// The call that an answer is for; `None` for one that is over.
///
/// # Errors
/// [`Violation`] for an invocation that was never issued (D-06).
#[inline]
fn invocation(callee: &Member, request: Id) -> Result<Option<u32>, Violation> {
    match callee.invocations.get(&request.get()) {
        Some(&index) => Ok(Some(index)),
        None if request.get() <= callee.invoked => Ok(None),
        None => Err(Violation::new(format!("invocation {request} was never issued to this session"))),
    }
}

/// Whether a client would accept this as the URI of an error.
fn is_error_uri(error: &str) -> bool {
    let rules = uri::Rules { strictness: Strictness::Loose, ..uri::Rules::default() };
    rules.allow(error, Policy::Exact)
}
