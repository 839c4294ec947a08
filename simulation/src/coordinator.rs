//! What a process of a coordinator has beside the real core: sessions, results, writes that are under way.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use swath_coordinator_core::{Config, Core, Inherited, Moment, Now, Record};
use swath_model::{ChunkRun, Incarnation, Instant, JobId, LeaseId, OffsetRun, WorkerId};

use crate::{
    disk::PartId,
    event::{Fact, SessionId, Upload},
    store::Store,
};

#[derive(Debug)]
pub(crate) struct Coordinator {
    pub(crate) state: State,
    /// Names this start.
    pub(crate) incarnation: Incarnation,
    pub(crate) core: Core<Store>,
    pub(crate) store: Store,
    /// When it started: where its clock begins.
    pub(crate) origin: Instant,
    /// Until when it does nothing, although it is there.
    pub(crate) suspended_until: Option<Instant>,
    /// The workers that were not silent when it was suspended, until the first input after that.
    pub(crate) active_before: Option<BTreeSet<WorkerId>>,
    pub(crate) sessions: BTreeMap<WorkerId, SessionId>,
    /// For when the next wake-up is planned.
    pub(crate) wakes_at: Option<Instant>,
    /// Blocks that wait: for room, or for those before them.
    pub(crate) stalled: VecDeque<Upload>,
    /// Sessions whose oldest block is being checked.
    pub(crate) checking: BTreeSet<SessionId>,
    /// On their way from the store to the core, in order.
    pub(crate) facts: VecDeque<(JobId, Fact)>,
    /// The batch that the ledger writes.
    pub(crate) batch: Option<(Vec<Record>, Moment)>,
    /// Parts that are being written: their job and their blocks.
    pub(crate) writing: BTreeMap<PartId, (JobId, Vec<(u64, OffsetRun)>)>,
    /// Leases that no worker may compute.
    pub(crate) strays: BTreeSet<LeaseId>,
    /// Workers that were drained.
    pub(crate) drained: BTreeSet<WorkerId>,
    /// Leases that a worker may be computing.
    pub(crate) open: BTreeMap<WorkerId, BTreeSet<LeaseId>>,
    /// How often a worker crashed that had nothing else to compute than this chunk, since it was last computed.
    alone: BTreeMap<(JobId, u64), u32>,
    /// The most of that: the core may have decided before the chunk was computed after all.
    most_alone: BTreeMap<(JobId, u64), u32>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum State {
    Down,
    Up,
    /// It was told to stop, and ends when every decision is durable.
    Stopping,
}

/// A lease that was given out.
#[derive(Clone, Copy, Debug)]
pub(crate) struct GivenLease {
    pub(crate) worker: WorkerId,
    pub(crate) session: SessionId,
    pub(crate) job: JobId,
    pub(crate) chunks: ChunkRun,
}

impl Coordinator {
    pub(crate) fn new(config: Config, inherited: Inherited, origin: Instant, incarnation: Incarnation) -> Self {
        let store = Store::default();
        let mut config = config;
        config.scheduler.incarnation = incarnation;
        Coordinator {
            state: State::Down,
            incarnation,
            core: Core::new(config, inherited, now(origin, origin), store.clone()),
            store,
            origin,
            suspended_until: None,
            active_before: None,
            sessions: BTreeMap::new(),
            wakes_at: None,
            stalled: VecDeque::new(),
            checking: BTreeSet::new(),
            facts: VecDeque::new(),
            batch: None,
            writing: BTreeMap::new(),
            strays: BTreeSet::new(),
            drained: BTreeSet::new(),
            open: BTreeMap::new(),
            alone: BTreeMap::new(),
            most_alone: BTreeMap::new(),
        }
    }

    /// The time of an input, on the clock of this coordinator.
    pub(crate) fn now(&self, at: Instant) -> Now {
        now(self.origin, at)
    }

    pub(crate) fn is_up(&self) -> bool {
        self.state == State::Up
    }

    /// Whether it is this start of the coordinator that runs.
    pub(crate) fn is(&self, incarnation: Incarnation) -> bool {
        self.state != State::Down && self.incarnation == incarnation
    }

    /// Whether it serves, and is not suspended.
    pub(crate) fn is_awake(&self, at: Instant) -> bool {
        self.is_up() && self.suspended_until.is_none_or(|until| until <= at)
    }

    /// How often workers crashed, one after the other, for which nothing but this chunk can be blamed.
    pub(crate) fn crashes_alone(&self, job: JobId, chunk: u64) -> u32 {
        self.most_alone.get(&(job, chunk)).copied().unwrap_or(0)
    }

    pub(crate) fn blame(&mut self, job: JobId, chunk: u64) -> u32 {
        let crashes = self.alone.entry((job, chunk)).or_default();
        *crashes += 1;
        let most = self.most_alone.entry((job, chunk)).or_default();
        *most = (*most).max(*crashes);
        *crashes
    }

    /// These chunks are computed, and their worker is still there.
    pub(crate) fn forgive(&mut self, job: JobId, chunks: ChunkRun) {
        let accused = self.alone.range((job, chunks.start())..(job, chunks.end())).map(|(&key, _)| key);
        for key in accused.collect::<Vec<_>>() {
            self.alone.remove(&key);
        }
    }
}

fn now(origin: Instant, at: Instant) -> Now {
    Now {
        instant: Instant::ZERO + (at - origin),
        time_of_day: std::time::SystemTime::UNIX_EPOCH + (at - Instant::ZERO),
    }
}
