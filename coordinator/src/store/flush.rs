//! Making parts of blocks.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use swath_coordinator_core::Ending;
use swath_model::{JobId, ResultMode};
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

/// Which parts are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Pass {
    /// Those that are due.
    Regular,
    /// All: the coordinator stops.
    Last,
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
        loop {
            tokio::select! {
                () = self.flush.notified() => {}
                () = self.memory.wanted() => {}
                () = tokio::time::sleep(POLL_INTERVAL) => {}
                () = stop.cancelled() => break,
            }
            tokio::select! {
                () = self.flush_due(Pass::Regular) => {}
                // A store that does not answer must not delay the shutdown for long.
                () = async { stop.cancelled().await; tokio::time::sleep(LAST_TIME).await } => return,
            }
        }
        if tokio::time::timeout(LAST_TIME, self.flush_due(Pass::Last)).await.is_err() {
            warn!("not all results could be written in time; the rest is computed again");
        }
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

    /// Writes what is due, a part of each job in turn.
    async fn flush_due(&self, pass: Pass) {
        let jobs = self.jobs();
        let mut wrote = true;
        while wrote {
            wrote = false;
            for results in &jobs {
                let pressure = match pass {
                    Pass::Last => Pressure::LastTime,
                    Pass::Regular if self.memory.is_short() => Pressure::MemoryIsShort,
                    Pass::Regular => Pressure::None,
                };
                let blocks = results.take_for_part(&self.config, pressure);
                if !blocks.is_empty() {
                    wrote |= self.write_part(results, blocks).await;
                } else if results.part_is_fine() {
                    self.tell_pause(results);
                }
                if results.is_written_out() {
                    self.tell(Fact::Closed { job: results.job(), lost: None });
                }
                self.check_window(results);
            }
        }
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

    /// True if the part is durable.
    async fn write_part(&self, results: &JobResults, blocks: Vec<(u64, Held)>) -> bool {
        let job = results.job();
        let began = Instant::now();
        let part = match self.write_and_insert(results, blocks.clone()).await {
            Ok(Some(part)) => part,
            Ok(None) => return false,
            Err(error) => {
                self.config.metrics.part_failed();
                self.handle_failed_part(results, &blocks, &error);
                return false;
            }
        };
        debug!(%job, path = part.path, bytes = part.bytes, blocks = part.blocks.len(), "part is durable");
        self.disk.add(part.bytes);
        self.config.metrics.part_written(part.bytes, part.blocks.len(), began.elapsed());
        let Some(committed) = results.part_is_durable(part.clone()) else {
            // Meanwhile the job was forgotten, its results dropped, or a block of the part turned out to be bad.
            let path = part.path.clone();
            let _ = self.with_ledger(move |ledger| ledger.delete_part(&path)).await;
            let freed = self.parts.delete(vec![DeletedPart::counted(&part)]).await;
            self.free(freed);
            return false;
        };
        for chunks in committed {
            self.tell(Fact::Committed { job, chunks });
        }
        if results.part_is_fine() {
            self.tell_pause(results);
        }
        true
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

    /// Writes a part, then its row in the ledger; of a `delivered` job the ledger has no rows. `None` if the job was
    /// forgotten meanwhile, or its results dropped: the part is deleted again.
    async fn write_and_insert(
        &self,
        results: &JobResults,
        blocks: Vec<(u64, Held)>,
    ) -> Result<Option<PartRow>, StoreError> {
        let job = results.job();
        let Some(&(first, _)) = blocks.first() else { return Ok(None) };
        self.disk.check(blocks.iter().map(|(_, held)| held.block.bytes().len() as u64).sum())?;
        let path = self.parts.part_path(job, first);
        let part = part::write(&*self.parts, &path, results, blocks).await?;
        if results.mode() == ResultMode::Delivered {
            return Ok(Some(part));
        }
        let inserted = self.insert_part(job, part.clone()).await;
        if !matches!(inserted, Ok(Inserted::Inserted)) {
            // Also after an error: the part that comes in its place may have another path, and the same numbers.
            let freed = self.parts.delete(vec![DeletedPart::uncounted(&part)]).await;
            self.free(freed);
        }
        Ok(match inserted? {
            Inserted::Inserted => Some(part),
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
