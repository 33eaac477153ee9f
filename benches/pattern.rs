//! How long does one operation on the index take, at each size and for each shape of pattern?
//!
//! Unit: time of one operation; a bench asks a different URI each time, popular ones more often. Left out: what a
//! realm does with an entry; alternatives that are trees, in `benches/compare`. `BANYAN_SEED` is the seed,
//! `BANYAN_BENCH_MAX` the largest size, 100,000 if not given.

#[path = "support/uris.rs"]
mod uris;

use banyan::pattern::{Coming, EntryKey, GROUP, PatternMap, Remembered, hash::Keys};
use banyan::wamp::Policy;
use criterion::measurement::WallTime;
use criterion::{BenchmarkGroup, Criterion, Throughput};
use hashbrown::HashTable;
use std::collections::{HashMap, VecDeque};
use std::hint::black_box;
use std::time::{Duration, Instant};
use uris::{Popularity, Texts, hostile_masks, missing, mixed, pattern, reaching, seed, sizes, uri};

type Map = PatternMap<u32>;

/// Questions before they begin again: so many that what they read does not stay in the caches.
const ASKED: u64 = 500_000;
/// Entries that come at once, and that go.
const CHANGED: u64 = 1000;

fn filled(entries: impl Iterator<Item = (Policy, String)>) -> Map {
    let mut map = PatternMap::new(seed());
    for (i, (policy, uri)) in (0..).zip(entries) {
        let _ = map.insert(policy, &uri, i);
    }
    map
}

fn of_policy(n: u64, policy: Policy) -> Map {
    filled((0..n).map(|i| (policy, pattern(policy, i))))
}

fn asked(n: u64, question: impl Fn(u64) -> String) -> Texts {
    let mut popular = Popularity::new(seed(), n, true);
    Texts::of((0..ASKED).map(|_| question(popular.next())))
}

/// One question after the other, from the beginning when they are used up.
fn ask(group: &mut BenchmarkGroup<WallTime>, name: &str, n: u64, questions: &Texts, answer: impl Fn(&str) -> u64) {
    let questions: Vec<&str> = questions.iter().collect();
    let mut next = questions.iter().cycle();
    group.throughput(Throughput::Elements(1));
    group.bench_function(format!("{name}/{n}"), |bencher| {
        bencher.iter(|| next.next().map(|uri| black_box(answer(uri))));
    });
}

fn best(map: &Map, uri: &str) -> u64 {
    map.best(uri).map_or(0, |key| key.to_id())
}

fn all(map: &Map, uri: &str) -> u64 {
    let mut sum = 0;
    map.matches(uri, &mut |key| sum += key.to_id());
    sum
}

fn exact(group: &mut BenchmarkGroup<WallTime>, n: u64) {
    let map = of_policy(n, Policy::Exact);
    let keys = Keys::new(seed());
    let hash = |uri: &str| {
        let hash = keys.text(uri.as_bytes());
        u64::from(keys.fragment(hash)) << 32 | hash & 0xffff_ffff
    };
    let mut brown = HashTable::<(Box<str>, u32)>::new();
    for i in 0..n {
        let uri = uri(i).into_boxed_str();
        brown.insert_unique(hash(&uri), (uri, i as u32), |pair| hash(&pair.0));
    }
    let std: HashMap<Box<str>, u32> = (0..n).map(|i| (uri(i).into_boxed_str(), i as u32)).collect();
    for (name, questions) in [("hit", asked(n, uri)), ("miss", asked(n, missing))] {
        ask(group, &format!("exact {name}/index"), n, &questions, |uri| best(&map, uri));
        ask(group, &format!("exact {name}/hashbrown"), n, &questions, |uri| {
            brown.find(hash(uri), |pair| &*pair.0 == uri).map_or(0, |pair| u64::from(pair.1))
        });
        ask(group, &format!("exact {name}/std"), n, &questions, |uri| std.get(uri).map_or(0, |&i| u64::from(i)));
    }
}

fn patterns(group: &mut BenchmarkGroup<WallTime>, n: u64) {
    for (policy, first, every) in
        [(Policy::Prefix, "prefix longest", "prefix all"), (Policy::Wildcard, "wildcard best", "wildcard all")]
    {
        let map = of_policy(n, policy);
        let questions = asked(n, |i| reaching(policy, i));
        ask(group, &format!("{first}/index"), n, &questions, |uri| best(&map, uri));
        ask(group, &format!("{every}/index"), n, &questions, |uri| all(&map, uri));
        if n <= 1000 {
            let list: Vec<_> = (0..n).map(|i| pattern(policy, i)).collect();
            let matches = |pattern: &&String, uri: &str| linear(policy, pattern, uri);
            ask(group, &format!("{every}/linear"), n, &questions, |uri| {
                list.iter().filter(|pattern| matches(pattern, uri)).count() as u64
            });
        }
    }
    let of_mixed = |i| {
        let (policy, of_kind) = mixed(i);
        (policy, pattern(policy, of_kind))
    };
    let mut map = filled((0..n).map(of_mixed));
    let questions = asked(n, |i| {
        let (policy, of_kind) = mixed(i);
        reaching(policy, of_kind)
    });
    ask(group, "mixed best/index", n, &questions, |uri| best(&map, uri));
    ask(group, "mixed all/index", n, &questions, |uri| all(&map, uri));
    announced(group, &mut map, n, &questions);
}

