//! Messages out: one bounded queue of framed bytes for each session of a shard.
//!
//! A realm's messages are encoded and framed straight into the receiver's queue; at the end of a turn each queue that
//! got any leaves in one write; meta events that are very many leave before it, so that they need no more memory than
//! the caches hold. What the socket does not take stays, and the connection's own task continues when the socket is
//! writable again.
//!
//! Invariants: bytes leave a queue in the order of the calls; a queue holds at most `limit` bytes of refusable
//! messages (EVENT, INVOCATION) and never more than twice that, one last message not counted; all queues together
//! take at most [`Outbox::bounded`]'s memory, one message not counted; a slot is reused under a new generation, so a
//! stale [`Link`] reaches nobody.
//!
//! Not here: sockets (a [`Sink`] writes), when a session ends (`shard`), header layouts ([`Framing`]).
//! Rows SIZ-1 to SIZ-6, SES-13.

mod queue;
mod spare;

use std::task::Waker;

pub use self::queue::{Attachment, Home, Sink, SlowConsumer, Standing};
use self::queue::{Queue, State};
use self::spare::Spares;

use super::framing::Framing;
use crate::codec;
use crate::realm::{Batch, Effects, Link, Refused};
use crate::wamp::{ErrorUri, RouterMessage};

/// What was refused or ended, since the shard started.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counters {
    /// EVENTs that a slow consumer missed.
    pub events_dropped: u64,
    /// Messages left out because they were longer than the receiver takes.
    pub too_large: u64,
    /// INVOCATIONs refused because the callee's queue was full.
    pub invocations_refused: u64,
    /// Sessions ended because they did not read.
    pub evicted: u64,
    /// Connections cut off because all queues together took too much memory and theirs were the longest.
    pub cut_off: u64,
}

struct Slot {
    generation: u32,
    queue: Option<Box<Queue>>,
}

/// Every session's queue.
pub struct Outbox {
    slots: Vec<Slot>,
    /// Memory of all queues, in bytes, and what it may be.
    weight: usize,
    heaviest: usize,
    free: Vec<u32>,
    dirty: Vec<Link>,
    evicted: Vec<Link>,
    spares: Spares,
    counters: Counters,
}

/// Queues that are written in one turn.
const WRITES_PER_TURN: usize = 512;

impl Outbox {
    /// An empty outbox whose queues together take at most `heaviest` bytes of memory.
    pub fn bounded(heaviest: usize) -> Outbox {
        Outbox {
            slots: Vec::new(),
            weight: 0,
            heaviest,
            free: Vec::new(),
            dirty: Vec::new(),
            evicted: Vec::new(),
            spares: Spares::default(),
            counters: Counters::default(),
        }
    }

    /// Opens a queue for a connection.
    pub fn attach(&mut self, attachment: Attachment) -> Link {
        let slot = self.free.pop().unwrap_or_else(|| {
            self.slots.push(Slot { generation: 0, queue: None });
            (self.slots.len() - 1) as u32
        });
        let place = &mut self.slots[slot as usize];
        place.queue = Some(Box::new(Queue::new(attachment)));
        link(slot, place.generation)
    }

    /// Closes the queue of a connection that ended or moves to another shard; returns the framed bytes that have not
    /// left.
    pub fn detach(&mut self, to: Link) -> Vec<u8> {
        if self.queue(to).is_none() {
            return Vec::new();
        }
        let (slot, _) = parts(to);
        let place = &mut self.slots[slot as usize];
        place.generation = place.generation.wrapping_add(1);
        self.free.push(slot);
        let Some(queue) = place.queue.take() else { return Vec::new() };
        self.weight -= queue.weight;
        queue.into_unsent()
    }

    /// Frames what follows by `framing`, as the client's first frame asks for it (D-28). No message was queued yet.
    pub fn reframe(&mut self, to: Link, framing: Box<dyn Framing>) {
        if let Some(queue) = self.queue(to) {
            queue.attachment.framing = framing;
        }
    }

