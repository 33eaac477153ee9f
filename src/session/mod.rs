//! One session's life, HELLO to GOODBYE, as the router sees it: which message is legal when, and the request ids.
//!
//! ```text
//!            HELLO                GOODBYE / ABORT / transport lost
//!  Waiting ----------> Joining -> Joined -----------------------> Waiting (a new HELLO may follow, WS-13)
//!     |                             | router says GOODBYE
//!     | ABORT, violation            v
//!     +----------> Failed        Leaving --GOODBYE--> Waiting
//! ```
//!
//! Invariant: a message reaches the realm only between WELCOME and the first GOODBYE, ABORT or violation.
//! Not here: what a legal message does (`realm`), who may join (`auth`), timers and sockets (`transport`).
//! Spec: "Sessions", rows SES, STM, PRO-2, IDS-7.

pub mod auth;

use crate::wamp::{ClientMessage, HelloDetails, Id, Violation};
use std::borrow::Cow;
use std::collections::BTreeSet;

/// What to do about request ids that are not the previous plus one (D-04).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum StrictIds {
    /// Nothing.
    Off,
    /// Count them.
    #[default]
    Warn,
    /// ABORT.
    Abort,
}

/// What the connection does with a message.
#[derive(Debug)]
pub enum Action<'a> {
    /// Find the realm, authenticate, and answer with `joined` or an ABORT.
    Join {
        /// The realm asked for.
        realm: Option<Cow<'a, str>>,
        /// The rest of HELLO.
        details: Box<HelloDetails<'a>>,
    },
    /// Release everything of the session, then reply GOODBYE (SES-12).
    Goodbye,
    /// Our own GOODBYE was answered: the session is over, the transport may be closed (SES-15).
    Released,
    /// The client aborted: release everything, answer nothing, close the transport (SES-16).
    Abandon,
    /// Nothing.
    Ignore,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    /// No session; HELLO is awaited.
    Waiting,
    /// HELLO is being decided.
    Joining,
    /// WELCOME is sent.
    Joined,
    /// The router's GOODBYE is sent, the client's awaited (SES-14).
    Leaving,
    /// Nothing is read any more (STM-5).
    Failed,
}

/// The state of one connection's session.
#[derive(Debug)]
pub struct Session {
    state: State,
    strict_ids: StrictIds,
    last_request: u64,
    gaps: u64,
    /// A timeout below this is taken note of; 0 for none.
    least_timeout: u64,
    short_timeouts: u64,
    /// Progressive calls whose last chunk has not come; kept where ids must be in sequence.
    unfinished: BTreeSet<u64>,
}

/// So many calls are remembered as unfinished; the oldest are forgotten beyond this.
const UNFINISHED: usize = 1024;

impl Default for Session {
    fn default() -> Session {
        Session::new(State::Waiting, StrictIds::Off, 0)
    }
}

impl Session {
    fn new(state: State, strict_ids: StrictIds, least_timeout: u64) -> Session {
        let unfinished = BTreeSet::new();
        Session { state, strict_ids, last_request: 0, gaps: 0, least_timeout, short_timeouts: 0, unfinished }
    }

    /// Whether a message goes to the realm; any other one goes to [`Session::control`].
    ///
    /// # Errors
    /// A [`Violation`] where it is not legal now; the session is then failed for good.
    #[inline]
    pub fn routes(&mut self, message: &ClientMessage<'_>) -> Result<bool, Violation> {
        if self.state != State::Joined {
            return Ok(false);
        }
        match self.routable(message) {
            Some(Ok(())) => Ok(true),
            Some(Err(violation)) => self.fail(violation),
            None => Ok(false),
        }
    }

