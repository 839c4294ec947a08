//! What must have come of it, and what must be true whenever somebody is told of it.

use swath_coordinator_core::Moment;
use swath_model::{JobId, JobState, JobStatus, ResultMode};

use super::{Cluster, note};
use crate::{
    plan::{ALWAYS, one},
    process::{Process, Thread},
};

/// Why a worker computes nothing of a job.
pub(super) const NO_PROGRAM: &str = "its program cannot be had";

/// What the kernel says when it fails at a number.
pub(super) fn kernel_says(number: i64) -> String {
    format!("{number} is not computable")
}

/// So long after its time a job may still be there.
const LATE: std::time::Duration = std::time::Duration::from_secs(3);

impl Cluster {
    pub(super) fn on_chunk_failed(&mut self, job: JobId, chunk: u64, number: i64, reason: &str) {
        note!(self, "job {job} goes on without chunk {chunk}: {reason}");
        self.tally.count("chunks that failed for good");
        self.check_blame(job, chunk, number, reason);
        let Some(row) = self.ledger.jobs.get(&job) else { return };
        if !row.spec.limits.keep_going {
            self.break_promise(format!("job {job} goes on without chunk {chunk}"));
        }
        if self.promises.has_failed(job, chunk) {
            self.break_promise(format!("chunk {chunk} of job {job} fails for good a second time"));
        }
    }

    /// The core has ended a job, and the ledger has that, or refused it.
    pub(super) fn on_job_ended(&mut self, job: JobId, state: &JobState) {
        note!(self, "job {job} is over: {state:?}");
        let Some(row) = self.ledger.jobs.get(&job) else {
            self.break_promise(format!("job {job} is over, and not in the ledger"));
            return;
        };
        let (chunks, limits) = (row.spec.chunks, row.spec.limits);
        self.tally.count(match state {
            JobState::Done => "jobs done",
            JobState::Failed(_) => "jobs failed",
            JobState::Cancelled => "jobs cancelled",
            JobState::Running => "jobs that go on after their end",
        });
        match state {
            JobState::Cancelled if !self.promises.cancel_asked.contains(&job) => {
                self.break_promise(format!("job {job} is cancelled, and nobody asked for it"));
            }
            JobState::Failed(_) if limits.keep_going => {
                self.break_promise(format!("job {job} should have kept going"));
            }
            JobState::Failed(text) => {
                let said = text.split_once(" failed at ").and_then(|(_, rest)| rest.split_once(": "));
                let number = said.and_then(|(number, _)| number.parse().ok());
                let offset = number.and_then(|number| chunks.range().offset_of(number));
                if let (Some((_, reason)), Some(number), Some(offset)) = (said, number, offset) {
                    self.check_blame(job, chunks.chunk_at(offset), number, reason);
                } else {
                    self.break_promise(format!("job {job} failed without a number: {text}"));
                }
            }
            JobState::Done | JobState::Cancelled | JobState::Running => {}
        }
    }

    /// A chunk is only ever blamed for what is its fault, or looks like it.
    fn check_blame(&mut self, job: JobId, chunk: u64, number: i64, reason: &str) {
        let Some(row) = self.ledger.jobs.get(&job) else { return };
        let plan = &self.plan.jobs[self.plan.index(&row.spec)];
        let offsets = plan.chunks.offsets(one(chunk));
        let fails = plan.failing.range(offsets.start()..offsets.end()).find(|(_, times)| **times == ALWAYS);
        let fails_at = fails.and_then(|(&offset, _)| plan.chunks.range().at(offset));
        let first = plan.chunks.range().at(offsets.start());
        if reason == kernel_says(number) && fails_at == Some(number) {
            return;
        }
        if self.promises.no_program.contains(&job) && (reason == NO_PROGRAM || reason == kernel_says(number)) {
            self.tally.count("chunks blamed for programs that could not be had");
            return;
        }
        if self.promises.bad_blocks.contains_key(&(job, chunk)) {
            self.tally.count("chunks blamed for damaged blocks");
            return;
        }
        if reason.contains("crashed while") && first == Some(number) {
            let (crashes, limit) = (self.coordinator.crashes_alone(job, chunk), plan.limits.crash_limit);
            if plan.kills(chunk) {
                self.tally.count("culprits found");
                return;
            }
            if crashes >= limit {
                // Other causes killed so many workers while they had this chunk alone. Nobody could know.
                self.tally.count("chunks blamed for what was chance");
                return;
            }
        }
        self.break_promise(format!("chunk {chunk} of job {job} is blamed: {reason} ({number})"));
    }

