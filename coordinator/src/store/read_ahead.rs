//! Reading stored blocks before they are asked for, as far as their store wants it.

use std::{collections::VecDeque, ops::Range, sync::Arc};

use bytes::Bytes;
use swath_block::Block;
use tokio::sync::OnceCell;
use tokio_util::task::AbortOnDropHandle;

use super::{
    error::StoreError,
    job::JobResults,
    memory::Room,
    object_store_error::ObjectStoreError,
    part::OpenPart,
    part_store::{PartStore, ReadAhead},
    turn::{Budget, Turn},
};
use crate::ledger::PartRow;

/// What a footer takes when it is parsed, for each byte of it, about.
const FOOTER_FACTOR: usize = 8;

/// Why a stored block is not there.
#[derive(Debug)]
pub(super) enum FetchError {
    /// There is no room for so many bytes now.
    NoRoom { bytes: usize },
    /// It cannot be read.
    Store(StoreError),
}

impl From<StoreError> for FetchError {
    fn from(error: StoreError) -> Self {
        Self::Store(error)
    }
}

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
    footer: Arc<OnceCell<Footer>>,
}

struct Footer {
    open: OpenPart,
    _room: Room,
}

/// Consecutive blocks of a part, read or being read.
struct Fetch {
    part: Part,
    blocks: Range<usize>,
    columns: Columns,
}

enum Columns {
    UnderWay(AbortOnDropHandle<Result<Read, FetchError>>),
    Here(Read),
}

/// What was read of a part.
struct Read {
    /// Where in the file the bytes begin.
    start: u64,
    bytes: Bytes,
    /// For them, and for a block that is made of them.
    room: Arc<Room>,
}

impl Fetches {
    /// For a reader that wants blocks up to the offset `end`.
    pub(super) fn new(parts: Arc<dyn PartStore>, results: Arc<JobResults>, end: u64) -> Self {
        let read_ahead = parts.read_ahead();
        Self { parts, results, read_ahead, end, fetches: VecDeque::new(), open: None }
    }

    /// Drops all that was read or is being read.
    pub(super) fn clear(&mut self) {
        self.fetches.clear();
        self.open = None;
    }

    /// A block of a part, and its room. After an error, everything that was read ahead is dropped.
    pub(super) async fn block(
        &mut self,
        row: &Arc<PartRow>,
        index: usize,
        turn: &mut Turn,
    ) -> Result<(Block, Arc<Room>), FetchError> {
        while self
            .fetches
            .front()
            .is_some_and(|fetch| fetch.part.row.path != row.path || !fetch.blocks.contains(&index))
        {
            self.fetches.pop_front();
        }
        if self.fetches.is_empty() {
            let budget = turn.go_on().ok_or_else(|| FetchError::NoRoom { bytes: footer_bytes(row) + average(row) })?;
            self.fetch(row, index, budget);
        }
        while self.fetches.len() < self.read_ahead.requests
            && let Some((row, index)) = self.next()
            && let Some(budget) = turn.ahead()
        {
            self.fetch(&row, index, budget);
        }
        let block = self.take(index).await;
        if block.is_err() {
            self.clear();
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

    fn fetch(&mut self, row: &Arc<PartRow>, first: usize, mut budget: Budget) {
        let part = match &self.open {
            Some(part) if part.row.path == row.path => part.clone(),
            _ => Part { row: Arc::clone(row), footer: Arc::default() },
        };
        self.open = Some(part.clone());
        let mut end = first + 1;
        let most = usize::try_from(self.read_ahead.request_bytes).unwrap_or(usize::MAX) / average(row).max(1);
        let most = first.saturating_add(most);
        let is_wanted = |block: usize| row.blocks.get(block).is_some_and(|block| block.first < self.end);
        while end < most.min(row.blocks.len()) && follows(row, end) && is_wanted(end) {
            end += 1;
        }
        let blocks = first..end;
        let columns = {
            let (parts, blocks, part) = (Arc::clone(&self.parts), blocks.clone(), part.clone());
            let (layout, range) = (self.results.layout().clone(), self.results.chunks().range());
            async move {
                let for_footer = footer_bytes(&part.row);
                let open = async || {
                    let bytes = for_footer + average(&part.row);
                    let room = budget.take(for_footer).ok_or(FetchError::NoRoom { bytes })?;
                    let open = OpenPart::open(&*parts, Arc::clone(&part.row), layout.clone(), range).await?;
                    Ok::<_, FetchError>(Footer { open, _room: room })
                };
                let Footer { open, .. } = part.footer.get_or_try_init(open).await?;
                let bytes = open.bytes(blocks.clone())?;
                let room = budget.take(bytes).ok_or(FetchError::NoRoom { bytes: for_footer + bytes })?;
                let (start, bytes) = open.columns(&*parts, blocks).await?;
                Ok(Read { start, bytes, room: Arc::new(room) })
            }
        };
        let columns = Columns::UnderWay(AbortOnDropHandle::new(tokio::spawn(columns)));
        self.fetches.push_back(Fetch { part, blocks, columns });
    }

    /// A block of the first fetch. The fetch is dropped with its last block.
    async fn take(&mut self, index: usize) -> Result<(Block, Arc<Room>), FetchError> {
        let interrupted = |path: String| StoreError::Read { path, error: ObjectStoreError::interrupted() };
        let Some(fetch) = self.fetches.front_mut() else { return Err(interrupted(String::new()).into()) };
        let path = || self.parts.name_in_errors(&fetch.part.row.path);
        if let Columns::UnderWay(reading) = &mut fetch.columns {
            let read = reading.await.map_err(|_| interrupted(path()))??;
            fetch.columns = Columns::Here(read);
        }
        let (Columns::Here(read), Some(footer)) = (&fetch.columns, fetch.part.footer.get()) else {
            return Err(interrupted(path()).into());
        };
        let block = footer.open.block(index, read.start, &read.bytes)?;
        let room = Arc::clone(&read.room);
        if index + 1 == fetch.blocks.end {
            self.fetches.pop_front();
        }
        Ok((block, room))
    }
}

/// The room that the footer of a part takes.
fn footer_bytes(row: &PartRow) -> usize {
    (row.footer.bytes as usize).saturating_mul(FOOTER_FACTOR)
}

/// What a block of a part takes on average.
fn average(row: &PartRow) -> usize {
    usize::try_from(row.bytes).unwrap_or(usize::MAX) / row.blocks.len().max(1)
}

/// Whether a block begins where the one before it ends. Otherwise the blocks in between lie in other parts.
fn follows(row: &PartRow, index: usize) -> bool {
    let before = index.checked_sub(1).and_then(|before| row.blocks.get(before));
    before
        .zip(row.blocks.get(index))
        .is_some_and(|(before, block)| before.first.checked_add(before.numbers) == Some(block.first))
}
