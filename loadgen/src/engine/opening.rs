//! From a connected socket to a joined session: handshake of the framing, HELLO, authentication.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use ring::{hmac, pbkdf2, signature};
use serde_json::{Value, json};

use crate::wire::codec::nats::LONGEST_LINE;
use crate::wire::codec::{Serializer, decode};
use crate::wire::target::{Protocol, Target};

/// Who a session says it is.
#[derive(Clone, Debug)]
pub enum Credentials {
    /// Nobody in particular.
    Anonymous,
    /// A ticket (WAMP: ticket-based authentication).
    Ticket {
        /// Who.
        authid: String,
        /// The ticket.
        ticket: String,
    },
    /// A shared secret (WAMP: challenge response authentication).
    WampCra {
        /// Who.
        authid: String,
        /// The secret; salted where the router sends a salt.
        secret: String,
    },
    /// An Ed25519 key (WAMP: cryptosign).
    Cryptosign {
        /// Who; may be left to the router, which knows the key.
        authid: Option<String>,
        /// The private key, 32 octets.
        seed: [u8; 32],
    },
}

impl Credentials {
    /// Reads `anonymous`, `ticket:AUTHID:TICKET`, `wampcra:AUTHID:SECRET` or `cryptosign:AUTHID:HEXKEY`.
    ///
    /// # Errors
    /// A sentence that says what is expected.
    pub fn parse(text: &str) -> Result<Credentials, String> {
        let mut parts = text.splitn(3, ':');
        let (method, authid, secret) = (parts.next().unwrap_or(""), parts.next(), parts.next());
        match (method, authid, secret) {
            ("anonymous", None, None) => Ok(Credentials::Anonymous),
            ("ticket", Some(authid), Some(ticket)) => {
                Ok(Credentials::Ticket { authid: authid.to_owned(), ticket: ticket.to_owned() })
            }
            ("wampcra", Some(authid), Some(secret)) => {
                Ok(Credentials::WampCra { authid: authid.to_owned(), secret: secret.to_owned() })
            }
            ("cryptosign", Some(authid), Some(key)) => {
                let seed = unhex(key).and_then(|octets| octets.try_into().ok());
                let seed = seed.ok_or("--auth cryptosign: the key is not 64 hexadecimal digits")?;
                Ok(Credentials::Cryptosign { authid: Some(authid.to_owned()).filter(|it| !it.is_empty()), seed })
            }
            _ => Err("--auth takes anonymous, ticket:AUTHID:TICKET, wampcra:AUTHID:SECRET or cryptosign:AUTHID:HEXKEY"
                .to_owned()),
        }
    }

    /// The details of HELLO.
    pub fn hello(&self) -> Value {
        let features = json!({
            "caller": {"features": {"progressive_call_results": true, "call_timeout": true, "call_canceling": true}},
            "callee": {"features": {"progressive_call_results": true, "call_canceling": true,
                "pattern_based_registration": true, "shared_registration": true, "registration_revocation": true}},
            "publisher": {"features": {"publisher_exclusion": true}},
            "subscriber": {"features": {"pattern_based_subscription": true}},
        });
        let mut details = json!({
            "agent": concat!("banyan-loadgen-", env!("CARGO_PKG_VERSION")),
            "roles": features,
        });
        match self {
            Credentials::Anonymous => details["authmethods"] = json!(["anonymous"]),
            Credentials::Ticket { authid, .. } => {
                details["authmethods"] = json!(["ticket"]);
                details["authid"] = json!(authid);
            }
            Credentials::WampCra { authid, .. } => {
                details["authmethods"] = json!(["wampcra"]);
                details["authid"] = json!(authid);
            }
            Credentials::Cryptosign { authid, seed } => {
                details["authmethods"] = json!(["cryptosign"]);
                details["authextra"] = json!({"pubkey": hex(&public_key(seed))});
                if let Some(authid) = authid {
                    details["authid"] = json!(authid);
                }
            }
        }
        details
    }

