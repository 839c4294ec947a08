//! Results that turn out to be bad after they were accepted: logged, dropped, and computed again while readers wait.

use std::sync::Arc;

use swath_block::{Block, BlockError};
use swath_model::OffsetRun;
use tracing::warn;

use super::{
    error::StoreError,
    fact::Fact,
    job::{Found, Held, JobResults},
    object_store_error::ObjectStoreErrorKind,
    part::OpenPart,
    part_store::DeletedPart,
    result_store::Store,
    wanted::Wanted,
};
use crate::ledger::{PartRow, Sender};

/// What became of a block that a reader cannot use.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// It is what was computed.
    Good,
    /// It was bad, and is computed again.
    Dropped,
    /// It is not there any more.
    Gone,
}

impl Store {
    /// Checks all of the block with this offset again, and drops it if it is bad. A block of a `delivered` job that its
    /// reader had, with this many numbers, is always dropped.
    pub(crate) async fn recheck(&self, results: &JobResults, offset: u64, numbers: u64) -> Result<Verdict, StoreError> {
        match results.find(offset, Wanted::Partial) {
            Found::Memory { first, held } => match verify(held.block.clone()).await {
                Ok(()) => Ok(Verdict::Good),
                Err(error) => {
                    self.drop_bad_block(results, first, &held, &error.to_string());
                    Ok(Verdict::Dropped)
                }
            },
            Found::Part { part, block, .. } => match self.verify_stored(results, &part, block).await {
                Ok(()) => Ok(Verdict::Good),
                Err(error) => self.drop_lost_part(results, &part, block, error).await.map(|()| Verdict::Dropped),
            },
            Found::Nowhere | Found::Ended(_) => {
                let chunks = results.lose_delivered(offset, numbers);
                if chunks.is_empty() {
                    return Ok(Verdict::Gone);
                }
                warn!(job = %results.job(), offset, numbers, "a reader cannot use a block; it is computed again");
                self.tell(Fact::Lost { job: results.job(), chunks });
                Ok(Verdict::Dropped)
            }
            Found::Missing { .. } => Ok(Verdict::Gone),
        }
    }

    async fn verify_stored(&self, results: &JobResults, part: &Arc<PartRow>, index: usize) -> Result<(), StoreError> {
        let (layout, range) = (results.layout().clone(), results.chunks().range());
        let open = OpenPart::open(&*self.parts, Arc::clone(part), layout, range).await?;
        let (start, columns) = open.columns(&*self.parts, index..index + 1).await?;
        let block = open.block(index, start, &columns)?;
        verify(block).await.map_err(|error| {
            let path = self.parts.name_in_errors(&part.path);
            StoreError::Damaged { path, reason: error.to_string() }
        })
    }

    /// Drops a bad block in memory, and tells the driver.
    pub(super) fn drop_bad_block(&self, results: &JobResults, first: u64, held: &Held, reason: &str) {
        let chunks = results.lose_block(first, &held.block);
        if !chunks.is_empty() {
            warn_of_bad_block(results, first, held.block.covers().numbers, Some(&held.sender), reason);
            self.tell(Fact::Lost { job: results.job(), chunks });
        }
    }

    /// A part could not be read while this block of it was wanted. A part that is lost or damaged is dropped, and the
    /// driver is told. Otherwise the error is returned.
    pub(super) async fn drop_lost_part(
        &self,
        results: &JobResults,
        part: &Arc<PartRow>,
        block: usize,
        error: StoreError,
    ) -> Result<(), StoreError> {
        let is_lost = match &error {
            StoreError::Damaged { .. } => true,
            StoreError::Read { error, .. } if error.kind() == ObjectStoreErrorKind::Missing => true,
            StoreError::Read { .. } => {
                let size = self.parts.size(&part.path).await;
                size.is_ok_and(|size| size != part.bytes)
            }
            _ => false,
        };
        if !is_lost {
            return Err(error);
        }
        // One after the other: the part that comes in its place may have its path.
        let _turn = self.dropping.lock().await;
        if !results.has_part(part) {
            // Another reader found it first.
            return Ok(());
        }
        let path = part.path.clone();
        self.with_ledger(move |ledger| ledger.delete_part(&path)).await?;
        let chunks = results.lose_part(part);
        if let Some(row) = part.blocks.get(block) {
            warn_of_bad_block(results, row.first, row.numbers, part.sender(block), &error.to_string());
        }
        self.config.metrics.part_lost();
        let freed = self.parts.delete(vec![DeletedPart::counted(part)]).await;
        self.free(freed);
        self.tell(Fact::Lost { job: results.job(), chunks });
        Ok(())
    }
}

/// Verifies a block on a thread that may take its time.
async fn verify(block: Block) -> Result<(), BlockError> {
    let verified = tokio::task::spawn_blocking(move || block.verify()).await;
    verified.unwrap_or_else(|error| Err(BlockError::Decode(error.to_string())))
}

/// Names a bad block, and the worker that computed it. That is not to blame: what it sent had the right digest when it
/// came, and when it was written.
fn warn_of_bad_block(results: &JobResults, first: u64, rows: u64, sender: Option<&Sender>, reason: &str) {
    let range = results.chunks().range();
    let number = |offset: u64| range.at(offset).unwrap_or_default();
    let numbers = OffsetRun::new(first, first.saturating_add(rows));
    let numbers = numbers.map(|run| format!("{}..={}", number(run.start()), number(run.end() - 1))).unwrap_or_default();
    let (worker, computed_by) = sender.map(|sender| (sender.worker, sender.name.as_str())).unzip();
    warn!(
        job = %results.job(), numbers, computed_by, worker, reason,
        "a block that was right when it came turned out to be bad, in the memory or the store of this coordinator; its \
         numbers are computed again"
    );
}
