//! The way into a shard: a bounded lock-free queue, drained in batches, with one wake-up per batch.
//!
//! Any thread pushes; one shard drains. The queue itself is `crossbeam`'s; ours is the wake-up: a producer wakes the
//! shard only if nobody has since it last looked.
//!
//! Invariant: an item pushed is seen by a drain that begins after the push, or by one that a wake-up starts. Proof:
//! the shard clears `notified` before it looks at the queue, and a producer sets it after it pushed. If the swap finds
//! it set, the shard has not cleared it since an earlier producer set it, so its next look is still to come and will
//! see this push, which happened before the swap (release) that the clearing (acquire) reads. Otherwise the producer
//! wakes it. `tests/loom.rs` tries all interleavings.
//!
//! A full inbox refuses ([`Full`]); who pushes keeps the item and waits for [`Inbox::poll_room`].

use std::task::{Context, Poll, Waker};

use self::sync::{AtomicBool, AtomicWaker, Mutex, Ordering, Queue};

/// The primitives, exchanged for modelled ones under `cfg(router_loom)`.
#[cfg(not(router_loom))]
mod sync {
    pub(super) use atomic_waker::AtomicWaker;
    pub(super) use crossbeam_queue::ArrayQueue as Queue;
    pub(super) use parking_lot::Mutex;
    pub(super) use std::sync::atomic::{AtomicBool, Ordering};
}

#[cfg(router_loom)]
mod sync {
    pub(super) use loom::sync::atomic::{AtomicBool, Ordering};

    /// A waker's place with `atomic_waker`'s signature.
    #[derive(Debug)]
    pub(super) struct AtomicWaker(loom::future::AtomicWaker);

    impl AtomicWaker {
        pub(super) fn new() -> AtomicWaker {
            AtomicWaker(loom::future::AtomicWaker::new())
        }

        pub(super) fn register(&self, waker: &std::task::Waker) {
            self.0.register_by_ref(waker);
        }

        pub(super) fn wake(&self) {
            self.0.wake();
        }
    }

    /// A lock with `parking_lot`'s signature.
    #[derive(Debug, Default)]
    pub(super) struct Mutex<T>(loom::sync::Mutex<T>);

    impl<T> Mutex<T> {
        pub(super) fn new(value: T) -> Mutex<T> {
            Mutex(loom::sync::Mutex::new(value))
        }

        pub(super) fn lock(&self) -> loom::sync::MutexGuard<'_, T> {
            self.0.lock().unwrap()
        }
    }

    /// A queue with `ArrayQueue`'s promises (each operation takes effect at one point), which loom can see into.
    #[derive(Debug)]
    pub(super) struct Queue<T> {
        items: loom::sync::Mutex<std::collections::VecDeque<T>>,
        capacity: usize,
    }

    impl<T> Queue<T> {
        pub(super) fn new(capacity: usize) -> Queue<T> {
            Queue { items: loom::sync::Mutex::new(std::collections::VecDeque::new()), capacity }
        }

        pub(super) fn push(&self, item: T) -> Result<(), T> {
            let mut items = self.items.lock().unwrap();
            if items.len() == self.capacity {
                return Err(item);
            }
            items.push_back(item);
            Ok(())
        }

        pub(super) fn pop(&self) -> Option<T> {
            self.items.lock().unwrap().pop_front()
        }

        pub(super) fn is_full(&self) -> bool {
            self.items.lock().unwrap().len() == self.capacity
        }

        pub(super) fn is_empty(&self) -> bool {
            self.items.lock().unwrap().is_empty()
        }
    }
}

/// The inbox is full: the item comes back. Recovery: keep it, stop producing, wait for [`Inbox::poll_room`].
#[derive(Debug, PartialEq, Eq)]
pub struct Full<T>(pub T);

/// A bounded queue of many producers and one consumer.
#[derive(Debug)]
pub struct Inbox<T> {
    queue: Queue<T>,
    notified: AtomicBool,
    consumer: AtomicWaker,
    /// Producers that met a full queue. Locked only then, and when the consumer made room for them.
    waiting: Mutex<Vec<Waker>>,
    crowded: AtomicBool,
}

