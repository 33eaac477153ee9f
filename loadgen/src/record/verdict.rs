//! Whether the figures are the router's or the generator's own.

use crate::outcome::{Generator, Measure};

/// A thread this busy has no time to spare.
const BUSY: f64 = 0.92;
/// A schedule this late matters if it is also a good part of the latencies.
const LATE_NS: u64 = 1_000_000;

/// Why the figures may be the generator's own, if they may.
pub fn bottleneck(generator: &Generator, measure: &Measure) -> Option<String> {
    let busy = generator.busiest * 100.0;
    let short = measure.rate.asked.is_none_or(|asked| measure.rate.achieved < asked * 0.99);
    if generator.busiest > BUSY && short {
        return Some(format!(
            "the generator's busiest thread used {busy:.0} % of its core, so the rate may be its own: give it more --threads or cores"
        ));
    }
    let (late, p99) = (generator.delay_p99_ns, measure.latency.quantile("p99"));
    if late > LATE_NS && late > p99 / 4 {
        return Some(format!(
            "the generator sent up to {:.1} ms late (p99 of its schedule), so latencies are partly its own: lower --rate, or give it more --threads or cores",
            late as f64 / 1e6
        ));
    }
    None
}
