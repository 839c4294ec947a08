//! The clock of a ledger: how long coordinators have run on it, in all.
//!
//! Durations are measured with it: how long a job took, how long ago it ended. It never goes back and never jumps, whatever
//! happens to the time of day. It stands still while no coordinator runs: that time was not measured.

use std::time::{Duration, Instant, SystemTime};

/// A point on the clock of a ledger, as the time since the clock's start.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Moment(pub(crate) Duration);

impl Moment {
    /// The time that has passed since an earlier moment.
    pub(crate) fn since(self, earlier: Self) -> Duration {
        self.0.saturating_sub(earlier.0)
    }
}

/// When something happened: the time of day for people, the moment for durations.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Stamp {
    pub(crate) at: SystemTime,
    pub(crate) moment: Moment,
}

/// A clock that runs for as long as its coordinator does.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Clock {
    start: Moment,
    started: Instant,
}

impl Clock {
    /// Goes on from where an earlier coordinator left it.
    pub(crate) fn from(start: Moment) -> Self {
        Self { start, started: Instant::now() }
    }

    /// In whole milliseconds, as the ledger keeps it: the next coordinator says the same of a job as this one.
    pub(crate) fn now(&self) -> Moment {
        let elapsed = u64::try_from(self.started.elapsed().as_millis()).unwrap_or(u64::MAX);
        Moment(self.start.0.saturating_add(Duration::from_millis(elapsed)))
    }

    pub(crate) fn stamp(&self) -> Stamp {
        Stamp { at: SystemTime::now(), moment: self.now() }
    }
}
