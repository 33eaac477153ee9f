//! A look at the messages that are handled next, for a realm so large that what they will read is far from the
//! processor: the realm has it brought for many messages at once, so that the waiting overlaps.
//!
//! Invariants: a look changes nothing, neither the bytes nor the framing's state; every message is decoded, judged and
//! handled afterwards as if nobody had looked. Looking does not pay for a client that sends few messages at once, or
//! asks for the same again and again: after such a look the client's next reads go without, the more the longer.
//!
//! Not here: batches of the WebSocket subprotocols for batches, whose messages are masked all in one.

use smallvec::SmallVec;

use super::protocol::Protocol;
use crate::codec;
use crate::pattern::GROUP;
use crate::realm::Link;
use crate::shard::State;

/// Bytes of a message that are looked at.
const HEAD: usize = 128;
/// Reads that go without a look at most, after looks that did not pay.
const LONGEST_PAUSE: u8 = 63;
/// A look pays if it is new for one message of so many.
const PAYS: usize = 4;

/// The beginning of a message.
#[derive(Clone, Copy, Debug)]
pub(super) struct Head {
    bytes: [u8; HEAD],
    length: u8,
}

impl Head {
    const EMPTY: Head = Head { bytes: [0; HEAD], length: 0 };

    /// Of this message, and without its mask.
    pub(super) fn of(message: &[u8], mask: Option<[u8; 4]>) -> Head {
        let mut head = Head::EMPTY;
        // Not within a character: JSON is read as text.
        let mut length = message.len().min(HEAD);
        head.bytes[..length].copy_from_slice(&message[..length]);
        if let Some(mask) = mask {
            head.bytes.chunks_exact_mut(4).for_each(|word| word.iter_mut().zip(mask).for_each(|(byte, m)| *byte ^= m));
        }
        if length < message.len() {
            while length > 0 && head.bytes[length - 1] >= 0x80 {
                length -= 1;
            }
        }
        head.length = length as u8;
        head
    }

    fn bytes(&self) -> &[u8] {
        &self.bytes[..usize::from(self.length)]
    }
}

/// When a connection looks ahead.
#[derive(Debug, Default)]
pub(super) struct Lookahead {
    /// Reads that go without.
    pause: u8,
    /// How many it were the last time.
    paused: u8,
}

impl Lookahead {
    /// Whether to look at what was read now.
    pub(super) fn is_due(&mut self) -> bool {
        let due = self.pause == 0;
        self.pause = self.pause.saturating_sub(1);
        due
    }

    /// Looks at the next messages in `input`; returns how many bytes they are, `None` if there is nothing more to gain.
    #[inline(never)]
    pub(super) fn look(&mut self, state: &mut State, link: Link, protocol: &Protocol, input: &[u8]) -> Option<usize> {
        let mut heads = SmallVec::<[Head; GROUP]>::new();
        let mut seen = 0;
        while heads.len() < GROUP
            && let Some((taken, head)) = protocol.head(&input[seen..])
        {
            seen += taken;
            heads.push(head);
        }
        // One alone has nobody to wait together with.
        if heads.len() < 2 {
            return None;
        }
        let glimpse = |head| codec::glimpse(protocol.encoding(), Head::bytes(head));
        let ahead: SmallVec<[_; GROUP]> = heads.iter().filter_map(glimpse).collect();
        let pays = state.foresee(link, &ahead) * PAYS >= heads.len();
        self.paid(pays);
        pays.then_some(seen)
    }

    fn paid(&mut self, pays: bool) {
        self.paused = if pays { 0 } else { (2 * self.paused + 1).min(LONGEST_PAUSE) };
        self.pause = self.paused;
    }
}

#[cfg(test)]
mod tests;
