//! One session's queue: framed bytes on their way to one socket.

use std::io;
use std::rc::Rc;
use std::task::Waker;

use super::super::framing::{Framing, MOST_ADDED};
use super::spare::Spares;
use crate::realm::{Batch, Link, MemberKey};
use crate::wamp::Encoding;

/// Where a queue's bytes go.
pub trait Sink {
    /// Writes what the socket takes at once and returns how much that was.
    ///
    /// # Errors
    /// `WouldBlock` where it takes nothing now; any other error ends the connection.
    fn write(&self, bytes: &[u8]) -> io::Result<usize>;
}

/// What happens to a session that does not read what it is sent (SIZ-6).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum SlowConsumer {
    /// It gets GOODBYE `wamp.close.slow_consumer`, so that it knows that it missed something.
    #[default]
    Close,
    /// It misses EVENTs, which are counted.
    Drop,
}

/// A connection as the outbox needs it.
pub struct Attachment {
    /// The encoding of its messages.
    pub encoding: Encoding,
    /// The framing of its bytes.
    pub framing: Box<dyn Framing>,
    /// Its socket.
    pub sink: Rc<dyn Sink>,
    /// The longest message it takes, bytes without framing.
    pub longest: usize,
}

/// The realm and member that a link belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Home {
    /// The realm's index in the directory.
    pub realm: usize,
    /// The session within it.
    pub member: MemberKey,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum State {
    Open,
    /// Nothing more is queued: GOODBYE or ABORT is the last message (SES-13).
    Closing,
}

pub(super) struct Queue {
    pub(super) attachment: Attachment,
    /// Framed bytes; those before `written` have left.
    pub(super) buffer: Vec<u8>,
    /// What the outbox counted the buffer as, in bytes of memory.
    pub(super) weight: usize,
    pub(super) written: usize,
    pub(super) limit: usize,
    pub(super) policy: SlowConsumer,
    pub(super) state: State,
    /// Listed in `Outbox::dirty`.
    pub(super) dirty: bool,
    /// The socket took less than there was; the connection's task goes on.
    pub(super) blocked: bool,
    pub(super) failed: bool,
    /// Its session is not read, until less than half the limit is queued.
    pub(super) choked: bool,
    /// Listed in `Outbox::evicted`.
    pub(super) evicted: bool,
    pub(super) home: Option<Home>,
    pub(super) waker: Option<Waker>,
}

/// How a connection's queue stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Standing {
    /// Bytes not yet taken by the socket.
    pub pending: usize,
    /// The socket is full: continue when it is writable.
    pub blocked: bool,
    /// The last message is queued.
    pub closing: bool,
    /// The socket failed.
    pub failed: bool,
    /// So much is unread that no request is read from this session until it catches up.
    pub choked: bool,
}

/// What may wait for a connection that has not joined yet, in bytes; afterwards the realm's limit holds.
const LIMIT_BEFORE_JOIN: usize = 64 * 1024;

/// Bytes that do not wait for the end of the turn.
const EARLY: usize = 128 * 1024;

impl Queue {
    pub(super) fn new(attachment: Attachment) -> Queue {
        Queue {
            attachment,
            buffer: Vec::new(),
            weight: 0,
            written: 0,
            limit: LIMIT_BEFORE_JOIN,
            policy: SlowConsumer::default(),
            state: State::Open,
            dirty: false,
            blocked: false,
            failed: false,
            choked: false,
            evicted: false,
            home: None,
            waker: None,
        }
    }

    #[inline]
    pub(super) fn pending(&self) -> usize {
        self.buffer.len() - self.written
    }

    /// Chokes the session where its limit is queued; whether it is choked.
    #[inline]
    pub(super) fn choke(&mut self) -> bool {
        self.choked |= self.pending() >= self.limit;
        self.choked
    }

    #[inline]
    pub(super) fn standing(&self) -> Standing {
        let pending = self.pending();
        Standing {
            pending,
            blocked: self.blocked,
            closing: self.state == State::Closing,
            failed: self.failed,
            choked: self.choked,
        }
    }

    pub(super) fn into_unsent(mut self) -> Vec<u8> {
        self.attachment.framing.seal(&mut self.buffer);
        self.buffer.split_off(self.written)
    }

    /// Gives an empty queue a spare buffer, before so many bytes make it grow one of its own.
    #[inline]
    pub(super) fn equip(&mut self, spares: &mut Spares, bytes: usize) {
        if self.buffer.capacity() == 0
            && let Some(buffer) = spares.take(bytes)
        {
            self.buffer = buffer;
        }
    }

