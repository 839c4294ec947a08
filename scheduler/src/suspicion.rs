//! Chunks that may crash the worker that computes them, and how they are told from those that were only there.
//!
//! When a worker crashes, all that it may have been computing is suspected. Suspects are tried in *probes*: leases of
//! which the worker has no other beside. A probe that completes clears its chunks; one that crashes its worker is cut
//! into sixteenths, down to one chunk. A chunk that crashes a worker when it is alone there has no excuse, and is
//! counted. Of a million suspects the culprit is alone after five crashes.

use std::collections::{BTreeMap, BTreeSet};

use crate::{ChunkRun, WorkerId};

/// A probe that crashed its worker is tried again in this many parts.
const PARTS: u64 = 16;

/// The suspects of one job, wherever they are.
#[derive(Debug, Default)]
pub(crate) struct Suspicion {
    /// By the start of the interval: its end, and how long a probe of its chunks may be at most.
    suspects: BTreeMap<u64, (u64, u64)>,
    /// The workers that a chunk has crashed when it was alone there.
    crashes: BTreeMap<u64, BTreeSet<WorkerId>>,
}

impl Suspicion {
    /// A lease crashed its worker, or was there when something else did, when `run` was outstanding in it, of
    /// `outstanding` chunks in all.
    pub(crate) fn suspect(&mut self, run: ChunkRun, outstanding: u64) {
        self.cut_out(run);
        self.suspects.insert(run.start(), (run.end(), (outstanding / PARTS).max(1)));
    }

    /// A chunk crashed a worker when it was alone there; returns how often it has.
    pub(crate) fn count_crash(&mut self, chunk: u64, worker: WorkerId) -> u32 {
        let crashed = self.crashes.entry(chunk).or_default();
        crashed.insert(worker);
        u32::try_from(crashed.len()).unwrap_or(u32::MAX)
    }

    /// This worker has not crashed.
    pub(crate) fn absolve(&mut self, worker: WorkerId) {
        self.crashes.retain(|_, crashed| {
            crashed.remove(&worker);
            !crashed.is_empty()
        });
    }

    /// Chunks have been computed, and their worker is still there.
    pub(crate) fn clear(&mut self, run: ChunkRun) {
        self.cut_out(run);
        let cleared: Vec<u64> =
            self.crashes.range(run.start()..run.end().max(run.start())).map(|(&chunk, _)| chunk).collect();
        for chunk in cleared {
            self.crashes.remove(&chunk);
        }
    }

    /// The suspects within `run`, in order, and how long a probe of each may be.
    pub(crate) fn within(&self, run: ChunkRun) -> impl Iterator<Item = (ChunkRun, u64)> + '_ {
        let before = self.suspects.range(..run.start()).next_back();
        let from = self.suspects.range(run.start()..run.end().max(run.start()));
        let all = before.into_iter().chain(from);
        all.filter_map(move |(&start, &(end, limit))| Some((ChunkRun::new(start, end)?.intersect(run)?, limit)))
    }

    pub(crate) fn contains(&self, chunk: u64) -> bool {
        self.within(ChunkRun::one(chunk)).next().is_some()
    }

    /// The probe that `run` begins with.
    pub(crate) fn first_trial(&self, run: ChunkRun) -> Option<ChunkRun> {
        let (suspects, limit) = self.within(run).next()?;
        ChunkRun::new(suspects.start(), suspects.end().min(suspects.start().saturating_add(limit)))
    }

    /// In how many probes `run` will be tried.
    pub(crate) fn probes(&self, run: ChunkRun) -> u64 {
        self.within(run).map(|(suspects, limit)| suspects.len().div_ceil(limit)).sum()
    }

    fn cut_out(&mut self, run: ChunkRun) {
        let cut: Vec<(ChunkRun, u64)> = self.within(run).collect();
        for (part, limit) in cut {
            let Some((&start, &(end, _))) = self.suspects.range(..=part.start()).next_back() else { continue };
            self.suspects.remove(&start);
            for rest in [ChunkRun::new(start, part.start()), ChunkRun::new(part.end(), end)].into_iter().flatten() {
                self.suspects.insert(rest.start(), (rest.end(), limit));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn run(start: u64, end: u64) -> ChunkRun {
        ChunkRun::new(start, end).unwrap()
    }

    #[test]
    fn trials_shrink_by_sixteen_down_to_one_chunk() {
        let mut suspicion = Suspicion::default();
        let mut suspects = run(0, 1_000_000);
        let mut lengths = Vec::new();
        loop {
            suspicion.suspect(suspects, suspects.len());
            assert_eq!(suspicion.probes(suspects), suspects.len().div_ceil((suspects.len() / 16).max(1)));
            let probe = suspicion.first_trial(suspects).unwrap();
            lengths.push(probe.len());
            if suspects.len() == 1 {
                break;
            }
            suspects = probe;
        }
        assert_eq!(lengths, [62_500, 3906, 244, 15, 1, 1]);
        assert!(suspicion.suspects.len() <= 6, "{suspicion:?}");
    }

    #[test]
    fn who_completes_is_cleared_of_everything() {
        let mut suspicion = Suspicion::default();
        suspicion.suspect(run(0, 10), 10);
        assert_eq!(suspicion.count_crash(3, WorkerId(1)), 1);
        assert_eq!(suspicion.count_crash(3, WorkerId(2)), 2);
        suspicion.clear(run(2, 5));
        assert_eq!(suspicion.within(run(0, 99)).collect::<Vec<_>>(), [(run(0, 2), 1), (run(5, 10), 1)]);
        assert_eq!(suspicion.count_crash(3, WorkerId(3)), 1);
        suspicion.absolve(WorkerId(3));
        assert_eq!(suspicion.count_crash(3, WorkerId(4)), 1);
    }

    proptest! {
        #[test]
        fn agrees_with_a_limit_for_each_chunk(
            steps in prop::collection::vec((any::<bool>(), 0..60_u64, 1..30_u64, 1..2000_u64), 1..40),
        ) {
            let mut suspicion = Suspicion::default();
            let mut model: BTreeMap<u64, u64> = BTreeMap::new();
            for (suspect, start, length, outstanding) in steps {
                let run = run(start, start + length);
                if suspect {
                    suspicion.suspect(run, outstanding);
                    model.extend((run.start()..run.end()).map(|chunk| (chunk, (outstanding / PARTS).max(1))));
                } else {
                    suspicion.clear(run);
                    model.retain(|&chunk, _| !run.contains(chunk));
                }
                let probe = ChunkRun::new(start / 2, start + 7).unwrap();
                let within: Vec<_> = suspicion
                    .within(probe)
                    .flat_map(|(run, limit)| (run.start()..run.end()).map(move |chunk| (chunk, limit)))
                    .collect();
                let wanted: Vec<_> = model.range(probe.start()..probe.end()).map(|(&chunk, &limit)| (chunk, limit)).collect();
                prop_assert_eq!(within, wanted);
                prop_assert_eq!(suspicion.contains(start), model.contains_key(&start));
            }
        }
    }
}
