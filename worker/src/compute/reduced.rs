//! Aggregates of all numbers of a task: one block of one row.

use swath_block::BlockEncoder;
use swath_model::{Covers, Numbers};

use super::{
    Encoded, Stop, dense,
    evaluate::{failed, guarded},
    steps::Walk,
};

pub(super) fn encode(walk: &mut Walk<'_>) -> Result<Encoded, Stop> {
    let (job, offsets) = (walk.job, walk.offsets);
    let first = walk.number(offsets.start());
    let layout = job.kernel.layout();
    let mut buffers = job.kernel.buffers(walk.stop);
    let Some(reductions) = job.kernel.reductions() else {
        return Err(Stop::Failed { number: first, reason: "the job has no reductions".to_owned() });
    };
    let mut accumulator = reductions.accumulator();
    while let Some(step) = walk.next(u64::MAX)? {
        let (mut begin, end) = (*step.numbers.start(), *step.numbers.end());
        // So few at a time that they stay in the cache.
        loop {
            let last = end.min(begin.saturating_add(job.kernel.batch_numbers() as i64 - 1));
            guarded(&(begin..=last), |numbers| job.kernel.reduce(numbers, &mut buffers, &mut accumulator), walk)?;
            if last == end {
                break;
            }
            begin = last + 1;
        }
    }
    let partial = accumulator.partial().map_err(|error| failed(&error.into(), first))?;
    let covers = Covers { first, numbers: offsets.len() };
    let mut encoder = BlockEncoder::new(layout, first).map_err(|error| dense::unencodable(first, &error))?;
    let numbers = Numbers::Consecutive { first, rows: partial.num_rows() };
    encoder.push(numbers, partial.columns()).map_err(|error| dense::unencodable(first, &error))?;
    dense::finish(encoder, covers)
}
