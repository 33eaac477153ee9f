//! Counts of latencies, as cheap as it gets; `hdrhistogram` takes them over once a second.
//!
//! A value falls into a bucket of its octave: 1024 per octave, so three significant digits survive. Recording is a shift
//! and an increment.

use crate::outcome::LONGEST_NS;

/// Bits of a value that tell its bucket inside the octave, the leading one included.
const PRECISION: u32 = 11;
/// Buckets in an octave.
const PER_OCTAVE: usize = 1 << (PRECISION - 1);

/// Counts by bucket.
#[derive(Debug)]
pub struct Tally {
    counts: Vec<u32>,
    /// The highest bucket that was used, plus one.
    used: usize,
}

impl Tally {
    /// Nothing counted.
    pub fn new() -> Tally {
        Tally { counts: vec![0; bucket(LONGEST_NS) + 1], used: 0 }
    }

    /// Counts a value; one beyond [`LONGEST_NS`] counts as that.
    #[inline]
    pub fn record(&mut self, value: u64) {
        let bucket = bucket(value.min(LONGEST_NS));
        self.counts[bucket] += 1;
        self.used = self.used.max(bucket + 1);
    }

    /// Hands all counts over and forgets them.
    pub fn drain(&mut self, mut take: impl FnMut(u64, u32)) {
        for (bucket, count) in self.counts[..self.used].iter_mut().enumerate().filter(|(_, count)| **count > 0) {
            take(value(bucket), std::mem::take(count));
        }
        self.used = 0;
    }
}

/// The bucket of a value.
#[inline]
fn bucket(value: u64) -> usize {
    let octave = (u64::BITS - value.leading_zeros()).saturating_sub(PRECISION);
    octave as usize * PER_OCTAVE + (value >> octave) as usize
}

/// The middle of a bucket.
fn value(bucket: usize) -> u64 {
    if bucket < 2 * PER_OCTAVE {
        return bucket as u64;
    }
    let octave = bucket / PER_OCTAVE - 1;
    let low = ((bucket - octave * PER_OCTAVE) as u64) << octave;
    low + (1 << octave >> 1)
}

#[cfg(test)]
mod tests {
    use super::{Tally, bucket, value};
    use crate::outcome::{LONGEST_NS, new_histogram};
    use crate::stamp::mix;

    #[test]
    fn buckets_ascend_without_a_gap() {
        assert_eq!((0..2048).map(bucket).collect::<Vec<_>>(), (0..2048).collect::<Vec<_>>());
        for octave in 11..42 {
            let edge = 1_u64 << octave;
            assert_eq!(bucket(edge), bucket(edge - 1) + 1, "at 2^{octave}");
        }
    }

    #[test]
    fn a_value_keeps_three_digits() {
        println!("seed 9");
        for at in 0..100_000 {
            let exact = (mix(at + 9) % LONGEST_NS) >> (at % 40);
            let kept = value(bucket(exact));
            assert!(kept.abs_diff(exact) as f64 <= exact as f64 / 1000.0, "{exact} became {kept}");
        }
    }

    #[test]
    fn a_histogram_of_its_counts_has_the_quantiles_of_the_values() {
        let (mut tally, mut wanted, mut found) = (Tally::new(), new_histogram(), new_histogram());
        for at in 0..50_000_u64 {
            let value = 1 + mix(at) % 5_000_000;
            tally.record(value);
            wanted.saturating_record(value);
        }
        tally.drain(|value, count| found.saturating_record_n(value, count.into()));
        tally.drain(|_, _| panic!("nothing is left"));
        assert_eq!(found.len(), 50_000);
        for quantile in [0.01, 0.5, 0.9, 0.99, 0.9999, 1.0] {
            let (found, wanted) = (found.value_at_quantile(quantile) as f64, wanted.value_at_quantile(quantile) as f64);
            assert!((found / wanted - 1.0).abs() < 0.002, "{quantile}: {found} instead of {wanted}");
        }
    }

    #[test]
    fn what_is_too_long_counts_as_the_longest() {
        let mut tally = Tally::new();
        tally.record(u64::MAX);
        tally.record(0);
        let mut found = Vec::new();
        tally.drain(|value, count| found.push((value, count)));
        assert_eq!((found[0], found[1].1), ((0, 1), 1));
        assert!(found[1].0 > LONGEST_NS / 1000 * 998);
    }
}
