//! The frame of a block: what lies around its pages. The bytes may come from anywhere.

use std::ops::Range;

use parquet::file::{
    FOOTER_SIZE,
    metadata::{FooterTail, ParquetMetaData, ParquetMetaDataReader, RowGroupMetaData},
    statistics::Statistics,
};
use swath_kernel::ValueType;

use crate::{BlockError, MAX_FOOTER_BYTES, MAX_ROWS, schema, thrift};

/// What a Parquet file begins with, and ends with.
pub(crate) const MAGIC: &[u8] = b"PAR1";

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

/// Checks that a row group has the right columns, which together are these bytes of the file, so that nothing later
/// needs to. Returns its first number.
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
