//! Time: passed in by the shell, and kept as the clock of the ledger.

use std::time::{Duration, SystemTime};

use swath_model::Instant;

/// The time of an input, read by the shell.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Now {
    /// On a clock that never goes back; zero is the start of this coordinator.
    pub instant: Instant,
    /// The time of day, for people.
    pub time_of_day: SystemTime,
}

/// A point on the clock of a ledger, as the time since the start of the clock.
///
/// Durations are measured with that clock: how long a job took, how long ago it ended. It never goes back and never
/// jumps, whatever happens to the time of day. It stands still while no coordinator runs.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Moment(pub Duration);

impl Moment {
    /// The time that has passed since an earlier moment.
    pub fn since(self, earlier: Self) -> Duration {
        self.0.saturating_sub(earlier.0)
    }

    /// The moment `instant`, if this one was at instant zero. In whole milliseconds, as the ledger keeps it: the next
    /// coordinator then says the same of a job as this one.
    pub(crate) fn at(self, instant: Instant) -> Self {
        let elapsed = u64::try_from((instant - Instant::ZERO).as_millis()).unwrap_or(u64::MAX);
        Self(self.0.saturating_add(Duration::from_millis(elapsed)))
    }
}

/// When something happened: the time of day for people, the moment for durations.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stamp {
    /// The time of day.
    pub at: SystemTime,
    /// The moment on the clock of the ledger.
    pub moment: Moment,
}
