//! Parts: one Parquet file of many blocks, written and read without decoding.

use std::{
    io::{self, Write},
    ops::Range,
    sync::Arc,
};

use bytes::Bytes;
use object_store::{ObjectStoreExt, WriteMultipart, path::Path};
use parquet::file::{
    FOOTER_SIZE,
    metadata::{FooterTail, ParquetMetaData},
};
use swath_block::{Block, FileAssembler, parse_footer};
use swath_kernel::ValueType;
use tokio::runtime::Handle;

use super::{StoreError, objects::Objects, trouble::Trouble};
use crate::ledger::{BlockRow, PartRow};

/// Bytes of a part that are on their way to the object store at once.
const UPLOAD_CHUNK: usize = 8 << 20;
const UPLOADS_UNDER_WAY: usize = 2;

/// What the footer of a part takes for each block, about.
const FOOTER_BYTES: u64 = 512;

/// Writes a part of these blocks, each with its first offset, in their order; returns what the ledger should know of it.
///
/// It appears under its name only when it is whole: a folder is written to under another name, then synced and renamed;
/// a bucket gets it in one request, so that there is nothing unfinished in it, ever.
pub(super) async fn write(
    objects: &Objects,
    path: &Path,
    value_type: ValueType,
    blocks: Vec<(u64, Block)>,
) -> Result<PartRow, StoreError> {
    let name = || objects.part_name(path.as_ref());
    let (blocks, bytes) = match objects.folder_store() {
        Some(store) => {
            let failed = |error| StoreError::Write { path: name(), error: Trouble::of_folder(&error) };
            let upload = store.put_multipart(path).await.map_err(failed)?;
            let upload = WriteMultipart::new_with_chunk_size(upload, UPLOAD_CHUNK);
            let writer = PartWriter { upload, runtime: Handle::current() };
            let (writer, blocks) = assemble(writer, value_type, blocks, name).await?;
            writer.upload.finish().await.map_err(failed)?;
            (blocks, store.head(path).await.map_err(failed)?.size)
        }
        None => {
            let size: usize = blocks.iter().map(|(_, block)| block.bytes().len() + FOOTER_BYTES as usize).sum();
            let (file, blocks) = assemble(Vec::with_capacity(size), value_type, blocks, name).await?;
            let bytes = file.len() as u64;
            objects.put(path, file).await.map_err(|error| StoreError::Write { path: name(), error })?;
            (blocks, bytes)
        }
    };
    Ok(PartRow { path: path.to_string(), bytes, blocks })
}

/// Puts a file together, away from the threads that serve.
async fn assemble<W: Write + Send + 'static>(
    writer: W,
    value_type: ValueType,
    blocks: Vec<(u64, Block)>,
    name: impl Fn() -> String,
) -> Result<(W, Vec<BlockRow>), StoreError> {
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
    let failed = |reason: String| StoreError::Assemble { path: name(), reason };
    assembled.map_err(|error| failed(error.to_string()))?.map_err(|error| failed(error.to_string()))
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
    name: String,
    metadata: ParquetMetaData,
    value_type: ValueType,
}

impl OpenPart {
    /// Reads the footer of a part.
    pub(super) async fn open(objects: &Objects, part: Arc<PartRow>, value_type: ValueType) -> Result<Self, StoreError> {
        let name = objects.part_name(&part.path);
        let path = Path::from(part.path.as_str());
        let size = part.bytes;
        let damaged = |reason: String| StoreError::Damaged { path: name.clone(), reason };
        let read = async |from: u64, to: u64| {
            objects.get_range(&path, from..to).await.map_err(|error| StoreError::Read { path: name.clone(), error })
        };
        let tail_start =
            size.checked_sub(FOOTER_SIZE as u64).ok_or_else(|| damaged("it is shorter than a footer".to_owned()))?;
        // Likely all of the footer, in one request.
        let start = tail_start.saturating_sub((part.blocks.len() as u64 + 4) * FOOTER_BYTES);
        let end = read(start, size).await?;
        let (before, tail) = end.split_at((tail_start - start) as usize);
        let tail = FooterTail::try_from(tail).map_err(|error| damaged(error.to_string()))?;
        let length = tail.metadata_length() as u64;
        let metadata_start =
            tail_start.checked_sub(length).ok_or_else(|| damaged("its footer is longer than the file".to_owned()))?;
        let metadata = match before.len().checked_sub(length as usize) {
            Some(skipped) => end.slice(skipped..before.len()),
            None => read(metadata_start, tail_start).await?,
        };
        let metadata = parse_footer(&metadata, part.blocks.len()).map_err(|error| damaged(error.to_string()))?;
        Ok(Self { part, name, metadata, value_type })
    }

    /// Reads the encoded columns of some blocks, which lie one behind the other. Returns them with their position.
    pub(super) async fn columns(&self, objects: &Objects, blocks: Range<usize>) -> Result<(u64, Bytes), StoreError> {
        let (mut start, mut end) = (u64::MAX, 0);
        for index in blocks {
            let span = self.span(index)?;
            (start, end) = (start.min(span.start), end.max(span.end));
        }
        let path = Path::from(self.part.path.as_str());
        match objects.get_range(&path, start..end).await {
            Ok(columns) => Ok((start, columns)),
            Err(error) => Err(StoreError::Read { path: self.name.clone(), error }),
        }
    }

    /// The block at this position of the part, if it is what was written; `columns` are the bytes of the file from `start` on.
    pub(super) fn block(&self, index: usize, start: u64, columns: &Bytes) -> Result<Block, StoreError> {
        let span = self.span(index)?;
        let within = |at: u64| at.checked_sub(start).map(|at| at as usize).filter(|&at| at <= columns.len());
        let (Some(from), Some(to)) = (within(span.start), within(span.end)) else {
            return Err(self.damaged("its blocks are not in their order".to_owned()));
        };
        let columns = columns.slice(from..to);
        if crc32fast::hash(&columns) != self.part.blocks[index].checksum {
            return Err(self.damaged("its checksum is not that of what was written".to_owned()));
        }
        Block::from_row_group(self.metadata.row_group(index), span.start, columns, self.value_type)
            .map_err(|error| self.damaged(error.to_string()))
    }

    /// Where in the file the columns of a block lie.
    fn span(&self, index: usize) -> Result<Range<u64>, StoreError> {
        let position = |offset: i64| u64::try_from(offset).map_err(|error| self.damaged(error.to_string()));
        let mut start = u64::MAX;
        let mut end = 0;
        for column in self.metadata.row_group(index).columns() {
            let from = position(column.dictionary_page_offset().unwrap_or(column.data_page_offset()))?;
            start = start.min(from);
            end = end.max(from.saturating_add(position(column.compressed_size())?));
        }
        if start >= end || end > self.part.bytes {
            return Err(self.damaged("its columns lie outside of the file".to_owned()));
        }
        Ok(start..end)
    }

    fn damaged(&self, reason: String) -> StoreError {
        StoreError::Damaged { path: self.name.clone(), reason }
    }
}
