//! Calls in flight in one realm.
//!
//! ```text
//!  CALL --> seated --> INVOCATION --YIELD, ERROR--------------------> RESULT, ERROR
//!             ^            | unavailable (call_reroute)
//!             +------------+--CANCEL kill--> INTERRUPT --its answer-> RESULT, ERROR
//!                          +--CANCEL skip, killnowait, timeout, callee gone, refused--> ERROR
//!                          +--caller gone--> nothing
//! ```
//!
//! Invariants: an accepted CALL gets exactly one final RESULT or ERROR, unless its caller leaves; a call is forgotten
//! the moment that answer is sent, and what its callee still says is recognised by its number alone (D-06): at most
//! the last one issued, and not in flight.
//!
//! `invoke`: CALL to INVOCATION. `answer`: YIELD and ERROR to RESULT and ERROR. `end`: CANCEL, timeout, refusal,
//! departure. `kept`: what a call needs again. `verdicts`: what rules said of it. Not here: which callee has its turn (`dealer`), calls to `wamp.*`
//! (`meta`). Spec: "Calling and Invocations", "Progressive Call Results", "Progressive Call Invocations", "Call
//! Timeouts", "Call Canceling", "Call Rerouting", "Caller Identification"; rows RPC, PRG, PRI, TMO, CAN, CID.

mod answer;
mod end;
mod invoke;
mod kept;
mod verdicts;

use std::collections::BTreeSet;

use super::MemberKey;
use super::chunked::Chunked;
use super::dealer::Dealer;
use super::members::{Members, Pending};
use crate::pattern::EntryKey;
use crate::wamp::Id;
pub(super) use invoke::Asked;
use kept::Kept;
pub(super) use verdicts::Verdicts;

/// The callee that a call went to.
#[derive(Clone, Copy, Debug)]
struct Seat {
    callee: MemberKey,
    /// INVOCATION.Request.
    invocation: Id,
    registration: EntryKey,
    /// Which callee of the registration it is.
    ticket: u64,
    /// The callee runs the timeout (TMO-2).
    runs_timeout: bool,
    /// The callee may hand the call back, for another one to take (CID-6).
    returnable: bool,
}

impl Seat {
    /// The callee owes the call at `index` an answer.
    #[inline]
    fn occupy(&self, members: &mut Members, index: u32) {
        if let Some(member) = members.get_mut(self.callee) {
            member.invoked = self.invocation.get();
            member.invocations.insert(self.invocation.get(), index);
        }
    }
}

/// One call in flight.
struct Call {
    caller: MemberKey,
    /// CALL.Request.
    request: Id,
    seat: Seat,
    /// `timeout` of the CALL as the caller gave it, 0 for none.
    timeout: u64,
    /// When the router ends it, on the clock of `Now::mono_ms`.
    deadline: Option<u64>,
    /// The caller takes progressive results.
    receive_progress: bool,
    /// A progressive result was sent.
    progressed: bool,
    /// More chunks of a progressive call may follow (PRI-1).
    open: bool,
    /// INTERRUPT kill was sent: the callee's answer is awaited (CAN-3).
    killed: bool,
    /// What a later chunk or another callee needs.
    kept: Option<Box<Kept>>,
}

/// Progressive calls that ended early, remembered for each caller: the oldest are forgotten beyond this.
const OUTRUN: usize = 1024;

/// All calls in flight, by index; members hold the indices.
pub(super) struct Calls {
    slots: Chunked<Option<Call>>,
    free: Vec<u32>,
    /// (deadline, index) of the calls that have one.
    timers: BTreeSet<(u64, u32)>,
    /// Payload bytes kept for other callees; see [`kept`].
    kept_bytes: usize,
}

impl Calls {
    pub(super) fn new() -> Calls {
        Calls { slots: Chunked::default(), free: Vec::new(), timers: BTreeSet::new(), kept_bytes: 0 }
    }

    /// How many there are.
    #[inline]
    fn len(&self) -> usize {
        self.slots.len() - self.free.len()
    }

    /// When the next call times out.
    pub(super) fn next_deadline(&self) -> Option<u64> {
        self.timers.first().map(|&(deadline, _)| deadline)
    }

    #[inline]
    fn get(&self, index: u32) -> Option<&Call> {
        self.slots.get(index as usize)?.as_ref()
    }

    #[inline]
    fn get_mut(&mut self, index: u32) -> Option<&mut Call> {
        self.slots.get_mut(index as usize)?.as_mut()
    }

    /// Takes note of a call whose INVOCATION is sent.
    #[inline]
    fn begin(&mut self, members: &mut Members, call: Call) {
        let (caller, request, seat, deadline) = (call.caller, call.request, call.seat, call.deadline);
        self.kept_bytes += call.kept.as_ref().map_or(0, |kept| kept.bytes());
        let index = match self.free.pop() {
            Some(index) => {
                if let Some(slot) = self.slots.get_mut(index as usize) {
                    *slot = Some(call);
                }
                index
            }
            None => self.slots.push(Some(call)) as u32,
        };
        if let Some(deadline) = deadline {
            self.timers.insert((deadline, index));
        }
        if let Some(member) = members.get_mut(caller) {
            member.calls.insert(request.get(), Pending::Invoked(index));
        }
        seat.occupy(members, index);
    }

    /// Forgets a call: its final answer is due, or its caller is gone.
    #[inline]
    fn end(&mut self, members: &mut Members, dealer: &mut Dealer, index: u32) -> Option<Call> {
        let call = self.slots.get_mut(index as usize)?.take()?;
        self.free.push(index);
        self.kept_bytes -= call.kept.as_ref().map_or(0, |kept| kept.bytes());
        if let Some(deadline) = call.deadline {
            self.timers.remove(&(deadline, index));
        }
        vacate(members, dealer, &call.seat);
        if let Some(member) = members.get_mut(call.caller) {
            member.calls.remove(&call.request.get());
            if call.open {
                outrun(&mut member.outrun, call.request);
            }
        }
        Some(call)
    }

    /// Sets or moves the moment at which a call times out.
    fn set_deadline(&mut self, index: u32, deadline: Option<u64>) {
        let Some(call) = self.get_mut(index) else { return };
        if let Some(before) = std::mem::replace(&mut call.deadline, deadline) {
            self.timers.remove(&(before, index));
        }
        if let Some(deadline) = deadline {
            self.timers.insert((deadline, index));
        }
    }
}

/// The callee owes this call nothing any more: its concurrency slot is free (LIM-4).
#[inline]
fn vacate(members: &mut Members, dealer: &mut Dealer, seat: &Seat) {
    if let Some(member) = members.get_mut(seat.callee) {
        member.invocations.remove(&seat.invocation.get());
    }
    if let Some(callee) = dealer.registrations.get_mut(seat.registration).and_then(|r| r.callee_mut(seat.ticket)) {
        callee.release();
    }
}

/// Remembers that chunks of a progressive call which are still under way have nowhere to go (PRI-3).
pub(super) fn outrun(requests: &mut BTreeSet<u64>, request: Id) {
    requests.insert(request.get());
    if requests.len() > OUTRUN {
        requests.pop_first();
    }
}
