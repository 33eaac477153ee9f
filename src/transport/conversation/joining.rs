//! HELLO: which realm is joined, as whom, and where.

use std::borrow::Cow;

use super::{Conversation, Flow, Stage};
use crate::realm::TimeoutUnit;
use crate::session::auth::Denied;
use crate::shard::State;
use crate::shard::outbox::Home;
use crate::transport::connection::Joining;
use crate::transport::frame::close;
use crate::wamp::uri;
use crate::wamp::{ErrorUri, HelloDetails, Peer, Policy};

/// Milliseconds that a call is given at least by a caller that means milliseconds (D-10).
const LEAST_TIMEOUT: u64 = 50;

impl Conversation {
    /// Answers HELLO: with WELCOME, with ABORT, or by moving to where the realm is at home.
    pub(super) fn hello(&mut self, state: &mut State, realm: Option<Cow<'_, str>>, details: &HelloDetails<'_>) -> Flow {
        match self.decide(realm.as_deref(), details) {
            Ok(joining) if self.shard.network.directory.home(joining.realm) != self.shard.index => {
                Flow::Move(Box::new(joining))
            }
            Ok(joining) => self.join(state, joining),
            Err(Denied { reason, message }) => self.abort(state, reason, &message, Some(close::NORMAL)),
        }
    }

    /// Which realm is joined as whom.
    fn decide(&self, realm: Option<&str>, details: &HelloDetails<'_>) -> Result<Joining, Denied> {
        let denied = |reason, message: &str| Err(Denied { reason, message: message.to_owned() });
        if self.shard.is_draining() {
            return denied(ErrorUri::SystemShutdown, "the router stops");
        }
        let directory = &self.shard.network.directory;
        let Some(name) = realm else {
            return denied(ErrorUri::NoSuchRealm, "HELLO names no realm and no authentication method assigns one");
        };
        let Some(realm) = directory.find(name) else {
            return match uri::Rules::default().allow(name, Policy::Exact) {
                true => denied(ErrorUri::NoSuchRealm, "there is no such realm on this router"),
                false => denied(ErrorUri::InvalidUri, "the realm in HELLO is no valid URI"),
            };
        };
        let identity = directory.entry(realm).methods.decide(details, fastrand::u64(..))?;
        let peer = Peer {
            encoding: self.encoding,
            features: details.features,
            authid: identity.authid.into(),
            authrole: identity.authrole.into(),
            authmethod: identity.authmethod,
            authprovider: identity.authprovider,
            transport: self.manner.as_str(),
            address: self.address.clone(),
        };
        Ok(Joining { realm, peer })
    }

    /// Lets the session into its realm, whose home this shard is.
    pub(in crate::transport) fn join(&mut self, state: &mut State, joining: Joining) -> Flow {
        let network = self.shard.network.clone();
        let entry = network.directory.entry(joining.realm);
        state.outbox.reopen(self.link);
        let queued = self.pending(state);
        let Some((realm, outbox, now)) = state.realm(joining.realm) else {
            return self.abort(state, ErrorUri::NoSuchRealm, "the realm is not here", Some(close::INTERNAL));
        };
        let member = realm.join(now, joining.peer, self.link, outbox);
        let home = Home { realm: joining.realm, member };
        outbox.joined(self.link, home, entry.queue_bytes, entry.slow_consumer);
        if self.pending(state) == queued {
            let message = "WELCOME is longer than the messages this client takes";
            return self.abort(state, ErrorUri::PayloadSizeExceeded, message, Some(close::NORMAL));
        }
        let least_timeout = match entry.options.timeout_unit {
            TimeoutUnit::Milliseconds => LEAST_TIMEOUT,
            TimeoutUnit::Seconds => 0,
        };
        self.session.joined(entry.strict_ids, least_timeout);
        (self.gaps, self.short_timeouts) = (0, 0);
        self.permit.joined();
        self.enter_stage(Stage::Joined);
        log::debug!("peer={} joined realm={}", self.address, entry.options.name);
        Flow::Go
    }

    fn pending(&self, state: &mut State) -> usize {
        state.outbox.standing(self.link).map_or(0, |standing| standing.pending)
    }
}
