//! Values of a block, decoded.

use std::sync::Arc;

use arrow_array::{ArrayRef, BooleanArray, Decimal128Array, Int64Array, RecordBatch};
use arrow_buffer::BooleanBufferBuilder;
use arrow_schema::{ArrowError, SchemaRef};
use swath_kernel::ValueType;

use crate::{Block, BlockError, column::Column, delta, pages::Pages, schema};

impl Block {
    /// Decodes the block: record batches of `n` and `value` of about `batch_rows` rows.
    pub fn batches(&self, batch_rows: usize) -> Result<Batches, BlockError> {
        self.columns(&[0, 1], batch_rows)
    }

    /// Decodes only these columns, by position: 0 is `n`, 1 is `value`.
    pub fn columns(&self, columns: &[usize], batch_rows: usize) -> Result<Batches, BlockError> {
        Batches::new(self, columns, batch_rows)
    }

    /// Decodes the values of a block of integers into `out`, which must have a place for each row.
    pub fn decode_int64(&self, out: &mut [i64]) -> Result<(), BlockError> {
        if self.value_type() != ValueType::Int64 || out.len() != self.rows() {
            let (rows, places) = (self.rows(), out.len());
            return Err(BlockError::Decode(format!(
                "{rows} {} values do not fit {places} integers",
                self.value_type()
            )));
        }
        let mut pages = Pages::open(self, Column::Value(ValueType::Int64))?;
        let mut rest = out;
        while let Some((rows, encoded)) = pages.next_page()? {
            // Pages never have more rows than their block.
            let (page, after) = rest.split_at_mut(rows);
            decode_int64(encoded, page)?;
            rest = after;
        }
        Ok(())
    }
}

/// Record batches of a block, in order.
///
/// All is decoded here, and numbers are not: they follow each other, and the first is known.
pub struct Batches {
    schema: SchemaRef,
    /// By position in a block: 0 is `n`, 1 is `value`.
    columns: Vec<usize>,
    value_type: ValueType,
    pages: Pages,
    /// The number of the next row.
    next: i64,
    batch_rows: usize,
    /// Nothing comes after an error.
    has_failed: bool,
}

impl Batches {
    fn new(block: &Block, columns: &[usize], batch_rows: usize) -> Result<Self, BlockError> {
        let value_type = block.value_type();
        let schema = schema::arrow_schema(value_type).project(columns);
        let schema = schema.map_err(|error| BlockError::Decode(error.to_string()))?;
        Ok(Self {
            schema: Arc::new(schema),
            columns: columns.to_vec(),
            value_type,
            pages: Pages::open(block, Column::Value(value_type))?,
            next: block.first(),
            batch_rows,
            has_failed: false,
        })
    }

    /// As many whole pages as fit.
    fn next_batch(&mut self) -> Result<Option<RecordBatch>, ArrowError> {
        let mut values = Builder::new(self.value_type);
        while let Some(rows) = self.pages.next_rows().map_err(external)? {
            let before = values.len();
            if before > 0 && before + rows > self.batch_rows {
                break;
            }
            values.reserve(if before == 0 { self.batch_rows.max(rows) } else { rows });
            let Some((rows, page)) = self.pages.next_page().map_err(external)? else { break };
            values.push(page, rows).map_err(external)?;
        }
        let rows = values.len();
        if rows == 0 {
            return Ok(None);
        }
        let first = self.next;
        self.next = first.wrapping_add(rows as i64);
        let values = values.finish()?;
        let column = |column: &usize| -> ArrayRef {
            match column {
                0 => Arc::new(Int64Array::from_iter_values((0..rows as i64).map(|row| first.wrapping_add(row)))),
                _ => Arc::clone(&values),
            }
        };
        let columns = self.columns.iter().map(column).collect();
        RecordBatch::try_new(Arc::clone(&self.schema), columns).map(Some)
    }
}

impl Iterator for Batches {
    type Item = Result<RecordBatch, ArrowError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.has_failed {
            return None;
        }
        let batch = self.next_batch().transpose();
        self.has_failed = matches!(batch, Some(Err(_)));
        batch
    }
}

/// An array that grows by pages.
enum Builder {
    Int64(Vec<i64>),
    Boolean(BooleanBufferBuilder),
    Decimal128(Vec<i128>),
}

impl Builder {
    fn new(value_type: ValueType) -> Self {
        match value_type {
            ValueType::Int64 => Self::Int64(Vec::new()),
            ValueType::Boolean => Self::Boolean(BooleanBufferBuilder::new(0)),
            ValueType::Decimal128 => Self::Decimal128(Vec::new()),
        }
    }

    fn len(&self) -> usize {
        match self {
            Self::Int64(values) => values.len(),
            Self::Boolean(values) => values.len(),
            Self::Decimal128(values) => values.len(),
        }
    }

    fn reserve(&mut self, rows: usize) {
        match self {
            Self::Int64(values) => values.reserve_exact(rows),
            Self::Boolean(values) => values.reserve(rows),
            Self::Decimal128(values) => values.reserve_exact(rows),
        }
    }

    fn push(&mut self, page: &[u8], rows: usize) -> Result<(), BlockError> {
        let wrong_length = || {
            let (bytes, rows) = (page.len(), rows);
            BlockError::Decode(format!("a page of {rows} values has {bytes} bytes"))
        };
        match self {
            Self::Int64(values) => {
                let before = values.len();
                values.resize(before + rows, 0);
                decode_int64(page, values.get_mut(before..).unwrap_or_default())
            }
            Self::Boolean(values) if page.len() == rows.div_ceil(8) => {
                values.append_packed_range(0..rows, page);
                Ok(())
            }
            Self::Decimal128(values) if page.len() == rows * 16 => {
                let (page, _) = page.as_chunks::<16>();
                values.extend(page.iter().map(|value| i128::from_be_bytes(*value)));
                Ok(())
            }
            Self::Boolean(_) | Self::Decimal128(_) => Err(wrong_length()),
        }
    }

    fn finish(self) -> Result<ArrayRef, ArrowError> {
        Ok(match self {
            Self::Int64(values) => Arc::new(Int64Array::from(values)),
            Self::Boolean(mut values) => Arc::new(BooleanArray::new(values.finish(), None)),
            Self::Decimal128(values) => Arc::new(Decimal128Array::from(values).with_precision_and_scale(38, 0)?),
        })
    }
}

fn decode_int64(page: &[u8], out: &mut [i64]) -> Result<(), BlockError> {
    delta::decode(page, out).map_err(|reason| BlockError::Decode(reason.to_owned()))
}

fn external(error: BlockError) -> ArrowError {
    ArrowError::ExternalError(Box::new(error))
}
