//! How the parts of Swath reach each other: addresses, TLS, access files and roles.
//!
//! Where there is TLS it is mutual. Everybody has an *access file*: the address of the coordinator, the authority that
//! both sides trust, and a certificate with its key ([`Access`]). The certificate says what its holder may do, its
//! [`Role`]s. [`Authority`] makes access files; certificates from elsewhere work too.
//!
//! Workers and clients use [`Dialer`], the coordinator uses [`Acceptor`]. Both read their access files again when they
//! change, so certificates are renewed without a restart.
//!
//! The handshake accepts missing, foreign and expired certificates. It only proves that a peer has the key of its
//! certificate; the certificate is judged right after ([`Peer`]). So a peer that is refused gets a gRPC error with a
//! reason, and not just a closed connection.

#![warn(clippy::indexing_slicing)]

mod accept;
mod access;
mod address;
mod authority;
mod certificate;
mod connect;
mod dial;
mod error;
mod exposure;
#[doc(hidden)]
pub mod fuzzing;
mod greeting;
mod judged_later;
mod role;

pub use accept::{Acceptor, Handshake, Peer};
pub use access::{Access, AccessError, AccessSource};
pub use address::{Address, AddressError, DEFAULT_PORT, Security};
pub use authority::{Authority, AuthorityError, NewAccess};
pub use certificate::COORDINATOR_NAME;
pub use dial::{Dialer, check_scheme};
pub use error::{DialError, Protocol};
pub use role::Role;
