//! Blocks that come from workers, before they are taken in.

use std::sync::Arc;

use swath_block::{Block, PAGE_ROWS};
use swath_evaluation::Reductions;
use swath_model::Covers;
use swath_proto::v1;

use crate::store::JobResults;

/// Checks a block as deeply as any reader does, on a thread that may block: first its digest, before anything is
/// parsed, then its frame and its pages, then that it has the numbers that the message names, and last that aggregates
/// can be merged. An error is a sentence.
pub(super) async fn check(upload: &mut v1::UploadBlock, results: &JobResults) -> Result<Block, String> {
    let (parquet, digest) = (std::mem::take(&mut upload.parquet), upload.digest);
    let covers = Covers { first: upload.first, numbers: upload.numbers };
    let (layout, reductions) = (results.layout().clone(), results.reductions().cloned());
    let checked = tokio::task::spawn_blocking(move || -> Result<Block, String> {
        let block = Block::receive(parquet, &layout, covers, digest).map_err(|error| error.to_string())?;
        match reductions {
            Some(reductions) => check_aggregates(&block, &reductions)?,
            None => block.check().map_err(|error| error.to_string())?,
        }
        Ok(block)
    });
    checked.await.map_err(|error| error.to_string())?
}

/// Merges the aggregates of a block, which are one row, into nothing.
fn check_aggregates(block: &Block, reductions: &Arc<Reductions>) -> Result<(), String> {
    if block.rows() != 1 {
        return Err(format!("a block of aggregates has one row, and this one has {}", block.rows()));
    }
    block.check().map_err(|error| error.to_string())?;
    let mut accumulator = reductions.accumulator();
    for batch in block.batches(PAGE_ROWS).map_err(|error| error.to_string())? {
        let batch = batch.map_err(|error| error.to_string())?;
        accumulator.merge(&batch).map_err(|error| error.to_string())?;
    }
    Ok(())
}
