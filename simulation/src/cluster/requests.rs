//! Clients ask, wait, go away, ask again.

use std::time::Duration;

use swath_coordinator_core::{AfterCancel, Answer, Refusal, RequestId, Submit};
use swath_model::{JobId, JobState, JobStatus};
use swath_scheduler::CancelError;

use super::{Cluster, note};
use crate::{
    clients::{PAUSE, Stage},
    event::{ClientId, Event, Wish},
    plan::Tokens,
};

/// A client whose job is not taken tries so often.
const MOST_REFUSALS: u32 = 30;

impl Cluster {
    pub(super) fn on_asks(&mut self, client: ClientId, wish: Wish) {
        if !self.wants(client, wish) {
            return;
        }
        if !self.coordinator.is_up() {
            self.plan_in(PAUSE, Event::Asks { client, wish });
            return;
        }
        let Some(id) = self.clients.all[client].id else {
            if wish == Wish::Submit {
                self.submit(client);
            }
            return;
        };
        match wish {
            Wish::Submit => {}
            Wish::SubmitOther if self.ledger.jobs.contains_key(&id) => self.submit_other(client),
            Wish::SubmitOther => {}
            Wish::ForgetEarly => self.forget_early(client, id),
            Wish::Look => self.look(client, id),
            Wish::Watch => self.watch(client, id),
            Wish::Unwatch => self.coordinator.core.unwatch(id),
            Wish::Cancel(after) => self.cancel(client, id, after),
            Wish::Forget => {
                self.promises.forget_asked.insert(id);
                let request = self.clients.request(client, wish);
                self.input(|core, now| core.forget(now, request, id));
                self.may_leave(client, request);
            }
        }
    }

    /// Whether a client still wants this, as it was planned.
    fn wants(&self, client: ClientId, wish: Wish) -> bool {
        let client = &self.clients.all[client];
        match wish {
            Wish::Submit => client.stage == Stage::Submitting,
            Wish::Forget => client.stage == Stage::Forgetting,
            Wish::SubmitOther | Wish::ForgetEarly | Wish::Look | Wish::Watch | Wish::Unwatch => client.id.is_some(),
            Wish::Cancel(_) => client.id.is_some() && !matches!(client.stage, Stage::Gone | Stage::GivenUp),
        }
    }

    fn submit(&mut self, client: ClientId) {
        let (job, token) = (self.clients.all[client].job, self.clients.all[client].token);
        let submit = Submit { spec: self.plan.spec(job), fingerprint: self.plan.fingerprint(job), token };
        let request = self.clients.request(client, Wish::Submit);
        note!(self, "client {client} submits");
        self.input(|core, now| core.submit(now, request, submit));
        let is_reserved = token.is_some() && self.clients.waiting.contains_key(&request);
        self.may_leave(client, request);
        if is_reserved && self.random.one_in(8) {
            self.tally.count("tokens of jobs that are being stored");
            self.submit_other(client);
        }
    }

    /// Another job with the token of a job that is there, or is being stored.
    fn submit_other(&mut self, client: ClientId) {
        let token = self.clients.all[client].token;
        let job = self.clients.all[client].job;
        let mut spec = self.plan.spec(job);
        spec.limits.crash_limit += 10;
        let request = self.clients.request(client, Wish::SubmitOther);
        let submit = Submit { spec, fingerprint: self.plan.fingerprint(job), token };
        self.input(|core, now| core.submit(now, request, submit));
    }

    /// Somebody wants a job that runs to be forgotten.
    fn forget_early(&mut self, client: ClientId, id: JobId) {
        if self.coordinator.core.job(id).is_ok_and(|job| job.state == JobState::Running) {
            let request = self.clients.request(client, Wish::ForgetEarly);
            self.input(|core, now| core.forget(now, request, id));
        }
    }

