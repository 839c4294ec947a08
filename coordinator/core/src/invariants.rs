//! What holds after every input.

use std::collections::BTreeSet;
use swath_model::JobState;

use swath_scheduler::JobState as SchedulerState;

use crate::{Core, RequestId, Results, job::Phase};

impl<R: Results> Core<R> {
    /// Panics if the state contradicts itself; for tests, after all effects were polled.
    ///
    /// # Panics
    /// Something that the contract promises does not hold.
    pub fn check_invariants(&self) {
        self.scheduler.check_invariants();
        self.check_phases();
        self.check_tokens();
        self.check_sessions();
        self.check_requests();
        assert!(self.watched.iter().all(|id| self.jobs.contains_key(id)), "a job is watched that is not there");
        assert!(self.changed.is_subset(&self.watched), "a change waits that nobody watches");
    }

    fn check_phases(&self) {
        for (id, job) in &self.jobs {
            assert!(!self.reserved.contains_key(id), "job {id} is stored and being stored");
            assert!(id.0 <= self.last_job, "the id {id} would be given again");
            let is_active = self.scheduler.job(*id).is_some_and(|view| view.state == SchedulerState::Active);
            let is_running = matches!(job.phase, Phase::Running);
            assert_eq!(is_active, is_running, "job {id} in phase {:?}", job.phase);
            let is_seen_to_run = matches!(job.phase, Phase::Running | Phase::Closing(_) | Phase::Ending(_));
            assert_eq!(job.state == JobState::Running, is_seen_to_run, "job {id} in phase {:?}", job.phase);
            assert_eq!(job.ended.is_some(), job.state.has_ended(), "job {id}: {:?}", job.state);
        }
        assert!(self.reserved.keys().all(|id| id.0 <= self.last_job), "a reserved id would be given again");
        assert!(self.cancelled.is_empty(), "the scheduler did not end a job that was cancelled");
        for (id, view) in self.scheduler.jobs() {
            assert!(self.jobs.contains_key(&id), "the scheduler has job {id} in state {:?}", view.state);
        }
    }

    fn check_tokens(&self) {
        let jobs = self.jobs.iter().filter_map(|(id, job)| Some((job.token?, *id)));
        let reserved = self.reserved.iter().filter_map(|(id, job)| Some((job.token?, *id)));
        let tokens = jobs.chain(reserved).collect();
        assert_eq!(self.tokens, tokens, "tokens and jobs");
    }

    fn check_sessions(&self) {
        let scheduled: BTreeSet<_> = self.scheduler.workers().map(|(id, _)| id).collect();
        let connected: BTreeSet<_> = self.sessions.keys().copied().collect();
        assert_eq!(scheduled, connected, "workers of the scheduler and sessions");
        assert!(
            connected.last().is_none_or(|last| last.0 <= self.last_worker),
            "the id of a worker would be given again"
        );
    }

    /// A request waits in one place only, so it is answered once.
    fn check_requests(&self) {
        let phases = self.jobs.values().flat_map(|job| job.phase.waiting());
        let reserved = self.reserved.values().flat_map(|reserved| &reserved.waiting);
        let mut seen: BTreeSet<RequestId> = BTreeSet::new();
        for request in phases.chain(reserved) {
            assert!(seen.insert(*request), "{request:?} waits twice");
        }
    }
}
