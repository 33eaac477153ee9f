//! What one connection says: messages judged by its session and handed to the realm, and how it ends.
//!
//! ```text
//! Greeting --HELLO--> Joined --GOODBYE/GOODBYE--> Parted --HELLO--> Joined
//!                       | router's GOODBYE
//!                       v
//!                    Farewell       any --ABORT, close, loss--> Ending
//! ```
//!
//! Invariants: each stage but `Joined` runs against the timer; in `Ending` the session has left its realm and nothing
//! more is read as WAMP (STM-5).
//!
//! Not here: bytes and sockets (`driver`), which message is legal when (`session`).

mod joining;

use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use super::complaints::complain;
use super::connection::{Joining, Service};
use super::frame::{Backlog, Failure, Frame, Messages, SEPARATOR, close};
use super::listener::Permit;
use super::lookahead::Lookahead;
use super::protocol::{GOING_AWAY, Manner, Protocol};
use super::timer::Timer;
use super::websocket;
use crate::codec;
use crate::realm::Link;
use crate::session::{Action, Session};
use crate::shard::outbox::{Attachment, Sink};
use crate::shard::{Shard, State};
use crate::wamp::{ClientMessage, Encoding, ErrorUri, RouterMessage, Violation};

/// How far the conversation is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Stage {
    /// HELLO is awaited, for the first time.
    Greeting,
    /// A session is open.
    Joined,
    /// The router said GOODBYE and waits for the client's.
    Farewell,
    /// The session is over; another HELLO may follow (WS-13).
    Parted,
    /// The last bytes leave, then the connection closes.
    Ending,
}

/// What follows a message or a frame.
#[derive(Debug)]
pub(super) enum Flow {
    /// The next one.
    Go,
    /// The next one when the client has read more of what it was sent.
    Choked,
    /// The next one when other connections have had their turn.
    Later,
    /// The connection moves to the realm's home.
    Move(Box<Joining>),
    /// Nothing.
    End,
}

/// One connection's session and queue.
pub(super) struct Conversation {
    shard: Rc<Shard>,
    service: Arc<Service>,
    link: Link,
    manner: Manner,
    encoding: Encoding,
    address: Arc<str>,
    session: Session,
    stage: Stage,
    /// Runs in every stage; while joined, for pings.
    pub(super) timer: Timer,
    /// Anything came since the last ping.
    heard: bool,
    pinged: bool,
    /// No frame with messages came yet.
    fresh: bool,
    /// Gaps in the request ids, and short timeouts, that were told of.
    gaps: u64,
    short_timeouts: u64,
    ahead: Lookahead,
    permit: Permit,
}

/// What a connection takes along when it moves to another shard.
#[derive(Debug)]
pub(super) struct Luggage {
    pub(super) session: Session,
    pub(super) permit: Permit,
    pub(super) fresh: bool,
    /// Framed bytes that have not left.
    pub(super) unsent: Vec<u8>,
}

impl Conversation {
    /// Opens the connection's queue on this shard.
    pub(super) fn new(
        (shard, service): (Rc<Shard>, Arc<Service>),
        protocol: &Protocol,
        sink: Rc<dyn Sink>,
        address: Arc<str>,
        luggage: Luggage,
    ) -> Conversation {
        let attachment = Attachment {
            encoding: protocol.encoding(),
            framing: protocol.framing(),
            sink,
            longest: protocol.max_sent(),
        };
        let link = shard.state().outbox.attach(attachment);
        let mut conversation = Conversation {
            shard,
            service,
            link,
            manner: protocol.manner(),
            encoding: protocol.encoding(),
            address,
            session: luggage.session,
            stage: Stage::Greeting,
            timer: Timer::default(),
            heard: false,
            pinged: false,
            fresh: luggage.fresh,
            gaps: 0,
            short_timeouts: 0,
            ahead: Lookahead::default(),
            permit: luggage.permit,
        };
        conversation.enter_stage(Stage::Greeting);
        conversation.shard.state().outbox.raw(link, &luggage.unsent);
        conversation
    }

    /// Closes the queue, and packs what goes along to another shard.
    pub(super) fn pack(mut self) -> Luggage {
        let unsent = self.shard.state().outbox.detach(self.link);
        Luggage { session: std::mem::take(&mut self.session), permit: self.permit.take(), fresh: self.fresh, unsent }
    }

    pub(super) fn link(&self) -> Link {
        self.link
    }

    pub(super) fn stage(&self) -> Stage {
        self.stage
    }

    /// Whether to look ahead at what was read.
    #[inline]
    pub(super) fn looks_ahead(&mut self, state: &mut State) -> bool {
        self.stage == Stage::Joined && state.is_far(self.link) && self.ahead.is_due()
    }

    /// Looks at the next messages; how many bytes they are, `None` if there is nothing more to gain.
    pub(super) fn look_ahead(&mut self, state: &mut State, protocol: &Protocol, input: &[u8]) -> Option<usize> {
        self.ahead.look(state, self.link, protocol, input)
    }

