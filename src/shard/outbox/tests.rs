use std::cell::{Cell, RefCell};
use std::io;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Wake, Waker};

use super::{Attachment, Outbox, Sink, Standing, WRITES_PER_TURN};
use crate::realm::{Batch, Effects, Link, Refused};
use crate::shard::framing::Framing;
use crate::wamp::{Encoding, EventDetails, Id, Payload, RequestType, RouterMessage};

/// A socket that takes as much as it is told to.
#[derive(Default)]
struct Socket {
    room: Cell<usize>,
    taken: RefCell<Vec<u8>>,
    writes: Cell<usize>,
    broken: Cell<bool>,
}

impl Sink for Socket {
    fn write(&self, bytes: &[u8]) -> io::Result<usize> {
        if self.broken.get() {
            return Err(io::ErrorKind::BrokenPipe.into());
        }
        let taken = bytes.len().min(self.room.get());
        if taken == 0 {
            return Err(io::ErrorKind::WouldBlock.into());
        }
        self.room.set(self.room.get() - taken);
        self.writes.set(self.writes.get() + 1);
        self.taken.borrow_mut().extend_from_slice(&bytes[..taken]);
        Ok(taken)
    }
}

impl Socket {
    fn text(&self) -> String {
        String::from_utf8(self.taken.borrow().clone()).unwrap()
    }
}

/// A line for each message; a batch is sealed by an empty one.
struct Lines;

impl Framing for Lines {
    fn begin(&mut self, out: &mut Vec<u8>) -> usize {
        out.len()
    }

    fn end(&mut self, out: &mut Vec<u8>, _: usize) {
        out.push(b'\n');
    }

    fn seal(&mut self, _: &mut Vec<u8>) {}
}

#[derive(Default)]
struct Bell(AtomicUsize);

impl Wake for Bell {
    fn wake(self: Arc<Self>) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }
}

impl Bell {
    fn rung(&self) -> usize {
        self.0.swap(0, Ordering::Relaxed)
    }
}

struct World {
    outbox: Outbox,
    socket: Rc<Socket>,
    link: Link,
    bell: Arc<Bell>,
}

const PLENTY: usize = 1 << 30;

/// One connection whose socket has this much room.
fn world(room: usize) -> World {
    let mut outbox = Outbox::bounded(usize::MAX);
    let socket = Rc::new(Socket { room: Cell::new(room), ..Socket::default() });
    let (sink, longest) = (socket.clone(), 200_000);
    let attachment = Attachment { encoding: Encoding::Json, framing: Box::new(Lines), sink, longest };
    let link = outbox.attach(attachment);
    let bell = Arc::new(Bell::default());
    outbox.attend(link, &Waker::from(bell.clone()));
    World { outbox, socket, link, bell }
}

fn unsubscribed(request: u64) -> RouterMessage<'static> {
    RouterMessage::Unsubscribed { request: Id::new(request).unwrap() }
}

fn event(payload: &[u8]) -> RouterMessage<'_> {
    RouterMessage::Event {
        subscription: Id::new(1).unwrap(),
        publication: Id::new(2).unwrap(),
        details: EventDetails::default(),
        payload: Payload { encoding: Encoding::Json, args: payload, kwargs: &[] },
    }
}

/// Args of this many bytes.
fn args(bytes: usize) -> Vec<u8> {
    format!("[\"{}\"]", "x".repeat(bytes - 4)).into_bytes()
}