/// As the router asks: looks ahead for a group, then takes one question after the other. Unit: a group.
fn announced(group: &mut BenchmarkGroup<WallTime>, map: &mut Map, n: u64, questions: &Texts) {
    let coming: Vec<_> = questions.iter().map(Coming::Best).collect();
    let mut groups = coming.chunks_exact(GROUP).cycle();
    let mut remembered = Remembered::default();
    group.throughput(Throughput::Elements(GROUP as u64));
    group.bench_function(format!("mixed best, announced in groups of {GROUP}/index/{n}"), |bencher| {
        bencher.iter(|| {
            let coming = groups.next().unwrap_or_default();
            map.foresee(coming, &mut remembered);
            coming.iter().map(|coming| black_box(best(map, coming.uri()))).sum::<u64>()
        });
    });
}

fn linear(policy: Policy, pattern: &str, uri: &str) -> bool {
    if policy == Policy::Prefix {
        return uri.starts_with(pattern);
    }
    let (mut patterns, mut components) = (pattern.split('.'), uri.split('.'));
    loop {
        match (patterns.next(), components.next()) {
            (None, None) => return true,
            (Some(pattern), Some(component)) if pattern.is_empty() || pattern == component => {}
            _ => return false,
        }
    }
}

/// A map of constant size whose entries come and go: the new ones were never there, the oldest go.
struct Churn {
    map: Map,
    policy: Policy,
    /// The number of the next new entry.
    next: u64,
    /// What will go, in this order.
    oldest: VecDeque<EntryKey>,
}

impl Churn {
    /// The first entries go in a random order, so that no two of them lie together.
    fn new(n: u64, policy: Policy) -> Churn {
        let mut map = PatternMap::new(seed());
        let mut keys: Vec<_> = (0..n).filter_map(|i| map.insert(policy, &pattern(policy, i), 0).ok()).collect();
        fastrand::Rng::with_seed(seed()).shuffle(&mut keys);
        Churn { map, policy, next: n, oldest: keys.into() }
    }

    /// A thousand come, then a thousand go: how long each takes.
    fn turn(&mut self) -> [Duration; 2] {
        let uris: Vec<_> = (self.next..self.next + CHANGED).map(|i| pattern(self.policy, i)).collect();
        self.next += CHANGED;
        let start = Instant::now();
        let come: Vec<_> = uris.iter().filter_map(|uri| self.map.insert(self.policy, uri, 0).ok()).collect();
        let inserting = start.elapsed();
        self.oldest.extend(come);
        let go: Vec<_> = self.oldest.drain(..CHANGED as usize).collect();
        let start = Instant::now();
        black_box(go.into_iter().filter_map(|key| self.map.remove(key)).count());
        [inserting, start.elapsed()]
    }
}

fn change(group: &mut BenchmarkGroup<WallTime>, n: u64) {
    for policy in Policy::ALL {
        let mut churn = Churn::new(n, policy);
        group.throughput(Throughput::Elements(CHANGED));
        for (which, name) in ["insert", "remove"].into_iter().enumerate() {
            group.bench_function(format!("{name} 1000 {}/{n}", policy.as_str()), |bencher| {
                bencher.iter_custom(|times| (0..times).map(|_| churn.turn()[which]).sum());
            });
        }
    }
}

fn hostile(group: &mut BenchmarkGroup<WallTime>) {
    let map = filled((0..104_400).map(|i| (Policy::Wildcard, hostile_masks(i))));
    let questions = Texts::of(std::iter::once(["a"; 12].join(".")));
    ask(group, "hostile masks best/index", map.len_all() as u64, &questions, |uri| best(&map, uri));
}

fn pattern_map(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("pattern");
    group.sample_size(20).warm_up_time(Duration::from_millis(300)).measurement_time(Duration::from_secs(1));
    for n in sizes(100_000) {
        exact(&mut group, n);
        patterns(&mut group, n);
    }
    hostile(&mut group);
    for n in sizes(100_000) {
        change(&mut group, n);
    }
}

fn main() {
    let mut criterion = Criterion::default().configure_from_args();
    pattern_map(&mut criterion);
    criterion.final_summary();
}
