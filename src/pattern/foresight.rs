//! Looking ahead: questions that come soon are answered for many at once, and the answers kept until they are asked.
//!
//! In a large map a question is a chain of two to six reads that each miss the caches and wait for the one before. The
//! chains of different questions do not wait for each other: so a group is taken through them step by step, and all
//! reads of one step are under way together. The steps: lines of the exact table; the entries they lead to; for URIs
//! that lead to none, tags and lines of the other tables that may hold an answer, and the entries of these; where marks
//! at an anchor say so, the same for rests of prefixes. Then each question is answered from the caches: what is left
//! of the candidates is compared with the URI in the order of precedence.
//!
//! What a step brings it asks for in a loop that does nothing else. A request whose page the processor must look up holds
//! up all that stands behind it in the order of the program, so that with hashing in between only a few are under way.
//!
//! Invariant: no answer depends on it. `answers` has what is kept, and any change of the map forgets it.
//!
//! Left out of the steps: bringing what went on to a second line, as it is little; texts that do not fit into their
//! slot. Wildcard masks beyond the most specific, and probes beyond what a group has room for: a question that needs them
//! is answered as if nobody had looked ahead.

use super::PatternMap;
use super::answers::Answers;
use super::parts::Parts;
use super::prefix;
use super::table::Probe;
use crate::wamp::Policy;
use smallvec::SmallVec;
use std::cmp::Reverse;
use std::ops::ControlFlow;

/// Questions that are taken through the steps together: enough to hide the waiting, few enough to stay in the
/// innermost cache until they are asked.
pub const GROUP: usize = 32;
/// Entries from which on looking ahead pays: smaller maps lie in the caches anyway.
const FAR: usize = 1 << 16;
/// Probes of prefixes and wildcards that one group is looked ahead for.
const PROBES: usize = 8 * GROUP;
/// Questions that are remembered, a power of two; what one of them read is most likely still in the caches.
const REMEMBERED: usize = 1024;

/// Slots that one step leads to.
type Slots = SmallVec<[u32; PROBES]>;

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
struct Question<'m, 'u> {
    uri: &'u str,
    /// Every answer is wanted, not the best alone.
    all: bool,
    /// Where the search for an exact entry begins.
    exact: Probe<'m>,
    /// The exact entry that most likely answers it: its hash is the same.
    likely: Option<u32>,
    /// Where among those taken apart it is, if that was needed.
    apart: Option<usize>,
}

/// A URI taken apart, and what may match it.
struct Apart<'u> {
    parts: Parts<'u>,
    candidates: SmallVec<[Candidate; 8]>,
    /// Nothing else may match it.
    complete: bool,
}

/// A pattern that matches if its text does.
#[derive(Clone, Copy)]
struct Candidate {
    rank: Rank,
    slot: u32,
}

/// Place in the order of precedence among the patterns that match one URI, as [`PatternMap::walk_from`] defines it:
/// prefixes, the longest first, then wildcards in the order of their masks.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Rank {
    Prefix { length: Reverse<u32> },
    Wildcard { place: u32 },
}

impl Rank {
    fn of_prefix(length: usize) -> Rank {
        Rank::Prefix { length: Reverse(length as u32) }
    }
}

/// What a probe is for.
#[derive(Clone, Copy)]
enum Sought {
    /// The prefix that is the anchor of this depth, and what is marked there.
    Anchor { depth: u32 },
    /// The prefix of this length, which ends within a component.
    Rest { length: u32 },
    /// The wildcard with the mask at this place.
    Wildcard { place: u32 },
}

/// A probe of one step, and what it is for of which of those taken apart; neither, if it only goes ahead of another.
struct Step<'m> {
    probe: Probe<'m>,
    of: Option<(u32, Sought)>,
}

