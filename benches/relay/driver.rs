//! The clients of both: one thread of callers, one of callees.

use std::io::{ErrorKind, Read, Write};
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use mio::net::TcpStream;
use mio::{Events, Interest, Poll, Token};

const CALLERS: usize = 32;
const CALLEES: usize = 8;
const PIPELINE: usize = 64;
const PAYLOAD: usize = 256;

/// Who serves.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    Relay,
    Router,
}

/// Connected clients.
pub struct Clients {
    callers: Vec<TcpStream>,
    callees: Vec<TcpStream>,
}

impl Clients {
    pub fn connect(kind: Kind, callers: SocketAddr, callees: SocketAddr) -> Clients {
        let connect = |address: SocketAddr, number: usize, serves: bool| {
            let mut stream = std::net::TcpStream::connect(address).unwrap();
            stream.set_nodelay(true).unwrap();
            if kind == Kind::Router {
                join(&mut stream, serves.then_some(number));
            }
            stream.set_nonblocking(true).unwrap();
            TcpStream::from_std(stream)
        };
        let callees = (0..CALLEES).map(|number| connect(callees, number, true)).collect();
        Clients { callers: (0..CALLERS).map(|number| connect(callers, number, false)).collect(), callees }
    }

    /// Makes so many calls; returns when all are answered.
    pub fn run(self, calls: usize) {
        let done = Arc::new(AtomicBool::new(false));
        let callees = {
            let done = done.clone();
            let mut side = SideOf::new(self.callees);
            let serve = move || {
                while !done.load(Ordering::Acquire) {
                    side.turn(|_, request, out| yield_frame(invocation_id(request), out));
                }
            };
            std::thread::Builder::new().name("callees".to_owned()).spawn(serve).unwrap()
        };
        let mut side = SideOf::new(self.callers);
        let mut sent = [0u32; CALLERS];
        let mut left = calls;
        for (number, peer) in side.peers.iter_mut().enumerate() {
            for _ in 0..PIPELINE.min(left) {
                left -= 1;
                sent[number] += 1;
                call_frame(number, sent[number], &mut peer.out);
            }
            peer.flush();
        }
        let mut answered = 0;
        while answered < calls {
            side.turn(|number, _, out| {
                answered += 1;
                if left > 0 {
                    left -= 1;
                    sent[number] += 1;
                    call_frame(number, sent[number], out);
                }
            });
        }
        done.store(true, Ordering::Release);
        callees.join().unwrap();
    }
}

struct Peer {
    stream: TcpStream,
    tail: Vec<u8>,
    out: Vec<u8>,
}

struct SideOf {
    poll: Poll,
    events: Events,
    scratch: Vec<u8>,
    peers: Vec<Peer>,
}

impl SideOf {
    fn new(streams: Vec<TcpStream>) -> SideOf {
        let poll = Poll::new().unwrap();
        let register = |(number, mut stream): (usize, TcpStream)| {
            let interest = Interest::READABLE | Interest::WRITABLE;
            poll.registry().register(&mut stream, Token(number), interest).unwrap();
            Peer { stream, tail: Vec::new(), out: Vec::new() }
        };
        let peers = streams.into_iter().enumerate().map(register).collect();
        SideOf { poll, events: Events::with_capacity(64), scratch: vec![0; 128 * 1024], peers }
    }

    /// Waits for frames and has `handle` answer each: the peer's number, the frame's body, the peer's output.
    fn turn(&mut self, mut handle: impl FnMut(usize, &[u8], &mut Vec<u8>)) {
        self.poll.poll(&mut self.events, Some(Duration::from_millis(20))).unwrap();
        for event in &self.events {
            let Token(number) = event.token();
            let peer = &mut self.peers[number];
            while peer.read(&mut self.scratch, |body, out| handle(number, body, out)) {}
            peer.flush();
        }
    }
}

