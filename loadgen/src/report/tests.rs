//! Issue 5: a short table, a self-contained page, pictures with axes and units.

use super::review::read;
use super::*;
use crate::outcome::Outcome;
use sample::{latency, overworked, run, step};

/// Runs of every shape: one, repeated, many, a sweep, broken, empty, with hostile texts.
fn shapes() -> Vec<(&'static str, Vec<Outcome>)> {
    let repeated: Vec<Outcome> =
        (0..9).map(|at| run(["a", "b", "c"][at % 3], at as u64, 1e4 * (1 + at) as f64, 1e5)).collect();
    let many: Vec<Outcome> = (0..9).map(|at| run(&format!("router {at}"), at, 1e4, 1e5)).collect();
    let sweep: Vec<Outcome> = (1..9).map(|at| step("a", f64::from(at) * 2e3, 11e3)).collect();
    let mut hostile = overworked(run("<script>alert(1)</script> & \"b\" ]]> \u{0}\u{8}", 3, 1e4, 1e5));
    hostile.measures[0].errors.insert("a<b>&'\u{1}".into(), 4);
    hostile.notes.push("</style><img src=x>".into());
    let mut empty = run("empty", 1, 0.0, 1e5);
    empty.measures[0] = Default::default();
    empty.ending = crate::outcome::Ending::Failed { reason: "no router at ws://127.0.0.1:1/ws".into() };
    let mut short = run("short", 1, 100.0, 1e5);
    short.measures[0].series.truncate(1);
    short.measures[0].latency = latency(1, 1e5, 1);
    vec![
        ("repeated", repeated),
        ("many", many),
        ("sweep", sweep),
        ("hostile", vec![hostile]),
        ("empty", vec![empty.clone()]),
        ("short", vec![short.clone()]),
        ("long", ["a", "b", "c"].map(|end| step(&("name ".repeat(60) + end), 1e4, 2e4)).to_vec()),
        ("mixed", vec![empty, short, run("a", 1, 1e4, 1e5)]),
    ]
}

#[test]
fn every_picture_is_well_formed_and_within_its_bounds() {
    for (shape, outcomes) in shapes() {
        for (name, svg) in pictures(&outcomes) {
            let tree = roxmltree::Document::parse(&svg).unwrap_or_else(|error| panic!("{shape}, {name}: {error}"));
            let size = |name: &str| tree.root_element().attribute(name).and_then(|text| text.parse::<f64>().ok());
            let (width, height) = (size("width").unwrap(), size("height").unwrap());
            for node in tree.descendants() {
                let inside = |name: &str, end: f64| {
                    let value = node.attribute(name).and_then(|text| text.parse::<f64>().ok());
                    assert!(value.is_none_or(|value| (-0.5..=end + 0.5).contains(&value)), "{shape}, {name}: {node:?}");
                };
                // Where a text ends, about.
                if let (Some(x), None, Some(text)) = (node.attribute("x"), node.attribute("text-anchor"), node.text()) {
                    let end = x.parse::<f64>().unwrap() + svg::width_of(text) * 0.85;
                    assert!(end <= width, "{shape}, {name}: {text}");
                }
                ["x", "x1", "x2", "cx"].iter().for_each(|name| inside(name, width));
                ["y", "y1", "y2", "cy"].iter().for_each(|name| inside(name, height));
            }
            assert!(!svg.contains("NaN") && !svg.contains("inf"), "{shape}, {name}");
        }
    }
}

#[test]
fn no_two_pictures_have_the_same_file_name() {
    let rates = (1..5).map(f64::from);
    let runs: Vec<Outcome> = rates.flat_map(|at| ["é", "ü"].map(|label| step(label, at * 1e3, 9e3))).collect();
    let mut names: Vec<String> = pictures(&runs).into_iter().map(|(name, _)| name).collect();
    let all = names.len();
    names.sort_unstable();
    names.dedup();
    assert!(all > 2 && names.len() == all, "{names:?}");
}

#[test]
fn a_page_is_well_formed_loads_nothing_and_runs_nothing() {
    for (shape, outcomes) in shapes() {
        let page = html(&outcomes);
        let style = &page[page.find("<style>").unwrap()..page.find("</style>").unwrap()];
        assert!(!style.contains("url(") && !style.contains("@import"), "{shape}");
        // Void elements apart, the page is written as XML would be.
        let body = page[page.find("<body>").unwrap()..page.find("</html>").unwrap()].replace("<br>", "");
        let tree = roxmltree::Document::parse(&body).unwrap_or_else(|error| panic!("{shape}: {error}"));
        for node in tree.descendants().filter(roxmltree::Node::is_element) {
            let name = node.tag_name().name();
            assert!(!["script", "link", "img", "iframe", "image", "use", "a"].contains(&name), "{shape}: {name}");
            let loads = |name: &str| ["src", "href", "style", "data"].contains(&name) || name.starts_with("on");
            assert!(node.attributes().all(|attribute| !loads(attribute.name())), "{shape}: {node:?}");
        }
    }
}

