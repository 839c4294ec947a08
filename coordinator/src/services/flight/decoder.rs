//! From blocks to messages.

use std::{ops::Range, sync::Arc};

use arrow_array::RecordBatch;
use arrow_schema::{DataType, Schema};
use bytes::Bytes;
use swath_block::{Block, PAGE_ROWS};
use swath_model::OffsetRun;
use tonic::Status;

use super::{internal, wire};
use crate::store::{BlockReader, JobResults, Piece, ReadError, Store};

/// The size of a message, about: it costs clients less to have few large ones, and many take none above 4 MiB.
const BATCH_BYTES: usize = 2 << 20;

/// How often a block that cannot be decoded is computed again before its stream fails.
const ATTEMPTS: usize = 3;

/// Decodes the blocks of a job.
pub(super) struct Decoder {
    pub(super) store: Arc<Store>,
    pub(super) results: Arc<JobResults>,
    /// By position.
    pub(super) columns: Vec<usize>,
}

impl Decoder {
    /// The record batches of these offsets of a block that begins at `offset`, as messages. One that cannot be decoded
    /// is computed again, and what comes in its place is decoded.
    pub(super) async fn decode(&self, block: Block, offset: u64, wanted: OffsetRun) -> Result<Vec<Bytes>, Status> {
        let (numbers, end) = (block.covers().numbers, wanted.end());
        let reason = match self.batches(block, wanted.start() - offset..end - offset).await? {
            Ok(batches) => return Ok(batches),
            Err(reason) => reason,
        };
        let mut batches = Vec::new();
        for _ in 0..ATTEMPTS {
            self.store.recheck(&self.results, offset, numbers).await.map_err(ReadError::Store)?;
            batches.clear();
            let mut reader = BlockReader::again(&self.store, &self.results, wanted);
            let mut next = wanted.start();
            while next < end {
                match reader.next().await? {
                    Some(Piece::Block { first, block }) => {
                        let block_end = (first + block.covers().numbers).min(end);
                        let Ok(decoded) = self.batches(block, next - first..block_end - first).await? else { break };
                        batches.extend(decoded);
                        next = block_end;
                    }
                    Some(Piece::Missing(run)) => next = run.end(),
                    None => break,
                }
            }
            if next >= end {
                return Ok(batches);
            }
        }
        Err(Status::data_loss(format!("a block cannot be decoded, though it was computed again: {reason}")))
    }

    /// Decodes the rows of some of the numbers that a block covers, counted from 0, away from the threads that serve, if
    /// it is still what came. The inner error says what is wrong with the block.
    async fn batches(&self, block: Block, numbers: Range<u64>) -> Result<Result<Vec<Bytes>, String>, Status> {
        let columns = self.columns.clone();
        let batch_rows = batch_rows(self.results.layout().schema(), &columns);
        let decoded = tokio::task::spawn_blocking(move || {
            if !block.is_intact() {
                return Err("it has come to harm in memory".to_owned());
            }
            // Only the first and the last block of a flight are cut.
            let is_whole = numbers == (0..block.covers().numbers);
            let block = if is_whole { block } else { block.cut(numbers).map_err(|error| error.to_string())? };
            let mut messages = Vec::new();
            for batch in block.columns(&columns, batch_rows.unwrap_or(PAGE_ROWS)).map_err(|error| error.to_string())? {
                let batch = batch.map_err(|error| error.to_string())?;
                let most = batch_rows.unwrap_or_else(|| rows_of_a_message(&batch));
                for start in (0..batch.num_rows()).step_by(most) {
                    let part = batch.slice(start, most.min(batch.num_rows() - start));
                    messages.extend(wire::batch_message(&part).map_err(|error| error.to_string())?);
                }
            }
            Ok(messages)
        });
        decoded.await.map_err(|error| internal(&error))
    }
}

/// How many rows of these columns, by position, make a message of the usual size; `None` if that depends on the rows.
fn batch_rows(schema: &Schema, columns: &[usize]) -> Option<usize> {
    let bits = |&column: &usize| match schema.fields().get(column)?.data_type() {
        DataType::Boolean => Some(1),
        other => Some(other.primitive_width()? * 8),
    };
    let bits: Option<usize> = columns.iter().map(bits).sum();
    bits.map(|bits| BATCH_BYTES * 8 / bits.max(1))
}

/// The same, as the rows of this batch suggest.
fn rows_of_a_message(batch: &RecordBatch) -> usize {
    let bytes = batch.get_array_memory_size().div_ceil(batch.num_rows().max(1));
    (BATCH_BYTES / bytes.max(1)).max(1)
}

#[cfg(test)]
mod tests {
    use swath_model::{Layout, ValueType};

    use super::*;

    #[test]
    fn messages_are_large_and_below_the_limits_of_clients() {
        for (value_type, columns, bytes) in [
            (ValueType::Int64, &[1][..], 8 << 18),
            (ValueType::Int64, &[0, 1], 16 << 17),
            (ValueType::Decimal128, &[0, 1], 24 * 87_381),
            (ValueType::Boolean, &[1], 2 << 20),
        ] {
            let rows = batch_rows(Layout::values(value_type).schema(), columns).unwrap();
            let width = match value_type {
                ValueType::Boolean => rows / 8,
                ValueType::Int64 => rows * 8 * columns.len(),
                ValueType::Decimal128 => rows * 24,
            };
            assert_eq!(width, bytes, "{value_type}");
        }
    }
}
