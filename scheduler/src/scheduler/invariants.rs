//! What must be true after every call.

use std::collections::{BTreeMap, BTreeSet};

use super::Scheduler;
use crate::{
    ChunkSet, JobId, LeaseId,
    lease::{LeaseState, Purpose},
};

impl Scheduler {
    /// Panics with a telling message unless all that is kept agrees: each chunk is in exactly one place, leases,
    /// jobs and workers know of each other, ended jobs hold nothing, the indexes are right. For tests: it looks at
    /// everything.
    pub fn check_invariants(&self) {
        self.jobs.check_invariants();
        self.workers.check_invariants();
        self.check_leases();
        self.check_workers();
        assert_eq!(self.outstanding(), self.held(), "what leases and jobs say is outstanding");
    }

    fn check_leases(&self) {
        for (&id, lease) in &self.leases {
            assert_eq!(id.incarnation, self.config.incarnation, "the incarnation of lease {id}");
            assert!((1..=self.last_sequence).contains(&id.sequence), "lease {id} was never given out");
            assert!(!lease.outstanding.is_empty(), "lease {id} is over");
            let last = lease.outstanding.last().map_or(0, |run| run.end());
            let first = lease.outstanding.first().map_or(0, |run| run.start());
            assert!(lease.chunks.start() <= first && last <= lease.chunks.end(), "lease {id} has grown");
            assert!(self.is_active(lease.job), "lease {id} of job {}, which has ended", lease.job);
            let suspected = (self.jobs.get(lease.job))
                .is_some_and(|job| lease.outstanding.iter().any(|run| job.suspicion().within(run).next().is_some()));
            assert!(!suspected || lease.purpose == Purpose::Probe, "lease {id} has suspects and is no probe");
            let worker = self.workers.get(lease.worker);
            let known = worker.is_some_and(|worker| {
                worker.open.contains(&id) == lease.is_open() && worker.computed.contains(&id) != lease.is_open()
            });
            assert!(known, "lease {id} is unknown to worker {}", lease.worker);
            if let LeaseState::Asked { by: Some(by) } = lease.state {
                let asking = self.workers.get(by).and_then(|worker| worker.asking);
                assert_eq!(asking, Some(id), "worker {by} asks for lease {id}");
            }
        }
    }

    fn check_workers(&self) {
        let mut known = BTreeSet::new();
        for (id, worker) in self.workers.iter() {
            for lease in worker.leases() {
                assert!(known.insert(lease), "lease {lease} is held twice");
                assert!(self.leases.contains_key(&lease), "worker {id} holds {lease}");
            }
            let resumed = |lease: &LeaseId| self.leases.get(lease).is_some_and(|l| l.purpose == Purpose::Resumed);
            let few = worker.open.len() <= self.config.leases_per_worker || worker.open.iter().all(resumed);
            assert!(few, "worker {id} has too many leases");
            assert!(
                worker.deadline.is_some() || worker.leases().next().is_none(),
                "worker {id} is silent but holds leases"
            );
            assert_eq!(
                worker.computing.map(|(lease, _)| lease),
                worker.open.first().copied(),
                "what worker {id} computes"
            );
            if let Some(probe) = worker.probe {
                assert!(worker.open.iter().eq([&probe]), "worker {id} has other leases beside probe {probe}");
            }
            let probes = |lease: &LeaseId| self.leases.get(lease).is_some_and(|l| l.purpose == Purpose::Probe);
            assert_eq!(worker.open.iter().find(|lease| probes(lease)), worker.probe.as_ref(), "probe of worker {id}");
            if let Some(lease) = worker.asking {
                let state = self.leases.get(&lease).map(|lease| lease.state);
                let asked = LeaseState::Asked { by: Some(id) };
                assert_eq!(state, Some(asked), "lease {lease} asked by worker {id}");
            }
            for &job in worker.rates.keys() {
                assert!(self.is_active(job), "worker {id} remembers job {job}");
            }
        }
        assert_eq!(known.len(), self.leases.len(), "leases without a worker");
    }

    /// The outstanding chunks of each lease of each job, as the jobs tell it.
    fn held(&self) -> BTreeMap<(JobId, LeaseId), ChunkSet> {
        let mut held: BTreeMap<_, ChunkSet> = BTreeMap::new();
        for (id, job) in self.jobs.iter() {
            for (run, lease) in job.held().iter() {
                held.entry((id, lease)).or_default().insert(run);
            }
        }
        held
    }
}