    /// The signature that answers a challenge.
    ///
    /// # Errors
    /// A sentence: the router asks for another method, or its challenge lacks something.
    pub fn answer(&self, method: &[u8], extra: &Value) -> Result<String, String> {
        let challenge = || extra["challenge"].as_str().ok_or("the router's challenge has no \"challenge\"".to_owned());
        match (self, method) {
            (Credentials::Ticket { ticket, .. }, b"ticket") => Ok(ticket.clone()),
            (Credentials::WampCra { secret, .. }, b"wampcra") => {
                let key = hmac::Key::new(hmac::HMAC_SHA256, &salted(secret, extra));
                Ok(BASE64.encode(hmac::sign(&key, challenge()?.as_bytes())))
            }
            (Credentials::Cryptosign { seed, .. }, b"cryptosign") => {
                let message = unhex(challenge()?).ok_or("the router's challenge is not hexadecimal")?;
                let signed = key_pair(seed).sign(&message);
                Ok(hex(signed.as_ref()) + &hex(&message))
            }
            _ => {
                let method = String::from_utf8_lossy(method);
                Err(format!("the router asks for authentication by {method}; give credentials for it (--auth)"))
            }
        }
    }
}

/// `--auth` as it may stand in a report: reports are passed around, what proves who one is must not be in them.
pub fn without_secret(text: &str) -> String {
    text.splitn(3, ':').take(2).collect::<Vec<_>>().join(":")
}

/// The key of challenge response authentication: the secret, or what PBKDF2 makes of it where the router salts.
fn salted(secret: &str, extra: &Value) -> Vec<u8> {
    let Some(salt) = extra["salt"].as_str() else { return secret.as_bytes().to_vec() };
    let rounds = extra["iterations"].as_u64().and_then(|rounds| u32::try_from(rounds).ok()).unwrap_or(1000);
    let mut key = vec![0; extra["keylen"].as_u64().unwrap_or(32).min(64) as usize];
    let rounds = std::num::NonZeroU32::new(rounds).unwrap_or(std::num::NonZeroU32::MIN);
    pbkdf2::derive(pbkdf2::PBKDF2_HMAC_SHA256, rounds, salt.as_bytes(), secret.as_bytes(), &mut key);
    BASE64.encode(key).into_bytes()
}

fn key_pair(seed: &[u8; 32]) -> signature::Ed25519KeyPair {
    signature::Ed25519KeyPair::from_seed_unchecked(seed).expect("32 octets are a seed")
}

fn public_key(seed: &[u8; 32]) -> Vec<u8> {
    signature::KeyPair::public_key(&key_pair(seed)).as_ref().to_vec()
}

/// Octets as lower-case hexadecimal.
pub fn hex(octets: &[u8]) -> String {
    octets.iter().map(|octet| format!("{octet:02x}")).collect()
}

/// Hexadecimal as octets.
pub fn unhex(text: &str) -> Option<Vec<u8>> {
    let digit = |at: usize| u8::from_str_radix(text.get(at..at + 2)?, 16).ok();
    (text.len() % 2 == 0).then(|| (0..text.len()).step_by(2).map(digit).collect()).flatten()
}

/// The first bytes of a connection.
pub fn request(target: &Target, serializer: Serializer, batched: bool, key: &str) -> Vec<u8> {
    match &target.protocol {
        // 0xf: frames up to 16 MiB are taken.
        Protocol::RawSocket => vec![0x7f, 0xf0 | serializer.rawsocket_id(), 0, 0],
        // The server speaks first.
        Protocol::Nats => Vec::new(),
        Protocol::WebSocket(host, path) => {
            let protocol = subprotocol(serializer, batched);
            format!(
                "GET {path} HTTP/1.1\r\nHost: {host}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
                 Sec-WebSocket-Key: {key}\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Protocol: {protocol}\r\n\r\n"
            )
            .into_bytes()
        }
    }
}

/// A nonce for the WebSocket handshake.
pub fn nonce(random: u64) -> String {
    BASE64.encode([random.to_be_bytes(), random.rotate_left(29).to_be_bytes()].concat())
}

/// The subprotocol of an encoding.
pub fn subprotocol(serializer: Serializer, batched: bool) -> String {
    format!("wamp.2.{}{}", serializer.name(), if batched { ".batched" } else { "" })
}

