//! Drives one connection: bytes in, frames to the conversation, queue to the socket.
//!
//! One call of [`Driver::poll`] reads at most once, into the shard's buffer, so that a busy client delays the others
//! of its shard by no more than that. What is not a whole frame yet stays with the connection; an idle one holds no
//! buffer.

use std::rc::Rc;
use std::task::{Context, Poll};

use super::connection::Joining;
use super::conversation::{Conversation, Flow, Stage};
use super::frame::{Backlog, Failure, Step};
use super::pool::{FREE, Share};
use super::protocol::Protocol;
use super::stream::{Reader, Writer};
use crate::shard::{Shard, State, yield_to_all};

/// One connection after its opening.
pub(super) struct Driver {
    pub(super) shard: Rc<Shard>,
    /// Its part of the memory for messages that have not arrived whole yet.
    pub(super) share: Share,
    pub(super) reader: Reader,
    pub(super) writer: Rc<Writer>,
    pub(super) protocol: Protocol,
    pub(super) talk: Conversation,
    /// Bytes behind the last whole frame that was handled.
    pub(super) tail: Vec<u8>,
    /// Messages of a batch that wait.
    pub(super) backlog: Backlog,
    /// Something read waits to be handled, in `backlog` or `tail`.
    pub(super) stalled: bool,
    /// The client sends nothing more.
    pub(super) ended: bool,
    /// The end was told to the client.
    pub(super) finished: bool,
}

/// Why a connection leaves its shard.
#[derive(Debug)]
pub(super) enum Exit {
    /// It is over.
    Closed,
    /// It goes to the home of the realm.
    Move(Box<Joining>),
}

/// What a step of the connection led to.
enum Progress {
    /// Look at everything again.
    Again,
    /// There may be more to read: let the others have their turn first.
    Yield,
    /// Wait for the socket, the timer or the queue.
    Wait,
    Leave(Exit),
}

impl Driver {
    /// Goes as far as it can without waiting, and reads once at most.
    pub(super) fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Exit> {
        loop {
            let Some(readable) = self.look(cx) else { return Poll::Ready(Exit::Closed) };
            if self.talk.timer.fired(cx) {
                let dropped = self.talk.expired(&mut self.shard.state());
                self.shard.end_of_turn();
                if dropped {
                    return Poll::Ready(Exit::Closed);
                }
                continue;
            }
            match self.step(cx, readable) {
                Progress::Again => {}
                Progress::Wait => return Poll::Pending,
                Progress::Leave(exit) => return Poll::Ready(exit),
                Progress::Yield => return yield_to_all(cx),
            }
        }
    }

    /// Looks at the queue, which wakes the task from now on, and at the shard. Whether the client may be read; `None`
    /// where the connection is over.
    fn look(&mut self, cx: &mut Context<'_>) -> Option<bool> {
        let Driver { shard, writer, talk, .. } = self;
        let mut state = shard.state();
        let link = talk.link();
        let mut standing = state.outbox.attend(link, cx.waker())?;
        while standing.blocked && !standing.failed && writer.poll_writable(cx).is_ready() {
            state.outbox.resume(link);
            standing = state.outbox.standing(link)?;
        }
        match talk.stage() {
            Stage::Joined if standing.closing => talk.farewell(),
            Stage::Greeting | Stage::Parted if shard.is_draining() => {
                talk.stop(&mut state);
                shard.end_of_turn();
            }
            Stage::Ending if standing.pending == 0 && !self.finished => {
                self.finished = true;
                writer.finish();
            }
            _ => {}
        }
        let over = standing.failed || (self.ended && self.finished);
        (!over).then_some(!standing.choked)
    }

    fn step(&mut self, cx: &mut Context<'_>, readable: bool) -> Progress {
        if self.talk.stage() == Stage::Ending {
            return self.discard(cx);
        }
        if !readable {
            return Progress::Wait;
        }
        if self.stalled { self.go_on() } else { self.read(cx) }
    }

    /// Reads what still comes, so that the client can read the last word: a socket closed with bytes unread is reset.
    fn discard(&mut self, cx: &mut Context<'_>) -> Progress {
        if self.ended {
            return Progress::Wait;
        }
        let shard = self.shard.clone();
        let mut scratch = shard.scratch();
        match self.reader.poll_read(cx, &mut scratch) {
            Poll::Pending => Progress::Wait,
            Poll::Ready(Ok(read)) if read == scratch.len() => Progress::Yield,
            Poll::Ready(Ok(read)) => {
                self.ended = read == 0;
                Progress::Again
            }
            Poll::Ready(Err(_)) => Progress::Leave(Exit::Closed),
        }
    }

