//! How long payloads are: `256`, `16-4096` (each length alike) or `16:50,256:40,4096:10` (by weight).

use std::str::FromStr;

/// A distribution of lengths in octets.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Sizes {
    /// One length.
    Fixed(u32),
    /// Each length between these, both included, alike.
    Uniform(u32, u32),
    /// These lengths, each with the sum of the weights up to it.
    Weighted(Vec<(u32, u64)>),
}

/// The longest payload: it and its message fit a frame of 16 MiB.
const LONGEST: u32 = 15 << 20;

impl Sizes {
    /// The longest of them.
    pub fn longest(&self) -> u32 {
        match self {
            Sizes::Fixed(length) | Sizes::Uniform(_, length) => *length,
            Sizes::Weighted(lengths) => lengths.iter().map(|&(length, _)| length).max().unwrap_or(0),
        }
    }

    /// The shortest of them.
    pub fn shortest(&self) -> u32 {
        match self {
            Sizes::Fixed(length) | Sizes::Uniform(length, _) => *length,
            Sizes::Weighted(lengths) => lengths.iter().map(|&(length, _)| length).min().unwrap_or(0),
        }
    }

    /// The length that this random number chooses.
    #[inline]
    pub fn pick(&self, random: u64) -> u32 {
        match self {
            Sizes::Fixed(length) => *length,
            Sizes::Uniform(from, to) => from + (random % u64::from(to - from + 1)) as u32,
            Sizes::Weighted(lengths) => {
                let at = random % lengths.last().map_or(1, |&(_, sum)| sum);
                lengths.iter().find(|&&(_, sum)| at < sum).map_or(0, |&(length, _)| length)
            }
        }
    }
}

/// A stream of lengths.
pub struct Lengths {
    sizes: Sizes,
    random: u64,
}

impl Lengths {
    /// The lengths of one thread.
    pub fn new(sizes: &Sizes, seed: u64, thread: usize) -> Lengths {
        Lengths { sizes: sizes.clone(), random: seed ^ (thread as u64) << 32 }
    }

    /// The next one.
    #[inline]
    pub fn next(&mut self) -> u32 {
        if let Sizes::Fixed(length) = self.sizes {
            return length;
        }
        self.random = self.random.wrapping_add(1);
        self.sizes.pick(crate::stamp::mix(self.random))
    }
}

impl FromStr for Sizes {
    type Err = String;

    fn from_str(text: &str) -> Result<Sizes, String> {
        let length = |text: &str| match text.trim().parse::<u32>() {
            Ok(length) if length <= LONGEST => Ok(length),
            _ => Err(format!("\"{text}\" is no length from 0 to {LONGEST}")),
        };
        if text.contains(':') {
            let mut sum = 0;
            let pair = |pair: &str| {
                let (size, weight) = pair.split_once(':').ok_or(format!("\"{pair}\" is not LENGTH:WEIGHT"))?;
                let weight: u64 = weight.trim().parse().map_err(|_| format!("\"{weight}\" is no weight"))?;
                sum += weight;
                Ok((length(size)?, sum))
            };
            let lengths = text.split(',').map(pair).collect::<Result<Vec<_>, String>>()?;
            return if sum == 0 { Err("all weights are 0".to_owned()) } else { Ok(Sizes::Weighted(lengths)) };
        }
        match text.split_once('-') {
            None => length(text).map(Sizes::Fixed),
            Some((from, to)) => match (length(from)?, length(to)?) {
                (from, to) if from <= to => Ok(Sizes::Uniform(from, to)),
                _ => Err(format!("\"{text}\": the shorter length comes first")),
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Sizes;

    #[test]
    fn reads_all_three_forms_and_refuses_nonsense() {
        assert_eq!("256".parse(), Ok(Sizes::Fixed(256)));
        assert_eq!("16-4096".parse(), Ok(Sizes::Uniform(16, 4096)));
        assert_eq!("16:50,256:40,4096:10".parse(), Ok(Sizes::Weighted(vec![(16, 50), (256, 90), (4096, 100)])));
        for wrong in ["", "x", "-1", "9-8", "16:", "16:0", ":1", "99999999"] {
            assert!(wrong.parse::<Sizes>().is_err(), "{wrong}");
        }
    }

    #[test]
    fn picks_by_weight() {
        let sizes: Sizes = "16:3,256:1".parse().unwrap();
        let picked = |length| (0..4000).filter(|&random| sizes.pick(random) == length).count();
        assert_eq!((picked(16), picked(256)), (3000, 1000));
        let uniform: Sizes = "10-12".parse().unwrap();
        assert_eq!((0..6).map(|random| uniform.pick(random)).collect::<Vec<_>>(), [10, 11, 12, 10, 11, 12]);
    }
}
