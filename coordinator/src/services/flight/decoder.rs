//! From blocks to messages.

use std::sync::Arc;

use arrow_schema::{DataType, Schema};
use bytes::Bytes;
use swath_block::{Batches, Block, arrow_schema};
use swath_model::OffsetRun;
use tokio_util::task::AbortOnDropHandle;
use tonic::Status;

use super::{internal, wire};
use crate::store::{BlockReader, JobResults, Piece, ReadError, Room, Store};

/// The size of a message, about: it costs clients less to have few large ones, and many take none above 4 MiB.
const BATCH_BYTES: usize = 2 << 20;

/// Rows of a record batch, if the width of its values is not known from their types.
const BATCH_ROWS: usize = 1 << 16;

/// Messages that there are at a time: one that the transport has, one that it gets, one that is decoded meanwhile, and
/// what is needed to decode it.
const MESSAGES: usize = 4;

/// The most bytes of a row, decoded.
const ROW_BYTES: usize = 24;

/// How often a block that cannot be decoded is computed again before its stream fails.
const ATTEMPTS: usize = 3;

/// What a decoder of so many rows needs beside the blocks.
pub(super) fn working_bytes(rows: u64) -> usize {
    let all = usize::try_from(rows).unwrap_or(usize::MAX).saturating_mul(ROW_BYTES).saturating_add(4 << 10);
    MESSAGES * all.min(BATCH_BYTES)
}

/// Gives the results of a job as messages, one after the other.
pub(super) struct Decoder {
    store: Arc<Store>,
    results: Arc<JobResults>,
    reader: BlockReader,
    /// By position.
    columns: Vec<usize>,
    batch_rows: usize,
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
        let batch_rows = batch_rows(&arrow_schema(results.value_type()), &columns);
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
                    Ok(None) => {}
                    Err(reason) => self.compute_again(&decoding, &reason).await?,
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
        let covered = OffsetRun::from_start(first, block.rows() as u64).and_then(|all| all.intersect(self.rest));
        let Some(covered) = covered else { return };
        let decoding = Decoding {
            first,
            next: covered.start(),
            end: covered.end(),
            columns: self.columns.clone(),
            batch_rows: self.batch_rows.min(block.rows()),
            block,
            batches: None,
            decoded: first,
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

    async fn compute_again(&mut self, decoding: &Decoding, reason: &str) -> Result<(), Status> {
        self.failures += 1;
        if self.failures > ATTEMPTS {
            return Err(Status::data_loss(format!(
                "a block cannot be decoded, though it was computed again: {reason}"
            )));
        }
        let rows = decoding.block.rows() as u64;
        self.store.recheck(&self.results, decoding.first, rows).await.map_err(ReadError::Store)?;
        self.reader.go_back(decoding.next);
        Ok(())
    }
}

/// A block that is being decoded.
struct Decoding {
    /// The offset of its first row.
    first: u64,
    /// The offset of the next row that is wanted.
    next: u64,
    /// The offset behind the last row that is wanted.
    end: u64,
    columns: Vec<usize>,
    batch_rows: usize,
    block: Block,
    /// Since the first step.
    batches: Option<Batches>,
    /// The offset behind the last row that was decoded.
    decoded: u64,
    _block_room: Arc<Room>,
    /// For messages.
    room: Option<Arc<Room>>,
}

impl Decoding {
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

    /// The next message, if the block is still what came. The error says what is wrong with it.
    fn message(&mut self) -> Result<Option<Vec<Bytes>>, String> {
        if self.batches.is_none() {
            if !self.block.is_intact() {
                return Err("it has come to harm in memory".to_owned());
            }
            let batches = self.block.columns(&self.columns, self.batch_rows).map_err(|error| error.to_string())?;
            self.batches = Some(batches);
        }
        while !self.is_done() {
            let missing = || format!("{} of its values are missing", self.end - self.next);
            let batch = self.batches.as_mut().and_then(Iterator::next).ok_or_else(missing)?;
            let batch = batch.map_err(|error| error.to_string())?;
            let first = self.decoded;
            self.decoded += batch.num_rows() as u64;
            let end = self.decoded.min(self.end);
            if self.next < end {
                let batch = batch.slice((self.next - first) as usize, (end - self.next) as usize);
                let message = wire::batch_message(&batch, self.room.as_ref()).map_err(|error| error.to_string())?;
                self.next = end;
                return Ok(Some(message));
            }
        }
        Ok(None)
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
