//! Lints that a crate switches on itself, and the settings that several crates must have alike.

use super::{Complaint, source::Source};

/// The crates that a peer, a file or a user can reach: an index that is out of bounds must not end the process.
const REACHED: &[&str] = &[
    "block",
    "cli",
    "client",
    "console",
    "coordinator",
    "expression",
    "health",
    "kernel",
    "kernel/wasm",
    "launch",
    "proto",
    "reduce",
    "scheduler",
    "transport",
    "worker",
];

const INDEXING: &str = "#![warn(clippy::indexing_slicing)]";

/// The crates without clock, randomness and I/O. The settings of the first are those of all.
const PURE: &[&str] =
    &["scheduler", "block", "coordinator/core", "expression", "kernel", "model", "reduce", "worker/core"];

/// The crates for developers only, which may print.
const TOOLS: &[&str] = &["xtask", "bench", "tests"];

pub(super) fn check(sources: &[Source]) -> Vec<Complaint> {
    let text = |path: &str| sources.iter().find(|source| source.path == path).map(|source| source.text.as_str());
    let complaint = |path: String, text: String| Complaint { rule: "lints".to_owned(), path, line: 1, text };
    let mut complaints = Vec::new();
    for folder in REACHED {
        let root = if *folder == "cli" { "cli/src/main.rs".to_owned() } else { format!("{folder}/src/lib.rs") };
        if !text(&root).is_some_and(|text| text.lines().any(|line| line == INDEXING)) {
            complaints.push(complaint(root, format!("it must have the line `{INDEXING}`")));
        }
    }
    for alike in [PURE, TOOLS] {
        let settings = |folder: &str| text(&format!("{folder}/clippy.toml"));
        let first = alike.first().copied().unwrap_or_default();
        for folder in alike.iter().filter(|folder| settings(folder) != settings(first)) {
            complaints
                .push(complaint(format!("{folder}/clippy.toml"), format!("it must be a copy of {first}/clippy.toml")));
        }
    }
    complaints
}
