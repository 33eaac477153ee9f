//! Numbers by hash: which slots may hold what has this hash.
//!
//! Linear hashing over small open-addressed segments. A bucket is one cache line of eight items, an item a 32-bit
//! fragment of the hash and a number, so a hit costs one cache miss and a growing segment never looks at what the
//! numbers stand for. Beside each line stands a word of eight tags, an octet of each item's fragment: who expects to
//! find nothing asks the tags first, which are dense enough to stay in the caches where the lines do not. The work of
//! one insert or removal is bounded by one segment, whatever the table holds.
//!
//! Invariants: an item is in its home line or, if that was full, in the next line with room, wrapping around; a line
//! with room ends the search; a tag is zero where its item is, and nowhere else. Not here: whether the text is equal
//! (the callers), the hash (`hash`).

use super::parts::{every_octet, zero_octets};

/// Items in a line.
const LINE: usize = 8;
/// Segments are split so that they hold this many items on average, and merged below a quarter of it.
const SEGMENT: usize = 1024;

/// Zero is vacant: numbers are not zero.
#[derive(Clone, Copy)]
#[repr(align(64))]
struct Line([u64; LINE]);

const EMPTY: Line = Line([0; LINE]);

impl Line {
    /// One bit for every item with this fragment.
    fn same(&self, fragment: u32) -> u8 {
        (0..LINE).fold(0, |bits, i| bits | u8::from((self.0[i] >> 32) as u32 == fragment) << i)
    }

    fn has_room(&self) -> bool {
        self.0.contains(&0)
    }
}

fn fragment_of(item: u64) -> u32 {
    (item >> 32) as u32
}

/// The octet of a fragment that stands beside its line: from the middle, as the ends choose segment and line.
fn tag_of(fragment: u32) -> u8 {
    ((fragment >> 15) as u8).max(1)
}

struct Segment {
    tags: Box<[u64]>,
    lines: Box<[Line]>,
    len: u32,
}

impl Segment {
    fn new(lines: usize) -> Segment {
        Segment { tags: vec![0; lines].into(), lines: vec![EMPTY; lines].into(), len: 0 }
    }

    /// Lines for `len` items, two thirds full. At most four fifths are filled before the next size.
    fn sized(len: usize) -> Segment {
        Segment::new((len * 3).div_ceil(2 * LINE).max(1))
    }

    fn home(&self, fragment: u32) -> usize {
        ((u64::from(fragment) * self.lines.len() as u64) >> 32) as usize
    }

    fn after(&self, line: usize) -> usize {
        if line + 1 == self.lines.len() { 0 } else { line + 1 }
    }

    fn is_full(&self) -> bool {
        (self.len as usize + 1) * 5 > self.lines.len() * LINE * 4
    }

    fn is_sparse(&self) -> bool {
        self.lines.len() > 1 && self.len as usize * 5 < self.lines.len() * LINE * 2
    }

    /// The first number with this fragment that `accept` takes, and where it is. For who expects a hit.
    fn find(&self, fragment: u32, mut accept: impl FnMut(u32) -> bool) -> Option<(usize, usize)> {
        let mut at = self.home(fragment);
        for _ in 0..self.lines.len() {
            let line = &self.lines[at];
            let mut same = line.same(fragment);
            while same != 0 {
                let i = same.trailing_zeros() as usize;
                if line.0[i] as u32 != 0 && accept(line.0[i] as u32) {
                    return Some((at, i));
                }
                same &= same - 1;
            }
            if line.has_room() {
                break;
            }
            at = self.after(at);
        }
        None
    }

    /// Like `find`, tags first. For who expects a miss.
    fn seek(&self, fragment: u32, accept: &mut impl FnMut(u32) -> bool) -> Option<u32> {
        let tag = every_octet(tag_of(fragment));
        let mut at = self.home(fragment);
        for _ in 0..self.tags.len() {
            let tags = self.tags[at];
            let mut same = zero_octets(tags ^ tag);
            while same != 0 {
                let item = self.lines[at].0[same.trailing_zeros() as usize / 8];
                if fragment_of(item) == fragment && accept(item as u32) {
                    return Some(item as u32);
                }
                same &= same - 1;
            }
            if zero_octets(tags) != 0 {
                break;
            }
            at = self.after(at);
        }
        None
    }

    fn put(&mut self, line: usize, i: usize, item: u64) {
        let tag = if item == 0 { 0 } else { u64::from(tag_of(fragment_of(item))) };
        self.lines[line].0[i] = item;
        self.tags[line] = self.tags[line] & !(0xff << (8 * i)) | tag << (8 * i);
    }

    /// Precondition: there is room.
    fn place(&mut self, item: u64) {
        let mut at = self.home(fragment_of(item));
        loop {
            let vacant = zero_octets(self.tags[at]);
            if vacant != 0 {
                self.put(at, vacant.trailing_zeros() as usize / 8, item);
                self.len += 1;
                return;
            }
            at = self.after(at);
        }
    }

