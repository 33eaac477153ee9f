//! What arrives on a connection: bytes, frames, messages; until the session is joined they are dealt with here.

use std::io;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use serde_json::json;

use super::{Handler, Key, Net, READ, cannot_connect, tls_failed};
use crate::engine::opening;
use crate::engine::peer::Stage;
use crate::wire::codec::{Message, decode, nats};
use crate::wire::framing::{Framing, Incoming, Step, split_batch};
use crate::wire::target::Protocol;

impl Net {
    pub(super) fn readable<H: Handler>(&mut self, handler: &mut H, key: Key) {
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
                    (_, Stage::Connecting) if peer.stream.is_tls() => self.end(handler, key, &tls_failed(&error)),
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
                let framing = match (&target.protocol, settings.batched) {
                    (Protocol::Nats, _) => Framing::Nats,
                    (Protocol::RawSocket, _) => Framing::RawSocket,
                    (Protocol::WebSocket(..), false) => Framing::WebSocket(peer.serializer),
                    (Protocol::WebSocket(..), true) => Framing::Batched(peer.serializer, settings.separator),
                };
                peer.stage = Stage::Greeting;
                peer.incoming = Incoming::new(framing);
                peer.outgoing.agree(framing);
                peer.outgoing.message(self.hello.len(), |out| out.extend_from_slice(&self.hello));
                self.touch(key);
                if framing == Framing::Nats {
                    let (name, longest) = opening::server(&bytes[..used]);
                    self.met(&name);
                    self.longest_payload = self.longest_payload.min(longest);
                }
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
            // No request of WAMP has this number: it is a PONG.
            Some(Message::Registered { request: 0, .. }) => self.ponged(handler, key),
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
                self.note_agent(details);
                self.control.sessions.fetch_add(1, Ordering::Relaxed);
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

    /// Keeps what a router calls itself, in the details of its WELCOME.
    fn note_agent(&mut self, details: &[u8]) {
        if self.agents.len() == self.settings.targets.len() {
            return;
        }
        let details = decode(self.serializer(), details).unwrap_or_default();
        self.met(details["agent"].as_str().unwrap_or(""));
    }

    fn met(&mut self, agent: &str) {
        if !agent.is_empty() && self.agents.iter().all(|known| known != agent) {
            self.agents.push(agent.to_owned());
        }
    }

    /// NATS: a PONG opens the session, and later answers what was asked, in order.
    fn ponged<H: Handler>(&mut self, handler: &mut H, key: Key) {
        let Some(peer) = self.peers[key].as_mut() else { return };
        if peer.stage == Stage::Joined {
            peer.ponged += 1;
            let request = peer.ponged;
            return handler.message(self, key, Message::Registered { request, registration: request });
        }
        peer.session = nats::new_session();
        peer.last_request = nats::first_request(peer.session);
        peer.ponged = peer.last_request;
        peer.stage = Stage::Joined;
        let session = peer.session;
        self.send(key, 64, |out| nats::subscribe_to_answers(session, out));
        self.control.sessions.fetch_add(1, Ordering::Relaxed);
        handler.joined(self, key);
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
