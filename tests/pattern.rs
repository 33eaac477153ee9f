//! Matching against its naive twin: small worlds enumerated whole, then random histories.
//!
//! The twin scans every entry and decides by the sentences of the specification (PAT-2, PAT-3, RPP-2 to RPP-4).

#[path = "support/naive.rs"]
mod naive;

use banyan::pattern::{EntryKey, PatternMap};
use banyan::wamp::Policy;
use naive::applies;
use proptest::prelude::*;
use std::cmp::Ordering;

/// Entries in a list, nothing else.
#[derive(Default)]
struct Twin(Vec<(EntryKey, Policy, String)>);

impl Twin {
    fn matches(&self, uri: &str) -> Vec<EntryKey> {
        let mut all: Vec<_> = self.0.iter().filter(|(_, policy, pattern)| applies(*policy, pattern, uri)).collect();
        all.sort_by(|a, b| precedence((a.1, &a.2), (b.1, &b.2)));
        all.into_iter().map(|(key, ..)| *key).collect()
    }

    fn find(&self, policy: Policy, uri: &str) -> Option<EntryKey> {
        self.0.iter().find(|entry| entry.1 == policy && entry.2 == uri).map(|entry| entry.0)
    }
}

/// Of two that match the same URI, the one to call first is `Less`.
fn precedence(a: (Policy, &str), b: (Policy, &str)) -> Ordering {
    (a.0 as u8).cmp(&(b.0 as u8)).then_with(|| match a.0 {
        Policy::Exact => Ordering::Equal,
        Policy::Prefix => b.1.len().cmp(&a.1.len()),
        Policy::Wildcard => literal_runs(b.1).cmp(&literal_runs(a.1)),
    })
}

/// Lengths of the runs of literal components before the first wildcard, between the first and the second, and so on.
fn literal_runs(pattern: &str) -> Vec<usize> {
    let mut runs = vec![0];
    for component in pattern.split('.') {
        if component.is_empty() { runs.push(0) } else { *runs.last_mut().unwrap() += 1 }
    }
    runs
}

fn all_matches<T>(map: &PatternMap<T>, uri: &str) -> Vec<EntryKey> {
    let mut found = Vec::new();
    map.matches(uri, &mut |key| found.push(key));
    found
}

fn same_answers<T>(map: &PatternMap<T>, twin: &Twin, uri: &str) {
    let expected = twin.matches(uri);
    assert_eq!(all_matches(map, uri), expected, "all matches of {uri:?}");
    assert_eq!(map.best(uri), expected.first().copied(), "best match of {uri:?}");
    for policy in Policy::ALL {
        assert_eq!(map.find(policy, uri), twin.find(policy, uri), "identity ({uri:?}, {policy:?})");
    }
}

/// A small generator, so that a seed in a message is enough to repeat a run.
struct Dice(u64);

impl Dice {
    fn below(&mut self, n: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 33) as usize % n
    }

    fn shuffle<T>(&mut self, items: &mut [T]) {
        for i in (1..items.len()).rev() {
            items.swap(i, self.below(i + 1));
        }
    }
}

/// Every URI of 1 to `longest` components over these.
fn every_uri(components: &[&str], longest: usize) -> Vec<String> {
    let mut level: Vec<String> = components.iter().map(|c| c.to_string()).collect();
    let mut all = level.clone();
    for _ in 1..longest {
        level = level.iter().flat_map(|uri| components.iter().map(move |c| format!("{uri}.{c}"))).collect();
        all.extend(level.iter().cloned());
    }
    all
}

/// Every pattern of every policy in, then out, in an order of the dice, with all URIs asked at each tenth.
fn in_and_out(seed: u64, uris: &[String]) {
    println!("seed {seed}");
    let mut dice = Dice(seed);
    let mut wanted: Vec<_> = uris.iter().flat_map(|uri| Policy::ALL.map(|policy| (policy, uri))).collect();
    let (mut map, mut twin) = (PatternMap::new(seed), Twin::default());
    dice.shuffle(&mut wanted);
    for (i, (policy, uri)) in wanted.iter().enumerate() {
        let key = map.insert(*policy, uri, i).unwrap();
        assert_eq!(map.insert(*policy, uri, i), Err(key), "one entry an identity");
        twin.0.push((key, *policy, uri.to_string()));
        if i % (wanted.len() / 10) == 0 {
            uris.iter().for_each(|uri| same_answers(&map, &twin, uri));
        }
    }
    dice.shuffle(&mut twin.0);
    while let Some((key, ..)) = twin.0.pop() {
        assert!(map.remove(key).is_some() && map.remove(key).is_none() && map.get(key).is_none());
        if twin.0.len() % (wanted.len() / 10) == 0 {
            uris.iter().for_each(|uri| same_answers(&map, &twin, uri));
        }
    }
    assert!(map.is_empty());
}

