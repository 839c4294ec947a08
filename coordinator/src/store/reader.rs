//! Reading a job's blocks in order, while they still come.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use swath_block::Block;
use swath_model::OffsetRun;
use tokio::sync::watch;
use tracing::warn;

use super::{
    JobResults, Store, StoreError,
    ahead::Ahead,
    job::{Ending, Found},
};

/// A reader waits for a store that cannot be reached, and looks again this often.
const LOOK: Duration = Duration::from_secs(1);
const PATIENCE: Duration = Duration::from_secs(300);

/// Why no more blocks can be read.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ReadError {
    /// The job ended before its results were whole.
    #[error("{0}")]
    Broken(String),
    /// The coordinator stops.
    #[error("the coordinator is shutting down")]
    GoingAway,
    /// A part cannot be read for now.
    #[error("{error}; it was tried for {} seconds", PATIENCE.as_secs())]
    Unreachable {
        /// What the store said last.
        error: StoreError,
    },
    /// A part cannot be read.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// What comes next of a job's results. Offsets are positions of numbers in the range.
#[derive(Debug)]
pub(crate) enum Piece {
    /// A block, and the offset of its first number.
    Block { first: u64, block: Block },
    /// There are no results of these offsets.
    Missing(OffsetRun),
}

/// Gives the blocks of a job in the order of the number: from memory as they come, from the store what was missed.
pub(crate) struct BlockReader {
    store: Arc<Store>,
    results: Arc<JobResults>,
    changes: watch::Receiver<u64>,
    next: u64,
    /// It counts as the one reader of a `delivered` job.
    is_attached: bool,
    /// What of a job that broke is missing is passed over.
    partial: bool,
    ahead: Ahead,
    /// Since when the store cannot be reached.
    waits_since: Option<Instant>,
}

impl BlockReader {
    /// A reader of what comes again in the place of a bad block, beside the one reader of a `delivered` job.
    pub(crate) fn again(store: &Arc<Store>, results: &Arc<JobResults>, first: u64) -> Self {
        let mut reader = Self::new(Arc::clone(store), Arc::clone(results), first, false);
        reader.is_attached = false;
        reader
    }

    pub(super) fn new(store: Arc<Store>, results: Arc<JobResults>, first: u64, partial: bool) -> Self {
        let changes = results.watch();
        let ahead = Ahead::new(Arc::clone(&store.objects), Arc::clone(&results));
        Self { store, results, changes, next: first, is_attached: true, partial, ahead, waits_since: None }
    }

    /// The next block; waits until it is there. `None` after the last.
    pub(crate) async fn next(&mut self) -> Result<Option<Piece>, ReadError> {
        let delivered = if self.is_attached { self.results.delivered(self.next) } else { Vec::new() };
        for part in delivered {
            // What cannot be deleted goes when the job is forgotten, with its folder.
            let _ = self.store.delete_part(&part).await;
        }
        if self.next >= self.results.chunks().range().count() {
            return Ok(None);
        }
        loop {
            self.changes.mark_unchanged();
            let (first, block) = match self.results.find(self.next, self.partial) {
                Found::Memory { first, held } => (first, held.block),
                Found::Part { first, part, block } => match self.ahead.block(&part, block).await {
                    Ok(block) => (first, block),
                    Err(StoreError::Read { path, error }) if error.may_pass() => {
                        self.wait_after(StoreError::Read { path, error }).await?;
                        continue;
                    }
                    Err(error) => {
                        // Its numbers are computed again, and come as if for the first time.
                        self.store.spoil(&self.results, &part, block, error).await?;
                        continue;
                    }
                },
                Found::Missing { end } => {
                    // It ends behind where it begins: the offset itself is missing.
                    let missing = OffsetRun::new(self.next, end).unwrap_or(OffsetRun::one(self.next));
                    self.next = missing.end();
                    return Ok(Some(Piece::Missing(missing)));
                }
                Found::Ended(Ending::Broken(reason)) => return Err(ReadError::Broken(reason)),
                Found::Ended(Ending::GoingAway) => return Err(ReadError::GoingAway),
                Found::Ended(Ending::Done) => {
                    return Err(ReadError::Broken(
                        "these results were wanted once and have been delivered already".to_owned(),
                    ));
                }
                Found::Nowhere => {
                    if self.store.memory.is_short() {
                        // What comes later fills the memory: it must make room for what comes next.
                        self.store.flush.notify_one();
                    }
                    if self.changes.changed().await.is_err() {
                        return Err(ReadError::GoingAway);
                    }
                    continue;
                }
            };
            self.waits_since = None;
            self.next = first + block.rows() as u64;
            return Ok(Some(Piece::Block { first, block }));
        }
    }

    /// Waits before a part is read again; gives up after a while.
    async fn wait_after(&mut self, error: StoreError) -> Result<(), ReadError> {
        let since = *self.waits_since.get_or_insert_with(|| {
            warn!(job = %self.results.job(), %error, "results cannot be read; a reader waits");
            Instant::now()
        });
        if since.elapsed() > PATIENCE {
            return Err(ReadError::Unreachable { error });
        }
        tokio::time::sleep(LOOK).await;
        Ok(())
    }
}

impl Drop for BlockReader {
    fn drop(&mut self) {
        if self.is_attached {
            self.results.detach_reader();
        }
    }
}
