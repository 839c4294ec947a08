//! A row for each number, all of the same size: one block for a task.

use swath_block::{BlockEncoder, PAGE_ROWS};
use swath_model::{Covers, Numbers};

use super::{
    Encoded, Stop,
    evaluate::{failed, guarded},
    steps::Walk,
};

/// Computes and encodes a page at a time, while it is in the cache.
pub(super) fn encode(walk: &mut Walk<'_>) -> Result<Encoded, Stop> {
    let job = walk.job;
    let offsets = walk.offsets;
    let first = walk.number(offsets.start());
    // A kernel that wants many numbers at a time gets them, and several pages come of it.
    let unit = (job.kernel.batch_numbers() as u64).max(PAGE_ROWS as u64).next_multiple_of(PAGE_ROWS as u64);
    let mut encoder = BlockEncoder::new(job.kernel.layout(), first).map_err(|error| unencodable(first, &error))?;
    let mut rows = job.kernel.buffers(walk.stop);
    let mut next = offsets.start();
    while next < offsets.end() {
        let begin = next;
        let end = offsets.end().min(begin.saturating_add(unit));
        while next < end {
            let Some(step) = walk.next(end - next)? else { break };
            guarded(&step.numbers, |numbers| job.kernel.append(numbers, &mut rows), walk)?;
            next = step.offsets.end();
        }
        let at = walk.number(begin);
        let columns = rows.take_columns().map_err(|error| failed(&error.into(), at))?;
        for page in (0..(next - begin) as usize).step_by(PAGE_ROWS) {
            let length = PAGE_ROWS.min((next - begin) as usize - page);
            let columns: Vec<_> = columns.iter().map(|column| column.slice(page, length)).collect();
            let numbers = Numbers::Consecutive { first: at.wrapping_add(page as i64), rows: length };
            encoder.push(numbers, &columns).map_err(|error| unencodable(at, &error))?;
        }
    }
    finish(encoder, Covers { first, numbers: offsets.len() })
}

/// The block of what was encoded.
pub(super) fn finish(encoder: BlockEncoder, covers: Covers) -> Result<Encoded, Stop> {
    let (parquet, digest) = encoder.finish_with_digest(covers).map_err(|error| unencodable(covers.first, &error))?;
    Ok(Encoded { parquet, digest: digest.whole() })
}

pub(super) fn unencodable(number: i64, error: &swath_block::EncodeError) -> Stop {
    Stop::Failed { number, reason: error.to_string() }
}
