//! Values to places on an axis, and the ticks that people read there.
//!
//! Invariants: [`Scale::at`] is monotonic and answers 0 to 1 inside the bounds; ticks lie inside the bounds, ascend and
//! number at most about twice what was asked.

/// An axis from its lower to its upper bound.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Scale {
    /// Equal steps for equal differences.
    Linear(f64, f64),
    /// Equal steps for equal ratios; both bounds above zero.
    Log(f64, f64),
    /// Quantiles, each nine as wide as the one before: from 0 to the given upper bound below 1, as HdrHistogram plots.
    Tail(f64),
}

impl Scale {
    /// A linear scale from zero to a round bound at or above `top`.
    pub fn from_zero(top: f64) -> Scale {
        let top = if top.is_finite() && top > 0.0 { top } else { 1.0 };
        let step = nice_step(top / 5.0);
        Scale::Linear(0.0, (top / step).ceil() * step)
    }

    /// A linear scale over exactly these bounds, one apart at least by a hair.
    pub fn between(low: f64, high: f64) -> Scale {
        Scale::Linear(low, if high > low { high } else { low + 1.0 })
    }

    /// A logarithmic scale that holds all `values` above zero, with bounds of 1, 2 or 5 times a power of ten.
    pub fn log_over(values: impl IntoIterator<Item = f64>) -> Scale {
        let (mut low, mut high) = (f64::INFINITY, 0.0_f64);
        for value in values.into_iter().filter(|value| value.is_finite() && *value > 0.0) {
            (low, high) = (low.min(value), high.max(value));
        }
        if high == 0.0 {
            return Scale::Log(1.0, 10.0);
        }
        let (low, high) = (round_125(low, false), round_125(high, true));
        if high > low * 1.5 { Scale::Log(low, high) } else { Scale::Log(low, low * 2.0) }
    }

    /// Where `value` lies: 0 at the lower bound, 1 at the upper; outside of them it is held at the edge. `None` for a
    /// value the scale cannot show.
    pub fn at(&self, value: f64) -> Option<f64> {
        let part = match *self {
            Scale::Linear(low, high) => (value - low) / (high - low),
            Scale::Log(low, high) => (value / low).ln() / (high / low).ln(),
            Scale::Tail(high) => nines(value) / nines(high),
        };
        part.is_finite().then(|| part.clamp(0.0, 1.0))
    }

    /// Where to write figures: about `wanted` round values.
    pub fn ticks(&self, wanted: usize) -> Vec<f64> {
        match *self {
            Scale::Linear(low, high) => linear_ticks(low, high, wanted),
            Scale::Log(low, high) => log_ticks(low, high, wanted),
            Scale::Tail(high) => tail_ticks(high),
        }
    }
}

/// How many nines a quantile has: 0 for 0, 1 for 0.9, 2 for 0.99.
fn nines(quantile: f64) -> f64 {
    -(1.0 - quantile).log10()
}

/// The smallest of 1, 2, 2.5 and 5 times a power of ten that is at least `step`.
fn nice_step(step: f64) -> f64 {
    let power = 10_f64.powf(step.log10().floor());
    let nice = [1.0, 2.0, 2.5, 5.0, 10.0].into_iter().find(|nice| step <= nice * power * 1.000_001);
    nice.unwrap_or(10.0) * power
}

/// The nearest of 1, 2 and 5 times a power of ten at or above `value`, or at or below it.
fn round_125(value: f64, up: bool) -> f64 {
    let power = 10_f64.powf(value.log10().floor());
    let mut steps = [1.0, 2.0, 5.0, 10.0].into_iter();
    let held = |step: &f64| if up { value <= step * power * 1.000_001 } else { value >= step * power * 0.999_999 };
    let step = if up { steps.find(held) } else { steps.rfind(held) };
    step.unwrap_or(1.0) * power
}

fn linear_ticks(low: f64, high: f64, wanted: usize) -> Vec<f64> {
    let step = nice_step((high - low) / wanted.max(1) as f64);
    let first = (low / step - 1e-9).ceil() as i64;
    let last = (high / step + 1e-9).floor() as i64;
    (first..=last).map(|at| at as f64 * step).collect()
}

