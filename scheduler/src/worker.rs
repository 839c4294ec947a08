//! One worker.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use crate::{Instant, JobId, LeaseId, WorkerState, estimate::WorkerRate, lease::Unreported};

/// How many leases a worker may hold at most, those included that it has computed but whose blocks have not
/// come. Bounds what a worker that never uploads can claim.
const MOST_LEASES: usize = 64;

/// How many reports of ended leases are waited for.
const MOST_UNREPORTED: usize = 8;

/// What is known of a worker.
#[derive(Debug)]
pub(crate) struct Worker {
    pub(crate) threads: u32,
    /// When it counts as silent; `None` if it does.
    pub(crate) deadline: Option<Instant>,
    pub(crate) draining: bool,
    /// When something came of its leases last, or it got one after it had none.
    pub(crate) progress: Instant,
    /// Leases that it computes or will, in the order in which it got them: the first one is in work.
    pub(crate) open: BTreeSet<LeaseId>,
    /// Leases that it has computed and whose blocks are on the way.
    pub(crate) computed: BTreeSet<LeaseId>,
    /// The open lease beside which it gets no other.
    pub(crate) probe: Option<LeaseId>,
    /// The first open lease, and since when it has been the first.
    pub(crate) computing: Option<(LeaseId, Instant)>,
    /// How fast it computes each job that has not ended.
    pub(crate) rates: BTreeMap<JobId, WorkerRate>,
    /// The lease of another worker that is asked to return chunks for this one.
    pub(crate) asking: Option<LeaseId>,
    unreported: VecDeque<Unreported>,
}

impl Worker {
    pub(crate) fn new(threads: u32, now: Instant, deadline: Instant) -> Self {
        Worker {
            threads: threads.max(1),
            deadline: Some(deadline),
            draining: false,
            progress: now,
            open: BTreeSet::new(),
            computed: BTreeSet::new(),
            probe: None,
            computing: None,
            rates: BTreeMap::new(),
            asking: None,
            unreported: VecDeque::new(),
        }
    }

    pub(crate) fn state(&self) -> WorkerState {
        match (self.deadline, self.draining) {
            (None, _) => WorkerState::Silent,
            (Some(_), true) => WorkerState::Draining,
            (Some(_), false) => WorkerState::Active,
        }
    }

    pub(crate) fn is_active(&self) -> bool {
        self.state() == WorkerState::Active
    }

    /// Whether it can be given a lease now.
    pub(crate) fn is_free(&self, leases_per_worker: usize) -> bool {
        let has_room = self.open.len() < leases_per_worker && self.has_room_for_lease();
        self.is_active() && has_room && self.probe.is_none()
    }

    /// Whether it can be given a lease at all, however many it has that it has not computed.
    pub(crate) fn has_room_for_lease(&self) -> bool {
        self.leases().count() < MOST_LEASES
    }

    /// All leases that it holds.
    pub(crate) fn leases(&self) -> impl Iterator<Item = LeaseId> + '_ {
        self.open.iter().chain(&self.computed).copied()
    }

    /// A lease is not open any more.
    pub(crate) fn close(&mut self, lease: LeaseId) {
        self.open.remove(&lease);
        self.probe = self.probe.filter(|&probe| probe != lease);
    }

    /// Notes whether another lease has become the first.
    pub(crate) fn follow_computing(&mut self, now: Instant) {
        let first = self.open.first().copied();
        if first != self.computing.map(|(lease, _)| lease) {
            self.computing = first.map(|lease| (lease, now));
        }
    }

    /// Keeps the account of a lease that has ended until the worker's report comes, for a while.
    pub(crate) fn await_report(&mut self, unreported: Unreported) {
        if self.unreported.len() == MOST_UNREPORTED {
            self.unreported.pop_front();
        }
        self.unreported.push_back(unreported);
    }

    /// The account that waited for the report of `lease`.
    pub(crate) fn take_unreported(&mut self, lease: LeaseId) -> Option<Unreported> {
        let place = self.unreported.iter().position(|u| u.lease == lease)?;
        self.unreported.remove(place)
    }

    /// Drops what was learned of a job that has ended.
    pub(crate) fn forget_job(&mut self, job: JobId) {
        self.rates.remove(&job);
        self.unreported.retain(|u| u.job != job);
    }
}
