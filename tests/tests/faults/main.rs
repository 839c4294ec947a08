//! Faults made on purpose: each test proves that its fault struck, and compares the whole result with the oracle.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a panic is how a test fails")]

mod crashes;
mod disk;
mod ledger;
mod many_readers;
mod network;
mod readers;
mod silence;

use std::ops::RangeInclusive;

use swath_tests::{Coordinator, Rows, Scene, collatz};

/// A lease timeout that a fault outlasts soon, and the time that it does so for.
const SHORT_LEASES: &str = "--lease-timeout 1s";
const LONGER: std::time::Duration = std::time::Duration::from_secs(3);

/// Steps to 1 from numbers so large that each takes a while, in chunks so small that much is seen of them. A worker
/// that is alone with them needs some seconds, so that it can be killed several times before the end.
const NUMBERS: RangeInclusive<i64> = 1_000_000_000_000..=1_000_011_999_999;

/// Submits the job of [`NUMBERS`]; workers may crash as often as they like.
fn submit(coordinator: &Coordinator<'_>) -> u64 {
    let (first, last) = (NUMBERS.start(), NUMBERS.end());
    coordinator.submit(&format!("{first}..={last} -k collatz --chunk-size 20000 --crash-limit 100"))
}

/// Waits for the end of the job of [`NUMBERS`] and compares its results.
fn assert_exact(scene: &Scene, coordinator: &Coordinator<'_>, job: u64) {
    coordinator.await_done(job);
    coordinator.save(job, "steps.csv");
    Rows::open(&scene.path("steps.csv")).assert_are(NUMBERS, collatz);
}

/// Starts the next coordinator where the one before listened.
fn next<'scene>(scene: &'scene Scene, address: &str, arguments: &str) -> Coordinator<'scene> {
    scene.coordinator_with(&format!("--listen {address} {arguments}"))
}
