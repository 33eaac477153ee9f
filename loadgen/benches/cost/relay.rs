//! The server of both: relays frames from callers to callees and the answers back, bare or in a thin skin of WAMP.

use std::collections::VecDeque;
use std::io::{ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::os::fd::AsFd;

use rustix::event::epoll;

use super::{CALLEES, CALLERS, pin};

/// What the frames are.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Skin {
    /// Anything.
    Bare,
    /// WAMP in MessagePack.
    Wamp,
}

/// One connection.
struct Link {
    stream: TcpStream,
    held: Vec<u8>,
    out: Vec<u8>,
    sent: usize,
    dirty: bool,
    /// A callee: who waits for its answers, in order, with the id of the request.
    waiting: VecDeque<(usize, u64)>,
}

/// Serves one round of connections on a thread of its own.
pub fn start(skin: Skin) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let address = listener.local_addr().expect("it listens");
    std::thread::spawn(move || {
        pin(0);
        serve(&listener, skin);
    });
    address
}

fn serve(listener: &TcpListener, skin: Skin) {
    let (mut callers, mut callees) = (Vec::new(), Vec::new());
    while callers.len() + callees.len() < CALLERS + CALLEES {
        let (mut stream, _) = listener.accept().expect("a connection");
        stream.set_nodelay(true).expect("a socket takes the option");
        let calls = match skin {
            Skin::Bare => {
                let mut role = [0];
                stream.read_exact(&mut role).expect("it tells its role");
                role[0] == 1
            }
            // The generator joins its callees first, and all of a kind at once.
            Skin::Wamp => callees.len() == CALLEES,
        };
        if calls {
            callers.push(stream)
        } else {
            callees.push(stream)
        }
        if skin == Skin::Wamp && (callees.len() == CALLEES && callers.is_empty() || callers.len() == CALLERS) {
            let batch = if callers.is_empty() { &mut callees } else { &mut callers };
            batch.iter_mut().enumerate().for_each(|(number, stream)| join(stream, number as u64 + 1));
        }
    }
    let links = callers.into_iter().chain(callees).map(|stream| {
        stream.set_nonblocking(true).expect("a socket takes the option");
        let (held, out, waiting) = (Vec::new(), Vec::new(), VecDeque::new());
        Link { stream, held, out, sent: 0, dirty: false, waiting }
    });
    Relay { skin, links: links.collect(), dirty: Vec::new() }.run();
}

/// Handshake, HELLO, WELCOME.
fn join(stream: &mut TcpStream, session: u64) {
    let mut octets = [0; 4];
    stream.read_exact(&mut octets).expect("a handshake");
    stream.write_all(&[0x7f, 0xf2, 0, 0]).expect("it reads");
    stream.read_exact(&mut octets).expect("a prefix");
    let mut hello = vec![0; u32::from_be_bytes(octets) as usize];
    stream.read_exact(&mut hello).expect("HELLO");
    stream.write_all(&[0, 0, 0, 4, 0x93, 2, session as u8, 0x80]).expect("it reads");
}

struct Relay {
    skin: Skin,
    links: Vec<Link>,
    dirty: Vec<usize>,
}

impl Relay {
    /// Until somebody goes.
    fn run(mut self) {
        let epoll = epoll::create(epoll::CreateFlags::CLOEXEC).expect("epoll");
        for (number, link) in self.links.iter().enumerate() {
            let data = epoll::EventData::new_u64(number as u64);
            epoll::add(&epoll, link.stream.as_fd(), data, epoll::EventFlags::IN).expect("it is a socket");
        }
        let (mut events, mut buffer) = (Vec::with_capacity(256), vec![0; 1 << 18]);
        loop {
            events.clear();
            epoll::wait(&epoll, rustix::buffer::spare_capacity(&mut events), None).expect("it waits");
            for event in &events {
                if self.read(event.data.u64() as usize, &mut buffer).is_none() {
                    return;
                }
            }
            while let Some(number) = self.dirty.pop() {
                if self.flush(number).is_none() {
                    return;
                }
            }
        }
    }

