//! Reading stored blocks before they are asked for, as far as their store wants it.

use std::{collections::VecDeque, ops::Range, sync::Arc};

use bytes::Bytes;
use swath_block::Block;
use tokio::sync::OnceCell;
use tokio_util::task::AbortOnDropHandle;

use super::{
    error::StoreError,
    job::JobResults,
    object_store_error::ObjectStoreError,
    part::OpenPart,
    part_store::{PartStore, ReadAhead},
};
use crate::ledger::PartRow;

/// The stored blocks that a reader wants now and next.
pub(super) struct Fetches {
    parts: Arc<dyn PartStore>,
    results: Arc<JobResults>,
    read_ahead: ReadAhead,
    /// Blocks from this offset on are not wanted.
    end: u64,
    fetches: VecDeque<Fetch>,
    /// The part of the last fetch.
    open: Option<Part>,
}

/// A part, and its footer after that was read.
#[derive(Clone)]
struct Part {
    row: Arc<PartRow>,
    footer: Arc<OnceCell<OpenPart>>,
}

/// Consecutive blocks of a part, read or being read.
struct Fetch {
    part: Part,
    blocks: Range<usize>,
    columns: Columns,
}

enum Columns {
    UnderWay(AbortOnDropHandle<Result<(u64, Bytes), StoreError>>),
    /// The bytes of the file from this position on.
    Here(u64, Bytes),
}

impl Fetches {
    /// For a reader that wants blocks up to the offset `end`.
    pub(super) fn new(parts: Arc<dyn PartStore>, results: Arc<JobResults>, end: u64) -> Self {
        let read_ahead = parts.read_ahead();
        Self { parts, results, read_ahead, end, fetches: VecDeque::new(), open: None }
    }

    /// A block of a part. After an error, everything that was read ahead is dropped.
    pub(super) async fn block(&mut self, row: &Arc<PartRow>, index: usize) -> Result<Block, StoreError> {
        while self
            .fetches
            .front()
            .is_some_and(|fetch| fetch.part.row.path != row.path || !fetch.blocks.contains(&index))
        {
            self.fetches.pop_front();
        }
        if self.fetches.is_empty() {
            self.fetch(row, index);
        }
        while self.fetches.len() < self.read_ahead.requests
            && let Some((row, index)) = self.next()
        {
            self.fetch(&row, index);
        }
        let block = self.take(index).await;
        if block.is_err() {
            self.fetches.clear();
            self.open = None;
        }
        block
    }

    /// The block after the last one that is being fetched: in the same part, or in the part of the next number.
    fn next(&self) -> Option<(Arc<PartRow>, usize)> {
        let last = self.fetches.back()?;
        let block = last.part.row.blocks.get(last.blocks.end.checked_sub(1)?)?;
        let next = block.first.checked_add(block.numbers).filter(|&next| next < self.end)?;
        if last.blocks.end < last.part.row.blocks.len() && follows(&last.part.row, last.blocks.end) {
            return Some((Arc::clone(&last.part.row), last.blocks.end));
        }
        self.results.part_at(next)
    }

    fn fetch(&mut self, row: &Arc<PartRow>, first: usize) {
        let part = match &self.open {
            Some(part) if part.row.path == row.path => part.clone(),
            _ => Part { row: Arc::clone(row), footer: Arc::default() },
        };
        self.open = Some(part.clone());
        let mut end = first + 1;
        let average = (row.bytes / row.blocks.len().max(1) as u64).max(1);
        let most = first.saturating_add(usize::try_from(self.read_ahead.request_bytes / average).unwrap_or(1));
        let is_wanted = |block: usize| row.blocks.get(block).is_some_and(|block| block.first < self.end);
        while end < most.min(row.blocks.len()) && follows(row, end) && is_wanted(end) {
            end += 1;
        }
        let blocks = first..end;
        let columns = {
            let (parts, blocks, part) = (Arc::clone(&self.parts), blocks.clone(), part.clone());
            let (layout, range) = (self.results.layout().clone(), self.results.chunks().range());
            async move {
                let open = || OpenPart::open(&*parts, Arc::clone(&part.row), layout.clone(), range);
                part.footer.get_or_try_init(open).await?.columns(&*parts, blocks).await
            }
        };
        let columns = Columns::UnderWay(AbortOnDropHandle::new(tokio::spawn(columns)));
        self.fetches.push_back(Fetch { part, blocks, columns });
    }

    /// A block of the first fetch. The fetch is dropped with its last block.
    async fn take(&mut self, index: usize) -> Result<Block, StoreError> {
        let interrupted = |path: String| StoreError::Read { path, error: ObjectStoreError::interrupted() };
        let Some(fetch) = self.fetches.front_mut() else { return Err(interrupted(String::new())) };
        let path = || self.parts.name_in_errors(&fetch.part.row.path);
        if let Columns::UnderWay(reading) = &mut fetch.columns {
            let (start, columns) = reading.await.map_err(|_| interrupted(path()))??;
            fetch.columns = Columns::Here(start, columns);
        }
        let (Columns::Here(start, columns), Some(open)) = (&fetch.columns, fetch.part.footer.get()) else {
            return Err(interrupted(path()));
        };
        let block = open.block(index, *start, columns)?;
        if index + 1 == fetch.blocks.end {
            self.fetches.pop_front();
        }
        Ok(block)
    }
}

/// Whether a block begins where the one before it ends. Otherwise the blocks in between lie in other parts.
fn follows(row: &PartRow, index: usize) -> bool {
    let before = index.checked_sub(1).and_then(|before| row.blocks.get(before));
    before
        .zip(row.blocks.get(index))
        .is_some_and(|(before, block)| before.first.checked_add(before.numbers) == Some(block.first))
}
