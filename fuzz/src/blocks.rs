//! Results as they travel.

use arrow_array::{Array, ArrayRef, RecordBatch};
use arrow_select::concat::concat;
use bytes::Bytes;
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use swath_block::{Block, fuzzing};
use swath_model::{Layout, LayoutError, Shape, ValueType};

use crate::Outcome;

/// Rows of a batch when a block is decoded.
const BATCH_ROWS: usize = 1000;

/// Rows that are decoded: reading the same block twice must not take seconds.
const MOST_ROWS: usize = 1 << 16;

/// The first byte of a block of any columns; the next ones are other shapes and columns. Those before are results of
/// one column.
pub(crate) const ANY_COLUMNS: u8 = 240;

/// Shapes and columns of blocks from [`ANY_COLUMNS`] on.
const LAYOUTS: [(Shape, &str); 4] = [
    (Shape::Sparse, "a int64, t utf8?, b boolean"),
    (Shape::Dense, "f float64?, d decimal128(10, 2)?, x decimal256(50, 3), at timestamp(s, UTC), u uint8?"),
    (Shape::Reduced, "l list(struct(k utf8, v list(int32?)?))?, z null?, w fixed_size_binary(3)?"),
    (Shape::Sparse, "g struct(a boolean?, b struct(c binary?, d timestamp(s)?)?)?, day date32, i int16?"),
];

/// The layout of a block whose input begins with this byte.
pub(crate) fn layout(kind: u8) -> Result<Layout, LayoutError> {
    match (kind.checked_sub(ANY_COLUMNS), kind % 4) {
        (Some(any), _) => {
            let (shape, columns) = LAYOUTS[usize::from(any) % LAYOUTS.len()];
            Layout::parse(shape, columns)
        }
        (None, 0) => Ok(Layout::values(ValueType::Int64)),
        (None, 1) => Ok(Layout::values(ValueType::Boolean)),
        (None, 2) => Ok(Layout::values(ValueType::Decimal128)),
        (None, _) => Ok(Layout::values(ValueType::Float64)),
    }
}

pub(crate) fn block(input: &[u8]) -> Outcome {
    let Some((&kind, bytes)) = input.split_first() else { return Outcome::Refused };
    let Ok(layout) = layout(kind) else { return Outcome::Refused };
    let bytes = Bytes::copy_from_slice(bytes);
    let block = fuzzing::stated_covers(&bytes, &layout).and_then(|covers| Block::parse(bytes, &layout, covers));
    match block {
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
    let rows = |batches: &[RecordBatch]| batches.iter().map(RecordBatch::num_rows).sum::<usize>();
    assert_eq!(rows(&ours), rows(&theirs), "others read other rows");
    for column in 0..block.layout().schema().fields().len() {
        let same_type = |batch: &RecordBatch| {
            let field = block.layout().schema().field(column);
            batch.column(column).data_type() == field.data_type()
        };
        // Parquet lacks some types, which others see as the ones that they are stored as.
        if theirs.iter().all(same_type) {
            assert_eq!(values(&ours, column), values(&theirs, column), "others read other values in column {column}");
        }
    }
    if block.layout().value_type() == Some(ValueType::Int64) {
        let mut values = vec![0; block.rows()];
        assert!(
            block.decode_int64(1, &mut values).is_ok(),
            "a block that passed the check cannot be decoded in one piece"
        );
    }
    Outcome::Accepted
}

/// A column as one array; batches may be cut elsewhere.
fn values(batches: &[RecordBatch], column: usize) -> Option<ArrayRef> {
    let columns: Vec<&dyn Array> = batches.iter().map(|batch| batch.column(column).as_ref()).collect();
    concat(&columns).ok()
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
