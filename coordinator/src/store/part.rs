//! Parts: one Parquet file of many blocks, written and read without decoding.

use std::{
    io::{self, Write},
    sync::Arc,
};

use bytes::Bytes;
use object_store::{ObjectStore, ObjectStoreExt, WriteMultipart, path::Path};
use parquet::file::{
    FOOTER_SIZE,
    metadata::{FooterTail, ParquetMetaData, ParquetMetaDataReader},
};
use swath_block::{Block, FileAssembler};
use swath_kernel::ValueType;
use tokio::runtime::Handle;

use super::StoreError;
use crate::ledger::{BlockRow, PartRow};

/// Bytes of a part that are on their way to the object store at once.
const UPLOAD_CHUNK: usize = 8 << 20;
const UPLOADS_UNDER_WAY: usize = 2;

/// Writes a part of these blocks, each with its first offset, in their order; returns what the ledger should know of it.
///
/// It appears under its name only when it is whole (the object store writes under another name, syncs and renames).
pub(super) async fn write(
    objects: &dyn ObjectStore,
    path: &Path,
    value_type: ValueType,
    blocks: Vec<(u64, Block)>,
) -> Result<PartRow, StoreError> {
    let failed = |error| StoreError::Write { path: path.to_string(), error };
    let upload = objects.put_multipart(path).await.map_err(failed)?;
    let writer =
        PartWriter { upload: WriteMultipart::new_with_chunk_size(upload, UPLOAD_CHUNK), runtime: Handle::current() };
    let assembled = tokio::task::spawn_blocking(move || {
        let mut file = FileAssembler::new(writer, value_type)?;
        let mut rows = Vec::with_capacity(blocks.len());
        for (first, block) in &blocks {
            file.append(block)?;
            let checksum = crc32fast::hash(&block.columns_bytes());
            rows.push(BlockRow { first: *first, rows: block.rows() as u32, checksum });
        }
        file.finish().map(|writer| (writer, rows))
    })
    .await;
    let unassembled = |reason: String| StoreError::Assemble { path: path.to_string(), reason };
    let (writer, blocks) =
        assembled.map_err(|error| unassembled(error.to_string()))?.map_err(|error| unassembled(error.to_string()))?;
    writer.upload.finish().await.map_err(failed)?;
    let bytes = objects.head(path).await.map_err(failed)?.size;
    Ok(PartRow { path: path.to_string(), bytes, blocks })
}

/// Carries what the Parquet writer writes to the object store, with bounded memory.
struct PartWriter {
    upload: WriteMultipart,
    runtime: Handle,
}

impl Write for PartWriter {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.runtime.block_on(self.upload.wait_for_capacity(UPLOADS_UNDER_WAY))?;
        let _runtime = self.runtime.enter();
        self.upload.write(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// A part that is open for reading: its footer.
pub(super) struct OpenPart {
    part: Arc<PartRow>,
    path: Path,
    metadata: ParquetMetaData,
    value_type: ValueType,
}

impl OpenPart {
    /// Reads the footer of a part.
    pub(super) async fn open(
        objects: &dyn ObjectStore,
        part: Arc<PartRow>,
        value_type: ValueType,
    ) -> Result<Self, StoreError> {
        let path = Path::from(part.path.as_str());
        let size = part.bytes;
        let damaged = |reason: String| StoreError::Damaged { path: path.to_string(), reason };
        let read = async |from: u64, to: u64| {
            objects.get_range(&path, from..to).await.map_err(|error| StoreError::Read { path: path.to_string(), error })
        };
        let tail_start =
            size.checked_sub(FOOTER_SIZE as u64).ok_or_else(|| damaged("it is shorter than a footer".to_owned()))?;
        let tail = read(tail_start, size).await?;
        let tail = FooterTail::try_from(tail.as_ref()).map_err(|error| damaged(error.to_string()))?;
        let metadata_start = tail_start
            .checked_sub(tail.metadata_length() as u64)
            .ok_or_else(|| damaged("its footer is longer than the file".to_owned()))?;
        let metadata = read(metadata_start, tail_start).await?;
        let metadata = ParquetMetaDataReader::decode_metadata(&metadata).map_err(|error| damaged(error.to_string()))?;
        if metadata.num_row_groups() != part.blocks.len() {
            let (found, expected) = (metadata.num_row_groups(), part.blocks.len());
            return Err(damaged(format!("it has {found} row groups instead of {expected}")));
        }
        Ok(Self { part, path, metadata, value_type })
    }

    pub(super) fn part(&self) -> &Arc<PartRow> {
        &self.part
    }

    /// The block at this position of the part, if it is what was written.
    pub(super) async fn block(&self, objects: &dyn ObjectStore, index: usize) -> Result<Block, StoreError> {
        let damaged = |reason: String| StoreError::Damaged { path: self.path.to_string(), reason };
        let position = |offset: i64| u64::try_from(offset).map_err(|error| damaged(error.to_string()));
        let group = self.metadata.row_group(index);
        let mut start = u64::MAX;
        let mut end = 0;
        for column in group.columns() {
            let from = position(column.dictionary_page_offset().unwrap_or(column.data_page_offset()))?;
            start = start.min(from);
            end = end.max(from.saturating_add(position(column.compressed_size())?));
        }
        if start >= end || end > self.part.bytes {
            return Err(damaged("its columns lie outside of the file".to_owned()));
        }
        let columns: Bytes = objects
            .get_range(&self.path, start..end)
            .await
            .map_err(|error| StoreError::Read { path: self.path.to_string(), error })?;
        if crc32fast::hash(&columns) != self.part.blocks[index].checksum {
            return Err(damaged("its checksum is not that of what was written".to_owned()));
        }
        Block::from_row_group(group, start, columns, self.value_type).map_err(|error| damaged(error.to_string()))
    }
}
