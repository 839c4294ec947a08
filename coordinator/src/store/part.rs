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

/// Bytes of a part that are on their way to the object store at once.
const UPLOAD_CHUNK: usize = 8 << 20;
const UPLOADS_UNDER_WAY: usize = 2;

/// Writes a part of these blocks, in their order; returns its size in bytes.
///
/// It appears under its name only when it is whole (the object store writes under another name, syncs and renames).
pub(super) async fn write(
    objects: &dyn ObjectStore,
    path: &Path,
    value_type: ValueType,
    blocks: Vec<Block>,
) -> Result<u64, StoreError> {
    let failed = |error| StoreError::Write { path: path.to_string(), error };
    let upload = objects.put_multipart(path).await.map_err(failed)?;
    let writer =
        PartWriter { upload: WriteMultipart::new_with_chunk_size(upload, UPLOAD_CHUNK), runtime: Handle::current() };
    let assembled = tokio::task::spawn_blocking(move || {
        let mut file = FileAssembler::new(writer, value_type)?;
        for block in &blocks {
            file.append(block)?;
        }
        let bytes = file.bytes_written();
        file.finish().map(|writer| (writer, bytes as u64))
    })
    .await;
    match assembled {
        Ok(Ok((writer, bytes))) => {
            writer.upload.finish().await.map_err(failed)?;
            // The footer came after the count was taken.
            let bytes = objects.head(path).await.map_or(bytes, |meta| meta.size);
            Ok(bytes)
        }
        Ok(Err(error)) => Err(StoreError::Assemble { path: path.to_string(), reason: error.to_string() }),
        Err(error) => Err(StoreError::Assemble { path: path.to_string(), reason: error.to_string() }),
    }
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
#[derive(Debug, Clone)]
pub(super) struct OpenPart {
    path: Path,
    metadata: Arc<ParquetMetaData>,
    value_type: ValueType,
}

impl OpenPart {
    /// Reads the footer of a part of `size` bytes.
    pub(super) async fn open(
        objects: &dyn ObjectStore,
        path: &Path,
        size: u64,
        value_type: ValueType,
    ) -> Result<Self, StoreError> {
        let damaged = |reason: String| StoreError::Damaged { path: path.to_string(), reason };
        let read = async |from: u64, to: u64| {
            objects.get_range(path, from..to).await.map_err(|error| StoreError::Read { path: path.to_string(), error })
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
        Ok(Self { path: path.clone(), metadata: Arc::new(metadata), value_type })
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// The block that holds this row of the part, and the row of the part at which the block begins.
    pub(super) async fn block_at(&self, objects: &dyn ObjectStore, row: u64) -> Result<(Block, u64), StoreError> {
        let damaged = |reason: String| StoreError::Damaged { path: self.path.to_string(), reason };
        let mut begin = 0;
        for group in self.metadata.row_groups() {
            let rows = u64::try_from(group.num_rows()).map_err(|error| damaged(error.to_string()))?;
            if row < begin + rows {
                let position = |offset: i64| u64::try_from(offset).map_err(|error| damaged(error.to_string()));
                let mut start = u64::MAX;
                let mut end = 0;
                for column in group.columns() {
                    let from = position(column.dictionary_page_offset().unwrap_or(column.data_page_offset()))?;
                    start = start.min(from);
                    end = end.max(from.saturating_add(position(column.compressed_size())?));
                }
                let columns: Bytes = objects
                    .get_range(&self.path, start..end)
                    .await
                    .map_err(|error| StoreError::Read { path: self.path.to_string(), error })?;
                let block = Block::from_row_group(group, start, columns, self.value_type)
                    .map_err(|error| damaged(error.to_string()))?;
                return Ok((block, begin));
            }
            begin += rows;
        }
        Err(damaged(format!("it has {begin} rows; row {row} was looked for")))
    }
}
