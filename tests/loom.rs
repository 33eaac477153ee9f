//! The inbox's wake-ups under every interleaving. Run with `RUSTFLAGS='--cfg router_loom' cargo test --test loom`.
#![cfg(router_loom)]

use banyan::shard::inbox::{Full, Inbox};
use loom::future::block_on;
use loom::sync::Arc;
use loom::thread;
use std::future::poll_fn;

/// Every interleaving with at most three preemptions: enough for each wake-up race of two threads, and minutes shorter.
fn model(history: impl Fn() + Sync + Send + 'static) {
    let mut builder = loom::model::Builder::new();
    builder.preemption_bound = Some(3);
    builder.check(history);
}

/// Takes `expected` items out, parking between looks, as a shard does. Loom reports a deadlock if a wake-up is lost.
fn consume(inbox: &Inbox<u32>, expected: usize) -> Vec<u32> {
    let mut seen = Vec::new();
    while seen.len() < expected {
        block_on(poll_fn(|cx| inbox.poll_drain(cx, &mut seen, 2)));
    }
    seen
}

#[test]
fn no_wake_up_is_lost_between_two_producers() {
    model(|| {
        let inbox = Arc::new(Inbox::new(4));
        let producers: Vec<_> = (0..2)
            .map(|number| {
                let inbox = inbox.clone();
                thread::spawn(move || inbox.push(number).unwrap())
            })
            .collect();
        let mut seen = consume(&inbox, 2);
        seen.sort_unstable();
        assert_eq!(seen, [0, 1]);
        for producer in producers {
            producer.join().unwrap();
        }
    });
}

#[test]
fn one_producers_items_arrive_in_order() {
    model(|| {
        let inbox = Arc::new(Inbox::new(4));
        let producer = {
            let inbox = inbox.clone();
            thread::spawn(move || {
                for number in 0..3 {
                    inbox.push(number).unwrap();
                }
            })
        };
        assert_eq!(consume(&inbox, 3), [0, 1, 2]);
        producer.join().unwrap();
    });
}

#[test]
fn a_producer_that_met_a_full_inbox_is_called_back() {
    model(|| {
        let inbox = Arc::new(Inbox::new(1));
        let producer = {
            let inbox = inbox.clone();
            thread::spawn(move || {
                for number in 0..2 {
                    let mut item = number;
                    while let Err(Full(back)) = inbox.push(item) {
                        item = back;
                        block_on(poll_fn(|cx| inbox.poll_room(cx)));
                    }
                }
            })
        };
        assert_eq!(consume(&inbox, 2), [0, 1]);
        producer.join().unwrap();
    });
}
