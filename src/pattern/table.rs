//! Numbers by hash: which slots may hold what has this hash.
//!
//! Linear hashing over small open-addressed segments. A bucket is one cache line of eight items, an item a 32-bit
//! fragment of the hash and a number, so a hit costs one cache miss and a growing segment never looks at what the
//! numbers stand for. Beside each line stands a word of eight tags, 7 bits of each item's fragment: who expects to find
//! nothing asks the tags first, which are dense enough to stay in the caches where the lines do not. The work of one
//! insert or removal is bounded by one segment, whatever the table holds.
//!
//! Invariants: an item is in its home line or, if that was full, in the next line with room, wrapping around; a line
//! that no item has passed since it was full ends the search, and so does a line with room; a tag is zero where its
//! item is, and nowhere else. Not here: whether the text is equal (the callers), the hash (`hash`).

use super::cache;
use super::parts::every_octet;

/// Items in a line.
const LINE: usize = 8;
/// Segments are split so that they hold this many items on average, and merged below a quarter of it.
const SEGMENT: usize = 4096;

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

    /// Without a branch for each item: which of them is vacant is anyone's guess.
    fn has_room(&self) -> bool {
        self.0.iter().fold(false, |room, &item| room | (item == 0))
    }
}

fn fragment_of(item: u64) -> u32 {
    (item >> 32) as u32
}

/// The bits of a fragment that stand beside its line: from the middle, as the ends choose segment and line.
#[inline]
fn tag_of(fragment: u32) -> u8 {
    ((fragment >> 15) as u8 & 0x7f).max(1)
}

/// The tags of a line, and in the bits between them whether an item has passed it.
#[derive(Clone, Copy, Default)]
struct Tags(u64);

/// The bit that says so; its like in the other octets are not used.
const PASSED: u64 = 0x80;
const TAGS: u64 = 0x7f7f_7f7f_7f7f_7f7f;

impl Tags {
    /// The high bit of every octet with this tag.
    #[inline]
    fn same(self, tag: u8) -> u64 {
        !(((self.0 ^ every_octet(tag)) & TAGS) + TAGS) & !TAGS
    }

    #[inline]
    fn is_passed(self) -> bool {
        self.0 & PASSED != 0
    }

    fn set(&mut self, i: usize, tag: u8) {
        self.0 = self.0 & !(0x7f << (8 * i)) | u64::from(tag) << (8 * i);
    }
}

struct Segment {
    tags: Box<[Tags]>,
    lines: Box<[Line]>,
    len: u32,
}

impl Segment {
    fn new(lines: usize) -> Segment {
        Segment { tags: vec![Tags::default(); lines].into(), lines: vec![EMPTY; lines].into(), len: 0 }
    }

    /// Lines for `len` items, somewhat more than half full. At most 7 in 10 are filled before the next size, as few
    /// lines are full then: what goes on to a second line costs more than the room.
    fn sized(len: usize) -> Segment {
        Segment::new((len * 9).div_ceil(5 * LINE).max(1))
    }

    #[inline]
    fn home(&self, fragment: u32) -> usize {
        ((u64::from(fragment) * self.lines.len() as u64) >> 32) as usize
    }

    fn after(&self, line: usize) -> usize {
        if line + 1 == self.lines.len() { 0 } else { line + 1 }
    }

    fn is_full(&self) -> bool {
        (self.len as usize + 1) * 10 > self.lines.len() * LINE * 7
    }

    fn is_sparse(&self) -> bool {
        self.lines.len() > 1 && self.len as usize * 10 < self.lines.len() * LINE * 3
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
            // The line is at hand, and seldom full; its tags would be one miss more.
            if line.has_room() || !self.tags[at].is_passed() {
                break;
            }
            at = self.after(at);
        }
        None
    }

    /// Like `find`, tags first. For who expects a miss.
    #[inline]
    fn seek(&self, fragment: u32, accept: &mut impl FnMut(u32) -> bool) -> Option<u32> {
        let (tag, home) = (tag_of(fragment), self.home(fragment));
        let tags = self.tags[home];
        if tags.same(tag) | tags.0 & PASSED == 0 {
            return None;
        }
        self.seek_on(home, tag, fragment, accept)
    }

    fn seek_on(&self, mut at: usize, tag: u8, fragment: u32, accept: &mut impl FnMut(u32) -> bool) -> Option<u32> {
        for _ in 0..self.tags.len() {
            let mut same = self.tags[at].same(tag);
            while same != 0 {
                let item = self.lines[at].0[same.trailing_zeros() as usize / 8];
                if fragment_of(item) == fragment && accept(item as u32) {
                    return Some(item as u32);
                }
                same &= same - 1;
            }
            if !self.tags[at].is_passed() {
                break;
            }
            at = self.after(at);
        }
        None
    }

    fn put(&mut self, line: usize, i: usize, item: u64) {
        self.lines[line].0[i] = item;
        self.tags[line].set(i, if item == 0 { 0 } else { tag_of(fragment_of(item)) });
    }

    /// Precondition: there is room.
    fn place(&mut self, item: u64) {
        let mut at = self.home(fragment_of(item));
        loop {
            let vacant = self.tags[at].same(0);
            if vacant != 0 {
                self.put(at, vacant.trailing_zeros() as usize / 8, item);
                self.len += 1;
                return;
            }
            self.tags[at].0 |= PASSED;
            at = self.after(at);
        }
    }

    fn insert(&mut self, item: u64) {
        if self.is_full() {
            // What grows goes on growing: with less room every item would move three times before the segment splits.
            self.resize(self.len as usize * 7 / 5);
        }
        self.place(item);
    }

    /// Moves everything into lines for `len` items, as `sized` has it.
    fn resize(&mut self, len: usize) {
        let mut resized = Segment::sized(len);
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
        self.tags[hole.0].0 &= !PASSED;
        if self.is_sparse() {
            self.resize(self.len as usize + 1);
        }
    }

    fn vacancies(&self, line: usize) -> usize {
        self.tags[line].same(0).count_ones() as usize
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

/// A search for a fragment, taken step by step to look ahead.
#[derive(Clone, Copy)]
pub(super) struct Probe<'t> {
    segment: &'t Segment,
    home: u32,
    fragment: u32,
}

