//! Why a running job makes no progress.

use swath_model::{JobId, WaitReason, Waiting, WorkerState};
use swath_scheduler::JobView;

use crate::{
    Core, Results,
    job::{Job, Phase},
};

/// What the workers do as a whole.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Workforce {
    Absent,
    /// All are draining or silent, and at least one is draining.
    Draining,
    Silent,
    /// At least one takes leases, and holds some.
    Busy,
    /// At least one takes leases, and no worker that does holds one.
    Idle,
}

impl<R: Results> Core<R> {
    pub(crate) fn workforce(&self) -> Workforce {
        let mut workforce = Workforce::Absent;
        for (_, worker) in self.scheduler.workers() {
            workforce = match (worker.state, workforce) {
                (WorkerState::Active, _) if worker.leases > 0 => return Workforce::Busy,
                (WorkerState::Active, _) | (_, Workforce::Idle) => Workforce::Idle,
                (WorkerState::Draining, _) | (_, Workforce::Draining) => Workforce::Draining,
                (WorkerState::Silent, _) => Workforce::Silent,
            };
        }
        workforce
    }

    /// Marks watched jobs whose reason for no progress has changed because workers came or went.
    pub(crate) fn mark_waiting_changed(&mut self) {
        let workforce = self.workforce();
        let now_waiting = |id: &JobId| {
            let job = self.jobs.get(id)?;
            wait_reason(job, &self.scheduler.job(*id)?, workforce)
        };
        let reasons: Vec<_> = self.watched.iter().map(|id| (*id, now_waiting(id))).collect();
        for (id, reason) in reasons {
            if let Some(job) = self.jobs.get_mut(&id)
                && std::mem::replace(&mut job.published_reason, reason) != reason
            {
                self.changed.insert(id);
            }
        }
    }
}

/// Why a job makes no progress; `None` when it does, or when it has ended.
pub(crate) fn waiting(job: &Job, view: &JobView, workforce: Workforce) -> Option<Waiting> {
    let reason = wait_reason(job, view, workforce)?;
    let text = match reason {
        WaitReason::NoWorkers => "waiting for workers: none connected".to_owned(),
        WaitReason::WorkersDraining => "waiting for workers: all workers are draining".to_owned(),
        WaitReason::WorkersSilent => "waiting for workers: no worker answers".to_owned(),
        WaitReason::Paused => format!("paused: {}", job.paused),
        WaitReason::OtherJobs => "waiting for workers: all are busy with other jobs".to_owned(),
        WaitReason::Unknown => "waiting".to_owned(),
    };
    Some(Waiting { reason, text })
}

fn wait_reason(job: &Job, view: &JobView, workforce: Workforce) -> Option<WaitReason> {
    if !matches!(job.phase, Phase::Running) {
        return None;
    }
    if !job.paused.is_empty() {
        return Some(WaitReason::Paused);
    }
    if view.waiting == 0 {
        // Everything is being computed or on its way to the store.
        return None;
    }
    match workforce {
        Workforce::Absent => Some(WaitReason::NoWorkers),
        Workforce::Draining => Some(WaitReason::WorkersDraining),
        Workforce::Silent => Some(WaitReason::WorkersSilent),
        Workforce::Busy if view.leased == 0 => Some(WaitReason::OtherJobs),
        Workforce::Busy | Workforce::Idle => None,
    }
}
