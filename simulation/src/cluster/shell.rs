//! The shell around the core of the coordinator: inputs, then all effects in order, then when to call it again.

use std::time::Duration;

use swath_coordinator_core::{Answer, Core, Effect, Ending, Inherited, Notice, Now, Reply, ResultIndex};
use swath_model::{Incarnation, Instant, WorkerState};

use super::{Cluster, connections::InFlight, note};
use crate::{
    coordinator::{Coordinator, State},
    event::Event,
    store::{JobResults, Store},
};

impl Cluster {
    pub(super) fn start_coordinator(&mut self) {
        if self.coordinator.state != State::Down {
            return;
        }
        let incarnation = Incarnation(self.random.next());
        let inherited = Inherited { last_job: self.ledger.last_job, clock: self.ledger.clock };
        self.coordinator = Coordinator::new(self.plan.config.clone(), inherited, self.now, incarnation);
        self.coordinator.state = State::Up;
        note!(self, "the coordinator starts, incarnation {incarnation}");
        self.promises.forget_coordinator();
        self.recover();
        self.check_recovered();
        self.plan_in(Duration::ZERO, Event::Look { incarnation });
    }

    /// It is gone, with all that it had in memory. Of a batch under way, the ledger has as much as it has.
    pub(super) fn crash_coordinator(&mut self) {
        note!(self, "the coordinator crashes");
        self.tally.count("crashes of the coordinator");
        if self.coordinator.suspended_until.is_some_and(|until| until > self.now) {
            self.tally.count("crashes of a suspended coordinator");
        }
        self.tear_batch();
        self.end_coordinator();
        if self.random.one_in(3) {
            self.put_back_copy();
        }
    }

    fn end_coordinator(&mut self) {
        self.coordinator.state = State::Down;
        self.coordinator.suspended_until = None;
        // Those too that have said nothing yet.
        for process in 0..self.processes.len() {
            if let Some(session) = self.processes[process].session {
                self.close_coordinator_end(session.0, InFlight::Lost);
            }
        }
        self.lose_requests();
        let downtime = self.random.millis(10, 3000);
        self.plan_in(downtime, Event::CoordinatorStarts);
    }

    /// Somebody stops the coordinator: it ends when every decision is durable.
    pub(super) fn stop_coordinator(&mut self) {
        note!(self, "the coordinator is told to stop");
        self.coordinator.state = State::Stopping;
        self.input(|core, now| core.shut_down(now));
        self.end_if_settled();
    }

    pub(super) fn end_if_settled(&mut self) {
        let coordinator = &self.coordinator;
        let is_done = coordinator.core.is_settled() && coordinator.facts.is_empty() && coordinator.writing.is_empty();
        if coordinator.state != State::Stopping || !is_done {
            return;
        }
        note!(self, "the coordinator has stopped");
        self.tally.count("coordinators stopped");
        if coordinator.batch.is_some() {
            self.break_promise("the coordinator stops while records are written".to_owned());
        }
        self.check_answered();
        self.end_coordinator();
    }

    /// Calls the core, and carries out what it decides.
    pub(super) fn input<T>(&mut self, call: impl FnOnce(&mut Core<Store>, Now) -> T) -> T {
        let now = self.coordinator.now(self.now);
        let result = call(&mut self.coordinator.core, now);
        self.carry_out();
        result
    }

    /// Carries out all effects in order, checks the core, and sees to it that it is called again.
    pub(super) fn carry_out(&mut self) {
        while let Some(effect) = self.coordinator.core.poll_effect() {
            self.on_effect(effect);
        }
        self.coordinator.core.check_invariants();
        self.coordinator.store.check_invariants();
        self.check_suspended();
        if let Some(at) = self.coordinator.core.poll_timeout() {
            let at = (self.coordinator.origin + (at - Instant::ZERO)).max(self.now);
            if self.coordinator.wakes_at.is_none_or(|wakes_at| at < wakes_at) {
                self.coordinator.wakes_at = Some(at);
                self.agenda.plan(at, Event::Wake { incarnation: self.coordinator.incarnation });
            }
        }
    }

    pub(super) fn on_wake(&mut self, incarnation: Incarnation) {
        if !self.coordinator.is(incarnation) {
            return;
        }
        if self.coordinator.wakes_at.is_some_and(|at| at <= self.now) {
            self.coordinator.wakes_at = None;
        }
        self.input(|core, now| core.handle_timeout(now));
        self.end_if_settled();
    }

    /// The process of the coordinator does nothing for a while: what comes meanwhile waits.
    pub(super) fn suspend_coordinator(&mut self) {
        let span = Duration::from_millis(self.random.magnitude(20, 12_000));
        note!(self, "the coordinator is suspended for {span:?}");
        self.tally.count("suspensions of the coordinator");
        self.coordinator.suspended_until = Some(self.now + span);
        let threshold = (self.heartbeat()).max(Duration::from_millis(400));
        if span > threshold {
            self.coordinator.active_before = Some(self.active_workers());
        }
    }

    fn active_workers(&self) -> std::collections::BTreeSet<swath_model::WorkerId> {
        let workers = self.coordinator.core.workers();
        workers.iter().filter(|worker| worker.state == WorkerState::Active).map(|worker| worker.id).collect()
    }

