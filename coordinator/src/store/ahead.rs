//! Reading stored blocks before they are asked for.
//!
//! A request to a bucket takes its time, so a reader asks for several blocks at once, and for the next ones while it sends
//! the last ones. In a folder it reads block by block: the system reads ahead.

use std::{collections::VecDeque, ops::Range, sync::Arc};

use bytes::Bytes;
use swath_block::Block;
use tokio::sync::OnceCell;
use tokio_util::task::AbortOnDropHandle;

use super::{JobResults, StoreError, Trouble, objects::Objects, part::OpenPart};
use crate::ledger::PartRow;

/// What is asked for at once, about, and how many of these requests are under way or wait for the reader.
const REQUEST: u64 = 4 << 20;
const REQUESTS: usize = 4;

/// What a reader will want.
pub(super) struct Ahead {
    objects: Arc<Objects>,
    results: Arc<JobResults>,
    fetches: VecDeque<Fetch>,
    /// The part of the last fetch.
    open: Option<Part>,
}

/// A part, and its footer once it was read.
#[derive(Clone)]
struct Part {
    row: Arc<PartRow>,
    footer: Arc<OnceCell<OpenPart>>,
}

/// Some blocks of a part that have come or will.
struct Fetch {
    part: Part,
    blocks: Range<usize>,
    columns: Columns,
}

enum Columns {
    Coming(AbortOnDropHandle<Result<(u64, Bytes), StoreError>>),
    /// The bytes of the file from this position on.
    Here(u64, Bytes),
}

impl Ahead {
    pub(super) fn new(objects: Arc<Objects>, results: Arc<JobResults>) -> Self {
        Self { objects, results, fetches: VecDeque::new(), open: None }
    }

    /// A block of a part. After an error, all is forgotten that was read ahead.
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
        if self.objects.is_remote() {
            while self.fetches.len() < REQUESTS
                && let Some((row, index)) = self.next()
            {
                self.fetch(&row, index);
            }
        }
        let block = self.take(index).await;
        if block.is_err() {
            self.fetches.clear();
            self.open = None;
        }
        block
    }

    /// The block behind the last one that is being fetched, in its part or in that of the next number.
    fn next(&self) -> Option<(Arc<PartRow>, usize)> {
        let last = self.fetches.back()?;
        if last.blocks.end < last.part.row.blocks.len() && follows(&last.part.row, last.blocks.end) {
            return Some((Arc::clone(&last.part.row), last.blocks.end));
        }
        let block = last.part.row.blocks.get(last.blocks.end.checked_sub(1)?)?;
        self.results.part_at(block.first.checked_add(u64::from(block.rows))?)
    }

    fn fetch(&mut self, row: &Arc<PartRow>, first: usize) {
        let part = match &self.open {
            Some(part) if part.row.path == row.path => part.clone(),
            _ => Part { row: Arc::clone(row), footer: Arc::default() },
        };
        self.open = Some(part.clone());
        let mut end = first + 1;
        if self.objects.is_remote() {
            let average = (row.bytes / row.blocks.len().max(1) as u64).max(1);
            let most = first + usize::try_from(REQUEST / average).unwrap_or(1);
            while end < most.min(row.blocks.len()) && follows(row, end) {
                end += 1;
            }
        }
        let blocks = first..end;
        let columns = {
            let (objects, blocks, part) = (Arc::clone(&self.objects), blocks.clone(), part.clone());
            let (value_type, range) = (self.results.value_type(), self.results.chunks().range());
            async move {
                let open = || OpenPart::open(&objects, Arc::clone(&part.row), value_type, range);
                part.footer.get_or_try_init(open).await?.columns(&objects, blocks).await
            }
        };
        let columns = Columns::Coming(AbortOnDropHandle::new(tokio::spawn(columns)));
        self.fetches.push_back(Fetch { part, blocks, columns });
    }

    /// A block of the first fetch, which is dropped with its last block.
    async fn take(&mut self, index: usize) -> Result<Block, StoreError> {
        let interrupted = |path: String| StoreError::Read { path, error: Trouble::interrupted() };
        let Some(fetch) = self.fetches.front_mut() else { return Err(interrupted(String::new())) };
        let path = || self.objects.part_name(&fetch.part.row.path);
        if let Columns::Coming(coming) = &mut fetch.columns {
            let (start, columns) = coming.await.map_err(|_| interrupted(path()))??;
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

/// Whether a block begins where the one before it ends; others may lie in between, in other parts.
fn follows(row: &PartRow, index: usize) -> bool {
    index.checked_sub(1).is_some_and(|before| {
        let (before, block) = (&row.blocks[before], &row.blocks[index]);
        before.first.checked_add(u64::from(before.rows)) == Some(block.first)
    })
}
