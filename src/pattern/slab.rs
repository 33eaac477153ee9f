//! Texts and values by slot, in chunks: growing copies nothing, emptied chunks go back to the allocator, and a key that
//! has outlived its entry never leads to another one.
//!
//! All that a lookup wants of an entry is one cache line: which tenant of its slot it is, and the text up to 54 octets.
//! Values stand apart, as most entries that are looked at are not the one that is sought.
//!
//! Invariants: a (slot, generation) pair is handed out once; a slot whose generations are used up is retired; a
//! chunk that was freed starts again above every generation it ever gave out; at most one empty chunk is kept.

use std::collections::BTreeSet;

/// Slots in a chunk.
const CHUNK: usize = 2048;
/// Generations a slot has, 2^21: with 32 bits of slot that makes 53 bits, what a WAMP id holds.
const GENERATIONS: u32 = 1 << 21;
/// Slots there can be: tables keep one bit beside a slot.
const SLOTS: usize = (1 << 31) - CHUNK;
/// End of a chunk's list of vacant slots.
const NONE: u32 = u32::MAX;

/// Where a value lives and which of the slot's tenants it is.
///
/// As an id: 1 to 2^53. Slots are below 2^31, generations below 2^21. Order is by slot, then generation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct EntryKey {
    pub(super) slot: u32,
    pub(super) generation: u32,
}

impl EntryKey {
    /// The key as a WAMP id of router scope, 1 to 2^53 (IDS rows).
    pub fn to_id(self) -> u64 {
        (u64::from(self.generation) << 32 | u64::from(self.slot)) + 1
    }

    /// The key that `to_id` made an id of; `None` outside 1 to 2^53. Whether it leads anywhere is the map's to say.
    pub fn from_id(id: u64) -> Option<EntryKey> {
        let bits = id.checked_sub(1)?;
        let generation = u32::try_from(bits >> 32).ok().filter(|&generation| generation < GENERATIONS)?;
        Some(EntryKey { slot: bits as u32, generation })
    }
}

/// Octets of a text that stand in the slot.
const SHORT: usize = 54;

/// The text of an entry.
enum Text {
    Short { length: u8, octets: [u8; SHORT] },
    Long(Box<str>),
}

impl Text {
    fn new(text: &str) -> Text {
        let mut octets = [0; SHORT];
        match octets.get_mut(..text.len()) {
            Some(start) => start.copy_from_slice(text.as_bytes()),
            None => return Text::Long(text.into()),
        }
        Text::Short { length: text.len() as u8, octets }
    }

    fn octets(&self) -> &[u8] {
        match self {
            Text::Short { length, octets } => &octets[..usize::from(*length)],
            Text::Long(text) => text.as_bytes(),
        }
    }
}

#[repr(align(64))]
struct Slot {
    generation: u32,
    /// Of a tenant: 32 bits that its owner keeps beside it. Vacant: the next vacant slot of the chunk.
    note: u32,
    text: Option<Text>,
}

/// Slots ever used and, beside them, their tenants' values.
struct Chunk<V> {
    slots: Vec<Slot>,
    values: Vec<Option<V>>,
}

impl<V> Chunk<V> {
    const EMPTY: Chunk<V> = Chunk { slots: Vec::new(), values: Vec::new() };

    /// Room for one more slot. The first chunk grows by doubling, as most maps are small; the others come whole.
    fn reserve(&mut self, is_first: bool) {
        if self.slots.len() == self.slots.capacity() {
            let more = if is_first { self.slots.len().max(4) } else { CHUNK };
            let more = more.min(CHUNK - self.slots.len());
            self.slots.reserve_exact(more);
            self.values.reserve_exact(more);
        }
    }
}

/// What a chunk needs beyond its slots; kept apart, as lookups do not need it.
struct Head {
    vacant: u32,
    live: u32,
    /// Generation that a new slot starts with.
    first: u32,
    /// Above every generation that was handed out.
    next: u32,
}

pub(super) struct Slab<V> {
    chunks: Vec<Chunk<V>>,
    heads: Vec<Head>,
    /// Chunks with room, lowest first, so that high ones drain and can be freed.
    open: BTreeSet<u32>,
    /// A chunk that became empty and was kept.
    spare: Option<u32>,
}

impl<V> Slab<V> {
    pub(super) fn new() -> Slab<V> {
        Slab { chunks: Vec::new(), heads: Vec::new(), open: BTreeSet::new(), spare: None }
    }

    /// Slots ever handed out end below this.
    pub(super) fn end(&self) -> usize {
        self.chunks.len() * CHUNK
    }

    /// The text of the slot's tenant; empty if there is none.
    pub(super) fn text(&self, slot: u32) -> &[u8] {
        self.slot(slot).and_then(|slot| slot.text.as_ref()).map_or(&[], Text::octets)
    }

