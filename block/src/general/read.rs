//! The way back. The parquet crate gets pages that were bounded, decompressed and checked here, and never a footer or a
//! page header. What it makes of nested levels may still be anything, so a panic there is an error here.

use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    sync::Arc,
};

use arrow_array::ArrayRef;
use arrow_schema::ArrowError;
use parquet::{
    arrow::{
        ProjectionMask,
        arrow_reader::{ParquetRecordBatchReader, RowGroups},
        parquet_to_arrow_field_levels,
    },
    basic::Encoding,
    column::page::{Page, PageIterator, PageMetadata, PageReader},
    errors::ParquetError,
    file::metadata::{ParquetMetaData, RowGroupMetaData},
    schema::types::ColumnDescPtr,
};

use super::page;
use crate::{Block, BlockError, format::Format, pages::Pages, stored};

/// Decodes general columns of a block.
pub(crate) struct Reader {
    format: Arc<Format>,
    batches: ParquetRecordBatchReader,
    /// By position in the layout, in its order.
    columns: Vec<usize>,
}

impl Reader {
    /// Decodes these columns, in the order of the layout, in batches of exactly so many rows but for the last.
    pub(crate) fn open(block: &Block, columns: Vec<usize>, batch_rows: usize) -> Result<Self, BlockError> {
        let format = Arc::clone(block.format());
        let batches = guarded(|| {
            let mask = ProjectionMask::roots(&format.descriptor, columns.iter().copied());
            let levels = parquet_to_arrow_field_levels(&format.descriptor, mask, Some(format.stored.fields()))?;
            ParquetRecordBatchReader::try_new_with_row_groups(&levels, &OfBlock(block), batch_rows, None)
        })?;
        let batches = batches.map_err(|error| BlockError::Decode(error.to_string()))?;
        Ok(Self { format, batches, columns })
    }

    /// The next batch, which must have so many rows: a column for each, in the order of the layout.
    pub(crate) fn next(&mut self, rows: usize) -> Result<Vec<ArrayRef>, BlockError> {
        let decode = |error: ArrowError| BlockError::Decode(error.to_string());
        let batch = guarded(|| self.batches.next())?;
        let batch = batch.transpose().map_err(decode)?;
        let batch = batch.filter(|batch| batch.num_rows() == rows && batch.num_columns() == self.columns.len());
        let batch = batch.ok_or_else(|| BlockError::Decode("its columns have not the same rows".to_owned()))?;
        let fields = self.format.layout.schema().fields();
        let restored = batch.columns().iter().zip(&self.columns).map(|(array, &column)| match fields.get(column) {
            Some(field) => guarded(|| stored::convert(array, field.data_type()))?.map_err(decode),
            None => Ok(Arc::clone(array)),
        });
        restored.collect()
    }

    /// Checks that nothing comes after the last row.
    pub(crate) fn end(&mut self) -> Result<(), BlockError> {
        match guarded(|| self.batches.next())? {
            None => Ok(()),
            Some(Err(error)) => Err(BlockError::Decode(error.to_string())),
            Some(Ok(_)) => Err(BlockError::Decode("its columns go on after the last row".to_owned())),
        }
    }
}

/// Calls the parquet crate, whose panics are errors.
fn guarded<T>(call: impl FnOnce() -> T) -> Result<T, BlockError> {
    catch_unwind(AssertUnwindSafe(call)).map_err(|_| BlockError::Decode("it cannot be read as Parquet".to_owned()))
}

/// A block as the parquet crate wants to see it.
struct OfBlock<'a>(&'a Block);

impl RowGroups for OfBlock<'_> {
    fn num_rows(&self) -> usize {
        self.0.rows()
    }

    fn column_chunks(&self, leaf: usize) -> Result<Box<dyn PageIterator>, ParquetError> {
        let pages = Pages::open(self.0, leaf)?;
        let column = self.0.format().descriptor.column(leaf);
        Ok(Box::new(OneColumn(Some(PagesOfLeaf { pages, column }))))
    }

    fn row_groups(&self) -> Box<dyn Iterator<Item = &RowGroupMetaData> + '_> {
        Box::new(self.0.row_group().into_iter())
    }

    fn metadata(&self) -> &ParquetMetaData {
        self.0.metadata()
    }
}

/// One column of Parquet in one row group.
struct OneColumn(Option<PagesOfLeaf>);

impl Iterator for OneColumn {
    type Item = Result<Box<dyn PageReader>, ParquetError>;

    fn next(&mut self) -> Option<Self::Item> {
        self.0.take().map(|pages| Ok(Box::new(pages) as Box<dyn PageReader>))
    }
}

impl PageIterator for OneColumn {}

struct PagesOfLeaf {
    pages: Pages,
    column: ColumnDescPtr,
}

impl Iterator for PagesOfLeaf {
    type Item = Result<Page, ParquetError>;

    fn next(&mut self) -> Option<Self::Item> {
        self.get_next_page().transpose()
    }
}

impl PageReader for PagesOfLeaf {
    fn get_next_page(&mut self) -> Result<Option<Page>, ParquetError> {
        let page = self.pages.take_page()?;
        if let Some((values, page)) = &page {
            page::check(page, *values, &self.column).map_err(|what| self.pages.error(what))?;
        }
        Ok(page.map(|(values, buf)| Page::DataPage {
            buf,
            num_values: values as u32,
            encoding: Encoding::PLAIN,
            def_level_encoding: Encoding::RLE,
            rep_level_encoding: Encoding::RLE,
            statistics: None,
        }))
    }

    fn peek_next_page(&mut self) -> Result<Option<PageMetadata>, ParquetError> {
        let values = self.pages.next_values()?;
        Ok(values.map(|values| PageMetadata { num_rows: None, num_levels: Some(values), is_dict: false }))
    }

    fn skip_next_page(&mut self) -> Result<(), ParquetError> {
        self.pages.next_page()?;
        Ok(())
    }
}