    fn insert(&mut self, item: u64) {
        if self.is_full() {
            self.resize();
        }
        self.place(item);
    }

    fn resize(&mut self) {
        let mut resized = Segment::sized(self.len as usize + 1);
        self.items().for_each(|item| resized.place(item));
        *self = resized;
    }

    /// Frees a place, and pulls back what had passed the line while it was full.
    fn take(&mut self, line: usize, i: usize) {
        self.put(line, i, 0);
        self.len -= 1;
        let (mut hole, mut at) = ((line, i), line);
        for _ in 1..self.lines.len() {
            if self.vacancies(at) > usize::from(at == hole.0) {
                break;
            }
            at = self.after(at);
            if let Some(passed) = self.passed(at, hole.0) {
                self.put(hole.0, hole.1, self.lines[at].0[passed]);
                self.put(at, passed, 0);
                hole = (at, passed);
            }
        }
        if self.is_sparse() {
            self.resize();
        }
    }

    fn vacancies(&self, line: usize) -> usize {
        zero_octets(self.tags[line]).count_ones() as usize
    }

    /// An item of line `at` whose search passes line `hole`.
    fn passed(&self, at: usize, hole: usize) -> Option<usize> {
        let behind = |line: usize| (line + self.lines.len() - hole - 1) % self.lines.len();
        let here = behind(at);
        self.lines[at].0.iter().position(|&item| item != 0 && behind(self.home(fragment_of(item))) > here)
    }

    fn items(&self) -> impl Iterator<Item = u64> + '_ {
        self.lines.iter().flat_map(|line| line.0).filter(|&item| item != 0)
    }
}

/// A multimap from hash fragments to non-zero numbers.
pub(super) struct Table {
    segments: Vec<Segment>,
    len: usize,
}

impl Table {
    pub(super) fn new() -> Table {
        Table { segments: vec![Segment::new(1)], len: 0 }
    }

    /// The first number under this fragment that `accept` takes. It may be offered numbers of other hashes.
    pub(super) fn find(&self, fragment: u32, accept: impl FnMut(u32) -> bool) -> Option<u32> {
        let segment = &self.segments[self.segment_of(fragment)];
        segment.find(fragment, accept).map(|(line, i)| segment.lines[line].0[i] as u32)
    }

    /// The same answer, sooner if it is `None` and a little later if not.
    pub(super) fn seek(&self, fragment: u32, mut accept: impl FnMut(u32) -> bool) -> Option<u32> {
        self.segments[self.segment_of(fragment)].seek(fragment, &mut accept)
    }

    /// Adds a number; it must not be zero.
    pub(super) fn insert(&mut self, fragment: u32, number: u32) {
        debug_assert_ne!(number, 0);
        let segment = self.segment_of(fragment);
        self.segments[segment].insert(u64::from(fragment) << 32 | u64::from(number));
        self.len += 1;
        if self.len > self.segments.len() * SEGMENT {
            self.split();
        }
    }

    /// Takes a number out, if it is there under this fragment.
    pub(super) fn remove(&mut self, fragment: u32, number: u32) {
        let at = self.segment_of(fragment);
        let segment = &mut self.segments[at];
        if let Some((line, i)) = segment.find(fragment, |found| found == number) {
            segment.take(line, i);
            self.len -= 1;
            if self.segments.len() > 1 && self.len < self.segments.len() * (SEGMENT / 4) {
                self.merge();
            }
        }
    }

    /// The low bits choose the segment, the high bits the line in it.
    fn segment_of(&self, fragment: u32) -> usize {
        let mask = self.segments.len().next_power_of_two() - 1;
        let segment = fragment as usize & mask;
        if segment < self.segments.len() { segment } else { segment & mask >> 1 }
    }

    /// Splits the next segment in turn: its items whose deciding bit is set go to a new one.
    fn split(&mut self) {
        let new = self.segments.len();
        let bit = 1 << new.ilog2();
        let old = new - bit;
        let (stay, go): (Vec<u64>, Vec<u64>) =
            self.segments[old].items().partition(|&item| fragment_of(item) as usize & bit == 0);
        self.segments[old] = filled(&stay);
        self.segments.push(filled(&go));
    }

    /// Undoes the latest split.
    fn merge(&mut self) {
        let last = self.segments.len() - 1;
        let old = last - (1 << last.ilog2());
        let both: Vec<u64> = self.segments[last].items().chain(self.segments[old].items()).collect();
        self.segments.pop();
        self.segments[old] = filled(&both);
        if self.segments.capacity() > 4 * self.segments.len() {
            self.segments.shrink_to(2 * self.segments.len());
        }
    }
}

fn filled(items: &[u64]) -> Segment {
    let mut segment = Segment::sized(items.len() + 1);
    items.iter().for_each(|&item| segment.place(item));
    segment
}
