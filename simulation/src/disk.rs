//! The disk: files of parts. They may be lost or damaged, and there may be no room.

use std::collections::BTreeMap;

use swath_model::{JobId, OffsetRun};

/// Names a part; never used twice.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct PartId(pub(crate) u64);

#[derive(Clone, Debug)]
pub(crate) struct Part {
    pub(crate) job: JobId,
    /// Its blocks, in order: the fingerprint of what each was computed for, and its offsets.
    pub(crate) blocks: Vec<(u64, OffsetRun)>,
    pub(crate) health: Health,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Health {
    Whole,
    /// Nobody can read it; its size is right.
    Damaged,
}

#[derive(Clone, Debug, Default)]
pub(crate) struct Disk {
    pub(crate) parts: BTreeMap<PartId, Part>,
}

impl Part {
    /// The runs of offsets that its blocks make.
    pub(crate) fn runs(&self) -> Vec<OffsetRun> {
        runs(self.blocks.iter().map(|&(_, run)| run))
    }
}

/// The runs of offsets that blocks in order of their offsets make.
pub(crate) fn runs(blocks: impl Iterator<Item = OffsetRun>) -> Vec<OffsetRun> {
    let mut runs: Vec<OffsetRun> = Vec::new();
    for block in blocks {
        match runs.last_mut() {
            Some(run) if run.end() == block.start() => *run = OffsetRun::new(run.start(), block.end()).unwrap_or(*run),
            _ => runs.push(block),
        }
    }
    runs
}

impl Disk {
    /// Whether no part is damaged.
    pub(crate) fn is_whole(&self) -> bool {
        self.parts.values().all(|part| part.health == Health::Whole)
    }
}
