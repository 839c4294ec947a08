//! A block that came from elsewhere.

use std::{ops::Range, sync::Arc};

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

use crate::{
    Batches, Digest, FooterError, MAX_ROWS,
    batches::decode_int64,
    pages::{Column, Pages},
    schema, thrift,
};

/// The largest footer of a block, whose own takes a few hundred bytes.
const MAX_FOOTER_BYTES: usize = 64 << 10;

/// What a Parquet file begins with, and ends with.
pub(crate) const MAGIC: &[u8] = b"PAR1";

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
    /// Other bytes than those that were sent.
    #[error("its digest is not that of what was computed")]
    Digest,
    /// More rows than a block may have, or none.
    #[error("it has {0} rows; 1 to {MAX_ROWS} are allowed")]
    Rows(i64),
    /// Other columns than `n` and `value` of the type of the job.
    #[error("its columns are not `n` (int64) and `value` ({0})")]
    Columns(ValueType),
    /// Columns that leave room, or lie upon each other.
    #[error("its columns do not lie one behind the other from its start to its footer")]
    Layout,
    /// Numbers that do not follow each other.
    #[error("its numbers are not those that its statistics say")]
    Numbers,
    /// Pages that no block has.
    #[error("the pages of its column `{column}` {what}")]
    Pages {
        /// The column.
        column: &'static str,
        /// What is wrong.
        what: &'static str,
    },
    /// Statistics that would lead readers astray.
    #[error("its values are not those that its statistics say")]
    Statistics,
    /// The values cannot be decoded.
    #[error("its values cannot be decoded: {0}")]
    Decode(String),
}

impl BlockError {
    pub(crate) fn page(column: Column, what: &'static str) -> Self {
        Self::Pages { column: column.name(), what }
    }
}

/// A block whose frame has been checked: one row group, the right columns, and nothing but these. Its pages have not been
/// looked at; see [`check`](Self::check).
#[derive(Debug, Clone)]
pub struct Block {
    bytes: Bytes,
    metadata: Arc<ParquetMetaData>,
    value_type: ValueType,
    first: i64,
    digest: Digest,
}

impl Block {
    /// Checks the frame of a block of values of this type.
    pub fn parse(bytes: Bytes, value_type: ValueType) -> Result<Self, BlockError> {
        let digest = Digest::of(&bytes)?;
        Self::with_digest(bytes, value_type, digest)
    }

    /// The same for a block that must have this [digest](Digest::whole); no byte of another is parsed.
    pub fn receive(bytes: Bytes, value_type: ValueType, digest: u64) -> Result<Self, BlockError> {
        let found = Digest::of(&bytes)?;
        if found.whole() == digest { Self::with_digest(bytes, value_type, found) } else { Err(BlockError::Digest) }
    }

    /// A block whose digest is known.
    pub(crate) fn with_digest(bytes: Bytes, value_type: ValueType, digest: Digest) -> Result<Self, BlockError> {
        let footer = footer_of(&bytes)?;
        let metadata = parse_footer(bytes.get(footer.clone()).unwrap_or_default(), 1)?;
        let first = check_row_group(metadata.row_group(0), value_type, MAGIC.len() as u64..footer.start as u64)?;
        Ok(Self { bytes, metadata: Arc::new(metadata), value_type, first, digest })
    }

    /// The rows, 1 to [`MAX_ROWS`].
    pub fn rows(&self) -> usize {
        self.row_group().num_rows() as usize
    }

    /// The number of the first row, as the statistics of the column `n` give it. The others follow.
    pub fn first(&self) -> i64 {
        self.first
    }

    /// The type of the column `value`.
    pub fn value_type(&self) -> ValueType {
        self.value_type
    }

    /// The Parquet file itself.
    pub fn bytes(&self) -> &Bytes {
        &self.bytes
    }

    /// What it had as a digest when it came.
    pub fn digest(&self) -> Digest {
        self.digest
    }

    /// The encoded columns alone, as they stand in any file that the block was appended to.
    pub fn columns_bytes(&self) -> Bytes {
        let value = self.row_group().column(1);
        // Within bounds: the frame was checked.
        self.bytes.slice(MAGIC.len()..(value.data_page_offset() + value.compressed_size()) as usize)
    }

    /// The pages of a column, encoded.
    pub(crate) fn column_bytes(&self, column: Column) -> Bytes {
        let column = self.row_group().column(column.position());
        let start = column.data_page_offset() as usize;
        // Within bounds: the frame was checked.
        self.bytes.slice(start..start + column.compressed_size() as usize)
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

    pub(crate) fn row_group(&self) -> &RowGroupMetaData {
        self.metadata.row_group(0)
    }
}

/// Where the footer of a block lies in it, without its length and the magic behind it.
pub(crate) fn footer_of(block: &[u8]) -> Result<Range<usize>, BlockError> {
    let not_parquet = || BlockError::NotParquet(block.len());
    let end = block.len().checked_sub(FOOTER_SIZE).filter(|&end| end >= MAGIC.len()).ok_or_else(not_parquet)?;
    let tail = block.get(end..).and_then(|tail| FooterTail::try_from(tail).ok()).ok_or_else(not_parquet)?;
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

/// Checks that a row group has the right columns, which together are these bytes of the file, so that nothing later needs
/// to. Returns its first number.
pub(crate) fn check_row_group(
    group: &RowGroupMetaData,
    value_type: ValueType,
    bytes: Range<u64>,
) -> Result<i64, BlockError> {
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
    let mut next = bytes.start;
    for column in group.columns() {
        let size = u64::try_from(column.compressed_size()).map_err(|_| BlockError::Layout)?;
        let is_next = column.dictionary_page_offset().is_none() && u64::try_from(column.data_page_offset()) == Ok(next);
        next = next.checked_add(size).filter(|_| is_next).ok_or(BlockError::Layout)?;
    }
    if next != bytes.end {
        return Err(BlockError::Layout);
    }
    first_number(group).ok_or(BlockError::Numbers)
}

/// The first number, if the statistics say that as many follow each other as there are rows.
fn first_number(group: &RowGroupMetaData) -> Option<i64> {
    let Some(Statistics::Int64(n)) = group.column(0).statistics() else { return None };
    let (first, last) = (*n.min_opt()?, *n.max_opt()?);
    (first.checked_add(group.num_rows() - 1) == Some(last)).then_some(first)
}
