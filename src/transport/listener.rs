//! Where connections come from: TCP ports and Unix sockets, and how many are let in.
//!
//! One task accepts for each address and hands the sockets to the shards by turns. A listening socket for each shard
//! (`SO_REUSEPORT`) would spread few connections badly and let a second router share the port unnoticed; and a
//! connection goes on to its realm's home anyway.
//!
//! Invariant: a Unix socket's file is taken over only where nobody listens, and removed only while it is still ours.

use std::fmt;
use std::io;
use std::net::{SocketAddr, TcpListener as StdTcpListener};
use std::os::unix::fs::{FileTypeExt, MetadataExt};
use std::os::unix::net::{UnixListener as StdUnixListener, UnixStream as StdUnixStream};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use socket2::{Domain, Protocol, Socket as RawSocket, Type};
use tokio::net::{TcpListener, UnixListener};

use super::complaints::complain;
use super::connection::{self, Arrival, Service};
use super::stream::{Socket, TcpOptions};
use crate::shard::inbox::Full;
use crate::shard::{Command, Network};

/// Connections that wait to be accepted.
const BACKLOG: i32 = 4096;
/// The pause after the process could not accept, as when it has no file descriptor left.
const PAUSE: Duration = Duration::from_millis(100);
/// Connections beyond the limit that are still told why they are turned away.
const SURPLUS: usize = 256;

/// Where to listen.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Address {
    /// A TCP port; 0 takes any that is free.
    Tcp(SocketAddr),
    /// A path of the file system.
    Unix(PathBuf),
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Address::Tcp(address) => address.fmt(f),
            Address::Unix(path) => write!(f, "unix:{}", path.display()),
        }
    }
}

/// How many connections there may be.
#[derive(Clone, Copy, Debug)]
pub struct GateOptions {
    /// In all.
    pub connections: usize,
    /// That have not joined a realm yet.
    pub unauthenticated: usize,
}

impl Default for GateOptions {
    fn default() -> GateOptions {
        GateOptions { connections: 1_000_000, unauthenticated: 10_000 }
    }
}

/// Counts connections.
#[derive(Debug)]
pub struct Gate {
    options: GateOptions,
    counts: Arc<Counts>,
}

#[derive(Debug, Default)]
struct Counts {
    connections: AtomicUsize,
    unauthenticated: AtomicUsize,
}

/// A connection's place among those counted, given back when dropped.
#[derive(Debug)]
pub struct Permit {
    counts: Option<Arc<Counts>>,
    unauthenticated: bool,
    surplus: bool,
}

impl Gate {
    /// An empty gate.
    pub fn new(options: GateOptions) -> Gate {
        Gate { options, counts: Arc::default() }
    }

    /// Lets a connection in; one above a limit only to be told so, and too many of those not at all.
    pub fn admit(&self) -> Option<Permit> {
        let connections = self.counts.connections.fetch_add(1, Ordering::Relaxed);
        let unauthenticated = self.counts.unauthenticated.fetch_add(1, Ordering::Relaxed);
        let over = usize::max(
            (connections + 1).saturating_sub(self.options.connections),
            (unauthenticated + 1).saturating_sub(self.options.unauthenticated),
        );
        let permit = Permit { counts: Some(self.counts.clone()), unauthenticated: true, surplus: over > 0 };
        (over <= SURPLUS).then_some(permit)
    }

    /// Connections that are open.
    pub fn connections(&self) -> usize {
        self.counts.connections.load(Ordering::Relaxed)
    }
}

impl Permit {
    /// Whether the connection is one too many.
    pub fn is_surplus(&self) -> bool {
        self.surplus
    }

    /// The connection joined a realm.
    pub(super) fn joined(&mut self) {
        if let Some(counts) = &self.counts
            && std::mem::take(&mut self.unauthenticated)
        {
            counts.unauthenticated.fetch_sub(1, Ordering::Relaxed);
        }
    }