    /// Handles a frame. Messages that must wait go to `backlog`.
    #[inline]
    pub(super) fn frame(&mut self, state: &mut State, frame: Frame<'_>, backlog: &mut Backlog) -> Flow {
        self.heard = true;
        match frame {
            Frame::Messages(messages) => self.messages(state, messages, backlog),
            Frame::Ping(payload) => {
                let mut pong = Vec::with_capacity(payload.len() + 4);
                self.manner.pong(payload, &mut pong);
                state.outbox.raw(self.link, &pong);
                self.pace(state)
            }
            Frame::Close(code) => {
                state.leave(self.link);
                self.end(state, code, "")
            }
            Frame::Pong(_) | Frame::Nothing => Flow::Go,
        }
    }

    #[inline]
    fn messages(&mut self, state: &mut State, mut messages: Messages<'_>, backlog: &mut Backlog) -> Flow {
        if std::mem::take(&mut self.fresh) {
            self.adapt(state, &messages);
        }
        while let Some(message) = messages.next() {
            match self.message(state, message) {
                Flow::Go => {}
                Flow::End => return Flow::End,
                wait => {
                    *backlog = messages.to_backlog();
                    return wait;
                }
            }
        }
        Flow::Go
    }

    /// Ends messages in batches of JSON as the client does (D-28).
    fn adapt(&mut self, state: &mut State, messages: &Messages<'_>) {
        if let Manner::WebSocket(subprotocol) = self.manner
            && let Some(separator) = messages.separator()
            && separator != SEPARATOR
        {
            let framing = websocket::Outgoing::new(subprotocol).with_separator(separator);
            state.outbox.reframe(self.link, Box::new(framing));
        }
    }

    /// Handles one message.
    #[inline]
    pub(super) fn message(&mut self, state: &mut State, bytes: &[u8]) -> Flow {
        let message = match codec::decode(self.encoding, bytes, &self.service.options.codec) {
            Ok(message) => message,
            // Only GOODBYE counts now, and this is none (SES-14).
            Err(_) if self.stage == Stage::Farewell => return Flow::Go,
            Err(violation) => return self.violated(state, violation),
        };
        let routed = match self.session.routes(&message) {
            Ok(true) => state.route(self.link, message),
            Ok(false) => return self.control(state, message),
            Err(violation) => Err(violation),
        };
        match routed {
            Ok(()) => self.pace(state),
            Err(violation) => self.violated(state, violation),
        }
    }

    /// Handles a message that does not go to the realm.
    fn control(&mut self, state: &mut State, message: ClientMessage<'_>) -> Flow {
        match self.session.control(message) {
            Ok(action) => self.act(state, action),
            Err(violation) => self.violated(state, violation),
        }
    }

    #[inline]
    fn pace(&self, state: &mut State) -> Flow {
        if state.outbox.is_choked(self.link) {
            Flow::Choked
        } else if state.is_over_time() {
            Flow::Later
        } else {
            Flow::Go
        }
    }

    fn act(&mut self, state: &mut State, action: Action<'_>) -> Flow {
        match action {
            Action::Join { realm, details } => self.hello(state, realm, &details),
            Action::Goodbye => self.goodbye(state),
            Action::Released => self.end(state, self.farewell_code(), ""),
            Action::Abandon => {
                state.leave(self.link);
                self.end(state, Some(close::NORMAL), "")
            }
            Action::Ignore => Flow::Go,
        }
    }

    /// The client says GOODBYE (SES-12).
    fn goodbye(&mut self, state: &mut State) -> Flow {
        state.leave(self.link);
        let reason = ErrorUri::GoodbyeAndOut.as_str();
        state.outbox.last_word(self.link, &RouterMessage::Goodbye { reason, message: None });
        if self.shard.is_draining() {
            return self.end(state, GOING_AWAY, "");
        }
        self.enter_stage(Stage::Parted);
        Flow::Go
    }

    /// The router's GOODBYE is queued; the client has a moment to answer (SES-14, D-18).
    pub(super) fn farewell(&mut self) {
        self.session.leaving();
        self.enter_stage(Stage::Farewell);
    }

    /// The router stops, and no session is open: ABORT (SES-17).
    pub(super) fn stop(&mut self, state: &mut State) {
        self.abort(state, ErrorUri::SystemShutdown, "the router stops", GOING_AWAY);
    }

    #[cold]
    fn violated(&mut self, state: &mut State, Violation(text): Violation) -> Flow {
        complain(format_args!("peer={} transport={} violation={text:?}", self.address, self.manner.as_str()));
        self.abort(state, ErrorUri::ProtocolViolation, &text, Some(close::PROTOCOL_ERROR))
    }

    /// The client broke its framing: what follows cannot be read (GEN-11, RAW-9, WS-10).
    pub(super) fn broken(&mut self, state: &mut State, failure: Failure) -> Flow {
        complain(format_args!("peer={} transport={} framing={failure:?}", self.address, self.manner.as_str()));
        self.abort(state, ErrorUri::ProtocolViolation, &failure.to_string(), Some(failure.close_code()))
    }

