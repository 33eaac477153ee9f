//! The loop of one thread: its connections, epoll, reads and writes.

mod reading;

use std::collections::VecDeque;
use std::io;
use std::os::fd::OwnedFd;
use std::sync::Arc;

use rustix::event::{Timespec, epoll};
use serde_json::json;

use super::control::Control;
use super::opening;
use super::peer::{Peer, Stage};
use super::threads::Settings;
use crate::wire::codec::{Message, Serializer, encode};
use crate::wire::framing::{Framing, Incoming, Outgoing};
use crate::wire::stream::Stream;

/// A connection of this thread. Keys of ended connections are used again.
pub type Key = usize;

/// One read takes at most this much.
const READ: usize = 256 * 1024;
/// The longest sleep, so that the word to stop is noticed.
const LONGEST_SLEEP_NS: u64 = 20_000_000;

/// What a scenario does with what happens.
pub trait Handler {
    /// A message of a joined session.
    fn message(&mut self, net: &mut Net, key: Key, message: Message<'_>);

    /// A session joined.
    fn joined(&mut self, _net: &mut Net, _key: Key) {}

    /// A connection or an attempt at one ended against our will; the key is free. `why`: a sentence for a person.
    fn ended(&mut self, _net: &mut Net, _key: Key, _why: &str) {}

    /// Our GOODBYE was answered; the key is free.
    fn left(&mut self, _net: &mut Net, _key: Key) {}

    /// Called once per turn of the loop: do what is due, say how long nothing will be.
    fn turn(&mut self, net: &mut Net) -> Wait;
}

/// Why a connection was not even begun.
#[derive(Debug)]
pub enum NotBegun {
    /// A queue of the operating system is full: try again soon.
    Busy,
    /// A sentence for a person.
    Failed(String),
}

/// What the loop does after a turn.
#[derive(Clone, Copy, Debug)]
pub enum Wait {
    /// Sleeps until something arrives, at most until this moment of the run's clock.
    Until(u64),
    /// Ends.
    Done,
}

/// The connections of one thread.
pub struct Net {
    /// What all threads share.
    pub control: Arc<Control>,
    /// What the person asked.
    pub settings: Arc<Settings>,
    /// The run's clock when what is being handled arrived, in nanoseconds.
    pub now: u64,
    /// HELLO, encoded: the same for all sessions.
    hello: Vec<u8>,
    /// What the routers call themselves, as far as it differs.
    pub agents: Vec<String>,
    /// The longest payload that all servers take, in octets; only NATS tells.
    pub longest_payload: u64,
    epoll: OwnedFd,
    peers: Vec<Option<Peer>>,
    free: Vec<Key>,
    dirty: Vec<Key>,
    /// Attempts to join by deadline.
    joining: VecDeque<(u64, Key)>,
    scratch: Vec<u8>,
    events: Vec<epoll::Event>,
    /// Whether the kernel sleeps in whole milliseconds only.
    coarse: bool,
    random: u64,
    next_target: usize,
}

impl Net {
    /// No connection yet. `thread`: makes the masks and the first target differ between threads.
    ///
    /// # Errors
    /// Of the operating system.
    pub fn new(settings: Arc<Settings>, control: Arc<Control>, thread: usize) -> io::Result<Net> {
        // Without this the kernel may sleep 50 µs longer than asked.
        let _ = rustix::thread::set_current_timer_slack(std::num::NonZeroU64::new(1));
        let mut hello = Vec::new();
        encode(settings.serializer, &json!([1, settings.realm, settings.credentials.hello()]), &mut hello);
        Ok(Net {
            hello,
            now: control.now(),
            control,
            random: settings.seed.wrapping_add(thread as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1,
            next_target: thread,
            settings,
            agents: Vec::new(),
            longest_payload: u64::MAX,
            epoll: epoll::create(epoll::CreateFlags::CLOEXEC)?,
            peers: Vec::new(),
            free: Vec::new(),
            dirty: Vec::new(),
            joining: VecDeque::new(),
            scratch: Vec::new(),
            events: Vec::with_capacity(512),
            coarse: false,
        })
    }

    /// Opens a connection to the next target in turn and joins there; [`Handler::joined`] or [`Handler::ended`] tells.
    ///
    /// # Errors
    /// The operating system does not even begin.
    pub fn connect(&mut self) -> Result<Key, NotBegun> {
        let target = self.next_target % self.settings.targets.len();
        self.begin(target).map_err(|error| match error.kind() {
            io::ErrorKind::WouldBlock => NotBegun::Busy,
            _ => NotBegun::Failed(format!("{}: {}", self.settings.targets[target], cannot_connect(&error))),
        })
    }

    fn begin(&mut self, target: usize) -> io::Result<Key> {
        let stream = Stream::connect(&self.settings.targets[target], &self.settings.tls)?;
        self.next_target += 1;
        let key = self.free.pop().unwrap_or(self.peers.len());
        let flags = epoll::EventFlags::IN | epoll::EventFlags::OUT;
        epoll::add(&self.epoll, &stream, epoll::EventData::new_u64(key as u64), flags)?;
        let random = self.random();
        let peer = Peer {
            stream,
            target,
            serializer: self.settings.serializer,
            stage: Stage::Connecting,
            incoming: Incoming::new(Framing::RawSocket),
            outgoing: Outgoing::new(Framing::RawSocket, random),
            held: Vec::new(),
            waits_to_write: true,
            dirty: false,
            session: 0,
            last_request: 0,
            ponged: 0,
            deadline: self.now + self.settings.join_timeout,
            key: opening::nonce(random),
        };
        self.joining.push_back((peer.deadline, key));
        if key == self.peers.len() {
            self.peers.push(Some(peer));
        } else {
            self.peers[key] = Some(peer);
        }
        Ok(key)
    }

    /// The next value of this thread's generator.
    pub fn random(&mut self) -> u64 {
        self.random ^= self.random << 13;
        self.random ^= self.random >> 7;
        self.random ^= self.random << 17;
        self.random
    }

    /// Whether a session is joined under this key.
    pub fn is_joined(&self, key: Key) -> bool {
        self.peers.get(key).and_then(Option::as_ref).is_some_and(|peer| peer.stage == Stage::Joined)
    }

    /// The session's id; 0 if none is joined under this key.
    pub fn session(&self, key: Key) -> u64 {
        self.peers[key].as_ref().map_or(0, |peer| peer.session)
    }

    /// What the connections speak.
    pub fn serializer(&self) -> Serializer {
        self.settings.serializer
    }

    /// The next request id of the session.
    #[inline]
    pub fn next_request(&mut self, key: Key) -> u64 {
        self.peers[key].as_mut().map_or(0, Peer::next_request)
    }

    /// The last request id the session used; 0 before the first.
    pub fn last_request(&self, key: Key) -> u64 {
        self.peers[key].as_ref().map_or(0, |peer| peer.last_request)
    }

    /// Bytes that wait for the socket.
    #[inline]
    pub fn waiting(&self, key: Key) -> usize {
        self.peers[key].as_ref().map_or(0, |peer| peer.outgoing.waiting())
    }

    /// Sends a message of about `expected` octets that `write` appends; nothing if the connection has ended.
    #[inline]
    pub fn send(&mut self, key: Key, expected: usize, write: impl FnOnce(&mut Vec<u8>)) {
        let Some(peer) = self.peers[key].as_mut() else { return };
        peer.outgoing.message(expected, write);
        if !peer.dirty {
            peer.dirty = true;
            self.dirty.push(key);
        }
    }

    /// Sends a rare message.
    pub fn send_value(&mut self, key: Key, message: &serde_json::Value) {
        let serializer = self.serializer();
        self.send(key, 128, |out| encode(serializer, message, out));
    }

    /// Ends a session with GOODBYE; [`Handler::left`] tells when it was answered.
    pub fn leave(&mut self, key: Key) {
        self.send_value(key, &json!([6, {}, "wamp.close.close_realm"]));
        if let Some(peer) = self.peers[key].as_mut() {
            peer.stage = Stage::Leaving;
        }
    }

    /// Closes a connection without a word.
    pub fn drop(&mut self, key: Key) {
        if self.peers[key].take().is_some() {
            self.free.push(key);
        }
    }

    /// All keys in use.
    pub fn keys(&self) -> impl Iterator<Item = Key> {
        self.peers.iter().enumerate().filter(|(_, peer)| peer.is_some()).map(|(key, _)| key)
    }

    /// Runs the loop until the handler is done.
    pub fn run<H: Handler>(&mut self, handler: &mut H) {
        loop {
            self.now = self.control.now();
            self.expire(handler);
            let wait = handler.turn(self);
            self.flush_dirty(handler);
            let Wait::Until(until) = wait else { return };
            self.poll(handler, until);
        }
    }

    fn poll<H: Handler>(&mut self, handler: &mut H, until: u64) {
        let now = self.control.now();
        let sleep = until.saturating_sub(now).min(LONGEST_SLEEP_NS);
        let mut events = std::mem::take(&mut self.events);
        events.clear();
        self.sleep(sleep, &mut events);
        for event in &events {
            let (key, flags) = (event.data.u64() as Key, event.flags);
            if flags.contains(epoll::EventFlags::OUT) {
                self.writable(handler, key);
            }
            if flags.intersects(epoll::EventFlags::IN | epoll::EventFlags::HUP | epoll::EventFlags::ERR) {
                self.readable(handler, key);
            }
        }
        self.events = events;
    }

    /// Waits for events, at most that many nanoseconds.
    fn sleep(&mut self, nanoseconds: u64, events: &mut Vec<epoll::Event>) {
        let unit = if self.coarse { 1_000_000 } else { 1 };
        let timeout = Timespec { tv_sec: 0, tv_nsec: (nanoseconds / unit * unit) as i64 };
        let waited = epoll::wait(&self.epoll, rustix::buffer::spare_capacity(events), Some(&timeout));
        // Linux before 5.11 knows milliseconds only. Short sleeps are then none at all: late would be worse than busy.
        self.coarse |= waited.is_err_and(|error| error == rustix::io::Errno::NOSYS);
    }

    /// Ends the attempts to join that take too long.
    fn expire<H: Handler>(&mut self, handler: &mut H) {
        while let Some(&(deadline, key)) = self.joining.front() {
            let current =
                self.peers[key].as_ref().filter(|peer| peer.deadline == deadline && peer.stage < Stage::Joined);
            let Some(peer) = current else {
                self.joining.pop_front();
                continue;
            };
            if deadline > self.now {
                return;
            }
            let nats = peer.serializer == Serializer::Nats;
            let why = match peer.stage {
                Stage::Connecting => "no connection came about in time",
                Stage::Upgrading if nats => "the server did not begin with INFO in time; is it a NATS server?",
                Stage::Upgrading => "the router did not answer the handshake in time",
                _ if nats => "the server did not answer CONNECT in time",
                _ => "the router did not answer HELLO in time",
            };
            self.end(handler, key, why);
        }
    }

    /// Ends a connection and says so; `why` becomes a sentence with the URL.
    fn end<H: Handler>(&mut self, handler: &mut H, key: Key, why: &str) {
        let Some(peer) = self.peers[key].take() else { return };
        self.free.push(key);
        let leaving = peer.stage == Stage::Leaving;
        let target = peer.target;
        drop(peer);
        if leaving {
            handler.left(self, key);
        } else {
            let why = format!("{}: {why}", self.settings.targets[target]);
            handler.ended(self, key, &why);
        }
    }

    fn flush_dirty<H: Handler>(&mut self, handler: &mut H) {
        while let Some(key) = self.dirty.pop() {
            if let Some(peer) = self.peers[key].as_mut() {
                peer.dirty = false;
                if !peer.waits_to_write {
                    self.flush(handler, key);
                }
            }
        }
    }

    fn flush<H: Handler>(&mut self, handler: &mut H, key: Key) {
        let Some(peer) = self.peers[key].as_mut() else { return };
        match peer.flush() {
            Ok(all) => self.wait_to_write(key, !all),
            Err(error) => self.end(handler, key, &format!("the connection broke: {error}")),
        }
    }

    fn wait_to_write(&mut self, key: Key, wait: bool) {
        let Some(peer) = self.peers[key].as_mut() else { return };
        if peer.waits_to_write != wait {
            peer.waits_to_write = wait;
            let out = if wait { epoll::EventFlags::OUT } else { epoll::EventFlags::empty() };
            let data = epoll::EventData::new_u64(key as u64);
            // It can only fail for a descriptor that is not registered, and this one is.
            let _ = epoll::modify(&self.epoll, &peer.stream, data, epoll::EventFlags::IN | out);
        }
    }

    fn writable<H: Handler>(&mut self, handler: &mut H, key: Key) {
        let Some(peer) = self.peers[key].as_mut() else { return };
        if peer.stage == Stage::Connecting {
            if let Err(error) = peer.stream.error() {
                return self.end(handler, key, &cannot_connect(&error));
            }
            self.connected(handler, key);
        } else {
            self.flush(handler, key);
        }
    }

    /// The operating system connected; TLS may still shake hands.
    fn connected<H: Handler>(&mut self, handler: &mut H, key: Key) {
        let Some(peer) = self.peers[key].as_mut() else { return };
        if let Err(error) = peer.stream.write(&[])
            && error.kind() != io::ErrorKind::WouldBlock
        {
            return self.end(handler, key, &tls_failed(&error));
        }
        if peer.stream.handshaking() {
            let wants_write = peer.stream.wants_write();
            return self.wait_to_write(key, wants_write);
        }
        peer.stage = Stage::Upgrading;
        let target = &self.settings.targets[peer.target];
        peer.outgoing.raw(&opening::request(target, peer.serializer, self.settings.batched, &peer.key));
        self.flush(handler, key);
    }
}

fn tls_failed(error: &io::Error) -> String {
    format!("TLS failed: {error} (--tls-ca names whom to trust, --tls-insecure trusts anybody)")
}

fn cannot_connect(error: &io::Error) -> String {
    match error.kind() {
        io::ErrorKind::ConnectionRefused => "nobody listens there (connection refused)".to_owned(),
        io::ErrorKind::NotFound => "there is no such socket".to_owned(),
        _ if error.raw_os_error() == Some(rustix::io::Errno::MFILE.raw_os_error()) => {
            "this process may open no more connections (ulimit -n)".to_owned()
        }
        _ => format!("cannot connect: {error}"),
    }
}