    fn cancel(&mut self, client: ClientId, id: JobId, after: AfterCancel) {
        self.promises.cancel_asked.insert(id);
        let request = self.clients.request(client, Wish::Cancel(after));
        let was_running = self.coordinator.core.job(id).is_ok_and(|job| job.state == JobState::Running);
        self.input(|core, now| core.cancel(now, request, id, after));
        let is_waiting = self.clients.waiting.contains_key(&request);
        note!(self, "client {client} cancels job {id}: {}", if is_waiting { "it will be" } else { "answered" });
        if is_waiting && was_running {
            self.promises.cancelled.insert(id);
        }
        self.may_leave(client, request);
    }

    /// The client may go away before it is answered.
    fn may_leave(&mut self, client: ClientId, request: RequestId) {
        let leaves = self.plan.jobs[self.clients.all[client].job].client.leaves;
        if leaves > 0
            && self.clients.waiting.contains_key(&request)
            && !self.faults.is_calm
            && self.random.one_in(leaves)
        {
            let span = self.random.millis(0, 40);
            self.plan_in(span, Event::ClientGone { request });
        }
    }

    pub(super) fn on_client_gone(&mut self, request: RequestId) {
        let Some((client, wish)) = self.clients.waiting.remove(&request) else { return };
        note!(self, "client {client} is cut off while it waits for {wish:?}");
        self.tally.count("clients cut off while they wait");
        self.clients.abandoned.insert(request);
        self.coordinator.core.handle_client_gone(request);
        self.asks_again(client, wish);
    }

    /// The coordinator is gone, and with it all requests.
    pub(super) fn lose_requests(&mut self) {
        for (_, (client, wish)) in std::mem::take(&mut self.clients.waiting) {
            self.tally.count("requests lost with the coordinator");
            self.asks_again(client, wish);
        }
        for client in 0..self.clients.all.len() {
            if self.clients.all[client].id.is_some() && self.plan.jobs[self.clients.all[client].job].client.watches {
                self.plan_in(PAUSE, Event::Asks { client, wish: Wish::Watch });
            }
        }
    }

    /// A client that got no answer asks again. One without a token cannot, or there might be two jobs.
    fn asks_again(&mut self, client: ClientId, wish: Wish) {
        let asking = &mut self.clients.all[client];
        if wish == Wish::Submit && asking.id.is_none() && asking.token.is_none() {
            asking.stage = Stage::GivenUp;
            self.tally.count("submits without a token that nobody knows of");
            return;
        }
        if wish == Wish::Submit {
            self.tally.count("submits sent again");
        }
        let pause = self.random.millis(1, 600);
        self.plan_in(pause, Event::Asks { client, wish });
    }

    pub(super) fn on_answer(&mut self, client: ClientId, wish: Wish, answer: Result<Answer, Refusal>) {
        match (wish, answer) {
            (Wish::Submit, Ok(Answer::Job(status))) => self.on_submitted(client, &status),
            (Wish::Submit, Err(refusal)) => self.on_submit_refused(client, &refusal),
            (Wish::SubmitOther, Err(Refusal::TokenTaken(_))) => self.tally.count("tokens that another job has"),
            (Wish::ForgetEarly, Err(Refusal::NotEnded(_))) => self.tally.count("forgets of jobs that run"),
            (Wish::Cancel(after), Ok(Answer::Job(status))) => self.on_cancelled(client, after, &status),
            (Wish::Cancel(_), Err(refusal)) => self.on_cancel_refused(client, &refusal),
            (Wish::Forget, Ok(Answer::Forgotten)) => self.on_forgotten(client),
            (Wish::Forget, Err(refusal)) => self.on_forget_refused(client, &refusal),
            (wish, answer) => self.break_promise(format!("client {client} wants {wish:?} and gets {answer:?}")),
        }
    }

