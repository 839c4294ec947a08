//! Health checks: whether a process is alive and ready.
//!
//! Supervisors of processes (a kubelet, a container engine, a load balancer) often have no TLS and no credentials. So
//! health checks have a port of their own, unencrypted, with nothing but `grpc.health.v1` on it. It says whether the
//! process must be restarted ([`Service::Liveness`]) and whether it does its work ([`Service::Readiness`]).
//!
//! [`HealthPort::open`] answers health checks, [`ask`] sends one.

#![warn(clippy::indexing_slicing)]

mod answers;
mod ask;
mod connections;
mod port;
mod vitals;

pub use ask::{AskError, ask};
pub use port::{HealthError, HealthPort};
pub use vitals::{Service, UnknownService, Vitals};
