//! The gRPC services: they check what comes, ask the driver or the store, and answer.

mod arrival;
pub(crate) mod flight;
pub(crate) mod jobs;
pub(crate) mod results;
pub(crate) mod workers;