/// Probes of one step.
type Steps<'m> = SmallVec<[Step<'m>; PROBES]>;

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
        let (mut questions, mut steps) = (SmallVec::<[Question; GROUP]>::new(), Steps::new());
        let new = self.begin(group, remembered, &mut questions, &mut steps);
        self.bring_exact(&mut questions);
        let mut apart = SmallVec::<[Apart<'_>; GROUP]>::new();
        if self.has_patterns() {
            for question in questions.iter_mut().filter(|question| question.all || question.likely.is_none()) {
                question.apart = Some(apart.len());
                apart.push(Apart { parts: Parts::of(question.uri), candidates: SmallVec::new(), complete: true });
                self.add_patterns(apart.len() - 1, &mut apart, &mut steps);
            }
        }
        bring_lines(&mut steps);
        let mut rests = Steps::new();
        self.bring_and_go_on(&steps, &mut apart, &mut rests);
        bring_lines(&mut rests);
        self.bring_and_go_on(&rests, &mut apart, &mut Steps::new());
        for question in &questions {
            match question.likely {
                // Whoever asks compares the text.
                Some(slot) if !question.all => answers.add_exact(slot),
                _ => {
                    let apart = question.apart.and_then(|at| apart.get_mut(at));
                    answers.add(question.uri, question.all, |slots| self.answer_ahead(question, apart, slots));
                }
            }
        }
        new
    }

    /// Hashes what comes and brings the lines where the searches for exact entries begin. Returns how many were not in
    /// `remembered`.
    fn begin<'m, 'u>(
        &'m self,
        group: &[Coming<'u>],
        remembered: &mut Remembered,
        questions: &mut SmallVec<[Question<'m, 'u>; GROUP]>,
        steps: &mut Steps<'m>,
    ) -> usize {
        let mut exacts = SmallVec::<[Probe; GROUP]>::new();
        let mut new = 0;
        for &coming in group {
            let uri = coming.uri();
            let fragment = self.exact_fragment(uri.as_bytes());
            new += usize::from(remembered.is_new(fragment));
            let exact = self.exact.probe(fragment);
            let probe = match coming {
                Coming::Best(_) | Coming::All(_) => {
                    let all = matches!(coming, Coming::All(_));
                    questions.push(Question { uri, all, exact, likely: None, apart: None });
                    exacts.push(exact);
                    continue;
                }
                Coming::Entry(Policy::Exact, _) => {
                    exacts.push(exact);
                    exact
                }
                Coming::Entry(Policy::Prefix, _) => self.prefixes.probe(&self.keys, uri.as_bytes()),
                Coming::Entry(Policy::Wildcard, _) => self.wildcards.probe(&self.keys, uri.as_bytes()),
            };
            push(Step { probe, of: None }, steps);
        }
        exacts.iter().for_each(Probe::bring_line);
        new
    }

    /// Brings the exact entries that most likely answer the questions.
    fn bring_exact(&self, questions: &mut [Question<'_, '_>]) {
        let mut slots = Slots::new();
        for Question { exact, likely, .. } in questions {
            exact.for_each(|number| *likely = Some(number - 1));
            if likely.is_none() {
                exact.for_each_beyond(|number| *likely = Some(number - 1));
            }
            slots.extend(*likely);
        }
        self.bring(&slots);
    }

    /// Brings these slots, one right after the other.
    fn bring(&self, slots: &Slots) {
        slots.iter().for_each(|&slot| self.entries.bring(slot));
    }

    /// Brings the entries that the probes lead to; the rests of prefixes that are marked there are the next to be probed.
    fn bring_and_go_on<'m>(&'m self, steps: &Steps<'m>, apart: &mut [Apart<'_>], rests: &mut Steps<'m>) {
        let mut slots = Slots::new();
        steps.iter().for_each(|step| step.probe.for_each(|number| slots.push(number - 1)));
        self.bring(&slots);
        for &Step { probe, of } in steps {
            let Some((at, sought)) = of else { continue };
            let Apart { parts, candidates, complete } = &mut apart[at as usize];
            match sought {
                Sought::Wildcard { place } => {
                    let rank = Rank::Wildcard { place };
                    let mut add = |number| candidates.push(Candidate { rank, slot: number - 1 });
                    probe.for_each(&mut add);
                    probe.for_each_beyond(add);
                }
                Sought::Rest { length } => {
                    let rank = Rank::of_prefix(length as usize);
                    prefix::read(probe, |slot| candidates.push(Candidate { rank, slot }));
                }
                Sought::Anchor { depth } => {
                    let start = parts.start(depth as usize);
                    let rank = Rank::of_prefix(start);
                    let lengths = prefix::read(probe, |slot| candidates.push(Candidate { rank, slot }));
                    self.prefixes.for_each_rest(&self.keys, parts, depth as usize, &lengths, |rest, probe| {
                        let length = (start + rest) as u32;
                        *complete &= push(Step { probe, of: Some((at, Sought::Rest { length })) }, rests);
                    });
                }
            }
        }
    }

    /// Takes the URI of number `at` apart and adds where prefixes and wildcards are that may match it.
    fn add_patterns<'m>(&'m self, at: usize, apart: &mut [Apart<'_>], steps: &mut Steps<'m>) {
        let Apart { parts, complete, .. } = &mut apart[at];
        let at = at as u32;
        self.take_apart(parts);
        self.prefixes.for_each_probe(&self.keys, parts, |depth, probe| {
            let sought = Sought::Anchor { depth: depth as u32 };
            *complete &= push(Step { probe, of: Some((at, sought)) }, steps);
        });
        let all = self.wildcards.for_each_probe(&self.keys, parts, |place, probe| {
            let sought = Sought::Wildcard { place: place as u32 };
            *complete &= push(Step { probe, of: Some((at, sought)) }, steps);
        });
        *complete &= all;
    }

    /// The end of the steps: the answer, as [`PatternMap::best`] or [`PatternMap::matches`] gives it.
    fn answer_ahead(&self, question: &Question<'_, '_>, apart: Option<&mut Apart<'_>>, slots: &mut Vec<u32>) {
        let mut found = |slot| {
            slots.push(slot);
            if question.all { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
        };
        let _ = match apart {
            Some(apart) if apart.complete => self.walk_candidates(question, apart, &mut found),
            _ => self.walk_from(question.uri, question.exact.fragment(), &mut found),
        };
    }

    /// What [`PatternMap::walk_from`] finds, among the few patterns that may match.
    fn walk_candidates<B>(
        &self,
        question: &Question<'_, '_>,
        Apart { parts, candidates, .. }: &mut Apart<'_>,
        found: &mut impl FnMut(u32) -> ControlFlow<B>,
    ) -> ControlFlow<B> {
        if question.likely.is_some() {
            self.exact_slot(question.exact.fragment(), question.uri).map_or(ControlFlow::Continue(()), &mut *found)?;
        }
        candidates.sort_unstable_by_key(|candidate| candidate.rank);
        for &mut Candidate { rank, slot } in candidates {
            let text = self.entries.text(slot);
            let matches = match rank {
                Rank::Prefix { length } => text == &parts.uri[..length.0 as usize],
                Rank::Wildcard { place } => self.wildcards.is_match(place as usize, text, parts),
            };
            if matches {
                found(slot)?;
            }
        }
        ControlFlow::Continue(())
    }
}

/// Brings the lines of these probes; those go that lead to nothing, as their tags say.
fn bring_lines(steps: &mut Steps<'_>) {
    steps.iter().for_each(|step| step.probe.bring_tags());
    steps.retain(|step| step.probe.may_hold());
    steps.iter().for_each(|step| step.probe.bring_line());
}

/// Adds a probe if there is room for one more; whether there was.
#[inline]
fn push<'m>(step: Step<'m>, steps: &mut Steps<'m>) -> bool {
    let room = steps.len() < PROBES;
    if room {
        steps.push(step);
    }
    room
}
