//! Any number of rows for a number, or rows of any size: blocks that are cut where they would be too large.
//!
//! Where a block is cut depends on the rows alone, not on how fast they are computed: so whoever computes the same
//! numbers makes the same blocks, and blocks never overlap in part. A block ends at the first end of a chunk after it
//! has grown large. If a chunk is too large for that, its rows are blocks of their own, each of a part of this chunk.

use swath_block::{MAX_BLOCK_BYTES, MAX_ROWS};
use swath_evaluation::Batch;
use swath_model::{ChunkRun, OffsetRun};

use super::{Encoded, Stop, evaluate::guarded, gather::Gathered, row_bytes::cumulative, steps::Walk};

/// A block with so many rows or bytes ends with its chunk.
const LARGE_ROWS: usize = MAX_ROWS / 2;
const LARGE_BYTES: u64 = MAX_BLOCK_BYTES as u64 / 4;

/// A step whose rows have more bytes is too long.
const STEP_BYTES: u64 = 1 << 20;

/// The most numbers of a step.
const STEP_NUMBERS: u64 = 1 << 20;

pub(super) fn encode(walk: &mut Walk<'_>, deliver: &mut dyn FnMut(OffsetRun, Encoded)) -> Result<(), Stop> {
    let job = walk.job;
    let mut buffers = job.kernel.buffers(walk.stop);
    let most = (job.kernel.batch_numbers() as u64).min(STEP_NUMBERS);
    let mut blocks = Blocks::new(walk, deliver)?;
    while let Some(step) = walk.next(most)? {
        let batch = guarded(&step.numbers, |numbers| job.kernel.batch(numbers, &mut buffers), walk)?;
        let bytes = blocks.take(walk, step.offsets, &batch)?;
        if bytes > STEP_BYTES {
            walk.shorten();
        }
    }
    blocks.end(walk, walk.offsets.end())
}

/// The blocks of a task, one after the other.
struct Blocks<'b> {
    deliver: &'b mut dyn FnMut(OffsetRun, Encoded),
    open: Gathered,
    /// Where the open block begins.
    start: u64,
    /// Where it ends, because it has grown large.
    ends_at: Option<u64>,
}

impl<'b> Blocks<'b> {
    fn new(walk: &Walk<'_>, deliver: &'b mut dyn FnMut(OffsetRun, Encoded)) -> Result<Self, Stop> {
        let start = walk.offsets.start();
        let open = Gathered::new(walk.job.kernel.layout(), walk.number(start))?;
        Ok(Self { deliver, open, start, ends_at: None })
    }

    /// Takes the rows of a step in. Returns how many bytes they have.
    fn take(&mut self, walk: &Walk<'_>, offsets: OffsetRun, batch: &Batch) -> Result<u64, Stop> {
        let layout = walk.job.kernel.layout();
        let fixed = layout.row_bytes().map(|bytes| (bytes as u64 + 8).saturating_mul(batch.rows as u64));
        if let Some(bytes) = fixed
            && self.ends_at.is_none()
            && self.open.rows + batch.rows < LARGE_ROWS
            && self.open.bytes + bytes < LARGE_BYTES
        {
            self.open.append(batch, 0, batch.rows, bytes)?;
            return Ok(bytes);
        }
        let sums = cumulative(&batch.columns, batch.rows);
        let bytes_before = |row: usize| sums.get(row).copied().unwrap_or_default();
        let numbers = batch.numbers();
        let offset_of = |row: usize| {
            let number = numbers.get(row).unwrap_or(batch.first);
            walk.job.chunks.range().offset_of(number).unwrap_or(offsets.start())
        };
        let mut from = 0;
        let mut row = 0;
        while row < batch.rows {
            // The rows of one number stay together.
            let offset = offset_of(row);
            let mut end = row + 1;
            while end < batch.rows && offset_of(end) == offset {
                end += 1;
            }
            if self.ends_at.is_some_and(|ends_at| ends_at <= offset) {
                self.open.append(batch, from, row, bytes_before(row) - bytes_before(from))?;
                self.close_large(walk)?;
                from = row;
            }
            let rows = self.open.rows + (end - from);
            let bytes = self.open.bytes + bytes_before(end) - bytes_before(from);
            if rows > MAX_ROWS || bytes > MAX_BLOCK_BYTES as u64 {
                check_number(walk, offset, end - row, bytes_before(end) - bytes_before(row))?;
                self.open.append(batch, from, row, bytes_before(row) - bytes_before(from))?;
                from = row;
                self.cut(walk, offset)?;
            } else if self.ends_at.is_none() && (rows >= LARGE_ROWS || bytes >= LARGE_BYTES) {
                let chunks = walk.job.chunks;
                self.ends_at = Some(chunks.offsets(ChunkRun::one(chunks.chunk_at(offset))).end());
            }
            row = end;
        }
        self.open.append(batch, from, batch.rows, bytes_before(batch.rows) - bytes_before(from))?;
        if self.ends_at.is_some_and(|ends_at| ends_at <= offsets.end()) {
            self.close_large(walk)?;
        }
        Ok(bytes_before(batch.rows))
    }

    fn close_large(&mut self, walk: &Walk<'_>) -> Result<(), Stop> {
        match self.ends_at.take() {
            Some(end) => self.end(walk, end),
            None => Ok(()),
        }
    }

    /// Ends the block within a chunk, before this offset.
    fn cut(&mut self, walk: &Walk<'_>, offset: u64) -> Result<(), Stop> {
        let chunks = walk.job.chunks;
        let chunk_start = chunks.offsets(ChunkRun::one(chunks.chunk_at(offset))).start();
        if self.start < chunk_start {
            // It would be whole chunks and a part of one.
            return Err(Stop::Split { at: chunk_start });
        }
        self.ends_at = None;
        self.end(walk, offset)
    }

    /// Delivers the open block, which ends at this offset, and opens the next one.
    fn end(&mut self, walk: &Walk<'_>, end: u64) -> Result<(), Stop> {
        let Some(offsets) = OffsetRun::new(self.start, end) else { return Ok(()) };
        let next = Gathered::new(walk.job.kernel.layout(), walk.number(end.min(walk.offsets.last())))?;
        let block = std::mem::replace(&mut self.open, next).finish(offsets.len())?;
        self.start = end;
        (self.deliver)(offsets, block);
        Ok(())
    }
}

/// An error if the rows of one number are too large for a block.
fn check_number(walk: &Walk<'_>, offset: u64, rows: usize, bytes: u64) -> Result<(), Stop> {
    let number = walk.number(offset);
    let failed = |reason| Err(Stop::Failed { number, reason });
    if rows > MAX_ROWS {
        return failed(format!("it has {rows} rows; at most {MAX_ROWS} are allowed"));
    }
    if bytes > MAX_BLOCK_BYTES as u64 {
        return failed(format!("its rows have {bytes} bytes; at most {MAX_BLOCK_BYTES} are allowed"));
    }
    Ok(())
}
