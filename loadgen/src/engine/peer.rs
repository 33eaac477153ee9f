//! One connection with its session.

use std::io;

use crate::wire::codec::Serializer;
use crate::wire::framing::{Incoming, Outgoing};
use crate::wire::stream::Stream;

/// How far a connection has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Stage {
    /// The operating system connects, or TLS shakes hands.
    Connecting,
    /// The request of the framing's handshake is out.
    Upgrading,
    /// HELLO or AUTHENTICATE is out.
    Greeting,
    /// WELCOME came.
    Joined,
    /// Our GOODBYE is out.
    Leaving,
}

/// One connection with its session.
pub struct Peer {
    /// The socket.
    pub stream: Stream,
    /// Index of its target.
    pub target: usize,
    /// What it speaks.
    pub serializer: Serializer,
    /// How far it has come.
    pub stage: Stage,
    /// The reading side.
    pub incoming: Incoming,
    /// The writing side.
    pub outgoing: Outgoing,
    /// The front of a frame that is not whole yet.
    pub held: Vec<u8>,
    /// Whether the loop waits until the socket takes more.
    pub waits_to_write: bool,
    /// Whether it is on the list of those with something to write.
    pub dirty: bool,
    /// The session's id once joined.
    pub session: u64,
    /// The last request id used (WAMP: session scope, from 1, by 1).
    pub last_request: u64,
    /// NATS: the last request that a PONG answered.
    pub ponged: u64,
    /// When the attempt to join fails, in nanoseconds of the run's clock.
    pub deadline: u64,
    /// Nonce of the WebSocket handshake.
    pub key: String,
}

impl Peer {
    /// The next request id.
    #[inline]
    pub fn next_request(&mut self) -> u64 {
        self.last_request += 1;
        self.last_request
    }

    /// Writes what waits; true if all of it went.
    ///
    /// # Errors
    /// Of the socket.
    pub fn flush(&mut self) -> io::Result<bool> {
        loop {
            let pending = self.outgoing.pending();
            if pending.is_empty() && !self.stream.wants_write() {
                return Ok(true);
            }
            match self.stream.write(pending) {
                Ok(0) => return Ok(pending.is_empty() && !self.stream.wants_write()),
                Ok(taken) => self.outgoing.took(taken),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(false),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => (),
                Err(error) => return Err(error),
            }
        }
    }
}
