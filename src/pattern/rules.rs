//! Static authorization rules: what a role may do with which URI, compiled once.

use crate::wamp::Policy;

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

/// What the rules say of one request.
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

/// The rules of one role, compiled.
#[derive(Clone, Debug)]
pub struct RuleSet {
    rules: Vec<Rule>,
}

impl RuleSet {
    /// Compiles rules; of two with the same URI and policy the later one holds.
    pub fn compile(rules: Vec<Rule>) -> RuleSet {
        RuleSet { rules }
    }

    /// Judges a request for `uri` under `policy` (for calls and publications: exact). A rule must cover every URI that
    /// the request can match (AZN-8, D-23); of those that do, the most specific decides (AZN-7).
    pub fn judge(&self, action: Action, uri: &str, policy: Policy) -> Verdict {
        let _ = (&self.rules, action, uri, policy);
        todo!()
    }
}
