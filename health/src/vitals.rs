//! What can be asked of a process.

use std::{fmt, future::Future, str::FromStr};

/// The state of a process.
pub trait Vitals: Send + Sync + 'static {
    /// Whether it can still do its work, or must be restarted. No answer within some seconds means no.
    fn is_alive(&self) -> impl Future<Output = bool> + Send;

    /// Whether it does its work now. No answer within some seconds means no.
    fn is_ready(&self) -> impl Future<Output = bool> + Send;
}

/// The services of `grpc.health.v1` that a process has.
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

/// The service is unknown.
#[derive(Debug, thiserror::Error)]
#[error("unknown service; the services are `liveness` and `readiness`")]
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
