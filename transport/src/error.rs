//! Why a coordinator could not be reached.

use std::{error::Error, fmt, io, time::Duration};

use crate::{access::AccessError, address::AddressError};

/// Why the coordinator could not be reached.
#[derive(Debug, Clone, thiserror::Error)]
#[non_exhaustive]
pub enum DialError {
    /// The address is malformed.
    #[error(transparent)]
    Address(#[from] AddressError),
    /// The scheme of the address contradicts the access file, or that there is none.
    #[error("the scheme of {address} means {scheme}: {advice}")]
    Scheme {
        /// The address.
        address: String,
        /// What the scheme stands for.
        scheme: &'static str,
        /// What fits.
        advice: &'static str,
    },
    /// The access file cannot be used.
    #[error(transparent)]
    Access(#[from] AccessError),
    /// Nothing answers there.
    #[error("no coordinator answers at {address}: {reason}")]
    Unreachable {
        /// The address.
        address: String,
        /// The error of the system.
        reason: String,
    },
    /// The peer accepted the connection and sent nothing.
    #[error("{address} accepted the connection, but did not answer within {}", humantime::format_duration(*limit))]
    Silent {
        /// The address.
        address: String,
        /// The time limit.
        limit: Duration,
    },
    /// The peer is not a coordinator.
    #[error("{address} speaks {protocol}, not gRPC")]
    Foreign {
        /// The address.
        address: String,
        /// Its protocol.
        protocol: Protocol,
    },
    /// The peer speaks TLS, and there is no access file.
    #[error("{address} speaks TLS, which needs an access file")]
    NeedsAccess {
        /// The address.
        address: String,
    },
    /// The certificate of the peer is not accepted.
    #[error("the peer at {address} cannot be trusted: {reason}")]
    Untrusted {
        /// The address.
        address: String,
        /// Why, in a sentence.
        reason: String,
    },
}

impl DialError {
    /// Whether another attempt is useless.
    pub fn is_final(&self) -> bool {
        match self {
            Self::Address(_)
            | Self::Scheme { .. }
            | Self::Access(_)
            | Self::NeedsAccess { .. }
            | Self::Untrusted { .. } => true,
            // A proxy may answer in place of a coordinator that is not running.
            Self::Unreachable { .. } | Self::Silent { .. } | Self::Foreign { .. } => false,
        }
    }

    /// The error of this kind among the causes of another one, if there is one: a request fails with an error of its
    /// own when there is no connection to send it on.
    pub fn find_in(error: &(dyn Error + 'static)) -> Option<Self> {
        Self::find(error).cloned()
    }

    pub(crate) fn find<'error>(error: &'error (dyn Error + 'static)) -> Option<&'error Self> {
        let mut cause = Some(error);
        while let Some(error) = cause {
            // What an error of the system wraps is not its source.
            let wrapped = error.downcast_ref::<io::Error>().and_then(io::Error::get_ref);
            let found = wrapped.and_then(|error| error.downcast_ref()).or_else(|| error.downcast_ref());
            if found.is_some() {
                return found;
            }
            cause = error.source();
        }
        None
    }
}

/// A protocol that a coordinator does not speak.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Protocol {
    /// HTTP before version 2.
    Http1,
    /// A login.
    Ssh,
    /// An unknown protocol.
    Unknown,
}

impl fmt::Display for Protocol {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Http1 => "HTTP/1",
            Self::Ssh => "SSH",
            Self::Unknown => "another protocol",
        })
    }
}
