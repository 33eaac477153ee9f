//! Registrations: who serves which procedure.
//!
//! Invariants: a registration lives from its first callee to its last; a callee stands in the registration and in its
//! member's list, each knowing its place in the other; every change is told to [`Meta`] as it happens, in order.
//! A callee whose session departed is as good as gone: whoever meets it releases it (with its events) and looks again.
//!
//! Not here: calls (`call`), the procedures that look at registrations (`meta`). Spec: "Remote Procedure Calls",
//! "Pattern-based Registrations", "Shared Registration", "Registration Revocation"; rows RPC-1, RPC-2, RPP, SHR, LIM.

mod registration;

pub(super) use registration::{Callee, Choice, Registration};

use super::errors::{Failure, refuse};
use super::ids::id_of;
use super::members::Members;
use super::meta::{Event, Meta};
use super::{Effects, MemberKey, Now, Realm};
use crate::pattern::rules::Action;
use crate::pattern::{EntryKey, PatternMap};
use crate::wamp::{
    ErrorUri, Features, Id, Invoke, Policy, RegisterOptions, RequestType, Revocation, RouterMessage, uri,
};

/// Steps that finding the wildcard patterns for a URI may take, about a nanosecond each: what every mask of 12
/// components needs. A pattern that would make it more is refused.
pub(super) const MOST_WILDCARD_WORK: usize = 49_152;

/// All registrations of a realm.
pub(super) struct Dealer {
    /// By procedure and policy; the key is the registration id.
    pub(super) registrations: PatternMap<Registration>,
    /// Callees of all registrations.
    callees: usize,
}

impl Dealer {
    pub(super) fn new(seed: u64) -> Dealer {
        Dealer { registrations: PatternMap::new(seed), callees: 0 }
    }

    /// The ticket of a member on a registration; `None` where either is not.
    pub(super) fn ticket(&self, registration: EntryKey, member: MemberKey) -> Option<u64> {
        self.registrations.get(registration)?.ticket_of(member.slot())
    }

    /// Takes a callee off its registration, and the registration away with its last one, and tells it (RMA-3, RMA-4).
    pub(super) fn detach(&mut self, members: &mut Members, meta: &mut Meta, key: EntryKey, ticket: u64) {
        let Some(entry) = self.registrations.entry(key) else { return };
        let Some(&callee) = entry.value.callee(ticket) else { return };
        let Some(member) = members.at_mut(callee.member) else { return };
        let last = entry.value.count() == 1;
        let (session, id, uri, policy) = (member.session, id_of(key), entry.uri, entry.policy);
        meta.emit(Event::RegistrationLeft { session, id, uri, policy });
        if last {
            meta.emit(Event::RegistrationDeleted { session, id, uri, policy });
        }
        self.callees -= 1;
        member.registrations.swap_remove(callee.position as usize);
        let moved = member.registrations.get(callee.position as usize).copied();
        if last {
            self.registrations.remove(key);
        } else if let Some(registration) = self.registrations.get_mut(key) {
            registration.leave(ticket);
        }
        if let Some(moved) = moved {
            self.reposition(moved, callee.member, callee.position);
        }
    }

    /// A registration stands at another position of its member's list now.
    fn reposition(&mut self, key: EntryKey, member: u32, position: u32) {
        if let Some(registration) = self.registrations.get_mut(key)
            && let Some(ticket) = registration.ticket_of(member)
            && let Some(callee) = registration.callee_mut(ticket)
        {
            callee.position = position;
        }
    }

    /// Who takes a call on this registration; departed callees met on the way are released.
    #[inline]
    pub(super) fn choose(
        &mut self,
        members: &mut Members,
        meta: &mut Meta,
        random: &mut fastrand::Rng,
        key: EntryKey,
        tried: &[u64],
    ) -> Choice {
        loop {
            let Some(registration) = self.registrations.get_mut(key) else { return Choice::Nobody };
            match registration.choose(tried, random) {
                Choice::Callee { ticket, member } if members.at(member).is_none_or(|member| member.departed) => {
                    self.detach(members, meta, key, ticket);
                }
                choice => return choice,
            }
        }
    }

    /// Releases departed callees until one that is present stands first; whether the registration still lives.
    fn settle(&mut self, members: &mut Members, meta: &mut Meta, key: EntryKey) -> bool {
        while let Some((ticket, member)) = self.first_callee(key) {
            if members.at(member).is_some_and(|member| !member.departed) {
                return true;
            }
            self.detach(members, meta, key, ticket);
        }
        false
    }

