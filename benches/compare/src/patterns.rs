//! Prefixes, wildcards and mixed sets beside tries, a router of paths and a registry of topics.

use crate::contest::{contender, contest};
use crate::uris::{Popularity, Texts, mixed as of_mixed, pattern, reaching, seed, sizes};
use banyan::pattern::PatternMap;
use banyan::wamp::Policy;
use patricia_tree::StringPatriciaMap;

/// Questions in one contest.
const ASKED: usize = 200_000;

fn index(n: u64, policy: Policy) -> PatternMap<u32> {
    let mut map = PatternMap::new(seed());
    for i in 0..n {
        let _ = map.insert(policy, &pattern(policy, i), i as u32);
    }
    map
}

fn questions(n: u64, policy: Policy) -> Texts {
    let mut popular = Popularity::new(seed(), n, true);
    Texts::of((0..ASKED).map(|_| reaching(policy, popular.next())))
}

fn best(map: &PatternMap<u32>, uri: &str) -> u64 {
    map.best(uri).map_or(0, |key| key.to_id())
}

fn all(map: &PatternMap<u32>, uri: &str) -> u64 {
    let mut sum = 0;
    map.matches(uri, &mut |key| sum += key.to_id());
    sum
}

pub fn prefix() {
    for n in sizes(1_000_000) {
        let map = index(n, Policy::Prefix);
        let mut patricia = StringPatriciaMap::new();
        let list: Vec<_> = (0..n).map(|i| pattern(Policy::Prefix, i)).collect();
        for (prefix, i) in list.iter().zip(0..) {
            patricia.insert(prefix, i);
        }
        let longest = |uri: &str| list.iter().filter(|prefix| uri.starts_with(*prefix)).map(String::len).max();
        let questions = questions(n, Policy::Prefix);
        let mut contenders = vec![
            contender("index", |uri| best(&map, uri)),
            contender("patricia_tree", |uri| patricia.get_longest_common_prefix(uri).map_or(0, |(_, &i)| i)),
        ];
        if n <= 1000 {
            contenders.push(contender("linear scan", |uri| longest(uri).unwrap_or(0) as u64));
        }
        contest(&format!("{n} longest prefix"), &questions, &contenders);
        let contenders = [
            contender("index", |uri| all(&map, uri)),
            contender("patricia_tree", |uri| patricia.common_prefixes(uri).map(|(_, i)| i).sum()),
        ];
        contest(&format!("{n} all prefixes"), &questions, &contenders);
    }
}

/// The same pattern as `matchit` and as `quill` write it.
fn translated(pattern: &str, wildcard: impl Fn(usize) -> String) -> String {
    let component = |(at, component): (usize, &str)| if component.is_empty() { wildcard(at) } else { component.into() };
    pattern.split('.').enumerate().map(component).collect::<Vec<_>>().join("/")
}

fn fits(pattern: &str, uri: &str) -> bool {
    let same = |(p, u): (&str, &str)| if p.is_empty() { !u.is_empty() } else { p == u };
    pattern.split('.').count() == uri.split('.').count() && pattern.split('.').zip(uri.split('.')).all(same)
}

pub fn wildcard() {
    for n in sizes(100_000) {
        let map = index(n, Policy::Wildcard);
        let list: Vec<_> = (0..n).map(|i| pattern(Policy::Wildcard, i)).collect();
        let (mut matchit, quill) = (matchit::Router::new(), quill::Registry::new());
        for (i, pattern) in list.iter().enumerate() {
            let path = format!("/{}", translated(pattern, |at| format!("{{p{at}}}")));
            matchit.insert(path, i as u64).expect("no conflict");
            quill.subscribe(quill::Pattern::parse(&translated(pattern, |_| "+".into())).expect("valid"), i as u64);
        }
        let questions = questions(n, Policy::Wildcard);
        let path = |uri: &str| format!("/{}", uri.replace('.', "/"));
        let mut contenders = vec![
            contender("index", |uri| best(&map, uri)),
            contender("matchit (and making its path)", |uri| matchit.at(&path(uri)).map_or(0, |found| *found.value)),
        ];
        if n <= 1000 {
            contenders.push(contender("linear scan", |uri| list.iter().filter(|p| fits(p, uri)).count() as u64));
        }
        contest(&format!("{n} best wildcard"), &questions, &contenders);
        let topic = |uri: &str| quill::Topic::parse(&uri.replace('.', "/")).expect("valid");
        let contenders = [
            contender("index", |uri| all(&map, uri)),
            contender("quill-pubsub (and its topic)", |uri| quill.matching(&topic(uri)).into_iter().sum()),
        ];
        contest(&format!("{n} all wildcards"), &questions, &contenders);
    }
}

/// Eight in ten exact, one prefix, one wildcard. The sizes take turns, so that their ratio is of one time.
pub fn mixed() {
    let sizes: Vec<u64> = sizes(1_000_000).collect();
    let maps: Vec<_> = sizes.iter().map(|&n| mixed_index(n)).collect();
    for skewed in [true, false] {
        for (&n, map) in sizes.iter().zip(&maps) {
            let small = &maps[1.min(maps.len() - 1)];
            let questions = mixed_questions(n, skewed);
            let of_small = mixed_questions(10_000, skewed);
            let shape = if skewed { "skewed" } else { "uniform" };
            versus(&format!("mixed, {shape}"), (n, map, &questions), (small, &of_small));
        }
    }
}

fn mixed_index(n: u64) -> PatternMap<u32> {
    let mut map = PatternMap::new(seed());
    for i in 0..n {
        let (policy, of_kind) = of_mixed(i);
        let _ = map.insert(policy, &pattern(policy, of_kind), i as u32);
    }
    map
}

fn mixed_questions(n: u64, skewed: bool) -> Texts {
    let mut popular = Popularity::new(seed(), n, skewed);
    Texts::of((0..ASKED * 2).map(|_| {
        let (policy, of_kind) = of_mixed(popular.next());
        reaching(policy, of_kind)
    }))
}

/// Best and all matches of one size, in turns with best matches among 10,000.
fn versus(
    title: &str,
    (n, map, questions): (u64, &PatternMap<u32>, &Texts),
    (small, of_small): (&PatternMap<u32>, &Texts),
) {
    let time = |map: &PatternMap<u32>, turn: &[&str], ask: fn(&PatternMap<u32>, &str) -> u64| {
        let start = std::time::Instant::now();
        for uri in turn {
            std::hint::black_box(ask(map, uri));
        }
        start.elapsed().as_nanos() as f64 / turn.len() as f64
    };
    let (questions, of_small): (Vec<_>, Vec<_>) = (questions.iter().collect(), of_small.iter().collect());
    let (mut bests, mut alls, mut smalls) = (Vec::new(), Vec::new(), Vec::new());
    for (turn, of_small) in questions.chunks(2000).zip(of_small.chunks(2000)) {
        let (first, second) = turn.split_at(turn.len() / 2);
        bests.push(time(map, first, best));
        alls.push(time(map, second, all));
        smalls.push(time(small, of_small, best));
    }
    let (best, all, small) =
        (crate::contest::median(bests), crate::contest::median(alls), crate::contest::median(smalls));
    println!(
        "{n:>9} {title:<16} best {best:>7.1} ns, all {all:>7.1} ns; best at 10,000 {small:>6.1} ns, x {:.2}",
        best / small
    );
}
