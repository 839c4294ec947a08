//! Results as they travel.

use arrow_array::{Array, ArrayRef, RecordBatch};
use bytes::Bytes;
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use swath_block::{Block, fuzzing};
use swath_kernel::ValueType;

use crate::Outcome;

/// Rows of a batch when a block is decoded.
const BATCH_ROWS: usize = 1000;

/// Rows that are decoded: reading the same block twice must not take seconds.
const MOST_ROWS: usize = 1 << 16;

pub(crate) fn block(input: &[u8]) -> Outcome {
    let Some((&kind, bytes)) = input.split_first() else { return Outcome::Refused };
    let value_type = match kind % 3 {
        0 => ValueType::Int64,
        1 => ValueType::Boolean,
        _ => ValueType::Decimal128,
    };
    match Block::parse(Bytes::copy_from_slice(bytes), value_type) {
        Ok(block) => checked(&block),
        Err(_) => Outcome::Refused,
    }
}

/// A block that passes the check has the values that the parquet crate reads in it, too.
pub(crate) fn checked(block: &Block) -> Outcome {
    if block.check().is_err() || block.rows() > MOST_ROWS {
        return Outcome::Refused;
    }
    let ours = block.batches(BATCH_ROWS).map_err(|error| error.to_string());
    let ours = ours.and_then(|batches| batches.collect::<Result<Vec<_>, _>>().map_err(|error| error.to_string()));
    assert!(ours.is_ok(), "a block that passed the check cannot be decoded: {ours:?}");
    let theirs = ParquetRecordBatchReaderBuilder::try_new(block.bytes().clone())
        .and_then(|builder| builder.with_batch_size(BATCH_ROWS).build())
        .and_then(|batches| batches.collect::<Result<Vec<_>, _>>().map_err(Into::into))
        .map_err(|error| error.to_string());
    assert!(theirs.is_ok(), "a block that passed the check cannot be read by others: {theirs:?}");
    let (ours, theirs) = (ours.unwrap_or_default(), theirs.unwrap_or_default());
    for column in 0..2 {
        assert_eq!(values(&ours, column), values(&theirs, column), "others read other values in column {column}");
    }
    if block.value_type() == ValueType::Int64 {
        let mut values = vec![0; block.rows()];
        assert!(
            block.decode_int64(&mut values).is_ok(),
            "a block that passed the check cannot be decoded in one piece"
        );
    }
    Outcome::Accepted
}

/// A column, batch by batch; both readers were asked for batches of the same size.
fn values(batches: &[RecordBatch], column: usize) -> Vec<ArrayRef> {
    let columns: Vec<_> = batches.iter().map(|batch| batch.column(column).clone()).collect();
    let rows: usize = columns.iter().map(|column| column.len()).sum();
    // Batches may be cut elsewhere: one value each is the same for all.
    if columns.iter().all(|column| column.len() == BATCH_ROWS || rows < BATCH_ROWS) {
        return columns;
    }
    columns.iter().flat_map(|column| (0..column.len()).map(|row| column.slice(row, 1))).collect()
}

/// A page that passes the check can be decoded, and whatever was decoded encodes to a page that says the same.
pub(crate) fn delta(input: &[u8]) -> Outcome {
    let Some((rows, page)) = input.split_first_chunk::<2>() else { return Outcome::Refused };
    let rows = usize::from(u16::from_le_bytes(*rows)) + 1;
    let (words, _) = page.as_chunks::<8>();
    let numbers: Vec<_> = words.iter().copied().map(i64::from_le_bytes).collect();
    if !numbers.is_empty() {
        let encoded = fuzzing::encode_delta(&numbers);
        assert_eq!(
            fuzzing::decode_delta(&encoded, numbers.len()),
            Some(numbers),
            "what was encoded is decoded otherwise"
        );
    }
    let Some(values) = fuzzing::decode_delta(page, rows) else { return Outcome::Refused };
    let again = fuzzing::decode_delta(&fuzzing::encode_delta(&values), rows);
    assert_eq!(again, Some(values), "what was decoded is encoded otherwise");
    Outcome::Accepted
}
