//! The sessions of workers: from joining to leaving.

use std::time::SystemTime;

use swath_scheduler::{Event, JobId, LeaseId, Run, WorkerId, WorkerState};
use tokio::sync::mpsc;
use tracing::info;

use super::{Driver, Refusal};
use crate::job::{Introduction, NewJob, WorkerStatus};

/// What the driver says to a worker.
#[derive(Debug)]
pub(crate) enum ToWorker {
    Lease(Assignment),
    /// Give back what was not begun of these chunks; `stop`: the lease has ended.
    Revoke {
        lease: LeaseId,
        chunks: Run,
        stop: bool,
    },
    Farewell,
}

/// A lease with all that is needed to compute it.
#[derive(Debug)]
pub(crate) struct Assignment {
    pub(crate) lease: LeaseId,
    pub(crate) chunks: Run,
    pub(crate) job_id: JobId,
    pub(crate) job: NewJob,
}

/// The session of one worker.
pub(super) struct Session {
    introduction: Introduction,
    outbox: mpsc::Sender<ToWorker>,
    joined_at: SystemTime,
    numbers: u64,
    chunks: u64,
    /// It was drained, by somebody or by itself.
    is_leaving: bool,
}

impl Session {
    pub(super) fn name(&self) -> &str {
        &self.introduction.name
    }

    /// False if the worker does not take what is sent to it.
    pub(super) fn send(&self, message: ToWorker) -> bool {
        self.outbox.try_send(message).is_ok()
    }

    /// Counts what it computed; returns its name.
    pub(super) fn count(&mut self, numbers: u64, chunks: u64) -> &str {
        self.numbers += numbers;
        self.chunks += chunks;
        self.name()
    }
}

impl Driver {
    pub(super) fn open_session(&mut self, introduction: Introduction, outbox: mpsc::Sender<ToWorker>) -> WorkerId {
        self.last_worker += 1;
        let worker = WorkerId(self.last_worker);
        info!(%worker, name = introduction.name, threads = introduction.threads, "worker joined");
        let session =
            Session { introduction, outbox, joined_at: SystemTime::now(), numbers: 0, chunks: 0, is_leaving: false };
        self.sessions.insert(worker, session);
        worker
    }

    /// Ends a session. A worker that was neither sent away nor said that it leaves may have crashed: what it computed is
    /// then suspected.
    pub(super) fn close_session(&mut self, worker: WorkerId) {
        if let Some(session) = self.sessions.remove(&worker) {
            let now = self.now();
            let event = if session.is_leaving {
                info!(%worker, name = session.name(), "worker left");
                Event::WorkerLeft { worker }
            } else {
                info!(%worker, name = session.name(), "worker lost");
                Event::WorkerCrashed { worker }
            };
            self.scheduler.handle_event(now, event);
        }
    }

    /// No new lease for a worker, which then leaves.
    pub(super) fn drain(&mut self, worker: WorkerId) -> Result<(), Refusal> {
        let now = self.now();
        self.scheduler.drain(now, worker).map_err(|error| Refusal::NotFound(error.to_string()))?;
        if let Some(session) = self.sessions.get_mut(&worker) {
            session.is_leaving = true;
        }
        self.send(worker, ToWorker::Farewell);
        Ok(())
    }

    pub(super) fn worker_statuses(&self) -> Vec<WorkerStatus> {
        let status = |(&id, session): (&WorkerId, &Session)| {
            let view = self.scheduler.worker(id);
            WorkerStatus {
                id,
                introduction: session.introduction.clone(),
                state: view.as_ref().map_or(WorkerState::Silent, |view| view.state),
                leases: view.as_ref().map_or(0, |view| view.leases as u32),
                leased_chunks: view.as_ref().map_or(0, |view| view.leased_chunks),
                numbers: session.numbers,
                chunks: session.chunks,
                joined_at: session.joined_at,
            }
        };
        self.sessions.iter().map(status).collect()
    }
}
