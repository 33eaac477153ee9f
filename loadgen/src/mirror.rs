//! What an observer of the four registration events knows, and whether it is right.
//!
//! The rules (WAMP: registration meta events): `on_create` comes once, before the first `on_register`; `on_delete` once,
//! after the last `on_unregister`; ids are those of the moment. A [`Mirror`] follows the events of one observer and
//! counts what breaks them; at a quiet moment it is compared with what the sessions were told and with what the router
//! lists. It keeps one entry per URI of the run, found by the number at the URI's end, so an event costs one lookup.
//!
//! That lookup misses the caches where there are millions, and would be most of what an event costs the generator. So
//! while the clock runs events may be noted only, and followed when there is time.

use std::collections::{HashMap, VecDeque};

use crate::outcome::Integrity;
use crate::scenario::uris::Uris;
use crate::stamp::mix;
use crate::wire::codec::Created;

/// The four events, in the order in which they happen to a registration.
pub const TOPICS: [&str; 4] = [
    "wamp.registration.on_create",
    "wamp.registration.on_register",
    "wamp.registration.on_unregister",
    "wamp.registration.on_delete",
];

/// One registration as observed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Entry {
    /// Its id; 0: there is none.
    pub id: u64,
    /// How many callees are on it.
    pub callees: u32,
    /// The sum of their mixed session ids: the same callees make the same sum in any order.
    pub sum: u64,
}

impl Entry {
    /// A callee comes.
    pub fn attach(&mut self, session: u64) {
        self.callees += 1;
        self.sum = self.sum.wrapping_add(mix(session));
    }

    /// A callee goes.
    pub fn detach(&mut self, session: u64) {
        self.callees -= 1;
        self.sum = self.sum.wrapping_sub(mix(session));
    }
}

/// Events that are noted at most; then each new one makes one be followed. 24 bytes each.
const MOST_NOTED: usize = 1 << 23;

/// An event as far as it matters.
#[derive(Clone, Copy)]
pub struct Event {
    /// In [`TOPICS`].
    topic: u8,
    /// Of `on_create`: whether its details are those of this run.
    right: bool,
    /// Of `on_create`: the number of its URI.
    number: u32,
    session: u64,
    id: u64,
}

impl Event {
    /// `on_register`, `on_unregister` or `on_delete` (1 to 3 in [`TOPICS`]).
    #[inline]
    pub fn change(topic: usize, session: u64, id: u64) -> Event {
        Event { topic: topic as u8, right: true, number: 0, session, id }
    }
}

/// What one observer knows.
pub struct Mirror {
    uris: Uris,
    entries: Vec<Entry>,
    /// Number of the URI by registration id.
    numbers: HashMap<u64, u32, crate::scenario::BySender>,
    /// The registration of the last event; the next one is most often about the same.
    last: (u64, u32),
    /// What happened since, in order.
    noted: VecDeque<Event>,
    /// How often each event came, in the order of [`TOPICS`].
    pub seen: [u64; 4],
    /// What broke the rules.
    pub integrity: Integrity,
}

impl Mirror {
    /// Of an observer that subscribed before the first registration of these URIs.
    pub fn new(uris: Uris) -> Mirror {
        Mirror {
            entries: vec![Entry::default(); uris.count() as usize],
            numbers: HashMap::with_capacity_and_hasher(uris.count() as usize, Default::default()),
            noted: VecDeque::with_capacity((2 * uris.count() as usize).min(MOST_NOTED)),
            uris,
            last: (0, 0),
            seen: [0; 4],
            integrity: Integrity::default(),
        }
    }

    /// `on_create`, if its URI is one of this run.
    #[inline]
    pub fn creation(&self, created: &Created<'_>) -> Option<Event> {
        let number = self.uris.number(created.uri)?;
        let (policy, invoke) = self.uris.policy();
        let right = created.policy == policy.as_bytes() && created.invoke == invoke.as_bytes() && created.session != 0;
        Some(Event { topic: 0, right, number, session: created.session, id: created.id })
    }

    /// Takes note of an event, which is followed later.
    #[inline]
    pub fn note(&mut self, event: Event) {
        if self.noted.len() >= MOST_NOTED
            && let Some(first) = self.noted.pop_front()
        {
            self.follow(first);
        }
        self.noted.push_back(event);
    }

    /// Follows what was noted and then an event; the number of its URI, if it is one of this run.
    #[inline]
    pub fn take(&mut self, event: Event) -> Option<u32> {
        self.catch_up(usize::MAX);
        self.follow(event)
    }

    /// Whether some of what was noted was not followed yet: `seen` and `integrity` do not have it.
    pub fn is_behind(&self) -> bool {
        !self.noted.is_empty()
    }

    /// Follows what was noted, so many events at most.
    #[inline]
    pub fn catch_up(&mut self, most: usize) {
        for _ in 0..most.min(self.noted.len()) {
            self.noted.pop_front().into_iter().for_each(|event| _ = self.follow(event));
        }
    }

