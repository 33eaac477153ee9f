//! A small router that can be told to misbehave: JSON over RawSocket or WebSocket, a thread per connection.
//!
//! It shares no code with the generator. What it does right is what the tests need: sessions, calls, registrations with
//! their meta events and procedures, publications.

mod realm;
mod tls;
mod wire;

use std::net::{SocketAddr, TcpListener};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use serde_json::json;

use realm::Realm;
use wire::Reader;

/// How it misbehaves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Quirk {
    /// Not at all.
    None,
    /// Each so many-th answer to a call carries the payload of another.
    WrongAnswer(u64),
    /// Each so many-th answer comes twice.
    DoubleAnswer(u64),
    /// Each so many-th call is never answered.
    NoAnswer(u64),
    /// Each so many-th call fails.
    Error(u64),
    /// Each so many-th two invocations of a callee change places.
    SwapInvocations(u64),
    /// Each so many-th event is lost.
    LoseEvent(u64),
    /// Each so many-th event comes twice.
    DoubleEvent(u64),
    /// Meta events carry null in the place of a session id.
    NullSession,
    /// `on_register` comes before `on_create`.
    RegisterBeforeCreate,
    /// Nothing is done for a while, a while after the start.
    Stall { after: Duration, during: Duration },
    /// All connections close after so many calls.
    CloseAfter(u64),
    /// All sessions get GOODBYE after so many calls.
    GoodbyeAfter(u64),
    /// A frame that is no message comes after so many calls.
    GarbageAfter(u64),
    /// HELLO is answered with ABORT for this reason.
    Refuse(&'static str),
    /// HELLO is answered with a challenge.
    Challenge,
    /// HELLO is not answered.
    Mute,
}

/// A running stub.
pub struct Stub {
    /// Where it listens.
    pub address: SocketAddr,
}

impl Stub {
    /// Listens on a free port until the test process ends.
    pub fn start(quirk: Quirk) -> Stub {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let address = listener.local_addr().expect("it listens");
        std::thread::spawn(move || serve(&listener, quirk));
        Stub { address }
    }

    /// Its URL.
    pub fn url(&self) -> String {
        format!("tcp://{}", self.address)
    }

    /// Where its WebSocket is.
    pub fn websocket(&self) -> String {
        format!("ws://{}/ws", self.address)
    }

    /// A port of `localhost` where it is reached by TLS, and the certificate it shows.
    pub fn behind_tls(&self) -> (u16, String) {
        tls::in_front_of(self.address)
    }
}

/// Accepts connections for ever.
pub fn serve(listener: &TcpListener, quirk: Quirk) {
    let realm = Arc::new(Mutex::new(Realm::new(quirk)));
    let stall = Arc::new(Pause::new(quirk));
    for stream in listener.incoming().map_while(Result::ok) {
        let (realm, stall) = (Arc::clone(&realm), Arc::clone(&stall));
        std::thread::spawn(move || {
            stream.set_nodelay(true).expect("a socket takes the option");
            let Some((reader, writer)) = wire::accept(stream) else { return };
            let session = realm.lock().expect("no panic under the lock").connect(writer);
            converse(reader, &realm, session, &stall, quirk);
            realm.lock().expect("no panic under the lock").leave(session);
        });
    }
}

/// The time in which nothing is done.
struct Pause {
    from: Instant,
    until: Instant,
}

impl Pause {
    fn new(quirk: Quirk) -> Pause {
        let now = Instant::now();
        match quirk {
            Quirk::Stall { after, during } => Pause { from: now + after, until: now + after + during },
            _ => Pause { from: now, until: now },
        }
    }

    fn wait(&self) {
        let now = Instant::now();
        if now >= self.from && now < self.until {
            std::thread::sleep(self.until - now);
        }
    }
}

fn converse(mut reader: Reader, realm: &Mutex<Realm>, session: u64, stall: &Pause, quirk: Quirk) {
    while let Some(messages) = reader.read() {
        stall.wait();
        for message in messages {
            let mut realm = realm.lock().expect("no panic under the lock");
            match (message[0].as_u64(), quirk) {
                (Some(1), Quirk::Mute) => (),
                (Some(1), Quirk::Refuse(reason)) => realm.send(session, &json!([3, {"message": "go away"}, reason])),
                (Some(1), Quirk::Challenge) => realm.send(session, &json!([4, "ticket", {}])),
                (Some(5), _) if message[1] != "open sesame" => {
                    realm.send(session, &json!([3, {}, "wamp.error.authentication_failed"]));
                }
                (Some(1 | 5), _) => realm.send(session, &json!([2, session, {"agent": "stub", "roles": {}}])),
                (Some(6), _) => return realm.send(session, &json!([6, {}, "wamp.close.goodbye_and_out"])),
                _ => realm.handle(session, &message),
            }
        }
    }
}