impl Probe<'_> {
    #[inline]
    fn tags(&self) -> Tags {
        self.segment.tags[self.home as usize]
    }

    #[inline]
    fn line(&self) -> &Line {
        &self.segment.lines[self.home as usize]
    }

    /// Brings the tags where it begins if it expects nothing.
    #[inline]
    pub(super) fn bring_tags(&self) {
        cache::bring(&self.segment.tags[self.home as usize]);
    }

    /// Brings the line where it begins if it expects a hit.
    #[inline]
    pub(super) fn bring_line(&self) {
        cache::bring(self.line());
    }

    /// Whether there may be such a number, by the tags.
    #[inline]
    pub(super) fn may_hold(&self) -> bool {
        let tags = self.tags();
        tags.same(tag_of(self.fragment)) != 0 || tags.is_passed()
    }

    /// What is searched for.
    #[inline]
    pub(super) fn fragment(&self) -> u32 {
        self.fragment
    }

    /// The numbers with this fragment where it begins.
    #[inline]
    pub(super) fn for_each(&self, mut each: impl FnMut(u32)) {
        let line = self.line();
        let mut same = line.same(self.fragment);
        while same != 0 {
            let number = line.0[same.trailing_zeros() as usize] as u32;
            same &= same - 1;
            // A vacant place has the fragment zero.
            if number != 0 {
                each(number);
            }
        }
    }

    /// The numbers with this fragment that found no room where it begins.
    #[inline]
    pub(super) fn for_each_beyond(&self, mut each: impl FnMut(u32)) {
        if self.line().has_room() || !self.tags().is_passed() {
            return;
        }
        let next = self.segment.after(self.home as usize);
        self.segment.seek_on(next, tag_of(self.fragment), self.fragment, &mut |number| {
            each(number);
            false
        });
    }
}

/// A multimap from hash fragments to non-zero numbers.
pub(super) struct Table {
    segments: Vec<Segment>,
    /// One less than a power of two, and as little as reaches every segment.
    mask: usize,
    len: usize,
}

impl Table {
    pub(super) fn new() -> Table {
        Table { segments: vec![Segment::new(1)], mask: 0, len: 0 }
    }

    /// The first number under this fragment that `accept` takes. It may be offered numbers of other hashes.
    pub(super) fn find(&self, fragment: u32, accept: impl FnMut(u32) -> bool) -> Option<u32> {
        let segment = &self.segments[self.segment_of(fragment)];
        segment.find(fragment, accept).map(|(line, i)| segment.lines[line].0[i] as u32)
    }

    /// The same answer, sooner if it is `None` and a little later if not.
    #[inline]
    pub(super) fn seek(&self, fragment: u32, mut accept: impl FnMut(u32) -> bool) -> Option<u32> {
        self.segments[self.segment_of(fragment)].seek(fragment, &mut accept)
    }

    /// Where a search for this fragment begins.
    #[inline]
    pub(super) fn probe(&self, fragment: u32) -> Probe<'_> {
        let segment = &self.segments[self.segment_of(fragment)];
        Probe { segment, home: segment.home(fragment) as u32, fragment }
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
    #[inline]
    fn segment_of(&self, fragment: u32) -> usize {
        let segment = fragment as usize & self.mask;
        if segment < self.segments.len() { segment } else { segment & self.mask >> 1 }
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
        self.mask = self.segments.len().next_power_of_two() - 1;
    }

    /// Undoes the latest split.
    fn merge(&mut self) {
        let last = self.segments.len() - 1;
        let old = last - (1 << last.ilog2());
        let both: Vec<u64> = self.segments[last].items().chain(self.segments[old].items()).collect();
        self.segments.pop();
        self.mask = self.segments.len().next_power_of_two() - 1;
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
