//! The results of a job with reductions: one row, merged of what its blocks say.

use std::sync::Arc;

use arrow_array::RecordBatch;
use bytes::Bytes;
use swath_block::{Block, PAGE_ROWS};
use swath_evaluation::{Accumulator, Reductions};
use tonic::Status;

use super::{internal, wire};
use crate::store::{BlockReader, Piece};

/// The message with these columns of the result, by position. Numbers without a result are not in it.
pub(super) async fn message(
    mut reader: BlockReader,
    reductions: Arc<Reductions>,
    columns: Vec<usize>,
) -> Result<Vec<Bytes>, Status> {
    let mut accumulator = reductions.accumulator();
    while let Some(piece) = reader.next().await? {
        // The room of the block is held until it is merged.
        let Piece::Block { block, room: _room, .. } = piece else { continue };
        let merged = tokio::task::spawn_blocking(move || merge(accumulator, &block)).await;
        accumulator = merged.map_err(|error| internal(&error))?.map_err(Status::data_loss)?;
    }
    let result = accumulator.result().map_err(|error| Status::failed_precondition(error.to_string()))?;
    let result = result.project(&columns).map_err(|error| internal(&error))?;
    wire::batch_message(&result, reader.working_room().as_ref()).map_err(|error| internal(&error))
}

fn merge(mut accumulator: Accumulator, block: &Block) -> Result<Accumulator, String> {
    if !block.is_intact() {
        return Err("a block has come to harm in memory".to_owned());
    }
    for batch in block.batches(PAGE_ROWS).map_err(|error| error.to_string())? {
        let batch: RecordBatch = batch.map_err(|error| error.to_string())?;
        accumulator.merge(&batch).map_err(|error| error.to_string())?;
    }
    Ok(accumulator)
}
