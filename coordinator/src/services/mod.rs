//! The gRPC services: they check what comes, ask the driver or the store, and answer.

mod arrival;
pub(crate) mod artifacts;
pub(crate) mod flight;
pub(crate) mod jobs;
mod messages;
pub(crate) mod results;
pub(crate) mod router;
pub(crate) mod streams;
pub(crate) mod workers;