    /// The session of this link joined a realm: from now on the realm's limit and policy hold.
    pub fn joined(&mut self, to: Link, home: Home, limit: usize, policy: SlowConsumer) {
        if let Some(queue) = self.queue(to) {
            queue.home = Some(home);
            queue.limit = limit;
            queue.policy = policy;
        }
    }

    /// The session of this link left its realm; returns where it was.
    pub fn left(&mut self, to: Link) -> Option<Home> {
        self.queue(to)?.home.take()
    }

    /// The realm and member of this link, while the session may send: not after its last message is queued (SES-14).
    #[inline]
    pub fn home(&mut self, to: Link) -> Option<Home> {
        self.open(to).ok()?.home
    }

    /// A session ended by its client's GOODBYE: the transport may carry another one (WS-13).
    pub fn reopen(&mut self, to: Link) {
        if let Some(queue) = self.queue(to) {
            queue.state = State::Open;
        }
    }

    /// Queues the last message of a session: an ABORT or a GOODBYE. Nothing follows it. One that is longer than the
    /// receiver takes goes without its text.
    pub fn last_word(&mut self, to: Link, message: &RouterMessage<'_>) {
        let Ok(queue) = self.open(to) else { return };
        if !queue.frame_bounded(|encoding, out| codec::encode(encoding, message, out)) {
            let bare = without_text(message);
            queue.frame_bounded(|encoding, out| codec::encode(encoding, &bare, out));
        }
        queue.state = State::Closing;
        queue.wake();
        self.mark(to);
    }

    /// Queues no message any more, without a last word. Its task is woken when all has left.
    pub fn close(&mut self, to: Link) {
        if let Some(queue) = self.queue(to) {
            queue.state = State::Closing;
            self.mark(to);
        }
    }

    /// Queues bytes that are no WAMP message and already framed: a handshake's answer, a PONG.
    pub fn raw(&mut self, to: Link, bytes: &[u8]) {
        let Some(queue) = self.queue(to) else { return };
        queue.attachment.framing.seal(&mut queue.buffer);
        queue.buffer.extend_from_slice(bytes);
        self.mark(to);
    }

    /// How the queue stands; `None` for a link that is gone.
    pub fn standing(&mut self, to: Link) -> Option<Standing> {
        self.queue(to).map(|queue| queue.standing())
    }

    /// How the queue stands, told to the connection's task, which is woken from now on when the queue blocks, fails,
    /// closes, is evicted or may be read again; `None` for a link that is gone.
    #[inline]
    pub fn attend(&mut self, to: Link, waker: &Waker) -> Option<Standing> {
        let queue = self.queue(to)?;
        if !queue.waker.as_ref().is_some_and(|known| known.will_wake(waker)) {
            queue.waker = Some(waker.clone());
        }
        queue.choke();
        Some(queue.standing())
    }

    /// Whether so much waits that no request should be read from this session; it is woken when it may go on.
    #[inline]
    pub fn is_choked(&mut self, to: Link) -> bool {
        self.queue(to).is_some_and(Queue::choke)
    }

    /// Writes what the socket takes, after it said that it is writable again.
    pub fn resume(&mut self, to: Link) {
        self.write(to);
    }

    /// Writes the queues that got bytes, one write each, first come first served: so many of them that a message to
    /// very many makes no long turn. Whether all are written.
    pub fn flush(&mut self) -> bool {
        self.write_dirty(WRITES_PER_TURN);
        self.dirty.is_empty()
    }

    fn write_dirty(&mut self, most: usize) {
        let mut dirty = std::mem::take(&mut self.dirty);
        for to in dirty.drain(..most.min(dirty.len())) {
            self.write(to);
        }
        self.dirty = dirty;
    }

