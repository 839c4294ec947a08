//! Making parts of blocks.

use std::{
    collections::BTreeSet,
    sync::Arc,
    time::{Duration, Instant},
};

use futures::{
    FutureExt, StreamExt,
    future::BoxFuture,
    stream::{self, FuturesUnordered},
};
use swath_coordinator_core::Ending;
use swath_model::{JobId, ResultMode};
use tokio::time::MissedTickBehavior;
use tokio_util::sync::CancellationToken;
use tracing::{debug, warn};

use super::{
    error::StoreError,
    fact::Fact,
    job::{Held, JobResults, Pressure},
    part,
    part_store::DeletedPart,
    result_store::Store,
};
use crate::ledger::{Inserted, PartRow};

/// How often the store looks whether blocks have waited long enough, and tries again to write a part.
const POLL_INTERVAL: Duration = Duration::from_millis(500);

/// How often the store tries again to delete parts.
const RETRY_DELETES: Duration = Duration::from_secs(2);

/// When the coordinator stops, writing what is left takes no longer than this. The next one computes the rest again.
const LAST_TIME: Duration = Duration::from_secs(20);

/// Parts that are written at once, each of another job: a small job does not wait for the large part of another.
const PARTS_AT_ONCE: usize = 16;

/// The parts that are being written.
#[derive(Default)]
struct Writes<'store> {
    under_way: FuturesUnordered<BoxFuture<'store, (JobId, Outcome)>>,
    /// Their jobs: of each, one part at a time.
    busy: BTreeSet<JobId>,
    /// Jobs whose last part came to nothing. They are tried again a moment later.
    resting: BTreeSet<JobId>,
    /// The job whose part was begun last: the next one has the next turn.
    last: Option<JobId>,
}

impl Writes<'_> {
    fn end(&mut self, job: JobId, outcome: Outcome) {
        self.busy.remove(&job);
        if outcome == Outcome::Failed {
            self.resting.insert(job);
        }
    }
}

/// What became of a part.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Outcome {
    /// It is durable.
    Written,
    /// It is not there: it could not be written, or is not wanted any more.
    Failed,
}

impl Store {
    /// Writes parts as they become due, until `stop`. Then writes what is left, and tells readers that wait.
    pub(crate) async fn drive_flushes(self: Arc<Self>, stop: CancellationToken) {
        tokio::join!(self.flush_until(&stop), self.delete_until(&stop));
        for results in self.jobs() {
            results.end(Ending::ShuttingDown);
        }
    }

