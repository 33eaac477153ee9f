//! Issue 5: `--fail-if 'p99>5ms'` and the like.

use super::*;
use crate::report::sample;

fn reads(text: &str) -> FailIf {
    FailIf::parse(text).unwrap_or_else(|why| panic!("{text}: {why}"))
}

fn refusal(text: &str) -> String {
    FailIf::parse(text).err().unwrap_or_else(|| panic!("{text} was read"))
}

#[test]
fn every_figure_and_unit_is_read() {
    for text in ["p99>5ms", "p99.9 >= 1.5 s", "max>20us", "mean>20µs", "rate<100000", "rate<100k", "rate<1_000_000"] {
        reads(text);
    }
    for text in ["errors>0", "errors>0.1%", "lost>0", "cpu>10us", "memory>64MiB", "register.p99>5ms", "p99>0"] {
        reads(text);
    }
}

#[test]
fn a_value_is_in_the_unit_it_says() {
    assert_eq!(reads("p99>5ms").bound, Bound::Value(5e6));
    assert_eq!(reads("rate<100k/s").bound, Bound::Value(1e5));
    assert_eq!(reads("memory>1MiB").bound, Bound::Value(1_048_576.0));
    assert_eq!(reads("errors>1%").bound, Bound::Part(0.01));
}

#[test]
fn a_percentile_with_a_point_is_not_a_measure() {
    assert_eq!(reads("p99.9>5ms").measure, None);
    let both = reads("register.p99.9>5ms");
    assert_eq!((both.measure.as_deref(), both.figure), (Some("register"), Figure::Quantile(0.999)));
}

#[test]
fn what_cannot_be_read_is_said_in_a_sentence() {
    assert_eq!(refusal("p99"), "'p99' compares nothing: write a figure, one of > >= < <=, and a value, like 'p99>5ms'");
    assert_eq!(refusal("p99>5"), "in 'p99>5': '5' lacks a unit; p99 takes ns, us, µs, ms, s, min");
    assert_eq!(refusal("p99>5kg"), "in 'p99>5kg': 'kg' is no unit of p99; it takes ns, us, µs, ms, s, min");
    assert_eq!(refusal("p99>"), "in 'p99>': '' is no value");
    assert_eq!(refusal("p101>5ms"), "'p101' is no percentile: it goes from p0 to p100, like p99 or p99.9");
    assert!(refusal("speed>5").starts_with("there is no figure 'speed'; there are p50, p99, p99.9 and so on, min,"));
    assert!(refusal("p99>-5ms").contains("is no value"));
}

#[test]
fn any_text_is_read_or_refused() {
    let mut dice = sample::Dice::new(5);
    let letters: Vec<char> = "p9.05>=<msk%/µ_ -rateoxé".chars().collect();
    for _ in 0..20_000 {
        let pick = |dice: &mut sample::Dice| letters[(dice.roll() * letters.len() as f64) as usize];
        let text: String = (0..(dice.roll() * 12.0) as usize).map(|_| pick(&mut dice)).collect();
        if let Err(why) = FailIf::parse(&text) {
            assert!(!why.is_empty(), "{text}");
        }
    }
}

#[test]
fn a_run_fails_by_a_condition_that_holds() {
    let mut run = sample::run("any", 1, 50_000.0, 100_000.0);
    assert_eq!(reads("p99>1s").check(&run), Ok(()));
    assert_eq!(reads("rate>=50k").check(&run), Err("rate of call is 50.0 k/s: the run fails by 'rate>=50k'".into()));
    assert_eq!(reads("rate>50k").check(&run), Ok(()));
    assert_eq!(reads("errors>0").check(&run), Ok(()));
    run.measures[0].errors.insert("wamp.error.no_such_procedure".into(), 3);
    run.measures[0].integrity.lost = 1;
    assert_eq!(reads("errors>0").check(&run), Err("errors of call is 4: the run fails by 'errors>0'".into()));
    assert_eq!(reads("errors>1%").check(&run), Ok(()));
    assert!(reads("errors>=0.0001%").check(&run).is_err());
    assert!(reads("call.lost>0").check(&run).is_err());
}

#[test]
fn a_missing_figure_is_no_success() {
    let mut run = sample::run("any", 1, 50_000.0, 100_000.0);
    run.measures[0].router = None;
    assert_eq!(reads("cpu>10us").check(&run), Err("'cpu>10us' cannot be judged: this run has no such figure".into()));
    assert_eq!(reads("join.p99>1s").check(&run), Err("'join.p99>1s' cannot be judged: this run measured call".into()));
    run.measures[0].latency = Default::default();
    assert!(reads("p99>1s").check(&run).is_err());
}
