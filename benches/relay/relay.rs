//! The bare relay: frames in from one side, out to the other, and the answers back.

use std::collections::VecDeque;
use std::io::{ErrorKind, Read, Write};
use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Barrier};
use std::thread::JoinHandle;

use mio::net::{TcpListener, TcpStream};
use mio::{Events, Interest, Poll, Token, Waker};

/// The name of the relay's thread.
pub const THREAD: &str = "relay";

const CALLERS: Token = Token(usize::MAX);
const CALLEES: Token = Token(usize::MAX - 1);
const STOP: Token = Token(usize::MAX - 2);

/// A running relay.
pub struct Relay {
    /// Where callers connect.
    pub callers: SocketAddr,
    /// Where callees connect.
    pub callees: SocketAddr,
    stopped: Arc<AtomicBool>,
    waker: Waker,
    thread: JoinHandle<()>,
}

impl Relay {
    pub fn start() -> Relay {
        let poll = Poll::new().unwrap();
        let listen = |token| {
            let mut listener = TcpListener::bind(([127, 0, 0, 1], 0).into()).unwrap();
            poll.registry().register(&mut listener, token, Interest::READABLE).unwrap();
            listener
        };
        let (callers, callees) = (listen(CALLERS), listen(CALLEES));
        let addresses = (callers.local_addr().unwrap(), callees.local_addr().unwrap());
        let waker = Waker::new(poll.registry(), STOP).unwrap();
        let stopped = Arc::new(AtomicBool::new(false));
        let work = Work { poll, callers, callees, links: Vec::new(), serving: Vec::new(), calling: 0 };
        // A thread takes its name itself: before that nobody finds it.
        let running = Arc::new(Barrier::new(2));
        let thread = {
            let (stopped, running) = (stopped.clone(), running.clone());
            let run = move || {
                running.wait();
                work.run(&stopped);
            };
            std::thread::Builder::new().name(THREAD.to_owned()).spawn(run).unwrap()
        };
        running.wait();
        Relay { callers: addresses.0, callees: addresses.1, stopped, waker, thread }
    }

    pub fn stop(self) {
        self.stopped.store(true, Ordering::Release);
        self.waker.wake().unwrap();
        self.thread.join().unwrap();
    }
}

enum Side {
    /// Its frames go to this link.
    Caller(usize),
    /// Answers in order; these links wait.
    Callee(VecDeque<usize>),
}

struct Link {
    stream: TcpStream,
    side: Side,
    tail: Vec<u8>,
    out: Vec<u8>,
    dirty: bool,
}

struct Work {
    poll: Poll,
    callers: TcpListener,
    callees: TcpListener,
    links: Vec<Link>,
    /// The links of callees, who connect first.
    serving: Vec<usize>,
    calling: usize,
}

impl Work {
    fn run(mut self, stopped: &AtomicBool) {
        let (mut events, mut scratch, mut dirty) = (Events::with_capacity(256), vec![0; 128 * 1024], Vec::new());
        while !stopped.load(Ordering::Acquire) {
            self.poll.poll(&mut events, None).unwrap();
            for event in &events {
                match event.token() {
                    CALLERS | CALLEES => self.accept(event.token()),
                    STOP => {}
                    Token(link) => {
                        self.read(link, &mut scratch, &mut dirty);
                        dirty.push(link);
                    }
                }
            }
            for link in dirty.drain(..) {
                self.links[link].flush();
            }
        }
    }

    fn accept(&mut self, from: Token) {
        loop {
            let listener = if from == CALLERS { &self.callers } else { &self.callees };
            let Ok((mut stream, _)) = listener.accept() else { return };
            stream.set_nodelay(true).unwrap();
            let index = self.links.len();
            let interest = Interest::READABLE | Interest::WRITABLE;
            self.poll.registry().register(&mut stream, Token(index), interest).unwrap();
            let side = if from == CALLERS {
                self.calling += 1;
                Side::Caller(self.serving[(self.calling - 1) % self.serving.len()])
            } else {
                self.serving.push(index);
                Side::Callee(VecDeque::new())
            };
            self.links.push(Link { stream, side, tail: Vec::new(), out: Vec::new(), dirty: false });
        }
    }

    /// Reads what there is; a short read shows that the socket is empty.
    fn read(&mut self, index: usize, scratch: &mut [u8], dirty: &mut Vec<usize>) {
        loop {
            let link = &mut self.links[index];
            let begin = link.tail.len();
            scratch[..begin].copy_from_slice(&link.tail);
            let read = match link.stream.read(&mut scratch[begin..]) {
                Ok(0) => return,
                Ok(read) => read,
                Err(error) if error.kind() == ErrorKind::WouldBlock => return,
                Err(_) => return,
            };
            let end = begin + read;
            let relayed = self.relay(index, &scratch[..end], dirty);
            let link = &mut self.links[index];
            link.tail.clear();
            link.tail.extend_from_slice(&scratch[relayed..end]);
            if end < scratch.len() {
                return;
            }
        }
    }

    /// Passes the whole frames on; returns how many bytes they are.
    fn relay(&mut self, from: usize, bytes: &[u8], dirty: &mut Vec<usize>) -> usize {
        let mut relayed = 0;
        while let Some((prefix, rest)) = bytes[relayed..].split_first_chunk() {
            let length = u32::from_be_bytes(*prefix) as usize;
            if rest.len() < length {
                break;
            }
            let to = match &mut self.links[from].side {
                Side::Caller(callee) => *callee,
                Side::Callee(waiting) => waiting.pop_front().expect("an answer to a call"),
            };
            let target = &mut self.links[to];
            target.out.extend_from_slice(&bytes[relayed..relayed + 4 + length]);
            if let Side::Callee(waiting) = &mut target.side {
                waiting.push_back(from);
            }
            if !std::mem::replace(&mut target.dirty, true) {
                dirty.push(to);
            }
            relayed += 4 + length;
        }
        relayed
    }
}

impl Link {
    fn flush(&mut self) {
        self.dirty = false;
        while !self.out.is_empty() {
            match self.stream.write(&self.out) {
                Ok(written) => drop(self.out.drain(..written)),
                Err(_) => return,
            }
        }
    }
}