/// All queues together have a bound. What the sockets take is written first; then the longest is cut off, and its
/// memory is free.
#[test]
fn the_longest_queue_is_cut_off() {
    let mut outbox = Outbox::bounded(1 << 20);
    let rooms = [0, 0, PLENTY];
    let sockets = rooms.map(|room| Rc::new(Socket { room: Cell::new(room), ..Socket::default() }));
    let attach = |socket: &Rc<Socket>| Attachment {
        encoding: Encoding::Json,
        framing: Box::new(Lines),
        sink: socket.clone(),
        longest: 200_000,
    };
    let [long, short, reader] = sockets.each_ref().map(|socket| {
        let link = outbox.attach(attach(socket));
        outbox.queue(link).unwrap().limit = PLENTY;
        link
    });
    let payload = args(100_000);
    outbox.send(short, &event(&payload)).unwrap();
    for _ in 0..40 {
        let _ = outbox.send(long, &event(&payload));
        outbox.send(reader, &event(&payload)).unwrap();
        assert!(outbox.weight <= 1 << 20, "{}", outbox.weight);
    }
    outbox.flush();
    assert_eq!(outbox.counters().cut_off, 1);
    assert!(outbox.standing(long).unwrap().failed && !outbox.standing(short).unwrap().failed);
    assert_eq!(outbox.send(long, &unsubscribed(1)), Err(Refused::Gone));
    assert_eq!(sockets[2].taken.borrow().iter().filter(|&&byte| byte == b'\n').count(), 40);
    for link in [long, short, reader] {
        outbox.detach(link);
    }
    assert_eq!(outbox.weight, 0);
}

/// A message to very many is written over several turns, to each once, first come first served.
#[test]
fn very_many_writes_take_several_turns() {
    let mut outbox = Outbox::bounded(usize::MAX);
    let socket = Rc::new(Socket { room: Cell::new(PLENTY), ..Socket::default() });
    for _ in 0..WRITES_PER_TURN + 1 {
        let (sink, framing) = (socket.clone(), Box::new(Lines));
        let link = outbox.attach(Attachment { encoding: Encoding::Json, framing, sink, longest: 1000 });
        outbox.send(link, &unsubscribed(1)).unwrap();
    }
    assert!(!outbox.flush());
    assert_eq!(socket.writes.get(), WRITES_PER_TURN);
    assert!(outbox.flush());
    assert_eq!(socket.writes.get(), WRITES_PER_TURN + 1);
}

/// DESIGN 3: what gathers in a turn leaves in one write.
#[test]
fn a_turn_is_one_write() {
    let World { mut outbox, socket, link, .. } = world(PLENTY);
    for request in 1..=3 {
        outbox.send(link, &unsubscribed(request)).unwrap();
    }
    assert_eq!(socket.writes.get(), 0);
    outbox.flush();
    assert_eq!((socket.writes.get(), socket.text().as_str()), (1, "[35,1]\n[35,2]\n[35,3]\n"));
    outbox.flush();
    assert_eq!(socket.writes.get(), 1);
}

/// What the socket does not take stays, in order, and the connection's task is told once.
#[test]
fn a_full_socket_is_continued_where_it_stopped() {
    let World { mut outbox, socket, link, bell } = world(9);
    outbox.send(link, &unsubscribed(1)).unwrap();
    outbox.send(link, &unsubscribed(2)).unwrap();
    outbox.flush();
    assert_eq!((socket.text().as_str(), bell.rung()), ("[35,1]\n[3", 1));
    assert!(outbox.standing(link).unwrap().blocked);
    outbox.send(link, &unsubscribed(3)).unwrap();
    outbox.flush();
    assert_eq!(bell.rung(), 0);
    socket.room.set(PLENTY);
    outbox.resume(link);
    assert_eq!((socket.text().as_str(), bell.rung()), ("[35,1]\n[35,2]\n[35,3]\n", 1));
    assert_eq!(outbox.standing(link).unwrap(), Standing { pending: 0, ..idle() });
}

fn idle() -> Standing {
    Standing { pending: 0, blocked: false, closing: false, failed: false, choked: false }
}

