//! The worst that could be thought of. Unit: microseconds of one best match; the worst of many is the least of
//! several attempts, as anything else on the machine only adds.

use crate::uris::{hostile_masks, seed};
use banyan::pattern::PatternMap;
use banyan::wamp::Policy;
use std::hint::black_box;
use std::time::Instant;

pub fn run() {
    let twelve = ["a"; 12].join(".");
    let masks = |n| made(Policy::Wildcard, (0..n).map(hostile_masks));
    report("every mask of 12 components, dead ends", &masks(104_400), &twelve);
    report("the same, sieves full", &masks(1_638_400), &twelve);
    let random = made(Policy::Wildcard, (0..140_000).map(random_masks));
    report("every mask of 12 components, random", &random, &twelve);
    let a = vec!["a"; 1000];
    let thousand = a.join(".");
    let beside = (1..1000).map(|n| a[..n].join(".") + ".b.");
    report("1,000 components, a prefix beside each", &made(Policy::Prefix, beside), &thousand);
    let masks = (0..48).map(|i| (0..1000).map(|at| if at == i { "" } else { "a" }).collect::<Vec<_>>().join(".") + "b");
    report("1,000 components, 48 masks", &made(Policy::Wildcard, masks), &thousand);
    let octets = "x".repeat(4000);
    let beside = (1..4000).map(|n| "x".repeat(n) + "y");
    report("4,000 octets, a prefix beside each", &made(Policy::Prefix, beside), &octets);
    let every = (1..4000).map(|n| "x".repeat(n));
    report("4,000 octets, each a prefix", &made(Policy::Prefix, every), &octets);
}

fn made(policy: Policy, patterns: impl Iterator<Item = String>) -> PatternMap<()> {
    let mut map = PatternMap::new(seed());
    for pattern in patterns {
        let _ = map.insert(policy, &pattern, ());
    }
    map
}

fn random_masks(i: u64) -> String {
    let mut random = fastrand::Rng::with_seed(seed() ^ i << 20);
    (0..12).map(|_| if random.bool() { "" } else { ["a", "b"][random.usize(..2)] }).collect::<Vec<_>>().join(".")
}

fn report(title: &str, map: &PatternMap<()>, uri: &str) {
    let (mut best, mut all) = (f64::MAX, f64::MAX);
    let mut found = 0;
    for _ in 0..200 {
        let start = Instant::now();
        black_box(map.best(uri));
        best = best.min(start.elapsed().as_nanos() as f64 / 1000.0);
        let start = Instant::now();
        found = 0;
        map.matches(uri, &mut |_| found += 1);
        all = all.min(start.elapsed().as_nanos() as f64 / 1000.0);
    }
    println!("{title:<54} {:>9} entries: best {best:>7.2} us, all {all:>7.2} us ({found} found)", map.len_all());
}
