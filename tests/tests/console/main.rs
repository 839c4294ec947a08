//! Standard output, standard error and the log, whatever became of them; and text of others on them.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a panic is how a test fails")]

mod environment;
mod limits;
mod logs;
mod peers;
mod stdout;
