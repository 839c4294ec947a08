//! A block that came from elsewhere.

use std::sync::Arc;

use bytes::Bytes;
use parquet::{
    errors::ParquetError,
    file::{
        FOOTER_SIZE,
        metadata::{FooterTail, ParquetMetaData, ParquetMetaDataReader, RowGroupMetaData},
        statistics::Statistics,
    },
};
use swath_kernel::ValueType;

use crate::{Batches, FooterError, MAX_ROWS, batches::Int64Pages, schema, thrift};

/// The largest footer of a block, whose own takes a few hundred bytes.
const MAX_FOOTER_BYTES: usize = 64 << 10;

/// What a Parquet file begins with, and ends with.
const MAGIC: &[u8] = b"PAR1";

/// Why bytes are not a block.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum BlockError {
    /// Not Parquet, or damaged.
    #[error("it is not a whole Parquet file: {0}")]
    Parquet(#[from] ParquetError),
    /// It does not begin and end as a Parquet file does.
    #[error("it is not a Parquet file of {0} bytes")]
    NotParquet(usize),
    /// A footer that no block has.
    #[error("its footer has {0} bytes; {MAX_FOOTER_BYTES} are allowed")]
    FooterLength(usize),
    /// A footer that is not given to the parser.
    #[error("its footer cannot be read: {0}")]
    Footer(#[from] FooterError),
    /// More rows than a block may have, or none.
    #[error("it has {0} rows; 1 to {MAX_ROWS} are allowed")]
    Rows(i64),
    /// Other columns than `n` and `value` of the type of the job.
    #[error("its columns are not `n` (int64) and `value` ({0})")]
    Columns(ValueType),
    /// The values cannot be decoded.
    #[error("its values cannot be decoded: {0}")]
    Decode(String),
    /// A column that lies outside of the file.
    #[error("its column {0} lies outside of the file")]
    OutOfBounds(usize),
}

/// A block whose frame has been checked: one row group, the right columns, bytes within bounds. Its values have not
/// been looked at.
#[derive(Debug, Clone)]
pub struct Block {
    bytes: Bytes,
    metadata: Arc<ParquetMetaData>,
    value_type: ValueType,
}

impl Block {
    /// Checks the frame of a block of values of this type.
    pub fn parse(bytes: Bytes, value_type: ValueType) -> Result<Self, BlockError> {
        let footer = footer_of(&bytes)?;
        let metadata = parse_footer(&bytes[footer.clone()], 1)?;
        check_row_group(metadata.row_group(0), value_type, footer.start as u64)?;
        Ok(Self { bytes, metadata: Arc::new(metadata), value_type })
    }

    /// The rows, 1 to [`MAX_ROWS`].
    pub fn rows(&self) -> usize {
        self.row_group().num_rows() as usize
    }

    /// The first and the last number, as the statistics of the column `n` give them; `None` if they are missing.
    pub fn numbers(&self) -> Option<(i64, i64)> {
        match self.row_group().column(0).statistics()? {
            Statistics::Int64(n) => Some((*n.min_opt()?, *n.max_opt()?)),
            _ => None,
        }
    }

    /// The type of the column `value`.
    pub fn value_type(&self) -> ValueType {
        self.value_type
    }

    /// The Parquet file itself.
    pub fn bytes(&self) -> &Bytes {
        &self.bytes
    }

    /// The encoded columns alone, as they stand in any file that the block was appended to.
    pub fn columns_bytes(&self) -> Bytes {
        let mut start = self.bytes.len();
        let mut end = 0;
        for column in self.row_group().columns() {
            // Within bounds: the frame was checked.
            let from = column.dictionary_page_offset().unwrap_or(column.data_page_offset()) as usize;
            start = start.min(from);
            end = end.max(from + column.compressed_size() as usize);
        }
        self.bytes.slice(start.min(end)..end)
    }

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
        if self.value_type != ValueType::Int64 || out.len() != self.rows() {
            let (rows, places) = (self.rows(), out.len());
            return Err(BlockError::Decode(format!("{rows} {} values do not fit {places} integers", self.value_type)));
        }
        let mut pages = Int64Pages::open(self)?;
        let mut rest = out;
        while let Some(rows) = pages.next_rows()? {
            let (page, after) = rest.split_at_mut(rows);
            pages.take(page)?;
            rest = after;
        }
        Ok(())
    }

    pub(crate) fn row_group(&self) -> &RowGroupMetaData {
        self.metadata.row_group(0)
    }
}

/// Where the footer of a block lies in it, without its length and the magic behind it.
pub(crate) fn footer_of(block: &[u8]) -> Result<std::ops::Range<usize>, BlockError> {
    let not_parquet = || BlockError::NotParquet(block.len());
    let end = block.len().checked_sub(FOOTER_SIZE).filter(|&end| end >= MAGIC.len()).ok_or_else(not_parquet)?;
    let tail = FooterTail::try_from(&block[end..]).map_err(|_| not_parquet())?;
    let length = tail.metadata_length();
    if !block.starts_with(MAGIC) || tail.is_encrypted_footer() {
        return Err(not_parquet());
    }
    if length > MAX_FOOTER_BYTES {
        return Err(BlockError::FooterLength(length));
    }
    let start = end.checked_sub(length).filter(|&start| start >= MAGIC.len()).ok_or_else(not_parquet)?;
    Ok(start..end)
}

/// Parses the footer of a file of this many row groups, without its length and the magic behind it. A footer that is
/// nested too deep, or claims more than it has, does not reach the parser.
pub fn parse_footer(footer: &[u8], row_groups: usize) -> Result<ParquetMetaData, BlockError> {
    thrift::check_footer(footer, row_groups as u64)?;
    Ok(ParquetMetaDataReader::decode_metadata(footer)?)
}

/// Checks that a row group has the right columns and lies within `length` bytes, so that nothing later needs to.
pub(crate) fn check_row_group(group: &RowGroupMetaData, value_type: ValueType, length: u64) -> Result<(), BlockError> {
    if !(1..=MAX_ROWS as i64).contains(&group.num_rows()) {
        return Err(BlockError::Rows(group.num_rows()));
    }
    let expected = schema::schemas(value_type);
    let same = group.num_columns() == expected.num_columns()
        && group.columns().iter().zip(expected.columns()).all(|(column, expected)| {
            column.column_descr() == expected.as_ref() && column.num_values() == group.num_rows()
        });
    if !same {
        return Err(BlockError::Columns(value_type));
    }
    for (index, column) in group.columns().iter().enumerate() {
        let start = column.dictionary_page_offset().unwrap_or(column.data_page_offset());
        let within = u64::try_from(start)
            .ok()
            .zip(u64::try_from(column.compressed_size()).ok())
            .and_then(|(start, size)| start.checked_add(size))
            .is_some_and(|end| end <= length);
        if !within || column.data_page_offset() < start {
            return Err(BlockError::OutOfBounds(index));
        }
    }
    Ok(())
}
