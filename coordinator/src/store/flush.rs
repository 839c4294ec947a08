//! Making parts of blocks.

use std::{sync::Arc, time::Duration};

use object_store::path::Path;
use swath_model::ResultMode;
use tokio_util::sync::CancellationToken;
use tracing::{debug, warn};

use super::{
    Fact, JobResults, Store, StoreError,
    job::{Ending, Held, Pressure},
    part,
};
use crate::ledger::{Inserted, PartRow};

/// How often the age of what waits is looked at, and a failed part tried again.
const LOOK: Duration = Duration::from_millis(500);

/// When the coordinator stops, what is left is written for no longer than this; the rest is computed again by the next one.
const LAST_TIME: Duration = Duration::from_secs(20);

impl Store {
    /// Writes parts as they become due, until `stop`; then writes what is left, and readers that wait are told.
    pub(crate) async fn drive_flushes(self: Arc<Self>, stop: CancellationToken) {
        tokio::join!(self.flush_until(&stop), self.settle_doubts(&stop));
        for results in self.lock_jobs().values() {
            results.end(Ending::GoingAway);
        }
    }

    async fn flush_until(&self, stop: &CancellationToken) {
        loop {
            tokio::select! {
                () = self.flush.notified() => {}
                () = self.memory.wanted() => {}
                () = tokio::time::sleep(LOOK) => {}
                () = stop.cancelled() => break,
            }
            tokio::select! {
                () = self.flush_due(false) => {}
                // A store that does not answer holds nobody up for long.
                () = async { stop.cancelled().await; tokio::time::sleep(LAST_TIME).await } => return,
            }
        }
        if tokio::time::timeout(LAST_TIME, self.flush_due(true)).await.is_err() {
            warn!("not all results could be written in time; what is missing will be computed again");
        }
    }

    /// Writes what is due, a part of each job in turn; all that is kept if it is the last time.
    async fn flush_due(&self, last_time: bool) {
        let jobs: Vec<Arc<JobResults>> = self.lock_jobs().values().cloned().collect();
        let mut wrote = true;
        while wrote {
            wrote = false;
            for results in &jobs {
                let pressure = match (last_time, self.memory.is_short()) {
                    (true, _) => Pressure::LastTime,
                    (false, true) => Pressure::MemoryIsShort,
                    (false, false) => Pressure::None,
                };
                let blocks = results.take_for_part(&self.config, pressure);
                if !blocks.is_empty() {
                    wrote |= self.write_part(results, blocks).await;
                } else if results.part_is_fine() {
                    self.tell(Fact::Resumed { job: results.job() });
                }
                if results.is_written_out() {
                    self.tell(Fact::Closed { job: results.job(), lost: None });
                }
                self.look_at_window(results);
            }
        }
    }

    /// A reader that does not keep up holds its job back before it fills the disk.
    fn look_at_window(&self, results: &JobResults) {
        let job = results.job();
        match results.window_changed(self.config.window_bytes) {
            Some(true) => self.tell(Fact::Paused { job, reason: "its reader does not keep up".to_owned() }),
            Some(false) => self.tell(Fact::Resumed { job }),
            None => {}
        }
    }

    /// True if the part is durable.
    async fn write_part(&self, results: &JobResults, blocks: Vec<(u64, Held)>) -> bool {
        let job = results.job();
        let path = self.part_path(job, blocks[0].0);
        let part = match self.write_and_note(results, &path, blocks.clone()).await {
            Ok(Some(part)) => part,
            Ok(None) => return false,
            Err(StoreError::BlockDamaged { first, reason }) => {
                if let Some((_, held)) = blocks.iter().find(|(offset, _)| *offset == first) {
                    self.spoil_block(results, first, held, &reason);
                }
                return false;
            }
            Err(error) => {
                if let Some(numbers) = results.give_up() {
                    // Who ended the job does not wait for the disk to have room again.
                    let lost = format!("{numbers} numbers that were delivered are lost: {error}");
                    self.tell(Fact::Closed { job, lost: Some(lost) });
                } else if results.part_failed() {
                    warn!(%job, %error, "results could not be written and wait in memory");
                    self.tell(Fact::Paused { job, reason: error.to_string() });
                }
                return false;
            }
        };
        debug!(%job, path = part.path, bytes = part.bytes, blocks = part.blocks.len(), "part is durable");
        self.disk.add(part.bytes);
        let Some(committed) = results.part_is_durable(part.clone()) else {
            // The job was forgotten meanwhile, or its results dropped.
            let name = path.to_string();
            let _ = self.with_ledger(move |ledger| ledger.delete_part(&name)).await;
            self.delete_unwanted(&part).await;
            return false;
        };
        for chunks in committed {
            self.tell(Fact::Committed { job, chunks });
        }
        if results.part_is_fine() {
            self.tell(Fact::Resumed { job });
        }
        true
    }

    /// Writes a part, then its row in the ledger. The ledger has no rows for what is wanted only once. `None`: the job was
    /// forgotten meanwhile, or its results dropped, and the part is deleted again.
    async fn write_and_note(
        &self,
        results: &JobResults,
        path: &Path,
        blocks: Vec<(u64, Held)>,
    ) -> Result<Option<PartRow>, StoreError> {
        let job = results.job();
        self.disk.check(blocks.iter().map(|(_, held)| held.block.bytes().len() as u64).sum())?;
        let written = part::write(&self.objects, path, results.value_type(), blocks).await;
        if written.is_err() && self.objects.is_remote() {
            self.doubts.uncertain(path.as_ref());
        }
        let part = written?;
        if results.retention() == ResultMode::Stored {
            let row = part.clone();
            match self.with_ledger(move |ledger| ledger.insert_part(job, &row)).await {
                Ok(Inserted::Inserted) => {}
                Ok(Inserted::JobGone) => {
                    self.delete_unwanted(&PartRow { bytes: 0, ..part }).await;
                    return Ok(None);
                }
                Err(error) => {
                    // The part that comes in its place may have another name, and its rows must not be there twice.
                    let _ = self.delete_part(&PartRow { bytes: 0, ..part }).await;
                    return Err(error.into());
                }
            }
        }
        Ok(Some(part))
    }

    pub(super) fn tell(&self, fact: Fact) {
        // The driver outlives the store but for the last moments of a shutdown, when nobody needs the fact.
        let _ = self.facts.send(fact);
    }
}
