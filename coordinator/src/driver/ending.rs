//! How jobs end, and how they are forgotten: decided, written into the ledger, then told.

use swath_model::{JobId, ResultMode};
use swath_scheduler::Outcome;
use tracing::{info, warn};

use super::{
    Driver,
    handle::{Answer, Refusal},
    outgoing::{not_written, unknown},
};
use crate::{
    clock::Stamp,
    job::{JobState, JobStatus},
    ledger::{LedgerError, Record, Standing},
    store::Ending,
};

/// Where a job is between running and being gone. Clients see an end, and the job gone, when the ledger has it.
#[derive(Debug)]
pub(super) enum Phase {
    Running,
    /// It failed or was cancelled; what is in memory of it is being written as parts.
    Closing(End),
    /// Its end is on its way to the ledger.
    Ending(End),
    Ended,
    /// It has ended, but the ledger could not be told yet.
    Unsaved,
    /// Its forgetting is on its way to the ledger; who waits for it.
    Forgetting(Vec<Answer<()>>),
}

/// An end that is not durable yet.
#[derive(Debug)]
pub(super) struct End {
    state: JobState,
    at: Stamp,
    drops_results: bool,
    /// Who cancelled it.
    waiting: Vec<Answer<JobStatus>>,
}

/// That a job was cancelled, and how, until the scheduler has ended it.
#[derive(Debug)]
pub(super) struct Cancel {
    drops_results: bool,
    reply: Answer<JobStatus>,
}

impl Driver {
    /// Ends a job. The answer comes when that is durable, and shows what has become of it.
    pub(super) fn cancel(&mut self, id: JobId, drops_results: bool, reply: Answer<JobStatus>) {
        let now = self.now();
        let Some(record) = self.jobs.get_mut(&id) else { return drop(reply.send(Err(unknown(id)))) };
        if let Phase::Closing(end) | Phase::Ending(end) = &mut record.phase
            && end.state == JobState::Cancelled
            && end.drops_results == drops_results
        {
            end.waiting.retain(|waiting| !waiting.is_closed());
            return end.waiting.push(reply);
        }
        if let Err(error) = self.scheduler.cancel(now, id) {
            let refusal = Refusal::Precondition(format!("cannot cancel job {id}: {error}"));
            return drop(reply.send(Err(refusal)));
        }
        self.cancelled.insert(id, Cancel { drops_results, reply });
    }

    /// The scheduler has ended a job: nobody computes it any more.
    pub(super) fn end_job(&mut self, id: JobId, outcome: Outcome) {
        let cancel = self.cancelled.remove(&id);
        let Some(record) = self.jobs.get_mut(&id) else { return };
        if record.spoiled && outcome == Outcome::Done {
            return self.resume(id);
        }
        let state = match outcome {
            Outcome::Done => JobState::Done,
            Outcome::Cancelled => JobState::Cancelled,
            Outcome::Failed { number, reason, .. } => {
                JobState::Failed(format!("kernel `{}` failed at {number}: {reason}", record.job.kernel.name()))
            }
        };
        let (drops_results, waiting) =
            cancel.map_or((false, Vec::new()), |cancel| (cancel.drops_results, vec![cancel.reply]));
        let end = End { state, at: self.clock.stamp(), drops_results, waiting };
        record.paused.clear();
        record.changed = true;
        let keeps_memory = record.job.retention == ResultMode::Stored && end.state != JobState::Done && !drops_results;
        if keeps_memory {
            self.store.close(&record.results);
            record.phase = Phase::Closing(end);
        } else {
            self.write_end(id, end);
        }
    }

    /// All that was delivered of a job that failed or was cancelled is in parts, or lost.
    pub(super) fn on_closed(&mut self, id: JobId, lost: Option<String>) {
        let Some(record) = self.jobs.get_mut(&id) else { return };
        if let Some(lost) = lost {
            warn!(%id, "{lost}");
        }
        match std::mem::replace(&mut record.phase, Phase::Ended) {
            Phase::Closing(end) => self.write_end(id, end),
            phase => record.phase = phase,
        }
    }

    pub(super) fn is_closing_jobs(&self) -> bool {
        self.jobs.values().any(|record| matches!(record.phase, Phase::Closing(_)))
    }

    fn write_end(&mut self, id: JobId, end: End) {
        let Some(record) = self.jobs.get_mut(&id) else { return };
        if end.state == JobState::Done {
            // Everything is there, so nobody can be told too early.
            record.results.end(Ending::Done);
        }
        self.outgoing.push(Record::Standing(Standing {
            state: end.state.clone(),
            ended: Some(end.at),
            drops_results: end.drops_results,
            ..record.standing(id)
        }));
        record.phase = Phase::Ending(end);
    }

