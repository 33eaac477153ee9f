//! All threads and queues: a shard is one worker thread with its realms and its sessions.
//!
//! ```text
//!  connections --route--> realms --effects--> outbox --one write per turn--> sockets
//!                 ^                                ^
//!  other threads --inbox-- pump ---- end of turn --+
//! ```
//!
//! A **turn** is one round of the worker's loop: every connection that has bytes hands its messages to the realm, then
//! the pump runs once: commands of the inbox, due deadlines, the realms' batches of meta events, one write for each
//! queue that got anything.
//!
//! Invariants: only this thread touches the realms whose home it is, so they need no lock; whoever changed anything
//! calls [`Shard::end_of_turn`], and the pump runs after every connection that was ready with it.
//!
//! Not here: where a realm is at home (`placement`), sockets (`transport`).

mod deadlines;
pub mod framing;
pub mod inbox;
pub mod outbox;
pub mod placement;

use std::cell::{Cell, RefCell, RefMut};
use std::future::poll_fn;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::{Pin, pin};
use std::rc::Rc;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use tokio::time::Sleep;

use self::deadlines::Deadlines;
use self::inbox::Inbox;
use self::outbox::Outbox;
use self::placement::Directory;
use crate::realm::{Link, Now, Realm};
use crate::wamp::{ClientMessage, ErrorUri, Glimpse, Violation};

/// Something for another shard to do, on its own thread.
pub type Command = Box<dyn FnOnce(&Rc<Shard>) + Send>;

/// Commands an inbox holds.
const INBOX_CAPACITY: usize = 4096;
/// Commands taken in one turn.
const COMMANDS_PER_TURN: usize = 256;
/// The pause after a turn that failed, in milliseconds.
const RECOVERY_MS: u64 = 100;
/// How long the messages of one connection are handled before the others have their turn.
const SLICE: Duration = Duration::from_millis(1);
/// Messages after which the clock is asked about that.
const SLICE_STEP: u32 = 8;
/// Bytes read from a socket at once.
const SCRATCH: usize = 128 * 1024;

/// What all shards of a process share: who is where, and the way to each.
pub struct Network {
    /// The realms.
    pub directory: Directory,
    /// The inbox of each shard.
    inboxes: Vec<Inbox<Command>>,
    /// Memory that the queues of one shard may take together, in bytes.
    queued: usize,
}

impl Network {
    /// The network of `shards` workers, whose queues to clients take at most `queued` bytes of memory in all.
    pub fn new(directory: Directory, shards: usize, queued: usize) -> Arc<Network> {
        let inboxes = (0..shards).map(|_| Inbox::new(INBOX_CAPACITY)).collect();
        let queued = queued / directory.homes();
        Arc::new(Network { directory, inboxes, queued })
    }

    /// How many shards there are.
    pub fn shards(&self) -> usize {
        self.inboxes.len()
    }

    /// The way into a shard.
    pub fn inbox(&self, shard: usize) -> &Inbox<Command> {
        &self.inboxes[shard]
    }

    /// Posts a command and waits for room where the inbox is full.
    pub async fn post(&self, shard: usize, command: Command) {
        let mut command = Some(command);
        poll_fn(|cx| {
            while let Some(item) = command.take() {
                match self.inboxes[shard].push(item) {
                    Ok(()) => break,
                    Err(inbox::Full(item)) => command = Some(item),
                }
                if self.inboxes[shard].poll_room(cx).is_pending() {
                    return Poll::Pending;
                }
            }
            Poll::Ready(())
        })
        .await;
    }
}

/// One worker's realms, queues and clock.
pub struct Shard {
    /// Which of the workers this is.
    pub index: usize,
    /// What all shards share.
    pub network: Arc<Network>,
    state: RefCell<State>,
    scratch: RefCell<Vec<u8>>,
    pump: RefCell<Option<Waker>>,
    /// Who waits for the last connection of a draining shard.
    drained: RefCell<Option<Waker>>,
    /// The pump is woken already.
    ending: Cell<bool>,
    connections: Cell<usize>,
    draining: Cell<bool>,
}