    fn on_submitted(&mut self, client: ClientId, status: &JobStatus) {
        let id = status.id;
        let asking = &self.clients.all[client];
        let (job, token, known) = (asking.job, asking.token, asking.id);
        if *status.spec != self.plan.spec(job) {
            self.break_promise(format!("client {client} submits job {job} and gets {:?}", status.spec));
        }
        let (jobs, most) = (self.ledger.jobs.len(), self.plan.config.max_jobs);
        if jobs > most {
            self.break_promise(format!("{jobs} jobs are kept, and {most} may be"));
        }
        let row = self.ledger.jobs.get(&id);
        if row.is_none_or(|row| row.token != token || self.plan.index(&row.spec) != job) {
            self.break_promise(format!("client {client} is told of job {id}, which is not in the ledger"));
        }
        if let Some(known) = known {
            self.tally.count("submits answered twice");
            if known != id && !self.promises.gone.contains(&known) {
                self.break_promise(format!("client {client} submitted one job and got {known} and {id}"));
            }
            return;
        }
        note!(self, "client {client} has job {id}");
        self.promises.submitted.insert(id, job);
        let plan = self.plan.jobs[job].client;
        let asking = &mut self.clients.all[client];
        asking.id = Some(id);
        asking.stage = Stage::Running;
        if plan.tokens != Tokens::None && self.random.one_in(8) {
            self.plan_in(Duration::ZERO, Event::Asks { client, wish: Wish::SubmitOther });
        }
        if self.random.one_in(8) {
            let span = self.random.millis(0, 500);
            self.plan_in(span, Event::Asks { client, wish: Wish::ForgetEarly });
        }
        if plan.watches {
            self.plan_in(Duration::ZERO, Event::Asks { client, wish: Wish::Watch });
        }
        self.look_soon(client);
        self.plan_cancel(client);
    }

    fn plan_cancel(&mut self, client: ClientId) {
        let asking = &mut self.clients.all[client];
        let Some((at, after)) = self.plan.jobs[asking.job].client.cancels.filter(|_| !asking.has_cancelled) else {
            return;
        };
        asking.has_cancelled = true;
        let at = (swath_model::Instant::ZERO + at).max(self.now);
        let times = self.random.within(1, 2);
        for _ in 0..times {
            let after = if self.random.one_in(6) { AfterCancel::KeepResults } else { after };
            self.agenda.plan(at, Event::Asks { client, wish: Wish::Cancel(after) });
        }
    }

    fn on_submit_refused(&mut self, client: ClientId, refusal: &Refusal) {
        note!(self, "client {client} is refused: {refusal}");
        let asking = &mut self.clients.all[client];
        match refusal {
            Refusal::NotPersisted { .. } => self.tally.count("submits that the ledger refused"),
            Refusal::TooManyJobs { .. } | Refusal::NotScheduled(_) => {
                self.tally.count("submits refused: too many jobs");
                asking.refusals += 1;
            }
            _ => self.break_promise(format!("client {client} cannot submit: {refusal}")),
        }
        let asking = &mut self.clients.all[client];
        if asking.id.is_some() {
            return;
        }
        if asking.refusals > MOST_REFUSALS {
            asking.stage = Stage::GivenUp;
            return;
        }
        let pause = self.random.millis(100, 600);
        self.plan_in(pause, Event::Asks { client, wish: Wish::Submit });
    }

    fn on_cancelled(&mut self, client: ClientId, after: AfterCancel, status: &JobStatus) {
        let id = status.id;
        note!(self, "client {client} has cancelled job {id}: {}", status.state);
        self.tally.count("cancels answered");
        if status.state != JobState::Cancelled {
            self.break_promise(format!("job {id} is {} after it was cancelled", status.state));
        }
        if after == AfterCancel::DropResults {
            self.tally.count("results dropped");
            if !status.results_dropped {
                self.break_promise(format!("the results of job {id} are not dropped"));
            }
            self.promises.dropped.insert(id);
            self.check_no_results(id);
        }
        self.on_seen(client, &status.state);
    }

    fn on_cancel_refused(&mut self, client: ClientId, refusal: &Refusal) {
        note!(self, "client {client} cannot cancel: {refusal}");
        match refusal {
            Refusal::NotCancelled { error: CancelError::Ended(_), .. } => {
                self.tally.count("cancels of jobs that are over");
            }
            Refusal::NotPersisted { .. } => self.tally.count("results not dropped: the ledger refused it"),
            Refusal::NoSuchJob(id) if !self.ledger.jobs.contains_key(id) => {}
            _ => self.break_promise(format!("client {client} cannot cancel: {refusal}")),
        }
    }

