//! Parts: one Parquet file of many blocks, written and read without decoding.

use std::{
    io::{self, Write},
    ops::Range,
    sync::Arc,
};

use bytes::Bytes;
use object_store::{ObjectStoreExt, WriteMultipart, path::Path};
use parquet::{
    errors::ParquetError,
    file::{FOOTER_SIZE, metadata::ParquetMetaData},
};
use swath_block::{Block, FileAssembler, checksum, parse_footer};
use swath_kernel::ValueType;
use swath_model::Range as Numbers;
use tokio::runtime::Handle;

use super::{StoreError, job::Held, objects::Objects, trouble::Trouble};
use crate::ledger::{BlockRow, FooterRow, PartRow, Sender};

/// Bytes of a part that are on their way to the object store at once.
const UPLOAD_CHUNK: usize = 8 << 20;
const UPLOADS_UNDER_WAY: usize = 2;

/// What the footer of a part takes for each block, about.
const FOOTER_BYTES: usize = 512;

/// Writes a part of these blocks, each with its first offset, in their order; returns what the ledger should know of it.
///
/// It appears under its name only when it is whole: a folder is written to under another name, then synced and renamed;
/// a bucket gets it in one request, so that there is nothing unfinished in it, ever.
pub(super) async fn write(
    objects: &Objects,
    path: &Path,
    value_type: ValueType,
    blocks: Vec<(u64, Held)>,
) -> Result<PartRow, StoreError> {
    let name = || objects.part_name(path.as_ref());
    let (contents, bytes) = match objects.folder_store() {
        Some(store) => {
            let failed = |error| StoreError::Write { path: name(), error: Trouble::of_folder(&error) };
            let upload = store.put_multipart(path).await.map_err(failed)?;
            let upload = WriteMultipart::new_with_chunk_size(upload, UPLOAD_CHUNK);
            let writer = PartWriter { upload, runtime: Handle::current() };
            let (writer, contents) = assemble(writer, value_type, blocks, name).await?;
            writer.upload.finish().await.map_err(failed)?;
            (contents, store.head(path).await.map_err(failed)?.size)
        }
        None => {
            let size: usize = blocks.iter().map(|(_, held)| held.block.bytes().len() + FOOTER_BYTES).sum();
            let (file, contents) = assemble(Vec::with_capacity(size), value_type, blocks, name).await?;
            let bytes = file.len() as u64;
            objects.put(path, file).await.map_err(|error| StoreError::Write { path: name(), error })?;
            (contents, bytes)
        }
    };
    let Contents { footer, blocks, senders } = contents;
    Ok(PartRow { path: path.to_string(), bytes, footer, blocks, senders })
}

/// What was put into a part.
#[derive(Debug, Default)]
struct Contents {
    footer: FooterRow,
    blocks: Vec<BlockRow>,
    senders: Vec<Sender>,
}

impl Contents {
    fn sender(&mut self, sender: &Sender) -> u32 {
        let known = self.senders.iter().position(|known| known == sender);
        let index = known.unwrap_or_else(|| {
            self.senders.push(sender.clone());
            self.senders.len() - 1
        });
        index as u32
    }
}

/// Puts a file together, away from the threads that serve.
async fn assemble<W: Write + Send + 'static>(
    writer: W,
    value_type: ValueType,
    blocks: Vec<(u64, Held)>,
    name: impl Fn() -> String,
) -> Result<(W, Contents), StoreError> {
    let path = name();
    let failed = {
        let path = path.clone();
        move |reason: String| StoreError::Assemble { path: path.clone(), reason }
    };
    let assembling = tokio::task::spawn_blocking(move || {
        let failed = |error: ParquetError| match store_error(&error) {
            Some(error) => StoreError::Write { path: path.clone(), error: Trouble::of_folder(error) },
            None => StoreError::Assemble { path: path.clone(), reason: error.to_string() },
        };
        let mut file = FileAssembler::new(writer, value_type).map_err(failed)?;
        let mut contents = Contents::default();
        for (first, held) in &blocks {
            // What has come to harm in memory must not be written down as what was computed; its footer is parsed anew.
            let digest = held.block.digest();
            let block = Block::receive(held.block.bytes().clone(), value_type, digest.whole())
                .map_err(|error| StoreError::BlockDamaged { first: *first, reason: error.to_string() })?;
            file.append(&block).map_err(failed)?;
            let sender = contents.sender(&held.sender);
            let rows = block.rows() as u32;
            contents.blocks.push(BlockRow { first: *first, rows, digest: digest.columns(), sender });
        }
        let (writer, footer) = file.finish_with_footer().map_err(failed)?;
        contents.footer = FooterRow { bytes: footer.len() as u32, digest: checksum(&footer) };
        Ok((writer, contents))
    });
    assembling.await.map_err(|error| failed(error.to_string()))?
}

/// What the store said, if that is why a file could not be put together: its disk is full, for example.
fn store_error(error: &ParquetError) -> Option<&object_store::Error> {
    let ParquetError::External(error) = error else { return None };
    error.downcast_ref::<io::Error>()?.get_ref()?.downcast_ref()
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
    range: Numbers,
}

impl OpenPart {
    /// Reads the footer of a part of a job over this range. None of it is parsed unless it is what was written.
    pub(super) async fn open(
        objects: &Objects,
        part: Arc<PartRow>,
        value_type: ValueType,
        range: Numbers,
    ) -> Result<Self, StoreError> {
        let name = objects.part_name(&part.path);
        let damaged = |reason: String| StoreError::Damaged { path: name.clone(), reason };
        let short = || damaged("it is shorter than its footer".to_owned());
        let start = part.bytes.checked_sub(part.footer.bytes.into()).ok_or_else(short)?;
        let path = Path::from(part.path.as_str());
        let footer = objects.get_range(&path, start..part.bytes).await;
        let footer = footer.map_err(|error| StoreError::Read { path: name.clone(), error })?;
        if checksum(&footer) != part.footer.digest {
            return Err(damaged("its footer is not that which was written".to_owned()));
        }
        let metadata = footer.len().checked_sub(FOOTER_SIZE).ok_or_else(short)?;
        let metadata =
            parse_footer(&footer[..metadata], part.blocks.len()).map_err(|error| damaged(error.to_string()))?;
        Ok(Self { part, name, metadata, value_type, range })
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
        let row = self.part.blocks[index];
        let group = self.metadata.row_group(index);
        let block = Block::from_row_group(group, span.start, columns, self.value_type, row.digest)
            .map_err(|error| self.damaged(error.to_string()))?;
        if Some(block.first()) != self.range.at(row.first) || block.rows() != row.rows as usize {
            return Err(self.damaged("it has other numbers than the ledger says".to_owned()));
        }
        Ok(block)
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
