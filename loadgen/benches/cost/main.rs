//! What does the generator cost beside the least that any driver could do?
//!
//! The least is the driver of a *bare relay*: one thread with 32 callers and 8 callees that sends frames of the right
//! length over RawSocket sockets, 64 in flight per caller, and looks at nothing but lengths. Its server relays frames
//! from caller i to callee i modulo 8 and the answers back. The generator drives the same server, which then wears a
//! thin skin of WAMP (MessagePack, no matching, no options), with the same sessions, pipeline and 256 octets of payload:
//! it makes each payload anew, verifies each one at the callee and at the caller, and records each latency.
//!
//! Unit: microseconds of CPU time of the driving thread per call, user and system together. Both drive as fast as they
//! can from one core, the server has another; rounds take turns and the medians stand in the last line. Left out:
//! connecting, and the server's time.
//!
//! Run: `cargo bench --bench cost`; `-- CALLS ROUNDS` for other figures than 1000000 and 5. Without `--bench`, as in
//! tests, only that both work is tried.

mod driver;
mod relay;

use std::process::Command;

/// Callers.
const CALLERS: usize = 32;
/// Callees.
const CALLEES: usize = 8;
/// Calls of a caller under way.
const PIPELINE: usize = 64;
/// Octets of payload.
const PAYLOAD: usize = 256;

fn main() {
    let measured = std::env::args().any(|argument| argument == "--bench");
    let mut figures = std::env::args().skip(1).filter_map(|argument| argument.parse().ok());
    let calls = figures.next().unwrap_or(if measured { 1_000_000 } else { 5_000 });
    let rounds = figures.next().unwrap_or(if measured { 5 } else { 1 });
    println!("{calls} calls each round, CPU time of the driving thread per call:");
    let (mut bare, mut generator) = (Vec::new(), Vec::new());
    for _ in 0..rounds {
        bare.push(driver::cost(calls));
        generator.push(generator_cost(calls));
        println!("  bare driver {:.3} us   generator {:.3} us", bare[bare.len() - 1], generator[generator.len() - 1]);
    }
    let (bare, generator) = (median(&mut bare), median(&mut generator));
    println!("median: bare driver {bare:.3} us, generator {generator:.3} us, ratio {:.2}", generator / bare);
}

fn generator_cost(calls: usize) -> f64 {
    let address = relay::start(relay::Skin::Wamp);
    let flags = format!(
        "call --url tcp://{address} --serializer msgpack --callers {CALLERS} --callees {CALLEES} --pipeline {PIPELINE} \
         --payload {PAYLOAD} --count {calls} --quiet --json -"
    );
    let output = Command::new(env!("CARGO_BIN_EXE_banyan-loadgen"))
        .args(flags.split_whitespace())
        .output()
        .expect("the generator starts");
    let outcome: serde_json::Value = serde_json::from_slice(&output.stdout).expect("it writes JSON");
    let measure = &outcome["measures"][0];
    assert_eq!(measure["operations"], calls, "every call is answered: {}", String::from_utf8_lossy(&output.stderr));
    measure["generator"]["cpu_us_per_op"].as_f64().expect("it watches itself")
}

fn median(values: &mut [f64]) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

/// Keeps the calling thread, and what it starts, on one core, if there are two.
fn pin(core: usize) {
    let mut cores = rustix::thread::CpuSet::new();
    cores.set(core);
    if std::thread::available_parallelism().is_ok_and(|cores| cores.get() > 1) {
        // Where it is not allowed, the figures are noisier.
        let _ = rustix::thread::sched_setaffinity(None, &cores);
    }
}