/// Reads the answer to [`request`]: how many bytes it took, or `None` while it is not whole.
///
/// # Errors
/// A sentence that says how the router refused.
pub fn response(bytes: &[u8], target: &Target, protocol: &str, key: &str) -> Result<Option<usize>, String> {
    match target.protocol {
        Protocol::WebSocket(..) => return upgrade(bytes, protocol, key),
        Protocol::Nats => return info(bytes),
        Protocol::RawSocket => (),
    }
    let Some(&[magic, answer, ..]) = bytes.first_chunk::<4>() else { return Ok(None) };
    match (magic, answer & 0x0f, answer >> 4) {
        (0x7f, 0, 1) => Err("the router does not speak this serializer on RawSocket".to_owned()),
        (0x7f, 0, 4) => Err("the router's connection limit is reached".to_owned()),
        (0x7f, 0, code) => Err(format!("the router refused the RawSocket handshake with error {code}")),
        (0x7f, ..) => Ok(Some(4)),
        _ => Err("what listens there does not speak WAMP RawSocket".to_owned()),
    }
}

/// Reads the INFO that a NATS server begins with.
fn info(bytes: &[u8]) -> Result<Option<usize>, String> {
    const NO_NATS: &str = "what listens there does not speak NATS";
    let Some(end) = memchr::memchr(b'\n', bytes) else {
        let alike = |word: &[u8]| word.iter().zip(bytes).all(|(wanted, octet)| wanted == octet);
        let may_be = (alike(INFO) || alike(ERROR)) && bytes.len() <= LONGEST_LINE;
        return if may_be { Ok(None) } else { Err(NO_NATS.to_owned()) };
    };
    if let Some(why) = bytes[..end].strip_prefix(ERROR) {
        return Err(format!("the server refused the connection: {}", String::from_utf8_lossy(why.trim_ascii())));
    }
    match bytes[..end].strip_prefix(INFO).and_then(|info| decode(Serializer::Json, info)) {
        Some(info) if info["tls_required"] == true => Err("the server demands TLS, which nats:// has not".to_owned()),
        Some(_) => Ok(Some(end + 1)),
        None => Err(NO_NATS.to_owned()),
    }
}

const INFO: &[u8] = b"INFO ";
const ERROR: &[u8] = b"-ERR";

/// What a NATS server says of itself in its INFO: its name, and the longest payload it takes in octets.
pub fn server(info: &[u8]) -> (String, u64) {
    let info = info.strip_prefix(INFO).and_then(|it| decode(Serializer::Json, it)).unwrap_or_default();
    let name = info["version"].as_str().map_or_else(String::new, |version| format!("nats-server {version}"));
    (name, info["max_payload"].as_u64().unwrap_or(u64::MAX))
}

fn upgrade(bytes: &[u8], protocol: &str, key: &str) -> Result<Option<usize>, String> {
    let Some(end) = memchr::memmem::find(bytes, b"\r\n\r\n") else {
        return if bytes.len() > 16 * 1024 { Err("the router's HTTP answer has no end".to_owned()) } else { Ok(None) };
    };
    let head = String::from_utf8_lossy(&bytes[..end]);
    let mut lines = head.split("\r\n");
    let status = lines.next().unwrap_or("");
    if status.split(' ').nth(1) != Some("101") {
        return Err(format!("the router refused the WebSocket: {status}"));
    }
    let header = |name: &str| {
        let named = |line: &&str| line.split(':').next().is_some_and(|it| it.trim().eq_ignore_ascii_case(name));
        head.split("\r\n").find(named).and_then(|line| line.split_once(':')).map(|(_, value)| value.trim())
    };
    let accept = sha1_smol::Sha1::from(format!("{key}258EAFA5-E914-47DA-95CA-C5AB0DC85B11")).digest().bytes();
    if header("Sec-WebSocket-Accept") != Some(BASE64.encode(accept).as_str()) {
        return Err("the router's Sec-WebSocket-Accept does not fit our key".to_owned());
    }
    match header("Sec-WebSocket-Protocol") {
        Some(agreed) if agreed == protocol => Ok(Some(end + 4)),
        agreed => Err(format!("asked for {protocol}, the router agreed to {}", agreed.unwrap_or("no subprotocol"))),
    }
}
