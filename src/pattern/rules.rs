//! Static authorization rules: what a role may do with which URI, compiled once.
//!
//! Rules never change after loading, so they become one `fst` map: a key is the policy's octet and the rule's URI, its
//! value is everything the rule grants, in bits. Prefix rules are found by walking the request octet by octet and
//! keeping the last final state; wildcard rules by walking it component by component, literal before wildcard.
//!
//! Of the rules that cover a request, an exact one decides before a wildcard one and that before a prefix (AZN-7);
//! among prefixes the longest; among wildcards the one with the longer runs of literals, as for calls (RPP-4).
//!
//! A request with a pattern asks for every URI that the pattern matches, so a rule must cover them all ([`Coverage`]).
//!
//! Not here: dynamic authorizers, what happens when no role of that name exists (both deny).

use crate::wamp::Policy;
use fst::raw::{CompiledAddr, Output};
use fst::{Map, MapBuilder};
use std::collections::BTreeMap;

/// What is done with a URI (AZN-1).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Action {
    /// Register a procedure.
    Register,
    /// Call a procedure.
    Call,
    /// Subscribe to a topic.
    Subscribe,
    /// Publish to a topic.
    Publish,
}

/// One rule (AZN-5).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rule {
    /// The URI or pattern it speaks of.
    pub uri: String,
    /// How that is compared.
    pub policy: Policy,
    /// What it allows; everything else it denies.
    pub allow: Vec<Action>,
    /// Callers on these URIs are named to callees, asked or not.
    pub disclose_caller: bool,
    /// Publishers on these URIs are named to subscribers, asked or not.
    pub disclose_publisher: bool,
}

/// The URI and policy of a rule that names no policy: its stars decide (AZN-6). Without any it is exact, with a single
/// one at the end a prefix, else a wildcard; the stars themselves go.
pub fn starred(uri: &str) -> (String, Policy) {
    match uri.find('*') {
        None => (uri.to_string(), Policy::Exact),
        Some(star) if star + 1 == uri.len() => (uri[..star].to_string(), Policy::Prefix),
        Some(_) => (uri.replace('*', ""), Policy::Wildcard),
    }
}

/// Which rules speak of a request with a pattern (AZN-8, D-23).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Coverage {
    /// Those that cover every URI the pattern can match.
    #[default]
    Cover,
    /// Also those that speak of the pattern's text as if it were a URI, as Crossbar has it. Whoever may use one URI may
    /// then ask for all that begin with it.
    Literal,
}

/// What the rules say of one request. Denied means nothing else is said.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Verdict {
    /// The action is allowed.
    pub allowed: bool,
    /// The rule that allows it speaks of the router's own names itself (`wamp.*`), so that it may grant privileged
    /// procedures.
    pub explicit: bool,
    /// The rule discloses the acting session.
    pub disclose: bool,
}

/// Bits of a compiled rule beyond one for each action: which actions disclose, and [`Verdict::explicit`].
const DISCLOSES: u32 = 4;
const EXPLICIT: u64 = 1 << 8;

impl Rule {
    /// What it grants, in bits.
    fn grants(&self) -> u64 {
        let allowed = self.allow.iter().fold(0, |bits, &action| bits | 1 << action as u32);
        let caller = u64::from(self.disclose_caller) << (DISCLOSES + Action::Call as u32);
        let publisher = u64::from(self.disclose_publisher) << (DISCLOSES + Action::Publish as u32);
        let explicit = self.uri == "wamp" || self.uri.starts_with("wamp.");
        allowed | caller | publisher | if explicit { EXPLICIT } else { 0 }
    }
}

impl Verdict {
    fn of(grants: u64, action: Action) -> Verdict {
        let bit = |from: u32| grants >> (from + action as u32) & 1 == 1;
        if !bit(0) {
            return Verdict::default();
        }
        Verdict { allowed: true, explicit: grants & EXPLICIT != 0, disclose: bit(DISCLOSES) }
    }
}

/// The rules of one role, compiled.
#[derive(Clone, Debug)]
pub struct RuleSet {
    map: Map<Vec<u8>>,
    /// Where the rules of each policy begin; `None` where there are none, which then cost nothing.
    starts: [Option<Start>; Policy::ALL.len()],
    coverage: Coverage,
}

/// Where the rules of a policy begin, and what is known there: most requests share no octet with any rule's URI.
#[derive(Clone, Copy, Debug)]
struct Start {
    state: State,
    /// What the rule with the empty URI grants.
    grants: Option<u64>,
    /// One bit for every octet that a rule's URI begins with.
    first: [u64; 4],
}

impl Start {
    fn leads_on(&self, uri: &str) -> bool {
        uri.bytes().next().is_some_and(|octet| self.first[usize::from(octet) / 64] >> (octet % 64) & 1 == 1)
    }
}

impl RuleSet {
    /// Compiles rules; of two with the same URI and policy the later one holds.
    pub fn compile(rules: Vec<Rule>) -> RuleSet {
        let key = |rule: &Rule| [&[tag(rule.policy)], rule.uri.as_bytes()].concat();
        let sorted: BTreeMap<_, _> = rules.iter().map(|rule| (key(rule), rule.grants())).collect();
        let mut builder = MapBuilder::memory();
        builder.extend_iter(sorted).expect("sorted, without duplicates, into memory");
        let mut rules =
            RuleSet { map: builder.into_map(), starts: [None; Policy::ALL.len()], coverage: Coverage::Cover };
        let root = State { node: rules.map.as_fst().root().addr(), sum: Output::zero() };
        rules.starts = Policy::ALL.map(|policy| rules.step(root, tag(policy)).map(|state| rules.look_at(state)));
        rules
    }

