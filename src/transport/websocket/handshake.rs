//! The opening handshake: a request for a WebSocket becomes an upgrade, or a refusal that says why.

use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;

use super::super::http::{Refusal, Request};
use super::Subprotocol;
use crate::wamp::Encoding;

/// Hashed with the client's key. Spec: RFC 6455, section 1.3.
const KEY_SUFFIX: &[u8] = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11";

/// What this side speaks, and to whom.
#[derive(Clone, Debug)]
pub struct Options {
    /// The subprotocols spoken, in any order: the client's order decides (WS-3).
    pub subprotocols: Vec<Subprotocol>,
    /// A client that offers no subprotocol at all speaks `wamp.2.json`, unannounced (WS-4).
    pub assume_json: bool,
    /// Origins of pages that may connect, as `https://example.com`; `*` stands for any characters. A client without
    /// origin is no page, and may (WS-11).
    pub allowed_origins: Vec<String>,
}

impl Default for Options {
    fn default() -> Options {
        Options { subprotocols: Subprotocol::ALL.to_vec(), assume_json: false, allowed_origins: vec!["*".to_owned()] }
    }
}

impl Options {
    /// The names of the subprotocols spoken, for people.
    pub fn spoken(&self) -> String {
        self.subprotocols.iter().map(|spoken| spoken.as_str()).collect::<Vec<_>>().join(", ")
    }
}

/// An accepted handshake.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Upgrade {
    /// To be sent before the first frame.
    pub response: Vec<u8>,
    /// What both sides now speak.
    pub subprotocol: Subprotocol,
}

/// Whether the request asks for a WebSocket, rightly or not.
pub fn wants(request: &Request<'_>) -> bool {
    request.elements("Upgrade").any(|element| element.eq_ignore_ascii_case("websocket"))
}

/// Accepts a request that [`wants`] a WebSocket. Any path will do. Spec: RFC 6455, section 4.2.
///
/// # Errors
/// The [`Refusal`] to answer with.
pub fn handshake(request: &Request<'_>, options: &Options) -> Result<Upgrade, Refusal> {
    let key = check(request)?;
    if !origin_allowed(request, options) {
        return Err(Refusal::Origin);
    }
    let (subprotocol, announced) = choose(request, options)?;
    let mut response = format!(
        "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: {}\r\n",
        accept(key)
    );
    if announced {
        response.push_str(&format!("Sec-WebSocket-Protocol: {}\r\n", subprotocol.as_str()));
    }
    response.push_str("\r\n");
    Ok(Upgrade { response: response.into_bytes(), subprotocol })
}

/// The key of a request that keeps the rules.
fn check<'a>(request: &Request<'a>) -> Result<&'a str, Refusal> {
    if request.method != "GET" || !request.is_1_1 {
        return Err(Refusal::BadUpgrade("it must be a GET request of HTTP/1.1"));
    }
    if !request.elements("Connection").any(|element| element.eq_ignore_ascii_case("upgrade")) {
        return Err(Refusal::BadUpgrade("the header Connection must contain Upgrade"));
    }
    if request.only("Sec-WebSocket-Version") != Some("13") {
        return Err(Refusal::WebSocketVersion);
    }
    let key = request.only("Sec-WebSocket-Key").filter(|key| BASE64.decode(key).is_ok_and(|nonce| nonce.len() == 16));
    key.ok_or(Refusal::BadUpgrade("the header Sec-WebSocket-Key must be 16 bytes in Base64"))
}

/// The value that proves to the client that its handshake was understood.
fn accept(key: &str) -> String {
    let mut hash = sha1_smol::Sha1::new();
    hash.update(key.as_bytes());
    hash.update(KEY_SUFFIX);
    BASE64.encode(hash.digest().bytes())
}

/// The first subprotocol of the client's order that is spoken here, and whether the answer names it.
fn choose(request: &Request<'_>, options: &Options) -> Result<(Subprotocol, bool), Refusal> {
    let mut offered = request.elements("Sec-WebSocket-Protocol").peekable();
    if offered.peek().is_none() && options.assume_json {
        return Ok((Subprotocol { encoding: Encoding::Json, batched: false }, false));
    }
    let chosen = offered.filter_map(Subprotocol::from_name).find(|offer| options.subprotocols.contains(offer));
    chosen.map(|subprotocol| (subprotocol, true)).ok_or_else(|| Refusal::NoSubprotocol(options.spoken()))
}

fn origin_allowed(request: &Request<'_>, options: &Options) -> bool {
    let mut origins = request.values("Origin");
    origins.all(|origin| options.allowed_origins.iter().any(|pattern| glob(pattern, origin)))
}

/// Whether `text` is `pattern`, in which `*` stands for any characters. Each `*` takes as little as it can: what an
/// earlier one gives up, a later one could take as well.
fn glob(pattern: &str, text: &str) -> bool {
    let Some((first, rest)) = pattern.split_once('*') else { return pattern == text };
    let Some(mut text) = text.strip_prefix(first) else { return false };
    let (middle, last) = rest.rsplit_once('*').unwrap_or(("", rest));
    for part in middle.split('*') {
        let Some(at) = text.find(part) else { return false };
        text = &text[at + part.len()..];
    }
    text.ends_with(last)
}

#[cfg(test)]
mod tests {
    use super::{Options, Subprotocol, Upgrade, glob, handshake, wants};
    use crate::transport::http::{Refusal, Request};
    use crate::wamp::Encoding;

    /// The request of RFC 6455, section 1.3, with these header fields besides.
    fn ask(fields: &str, options: &Options) -> Result<Upgrade, Refusal> {
        let head = format!(
            "GET /ws HTTP/1.1\r\nHost: h\r\nUpgrade: websocket\r\nConnection: keep-alive, Upgrade\r\n\
             Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n{fields}\r\n"
        );
        let request = Request::parse(head.as_bytes()).unwrap();
        assert!(wants(&request));
        handshake(&request, options)
    }

