//! What the realm should hold, by the text of the specification: plain lists, searched from end to end.

use banyan::wamp::{Invoke, Policy};

/// Whether a URI matches a pattern (PAT-2, PAT-3).
pub fn matches(policy: Policy, pattern: &str, uri: &str) -> bool {
    match policy {
        Policy::Exact => pattern == uri,
        Policy::Prefix => uri.starts_with(pattern),
        Policy::Wildcard => {
            let (pattern, uri): (Vec<_>, Vec<_>) = (pattern.split('.').collect(), uri.split('.').collect());
            pattern.len() == uri.len()
                && pattern.iter().zip(&uri).all(|(own, other)| own.is_empty() && !other.is_empty() || own == other)
        }
    }
}

/// Of patterns that match the same URI, the greater is the better one (RPP-2 to RPP-4).
pub fn rank(policy: Policy, pattern: &str) -> (u8, usize, Vec<usize>) {
    match policy {
        Policy::Exact => (2, 0, Vec::new()),
        Policy::Prefix => (1, pattern.len(), Vec::new()),
        Policy::Wildcard => {
            let mut runs = vec![0];
            for component in pattern.split('.') {
                if component.is_empty() {
                    runs.push(0);
                } else if let Some(run) = runs.last_mut() {
                    *run += 1;
                }
            }
            (0, 0, runs)
        }
    }
}

/// A callee of a registration; sessions are told apart by their number in the history.
#[derive(Clone, Debug)]
pub struct Callee {
    pub client: usize,
    /// Its place in the order of joining.
    pub joined: u64,
    /// `concurrency`.
    pub limit: Option<u32>,
}

#[derive(Clone, Debug)]
pub struct Registration {
    pub id: u64,
    pub policy: Policy,
    pub uri: String,
    pub invoke: Invoke,
    pub callees: Vec<Callee>,
    pub next_join: u64,
    /// Round robin goes on from here.
    pub turn: u64,
}

#[derive(Clone, Debug)]
pub struct Subscription {
    pub id: u64,
    pub policy: Policy,
    pub uri: String,
    pub clients: Vec<usize>,
}

/// A call that waits for its answer.
#[derive(Clone, Debug)]
pub struct Call {
    pub caller: usize,
    pub request: u64,
    pub registration: u64,
    pub callee: usize,
    pub joined: u64,
    pub invocation: u64,
    pub receive_progress: bool,
    /// More chunks may follow.
    pub open: bool,
    pub procedure: String,
    pub timeout: u64,
    pub deadline: Option<u64>,
    /// INTERRUPT kill is on its way.
    pub killed: bool,
    pub progressed: bool,
    /// Callees that handed it back.
    pub tried: Vec<u64>,
}

/// Who may get a call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Choice {
    /// One of these, by their place in the order of joining.
    OneOf(Vec<u64>),
    Full,
    Nobody,
}

#[derive(Default)]
pub struct Model {
    pub registrations: Vec<Registration>,
    pub subscriptions: Vec<Subscription>,
    pub calls: Vec<Call>,
}

impl Model {
    pub fn find(&self, policy: Policy, uri: &str) -> Option<usize> {
        self.registrations.iter().position(|entry| entry.policy == policy && entry.uri == uri)
    }

    /// The registration that a call takes.
    pub fn best(&self, uri: &str) -> Option<usize> {
        let all = self.registrations.iter().enumerate();
        let matching = all.filter(|(_, entry)| matches(entry.policy, &entry.uri, uri));
        matching.max_by_key(|(_, entry)| rank(entry.policy, &entry.uri)).map(|(index, _)| index)
    }

    /// Calls that a callee of a registration works on.
    fn running(&self, registration: u64, joined: u64) -> usize {
        self.calls.iter().filter(|call| call.registration == registration && call.joined == joined).count()
    }

    /// Who takes the next call on a registration (SHR-5, LIM-2).
    pub fn choose(&self, registration: &Registration, tried: &[u64]) -> Choice {
        let free = |callee: &&Callee| {
            callee.limit.is_none_or(|limit| self.running(registration.id, callee.joined) < limit as usize)
        };
        let candidates: Vec<_> = registration.callees.iter().filter(|callee| !tried.contains(&callee.joined)).collect();
        if candidates.is_empty() {
            return Choice::Nobody;
        }
        let later = candidates.iter().copied().filter(|callee| callee.joined >= registration.turn);
        let earlier = candidates.iter().copied().filter(|callee| callee.joined < registration.turn);
        let chosen: Vec<u64> = match registration.invoke {
            Invoke::Single | Invoke::First => {
                candidates.first().copied().filter(free).map(|callee| callee.joined).into_iter().collect()
            }
            Invoke::Last => candidates.last().copied().filter(free).map(|callee| callee.joined).into_iter().collect(),
            Invoke::RoundRobin => later.chain(earlier).find(free).map(|callee| callee.joined).into_iter().collect(),
            Invoke::Random => candidates.iter().copied().filter(free).map(|callee| callee.joined).collect(),
        };
        if chosen.is_empty() { Choice::Full } else { Choice::OneOf(chosen) }
    }

    pub fn by_id(&mut self, id: u64) -> Option<&mut Registration> {
        self.registrations.iter_mut().find(|entry| entry.id == id)
    }

    /// Takes a client off a registration; whether it was a callee.
    pub fn unregister(&mut self, id: u64, client: usize) -> bool {
        let Some(entry) = self.by_id(id) else { return false };
        let before = entry.callees.len();
        entry.callees.retain(|callee| callee.client != client);
        let removed = entry.callees.len() < before;
        self.registrations.retain(|entry| !entry.callees.is_empty());
        removed
    }

    /// Takes a client off a subscription; whether it was a subscriber.
    pub fn unsubscribe(&mut self, id: u64, client: usize) -> bool {
        let Some(entry) = self.subscriptions.iter_mut().find(|entry| entry.id == id) else { return false };
        let before = entry.clients.len();
        entry.clients.retain(|&other| other != client);
        let removed = entry.clients.len() < before;
        self.subscriptions.retain(|entry| !entry.clients.is_empty());
        removed
    }

    /// A client is gone with all it held. Its calls end silently; those that wait for it are returned.
    pub fn leave(&mut self, client: usize) -> Vec<Call> {
        self.registrations.iter_mut().for_each(|entry| entry.callees.retain(|callee| callee.client != client));
        self.registrations.retain(|entry| !entry.callees.is_empty());
        self.subscriptions.iter_mut().for_each(|entry| entry.clients.retain(|&other| other != client));
        self.subscriptions.retain(|entry| !entry.clients.is_empty());
        self.calls.retain(|call| call.caller != client);
        self.calls.iter().filter(|call| call.callee == client).cloned().collect()
    }
}