    /// The sessions that did not read, each once: their realm must let them go.
    pub fn take_evicted(&mut self) -> Vec<Link> {
        std::mem::take(&mut self.evicted)
    }

    /// Whether [`Outbox::take_evicted`] has any.
    pub fn has_evicted(&self) -> bool {
        !self.evicted.is_empty()
    }

    /// Wakes every connection's task, to look at what changed around it.
    pub fn wake_all(&self) {
        for queue in self.slots.iter().filter_map(|slot| slot.queue.as_ref()) {
            queue.wake();
        }
    }

    /// What was refused or ended so far.
    pub fn counters(&self) -> Counters {
        self.counters
    }

    #[inline]
    fn queue(&mut self, to: Link) -> Option<&mut Queue> {
        find(&mut self.slots, to)
    }

    /// The queue, where it takes messages.
    #[inline]
    fn open(&mut self, to: Link) -> Result<&mut Queue, Refused> {
        open(&mut self.slots, to)
    }

    fn mark(&mut self, to: Link) {
        let Some(queue) = find(&mut self.slots, to) else { return };
        queue.mark(to, &mut self.dirty);
        queue.weigh(&mut self.weight);
        self.bear();
    }

    /// Sees to it that all queues together stay within their memory.
    #[inline]
    fn bear(&mut self) {
        if self.weight > self.heaviest {
            self.relieve();
        }
    }

    /// All queues together take too much memory: writes what the sockets take, and if that is not enough cuts off who
    /// holds most, until an eighth is free.
    #[cold]
    fn relieve(&mut self) {
        self.write_dirty(usize::MAX);
        if self.weight <= self.heaviest {
            return;
        }
        let queues = self.slots.iter().zip(0_u32..);
        let mut by_weight: Vec<(usize, u32)> =
            queues.filter_map(|(slot, number)| Some((slot.queue.as_ref()?.weight, number))).collect();
        by_weight.sort_unstable();
        while self.weight > self.heaviest / 8 * 7
            && let Some((_, slot)) = by_weight.pop()
        {
            if let Some(queue) = self.slots[slot as usize].queue.as_deref_mut() {
                queue.cut_off();
                queue.weigh(&mut self.weight);
                self.counters.cut_off += 1;
            }
        }
    }

    /// Writes one queue; gives its buffer back when it is empty.
    fn write(&mut self, to: Link) {
        let Some(queue) = find(&mut self.slots, to) else { return };
        queue.dirty = false;
        let emptied = queue.drain().then(|| std::mem::take(&mut queue.buffer));
        queue.weigh(&mut self.weight);
        if let Some(buffer) = emptied {
            queue.written = 0;
            self.spares.keep(buffer);
        }
    }

    /// Queues a batch by `frame`, which says how many of its messages it took and how many of these were too large.
    fn enqueue_batch(
        &mut self,
        to: Link,
        bytes: usize,
        messages: usize,
        frame: impl FnOnce(&mut Queue) -> (usize, u64),
    ) -> Result<(), Refused> {
        let Outbox { slots, spares, dirty, counters, weight, .. } = self;
        let queue = open(slots, to)?;
        queue.equip(spares, bytes);
        let (taken, too_large) = frame(queue);
        counters.too_large += too_large;
        queue.drain_early();
        queue.mark(to, dirty);
        queue.weigh(weight);
        self.bear();
        match messages - taken {
            0 => Ok(()),
            missed => Err(self.overflow(to, missed)),
        }
    }

    /// The session does not read: it is over, with a reason.
    #[cold]
    fn evict(&mut self, to: Link) {
        let Some(queue) = self.queue(to) else { return };
        if queue.evicted {
            return;
        }
        queue.evicted = true;
        let reason = ErrorUri::SlowConsumer.as_str();
        let message = "this session does not read what it is sent: its queue is full";
        self.last_word(to, &RouterMessage::Goodbye { reason, message: Some(message) });
        self.evicted.push(to);
        self.counters.evicted += 1;
    }