    pub(super) fn get(&self, key: EntryKey) -> Option<&V> {
        self.tenant(key)?;
        self.chunks[key.slot as usize / CHUNK].values[key.slot as usize % CHUNK].as_ref()
    }

    pub(super) fn get_mut(&mut self, key: EntryKey) -> Option<&mut V> {
        self.tenant(key)?;
        self.chunks[key.slot as usize / CHUNK].values[key.slot as usize % CHUNK].as_mut()
    }

    /// The key of the slot's tenant.
    pub(super) fn key(&self, slot: u32) -> Option<EntryKey> {
        let tenant = self.slot(slot)?;
        tenant.text.as_ref().map(|_| EntryKey { slot, generation: tenant.generation })
    }

    /// The 32 bits beside the tenant with this key.
    pub(super) fn note(&self, key: EntryKey) -> Option<u32> {
        self.tenant(key).map(|tenant| tenant.note)
    }

    /// Slots from `slot` on that hold nothing because their chunk is not there; 0 when it is.
    pub(super) fn absent_from(&self, slot: usize) -> usize {
        let (chunk, offset) = (slot / CHUNK, slot % CHUNK);
        match self.chunks.get(chunk) {
            Some(chunk) if offset < chunk.slots.len() => 0,
            _ => CHUNK - offset,
        }
    }

    pub(super) fn insert(&mut self, text: &str, value: V, note: u32) -> EntryKey {
        let index = self.open.first().copied().unwrap_or_else(|| self.add_chunk());
        let (chunk, head) = (&mut self.chunks[index as usize], &mut self.heads[index as usize]);
        let (text, value) = (Some(Text::new(text)), Some(value));
        let offset = if head.vacant == NONE {
            chunk.reserve(index == 0);
            chunk.slots.push(Slot { generation: head.first, note, text });
            chunk.values.push(value);
            chunk.slots.len() as u32 - 1
        } else {
            let offset = head.vacant;
            let slot = &mut chunk.slots[offset as usize];
            head.vacant = slot.note;
            (slot.note, slot.text) = (note, text);
            chunk.values[offset as usize] = value;
            offset
        };
        head.live += 1;
        if head.vacant == NONE && chunk.slots.len() == CHUNK {
            self.open.remove(&index);
        }
        EntryKey { slot: index * CHUNK as u32 + offset, generation: chunk.slots[offset as usize].generation }
    }

    pub(super) fn remove(&mut self, key: EntryKey) -> Option<V> {
        self.tenant(key)?;
        let index = key.slot / CHUNK as u32;
        let (chunk, head) = (&mut self.chunks[index as usize], &mut self.heads[index as usize]);
        let slot = &mut chunk.slots[key.slot as usize % CHUNK];
        let value = chunk.values[key.slot as usize % CHUNK].take();
        slot.text = None;
        slot.generation += 1;
        head.next = head.next.max(slot.generation);
        if slot.generation < GENERATIONS {
            slot.note = head.vacant;
            head.vacant = key.slot % CHUNK as u32;
            self.open.insert(index);
        }
        head.live -= 1;
        if head.live == 0 {
            self.emptied(index);
        }
        value
    }

    /// Keeps one empty chunk, so that a single value coming and going does not allocate, and frees the others.
    fn emptied(&mut self, chunk: u32) {
        let before = self.spare.replace(chunk).filter(|&before| before != chunk);
        if let Some(before) = before.filter(|&before| self.heads[before as usize].live == 0) {
            self.free_chunk(before);
        }
    }

    fn free_chunk(&mut self, chunk: u32) {
        let head = &mut self.heads[chunk as usize];
        self.chunks[chunk as usize] = Chunk::EMPTY;
        (head.vacant, head.first) = (NONE, head.next);
        if head.first < GENERATIONS {
            self.open.insert(chunk);
        } else {
            self.open.remove(&chunk);
        }
    }

    fn add_chunk(&mut self) -> u32 {
        assert!(self.end() < SLOTS, "fewer than 2^31 entries");
        let chunk = self.chunks.len() as u32;
        self.chunks.push(Chunk::EMPTY);
        self.heads.push(Head { vacant: NONE, live: 0, first: 0, next: 0 });
        self.open.insert(chunk);
        chunk
    }

    fn slot(&self, slot: u32) -> Option<&Slot> {
        self.chunks.get(slot as usize / CHUNK)?.slots.get(slot as usize % CHUNK)
    }

    fn tenant(&self, key: EntryKey) -> Option<&Slot> {
        self.slot(key.slot).filter(|slot| slot.text.is_some() && slot.generation == key.generation)
    }
}