    /// Nobody is taken for silent because the coordinator was.
    fn check_suspended(&mut self) {
        let Some(before) = self.coordinator.active_before.take() else { return };
        let workers = self.coordinator.core.workers();
        let silent = workers.iter().find(|worker| worker.state == WorkerState::Silent && before.contains(&worker.id));
        if let Some(worker) = silent {
            self.break_promise(format!("worker {} is taken for silent: the coordinator was suspended", worker.id));
        }
    }

    fn on_effect(&mut self, effect: Effect) {
        match effect {
            Effect::Send { worker, message } => self.on_send(worker, message),
            Effect::CloseSession(worker) => self.on_session_closed(worker),
            Effect::Persist { records, clock } => self.persist(records, clock),
            Effect::Answer(reply) => self.on_reply(reply),
            Effect::Publish(status) => {
                self.tally.count("changes published");
                self.on_published(&status);
            }
            Effect::CreateResults { job, spec } => {
                let (chunks, mode) = (spec.chunks, spec.result_mode);
                if !self.coordinator.store.create(job, JobResults::new(ResultIndex::new(chunks, mode), mode)) {
                    self.break_promise(format!("the results of job {job} are created twice"));
                }
                self.plan_reader(job);
            }
            Effect::FailChunk { job, chunk } => {
                self.promises.failed.entry(job).or_default().insert(chunk);
                self.coordinator.store.with(job, |results| results.fail_chunk(chunk));
                self.plan_room_freed();
            }
            Effect::CloseResults(job) => drop(self.coordinator.store.with(job, |results| results.index.close())),
            Effect::EndResults { job, ending } => {
                if matches!(ending, Ending::Broken(_)) {
                    self.check_written_out(job);
                }
                self.coordinator.store.with(job, |results| results.end(ending));
                self.plan_room_freed();
            }
            Effect::ReopenResults(job) => {
                note!(self, "job {job} is computed again");
                self.tally.count("jobs that run again");
                self.coordinator.store.with(job, |results| results.index.reopen());
            }
            Effect::DropResults { job, replies } => {
                let files = self.coordinator.store.with(job, JobResults::drop_all).unwrap_or_default();
                self.delete_files(files, replies);
            }
            Effect::DeleteJob { job, replies } => {
                let files = self.coordinator.store.remove(job).map(|mut results| results.drop_all());
                self.delete_files(files.unwrap_or_default(), replies);
            }
            Effect::Log(notice) => self.on_notice(notice),
        }
    }

    fn on_notice(&mut self, notice: Notice) {
        match notice {
            Notice::Suspended { away } => {
                note!(self, "the coordinator was away for {away:?}");
                self.tally.count("suspensions noticed");
            }
            Notice::WorkerIsDeaf { worker, .. } => self.on_deaf(worker),
            Notice::WorkerLeft { worker, .. } => note!(self, "worker {worker} has left"),
            Notice::WorkerLost { worker, .. } => self.on_worker_lost(worker),
            Notice::UnknownOffer { .. } => self.tally.count("work of another job offered"),
            Notice::JobSubmitted(job, spec) => {
                note!(self, "job {job} begins: {}", spec.kernel);
                // Right after leases went out to workers that had nothing to do.
                if self.coordinator.is_awake(self.now) && !self.faults.is_calm && self.random.one_in(12) {
                    self.suspend_coordinator();
                }
            }
            Notice::JobEnded(job, state) => self.on_job_ended(job, &state),
            Notice::JobForgotten(job) => note!(self, "job {job} is forgotten"),
            Notice::JobNotResumed(job, reason) => self.break_promise(format!("job {job} is not resumed: {reason}")),
            Notice::ChunkFailed { job, chunk, number, reason } => self.on_chunk_failed(job, chunk, number, &reason),
            Notice::EndNotPersisted(..) => self.tally.count("ends that the ledger refused"),
            Notice::ResumeNotPersisted(..) => self.tally.count("jobs that run again unknown to the ledger"),
            Notice::ForgetNotPersisted(..) => self.tally.count("forgets that the ledger refused"),
            Notice::FailedChunksNotPersisted(_) => self.tally.count("failed chunks that the ledger refused"),
            Notice::SharesNotPersisted(_) => self.tally.count("shares that the ledger refused"),
            Notice::WorkerJoined { .. } | Notice::BlockRefused { .. } => {}
        }
    }

    /// A reply that is given at once.
    fn on_reply(&mut self, reply: Reply) {
        if let Ok(Answer::Job(status)) = &reply.answer {
            self.check_status(status);
        }
        self.hand_over(reply);
    }

    /// A reply that was given when files were deleted: it says how the job stood before that. Somebody else may have
    /// forgotten the job meanwhile.
    pub(super) fn on_late_reply(&mut self, reply: Reply) {
        match &reply.answer {
            Ok(Answer::Job(status)) if self.promises.gone.contains(&status.id) => self.hand_over(reply),
            _ => self.on_reply(reply),
        }
    }

    fn hand_over(&mut self, reply: Reply) {
        let Reply { request, answer } = reply;
        match self.clients.waiting.remove(&request) {
            Some((client, wish)) => self.on_answer(client, wish, answer),
            None => self.break_promise(format!("{request:?} is answered, and nobody asked: {answer:?}")),
        }
    }
}
