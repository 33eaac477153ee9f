//! What a realm asks of the world.
//!
//! A realm decides; it neither encodes for a socket nor waits for one. Everything it wants done goes through
//! [`Effects`], in the order in which it must reach each session.

use crate::codec::put;
use crate::wamp::{Encoding, RouterMessage};

/// The way to one session's connection, given by the world when the session joins. Opaque to the realm.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Link(pub u64);

/// Why a message was not queued. Nothing was sent; the realm answers for it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refused {
    /// Longer than the receiver's transport takes (SIZ-1).
    TooLarge,
    /// The receiver's queue is full (SIZ-6). An EVENT has been counted as dropped.
    Full,
    /// The connection is gone; the session's leave is on its way.
    Gone,
}

/// Messages already in one encoding, for many receivers: encoded once, shared (IDS-10).
#[derive(Clone, Debug)]
pub struct Batch {
    /// The encoding of every message.
    pub encoding: Encoding,
    /// The messages, end to end, each behind [`Batch::ROOM`] bytes.
    pub bytes: Vec<u8>,
    /// Where each message ends in `bytes`, ascending; the last is `bytes.len()`.
    pub ends: Vec<u32>,
    /// Length of the longest message.
    pub longest: usize,
}

impl Batch {
    /// An empty batch.
    pub const fn new(encoding: Encoding) -> Batch {
        Batch { encoding, bytes: Vec::new(), ends: Vec::new(), longest: 0 }
    }

    /// Bytes before each message that mean nothing: a framing whose header is as long copies the batch as it is, and
    /// writes its headers there.
    pub const ROOM: usize = 4;

    /// Begins a message, whose bytes are appended next.
    #[inline]
    pub fn begin_message(&mut self) {
        put(&mut self.bytes, [0; Batch::ROOM]);
    }

    /// Ends the message begun last.
    #[inline]
    pub fn end_message(&mut self) {
        let start = self.ends.last().map_or(0, |&end| end as usize) + Batch::ROOM;
        self.longest = self.longest.max(self.bytes.len() - start);
        self.ends.push(self.bytes.len() as u32);
    }

    /// Where each message begins and ends in `bytes`, in order.
    #[inline]
    pub fn spans(&self) -> impl Iterator<Item = (usize, usize)> {
        let mut last = 0;
        self.ends.iter().map(move |&end| (std::mem::replace(&mut last, end as usize) + Batch::ROOM, end as usize))
    }

    /// Each message's bytes, in order.
    #[inline]
    pub fn messages(&self) -> impl Iterator<Item = &[u8]> {
        self.spans().map(|(start, end)| &self.bytes[start..end])
    }

    /// Forgets the messages and keeps the memory.
    pub fn clear(&mut self) {
        self.bytes.clear();
        self.ends.clear();
        self.longest = 0;
    }
}

/// The world as a realm sees it. What is sent to one link arrives in the order of the calls.
pub trait Effects {
    /// Queues one message. Replies are always taken while the connection lives (their number is bounded by the
    /// requests of that session); an INVOCATION or EVENT is refused when the queue is full.
    ///
    /// # Errors
    /// [`Refused`] says why nothing was queued.
    fn send(&mut self, to: Link, message: &RouterMessage<'_>) -> Result<(), Refused>;

    /// Queues the EVENTs of `batch`, which is in the receiver's encoding. A message that is too long is left out and
    /// counted; a full queue drops the rest or closes the session, as the realm's policy for slow consumers says.
    ///
    /// # Errors
    /// [`Refused::Full`] or [`Refused::Gone`].
    fn send_batch(&mut self, to: Link, batch: &Batch) -> Result<(), Refused>;

    /// As [`Effects::send_batch`] for the batch's last receiver, who may have its very bytes: in their place the batch
    /// then has others, which mean nothing.
    ///
    /// # Errors
    /// As [`Effects::send_batch`].
    fn hand_over(&mut self, to: Link, batch: &mut Batch) -> Result<(), Refused> {
        self.send_batch(to, batch)
    }

    /// Whether the queue of this link is less than half full: what streams at its own pace (a long list in chunks)
    /// goes on only then. `false` for a link that is gone.
    fn has_room(&mut self, to: Link) -> bool;

    /// Queues GOODBYE and ends the session from the router's side (SES-14). The realm has already forgotten it;
    /// nothing more is sent to this link.
    fn goodbye(&mut self, to: Link, reason: &str, message: Option<&str>);
}
