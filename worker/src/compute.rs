//! From numbers to a block, on the thread that was given them.

use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};

use bytes::Bytes;
use swath_block::{BlockEncoder, PAGE_ROWS};
use swath_kernel::{EvaluateError, Kernel, ValueType, Values};
use swath_model::{ChunkRun, OffsetRun};

/// What evaluates a job.
#[derive(Debug, Clone)]
pub struct Evaluator {
    /// Its kernel, with its parameters.
    pub kernel: Arc<dyn Kernel>,
    /// The type of the values that it gives.
    pub value_type: ValueType,
}

/// A job of the core that this crate evaluates.
pub type Job = swath_worker_core::Job<Evaluator>;
/// Numbers of such a job for one thread.
pub type Task = swath_worker_core::Task<Evaluator>;

/// A thread looks whether it should stop after each step; steps grow and shrink to take about this long.
const STEP: Duration = Duration::from_millis(4);
const FIRST_STEP_ROWS: usize = 1024;

/// A result of a task.
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
        /// The error of the kernel.
        reason: String,
    },
}

/// A block, and its digest, made by the thread that encoded it.
#[derive(Debug, Clone)]
pub struct Encoded {
    /// A complete Parquet file.
    pub parquet: Bytes,
    /// The digest of all of it.
    pub digest: u64,
}

/// Computes tasks, one after the other, with buffers that are kept.
pub struct Computer {
    values: Option<Values>,
    step_rows: usize,
}

/// Why numbers gave no block.
enum Stop {
    Told,
    Failed { number: i64, reason: String },
}

impl Default for Computer {
    fn default() -> Self {
        Self::new()
    }
}

impl Computer {
    /// One that has computed nothing yet.
    pub fn new() -> Self {
        Self { values: None, step_rows: FIRST_STEP_ROWS }
    }

    /// Computes a task: one block, or where numbers fail, blocks of the chunks between. `deliver` takes each. Ends
    /// early when it is told to `stop`.
    pub fn compute(&mut self, task: &Task, stop: &AtomicBool, mut deliver: impl FnMut(Product)) {
        let job = &*task.job;
        let mut left = vec![task.offsets];
        while let Some(offsets) = left.pop() {
            match self.encode(job, offsets, stop) {
                Ok(block) => deliver(Product::Block { offsets, block }),
                Err(Stop::Told) => return,
                Err(Stop::Failed { number, reason }) => {
                    let at = job.chunks.range().offset_of(number).filter(|&at| offsets.contains(at));
                    // A kernel may blame a number that it was not asked for: then the first one counts.
                    let at = at.unwrap_or(offsets.start());
                    let number = job.chunks.range().at(at).unwrap_or(number);
                    let failed = job.chunks.chunk_at(at);
                    let without = job.chunks.offsets(ChunkRun::one(failed));
                    left.extend(OffsetRun::new(without.end(), offsets.end()));
                    left.extend(OffsetRun::new(offsets.start(), without.start()));
                    deliver(Product::Failed { chunk: failed, number, reason });
                }
            }
        }
    }

    fn encode(&mut self, job: &Job, offsets: OffsetRun, stop: &AtomicBool) -> Result<Encoded, Stop> {
        let (range, value_type) = (job.chunks.range(), job.kernel.value_type);
        let failed_at =
            |offset: u64, reason: String| Stop::Failed { number: range.at(offset).unwrap_or_default(), reason };
        let values = match &mut self.values {
            Some(values) if values.value_type() == value_type => values,
            other => other.insert(Values::with_capacity(value_type, PAGE_ROWS)),
        };
        let mut encoder = BlockEncoder::new(value_type, range.at(offsets.start()).unwrap_or_default());
        let mut next = offsets.start();
        while next < offsets.end() {
            values.clear();
            let page_end = offsets.end().min(next + PAGE_ROWS as u64);
            while next < page_end {
                if stop.load(Ordering::Relaxed) {
                    return Err(Stop::Told);
                }
                let end = page_end.min(next + self.step_rows as u64);
                let begun = Instant::now();
                let Some(step) = OffsetRun::new(next, end) else { break };
                evaluate(job, step, values)?;
                self.step_rows = adapt(self.step_rows, begun.elapsed());
                next = end;
            }
            encoder.push(values).map_err(|error| failed_at(page_end - 1, error.to_string()))?;
        }
        let encoded = encoder.finish_with_digest().map_err(|error| failed_at(offsets.start(), error.to_string()))?;
        Ok(Encoded { parquet: encoded.0, digest: encoded.1.whole() })
    }
}