/// SES-13: nothing follows the last word.
#[test]
fn nothing_follows_goodbye_or_abort() {
    let World { mut outbox, socket, link, bell } = world(PLENTY);
    outbox.goodbye(link, "a.b", None);
    assert_eq!(outbox.send(link, &unsubscribed(1)), Err(Refused::Gone));
    outbox.last_word(link, &RouterMessage::Abort { reason: "c.d", message: "" });
    assert!(!outbox.has_room(link));
    outbox.flush();
    assert_eq!(socket.text(), "[6,{},\"a.b\"]\n");
    assert!(bell.rung() > 0 && outbox.standing(link).unwrap().closing);
    outbox.reopen(link);
    outbox.send(link, &unsubscribed(1)).unwrap();
}

/// SIZ-1, RAW-15: what is too long is not sent and leaves no trace; a last word then goes without its text.
#[test]
fn nothing_longer_than_the_receiver_takes_is_queued() {
    let World { mut outbox, socket, link, .. } = world(PLENTY);
    let long = args(200_000);
    assert_eq!(outbox.send(link, &event(&long)), Err(Refused::TooLarge));
    let error = RouterMessage::Error {
        request_type: RequestType::Call,
        request: Id::new(1).unwrap(),
        passthru: None,
        error: "a.b",
        payload: Payload { encoding: Encoding::Json, args: &long, kwargs: &[] },
    };
    assert_eq!(outbox.send(link, &error), Err(Refused::TooLarge));
    assert_eq!(outbox.counters().too_large, 2);
    let text = "y".repeat(200_000);
    outbox.last_word(link, &RouterMessage::Abort { reason: "a.b", message: &text });
    outbox.flush();
    assert_eq!(socket.text(), "[3,{\"message\":\"\"},\"a.b\"]\n");
}

/// SIZ-6: EVENTs stop at the limit, replies go on to twice that; then the session is over, once.
#[test]
fn a_session_that_does_not_read_is_evicted() {
    let World { mut outbox, link, .. } = world(0);
    let payload = args(60_000);
    outbox.send(link, &event(&payload)).unwrap();
    outbox.send(link, &event(&payload)).unwrap();
    assert!(outbox.is_choked(link));
    outbox.send(link, &unsubscribed(1)).unwrap();
    assert!(outbox.take_evicted().is_empty());
    assert_eq!(outbox.send(link, &event(&payload)), Err(Refused::Full));
    assert_eq!(outbox.send(link, &event(&payload)), Err(Refused::Gone));
    assert_eq!(outbox.take_evicted(), [link]);
    let counters = outbox.counters();
    assert_eq!((counters.events_dropped, counters.evicted), (1, 1));
}

/// A choked session is read again when half of its queue has left, and its task is woken for that.
#[test]
fn a_choked_session_goes_on_below_half_of_its_limit() {
    let World { mut outbox, socket, link, bell } = world(0);
    outbox.send(link, &event(&args(100_000))).unwrap();
    assert!(outbox.is_choked(link));
    outbox.flush();
    bell.rung();
    socket.room.set(40_000);
    outbox.resume(link);
    assert!(outbox.is_choked(link) && bell.rung() == 0, "60,000 of a limit of 65,536 are left");
    socket.room.set(40_000);
    outbox.resume(link);
    assert!(!outbox.is_choked(link) && bell.rung() == 1);
    // Also where the socket takes everything at once.
    socket.room.set(PLENTY);
    outbox.resume(link);
    outbox.send(link, &event(&args(100_000))).unwrap();
    assert!(outbox.is_choked(link));
    bell.rung();
    outbox.flush();
    assert!(!outbox.is_choked(link) && bell.rung() == 1);
}

/// A batch of EVENTs is left out from where the queue is full.
#[test]
fn a_batch_stops_at_the_limit() {
    let World { mut outbox, link, .. } = world(0);
    let mut batch = Batch::new(Encoding::Json);
    for _ in 0..4 {
        batch.begin_message();
        batch.bytes.extend(args(50_000));
        batch.end_message();
    }
    assert_eq!(outbox.send_batch(link, &batch), Err(Refused::Full));
    assert_eq!(outbox.counters().events_dropped, 2);
}

/// Lines whose batches can be framed where they are.
struct InPlace;