    /// Judges a message that does not go to the realm.
    ///
    /// # Errors
    /// A [`Violation`] where the message is not legal now; the session is then failed for good.
    pub fn control<'a>(&mut self, message: ClientMessage<'a>) -> Result<Action<'a>, Violation> {
        use ClientMessage::*;
        match (self.state, message) {
            (State::Failed, _) => Ok(Action::Ignore),
            (State::Waiting, Hello { realm, details }) => {
                self.state = State::Joining;
                Ok(Action::Join { realm, details })
            }
            (State::Joined, Goodbye { .. }) => {
                self.state = State::Waiting;
                Ok(Action::Goodbye)
            }
            (State::Leaving, Goodbye { .. }) => {
                self.state = State::Waiting;
                Ok(Action::Released)
            }
            (State::Leaving, Abort { .. }) => {
                self.state = State::Failed;
                Ok(Action::Abandon)
            }
            (State::Leaving, _) => Ok(Action::Ignore),
            (_, Abort { .. }) => {
                self.state = State::Failed;
                Ok(Action::Abandon)
            }
            (state, message) => self.fail(illegal(state, &message)),
        }
    }

    /// WELCOME is queued: the session begins, its request ids count from 1. Calls with a timeout below
    /// `least_timeout` are counted: their caller may believe that it counts in seconds (D-10).
    pub fn joined(&mut self, strict_ids: StrictIds, least_timeout: u64) {
        *self = Session::new(State::Joined, strict_ids, least_timeout);
    }

    /// The router's GOODBYE is queued (SES-14).
    pub fn leaving(&mut self) {
        if self.state == State::Joined {
            self.state = State::Leaving;
        }
    }

    /// ABORT is queued; nothing more is read.
    pub fn failed(&mut self) {
        self.state = State::Failed;
    }

    /// Whether WELCOME has been sent and the session not ended.
    pub fn is_joined(&self) -> bool {
        self.state == State::Joined
    }

    /// Whether no session is open: the HELLO timer runs (SES-20).
    pub fn is_waiting(&self) -> bool {
        self.state == State::Waiting
    }

    /// How many requests did not carry the previous id plus one.
    pub fn gaps(&self) -> u64 {
        self.gaps
    }

    /// How many calls had a timeout that is suspiciously short.
    pub fn short_timeouts(&self) -> u64 {
        self.short_timeouts
    }

    /// For a message that a joined session may send to the realm: whether its request id is in order.
    #[inline]
    fn routable(&mut self, message: &ClientMessage<'_>) -> Option<Result<(), Violation>> {
        use ClientMessage::*;
        match *message {
            Call { request, ref options, .. } => {
                self.short_timeouts += u64::from(options.timeout != 0 && options.timeout < self.least_timeout);
                Some(self.order_call(request, options.progress))
            }
            Publish { request, .. } | Subscribe { request, .. } | Unsubscribe { request, .. } => {
                Some(self.order(request, false))
            }
            Register { request, .. } | Unregister { request, .. } => Some(self.order(request, false)),
            Yield { .. } | Error { .. } | Cancel { .. } | EventReceived { .. } => Some(Ok(())),
            Hello { .. } | Abort { .. } | Authenticate { .. } | Goodbye { .. } => None,
        }
    }

    /// The same for a CALL, which may repeat an id to continue a progressive call (PRI-3). Which calls those are the
    /// realm knows (D-50); where ids must be in sequence, an id repeated for any other reason ends here.
    #[inline]
    fn order_call(&mut self, request: Id, progress: bool) -> Result<(), Violation> {
        match self.strict_ids {
            StrictIds::Abort => self.order_call_strictly(request, progress),
            StrictIds::Off | StrictIds::Warn => self.order(request, true),
        }
    }

    fn order_call_strictly(&mut self, request: Id, progress: bool) -> Result<(), Violation> {
        let id = request.get();
        self.order(request, self.unfinished.contains(&id))?;
        if !progress {
            self.unfinished.remove(&id);
        } else if self.unfinished.insert(id) && self.unfinished.len() > UNFINISHED {
            self.unfinished.pop_first();
        }
        Ok(())
    }

    /// Checks a request id against the counter (IDS-7).
    #[inline]
    fn order(&mut self, request: Id, may_repeat: bool) -> Result<(), Violation> {
        let id = request.get();
        if id == self.last_request + 1 {
            self.last_request = id;
            return Ok(());
        }
        self.out_of_order(id, may_repeat)
    }

    #[cold]
    fn out_of_order(&mut self, id: u64, may_repeat: bool) -> Result<(), Violation> {
        let last = self.last_request;
        if id == 1 && last == Id::MAX.get() {
            self.last_request = 1;
            return Ok(());
        }
        if may_repeat && id <= last {
            return Ok(());
        }
        self.gaps += 1;
        if self.strict_ids == StrictIds::Abort {
            return Err(Violation::new(format!("request id {id} is out of sequence: the next one is {}", last + 1)));
        }
        self.last_request = last.max(id);
        Ok(())
    }

    fn fail<T>(&mut self, violation: Violation) -> Result<T, Violation> {
        self.state = State::Failed;
        Err(violation)
    }
}