    /// Somebody is told how a job stands: the ledger has all of it.
    pub(super) fn check_status(&mut self, status: &JobStatus) {
        let told = self.promises.tell(status.id, &status.state);
        self.check(told);
        let checked = self.find_untrue(status);
        self.check(checked.map_err(|what| format!("job {}: {what}", status.id)));
    }

    /// A job broke, and its blocks in memory are about to go: they are in parts, unless nobody wants them.
    pub(super) fn check_written_out(&mut self, id: JobId) {
        let Some(row) = self.ledger.jobs.get(&id) else { return };
        let is_wanted = row.spec.result_mode == ResultMode::Stored && row.stock == swath_coordinator_core::Stock::Kept;
        let blocks = self.coordinator.store.with(id, |results| results.memory.len()).unwrap_or_default();
        if is_wanted && blocks > 0 && !self.promises.refused.contains(&id) {
            self.break_promise(format!("{blocks} blocks of job {id} were accepted, and are in no part"));
        }
    }

    /// Readers are not told that all results are there when they are not.
    pub(super) fn check_readers(&mut self, id: JobId) {
        let is_told = self.coordinator.store.with(id, |results| {
            let is_done = results.index.ending() == Some(swath_coordinator_core::Ending::Done);
            is_done && !results.index.is_complete() && !results.is_read()
        });
        if is_told == Some(true) && self.coordinator.facts.is_empty() {
            self.break_promise(format!("readers are told that job {id} is done, and it is not complete"));
        }
    }

    fn find_untrue(&self, status: &JobStatus) -> Result<(), String> {
        let id = status.id;
        let Some(row) = self.ledger.jobs.get(&id) else { return Err("it is not in the ledger".to_owned()) };
        if *status.spec != row.spec {
            return Err("it is another one in the ledger".to_owned());
        }
        let (may_differ, lost) = (self.promises.refused.contains(&id), self.promises.may_run_again(id));
        let is_delivered = row.spec.result_mode == ResultMode::Delivered;
        if status.state.has_ended() && row.state != status.state && !may_differ && !is_delivered {
            return Err(format!("it is said to be {}, and is {} in the ledger", status.state, row.state));
        }
        if self.promises.dropped.contains(&id) && !status.results_dropped {
            return Err("its results were dropped, and are there again".to_owned());
        }
        if status.results_dropped && (status.committed_chunks > 0 || row.stock == swath_coordinator_core::Stock::Kept) {
            return Err(format!("its results are dropped, but {} chunks are there", status.committed_chunks));
        }
        let count = row.spec.chunks.count();
        if status.state == JobState::Done
            && status.committed_chunks + status.failed_chunks != count
            && !lost
            && !is_delivered
        {
            let (committed, failed) = (status.committed_chunks, status.failed_chunks);
            return Err(format!("it is done with {committed} of {count} chunks, and {failed} that failed"));
        }
        let durable = row.committed_chunks();
        if !is_delivered && status.committed_chunks > durable && !lost {
            return Err(format!("{} chunks are said to be durable, but {durable} are", status.committed_chunks));
        }
        if status.failed_chunks != self.promises.failed.get(&id).map_or(0, |failed| failed.len() as u64) {
            return Err(format!("it is said to have {} failed chunks", status.failed_chunks));
        }
        Ok(())
    }

    /// A coordinator has started: nothing that clients were told is undone.
    pub(super) fn check_recovered(&mut self) {
        for id in self.promises.submitted.keys().copied().collect::<Vec<_>>() {
            let is_gone = self.promises.gone.contains(&id);
            match (self.coordinator.core.job(id), is_gone) {
                (Ok(status), false) => {
                    self.check_status(&status);
                    if status.spec.result_mode == ResultMode::Delivered && !status.state.has_ended() {
                        self.break_promise(format!("job {id} is delivered a second time"));
                    }
                }
                (Ok(_), true) => self.break_promise(format!("job {id} was forgotten, and is there again")),
                (Err(_), false) => self.break_promise(format!("job {id} was submitted, and is not there")),
                (Err(_), true) => {}
            }
        }
    }

    /// The ledger is about to forget a job: somebody asked for it, or its time is over.
    pub(super) fn check_forgotten(&mut self, id: JobId, clock: Moment) {
        let Some(row) = self.ledger.jobs.get(&id) else { return };
        let keep_for = row.spec.keep_for.or(self.plan.config.keep_for);
        let ended = row.ended.map(|ended| ended.moment);
        let has_expired = keep_for.zip(ended).is_some_and(|(keep_for, ended)| clock.since(ended) >= keep_for);
        // Its end is not in the ledger: nobody but the core knows when it was.
        let may_differ = self.promises.refused.contains(&id) || row.spec.result_mode == ResultMode::Delivered;
        if has_expired || (may_differ && keep_for.is_some()) {
            self.tally.count("jobs expired");
        } else if !self.promises.forget_asked.contains(&id) {
            self.break_promise(format!("job {id} is forgotten, and nobody asked for it"));
        }
        self.promises.gone.insert(id);
    }