impl Peer {
    /// Reads once; whether there may be more.
    fn read(&mut self, scratch: &mut [u8], mut handle: impl FnMut(&[u8], &mut Vec<u8>)) -> bool {
        let begin = self.tail.len();
        scratch[..begin].copy_from_slice(&self.tail);
        let read = match self.stream.read(&mut scratch[begin..]) {
            Ok(0) => panic!("the other side hung up"),
            Ok(read) => read,
            Err(error) if error.kind() == ErrorKind::WouldBlock => return false,
            Err(error) => panic!("{error}"),
        };
        let mut bytes = &scratch[..begin + read];
        while let Some((prefix, rest)) = bytes.split_first_chunk()
            && let Some((body, rest)) = rest.split_at_checked(u32::from_be_bytes(*prefix) as usize)
        {
            handle(body, &mut self.out);
            bytes = rest;
        }
        self.tail.clear();
        self.tail.extend_from_slice(bytes);
        begin + read == scratch.len()
    }

    fn flush(&mut self) {
        while !self.out.is_empty() {
            match self.stream.write(&self.out) {
                Ok(written) => drop(self.out.drain(..written)),
                Err(error) if error.kind() == ErrorKind::WouldBlock => return,
                Err(error) => panic!("{error}"),
            }
        }
    }
}

/// Handshake, HELLO, and REGISTER for a callee.
fn join(stream: &mut std::net::TcpStream, serves: Option<usize>) {
    stream.write_all(b"\x7f\xf2\0\0").unwrap();
    let mut reply = [0; 4];
    stream.read_exact(&mut reply).unwrap();
    assert_eq!(reply, *b"\x7f\xf2\0\0");
    exchange(stream, b"\x93\x01\xa6realm1\x81\xa5roles\x82\xa6caller\x80\xa6callee\x80");
    if let Some(number) = serves {
        exchange(stream, &[b"\x94\x40\x01\x80\xa7".as_slice(), procedure(number).as_bytes()].concat());
    }
}

/// Sends one message and reads one.
fn exchange(stream: &mut std::net::TcpStream, message: &[u8]) {
    stream.write_all(&[&(message.len() as u32).to_be_bytes(), message].concat()).unwrap();
    let mut prefix = [0; 4];
    stream.read_exact(&mut prefix).unwrap();
    let mut body = vec![0; u32::from_be_bytes(prefix) as usize];
    stream.read_exact(&mut body).unwrap();
    assert!(matches!(body[1], 2 | 65), "WELCOME or REGISTERED, not {}", body[1]);
}

/// Seven bytes.
fn procedure(number: usize) -> String {
    format!("a.b.c.{}", number % CALLEES)
}

/// `[48, request, {}, procedure, [payload]]`.
fn call_frame(number: usize, request: u32, out: &mut Vec<u8>) {
    frame(out, |out| {
        out.extend_from_slice(b"\x95\x30\xce");
        out.extend_from_slice(&request.to_be_bytes());
        out.extend_from_slice(b"\x80\xa7");
        out.extend_from_slice(procedure(number).as_bytes());
    });
}

/// `[70, request, {}, [payload]]`.
fn yield_frame(request: u32, out: &mut Vec<u8>) {
    frame(out, |out| {
        out.extend_from_slice(b"\x94\x46\xce");
        out.extend_from_slice(&request.to_be_bytes());
        out.push(0x80);
    });
}

/// A frame of a message that ends in a list of one binary payload.
fn frame(out: &mut Vec<u8>, head: impl FnOnce(&mut Vec<u8>)) {
    let start = out.len();
    out.extend_from_slice(&[0; 4]);
    head(out);
    out.extend_from_slice(b"\x91\xc5\x01\x00");
    out.extend_from_slice(&[7; PAYLOAD]);
    let length = (out.len() - start - 4) as u32;
    out[start..start + 4].copy_from_slice(&length.to_be_bytes());
}

/// The request id of an INVOCATION; of a CALL, which the relay passes on, as well.
fn invocation_id(body: &[u8]) -> u32 {
    let number = |bytes: &[u8]| bytes.iter().fold(0, |sum: u32, &byte| sum << 8 | u32::from(byte));
    match body[2] {
        0xcc => number(&body[3..4]),
        0xcd => number(&body[3..5]),
        0xce => number(&body[3..7]),
        small => u32::from(small),
    }
}
