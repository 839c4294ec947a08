//! Nothing is taken for what it is not: jobs, leases and starts of a coordinator that share an id, and blocks that
//! nobody waits for.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a panic is how a test fails")]

mod half_sent;
mod restored;
mod session;
mod uploads;
