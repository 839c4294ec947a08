//! From numbers to a block, on the thread that was given them.

use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    time::{Duration, Instant},
};

use bytes::Bytes;
use swath_block::{BlockEncoder, PAGE_ROWS};
use swath_kernel::{EvaluateError, Values};
use swath_scheduler::Run;

use crate::queue::{Lease, Task};

/// A thread looks whether its lease was cancelled after each step; steps grow and shrink to take about this long.
const STEP: Duration = Duration::from_millis(4);
const FIRST_STEP_ROWS: usize = 1024;

/// What comes of a task.
#[derive(Debug)]
pub(crate) enum Product {
    /// The block of the numbers at these offsets.
    Block { offsets: Run, parquet: Bytes },
    /// The kernel failed at a number; its chunk has no results.
    Failed { chunk: u64, number: i64, reason: String },
}

/// Computes tasks, one after the other, with buffers that are kept.
pub(crate) struct Computer {
    values: Option<Values>,
    step_rows: usize,
}

/// Why numbers gave no block.
enum Stop {
    Cancelled,
    Failed { number: i64, reason: String },
}

impl Computer {
    pub(crate) fn new() -> Self {
        Self { values: None, step_rows: FIRST_STEP_ROWS }
    }

    /// Computes a task: one block, or where numbers fail, blocks of the chunks between. `deliver` takes each.
    pub(crate) fn compute(&mut self, task: &Task, mut deliver: impl FnMut(Product)) {
        let lease = &*task.lease;
        let mut left = vec![task.offsets];
        while let Some(offsets) = left.pop() {
            match self.encode(lease, offsets) {
                Ok(parquet) => deliver(Product::Block { offsets, parquet }),
                Err(Stop::Cancelled) => return,
                Err(Stop::Failed { number, reason }) => {
                    let Some(failed) = lease.chunks.range().offset_of(number).map(|at| lease.chunks.chunk_at(at))
                    else {
                        return;
                    };
                    let without = lease.chunks.offsets(Run { start: failed, end: failed + 1 });
                    left.extend(Run::new(without.end, offsets.end));
                    left.extend(Run::new(offsets.start, without.start));
                    deliver(Product::Failed { chunk: failed, number, reason });
                }
            }
        }
    }

    fn encode(&mut self, lease: &Lease, offsets: Run) -> Result<Bytes, Stop> {
        let range = lease.chunks.range();
        let failed_at =
            |offset: u64, reason: String| Stop::Failed { number: range.at(offset).unwrap_or_default(), reason };
        let values = match &mut self.values {
            Some(values) if values.value_type() == lease.value_type => values,
            other => other.insert(Values::with_capacity(lease.value_type, PAGE_ROWS)),
        };
        let mut encoder = BlockEncoder::new(lease.value_type, range.at(offsets.start).unwrap_or_default());
        let mut next = offsets.start;
        while next < offsets.end {
            values.clear();
            let page_end = offsets.end.min(next + PAGE_ROWS as u64);
            while next < page_end {
                if lease.is_cancelled() {
                    return Err(Stop::Cancelled);
                }
                let end = page_end.min(next + self.step_rows as u64);
                let begun = Instant::now();
                evaluate(lease, Run { start: next, end }, values)?;
                self.step_rows = adapt(self.step_rows, begun.elapsed());
                next = end;
            }
            encoder.push(values).map_err(|error| failed_at(page_end - 1, error.to_string()))?;
        }
        encoder.finish().map_err(|error| failed_at(offsets.start, error.to_string()))
    }
}

/// Evaluates the kernel at the numbers of these offsets. A kernel that panics fails its chunk, not the worker.
fn evaluate(lease: &Lease, offsets: Run, values: &mut Values) -> Result<(), Stop> {
    let range = lease.chunks.range();
    let (first, last) = (range.at(offsets.start).unwrap_or_default(), range.at(offsets.end - 1).unwrap_or_default());
    let before = values.len();
    let failed = |number, reason| Err(Stop::Failed { number, reason });
    match catch_unwind(AssertUnwindSafe(|| lease.kernel.evaluate(first..=last, values))) {
        Ok(Ok(())) if values.len() - before == offsets.len() as usize => Ok(()),
        Ok(Ok(())) => {
            failed(first, format!("the kernel gave {} values for {} numbers", values.len() - before, offsets.len()))
        }
        Ok(Err(EvaluateError::Refused { number, reason })) => failed(number, reason),
        Ok(Err(error)) => failed(error.number().unwrap_or(first), error.to_string()),
        Err(panic) => {
            let what = panic
                .downcast_ref::<&str>()
                .map(|text| (*text).to_owned())
                .or_else(|| panic.downcast_ref::<String>().cloned())
                .unwrap_or_else(|| "no message".to_owned());
            failed(first, format!("the kernel panicked between {first} and {last}: {what}"))
        }
    }
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
