use std::cell::{Cell, RefCell};
use std::future::Future;
use std::io::Write;
use std::rc::Rc;

use tokio::task::{LocalSet, spawn_local, yield_now};

use super::placement::Directory;
use super::{COMMANDS_PER_TURN, Network, Shard};

/// Runs `test` on a thread with one shard, whose pump runs.
fn on_a_shard<F: Future>(test: impl FnOnce(Rc<Shard>) -> F) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    LocalSet::new().block_on(&runtime, async {
        let network = Network::new(Directory::new(Vec::new(), 1), 1, usize::MAX);
        let shard = Shard::new(0, network, 1);
        spawn_local(shard.clone().pump());
        test(shard).await;
    });
}

/// Commands run in order, however many there are, and a fault in one does not keep the next from running.
#[test]
fn a_command_that_fails_does_not_stop_the_shard() {
    thread_local! {
        static SEEN: RefCell<Vec<usize>> = const { RefCell::new(Vec::new()) };
    }
    on_a_shard(async |shard| {
        let count = 3 * COMMANDS_PER_TURN;
        for number in 0..count {
            let command = move |_: &Rc<Shard>| {
                assert_ne!(number, 5, "a fault in a command");
                SEEN.with_borrow_mut(|seen| seen.push(number));
            };
            shard.network.post(0, Box::new(command)).await;
        }
        while SEEN.with_borrow(Vec::len) < count - 1 {
            yield_now().await;
        }
        assert!(SEEN.with_borrow(|seen| seen.iter().copied().eq((0..count).filter(|&number| number != 5))));
    });
}

/// Between two turns the sockets are looked at, also where the pump has more to do at once: what a client sends does
/// not wait for the whole of a long answer, a departure or a backlog of commands.
#[test]
fn sockets_have_their_turn_between_turns() {
    thread_local! {
        static DONE: Cell<usize> = const { Cell::new(0) };
    }
    on_a_shard(async |shard| {
        let (near, mut far) = std::os::unix::net::UnixStream::pair().unwrap();
        near.set_nonblocking(true).unwrap();
        let near = tokio::net::UnixStream::from_std(near).unwrap();
        let noticed = spawn_local(async move {
            near.readable().await.unwrap();
            DONE.get()
        });
        yield_now().await;
        for _ in 0..8 * COMMANDS_PER_TURN {
            shard.network.inbox(0).push(Box::new(|_: &Rc<Shard>| DONE.set(DONE.get() + 1))).ok().unwrap();
        }
        far.write_all(b"x").unwrap();
        let done = noticed.await.unwrap();
        assert!(done <= 2 * COMMANDS_PER_TURN, "{done} commands before the socket");
    });
}

/// A shard is drained when it was told to and its last connection is closed.
#[test]
fn draining_waits_for_the_last_connection() {
    on_a_shard(async |shard| {
        let (first, second) = (shard.connected(), shard.connected());
        let waiting = spawn_local({
            let shard = shard.clone();
            async move { shard.drained().await }
        });
        drop(first);
        yield_now().await;
        shard.drain();
        yield_now().await;
        assert!(shard.is_draining() && !waiting.is_finished());
        drop(second);
        waiting.await.unwrap();
        assert_eq!(shard.connections(), 0);
    });
}
