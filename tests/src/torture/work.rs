//! The job that is done again and again, and what its results must be.

use std::{fmt::Write, fs, thread};

use super::Figures;
use crate::{Coordinator, Scene, collatz, until};

/// Steps to 1 from numbers so large that each takes a while.
const FIRST: i64 = 1_000_000_000_000;
const COUNT: i64 = 30_000_000;

/// One job, and the text that its results must be.
pub(super) struct Work {
    expected: String,
}

impl Work {
    /// Asks the oracle for all of it, with a thread for each half.
    pub(super) fn new() -> Self {
        let text = |from: i64, to: i64| {
            let mut text = String::new();
            for n in from..to {
                writeln!(text, "{}", collatz(n)).expect("memory");
            }
            text
        };
        let middle = FIRST + COUNT / 2;
        let expected = thread::scope(|scope| {
            let later = scope.spawn(|| text(middle, FIRST + COUNT));
            text(FIRST, middle) + &later.join().expect("the oracle")
        });
        Self { expected }
    }

    /// Submits it. Chunks are small, so that much is seen of them, and workers may crash as often as they like.
    pub(super) fn submit(&self, coordinator: &Coordinator<'_>) -> u64 {
        let last = FIRST + COUNT - 1;
        coordinator.submit(&format!("{FIRST}..={last} -k collatz --chunk-size 20000 --crash-limit 1000"))
    }

    /// Waits for the end of the job and compares every result.
    pub(super) fn compare(&self, scene: &Scene, coordinator: &Coordinator<'_>, job: u64, figures: &mut Figures) {
        // On a slow machine it may take longer than a test may, as long as it goes on.
        while !coordinator.has_ended(job) {
            let committed = coordinator.committed(job);
            until("the job goes on", || {
                (coordinator.committed(job) > committed || coordinator.has_ended(job)).then_some(())
            });
        }
        coordinator.await_done(job);
        coordinator.save(job, "steps.txt");
        let found = fs::read_to_string(scene.path("steps.txt")).expect("the results");
        figures.jobs += 1;
        figures.numbers += COUNT.unsigned_abs();
        if found != self.expected {
            let lines = found.lines().zip(self.expected.lines());
            let differ = lines.filter(|(found, expected)| found != expected).count() as u64;
            let missing = COUNT.unsigned_abs().abs_diff(found.lines().count() as u64);
            figures.wrong += (differ + missing).max(1);
        }
    }
}
