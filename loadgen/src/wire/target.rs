//! Where a router listens: a URL.

use std::fmt;
use std::net::{SocketAddr, ToSocketAddrs};
use std::path::PathBuf;

/// A router's address and how to speak there.
#[derive(Clone, Debug)]
pub struct Target {
    /// As the person wrote it.
    pub url: String,
    /// The socket.
    pub address: Address,
    /// TLS with this server name.
    pub tls: Option<String>,
    /// What is spoken there.
    pub protocol: Protocol,
}

/// What carries messages.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Protocol {
    /// WAMP RawSocket.
    RawSocket,
    /// WebSocket with this `Host` and path.
    WebSocket(String, String),
    /// No WAMP at all: NATS.
    Nats,
}

/// A socket address, resolved once for all connections.
#[derive(Clone, Debug)]
pub enum Address {
    /// TCP.
    Tcp(SocketAddr),
    /// A Unix domain socket.
    Unix(PathBuf),
}

impl Target {
    /// Reads and resolves `ws://`, `wss://`, `tcp://`, `tls://` (RawSocket), `unix:PATH` (RawSocket) or `nats://`.
    ///
    /// # Errors
    /// A sentence that says what is wrong with the URL.
    pub fn parse(url: &str) -> Result<Target, String> {
        if let Some(path) = url.strip_prefix("unix:") {
            let path = path.strip_prefix("//").unwrap_or(path);
            let (address, protocol) = (Address::Unix(path.into()), Protocol::RawSocket);
            return Ok(Target { url: url.to_owned(), address, tls: None, protocol });
        }
        let (scheme, rest) = url.split_once("://").ok_or_else(|| format!("{url}: {FORMS}"))?;
        let (tls, port) = match scheme {
            "ws" => (false, 80),
            "wss" => (true, 443),
            "tcp" | "rs" => (false, 8080),
            "tls" | "rss" => (true, 443),
            "nats" => (false, 4222),
            _ => return Err(format!("{url}: {FORMS}")),
        };
        let at = rest.find('/').unwrap_or(rest.len());
        let (authority, path) = rest.split_at(at);
        let (host, port) = split_port(authority, port).ok_or_else(|| format!("{url}: the port is not a number"))?;
        let address = (host, port)
            .to_socket_addrs()
            .map_err(|error| format!("{url}: cannot resolve {host}: {error}"))?
            .next()
            .ok_or_else(|| format!("{url}: {host} has no address"))?;
        let path = if path.is_empty() { "/" } else { path };
        Ok(Target {
            url: url.to_owned(),
            address: Address::Tcp(address),
            tls: tls.then(|| host.to_owned()),
            protocol: match scheme {
                "nats" => Protocol::Nats,
                "ws" | "wss" => Protocol::WebSocket(authority.to_owned(), path.to_owned()),
                _ => Protocol::RawSocket,
            },
        })
    }
}

const FORMS: &str = "expected ws://HOST:PORT/PATH, wss://…, tcp://HOST:PORT (RawSocket), tls://HOST:PORT, unix:PATH or nats://HOST:PORT";

/// Host and port; brackets around an IPv6 address are taken off.
fn split_port(authority: &str, default: u16) -> Option<(&str, u16)> {
    if let Some(rest) = authority.strip_prefix('[') {
        let (host, port) = rest.split_once(']')?;
        return match port.strip_prefix(':') {
            Some(port) => Some((host, port.parse().ok()?)),
            None => Some((host, default)),
        };
    }
    match authority.rsplit_once(':') {
        Some((host, port)) => Some((host, port.parse().ok()?)),
        None => Some((authority, default)),
    }
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.url)
    }
}
