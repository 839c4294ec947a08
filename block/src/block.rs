//! A block that came from elsewhere.

use std::sync::Arc;

use bytes::Bytes;
use parquet::file::metadata::{ParquetMetaData, RowGroupMetaData};
use swath_model::{Covers, Layout, Shape};

use crate::{
    BlockError, Digest, MAX_ENCODED_BYTES,
    format::Format,
    frame::{MAGIC, check_row_group, footer_of, parse_footer_of},
};

/// A block whose frame has been checked: one row group, or none, the right columns, and nothing but these. Its pages
/// have not been looked at; see [`check`](Self::check).
#[derive(Debug, Clone)]
pub struct Block {
    bytes: Bytes,
    metadata: Arc<ParquetMetaData>,
    format: Arc<Format>,
    covers: Covers,
    /// Where the columns end and the footer begins.
    columns_end: usize,
    digest: Digest,
}

impl Block {
    /// Checks the frame of a block of this layout that covers these numbers.
    pub fn parse(bytes: Bytes, layout: &Layout, covers: Covers) -> Result<Self, BlockError> {
        let digest = Digest::of(&bytes)?;
        Self::with_digest(bytes, Format::new(layout)?, covers, digest)
    }

    /// The same for a block that must have this [digest](Digest::whole); no byte of another is parsed.
    pub fn receive(bytes: Bytes, layout: &Layout, covers: Covers, digest: u64) -> Result<Self, BlockError> {
        let found = Digest::of(&bytes)?;
        if found.whole() != digest {
            return Err(BlockError::Digest);
        }
        Self::with_digest(bytes, Format::new(layout)?, covers, found)
    }

    /// A block whose digest is known.
    pub(crate) fn with_digest(
        bytes: Bytes,
        format: Arc<Format>,
        covers: Covers,
        digest: Digest,
    ) -> Result<Self, BlockError> {
        if bytes.len() > MAX_ENCODED_BYTES {
            return Err(BlockError::Size(bytes.len()));
        }
        let footer = footer_of(&bytes)?;
        let allowed = format.most_footer_bytes;
        if footer.len() > allowed {
            return Err(BlockError::FooterLength { found: footer.len(), allowed });
        }
        let columns_end = footer.start;
        // A block without rows has no row group.
        let may_be_empty = format.layout.shape() != Shape::Dense;
        let row_groups = if may_be_empty && columns_end == MAGIC.len() { 0 } else { 1 };
        let metadata = parse_footer_of(bytes.get(footer).unwrap_or_default(), row_groups, &format)?;
        let said = metadata.file_metadata().num_rows();
        if said != metadata.row_groups().iter().map(RowGroupMetaData::num_rows).fold(0, i64::saturating_add) {
            return Err(BlockError::Rows(said));
        }
        match metadata.row_groups() {
            [group] => check_row_group(group, &format, covers, MAGIC.len() as u64..columns_end as u64)?,
            _ if covers.last().is_none() => return Err(BlockError::Covers { covers, rows: 0 }),
            _ if metadata.file_metadata().schema_descr() != &*format.descriptor => {
                return Err(BlockError::columns(&format));
            }
            _ => {}
        }
        Ok(Self { bytes, metadata: Arc::new(metadata), format, covers, columns_end, digest })
    }

    /// The rows, at most [`MAX_ROWS`](crate::MAX_ROWS).
    pub fn rows(&self) -> usize {
        self.row_group().map_or(0, |group| group.num_rows() as usize)
    }

    /// The numbers that it covers.
    pub fn covers(&self) -> Covers {
        self.covers
    }

    /// Its shape and columns.
    pub fn layout(&self) -> &Layout {
        &self.format.layout
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
        // Within bounds: the frame was checked.
        self.bytes.slice(MAGIC.len()..self.columns_end)
    }

    /// The pages of a column of Parquet, encoded.
    pub(crate) fn leaf_bytes(&self, leaf: usize) -> Bytes {
        let Some(column) = self.row_group().and_then(|group| group.columns().get(leaf)) else { return Bytes::new() };
        let start = column.data_page_offset() as usize;
        // Within bounds: the frame was checked.
        self.bytes.slice(start..start + column.compressed_size() as usize)
    }

    /// None where there are no rows.
    pub(crate) fn row_group(&self) -> Option<&RowGroupMetaData> {
        self.metadata.row_groups().first()
    }

    pub(crate) fn metadata(&self) -> &ParquetMetaData {
        &self.metadata
    }

    pub(crate) fn format(&self) -> &Arc<Format> {
        &self.format
    }
}
