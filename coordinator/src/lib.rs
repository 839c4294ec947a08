//! The coordinator of Swath: it owns jobs, leases, commits and results.
//!
//! Around the pure core ([`swath_coordinator_core`]) lie the driver (the loop that owns it, with the only clock), the
//! gRPC services, the ledger and the result store. Blocks go from workers through the store to readers and never enter
//! the driver.
//!
//! [`Coordinator::bind`] opens the port, so that a caller knows its address; [`Coordinator::serve`] runs until told
//! to stop.

#![warn(clippy::indexing_slicing)]

mod artifacts;
mod authorization;
mod connections;
mod convert;
mod driver;
#[doc(hidden)]
pub mod fuzzing;
mod health;
mod intake;
mod ledger;
mod metrics;
mod server;
mod services;
mod store;
mod supervise;

pub use ledger::LedgerError;
pub use metrics::{Metrics, NoMetrics};
pub use server::{Coordinator, CoordinatorConfig, CoordinatorError};
pub use store::{LedgerPlace, ObjectStoreError, ObjectStoreErrorKind, Place, PlaceError, StoreConfig, StoreError};
pub use supervise::Fault;
