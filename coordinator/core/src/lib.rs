//! The coordinator of Swath as a pure state machine: jobs, sessions of workers, fencing, the index of results, what
//! must be durable and when.
//!
//! [`Core`] decides; the shell around it does the I/O. [`ResultIndex`] decides on the results of one job; the shell
//! keeps it beside the bytes of the blocks. Nothing here reads a clock, waits, or knows a protocol, a ledger or a disk:
//! the same inputs give the same effects.

mod blocks;
mod clock;
mod core;
mod effect;
mod ending;
mod invariants;
mod job;
mod jobs;
mod outgoing;
mod persisted;
mod record;
mod refusal;
mod results;
mod session;
mod sessions;
mod status;
mod submit;
mod waiting;

#[cfg(test)]
mod tests;

pub use blocks::{AcceptedBlock, Claim, RefusedBlock};
pub use clock::{Moment, Now, Stamp};
pub use core::{Config, Core, Inherited, Results};
pub use effect::{Answer, Assignment, Effect, Notice, Reply, RequestId, ToWorker};
pub use job::{AfterCancel, Stock};
pub use jobs::RecoveredJob;
pub use record::{PersistError, PersistErrorKind, Record, Standing, Submitted, Token};
pub use refusal::{Refusal, Unpersisted};
pub use results::{Accepted, Ending, Kept, ResultIndex, chunks_of_block};
pub use sessions::{Join, Joined};
pub use submit::Submit;
