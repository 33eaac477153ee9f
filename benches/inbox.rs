//! What does it cost to hand something to another shard?
//!
//! Unit: time per item. `alone`: pushes and a drain of the same thread, the cost without contention. `across`: one
//! thread pushes, another drains and is woken as a shard is, with as many wake-ups as the pace brings about. Left out:
//! what an item is worth (a command of a shard is a boxed closure), and the runtime's own wake-up by a system call.

#![allow(missing_docs, reason = "`criterion_group!` writes a function without any")]

use std::future::poll_fn;
use std::hint::black_box;
use std::sync::Arc;
use std::task::{Context, Poll, Wake, Waker};
use std::thread::Thread;
use std::time::{Duration, Instant};

use banyan::shard::inbox::{Full, Inbox};
use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};

const CAPACITY: usize = 4096;
const BATCH: usize = 256;

fn alone(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("inbox/alone");
    for items in [1usize, 16, 256] {
        group.throughput(Throughput::Elements(items as u64));
        group.bench_function(BenchmarkId::from_parameter(items), |bencher| {
            let inbox = Inbox::new(CAPACITY);
            let mut cx = Context::from_waker(Waker::noop());
            let mut batch = Vec::with_capacity(BATCH);
            bencher.iter(|| {
                for item in 0..items {
                    inbox.push(item).expect("room");
                }
                let _ = black_box(inbox.poll_drain(&mut cx, &mut batch, BATCH));
                batch.clear();
            });
        });
    }
    group.finish();
}

fn across(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("inbox/across");
    group.throughput(Throughput::Elements(1));
    group.bench_function("one producer", |bencher| bencher.iter_custom(|items| hand_over(items, 1)));
    group.bench_function("two producers", |bencher| bencher.iter_custom(|items| hand_over(items, 2)));
    group.finish();
}

/// The time in which `items` items reach the consumer.
fn hand_over(items: u64, producers: u64) -> Duration {
    let inbox = Arc::new(Inbox::new(CAPACITY));
    let started = Instant::now();
    std::thread::scope(|scope| {
        for number in 0..producers {
            let share = items / producers + u64::from(number < items % producers);
            let inbox = &inbox;
            scope.spawn(move || (0..share).for_each(|item| push(inbox, item)));
        }
        let (mut taken, mut batch) = (0, Vec::with_capacity(BATCH));
        while taken < items {
            block_on(|cx| inbox.poll_drain(cx, &mut batch, BATCH));
            taken += batch.drain(..).map(black_box).count() as u64;
        }
    });
    started.elapsed()
}

fn push(inbox: &Inbox<u64>, mut item: u64) {
    while let Err(Full(back)) = inbox.push(item) {
        item = back;
        block_on(|cx| inbox.poll_room(cx));
    }
}

struct Unpark(Thread);

impl Wake for Unpark {
    fn wake(self: Arc<Self>) {
        self.0.unpark();
    }
}

/// Parks this thread until `poll` is ready.
fn block_on<T>(poll: impl FnMut(&mut Context<'_>) -> Poll<T>) -> T {
    let waker = Waker::from(Arc::new(Unpark(std::thread::current())));
    let mut cx = Context::from_waker(&waker);
    let mut future = std::pin::pin!(poll_fn(poll));
    loop {
        if let Poll::Ready(value) = future.as_mut().poll(&mut cx) {
            return value;
        }
        std::thread::park();
    }
}

criterion_group!(benches, alone, across);
criterion_main!(benches);
