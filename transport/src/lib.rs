//! How the parts of Swath reach each other: addresses, TLS, access files and roles.
//!
//! Where there is TLS it is mutual. Everybody has an *access file*: the address of the coordinator, the authority that
//! both sides trust, and a certificate with its key ([`Access`]). The certificate says what its holder may do, its
//! [`Role`]s. [`Authority`] makes access files; certificates from elsewhere work too.
//!
//! [`Dialer`] is the side of workers and clients, [`Acceptor`] that of the coordinator. Both read their access again when
//! it changes, so certificates are renewed without a restart.
//!
//! Nobody is turned away in the handshake for a certificate that is missing, foreign or expired: the handshake proves
//! that a peer has the key of its certificate, and what that is worth is judged right after ([`Peer`]). So whoever is
//! refused gets an answer of gRPC with a sentence, not a connection that closes.

mod accept;
mod access;
mod address;
mod authority;
mod certificate;
mod connect;
mod dial;
mod exposure;
mod greeting;
mod role;

pub use accept::{Acceptor, Handshake, Peer};
pub use access::{Access, AccessError, AccessSource};
pub use address::{Address, AddressError, DEFAULT_PORT, Security};
pub use authority::{Authority, AuthorityError, NewAccess};
pub use dial::{DialError, Dialer, check_scheme};
pub use greeting::Protocol;
pub use role::Role;

/// The name that every coordinator's certificate bears. Whoever dials looks for it instead of the host's name, so that a
/// coordinator may be reached under any address: through a tunnel, a forwarded port, a balancer.
pub const COORDINATOR_NAME: &str = "coordinator.swath";

/// The protocol that both sides agree on in the handshake: HTTP/2.
const ALPN: &[u8] = b"h2";
