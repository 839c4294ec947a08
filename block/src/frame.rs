//! The frame of a block: what lies around its pages. The bytes may come from anywhere.

use std::ops::Range;

use parquet::file::{
    FOOTER_SIZE,
    metadata::{FooterTail, ParquetMetaData, ParquetMetaDataReader, RowGroupMetaData},
    statistics::Statistics,
};
use swath_model::{Covers, Layout, Shape};

use crate::{BlockError, MAX_ROWS, MOST_DECODED_BYTES, format::Format, thrift};

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
    let start = end.checked_sub(length).filter(|&start| start >= MAGIC.len()).ok_or_else(not_parquet)?;
    Ok(start..end)
}

/// Parses the footer of a file of this layout and of so many row groups, without its length and the magic behind it. A
/// footer that is nested too deep, or claims more than it has, does not reach the parser.
pub fn parse_footer(footer: &[u8], row_groups: usize, layout: &Layout) -> Result<ParquetMetaData, BlockError> {
    let format = Format::new(layout)?;
    parse_footer_of(footer, row_groups, &format)
}

pub(crate) fn parse_footer_of(
    footer: &[u8],
    row_groups: usize,
    format: &Format,
) -> Result<ParquetMetaData, BlockError> {
    thrift::check_footer(footer, row_groups as u64, &format.children)?;
    Ok(ParquetMetaDataReader::decode_metadata(footer)?)
}

/// Checks that a row group has the right columns, which together are these bytes of the file, that they are within
/// bounds, and that its numbers are covered, so that nothing later needs to.
pub(crate) fn check_row_group(
    group: &RowGroupMetaData,
    format: &Format,
    covers: Covers,
    bytes: Range<u64>,
) -> Result<(), BlockError> {
    check_rows(group.num_rows(), format.layout.shape(), covers)?;
    let expected = format.descriptor.columns();
    let same = group.num_columns() == expected.len()
        && group.columns().iter().zip(expected).all(|(column, expected)| column.column_descr() == expected.as_ref());
    if !same {
        return Err(BlockError::columns(format));
    }
    let mut next = bytes.start;
    let mut decoded = 0u64;
    for (column, leaf) in group.columns().iter().zip(&format.leaves) {
        let values = u64::try_from(column.num_values()).map_err(|_| BlockError::Layout)?;
        let rows = group.num_rows().cast_unsigned();
        if values < rows || (leaf.is_flat && values > rows) {
            return Err(BlockError::columns(format));
        }
        let size = u64::try_from(column.compressed_size()).map_err(|_| BlockError::Layout)?;
        let is_next = column.dictionary_page_offset().is_none() && u64::try_from(column.data_page_offset()) == Ok(next);
        next = next.checked_add(size).filter(|_| is_next).ok_or(BlockError::Layout)?;
        let uncompressed = u64::try_from(column.uncompressed_size()).map_err(|_| BlockError::Layout)?;
        let in_memory = values.saturating_mul(leaf.width as u64);
        decoded = decoded.saturating_add(uncompressed.max(in_memory));
    }
    if next != bytes.end {
        return Err(BlockError::Layout);
    }
    if decoded > MOST_DECODED_BYTES as u64 {
        return Err(BlockError::Decoded(decoded));
    }
    if format.has_numbers() { check_numbers(group, format.layout.shape(), covers) } else { Ok(()) }
}

/// Checks what the statistics say of the numbers.
fn check_numbers(group: &RowGroupMetaData, shape: Shape, covers: Covers) -> Result<(), BlockError> {
    let Some(Statistics::Int64(n)) = group.columns().first().and_then(|column| column.statistics()) else {
        return Err(BlockError::Numbers);
    };
    let (Some(&first), Some(&last)) = (n.min_opt(), n.max_opt()) else { return Err(BlockError::Numbers) };
    let is_covered = match shape {
        Shape::Dense => first == covers.first && covers.last() == Some(last),
        _ => first <= last && covers.contains(first) && covers.contains(last),
    };
    if is_covered { Ok(()) } else { Err(BlockError::Numbers) }
}

/// Whether a row group may have so many rows in a block of this shape.
fn check_rows(rows: i64, shape: Shape, covers: Covers) -> Result<(), BlockError> {
    if !(1..=MAX_ROWS as i64).contains(&rows) {
        return Err(BlockError::Rows(rows));
    }
    let is_covered = covers.last().is_some() && (shape != Shape::Dense || covers.numbers == rows.cast_unsigned());
    if is_covered { Ok(()) } else { Err(BlockError::Covers { covers, rows }) }
}
