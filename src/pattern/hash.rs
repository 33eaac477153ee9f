//! Keyed hashes of URIs, of their components, and of what patterns are made of.
//!
//! Everything is arithmetic in the field of 2^61 - 1 elements. A text is cut into words of 7 octets; its hash is the
//! sum of each word times a secret of its place, with its length as one word more. Whatever two different texts the
//! peers choose without knowing the secrets, they collide for at most one choice of secrets in about 2^61 (times the
//! number of blocks, for texts above 112 octets): that is what the sum being linear proves, and what no faster hash
//! with a secret seed offers. SipHash promises the same by conjecture and costs three times as much here. What is
//! combined from such hashes is again linear in a secret (wildcard sums) or a polynomial in one (chains of prefixes).
//!
//! A last step makes 32 bits of the 61. The secrets never leave the map, no hash is ever shown, and equal hashes never
//! decide a match: the text of the entry does.

/// The prime that everything is counted modulo.
const P: u64 = (1 << 61) - 1;
/// Octets in a word: as many as stay below the prime.
const WORD: usize = 7;
/// Words in a block, each with a secret.
const WORDS: usize = 16;
/// Positions of components whose secrets are kept ready.
const READY: usize = 16;

/// Hashes under one secret.
#[derive(Clone, Debug)]
pub struct Keys {
    words: [u64; WORDS],
    length: u64,
    block: u64,
    chain: [u64; 3],
    positions: [[u64; 2]; READY],
    position: u64,
    salt: u64,
    multiplier: u64,
    /// Bits of a component's or URI's hash that are kept; all, except where a test wants collisions.
    kept: u64,
}

impl Keys {
    /// Secrets grown from a seed, which peers should not know.
    pub fn new(seed: u64) -> Keys {
        let mut state = seed;
        let mut next = || {
            state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
            scramble(state)
        };
        let position = next();
        Keys {
            words: std::array::from_fn(|_| next() % P),
            length: next() % P,
            block: next() % P,
            chain: std::array::from_fn(|_| next() % P),
            positions: std::array::from_fn(|at| secrets_of(position, at)),
            position,
            salt: next(),
            multiplier: next() | 1,
            kept: u64::MAX,
        }
    }

    /// A hash so weak that everything collides: for tests of what collisions do.
    #[cfg(test)]
    pub(super) fn weak(seed: u64, kept: u64) -> Keys {
        Keys { kept, ..Keys::new(seed) }
    }

    /// Hash of a text, below 2^61 - 1.
    #[inline]
    pub fn text(&self, text: &[u8]) -> u64 {
        let length = u128::from(self.length) * text.len() as u128;
        let hash = match text.len() <= WORD * WORDS {
            true => reduce(self.block(text) + length),
            false => reduce(self.blocks(text) + length),
        };
        hash & self.kept
    }

    #[cold]
    fn blocks(&self, text: &[u8]) -> u128 {
        let blocks = text.chunks(WORD * WORDS).map(|block| reduce(self.block(block)));
        u128::from(blocks.fold(0, |hash, block| add(multiply(hash, self.block), block)))
    }

    /// The words of a block times their secrets, below 2^121.
    #[inline]
    fn block(&self, mut block: &[u8]) -> u128 {
        let (mut sum, mut at) = (0, 0);
        while let Some((octets, _)) = block.split_first_chunk::<8>() {
            sum += u128::from(u64::from_le_bytes(*octets) << 8 >> 8) * u128::from(self.words[at % WORDS]);
            block = &block[WORD..];
            at += 1;
        }
        sum + u128::from(last_word(block)) * u128::from(self.words[at % WORDS])
    }

    /// The 32 bits of a hash that tables keep. The bijection before the cut breaks up the patterns that a linear hash
    /// makes of numbered texts.
    #[inline]
    pub fn fragment(&self, hash: u64) -> u32 {
        let mixed = (hash ^ self.salt).wrapping_mul(self.multiplier);
        ((mixed ^ mixed >> 32).wrapping_mul(self.multiplier) >> 32) as u32
    }

    /// Hash of the empty prefix, where every chain begins.
    pub(super) fn empty_prefix(&self) -> u64 {
        self.chain[0] & self.kept
    }

    /// Hash of a prefix extended by one whole component, of this hash, and its dot.
    #[inline]
    pub(super) fn extend(&self, prefix: u64, component: u64) -> u64 {
        add(multiply(prefix, self.chain[1]), component) & self.kept
    }

    /// Hash of a prefix extended by one octet of an unfinished component.
    #[inline]
    pub(super) fn extend_by_octet(&self, prefix: u64, octet: u8) -> u64 {
        add(multiply(prefix, self.chain[2]), u64::from(octet) + 1) & self.kept
    }

    /// What the component at a position adds to the hash of a wildcard pattern: as a wildcard, as a literal.
    #[inline]
    pub(super) fn terms(&self, position: usize, component: u64) -> [u64; 2] {
        let [wildcard, literal] = match self.positions.get(position) {
            Some(&secrets) => secrets,
            None => secrets_of(self.position, position),
        };
        [wildcard & self.kept, multiply(component, literal) & self.kept]
    }
}

/// Sum in the field.
#[inline]
pub(super) fn add(a: u64, b: u64) -> u64 {
    let sum = a + b;
    sum.checked_sub(P).unwrap_or(sum)
}

#[inline]
fn multiply(a: u64, b: u64) -> u64 {
    reduce(u128::from(a) * u128::from(b))
}

/// The remainder modulo the prime, of less than 2^122.
#[inline]
pub(super) fn reduce(number: u128) -> u64 {
    let folded = (number as u64 & P) + (number >> 61) as u64;
    let folded = (folded & P) + (folded >> 61);
    folded.checked_sub(P).unwrap_or(folded)
}

/// 0 to 7 octets as a number; no other octets of the same length make the same one.
#[inline]
fn last_word(octets: &[u8]) -> u64 {
    let length = octets.len();
    if let (Some(first), Some(last)) = (octets.first_chunk::<4>(), octets.last_chunk::<4>()) {
        let (first, last) = (u64::from(u32::from_le_bytes(*first)), u64::from(u32::from_le_bytes(*last)));
        return first | last << (8 * (length - 4));
    }
    match octets {
        [] => 0,
        [first, ..] => u64::from(*first) | u64::from(octets[length / 2]) << 8 | u64::from(octets[length - 1]) << 16,
    }
}

fn secrets_of(seed: u64, position: usize) -> [u64; 2] {
    let at = seed.wrapping_add((position as u64).wrapping_mul(0xd6e8_feb8_6659_fd93));
    [scramble(at) % P, scramble(at ^ 0xa076_1d64_78bd_642f) % P]
}

/// A fixed bijection of 64 bits (the finalizer of splitmix64).
fn scramble(mut bits: u64) -> u64 {
    bits = (bits ^ (bits >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    bits = (bits ^ (bits >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    bits ^ (bits >> 31)
}