/// Powers of ten, thinned if there are many; with 2 and 5 between them if there are few.
fn log_ticks(low: f64, high: f64, wanted: usize) -> Vec<f64> {
    let inside = |value: &f64| *value >= low * 0.999_999 && *value <= high * 1.000_001;
    let (first, last) = (low.log10().floor() as i32, high.log10().ceil() as i32);
    let with = |steps: &'static [f64], every: i32| -> Vec<f64> {
        (first..=last)
            .filter(|power| power % every == 0)
            .flat_map(|power| steps.iter().map(move |step| step * 10_f64.powi(power)))
            .filter(inside)
            .collect()
    };
    let fine = with(&[1.0, 2.0, 5.0], 1);
    if fine.len() <= wanted.max(3) {
        return fine;
    }
    (1..).map(|every| with(&[1.0], every)).find(|ticks| ticks.len() <= wanted.max(3)).unwrap_or_default()
}

fn tail_ticks(high: f64) -> Vec<f64> {
    let mut ticks = vec![0.0, 0.5];
    ticks.extend((1..=7).map(|nines| 1.0 - 10_f64.powi(-nines)).take_while(|tick| *tick <= high + 1e-12));
    ticks
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_scale_from_zero_ends_on_a_round_value() {
        assert_eq!(Scale::from_zero(183_000.0), Scale::Linear(0.0, 200_000.0));
        assert_eq!(Scale::from_zero(0.0), Scale::from_zero(1.0));
        assert_eq!(Scale::from_zero(f64::NAN), Scale::from_zero(1.0));
    }

    #[test]
    fn a_log_scale_encloses_its_values() {
        assert_eq!(Scale::log_over([0.0, 130.0, 47_000.0]), Scale::Log(100.0, 50_000.0));
        assert_eq!(Scale::log_over([]), Scale::Log(1.0, 10.0));
        assert_eq!(Scale::log_over([100.0]), Scale::Log(100.0, 200.0));
    }

    #[test]
    fn places_ascend_and_stay_inside() {
        for scale in [Scale::Linear(10.0, 90.0), Scale::Log(1.0, 1e6), Scale::Tail(0.9999)] {
            let places: Vec<f64> = (0..100).filter_map(|at| scale.at(at as f64 / 100.0 * 0.9999)).collect();
            assert!(places.is_sorted() && places.iter().all(|place| (0.0..=1.0).contains(place)), "{scale:?}");
        }
        assert_eq!(Scale::Log(1.0, 100.0).at(10.0), Some(0.5));
        assert_eq!(Scale::Log(1.0, 100.0).at(0.0), None);
        assert_eq!(Scale::Linear(0.0, 1.0).at(f64::NAN), None);
        assert!((Scale::Tail(0.9999).at(0.99).unwrap() - 0.5).abs() < 1e-9);
    }

    #[test]
    fn ticks_are_round_and_inside_the_bounds() {
        assert_eq!(Scale::Linear(0.0, 200.0).ticks(5), [0.0, 50.0, 100.0, 150.0, 200.0]);
        assert_eq!(Scale::Linear(3.0, 10.0).ticks(4), [4.0, 6.0, 8.0, 10.0]);
        assert_eq!(Scale::Log(100.0, 5_000.0).ticks(6), [100.0, 200.0, 500.0, 1e3, 2e3, 5e3]);
        assert_eq!(Scale::Log(100.0, 1e7).ticks(6), [100.0, 1e3, 1e4, 1e5, 1e6, 1e7]);
        assert!(Scale::Log(1.0, 1e12).ticks(5).len() <= 5);
        assert_eq!(Scale::Tail(0.9995).ticks(5).len(), 5);
    }

    #[test]
    fn random_bounds_never_break_the_promises() {
        let mut state = 7_u64;
        for round in 0..2000 {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            let low = (state >> 40) as f64 + 1.0;
            let high = low * (1.0 + (state >> 20 & 0xffff) as f64 / 97.0) + 1.0;
            for scale in [Scale::from_zero(high), Scale::between(low, high), Scale::log_over([low, high])] {
                let ticks = scale.ticks(6);
                assert!(ticks.is_sorted() && ticks.len() <= 13, "round {round}: {scale:?} {ticks:?}");
                assert!(ticks.iter().all(|tick| scale.at(*tick).is_some()), "round {round}: {scale:?} {ticks:?}");
            }
        }
    }
}
