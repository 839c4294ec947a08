//! Submitting a job: reserve, persist, answer.
//!
//! A job that is being stored has an id and counts for the limits, but nobody sees it. It begins when it is in the
//! ledger, whether or not its client still waits.

use std::sync::Arc;

use swath_model::{ChunkSet, Fingerprint, JobId, JobSpec, JobStatus};
use swath_scheduler::{JobPlan, SubmitError};

use crate::{
    Answer, Core, Effect, Notice, Now, PersistError, Record, Refusal, RequestId, Results, Submitted, Token,
    Unpersisted,
    job::{Job, Reserved},
};

/// A job to be submitted; whoever knows its kernel has checked it.
#[derive(Debug, Clone)]
pub struct Submit {
    /// What it computes.
    pub spec: JobSpec,
    /// The same in 16 bytes.
    pub fingerprint: Fingerprint,
    /// What its client knows it by.
    pub token: Option<Token>,
}

impl<R: Results> Core<R> {
    /// Submits a job. It is answered when the job is in the ledger: with its status, or why it is refused.
    pub fn submit(&mut self, now: Now, request: RequestId, submit: Submit) {
        self.begin(now);
        if let Err(refusal) = self.try_submit(request, submit) {
            self.answer(request, Err(refusal));
        }
        self.settle();
    }

    fn try_submit(&mut self, request: RequestId, submit: Submit) -> Result<(), Refusal> {
        let Submit { spec, fingerprint, token } = submit;
        if let Some(&id) = token.and_then(|token| self.tokens.get(&token)) {
            return self.submit_again(request, id, &spec);
        }
        self.check_room_for_job()?;
        self.last_job += 1;
        let (id, submitted, spec) = (JobId(self.last_job), self.stamp(), Arc::new(spec));
        self.persist(Record::Submitted(Submitted { id, spec: Arc::clone(&spec), submitted, token }));
        self.tokens.extend(token.map(|token| (token, id)));
        self.reserved.insert(id, Reserved { spec, fingerprint, submitted, token, waiting: vec![request] });
        Ok(())
    }

    fn check_room_for_job(&self) -> Result<(), Refusal> {
        let max = self.config.max_jobs;
        if self.jobs.len() + self.reserved.len() >= max {
            return Err(Refusal::TooManyJobs { max });
        }
        if self.scheduler.room_for_jobs() <= self.reserved.len() {
            let max = self.config.scheduler.max_jobs;
            return Err(Refusal::NotScheduled(SubmitError::TooManyJobs { max }));
        }
        Ok(())
    }

    /// A client that did not get its answer asks once more.
    fn submit_again(&mut self, request: RequestId, id: JobId, spec: &JobSpec) -> Result<(), Refusal> {
        if let Some(reserved) = self.reserved.get_mut(&id) {
            if *reserved.spec != *spec {
                return Err(Refusal::TokenTaken(id));
            }
            reserved.waiting.push(request);
            return Ok(());
        }
        if *self.known(id)?.spec != *spec {
            return Err(Refusal::TokenTaken(id));
        }
        self.answer_with_job(vec![request], id);
        Ok(())
    }

    pub(crate) fn on_submit_persisted(&mut self, id: JobId, written: Result<(), PersistError>) {
        let Some(Reserved { spec, fingerprint, submitted, token, waiting }) = self.reserved.remove(&id) else { return };
        if let Err(error) = written {
            if let Some(token) = token {
                self.tokens.remove(&token);
            }
            return self.refuse(waiting, &Refusal::NotPersisted { what: Unpersisted::Submit, error });
        }
        let plan = JobPlan { chunks: spec.chunks, limits: spec.limits };
        // Its place was reserved, so this can only be an id that was given twice.
        if let Err(error) = self.scheduler.restore(self.instant(), id, plan, ChunkSet::new(), Default::default()) {
            if let Some(token) = token {
                self.tokens.remove(&token);
            }
            self.persist(Record::Forgotten(id));
            return self.refuse(waiting, &Refusal::NotScheduled(error));
        }
        self.effect(Effect::CreateResults { job: id, spec: Arc::clone(&spec) });
        self.log(Notice::JobSubmitted(id, Arc::clone(&spec)));
        self.jobs.insert(id, Job::new(spec, fingerprint, submitted, token));
        // It has not been scheduled yet, so it does not wait for anything.
        let status = self.job(id).map(|status| Answer::Job(Box::new(JobStatus { waiting: None, ..status })));
        waiting.into_iter().for_each(|request| self.answer(request, status.clone()));
    }
}
