//! A block that came from elsewhere.

use std::sync::Arc;

use bytes::Bytes;
use parquet::file::metadata::{ParquetMetaData, RowGroupMetaData};
use swath_kernel::ValueType;

use crate::{
    BlockError, Digest,
    column::Column,
    frame::{MAGIC, check_row_group, footer_of, parse_footer},
};

/// A block whose frame has been checked: one row group, the right columns, and nothing but these. Its pages have not
/// been looked at; see [`check`](Self::check).
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

    /// The rows, 1 to [`MAX_ROWS`](crate::MAX_ROWS).
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

    pub(crate) fn row_group(&self) -> &RowGroupMetaData {
        self.metadata.row_group(0)
    }
}