    async fn flush_until(&self, stop: &CancellationToken) {
        let mut writes = Writes::default();
        let mut poll = tokio::time::interval(POLL_INTERVAL);
        poll.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                () = self.flush.notified() => writes.resting.clear(),
                () = self.memory.wanted() => writes.resting.clear(),
                _ = poll.tick() => writes.resting.clear(),
                Some((job, outcome)) = writes.under_way.next() => writes.end(job, outcome),
                () = stop.cancelled() => break,
            }
            self.begin_due(&mut writes);
        }
        let last = async {
            while writes.under_way.next().await.is_some() {}
            self.flush_all().await;
        };
        // A store that does not answer must not delay the shutdown for long.
        if tokio::time::timeout(LAST_TIME, last).await.is_err() {
            warn!("not all results could be written in time; the rest is computed again");
        }
    }

    /// Begins to write what is due, a part of each job in turn.
    fn begin_due<'store>(&'store self, writes: &mut Writes<'store>) {
        let jobs = self.jobs();
        let (before, after) = jobs.split_at(jobs.partition_point(|job| Some(job.job()) <= writes.last));
        for results in after.iter().chain(before) {
            if writes.busy.len() == PARTS_AT_ONCE {
                return;
            }
            let job = results.job();
            if writes.busy.contains(&job) || writes.resting.contains(&job) {
                continue;
            }
            let pressure = if self.memory.is_short() { Pressure::MemoryIsShort } else { Pressure::None };
            let blocks = results.take_for_part(&self.config, pressure);
            if blocks.is_empty() {
                self.handle_nothing_due(results);
                continue;
            }
            writes.busy.insert(job);
            writes.last = Some(job);
            let results = Arc::clone(results);
            writes.under_way.push(async move { (job, self.write_part(&results, blocks).await) }.boxed());
        }
    }

    /// Writes all that is there: the coordinator stops.
    async fn flush_all(&self) {
        let all = stream::iter(self.jobs()).for_each_concurrent(PARTS_AT_ONCE, |results| async move {
            loop {
                let blocks = results.take_for_part(&self.config, Pressure::LastTime);
                if blocks.is_empty() {
                    return self.handle_nothing_due(&results);
                }
                if self.write_part(&results, blocks).await == Outcome::Failed {
                    return;
                }
            }
        });
        all.await;
    }

    /// Deletes parts that could not be deleted before, again and again, until `stop`.
    async fn delete_until(&self, stop: &CancellationToken) {
        loop {
            tokio::select! {
                () = tokio::time::sleep(RETRY_DELETES) => {}
                () = stop.cancelled() => return,
            }
            let freed = tokio::select! {
                freed = self.parts.retry_deletes() => freed,
                () = stop.cancelled() => return,
            };
            if freed > 0 {
                self.free(freed);
                self.flush.notify_one();
            }
        }
    }

    /// No part of a job is due.
    fn handle_nothing_due(&self, results: &JobResults) {
        if results.part_is_fine() {
            self.tell_pause(results);
        }
        self.check_end_and_window(results);
    }

    fn check_end_and_window(&self, results: &JobResults) {
        if results.is_written_out() {
            self.tell(Fact::Closed { job: results.job(), lost: None });
        }
        self.check_window(results);
    }

    /// Pauses a job whose reader does not keep up, before its parts fill the disk.
    fn check_window(&self, results: &JobResults) {
        if results.window_changed(self.config.window_bytes) {
            self.tell_pause(results);
        }
    }

    /// A job goes on when no cause to pause it is left.
    fn tell_pause(&self, results: &JobResults) {
        let job = results.job();
        self.tell(match results.pause() {
            Some(reason) => Fact::Paused { job, reason },
            None => Fact::Resumed { job },
        });
    }

    async fn write_part(&self, results: &JobResults, blocks: Vec<(u64, Held)>) -> Outcome {
        let outcome = self.try_to_write_part(results, blocks).await;
        self.check_end_and_window(results);
        outcome
    }

    async fn try_to_write_part(&self, results: &JobResults, blocks: Vec<(u64, Held)>) -> Outcome {
        let job = results.job();
        let began = Instant::now();
        let part = match self.write_and_insert(results, blocks.clone()).await {
            Ok(Some(part)) => part,
            Ok(None) => return Outcome::Failed,
            Err(error) => {
                self.config.metrics.part_failed();
                self.handle_failed_part(results, &blocks, &error);
                return Outcome::Failed;
            }
        };
        debug!(%job, path = part.path, bytes = part.bytes, blocks = part.blocks.len(), "part is durable");
        self.config.metrics.part_written(part.bytes, part.blocks.len(), began.elapsed());
        let Some(committed) = results.part_is_durable(part.clone()) else {
            // Meanwhile the job was forgotten, its results dropped, or a block of the part turned out to be bad.
            let path = part.path.clone();
            let _ = self.with_ledger(move |ledger| ledger.delete_part(&path)).await;
            let freed = self.parts.delete(vec![DeletedPart::counted(&part)]).await;
            self.free(freed);
            return Outcome::Failed;
        };
        for chunks in committed {
            self.tell(Fact::Committed { job, chunks });
        }
        if results.part_is_fine() {
            self.tell_pause(results);
        }
        Outcome::Written
    }

    fn handle_failed_part(&self, results: &JobResults, blocks: &[(u64, Held)], error: &StoreError) {
        let job = results.job();
        if let StoreError::BlockDamaged { first, reason } = error {
            if let Some((_, held)) = blocks.iter().find(|(offset, _)| offset == first) {
                self.drop_bad_block(results, *first, held, reason);
            }
        } else if let Some(numbers) = results.give_up() {
            // Who ended the job does not wait for the disk to have room again.
            let lost = format!("{numbers} numbers that were delivered are lost: {error}");
            self.tell(Fact::Closed { job, lost: Some(lost) });
        } else if results.part_failed(error.to_string()) {
            warn!(%job, %error, "cannot write results now; they wait in memory");
            self.tell_pause(results);
        }
    }

    /// Writes a part, then its row in the ledger; of a `delivered` job the ledger has no rows. Then it counts as used
    /// room. `None` if the job was forgotten meanwhile, or its results dropped: the part is deleted again.
    async fn write_and_insert(
        &self,
        results: &JobResults,
        blocks: Vec<(u64, Held)>,
    ) -> Result<Option<PartRow>, StoreError> {
        let job = results.job();
        let Some(&(first, _)) = blocks.first() else { return Ok(None) };
        // Other parts are written at the same time.
        let room = self.disk.reserve(blocks.iter().map(|(_, held)| held.block.bytes().len() as u64).sum())?;
        let path = self.parts.part_path(job, first);
        let part = part::write(&*self.parts, &path, results, blocks).await?;
        if results.mode() == ResultMode::Delivered {
            room.take(part.bytes);
            return Ok(Some(part));
        }
        let inserted = self.insert_part(job, part.clone()).await;
        if !matches!(inserted, Ok(Inserted::Inserted)) {
            // Also after an error: the part that comes in its place may have another path, and the same numbers.
            let freed = self.parts.delete(vec![DeletedPart::uncounted(&part)]).await;
            self.free(freed);
        }
        Ok(match inserted? {
            Inserted::Inserted => {
                room.take(part.bytes);
                Some(part)
            }
            Inserted::JobGone => None,
        })
    }

    async fn insert_part(&self, job: JobId, part: PartRow) -> Result<Inserted, StoreError> {
        let began = Instant::now();
        let inserted = self.with_ledger(move |ledger| ledger.insert_part(job, &part)).await;
        self.config.metrics.ledger_written(1, usize::from(inserted.is_err()), began.elapsed());
        Ok(inserted?)
    }
}
