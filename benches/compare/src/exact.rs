//! Exact hits and misses beside hash tables and an immutable automaton.

use crate::contest::{contender, contest};
use crate::counting::weigh;
use crate::uris::{Popularity, Texts, missing, seed, sizes, uri};
use banyan::pattern::{PatternMap, hash::Keys};
use banyan::wamp::Policy;
use hashbrown::HashTable;
use siphasher::sip::SipHasher13;
use std::collections::HashMap;
use std::time::Instant;

type Pair = (Box<str>, u32);

fn table(n: u64, hash: impl Fn(&str) -> u64) -> HashTable<Pair> {
    let mut table = HashTable::new();
    for i in 0..n {
        let uri = uri(i).into_boxed_str();
        table.insert_unique(hash(&uri), (uri, i as u32), |pair: &Pair| hash(&pair.0));
    }
    table
}

fn index(n: u64) -> PatternMap<u32> {
    let mut map = PatternMap::new(seed());
    for i in 0..n {
        let _ = map.insert(Policy::Exact, &uri(i), i as u32);
    }
    map
}

/// An immutable tier: what it holds, and how long a merge into it takes.
fn automaton(n: u64) -> fst::Map<Vec<u8>> {
    let start = Instant::now();
    let mut sorted: Vec<_> = (0..n).map(uri).collect();
    sorted.sort_unstable();
    let sort = start.elapsed();
    let mut builder = fst::MapBuilder::memory();
    (0..).zip(&sorted).for_each(|(i, uri)| builder.insert(uri, i).expect("sorted"));
    let map = builder.into_map();
    println!("{n} fst: made and sorted {sort:?}, built {:?}", start.elapsed() - sort);
    map
}

pub fn run() {
    let keys = Keys::new(seed());
    let ours = |uri: &str| {
        let hash = keys.text(uri.as_bytes());
        u64::from(keys.fragment(hash)) << 32 | hash & 0xffff_ffff
    };
    let sip = SipHasher13::new_with_keys(seed(), 7);
    let sipped = |uri: &str| sip.hash(uri.as_bytes());
    for n in sizes(1_000_000) {
        let (map, map_weight) = weigh(|| index(n));
        let (brown, brown_weight) = weigh(|| table(n, ours));
        // The others are far behind before they no longer fit beside the first two.
        let small = n.min(1_000_000);
        let brown_sip = table(small, sipped);
        let std: HashMap<Box<str>, u32> = (0..small).map(|i| (uri(i).into_boxed_str(), i as u32)).collect();
        let (fst, fst_weight) = weigh(|| automaton(small));
        println!(
            "{n} octets an entry: index {:.1}, hashbrown {:.1}, fst {:.1}",
            map_weight as f64 / n as f64,
            brown_weight as f64 / n as f64,
            fst_weight as f64 / small as f64
        );
        let mut contenders = vec![
            contender("hashbrown, same hash", |uri| find(&brown, ours(uri), uri)),
            contender("index", |uri| map.best(uri).and_then(|key| map.get(key)).map_or(0, |&i| u64::from(i))),
        ];
        if small == n {
            contenders.push(contender("hashbrown, SipHash-1-3", |uri| find(&brown_sip, sipped(uri), uri)));
            contenders.push(contender("std HashMap", |uri| std.get(uri).map_or(0, |&i| u64::from(i))));
            contenders.push(contender("fst", |uri| fst.get(uri).unwrap_or(0)));
        }
        let ask = |skewed| {
            let mut popular = Popularity::new(seed(), n, skewed);
            Texts::of((0..400_000).map(|_| uri(popular.next())))
        };
        contest(&format!("{n} hit, skewed"), &ask(true), &contenders);
        contest(&format!("{n} hit, uniform"), &ask(false), &contenders);
        contest(&format!("{n} miss"), &Texts::of((0..400_000).map(missing)), &contenders);
    }
}

fn find(table: &HashTable<Pair>, hash: u64, uri: &str) -> u64 {
    table.find(hash, |pair| &*pair.0 == uri).map_or(0, |pair| u64::from(pair.1))
}
