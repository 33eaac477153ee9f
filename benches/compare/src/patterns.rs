//! Prefixes, wildcards and mixed sets beside tries, a router of paths and a registry of topics.

use crate::contest::{contender, contest};
use crate::uris::{Popularity, Texts, mixed as of_mixed, pattern, reaching, seed, sizes};
use banyan::pattern::{Coming, GROUP, PatternMap, Remembered};
use banyan::wamp::Policy;
use patricia_tree::StringPatriciaMap;

/// Questions in one contest.
const ASKED: usize = 200_000;
/// Questions in a turn of mixed ones.
const TURN: usize = 6000;
/// Of these, how many are asked before the clock starts: what a map left in the caches is gone after the other's turn.
const UNTIMED: usize = TURN * 2 / 3;

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
    let mut maps: Vec<_> = sizes.iter().map(|&n| mixed_index(n)).collect();
    for skewed in [true, false] {
        for (which, &n) in sizes.iter().enumerate() {
            let questions = [mixed_questions(n, skewed), mixed_questions(10_000, skewed)];
            let shape = if skewed { "skewed" } else { "uniform" };
            versus(&format!("{n:>9} mixed, {shape}"), &mut maps, [which, 1.min(sizes.len() - 1)], &questions);
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
    Texts::of((0..ASKED * 5).map(|_| {
        let (policy, of_kind) = of_mixed(popular.next());
        reaching(policy, of_kind)
    }))
}

/// Matches of one size, in turns with matches among 10,000 that are asked for in the same way: the best one at a time,
/// the best of questions announced in groups, all.
fn versus(title: &str, maps: &mut [PatternMap<u32>], which: [usize; 2], questions: &[Texts; 2]) {
    let questions = questions.each_ref().map(|questions| questions.iter().collect::<Vec<_>>());
    let mut remembered = [Remembered::default(), Remembered::default()];
    let mut samples: [Vec<f64>; 6] = Default::default();
    let [turns, of_small] = questions.each_ref().map(|questions| questions.chunks_exact(TURN));
    for (number, turn) in turns.zip(of_small).enumerate() {
        let way = number % 3;
        for (side, turn) in [turn.0, turn.1].into_iter().enumerate() {
            let (map, remembered) = (&mut maps[which[side]], &mut remembered[side]);
            let mut ask = |turn: &[&str]| match way {
                0 => turn.iter().map(|uri| best(map, uri)).sum(),
                1 => turn.chunks(GROUP).map(|group| announced(map, group, remembered)).sum(),
                _ => turn.iter().map(|uri| all(map, uri)).sum::<u64>(),
            };
            std::hint::black_box(ask(&turn[..UNTIMED]));
            samples[2 * way + side].push(time(&turn[UNTIMED..], ask));
        }
    }
    let [one, small_one, grouped, small_grouped, every, small_every] = samples.map(crate::contest::median);
    let line = |how, big: f64, small: f64| {
        println!("{title:<25} {how:<20} {big:>6.1} ns; at 10,000 {small:>6.1} ns, x {:.2}", big / small);
    };
    line("best, one at a time", one, small_one);
    line("best, announced", grouped, small_grouped);
    line("all, one at a time", every, small_every);
}

/// Nanoseconds of a question.
fn time(turn: &[&str], mut ask: impl FnMut(&[&str]) -> u64) -> f64 {
    let start = std::time::Instant::now();
    std::hint::black_box(ask(turn));
    start.elapsed().as_nanos() as f64 / turn.len() as f64
}

/// As the router asks: looks ahead for a group, then takes one after the other.
fn announced(map: &mut PatternMap<u32>, group: &[&str], remembered: &mut Remembered) -> u64 {
    if let Ok(group) = <&[&str; GROUP]>::try_from(group) {
        map.foresee(&group.map(Coming::Best), remembered);
    }
    group.iter().map(|uri| best(map, uri)).sum()
}
