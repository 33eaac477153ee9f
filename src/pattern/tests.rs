//! What only the inside can bring about: hashes that collide. Answers must not depend on them.

use super::hash::Keys;
use super::{Coming, EntryKey, GROUP, PatternMap, Remembered};
use crate::wamp::Policy;

fn everything<T>(map: &PatternMap<T>, uri: &str) -> (Vec<EntryKey>, Option<EntryKey>, [Option<EntryKey>; 3]) {
    let mut matches = Vec::new();
    map.matches(uri, &mut |key| matches.push(key));
    (matches, map.best(uri), Policy::ALL.map(|policy| map.find(policy, uri)))
}

fn uri(random: &mut fastrand::Rng) -> String {
    let count = random.usize(1..7);
    (0..count).map(|_| ["", "a", "b", "ab", "abc", "abcd"][random.usize(0..6)]).collect::<Vec<_>>().join(".")
}

/// A map whose hashes keep few bits does what a map with all of them does, which has a naive twin elsewhere.
#[test]
fn colliding_hashes_change_no_answer() {
    for (seed, kept) in [(1, 0), (2, 1), (3, 0b111), (4, 0xff), (5, 0)] {
        println!("seed {seed}, kept bits {kept:#b}");
        let mut random = fastrand::Rng::with_seed(seed);
        let mut weak = PatternMap::with_keys(Keys::weak(seed, kept));
        let mut strong = PatternMap::new(seed);
        let mut live = Vec::new();
        for step in 0..4000 {
            let uri = uri(&mut random);
            match random.usize(0..4) {
                0 if !live.is_empty() => {
                    let key = live.swap_remove(random.usize(0..live.len()));
                    assert_eq!(weak.remove(key), strong.remove(key));
                }
                0 | 1 => {
                    let policy = Policy::ALL[random.usize(0..3)];
                    let key = strong.insert(policy, &uri, step);
                    assert_eq!(weak.insert(policy, &uri, step), key);
                    live.extend(key);
                }
                _ => assert_eq!(everything(&weak, &uri), everything(&strong, &uri), "{uri:?} at step {step}"),
            }
        }
    }
}

/// Whatever looking ahead is asked for, whatever of that is asked, and however hashes collide: answers stay those of a
/// map that does not look ahead.
#[test]
fn looking_ahead_changes_no_answer() {
    for (seed, kept) in [(1, u64::MAX), (2, 0), (3, 0b111), (4, 0xff)] {
        println!("seed {seed}, kept bits {kept:#b}");
        let mut random = fastrand::Rng::with_seed(seed);
        let mut ahead = PatternMap::with_keys(Keys::weak(seed, kept));
        let mut plain = PatternMap::with_keys(Keys::weak(seed, kept));
        let mut remembered = Remembered::default();
        for step in 0..3000 {
            let uris: Vec<_> = (0..random.usize(1..=GROUP)).map(|_| uri(&mut random)).collect();
            let policies: Vec<_> =
                uris.iter().map(|_| random.choice([None, Some(0), Some(1), Some(2)]).flatten()).collect();
            let coming = |(uri, policy): (_, &Option<usize>)| match *policy {
                Some(policy) => Coming::Entry(Policy::ALL[policy], uri),
                None if uri.len() % 2 == 0 => Coming::Best(uri),
                None => Coming::All(uri),
            };
            let coming: Vec<_> = uris.iter().map(String::as_str).zip(&policies).map(coming).collect();
            assert!(ahead.foresee_all(&coming, &mut remembered) <= coming.len());
            for coming in coming {
                match coming {
                    _ if random.u8(..) < 32 => {}
                    Coming::Best(uri) if random.bool() => assert_eq!(ahead.best(uri), plain.best(uri), "{uri:?}"),
                    Coming::Best(uri) | Coming::All(uri) => {
                        assert_eq!(everything(&ahead, uri), everything(&plain, uri), "{uri:?}")
                    }
                    Coming::Entry(policy, uri) => {
                        let key = ahead.insert(policy, uri, step);
                        assert_eq!(key, plain.insert(policy, uri, step));
                        if let Err(key) = key {
                            assert_eq!(ahead.remove(key), plain.remove(key));
                        }
                    }
                }
            }
        }
    }
}

