//! The loop around the core: the only clock, the only owner of its state.
//!
//! Services talk to it through [`DriverHandle`], the store with facts; both become inputs of the
//! [core](swath_coordinator_core::Core). What the core decides comes out as effects, which are carried out at once or
//! handed to whoever can wait for them. Nothing here waits for a disk, and blocks of results never pass through.

mod effects;
mod handle;
mod log;

use std::{
    collections::BTreeMap,
    sync::Arc,
    time::{Duration, Instant, SystemTime},
};

use swath_coordinator_core::{Config, Core, Inherited, Now, RecoveredJob, Reply, RequestId, Results};
use swath_model::{ChunkSet, JobId, JobStatus, OffsetSet, WorkerId};
use swath_scheduler::Event;
use tokio::sync::{mpsc, watch};
use tokio_util::sync::CancellationToken;
use tracing::{debug, warn};

use self::effects::{Outbox, Waiting};
pub(crate) use self::handle::{DriverHandle, Refused, Request};
use crate::store::{Fact, Store};

/// How long the last changes may take to be written after a stop.
const LAST_TIME: Duration = Duration::from_secs(20);

/// The driver checks at least this often whether the clients that wait for an answer are still there.
const LOOK_FOR_CLIENTS: Duration = Duration::from_secs(1);

/// Requests taken at once.
const BATCH: usize = 256;

/// Drives the core of one coordinator.
pub(crate) struct Driver {
    core: Core<StoredResults>,
    origin: Instant,
    store: Arc<Store>,
    /// Where the messages of each session go.
    outboxes: BTreeMap<WorkerId, Outbox>,
    /// Who waits for the answer to a request.
    waiting: BTreeMap<RequestId, Waiting>,
    last_request: u64,
    look_for_clients_at: Instant,
    /// Who watches a job.
    watchers: BTreeMap<JobId, watch::Sender<JobStatus>>,
    /// Sessions whose worker does not read its messages.
    stuck: Vec<WorkerId>,
}

/// What the core may look up of the results in the store.
#[derive(Debug)]
struct StoredResults(Arc<Store>);

impl Results for StoredResults {
    fn committed_chunks(&self, job: JobId) -> ChunkSet {
        self.0.job(job).map(|results| results.committed_chunks()).unwrap_or_default()
    }

    fn missing(&self, job: JobId, chunks: &ChunkSet, offsets: &OffsetSet) -> OffsetSet {
        self.0.job(job).map(|results| results.missing(chunks, offsets)).unwrap_or_default()
    }

    fn bytes(&self, job: JobId) -> u64 {
        self.0.job(job).map_or(0, |results| results.result_bytes())
    }

    fn location(&self, job: JobId) -> String {
        self.0.location(job)
    }
}

impl Driver {
    /// A driver of a coordinator that starts with these jobs.
    pub(crate) fn new(config: Config, inherited: Inherited, store: Arc<Store>, recovered: Vec<RecoveredJob>) -> Self {
        let origin = Instant::now();
        let results = StoredResults(Arc::clone(&store));
        let mut driver = Self {
            core: Core::new(config, inherited, now(origin), results),
            origin,
            store,
            outboxes: BTreeMap::new(),
            waiting: BTreeMap::new(),
            last_request: 0,
            look_for_clients_at: origin,
            watchers: BTreeMap::new(),
            stuck: Vec::new(),
        };
        for job in recovered {
            driver.core.recover(now(origin), job);
            driver.carry_out_effects();
        }
        driver
    }

    /// Runs until `stop`. Then the sessions end, and the workers try to reach the next coordinator.
    pub(crate) async fn drive(
        mut self,
        mut requests: mpsc::Receiver<Request>,
        mut facts: mpsc::UnboundedReceiver<Fact>,
        stop: CancellationToken,
    ) {
        let mut batch = Vec::with_capacity(BATCH);
        loop {
            let timeout = self.next_timeout();
            tokio::select! {
                // In this order: a stop comes first, and rare events must not wait for frequent ones.
                biased;
                () = stop.cancelled() => break,
                () = sleep_until(timeout) => {
                    self.core.handle_timeout(self.now());
                    self.forget_who_went_away();
                }
                Some(fact) = facts.recv() => self.handle_fact(fact),
                taken = requests.recv_many(&mut batch, BATCH) => {
                    if taken == 0 {
                        break;
                    }
                    for request in batch.drain(..) {
                        self.handle_request(request);
                        self.carry_out_effects();
                    }
                }
            }
            self.carry_out_effects();
        }
        if tokio::time::timeout(LAST_TIME, self.finish(&mut facts)).await.is_err() {
            warn!("not all changes of jobs could be written in time");
        }
    }

    fn next_timeout(&self) -> Option<Instant> {
        let core = self.core.poll_timeout().map(|at| self.origin + Duration::from_nanos(at.as_nanos()));
        // Clients may go away while the disk hangs and nothing else happens.
        let waiting = (!self.waiting.is_empty()).then_some(self.look_for_clients_at);
        core.into_iter().chain(waiting).min()
    }

    /// After the loop: waits until every decision is written and answered.
    async fn finish(&mut self, facts: &mut mpsc::UnboundedReceiver<Fact>) {
        self.core.shut_down(self.now());
        self.carry_out_effects();
        while !self.core.is_settled() {
            match facts.recv().await {
                Some(fact @ (Fact::Persisted { .. } | Fact::Closed { .. })) => self.handle_fact(fact),
                Some(_) => {}
                None => return,
            }
            self.carry_out_effects();
        }
    }

