//! Texts and values by slot, in chunks: growing copies nothing, emptied chunks go back to the allocator, and a key that
//! has outlived its entry never leads to another one.
//!
//! All that a lookup wants of an entry stands together: which tenant of its slot it is, the text up to 54 octets, the
//! value. Far from each other they would cost a page walk each, which is most of what a lookup costs in a large map.
//!
//! Invariants: a (slot, generation) pair is handed out once; a slot whose generations are used up is retired; a
//! chunk that was freed starts again above every generation it ever gave out; at most one empty chunk is kept.

use super::cache;
use std::collections::BTreeSet;

/// Slots in a chunk.
const CHUNK: usize = 16384;
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

struct Tenant<V> {
    text: Text,
    value: V,
}

struct Slot<V> {
    generation: u32,
    /// Of a tenant: 32 bits that its owner keeps beside it. Vacant: the next vacant slot of the chunk.
    note: u32,
    tenant: Option<Tenant<V>>,
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
    chunks: Vec<Vec<Slot<V>>>,
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
        self.slot(slot).and_then(|slot| slot.tenant.as_ref()).map_or(&[], |tenant| tenant.text.octets())
    }

    /// Brings a slot to the caches, tenant and value.
    #[inline]
    pub(super) fn bring(&self, slot: u32) {
        self.slot(slot).into_iter().for_each(cache::bring);
    }

    pub(super) fn get(&self, key: EntryKey) -> Option<&V> {
        let slot = self.slot(key.slot).filter(|slot| slot.generation == key.generation)?;
        slot.tenant.as_ref().map(|tenant| &tenant.value)
    }

    pub(super) fn get_mut(&mut self, key: EntryKey) -> Option<&mut V> {
        let slot = self.chunks.get_mut(key.slot as usize / CHUNK)?.get_mut(key.slot as usize % CHUNK)?;
        slot.tenant.as_mut().filter(|_| slot.generation == key.generation).map(|tenant| &mut tenant.value)
    }

    /// The key of the slot's tenant.
    pub(super) fn key(&self, slot: u32) -> Option<EntryKey> {
        let tenanted = self.slot(slot).filter(|slot| slot.tenant.is_some())?;
        Some(EntryKey { slot, generation: tenanted.generation })
    }

    /// The 32 bits beside the tenant with this key.
    pub(super) fn note(&self, key: EntryKey) -> Option<u32> {
        let slot = self.slot(key.slot).filter(|slot| slot.generation == key.generation)?;
        slot.tenant.as_ref().map(|_| slot.note)
    }

    /// Slots from `slot` on that hold nothing because their chunk is not there; 0 when it is.
    pub(super) fn absent_from(&self, slot: usize) -> usize {
        let (chunk, offset) = (slot / CHUNK, slot % CHUNK);
        match self.chunks.get(chunk) {
            Some(slots) if offset < slots.len() => 0,
            _ => CHUNK - offset,
        }
    }

    pub(super) fn insert(&mut self, text: &str, value: V, note: u32) -> EntryKey {
        let chunk = self.open.first().copied().unwrap_or_else(|| self.add_chunk());
        let (slots, head) = (&mut self.chunks[chunk as usize], &mut self.heads[chunk as usize]);
        let tenant = Some(Tenant { text: Text::new(text), value });
        let offset = if head.vacant == NONE {
            reserve_slot(slots, chunk);
            slots.push(Slot { generation: head.first, note, tenant });
            slots.len() as u32 - 1
        } else {
            let offset = head.vacant;
            let slot = &mut slots[offset as usize];
            head.vacant = slot.note;
            (slot.note, slot.tenant) = (note, tenant);
            offset
        };
        head.live += 1;
        if head.vacant == NONE && slots.len() == CHUNK {
            self.open.remove(&chunk);
        }
        EntryKey { slot: chunk * CHUNK as u32 + offset, generation: slots[offset as usize].generation }
    }

    pub(super) fn remove(&mut self, key: EntryKey) -> Option<V> {
        self.get(key)?;
        let chunk = key.slot / CHUNK as u32;
        let head = &mut self.heads[chunk as usize];
        let slot = &mut self.chunks[chunk as usize][key.slot as usize % CHUNK];
        let tenant = slot.tenant.take();
        slot.generation += 1;
        head.next = head.next.max(slot.generation);
        if slot.generation < GENERATIONS {
            slot.note = head.vacant;
            head.vacant = key.slot % CHUNK as u32;
            self.open.insert(chunk);
        }
        head.live -= 1;
        if head.live == 0 {
            self.emptied(chunk);
        }
        tenant.map(|tenant| tenant.value)
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
        self.chunks[chunk as usize] = Vec::new();
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
        self.chunks.push(Vec::new());
        self.heads.push(Head { vacant: NONE, live: 0, first: 0, next: 0 });
        self.open.insert(chunk);
        chunk
    }

    fn slot(&self, slot: u32) -> Option<&Slot<V>> {
        self.chunks.get(slot as usize / CHUNK)?.get(slot as usize % CHUNK)
    }
}

/// Room for one more slot. The first chunk grows by doubling, as most maps are small; the others come whole.
fn reserve_slot<V>(slots: &mut Vec<Slot<V>>, chunk: u32) {
    if slots.len() == slots.capacity() {
        let more = if chunk == 0 { slots.len().max(4) } else { CHUNK };
        slots.reserve_exact(more.min(CHUNK - slots.len()));
    }
}
