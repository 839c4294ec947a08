//! Columns of a block, decoded.

use std::sync::Arc;

use arrow_array::{ArrayRef, Int64Array, RecordBatch, RecordBatchOptions};
use arrow_schema::{ArrowError, SchemaRef};
use swath_model::ValueType;

use crate::{
    Block, BlockError, PAGE_ROWS,
    fast::{self, Builder},
    format::Kind,
    general,
    pages::Pages,
};

impl Block {
    /// Decodes the block: record batches of all columns, of about `batch_rows` rows.
    pub fn batches(&self, batch_rows: usize) -> Result<Batches, BlockError> {
        let all: Vec<usize> = (0..self.layout().schema().fields().len()).collect();
        self.columns(&all, batch_rows)
    }

    /// Decodes only these columns, by position in the schema of the layout.
    pub fn columns(&self, columns: &[usize], batch_rows: usize) -> Result<Batches, BlockError> {
        Batches::new(self, columns, batch_rows)
    }

    /// Decodes a column of integers that are never null into `out`, which must have a place for each row.
    pub fn decode_int64(&self, column: usize, out: &mut [i64]) -> Result<(), BlockError> {
        if out.len() != self.rows() {
            let (rows, places) = (self.rows(), out.len());
            return Err(BlockError::Decode(format!("{rows} values do not fit {places} integers")));
        }
        if self.rows() == 0 {
            return Ok(());
        }
        let kind = self.format().columns.get(column).map(|found| (found.kind, found.leaves.start));
        let leaf = match kind {
            Some((Kind::Consecutive, _)) => {
                out.iter_mut().zip(0..).for_each(|(place, row)| *place = self.covers().first.wrapping_add(row));
                return Ok(());
            }
            Some((Kind::Fast(ValueType::Int64), leaf)) => leaf,
            _ => return Err(BlockError::Decode(format!("its column {column} is not one of integers"))),
        };
        let mut pages = Pages::open(self, leaf)?;
        let mut rest = out;
        while let Some((rows, encoded)) = pages.next_page()? {
            // Pages never have more rows than their block.
            let (page, after) = rest.split_at_mut(rows);
            fast::decode_int64(encoded, page)?;
            rest = after;
        }
        Ok(())
    }
}

/// Record batches of a block, in order.
///
/// Numbers that follow each other are not decoded: the first is known.
pub struct Batches {
    schema: SchemaRef,
    /// Where each column comes from.
    sources: Vec<Source>,
    general: Option<general::Reader>,
    /// The number of the next row, where numbers follow each other.
    next: i64,
    rows_left: usize,
    batch_rows: usize,
    /// Nothing comes after an error.
    has_failed: bool,
}

/// Where a column comes from.
enum Source {
    Consecutive,
    Fast(ValueType, Box<Pages>),
    /// This column of those that the general reader gives.
    General(usize),
}

impl Batches {
    fn new(block: &Block, columns: &[usize], batch_rows: usize) -> Result<Self, BlockError> {
        let format = block.format();
        let schema = block.layout().schema().project(columns);
        let schema = schema.map_err(|error| BlockError::Decode(error.to_string()))?;
        // All pages but the last have the same rows: as many whole ones as fit.
        let batch_rows = (batch_rows / PAGE_ROWS).max(1) * PAGE_ROWS;
        let is_general = |column: usize| format.columns.get(column).is_some_and(|found| found.kind == Kind::General);
        let mut general: Vec<usize> = columns.iter().copied().filter(|&column| is_general(column)).collect();
        general.sort_unstable();
        general.dedup();
        let mut sources = Vec::with_capacity(columns.len());
        let rows_left = block.rows();
        if rows_left > 0 {
            for &column in columns {
                let Some(found) = format.columns.get(column) else { continue };
                sources.push(match found.kind {
                    Kind::Consecutive => Source::Consecutive,
                    Kind::Fast(value_type) => {
                        Source::Fast(value_type, Box::new(Pages::open(block, found.leaves.start)?))
                    }
                    Kind::General => Source::General(general.partition_point(|&before| before < column)),
                });
            }
        }
        let general = if general.is_empty() || rows_left == 0 {
            None
        } else {
            Some(general::Reader::open(block, general, batch_rows)?)
        };
        let next = block.covers().first;
        Ok(Self { schema: Arc::new(schema), sources, general, next, rows_left, batch_rows, has_failed: false })
    }

    /// The schema of the batches: that of the columns that were asked for.
    pub fn schema(&self) -> &SchemaRef {
        &self.schema
    }

    fn next_batch(&mut self) -> Result<Option<RecordBatch>, ArrowError> {
        let rows = self.batch_rows.min(self.rows_left);
        if rows == 0 {
            return Ok(None);
        }
        let general = self.general.as_mut().map(|general| general.next(rows)).transpose().map_err(external)?;
        let mut columns: Vec<ArrayRef> = Vec::with_capacity(self.sources.len());
        for source in &mut self.sources {
            columns.push(match source {
                Source::Consecutive => {
                    let numbers = (0..rows as i64).map(|row| self.next.wrapping_add(row));
                    Arc::new(Int64Array::from_iter_values(numbers))
                }
                Source::Fast(value_type, pages) => decode(*value_type, pages, rows)?,
                Source::General(index) => {
                    let array = general.as_ref().and_then(|general| general.get(*index)).cloned();
                    array.ok_or_else(|| external(BlockError::Decode("it lacks a column".to_owned())))?
                }
            });
        }
        self.rows_left -= rows;
        self.next = self.next.wrapping_add(rows as i64);
        if self.rows_left == 0 {
            self.end().map_err(external)?;
        }
        let options = RecordBatchOptions::new().with_row_count(Some(rows));
        RecordBatch::try_new_with_options(Arc::clone(&self.schema), columns, &options).map(Some)
    }

    /// Checks that nothing comes after the last row.
    fn end(&mut self) -> Result<(), BlockError> {
        for source in &mut self.sources {
            if let Source::Fast(_, pages) = source {
                pages.next_values()?;
            }
        }
        self.general.as_mut().map_or(Ok(()), general::Reader::end)
    }
}

/// So many rows, which are whole pages.
fn decode(value_type: ValueType, pages: &mut Pages, rows: usize) -> Result<ArrayRef, ArrowError> {
    let mut values = Builder::new(value_type, rows);
    let mut done = 0;
    while done < rows {
        let page = pages.next_page().map_err(external)?;
        let (page_rows, page) =
            page.ok_or_else(|| external(BlockError::Decode("a column ends too early".to_owned())))?;
        values.push(page, page_rows).map_err(external)?;
        done += page_rows;
    }
    values.finish()
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

fn external(error: BlockError) -> ArrowError {
    ArrowError::ExternalError(Box::new(error))
}
