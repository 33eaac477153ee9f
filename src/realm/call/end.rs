//! Calls that end otherwise: canceled, timed out, refused, left alone.

use super::Seat;
use crate::realm::departure::Abandoned;
use crate::realm::errors::{Failure, refuse};
use crate::realm::members::{Members, Pending};
use crate::realm::{Effects, MemberKey, Now, Realm};
use crate::wamp::{CancelMode, ErrorUri, Features, Id, InterruptDetails, RequestType, RouterMessage};

/// Calls that one tick times out at most.
const TIMEOUTS_PER_TICK: usize = 1000;

impl Realm {
    /// CANCEL (CAN-1 to CAN-7). For a call that is over, nothing (PRO-7).
    pub(in crate::realm) fn cancel(
        &mut self,
        from: MemberKey,
        request: Id,
        mode: Option<CancelMode>,
        out: &mut dyn Effects,
    ) {
        let Some(caller) = self.members.get(from) else { return };
        match caller.calls.get(&request.get()) {
            Some(&Pending::Invoked(index)) => self.cancel_call(index, mode.unwrap_or(CancelMode::KillNoWait), out),
            Some(&Pending::Streamed(index)) => {
                self.answers.remove(index);
                if let Some(caller) = self.members.get_mut(from) {
                    caller.calls.remove(&request.get());
                    refuse(caller, RequestType::Call, request, &canceled(), out);
                }
            }
            None => {}
        }
    }

    fn cancel_call(&mut self, index: u32, mode: CancelMode, out: &mut dyn Effects) {
        let Some(call) = self.calls.get_mut(index) else { return };
        let (seat, interrupted) = (call.seat, call.killed);
        let can = self.members.present(seat.callee).is_some_and(|callee| callee.has(Features::CALLEE_CANCELING));
        match mode {
            CancelMode::Kill if can => {
                call.killed = true;
                if !interrupted {
                    interrupt(&self.members, &seat, CancelMode::Kill, None, out);
                }
            }
            // A callee that cannot cancel is skipped (CAN-5); one that was told to, is not told again.
            CancelMode::Skip | CancelMode::Kill | CancelMode::KillNoWait => {
                self.fail_call(index, &canceled(), out);
                if mode == CancelMode::KillNoWait && !interrupted {
                    interrupt(&self.members, &seat, CancelMode::KillNoWait, None, out);
                }
            }
        }
    }

    /// Ends a call with an error for its caller.
    pub(super) fn fail_call(&mut self, index: u32, failure: &Failure, out: &mut dyn Effects) {
        let Some(call) = self.calls.end(&mut self.members, &mut self.dealer, index) else { return };
        if let Some(caller) = self.members.present(call.caller) {
            refuse(caller, RequestType::Call, call.request, failure, out);
        }
    }

    /// Ends the calls whose time is up (TMO-4).
    pub(in crate::realm) fn time_out(&mut self, now: Now, out: &mut dyn Effects) {
        for _ in 0..TIMEOUTS_PER_TICK {
            let Some(&(deadline, index)) = self.calls.timers.first() else { return };
            let due = if deadline <= now.mono_ms { self.calls.get(index) } else { None };
            let Some((seat, killed)) = due.map(|call| (call.seat, call.killed)) else { return };
            let failure = Failure::new(ErrorUri::Timeout, "the call took longer than its timeout");
            self.fail_call(index, &failure, out);
            if !killed {
                let reason = Some(ErrorUri::Timeout.as_str());
                interrupt(&self.members, &seat, CancelMode::KillNoWait, reason, out);
            }
        }
    }

    /// A session is over: what it has in flight ends by [`Realm::end_abandoned`]. It is marked as departed already.
    pub(in crate::realm) fn abandon_calls(&mut self, member: MemberKey) {
        let Some(departed) = self.members.get_mut(member) else { return };
        if departed.calls.len() + departed.invocations.len() > 0 {
            let (calls, invocations) = (departed.calls.drain(), departed.invocations.drain());
            self.abandoned.push_back(Abandoned { member, calls, invocations });
        }
    }

    /// Ends calls of sessions that are over, as far as this turn's budget goes: their own silently, with INTERRUPT
    /// where the callee takes it (RPC-7, D-45); those that wait for their answer with `wamp.error.canceled` (RPC-8).
    pub(in crate::realm) fn end_abandoned(&mut self, out: &mut dyn Effects) {
        while self.endings > 0
            && let Some(Abandoned { member, calls, invocations }) = self.abandoned.front_mut()
        {
            let member = *member;
            let (call, invocation) = (calls.next(), invocations.next());
            if call.is_none() && invocation.is_none() {
                self.abandoned.pop_front();
                continue;
            }
            self.endings -= 1;
            if let Some((request, pending)) = call {
                self.abandon_call(member, request, pending, out);
            }
            if let Some((request, index)) = invocation {
                self.abandon_invocation(member, request, index, out);
            }
        }
    }

    /// Ends a call whose caller has left, unless it is over by now and its index another's.
    fn abandon_call(&mut self, caller: MemberKey, request: u64, pending: Pending, out: &mut dyn Effects) {
        let index = match pending {
            Pending::Streamed(index) => return self.answers.remove(index),
            Pending::Invoked(index) => index,
        };
        let same = self.calls.get(index).is_some_and(|call| call.caller == caller && call.request.get() == request);
        if same
            && let Some(call) = self.calls.end(&mut self.members, &mut self.dealer, index)
            && !call.killed
        {
            interrupt(&self.members, &call.seat, CancelMode::KillNoWait, None, out);
        }
    }

    /// Answers a call whose callee has left, unless it is over by now and its index another's.
    fn abandon_invocation(&mut self, callee: MemberKey, request: u64, index: u32, out: &mut dyn Effects) {
        let seated = |seat: &Seat| seat.callee == callee && seat.invocation.get() == request;
        if self.calls.get(index).is_some_and(|call| seated(&call.seat)) {
            self.fail_call(index, &Failure::new(ErrorUri::Canceled, "the callee has left"), out);
        }
    }
}

fn canceled() -> Failure {
    Failure::new(ErrorUri::Canceled, "the call was canceled")
}

/// Sends INTERRUPT to a callee that takes it and is still there (CAN-5, CAN-6).
pub(super) fn interrupt(members: &Members, seat: &Seat, mode: CancelMode, reason: Option<&str>, out: &mut dyn Effects) {
    if let Some(callee) = members.present(seat.callee)
        && callee.has(Features::CALLEE_CANCELING)
    {
        let message = RouterMessage::Interrupt { request: seat.invocation, details: InterruptDetails { mode, reason } };
        // Never refused for want of room; whoever is gone needs no interrupt.
        let _ = out.send(callee.link, &message);
    }
}
