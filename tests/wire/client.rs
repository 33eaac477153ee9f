//! A router in this process and blocking clients of it, on real sockets. The clients share no code with the router:
//! frames and handshakes are written out, encodings come from other crates.

use std::collections::VecDeque;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::os::unix::net::UnixStream;
use std::time::Duration;

use banyan::config::Config;
use banyan::server::Server;
use banyan::transport::listener::Address;
use serde_json::{Value, json};
use tungstenite::client::ClientRequestBuilder;
use tungstenite::{Message, WebSocket};

/// How long a client waits for bytes before its test fails.
const PATIENCE: Duration = Duration::from_secs(10);

/// A router on a free port, ended when dropped.
pub struct Router {
    server: Option<Server>,
    pub address: SocketAddr,
}

impl Router {
    /// The default configuration on two workers.
    pub fn start() -> Router {
        Router::with(|_| {})
    }

    /// The default configuration, changed.
    pub fn with(change: impl FnOnce(&mut Config)) -> Router {
        let mut config = Config::default_config().unwrap();
        config.listen = vec![Address::Tcp("127.0.0.1:0".parse().unwrap())];
        config.workers = 2;
        change(&mut config);
        let server = Server::start(config).unwrap();
        let tcp = server.addresses().iter().find_map(|address| match address {
            Address::Tcp(address) => Some(*address),
            Address::Unix(_) => None,
        });
        Router { address: tcp.unwrap(), server: Some(server) }
    }

    pub fn shutdown(&self) {
        self.server.as_ref().unwrap().shutdown();
    }

    pub fn wait(mut self) {
        self.server.take().unwrap().wait().unwrap();
    }

    /// A socket with nothing said yet.
    pub fn tcp(&self) -> TcpStream {
        let stream = TcpStream::connect(self.address).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        stream.set_write_timeout(Some(PATIENCE)).unwrap();
        stream.set_nodelay(true).unwrap();
        stream
    }

    /// A client with its handshake done.
    pub fn client(&self, wire: Wire) -> Client {
        Client::over(self.tcp(), wire)
    }

    /// A client that has joined realm1.
    pub fn joined(&self, wire: Wire) -> Client {
        let mut client = self.client(wire);
        client.join("realm1");
        client
    }

    /// What the router answers to these bytes, until it hangs up.
    pub fn answer_to(&self, bytes: &[u8]) -> Vec<u8> {
        let mut stream = self.tcp();
        stream.write_all(bytes).unwrap();
        rest(&mut stream)
    }
}

impl Drop for Router {
    fn drop(&mut self) {
        if let Some(server) = self.server.take() {
            server.shutdown();
            let ended = server.wait();
            if !std::thread::panicking() {
                ended.unwrap();
            }
        }
    }
}

/// Everything until the other side hangs up; a reset counts as such.
pub fn rest(stream: &mut impl Read) -> Vec<u8> {
    let (mut all, mut piece) = (Vec::new(), [0; 4096]);
    loop {
        match stream.read(&mut piece) {
            Ok(0) => return all,
            Ok(read) => all.extend_from_slice(&piece[..read]),
            Err(error) if error.kind() == std::io::ErrorKind::ConnectionReset => return all,
            Err(error) => panic!("the router neither answers nor hangs up: {error}"),
        }
    }
}

/// A framing and an encoding.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wire {
    /// RawSocket, by the number of the serializer.
    Raw(u8),
    /// WebSocket, by subprotocol.
    Web(&'static str),
}

pub const JSON: Wire = Wire::Raw(1);
pub const MSGPACK: Wire = Wire::Raw(2);

impl Wire {
    pub const ALL: [Wire; 9] = [
        Wire::Raw(1),
        Wire::Raw(2),
        Wire::Raw(3),
        Wire::Web("wamp.2.json"),
        Wire::Web("wamp.2.msgpack"),
        Wire::Web("wamp.2.cbor"),
        Wire::Web("wamp.2.json.batched"),
        Wire::Web("wamp.2.msgpack.batched"),
        Wire::Web("wamp.2.cbor.batched"),
    ];

    pub fn encode(self, value: &Value) -> Vec<u8> {
        match self.encoding() {
            1 => serde_json::to_vec(value).unwrap(),
            2 => {
                let mut bytes = Vec::new();
                rmpv::encode::write_value(&mut bytes, &to_msgpack(value)).unwrap();
                bytes
            }
            _ => {
                let mut bytes = Vec::new();
                ciborium::into_writer(value, &mut bytes).unwrap();
                bytes
            }
        }
    }