#[test]
fn what_was_foreseen_lately_is_not_new() {
    let mut map = PatternMap::<()>::new(1);
    let mut remembered = Remembered::default();
    let coming = [Coming::Best("a.b"), Coming::Best("a.c"), Coming::Best("a.b")];
    assert_eq!(map.foresee_all(&coming, &mut remembered), 2);
    assert_eq!(map.foresee_all(&coming, &mut remembered), 0);
    assert_eq!(map.foresee(&coming, &mut Remembered::default()), 0, "a small map is not far");
}

/// Answers that were worked out ahead are given in their order, each once; a change of the map takes them all back.
#[test]
fn answers_are_ready_until_the_map_changes() {
    let mut map = PatternMap::new(1);
    let exact = map.insert(Policy::Exact, "a.b", ()).unwrap();
    let prefix = map.insert(Policy::Prefix, "a.", ()).unwrap();
    let coming = [Coming::Best("a.b"), Coming::Best("x"), Coming::All("a.b"), Coming::Best("a.c")];
    let ready = |map: &PatternMap<()>| map.answers.len();
    let matches = |map: &PatternMap<()>, uri| {
        let mut found = Vec::new();
        map.matches(uri, &mut |key| found.push(key));
        found
    };
    map.foresee_all(&coming, &mut Remembered::default());
    assert_eq!((ready(&map), map.best("a.b"), ready(&map)), (4, Some(exact), 3));
    assert_eq!((matches(&map, "a.b"), ready(&map)), (vec![exact, prefix], 1), "the one for x is overtaken");
    assert_eq!((map.best("a.c"), ready(&map)), (Some(prefix), 0));

    map.foresee_all(&coming, &mut Remembered::default());
    for left in [3, 2, 1, 0, 0] {
        assert_eq!((map.best("never announced"), ready(&map)), (None, left), "each costs the oldest answer");
    }

    map.foresee_all(&coming, &mut Remembered::default());
    let other = map.insert(Policy::Exact, "a.c", ()).unwrap();
    assert_eq!((ready(&map), map.best("a.c")), (0, Some(other)));
    map.foresee_all(&coming, &mut Remembered::default());
    map.remove(exact);
    assert_eq!((ready(&map), map.best("a.b")), (0, Some(prefix)));
}

/// Lengths of rests beyond what a mark can say are still found, and more prefixes of one length than a mark counts.
#[test]
fn marks_overflow_into_others() {
    let mut map = PatternMap::new(1);
    let long = "x".repeat(5000);
    let keys: Vec<_> = [4093, 4094, 4095, 4096, 4999]
        .map(|length| map.insert(Policy::Prefix, &format!("a.{}", &long[..length]), ()).unwrap())
        .into_iter()
        .rev()
        .collect();
    assert_eq!(everything(&map, &format!("a.{long}.b")).0, keys);
    keys.iter().skip(1).for_each(|key| map.remove(*key).unwrap());
    assert_eq!(everything(&map, &format!("a.{long}")).0, keys[..1]);

    let numbered = |i: u32| format!("b.{i:06}");
    let many: Vec<_> = (0..600_000).map(|i| map.insert(Policy::Prefix, &numbered(i), ()).unwrap()).collect();
    many.iter().skip(1).for_each(|key| map.remove(*key).unwrap());
    assert_eq!(map.best(&numbered(0)), Some(many[0]));
    map.remove(many[0]);
    assert_eq!((map.best(&numbered(0)), map.len(Policy::Prefix)), (None, 1));
}

/// The same texts hash alike and others do not, whatever their length is to words and blocks.
#[test]
fn texts_of_every_length_are_told_apart() {
    let keys = Keys::new(1);
    let mut seen = std::collections::HashSet::new();
    for length in 0..400 {
        assert!(seen.insert(keys.text(&vec![0; length])), "zeros, {length}");
        for at in 0..length {
            let mut text = vec![0; length];
            text[at] = 1;
            assert!(seen.insert(keys.text(&text)), "length {length}, one at {at}");
            assert_eq!(keys.text(&text), keys.clone().text(&text));
        }
    }
}
