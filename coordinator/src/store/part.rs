//! Parts: one Parquet file of many blocks, written and read without decoding.

use std::{io, ops::Range, sync::Arc};

use bytes::Bytes;
use parquet::{
    errors::ParquetError,
    file::{FOOTER_SIZE, metadata::ParquetMetaData},
};
use swath_block::{Block, BlockEncoder, BlockError, FileAssembler, checksum, parse_footer};
use swath_model::{Covers, Layout, Range as Numbers};

use super::{
    error::StoreError,
    job::{Held, JobResults},
    memory::BLOCK_OVERHEAD,
    object_store_error::ObjectStoreError,
    part_store::{PartStore, PartWriter},
};
use crate::ledger::{BlockRow, FooterRow, PartRow, Sender};

/// What the footer of a part takes for each block, about.
const FOOTER_BYTES: usize = 512;

/// Writes a part of these blocks of a job, each with its first offset, in their order. Returns its row for the ledger.
pub(super) async fn write(
    parts: &dyn PartStore,
    path: &str,
    results: &JobResults,
    blocks: Vec<(u64, Held)>,
) -> Result<PartRow, StoreError> {
    let name = parts.name_in_errors(path);
    let failed = |error| StoreError::Write { path: name.clone(), error };
    let size = blocks.iter().map(|(_, held)| held.block.bytes().len() + FOOTER_BYTES).sum();
    let writer = parts.create(path, size).await.map_err(failed)?;
    let assembling = Assembling { layout: results.layout().clone(), metadata: results.metadata().to_vec(), blocks };
    let (writer, contents) = assemble(writer, assembling, name.clone()).await?;
    let bytes = writer.finish().await.map_err(failed)?;
    let Contents { footer, blocks, senders } = contents;
    Ok(PartRow { path: path.to_owned(), bytes, footer, blocks, senders })
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

impl Contents {
    /// Adds a block. Neighbours without rows become one, so numbers without rows cost next to nothing.
    fn add(&mut self, block: BlockRow) {
        match self.blocks.last_mut() {
            Some(last)
                if last.rows == 0
                    && block.rows == 0
                    && last.sender == block.sender
                    && last.first.checked_add(last.numbers) == Some(block.first) =>
            {
                last.numbers += block.numbers;
            }
            _ => self.blocks.push(block),
        }
    }
}

/// What a part is made of.
struct Assembling {
    layout: Layout,
    metadata: Vec<(String, String)>,
    blocks: Vec<(u64, Held)>,
}

/// Assembles a part, on a thread that may wait. `name` is for errors.
async fn assemble(
    writer: Box<dyn PartWriter>,
    assembling: Assembling,
    name: String,
) -> Result<(Box<dyn PartWriter>, Contents), StoreError> {
    let Assembling { layout, metadata, blocks } = assembling;
    let path = name.clone();
    let assembling = tokio::task::spawn_blocking(move || {
        let failed = |error: ParquetError| match store_error(&error) {
            Some(error) => StoreError::Write { path: path.clone(), error: error.clone() },
            None => StoreError::Assemble { path: path.clone(), reason: error.to_string() },
        };
        let mut file = FileAssembler::new(writer, &layout).map_err(failed)?;
        metadata.into_iter().for_each(|(key, value)| file.describe(key, value));
        let mut contents = Contents::default();
        for (first, held) in &blocks {
            // A block that was damaged in memory must not be written as what was computed; its footer is parsed anew.
            let digest = held.block.digest();
            let covers = held.block.covers();
            let block = Block::receive(held.block.bytes().clone(), &layout, covers, digest.whole())
                .map_err(|error| StoreError::BlockDamaged { first: *first, reason: error.to_string() })?;
            file.append(&block).map_err(failed)?;
            let sender = contents.sender(&held.sender);
            let (numbers, rows) = (covers.numbers, block.rows() as u32);
            contents.add(BlockRow { first: *first, numbers, rows, digest: digest.columns(), sender });
        }
        let (writer, footer) = file.finish_with_footer().map_err(failed)?;
        contents.footer = FooterRow { bytes: footer.len() as u32, digest: checksum(&footer) };
        Ok((writer, contents))
    });
    assembling.await.map_err(|error| StoreError::Assemble { path: name, reason: error.to_string() })?
}

/// The error of the store that a file could not be assembled for, if it is one: its disk is full, for example.
fn store_error(error: &ParquetError) -> Option<&ObjectStoreError> {
    let ParquetError::External(error) = error else { return None };
    error.downcast_ref::<io::Error>()?.get_ref()?.downcast_ref()
}

/// A part that is open for reading: its footer.
pub(super) struct OpenPart {
    part: Arc<PartRow>,
    name: String,
    metadata: ParquetMetaData,
    /// The row group of each block; `None` if it has no rows.
    row_groups: Vec<Option<u32>>,
    layout: Layout,
    range: Numbers,
}

impl OpenPart {
    /// Reads the footer of a part of a job over this range. It is parsed only if its digest is that of what was
    /// written.
    pub(super) async fn open(
        parts: &dyn PartStore,
        part: Arc<PartRow>,
        layout: Layout,
        range: Numbers,
    ) -> Result<Self, StoreError> {
        let name = parts.name_in_errors(&part.path);
        let damaged = |reason: String| StoreError::Damaged { path: name.clone(), reason };
        let short = || damaged("it is shorter than its footer".to_owned());
        let start = part.bytes.checked_sub(part.footer.bytes.into()).ok_or_else(short)?;
        let footer = parts.read(&part.path, start..part.bytes).await;
        let footer = footer.map_err(|error| StoreError::Read { path: name.clone(), error })?;
        if checksum(&footer) != part.footer.digest {
            return Err(damaged("its footer is not what was written".to_owned()));
        }
        let metadata = footer.len().checked_sub(FOOTER_SIZE).ok_or_else(short)?;
        let mut groups = 0;
        let row_group = |block: &BlockRow| {
            (block.rows > 0).then(|| {
                groups += 1;
                groups - 1
            })
        };
        let row_groups = part.blocks.iter().map(row_group).collect();
        let metadata = parse_footer(footer.get(..metadata).unwrap_or_default(), groups as usize, &layout)
            .map_err(|error| damaged(error.to_string()))?;
        Ok(Self { part, name, metadata, row_groups, layout, range })
    }

    /// Reads the encoded columns of consecutive blocks. Returns them with their position in the file.
    pub(super) async fn columns(
        &self,
        parts: &dyn PartStore,
        blocks: Range<usize>,
    ) -> Result<(u64, Bytes), StoreError> {
        let (mut start, mut end) = (u64::MAX, 0);
        for index in blocks {
            let Some(group) = self.row_group(index) else { continue };
            let span = self.span(group)?;
            (start, end) = (start.min(span.start), end.max(span.end));
        }
        if start >= end {
            // None of them has rows.
            return Ok((0, Bytes::new()));
        }
        match parts.read(&self.part.path, start..end).await {
            Ok(columns) => Ok((start, columns)),
            Err(error) => Err(StoreError::Read { path: self.name.clone(), error }),
        }
    }

    /// The row group of a block; `None` if it has no rows.
    fn row_group(&self, index: usize) -> Option<usize> {
        self.row_groups.get(index).copied().flatten().map(|group| group as usize)
    }

    /// What reading these blocks takes: their columns, and a copy of the largest block.
    pub(super) fn bytes(&self, blocks: Range<usize>) -> Result<usize, StoreError> {
        let (mut all, mut largest) = (0_u64, 0);
        for index in blocks {
            let Some(group) = self.row_group(index) else { continue };
            let span = self.span(group)?;
            all = all.saturating_add(span.end - span.start);
            largest = largest.max(span.end - span.start);
        }
        Ok(usize::try_from(all.saturating_add(largest)).unwrap_or(usize::MAX).saturating_add(BLOCK_OVERHEAD))
    }

    /// The block with this index, if it is what was written; `columns` are the bytes of the file from `start` on.
    pub(super) fn block(&self, index: usize, start: u64, columns: &Bytes) -> Result<Block, StoreError> {
        let Some(&row) = self.part.blocks.get(index) else {
            return Err(self.damaged("it has fewer blocks than its row says".to_owned()));
        };
        let Some(first) = self.range.at(row.first) else {
            return Err(self.damaged("its numbers are not those in the ledger".to_owned()));
        };
        let covers = Covers { first, numbers: row.numbers };
        let damaged = |error: BlockError| self.damaged(error.to_string());
        let Some(index) = self.row_group(index) else {
            return without_rows(&self.layout, covers).map_err(|reason| self.damaged(reason));
        };
        let span = self.span(index)?;
        let within = |at: u64| at.checked_sub(start).map(|at| at as usize).filter(|&at| at <= columns.len());
        let (Some(from), Some(to)) = (within(span.start), within(span.end)) else {
            return Err(self.damaged("its blocks are not in order".to_owned()));
        };
        let columns = columns.slice(from..to);
        let group = self.metadata.row_group(index);
        let block =
            Block::from_row_group(group, span.start, columns, &self.layout, covers, row.digest).map_err(damaged)?;
        if block.rows() != row.rows as usize {
            return Err(self.damaged("its rows are not those in the ledger".to_owned()));
        }
        Ok(block)
    }

    /// Where in the file the columns of a row group lie.
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
            return Err(self.damaged("its columns do not lie in the file".to_owned()));
        }
        Ok(start..end)
    }

    fn damaged(&self, reason: String) -> StoreError {
        StoreError::Damaged { path: self.name.clone(), reason }
    }
}

/// The block of numbers that have no rows.
fn without_rows(layout: &Layout, covers: Covers) -> Result<Block, String> {
    let encoded = BlockEncoder::new(layout, covers.first).and_then(|encoder| encoder.finish_with_digest(covers));
    let (bytes, digest) = encoded.map_err(|error| error.to_string())?;
    Block::receive(bytes, layout, covers, digest.whole()).map_err(|error| error.to_string())
}
