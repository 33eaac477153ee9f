//! URIs and patterns as they are met: a number makes a text, so ten million of them need no list.
//!
//! Three shapes: `tenant.service.entity.verb`, device ids, deep hierarchies. The popularity of entries is skewed as
//! 1/rank, and who is popular has nothing to do with who came first.

use banyan::wamp::Policy;

const SERVICES: [&str; 10] =
    ["billing", "orders", "catalog", "identity", "shipping", "search", "ledger", "media", "alerts", "reports"];
const ENTITIES: [&str; 10] =
    ["invoice", "customer", "product", "session", "shipment", "query", "account", "picture", "rule", "summary"];
const VERBS: [&str; 10] =
    ["create", "update", "delete", "get", "list", "approve", "on_change", "on_delete", "archive", "restore"];

/// The digits of `i` as words.
fn words(i: u64) -> [&'static str; 3] {
    [SERVICES[i as usize / 100 % 10], ENTITIES[i as usize / 10 % 10], VERBS[i as usize % 10]]
}

/// The `i`th URI: half are services, three in ten devices, two in ten deep; no two are the same.
pub fn uri(i: u64) -> String {
    let [service, entity, verb] = words(i / 10);
    let group = i / 10_000;
    match i % 10 {
        0..=4 => format!("tenant{:05}.{service}.{entity}.{verb}_{}", group, i % 10),
        5..=7 => format!("iot.site{:04}.device{i:09}.{entity}.{verb}", group % 5000),
        _ => format!("org.r{}.b{}.f{}.l{}.{service}.c{i}.{verb}", group % 7, group % 31, group % 101, i % 1009),
    }
}

/// The `i`th entry of a set with this policy; prefixes and wildcards are made of URIs that are far apart.
pub fn pattern(policy: Policy, i: u64) -> String {
    let [service, entity, verb] = words(i);
    let group = i / 1000;
    match (policy, i % 4) {
        (Policy::Exact, _) => uri(i),
        (Policy::Prefix, 0) => format!("tenant{group:05}.{service}.{entity}{}", i % 1000),
        (Policy::Prefix, 1) => format!("iot.site{:04}.device{i:09}.", group % 5000),
        (Policy::Prefix, 2) => format!("org.r{}.b{}.f{}.l{i}.", group % 7, group % 31, group % 101),
        (Policy::Prefix, _) => format!("tenant{group:05}.{service}.{entity}.{verb}."),
        (Policy::Wildcard, 0) => format!("tenant{group:05}.{service}..{verb}{}", i % 1000),
        (Policy::Wildcard, 1) => format!("iot..device{i:09}.{entity}."),
        (Policy::Wildcard, 2) => format!("org.r{}..f{}.l{i}.{service}..{verb}", group % 7, group % 101),
        (Policy::Wildcard, _) => format!("tenant{group:05}..{entity}.{verb}{}", i % 1000),
    }
}

/// A URI that reaches the `i`th entry with this policy.
pub fn reaching(policy: Policy, i: u64) -> String {
    let pattern = pattern(policy, i);
    match policy {
        Policy::Exact => pattern,
        Policy::Prefix => pattern + "tail.of.it",
        Policy::Wildcard => {
            let whole: Vec<_> = pattern.split('.').map(|c| if c.is_empty() { "any07" } else { c }).collect();
            whole.join(".")
        }
    }
}

/// A URI of the same shapes that reaches nothing: no component after the first is in any pattern.
pub fn missing(i: u64) -> String {
    let [service, entity, verb] = words(i);
    match i % 2 {
        0 => format!("tenant{:05}.no{service}.no{entity}.no{verb}{i}", i / 10_000),
        _ => format!("iot.nosite{:04}.nodevice{i:09}.no{entity}.no{verb}", i % 5000),
    }
}

/// Of a set of `n` entries, eight in ten exact: the policy of the `i`th, and which of its kind it is.
pub fn mixed(i: u64) -> (Policy, u64) {
    match i % 10 {
        8 => (Policy::Prefix, i / 10),
        9 => (Policy::Wildcard, i / 10),
        kind => (Policy::Exact, i / 10 * 8 + kind),
    }
}

/// Numbers below `n`, the popular ones often or all alike.
pub struct Popularity {
    random: fastrand::Rng,
    n: u64,
    skewed: bool,
}

impl Popularity {
    pub fn new(seed: u64, n: u64, skewed: bool) -> Popularity {
        Popularity { random: fastrand::Rng::with_seed(seed), n, skewed }
    }

    pub fn next(&mut self) -> u64 {
        if !self.skewed {
            return self.random.u64(0..self.n);
        }
        let rank = (self.random.f64() * ((self.n + 1) as f64).ln()).exp() as u64 - 1;
        // A large prime shares no factor with a round number of entries, so this is a permutation.
        (u128::from(rank.min(self.n - 1)) * 1_000_000_007 % u128::from(self.n)) as u64
    }
}

/// The seed of this run: `BANYAN_SEED`, else 1.
pub fn seed() -> u64 {
    std::env::var("BANYAN_SEED").ok().and_then(|seed| seed.parse().ok()).unwrap_or(1)
}

/// Sizes from 1,000 to 10 million, up to `BANYAN_BENCH_MAX`, else up to `most`.
pub fn sizes(most: u64) -> impl Iterator<Item = u64> {
    let most = std::env::var("BANYAN_BENCH_MAX").ok().and_then(|most| most.parse().ok()).unwrap_or(most);
    [1_000, 10_000, 100_000, 1_000_000, 10_000_000].into_iter().filter(move |&size| size <= most)
}

/// Texts in one buffer, so that reading the questions costs no more than it must.
pub struct Texts {
    buffer: String,
    ends: Vec<u32>,
}

impl Texts {
    pub fn of(texts: impl Iterator<Item = String>) -> Texts {
        let mut all = Texts { buffer: String::new(), ends: vec![0] };
        for text in texts {
            all.buffer.push_str(&text);
            all.ends.push(all.buffer.len() as u32);
        }
        all
    }

    pub fn len(&self) -> usize {
        self.ends.len() - 1
    }

    pub fn iter(&self) -> impl Iterator<Item = &str> {
        self.ends.windows(2).map(|ends| &self.buffer[ends[0] as usize..ends[1] as usize])
    }
}

/// Every mask of 12 components, 100,000 patterns in all, that answer a URI of twelve `a` with nothing: each has its
/// literals in common with the URI up to one that is not, and every literal stands at every position somewhere.
pub fn hostile_masks(i: u64) -> String {
    let (mask, variant) = (i % 4096, i / 4096);
    let literals: Vec<u64> = (0..12).filter(|bit| mask >> bit & 1 == 1).collect();
    let odd = literals.get(variant as usize % literals.len().max(1)).copied();
    let component = |bit: u64| match odd == Some(bit) {
        _ if mask >> bit & 1 == 0 => String::new(),
        true => format!("z{variant}"),
        false => "a".to_string(),
    };
    (0..12).map(component).collect::<Vec<_>>().join(".")
}