    /// Nothing of a job is left, on the disk or in the ledger.
    pub(super) fn check_no_results(&mut self, id: JobId) {
        let rows = self.ledger.parts.values().filter(|row| row.job == id).count();
        let held = self.coordinator.store.with(id, |results| results.memory.len() + results.parts.len());
        if rows > 0 || held.unwrap_or_default() > 0 {
            self.break_promise(format!(
                "job {id} has {rows} parts, and {held:?} in the store, which were to be dropped"
            ));
        }
    }

    /// A coordinator that has stopped has answered everybody, but those who wait for files.
    pub(super) fn check_answered(&mut self) {
        let waits = |wish: &crate::event::Wish| {
            use crate::event::Wish;
            !matches!(wish, Wish::Forget | Wish::Cancel(swath_coordinator_core::AfterCancel::DropResults))
        };
        let left = self.clients.waiting.iter().find(|(_, (_, wish))| waits(wish)).map(|(request, _)| *request);
        if let Some(request) = left {
            self.break_promise(format!("{request:?} is not answered, and the coordinator has stopped"));
        }
    }

    /// All jobs are over: have they come to the end that they had to?
    pub(super) fn judge(&mut self) {
        note!(self, "the verdict");
        for id in self.ledger.jobs.keys().copied().collect::<Vec<_>>() {
            let judged = self.judge_job(id);
            self.check(judged.map_err(|what| format!("job {id}: {what}")));
        }
        let workers = self.coordinator.core.workers();
        if let Some(worker) = workers.iter().find(|worker| worker.leases > 0) {
            self.break_promise(format!("worker {} still has {} leases", worker.id, worker.leases));
        }
        if let Some(process) = self.computes_cancelled() {
            self.break_promise(format!("process {process} computes a job that was cancelled"));
        }
        let files: Vec<_> = self.disk.parts.iter().filter(|(part, _)| !self.ledger.parts.contains_key(part)).collect();
        let is_kept =
            |job: &JobId| self.coordinator.store.with(*job, |results| results.mode) == Some(ResultMode::Delivered);
        if let Some((part, file)) = files.iter().find(|(_, file)| !is_kept(&file.job)) {
            let what = format!("the file of part {} of job {} is left, and no row names it", part.0, file.job);
            self.break_promise(what);
        }
    }

    /// The process that still computes a job that was cancelled long ago. One without a session, or that hears nothing,
    /// does so until it joins again.
    fn computes_cancelled(&self) -> Option<usize> {
        let is_cancelled = |thread: &Thread| {
            let Thread::Computing { job, .. } = thread else { return false };
            self.ledger.jobs.get(&job.id).is_some_and(|row| {
                row.state == JobState::Cancelled
                    && self.plan.jobs[self.plan.index(&row.spec)].fingerprint == job.fingerprint
            })
        };
        let at_work = |running: &Process| {
            let was_stopped = running.stopped_until.is_some_and(|until| until + LATE > self.now);
            let hears = running.session.is_some_and(|(session, _)| {
                let is_joined = self.coordinator.sessions.values().any(|joined| *joined == session);
                is_joined && self.network.tells(session)
            });
            hears && !was_stopped && running.threads.iter().any(is_cancelled)
        };
        self.processes.iter().position(at_work)
    }

    fn judge_job(&self, id: JobId) -> Result<(), String> {
        let Some(row) = self.ledger.jobs.get(&id) else { return Ok(()) };
        self.check_parts(id)?;
        let Ok(status) = self.coordinator.core.job(id) else { return Err("the core does not know it".to_owned()) };
        if status.state != row.state {
            return Err(format!("it is {} in the ledger, and {} in the core", row.state, status.state));
        }
        let clock = self.ledger.clock;
        let keep_for = row.spec.keep_for.or(self.plan.config.keep_for);
        if let (Some(keep_for), Some(ended)) = (keep_for, row.ended)
            && clock.since(ended.moment) > keep_for + LATE
        {
            return Err(format!("it ended at {:?}, and is still there", ended.moment));
        }
        if row.stock == swath_coordinator_core::Stock::Dropped && !row.durable.is_empty() {
            return Err("its results were dropped, and are there".to_owned());
        }
        match &row.state {
            JobState::Running => Err("it is not over".to_owned()),
            JobState::Failed(_) | JobState::Cancelled => Ok(()),
            JobState::Done => self.find_undone(id),
        }
    }
}