    /// Lists the queue to be written, once.
    #[inline]
    pub(super) fn mark(&mut self, link: Link, dirty: &mut Vec<Link>) {
        if !self.dirty {
            self.dirty = true;
            dirty.push(link);
        }
    }

    /// Frames a message unless it is longer than the receiver takes (RAW-15).
    #[inline]
    pub(super) fn frame_bounded(&mut self, encode: impl FnOnce(Encoding, &mut Vec<u8>)) -> bool {
        let before = self.buffer.len();
        let mark = self.attachment.framing.begin(&mut self.buffer);
        let start = self.buffer.len();
        encode(self.attachment.encoding, &mut self.buffer);
        if self.buffer.len() - start > self.attachment.longest {
            self.buffer.truncate(before);
            return false;
        }
        self.attachment.framing.end(&mut self.buffer, mark);
        true
    }

    /// Frames a batch until the queue is full. How many of its messages that were, and how many of these were longer
    /// than the receiver takes and left out.
    pub(super) fn frame_batch(&mut self, batch: &Batch) -> (usize, u64) {
        if self.takes_all(batch) {
            self.buffer.reserve(batch.bytes.len() + batch.ends.len() * MOST_ADDED);
            self.attachment.framing.append(&mut self.buffer, batch);
            return (batch.ends.len(), 0);
        }
        let (mut taken, mut too_large) = (0, 0);
        for message in batch.messages() {
            if self.pending() >= self.limit {
                break;
            }
            taken += 1;
            too_large += u64::from(!self.frame_bounded(|_, out| out.extend_from_slice(message)));
        }
        (taken, too_large)
    }

    /// The same, where nothing else needs the batch's bytes any more: they become the queue's if it is empty, and the
    /// batch gets the queue's.
    pub(super) fn take_batch(&mut self, batch: &mut Batch) -> (usize, u64) {
        if self.buffer.is_empty() && self.takes_all(batch) && self.attachment.framing.frame_in_place(batch) {
            std::mem::swap(&mut self.buffer, &mut batch.bytes);
            return (batch.ends.len(), 0);
        }
        self.frame_batch(batch)
    }

    /// Whether no message of a batch is too long and all of them have room.
    fn takes_all(&self, batch: &Batch) -> bool {
        let most = batch.bytes.len() + batch.ends.len() * MOST_ADDED;
        batch.longest <= self.attachment.longest && self.pending() + most < self.limit
    }

    /// Writes until the queue is empty (true) or the socket full or broken (false).
    pub(super) fn drain(&mut self) -> bool {
        if self.failed {
            return false;
        }
        self.attachment.framing.seal(&mut self.buffer);
        let was_blocked = std::mem::take(&mut self.blocked);
        while self.written < self.buffer.len() {
            match self.attachment.sink.write(&self.buffer[self.written..]) {
                Ok(0) => return self.fail(),
                Ok(taken) => self.written += taken,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return self.block(was_blocked),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(_) => return self.fail(),
            }
        }
        // A closing connection waits for this moment.
        if was_blocked || self.state == State::Closing {
            self.wake();
        }
        self.relieve();
        true
    }

    /// Writes before the turn ends where so much waits that it would outgrow the caches and the buffers that are kept.
    pub(super) fn drain_early(&mut self) {
        if self.pending() >= EARLY && !self.blocked && self.drain() {
            self.buffer.clear();
            self.written = 0;
        }
    }

    /// Counts its memory anew in that of all queues.
    #[inline]
    pub(super) fn weigh(&mut self, all: &mut usize) {
        let weight = self.buffer.capacity();
        if weight != self.weight {
            *all = *all - self.weight + weight;
            self.weight = weight;
        }
    }

    /// Lets a choked session be read again when it has caught up with half of its limit.
    fn relieve(&mut self) {
        if self.choked && self.pending() < self.limit / 2 {
            self.choked = false;
            self.wake();
        }
    }

    fn block(&mut self, was_blocked: bool) -> bool {
        self.blocked = true;
        if self.written > self.buffer.len() / 2 {
            self.buffer.drain(..self.written);
            self.written = 0;
        }
        if !was_blocked {
            self.wake();
        }
        self.relieve();
        false
    }

    /// Ends the connection where it is and gives its memory back.
    pub(super) fn cut_off(&mut self) {
        (self.buffer, self.written) = (Vec::new(), 0);
        self.fail();
    }

    fn fail(&mut self) -> bool {
        self.failed = true;
        self.wake();
        false
    }

    pub(super) fn wake(&self) {
        if let Some(waker) = &self.waker {
            waker.wake_by_ref();
        }
    }
}
