//! What must have come of it.

use std::collections::BTreeSet;

use swath_model::FailedChunk;
use swath_scheduler::Outcome;

use crate::cluster::{Cluster, note};
use crate::event::JobIndex;
use crate::plan::{ALWAYS, one};

/// What the kernel says when it fails at a number.
pub(crate) fn kernel_says(number: i64) -> String {
    format!("{number} is not computable")
}

impl Cluster {
    pub(crate) fn on_skipped(&mut self, job: JobIndex, chunk: u64, hole: FailedChunk) {
        note!(self, "job {job} goes on without chunk {chunk}: {hole:?}");
        self.tally.count("chunks given up");
        self.check_blame(job, chunk, hole.number, &hole.reason);
        if !self.plan.jobs[job].limits.keep_going {
            self.break_promise(format!("job {job} goes on without chunk {chunk}"));
        }
        if self.ledger.jobs[job].holes.insert(chunk, hole).is_some() {
            self.break_promise(format!("chunk {chunk} of job {job} is given up a second time"));
        }
    }

    pub(crate) fn on_job_ended(&mut self, job: JobIndex, outcome: Outcome) {
        note!(self, "job {job} is over: {outcome:?}");
        self.tally.count(match outcome {
            Outcome::Done => "jobs done",
            Outcome::Failed { .. } => "jobs failed",
            Outcome::Cancelled => "jobs cancelled",
        });
        if let Outcome::Failed { chunk, number, reason } = &outcome {
            self.check_blame(job, *chunk, *number, reason);
            if self.plan.jobs[job].limits.keep_going {
                self.break_promise(format!("job {job} should have kept going"));
            }
        }
        let before = self.ledger.jobs[job].outcome.replace(outcome);
        if before.is_some() {
            self.break_promise(format!("job {job} was over already: {before:?}"));
        }
    }

    /// A chunk is only ever blamed for what is its fault, or looks like it.
    fn check_blame(&mut self, job: JobIndex, chunk: u64, number: i64, reason: &str) {
        let plan = &self.plan.jobs[job];
        let offsets = plan.chunks.offsets(one(chunk));
        let fails = plan.failing.range(offsets.start()..offsets.end()).find(|(_, times)| **times == ALWAYS);
        let fails_at = fails.and_then(|(&offset, _)| plan.chunks.range().at(offset));
        let first = plan.chunks.range().at(offsets.start());
        if reason == kernel_says(number) && fails_at == Some(number) {
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

    /// All jobs are over: have they come to the end that they had to?
    pub(crate) fn judge(&mut self) {
        let mut needed = 0;
        for job in 0..self.plan.jobs.len() {
            needed += self.ledger.jobs[job].durable.len();
            if let Err(what) = self.judge_job(job) {
                self.break_promise(format!("job {job}: {what}"));
            }
        }
        self.tally.add("numbers committed", needed);
        let leases: usize = self.coordinator.scheduler.workers().map(|(_, view)| view.leases).sum();
        if leases > 0 {
            self.break_promise(format!("{leases} leases are left"));
        }
    }

    fn judge_job(&mut self, index: JobIndex) -> Result<(), String> {
        let (plan, job) = (&self.plan.jobs[index], &self.ledger.jobs[index]);
        let impossible = plan.impossible();
        let holes: BTreeSet<u64> = job.holes.keys().copied().collect();
        match &job.outcome {
            None => return Err("is not over".to_owned()),
            Some(Outcome::Cancelled) if plan.cancelled.is_none() => return Err("nobody cancelled it".to_owned()),
            Some(Outcome::Cancelled | Outcome::Failed { .. }) => return Ok(()),
            Some(Outcome::Done) => {}
        }
        if !plan.limits.keep_going && !impossible.is_empty() {
            return Err(format!("is done, although {impossible:?} cannot be computed"));
        }
        if !impossible.is_subset(&holes) {
            return Err(format!("only {holes:?} are given up, but {impossible:?} cannot be computed"));
        }
        // What is missing from the ledger is what was given up, to the number.
        let all = plan.chunks.offsets(plan.chunks.all());
        let missing: Vec<_> = job.durable.gaps(all).collect();
        let mut given_up = swath_model::OffsetSet::new();
        for &chunk in &holes {
            given_up.insert(plan.chunks.offsets(one(chunk)));
        }
        let uncovered = missing.iter().find(|run| !given_up.contains_run(**run));
        if let Some(run) = uncovered {
            return Err(format!("is done, but offsets {run} are in no part"));
        }
        let committed = job.committed();
        if let Some(chunk) = holes.iter().find(|chunk| committed.contains(**chunk)) {
            return Err(format!("chunk {chunk} is committed and given up"));
        }
        Ok(())
    }
}
