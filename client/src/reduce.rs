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
        let mut accumulator = reductions.accumulator();
        let mut results = self.results(job).await?;
        let mut numbers = 0;
        while let Some((_, block)) = results.next().await? {
            merge(&mut accumulator, &block).map_err(ClientError::Protocol)?;
            numbers += block.covers().numbers;
            progress(&result(&mut accumulator.clone())?, numbers);
        }
        result(&mut accumulator)
    }
}

fn result(accumulator: &mut Accumulator) -> Result<RecordBatch, ClientError> {
    accumulator.result().map_err(|error| ClientError::Reduce(error.to_string()))
}

/// Takes the partial aggregates of a block in. An error is a sentence.
pub(crate) fn merge(accumulator: &mut Accumulator, block: &Block) -> Result<(), String> {
    for batch in block.batches(PAGE_ROWS).map_err(|error| error.to_string())? {
        let batch = batch.map_err(|error| error.to_string())?;
        accumulator.merge(&batch).map_err(|error| error.to_string())?;
    }
    Ok(())
}
