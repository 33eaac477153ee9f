//! A non-blocking socket to a router: TCP, Unix, and TLS over TCP.

use std::io::{self, Read, Write};
use std::net::SocketAddr;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::sync::Arc;

use rustix::io::Errno;
use rustix::net::{AddressFamily, SocketFlags, SocketType, ipproto, sockopt};
use rustls::pki_types::ServerName;
use rustls::{ClientConfig, ClientConnection};

use super::target::{Address, Target};

/// A connected or connecting socket.
pub struct Stream {
    fd: OwnedFd,
    tls: Option<Box<ClientConnection>>,
}

impl Stream {
    /// Starts a connection; it is there when the socket is writable and [`Stream::error`] has none.
    ///
    /// # Errors
    /// Of the operating system: no descriptor, no port, no route.
    pub fn connect(target: &Target, tls: &Arc<ClientConfig>) -> io::Result<Stream> {
        let flags = SocketFlags::NONBLOCK | SocketFlags::CLOEXEC;
        let fd = match &target.address {
            Address::Tcp(address) => {
                let family = if address.is_ipv4() { AddressFamily::INET } else { AddressFamily::INET6 };
                let fd = rustix::net::socket_with(family, SocketType::STREAM, flags, Some(ipproto::TCP))?;
                sockopt::set_tcp_nodelay(&fd, true)?;
                started(connect_tcp(&fd, address))?;
                fd
            }
            Address::Unix(path) => {
                let fd = rustix::net::socket_with(AddressFamily::UNIX, SocketType::STREAM, flags, None)?;
                started(rustix::net::connect(&fd, &rustix::net::SocketAddrUnix::new(path)?))?;
                fd
            }
        };
        let tls = match &target.tls {
            None => None,
            Some(name) => {
                let name = ServerName::try_from(name.clone()).map_err(io::Error::other)?;
                let connection = ClientConnection::new(Arc::clone(tls), name).map_err(io::Error::other)?;
                Some(Box::new(connection))
            }
        };
        Ok(Stream { fd, tls })
    }

    /// What went wrong with the connection attempt, if anything did.
    ///
    /// # Errors
    /// That.
    pub fn error(&self) -> io::Result<()> {
        sockopt::socket_error(&self.fd)?.map_err(io::Error::from)
    }

    /// Reads what is there; 0: the router closed.
    ///
    /// # Errors
    /// `WouldBlock` where nothing is there, and of the operating system and TLS.
    pub fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let Some(tls) = &mut self.tls else { return Ok(rustix::io::read(&self.fd, into)?) };
        loop {
            match tls.reader().read(into) {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => (),
                read => return read,
            }
            // A close without close_notify is what many routers do; it is an end like any other.
            if tls.read_tls(&mut Socket(self.fd.as_fd()))? == 0 {
                return Ok(0);
            }
            tls.process_new_packets().map_err(io::Error::other)?;
        }
    }

    /// Writes what the socket takes. Call it with nothing to push on a TLS handshake.
    ///
    /// # Errors
    /// `WouldBlock` where it takes nothing, and of the operating system and TLS.
    pub fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let Some(tls) = &mut self.tls else {
            return if bytes.is_empty() { Ok(0) } else { Ok(rustix::io::write(&self.fd, bytes)?) };
        };
        while tls.wants_write() {
            tls.write_tls(&mut Socket(self.fd.as_fd()))?;
        }
        if bytes.is_empty() || tls.is_handshaking() {
            return Ok(0);
        }
        let taken = tls.writer().write(bytes)?;
        while tls.wants_write() {
            match tls.write_tls(&mut Socket(self.fd.as_fd())) {
                // TLS holds the rest; the next write sends it first.
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => break,
                other => drop(other?),
            }
        }
        Ok(taken)
    }

    /// Whether bytes wait inside TLS for the socket or for the handshake.
    pub fn wants_write(&self) -> bool {
        self.tls.as_ref().is_some_and(|tls| tls.wants_write())
    }

    /// Whether it is TLS.
    pub fn is_tls(&self) -> bool {
        self.tls.is_some()
    }

    /// Whether the TLS handshake goes on.
    pub fn handshaking(&self) -> bool {
        self.tls.as_ref().is_some_and(|tls| tls.is_handshaking())
    }
}

impl AsFd for Stream {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.fd.as_fd()
    }
}

fn connect_tcp(fd: &OwnedFd, address: &SocketAddr) -> rustix::io::Result<()> {
    rustix::net::connect(fd, address)
}

/// A connection under way is as good as one that is there.
fn started(result: rustix::io::Result<()>) -> io::Result<()> {
    match result {
        Err(Errno::INPROGRESS) | Ok(()) => Ok(()),
        Err(error) => Err(error.into()),
    }
}

/// The plain socket under TLS.
struct Socket<'a>(BorrowedFd<'a>);

impl Read for Socket<'_> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        Ok(rustix::io::read(self.0, into)?)
    }
}

impl Write for Socket<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        Ok(rustix::io::write(self.0, bytes)?)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
