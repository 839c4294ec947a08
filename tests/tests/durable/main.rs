//! What is told is durable, and what is durable is told: whatever clients, disks and clocks do meanwhile.

#![allow(clippy::unwrap_used, reason = "a panic is how a test fails")]

mod broken;
mod clock;
mod cut;
mod disk;

use std::collections::BTreeSet;

use rusqlite::{Connection, OpenFlags};
use swath_tests::{Coordinator, Scene};

/// The ledger of a scene, to look at while its coordinator runs.
fn ledger(scene: &Scene) -> Connection {
    Connection::open_with_flags(scene.path("data/ledger.sqlite"), OpenFlags::SQLITE_OPEN_READ_ONLY).unwrap()
}

/// The ids that a query of the ledger gives.
fn rows(scene: &Scene, query: &str) -> BTreeSet<u64> {
    let ledger = ledger(scene);
    let mut query = ledger.prepare(query).unwrap();
    let ids = query.query_map([], |row| row.get::<_, i64>(0)).unwrap();
    ids.map(|id| id.unwrap().unsigned_abs()).collect()
}

/// The ids of the jobs that clients see.
fn listed(coordinator: &Coordinator<'_>) -> BTreeSet<u64> {
    coordinator.jobs().iter().map(|job| job["id"].as_u64().unwrap()).collect()
}

/// The ids of the jobs that have files.
fn with_files(scene: &Scene) -> BTreeSet<u64> {
    let folders = std::fs::read_dir(scene.path("data/jobs")).into_iter().flatten().flatten();
    let full = folders.filter(|folder| std::fs::read_dir(folder.path()).is_ok_and(|mut files| files.next().is_some()));
    full.map(|folder| folder.file_name().to_str().unwrap().parse().unwrap()).collect()
}
