//! Issue 5: `report A.json B.json` compares runs side by side; interleaved repetitions, medians.

use super::*;
use crate::report::sample::{run, step};

#[test]
fn equal_runs_are_repetitions_of_one_contestant() {
    let runs = [run("a", 1, 10e3, 1e5), run("b", 2, 20e3, 1e5), run("a", 3, 12e3, 1e5), run("a", 4, 11e3, 1e5)];
    let sections = sections(&runs);
    let groups = &sections[0].groups;
    assert_eq!(
        groups.iter().map(|group| (group.name.as_str(), group.runs.len())).collect::<Vec<_>>(),
        [("a", 3), ("b", 1)]
    );
    let rate = groups[0].figure(METRICS[0].of);
    assert_eq!(rate, Some(Spread { median: 11e3, low: 10e3, high: 12e3 }));
    assert_eq!(groups[0].latency().count, 150_000);
}

#[test]
fn a_different_parameter_makes_another_contestant() {
    let mut large = run("a", 2, 10e3, 1e5);
    large.parameters.insert("payload".into(), 4096.into());
    large.parameters.insert("seed".into(), 7.into());
    let runs = [run("a", 1, 10e3, 1e5), large];
    let names: Vec<_> = sections(&runs)[0].groups.iter().map(|group| group.name.clone()).collect();
    assert_eq!(names, ["a, payload 64", "a, payload 4096"]);
}

#[test]
fn another_transport_makes_another_contestant() {
    let mut raw = run("a", 2, 10e3, 1e5);
    raw.targets = vec!["tcp://127.0.0.1:8081".to_owned()];
    let runs = [run("a", 1, 10e3, 1e5), raw];
    let names: Vec<_> = sections(&runs)[0].groups.iter().map(|group| group.name.clone()).collect();
    assert_eq!(names, ["a, over ws", "a, over tcp"]);
}

#[test]
fn closed_loop_and_set_rates_are_not_mixed() {
    let mut set = run("a", 2, 10e3, 1e5);
    set.measures[0].rate.asked = Some(10e3);
    let runs = [run("a", 1, 20e3, 1e5), set];
    let titles: Vec<_> = sections(&runs).iter().map(|section| section.title.clone()).collect();
    assert_eq!(titles, ["call, as fast as answers come", "call, at a set rate"]);
}

#[test]
fn two_rates_are_two_contestants_and_three_are_a_sweep() {
    let two = [step("a", 1e3, 9e3), step("a", 2e3, 9e3)];
    let names: Vec<_> = sections(&two)[0].groups.iter().map(|group| group.name.clone()).collect();
    assert_eq!(names, ["a, 1 k/s", "a, 2 k/s"]);
    let three = [step("a", 1e3, 9e3), step("a", 2e3, 9e3), step("a", 4e3, 9e3)];
    let sections = sections(&three);
    assert_eq!((sections[0].groups.len(), sections[0].sweeps.len()), (0, 1));
}

#[test]
fn the_median_of_an_even_number_lies_between() {
    assert_eq!(Spread::of([Some(1.0), None, Some(4.0)]), Some(Spread { median: 2.5, low: 1.0, high: 4.0 }));
    assert_eq!(Spread::of([None]), None);
}
