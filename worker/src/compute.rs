//! From numbers to blocks, on the thread that was given them.

mod dense;
mod evaluate;
mod gather;
mod reduced;
mod row_bytes;
mod rows;
mod steps;

use bytes::Bytes;
use swath_evaluation::Evaluation;
use swath_model::{ChunkRun, OffsetRun, Shape};

use self::steps::Steps;

/// A job of the core that this crate evaluates.
pub type Job = swath_worker_core::Job<Evaluation>;
/// Numbers of such a job for one thread.
pub type Task = swath_worker_core::Task<Evaluation>;

/// What comes of a task.
#[derive(Debug)]
pub enum Product {
    /// The block of the numbers at these offsets.
    Block {
        /// Offsets in the job's range.
        offsets: OffsetRun,
        /// Their results.
        block: Encoded,
    },
    /// The kernel failed at a number; its chunk has no results.
    Failed {
        /// The chunk.
        chunk: u64,
        /// The number.
        number: i64,
        /// What the kernel said.
        reason: String,
    },
}

/// A block, and its digest, which the thread made that encoded it.
#[derive(Debug, Clone)]
pub struct Encoded {
    /// A complete Parquet file.
    pub parquet: Bytes,
    /// The digest of all of it.
    pub digest: u64,
}

/// Computes tasks, one after the other, with buffers that are kept.
#[derive(Default)]
pub struct Computer {
    steps: Steps,
}

/// Why numbers gave no block.
enum Stop {
    /// The thread was told to stop.
    Told,
    /// A number has no result.
    Failed { number: i64, reason: String },
    /// The rows are too many for one block that has whole chunks: it must end at this offset, where a chunk begins.
    Split { at: u64 },
}

impl Computer {
    /// One that has computed nothing yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Computes a task: one block, or several where rows are many or numbers fail, of whole chunks or of a part of one.
    /// `deliver` takes each. Ends early when it is told to `stop`.
    pub fn compute(&mut self, task: &Task, stop: &swath_evaluation::Stop, mut deliver: impl FnMut(Product)) {
        let job = &*task.job;
        let mut left = vec![task.offsets];
        while let Some(offsets) = left.pop() {
            let mut rest = offsets;
            let mut blocks = |block_offsets: OffsetRun, block: Encoded| {
                deliver(Product::Block { offsets: block_offsets, block });
                // What comes after it is still to be computed.
                rest = OffsetRun::new(block_offsets.end(), offsets.end()).unwrap_or(rest);
            };
            match self.encode(job, offsets, stop, &mut blocks) {
                Ok(()) => {}
                Err(Stop::Told) => return,
                Err(Stop::Split { at }) => {
                    left.extend(OffsetRun::new(at, rest.end()));
                    left.extend(OffsetRun::new(rest.start(), at));
                }
                Err(Stop::Failed { number, reason }) => {
                    let range = job.chunks.range();
                    let at = range.offset_of(number).filter(|&at| rest.contains(at));
                    // A kernel may blame a number that it was not asked for: then the first one counts.
                    let at = at.unwrap_or(rest.start());
                    let failed = job.chunks.chunk_at(at);
                    let without = job.chunks.offsets(ChunkRun::one(failed));
                    left.extend(OffsetRun::new(without.end(), rest.end()));
                    left.extend(OffsetRun::new(rest.start(), without.start()));
                    deliver(Product::Failed { chunk: failed, number: range.at(at).unwrap_or(number), reason });
                }
            }
        }
    }

    fn encode(
        &mut self,
        job: &Job,
        offsets: OffsetRun,
        stop: &swath_evaluation::Stop,
        deliver: &mut dyn FnMut(OffsetRun, Encoded),
    ) -> Result<(), Stop> {
        let layout = job.kernel.layout();
        let mut walk = self.steps.walk(job, offsets, stop);
        match layout.shape() {
            Shape::Reduced => deliver(offsets, reduced::encode(&mut walk)?),
            Shape::Dense if layout.row_bytes().is_some() => deliver(offsets, dense::encode(&mut walk)?),
            Shape::Dense | Shape::Sparse => rows::encode(&mut walk, deliver)?,
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests;
