//! HTTP/1.1 as far as a WAMP router needs it: one request at the start of a connection, one answer, pure.
//!
//! A request either becomes a WebSocket (`websocket`) or is answered by a page and the connection closes; there is no
//! body, no keep-alive and no pipelining. Invariant: a head longer than its limit, or bytes that cannot become a
//! request, are refused as soon as they show it.
//!
//! Spec: RFC 9112; rows RAW-7, WS-4, WS-10.

use std::borrow::Cow;
use std::fmt;

/// Most header fields of a request.
const MAX_FIELDS: usize = 100;
/// Longest method name, in bytes.
const MAX_METHOD: usize = 16;

/// Finds the end of a request head in bytes that arrive bit by bit, looking at each only once.
#[derive(Clone, Copy, Debug, Default)]
pub struct HeadScanner {
    scanned: usize,
}

impl HeadScanner {
    /// The length of the head at the front of `input`, its empty line included; `None` where it is not whole yet.
    /// `input` is what has arrived so far, all of it each time.
    ///
    /// # Errors
    /// [`Refusal::Malformed`] where no request begins like this, [`Refusal::HeadTooLong`] beyond `limit` bytes.
    pub fn find(&mut self, input: &[u8], limit: usize) -> Result<Option<usize>, Refusal> {
        let head = &input[..input.len().min(limit)];
        if !begins_with_method(head) {
            return Err(Refusal::Malformed);
        }
        while let Some(offset) = memchr::memchr(b'\n', &head[self.scanned..]) {
            let behind = self.scanned + offset + 1;
            match &head[behind..] {
                [b'\n', ..] => return Ok(Some(behind + 1)),
                [b'\r', b'\n', ..] => return Ok(Some(behind + 2)),
                [] | [b'\r'] => {
                    self.scanned = behind - 1;
                    return too_long_or_more(input, limit);
                }
                _ => self.scanned = behind,
            }
        }
        self.scanned = head.len();
        too_long_or_more(input, limit)
    }
}

fn too_long_or_more(input: &[u8], limit: usize) -> Result<Option<usize>, Refusal> {
    if input.len() < limit { Ok(None) } else { Err(Refusal::HeadTooLong) }
}

/// Whether a connection that begins with this octet can be HTTP.
pub const fn may_begin(octet: u8) -> bool {
    octet.is_ascii_uppercase()
}

/// Whether these bytes are a method and a space, or its beginning.
fn begins_with_method(head: &[u8]) -> bool {
    let method = &head[..head.len().min(MAX_METHOD)];
    match method.iter().position(|octet| !octet.is_ascii_uppercase()) {
        Some(end) => end > 0 && method[end] == b' ',
        None => head.len() < MAX_METHOD,
    }
}

/// The head of a request.
#[derive(Debug)]
pub struct Request<'a> {
    /// The method, as `GET`.
    pub method: &'a str,
    /// The path, without the query.
    pub path: &'a str,
    /// Whether it is HTTP/1.1; otherwise HTTP/1.0.
    pub is_1_1: bool,
    fields: Vec<httparse::Header<'a>>,
}

impl<'a> Request<'a> {
    /// Reads a whole head, as [`HeadScanner`] found it.
    ///
    /// # Errors
    /// [`Refusal::Malformed`], or [`Refusal::HeadTooLong`] for more than 100 fields.
    pub fn parse(head: &'a [u8]) -> Result<Request<'a>, Refusal> {
        let mut fields = vec![httparse::EMPTY_HEADER; MAX_FIELDS];
        let mut request = httparse::Request::new(&mut fields);
        match request.parse(head) {
            Ok(httparse::Status::Complete(_)) => {}
            Ok(httparse::Status::Partial) => return Err(Refusal::Malformed),
            Err(httparse::Error::TooManyHeaders) => return Err(Refusal::HeadTooLong),
            Err(_) => return Err(Refusal::Malformed),
        }
        let (Some(method), Some(target), Some(version)) = (request.method, request.path, request.version) else {
            return Err(Refusal::Malformed);
        };
        let count = request.headers.len();
        fields.truncate(count);
        Ok(Request { method, path: target.split('?').next().unwrap_or(target), is_1_1: version == 1, fields })
    }

    /// The values of every field of this name, in order; the name in any case.
    pub fn values<'s>(&'s self, name: &'s str) -> impl Iterator<Item = &'a str> + 's {
        let named = self.fields.iter().filter(move |field| field.name.eq_ignore_ascii_case(name));
        named.map(|field| std::str::from_utf8(field.value).unwrap_or_default().trim())
    }

    /// The elements of the comma-separated lists in every field of this name, in order.
    pub fn elements<'s>(&'s self, name: &'s str) -> impl Iterator<Item = &'a str> + 's {
        self.values(name).flat_map(|value| value.split(',')).map(str::trim).filter(|element| !element.is_empty())
    }

    /// The value of a field that must come once; `None` where it is absent or repeated.
    pub fn only(&self, name: &str) -> Option<&'a str> {
        let mut values = self.values(name);
        values.next().filter(|_| values.next().is_none())
    }
}

