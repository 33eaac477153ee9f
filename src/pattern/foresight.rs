//! Looking ahead: what questions that come soon will read is brought to the caches, for many questions at once.
//!
//! In a large map a question is a chain of two to four reads that each miss the caches and wait for the one before. The
//! chains of different questions do not wait for each other: so a group is taken through them step by step, and all
//! reads of one step are under way together. What is brought: lines of the exact table; the entries they lead to; for
//! URIs that lead to none, lines of the other tables that may hold an answer, and the entries of these.
//!
//! Invariant: a hint and nothing else. It changes nothing that a question sees, and no answer depends on it.
//!
//! Left out: rests of prefixes behind an anchor and items that went on to a second line, as few answers need them;
//! wildcard masks beyond the most specific; texts that do not fit into their slot.

use super::PatternMap;
use super::table::Probe;
use crate::wamp::Policy;
use smallvec::SmallVec;

/// Questions that are taken through the steps together: enough to hide the waiting, few enough to stay in the
/// innermost cache until they are asked.
pub const GROUP: usize = 16;
/// Entries from which on looking ahead pays: smaller maps lie in the caches anyway.
const FAR: usize = 1 << 18;
/// Probes of prefixes and wildcards that one group is looked ahead for.
const PROBES: usize = 8 * GROUP;
/// Questions that are remembered, a power of two; what one of them read is most likely still in the caches.
const REMEMBERED: usize = 1024;

/// A question that comes soon.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Coming<'u> {
    /// Which entry matches this URI best?
    Best(&'u str),
    /// Which entries match this URI?
    All(&'u str),
    /// An entry with this identity is looked for or inserted.
    Entry(Policy, &'u str),
}

impl<'u> Coming<'u> {
    /// The URI or pattern in question.
    pub fn uri(self) -> &'u str {
        match self {
            Coming::Best(uri) | Coming::All(uri) | Coming::Entry(_, uri) => uri,
        }
    }
}

/// Which questions were foreseen lately, by fragments of their hashes.
#[derive(Clone, Debug, Default)]
pub struct Remembered(Vec<u32>);

impl Remembered {
    /// Whether it was not there; it is now.
    fn is_new(&mut self, fragment: u32) -> bool {
        // Most maps stay small, and never ask.
        if self.0.is_empty() {
            self.0 = vec![0; REMEMBERED];
        }
        std::mem::replace(&mut self.0[fragment as usize % REMEMBERED], fragment) != fragment
    }
}

/// Probes of one step.
type Probes<'t> = SmallVec<[Probe<'t>; PROBES]>;

impl<T> PatternMap<T> {
    /// Whether the map is so large that [`PatternMap::foresee`] does anything.
    #[inline]
    pub fn is_far(&self) -> bool {
        self.len_all() >= FAR
    }

    /// Brings what these questions will read to the caches, [`GROUP`] at a time: ask them next. Those that `remembered`
    /// has are left out. Returns how many it did not have.
    pub fn foresee(&self, coming: &[Coming<'_>], remembered: &mut Remembered) -> usize {
        if !self.is_far() {
            return 0;
        }
        coming.chunks(GROUP).map(|group| self.foresee_group(group, remembered)).sum()
    }

    pub(super) fn foresee_group(&self, group: &[Coming<'_>], remembered: &mut Remembered) -> usize {
        let mut exact = SmallVec::<[(Probe, &str, bool); GROUP]>::new();
        let mut probes = Probes::new();
        let mut new = 0;
        for coming in group {
            let fragment = self.exact_fragment(coming.uri().as_bytes());
            if !remembered.is_new(fragment) {
                continue;
            }
            new += 1;
            let probe = self.exact.probe(fragment);
            match *coming {
                Coming::Best(uri) | Coming::All(uri) => {
                    probe.bring_line();
                    exact.push((probe, uri, matches!(coming, Coming::All(_))));
                }
                Coming::Entry(Policy::Exact, _) => {
                    probe.bring_tags();
                    probe.bring_line();
                }
                Coming::Entry(Policy::Prefix, uri) => add(self.prefixes.probe(&self.keys, uri.as_bytes()), &mut probes),
                Coming::Entry(Policy::Wildcard, uri) => {
                    add(self.wildcards.probe(&self.keys, uri.as_bytes()), &mut probes);
                }
            }
        }
        for (probe, uri, all) in exact {
            if !self.bring_entries(probe) || all {
                self.add_patterns(uri, &mut probes);
            }
        }
        probes.retain(|probe| probe.may_hold());
        probes.iter().for_each(Probe::bring_line);
        probes.into_iter().for_each(|probe| _ = self.bring_entries(probe));
        new
    }

    /// Brings the entries that a probe leads to; whether there are any.
    fn bring_entries(&self, probe: Probe<'_>) -> bool {
        probe.for_each(|number| self.entries.bring(number.wrapping_sub(1)))
    }

    /// Adds where prefixes and wildcards are that may match a URI.
    fn add_patterns<'m>(&'m self, uri: &str, probes: &mut Probes<'m>) {
        let Some(parts) = self.taken_apart(uri) else { return };
        self.prefixes.for_each_probe(&self.keys, &parts, |probe| add(probe, probes));
        self.wildcards.for_each_probe(&self.keys, &parts, |probe| add(probe, probes));
    }
}

/// Adds a probe and brings what it begins with, if there is room for one more.
#[inline]
fn add<'t>(probe: Probe<'t>, probes: &mut Probes<'t>) {
    if probes.len() < PROBES {
        probe.bring_tags();
        probes.push(probe);
    }
}