#[test]
fn all_patterns_and_uris_of_five_components_over_a_b_and_empty() {
    let uris = every_uri(&["a", "b", ""], 5);
    assert_eq!(uris.len(), 363);
    (1..=3).for_each(|seed| in_and_out(seed, &uris));
}

#[test]
fn all_patterns_and_uris_whose_components_begin_one_another() {
    let uris = every_uri(&["a", "ab", "abc", "é", ""], 3);
    (1..=3).for_each(|seed| in_and_out(seed, &uris));
}

/// RPP-5: the examples of the specification.
#[test]
fn the_longer_run_of_literals_wins() {
    let mut map = PatternMap::new(1);
    let mut add = |policy, uri| map.insert(policy, uri, ()).unwrap();
    let short = add(Policy::Wildcard, "a1.b2..d4.e5");
    let long = add(Policy::Wildcard, "a1.b2.c33..e5");
    let seven = add(Policy::Wildcard, "a1.b2..d4.e5..g7");
    let other = add(Policy::Wildcard, "a1.b2..d4..f6.g7");
    let prefix = add(Policy::Prefix, "a1.b2.c3");
    let exact = add(Policy::Exact, "a1.b2.c3.d4.e5");
    assert_eq!(all_matches(&map, "a1.b2.c33.d4.e5"), [prefix, long, short]);
    assert_eq!(all_matches(&map, "a1.b2.c88.d4.e5.f6.g7"), [seven, other]);
    assert_eq!(all_matches(&map, "a1.b2.c3.d4.e5"), [exact, prefix, short]);
}

/// PAT-2, D-43: `com.myapp.topic.emergency` reaches `…emergency-low`, not `…emerge`.
#[test]
fn a_prefix_is_a_string_prefix() {
    let mut map = PatternMap::new(1);
    let key = map.insert(Policy::Prefix, "com.myapp.topic.emergency", ()).unwrap();
    for uri in ["com.myapp.topic.emergency", "com.myapp.topic.emergency.11", "com.myapp.topic.emergency-low"] {
        assert_eq!(map.best(uri), Some(key));
    }
    for uri in ["com.myapp.topic.emerge", "com.myapp.topic.", "com.myapp.topic.Emergency", ""] {
        assert_eq!(map.best(uri), None);
    }
}

/// PAT-3: a wildcard stands for exactly one component that is not empty.
#[test]
fn a_wildcard_component_is_never_empty() {
    let mut map = PatternMap::new(1);
    let any = map.insert(Policy::Wildcard, "", ()).unwrap();
    let lead = map.insert(Policy::Wildcard, ".a", ()).unwrap();
    assert_eq!(map.best("x"), Some(any));
    assert_eq!(map.best(""), None);
    assert_eq!(map.best("x.a"), Some(lead));
    assert_eq!(map.best(".a"), None);
    assert_eq!(map.best("a.a.a"), None);
}

#[test]
fn ids_are_within_the_range_of_wamp_and_never_reused() {
    let mut map = PatternMap::new(1);
    let mut seen = std::collections::HashSet::new();
    for round in 0..10_000 {
        let key = map.insert(Policy::Exact, "a", round).unwrap();
        assert!((1..=1 << 53).contains(&key.to_id()) && seen.insert(key.to_id()));
        assert_eq!(EntryKey::from_id(key.to_id()), Some(key));
        assert_eq!(map.remove(key), Some(round));
    }
    for id in seen {
        assert_eq!(map.get(EntryKey::from_id(id).unwrap()), None);
    }
    assert_eq!(EntryKey::from_id(0), None);
    assert_eq!(EntryKey::from_id((1 << 53) + 1), None);
    assert_eq!(EntryKey::from_id(1 << 53).map(EntryKey::to_id), Some(1 << 53));
}

