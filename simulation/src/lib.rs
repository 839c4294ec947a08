//! A whole cluster of Swath in one thread and no time.
//!
//! The cores are the real ones: that of the coordinator, with its scheduler and its indexes of results, and that of
//! each worker. Around them are fakes: the network, the disk, the ledger, the clients, the threads of workers and the
//! time that they take; and everything that can go wrong with these. A clock jumps from one event to the next, so that
//! an hour passes in a second. All chance comes from one seed, so that what was found once is found again.

mod agenda;
mod campaign;
mod clients;
mod cluster;
mod coordinator;
mod disk;
mod event;
mod ledger;
mod network;
mod plan;
mod process;
mod promises;
mod random;
mod store;
mod tally;
mod trace;

pub use campaign::{Campaign, Failure, Report, run, run_aloud};
pub use tally::Tally;