/// What a turn changes.
pub struct State {
    /// Every session's queue.
    pub outbox: Outbox,
    /// The realms whose home this is, by index in the directory.
    realms: Vec<Option<Realm>>,
    /// Realms that changed in this turn.
    touched: Vec<usize>,
    deadlines: Deadlines,
    clock: Clock,
    /// Messages handled since [`State::begin`].
    handled: u32,
}

/// The clock, read once a turn.
struct Clock {
    started: Instant,
    read: Instant,
    now: Now,
    /// It was read in this turn.
    fresh: bool,
}

impl Clock {
    fn new() -> Clock {
        let started = Instant::now();
        let mut clock = Clock { started, read: started, now: Now { unix_ms: 0, mono_ms: 0 }, fresh: false };
        clock.read();
        clock
    }

    /// Reads it, unless that was done in this turn.
    fn read(&mut self) {
        if self.fresh {
            return;
        }
        self.fresh = true;
        let since_epoch = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        self.read = Instant::now();
        let mono_ms = self.read.duration_since(self.started).as_millis() as u64;
        self.now = Now { unix_ms: since_epoch.as_millis() as u64, mono_ms };
    }
}

impl Shard {
    /// The shard `index` of `network`, with the realms whose home it is. `seed` starts its random numbers.
    pub fn new(index: usize, network: Arc<Network>, seed: u64) -> Rc<Shard> {
        let realms = network.directory.realms_at(index, seed);
        let state = State {
            outbox: Outbox::bounded(network.queued),
            realms,
            touched: Vec::new(),
            deadlines: Deadlines::default(),
            clock: Clock::new(),
            handled: 0,
        };
        Rc::new(Shard {
            index,
            network,
            state: RefCell::new(state),
            scratch: RefCell::new(vec![0; SCRATCH]),
            pump: RefCell::new(None),
            drained: RefCell::new(None),
            ending: Cell::new(false),
            connections: Cell::new(0),
            draining: Cell::new(false),
        })
    }