    /// An EVENT met a full queue.
    #[cold]
    fn overflow(&mut self, to: Link, events: usize) -> Refused {
        self.counters.events_dropped += events as u64;
        if self.queue(to).is_some_and(|queue| queue.policy == SlowConsumer::Close) {
            self.evict(to);
        }
        Refused::Full
    }

    #[cold]
    fn refuse(&mut self, to: Link, message: &RouterMessage<'_>) -> Refused {
        match message {
            RouterMessage::Event { .. } => self.overflow(to, 1),
            RouterMessage::Invocation { .. } => {
                self.counters.invocations_refused += 1;
                Refused::Full
            }
            _ => {
                self.evict(to);
                Refused::Gone
            }
        }
    }
}

impl Effects for Outbox {
    #[inline]
    fn send(&mut self, to: Link, message: &RouterMessage<'_>) -> Result<(), Refused> {
        let Outbox { slots, spares, dirty, counters, weight, .. } = self;
        let queue = open(slots, to)?;
        let refusable = matches!(message, RouterMessage::Event { .. } | RouterMessage::Invocation { .. });
        let bound = if refusable { queue.limit } else { 2 * queue.limit };
        if queue.pending() >= bound {
            return Err(self.refuse(to, message));
        }
        queue.equip(spares, 0);
        let framed = queue.frame_bounded(|encoding, out| codec::encode(encoding, message, out));
        // Also where it was not: what it was encoded into goes back at the end of the turn.
        queue.mark(to, dirty);
        queue.weigh(weight);
        counters.too_large += u64::from(!framed);
        self.bear();
        if framed { Ok(()) } else { Err(Refused::TooLarge) }
    }

    fn send_batch(&mut self, to: Link, batch: &Batch) -> Result<(), Refused> {
        self.enqueue_batch(to, batch.bytes.len(), batch.ends.len(), |queue| queue.frame_batch(batch))
    }

    fn hand_over(&mut self, to: Link, batch: &mut Batch) -> Result<(), Refused> {
        self.enqueue_batch(to, batch.bytes.len(), batch.ends.len(), |queue| queue.take_batch(batch))
    }

    fn has_room(&mut self, to: Link) -> bool {
        self.open(to).is_ok_and(|queue| queue.pending() < queue.limit / 2)
    }

    fn goodbye(&mut self, to: Link, reason: &str, message: Option<&str>) {
        if let Some(queue) = self.queue(to) {
            queue.home = None;
        }
        self.last_word(to, &RouterMessage::Goodbye { reason, message });
    }
}

/// The queue of a link, unless that is gone.
#[inline]
fn find(slots: &mut [Slot], to: Link) -> Option<&mut Queue> {
    let (slot, generation) = parts(to);
    match slots.get_mut(slot as usize)? {
        Slot { generation: live, queue } if *live == generation => queue.as_deref_mut(),
        _ => None,
    }
}

/// The same where it takes messages.
#[inline]
fn open(slots: &mut [Slot], to: Link) -> Result<&mut Queue, Refused> {
    find(slots, to).filter(|queue| queue.state == State::Open && !queue.failed).ok_or(Refused::Gone)
}

/// The same message with no text for people.
fn without_text<'m>(message: &RouterMessage<'m>) -> RouterMessage<'m> {
    match *message {
        RouterMessage::Abort { reason, .. } => RouterMessage::Abort { reason, message: "" },
        RouterMessage::Goodbye { reason, .. } => RouterMessage::Goodbye { reason, message: None },
        ref other => other.clone(),
    }
}

#[inline]
const fn link(slot: u32, generation: u32) -> Link {
    Link((generation as u64) << 32 | slot as u64)
}

#[inline]
const fn parts(link: Link) -> (u32, u32) {
    (link.0 as u32, (link.0 >> 32) as u32)
}

#[cfg(test)]
mod tests;
