//! Why a running job makes no progress.

use swath_scheduler::{JobView, WorkerState};

use super::{Driver, JobRecord, Phase};
use crate::job::{JobState, WaitReason, Waiting};

/// What the workers do, seen from a job that none of them computes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Workforce {
    Absent,
    /// All are draining or silent, and at least one is draining.
    Draining,
    Silent,
    /// At least one takes leases, and holds some.
    Busy,
    /// At least one takes leases, and none of these holds any.
    Idle,
}

impl Driver {
    pub(super) fn workforce(&self) -> Workforce {
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

    /// Publishes jobs again that now wait for something else. Whoever watches a job hears of its own changes anyway, but
    /// not of workers that come and go.
    pub(super) fn mark_waiting_changed(&mut self, workforce: Workforce) {
        for (&id, record) in &mut self.jobs {
            let is_watched = record.state == JobState::Running && record.status.receiver_count() > 0;
            if !is_watched || record.changed {
                continue;
            }
            let reason = self.scheduler.job(id).and_then(|view| wait_reason(record, &view, workforce));
            record.changed = record.status.borrow().waiting.as_ref().map(|waiting| waiting.reason) != reason;
        }
    }
}

/// Why a job makes no progress; `None` when it does, or when it has ended.
pub(super) fn waiting(record: &JobRecord, view: &JobView, workforce: Workforce) -> Option<Waiting> {
    let reason = wait_reason(record, view, workforce)?;
    let text = match reason {
        WaitReason::NoWorkers => "waiting for workers: none connected".to_owned(),
        WaitReason::WorkersDraining => "waiting for workers: all workers are draining".to_owned(),
        WaitReason::WorkersSilent => "waiting for workers: no worker answers".to_owned(),
        WaitReason::Paused => format!("paused: {}", record.paused),
        WaitReason::OtherJobs => "waiting for workers: all are busy with other jobs".to_owned(),
    };
    Some(Waiting { reason, text })
}

fn wait_reason(record: &JobRecord, view: &JobView, workforce: Workforce) -> Option<WaitReason> {
    if !matches!(record.phase, Phase::Running) {
        return None;
    }
    if !record.paused.is_empty() {
        return Some(WaitReason::Paused);
    }
    if view.waiting == 0 {
        // All is being computed or on its way to the store.
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