/// Evaluates the kernel at the numbers of these offsets. A kernel that panics fails its chunk, not the worker.
fn evaluate(job: &Job, offsets: OffsetRun, values: &mut Values) -> Result<(), Stop> {
    let range = job.chunks.range();
    let (first, last) =
        (range.at(offsets.start()).unwrap_or_default(), range.at(offsets.end() - 1).unwrap_or_default());
    let before = values.len();
    let failed = |number, reason| Err(Stop::Failed { number, reason });
    match call(job, first, last, values) {
        Ok(Ok(())) if values.len() - before == offsets.len() as usize => Ok(()),
        Ok(Ok(())) => {
            failed(first, format!("the kernel gave {} values for {} numbers", values.len() - before, offsets.len()))
        }
        Ok(Err(EvaluateError::Refused { number, reason })) => failed(number, reason),
        Ok(Err(error)) => failed(error.number().unwrap_or(first), error.to_string()),
        Err(said) => {
            // One after the other, to find the number.
            let mut alone = Values::new(job.kernel.value_type);
            let culprit = (first..=last).find(|&number| {
                alone.clear();
                call(job, number, number, &mut alone).is_err()
            });
            failed(culprit.unwrap_or(first), format!("the kernel panicked: {said}"))
        }
    }
}

/// Calls the kernel. The outer error is the message of its panic.
fn call(job: &Job, first: i64, last: i64, values: &mut Values) -> Result<Result<(), EvaluateError>, String> {
    catch_unwind(AssertUnwindSafe(|| job.kernel.kernel.evaluate(first..=last, values))).map_err(|panic| {
        panic
            .downcast_ref::<&str>()
            .map(|text| (*text).to_owned())
            .or_else(|| panic.downcast_ref::<String>().cloned())
            .unwrap_or_else(|| "no message".to_owned())
    })
}

fn adapt(rows: usize, took: Duration) -> usize {
    if took < STEP / 2 {
        (rows * 2).min(PAGE_ROWS)
    } else if took > STEP * 2 {
        (rows / 2).max(1)
    } else {
        rows
    }
}

#[cfg(test)]
mod tests {
    use std::ops::RangeInclusive;

    use swath_block::Block;
    use swath_model::{Chunks, Fingerprint, JobId, Range};

    use super::*;

    /// Its value is the number; 25 is refused and 57 makes it panic.
    #[derive(Debug)]
    struct Fragile;

    impl Kernel for Fragile {
        fn name(&self) -> &'static str {
            "fragile"
        }

        fn value_type(&self, _: &RangeInclusive<i64>) -> ValueType {
            ValueType::Int64
        }

        fn evaluate(&self, numbers: RangeInclusive<i64>, values: &mut Values) -> Result<(), EvaluateError> {
            let Values::Int64(values) = values else { panic!("not integers") };
            for number in numbers {
                match number {
                    25 => return Err(EvaluateError::Refused { number, reason: "it is odd".to_owned() }),
                    57 => panic!("it is not a prime"),
                    _ => values.push(number),
                }
            }
            Ok(())
        }
    }

    /// The numbers 1 to 100, ten in a chunk.
    fn task() -> Task {
        let chunks = Chunks::new(Range::new(1, 100).unwrap(), 10).unwrap();
        let kernel = Evaluator { kernel: Arc::new(Fragile), value_type: ValueType::Int64 };
        let job = Job { id: JobId(1), fingerprint: Fingerprint([7; 16]), chunks, kernel };
        Task { job: Arc::new(job), offsets: OffsetRun::new(0, 100).unwrap() }
    }

    #[test]
    fn a_number_that_fails_costs_its_chunk_and_no_other() {
        let mut blocks = Vec::new();
        let mut failures = Vec::new();
        Computer::new().compute(&task(), &AtomicBool::new(false), |product| match product {
            Product::Block { offsets, block } => {
                let block = Block::receive(block.parquet, ValueType::Int64, block.digest).unwrap();
                assert_eq!((block.first(), block.rows() as u64), (offsets.start() as i64 + 1, offsets.len()));
                blocks.push((offsets.start(), offsets.end()));
            }
            Product::Failed { chunk, number, reason } => failures.push((chunk, number, reason)),
        });
        assert_eq!(blocks, [(0, 20), (30, 50), (60, 100)]);
        let refused = (2, 25, "it is odd".to_owned());
        let panicked = (5, 57, "the kernel panicked: it is not a prime".to_owned());
        assert_eq!(failures, [refused, panicked]);
    }

    #[test]
    fn a_thread_that_is_told_to_stop_gives_nothing() {
        Computer::new().compute(&task(), &AtomicBool::new(true), |product| panic!("{product:?}"));
    }

    #[test]
    fn steps_become_as_long_as_they_should() {
        assert_eq!(adapt(1024, STEP / 100), 2048);
        assert_eq!(adapt(PAGE_ROWS, STEP / 100), PAGE_ROWS);
        assert_eq!(adapt(1024, STEP * 10), 512);
        assert_eq!(adapt(1, STEP * 10), 1);
        assert_eq!(adapt(1024, STEP), 1024);
    }
}