    fn now(&self) -> Now {
        now(self.origin)
    }

    fn handle_request(&mut self, request: Request) {
        let now = self.now();
        match request {
            Request::Submit { submit, reply } => {
                let request = self.wait(Waiting::Job(reply));
                self.core.submit(now, request, submit);
            }
            Request::Cancel { id, after, reply } => {
                let request = self.wait(Waiting::Job(reply));
                self.core.cancel(now, request, id, after);
            }
            Request::Forget { id, reply } => {
                let request = self.wait(Waiting::Forgotten(reply));
                self.core.forget(now, request, id);
            }
            Request::Job { id, reply } => drop(reply.send(self.core.job(id))),
            Request::Jobs { reply } => drop(reply.send(self.core.jobs())),
            Request::Watch { id, reply } => {
                let status = self.core.watch(now, id);
                drop(reply.send(status.map(|status| self.watcher(id, status))));
            }
            Request::FailedChunks { id, reply } => drop(reply.send(self.core.failed_chunks(id))),
            Request::Workers { reply } => drop(reply.send(self.core.workers())),
            Request::Drain { worker, reply } => drop(reply.send(self.core.drain(now, worker))),
            Request::Join { join, outbox, reply } => {
                let name = join.info.name.clone();
                let joined = self.core.join(now, join);
                if let Ok(joined) = &joined {
                    self.outboxes.insert(joined.worker, Outbox::new(joined.worker, name, outbox));
                }
                if let Err(Ok(joined)) = reply.send(joined) {
                    // The worker has gone away meanwhile.
                    self.core.handle_disconnected(now, joined.worker);
                }
            }
            Request::Heartbeat { worker, received } => self.core.handle_heartbeat(now, worker, received),
            Request::Said { event } => {
                if let Event::ChunkFailed { worker, chunk, number, reason, .. } = &event {
                    debug!(%worker, chunk, number, reason, "chunk failed");
                }
                self.core.handle_event(now, event);
            }
            Request::Left { worker } => self.core.handle_disconnected(now, worker),
            Request::Fence { claim, reply } => {
                let worker = self.core.fence(now, &claim);
                drop(reply.send(worker.and_then(|worker| Some(self.outboxes.get(&worker)?.sender()))));
            }
            Request::Accepted(block) => self.core.handle_accepted(now, block),
            Request::Refused(block) => self.core.handle_refused(now, block),
            Request::Ping { reply } => drop(reply.send(())),
        }
    }

    fn handle_fact(&mut self, fact: Fact) {
        let now = self.now();
        match fact {
            Fact::Committed { job, chunks } => self.core.handle_committed(now, job, chunks),
            Fact::Paused { job, reason } => self.core.handle_paused(now, job, reason),
            Fact::Resumed { job } => self.core.handle_resumed(now, job),
            Fact::Lost { job, chunks } => self.core.handle_lost(now, job, &chunks),
            Fact::Closed { job, lost } => {
                if let Some(lost) = lost {
                    warn!(id = %job, "{lost}");
                }
                self.core.handle_closed(now, job);
            }
            Fact::Persisted { written } => self.core.handle_persisted(now, written),
        }
    }

    /// Names a request that is answered later.
    fn wait(&mut self, waiting: Waiting) -> RequestId {
        self.last_request += 1;
        let request = RequestId(self.last_request);
        self.waiting.insert(request, waiting);
        request
    }

    fn answer(&mut self, reply: Reply) {
        match self.waiting.remove(&reply.request) {
            Some(waiting) => waiting.answer(reply.answer),
            None => debug!(request = reply.request.0, "nobody waits for an answer"),
        }
    }

    /// A receiver of the changes of a job; `status` is its status now.
    fn watcher(&mut self, id: JobId, status: JobStatus) -> watch::Receiver<JobStatus> {
        match self.watchers.get(&id) {
            Some(sender) => {
                sender.send_replace(status);
                sender.subscribe()
            }
            None => {
                let (sender, receiver) = watch::channel(status);
                self.watchers.insert(id, sender);
                receiver
            }
        }
    }

    /// Drops the requests and watches of clients that went away.
    fn forget_who_went_away(&mut self) {
        self.look_for_clients_at = Instant::now() + LOOK_FOR_CLIENTS;
        let core = &mut self.core;
        self.waiting.retain(|&request, waiting| {
            let is_gone = waiting.is_gone();
            if is_gone {
                core.handle_client_gone(request);
            }
            !is_gone
        });
        self.watchers.retain(|&job, watcher| {
            let is_watched = watcher.receiver_count() > 0;
            if !is_watched {
                core.unwatch(job);
            }
            is_watched
        });
    }
}

fn now(origin: Instant) -> Now {
    let elapsed = u64::try_from(origin.elapsed().as_nanos()).unwrap_or(u64::MAX);
    Now { instant: swath_model::Instant::from_nanos(elapsed), time_of_day: SystemTime::now() }
}

async fn sleep_until(at: Option<Instant>) {
    match at {
        Some(at) => tokio::time::sleep_until(at.into()).await,
        None => std::future::pending().await,
    }
}
