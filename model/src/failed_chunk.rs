//! Chunks that failed for good.

use std::collections::BTreeMap;

use crate::{ChunkRun, Chunks};

/// The failed chunks of a job, by index.
pub type FailedChunks = BTreeMap<u64, FailedChunk>;

/// How many numbers the failed chunks have.
pub fn failed_numbers(failed: &FailedChunks, chunks: Chunks) -> u64 {
    failed.keys().map(|&chunk| chunks.offsets(ChunkRun::one(chunk)).len()).sum()
}

/// Why there will be no results of a chunk of a job that keeps going.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FailedChunk {
    /// The number that the kernel failed at last; the first one of a chunk that crashed workers.
    pub number: i64,
    /// The error of the kernel, or how many workers crashed; cut to at most [`FailedChunk::LONGEST_REASON`] bytes.
    pub reason: String,
}

impl FailedChunk {
    /// The most bytes of a reason.
    pub const LONGEST_REASON: usize = 512;

    /// The most failed chunks of a job. One more, and the job fails.
    pub const MOST: usize = 10_000;

    /// A failed chunk whose reason is not too long.
    pub fn new(number: i64, mut reason: String) -> Self {
        if reason.len() > Self::LONGEST_REASON {
            let end = (0..=Self::LONGEST_REASON).rev().find(|&end| reason.is_char_boundary(end));
            reason.truncate(end.unwrap_or(0));
        }
        Self { number, reason }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_reason_is_cut_between_characters() {
        assert_eq!(FailedChunk::new(1, "odd".into()).reason, "odd");
        let long = FailedChunk::new(1, "ü".repeat(400)).reason;
        assert_eq!(long.len(), 512);
        assert_eq!(FailedChunk::new(1, format!("x{}", "ü".repeat(400))).reason.len(), 511);
    }
}