    fn look_at(&self, state: State) -> Start {
        let mut start = Start { state, grants: self.grants_at(state), first: [0; 4] };
        let node = self.map.as_fst().node(state.node);
        node.transitions().for_each(|to| start.first[usize::from(to.inp) / 64] |= 1 << (to.inp % 64));
        start
    }

    /// The same rules, speaking of patterns otherwise.
    pub fn with_coverage(self, coverage: Coverage) -> RuleSet {
        RuleSet { coverage, ..self }
    }

    /// Judges a request for `uri` under `policy` (for calls and publications: exact). A rule must cover every URI that
    /// the request can match (AZN-8, D-23); of those that do, the most specific decides (AZN-7). No rule denies.
    ///
    /// Exact rules cover exact requests only, unless patterns are taken literally. Time is that of reading the URI once,
    /// times the wildcard rules that share its beginning.
    pub fn judge(&self, action: Action, uri: &str, policy: Policy) -> Verdict {
        let policy = match self.coverage {
            Coverage::Literal if uri.split('.').all(|component| !component.is_empty()) => Policy::Exact,
            Coverage::Literal | Coverage::Cover => policy,
        };
        let grants =
            self.exact(uri, policy).or_else(|| self.wildcard(uri, policy)).or_else(|| self.prefix(uri, policy));
        grants.map_or(Verdict::default(), |grants| Verdict::of(grants, action))
    }

    fn exact(&self, uri: &str, policy: Policy) -> Option<u64> {
        if policy != Policy::Exact {
            return None;
        }
        let start = self.start(Policy::Exact)?;
        self.grants_at(self.walk(start.state, uri)?)
    }

    /// The longest prefix of what all URIs of the request begin with.
    fn prefix(&self, uri: &str, policy: Policy) -> Option<u64> {
        let common = if policy == Policy::Wildcard { literal_head(uri) } else { uri };
        let start = self.start(Policy::Prefix)?;
        if !start.leads_on(common) {
            return start.grants;
        }
        let steps = common.bytes().scan(start.state, |state, octet| {
            *state = self.step(*state, octet)?;
            Some(*state)
        });
        steps.filter_map(|state| self.grants_at(state)).last().or(start.grants)
    }

    /// The first wildcard rule in the order of precedence: depth first, at every component literal before wildcard.
    /// A wildcard of the request is covered by a wildcard only; no rule covers a prefix, which has any number of
    /// components, or an empty component (PAT-3).
    fn wildcard(&self, uri: &str, policy: Policy) -> Option<u64> {
        let start = self.start(Policy::Wildcard)?.state;
        let matches_nothing = policy == Policy::Exact && uri.split('.').any(str::is_empty);
        if matches_nothing || policy == Policy::Prefix {
            return None;
        }
        let mut open = Vec::new();
        self.branch(start, uri, 0, &mut open);
        while let Some((state, end)) = open.pop() {
            if end < uri.len() {
                if let Some(next) = self.step(state, b'.') {
                    self.branch(next, uri, end + 1, &mut open);
                }
            } else if let Some(grants) = self.grants_at(state) {
                return Some(grants);
            }
        }
        None
    }

    /// Where the component that begins at `start` can lead, the more specific last, with where it ends.
    fn branch(&self, from: State, uri: &str, start: usize, open: &mut Vec<(State, usize)>) {
        let component = uri[start..].split('.').next().unwrap_or_default();
        let end = start + component.len();
        open.push((from, end));
        if !component.is_empty() {
            open.extend(self.walk(from, component).map(|state| (state, end)));
        }
    }

    fn start(&self, policy: Policy) -> Option<Start> {
        self.starts[policy as usize]
    }

    fn walk(&self, from: State, text: &str) -> Option<State> {
        text.bytes().try_fold(from, |state, octet| self.step(state, octet))
    }

    fn step(&self, from: State, octet: u8) -> Option<State> {
        let node = self.map.as_fst().node(from.node);
        let transition = node.transition(node.find_input(octet)?);
        Some(State { node: transition.addr, sum: from.sum.cat(transition.out) })
    }

    /// What the rule that ends here grants.
    fn grants_at(&self, state: State) -> Option<u64> {
        let node = self.map.as_fst().node(state.node);
        node.is_final().then(|| state.sum.cat(node.final_output()).value())
    }
}

/// A state of the automaton, and the sum of the outputs on the way to it.
#[derive(Clone, Copy, Debug)]
struct State {
    node: CompiledAddr,
    sum: Output,
}

/// What a key begins with, so that the policies share one automaton and nothing else.
fn tag(policy: Policy) -> u8 {
    policy as u8
}

/// What every URI that a wildcard pattern matches begins with: the pattern up to its first wildcard.
fn literal_head(pattern: &str) -> &str {
    let mut end = 0;
    for component in pattern.split('.') {
        if component.is_empty() {
            return &pattern[..end];
        }
        end += component.len() + 1;
    }
    pattern
}