    /// Ticket and member's slot of the callee that joined first.
    fn first_callee(&self, key: EntryKey) -> Option<(u64, u32)> {
        let first = self.registrations.get(key)?.callees_from(0).next();
        first.map(|(ticket, callee)| (ticket, callee.member))
    }

    /// Releases up to `budget` registrations of a departed member; how many it were.
    pub(super) fn release(
        &mut self,
        members: &mut Members,
        meta: &mut Meta,
        member: MemberKey,
        budget: usize,
    ) -> usize {
        for released in 0..budget {
            let last = members.get(member).and_then(|member| member.registrations.last().copied());
            let Some(key) = last else { return released };
            match self.ticket(key, member) {
                Some(ticket) => self.detach(members, meta, key, ticket),
                None => return released,
            }
        }
        budget
    }
}

impl Realm {
    /// REGISTER (RPC-1).
    pub(super) fn register(
        &mut self,
        now: Now,
        from: MemberKey,
        request: Id,
        options: &RegisterOptions,
        procedure: &str,
        out: &mut dyn Effects,
    ) {
        let result = self.may_register(from, options, procedure).and_then(|()| {
            if options.force_reregister {
                self.evict_callees(from, options.policy, procedure, out)?;
            }
            self.add_callee(now, from, options, procedure)
        });
        let Some(member) = self.members.get(from) else { return };
        match result {
            // Whatever refuses an answer is a connection that is gone: its leave is on its way.
            Ok(registration) => {
                let _ = out.send(member.link, &RouterMessage::Registered { request, registration });
            }
            Err(failure) => refuse(member, RequestType::Register, request, &failure, out),
        }
    }

    /// Everything that is decided without looking whether the procedure exists (AZN-4).
    fn may_register(&self, from: MemberKey, options: &RegisterOptions, procedure: &str) -> Result<(), Failure> {
        if !self.options.uris.allow(procedure, options.policy) {
            return Err(Failure::invalid_uri("the procedure is no valid URI under this match policy"));
        }
        if uri::is_reserved(procedure) {
            return Err(Failure::invalid_uri("URIs whose first component is \"wamp\" belong to the router"));
        }
        let Some(member) = self.members.get(from) else { return Err(Failure::not_authorized()) };
        if !member.judge(Action::Register, procedure, options.policy).allowed {
            return Err(Failure::not_authorized_for(options.policy));
        }
        if options.disclose_caller && !self.options.allow_disclose_me {
            let message = "this realm does not disclose callers on a callee's request";
            return Err(Failure::new(ErrorUri::DiscloseMeNotAllowed, message));
        }
        let wildcard = options.policy == Policy::Wildcard;
        if wildcard && self.dealer.registrations.wildcard_work(procedure) > MOST_WILDCARD_WORK {
            return Err(Failure::limit(
                "patterns with wildcards at so many different places are more than a realm takes",
            ));
        }
        if member.registrations.len() >= self.options.limits.registrations {
            return Err(Failure::limit("this session holds as many registrations as a session may"));
        }
        if self.dealer.callees >= self.options.limits.registrations_in_all {
            return Err(Failure::limit("the sessions of this realm hold as many registrations as a realm may"));
        }
        Ok(())
    }

    /// Creates the registration, or joins it where it is shared (SHR-2).
    fn add_callee(
        &mut self,
        now: Now,
        from: MemberKey,
        options: &RegisterOptions,
        procedure: &str,
    ) -> Result<Id, Failure> {
        let Realm { dealer, members, meta, .. } = self;
        let Some(member) = members.get(from) else { return Err(Failure::not_authorized()) };
        let session = member.session;
        let position = member.registrations.len() as u32;
        let callee = Callee::new(from.slot(), position, options, member.has(Features::CALLEE_TIMEOUT));
        let create = || Registration::new(now.unix_ms, options.invoke, callee);
        let mut inserted = dealer.registrations.insert(options.policy, procedure, create());
        if let Err(taken) = inserted
            && !dealer.settle(members, meta, taken)
        {
            inserted = dealer.registrations.insert(options.policy, procedure, create());
        }
        let (key, created) = match inserted {
            Ok(key) => (key, true),
            Err(taken) => (taken, false),
        };
        let (id, uri, policy) = (id_of(key), procedure, options.policy);
        if created {
            let (created, invoke) = (now.unix_ms, options.invoke);
            meta.emit(Event::RegistrationCreated { session, id, created, uri, policy, invoke });
        } else if let Some(registration) = dealer.registrations.get_mut(key) {
            may_join(registration, from, options.invoke)?;
            registration.join(callee);
        }
        if let Some(member) = members.get_mut(from) {
            member.registrations.push(key);
            dealer.callees += 1;
        }
        meta.emit(Event::RegistrationJoined { session, id, uri, policy });
        Ok(id)
    }

