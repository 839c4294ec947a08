//! Chunks that crash workers, and chunks that fail for good.

use super::{Scheduler, events::Failed};
use crate::{
    ChunkRun, FailedChunk, Instant, JobId, LeaseId, NewFailedChunk, Outcome, WorkerId, job::Job, lease::Purpose,
};

impl Scheduler {
    /// A worker is gone without a leave message. Of the leases that it may have been computing all is suspected, not
    /// only of the first one: a thread that finds nothing left of it begins with the next, and a report that is not
    /// sent when the worker crashes does not come.
    pub(super) fn on_crashed(&mut self, now: Instant, id: WorkerId) {
        let open: Vec<LeaseId> =
            self.workers.get(id).map(|worker| worker.open.iter().copied().collect()).unwrap_or_default();
        let mut alone = None;
        for lease in open {
            let Some(lease) = self.leases.get(&lease) else { continue };
            self.jobs.update(lease.job, |job| job.suspect(&lease.outstanding));
            if lease.purpose == Purpose::Probe && lease.chunks.len() == 1 {
                alone = Some((lease.job, lease.chunks.start()));
            }
        }
        self.on_left(now, id);
        if let Some((job, chunk)) = alone {
            self.on_crashed_alone(now, id, job, chunk);
        }
    }

    /// A worker that was said to have crashed is there again, in another session: only its connection broke, and no
    /// chunk is to blame. Chunks that failed for good meanwhile stay so.
    pub fn absolve(&mut self, worker: WorkerId) {
        for id in self.jobs.iter().map(|(id, _)| id).collect::<Vec<_>>() {
            self.jobs.update(id, |job| job.absolve(worker));
        }
    }

    fn on_crashed_alone(&mut self, now: Instant, worker: WorkerId, id: JobId, chunk: u64) {
        let counted =
            self.jobs.update(id, |job| (job.count_crash(chunk, worker), job.limits.crash_limit.max(1), job.chunks));
        let Some((count, limit, chunks)) = counted else { return };
        if count >= limit {
            let number = chunks.numbers(ChunkRun::one(chunk)).first();
            let reason = match count {
                1 => "1 worker crashed while it computed this chunk alone".to_owned(),
                count => format!("{count} workers crashed while they computed this chunk alone"),
            };
            self.give_up(now, id, Failed { chunk, number, reason });
        }
    }

    /// A worker has computed a lease and is still there.
    pub(super) fn clear_suspicion(&mut self, id: LeaseId) {
        if let Some(lease) = self.leases.get(&id).filter(|lease| lease.purpose == Purpose::Probe) {
            self.jobs.update(lease.job, |job| job.clear_of_suspicion(&lease.outstanding));
        }
    }

    /// A chunk that waits is not tried any more.
    pub(super) fn give_up(&mut self, now: Instant, id: JobId, failed: Failed) {
        let Failed { chunk, number, reason } = failed;
        if !(self.jobs.get(id)).is_some_and(|job| job.limits.keep_going) {
            self.end_job(now, id, Outcome::Failed { chunk, number, reason });
            return;
        }
        let failed = FailedChunk::new(number, reason);
        if self.jobs.update(id, |job| job.give_up(chunk, failed.clone())) == Some(true) {
            self.new_failed_chunks.push_back(NewFailedChunk { job: id, chunk, failed });
            self.end_if_complete(now, id);
        } else {
            let reason =
                format!("more than {} chunks could not be computed; this one: {}", FailedChunk::MOST, failed.reason);
            self.end_job(now, id, Outcome::Failed { chunk, number, reason });
        }
    }

    pub(super) fn end_if_complete(&mut self, now: Instant, id: JobId) {
        if self.jobs.get(id).is_some_and(Job::is_complete) {
            self.end_job(now, id, Outcome::Done);
        }
    }
}