    fn read(&mut self, number: usize, buffer: &mut [u8]) -> Option<()> {
        let held = self.links[number].held.len();
        buffer[..held].copy_from_slice(&self.links[number].held);
        let read = match self.links[number].stream.read(&mut buffer[held..]) {
            Ok(0) => return None,
            Ok(read) => held + read,
            Err(error) if error.kind() == ErrorKind::WouldBlock => return Some(()),
            Err(_) => return None,
        };
        let mut at = 0;
        while let Some(prefix) = buffer[at..read].first_chunk() {
            let end = at + 4 + u32::from_be_bytes(*prefix) as usize;
            if end > read {
                break;
            }
            self.relay(number, &buffer[at..end]);
            at = end;
        }
        self.links[number].held.clear();
        self.links[number].held.extend_from_slice(&buffer[at..read]);
        Some(())
    }

    /// One frame with its prefix.
    fn relay(&mut self, from: usize, frame: &[u8]) {
        let calls = from < CALLERS;
        let to = match self.skin {
            _ if calls => CALLERS + from % CALLEES,
            Skin::Wamp if frame[5] != 70 => return self.registered(from, frame),
            _ => self.links[from].waiting.front().expect("somebody waits").0,
        };
        let out = &mut self.links[to].out;
        let mut waits = (from, 0);
        match self.skin {
            Skin::Bare => out.extend_from_slice(frame),
            // [48, id, {}, procedure, ARGUMENTS] becomes [68, id, 1, {}, ARGUMENTS]; ids need not count for the generator.
            Skin::Wamp if calls => {
                let (id, after) = id(frame, 6);
                let arguments = after + 2 + usize::from(frame[after + 1] & 0x1f);
                let arguments =
                    if frame[after + 1] == 0xd9 { after + 3 + usize::from(frame[after + 2]) } else { arguments };
                message(out, 68, &frame[6..after], &[1, 0x80], &frame[arguments..]);
                waits.1 = id;
            }
            // [70, id, {}, ARGUMENTS] becomes [50, id, {}, ARGUMENTS].
            Skin::Wamp => {
                let (_, after) = id(frame, 6);
                message(out, 50, &frame[6..after], &[0x80], &frame[after + 1..]);
            }
        }
        if calls {
            self.links[to].waiting.push_back(waits);
        } else {
            self.links[from].waiting.pop_front();
        }
        self.touch(to);
    }

    /// REGISTER: [64, id, {}, procedure] is answered with [65, id, 1].
    fn registered(&mut self, from: usize, frame: &[u8]) {
        let (_, after) = id(frame, 6);
        message(&mut self.links[from].out, 65, &frame[6..after], &[1], &[]);
        self.touch(from);
    }

    fn touch(&mut self, number: usize) {
        if !std::mem::replace(&mut self.links[number].dirty, true) {
            self.dirty.push(number);
        }
    }

    fn flush(&mut self, number: usize) -> Option<()> {
        let link = &mut self.links[number];
        link.dirty = false;
        while link.sent < link.out.len() {
            match link.stream.write(&link.out[link.sent..]) {
                Ok(sent) => link.sent += sent,
                // The round is bounded: what is under way fits the sockets sooner or later.
                Err(error) if error.kind() == ErrorKind::WouldBlock => std::thread::yield_now(),
                Err(_) => return None,
            }
        }
        link.out.clear();
        link.sent = 0;
        Some(())
    }
}

/// The MessagePack integer at that place, and where it ends.
fn id(frame: &[u8], at: usize) -> (u64, usize) {
    let octets = match frame[at] {
        0xcc => 1,
        0xcd => 2,
        0xce => 4,
        0xcf => 8,
        small => return (u64::from(small), at + 1),
    };
    let value = frame[at + 1..at + 1 + octets].iter().fold(0, |value, &octet| value << 8 | u64::from(octet));
    (value, at + 1 + octets)
}

/// Appends a frame: code, id as it was encoded, header, arguments.
fn message(out: &mut Vec<u8>, code: u8, id: &[u8], header: &[u8], arguments: &[u8]) {
    let items = 2 + header.len() + usize::from(!arguments.is_empty());
    let length = 2 + id.len() + header.len() + arguments.len();
    out.extend_from_slice(&(length as u32).to_be_bytes());
    out.extend_from_slice(&[0x90 | items as u8, code]);
    out.extend_from_slice(id);
    out.extend_from_slice(header);
    out.extend_from_slice(arguments);
}
