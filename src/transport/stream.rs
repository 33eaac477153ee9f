//! A connection's socket, TCP or Unix, in the two forms it has: at rest, to be handed to another thread, and open on
//! one thread's runtime, as a reader and a writer.

use std::io;
use std::net::{self, Shutdown};
use std::os::unix::net as unix_std;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use socket2::{SockRef, TcpKeepalive};
use tokio::io::{AsyncRead, ReadBuf};
use tokio::net::{TcpStream, UnixStream, tcp, unix};

use crate::shard::outbox::Sink;

/// A socket that no runtime watches.
#[derive(Debug)]
pub enum Socket {
    /// Over TCP.
    Tcp(net::TcpStream),
    /// Over a Unix domain socket.
    Unix(unix_std::UnixStream),
}

/// What TCP connections are set to.
#[derive(Clone, Copy, Debug)]
pub struct TcpOptions {
    /// Small writes leave at once.
    pub nodelay: bool,
    /// After so long without a byte the kernel asks whether the peer is still there; `None` never asks.
    pub keepalive: Option<Duration>,
}

impl Default for TcpOptions {
    fn default() -> TcpOptions {
        TcpOptions { nodelay: true, keepalive: Some(Duration::from_secs(60)) }
    }
}

impl Socket {
    /// Sets what the options say.
    ///
    /// # Errors
    /// Those of the socket: the connection is useless.
    pub fn prepare(&self, options: &TcpOptions) -> io::Result<()> {
        let Socket::Tcp(stream) = self else { return Ok(()) };
        stream.set_nodelay(options.nodelay)?;
        if let Some(idle) = options.keepalive {
            let every = (idle / 4).max(Duration::from_secs(1));
            SockRef::from(stream)
                .set_tcp_keepalive(&TcpKeepalive::new().with_time(idle).with_interval(every).with_retries(4))?;
        }
        Ok(())
    }

    /// Has this thread's runtime watch the socket.
    ///
    /// # Errors
    /// Those of the registration.
    pub(super) fn open(self) -> io::Result<(Reader, Rc<Writer>)> {
        Ok(match self {
            Socket::Tcp(stream) => {
                let (reader, writer) = TcpStream::from_std(stream)?.into_split();
                (Reader::Tcp(reader), Rc::new(Writer::Tcp(writer)))
            }
            Socket::Unix(stream) => {
                let (reader, writer) = UnixStream::from_std(stream)?.into_split();
                (Reader::Unix(reader), Rc::new(Writer::Unix(writer)))
            }
        })
    }
}

/// The half that is read.
#[derive(Debug)]
pub(super) enum Reader {
    Tcp(tcp::OwnedReadHalf),
    Unix(unix::OwnedReadHalf),
}

impl Reader {
    /// Reads what there is; 0 is the end. Where it is less than there was room, the next call waits without asking the
    /// kernel again.
    pub(super) fn poll_read(&mut self, cx: &mut Context<'_>, into: &mut [u8]) -> Poll<io::Result<usize>> {
        let mut into = ReadBuf::new(into);
        ready!(match self {
            Reader::Tcp(half) => Pin::new(half).poll_read(cx, &mut into),
            Reader::Unix(half) => Pin::new(half).poll_read(cx, &mut into),
        })?;
        Poll::Ready(Ok(into.filled().len()))
    }

    /// The socket at rest; `None` where the writer is still held elsewhere, or the runtime does not let go of it.
    pub(super) fn rejoin(self, writer: Rc<Writer>) -> Option<Socket> {
        Some(match (self, Rc::into_inner(writer)?) {
            (Reader::Tcp(reader), Writer::Tcp(writer)) => Socket::Tcp(reader.reunite(writer).ok()?.into_std().ok()?),
            (Reader::Unix(reader), Writer::Unix(writer)) => Socket::Unix(reader.reunite(writer).ok()?.into_std().ok()?),
            _ => return None,
        })
    }
}

/// The half that is written.
#[derive(Debug)]
pub(super) enum Writer {
    Tcp(tcp::OwnedWriteHalf),
    Unix(unix::OwnedWriteHalf),
}

impl Writer {
    /// Waits until the socket takes bytes, or fails.
    pub(super) fn poll_writable(&self, cx: &mut Context<'_>) -> Poll<()> {
        match self {
            Writer::Tcp(half) => half.as_ref().poll_write_ready(cx),
            Writer::Unix(half) => half.as_ref().poll_write_ready(cx),
        }
        .map(|_| ())
    }

    /// Tells the peer that nothing more comes. A socket that cannot be told is gone already.
    pub(super) fn finish(&self) {
        let _ = match self {
            Writer::Tcp(half) => SockRef::from(half.as_ref()).shutdown(Shutdown::Write),
            Writer::Unix(half) => SockRef::from(half.as_ref()).shutdown(Shutdown::Write),
        };
    }
}

impl Sink for Writer {
    fn write(&self, bytes: &[u8]) -> io::Result<usize> {
        match self {
            Writer::Tcp(half) => half.try_write(bytes),
            Writer::Unix(half) => half.try_write(bytes),
        }
    }
}
