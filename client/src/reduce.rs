//! The result of a job with reductions.

use arrow_array::RecordBatch;
use swath_block::{Block, PAGE_ROWS};
use swath_evaluation::Accumulator;

use crate::{Client, ClientError, Job};

impl Client {
    /// Waits for the result of a job with reductions: one row, merged of what its workers have computed. `progress` is
    /// called with the result so far and how many numbers it stands for.
    ///
    /// # Errors
    /// [`ClientError::Invalid`] if the job has no reductions, and all of [`Client::results`]. Numbers without a result,
    /// of a job that keeps going, are not in it; [`Client::failed_chunks`] lists them.
    pub async fn reduce(
        &self,
        job: &Job,
        mut progress: impl FnMut(&RecordBatch, u64),
    ) -> Result<RecordBatch, ClientError> {
        let Some(reductions) = job.parse_reductions()? else {
            return Err(ClientError::Invalid(format!("job {} has no reductions; read its blocks", job.id)));
        };
        let mut merging = Merging::new(reductions.accumulator());
        let mut results = self.results(job).await?;
        while let Some((_, block)) = results.next().await? {
            merging.add(&block).map_err(ClientError::Protocol)?;
            progress(&merging.result().map_err(ClientError::Reduce)?, merging.numbers);
        }
        merging.result().map_err(ClientError::Reduce)
    }
}

/// Partial aggregates that are merged as they come. Errors are sentences.
pub(crate) struct Merging {
    /// Of no rows.
    empty: Accumulator,
    accumulator: Accumulator,
    /// How many numbers it stands for.
    numbers: u64,
    /// The first number of the last block.
    last: Option<i64>,
}

impl Merging {
    pub(crate) fn new(empty: Accumulator) -> Self {
        Self { accumulator: empty.clone(), empty, numbers: 0, last: None }
    }

    /// Takes a block in. Blocks come in the order of their numbers; one that does not come after the last one is the
    /// first of all blocks, which come again.
    pub(crate) fn add(&mut self, block: &Block) -> Result<(), String> {
        let covers = block.covers();
        if begins_again(self.last.replace(covers.first), covers.first) {
            self.accumulator = self.empty.clone();
            self.numbers = 0;
        }
        for batch in block.batches(PAGE_ROWS).map_err(|error| error.to_string())? {
            let batch = batch.map_err(|error| error.to_string())?;
            self.accumulator.merge(&batch).map_err(|error| error.to_string())?;
        }
        self.numbers += covers.numbers;
        Ok(())
    }

    /// The result of all blocks so far.
    pub(crate) fn result(&self) -> Result<RecordBatch, String> {
        self.accumulator.clone().result().map_err(|error| error.to_string())
    }
}

/// Whether all blocks come again, if a block begins with `first` and the one before it with `last`. That is so where
/// the blocks of a reduced job end elsewhere after a coordinator was restarted; they cannot be cut.
pub(crate) fn begins_again(last: Option<i64>, first: i64) -> bool {
    last.is_some_and(|last| first <= last)
}
