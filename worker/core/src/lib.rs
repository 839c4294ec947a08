//! The decisions of a worker as a state machine: which numbers a thread computes next, which blocks wait for their
//! upload or their receipt, which work continues after a broken connection, and when to try the coordinator again.
//!
//! Nothing here performs I/O, reads a clock or draws a random number. The contract stands on [`Worker`]. It has two
//! shells: one with threads and connections (the crate `swath-worker`), and a simulated one (`swath-simulation`).

mod backoff;
mod blocks;
mod config;
mod held;
mod job;
mod message;
mod session;
mod slot;
mod worker;

pub use backoff::Loss;
pub use blocks::{BlockId, UnexpectedReceipt, Upload};
pub use config::{AfterLoss, Config};
pub use job::Job;
pub use message::{Effect, FromCoordinator, Lease, ToCoordinator, Welcome};
pub use session::{Outcome, SessionId};
pub use slot::{NextTask, Slot, Task};
pub use worker::Worker;
