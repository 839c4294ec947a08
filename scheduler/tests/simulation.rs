//! The scheduler in a world where everything goes wrong. The number of cases is set with `PROPTEST_CASES`.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test fails by panicking; the lints know test functions only"
)]

mod world;

use proptest::prelude::*;
use world::{Seen, Step, run};

fn script() -> impl Strategy<Value = Vec<Step>> {
    prop::collection::vec(any::<Step>(), 1..200)
}

proptest! {
    #![proptest_config(ProptestConfig {
        failure_persistence: None, // it prints the script, which is short when shrunk
        ..ProptestConfig::default()
    })]

    #[test]
    fn whatever_happens_every_job_ends_and_no_chunk_counts_twice(script in script()) {
        run(&script);
    }

    #[test]
    fn the_same_script_gives_the_same_actions(script in script()) {
        prop_assert_eq!(run(&script).actions, run(&script).actions);
    }
}

/// What the properties rest on does occur in such scripts.
#[test]
fn the_world_has_all_kinds_of_faults() {
    let mut state = 1_u64;
    let mut next = || {
        // Knuth's MMIX generator; the upper bits are the better ones.
        state = state.wrapping_mul(6_364_136_223_846_793_005);
        state = state.wrapping_add(1_442_695_040_888_963_407);
        (state >> 40) as u16
    };
    let mut all = Seen::default();
    for _ in 0..200 {
        let script: Vec<Step> = (0..150).map(|_| ((next() % 256) as u8, next(), next(), next())).collect();
        for (what, times) in run(&script).seen.0 {
            *all.0.entry(what).or_default() += times;
        }
    }
    for what in [
        "assigned",
        "computed",
        "asked back",
        "returned",
        "answered",
        "stopped",
        "received",
        "refused",
        "stale",
        "committed",
        "lost",
        "kernel failed",
        "not its own",
        "doubled",
        "thin air",
        "silent",
        "came back",
        "came again",
        "resumed",
        "resumed in part",
        "not resumed",
        "took the place of its former self",
        "drained",
        "leaving",
        "ended by itself",
        "paused",
        "done",
        "failed",
        "left",
        "worker crashed",
        "crashed",
        "failed for good",
        "cancelled",
        "forgotten",
        "no room",
        "too many jobs",
    ] {
        let times = all.0.get(what).copied().unwrap_or(0);
        assert!(times >= 20, "{what}: {times} times only; {all:?}");
    }
}
