//! What always holds of a worker.

use std::collections::BTreeMap;

use swath_model::OffsetSet;

use super::Worker;
use crate::{held::LeaseKey, session::State, slot::SlotState};

impl<K> Worker<K> {
    /// Checks what always holds between two calls; for tests and simulations.
    ///
    /// # Panics
    /// It does not hold.
    pub fn check_invariants(&self) {
        let blocks = &self.blocks;
        assert!(blocks.sent <= blocks.waiting.len(), "{} of {} blocks are sent", blocks.sent, blocks.waiting.len());
        assert!(blocks.waiting.iter().zip(blocks.waiting.iter().skip(1)).all(|(a, b)| a.id < b.id), "blocks in order");
        // By lease: what slots compute and blocks have, and how many slots are at it.
        let mut elsewhere: BTreeMap<LeaseKey, (OffsetSet, usize)> = BTreeMap::new();
        for state in &self.slots {
            if let SlotState::Computing { lease, rest } = state {
                let (offsets, slots) = elsewhere.entry(*lease).or_default();
                *slots += 1;
                for run in rest.iter() {
                    assert!(!offsets.overlaps(run), "{run} is computed twice at a time");
                    offsets.insert(run);
                }
            }
        }
        for block in &blocks.waiting {
            let (offsets, _) = elsewhere.entry(block.lease).or_default();
            assert!(!offsets.overlaps(block.offsets), "{} is computed again while its block waits", block.offsets);
            offsets.insert(block.offsets);
        }
        let mut last = LeaseKey(0);
        for held in &self.leases {
            let (key, id) = (held.key, held.id);
            assert!(last < key, "leases are in the order in which they came");
            last = key;
            assert!(!held.is_settled(), "lease {id} is settled");
            let (mut somewhere, slots) = elsewhere.remove(&key).unwrap_or_default();
            assert_eq!(held.slots, slots, "slots of lease {id}");
            let all = held.chunks().offsets(held.run);
            for run in held.untaken.iter() {
                assert!(!somewhere.overlaps(run), "{run} of lease {id} is untaken, and computed too");
                assert!(held.in_flight.contains_run(run), "{run} of lease {id} is untaken, but not in flight");
                somewhere.insert(run);
            }
            for run in held.in_flight.iter() {
                assert!(all.contains_run(run), "{run} is not of lease {id}");
                assert!(somewhere.contains_run(run), "{run} of lease {id} is in flight, and nobody has all of it");
            }
        }
        if matches!(self.state, State::Over) {
            assert!(self.leases.is_empty() && blocks.waiting.is_empty(), "it has ended, and holds something");
        }
    }
}