    /// Too many long messages are under way at once.
    pub(super) fn crowded_out(&mut self, state: &mut State) -> Flow {
        complain(format_args!("peer={} there is no memory left for long messages that arrive", self.address));
        let message = "the router receives as many long messages at once as it may";
        self.abort(state, ErrorUri::LimitExceeded, message, Some(close::POLICY))
    }

    /// Ends the session with ABORT and then the connection (PRO-1).
    fn abort(&mut self, state: &mut State, reason: ErrorUri, message: &str, code: Option<u16>) -> Flow {
        if self.stage == Stage::Ending {
            return Flow::End;
        }
        state.outbox.last_word(self.link, &RouterMessage::Abort { reason: reason.as_str(), message });
        state.leave(self.link);
        self.session.failed();
        self.end(state, code, message)
    }

    /// Queues the end of the connection. The session has left its realm.
    pub(super) fn end(&mut self, state: &mut State, code: Option<u16>, reason: &str) -> Flow {
        if self.stage != Stage::Ending {
            let mut frame = Vec::new();
            self.manner.close(code, reason, &mut frame);
            state.outbox.raw(self.link, &frame);
            state.outbox.close(self.link);
            self.enter_stage(Stage::Ending);
        }
        Flow::End
    }

    /// The client sends nothing more: its session is over, and what is queued still leaves.
    pub(super) fn hung_up(&mut self, state: &mut State) {
        state.leave(self.link);
        self.end(state, Some(close::NORMAL), "");
    }

    /// The timer of this stage fired; whether the connection is to be dropped.
    pub(super) fn expired(&mut self, state: &mut State) -> bool {
        match self.stage {
            Stage::Ending => return true,
            Stage::Greeting => {
                let message = format!("no HELLO within {:?}", self.service.options.hello_timeout);
                self.abort(state, ErrorUri::Timeout, &message, Some(close::POLICY));
            }
            Stage::Parted => {
                self.end(state, Some(close::NORMAL), "");
            }
            Stage::Farewell => {
                self.end(state, self.farewell_code(), "");
            }
            Stage::Joined => self.ping(state),
        }
        false
    }

    fn farewell_code(&self) -> Option<u16> {
        if self.shard.is_draining() { GOING_AWAY } else { Some(close::NORMAL) }
    }

    /// Asks a silent client whether it is there; ends it if it did not answer the last time (WS-11).
    fn ping(&mut self, state: &mut State) {
        let options = &self.service.options;
        let Some(interval) = options.ping_interval else { return };
        let (heard, pinged) = (std::mem::take(&mut self.heard), std::mem::take(&mut self.pinged));
        if pinged && !heard {
            let message = format!("no answer to a ping within {:?}", options.ping_timeout);
            self.abort(state, ErrorUri::Timeout, &message, Some(close::POLICY));
            return;
        }
        if heard || pinged {
            return self.timer.set(interval);
        }
        let mut frame = Vec::new();
        self.manner.ping(&mut frame);
        state.outbox.raw(self.link, &frame);
        self.pinged = true;
        self.timer.set(options.ping_timeout);
    }

    fn enter_stage(&mut self, stage: Stage) {
        self.stage = stage;
        match self.time_of(stage) {
            Some(time) => self.timer.set(time),
            None => self.timer.clear(),
        }
    }

    /// How long a stage may last.
    fn time_of(&self, stage: Stage) -> Option<Duration> {
        let options = &self.service.options;
        match stage {
            Stage::Greeting | Stage::Parted => Some(options.hello_timeout),
            Stage::Farewell | Stage::Ending => Some(options.close_timeout),
            Stage::Joined => match self.manner {
                Manner::WebSocket(_) => options.ping_interval,
                Manner::RawSocket => None,
            },
        }
    }

    /// Tells of request ids out of sequence and of timeouts that look like seconds, once for what was read at once
    /// (D-04, D-10).
    pub(super) fn note_oddities(&mut self) {
        let gaps = self.session.gaps();
        if gaps > self.gaps {
            complain(format_args!("peer={} request ids out of sequence: gaps={gaps}", self.address));
        }
        self.gaps = gaps;
        let short = self.session.short_timeouts();
        if short > self.short_timeouts {
            complain(format_args!(
                "peer={} calls with a timeout of a few milliseconds: calls={short}; the realm's timeout_unit may be \"s\"",
                self.address
            ));
        }
        self.short_timeouts = short;
    }
}

impl Drop for Conversation {
    /// However the connection ended, its realm forgets it.
    fn drop(&mut self) {
        let forget = || {
            let mut state = self.shard.state();
            state.begin();
            state.leave(self.link);
            state.outbox.detach(self.link);
        };
        if std::panic::catch_unwind(std::panic::AssertUnwindSafe(forget)).is_err() {
            log::error!("peer={} a session could not leave its realm cleanly", self.address);
        }
        self.shard.end_of_turn();
    }
}