    fn on_forgotten(&mut self, client: ClientId) {
        let Some(id) = self.clients.all[client].id else { return };
        note!(self, "client {client} has job {id} forgotten");
        self.tally.count("jobs forgotten");
        self.clients.all[client].stage = Stage::Gone;
        if self.ledger.jobs.contains_key(&id) {
            self.break_promise(format!("job {id} is said to be forgotten, and the ledger has it"));
        }
        self.promises.gone.insert(id);
        self.check_no_results(id);
    }

    fn on_forget_refused(&mut self, client: ClientId, refusal: &Refusal) {
        note!(self, "client {client} cannot forget its job: {refusal}");
        match refusal {
            Refusal::NoSuchJob(id) if !self.ledger.jobs.contains_key(id) => {
                return self.clients.all[client].stage = Stage::Gone;
            }
            Refusal::NotPersisted { .. } => {}
            // It runs again.
            Refusal::NotEnded(id) if !self.promises.ended.contains_key(id) || self.promises.may_run_again(*id) => {
                return self.on_seen(client, &JobState::Running);
            }
            _ => self.break_promise(format!("client {client} cannot forget its job: {refusal}")),
        }
        let pause = self.random.millis(100, 600);
        self.plan_in(pause, Event::Asks { client, wish: Wish::Forget });
    }

    pub(super) fn look_soon(&mut self, client: ClientId) {
        if !std::mem::replace(&mut self.clients.all[client].is_looking, true) {
            let pause = self.random.millis(100, 900);
            self.plan_in(pause, Event::Asks { client, wish: Wish::Look });
        }
    }

    fn look(&mut self, client: ClientId, id: JobId) {
        self.clients.all[client].is_looking = false;
        match self.coordinator.core.job(id) {
            Ok(status) => {
                self.check_status(&status);
                self.check_readers(id);
                self.on_seen(client, &status.state);
            }
            Err(_) => self.on_not_there(client, id),
        }
        if !self.clients.all[client].stage.is_settled() {
            self.look_soon(client);
        }
    }

    /// A job that a client had is not there.
    fn on_not_there(&mut self, client: ClientId, id: JobId) {
        if self.ledger.jobs.contains_key(&id) || !self.promises.gone.contains(&id) {
            self.break_promise(format!("job {id} is not there, and was not forgotten"));
        }
        self.clients.all[client].stage = Stage::Gone;
    }

    fn watch(&mut self, client: ClientId, id: JobId) {
        match self.input(|core, now| core.watch(now, id)) {
            Ok(status) => {
                self.check_status(&status);
                self.on_seen(client, &status.state);
                if self.random.one_in(8) {
                    let span = self.random.millis(10, 3000);
                    self.plan_in(span, Event::Asks { client, wish: Wish::Unwatch });
                }
            }
            Err(_) => self.on_not_there(client, id),
        }
    }

    pub(super) fn on_published(&mut self, status: &JobStatus) {
        self.check_status(status);
        if let Some(client) = self.clients.of(status.id) {
            self.on_seen(client, &status.state);
        }
    }

    /// A client sees where its job stands.
    fn on_seen(&mut self, client: ClientId, state: &JobState) {
        let seeing = &mut self.clients.all[client];
        match (seeing.stage, state.has_ended()) {
            (Stage::Running, true) => {
                seeing.stage = Stage::Ended;
                if let Some(span) = self.plan.jobs[seeing.job].client.forgets {
                    seeing.stage = Stage::Forgetting;
                    self.plan_in(span, Event::Asks { client, wish: Wish::Forget });
                }
            }
            (Stage::Ended | Stage::Forgetting, false) => {
                seeing.stage = Stage::Running;
                self.look_soon(client);
            }
            _ => {}
        }
    }
}
