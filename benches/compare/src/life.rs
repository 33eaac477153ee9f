//! Inserting, what entries weigh, and what is left when they go.

use crate::counting::{asked, resident, weigh};
use crate::uris::{pattern, seed, sizes};
use banyan::pattern::PatternMap;
use banyan::wamp::Policy;
use std::time::{Duration, Instant};

/// As large as what a realm keeps of a registration.
type Value = [u64; 5];

/// Octets an entry at a million, of the index and a reverse list of keys; 40-octet URIs.
pub fn memory() {
    for n in sizes(1_000_000) {
        for policy in Policy::ALL {
            let forty: Vec<String> = (0..n).map(|i| of_forty(policy, i)).collect();
            let mut map = PatternMap::<Value>::new(seed());
            let (keys, weight) = weigh(|| {
                let insert = |uri: &String| map.insert(policy, uri, [0; 5]).expect("distinct");
                forty.iter().map(insert).collect::<Vec<_>>()
            });
            let all = weight as f64 / n as f64;
            let listed = (keys.capacity() * size_of_val(&keys[0])) as f64 / n as f64;
            println!("{n:>9} {policy:<9?} {all:.1} octets an entry: its value 40, a list of keys {listed:.0}");
        }
    }
}

/// A URI or pattern of 40 octets; of prefixes, one in four goes on after a dot.
fn of_forty(policy: Policy, i: u64) -> String {
    match (policy, i % 4) {
        (Policy::Exact, _) => format!("com.tenant{:06}.service.entity{:06}.verb", i / 1000, i),
        (Policy::Prefix, 0) => format!("com.tenant{:06}.service.entity{:06}.verb", i / 1000, i),
        (Policy::Prefix, _) => format!("com.tenant{:06}.service.entity{:06}.ver.", i / 1000, i),
        (Policy::Wildcard, _) => format!("com.tenant{:06}..entity{:06}.verb.of.them", i / 1000, i),
    }
}

/// Times that as many inserts are timed.
const ATTEMPTS: usize = 5;

/// How long something takes, time after time, on the thread's own clock, which stops while others of this machine have
/// the processor.
struct Histogram([u64; 40]);

impl Histogram {
    fn time(&mut self, what: impl FnOnce()) -> Duration {
        let start = own_time();
        what();
        let took = own_time().saturating_sub(start);
        self.0[(128 - (took.as_nanos() | 1).leading_zeros()) as usize] += 1;
        took
    }

    fn print(&self) {
        for (power, count) in self.0.into_iter().enumerate().filter(|&(_, count)| count > 0) {
            println!("  under {:>11?} {count:>9}", Duration::from_nanos(1 << power));
        }
    }
}

/// How long inserts take, one by one, up to the largest size; and how many a second by the wall clock, without the other
/// clock. Each attempt begins when the allocator has given back what the one before left.
pub fn inserts() {
    let n = sizes(1_000_000).last().unwrap_or(1000);
    for policy in Policy::ALL {
        let (mut histogram, mut worst) = (Histogram([0; 40]), [Duration::ZERO; ATTEMPTS]);
        for worst in &mut worst {
            let mut map = PatternMap::<Value>::new(seed());
            for_each_text(n, policy, |text| {
                let took = histogram.time(|| _ = map.insert(policy, text, [0; 5]));
                *worst = took.max(*worst);
            });
            drop(map);
            give_back();
        }
        println!("{policy:?}: {ATTEMPTS} times {n} inserts, the worst of each {worst:?}");
        histogram.print();
        rate(n, policy);
        give_back();
    }
}

/// What the slowest of inserts is to be held against: how long it takes on this machine to fill a page of fresh memory, and
/// nothing else.
pub fn pages() {
    const PAGE: usize = 4096;
    const AT_ONCE: usize = 1 << 18;
    const TIMES: usize = 100;
    let (mut histogram, mut worst) = (Histogram([0; 40]), Duration::ZERO);
    for _ in 0..TIMES {
        let mut memory = Vec::<u8>::with_capacity(AT_ONCE * PAGE);
        for page in 1..=AT_ONCE {
            worst = worst.max(histogram.time(|| memory.resize(page * PAGE, 1)));
        }
        std::hint::black_box(&memory);
        drop(memory);
        give_back();
    }
    println!("{} pages of fresh memory, the worst {worst:?}", TIMES * AT_ONCE);
    histogram.print();
}

fn rate(n: u64, policy: Policy) {
    let mut map = PatternMap::<Value>::new(seed());
    let (mut turns, mut since, mut inserted) = (Vec::new(), Duration::ZERO, 0);
    for_each_text(n, policy, |text| {
        let start = Instant::now();
        let _ = map.insert(policy, text, [0; 5]);
        (since, inserted) = (since + start.elapsed(), inserted + 1);
        if inserted % 1000 == 0 {
            turns.push(std::mem::take(&mut since).as_nanos() as f64 / 1000.0);
        }
    });
    let median = crate::contest::median(turns.split_off(turns.len() / 2));
    println!("  median of the second half {median:.0} ns, {:.2} million/s, clock included", 1000.0 / median);
}

fn for_each_text(n: u64, policy: Policy, mut each: impl FnMut(&str)) {
    for first in (0..n).step_by(1000) {
        let texts: Vec<String> = (first..(first + 1000).min(n)).map(|i| pattern(policy, i)).collect();
        texts.iter().for_each(|text| each(text));
    }
}

fn own_time() -> Duration {
    let time = rustix::time::clock_gettime(rustix::time::ClockId::ThreadCPUTime);
    Duration::new(time.tv_sec as u64, time.tv_nsec as u32)
}

/// What is resident before, with and after a million distinct URIs of each policy.
pub fn removal() {
    let mut map = PatternMap::<Value>::new(seed());
    let n = 1_000_000;
    for policy in Policy::ALL {
        let before = (resident(), asked());
        let keys: Vec<_> = (0..n).filter_map(|i| map.insert(policy, &pattern(policy, i), [0; 5]).ok()).collect();
        let full = (resident(), asked());
        for key in keys {
            map.remove(key);
        }
        give_back();
        let after = (resident(), asked());
        let mega = |octets: usize| octets as f64 / 1e6;
        println!(
            "{policy:<9?} resident before {:.1} MB, with {n} {:.1} MB, after {:.1} MB; asked {:.1}, {:.1}, {:.1}",
            mega(before.0),
            mega(full.0),
            mega(after.0),
            mega(before.1),
            mega(full.1),
            mega(after.1)
        );
    }
}

/// The allocator gives back what has been free for a while, when it is next asked for something.
fn give_back() {
    for _ in 0..50 {
        std::thread::sleep(Duration::from_millis(20));
        let some: Vec<_> = (1..200).map(|i| vec![1u8; i * 100]).collect();
        std::hint::black_box(some);
    }
}
