//! Who may join as whom: the verdict on a HELLO.
//!
//! Spec: "Authentication", rows AUT, AUM-1. Here is `anonymous`; each further one comes with its
//! CHALLENGE. A method the router does not know is skipped, never an error (D-35).

use crate::wamp::{ErrorUri, HelloDetails};

/// How a realm lets clients in.
#[derive(Clone, Debug, Default)]
pub struct Methods {
    /// The role of anonymous sessions; `None` refuses them.
    pub anonymous: Option<String>,
}

/// A proven identity.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Identity {
    /// The identity.
    pub authid: String,
    /// The role.
    pub authrole: String,
    /// The method that proved it.
    pub authmethod: &'static str,
    /// Who vouches for it.
    pub authprovider: &'static str,
}

/// Why a HELLO is refused: reason and text of the ABORT.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Denied {
    /// The reason.
    pub reason: ErrorUri,
    /// A sentence for a person.
    pub message: String,
}

impl Methods {
    /// Decides a HELLO: the client's methods in its order, the first that the realm offers (AUT-1). No list, or an
    /// empty one, means `anonymous`. `serial` is a fresh random number for the authid of an anonymous session.
    ///
    /// # Errors
    /// [`Denied`] with `no_matching_auth_method` where the realm offers none of them (AUT-2).
    pub fn decide(&self, hello: &HelloDetails<'_>, serial: u64) -> Result<Identity, Denied> {
        let asked = hello.authmethods.as_deref().unwrap_or_default();
        let wants_anonymous = asked.is_empty() || asked.iter().any(|method| method == "anonymous");
        match &self.anonymous {
            Some(role) if wants_anonymous => Ok(Identity {
                authid: format!("{serial:016x}"),
                authrole: role.clone(),
                authmethod: "anonymous",
                authprovider: "static",
            }),
            _ => Err(Denied { reason: ErrorUri::NoMatchingAuthMethod, message: self.explain(asked.len()) }),
        }
    }

    fn explain(&self, asked: usize) -> String {
        let offered = if self.anonymous.is_some() { "anonymous" } else { "none" };
        match asked {
            0 => format!(
                "the client offered no authentication method, which means anonymous; this realm offers: {offered}"
            ),
            _ => {
                format!("none of the {asked} offered authentication methods is available; this realm offers: {offered}")
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Methods;
    use crate::wamp::{ErrorUri, HelloDetails};

    fn hello(methods: Option<&[&'static str]>) -> HelloDetails<'static> {
        let authmethods = methods.map(|list| list.iter().map(|&name| name.into()).collect());
        HelloDetails { authmethods, ..HelloDetails::default() }
    }

    fn open() -> Methods {
        Methods { anonymous: Some("guest".to_owned()) }
    }

    /// AUT-1, AUM-1.
    #[test]
    fn no_or_an_empty_list_means_anonymous() {
        for methods in [None, Some(&[][..]), Some(&["anonymous"][..])] {
            let identity = open().decide(&hello(methods), 7).unwrap();
            assert_eq!((identity.authid.as_str(), identity.authrole.as_str()), ("0000000000000007", "guest"));
            assert_eq!((identity.authmethod, identity.authprovider), ("anonymous", "static"));
        }
    }

    /// AUT-2, D-35.
    #[test]
    fn unknown_methods_are_skipped_and_none_left_is_refused() {
        assert!(open().decide(&hello(Some(&["future", "anonymous"])), 1).is_ok());
        let denied = open().decide(&hello(Some(&["ticket", "wampcra"])), 1).unwrap_err();
        assert_eq!(denied.reason, ErrorUri::NoMatchingAuthMethod);
        assert!(Methods::default().decide(&hello(None), 1).is_err());
    }
}
