//! Every error and close reason the router itself emits, and its URI.

macro_rules! error_uris {
    ($($(#[$doc:meta])* $name:ident = $uri:literal;)*) => {
        /// An error or reason with a predefined URI (section 17 of the feature rows).
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum ErrorUri { $($(#[$doc])* $name,)* }

        impl ErrorUri {
            /// The URI on the wire.
            pub const fn as_str(self) -> &'static str {
                match self { $(ErrorUri::$name => $uri,)* }
            }
        }
    };
}

error_uris! {
    /// A bad URI in a request, or a reserved one (ERR-1).
    InvalidUri = "wamp.error.invalid_uri";
    /// No registration matches the call (ERR-2).
    NoSuchProcedure = "wamp.error.no_such_procedure";
    /// The procedure is taken (ERR-3).
    ProcedureAlreadyExists = "wamp.error.procedure_already_exists";
    /// The procedure is shared under another policy (ERR-4).
    DifferentInvocationPolicy = "wamp.error.procedure_exists_with_different_invocation_policy";
    /// Unknown registration, or not held by this session (ERR-5).
    NoSuchRegistration = "wamp.error.no_such_registration";
    /// Unknown subscription, or not held by this session (ERR-6).
    NoSuchSubscription = "wamp.error.no_such_subscription";
    /// Unknown session (ERR-7).
    NoSuchSession = "wamp.error.no_such_session";
    /// Wrong number, type or value of arguments (ERR-8).
    InvalidArgument = "wamp.error.invalid_argument";
    /// The call was canceled, or its callee left (ERR-9).
    Canceled = "wamp.error.canceled";
    /// The call took too long (ERR-10).
    Timeout = "wamp.error.timeout";
    /// The message is longer than its receiver takes (ERR-11).
    PayloadSizeExceeded = "wamp.error.payload_size_exceeded";
    /// ABORT only (ERR-12).
    ProtocolViolation = "wamp.error.protocol_violation";
    /// The action is not allowed (ERR-13).
    NotAuthorized = "wamp.error.not_authorized";
    /// The realm does not exist (ERR-16).
    NoSuchRealm = "wamp.error.no_such_realm";
    /// The role does not exist (ERR-16).
    NoSuchRole = "wamp.error.no_such_role";
    /// None of the offered methods is available (ERR-17).
    NoMatchingAuthMethod = "wamp.error.no_matching_auth_method";
    /// The credentials do not prove the identity (ERR-18).
    AuthenticationDenied = "wamp.error.authentication_denied";
    /// Authentication broke for a technical reason (ERR-18).
    AuthenticationFailed = "wamp.error.authentication_failed";
    /// Disclosure is refused (ERR-20).
    DiscloseMeNotAllowed = "wamp.error.option_disallowed.disclose_me";
    /// The receiver does not take messages at the moment (ERR-21).
    NetworkFailure = "wamp.error.network_failure";
    /// No callee took the call (ERR-22).
    NoAvailableCallee = "wamp.error.no_available_callee";
    /// A callee hands the call back (ERR-22).
    Unavailable = "wamp.error.unavailable";
    /// The peer lacks a feature the request needs (ERR-23).
    FeatureNotSupported = "wamp.error.feature_not_supported";
    /// The session reached a quota (SIZ-7).
    LimitExceeded = "wamp.error.limit_exceeded";
    /// Every callee is at its concurrency limit (ERR-27).
    MaxConcurrencyReached = "crossbar.error.max_concurrency_reached";
    /// Reason of a revocation by `force_reregister` (LIM-5).
    Unregistered = "wamp.error.unregistered";
    /// Reason of a revocation by `remove_subscriber` (SMA-11).
    Unsubscribed = "wamp.error.unsubscribed";
    /// The router stops (ERR-28).
    SystemShutdown = "wamp.close.system_shutdown";
    /// Answer to a client's GOODBYE (ERR-28).
    GoodbyeAndOut = "wamp.close.goodbye_and_out";
    /// The session was killed (ERR-28).
    Killed = "wamp.close.killed";
    /// The session does not read what it is sent (SIZ-6).
    SlowConsumer = "wamp.close.slow_consumer";
}

/// A breach of the protocol: the text of the ABORT that answers it (PRO-1).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Violation(pub String);

impl Violation {
    /// A breach, told in a sentence for the developer of the peer.
    pub fn new(text: impl Into<String>) -> Violation {
        Violation(text.into())
    }
}
