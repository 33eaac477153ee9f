//! The open-loop schedule: when each operation is due, whatever came of those before.
//!
//! Due times are a function of the operation's number alone, so a stalled router leaves no trace in them and an
//! operation that waits costs no memory. Not here: who sends it, and what its answer says.

/// When operations are due: at a steady rate, reached in a straight line.
#[derive(Clone, Copy, Debug)]
pub struct Schedule {
    /// Start, in nanoseconds of the run's clock.
    start: u64,
    /// Operations per nanosecond after the ramp.
    rate: f64,
    /// Length of the ramp in nanoseconds.
    ramp: f64,
    /// Moves all times by this part of an interval, 0 to 1, so that threads take turns.
    phase: f64,
}

impl Schedule {
    /// `per_second`: above 0. `ramp_ns`: how long the rate rises from 0 to it. `phase`: 0 to 1.
    pub fn new(start: u64, per_second: f64, ramp_ns: u64, phase: f64) -> Schedule {
        Schedule { start, rate: per_second / 1e9, ramp: ramp_ns as f64, phase }
    }

    /// The same with another start.
    pub fn from(self, start: u64) -> Schedule {
        Schedule { start, ..self }
    }

    /// When operation `number` (from 0) is due, in nanoseconds of the run's clock.
    pub fn due(&self, number: u64) -> u64 {
        let number = number as f64 + self.phase;
        let in_ramp = self.rate * self.ramp / 2.0;
        let offset = if number < in_ramp {
            (2.0 * self.ramp * number / self.rate).sqrt()
        } else {
            self.ramp / 2.0 + number / self.rate
        };
        self.start + offset as u64
    }

    /// The rate asked at that moment, per second.
    pub fn asked(&self, now: u64) -> f64 {
        let since = now.saturating_sub(self.start) as f64;
        let part = if since < self.ramp { since / self.ramp } else { 1.0 };
        self.rate * part * 1e9
    }
}

#[cfg(test)]
mod tests {
    use super::Schedule;

    #[test]
    fn steady_from_the_start_without_a_ramp() {
        let schedule = Schedule::new(1_000, 1e6, 0, 0.0);
        assert_eq!((0..4).map(|number| schedule.due(number)).collect::<Vec<_>>(), [1_000, 2_000, 3_000, 4_000]);
    }

    #[test]
    fn a_phase_of_a_half_falls_between() {
        let schedule = Schedule::new(0, 1e6, 0, 0.5);
        assert_eq!((schedule.due(0), schedule.due(1)), (500, 1_500));
    }

    #[test]
    fn a_ramp_makes_half_of_what_the_full_rate_would() {
        let second = 1_000_000_000;
        let schedule = Schedule::new(0, 1000.0, second, 0.0);
        assert_eq!(schedule.due(500), second, "500 operations in the second of the ramp");
        assert_eq!(schedule.due(1500), 2 * second, "then 1000 per second");
        assert_eq!(schedule.due(125), second / 2, "a quarter of them in its first half");
        assert_eq!((schedule.asked(0), schedule.asked(second / 2), schedule.asked(5 * second)), (0.0, 500.0, 1000.0));
    }

    #[test]
    fn due_times_never_run_backwards() {
        let schedule = Schedule::new(7, 123_456.7, 300_000_000, 0.25);
        let times: Vec<u64> = (0..100_000).map(|number| schedule.due(number)).collect();
        assert!(times.is_sorted());
    }
}