    fn decode(self, bytes: &[u8]) -> Value {
        match self.encoding() {
            1 => serde_json::from_slice(bytes).unwrap(),
            2 => from_msgpack(&rmpv::decode::read_value(&mut &bytes[..]).unwrap()),
            _ => ciborium::from_reader(bytes).unwrap(),
        }
    }

    /// 1 JSON, 2 MessagePack, 3 CBOR.
    pub fn encoding(self) -> u8 {
        match self {
            Wire::Raw(serializer) => serializer,
            Wire::Web(name) if name.contains("json") => 1,
            Wire::Web(name) if name.contains("msgpack") => 2,
            Wire::Web(_) => 3,
        }
    }

    pub fn is_batched(self) -> bool {
        matches!(self, Wire::Web(name) if name.ends_with(".batched"))
    }
}

fn to_msgpack(value: &Value) -> rmpv::Value {
    match value {
        Value::Null => rmpv::Value::Nil,
        Value::Bool(bool) => (*bool).into(),
        Value::Number(number) => number.as_u64().map_or_else(|| number.as_f64().unwrap().into(), rmpv::Value::from),
        Value::String(text) => text.as_str().into(),
        Value::Array(items) => rmpv::Value::Array(items.iter().map(to_msgpack).collect()),
        Value::Object(map) => {
            rmpv::Value::Map(map.iter().map(|(key, value)| (key.as_str().into(), to_msgpack(value))).collect())
        }
    }
}

fn from_msgpack(value: &rmpv::Value) -> Value {
    match value {
        rmpv::Value::Array(items) => items.iter().map(from_msgpack).collect(),
        rmpv::Value::Map(pairs) => {
            pairs.iter().map(|(key, value)| (key.as_str().unwrap().to_owned(), from_msgpack(value))).collect()
        }
        rmpv::Value::String(text) => text.as_str().unwrap().into(),
        rmpv::Value::Nil => Value::Null,
        rmpv::Value::Boolean(bool) => (*bool).into(),
        number => number.as_u64().map_or_else(|| number.as_f64().unwrap().into(), Value::from),
    }
}

/// A socket of either kind.
pub trait Stream: Read + Write {}
impl Stream for TcpStream {}
impl Stream for UnixStream {}
impl Stream for Box<dyn Stream> {}

enum Transport {
    Raw(Box<dyn Stream>),
    Web(Box<WebSocket<Box<dyn Stream>>>),
}

/// One WAMP client.
pub struct Client {
    wire: Wire,
    transport: Transport,
    /// Messages of a batch that were not asked for yet.
    arrived: VecDeque<Value>,
}

impl Client {
    pub fn over(stream: impl Stream + 'static, wire: Wire) -> Client {
        let mut stream: Box<dyn Stream> = Box::new(stream);
        match wire {
            Wire::Raw(serializer) => {
                stream.write_all(&[0x7f, 0xf0 | serializer, 0, 0]).unwrap();
                Client::shaken(stream, wire)
            }
            Wire::Web(name) => {
                let uri = "ws://localhost/ws".parse().unwrap();
                let request = ClientRequestBuilder::new(uri).with_sub_protocol(name);
                let (socket, response) = tungstenite::client(request, stream).unwrap();
                assert_eq!(response.headers()["Sec-WebSocket-Protocol"], name);
                Client { wire, transport: Transport::Web(Box::new(socket)), arrived: VecDeque::new() }
            }
        }
    }

    /// A RawSocket client whose handshake has been sent.
    pub fn shaken(stream: impl Stream + 'static, wire: Wire) -> Client {
        let mut stream: Box<dyn Stream> = Box::new(stream);
        let mut reply = [0; 4];
        stream.read_exact(&mut reply).unwrap();
        assert_eq!((reply[0], reply[1] & 0x0f, reply[2], reply[3]), (0x7f, wire.encoding(), 0, 0));
        Client { wire, transport: Transport::Raw(stream), arrived: VecDeque::new() }
    }

    pub fn send(&mut self, message: Value) {
        self.send_all(&[message]);
    }

