//! One seed, or many.

use std::{
    any::Any,
    fmt,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
};

use crate::{cluster::Cluster, tally::Tally};

/// What came of one seed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Report {
    /// A hash of everything that happened.
    pub hash: u64,
    /// How often what happened.
    pub tally: Tally,
}

/// A promise that was broken.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure {
    /// With which seed.
    pub seed: u64,
    /// Which promise.
    pub what: String,
    /// What happened last.
    pub trace: Vec<String>,
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Failure { seed, what, trace } = self;
        for line in trace {
            writeln!(f, "  {line}")?;
        }
        writeln!(f, "seed {seed} failed: {what}")?;
        write!(f, "all of it: cargo xtask simulate --seed {seed}")
    }
}

/// Simulates what a seed stands for.
///
/// # Errors
/// A promise was broken, or a core panicked.
pub fn run(seed: u64) -> Result<Report, Failure> {
    simulate(seed, Voice::Silent)
}

/// The same, and prints everything that happens.
///
/// # Errors
/// As for [`run`].
pub fn run_aloud(seed: u64) -> Result<Report, Failure> {
    simulate(seed, Voice::Aloud)
}

/// Whether the trace is printed while it happens.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Voice {
    Silent,
    Aloud,
}

fn simulate(seed: u64, voice: Voice) -> Result<Report, Failure> {
    let mut cluster = Cluster::new(seed, voice == Voice::Aloud);
    let panic = catch_unwind(AssertUnwindSafe(|| cluster.run())).err();
    let what = panic.map(|panic| format!("panicked: {}", message(panic.as_ref()))).or(cluster.broken.take());
    match what {
        None => Ok(Report { hash: cluster.trace.hash(), tally: cluster.tally }),
        Some(what) => Err(Failure { seed, what, trace: cluster.trace.lines().map(str::to_owned).collect() }),
    }
}

fn message(panic: &(dyn Any + Send)) -> &str {
    let text = panic.downcast_ref::<String>().map(String::as_str);
    text.or(panic.downcast_ref::<&str>().copied()).unwrap_or("without a message")
}

/// Many seeds on many threads.
#[derive(Debug)]
pub struct Campaign {
    next: AtomicU64,
    end: u64,
    done: AtomicU64,
    stop: AtomicBool,
    tally: Mutex<Tally>,
    failures: Mutex<Vec<Failure>>,
}

/// A campaign ends after so many failures.
const MOST_FAILURES: usize = 5;

impl Campaign {
    /// A campaign over so many seeds, from `first` on.
    pub fn new(first: u64, seeds: u64) -> Self {
        Campaign {
            next: AtomicU64::new(first),
            end: first.saturating_add(seeds),
            done: AtomicU64::new(0),
            stop: AtomicBool::new(false),
            tally: Mutex::default(),
            failures: Mutex::default(),
        }
    }

    /// Runs all seeds on so many threads; it stops early when some have failed. `progress` is called after each seed
    /// with how many there were.
    pub fn run(&self, threads: usize, progress: impl Fn(u64) + Sync) {
        std::thread::scope(|scope| {
            for _ in 0..threads.max(1) {
                scope.spawn(|| self.work(&progress));
            }
        });
    }

    fn work(&self, progress: &(impl Fn(u64) + Sync)) {
        let mut tally = Tally::default();
        while !self.stop.load(Ordering::Relaxed) {
            let seed = self.next.fetch_add(1, Ordering::Relaxed);
            if seed >= self.end {
                break;
            }
            match run(seed) {
                Ok(report) => tally.add_all(&report.tally),
                Err(failure) => self.note_failure(failure),
            }
            progress(self.done.fetch_add(1, Ordering::Relaxed) + 1);
        }
        self.tally.lock().unwrap_or_else(PoisonError::into_inner).add_all(&tally);
    }

    fn note_failure(&self, failure: Failure) {
        let mut failures = self.failures.lock().unwrap_or_else(PoisonError::into_inner);
        failures.push(failure);
        if failures.len() >= MOST_FAILURES {
            self.stop.store(true, Ordering::Relaxed);
        }
    }

    /// How many seeds were run.
    pub fn seeds(&self) -> u64 {
        self.done.load(Ordering::Relaxed)
    }

    /// How often what happened, in all runs that did not fail.
    pub fn tally(&self) -> Tally {
        self.tally.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// The failures, the smallest seed first.
    pub fn failures(&self) -> Vec<Failure> {
        let mut failures = self.failures.lock().unwrap_or_else(PoisonError::into_inner).clone();
        failures.sort_by_key(|failure| failure.seed);
        failures
    }
}
