//! The meta topics, and which subscriptions reach them.

use crate::wamp::Policy;

macro_rules! topics {
    ($($(#[$doc:meta])* $name:ident = $uri:literal;)*) => {
        /// A topic that only the router publishes to (MTA-2).
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub(in crate::realm) enum Topic { $($(#[$doc])* $name,)* }

        impl Topic {
            /// Every meta topic; the index of each is `topic as usize`.
            pub(in crate::realm) const ALL: [Topic; [$($uri),*].len()] = [$(Topic::$name),*];

            /// The URI on the wire.
            pub(in crate::realm) const fn uri(self) -> &'static str {
                match self { $(Topic::$name => $uri,)* }
            }
        }
    };
}

topics! {
    /// RMA-1.
    RegistrationCreated = "wamp.registration.on_create";
    /// RMA-2.
    RegistrationJoined = "wamp.registration.on_register";
    /// RMA-3.
    RegistrationLeft = "wamp.registration.on_unregister";
    /// RMA-4.
    RegistrationDeleted = "wamp.registration.on_delete";
    /// SMA-1.
    SubscriptionCreated = "wamp.subscription.on_create";
    /// SMA-2.
    SubscriptionJoined = "wamp.subscription.on_subscribe";
    /// SMA-3.
    SubscriptionLeft = "wamp.subscription.on_unsubscribe";
    /// SMA-4.
    SubscriptionDeleted = "wamp.subscription.on_delete";
    /// SSM-1.
    SessionJoined = "wamp.session.on_join";
    /// SSM-2.
    SessionLeft = "wamp.session.on_leave";
}

/// A set of meta topics.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(in crate::realm) struct Topics(u16);

impl Topics {
    /// The meta topics that a subscription of `uri` under `policy` matches.
    pub(in crate::realm) fn matched_by(policy: Policy, uri: &str) -> Topics {
        let possible = match policy {
            Policy::Exact => uri.starts_with("wamp."),
            Policy::Prefix => uri.starts_with("wamp.") || "wamp.".starts_with(uri),
            Policy::Wildcard => uri.starts_with("wamp.") || uri.starts_with('.'),
        };
        let mut topics = Topics::default();
        if possible {
            Topic::ALL
                .into_iter()
                .filter(|topic| matches(policy, uri, topic.uri()))
                .for_each(|topic| topics.insert(topic));
        }
        topics
    }

    /// Adds a topic.
    pub(super) fn insert(&mut self, topic: Topic) {
        self.0 |= 1 << topic as u16;
    }

    /// Adds the topics of another set.
    pub(super) fn extend(&mut self, other: Topics) {
        self.0 |= other.0;
    }

    /// Whether a topic is in it.
    #[inline]
    pub(super) const fn has(self, topic: Topic) -> bool {
        self.0 & 1 << topic as u16 != 0
    }

    /// Whether no topic is in it.
    pub(in crate::realm) const fn is_empty(self) -> bool {
        self.0 == 0
    }
}

fn matches(policy: Policy, pattern: &str, topic: &str) -> bool {
    match policy {
        Policy::Exact => pattern == topic,
        Policy::Prefix => topic.starts_with(pattern),
        Policy::Wildcard => {
            let mut parts = pattern.split('.');
            topic.split('.').all(|part| parts.next().is_some_and(|own| own.is_empty() || own == part))
                && parts.next().is_none()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Topic, Topics};
    use crate::wamp::Policy::{Exact, Prefix, Wildcard};

    /// PAT-5, MTA-1.
    #[test]
    fn exact_prefix_and_wildcard_subscriptions_reach_meta_topics() {
        let count = |policy, uri| {
            let topics = Topics::matched_by(policy, uri);
            Topic::ALL.into_iter().filter(|&topic| topics.has(topic)).count()
        };
        assert_eq!(count(Exact, "wamp.registration.on_create"), 1);
        assert_eq!(count(Exact, "wamp.registration"), 0);
        for everything in ["", "w", "wamp", "wamp."] {
            assert_eq!(count(Prefix, everything), 10, "{everything:?}");
        }
        assert_eq!(count(Prefix, "wamp.registration."), 4);
        assert_eq!(count(Prefix, "wamp.s"), 6);
        assert_eq!(count(Prefix, "wamp.registration.on_create.x"), 0);
        assert_eq!(count(Prefix, "wa.mp"), 0);
        assert_eq!(count(Wildcard, "wamp..on_create"), 2);
        assert_eq!(count(Wildcard, ".."), 10);
        assert_eq!(count(Wildcard, "."), 0);
        assert_eq!(count(Wildcard, "...."), 0);
        assert_eq!(count(Wildcard, "wamp.session.on_join"), 1);
    }
}
