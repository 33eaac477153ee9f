//! Looking ahead: questions that come soon are answered for many at once, and the answers kept until they are asked.
//!
//! In a large map a question is a chain of two to six reads that each miss the caches and wait for the one before. The
//! chains of different questions do not wait for each other: so a group is taken through them step by step, and all
//! reads of one step are under way together. The steps: lines of the exact table; the entries they lead to; for URIs
//! that lead to none, tags and lines of the other tables that may hold an answer, and the entries of these; where marks
//! at an anchor say so, the same for rests of prefixes. Then each question is answered from the caches: by the probes
//! that are left, in the order of precedence, which are all that can lead to anything.
//!
//! Invariant: no answer depends on it. `answers` has what is kept, and any change of the map forgets it.
//!
//! Left out of the steps: items that went on to a second line, as they are few; texts that do not fit into their slot;
//! wildcard masks beyond the most specific, and probes beyond what a group has room for: such a question is answered
//! as if nobody had looked ahead.

use super::PatternMap;
use super::answers::Answers;
use super::parts::Parts;
use super::table::Probe;
use crate::wamp::Policy;
use smallvec::SmallVec;
use std::cmp::Reverse;
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

/// A URI taken apart, and what may match it.
struct Apart<'u> {
    parts: Parts<'u>,
    sought: SmallVec<[Sought; 8]>,
    /// Nothing else may match it.
    complete: bool,
}

/// A pattern that may be there.
#[derive(Clone, Copy)]
struct Sought {
    rank: Rank,
    fragment: u32,
}

/// Place in the order of precedence among the patterns that match one URI, as [`PatternMap::walk_from`] defines it:
/// prefixes, the longest first, then wildcards in the order of their masks.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Rank {
    Prefix { length: Reverse<u32> },
    Wildcard { place: u32 },
}

/// A probe of one step, and which pattern of which of those taken apart it is for. An anchor has a depth.
struct Step<'t> {
    probe: Probe<'t>,
    of: Option<(u32, Rank)>,
    anchor: Option<u32>,
}

