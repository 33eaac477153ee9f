//! One connection, from its socket to its end, on the thread of its shard.
//!
//! ```text
//! opening --handshake--> driver --HELLO names a realm at home elsewhere--> the same on that shard
//!    |                     |
//!    +--page, error octet--+--> closed
//! ```
//!
//! Invariant: a realm sees a connection only on its home shard, so a session's messages take one path. A fault of ours
//! ends the one connection it happened in.
//!
//! Not here: who is let in by number (`listener`).

use std::future::poll_fn;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::rc::Rc;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use super::conversation::{Conversation, Luggage};
use super::driver::{Driver, Exit};
use super::frame::Backlog;
use super::http::Refusal as HttpRefusal;
use super::listener::{Gate, Permit};
use super::opening::{self, Opening, Outcome};
use super::pool::{Pool, Share};
use super::protocol::Protocol;
use super::rawsocket::{self, Refusal as RawRefusal};
use super::stream::{Reader, Socket, Writer};
use super::timer::Timer;
use super::websocket;
use crate::codec;
use crate::session::Session;
use crate::shard::Shard;
use crate::shard::outbox::Sink;
use crate::wamp::Peer;

/// What every connection is served with.
#[derive(Clone, Debug)]
pub struct Options {
    /// What is spoken.
    pub opening: opening::Options,
    /// How much one WebSocket client may send at once.
    pub websocket: websocket::Limits,
    /// Longest message sent over WebSocket, in bytes; RawSocket clients say themselves what they take.
    pub max_sent: usize,
    /// Memory for messages that have not arrived whole yet, all connections together, in bytes.
    pub receiving: usize,
    /// What one message may cost to decode.
    pub codec: codec::Limits,
    /// A connection that has not completed its handshake after this time is dropped.
    pub handshake_timeout: Duration,
    /// A client that has not said HELLO after this time is aborted (SES-20).
    pub hello_timeout: Duration,
    /// What a client gets to answer GOODBYE, and again to read its last message (SES-14).
    pub close_timeout: Duration,
    /// A WebSocket client silent for so long is pinged; `None` never pings (WS-11).
    pub ping_interval: Option<Duration>,
    /// A client that says nothing after a ping for so long is dropped.
    pub ping_timeout: Duration,
}

impl Default for Options {
    fn default() -> Options {
        Options {
            opening: opening::Options::default(),
            websocket: websocket::Limits { max_frame: 16 << 20, max_message: 16 << 20 },
            max_sent: 16 << 20,
            receiving: 1 << 30,
            codec: codec::Limits::default(),
            handshake_timeout: Duration::from_secs(5),
            hello_timeout: Duration::from_secs(5),
            close_timeout: Duration::from_secs(5),
            ping_interval: None,
            ping_timeout: Duration::from_secs(10),
        }
    }
}

/// What the connections of all shards share.
#[derive(Debug)]
pub struct Service {
    /// What they are served with.
    pub options: Options,
    /// How many there may be.
    pub gate: Gate,
    /// Memory for messages that have not arrived whole yet.
    pub pool: Pool,
}

/// A connection that arrives on a shard.
#[derive(Debug)]
pub struct Arrival {
    socket: Socket,
    /// Where it comes from, as `tcp:127.0.0.1:51234` or `unix`.
    address: Arc<str>,
    stage: Stage,
}

#[derive(Debug)]
enum Stage {
    /// Nothing was read yet.
    New(Permit),
    /// It comes from another shard.
    Moved(Box<Moved>),
}

/// A connection on its way to the home of its realm.
#[derive(Debug)]
struct Moved {
    protocol: Protocol,
    luggage: Luggage,
    joining: Joining,
    tail: Vec<u8>,
    backlog: Backlog,
}

/// An authenticated client and the realm it joins, by index in the directory.
#[derive(Debug)]
pub(super) struct Joining {
    pub(super) realm: usize,
    pub(super) peer: Peer,
}