    pub(super) fn on_standing_written(&mut self, standing: &Standing, written: Result<(), LedgerError>) {
        let id = standing.job;
        let Some(record) = self.jobs.get_mut(&id) else { return };
        match std::mem::replace(&mut record.phase, Phase::Ended) {
            Phase::Ending(end) if end.state == standing.state => self.end_is_written(id, end, written),
            Phase::Unsaved if written.is_ok() && record.state == standing.state => {}
            phase => record.phase = phase,
        }
    }

    /// Now clients see that the job has ended: the ledger has it, or could not take it, which will be tried again.
    fn end_is_written(&mut self, id: JobId, end: End, written: Result<(), LedgerError>) {
        let Some(record) = self.jobs.get_mut(&id) else { return };
        if record.spoiled && end.state == JobState::Done {
            return self.resume(id);
        }
        let End { state, at, drops_results, waiting } = end;
        info!(%id, %state, failure = state.failure(), "job ended");
        match &state {
            JobState::Failed(failure) => record.results.end(Ending::Broken(format!("job {id} failed: {failure}"))),
            JobState::Cancelled => record.results.end(Ending::Broken(format!("job {id} was cancelled"))),
            JobState::Done | JobState::Running => {}
        }
        if record.job.retention == ResultMode::Stored && state != JobState::Done {
            // What was written since the scheduler ended it is known to the store alone.
            let _ = self.scheduler.forget(id);
        }
        (record.state, record.ended) = (state, Some(at));
        let mut refusal = None;
        let mut unwanted = None;
        match written {
            Ok(()) if drops_results => {
                record.results_dropped = true;
                unwanted = Some(self.store.drop_results(id));
            }
            Ok(()) => {}
            Err(error) => {
                warn!(%id, %error, "the end of the job is not in the ledger; it is tried again");
                record.phase = Phase::Unsaved;
                let what =
                    format!("job {id} was cancelled, but its results were not dropped (`swath job forget {id}` does)");
                refusal = drops_results.then(|| not_written(&what, &error));
            }
        }
        self.publish(id);
        let answer = refusal.map_or_else(|| self.job_status(id), Err);
        let answer = move || waiting.into_iter().for_each(|reply| drop(reply.send(answer.clone())));
        match unwanted {
            Some(unwanted) => {
                let store = self.store.clone();
                tokio::spawn(async move {
                    store.delete(unwanted).await;
                    answer();
                });
            }
            None => answer(),
        }
    }

    /// Forgets a job that has ended. The answer comes when it is gone, from the ledger too, and its files were deleted.
    pub(super) fn forget(&mut self, id: JobId, reply: Answer<()>) {
        let refusal = match self.known(id) {
            Ok(record) if record.state.has_ended() => return self.begin_forgetting(id, Some(reply)),
            Ok(_) => Refusal::Precondition(format!("cannot forget job {id}: it has not ended; cancel it first")),
            Err(refusal) => refusal,
        };
        drop(reply.send(Err(refusal)));
    }

    pub(super) fn begin_forgetting(&mut self, id: JobId, reply: Option<Answer<()>>) {
        let Some(record) = self.jobs.get_mut(&id) else { return };
        if let Phase::Forgetting(waiting) = &mut record.phase {
            waiting.retain(|waiting| !waiting.is_closed());
            return waiting.extend(reply);
        }
        record.phase = Phase::Forgetting(reply.into_iter().collect());
        self.outgoing.push(Record::Forgotten(id));
    }

    pub(super) fn on_forget_written(&mut self, id: JobId, written: Result<(), LedgerError>) {
        let Some(record) = self.jobs.get_mut(&id) else { return };
        let Phase::Forgetting(waiting) = std::mem::replace(&mut record.phase, Phase::Unsaved) else { return };
        if let Err(error) = written {
            warn!(%id, %error, "the job is not forgotten");
            let refusal = not_written(&format!("job {id} was not forgotten"), &error);
            waiting.into_iter().for_each(|reply| drop(reply.send(Err(refusal.clone()))));
            if record.spoiled && record.state == JobState::Done {
                self.resume(id);
            }
            return;
        }
        let token = record.token;
        self.jobs.remove(&id);
        if let Some(token) = token {
            self.tokens.remove(&token);
        }
        // One that had ended before this coordinator started is not known to the scheduler.
        let _ = self.scheduler.forget(id);
        info!(%id, "job forgotten");
        let unwanted = self.store.forget(id);
        let store = self.store.clone();
        tokio::spawn(async move {
            store.delete(unwanted).await;
            waiting.into_iter().for_each(|reply| drop(reply.send(Ok(()))));
        });
    }
}