    /// The state, for one batch of changes. Call [`Shard::end_of_turn`] after it.
    pub fn state(&self) -> RefMut<'_, State> {
        self.state.borrow_mut()
    }

    /// The buffer that sockets are read into: one for all connections, since none waits while holding it.
    pub fn scratch(&self) -> RefMut<'_, Vec<u8>> {
        self.scratch.borrow_mut()
    }

    /// Lets the pump run after the connections that are ready now.
    pub fn end_of_turn(&self) {
        if !self.ending.replace(true)
            && let Some(pump) = &*self.pump.borrow()
        {
            pump.wake_by_ref();
        }
    }

    /// Counts a connection in, until the guard is dropped.
    pub fn connected(self: &Rc<Shard>) -> Connected {
        self.connections.set(self.connections.get() + 1);
        Connected(self.clone())
    }

    /// Whether the shard ends its sessions and takes no more.
    pub fn is_draining(&self) -> bool {
        self.draining.get()
    }

    /// How many connections are open.
    pub fn connections(&self) -> usize {
        self.connections.get()
    }

    /// Ends every session of this shard's realms with GOODBYE (SES-17) and takes no more.
    pub fn drain(&self) {
        self.draining.set(true);
        let mut state = self.state.borrow_mut();
        let State { outbox, realms, touched, clock, .. } = &mut *state;
        clock.read();
        for (index, realm) in realms.iter_mut().enumerate() {
            let Some(realm) = realm else { continue };
            realm.shutdown(clock.now, ErrorUri::SystemShutdown.as_str(), outbox);
            touched.push(index);
        }
        outbox.wake_all();
        drop(state);
        self.notice_drained();
        self.end_of_turn();
    }

    /// Waits until the shard drains and its last connection is closed. One task may wait.
    pub async fn drained(&self) {
        poll_fn(|cx| {
            if self.draining.get() && self.connections.get() == 0 {
                return Poll::Ready(());
            }
            *self.drained.borrow_mut() = Some(cx.waker().clone());
            Poll::Pending
        })
        .await;
    }

    fn notice_drained(&self) {
        if self.draining.get()
            && self.connections.get() == 0
            && let Some(waker) = self.drained.borrow_mut().take()
        {
            waker.wake();
        }
    }

    /// Runs the shard until the worker stops.
    pub async fn pump(self: Rc<Shard>) {
        let mut batch = Vec::with_capacity(COMMANDS_PER_TURN);
        let mut timer: Option<Pin<Box<Sleep>>> = None;
        poll_fn(|cx| {
            self.ending.set(false);
            self.watch(cx);
            let backlog = self.obey(cx, &mut batch);
            // A panic is a bug of ours. What it broke off is lost; the shard, and every other realm on it, goes on.
            let deadline = catch_unwind(AssertUnwindSafe(|| self.state.borrow_mut().finish_turn()))
                .unwrap_or_else(|_| self.state.borrow_mut().recover());
            if backlog || deadline.is_some_and(|deadline| self.is_past(deadline)) {
                return yield_to_all(cx);
            }
            self.arm(cx, &mut timer, deadline);
            Poll::<()>::Pending
        })
        .await;
    }

    /// Runs the commands that wait, a bounded number each turn; whether there may be more.
    fn obey(self: &Rc<Shard>, cx: &mut Context<'_>, batch: &mut Vec<Command>) -> bool {
        let drained = self.network.inboxes[self.index].poll_drain(cx, batch, COMMANDS_PER_TURN);
        for command in batch.drain(..) {
            if catch_unwind(AssertUnwindSafe(|| command(self))).is_err() {
                log::error!("shard={} a command failed and is given up", self.index);
            }
        }
        drained == Poll::Ready(COMMANDS_PER_TURN)
    }

    fn watch(&self, cx: &Context<'_>) {
        let mut pump = self.pump.borrow_mut();
        if !pump.as_ref().is_some_and(|known| known.will_wake(cx.waker())) {
            *pump = Some(cx.waker().clone());
        }
    }

    /// Whether a deadline, milliseconds of the shard's clock, has come.
    fn is_past(&self, deadline: u64) -> bool {
        deadline <= self.state.borrow().clock.now.mono_ms
    }

    /// Sees to it that the pump runs at `deadline`, milliseconds of the shard's clock.
    fn arm(&self, cx: &mut Context<'_>, timer: &mut Option<Pin<Box<Sleep>>>, deadline: Option<u64>) {
        let Some(deadline) = deadline else {
            *timer = None;
            return;
        };
        let at = (self.state.borrow().clock.started + Duration::from_millis(deadline)).into();
        let timer = timer.get_or_insert_with(|| Box::pin(tokio::time::sleep_until(at)));
        if timer.deadline() != at {
            timer.as_mut().reset(at);
        }
        if timer.as_mut().poll(cx).is_ready() {
            self.end_of_turn();
        }
    }
}

/// Goes on when all sockets have been looked at. A wake-up alone would run this task again and again before that, as
/// long as nobody else is known to be ready.
pub fn yield_to_all<T>(cx: &mut Context<'_>) -> Poll<T> {
    let yielding = pin!(tokio::task::yield_now());
    // Pending when polled first, and woken behind the others.
    if yielding.poll(cx).is_ready() {
        cx.waker().wake_by_ref();
    }
    Poll::Pending
}

/// An open connection, counted.
pub struct Connected(Rc<Shard>);

impl Drop for Connected {
    fn drop(&mut self) {
        self.0.connections.set(self.0.connections.get() - 1);
        self.0.notice_drained();
    }
}

impl State {
    /// Before a batch of messages: sees to it that the clock was read in this turn.
    pub fn begin(&mut self) {
        self.clock.read();
        self.handled = 0;
    }