impl Arrival {
    /// A connection that was just accepted.
    pub fn new(socket: Socket, address: Arc<str>, permit: Permit) -> Arrival {
        Arrival { socket, address, stage: Stage::New(permit) }
    }
}

/// Serves a connection on this thread, whose `LocalSet` must be entered.
pub fn start(shard: &Rc<Shard>, service: Arc<Service>, arrival: Arrival) {
    tokio::task::spawn_local(serve(shard.clone(), service, arrival));
}

async fn serve(shard: Rc<Shard>, service: Arc<Service>, arrival: Arrival) {
    let Arrival { socket, address, stage } = arrival;
    let (mut reader, writer) = match socket.open() {
        Ok(halves) => halves,
        Err(error) => return log::error!("peer={address} the socket cannot be watched: {error}"),
    };
    let moved = match stage {
        Stage::Moved(moved) => Ok(*moved),
        Stage::New(permit) => match open(&shard, &service, &mut reader, &writer, permit).await {
            Some(opened) => Err(opened),
            None => return,
        },
    };
    let _counted = shard.connected();
    let worker = (shard.clone(), service.clone());
    let driver = match moved {
        Ok(moved) => resume(worker, reader, writer, address.clone(), moved),
        Err(opened) => begin(worker, reader, writer, address.clone(), opened),
    };
    drive(driver, shard, service, address).await;
}

/// A connection whose handshake is done.
struct Opened {
    protocol: Protocol,
    luggage: Luggage,
    tail: Vec<u8>,
}

fn begin(
    worker: (Rc<Shard>, Arc<Service>),
    reader: Reader,
    writer: Rc<Writer>,
    address: Arc<str>,
    opened: Opened,
) -> Driver {
    let Opened { protocol, luggage, tail } = opened;
    let talk = Conversation::new(worker.clone(), &protocol, writer.clone(), address, luggage);
    let stalled = !tail.is_empty();
    worker.0.end_of_turn();
    let (shard, service) = worker;
    let share = Share::new(service);
    Driver {
        shard,
        share,
        reader,
        writer,
        protocol,
        talk,
        tail,
        backlog: Backlog::default(),
        stalled,
        ended: false,
        finished: false,
    }
}

fn resume(
    worker: (Rc<Shard>, Arc<Service>),
    reader: Reader,
    writer: Rc<Writer>,
    address: Arc<str>,
    moved: Moved,
) -> Driver {
    let Moved { protocol, luggage, joining, tail, backlog } = moved;
    let mut driver = begin(worker, reader, writer, address, Opened { protocol, luggage, tail });
    driver.backlog = backlog;
    driver.stalled = true;
    let shard = driver.shard.clone();
    let mut state = shard.state();
    state.begin();
    if shard.is_draining() {
        driver.talk.stop(&mut state);
    } else {
        driver.talk.join(&mut state, joining);
    }
    driver
}

/// Drives a connection to its end, or to the shard where it belongs.
async fn drive(mut driver: Driver, shard: Rc<Shard>, service: Arc<Service>, address: Arc<str>) {
    let exit = poll_fn(|cx| match catch_unwind(AssertUnwindSafe(|| driver.poll(cx))) {
        Ok(poll) => poll,
        Err(_) => {
            log::error!("peer={address} the connection failed by a fault of the router and is closed");
            Poll::Ready(Exit::Closed)
        }
    })
    .await;
    let Exit::Move(joining) = exit else { return log::debug!("peer={address} closed") };
    let home = shard.network.directory.home(joining.realm);
    let Driver { reader, writer, protocol, talk, tail, backlog, .. } = driver;
    let luggage = talk.pack();
    let Some(socket) = reader.rejoin(writer) else {
        return log::error!("peer={address} the socket cannot be handed to shard={home}");
    };
    let moved = Moved { protocol, luggage, joining: *joining, tail, backlog };
    let arrival = Arrival { socket, address, stage: Stage::Moved(Box::new(moved)) };
    shard.network.post(home, Box::new(move |shard| start(shard, service, arrival))).await;
}

