//! Long answers: one part after the other, as fast as the caller reads.
//!
//! A caller that takes progressive results gets a long list in RESULTs of bounded size; merging all of them gives the
//! list. Between parts the realm goes on, so a part shows the realm at its own moment: the pending events are sent
//! first, and the observer's guarantee holds for every part.
//!
//! Invariants: a tick sends a bounded number of parts, in turn over all long answers, and while others are served there
//! is one such tick in a millisecond: a part costs as much as a hundred calls, which else would wait for all parts;
//! nothing is queued for a connection whose queue is half full; CANCEL and the caller's departure end an answer.

use std::collections::BTreeMap;
use std::ops::Bound;

use super::Failure;
use crate::realm::errors::refuse;
use crate::realm::members::Pending;
use crate::realm::{Effects, MemberKey, Now, Realm};
use crate::wamp::{Encoding, Id, RequestType};

/// Items in one part, and in what a step may look at beside them.
pub(in crate::realm) const PART: usize = 2000;
/// Parts that one tick sends at most.
const PARTS_PER_TICK: usize = 8;
/// When nobody has room: how long to wait before looking again, in milliseconds.
const RETRY: u64 = 5;
/// From one tick to the next while others are served, in milliseconds.
const PAUSE: u64 = 1;

/// How far a list has been told.
#[derive(Clone, Copy, Debug)]
pub(in crate::realm) struct Cursor {
    /// Who asks.
    pub(in crate::realm) caller: MemberKey,
    /// What the list is of, where it is not of everything.
    pub(in crate::realm) subject: Option<Id>,
    /// Where to go on: as the step left it, or as the caller's option `after` says. Any id is a legal one.
    pub(in crate::realm) after: Option<Id>,
}

/// Appends the Arguments of the next at most so many items; whether there are more, from where the cursor is now.
pub(in crate::realm) type Step = fn(&Realm, &mut Cursor, usize, Encoding, &mut Vec<u8>) -> bool;

/// A list and how far it has been told.
#[derive(Clone, Copy)]
pub(in crate::realm) struct Parts {
    /// Tells it.
    pub(in crate::realm) step: Step,
    /// How far it is told.
    pub(in crate::realm) cursor: Cursor,
}

struct Answer {
    /// CALL.Request.
    request: Id,
    parts: Parts,
}

/// The long answers of a realm.
pub(in crate::realm) struct Answers {
    by_index: BTreeMap<u32, Answer>,
    next_index: u32,
    /// The answer that was served last.
    turn: u32,
    /// Not before this moment, on the clock of `Now::mono_ms`.
    not_before: u64,
    /// A message was handled since the last tick.
    others_served: bool,
}

impl Answers {
    pub(in crate::realm) fn new() -> Answers {
        Answers { by_index: BTreeMap::new(), next_index: 0, turn: 0, not_before: 0, others_served: false }
    }

    /// Takes note that a message was handled.
    #[inline]
    pub(in crate::realm) fn others_are_served(&mut self) {
        self.others_served = true;
    }

    /// Ends an answer where it is.
    pub(in crate::realm) fn remove(&mut self, index: u32) {
        self.by_index.remove(&index);
    }

    /// When to go on, if there is anything to go on with.
    pub(in crate::realm) fn next_deadline(&self) -> Option<u64> {
        (!self.by_index.is_empty()).then_some(self.not_before)
    }

    fn insert(&mut self, answer: Answer) -> u32 {
        while self.by_index.contains_key(&self.next_index) {
            self.next_index = self.next_index.wrapping_add(1);
        }
        let index = self.next_index;
        self.next_index = index.wrapping_add(1);
        self.by_index.insert(index, answer);
        index
    }

    /// The answer whose turn it is.
    fn take_turn(&mut self) -> Option<u32> {
        let after = (Bound::Excluded(self.turn), Bound::Unbounded);
        let (&index, _) = self.by_index.range(after).next().or_else(|| self.by_index.first_key_value())?;
        self.turn = index;
        Some(index)
    }
}

impl Realm {
    /// Begins a long answer with its first part.
    pub(super) fn begin_answer(
        &mut self,
        from: MemberKey,
        request: Id,
        parts: Parts,
        out: &mut dyn Effects,
    ) -> Result<(), Failure> {
        let index = self.answers.insert(Answer { request, parts });
        // Its own CALL is nobody else's.
        self.answers.others_served = false;
        if let Some(caller) = self.members.get_mut(from) {
            caller.calls.insert(request.get(), Pending::Streamed(index));
        }
        self.continue_answer(index, out);
        Ok(())
    }

    /// Goes on with the long answers that are due.
    pub(in crate::realm) fn continue_answers(&mut self, now: Now, out: &mut dyn Effects) {
        if now.mono_ms < self.answers.not_before {
            return;
        }
        let mut moved = false;
        for _ in 0..PARTS_PER_TICK.min(self.answers.by_index.len()) {
            let Some(index) = self.answers.take_turn() else { break };
            moved |= self.continue_answer(index, out);
        }
        let pause = match std::mem::take(&mut self.answers.others_served) {
            _ if !moved => RETRY,
            true => PAUSE,
            false => 0,
        };
        self.answers.not_before = now.mono_ms.saturating_add(pause);
    }

    /// Sends the next part, if the caller has room for it; whether it had.
    fn continue_answer(&mut self, index: u32, out: &mut dyn Effects) -> bool {
        let Some(answer) = self.answers.by_index.get(&index) else { return false };
        let (request, Parts { step, mut cursor }) = (answer.request, answer.parts);
        let Some(caller) = self.members.present(cursor.caller) else { return false };
        let (link, encoding) = (caller.link, caller.peer.encoding);
        if !out.has_room(link) {
            return false;
        }
        self.meta.flush(out);
        let mut args = Vec::new();
        let more = step(self, &mut cursor, PART, encoding, &mut args);
        let sent = self.answer(cursor.caller, request, more, &args, &[], out);
        if let Some(answer) = self.answers.by_index.get_mut(&index) {
            answer.parts.cursor = cursor;
        }
        if !more || sent.is_err() {
            self.end_answer(index, request, cursor.caller);
        }
        if let Err(failure) = sent
            && let Some(caller) = self.members.present(cursor.caller)
        {
            refuse(caller, RequestType::Call, request, &failure, out);
        }
        true
    }

    fn end_answer(&mut self, index: u32, request: Id, caller: MemberKey) {
        self.answers.remove(index);
        if let Some(caller) = self.members.get_mut(caller) {
            caller.calls.remove(&request.get());
        }
    }
}
