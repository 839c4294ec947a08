//! Submitting a job: reserve, persist, answer.
//!
//! A job that is being stored has an id and counts for the bounds, but nobody sees it. It begins when it is in the ledger,
//! whether or not its client still waits.

use swath_model::{ChunkSet, JobId};
use swath_scheduler::{JobPlan, SubmitError};
use tracing::info;

use super::{
    Driver, JobRecord,
    handle::{Answer, Refusal},
    outgoing::not_written,
};
use crate::{
    clock::Stamp,
    convert,
    job::{JobStatus, NewJob, Token},
    ledger::{JobRow, LedgerError, Record},
    store::JobResults,
};

/// The most jobs that are kept, those that have ended included.
const MAX_JOBS: usize = 20_000;

/// A job that is being stored.
pub(super) struct Reserved {
    job: NewJob,
    submitted: Stamp,
    token: Option<Token>,
    /// Those who submitted it.
    waiting: Vec<Answer<JobStatus>>,
}

impl Driver {
    /// Takes a job, unless there is no room for it. The answer comes when it is in the ledger.
    pub(super) fn submit(&mut self, job: NewJob, token: Option<Token>, reply: Answer<JobStatus>) {
        if let Some(&id) = token.and_then(|token| self.tokens.get(&token)) {
            return self.submit_again(id, &job, reply);
        }
        if let Err(refusal) = self.check_room() {
            return drop(reply.send(Err(refusal)));
        }
        self.last_job += 1;
        let id = JobId(self.last_job);
        let submitted = self.clock.stamp();
        self.outgoing.push(Record::Submitted(JobRow::submitted(id, &job, submitted, token)));
        self.tokens.extend(token.map(|token| (token, id)));
        self.reserved.insert(id, Reserved { job, submitted, token, waiting: vec![reply] });
    }

    fn check_room(&self) -> Result<(), Refusal> {
        if self.jobs.len() + self.reserved.len() >= MAX_JOBS {
            return Err(Refusal::Exhausted(format!(
                "{MAX_JOBS} jobs are as many as this coordinator keeps; forget some with `swath job forget`"
            )));
        }
        if self.scheduler.room_for_jobs() <= self.reserved.len() {
            let error = SubmitError::TooManyJobs { max: self.max_running };
            return Err(Refusal::Exhausted(format!("failed to submit: {error}")));
        }
        Ok(())
    }

    /// A client that did not get its answer asks once more.
    fn submit_again(&mut self, id: JobId, job: &NewJob, reply: Answer<JobStatus>) {
        let is_same = |known: &NewJob| convert::spec_to_proto(known) == convert::spec_to_proto(job);
        let other = || Refusal::Taken(format!("the token of this submit is that of job {id}, which is another job"));
        if let Some(reserved) = self.reserved.get_mut(&id) {
            if !is_same(&reserved.job) {
                return drop(reply.send(Err(other())));
            }
            reserved.waiting.retain(|waiting| !waiting.is_closed());
            return reserved.waiting.push(reply);
        }
        let status = self.known(id).and_then(|record| {
            if is_same(&record.job) { Ok(self.status(id, record, self.workforce())) } else { Err(other()) }
        });
        drop(reply.send(status));
    }

    pub(super) fn on_submit_written(&mut self, id: JobId, written: Result<(), LedgerError>) {
        let Some(Reserved { job, submitted, token, waiting }) = self.reserved.remove(&id) else { return };
        if let Err(error) = written {
            if let Some(token) = token {
                self.tokens.remove(&token);
            }
            let refusal = not_written("the job was not stored", &error);
            waiting.into_iter().for_each(|reply| drop(reply.send(Err(refusal.clone()))));
            return;
        }
        let now = self.now();
        let spec = JobPlan { chunks: job.chunks, limits: job.limits };
        // Its place was reserved, so this can only be an id that was given twice.
        if let Err(error) = self.scheduler.restore(now, id, spec, ChunkSet::new(), Default::default()) {
            self.outgoing.push(Record::Forgotten(id));
            let refusal = Refusal::Internal(format!("failed to submit: {error}"));
            return waiting.into_iter().for_each(|reply| drop(reply.send(Err(refusal.clone()))));
        }
        let results = self.store.create_job(JobResults::new(id, job.chunks, job.value_type(), job.retention));
        info!(%id, kernel = job.kernel.name(), range = %job.range(), chunks = job.chunks.count(), "job submitted");
        let initial = self.new_status(id, &job, submitted);
        self.jobs.insert(id, JobRecord::new(job, results, submitted, token, initial.clone()));
        waiting.into_iter().for_each(|reply| drop(reply.send(Ok(initial.clone()))));
    }
}