    #[inline]
    fn follow(&mut self, Event { topic, right, number, session, id }: Event) -> Option<u32> {
        if topic == 0 {
            self.follow_creation(number, id, right);
            return Some(number);
        }
        let number = if self.last.0 == id { self.last.1 } else { *self.numbers.get(&id)? };
        self.last = (id, number);
        self.integrity.checked += 1;
        self.seen[usize::from(topic)] += 1;
        let entry = &mut self.entries[number as usize];
        match topic {
            1 => entry.attach(session),
            2 if entry.callees == 0 => self.integrity.reordered += 1,
            2 => entry.detach(session),
            _ => {
                if entry.callees > 0 {
                    self.integrity.reordered += 1;
                } else if entry.sum != 0 {
                    // As many went as came, but not the same ones.
                    self.integrity.wrong += 1;
                }
                *entry = Entry::default();
                self.numbers.remove(&id);
                self.last = (0, 0);
            }
        }
        Some(number)
    }

    #[inline]
    fn follow_creation(&mut self, number: u32, id: u64, right: bool) {
        self.integrity.checked += 1;
        self.integrity.wrong += u64::from(!right);
        self.seen[0] += 1;
        let entry = &mut self.entries[number as usize];
        if entry.id == id {
            self.integrity.duplicated += 1;
        } else if entry.id != 0 {
            // The deletion of the one before has not come.
            self.integrity.reordered += 1;
        }
        *entry = Entry { id, callees: 0, sum: 0 };
        self.numbers.insert(id, number);
        self.last = (id, number);
    }

    /// Compares with what is true at a quiet moment, in the order of the numbers; how many entries differ.
    pub fn differences(&self, truth: &[Entry]) -> u64 {
        self.entries.iter().zip(truth).filter(|(mine, truth)| mine != truth).count() as u64
    }
}

#[cfg(test)]
mod tests {
    use super::{Entry, Event, Mirror};
    use crate::args::Kind;
    use crate::scenario::uris::Uris;
    use crate::wire::codec::Created;

    impl Mirror {
        fn created(&mut self, created: &Created<'_>) -> Option<u32> {
            self.creation(created).and_then(|event| self.take(event))
        }

        fn changed(&mut self, topic: usize, session: u64, id: u64) -> Option<u32> {
            self.take(Event::change(topic, session, id))
        }

        fn note_created(&mut self, created: &Created<'_>) {
            self.creation(created).into_iter().for_each(|event| self.note(event));
        }

        fn note_changed(&mut self, topic: usize, session: u64, id: u64) {
            self.note(Event::change(topic, session, id));
        }
    }

    fn mirror() -> (Mirror, Vec<String>) {
        let uris = Uris::new("com.loadgen.r0000001", Kind::Shared, "roundrobin", 3);
        let names = (0..3).map(|number| uris.uri(number)).collect();
        (Mirror::new(uris), names)
    }

    fn created(id: u64, uri: &str) -> Created<'_> {
        Created { session: 7, id, uri: uri.as_bytes(), policy: b"exact", invoke: b"roundrobin" }
    }

    #[test]
    fn a_life_in_the_right_order_breaks_nothing_and_leaves_nothing() {
        let (mut mirror, names) = mirror();
        assert_eq!(mirror.created(&created(11, &names[1])), Some(1));
        for (topic, session) in [(1, 7), (1, 8), (2, 7), (2, 8), (3, 8)] {
            assert_eq!(mirror.changed(topic, session, 11), Some(1));
        }
        assert_eq!((mirror.integrity.broken(), mirror.seen), (0, [1, 2, 2, 1]));
        assert_eq!(mirror.differences(&[Entry::default(); 3]), 0);
    }

    #[test]
    fn each_broken_rule_is_counted() {
        let (mut it, names) = mirror();
        it.created(&created(11, &names[0]));
        it.created(&created(11, &names[0]));
        assert_eq!(it.integrity.duplicated, 1, "created twice");
        it.changed(1, 7, 11);
        it.changed(3, 7, 11);
        assert_eq!(it.integrity.reordered, 1, "deleted while a callee remains");
        it.created(&created(12, &names[0]));
        it.changed(2, 7, 12);
        assert_eq!(it.integrity.reordered, 2, "left before it came");
        it.changed(1, 7, 12);
        it.changed(2, 8, 12);
        it.changed(3, 8, 12);
        assert_eq!(it.integrity.wrong, 1, "another one left than came");
        it.created(&Created { session: 0, ..created(13, &names[2]) });
        assert_eq!(it.integrity.wrong, 2, "no session caused it");
    }

    #[test]
    fn what_is_noted_is_followed_in_order() {
        let (mut it, names) = mirror();
        it.note_created(&created(11, &names[1]));
        it.note_changed(1, 7, 11);
        assert_eq!((it.is_behind(), it.seen), (true, [0; 4]));
        assert_eq!(it.changed(2, 7, 11), Some(1), "what was noted before comes first");
        assert_eq!((it.is_behind(), it.seen, it.integrity.broken()), (false, [1, 1, 1, 0], 0));
        it.note_changed(2, 7, 11);
        it.note_created(&created(12, "com.example.other"));
        it.note_changed(3, 7, 11);
        it.catch_up(1);
        assert_eq!((it.is_behind(), it.integrity.reordered, it.integrity.checked), (true, 1, 4));
        it.catch_up(5);
        assert_eq!((it.is_behind(), it.seen), (false, [1, 1, 2, 1]));
    }

    #[test]
    fn foreign_registrations_do_not_concern_it() {
        let (mut mirror, _) = mirror();
        assert_eq!(mirror.created(&created(11, "com.example.other")), None);
        assert_eq!(mirror.changed(1, 7, 99), None);
        assert_eq!(mirror.integrity.checked, 0);
    }
}