    /// Sends messages together: in one batch where the subprotocol has batches.
    pub fn send_all(&mut self, messages: &[Value]) {
        let encoded: Vec<_> = messages.iter().map(|message| self.wire.encode(message)).collect();
        self.send_encoded(&encoded);
    }

    /// Sends messages in one write, each in a frame of its own.
    pub fn send_at_once(&mut self, messages: &[Value]) {
        let encoded = messages.iter().map(|message| self.wire.encode(message));
        match &mut self.transport {
            Transport::Raw(stream) => {
                let frame = |message: Vec<u8>| [&(message.len() as u32).to_be_bytes()[..], &message].concat();
                stream.write_all(&encoded.flat_map(frame).collect::<Vec<_>>()).unwrap();
            }
            Transport::Web(socket) => {
                for message in encoded {
                    socket
                        .write(if self.wire.encoding() == 1 {
                            Message::Text(String::from_utf8(message).unwrap().into())
                        } else {
                            Message::Binary(message.into())
                        })
                        .unwrap();
                }
                socket.flush().unwrap();
            }
        }
    }

    /// Sends messages that are encoded already, rightly or not.
    pub fn send_encoded(&mut self, messages: &[Vec<u8>]) {
        if self.wire.is_batched() {
            let framed = messages.iter().map(|message| match self.wire.encoding() {
                1 => [message, &b"\x1e"[..]].concat(),
                _ => [&(message.len() as u32).to_be_bytes()[..], message].concat(),
            });
            let batch = framed.collect::<Vec<_>>().concat();
            return self.send_bytes(&batch);
        }
        for message in messages {
            self.send_bytes(message);
        }
    }

    /// Sends one frame of these bytes.
    pub fn send_bytes(&mut self, bytes: &[u8]) {
        match &mut self.transport {
            Transport::Raw(stream) => {
                stream.write_all(&[&(bytes.len() as u32).to_be_bytes()[..], bytes].concat()).unwrap();
            }
            Transport::Web(socket) if self.wire.encoding() == 1 => {
                socket.send(Message::Text(std::str::from_utf8(bytes).unwrap().into())).unwrap();
            }
            Transport::Web(socket) => socket.send(Message::Binary(bytes.to_vec().into())).unwrap(),
        }
    }

    /// The next message; `None` where the router has ended the connection.
    pub fn receive_or_end(&mut self) -> Option<Value> {
        while self.arrived.is_empty() {
            let frame = self.frame()?;
            self.unpack(&frame);
        }
        self.arrived.pop_front()
    }

    pub fn receive(&mut self) -> Value {
        self.receive_or_end().expect("the router closed the connection")
    }

    fn unpack(&mut self, mut frame: &[u8]) {
        if !self.wire.is_batched() {
            return self.arrived.push_back(self.wire.decode(frame));
        }
        if self.wire.encoding() == 1 {
            assert_eq!(frame.last(), Some(&0x1e));
            let messages = frame[..frame.len() - 1].split(|&byte| byte == 0x1e);
            return self.arrived.extend(messages.map(|message| self.wire.decode(message)));
        }
        while let Some((length, behind)) = frame.split_first_chunk() {
            let (message, behind) = behind.split_at(u32::from_be_bytes(*length) as usize);
            self.arrived.push_back(self.wire.decode(message));
            frame = behind;
        }
    }

    fn frame(&mut self) -> Option<Vec<u8>> {
        match &mut self.transport {
            Transport::Raw(stream) => {
                let mut prefix = [0; 4];
                stream.read_exact(&mut prefix).ok()?;
                let mut body = vec![0; u32::from_be_bytes(prefix) as usize & 0xff_ffff];
                stream.read_exact(&mut body).unwrap();
                Some(body)
            }
            Transport::Web(socket) => loop {
                match socket.read().ok()? {
                    Message::Text(text) => return Some(text.as_bytes().to_vec()),
                    Message::Binary(bytes) => return Some(bytes.to_vec()),
                    _ => {}
                }
            },
        }
    }

    /// The code of the close frame that comes next; for RawSocket `None`, at the end of the connection.
    pub fn close_code(&mut self) -> Option<u16> {
        match &mut self.transport {
            Transport::Raw(stream) => {
                assert_eq!(rest(stream), b"");
                None
            }
            Transport::Web(socket) => loop {
                if let Message::Close(frame) = socket.read().expect("a close frame before the end") {
                    return frame.map(|frame| frame.code.into());
                }
            },
        }
    }

