//! Static authorization rules against their naive twin, which enumerates what patterns can match.

#[path = "support/naive.rs"]
mod naive;

use banyan::pattern::rules::{Action, Coverage, Rule, RuleSet, Verdict, starred};
use banyan::wamp::Policy;
use naive::applies;
use std::cmp::Reverse;

const ACTIONS: [Action; 4] = [Action::Register, Action::Call, Action::Subscribe, Action::Publish];

fn rule(policy: Policy, uri: &str, allow: &[Action]) -> Rule {
    Rule { uri: uri.into(), policy, allow: allow.to_vec(), disclose_caller: false, disclose_publisher: false }
}

fn allowed(rules: &[(Policy, &str, &[Action])], action: Action, uri: &str, policy: Policy) -> bool {
    let rules = rules.iter().map(|(policy, uri, allow)| rule(*policy, uri, allow)).collect();
    RuleSet::compile(rules).judge(action, uri, policy).allowed
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

/// Patterns over {a, b, empty}, and which URIs of a wider world each matches: that world has a stranger to every
/// component, one that goes on where a pattern ends, and more components than any pattern.
struct World {
    patterns: Vec<(Policy, String)>,
    reach: Vec<Vec<u64>>,
}

impl World {
    fn new(longest: usize) -> World {
        let uris = every_uri(&["", "a", "b", "z", "az", "bz"], longest + 1);
        let patterns: Vec<_> = every_uri(&["a", "b", ""], longest)
            .into_iter()
            .flat_map(|uri| Policy::ALL.map(|policy| (policy, uri.clone())))
            .collect();
        let word = |policy: Policy, pattern: &str, uris: &[String]| {
            uris.iter().enumerate().fold(0, |bits, (i, uri)| bits | u64::from(applies(policy, pattern, uri)) << i)
        };
        let reach =
            patterns.iter().map(|(policy, pattern)| uris.chunks(64).map(|uris| word(*policy, pattern, uris)).collect());
        World { reach: reach.collect(), patterns }
    }

    /// D-23: exact rules cover exact requests only; others every request whose URIs they all match.
    fn covers(&self, rule: usize, request: usize) -> bool {
        let exact = |i: usize| self.patterns[i].0 == Policy::Exact;
        (!exact(rule) || exact(request))
            && self.reach[request].iter().zip(&self.reach[rule]).all(|(request, rule)| request & !rule == 0)
    }

    /// AZN-7, as an order: the greatest decides.
    fn weight(&self, rule: usize) -> (Reverse<u8>, usize, Vec<usize>) {
        let (policy, pattern) = &self.patterns[rule];
        let mut runs = vec![0];
        for component in pattern.split('.') {
            if component.is_empty() { runs.push(0) } else { *runs.last_mut().unwrap() += 1 }
        }
        match policy {
            Policy::Exact => (Reverse(0), 0, vec![]),
            Policy::Wildcard => (Reverse(1), 0, runs),
            Policy::Prefix => (Reverse(2), pattern.len(), vec![]),
        }
    }

    fn decides(&self, rules: &[usize], request: usize) -> Option<usize> {
        rules.iter().copied().filter(|&rule| self.covers(rule, request)).max_by_key(|&rule| self.weight(rule))
    }

    fn compile(&self, rules: &[(usize, u8)]) -> RuleSet {
        let rule = |&(i, allow): &(usize, u8)| {
            let allow: Vec<_> = ACTIONS.into_iter().filter(|&action| allow >> action as u32 & 1 == 1).collect();
            rule(self.patterns[i].0, &self.patterns[i].1, &allow)
        };
        RuleSet::compile(rules.iter().map(rule).collect())
    }
}

/// AZN-8: every rule against every request.
#[test]
fn one_rule_allows_exactly_what_it_covers() {
    let world = World::new(3);
    for rule in 0..world.patterns.len() {
        let compiled = world.compile(&[(rule, 0b0100)]);
        for (request, (policy, uri)) in world.patterns.iter().enumerate() {
            let verdict = compiled.judge(Action::Subscribe, uri, *policy);
            assert_eq!(
                verdict.allowed,
                world.covers(rule, request),
                "{:?} on {uri:?} {policy:?}",
                world.patterns[rule]
            );
            assert_eq!(compiled.judge(Action::Register, uri, *policy), Verdict::default());
        }
    }
}

/// AZN-7: random sets of rules, every request, all actions.
#[test]
fn the_most_specific_rule_decides() {
    let world = World::new(3);
    for seed in 1..=40 {
        println!("seed {seed}");
        let mut random = fastrand::Rng::with_seed(seed);
        let size = 1 << random.u32(1..7);
        let chosen = random.choose_multiple(0..world.patterns.len(), size);
        let rules: Vec<_> = chosen.iter().map(|&rule| (rule, random.u8(0..16))).collect();
        let compiled = world.compile(&rules);
        for (request, (policy, uri)) in world.patterns.iter().enumerate() {
            let rule = world.decides(&chosen, request);
            let allow = rule.map_or(0, |rule| rules.iter().find(|(of, _)| *of == rule).unwrap().1);
            for action in ACTIONS {
                let expected = allow >> action as u32 & 1 == 1;
                assert_eq!(compiled.judge(action, uri, *policy).allowed, expected, "{action:?} {uri:?} {policy:?}");
            }
        }
    }
}

/// AZN-8, D-23: what Crossbar lets through.
#[test]
fn an_exact_rule_does_not_cover_a_pattern() {
    let rules: &[(_, _, &[_])] = &[(Policy::Exact, "com.x", &[Action::Register, Action::Subscribe])];
    assert!(allowed(rules, Action::Register, "com.x", Policy::Exact));
    for policy in [Policy::Prefix, Policy::Wildcard] {
        assert!(!allowed(rules, Action::Register, "com.x", policy));
        assert!(!allowed(rules, Action::Subscribe, "com.x", policy));
    }
}

/// D-23: taken literally, a pattern needs no more than its text as a URI.
#[test]
fn a_pattern_taken_literally_is_judged_as_its_text() {
    let compile =
        |policy, uri| RuleSet::compile(vec![rule(policy, uri, &[Action::Subscribe])]).with_coverage(Coverage::Literal);
    let (exact, wildcard) = (compile(Policy::Exact, "com.x"), compile(Policy::Wildcard, "com."));
    for policy in Policy::ALL {
        assert!(exact.judge(Action::Subscribe, "com.x", policy).allowed, "{policy:?}");
        assert!(wildcard.judge(Action::Subscribe, "com.x", policy).allowed, "{policy:?}");
        assert!(!exact.judge(Action::Register, "com.x", policy).allowed, "{policy:?}");
        assert!(!exact.judge(Action::Subscribe, "com.xy", policy).allowed, "{policy:?}");
        assert!(!exact.judge(Action::Subscribe, "com", policy).allowed, "{policy:?}");
    }
    assert!(!exact.judge(Action::Subscribe, "com.", Policy::Prefix).allowed);
    assert!(wildcard.judge(Action::Subscribe, "com.", Policy::Wildcard).allowed);
    assert!(!wildcard.judge(Action::Subscribe, "", Policy::Prefix).allowed);
}

/// AZN-5: a prefix rule covers requests of all policies.
#[test]
fn a_prefix_rule_covers_what_begins_with_it() {
    let rules: &[(_, _, &[_])] = &[(Policy::Prefix, "com.", &[Action::Subscribe])];
    for (uri, policy) in [
        ("com.a", Policy::Exact),
        ("com.", Policy::Prefix),
        ("com.a", Policy::Prefix),
        ("com..a", Policy::Wildcard),
        ("com.", Policy::Wildcard),
    ] {
        assert!(allowed(rules, Action::Subscribe, uri, policy), "{uri:?} {policy:?}");
    }
    for (uri, policy) in [
        ("com", Policy::Exact),
        ("com", Policy::Prefix),
        ("", Policy::Prefix),
        (".a", Policy::Wildcard),
        ("net.", Policy::Wildcard),
    ] {
        assert!(!allowed(rules, Action::Subscribe, uri, policy), "{uri:?} {policy:?}");
    }
}

/// AZN-7: `com.a.b` is allowed by the exact rule, `com.c.b` denied by the wildcard, `com.c.d` allowed by the prefix.
#[test]
fn exact_beats_wildcard_beats_prefix() {
    let rules: &[(_, _, &[_])] = &[
        (Policy::Prefix, "com.", &[Action::Call]),
        (Policy::Wildcard, "com..b", &[]),
        (Policy::Exact, "com.a.b", &[Action::Call]),
    ];
    assert!(allowed(rules, Action::Call, "com.a.b", Policy::Exact));
    assert!(!allowed(rules, Action::Call, "com.c.b", Policy::Exact));
    assert!(allowed(rules, Action::Call, "com.c.d", Policy::Exact));
    assert!(!allowed(rules, Action::Publish, "com.a.b", Policy::Exact));
}

/// AZN-5: no rule, no right.
#[test]
fn no_rule_denies() {
    for policy in Policy::ALL {
        for uri in ["", "com", "com.a."] {
            assert_eq!(RuleSet::compile(vec![]).judge(Action::Call, uri, policy), Verdict::default());
        }
    }
}

#[test]
fn the_later_of_two_rules_on_one_pattern_holds() {
    let (yes, no): (&[_], &[_]) = (&[Action::Call], &[]);
    assert!(allowed(&[(Policy::Exact, "a", no), (Policy::Exact, "a", yes)], Action::Call, "a", Policy::Exact));
    assert!(!allowed(&[(Policy::Exact, "a", yes), (Policy::Exact, "a", no)], Action::Call, "a", Policy::Exact));
}

/// AZN-6.
#[test]
fn stars_decide_the_policy() {
    assert_eq!(starred("com.a"), ("com.a".to_string(), Policy::Exact));
    assert_eq!(starred("com.*"), ("com.".to_string(), Policy::Prefix));
    assert_eq!(starred("*"), (String::new(), Policy::Prefix));
    assert_eq!(starred("com.*.a"), ("com..a".to_string(), Policy::Wildcard));
    assert_eq!(starred("com.*.*"), ("com..".to_string(), Policy::Wildcard));
}

#[test]
fn callers_and_publishers_are_disclosed_apart() {
    let mut caller = rule(Policy::Prefix, "a.", &ACTIONS);
    let mut publisher = rule(Policy::Prefix, "b.", &ACTIONS);
    (caller.disclose_caller, publisher.disclose_publisher) = (true, true);
    let rules = RuleSet::compile(vec![caller, publisher]);
    let disclosed = |uri: &str| ACTIONS.map(|action| rules.judge(action, uri, Policy::Exact).disclose);
    assert_eq!(disclosed("a.x"), [false, true, false, false]);
    assert_eq!(disclosed("b.x"), [false, false, false, true]);
}

/// Everything allowed is not yet a word about the router's own names.
#[test]
fn only_a_rule_for_wamp_speaks_of_the_routers_own_names() {
    let explicit = |policy, pattern: &str, uri: &str| {
        RuleSet::compile(vec![rule(policy, pattern, &[Action::Call])]).judge(Action::Call, uri, Policy::Exact)
    };
    let verdict = |explicit| Verdict { allowed: true, explicit, disclose: false };
    assert_eq!(explicit(Policy::Prefix, "", "wamp.session.kill"), verdict(false));
    assert_eq!(explicit(Policy::Prefix, "wam", "wamp.session.kill"), verdict(false));
    assert_eq!(explicit(Policy::Wildcard, "..", "wamp.session.kill"), verdict(false));
    assert_eq!(explicit(Policy::Prefix, "wamp.", "wamp.session.kill"), verdict(true));
    assert_eq!(explicit(Policy::Wildcard, "wamp..kill", "wamp.session.kill"), verdict(true));
    assert_eq!(explicit(Policy::Exact, "wamp.session.kill", "wamp.session.kill"), verdict(true));
    assert_eq!(explicit(Policy::Prefix, "wampum.", "wampum.a"), verdict(false));
}

/// A URI as long and as deep as it gets costs time, not a stack.
#[test]
fn a_deep_uri_is_judged() {
    let deep = "a.".repeat(30_000) + "a";
    let rules: &[(_, _, &[_])] = &[(Policy::Wildcard, "a..a", &[]), (Policy::Prefix, "a.", &[Action::Call])];
    assert!(allowed(rules, Action::Call, &deep, Policy::Exact));
    assert!(allowed(&[(Policy::Wildcard, &deep, &[Action::Call])], Action::Call, &deep, Policy::Exact));
}