fn illegal(state: State, message: &ClientMessage<'_>) -> Violation {
    let name = name(message);
    Violation::new(match (state, message) {
        (State::Waiting | State::Joining, _) => format!("{name} before the session is established: send HELLO first"),
        (_, ClientMessage::Hello { .. }) => "HELLO while a session is established".to_owned(),
        (_, ClientMessage::Authenticate { .. }) => "AUTHENTICATE without a pending CHALLENGE".to_owned(),
        _ => format!("{name} is not legal now"),
    })
}

fn name(message: &ClientMessage<'_>) -> &'static str {
    use ClientMessage::*;
    match message {
        Hello { .. } => "HELLO",
        Abort { .. } => "ABORT",
        Authenticate { .. } => "AUTHENTICATE",
        Goodbye { .. } => "GOODBYE",
        Error { .. } => "ERROR",
        Publish { .. } => "PUBLISH",
        Subscribe { .. } => "SUBSCRIBE",
        Unsubscribe { .. } => "UNSUBSCRIBE",
        EventReceived { .. } => "EVENT_RECEIVED",
        Call { .. } => "CALL",
        Cancel { .. } => "CANCEL",
        Register { .. } => "REGISTER",
        Unregister { .. } => "UNREGISTER",
        Yield { .. } => "YIELD",
    }
}

#[cfg(test)]
mod tests {
    use super::{Action, Session, StrictIds};
    use crate::wamp::{CallOptions, ClientMessage, HelloDetails, Id, Payload, Violation};

    /// What the session makes of a message; `None` where it goes to the realm.
    fn receive<'a>(session: &mut Session, message: ClientMessage<'a>) -> Result<Option<Action<'a>>, Violation> {
        if session.routes(&message)? { Ok(None) } else { session.control(message).map(Some) }
    }

    fn hello() -> ClientMessage<'static> {
        ClientMessage::Hello {
            realm: Some("realm1".into()),
            details: Box::new(HelloDetails { roles: 1, ..HelloDetails::default() }),
        }
    }

    fn call(id: u64) -> ClientMessage<'static> {
        let request = Id::new(id).unwrap();
        ClientMessage::Call {
            request,
            options: CallOptions::default(),
            procedure: "a.b".into(),
            payload: Payload::EMPTY,
        }
    }

    fn goodbye() -> ClientMessage<'static> {
        ClientMessage::Goodbye { reason: "wamp.close.normal".into() }
    }

    fn joined(strict: StrictIds) -> Session {
        let mut session = Session::default();
        assert!(matches!(receive(&mut session, hello()), Ok(Some(Action::Join { .. }))));
        session.joined(strict, 50);
        session
    }

    /// SES-1, STM-1.
    #[test]
    fn anything_but_hello_before_welcome_is_a_violation() {
        for message in [call(1), goodbye(), ClientMessage::Authenticate { signature: "".into(), extra: &[] }] {
            let mut session = Session::default();
            assert!(receive(&mut session, message).is_err());
            assert!(
                matches!(receive(&mut session, hello()), Ok(Some(Action::Ignore))),
                "STM-5: nothing is read any more"
            );
        }
    }

    /// SES-11.
    #[test]
    fn a_second_hello_is_a_violation() {
        let mut session = joined(StrictIds::Warn);
        let violation = receive(&mut session, hello()).unwrap_err();
        assert_eq!(violation.0, "HELLO while a session is established");
    }

    /// SES-12, WS-13, STM-3.
    #[test]
    fn goodbye_ends_the_session_and_a_new_hello_may_follow() {
        let mut session = joined(StrictIds::Warn);
        assert!(matches!(receive(&mut session, goodbye()), Ok(Some(Action::Goodbye))));
        assert!(matches!(receive(&mut session, hello()), Ok(Some(Action::Join { .. }))));
    }

    /// SES-14, SES-15, STM-4.
    #[test]
    fn after_the_routers_goodbye_only_goodbye_counts() {
        let mut session = joined(StrictIds::Warn);
        session.leaving();
        assert!(matches!(receive(&mut session, call(1)), Ok(Some(Action::Ignore))));
        assert!(matches!(receive(&mut session, hello()), Ok(Some(Action::Ignore))));
        assert!(matches!(receive(&mut session, goodbye()), Ok(Some(Action::Released))));
    }

    /// SES-16.
    #[test]
    fn abort_is_never_answered() {
        let mut session = joined(StrictIds::Warn);
        assert!(matches!(
            receive(&mut session, ClientMessage::Abort { reason: "a.b".into() }),
            Ok(Some(Action::Abandon))
        ));
    }

    /// IDS-7, D-04.
    #[test]
    fn request_ids_out_of_sequence_are_counted_or_abort() {
        let mut lenient = joined(StrictIds::Warn);
        for id in [1, 2, 5, 6] {
            assert!(matches!(receive(&mut lenient, call(id)), Ok(None)));
        }
        assert_eq!(lenient.gaps(), 1);
        let mut strict = joined(StrictIds::Abort);
        assert!(receive(&mut strict, call(1)).is_ok());
        assert_eq!(receive(&mut strict, call(3)).unwrap_err().0, "request id 3 is out of sequence: the next one is 2");
    }

    /// D-10.
    #[test]
    fn timeouts_that_look_like_seconds_are_counted() {
        let mut session = joined(StrictIds::Warn);
        for (id, timeout) in (1..).zip([0, 1, 49, 50, 30_000]) {
            let options = CallOptions { timeout, ..CallOptions::default() };
            let ClientMessage::Call { request, procedure, payload, .. } = call(id) else { unreachable!() };
            assert!(receive(&mut session, ClientMessage::Call { request, options, procedure, payload }).is_ok());
        }
        assert_eq!(session.short_timeouts(), 2);
    }

    /// IDS-7, PRI-3: a CALL repeats an id only to continue a progressive call.
    #[test]
    fn only_an_unfinished_progressive_call_repeats_its_id() {
        let chunk = |id: u64, progress: bool| {
            let options = CallOptions { progress, ..CallOptions::default() };
            let ClientMessage::Call { request, procedure, payload, .. } = call(id) else { unreachable!() };
            ClientMessage::Call { request, options, procedure, payload }
        };
        let mut strict = joined(StrictIds::Abort);
        for (id, progress) in [(1, true), (2, false), (1, true), (1, false), (3, false)] {
            assert!(receive(&mut strict, chunk(id, progress)).is_ok(), "{id} {progress}");
        }
        assert_eq!(
            receive(&mut strict, chunk(1, true)).unwrap_err().0,
            "request id 1 is out of sequence: the next one is 4"
        );
        let mut lenient = joined(StrictIds::Warn);
        for (id, progress) in [(1, false), (2, false), (1, false)] {
            assert!(receive(&mut lenient, chunk(id, progress)).is_ok(), "{id} {progress}");
        }
    }

    /// IDS-4.
    #[test]
    fn request_ids_wrap_from_2_to_the_53_to_1() {
        let mut session = joined(StrictIds::Warn);
        assert!(receive(&mut session, call(Id::MAX.get())).is_ok());
        let gaps = session.gaps();
        assert!(receive(&mut session, call(1)).is_ok());
        assert_eq!(session.gaps(), gaps);
    }
}
