//! Values of a block, decoded.

use std::sync::Arc;

use arrow_array::{ArrayRef, Int64Array, RecordBatch};
use arrow_schema::{ArrowError, SchemaRef};
use bytes::Bytes;
use parquet::{
    arrow::{
        ProjectionMask,
        arrow_reader::{ParquetRecordBatchReader, ParquetRecordBatchReaderBuilder},
    },
    basic::Encoding,
    column::page::{Page, PageReader},
    errors::ParquetError,
    file::serialized_reader::SerializedPageReader,
};
use swath_kernel::ValueType;

use crate::{Block, BlockError, delta, schema};

/// Record batches of a block, in order.
pub struct Batches(Decoder);

enum Decoder {
    /// Integers are decoded here, and numbers not at all: they follow each other.
    Int64(Int64Batches),
    Parquet(ParquetRecordBatchReader),
}

struct Int64Batches {
    schema: SchemaRef,
    /// By position in a block: 0 is `n`, 1 is `value`.
    columns: Vec<usize>,
    values: Int64Pages,
    /// The number of the next row.
    next: i64,
    batch_rows: usize,
}

impl Batches {
    pub(crate) fn new(block: &Block, columns: &[usize], batch_rows: usize) -> Result<Self, BlockError> {
        if let (ValueType::Int64, Some((first, _))) = (block.value_type(), block.numbers()) {
            let schema = schema::arrow_schema(ValueType::Int64).project(columns);
            let schema = schema.map_err(|error| BlockError::Decode(error.to_string()))?;
            return Ok(Self(Decoder::Int64(Int64Batches {
                schema: Arc::new(schema),
                columns: columns.to_vec(),
                values: Int64Pages::open(block)?,
                next: first,
                batch_rows,
            })));
        }
        let builder = ParquetRecordBatchReaderBuilder::try_new(block.bytes().clone())?;
        let mask = ProjectionMask::leaves(builder.parquet_schema(), columns.iter().copied());
        Ok(Self(Decoder::Parquet(builder.with_projection(mask).with_batch_size(batch_rows).build()?)))
    }
}

impl Iterator for Batches {
    type Item = Result<RecordBatch, ArrowError>;

    fn next(&mut self) -> Option<Self::Item> {
        match &mut self.0 {
            Decoder::Parquet(reader) => reader.next(),
            Decoder::Int64(batches) => batches.next_batch().transpose(),
        }
    }
}

impl Int64Batches {
    /// As many whole pages as fit.
    fn next_batch(&mut self) -> Result<Option<RecordBatch>, ArrowError> {
        let mut values = Vec::new();
        while let Some(rows) = self.values.next_rows().map_err(external)? {
            let before = values.len();
            if before > 0 && before + rows > self.batch_rows {
                break;
            }
            values.reserve_exact(if before == 0 { self.batch_rows.max(rows) } else { rows });
            values.resize(before + rows, 0);
            self.values.take(&mut values[before..]).map_err(external)?;
        }
        if values.is_empty() {
            return Ok(None);
        }
        let (first, rows) = (self.next, values.len());
        self.next = first.wrapping_add(rows as i64);
        let mut values = Some(values);
        let column = |column: &usize| -> ArrayRef {
            Arc::new(match column {
                0 => Int64Array::from_iter_values((0..rows as i64).map(|row| first.wrapping_add(row))),
                _ => Int64Array::from(values.take().unwrap_or_default()),
            })
        };
        let columns = self.columns.iter().map(column).collect();
        RecordBatch::try_new(Arc::clone(&self.schema), columns).map(Some)
    }
}

/// The pages of a column of integers.
pub(crate) struct Int64Pages {
    pages: SerializedPageReader<Bytes>,
    /// Of the page that comes next: its values, encoded, and how many they are.
    page: Option<(Bytes, usize)>,
    left: usize,
}

impl Int64Pages {
    pub(crate) fn open(block: &Block) -> Result<Self, BlockError> {
        let column = block.row_group().column(1);
        let pages = SerializedPageReader::new(Arc::new(block.bytes().clone()), column, block.rows(), None)?;
        Ok(Self { pages, page: None, left: block.rows() })
    }

    /// How many values the next page has; `None` after the last.
    pub(crate) fn next_rows(&mut self) -> Result<Option<usize>, BlockError> {
        if self.page.is_none() && self.left > 0 {
            let Some(Page::DataPage { buf, num_values, encoding: Encoding::DELTA_BINARY_PACKED, .. }) =
                self.pages.get_next_page()?
            else {
                return Err(BlockError::Decode("its values are not in pages of differences".to_owned()));
            };
            let rows = num_values as usize;
            if rows == 0 || rows > self.left {
                return Err(BlockError::Decode(format!("a page has {rows} of {} values", self.left)));
            }
            self.left -= rows;
            self.page = Some((buf, rows));
        }
        Ok(self.page.as_ref().map(|(_, rows)| *rows))
    }

    /// Decodes the next page into `out`, which has as many places.
    pub(crate) fn take(&mut self, out: &mut [i64]) -> Result<(), BlockError> {
        let Some((bytes, _)) = self.page.take() else { return Ok(()) };
        delta::decode(&bytes, out).map_err(|reason| BlockError::Decode(reason.to_owned()))
    }
}

fn external(error: BlockError) -> ArrowError {
    ArrowError::ExternalError(Box::new(error))
}

impl From<BlockError> for ParquetError {
    fn from(error: BlockError) -> Self {
        Self::External(Box::new(error))
    }
}