    /// `force_reregister`: takes every callee off, if all of them are the same principal as who asks (LIM-5, D-14).
    fn evict_callees(
        &mut self,
        from: MemberKey,
        policy: Policy,
        procedure: &str,
        out: &mut dyn Effects,
    ) -> Result<(), Failure> {
        let Realm { dealer, members, meta, .. } = self;
        let Some(key) = dealer.registrations.find(policy, procedure) else { return Ok(()) };
        let (Some(registration), Some(asking)) = (dealer.registrations.get(key), members.get(from)) else {
            return Ok(());
        };
        let same = |callee: &Callee| {
            members.at(callee.member).is_none_or(|member| member.departed || member.peer.authid == asking.peer.authid)
        };
        if !registration.callees_from(0).all(|(_, callee)| same(callee)) {
            let message = "force_reregister: another principal serves this procedure";
            return Err(Failure::new(ErrorUri::NotAuthorized, message));
        }
        while let Some((ticket, member)) = dealer.first_callee(key) {
            dealer.detach(members, meta, key, ticket);
            revoke(members, member, key, ErrorUri::Unregistered.as_str(), out);
        }
        Ok(())
    }

    /// UNREGISTER (RPC-2).
    pub(super) fn unregister(&mut self, from: MemberKey, request: Id, registration: Id, out: &mut dyn Effects) {
        let Realm { dealer, members, meta, .. } = self;
        let key = EntryKey::from_id(registration.get());
        let held = key.and_then(|key| Some((key, dealer.ticket(key, from)?)));
        if let Some((key, ticket)) = held {
            dealer.detach(members, meta, key, ticket);
        }
        let Some(member) = members.get(from) else { return };
        if held.is_some() {
            let _ = out.send(member.link, &RouterMessage::Unregistered { request });
        } else {
            let message = "this session does not serve such a registration";
            let failure = Failure::new(ErrorUri::NoSuchRegistration, message);
            refuse(member, RequestType::Unregister, request, &failure, out);
        }
    }

    /// Takes a callee off at somebody else's request: `wamp.registration.remove_callee` (RMA-16). Running invocations
    /// finish (RPC-9). Returns whether the member was a callee.
    pub(super) fn remove_callee(
        &mut self,
        registration: EntryKey,
        callee: MemberKey,
        reason: &str,
        out: &mut dyn Effects,
    ) -> bool {
        let Realm { dealer, members, meta, .. } = self;
        let Some(ticket) = dealer.ticket(registration, callee) else { return false };
        dealer.detach(members, meta, registration, ticket);
        revoke(members, callee.slot(), registration, reason, out);
        true
    }
}

/// Whether a session may become one more callee (SHR-3, SHR-4, SHR-7, D-13).
fn may_join(registration: &Registration, member: MemberKey, invoke: Invoke) -> Result<(), Failure> {
    if registration.invoke == Invoke::Single {
        return Err(Failure::new(ErrorUri::ProcedureAlreadyExists, "the procedure is served already"));
    }
    if registration.invoke != invoke {
        let message = format!("the procedure is shared with invoke \"{}\"", registration.invoke.as_str());
        return Err(Failure::new(ErrorUri::DifferentInvocationPolicy, message));
    }
    if registration.ticket_of(member.slot()).is_some() {
        return Err(Failure::new(ErrorUri::ProcedureAlreadyExists, "this session serves the procedure already"));
    }
    Ok(())
}

/// Tells a former callee, where it understands that (LIM-7).
fn revoke(members: &Members, member: u32, registration: EntryKey, reason: &str, out: &mut dyn Effects) {
    if let Some(member) = members.at(member)
        && !member.departed
        && member.has(Features::CALLEE_REVOCATION)
    {
        let details = Revocation { id: id_of(registration), reason };
        let _ = out.send(member.link, &RouterMessage::UnregisteredRevoked { details });
    }
}