/// Reads the handshake and answers it. `None` where the connection is over.
async fn open(
    shard: &Rc<Shard>,
    service: &Service,
    reader: &mut Reader,
    writer: &Rc<Writer>,
    permit: Permit,
) -> Option<Opened> {
    let mut timer = Timer::default();
    timer.set(service.options.handshake_timeout);
    let mut opening = Opening::default();
    let mut input = Vec::new();
    loop {
        read_more(shard, reader, &mut timer, &mut input).await?;
        let outcome = opening.next(&input, &service.options.opening, !shard.is_draining());
        let (protocol, unsent, consumed) = match refuse(outcome, &permit) {
            Outcome::More => continue,
            Outcome::Foreign => return None,
            Outcome::Answer(bytes) => {
                answer(shard, reader, writer, &mut timer, &bytes).await;
                return None;
            }
            Outcome::RawSocket { reply, encoding, max_sent, max_received } => {
                let incoming = rawsocket::Incoming::new(max_received);
                (Protocol::RawSocket { incoming, encoding, max_sent }, reply.to_vec(), reply.len())
            }
            Outcome::WebSocket { consumed, upgrade } => {
                let websocket::Upgrade { response, subprotocol } = upgrade;
                let incoming = websocket::Incoming::new(subprotocol, service.options.websocket);
                let max_sent = service.options.max_sent;
                (Protocol::WebSocket { incoming, subprotocol, max_sent }, response, consumed)
            }
        };
        let luggage = Luggage { session: Session::default(), permit, fresh: true, unsent };
        return Some(Opened { protocol, luggage, tail: input.split_off(consumed) });
    }
}

/// Turns a session away where there are as many as there may be; pages are served all the same.
fn refuse(outcome: Outcome, permit: &Permit) -> Outcome {
    match outcome {
        Outcome::RawSocket { .. } if permit.is_surplus() => {
            Outcome::Answer(RawRefusal::ConnectionLimit.reply().to_vec())
        }
        Outcome::WebSocket { .. } if permit.is_surplus() => Outcome::Answer(HttpRefusal::ConnectionLimit.response()),
        other => other,
    }
}

/// Reads what there is; `None` at the end, after a failure, and when the time is over.
async fn read_more(shard: &Shard, reader: &mut Reader, timer: &mut Timer, input: &mut Vec<u8>) -> Option<()> {
    poll_fn(|cx| {
        if timer.fired(cx) {
            return Poll::Ready(None);
        }
        let mut scratch = shard.scratch();
        reader.poll_read(cx, &mut scratch).map(|read| {
            let read = read.ok().filter(|&read| read > 0)?;
            input.extend_from_slice(&scratch[..read]);
            Some(())
        })
    })
    .await
}

/// Sends the last bytes of a connection and reads until the client has them and hangs up, or the time is over.
async fn answer(shard: &Shard, reader: &mut Reader, writer: &Writer, timer: &mut Timer, bytes: &[u8]) {
    let mut sent = 0;
    poll_fn(|cx| {
        if timer.fired(cx) {
            return Poll::Ready(());
        }
        while sent < bytes.len() {
            match writer.write(&bytes[sent..]) {
                Ok(taken) => sent += taken,
                Err(error) if error.kind() == std::io::ErrorKind::WouldBlock => {
                    if writer.poll_writable(cx).is_pending() {
                        return Poll::Pending;
                    }
                }
                Err(_) => return Poll::Ready(()),
            }
            if sent == bytes.len() {
                writer.finish();
            }
        }
        let mut scratch = shard.scratch();
        loop {
            match reader.poll_read(cx, &mut scratch) {
                Poll::Pending => return Poll::Pending,
                Poll::Ready(Ok(read)) if read > 0 => {}
                Poll::Ready(_) => return Poll::Ready(()),
            }
        }
    })
    .await;
}
