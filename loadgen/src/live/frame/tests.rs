//! Issue 5: a live view in the terminal, quiet lines when not a terminal.

use super::*;
use crate::outcome::Integrity;
use crate::report::sample;

fn progress() -> Progress {
    let run = sample::run("any", 1, 123_456.0, 180e3);
    Progress {
        stage: "call".to_owned(),
        phase: Phase::Measuring,
        elapsed_s: 12.0,
        planned_s: Some(30.0),
        sessions: 128,
        sessions_wanted: 128,
        operations: 1_400_000,
        in_flight: 64,
        asked_rate: Some(125e3),
        seconds: run.measures[0].series.clone(),
        quantiles_ns: vec![("p50", 181_000), ("p99", 346_000), ("max", 20_600_000)],
        generator_busy: 0.453,
        router_cores: Some(0.91),
        router_rss: Some(15 << 20),
        ..Progress::default()
    }
}

#[test]
fn no_line_is_wider_than_the_terminal_and_their_number_stays() {
    let mut broken = progress();
    broken.errors = 12_345;
    broken.top_errors = vec![("wamp.error.a_long_name".repeat(9), 12_000), ("(timeout)".to_owned(), 345)];
    let states = [Progress::default(), progress(), broken];
    for width in 0..200 {
        for state in &states {
            let lines = draw(&"title ".repeat(30), state, width, false);
            assert_eq!(lines.len(), 12);
            assert!(lines.iter().all(|line| line.chars().count() < width.max(1)), "{width}: {lines:#?}");
        }
    }
}

#[test]
fn colour_changes_nothing_but_the_looks() {
    let plain = draw("call", &progress(), 80, false).join("\n");
    let mut bare = draw("call", &progress(), 80, true).join("\n");
    for code in ["0", "1", "2", "36", "1;31"] {
        bare = bare.replace(&format!("\x1b[{code}m"), "");
    }
    assert!(!plain.contains('\x1b'));
    assert_eq!(bare, plain);
}

#[test]
fn what_matters_is_seen() {
    let text = draw("call on Banyan", &progress(), 80, false).join("\n");
    for part in
        ["12 s of 30 s", "━━━━━━━━━━──────────────", "of 125 k/s", "181 µs", "20.6 ms", "45 % of a core", "0.91 cores"]
    {
        assert!(text.contains(part), "{part} in\n{text}");
    }
}

#[test]
fn errors_and_broken_integrity_are_named() {
    let mut state = progress();
    state.errors = 3;
    state.top_errors = vec![("wamp.error.timeout".to_owned(), 3)];
    state.integrity = Integrity { lost: 2, ..Integrity::default() };
    let text = draw("call", &state, 100, false).join("\n");
    assert!(text.contains("errors     5         wrong, lost or out of order 2, wamp.error.timeout 3"), "{text}");
}

#[test]
fn what_a_peer_sent_does_not_steer_the_terminal() {
    let mut state = progress();
    state.errors = 1;
    state.top_errors = vec![("\x1b[2J\r\n\u{9b}x".to_owned(), 1)];
    let text = draw("call", &state, 100, false).concat();
    assert!(!text.chars().any(char::is_control), "{text:?}");
}

#[test]
fn a_log_line_says_it_all() {
    let mut state = progress();
    state.seconds.clear();
    state.elapsed_s = 14.0;
    assert_eq!(
        line(&state),
        "   14 s  measuring   call  100 k/s of 125 k/s  p50 181 µs  p99 346 µs  max 20.6 ms  in flight 64  errors 0"
    );
    state.phase = Phase::Connecting;
    assert_eq!(line(&state), "   14 s  connecting  sessions 128 of 128");
}

#[test]
fn a_count_bounds_a_run_too() {
    let mut state = progress();
    (state.planned_s, state.planned_operations) = (None, Some(2_800_000));
    assert_eq!(extent(&state), (Some(0.5), "1.40 M of 2.80 M, 12 s".to_owned()));
    state.planned_operations = None;
    assert_eq!(extent(&state), (None, "12 s".to_owned()));
}
