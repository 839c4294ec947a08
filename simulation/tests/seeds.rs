//! Simulated clusters, a few thousand of them.

#![allow(clippy::panic, reason = "a test fails by panicking; the lints know test functions only")]

use swath_simulation::{Campaign, run};

/// Debug builds are much slower, and check no more.
const SEEDS: u64 = if cfg!(debug_assertions) { 200 } else { 2000 };

/// What the promises rest on must have happened, or they were not put to the test.
const FAULTS: [&str; 94] = [
    "tasks with blocks cut by their rows",
    "batches lost in a crash",
    "batches torn in a crash",
    "batches written although unanswered",
    "blocks accepted",
    "blocks damaged in memory",
    "blocks damaged on their way",
    "blocks held already",
    "blocks kept over the end of a session",
    "blocks refused",
    "blocks sent again",
    "blocks that a reader could not use",
    "blocks that came twice or late",
    "blocks that waited for room",
    "cancels answered",
    "cancels of jobs that are over",
    "changes published",
    "chunks blamed for programs that could not be had",
    "chunks failed",
    "chunks given back that were resumed",
    "chunks given back",
    "chunks lost by the store",
    "chunks that failed for good",
    "clients cut off while they wait",
    "closing jobs that lost what was in memory",
    "coordinators stopped",
    "crashes of a suspended coordinator",
    "crashes of the coordinator",
    "crashes of workers by a chunk",
    "crashes of workers",
    "crashes right after coming back",
    "culprits found",
    "cuts",
    "deaf workers closed",
    "ends that the ledger refused",
    "failed chunks read back",
    "failed chunks that the ledger refused",
    "forged blocks",
    "forgets of jobs that run",
    "forgets that the ledger refused",
    "former sessions that are another's",
    "jobs cancelled",
    "jobs done",
    "jobs expired",
    "jobs failed",
    "jobs forgotten",
    "jobs lost with the newest ledger",
    "jobs paused by a full disk",
    "jobs paused by their reader",
    "jobs resumed",
    "programs fetched",
    "programs that came too late",
    "programs that could not be had",
    "jobs that run again",
    "leases not resumed",
    "leases resumed in part",
    "leases resumed",
    "messages lost",
    "nothing to give back",
    "offers of numbers beyond the range",
    "older copies of the ledger put back",
    "parts damaged",
    "parts deleted by somebody",
    "parts lost",
    "parts lost, as a start finds",
    "parts of delivered jobs",
    "parts of jobs that are gone",
    "parts that are not wanted any more",
    "parts without a row",
    "records refused",
    "records refused: the disk is full",
    "requests lost with the coordinator",
    "results dropped",
    "rows of parts refused",
    "sessions broken",
    "slow writes of the ledger",
    "stray leases refused",
    "submits answered twice",
    "submits refused: too many jobs",
    "submits sent again",
    "submits that the ledger refused",
    "submits without a token that nobody knows of",
    "suspensions noticed",
    "suspensions of the coordinator",
    "tokens of jobs that are being stored",
    "tokens that another job has",
    "work of another job offered",
    "workers back after their deadline",
    "workers back before they were missed",
    "workers drained",
    "workers stopped",
    "workers that hear nothing",
    "workers that joined twice",
    "workers that left",
];

#[test]
fn whatever_happens_every_job_comes_to_the_end_it_must() {
    let campaign = Campaign::new(1, SEEDS);
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    campaign.run(threads, |_| {});
    if let Some(failure) = campaign.failures().first() {
        panic!("{failure}");
    }
    let tally = campaign.tally();
    for fault in FAULTS {
        assert!(tally.get(fault) > 0, "{fault}: not once\n{tally}");
    }
    let chance = tally.get("chunks blamed for what was chance");
    assert!(chance * 5 < tally.get("culprits found"), "too many are blamed for what was chance\n{tally}");
    let crashes = tally.get("crashes of workers by a chunk");
    assert!(crashes < 8 * tally.get("culprits found"), "culprits are found too slowly\n{tally}");
}

#[test]
fn the_same_seed_gives_the_same_run_and_another_one_does_not() {
    let hash = |seed| match run(seed) {
        Ok(report) => report.hash,
        Err(failure) => panic!("{failure}"),
    };
    for seed in 1..=40 {
        assert_eq!(run(seed), run(seed), "seed {seed}");
        assert_ne!(hash(seed), hash(seed + 1), "seeds {seed} and {}", seed + 1);
    }
}