    /// The same place for another holder; this one counts for nothing any more.
    pub(super) fn take(&mut self) -> Permit {
        Permit { counts: self.counts.take(), ..*self }
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        self.joined();
        if let Some(counts) = &self.counts {
            counts.connections.fetch_sub(1, Ordering::Relaxed);
        }
    }
}

/// A bound address, not accepting yet.
#[derive(Debug)]
pub enum Listener {
    /// A TCP port.
    Tcp(StdTcpListener),
    /// A Unix socket and its file.
    Unix(StdUnixListener, SocketFile),
}

impl Listener {
    /// Binds an address.
    ///
    /// # Errors
    /// Those of the system; `AddrInUse` also where somebody listens on the path, `AlreadyExists` where it is no socket.
    pub fn bind(address: &Address) -> io::Result<Listener> {
        match address {
            Address::Tcp(address) => bind_tcp(*address).map(Listener::Tcp),
            Address::Unix(path) => bind_unix(path),
        }
    }

    /// Where it listens, with the port that was taken.
    ///
    /// # Errors
    /// Those of the system.
    pub fn address(&self) -> io::Result<Address> {
        match self {
            Listener::Tcp(listener) => listener.local_addr().map(Address::Tcp),
            Listener::Unix(_, file) => Ok(Address::Unix(file.path.clone())),
        }
    }

    /// Accepts until dropped; must be polled on a runtime.
    ///
    /// # Errors
    /// Where the runtime cannot watch the socket.
    pub async fn serve(self, network: Arc<Network>, service: Arc<Service>, tcp: TcpOptions) -> io::Result<()> {
        match self {
            Listener::Tcp(listener) => {
                let listener = TcpListener::from_std(listener)?;
                let accept = async || {
                    let (stream, address) = listener.accept().await?;
                    Ok((Socket::Tcp(stream.into_std()?), format!("tcp:{address}").into()))
                };
                serve(accept, network, service, tcp).await
            }
            Listener::Unix(listener, _file) => {
                let listener = UnixListener::from_std(listener)?;
                let accept = async || {
                    let (stream, _) = listener.accept().await?;
                    Ok((Socket::Unix(stream.into_std()?), "unix".into()))
                };
                serve(accept, network, service, tcp).await
            }
        }
    }
}

async fn serve(
    accept: impl AsyncFn() -> io::Result<(Socket, Arc<str>)>,
    network: Arc<Network>,
    service: Arc<Service>,
    tcp: TcpOptions,
) -> io::Result<()> {
    for turn in 0.. {
        let (socket, address) = match accept().await {
            Ok(accepted) => accepted,
            Err(error) if is_of_one_connection(&error) => continue,
            Err(error) => {
                complain(format_args!("cannot accept connections: {error}"));
                tokio::time::sleep(PAUSE).await;
                continue;
            }
        };
        let Some(permit) = service.gate.admit() else {
            complain(format_args!("peer={address} too many connections"));
            continue;
        };
        // A socket that takes no options is one whose peer has gone already.
        if socket.prepare(&tcp).is_ok() {
            let service = service.clone();
            let arrival = Arrival::new(socket, address, permit);
            hand_out(&network, turn, Box::new(move |shard| connection::start(shard, service, arrival))).await;
        }
    }
    Ok(())
}

/// Whether an error speaks of the connection that was to be accepted, not of this process.
fn is_of_one_connection(error: &io::Error) -> bool {
    use io::ErrorKind::{ConnectionAborted, ConnectionRefused, ConnectionReset, Interrupted};
    matches!(error.kind(), ConnectionAborted | ConnectionRefused | ConnectionReset | Interrupted)
}

/// Gives a connection to the shard whose turn it is, or to the next that has room.
async fn hand_out(network: &Network, turn: usize, mut command: Command) {
    let shards = network.shards();
    for offset in 0..shards {
        match network.inbox((turn + offset) % shards).push(command) {
            Ok(()) => return,
            Err(Full(back)) => command = back,
        }
    }
    network.post(turn % shards, command).await;
}

