//! What happens before and after the load, as straight-line code: joining, and requests whose answers are waited for.

use std::collections::HashMap;
use std::io;

use serde_json::{Value, json};

use super::control::Gate;
use super::net::{Handler, Key, Net, Wait};
use crate::wire::codec::{Message, decode};

/// Attempts to join at the same time, per thread.
const JOINING_AT_ONCE: usize = 128;
/// Requests without an answer at the same time, per thread.
const ASKED_AT_ONCE: usize = 512;
/// Between attempts while the operating system's queue is full.
const RETRY_NS: u64 = 1_000_000;

/// The error of what was cut short by the word to stop; the cause, if there is one, is with who gave it.
pub const STOPPED: &str = "stopped";

/// A request to be waited for.
#[derive(Clone, Debug)]
pub enum Ask {
    /// Topic or pattern, and options.
    Subscribe(String, Value),
    /// Procedure or pattern, and options.
    Register(String, Value),
    /// Procedure, options and arguments.
    Call(String, Value, Value),
}

/// Its answer: the id it got (0 for a call) and the arguments that came (of progressive results, all of them in order);
/// or the URI of the error.
pub type Answer = Result<(u64, Vec<Value>), String>;

impl Net {
    /// Opens that many sessions and waits until all have joined.
    ///
    /// # Errors
    /// The first failure, as a sentence; the sessions that joined stay open.
    pub fn join(&mut self, sessions: usize) -> Result<Vec<Key>, String> {
        let mut joining =
            Joining { wanted: sessions, under_way: 0, joined: Vec::with_capacity(sessions), failure: None, retry: 0 };
        self.run(&mut joining);
        match joining.failure {
            Some(why) => Err(why),
            None if joining.joined.len() < sessions => Err(STOPPED.to_owned()),
            None => Ok(joining.joined),
        }
    }

    /// Waits until all threads have arrived at a gate.
    ///
    /// # Errors
    /// The run was stopped before.
    pub fn pass(&mut self, gate: &Gate) -> Result<(), String> {
        self.run(&mut Passing(gate));
        gate.opens().map(drop).ok_or_else(|| STOPPED.to_owned())
    }

    /// Sends these requests and waits for all answers, which are in the order of the requests.
    ///
    /// # Errors
    /// A connection ended or an answer did not come within the time allowed, as a sentence.
    pub fn ask(&mut self, asks: Vec<(Key, Ask)>) -> Result<Vec<Answer>, String> {
        let mut asking = Asking {
            answers: vec![None; asks.len()],
            left: asks.len(),
            asks,
            sent: 0,
            open: HashMap::new(),
            failure: None,
            deadline: 0,
        };
        self.run(&mut asking);
        match asking.failure {
            Some(why) => Err(why),
            None if asking.left > 0 => Err(STOPPED.to_owned()),
            None => Ok(asking.answers.into_iter().flatten().collect()),
        }
    }
}

/// Waits at a gate; what arrives meanwhile is nobody's.
struct Passing<'a>(&'a Gate);

impl Handler for Passing<'_> {
    fn message(&mut self, _net: &mut Net, _key: Key, _message: Message<'_>) {}

    fn turn(&mut self, net: &mut Net) -> Wait {
        match self.0.opens() {
            Some(start) if net.now < start => Wait::Until(start),
            None if !net.control.stopped() => Wait::Until(net.now + 1_000_000),
            _ => Wait::Done,
        }
    }
}

struct Joining {
    wanted: usize,
    under_way: usize,
    joined: Vec<Key>,
    failure: Option<String>,
    retry: u64,
}

impl Handler for Joining {
    fn message(&mut self, _net: &mut Net, _key: Key, _message: Message<'_>) {}

    fn joined(&mut self, _net: &mut Net, key: Key) {
        self.under_way -= 1;
        self.joined.push(key);
    }

    fn ended(&mut self, _net: &mut Net, _key: Key, why: &str) {
        self.failure.get_or_insert(why.to_owned());
    }

    fn turn(&mut self, net: &mut Net) -> Wait {
        if self.failure.is_some() || self.joined.len() == self.wanted || net.control.stopped() {
            return Wait::Done;
        }
        while self.under_way < JOINING_AT_ONCE && self.joined.len() + self.under_way < self.wanted && net.now >= self.retry
        {
            match net.connect() {
                Ok(_) => self.under_way += 1,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => self.retry = net.now + RETRY_NS,
                Err(error) => {
                    self.failure = Some(format!("cannot open a connection: {error}"));
                    return Wait::Done;
                }
            }
        }
        Wait::Until(if net.now < self.retry { self.retry } else { u64::MAX })
    }
}

struct Asking {
    asks: Vec<(Key, Ask)>,
    answers: Vec<Option<Answer>>,
    left: usize,
    sent: usize,
    /// Index of the request by session and request id, and what came of a progressive answer.
    open: HashMap<(Key, u64), (usize, Vec<Value>)>,
    failure: Option<String>,
    /// When the oldest silence ends the wait; moved by each answer.
    deadline: u64,
}

impl Asking {
    fn send(&mut self, net: &mut Net, index: usize) {
        let (key, ask) = &self.asks[index];
        let id = net.next_request(*key);
        let message = match ask {
            Ask::Subscribe(topic, options) => json!([32, id, options, topic]),
            Ask::Register(procedure, options) => json!([64, id, options, procedure]),
            Ask::Call(procedure, options, arguments) => json!([48, id, options, procedure, arguments]),
        };
        net.send_value(*key, &message);
        self.open.insert((*key, id), (index, Vec::new()));
    }

    fn answered(&mut self, key: Key, id: u64, answer: impl FnOnce(Vec<Value>) -> Answer) {
        if let Some((index, parts)) = self.open.remove(&(key, id)) {
            self.answers[index] = Some(answer(parts));
            self.left -= 1;
        }
    }
}

impl Handler for Asking {
    fn message(&mut self, net: &mut Net, key: Key, message: Message<'_>) {
        self.deadline = net.now + net.settings.answer_timeout;
        let arguments = |raw| decode(net.serializer(), raw).unwrap_or_default();
        match message {
            Message::Subscribed { request, subscription: id } | Message::Registered { request, registration: id } => {
                self.answered(key, request, |_| Ok((id, Vec::new())));
            }
            Message::Result { request, progress, payload } => {
                let part = if payload.items == 0 { Value::Null } else { arguments(payload.raw) };
                if let Some((_, parts)) = self.open.get_mut(&(key, request)) {
                    parts.push(part);
                }
                if !progress {
                    self.answered(key, request, |parts| Ok((0, parts)));
                }
            }
            Message::Error { request, uri, .. } => {
                let uri = String::from_utf8_lossy(uri).into_owned();
                self.answered(key, request, |_| Err(uri));
            }
            _ => (),
        }
    }

    fn ended(&mut self, _net: &mut Net, _key: Key, why: &str) {
        self.failure.get_or_insert(why.to_owned());
    }

    fn turn(&mut self, net: &mut Net) -> Wait {
        if self.failure.is_some() || self.left == 0 || net.control.stopped() {
            return Wait::Done;
        }
        if self.deadline == 0 {
            self.deadline = net.now + net.settings.answer_timeout;
        }
        if net.now >= self.deadline {
            let limit = net.settings.answer_timeout / 1_000_000_000;
            self.failure = Some(format!("the router left {} requests unanswered for {limit} s", self.open.len()));
            return Wait::Done;
        }
        while self.open.len() < ASKED_AT_ONCE && self.sent < self.asks.len() {
            self.send(net, self.sent);
            self.sent += 1;
        }
        Wait::Until(self.deadline)
    }
}
