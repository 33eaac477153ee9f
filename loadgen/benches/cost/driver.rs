//! The bare driver: callers and callees of one thread that look at nothing but lengths.

use std::io::{ErrorKind, Read, Write};
use std::net::TcpStream;
use std::os::fd::AsFd;

use rustix::event::epoll;
use rustix::time::{ClockId, clock_gettime};

use super::{CALLEES, CALLERS, PAYLOAD, PIPELINE, pin, relay};

/// What a CALL and a YIELD of the generator have beside the payload.
const CALL: usize = 44;
const YIELD: usize = 12;

struct Peer {
    stream: TcpStream,
    held: Vec<u8>,
    out: Vec<u8>,
    sent: usize,
}

/// Microseconds of CPU time per call.
pub fn cost(calls: usize) -> f64 {
    let address = relay::start(relay::Skin::Bare);
    pin(1);
    let epoll = epoll::create(epoll::CreateFlags::CLOEXEC).expect("epoll");
    let connect = |number: usize| {
        let mut stream = TcpStream::connect(address).expect("the relay listens");
        // The relay is told who calls and who is called.
        stream.write_all(&[u8::from(number < CALLERS)]).expect("it reads");
        stream.set_nodelay(true).expect("a socket takes the option");
        stream.set_nonblocking(true).expect("a socket takes the option");
        let data = epoll::EventData::new_u64(number as u64);
        epoll::add(&epoll, stream.as_fd(), data, epoll::EventFlags::IN).expect("it is a socket");
        Peer { stream, held: Vec::new(), out: Vec::new(), sent: 0 }
    };
    let mut peers: Vec<Peer> = (0..CALLERS + CALLEES).map(connect).collect();
    let (call, answer) = (frame(PAYLOAD + CALL), frame(PAYLOAD + YIELD));
    let mut left = calls;
    let before = cpu();
    for peer in &mut peers[..CALLERS] {
        for _ in 0..PIPELINE.min(left) {
            left -= 1;
            peer.out.extend_from_slice(&call);
        }
        flush(peer);
    }
    let (mut answered, mut buffer) = (0, vec![0; 1 << 18]);
    let mut events = Vec::with_capacity(256);
    while answered < calls {
        events.clear();
        epoll::wait(&epoll, rustix::buffer::spare_capacity(&mut events), None).expect("it waits");
        for event in &events {
            let number = event.data.u64() as usize;
            let frames = read(&mut peers[number], &mut buffer);
            let peer = &mut peers[number];
            for _ in 0..frames {
                if number >= CALLERS {
                    peer.out.extend_from_slice(&answer);
                } else {
                    answered += 1;
                    if left > 0 {
                        left -= 1;
                        peer.out.extend_from_slice(&call);
                    }
                }
            }
            flush(peer);
        }
    }
    (cpu() - before) / calls as f64
}

fn frame(length: usize) -> Vec<u8> {
    [&(length as u32).to_be_bytes()[..], &vec![0x5a; length]].concat()
}

/// Reads once; how many frames became whole.
fn read(peer: &mut Peer, buffer: &mut [u8]) -> usize {
    let held = peer.held.len();
    buffer[..held].copy_from_slice(&peer.held);
    let read = match peer.stream.read(&mut buffer[held..]) {
        Ok(0) => panic!("the relay went away"),
        Ok(read) => held + read,
        Err(error) if error.kind() == ErrorKind::WouldBlock => return 0,
        Err(error) => panic!("{error}"),
    };
    let (mut at, mut frames) = (0, 0);
    while let Some(prefix) = buffer[at..read].first_chunk() {
        let end = at + 4 + u32::from_be_bytes(*prefix) as usize;
        if end > read {
            break;
        }
        (at, frames) = (end, frames + 1);
    }
    peer.held.clear();
    peer.held.extend_from_slice(&buffer[at..read]);
    frames
}

/// Writes what waits; what the socket does not take goes with the next turn of this peer.
fn flush(peer: &mut Peer) {
    while peer.sent < peer.out.len() {
        match peer.stream.write(&peer.out[peer.sent..]) {
            Ok(sent) => peer.sent += sent,
            Err(error) if error.kind() == ErrorKind::WouldBlock => return,
            Err(error) => panic!("{error}"),
        }
    }
    peer.out.clear();
    peer.sent = 0;
}

/// CPU time of this thread in microseconds.
fn cpu() -> f64 {
    let time = clock_gettime(ClockId::ThreadCPUTime);
    time.tv_sec as f64 * 1e6 + time.tv_nsec as f64 / 1e3
}