impl Framing for InPlace {
    fn begin(&mut self, out: &mut Vec<u8>) -> usize {
        Lines.begin(out)
    }

    fn end(&mut self, out: &mut Vec<u8>, mark: usize) {
        Lines.end(out, mark);
    }

    fn frame_in_place(&mut self, batch: &mut Batch) -> bool {
        let mut framed = Vec::new();
        self.append(&mut framed, batch);
        batch.bytes = framed;
        true
    }

    fn seal(&mut self, _: &mut Vec<u8>) {}
}

/// Who is handed a batch gets what it would have been sent: in its bytes or as a copy, behind what is queued already,
/// and no more than has room.
#[test]
fn a_batch_handed_over_is_as_good_as_one_sent() {
    let batch = |lengths: &[usize]| {
        let mut batch = Batch::new(Encoding::Json);
        for &bytes in lengths {
            batch.begin_message();
            batch.bytes.extend(args(bytes));
            batch.end_message();
        }
        batch
    };
    for in_place in [false, true] {
        let outbox = || {
            let World { mut outbox, socket, link, .. } = world(PLENTY);
            if in_place {
                outbox.reframe(link, Box::new(InPlace));
            }
            (outbox, socket, link)
        };
        let ((mut sent, all_sent, to), (mut handed, all_handed, over)) = (outbox(), outbox());
        for lengths in [&[100, 200, 30][..], &[], &[70], &[30_000, 30_000, 30_000, 30_000], &[50]] {
            let one = sent.send_batch(to, &batch(lengths));
            assert_eq!(handed.hand_over(over, &mut batch(lengths)), one, "{lengths:?}");
            if lengths.len() != 1 {
                sent.flush();
                handed.flush();
            }
        }
        assert_eq!(sent.counters(), handed.counters());
        assert_eq!(all_sent.text(), all_handed.text());
        assert!(all_sent.text().len() > 60_000);
    }
}

/// Meta events that are many do not wait for the end of the turn, and leave once.
#[test]
fn a_very_long_batch_leaves_at_once() {
    let World { mut outbox, socket, link, .. } = world(PLENTY);
    for (bytes, writes) in [(50_000, 0), (150_000, 1)] {
        let mut batch = Batch::new(Encoding::Json);
        batch.begin_message();
        batch.bytes.extend(args(bytes));
        batch.end_message();
        outbox.send_batch(link, &batch).unwrap();
        assert_eq!(socket.writes.get(), writes);
    }
    assert_eq!(outbox.standing(link).unwrap().pending, 0);
    outbox.flush();
    assert_eq!((socket.writes.get(), socket.taken.borrow().len()), (1, 200_002));
}

/// A connection that moves takes along what has not left; its old link reaches nobody.
#[test]
fn detaching_returns_what_has_not_left() {
    let World { mut outbox, socket, link, .. } = world(3);
    outbox.send(link, &unsubscribed(1)).unwrap();
    outbox.flush();
    assert_eq!(outbox.detach(link), b",1]\n");
    assert_eq!(outbox.detach(link), b"");
    let next = outbox.attach(Attachment {
        encoding: Encoding::Json,
        framing: Box::new(Lines),
        sink: socket.clone(),
        longest: 100,
    });
    assert_eq!(outbox.send(link, &unsubscribed(2)), Err(Refused::Gone));
    socket.room.set(PLENTY);
    outbox.send(next, &unsubscribed(3)).unwrap();
    outbox.flush();
    assert_eq!(socket.text(), "[35[35,3]\n");
}

/// A broken socket is written once, and its task is told.
#[test]
fn a_broken_socket_fails_the_queue() {
    let World { mut outbox, socket, link, bell } = world(PLENTY);
    socket.broken.set(true);
    outbox.send(link, &unsubscribed(1)).unwrap();
    outbox.flush();
    assert!(outbox.standing(link).unwrap().failed && bell.rung() == 1);
    assert_eq!(outbox.send(link, &unsubscribed(2)), Err(Refused::Gone));
}