    /// Counts a message; whether the batch has taken so long that the rest of it must wait for the next turn. Few
    /// messages cost much, but a client may send nothing else.
    #[inline]
    pub fn is_over_time(&mut self) -> bool {
        self.handled += 1;
        self.handled % SLICE_STEP == 0 && self.clock.read.elapsed() > SLICE
    }

    /// Milliseconds since the epoch, when the turn began.
    pub fn now(&self) -> Now {
        self.clock.now
    }

    /// A realm whose home is this shard, with the outbox as its world.
    #[inline]
    pub fn realm(&mut self, index: usize) -> Option<(&mut Realm, &mut Outbox, Now)> {
        let realm = self.realms.get_mut(index)?.as_mut()?;
        if self.touched.last() != Some(&index) && !self.touched.contains(&index) {
            self.touched.push(index);
        }
        Some((realm, &mut self.outbox, self.clock.now))
    }

    /// Hands a message to the session's realm; one of a session that is over goes nowhere.
    ///
    /// # Errors
    /// The realm's [`Violation`]: the session must be aborted.
    #[inline]
    pub fn route(&mut self, from: Link, message: ClientMessage<'_>) -> Result<(), Violation> {
        let Some(home) = self.outbox.home(from) else { return Ok(()) };
        let Some((realm, outbox, now)) = self.realm(home.realm) else { return Ok(()) };
        realm.handle(now, home.member, message, outbox)
    }

    /// Whether the realm of this link is so large that [`State::foresee`] does anything.
    #[inline]
    pub fn is_far(&mut self, from: Link) -> bool {
        let realm = self.outbox.home(from).and_then(|home| self.realms.get(home.realm)?.as_ref());
        realm.is_some_and(Realm::is_far)
    }

    /// Has the session's realm look ahead for messages that are routed next. Returns for how many that was new.
    pub fn foresee(&mut self, from: Link, ahead: &[Glimpse<'_>]) -> usize {
        let Some(home) = self.outbox.home(from) else { return 0 };
        let realm = self.realms.get_mut(home.realm).and_then(Option::as_mut);
        realm.map_or(0, |realm| realm.foresee(ahead))
    }

    /// The session of this link is over: its realm forgets it.
    pub fn leave(&mut self, link: Link) {
        if let Some(home) = self.outbox.left(link)
            && let Some((realm, outbox, now)) = self.realm(home.realm)
        {
            realm.leave(now, home.member, outbox);
        }
    }

    /// Ends the turn: deadlines, evictions, meta events, writes. Returns the next deadline.
    fn finish_turn(&mut self) -> Option<u64> {
        self.clock.read();
        self.tick();
        self.evict();
        let State { outbox, realms, touched, clock, deadlines, .. } = self;
        while let Some(index) = touched.pop() {
            if let Some(realm) = &mut realms[index] {
                realm.flush(clock.now, outbox);
                deadlines.set(index, realm.next_deadline());
            }
        }
        let written = outbox.flush();
        clock.fresh = false;
        // Meta events may have met full queues: those sessions leave in the next turn, which is to come at once.
        if !written || self.outbox.has_evicted() { Some(self.clock.now.mono_ms) } else { self.deadlines.first() }
    }

    /// Lets the realms do what is due.
    fn tick(&mut self) {
        while let Some(index) = self.deadlines.take_due(self.clock.now.mono_ms) {
            if let Some((realm, outbox, now)) = self.realm(index) {
                realm.tick(now, outbox);
            }
        }
    }

    /// Takes the sessions that do not read out of their realms.
    fn evict(&mut self) {
        for link in self.outbox.take_evicted() {
            self.leave(link);
        }
    }

    /// After a panic in a turn: the turn's other work is done in the next one. Returns when that is: not at once, for
    /// what failed may fail again.
    #[cold]
    fn recover(&mut self) -> Option<u64> {
        log::error!("a turn failed; its realm goes on with what is left");
        self.clock.fresh = false;
        Some(self.clock.now.mono_ms + RECOVERY_MS)
    }
}

#[cfg(test)]
mod tests;
