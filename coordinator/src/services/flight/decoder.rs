//! From blocks to messages.

use std::sync::Arc;

use arrow_schema::{DataType, Schema};
use bytes::Bytes;
use swath_block::{Block, arrow_schema};
use swath_model::OffsetRun;
use tonic::Status;

use super::{internal, wire};
use crate::store::{BlockReader, JobResults, Piece, ReadError, Store};

/// The size of a message, about: it costs clients less to have few large ones, and many take none above 4 MiB.
const BATCH_BYTES: usize = 2 << 20;

/// Rows of a record batch, if the width of its values is not known from their types.
const BATCH_ROWS: usize = 1 << 16;

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
        let (rows, end) = (block.rows() as u64, wanted.end());
        let reason = match self.batches(block, wanted.start() - offset, wanted.len()).await? {
            Ok(batches) => return Ok(batches),
            Err(reason) => reason,
        };
        let mut batches = Vec::new();
        for _ in 0..ATTEMPTS {
            self.store.recheck(&self.results, offset, rows).await.map_err(ReadError::Store)?;
            batches.clear();
            let mut reader = BlockReader::again(&self.store, &self.results, wanted);
            let mut next = wanted.start();
            while next < end {
                match reader.next().await? {
                    Some(Piece::Block { first, block }) => {
                        let rows = (first + block.rows() as u64).min(end) - next;
                        let Ok(decoded) = self.batches(block, next - first, rows).await? else { break };
                        batches.extend(decoded);
                        next += rows;
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

    /// Decodes so many rows of a block after those to be skipped, away from the threads that serve, if it is still what
    /// came. The inner error says what is wrong with the block.
    async fn batches(&self, block: Block, skip: u64, rows: u64) -> Result<Result<Vec<Bytes>, String>, Status> {
        let columns = self.columns.clone();
        let batch_rows = batch_rows(&arrow_schema(self.results.value_type()), &columns);
        let decoded = tokio::task::spawn_blocking(move || {
            if !block.is_intact() {
                return Err("it has come to harm in memory".to_owned());
            }
            let (mut skip, mut rows) = (skip as usize, rows as usize);
            let mut messages = Vec::new();
            for batch in block.columns(&columns, batch_rows.min(block.rows())).map_err(|error| error.to_string())? {
                let batch = batch.map_err(|error| error.to_string())?;
                let skipped = skip.min(batch.num_rows());
                let taken = rows.min(batch.num_rows() - skipped);
                (skip, rows) = (skip - skipped, rows - taken);
                if taken > 0 {
                    let batch = batch.slice(skipped, taken);
                    messages.extend(wire::batch_message(&batch).map_err(|error| error.to_string())?);
                }
            }
            if rows == 0 { Ok(messages) } else { Err(format!("{rows} of its values are missing")) }
        });
        decoded.await.map_err(|error| internal(&error))
    }
}

/// How many rows of these columns, by position, make a message of the usual size.
fn batch_rows(schema: &Schema, columns: &[usize]) -> usize {
    let bits = |&column: &usize| match schema.fields().get(column)?.data_type() {
        DataType::Boolean => Some(1),
        other => Some(other.primitive_width()? * 8),
    };
    let bits: Option<usize> = columns.iter().map(bits).sum();
    bits.map_or(BATCH_ROWS, |bits| BATCH_BYTES * 8 / bits.max(1))
}

#[cfg(test)]
mod tests {
    use swath_kernel::ValueType;

    use super::*;

    #[test]
    fn messages_are_large_and_below_the_limits_of_clients() {
        for (value_type, columns, bytes) in [
            (ValueType::Int64, &[1][..], 8 << 18),
            (ValueType::Int64, &[0, 1], 16 << 17),
            (ValueType::Decimal128, &[0, 1], 24 * 87_381),
            (ValueType::Boolean, &[1], 2 << 20),
        ] {
            let rows = batch_rows(&arrow_schema(value_type), columns);
            let width = match value_type {
                ValueType::Boolean => rows / 8,
                ValueType::Int64 => rows * 8 * columns.len(),
                ValueType::Decimal128 => rows * 24,
            };
            assert_eq!(width, bytes, "{value_type}");
        }
    }
}
