//! From blocks to messages.

use std::{ops::Range, sync::Arc};

use arrow_array::RecordBatch;
use arrow_schema::{DataType, Schema};
use bytes::Bytes;
use swath_block::{Batches, Block, MAX_BLOCK_BYTES, PAGE_ROWS};
use swath_model::{Layout, OffsetRun, Shape};
use tokio_util::task::AbortOnDropHandle;
use tonic::Status;

use super::{internal, wire};
use crate::store::{BlockReader, JobResults, Piece, ReadError, Room, Store};

/// The size of a message, about: it costs clients less to have few large ones, and many take none above 4 MiB.
const BATCH_BYTES: usize = 2 << 20;

/// Messages that there are at a time: one that the transport has, one that it gets, one that is decoded meanwhile, and
/// what is needed to decode it.
const MESSAGES: usize = 4;

/// How often a block that cannot be decoded is computed again before its stream fails.
const ATTEMPTS: usize = 3;

/// What a decoder of so many numbers of a job needs beside the blocks.
pub(super) fn working_bytes(layout: &Layout, numbers: u64) -> usize {
    match layout.row_bytes() {
        Some(bytes) => {
            let rows = usize::try_from(numbers).unwrap_or(usize::MAX);
            let all = rows.saturating_mul(bytes + size_of::<i64>()).saturating_add(4 << 10);
            MESSAGES * all.min(BATCH_BYTES)
        }
        // Rows of any size are decoded by the block.
        None => MESSAGES * BATCH_BYTES + MAX_BLOCK_BYTES,
    }
}

/// Gives the results of a job as messages, one after the other.
pub(super) struct Decoder {
    store: Arc<Store>,
    results: Arc<JobResults>,
    reader: BlockReader,
    /// By position.
    columns: Vec<usize>,
    /// Rows of a message; `None` if it depends on the rows.
    batch_rows: Option<usize>,
    /// What is wanted and was not given.
    rest: OffsetRun,
    /// How often the next row could not be decoded.
    failures: usize,
    under_way: Option<UnderWay>,
}

type UnderWay = AbortOnDropHandle<(Decoding, Result<Option<Vec<Bytes>>, String>)>;

impl Decoder {
    /// Of these columns and offsets of the job that is read.
    pub(super) fn new(
        store: Arc<Store>,
        results: Arc<JobResults>,
        reader: BlockReader,
        columns: Vec<usize>,
        offsets: OffsetRun,
    ) -> Self {
        let batch_rows = batch_rows(results.layout().schema(), &columns);
        Self { store, results, reader, columns, batch_rows, rest: offsets, failures: 0, under_way: None }
    }

    /// The next record batch as a message. The one after it is decoded meanwhile. A block that cannot be decoded is
    /// computed again, and what comes in its place is decoded.
    pub(super) async fn next(&mut self) -> Result<Option<Vec<Bytes>>, Status> {
        loop {
            if let Some(under_way) = self.under_way.take() {
                let (decoding, message) = under_way.await.map_err(|error| internal(&error))?;
                match message {
                    Ok(Some(message)) => {
                        self.has_given(decoding.next);
                        if !decoding.is_done() {
                            self.under_way = Some(decoding.go_on());
                        }
                        return Ok(Some(message));
                    }
                    // The last numbers have no rows.
                    Ok(None) => self.has_given(decoding.end),
                    Err(reason) => self.compute_again(decoding, &reason).await?,
                }
            }
            match self.reader.next().await? {
                Some(Piece::Block { first, block, room }) => self.begin(first, block, room),
                // Without the column `n` nobody could see that a row is not there.
                Some(Piece::Missing(run)) if !self.columns.contains(&0) => {
                    let first = self.results.chunks().range().at(run.start()).unwrap_or_default();
                    return Err(Status::failed_precondition(format!(
                        "{first} has no result, and columns without `n` cannot say so; get `n`, too"
                    )));
                }
                Some(Piece::Missing(run)) => self.has_given(run.end()),
                None => return Ok(None),
            }
        }
    }

    /// Begins to decode a block. It may begin before what is wanted, and end behind it.
    fn begin(&mut self, first: u64, block: Block, room: Arc<Room>) {
        let covered = OffsetRun::from_start(first, block.covers().numbers).and_then(|all| all.intersect(self.rest));
        let Some(covered) = covered else { return };
        let decoding = Decoding {
            first,
            next: covered.start(),
            end: covered.end(),
            columns: self.columns.clone(),
            batch_rows: self.batch_rows,
            block,
            batches: None,
            rest: None,
            has_given: false,
            _block_room: room,
            room: self.reader.working_room(),
        };
        self.under_way = Some(decoding.go_on());
    }

