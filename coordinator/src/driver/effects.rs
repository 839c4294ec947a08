//! Carrying out what the core decided.

use std::sync::Arc;

use swath_coordinator_core::{Answer, Effect, Refusal, Reply, ToWorker};
use swath_model::{JobId, JobStatus, WorkerId};
use tokio::sync::{mpsc, oneshot};
use tracing::{debug, warn};

use super::{Driver, log};
use crate::{
    ledger::Sender,
    store::{DroppedParts, JobResults},
};

/// Where the messages of a session go.
#[derive(Debug)]
pub(super) struct Outbox {
    messages: mpsc::Sender<ToWorker>,
    sender: Arc<Sender>,
}

impl Outbox {
    pub(super) fn new(worker: WorkerId, name: String, messages: mpsc::Sender<ToWorker>) -> Self {
        Self { messages, sender: Arc::new(Sender { worker: worker.0, name }) }
    }

    /// The worker as the sender of its blocks.
    pub(super) fn sender(&self) -> Arc<Sender> {
        Arc::clone(&self.sender)
    }
}

/// Who waits for the answer to a request.
#[derive(Debug)]
pub(super) enum Waiting {
    Job(oneshot::Sender<Result<JobStatus, Refusal>>),
    Forgotten(oneshot::Sender<Result<(), Refusal>>),
}

impl Waiting {
    pub(super) fn is_gone(&self) -> bool {
        match self {
            Self::Job(reply) => reply.is_closed(),
            Self::Forgotten(reply) => reply.is_closed(),
        }
    }

    /// Sends the answer. The client may have gone away; its request is carried out all the same.
    pub(super) fn answer(self, answer: Result<Answer, Refusal>) {
        match (self, answer) {
            (Self::Job(reply), Ok(Answer::Job(status))) => drop(reply.send(Ok(*status))),
            (Self::Job(reply), Err(refusal)) => drop(reply.send(Err(refusal))),
            (Self::Forgotten(reply), Ok(Answer::Forgotten)) => drop(reply.send(Ok(()))),
            (Self::Forgotten(reply), Err(refusal)) => drop(reply.send(Err(refusal))),
            (Self::Job(_), Ok(Answer::Forgotten)) | (Self::Forgotten(_), Ok(Answer::Job(_))) => {
                debug!("an answer is to another question");
            }
        }
    }
}

impl Driver {
    /// Carries out all effects, and those that follow from them.
    pub(super) fn carry_out_effects(&mut self) {
        loop {
            while let Some(effect) = self.core.poll_effect() {
                self.carry_out(effect);
            }
            let Some(worker) = self.stuck.pop() else { return };
            self.core.handle_disconnected(self.now(), worker);
        }
    }

    fn carry_out(&mut self, effect: Effect) {
        match effect {
            Effect::Send { worker, message } => self.send(worker, message),
            Effect::CloseSession(worker) => drop(self.outboxes.remove(&worker)),
            Effect::Persist { records, clock } => self.store.persist(records, clock),
            Effect::Answer(reply) => self.answer(reply),
            Effect::Publish(status) => self.publish(*status),
            Effect::CreateResults { job, spec } => {
                self.store.create_job(JobResults::of(job, &spec));
            }
            Effect::FailChunk { job, chunk } => self.with_results(job, |results| results.fail_chunk(chunk)),
            Effect::CloseResults(job) => {
                let store = Arc::clone(&self.store);
                self.with_results(job, |results| store.close(results));
            }
            Effect::EndResults { job, ending } => self.with_results(job, |results| results.end(ending)),
            Effect::ReopenResults(job) => self.with_results(job, JobResults::reopen),
            Effect::DropResults { job, replies } => {
                let dropped = self.store.drop_results(job);
                self.delete(dropped, replies);
            }
            Effect::DeleteJob { job, replies } => {
                self.watchers.remove(&job);
                let dropped = self.store.forget(job);
                self.delete(dropped, replies);
            }
            Effect::Log(notice) => log::write(&notice),
        }
    }

    fn send(&mut self, worker: WorkerId, message: ToWorker) {
        let Some(outbox) = self.outboxes.get(&worker) else { return };
        if outbox.messages.try_send(message).is_err() {
            let name = &outbox.sender.name;
            warn!(%worker, name, "the worker does not read its messages: its session is closed");
            self.outboxes.remove(&worker);
            self.stuck.push(worker);
        }
    }

    fn publish(&mut self, status: JobStatus) {
        if let Some(watcher) = self.watchers.get(&status.id) {
            watcher.send_replace(status);
        }
    }

    fn with_results(&self, job: JobId, change: impl FnOnce(&JobResults)) {
        if let Some(results) = self.store.job(job) {
            change(&results);
        }
    }

    /// Deletes the files of parts, which may take long, and then answers.
    fn delete(&mut self, dropped: DroppedParts, replies: Vec<Reply>) {
        let store = Arc::clone(&self.store);
        let waiting =
            replies.into_iter().filter_map(|reply| Some((self.waiting.remove(&reply.request)?, reply.answer)));
        let waiting: Vec<_> = waiting.collect();
        tokio::spawn(async move {
            store.delete(dropped).await;
            waiting.into_iter().for_each(|(waiting, answer)| waiting.answer(answer));
        });
    }
}
