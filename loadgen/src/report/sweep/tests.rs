//! Issue 5: `sweep` raises the rate until the bound breaks and reports the knee.

use super::*;
use crate::report::groups::sections;
use crate::report::sample::{overworked, step};

/// The sweep of a router that breaks down above 10,000 a second, given in any order.
fn steps() -> Vec<Outcome> {
    [8e3, 2e3, 4e3, 16e3, 9e3].map(|asked| step("a", asked, 10e3)).to_vec()
}

#[test]
fn the_knee_is_the_last_step_before_the_first_that_breaks() {
    let runs = steps();
    let sections = sections(&runs);
    let sweep = &sections[0].sweeps[0];
    assert!(sweep.steps.is_sorted_by_key(|step| step.asked));
    let broken: Vec<f64> = sweep.steps.iter().filter(|step| !step.held).map(|step| step.asked).collect();
    assert_eq!(broken, [16e3]);
    assert_eq!(sweep.knee().map(|step| step.asked), Some(9e3));
    assert_eq!(sweep.verdict(), "a: knee at 9 k/s (p99 up to 5 ms); the next step did not hold.");
    assert!(sweep.table().plain().lines().any(|line| line.contains("9.00 k/s") && line.ends_with("knee")));
}

#[test]
fn a_step_that_holds_above_a_broken_one_is_no_knee() {
    let mut runs = steps();
    runs[2].measures[0].rate.achieved = 1e3;
    let sections = sections(&runs);
    assert_eq!(sections[0].sweeps[0].knee().map(|step| step.asked), Some(2e3));
}

#[test]
fn a_sweep_without_an_end_says_so() {
    let runs = steps()[..3].to_vec();
    let sections = sections(&runs);
    let verdict = sections[0].sweeps[0].verdict();
    assert_eq!(verdict, "a: knee at 8 k/s (p99 up to 5 ms); no step failed, so the knee lies higher.");
}

#[test]
fn a_generator_at_its_limit_is_named() {
    let mut runs = steps();
    runs[3] = overworked(runs[3].clone());
    let sections = sections(&runs);
    assert!(sections[0].sweeps[0].verdict().ends_with("the next step was beyond the generator, not the router."));
}

#[test]
fn the_search_closes_in_on_any_limit() {
    for limit in [1.5, 3.0, 120.0, 9_999.0, 123_456.0, 3e6] {
        let mut search = Search::new(1000.0, 1.1);
        let (mut best, mut tries) = (0.0_f64, 0);
        while let Some(rate) = search.next() {
            best = if rate <= limit { best.max(rate) } else { best };
            search.record(rate <= limit);
            tries += 1;
            assert!(tries < 40, "limit {limit}");
        }
        assert!(best <= limit && best * 1.12 >= limit.floor(), "limit {limit}: {best} after {tries}");
    }
}

#[test]
fn a_router_that_holds_nothing_ends_the_search() {
    let mut search = Search::new(1000.0, 1.1);
    let mut tries = 0;
    while search.next().is_some() {
        search.record(false);
        tries += 1;
    }
    assert!(tries < 10);
}

#[test]
fn exploring_finds_the_knee_and_keeps_every_run() {
    let runs = explore(Search::new(1e3, 1.1), |rate| step("a", rate, 10e3));
    let sections = sections(&runs);
    let sweep = &sections[0].sweeps[0];
    assert_eq!(sweep.steps.len(), runs.len());
    let knee = sweep.knee().map_or(0.0, |step| step.asked);
    assert!((9e3..=10e3).contains(&knee), "{knee}");
}

#[test]
fn exploring_ends_with_the_run_that_was_stopped() {
    let runs = explore(Search::new(1e3, 1.1), |rate| {
        let ending = if rate > 3e3 { Ending::Interrupted } else { Ending::Finished };
        Outcome { ending, ..step("a", rate, 10e3) }
    });
    assert_eq!(runs.len(), 3);
}
