//! Answers that were worked out before their questions are asked.
//!
//! Invariants: an answer is given to the very text that it belongs to, and to nothing else; whoever changes the map
//! clears them. They are asked in the order they were added: an answer that another one overtook is not given any more.

use std::cell::Cell;

/// Slots that all answers hold together at most; what goes beyond is worked out when it is asked.
const MOST: usize = 4096;

enum Answer {
    /// The best alone: the exact entry in this slot, if its text is the URI.
    Exact(u32),
    /// Where its URI and its slots end.
    Other {
        text: usize,
        slots: usize,
        /// All matches in the order of precedence, not the best alone.
        all: bool,
    },
}

/// What is known of an answer.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Known<'a> {
    /// The best alone.
    Best(u32),
    /// The best alone or all, in the order of precedence.
    Slots(&'a [u32]),
}

/// Answers in the order in which they will be asked for.
#[derive(Default)]
pub(super) struct Answers {
    answers: Vec<Answer>,
    texts: Vec<u8>,
    slots: Vec<u32>,
    next: Cell<Next>,
}

/// The first answer that may still be asked for, and where its text and slots begin if it has some.
#[derive(Clone, Copy, Default)]
struct Next {
    answer: usize,
    text: usize,
    slots: usize,
}

impl Answers {
    /// Forgets them all.
    #[inline]
    pub(super) fn clear(&mut self) {
        if !self.answers.is_empty() {
            self.texts.clear();
            self.slots.clear();
            self.answers.clear();
            self.next = Cell::default();
        }
    }

    /// How many may still be asked for.
    #[cfg(test)]
    pub(super) fn len(&self) -> usize {
        self.answers.len() - self.next.get().answer
    }

    /// Adds an answer that is the exact entry in this slot, if its text is the URI that is asked for then.
    #[inline]
    pub(super) fn add_exact(&mut self, slot: u32) {
        self.answers.push(Answer::Exact(slot));
    }

    /// Adds the answer that `answer` works out.
    pub(super) fn add(&mut self, uri: &str, all: bool, answer: impl FnOnce(&mut Vec<u32>)) {
        if self.slots.len() < MOST {
            answer(&mut self.slots);
            self.texts.extend_from_slice(uri.as_bytes());
            self.answers.push(Answer::Other { text: self.texts.len(), slots: self.slots.len(), all });
        }
    }

    /// The slots that answer this question, if that is known: all of them, or at least the best. A question that is not
    /// among them costs the oldest answer, so that what nobody asks for is not looked through for ever.
    #[inline]
    pub(super) fn take<'t>(&self, uri: &str, all: bool, text: impl Fn(u32) -> &'t [u8]) -> Option<Known<'_>> {
        let mut next = self.next.get();
        let mut without_oldest = None;
        while let Some(answer) = self.answers.get(next.answer) {
            let before = next;
            next.answer += 1;
            let known = match *answer {
                Answer::Exact(slot) => (!all && text(slot) == uri.as_bytes()).then_some(Known::Best(slot)),
                Answer::Other { text, slots, all: is_all } => {
                    (next.text, next.slots) = (text, slots);
                    let same = self.texts[before.text..text] == *uri.as_bytes() && (is_all || !all);
                    same.then(|| Known::Slots(&self.slots[before.slots..slots]))
                }
            };
            if known.is_some() {
                self.next.set(next);
                return known;
            }
            without_oldest.get_or_insert(next);
        }
        without_oldest.into_iter().for_each(|next| self.next.set(next));
        None
    }
}