    /// Whether the other side is there, as the framing itself asks.
    pub fn ping(&mut self, payload: &[u8]) -> Vec<u8> {
        match &mut self.transport {
            Transport::Raw(stream) => {
                let prefix = [1, 0, (payload.len() >> 8) as u8, payload.len() as u8];
                stream.write_all(&[&prefix, payload].concat()).unwrap();
                let mut pong = vec![0; 4 + payload.len()];
                stream.read_exact(&mut pong).unwrap();
                assert_eq!(pong[..4], [2, prefix[1], prefix[2], prefix[3]]);
                pong.split_off(4)
            }
            Transport::Web(socket) => {
                socket.send(Message::Ping(payload.to_vec().into())).unwrap();
                match socket.read().unwrap() {
                    Message::Pong(payload) => payload.to_vec(),
                    other => panic!("no pong: {other:?}"),
                }
            }
        }
    }

    /// Answers so many pings of the router and reads nothing else.
    pub fn answer_pings(&mut self, count: usize) {
        let Transport::Web(socket) = &mut self.transport else { panic!("RawSocket is not pinged") };
        for _ in 0..count {
            assert!(matches!(socket.read().unwrap(), Message::Ping(_)));
        }
    }

    /// The next EVENT; `None` where the connection ended, also in the middle of one.
    pub fn event_or_end(&mut self) -> Option<Value> {
        let Transport::Raw(stream) = &mut self.transport else { panic!("for RawSocket alone") };
        let mut prefix = [0; 4];
        stream.read_exact(&mut prefix).ok()?;
        let mut body = vec![0; u32::from_be_bytes(prefix) as usize & 0xff_ffff];
        stream.read_exact(&mut body).ok()?;
        Some(self.wire.decode(&body)).filter(|message| message[0] == 36)
    }

    /// The socket as bytes, for tests that break its framing.
    pub fn raw(&mut self) -> &mut dyn Stream {
        match &mut self.transport {
            Transport::Raw(stream) => &mut **stream,
            Transport::Web(socket) => &mut **socket.get_mut(),
        }
    }

    /// Joins a realm; returns the session id.
    pub fn join(&mut self, realm: &str) -> u64 {
        self.send(hello(realm));
        let welcome = self.receive();
        assert_eq!(welcome[0], 2, "{welcome}");
        welcome[1].as_u64().unwrap()
    }

    /// Registers a procedure; returns the registration id.
    pub fn register(&mut self, request: u64, procedure: &str) -> u64 {
        self.send(json!([64, request, {}, procedure]));
        let registered = self.receive();
        assert_eq!((&registered[0], &registered[1]), (&json!(65), &json!(request)), "{registered}");
        registered[2].as_u64().unwrap()
    }

    /// Subscribes to a topic; returns the subscription id.
    pub fn subscribe(&mut self, request: u64, topic: &str) -> u64 {
        self.send(json!([32, request, {}, topic]));
        let subscribed = self.receive();
        assert_eq!((&subscribed[0], &subscribed[1]), (&json!(33), &json!(request)), "{subscribed}");
        subscribed[2].as_u64().unwrap()
    }

    /// The session still works: it calls, and gets an answer.
    pub fn assert_alive(&mut self, request: u64) {
        self.send(json!([48, request, {}, "wamp.registration.count"]));
        let result = self.receive();
        assert_eq!((&result[0], &result[1]), (&json!(50), &json!(request)), "{result}");
    }

    /// ABORT with this reason comes next, then the end with this code; returns the text.
    pub fn assert_aborted(&mut self, reason: &str, code: u16) -> String {
        let abort = self.receive();
        assert_eq!((&abort[0], &abort[2]), (&json!(3), &json!(reason)), "{abort}");
        assert_eq!(abort.as_array().unwrap().len(), 3);
        match (self.wire, self.close_code()) {
            (Wire::Raw(_), none) => assert_eq!(none, None),
            (Wire::Web(_), closed) => assert_eq!(closed, Some(code)),
        }
        abort[1]["message"].as_str().unwrap().to_owned()
    }
}

pub fn hello(realm: &str) -> Value {
    let roles = json!({"publisher": {}, "subscriber": {}, "caller": {}, "callee": {}});
    json!([1, realm, {"roles": roles}])
}
