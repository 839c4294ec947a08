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
    memory::{BLOCK_OVERHEAD, Room},
    part_store::DeletedPart,
    read_ahead::{FetchError, Fetches},
    result_store::Store,
    turn::Turn,
    wanted::Wanted,
};
use crate::ledger::PartRow;

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
    /// A block, and the offset of its first number. Whoever holds the block holds its room, too.
    Block { first: u64, block: Block, room: Arc<Room> },
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
    wanted: Wanted,
    fetches: Fetches,
    turn: Turn,
    /// Since when the store cannot be reached.
    waits_since: Option<Instant>,
}

impl Store {
    /// Reads the blocks of a job that hold these offsets, in order; the first and the last may hold others, too. The
    /// reader has room for each block that it gives, and for so many bytes beside it. `None` if the job is `delivered`
    /// and has its reader.
    pub(crate) fn read(
        self: &Arc<Self>,
        results: Arc<JobResults>,
        offsets: OffsetRun,
        wanted: Wanted,
        working_bytes: usize,
    ) -> Option<BlockReader> {
        results.attach_reader().then(|| BlockReader::new(Arc::clone(self), results, offsets, wanted, working_bytes))
    }
}

impl BlockReader {
    fn new(
        store: Arc<Store>,
        results: Arc<JobResults>,
        offsets: OffsetRun,
        wanted: Wanted,
        working_bytes: usize,
    ) -> Self {
        let changes = results.watch();
        let (next, end) = (offsets.start(), offsets.end());
        let fetches = Fetches::new(Arc::clone(&store.parts), Arc::clone(&results), end);
        let turn = Turn::new(Arc::clone(&store.reader_memory), working_bytes);
        Self { store, results, changes, next, end, wanted, fetches, turn, waits_since: None }
    }

    /// Goes back to an offset of the last block: it is read again, or what has come in its place.
    pub(crate) fn go_back(&mut self, offset: u64) {
        self.next = self.next.min(offset);
        self.fetches.clear();
    }

    /// The room for the bytes beside the blocks. Whoever uses them holds it.
    pub(crate) fn working_room(&self) -> Option<Arc<Room>> {
        self.turn.working()
    }

    /// The next block; waits until it is there. `None` after the last.
    pub(crate) async fn next(&mut self) -> Result<Option<Piece>, ReadError> {
        for part in self.results.delivered(self.next) {
            let freed = self.store.parts.delete(vec![DeletedPart::counted(&part)]).await;
            self.store.free(freed);
        }
        if self.next >= self.end {
            return Ok(None);
        }
        loop {
            self.changes.mark_unchanged();
            let (first, block, room) = match self.results.find(self.next, self.wanted) {
                Found::Memory { first, held } => {
                    let bytes = held.block.bytes().len() + BLOCK_OVERHEAD;
                    let Some(room) = self.turn.go_on().and_then(|mut budget| budget.take(bytes)) else {
                        drop(held);
                        self.wait_for_room(bytes).await;
                        continue;
                    };
                    (first, held.block, Arc::new(room))
                }
                Found::Part { first, part, block } => {
                    let Some((block, room)) = self.read_part(&part, block).await? else { continue };
                    (first, block, room)
                }
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
                    self.wait_for_more().await?;
                    continue;
                }
            };
            self.waits_since = None;
            self.next = first + block.covers().numbers;
            return Ok(Some(Piece::Block { first, block, room }));
        }
    }

    /// A block of a part, and its room. `None` if it was waited for, and is to be looked for again.
    async fn read_part(&mut self, part: &Arc<PartRow>, block: usize) -> Result<Option<(Block, Arc<Room>)>, ReadError> {
        match self.fetches.block(part, block, &mut self.turn).await {
            Ok(read) => return Ok(Some(read)),
            Err(FetchError::NoRoom { bytes }) => self.wait_for_room(bytes).await,
            Err(FetchError::Store(StoreError::Read { path, error })) if error.is_temporary() => {
                self.wait_after(StoreError::Read { path, error }).await?;
            }
            // Its numbers are computed again, and come as if for the first time.
            Err(FetchError::Store(error)) => self.store.drop_lost_part(&self.results, part, block, error).await?,
        }
        Ok(None)
    }

    /// Waits until something has changed: the next block is nowhere yet.
    async fn wait_for_more(&mut self) -> Result<(), ReadError> {
        if self.store.memory.is_short() {
            // Later blocks fill the memory: they must make room for the one that comes next.
            self.store.flush.notify_one();
        }
        self.fetches.clear();
        self.turn.rest();
        self.changes.changed().await.map_err(|_| ReadError::GoingAway)
    }

    /// Waits behind the other readers until there is room. It holds nothing meanwhile.
    async fn wait_for_room(&mut self, bytes: usize) {
        self.fetches.clear();
        self.turn.wait(bytes).await;
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
        self.turn.rest();
        tokio::time::sleep(POLL_INTERVAL).await;
        Ok(())
    }
}

impl Drop for BlockReader {
    fn drop(&mut self) {
        self.results.detach_reader();
    }
}