/// Probes of one step.
type Steps<'t> = SmallVec<[Step<'t>; PROBES]>;

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
        let mut steps = Steps::new();
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
                    add(exact, &mut steps);
                }
                Coming::Entry(Policy::Prefix, _) => {
                    add(self.prefixes.probe(&self.keys, uri.as_bytes()), &mut steps);
                }
                Coming::Entry(Policy::Wildcard, _) => {
                    add(self.wildcards.probe(&self.keys, uri.as_bytes()), &mut steps);
                }
            }
        }
        let mut apart = SmallVec::<[Apart<'_>; GROUP]>::new();
        for question in &mut questions {
            question.likely = self.bring_entries(self.exact.probe(question.fragment));
            if (question.likely.is_none() || question.all) && self.has_patterns() {
                let at = apart.len();
                question.apart = Some(at);
                apart.push(Apart { parts: Parts::of(question.uri), sought: SmallVec::new(), complete: true });
                self.add_patterns(at as u32, &mut apart[at], &mut steps);
            }
        }
        bring_lines(&mut steps);
        let mut rests = Steps::new();
        self.bring_and_go_on(&steps, &mut apart, &mut rests);
        bring_lines(&mut rests);
        self.bring_and_go_on(&rests, &mut apart, &mut Steps::new());
        for question in &questions {
            let apart = question.apart.and_then(|at| apart.get_mut(at));
            match question.likely {
                Some(slot) if !question.all && self.entries.text(slot) == question.uri.as_bytes() => {
                    answers.add_exact(slot);
                }
                _ => answers.add(question.uri, question.all, |slots| self.answer_ahead(question, apart, slots)),
            }
        }
        new
    }

    /// Brings the entries that the probes lead to; the rests of prefixes that are marked there are the next to be probed.
    fn bring_and_go_on<'m>(&'m self, steps: &Steps<'m>, apart: &mut [Apart<'_>], rests: &mut Steps<'m>) {
        for &Step { probe, of, anchor } in steps {
            self.bring_entries(probe);
            let Some((at, rank)) = of else { continue };
            let Apart { parts, sought, complete } = &mut apart[at as usize];
            sought.push(Sought { rank, fragment: probe.fragment() });
            if let Some(depth) = anchor.map(|depth| depth as usize) {
                self.prefixes.for_each_rest(&self.keys, parts, depth, |rest, probe| {
                    let length = Reverse((parts.start(depth) + rest) as u32);
                    *complete &= add_for(at, Rank::Prefix { length }, None, probe, rests);
                });
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

    /// Takes the URI of number `at` apart and adds where prefixes and wildcards are that may match it.
    fn add_patterns<'m>(&'m self, at: u32, apart: &mut Apart<'_>, steps: &mut Steps<'m>) {
        let Apart { parts, complete, .. } = apart;
        self.take_apart(parts);
        self.prefixes.for_each_probe(&self.keys, parts, |depth, probe| {
            let length = Reverse(parts.start(depth) as u32);
            *complete &= add_for(at, Rank::Prefix { length }, Some(depth as u32), probe, steps);
        });
        let all = self.wildcards.for_each_probe(&self.keys, parts, |place, probe| {
            let rank = Rank::Wildcard { place: place as u32 };
            *complete &= add_for(at, rank, None, probe, steps);
        });
        *complete &= all;
    }

    /// The end of the steps: the answer, as [`PatternMap::best`] or [`PatternMap::matches`] gives it.
    fn answer_ahead(&self, question: &Question<'_>, apart: Option<&mut Apart<'_>>, slots: &mut Vec<u32>) {
        let mut found = |slot| {
            slots.push(slot);
            if question.all { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
        };
        let _ = match apart {
            Some(apart) if apart.complete => self.walk_sought(question, apart, &mut found),
            _ => self.walk_from(question.uri, question.fragment, &mut found),
        };
    }

    /// What [`PatternMap::walk_from`] finds, among the few patterns that may be there.
    fn walk_sought<B>(
        &self,
        question: &Question<'_>,
        Apart { parts, sought, .. }: &mut Apart<'_>,
        found: &mut impl FnMut(u32) -> ControlFlow<B>,
    ) -> ControlFlow<B> {
        if let Some(slot) = self.exact_slot(question.fragment, question.uri) {
            found(slot)?;
        }
        sought.sort_unstable_by_key(|sought| sought.rank);
        let text = |slot| self.entries.text(slot);
        for &mut Sought { rank, fragment } in sought {
            let slot = match rank {
                Rank::Prefix { length } => self.prefixes.slot_of(fragment, &parts.uri[..length.0 as usize], &text),
                Rank::Wildcard { place } => self.wildcards.slot_of(place as usize, fragment, parts, &text),
            };
            slot.map_or(ControlFlow::Continue(()), &mut *found)?;
        }
        ControlFlow::Continue(())
    }
}

/// Brings the lines of these probes; those go that lead to nothing, as their tags say.
fn bring_lines(steps: &mut Steps<'_>) {
    steps.retain(|step| step.probe.may_hold());
    steps.iter().for_each(|step| step.probe.bring_line());
}

/// Adds a probe and brings what it begins with, if there is room for one more.
#[inline]
fn add<'t>(probe: Probe<'t>, steps: &mut Steps<'t>) {
    push(Step { probe, of: None, anchor: None }, steps);
}

/// The same for a pattern that may match the URI taken apart as number `at`; whether there was room.
#[inline]
fn add_for<'t>(at: u32, rank: Rank, anchor: Option<u32>, probe: Probe<'t>, steps: &mut Steps<'t>) -> bool {
    push(Step { probe, of: Some((at, rank)), anchor }, steps)
}

#[inline]
fn push<'t>(step: Step<'t>, steps: &mut Steps<'t>) -> bool {
    let room = steps.len() < PROBES;
    if room {
        step.probe.bring_tags();
        steps.push(step);
    }
    room
}
