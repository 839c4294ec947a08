//! How a process of Swath says that it is alive and ready.
//!
//! Who looks after processes (a kubelet, a container engine, a load balancer) often speaks no TLS and has no
//! credentials. So health has a port of its own, in plain text, with `grpc.health.v1` and nothing else on it: it says
//! whether the process should be started again ([`Service::Liveness`]) and whether it does its work
//! ([`Service::Readiness`]), and takes nothing but that question.
//!
//! [`HealthPort::open`] answers, [`ask`] asks.

mod answers;
mod ask;
mod connections;
mod port;

use std::{fmt, future::Future, str::FromStr};

pub use ask::{AskError, ask};
pub use port::{HealthError, HealthPort};

/// What is asked of a process about itself.
pub trait Vitals: Send + Sync + 'static {
    /// Whether it can still do its work, or should be started again. No answer within some seconds is a no.
    fn is_alive(&self) -> impl Future<Output = bool> + Send;

    /// Whether it does its work now. No answer within some seconds is a no.
    fn is_ready(&self) -> impl Future<Output = bool> + Send;
}

/// The services that a process can be asked about, as they are named in `grpc.health.v1`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Service {
    /// `liveness`.
    Liveness,
    /// `readiness`, and the empty name, which stands for the whole process.
    Readiness,
}

impl Service {
    /// The names of all, for the command line.
    pub const NAMES: [&'static str; 2] = ["liveness", "readiness"];
}

impl fmt::Display for Service {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Liveness => "liveness",
            Self::Readiness => "readiness",
        })
    }
}

/// There is no such service.
#[derive(Debug, thiserror::Error)]
#[error("there is no service of this name; the services are `liveness` and `readiness`")]
pub struct UnknownService;

impl FromStr for Service {
    type Err = UnknownService;

    fn from_str(name: &str) -> Result<Self, UnknownService> {
        match name {
            "liveness" => Ok(Self::Liveness),
            "readiness" | "" => Ok(Self::Readiness),
            _ => Err(UnknownService),
        }
    }
}
