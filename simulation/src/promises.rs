//! What clients were told, and what must therefore stay true, whoever crashes. Kept apart from all cores.

use std::collections::{BTreeMap, BTreeSet};

use swath_model::{JobId, JobState, OffsetRun, OffsetSet};

use crate::event::JobIndex;

/// An older copy of the ledger has the promises of its time.
#[derive(Clone, Debug, Default)]
pub(crate) struct Promises {
    /// Jobs whose submit was answered, and what they compute.
    pub(crate) submitted: BTreeMap<JobId, JobIndex>,
    /// Ends that somebody was told of.
    pub(crate) ended: BTreeMap<JobId, JobState>,
    /// Jobs whose results are dropped, as somebody was told.
    pub(crate) dropped: BTreeSet<JobId>,
    /// Jobs that the ledger has forgotten, and might.
    pub(crate) gone: BTreeSet<JobId>,
    pub(crate) forget_asked: BTreeSet<JobId>,
    pub(crate) cancel_asked: BTreeSet<JobId>,
    /// Jobs of which the ledger refused a record: what it says of them may be older than what clients were told.
    pub(crate) refused: BTreeSet<JobId>,
    /// Jobs of which the ledger refused failed chunks: these are tried again after the next start.
    pub(crate) refused_chunks: BTreeSet<JobId>,
    /// Jobs that lost results since their end was told.
    losses: BTreeSet<JobId>,
    /// Which numbers were lost and are not in a part again.
    lost: BTreeMap<JobId, OffsetSet>,
    /// The failed chunks of each job, as the present coordinator knows them.
    pub(crate) failed: BTreeMap<JobId, BTreeSet<u64>>,
    /// Jobs that the present coordinator was told to cancel, and did not refuse to.
    pub(crate) cancelled: BTreeSet<JobId>,
    /// Jobs whose program some worker could not have: each of its leases is a failure of a chunk, whatever else fails.
    pub(crate) no_program: BTreeSet<JobId>,
    /// How often a block of a chunk could not be accepted.
    pub(crate) bad_blocks: BTreeMap<(JobId, u64), u32>,
}

impl Promises {
    /// Somebody is told that a job has this state. An error is a promise that is broken.
    pub(crate) fn tell(&mut self, job: JobId, state: &JobState) -> Result<(), String> {
        if self.gone.contains(&job) {
            return Err(format!("job {job} is forgotten, and is {state} again"));
        }
        if let Some(told) = self.ended.get(&job).filter(|told| *told != state) {
            if !self.may_run_again(job) && !self.refused.contains(&job) {
                return Err(format!("job {job} is {state}, and was said to be {told}"));
            }
            self.ended.remove(&job);
        }
        let is_whole = self.lost.get(&job).is_none_or(OffsetSet::is_empty);
        if state.has_ended() && self.ended.insert(job, state.clone()).is_none() && is_whole {
            self.losses.remove(&job);
        }
        Ok(())
    }

    /// Whether a job has lost results since its end was told, or failed chunks are not known to be, and may run again.
    pub(crate) fn may_run_again(&self, job: JobId) -> bool {
        self.losses.contains(&job) || self.refused_chunks.contains(&job)
    }

    /// A part of a job is lost, whether or not anybody knows yet.
    pub(crate) fn note_loss(&mut self, job: JobId) {
        self.losses.insert(job);
    }

    /// These numbers of a job are not held any more.
    pub(crate) fn lose(&mut self, job: JobId, runs: &[OffsetRun]) {
        self.losses.insert(job);
        let lost = self.lost.entry(job).or_default();
        runs.iter().for_each(|&run| lost.insert(run));
    }

    /// These numbers of a job are in a part.
    pub(crate) fn find(&mut self, job: JobId, runs: &[OffsetRun]) {
        let Some(lost) = self.lost.get_mut(&job) else { return };
        runs.iter().for_each(|&run| lost.remove(run));
    }

    /// Whether these numbers were lost and are being computed again.
    pub(crate) fn is_lost(&self, job: JobId, run: OffsetRun) -> bool {
        self.lost.get(&job).is_some_and(|lost| lost.contains_run(run))
    }

    pub(crate) fn has_failed(&self, job: JobId, chunk: u64) -> bool {
        self.failed.get(&job).is_some_and(|failed| failed.contains(&chunk))
    }

    /// A coordinator is gone, and what only it knew.
    pub(crate) fn forget_coordinator(&mut self) {
        self.failed.clear();
        self.cancelled.clear();
    }
}