/// Whatever is asked of the map at random.
#[derive(Clone, Debug)]
enum Step {
    Insert(Policy, String),
    Remove(usize),
    Ask(String),
}

fn uri() -> impl Strategy<Value = String> {
    prop_oneof![
        4 => proptest::collection::vec(prop_oneof![Just(""), Just("a"), Just("b"), Just("ab"), Just("abc"), Just("ü")], 1..7)
            .prop_map(|components| components.join(".")),
        1 => "[a.]{0,12}",
        1 => any::<String>(),
    ]
}

fn policy() -> impl Strategy<Value = Policy> {
    proptest::sample::select(&Policy::ALL[..])
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        5 => (policy(), uri()).prop_map(|(policy, uri)| Step::Insert(policy, uri)),
        3 => any::<usize>().prop_map(Step::Remove),
        5 => uri().prop_map(Step::Ask),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn random_histories(seed: u64, steps in proptest::collection::vec(step(), 1..400)) {
        let (mut map, mut twin) = (PatternMap::new(seed), Twin::default());
        for step in steps {
            match step {
                Step::Insert(policy, uri) => match (map.insert(policy, &uri, ()), twin.find(policy, &uri)) {
                    (Ok(key), None) => twin.0.push((key, policy, uri)),
                    (Err(key), Some(there)) => prop_assert_eq!(key, there),
                    other => prop_assert!(false, "{:?}", other),
                },
                Step::Remove(any) if !twin.0.is_empty() => {
                    let (key, ..) = twin.0.swap_remove(any % twin.0.len());
                    prop_assert_eq!(map.remove(key), Some(()));
                }
                Step::Remove(_) => {}
                Step::Ask(uri) => same_answers(&map, &twin, &uri),
            }
        }
        for (key, policy, uri) in &twin.0 {
            let entry = map.entry(*key).unwrap();
            prop_assert_eq!((entry.policy, entry.uri), (*policy, uri.as_str()));
            same_answers(&map, &twin, uri);
        }
        for policy in Policy::ALL {
            prop_assert_eq!(map.len(policy), twin.0.iter().filter(|entry| entry.1 == policy).count());
        }
    }
}

/// What lives from the first page to the last is seen exactly once, whatever comes and goes between pages.
#[test]
fn paging_is_stable_under_churn() {
    for seed in 1..20 {
        println!("seed {seed}");
        let mut dice = Dice(seed);
        let mut map = PatternMap::new(seed);
        let mut live: Vec<_> =
            (0..5000).map(|i| map.insert(Policy::ALL[i % 3], &format!("u{i}"), i).unwrap()).collect();
        dice.shuffle(&mut live);
        let mut volatile = live.split_off(2500);
        let only = [None, Some(Policy::Prefix)][seed as usize % 2];
        let (mut seen, mut after, mut next) = (Vec::new(), None, 5000);
        loop {
            let (limit, budget) = (1 + dice.below(300), 1 + dice.below(600));
            let before = seen.len();
            after = map.scan(only, after, limit, budget, &mut |key| seen.push(key));
            assert!(seen.len() - before <= limit.min(budget));
            if after.is_none() {
                break;
            }
            for _ in 0..dice.below(100) {
                map.remove(volatile.swap_remove(dice.below(volatile.len()))).unwrap();
                volatile.push(map.insert(Policy::ALL[next % 3], &format!("u{next}"), next).unwrap());
                next += 1;
            }
        }
        let stable = |key: &&EntryKey| live.contains(key);
        let mut stable_seen: Vec<_> = seen.iter().filter(stable).copied().collect();
        let mut expected: Vec<_> = live
            .iter()
            .copied()
            .filter(|&key| only.is_none_or(|only| map.entry(key).unwrap().policy == only))
            .collect();
        stable_seen.sort();
        expected.sort();
        assert_eq!(stable_seen, expected);
    }
}

#[test]
fn an_empty_map_has_one_empty_page() {
    let map = PatternMap::<()>::new(1);
    assert_eq!(map.scan(None, None, 10, 10, &mut |_| panic!("nothing there")), None);
    assert_eq!((map.best("a"), map.len_all()), (None, 0));
}
