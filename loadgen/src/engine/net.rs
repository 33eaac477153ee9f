//! The loop of one thread: its connections, epoll, reads and writes.

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
use crate::wire::codec::{Message, Serializer, encode, decode};
use crate::wire::framing::{Framing, Incoming, Outgoing, Step, split_batch};
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
    /// What the routers call themselves, as far as it differs.
    pub agents: Vec<String>,
    epoll: OwnedFd,
    peers: Vec<Option<Peer>>,
    free: Vec<Key>,
    dirty: Vec<Key>,
    /// Attempts to join by deadline.
    joining: VecDeque<(u64, Key)>,
    scratch: Vec<u8>,
    events: Vec<epoll::Event>,
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
        Ok(Net {
            now: control.now(),
            control,
            random: settings.seed.wrapping_add(thread as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1,
            next_target: thread,
            settings,
            agents: Vec::new(),
            epoll: epoll::create(epoll::CreateFlags::CLOEXEC)?,
            peers: Vec::new(),
            free: Vec::new(),
            dirty: Vec::new(),
            joining: VecDeque::new(),
            scratch: Vec::new(),
            events: Vec::with_capacity(512),
        })
    }

    /// Opens a connection to the next target in turn and joins there; [`Handler::joined`] or [`Handler::ended`] tells.
    ///
    /// # Errors
    /// Of the operating system: descriptors, ports. `WouldBlock`: its queue is full, try again.
    pub fn connect(&mut self) -> io::Result<Key> {
        let target = self.next_target % self.settings.targets.len();
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
        let timeout = Timespec { tv_sec: 0, tv_nsec: sleep as i64 };
        let mut events = std::mem::take(&mut self.events);
        events.clear();
        if epoll::wait(&self.epoll, rustix::buffer::spare_capacity(&mut events), Some(&timeout)).is_ok() {
            for event in &events {
                let (key, flags) = (event.data.u64() as Key, event.flags);
                if flags.contains(epoll::EventFlags::OUT) {
                    self.writable(handler, key);
                }
                if flags.intersects(epoll::EventFlags::IN | epoll::EventFlags::HUP | epoll::EventFlags::ERR) {
                    self.readable(handler, key);
                }
            }
        }
        self.events = events;
    }

    /// Ends the attempts to join that take too long.
    fn expire<H: Handler>(&mut self, handler: &mut H) {
        while let Some(&(deadline, key)) = self.joining.front() {
            let current = self.peers[key].as_ref().filter(|peer| peer.deadline == deadline && peer.stage < Stage::Joined);
            let Some(peer) = current else {
                self.joining.pop_front();
                continue;
            };
            if deadline > self.now {
                return;
            }
            let why = match peer.stage {
                Stage::Connecting => "no connection came about in time",
                Stage::Upgrading => "the router did not answer the handshake in time",
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
            return self.end(handler, key, &format!("TLS failed: {error}"));
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

    fn readable<H: Handler>(&mut self, handler: &mut H, key: Key) {
        let mut buffer = std::mem::take(&mut self.scratch);
        while self.read_once(handler, key, &mut buffer) {}
        self.scratch = buffer;
    }

    /// One read and what follows from it; true where TLS may hold more that epoll does not tell of.
    fn read_once<H: Handler>(&mut self, handler: &mut H, key: Key, buffer: &mut Vec<u8>) -> bool {
        let Some(peer) = self.peers[key].as_mut() else { return false };
        let held = peer.held.len();
        if buffer.len() < held + READ {
            buffer.resize(held + READ, 0);
        }
        buffer[..held].copy_from_slice(&peer.held);
        let read = peer.stream.read(&mut buffer[held..]);
        self.now = self.control.now();
        match read {
            Ok(0) => {
                self.end(handler, key, "the router closed the connection");
                false
            }
            Ok(octets) => {
                peer.held.clear();
                let more = peer.stream.is_tls();
                self.received(handler, key, &buffer[..held + octets]);
                self.flush_dirty(handler);
                more
            }
            Err(error) => {
                match (error.kind(), peer.stage) {
                    (io::ErrorKind::WouldBlock, Stage::Connecting) if peer.stream.is_tls() => {
                        self.connected(handler, key);
                    }
                    (io::ErrorKind::WouldBlock | io::ErrorKind::Interrupted, _) => (),
                    (_, Stage::Connecting) => self.end(handler, key, &cannot_connect(&error)),
                    _ => self.end(handler, key, &format!("the connection broke: {error}")),
                }
                false
            }
        }
    }

    /// Deals with what was read, from the front; what is not whole is held until more comes.
    fn received<H: Handler>(&mut self, handler: &mut H, key: Key, bytes: &[u8]) {
        let mut at = 0;
        while let Some(peer) = self.peers[key].as_mut() {
            let left = &bytes[at..];
            if peer.stage <= Stage::Upgrading {
                match self.upgraded(handler, key, left) {
                    Some(used) => {
                        at += used;
                        continue;
                    }
                    None => return,
                }
            }
            let (used, step) = peer.incoming.next(left);
            at += used;
            match step {
                Step::More => {
                    peer.held.extend_from_slice(left);
                    return;
                }
                Step::Nothing => (),
                Step::Message(body) => self.messages(handler, key, body),
                Step::Assembled(body) => self.messages(handler, key, &body),
                Step::Ping(content) => {
                    peer.outgoing.pong(content);
                    self.touch(key);
                }
                Step::Close(code) => {
                    let code = code.map_or_else(String::new, |code| format!(" with code {code}"));
                    self.end(handler, key, &format!("the router closed the WebSocket{code}"));
                }
                Step::Broken(how) => self.end(handler, key, &format!("the router broke the framing: {how}")),
            }
        }
    }

    /// Puts a connection on the list of those with something to write.
    fn touch(&mut self, key: Key) {
        if let Some(peer) = self.peers[key].as_mut()
            && !std::mem::replace(&mut peer.dirty, true)
        {
            self.dirty.push(key);
        }
    }

    /// Reads the answer to the handshake and says HELLO; how many bytes that took, `None` if nothing more can be done.
    fn upgraded<H: Handler>(&mut self, handler: &mut H, key: Key, bytes: &[u8]) -> Option<usize> {
        let settings = Arc::clone(&self.settings);
        let peer = self.peers[key].as_mut()?;
        let target = &settings.targets[peer.target];
        let protocol = opening::subprotocol(peer.serializer, settings.batched);
        match opening::response(bytes, target, &protocol, &peer.key) {
            Ok(None) => {
                peer.held.extend_from_slice(bytes);
                None
            }
            Ok(Some(used)) => {
                let framing = match (&target.websocket, settings.batched) {
                    (None, _) => Framing::RawSocket,
                    (Some(_), false) => Framing::WebSocket(peer.serializer),
                    (Some(_), true) => Framing::Batched(peer.serializer),
                };
                peer.stage = Stage::Greeting;
                peer.incoming = Incoming::new(framing);
                peer.outgoing.agree(framing);
                self.send_value(key, &json!([1, settings.realm, settings.credentials.hello()]));
                Some(used)
            }
            Err(why) => {
                self.end(handler, key, &why);
                None
            }
        }
    }

    /// The message or messages of one frame.
    fn messages<H: Handler>(&mut self, handler: &mut H, key: Key, body: &[u8]) {
        if !self.settings.batched {
            return self.one(handler, key, body);
        }
        for message in split_batch(self.serializer(), body) {
            match message {
                Some(message) => self.one(handler, key, message),
                None => self.end(handler, key, "the router broke the framing: it sent a batch that is cut short"),
            }
        }
    }

    #[inline]
    fn one<H: Handler>(&mut self, handler: &mut H, key: Key, body: &[u8]) {
        let Some(peer) = self.peers[key].as_mut() else { return };
        let stage = peer.stage;
        match Message::parse(peer.serializer, body) {
            None => self.end(handler, key, "the router sent a message that cannot be read"),
            Some(Message::Goodbye { reason }) => {
                let why = format!("the router ended the session: {}", String::from_utf8_lossy(reason));
                self.end(handler, key, &why);
            }
            Some(Message::Abort { reason, .. }) => {
                let why = self.refusal(body, reason, stage);
                self.end(handler, key, &why);
            }
            Some(message) if stage == Stage::Joined => handler.message(self, key, message),
            Some(message) => self.greeted(handler, key, message),
        }
    }

    /// What WELCOME and CHALLENGE lead to.
    fn greeted<H: Handler>(&mut self, handler: &mut H, key: Key, message: Message<'_>) {
        let serializer = self.serializer();
        let Some(peer) = self.peers[key].as_mut() else { return };
        match message {
            Message::Welcome { session, details } => {
                peer.session = session;
                peer.stage = Stage::Joined;
                let details = decode(serializer, details).unwrap_or_default();
                let agent = details["agent"].as_str().unwrap_or("");
                if !agent.is_empty() && self.agents.iter().all(|known| known != agent) {
                    self.agents.push(agent.to_owned());
                }
                self.control.sessions.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
                handler.joined(self, key);
            }
            Message::Challenge { method, extra } => {
                let extra = decode(serializer, extra).unwrap_or_default();
                match self.settings.credentials.answer(method, &extra) {
                    Ok(signature) => self.send_value(key, &json!([5, signature, {}])),
                    Err(why) => self.end(handler, key, &why),
                }
            }
            _ if peer.stage == Stage::Leaving => (),
            _ => self.end(handler, key, "the router did not answer HELLO with WELCOME"),
        }
    }

    /// ABORT as a sentence.
    fn refusal(&self, body: &[u8], reason: &[u8], stage: Stage) -> String {
        let reason = String::from_utf8_lossy(reason);
        let details = decode(self.serializer(), body).unwrap_or_default();
        let message = details[1]["message"].as_str().map_or_else(String::new, |text| format!(" ({text})"));
        if stage == Stage::Joined {
            return format!("the router aborted the session: {reason}{message}");
        }
        match &*reason {
            "wamp.error.no_such_realm" => format!("there is no realm \"{}\": {reason}{message}", self.settings.realm),
            _ => format!("the router refused the session: {reason}{message}"),
        }
    }
}

fn cannot_connect(error: &io::Error) -> String {
    match error.kind() {
        io::ErrorKind::ConnectionRefused => "nobody listens there (connection refused)".to_owned(),
        io::ErrorKind::NotFound => "there is no such socket".to_owned(),
        _ => format!("cannot connect: {error}"),
    }
}