fn bind_tcp(address: SocketAddr) -> io::Result<StdTcpListener> {
    let socket = RawSocket::new(Domain::for_address(address), Type::STREAM, Some(Protocol::TCP))?;
    socket.set_reuse_address(true)?;
    socket.bind(&address.into())?;
    socket.listen(BACKLOG)?;
    socket.set_nonblocking(true)?;
    Ok(socket.into())
}

fn bind_unix(path: &Path) -> io::Result<Listener> {
    clear(path)?;
    let listener = StdUnixListener::bind(path)?;
    listener.set_nonblocking(true)?;
    Ok(Listener::Unix(listener, SocketFile::of(path)?))
}

/// Removes a socket's file that a router left behind.
fn clear(path: &Path) -> io::Result<()> {
    match std::fs::symlink_metadata(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(error),
        Ok(found) if !found.file_type().is_socket() => {
            return Err(io::Error::new(io::ErrorKind::AlreadyExists, "the path exists and is no socket"));
        }
        Ok(_) => {}
    }
    match StdUnixStream::connect(path) {
        Ok(_) => Err(io::Error::new(io::ErrorKind::AddrInUse, "somebody listens on this socket")),
        Err(error) if error.kind() == io::ErrorKind::ConnectionRefused => std::fs::remove_file(path),
        Err(error) => Err(error),
    }
}

/// The file of a Unix socket, removed when dropped, unless another has taken its place.
#[derive(Debug)]
pub struct SocketFile {
    path: PathBuf,
    identity: (u64, u64),
}

impl SocketFile {
    fn of(path: &Path) -> io::Result<SocketFile> {
        Ok(SocketFile { path: path.to_owned(), identity: identity(path)? })
    }
}

impl Drop for SocketFile {
    fn drop(&mut self) {
        if identity(&self.path).is_ok_and(|found| found == self.identity)
            && let Err(error) = std::fs::remove_file(&self.path)
        {
            log::warn!("cannot remove {}: {error}", self.path.display());
        }
    }
}

/// The device and number of a file.
fn identity(path: &Path) -> io::Result<(u64, u64)> {
    std::fs::symlink_metadata(path).map(|found| (found.dev(), found.ino()))
}

#[cfg(test)]
mod tests {
    use super::{Address, Gate, GateOptions, Listener, SURPLUS};
    use std::io::ErrorKind;

    #[test]
    fn the_gate_counts_and_turns_away() {
        let gate = Gate::new(GateOptions { connections: 2, unauthenticated: 1 });
        let mut first = gate.admit().unwrap();
        assert!(!first.is_surplus());
        assert!(gate.admit().unwrap().is_surplus(), "one unauthenticated connection at a time");
        first.joined();
        let mut second = gate.admit().unwrap();
        second.joined();
        assert!(!second.is_surplus());
        let moved = second.take();
        drop(second);
        assert!(gate.admit().unwrap().is_surplus(), "two connections at a time");
        drop((first, moved));
        assert_eq!(gate.connections(), 0);
    }

    #[test]
    fn beyond_the_surplus_nobody_is_told() {
        let gate = Gate::new(GateOptions { connections: 1, unauthenticated: 1 });
        let admitted: Vec<_> = (0..SURPLUS + 10).map_while(|_| gate.admit()).collect();
        assert_eq!(admitted.len(), SURPLUS + 1);
        assert_eq!(gate.connections(), SURPLUS + 1);
    }

    #[test]
    fn a_stale_socket_is_replaced_and_a_live_one_is_not() {
        let path = std::env::temp_dir().join(format!("banyan-listener-{}", std::process::id()));
        let address = Address::Unix(path.clone());
        drop(std::os::unix::net::UnixListener::bind(&path).unwrap());
        let live = Listener::bind(&address).unwrap();
        assert_eq!(Listener::bind(&address).unwrap_err().kind(), ErrorKind::AddrInUse);
        drop(live);
        assert!(!path.exists());
        std::fs::write(&path, "").unwrap();
        assert_eq!(Listener::bind(&address).unwrap_err().kind(), ErrorKind::AlreadyExists);
        std::fs::remove_file(&path).unwrap();
    }
}
