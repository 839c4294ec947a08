//! How a worker behaves.

use std::time::Duration;

/// How a worker behaves. The defaults are those of the program.
#[derive(Clone, Debug)]
pub struct Config {
    /// How many tasks are computed at a time; 0 counts as 1.
    pub slots: u32,
    /// A lease is cut into at least this many blocks for each slot, so that the slots finish it together (4).
    pub blocks_per_slot: u64,
    /// The most leases that are offered when the worker joins again (64).
    pub max_offers: usize,
    /// The most runs of offsets in each offer (1,024).
    pub max_offer_runs: usize,
    /// What happens when a session breaks.
    pub after_loss: AfterLoss,
    /// How long to try to reach the coordinator, at the start and after it was lost.
    pub patience: Duration,
    /// How long the work in flight may take when the worker is told to stop.
    pub grace: Duration,
    /// The first pause between two attempts to reach the coordinator; each later one is twice as long (50 ms).
    pub first_pause: Duration,
    /// The longest pause (5 s).
    pub last_pause: Duration,
    /// After a session of this length, pauses begin with the first again (5 s).
    pub sound_session: Duration,
}

/// What a worker does when a session breaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AfterLoss {
    /// It tries to join again.
    Rejoin,
    /// It ends.
    End,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            slots: 1,
            blocks_per_slot: 4,
            max_offers: 64,
            max_offer_runs: 1024,
            after_loss: AfterLoss::Rejoin,
            patience: Duration::MAX,
            grace: Duration::from_secs(30),
            first_pause: Duration::from_millis(50),
            last_pause: Duration::from_secs(5),
            sound_session: Duration::from_secs(5),
        }
    }
}
