//! A whole cluster of Swath in one thread and no time.
//!
//! The scheduler is the real one, and so is the core of each worker. Around them are simulated: the coordinator's shell, its
//! store and its ledger; the threads of workers and the time that they take; the connections; and everything that can go wrong
//! with these. A clock jumps from one
//! event to the next, so that an hour passes in a second. All chance comes from one seed, so that what was found once
//! is found again.

mod agenda;
mod campaign;
mod cluster;
mod coordinator;
mod event;
mod ledger;
mod network;
mod plan;
mod process;
mod random;
mod tally;
mod trace;
mod trouble;
mod verdict;
mod worker;

pub use campaign::{Campaign, Failure, Report, run, run_aloud};
pub use tally::Tally;
