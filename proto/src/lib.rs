//! The protocol of Swath, package `swath.v1`: messages, clients and servers.
//!
//! The `.proto` files beside this crate are the reference; this crate is what the compiler makes of them, and
//! the few numbers both sides must agree on.

#![warn(clippy::indexing_slicing)]

pub mod codec;
mod fingerprint;
mod upload;

pub use fingerprint::fingerprint;
pub use upload::{UPLOAD_KEY_HEADER, upload_key, upload_request};

/// Messages, clients and servers of package `swath.v1`.
#[allow(
    missing_docs,
    unreachable_pub,
    clippy::all,
    clippy::too_many_lines,
    clippy::indexing_slicing,
    reason = "generated code"
)]
pub mod v1 {
    tonic::include_proto!("swath.v1");
}

/// The compiled descriptors of the package, for server reflection.
pub const FILE_DESCRIPTOR_SET: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/swath.v1.bin"));

/// The version of the protocol, checked when a worker joins.
pub const PROTOCOL_VERSION: u32 = 6;

/// The most leases that a worker offers to go on with when it joins again, and the most runs of offsets of each.
pub const MAX_OFFERS: usize = 64;
/// See [`MAX_OFFERS`].
pub const MAX_OFFERED_RUNS: usize = 1024;

/// The largest message that either side takes, in bytes: a block of 1,048,576 incompressible decimals is 16 MiB.
pub const MAX_MESSAGE_BYTES: usize = 24 << 20;

/// The most bytes of an artifact in one message.
pub const ARTIFACT_DATA_BYTES: usize = 1 << 20;

/// HTTP/2 flow control window of one stream, in bytes. Large enough that a block is on the way while the one
/// before it is taken; it bounds what a slow reader makes the other side hold.
pub const STREAM_WINDOW_BYTES: u32 = 4 << 20;

/// HTTP/2 flow control window of one connection, in bytes.
pub const CONNECTION_WINDOW_BYTES: u32 = 8 << 20;

/// HTTP/2 frame size, in bytes: fewer, larger frames for blocks.
pub const FRAME_BYTES: u32 = 256 << 10;
