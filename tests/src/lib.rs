//! The harness of the end to end tests: real processes of the real program, on loopback.
//!
//! A [`Scene`] is the folder that a test works in, and all that runs there: commands and long-running processes, a
//! [`Coordinator`] and its workers, scripts of other people's readers. A test that fails prints the folder, each
//! command, and what it said; the folder is kept then. Nothing here sleeps for a fixed time: [`until`] waits for
//! conditions, and [`DEADLINE`] is only there to end a test that would hang.
//!
//! The program is `SWATH_BIN`, or else the `release/swath` of the target directory that the test lies in.
//! `SWATH_PYTHON` is a Python with the packages of `python/requirements.txt`. `cargo xtask test` sets both.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "only tests use it, and a panic is how a test fails"
)]

mod bucket;
mod cluster;
mod disk;
mod hosts;
mod invocation;
mod oracle;
mod process;
mod proxy;
mod record;
mod rows;
mod scene;
mod screen;
mod shim;
mod sshd;
pub mod torture;
mod wait;

pub use bucket::S3Server;
pub use cluster::Coordinator;
pub use disk::{blames_full_disk, fill, fill_up, unfinished_parts};
pub use hosts::{ENOUGH, Hosts};
pub use invocation::Invocation;
pub use oracle::{collatz, is_prime, isqrt, square};
pub use process::{Ended, Process};
pub use proxy::{Direction, Proxy};
pub use rows::Rows;
pub use rustix::process::Signal;
pub use scene::Scene;
pub use screen::Screen;
pub use shim::Shim;
pub use sshd::{Door, Sshd};
pub use wait::{DEADLINE, until, until_seen, while_passes};
