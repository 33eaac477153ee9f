//! Several contenders asked the same questions, turn by turn.

use crate::uris::Texts;
use std::hint::black_box;
use std::time::Instant;

pub struct Contender<'c> {
    pub name: &'static str,
    /// Answers a question with a number that depends on the answer.
    pub ask: Box<dyn Fn(&str) -> u64 + 'c>,
}

pub fn contender<'c>(name: &'static str, ask: impl Fn(&str) -> u64 + 'c) -> Contender<'c> {
    Contender { name, ask: Box::new(ask) }
}

/// Questions in a turn.
const TURN: usize = 1000;

/// Prints for each contender the nanoseconds of a question, and the ratio to the first.
pub fn contest(title: &str, questions: &Texts, contenders: &[Contender]) {
    let all: Vec<&str> = questions.iter().collect();
    let mut nanoseconds = vec![Vec::new(); contenders.len()];
    for turn in all.chunks(TURN) {
        for (contender, of_it) in contenders.iter().zip(&mut nanoseconds) {
            let start = Instant::now();
            for uri in turn {
                black_box((contender.ask)(uri));
            }
            of_it.push(start.elapsed().as_nanos() as f64 / turn.len() as f64);
        }
    }
    let medians: Vec<f64> = nanoseconds.into_iter().map(median).collect();
    for (contender, median) in contenders.iter().zip(&medians) {
        println!("{title:<34} {:<28} {median:>9.1} ns  x {:.2}", contender.name, median / medians[0]);
    }
}

pub fn median(mut samples: Vec<f64>) -> f64 {
    samples.sort_by(f64::total_cmp);
    samples[samples.len() / 2]
}
