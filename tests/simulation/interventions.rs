//! What an administrator does to others.

use banyan::codec::Value;

use crate::history::History;
use crate::model::{Registration, Subscription};

impl History {
    /// An administrator steps in.
    pub fn intervene(&mut self) {
        let observers: Vec<usize> =
            self.alive.iter().filter(|&&client| self.clients[client].role == "observer").copied().collect();
        let Some(observer) = self.random.choice(observers) else { return };
        match self.random.u32(..12) {
            0..5 => self.remove_callee(observer),
            5..9 => self.remove_subscriber(observer),
            _ => self.kill(observer),
        }
    }

    pub fn remove_callee(&mut self, observer: usize) {
        let registrations: Vec<Registration> = self.model.registrations.iter().take(50).cloned().collect();
        let Some(entry) = self.random.choice(registrations) else { return };
        let Some(client) = self.anybody() else { return };
        let client = if self.random.u32(..4) > 0 { entry.callees[0].client } else { client };
        let args = [Value::Uint(entry.id), Value::Uint(self.clients[client].session)];
        let name = ["wamp.registration.remove_callee", "wamp.subscription.remove_callee"][self.random.usize(..2)];
        let answer = self.ask(observer, name, &args);
        let removed = self.model.unregister(entry.id, client);
        let wanted = if removed { Ok(Value::Null) } else { Err("wamp.error.no_such_registration".to_owned()) };
        assert_eq!(answer, wanted, "RMA-15");
        self.count("remove_callee");
    }

    pub fn remove_subscriber(&mut self, observer: usize) {
        let subscriptions: Vec<Subscription> = self.model.subscriptions.clone();
        let Some(entry) = self.random.choice(subscriptions) else { return };
        let Some(client) = self.anybody() else { return };
        let client = if self.random.u32(..4) > 0 { entry.clients[0] } else { client };
        let args = [Value::Uint(entry.id), Value::Uint(self.clients[client].session)];
        let answer = self.ask(observer, "wamp.subscription.remove_subscriber", &args);
        let removed = self.model.unsubscribe(entry.id, client);
        let wanted = if removed { Ok(Value::Null) } else { Err("wamp.error.no_such_subscription".to_owned()) };
        assert_eq!(answer, wanted, "SMA-11");
        self.count("remove_subscriber");
    }

    pub fn kill(&mut self, observer: usize) {
        let others: Vec<usize> = self.alive.iter().filter(|&&client| client != observer).copied().collect();
        let Some(victim) = self.random.choice(others.clone()) else { return };
        let this = &self.clients[victim];
        let (session, authid, role) = (this.session, this.authid, this.role);
        let (name, args, victims): (_, Vec<Value<'_>>, Vec<usize>) = match self.random.u32(..10) {
            0 => ("wamp.session.kill_all", vec![], others),
            1 => {
                let same = |&client: &usize| self.clients[client].authid == authid;
                (
                    "wamp.session.kill_by_authid",
                    vec![Value::Text(authid.into())],
                    others.into_iter().filter(same).collect(),
                )
            }
            2 => {
                let same = |&client: &usize| self.clients[client].role == role;
                (
                    "wamp.session.kill_by_authrole",
                    vec![Value::Text(role.into())],
                    others.into_iter().filter(same).collect(),
                )
            }
            3 => {
                let own = self.clients[observer].session;
                let answer = self.ask(observer, "wamp.session.kill", &[Value::Uint(own)]);
                assert_eq!(answer, Err("wamp.error.no_such_session".to_owned()), "SSM-8");
                return;
            }
            _ => ("wamp.session.kill", vec![Value::Uint(session)], vec![victim]),
        };
        let silent = name == "wamp.session.kill_all";
        let answer = self.ask(observer, name, &args).expect("it is allowed");
        if silent {
            // SSM-11: no event tells of these, so an observer learns of them as the one who asked does.
            let sessions: Vec<u64> = victims.iter().map(|&client| self.clients[client].session).collect();
            let mirrors = self.clients.iter_mut().filter_map(|client| client.mirror.as_mut());
            mirrors.for_each(|mirror| mirror.sessions.retain(|session| !sessions.contains(session)));
        }
        let mut dismissed = std::mem::take(&mut self.world.dismissed);
        dismissed.sort_unstable_by_key(|link| link.0);
        let links: Vec<_> = victims.iter().map(|&client| self.clients[client].link).collect();
        assert_eq!(dismissed, links, "{name}: GOODBYE to each");
        match &answer {
            Value::Null => {}
            Value::Uint(count) => assert_eq!(*count, victims.len() as u64, "SSM-11"),
            Value::List(_) => {
                let mut sessions: Vec<u64> = victims.iter().map(|&client| self.clients[client].session).collect();
                let mut told = crate::world::numbers(&answer);
                sessions.sort_unstable();
                told.sort_unstable();
                assert_eq!(told, sessions, "SSM-9, SSM-10");
            }
            other => panic!("{name} answers {other:?}"),
        }
        // They went in the realm's own order: none of them hears of another.
        self.alive.retain(|client| !victims.contains(client));
        for victim in victims {
            self.departed(victim);
        }
        self.count("kill");
    }
}
