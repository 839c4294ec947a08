//! How jobs end, and how they are forgotten: decided, persisted, then told.

use swath_model::{JobId, JobState, ResultMode};
use swath_scheduler::{CancelError, Outcome};

use crate::{
    AfterCancel, Answer, Core, Effect, Ending, Notice, Now, PersistError, Record, Refusal, Reply, RequestId, Results,
    Stamp, Standing, Unpersisted,
    job::{Cancel, End, Loss, Phase, Stock},
};

impl<R: Results> Core<R> {
    /// Cancels a running job. It is answered when that is durable, with what has become of the job.
    pub fn cancel(&mut self, now: Now, request: RequestId, id: JobId, after: AfterCancel) {
        self.begin(now);
        if let Err(refusal) = self.try_cancel(request, id, after) {
            self.answer(request, Err(refusal));
        }
        self.settle();
    }

    fn try_cancel(&mut self, request: RequestId, id: JobId, after: AfterCancel) -> Result<(), Refusal> {
        let instant = self.instant();
        let job = self.jobs.get_mut(&id).ok_or(Refusal::NoSuchJob(id))?;
        if let Phase::Closing(end) | Phase::Ending(end) = &mut job.phase
            && end.state == JobState::Cancelled
            && end.after == after
        {
            end.waiting.push(request);
            return Ok(());
        }
        let not_cancelled = |error| Refusal::NotCancelled { job: id, error };
        if job.state.has_ended() {
            // The scheduler may have forgotten it.
            return Err(not_cancelled(CancelError::Ended(id)));
        }
        self.scheduler.cancel(instant, id).map_err(not_cancelled)?;
        self.cancelled.insert(id, Cancel { after, waiting: vec![request] });
        Ok(())
    }

    /// The scheduler has ended a job: nobody computes it any more.
    pub(crate) fn on_job_ended(&mut self, id: JobId, outcome: Outcome) {
        let cancel = self.cancelled.remove(&id);
        let at = self.stamp();
        let Some(job) = self.jobs.get_mut(&id) else { return };
        if job.loss == Loss::AfterDone && outcome == Outcome::Done {
            return self.resume(id);
        }
        let state = match outcome {
            Outcome::Done => JobState::Done,
            Outcome::Cancelled => JobState::Cancelled,
            Outcome::Failed { number, reason, .. } => {
                JobState::Failed(format!("kernel `{}` failed at {number}: {reason}", job.spec.kernel))
            }
        };
        let (after, waiting) =
            cancel.map_or((AfterCancel::KeepResults, Vec::new()), |cancel| (cancel.after, cancel.waiting));
        job.paused.clear();
        let keeps_memory =
            job.spec.result_mode == ResultMode::Stored && state != JobState::Done && after == AfterCancel::KeepResults;
        let end = End { state, at, after, waiting };
        if keeps_memory {
            job.phase = Phase::Closing(end);
            self.effect(Effect::CloseResults(id));
        } else {
            self.persist_end(id, end);
        }
        self.mark_changed(id);
    }

    /// Everything that was delivered of a closing job is in parts, or lost.
    pub fn handle_closed(&mut self, now: Now, id: JobId) {
        self.begin(now);
        if let Some(job) = self.jobs.get_mut(&id) {
            match std::mem::replace(&mut job.phase, Phase::Ended) {
                Phase::Closing(end) => self.persist_end(id, end),
                phase => job.phase = phase,
            }
        }
        self.settle();
    }

    fn persist_end(&mut self, id: JobId, end: End) {
        let Some(job) = self.jobs.get_mut(&id) else { return };
        let standing = Standing {
            state: end.state.clone(),
            ended: Some(end.at),
            drops_results: end.after == AfterCancel::DropResults,
            ..job.standing(id)
        };
        let is_done = end.state == JobState::Done;
        job.phase = Phase::Ending(end);
        if is_done {
            // All results are there: readers need not wait for the ledger.
            self.effect(Effect::EndResults { job: id, ending: Ending::Done });
        }
        self.persist(Record::Standing(standing));
    }

    /// A record of where a job stands was written. A job may have run again and ended again since that was decided: then
    /// it is not its present end.
    pub(crate) fn on_standing_persisted(
        &mut self,
        id: JobId,
        state: &JobState,
        ended: Option<Stamp>,
        written: Result<(), PersistError>,
    ) {
        let Some(job) = self.jobs.get_mut(&id) else { return };
        let is_present = job.state == *state && job.ended == ended;
        match std::mem::replace(&mut job.phase, Phase::Ended) {
            Phase::Ending(end) if end.state == *state && Some(end.at) == ended => {
                self.on_end_persisted(id, end, written);
            }
            Phase::Unsaved if written.is_ok() && is_present => {}
            phase => {
                job.phase = phase;
                if let (Err(error), JobState::Running) = (written, state) {
                    self.log(Notice::ResumeNotPersisted(id, error));
                }
            }
        }
    }