impl<T> Inbox<T> {
    /// An empty inbox for `capacity` items, at least 1.
    pub fn new(capacity: usize) -> Inbox<T> {
        Inbox {
            queue: Queue::new(capacity),
            notified: AtomicBool::new(false),
            consumer: AtomicWaker::new(),
            waiting: Mutex::new(Vec::new()),
            crowded: AtomicBool::new(false),
        }
    }

    /// Puts an item in and wakes the consumer, unless it has been woken since it last looked.
    ///
    /// # Errors
    /// [`Full`] gives the item back.
    pub fn push(&self, item: T) -> Result<(), Full<T>> {
        self.queue.push(item).map_err(Full)?;
        if !self.notified.swap(true, Ordering::AcqRel) {
            self.consumer.wake();
        }
        Ok(())
    }

    /// The consumer's look: moves up to `most` items into `batch` and returns how many. `Pending` where there were
    /// none; the task is then woken by the next push. Where `most` were found, more may wait: look again.
    pub fn poll_drain(&self, cx: &mut Context<'_>, batch: &mut Vec<T>, most: usize) -> Poll<usize> {
        self.consumer.register(cx.waker());
        self.notified.swap(false, Ordering::AcqRel);
        let before = batch.len();
        while batch.len() - before < most
            && let Some(item) = self.queue.pop()
        {
            batch.push(item);
        }
        let found = batch.len() - before;
        if found == 0 {
            return Poll::Pending;
        }
        self.admit();
        Poll::Ready(found)
    }

    /// A producer's wait after [`Full`]: ready when there may be room.
    pub fn poll_room(&self, cx: &mut Context<'_>) -> Poll<()> {
        if !self.queue.is_full() {
            return Poll::Ready(());
        }
        self.waiting.lock().push(cx.waker().clone());
        self.crowded.swap(true, Ordering::AcqRel);
        // The consumer may have made room before it could see `crowded`.
        if self.queue.is_full() { Poll::Pending } else { Poll::Ready(()) }
    }

    /// Whether nothing waits.
    pub fn is_empty(&self) -> bool {
        self.queue.is_empty()
    }

    fn admit(&self) {
        if self.crowded.swap(false, Ordering::AcqRel) {
            for waker in self.waiting.lock().drain(..) {
                waker.wake();
            }
        }
    }
}

#[cfg(all(test, not(router_loom)))]
mod tests {
    use super::{Full, Inbox};
    use std::sync::Arc;
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::task::{Context, Poll, Wake, Waker};

    #[derive(Default)]
    struct Bell(AtomicUsize);

    impl Wake for Bell {
        fn wake(self: Arc<Self>) {
            self.0.fetch_add(1, Ordering::Relaxed);
        }
    }

    #[test]
    fn one_wake_up_for_a_batch_of_pushes() {
        let bell = Arc::new(Bell::default());
        let waker = Waker::from(bell.clone());
        let mut cx = Context::from_waker(&waker);
        let inbox = Inbox::new(8);
        let mut batch = Vec::new();
        assert_eq!(inbox.poll_drain(&mut cx, &mut batch, 8), Poll::Pending);
        for item in 0..5 {
            inbox.push(item).unwrap();
        }
        assert_eq!(bell.0.load(Ordering::Relaxed), 1);
        assert_eq!(inbox.poll_drain(&mut cx, &mut batch, 8), Poll::Ready(5));
        assert_eq!(batch, [0, 1, 2, 3, 4]);
    }

    #[test]
    fn a_full_inbox_gives_the_item_back_and_calls_when_there_is_room() {
        let bell = Arc::new(Bell::default());
        let waker = Waker::from(bell.clone());
        let mut cx = Context::from_waker(&waker);
        let inbox = Inbox::new(1);
        inbox.push('a').unwrap();
        assert_eq!(inbox.push('b'), Err(Full('b')));
        assert_eq!(inbox.poll_room(&mut cx), Poll::Pending);
        let mut batch = Vec::new();
        assert_eq!(inbox.poll_drain(&mut cx, &mut batch, 8), Poll::Ready(1));
        assert_eq!(bell.0.load(Ordering::Relaxed), 1);
        assert_eq!(inbox.poll_room(&mut cx), Poll::Ready(()));
    }
}