    fn ask_for(subprotocols: &str) -> Result<Upgrade, Refusal> {
        ask(&format!("Sec-WebSocket-Protocol: {subprotocols}\r\n"), &Options::default())
    }

    /// RFC 6455, section 1.3: the example.
    #[test]
    fn the_answer_proves_that_the_key_was_read() {
        let response = String::from_utf8(ask_for("wamp.2.json").unwrap().response).unwrap();
        assert_eq!(
            response,
            "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
             Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\nSec-WebSocket-Protocol: wamp.2.json\r\n\r\n"
        );
    }

    /// WS-1, WS-3, WS-5, TRP-1: the client's order decides, over unknown names and several fields.
    #[test]
    fn the_first_subprotocol_of_the_client_that_is_spoken_wins() {
        for spoken in Subprotocol::ALL {
            assert_eq!(ask_for(spoken.as_str()).unwrap().subprotocol, spoken);
        }
        let cbor_batched = Subprotocol { encoding: Encoding::Cbor, batched: true };
        let autobahn = "wamp.2.flatbuffers, wamp.2.cbor.batched, wamp.2.cbor, wamp.2.json";
        assert_eq!(ask_for(autobahn).unwrap().subprotocol, cbor_batched);
        let fields = "Sec-WebSocket-Protocol: x\r\nSec-WebSocket-Protocol: wamp.2.json\r\n";
        let json = Subprotocol { encoding: Encoding::Json, batched: false };
        assert_eq!(ask(fields, &Options::default()).unwrap().subprotocol, json);
        let only_json = Options { subprotocols: vec![json], ..Options::default() };
        let fields = format!("Sec-WebSocket-Protocol: {autobahn}\r\n");
        assert_eq!(ask(&fields, &only_json).unwrap().subprotocol, json);
    }

    /// WS-4: no overlap is refused with 400 and the names; lenient takes silence for JSON and stays silent.
    #[test]
    fn no_overlap_is_refused() {
        let refusal = ask_for("chat, wamp.1").unwrap_err();
        assert!(matches!(&refusal, Refusal::NoSubprotocol(spoken) if spoken.contains("wamp.2.json.batched")));
        assert!(refusal.response().starts_with(b"HTTP/1.1 400 "));
        assert!(matches!(ask("", &Options::default()), Err(Refusal::NoSubprotocol(_))));
        let lenient = Options { assume_json: true, ..Options::default() };
        let upgrade = ask("", &lenient).unwrap();
        assert_eq!(upgrade.subprotocol.as_str(), "wamp.2.json");
        assert!(!String::from_utf8(upgrade.response).unwrap().contains("Sec-WebSocket-Protocol"));
        assert!(ask("Sec-WebSocket-Protocol: chat\r\n", &lenient).is_err());
    }

    /// WS-11: pages need an allowed origin, other clients have none.
    #[test]
    fn origins_are_checked_where_they_come() {
        let options = Options {
            allowed_origins: vec!["https://*.example.com".to_owned()],
            assume_json: true,
            ..Options::default()
        };
        assert!(ask("Origin: https://a.example.com\r\n", &options).is_ok());
        assert!(ask("", &options).is_ok());
        for origin in ["https://example.com", "http://a.example.com", "https://a.example.com.evil.org", "null"] {
            assert_eq!(ask(&format!("Origin: {origin}\r\n"), &options).unwrap_err(), Refusal::Origin, "{origin}");
        }
        let two = "Origin: https://a.example.com\r\nOrigin: https://evil.org\r\n";
        assert_eq!(ask(two, &options).unwrap_err(), Refusal::Origin);
    }

    #[test]
    fn a_star_stands_for_any_characters() {
        let cases = [
            ("*", "", true),
            ("*", "null", true),
            ("a*", "abc", true),
            ("*c", "abc", true),
            ("a*c", "ac", true),
            ("a*a", "a", false),
            ("a*b*c", "axbxbc", true),
            ("a*b*c", "axc", false),
            ("**", "x", true),
            ("a", "ab", false),
        ];
        for (pattern, text, matches) in cases {
            assert_eq!(glob(pattern, text), matches, "{pattern} {text}");
        }
    }

    /// RFC 6455, section 4.2.1: each broken request says what is wrong.
    #[test]
    fn broken_requests_are_refused() {
        let good = "GET / HTTP/1.1\r\nUpgrade: WebSocket\r\nConnection: upgrade\r\nSec-WebSocket-Version: 13\r\n\
                    Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Protocol: wamp.2.json\r\n\r\n";
        let answer = |head: String| handshake(&Request::parse(head.as_bytes()).unwrap(), &Options::default());
        assert!(answer(good.to_owned()).is_ok());
        let broken = [
            ("GET", "POST", "400"),
            ("HTTP/1.1", "HTTP/1.0", "400"),
            ("Connection: upgrade", "Connection: close", "400"),
            ("Version: 13", "Version: 8", "426"),
            ("dGhlIHNhbXBsZSBub25jZQ==", "c2hvcnQ=", "400"),
            ("dGhlIHNhbXBsZSBub25jZQ==", "dGhlIHNhbXBsZSBub25jZQ", "400"),
            ("Sec-WebSocket-Key", "Sec-WebSocket-Keys", "400"),
        ];
        for (from, to, status) in broken {
            let refusal = answer(good.replace(from, to)).unwrap_err();
            let response = String::from_utf8(refusal.response()).unwrap();
            assert!(response.starts_with(&format!("HTTP/1.1 {status} ")), "{to}: {response}");
        }
    }
}