    /// Handles what waited.
    fn go_on(&mut self) -> Progress {
        let shard = self.shard.clone();
        let mut state = shard.state();
        state.begin();
        self.stalled = false;
        let mut flow = Flow::Go;
        let backlog = std::mem::take(&mut self.backlog);
        let mut messages = backlog.messages();
        while let Flow::Go = flow
            && let Some(message) = messages.next()
        {
            flow = self.talk.message(&mut state, message);
        }
        let left = messages.left();
        self.backlog = backlog.keep(left);
        if let Flow::Go = flow {
            let mut tail = std::mem::take(&mut self.tail);
            let (handled, after) = self.frames(&mut state, &mut tail);
            tail.drain(..handled);
            self.keep(&tail);
            flow = after;
        }
        let flow = self.hold(&mut state, flow);
        self.settle(flow, Progress::Yield)
    }

    fn read(&mut self, cx: &mut Context<'_>) -> Progress {
        let shard = self.shard.clone();
        let mut scratch = shard.scratch();
        // Behind a short tail the bytes are read where they will be whole; a long one is not worth moving each time.
        let begin = if self.tail.len() <= scratch.len() / 2 { self.tail.len() } else { 0 };
        let room = scratch.len() - begin;
        let read = match self.reader.poll_read(cx, &mut scratch[begin..]) {
            Poll::Pending => return Progress::Wait,
            Poll::Ready(Ok(read)) => read,
            Poll::Ready(Err(_)) => return Progress::Leave(Exit::Closed),
        };
        let mut state = shard.state();
        state.begin();
        shard.end_of_turn();
        if read == 0 {
            self.ended = true;
            self.talk.hung_up(&mut state);
            return Progress::Again;
        }
        let mut tail = std::mem::take(&mut self.tail);
        let flow = if begin == tail.len() {
            scratch[..begin].copy_from_slice(&tail);
            let input = &mut scratch[..begin + read];
            let (handled, flow) = self.frames(&mut state, input);
            self.keep(&input[handled..]);
            flow
        } else {
            tail.extend_from_slice(&scratch[..read]);
            let (handled, flow) = self.frames(&mut state, &mut tail);
            tail.drain(..handled);
            self.tail = tail;
            flow
        };
        let flow = self.hold(&mut state, flow);
        self.talk.note_oddities();
        self.settle(flow, if read == room { Progress::Yield } else { Progress::Again })
    }

    /// Handles the whole frames at the front of `input`; returns how many bytes they took.
    fn frames(&mut self, state: &mut State, input: &mut [u8]) -> (usize, Flow) {
        let mut handled = 0;
        // Where the messages end that were looked at.
        let mut seen = if self.talk.looks_ahead(state) { 0 } else { usize::MAX };
        loop {
            if handled >= seen {
                let ahead = self.talk.look_ahead(state, &self.protocol, &input[handled..]);
                seen = ahead.map_or(usize::MAX, |bytes| handled + bytes);
            }
            match self.protocol.next(&mut input[handled..]) {
                Ok(Step::More { missing }) => {
                    let length = input.len() - handled + missing + self.protocol.held();
                    let newcomer = matches!(self.talk.stage(), Stage::Greeting | Stage::Parted);
                    if newcomer && length > FREE {
                        let failure = Failure::TooLong { length: length as u64, limit: FREE };
                        return (input.len(), self.talk.broken(state, failure));
                    }
                    return (handled, Flow::Go);
                }
                Ok(Step::Frame { consumed, frame }) => {
                    handled += consumed;
                    match self.talk.frame(state, frame, &mut self.backlog) {
                        Flow::Go => {}
                        flow => return (handled, flow),
                    }
                }
                Err(failure) => return (input.len(), self.talk.broken(state, failure)),
            }
        }
    }

    /// Accounts for the memory of messages that have not arrived whole yet; ends the connection where none is left.
    fn hold(&mut self, state: &mut State, flow: Flow) -> Flow {
        match flow {
            Flow::End => {}
            flow if self.share.hold(self.tail.capacity() + self.backlog.held() + self.protocol.held()) => return flow,
            _ => _ = self.talk.crowded_out(state),
        }
        self.share.hold(0);
        Flow::End
    }

    /// Keeps what is not a whole frame yet; nothing was kept.
    fn keep(&mut self, rest: &[u8]) {
        if !rest.is_empty() {
            self.tail = rest.to_vec();
        }
    }

    fn settle(&mut self, flow: Flow, otherwise: Progress) -> Progress {
        self.shard.end_of_turn();
        match flow {
            Flow::Go => otherwise,
            Flow::Choked => {
                self.stalled = true;
                Progress::Again
            }
            Flow::Later => {
                self.stalled = true;
                Progress::Yield
            }
            Flow::Move(joining) => {
                self.stalled = true;
                Progress::Leave(Exit::Move(joining))
            }
            Flow::End => {
                self.tail = Vec::new();
                self.backlog = Backlog::default();
                Progress::Again
            }
        }
    }
}