    fn has_given(&mut self, next: u64) {
        // Nothing is left behind the last row, and no block after that is looked at.
        self.rest = OffsetRun::new(next, self.rest.end()).unwrap_or(self.rest);
        self.failures = 0;
    }

    async fn compute_again(&mut self, decoding: Decoding, reason: &str) -> Result<(), Status> {
        self.failures += 1;
        // Where numbers may have no rows, nobody knows which numbers the rows stand for that were given.
        let cannot_go_back = decoding.has_given && !decoding.is_dense();
        if self.failures > ATTEMPTS || cannot_go_back {
            return Err(Status::data_loss(format!(
                "a block cannot be decoded, though it was computed again: {reason}"
            )));
        }
        let (first, next, numbers) = (decoding.first, decoding.next, decoding.block.covers().numbers);
        // Its room is for what comes in its place.
        drop(decoding);
        self.store.recheck(&self.results, first, numbers).await.map_err(ReadError::Store)?;
        self.reader.go_back(next);
        Ok(())
    }
}

/// A block that is being decoded.
struct Decoding {
    /// The offset of the first number that it covers.
    first: u64,
    /// The offset of the next number that is wanted. Where numbers may have no rows, that of the first, up to the end.
    next: u64,
    /// The offset behind the last number that is wanted.
    end: u64,
    columns: Vec<usize>,
    batch_rows: Option<usize>,
    block: Block,
    /// Since the first step.
    batches: Option<Batches>,
    /// Rows that were decoded and are more than a message.
    rest: Option<RecordBatch>,
    /// Whether some of its rows were given.
    has_given: bool,
    _block_room: Arc<Room>,
    /// For messages.
    room: Option<Arc<Room>>,
}

impl Decoding {
    fn is_dense(&self) -> bool {
        self.block.layout().shape() == Shape::Dense
    }

    fn is_done(&self) -> bool {
        self.next >= self.end
    }

    /// Decodes the next message, away from the threads that serve.
    fn go_on(mut self) -> UnderWay {
        AbortOnDropHandle::new(tokio::task::spawn_blocking(move || {
            let message = self.message();
            (self, message)
        }))
    }

    /// The next message, if the block is still what came; `None` if no row is left. The error says what is wrong with
    /// it.
    fn message(&mut self) -> Result<Option<Vec<Bytes>>, String> {
        let Some(batch) = self.next_batch()? else {
            if self.is_dense() && !self.is_done() {
                return Err(format!("{} of its values are missing", self.end - self.next));
            }
            self.next = self.end;
            return Ok(None);
        };
        let most = self.batch_rows.unwrap_or_else(|| rows_of_a_message(&batch));
        let rows = batch.num_rows().min(most);
        if rows < batch.num_rows() {
            self.rest = Some(batch.slice(rows, batch.num_rows() - rows));
        }
        let message =
            wire::batch_message(&batch.slice(0, rows), self.room.as_ref()).map_err(|error| error.to_string())?;
        self.has_given = true;
        if self.is_dense() {
            self.next += rows as u64;
        }
        Ok(Some(message))
    }

    /// The next rows, of which there is one.
    fn next_batch(&mut self) -> Result<Option<RecordBatch>, String> {
        if let Some(rest) = self.rest.take() {
            return Ok(Some(rest));
        }
        if self.batches.is_none() {
            if !self.block.is_intact() {
                return Err("it has come to harm in memory".to_owned());
            }
            self.batches = Some(self.open()?);
        }
        for batch in self.batches.iter_mut().flatten() {
            let batch = batch.map_err(|error| error.to_string())?;
            if batch.num_rows() > 0 {
                return Ok(Some(batch));
            }
        }
        Ok(None)
    }

    /// The rows of the numbers that are wanted. Only the first and the last block of a flight are cut.
    fn open(&self) -> Result<Batches, String> {
        let wanted = Range { start: self.next - self.first, end: self.end - self.first };
        let batch_rows = self.batch_rows.unwrap_or(PAGE_ROWS);
        let batches = if wanted == (0..self.block.covers().numbers) {
            self.block.columns(&self.columns, batch_rows)
        } else {
            self.block.cut(wanted).and_then(|block| block.columns(&self.columns, batch_rows))
        };
        batches.map_err(|error| error.to_string())
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
                ValueType::Int64 | ValueType::Float64 => rows * 8 * columns.len(),
                ValueType::Decimal128 => rows * 24,
            };
            assert_eq!(width, bytes, "{value_type}");
        }
    }
}
