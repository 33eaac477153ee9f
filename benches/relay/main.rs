//! What does the router's work cost beside the least that any router could do?
//!
//! The least is a *bare relay*: one thread that reads frames of a length prefix and a body from callers, writes them to
//! callees and relays the answers back, with no routing at all. Both serve the same clients: 32 callers with 64 calls
//! in flight each, 8 callees, RawSocket frames of MessagePack with 256 bytes of payload; caller number i calls callee
//! i modulo 8. The relay gets the very CALL and YIELD frames that the router gets. It sends fewer bytes than the router
//! reads back (an INVOCATION is longer than the CALL by its registration id, the RESULT shorter than the YIELD by
//! nothing), which is routing's own cost and counted as such. Both run one thread and the same kernel calls are open to
//! both: epoll, one read of 128 KiB where there is something, one write for each receiver and turn.
//!
//! Unit: microseconds of CPU time of the serving thread per call, user and system together, from the kernel's scheduler
//! (`/proc`, Linux only). A call is a request and its answer: two frames in, two out. Left out: the clients' CPU time,
//! latency, and whatever the kernel does in the clients' name. The rounds of both take turns, so that a busy machine
//! disturbs both; the medians stand in the last line.
//!
//! Run: `cargo bench --bench relay`; `-- CALLS ROUNDS` for other figures than 300000 and 5. Without `--bench`, as in
//! tests, only that both work is tried.

mod driver;
mod relay;

use std::fs;

use banyan::config::Config;
use banyan::server::Server;
use banyan::transport::listener::Address;
use driver::Kind;

fn main() {
    let measured = std::env::args().any(|argument| argument == "--bench");
    let mut figures = std::env::args().skip(1).filter_map(|argument| argument.parse().ok());
    let calls = figures.next().unwrap_or(if measured { 300_000 } else { 5_000 });
    let rounds = figures.next().unwrap_or(if measured { 5 } else { 1 });
    println!("{calls} calls each round, CPU time of the serving thread per call:");
    let (mut relays, mut routers) = (Vec::new(), Vec::new());
    for _ in 0..rounds {
        relays.push(relay_round(calls));
        routers.push(router_round(calls));
        println!("  relay {:.3} us   router {:.3} us", relays[relays.len() - 1], routers[routers.len() - 1]);
    }
    let (relay, router) = (median(&mut relays), median(&mut routers));
    println!("median: relay {relay:.3} us, router {router:.3} us, ratio {:.2}", router / relay);
}

fn relay_round(calls: usize) -> f64 {
    let relay = relay::Relay::start();
    let clients = driver::Clients::connect(Kind::Relay, relay.callers, relay.callees);
    let spent = cost(relay::THREAD, || clients.run(calls));
    relay.stop();
    spent / calls as f64
}

fn router_round(calls: usize) -> f64 {
    let mut config = Config::default_config().expect("the embedded configuration");
    config.listen = vec![Address::Tcp(([127, 0, 0, 1], 0).into())];
    config.workers = 1;
    let server = Server::start(config).expect("a router on a free port");
    let Address::Tcp(address) = server.addresses()[0] else { unreachable!("it listens on TCP") };
    let clients = driver::Clients::connect(Kind::Router, address, address);
    let spent = cost("banyan-shard-0", || clients.run(calls));
    server.shutdown();
    server.wait().expect("a clean end");
    spent / calls as f64
}

/// Microseconds of CPU time that the thread of this name spends while `work` runs.
fn cost(thread: &str, work: impl FnOnce()) -> f64 {
    let before = cpu_time(thread);
    work();
    cpu_time(thread) - before
}

/// CPU time of the thread of this name so far, in microseconds.
fn cpu_time(thread: &str) -> f64 {
    let tasks = fs::read_dir("/proc/self/task").expect("Linux");
    for task in tasks.map(|task| task.expect("a thread").path()) {
        if fs::read_to_string(task.join("comm")).is_ok_and(|name| name.trim() == thread) {
            let times = fs::read_to_string(task.join("schedstat")).expect("scheduler figures");
            let nanoseconds: f64 = times.split(' ').next().and_then(|time| time.parse().ok()).expect("a time");
            return nanoseconds / 1000.0;
        }
    }
    panic!("no thread is called {thread}");
}

fn median(figures: &mut [f64]) -> f64 {
    figures.sort_by(f64::total_cmp);
    figures[figures.len() / 2]
}
