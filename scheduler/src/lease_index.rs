//! Which lease holds which chunks of a job.

use std::collections::BTreeMap;

use crate::{ChunkRun, LeaseId};

/// The outstanding chunks of one job, each interval with the lease that holds it.
///
/// The leases know their own chunks too; this is the way from a chunk to its lease.
#[derive(Debug, Default)]
pub(crate) struct LeaseIndex {
    /// By the start of the interval: its end and its lease.
    held: BTreeMap<u64, (u64, LeaseId)>,
    len: u64,
}

impl LeaseIndex {
    /// Notes that `lease` holds `run`, which nobody holds so far.
    pub(crate) fn insert(&mut self, run: ChunkRun, lease: LeaseId) {
        self.held.insert(run.start(), (run.end(), lease));
        self.len += run.len();
    }

    /// Takes out what is held of `run`, and says by whom it was, in order.
    pub(crate) fn remove(&mut self, run: ChunkRun) -> Vec<(ChunkRun, LeaseId)> {
        let mut removed = Vec::new();
        while let Some((&start, &(end, lease))) = self.held.range(..run.end()).next_back() {
            let Some(shared) = ChunkRun::new(start, end).and_then(|held| held.intersect(run)) else {
                break;
            };
            self.held.remove(&start);
            let rests = [ChunkRun::new(start, shared.start()), ChunkRun::new(shared.end(), end)];
            for rest in rests.into_iter().flatten() {
                self.held.insert(rest.start(), (rest.end(), lease));
            }
            self.len -= shared.len();
            removed.push((shared, lease));
        }
        removed.reverse();
        removed
    }

    /// How many chunks are held.
    pub(crate) fn len(&self) -> u64 {
        self.len
    }

    /// All intervals in order.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (ChunkRun, LeaseId)> + '_ {
        self.held.iter().filter_map(|(&start, &(end, lease))| Some((ChunkRun::new(start, end)?, lease)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run(start: u64, end: u64) -> ChunkRun {
        ChunkRun::new(start, end).unwrap()
    }

    fn lease(sequence: u64) -> LeaseId {
        LeaseId { incarnation: crate::Incarnation(0), sequence }
    }

    #[test]
    fn a_gap_splits_what_is_held_and_names_all_it_cuts() {
        let mut index = LeaseIndex::default();
        index.insert(run(0, 10), lease(1));
        index.insert(run(10, 20), lease(2));
        assert_eq!(index.remove(run(3, 5)), [(run(3, 5), lease(1))]);
        assert_eq!(index.len(), 18);
        assert_eq!(index.remove(run(4, 12)), [(run(5, 10), lease(1)), (run(10, 12), lease(2))]);
        assert_eq!(index.remove(run(4, 12)), []);
        let left: Vec<_> = index.iter().collect();
        assert_eq!(left, [(run(0, 3), lease(1)), (run(12, 20), lease(2))]);
        assert_eq!(index.len(), 11);
    }
}
