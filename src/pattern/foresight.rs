//! Looking ahead: questions that come soon are answered for many at once, and the answers kept until they are asked.
//!
//! In a large map a question is a chain of two to six reads that each miss the caches and wait for the one before. The
//! chains of different questions do not wait for each other: so a group is taken through them step by step, and all
//! reads of one step are under way together. The steps: lines of the exact table; the entries they lead to; for URIs
//! that lead to none, tags and lines of the other tables that may hold an answer, and the entries of these; where marks
//! at an anchor say so, the same for rests of prefixes. Then each question is answered as ever, from the caches.
//!
//! Invariant: no answer depends on it. `answers` has what is kept, and any change of the map forgets it.
//!
//! Left out of the steps: items that went on to a second line, as they are few; wildcard masks beyond the most specific;
//! texts that do not fit into their slot.

use super::PatternMap;
use super::answers::Answers;
use super::parts::Parts;
use super::table::Probe;
use crate::wamp::Policy;
use smallvec::SmallVec;
use std::ops::ControlFlow;

/// Questions that are taken through the steps together: enough to hide the waiting, few enough to stay in the
/// innermost cache until they are asked.
pub const GROUP: usize = 32;
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

/// A question that is being answered.
struct Question<'u> {
    uri: &'u str,
    /// Every answer is wanted, not the best alone.
    all: bool,
    /// Of its hash.
    fragment: u32,
    /// The exact entry that most likely answers it: its hash is the same.
    likely: Option<u32>,
    /// Where among those taken apart it is, if that was needed.
    apart: Option<usize>,
}

/// URIs taken apart.
type Apart<'u> = SmallVec<[Parts<'u>; GROUP]>;

/// Probes of one step, and for those of an anchor whose it is: which of those taken apart, depth.
type Probes<'t> = SmallVec<[(Probe<'t>, Option<(usize, usize)>); PROBES]>;

impl<T> PatternMap<T> {
    /// Whether the map is so large that [`PatternMap::foresee`] does anything.
    #[inline]
    pub fn is_far(&self) -> bool {
        self.len_all() >= FAR
    }

    /// Looks for the answers to these questions, [`GROUP`] at a time: ask them next, in this order. Returns how many were
    /// not in `remembered`.
    pub fn foresee(&mut self, coming: &[Coming<'_>], remembered: &mut Remembered) -> usize {
        if self.is_far() { self.foresee_all(coming, remembered) } else { 0 }
    }

    pub(super) fn foresee_all(&mut self, coming: &[Coming<'_>], remembered: &mut Remembered) -> usize {
        let mut answers = std::mem::take(&mut self.answers);
        answers.clear();
        let new = coming.chunks(GROUP).map(|group| self.foresee_group(group, remembered, &mut answers)).sum();
        self.answers = answers;
        new
    }

    fn foresee_group(&self, group: &[Coming<'_>], remembered: &mut Remembered, answers: &mut Answers) -> usize {
        let mut questions = SmallVec::<[Question; GROUP]>::new();
        let mut probes = Probes::new();
        let mut new = 0;
        for coming in group {
            let uri = coming.uri();
            let fragment = self.exact_fragment(uri.as_bytes());
            new += usize::from(remembered.is_new(fragment));
            let exact = self.exact.probe(fragment);
            match *coming {
                Coming::Best(uri) | Coming::All(uri) => {
                    exact.bring_line();
                    let all = matches!(coming, Coming::All(_));
                    questions.push(Question { uri, all, fragment, likely: None, apart: None });
                }
                Coming::Entry(Policy::Exact, _) => {
                    exact.bring_line();
                    add(exact, None, &mut probes);
                }
                Coming::Entry(Policy::Prefix, _) => {
                    add(self.prefixes.probe(&self.keys, uri.as_bytes()), None, &mut probes);
                }
                Coming::Entry(Policy::Wildcard, _) => {
                    add(self.wildcards.probe(&self.keys, uri.as_bytes()), None, &mut probes);
                }
            }
        }
        let mut apart = Apart::new();
        for question in &mut questions {
            question.likely = self.bring_entries(self.exact.probe(question.fragment));
            if (question.likely.is_none() || question.all) && self.has_patterns() {
                question.apart = Some(apart.len());
                self.add_patterns(question.uri, &mut apart, &mut probes);
            }
        }
        bring_lines(&mut probes);
        let mut rests = Probes::new();
        self.bring_and_go_on(&probes, &apart, &mut rests);
        bring_lines(&mut rests);
        rests.iter().for_each(|&(probe, _)| _ = self.bring_entries(probe));
        for question in &questions {
            let parts = question.apart.and_then(|at| apart.get(at));
            match question.likely {
                Some(slot) if !question.all && self.entries.text(slot) == question.uri.as_bytes() => {
                    answers.add_exact(slot);
                }
                _ => answers.add(question.uri, question.all, |slots| self.answer_ahead(question, parts, slots)),
            }
        }
        new
    }

    /// Brings the entries that the probes lead to; the rests of prefixes that are marked there are the next to be probed.
    fn bring_and_go_on<'m>(&'m self, probes: &Probes<'m>, apart: &Apart<'_>, rests: &mut Probes<'m>) {
        for &(probe, of) in probes {
            self.bring_entries(probe);
            if let Some((at, depth)) = of {
                self.prefixes.for_each_rest(&self.keys, &apart[at], depth, |rest| add(rest, None, rests));
            }
        }
    }

    /// Brings the entries that a probe leads to; the slot of one of them.
    fn bring_entries(&self, probe: Probe<'_>) -> Option<u32> {
        let mut one = None;
        probe.for_each(|number| {
            let slot = number.wrapping_sub(1);
            self.entries.bring(slot);
            one = Some(slot);
        });
        one
    }

    /// Takes a URI apart and adds where prefixes and wildcards are that may match it.
    fn add_patterns<'m, 'u>(&'m self, uri: &'u str, apart: &mut Apart<'u>, probes: &mut Probes<'m>) {
        let at = apart.len();
        apart.push(Parts::of(uri));
        let parts = &mut apart[at];
        self.take_apart(parts);
        self.prefixes.for_each_probe(&self.keys, parts, |depth, probe| add(probe, Some((at, depth)), probes));
        self.wildcards.for_each_probe(&self.keys, parts, |probe| add(probe, None, probes));
    }

    /// The end of the steps: the answer, as [`PatternMap::best`] or [`PatternMap::matches`] gives it.
    fn answer_ahead(&self, question: &Question<'_>, parts: Option<&Parts<'_>>, slots: &mut Vec<u32>) {
        let _ = self.walk_from(question.uri, question.fragment, parts, &mut |slot| {
            slots.push(slot);
            if question.all { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
        });
    }
}

/// Brings the lines of these probes; those go that lead to nothing, as their tags say.
fn bring_lines(probes: &mut Probes<'_>) {
    probes.retain(|(probe, _)| probe.may_hold());
    probes.iter().for_each(|(probe, _)| probe.bring_line());
}

/// Adds a probe and brings what it begins with, if there is room for one more.
#[inline]
fn add<'t>(probe: Probe<'t>, anchor: Option<(usize, usize)>, probes: &mut Probes<'t>) {
    if probes.len() < PROBES {
        probe.bring_tags();
        probes.push((probe, anchor));
    }
}