/// Why a request is refused.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// Not a request of HTTP/1.0 or 1.1.
    Malformed,
    /// The head is longer than this side takes, or has too many fields.
    HeadTooLong,
    /// Neither GET nor HEAD.
    MethodNotAllowed,
    /// No such page.
    NotFound,
    /// A page that exists as WebSocket only.
    UpgradeRequired,
    /// A request for a WebSocket that breaks RFC 6455; says how.
    BadUpgrade(&'static str),
    /// Not version 13 of WebSocket.
    WebSocketVersion,
    /// None of the offered subprotocols is spoken (WS-4); names those that are.
    NoSubprotocol(String),
    /// The page's origin is not allowed (WS-11).
    Origin,
    /// The router has as many connections as it takes.
    ConnectionLimit,
}

impl Refusal {
    /// The status code and phrase.
    const fn status(&self) -> &'static str {
        match self {
            Refusal::Malformed | Refusal::BadUpgrade(_) | Refusal::NoSubprotocol(_) => "400 Bad Request",
            Refusal::Origin => "403 Forbidden",
            Refusal::NotFound => "404 Not Found",
            Refusal::MethodNotAllowed => "405 Method Not Allowed",
            Refusal::UpgradeRequired | Refusal::WebSocketVersion => "426 Upgrade Required",
            Refusal::HeadTooLong => "431 Request Header Fields Too Large",
            Refusal::ConnectionLimit => "503 Service Unavailable",
        }
    }

    /// Header fields the status asks for.
    const fn fields(&self) -> &'static [(&'static str, &'static str)] {
        match self {
            Refusal::MethodNotAllowed => &[("Allow", "GET, HEAD")],
            Refusal::UpgradeRequired => &[("Upgrade", "websocket")],
            Refusal::WebSocketVersion => &[("Upgrade", "websocket"), ("Sec-WebSocket-Version", "13")],
            Refusal::ConnectionLimit => &[("Retry-After", "5")],
            _ => &[],
        }
    }

    /// The whole answer, after which the connection closes.
    pub fn response(&self) -> Vec<u8> {
        page(self.status(), self.fields(), &format!("{self}\n"))
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Refusal::Malformed => "This is not a valid HTTP/1.1 request.",
            Refusal::HeadTooLong => "The header of this request is too long.",
            Refusal::MethodNotAllowed => "Only GET and HEAD are answered here.",
            Refusal::NotFound => "There is no such page. This is a WAMP router; connect by WebSocket or RawSocket.",
            Refusal::UpgradeRequired => "This is a WAMP router; connect by WebSocket.",
            Refusal::BadUpgrade(how) => return write!(f, "This WebSocket handshake is broken: {how}."),
            Refusal::WebSocketVersion => "Only version 13 of WebSocket is spoken here.",
            Refusal::NoSubprotocol(spoken) => {
                return write!(f, "None of the offered subprotocols is spoken here. Spoken are: {spoken}.");
            }
            Refusal::Origin => "Pages of this origin may not connect.",
            Refusal::ConnectionLimit => "The router has as many connections as it takes. Try again later.",
        })
    }
}

/// The answer to a request that is not for a WebSocket: the state of health, a page for people who point a browser at
/// the router, or a refusal. `spoken` names the subprotocols; `ready` is whether sessions are taken. The connection
/// closes behind it.
pub fn answer(request: &Request<'_>, spoken: &str, ready: bool) -> Vec<u8> {
    let mut response = match (request.method, request.path) {
        ("GET" | "HEAD", "/healthz") if ready => page("200 OK", &[], "ok\n"),
        ("GET" | "HEAD", "/healthz") => page("503 Service Unavailable", &[], "draining\n"),
        ("GET" | "HEAD", "/") => page("200 OK", &[], &welcome(spoken)),
        ("GET" | "HEAD", "/ws") => Refusal::UpgradeRequired.response(),
        ("GET" | "HEAD", _) => Refusal::NotFound.response(),
        _ => Refusal::MethodNotAllowed.response(),
    };
    if request.method == "HEAD" {
        drop_body(&mut response);
    }
    response
}

fn welcome(spoken: &str) -> Cow<'static, str> {
    let pages = "Its state of health is at /healthz.\n";
    if spoken.is_empty() {
        return Cow::Owned(format!("This is Banyan, a WAMP v2 router. Connect by RawSocket.\n{pages}"));
    }
    Cow::Owned(format!(
        "This is Banyan, a WAMP v2 router. Connect by WebSocket, at /ws or any other path, with one of these \
         subprotocols:\n{spoken}\n{pages}"
    ))
}

/// An answer of plain text that ends the connection.
fn page(status: &str, fields: &[(&str, &str)], body: &str) -> Vec<u8> {
    let mut out = format!("HTTP/1.1 {status}\r\nConnection: close\r\n");
    for (name, value) in fields {
        out.push_str(&format!("{name}: {value}\r\n"));
    }
    out.push_str("Content-Type: text/plain; charset=utf-8\r\nX-Content-Type-Options: nosniff\r\n");
    out.push_str(&format!("Cache-Control: no-store\r\nContent-Length: {}\r\n\r\n{body}", body.len()));
    out.into_bytes()
}

fn drop_body(response: &mut Vec<u8>) {
    let head = response.windows(4).position(|bytes| bytes == b"\r\n\r\n").map_or(response.len(), |at| at + 4);
    response.truncate(head);
}

#[cfg(test)]
mod tests;
