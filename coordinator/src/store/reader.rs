//! Reading a job's blocks in order, while they still come.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use swath_block::Block;
use swath_coordinator_core::Ending;
use swath_model::OffsetRun;
use tokio::sync::watch;
use tracing::warn;

use super::{
    error::StoreError,
    job::{Found, JobResults},
    part_store::DeletedPart,
    read_ahead::Fetches,
    result_store::Store,
    wanted::Wanted,
};

/// How often a reader tries again to read a part while its store is away.
const POLL_INTERVAL: Duration = Duration::from_secs(1);
/// For how long it tries.
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
    #[error("{error}; tried for {} seconds", PATIENCE.as_secs())]
    Unreachable {
        /// The last error.
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

/// Gives the blocks of a job in the order of their numbers: from memory as they come, or from parts.
pub(crate) struct BlockReader {
    store: Arc<Store>,
    results: Arc<JobResults>,
    changes: watch::Receiver<u64>,
    next: u64,
    /// The offset behind the last that is wanted.
    end: u64,
    role: Role,
    wanted: Wanted,
    fetches: Fetches,
    /// Since when the store cannot be reached.
    waits_since: Option<Instant>,
}

/// Whether a reader counts as the one reader of a `delivered` job.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Role {
    /// It does: what it has read need not be kept.
    Main,
    /// It reads beside that one.
    Extra,
}

impl Store {
    /// Reads the blocks of a job that hold these offsets, in order; the first and the last may hold others, too. `None`
    /// if the job is `delivered` and has its reader.
    pub(crate) fn read(
        self: &Arc<Self>,
        results: Arc<JobResults>,
        offsets: OffsetRun,
        wanted: Wanted,
    ) -> Option<BlockReader> {
        results.attach_reader().then(|| BlockReader::new(Arc::clone(self), results, offsets, Role::Main, wanted))
    }
}

impl BlockReader {
    /// A reader of the blocks that replace a bad one, beside the one reader of a `delivered` job.
    pub(crate) fn again(store: &Arc<Store>, results: &Arc<JobResults>, offsets: OffsetRun) -> Self {
        Self::new(Arc::clone(store), Arc::clone(results), offsets, Role::Extra, Wanted::Whole)
    }

    fn new(store: Arc<Store>, results: Arc<JobResults>, offsets: OffsetRun, role: Role, wanted: Wanted) -> Self {
        let changes = results.watch();
        let (next, end) = (offsets.start(), offsets.end());
        let fetches = Fetches::new(Arc::clone(&store.parts), Arc::clone(&results), end);
        Self { store, results, changes, next, end, role, wanted, fetches, waits_since: None }
    }

    /// The next block; waits until it is there. `None` after the last.
    pub(crate) async fn next(&mut self) -> Result<Option<Piece>, ReadError> {
        if self.role == Role::Main {
            for part in self.results.delivered(self.next) {
                let freed = self.store.parts.delete(vec![DeletedPart::counted(&part)]).await;
                self.store.free(freed);
            }
        }
        if self.next >= self.end {
            return Ok(None);
        }
        loop {
            self.changes.mark_unchanged();
            let (first, block) = match self.results.find(self.next, self.wanted) {
                Found::Memory { first, held } => (first, held.block),
                Found::Part { first, part, block } => match self.fetches.block(&part, block).await {
                    Ok(block) => (first, block),
                    Err(StoreError::Read { path, error }) if error.is_temporary() => {
                        self.wait_after(StoreError::Read { path, error }).await?;
                        continue;
                    }
                    Err(error) => {
                        // Its numbers are computed again, and come as if for the first time.
                        self.store.drop_lost_part(&self.results, &part, block, error).await?;
                        continue;
                    }
                },
                Found::Missing { end } => {
                    // `end` is greater than `self.next`, which is missing itself.
                    let missing = OffsetRun::new(self.next, end.min(self.end)).unwrap_or(OffsetRun::one(self.next));
                    self.next = missing.end();
                    return Ok(Some(Piece::Missing(missing)));
                }
                Found::Ended(Ending::Broken(reason)) => return Err(ReadError::Broken(reason)),
                Found::Ended(Ending::ShuttingDown) => return Err(ReadError::GoingAway),
                Found::Ended(Ending::Done) => {
                    return Err(ReadError::Broken(
                        "these results were wanted once and have been delivered already".to_owned(),
                    ));
                }
                Found::Nowhere => {
                    if self.store.memory.is_short() {
                        // Later blocks fill the memory: they must make room for the one that comes next.
                        self.store.flush.notify_one();
                    }
                    if self.changes.changed().await.is_err() {
                        return Err(ReadError::GoingAway);
                    }
                    continue;
                }
            };
            self.waits_since = None;
            self.next = first + block.covers().numbers;
            return Ok(Some(Piece::Block { first, block }));
        }
    }

    /// Waits before a part is read again; gives up after a while.
    async fn wait_after(&mut self, error: StoreError) -> Result<(), ReadError> {
        let since = *self.waits_since.get_or_insert_with(|| {
            warn!(job = %self.results.job(), %error, "cannot read results now; a reader waits");
            Instant::now()
        });
        if since.elapsed() > PATIENCE {
            return Err(ReadError::Unreachable { error });
        }
        tokio::time::sleep(POLL_INTERVAL).await;
        Ok(())
    }
}

impl Drop for BlockReader {
    fn drop(&mut self) {
        if self.role == Role::Main {
            self.results.detach_reader();
        }
    }
}
