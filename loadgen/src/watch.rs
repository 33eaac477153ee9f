//! A run from its start to its outcome, as somebody sees it who stands beside: the live view, signals, the router's
//! memory.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, SystemTime};

use serde_json::Value;

use crate::args::Common;
use crate::calendar::rfc3339;
use crate::engine::without_secret;
use crate::live::View;
use crate::outcome::{Ending, FORMAT, Measure, Outcome};
use crate::scenario::Run;
use crate::usage;

/// Between looks at what goes on.
const LOOK: Duration = Duration::from_millis(50);
/// Between looks at the router's memory.
const LOOK_AT_MEMORY: Duration = Duration::from_millis(250);

/// A run that has not begun.
pub struct Errand<'a> {
    name: &'a str,
    common: &'a Common,
    parameters: BTreeMap<String, Value>,
    /// The run.
    pub run: Run,
}

impl<'a> Errand<'a> {
    /// `name`: the scenario.
    pub fn new(name: &'a str, common: &'a Common, mut parameters: BTreeMap<String, Value>, run: Run) -> Errand<'a> {
        // What the target speaks, which the flag need not say.
        parameters.insert("serializer".to_owned(), run.settings.serializer.name().into());
        Errand { name, common, parameters, run }
    }

    /// Carries it out.
    pub fn carry_out(self, work: impl FnOnce(&Run) + Send) -> Outcome {
        let interrupted = interrupts();
        let started = SystemTime::now();
        self.beside(work, &interrupted);
        self.outcome(started, interrupted.load(Ordering::Relaxed))
    }

    /// Does the work on a thread of its own and watches.
    fn beside(&self, work: impl FnOnce(&Run) + Send, interrupted: &AtomicBool) {
        usage::raise_descriptors();
        let title = format!("{} against {}", self.name, self.common.url.join(", "));
        let mut view = View::new(&title, self.common.quiet);
        let mut looked = None;
        std::thread::scope(|scope| {
            let work = scope.spawn(|| work(&self.run));
            while !work.is_finished() {
                if interrupted.load(Ordering::Relaxed) {
                    self.run.control.stop();
                }
                self.look(&mut view, &mut looked);
                std::thread::park_timeout(LOOK);
            }
            if work.join().is_err() {
                self.run.control.fail("the generator broke down; this is a defect of it".to_owned());
            }
        });
    }

    /// One look: the router's memory, the live view.
    fn look(&self, view: &mut View, looked: &mut Option<(std::time::Instant, usage::Sample)>) {
        let due = looked.as_ref().is_none_or(|(at, _)| at.elapsed() >= LOOK_AT_MEMORY);
        if due && let Some(sample) = self.run.load.router.and_then(usage::sample) {
            self.run.remember(sample.rss);
            if let Some(book) = self.run.book_at_hand() {
                book.watch(&sample);
            }
            *looked = Some((std::time::Instant::now(), sample));
        }
        if !view.is_due(self.run.control.now() as f64 / 1e9) {
            return;
        }
        let mut progress = self.run.progress();
        progress.router_rss = looked.as_ref().map(|(_, sample)| sample.rss);
        view.show(&progress);
    }

    fn outcome(self, started: SystemTime, interrupted: bool) -> Outcome {
        let books = self.run.books();
        let mut measures: Vec<Measure> = books.iter().map(|book| book.measure()).collect();
        if measures.is_empty() {
            let name = self.name.to_owned();
            measures.push(Measure { name: name.clone(), operation: name, ..Measure::default() });
        }
        let began = books.iter().find_map(|book| book.window()).map_or(0, |window| window.from);
        drop(books);
        let (agents, notes) = self.run.remarks();
        Outcome {
            format: FORMAT,
            scenario: self.name.to_owned(),
            label: self.common.label.clone(),
            parameters: self.parameters,
            command: command_line(),
            targets: self.common.url.clone(),
            agents,
            started: rfc3339(started + Duration::from_nanos(began)),
            elapsed_s: self.run.control.now() as f64 / 1e9,
            measures,
            ending: match self.run.control.failure() {
                Some(reason) => Ending::Failed { reason },
                None if interrupted => Ending::Interrupted,
                None => Ending::Finished,
            },
            machine: usage::machine(),
            notes,
        }
    }
}

/// The command line, without what proves who one is.
fn command_line() -> Vec<String> {
    let mut words: Vec<String> = std::env::args().collect();
    for at in 1..words.len() {
        if let Some(secret) = words[at].strip_prefix("--auth=") {
            words[at] = format!("--auth={}", without_secret(secret));
        } else if words[at - 1] == "--auth" {
            words[at] = without_secret(&words[at]);
        }
    }
    words
}

/// Set by SIGINT and SIGTERM; a second signal ends the process at once.
fn interrupts() -> Arc<AtomicBool> {
    use signal_hook::consts::{SIGINT, SIGTERM};
    let interrupted = Arc::new(AtomicBool::new(false));
    for signal in [SIGINT, SIGTERM] {
        // Where a handler cannot be set, the signal ends the process, as it would without us.
        let _ = signal_hook::flag::register_conditional_shutdown(signal, 130, Arc::clone(&interrupted));
        let _ = signal_hook::flag::register(signal, Arc::clone(&interrupted));
    }
    interrupted
}