    /// Now clients see that the job has ended: the ledger has it, or could not take it, which will be tried again.
    fn on_end_persisted(&mut self, id: JobId, end: End, written: Result<(), PersistError>) {
        let Some(job) = self.jobs.get_mut(&id) else { return };
        if job.loss == Loss::AfterDone && end.state == JobState::Done {
            return self.resume(id);
        }
        let End { state, at, after, waiting } = end;
        (job.state, job.ended) = (state.clone(), Some(at));
        let is_kept = job.spec.result_mode == ResultMode::Stored;
        let drops_results = after == AfterCancel::DropResults;
        match &written {
            Ok(()) if drops_results => job.stock = Stock::Dropped,
            Ok(()) => {}
            Err(_) => job.phase = Phase::Unsaved,
        }
        self.log(Notice::JobEnded(id, state.clone()));
        // The readers of a job that is done were told when its last chunk was durable.
        if let Some(ending) = Ending::of(id, &state).filter(|ending| *ending != Ending::Done) {
            self.effect(Effect::EndResults { job: id, ending });
            if is_kept {
                // Only the index knows what was committed after the scheduler had ended the job.
                let _ = self.scheduler.forget(id);
            }
        }
        self.publish(id);
        match written {
            Ok(()) if drops_results => {
                let replies = waiting.into_iter().map(|request| self.reply(request, id)).collect();
                self.effect(Effect::DropResults { job: id, replies });
            }
            Ok(()) => self.answer_with_job(waiting, id),
            Err(error) => {
                self.log(Notice::EndNotPersisted(id, error.clone()));
                if drops_results {
                    let what = Unpersisted::DroppedResults(id);
                    self.refuse(waiting, &Refusal::NotPersisted { what, error });
                } else {
                    self.answer_with_job(waiting, id);
                }
            }
        }
    }

    /// Forgets a job that has ended. It is answered when the job is gone, from the ledger too, and its files are
    /// deleted.
    pub fn forget(&mut self, now: Now, request: RequestId, id: JobId) {
        self.begin(now);
        match self.known(id) {
            Ok(job) if job.state.has_ended() => self.begin_forgetting(id, vec![request]),
            Ok(_) => self.answer(request, Err(Refusal::NotEnded(id))),
            Err(refusal) => self.answer(request, Err(refusal)),
        }
        self.settle();
    }

    pub(crate) fn begin_forgetting(&mut self, id: JobId, requests: Vec<RequestId>) {
        let Some(job) = self.jobs.get_mut(&id) else { return };
        if let Phase::Forgetting(waiting) = &mut job.phase {
            return waiting.extend(requests);
        }
        job.phase = Phase::Forgetting(requests);
        self.persist(Record::Forgotten(id));
    }

    pub(crate) fn on_forget_persisted(&mut self, id: JobId, written: Result<(), PersistError>) {
        let Some(job) = self.jobs.get_mut(&id) else { return };
        let waiting = match std::mem::replace(&mut job.phase, Phase::Unsaved) {
            Phase::Forgetting(waiting) => waiting,
            phase => {
                job.phase = phase;
                return;
            }
        };
        if let Err(error) = written {
            let must_resume = job.loss == Loss::AfterDone && job.state == JobState::Done;
            self.log(Notice::ForgetNotPersisted(id, error.clone()));
            self.refuse(waiting, &Refusal::NotPersisted { what: Unpersisted::Forgotten(id), error });
            if must_resume {
                self.resume(id);
            }
            return;
        }
        if let Some(token) = self.jobs.remove(&id).and_then(|job| job.token) {
            self.tokens.remove(&token);
        }
        self.watched.remove(&id);
        self.changed.remove(&id);
        self.unsaved_shares.remove(&id);
        // One that had ended before this coordinator started is not known to the scheduler.
        let _ = self.scheduler.forget(id);
        self.log(Notice::JobForgotten(id));
        let reply = |request| Reply { request, answer: Ok(Answer::Forgotten) };
        self.effect(Effect::DeleteJob { job: id, replies: waiting.into_iter().map(reply).collect() });
    }
}