#[test]
fn the_table_of_a_run_fits_a_terminal() {
    let text = text(&run("Banyan", 1, 123_456.0, 1e5));
    assert!(text.starts_with("call on Banyan, as fast as answers come, 20.0 s\n"), "{text}");
    assert!(text.contains("123 k/s") && text.contains("2,469,120"), "{text}");
    assert!(text.lines().all(|line| line.chars().count() <= 80), "{text}");
}

#[test]
fn what_must_be_known_stands_below_the_table() {
    let mut run = overworked(run("a", 1, 1e4, 1e5));
    run.ending = crate::outcome::Ending::Interrupted;
    run.measures[0].integrity.reordered = 2;
    run.measures[0].integrity.checked = 1000;
    let text = text(&run);
    let remarks: Vec<&str> = text.lines().filter(|line| line.starts_with("  ! ")).collect();
    assert_eq!(remarks[0], "  ! Interrupted: the figures are those until then.");
    assert!(remarks[1].starts_with("  ! The generator was the bottleneck of call: its busiest thread"));
    assert_eq!(remarks[2], "  ! call: 2 of 1,000 checked answers were not right.");
    assert!(text.contains("(out of order) · call"));
}

#[test]
fn a_comparison_fits_a_terminal_and_shows_spread_and_ratio() {
    let (_, repeated) = shapes().swap_remove(0);
    let text = compare(&repeated);
    assert!(text.contains("rate to the first"), "{text}");
    assert!(text.contains("40.0 k/s ±75%"), "{text}");
    assert!(text.lines().all(|line| line.chars().count() <= 80), "{text}");
}

#[test]
fn what_a_peer_sent_does_not_steer_the_terminal() {
    for (shape, outcomes) in shapes() {
        for text in [text(&outcomes[0]), compare(&outcomes)] {
            assert!(!text.chars().any(|c| c.is_control() && c != '\n'), "{shape}: {text:?}");
        }
    }
}

#[test]
fn what_was_written_is_read_again() {
    let one = run("a", 1, 1e4, 1e5);
    let list = vec![one.clone(), one.clone()];
    assert_eq!(read(&serde_json::to_string(&one).unwrap()).unwrap().len(), 1);
    assert_eq!(read(&serde_json::to_string(&list).unwrap()).unwrap().len(), 2);
}

#[test]
fn what_cannot_be_read_is_said_in_a_sentence() {
    let refusal = |json: &str| read(json).unwrap_err();
    assert!(refusal("{").starts_with("is not JSON: "));
    assert_eq!(refusal("[]"), "holds no run");
    assert_eq!(refusal("{}"), "is not a report of banyan-loadgen: it has no 'format'");
    assert_eq!(refusal("7"), "is not a report of banyan-loadgen: it has no 'format'");
    assert_eq!(refusal(r#"{"format":99}"#), "has layout 99; this banyan-loadgen reads up to 1: update it");
    assert!(refusal(r#"{"format":1}"#).starts_with("is damaged: "));
    let mut nothing = run("a", 1, 1e4, 1e5);
    nothing.measures.clear();
    assert_eq!(refusal(&serde_json::to_string(&nothing).unwrap()), "holds a run that measured nothing");
}

#[test]
fn files_of_runs_become_a_page_and_pictures() {
    let folder = std::env::temp_dir().join(format!("banyan-loadgen-review-{}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    let files = ["a", "b"].map(|label| folder.join(format!("{label}.json")));
    for (label, file) in ["a", "b"].into_iter().zip(&files) {
        std::fs::write(file, serde_json::to_string(&run(label, 1, 1e4, 1e5)).unwrap()).unwrap();
    }
    let (page, drawings) = (folder.join("page.html"), folder.join("drawings"));
    let text = review(&files, Some(&page), Some(&drawings)).unwrap();
    let drawn = std::fs::read_dir(&drawings).unwrap().count();
    let page = std::fs::read_to_string(page).unwrap();
    let missing = review(&[folder.join("c.json")], None, None).unwrap_err();
    std::fs::remove_dir_all(&folder).unwrap();
    assert!(text.contains("rate to the first") && page.contains("2 runs compared") && drawn >= 5, "{text} {drawn}");
    assert!(missing.starts_with("cannot read ") && missing.contains("c.json: "), "{missing}");
}
