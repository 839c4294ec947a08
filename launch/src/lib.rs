//! Workers on other hosts, over the ssh of the system.
//!
//! There is one connection for each host. A script for plain `sh` runs at its other end. It writes one report in each
//! line, and reads the files to copy from its standard input:
//!
//! 1. it reports the system, and whether a worker of the same coordinator already runs there;
//! 2. it receives the program and the access file, if they are to be copied, and renames them when they are complete;
//! 3. it starts the worker, with a log and a record of its process, and reports when the worker has joined.
//!
//! Then the connection ends and the worker keeps running. An attached worker is different: its standard input is the
//! connection, and it stops when that closes or stays silent for too long.
//!
//! A host that cannot be used gives a [`Failure`], with a sentence for people. The other hosts are not affected.

#![warn(clippy::indexing_slicing)]

mod failure;
mod heard;
mod host;
mod hostfile;
mod notice;
mod payload;
mod report;
mod script;
mod ssh;
mod start;
mod stop;

use std::future::Future;

use futures::{Stream, StreamExt, stream};

pub use failure::Failure;
pub use host::{Host, HostError};
pub use hostfile::{HostfileError, merge, parse as parse_hostfile};
pub use notice::Notice;
pub use payload::{AccessFile, Program};
pub use report::End;
pub use script::WordError;
pub use ssh::Ssh;
pub use start::{
    Attached, CoordinatorSource, IfRunning, Lifetime, Outcome, Plan, Preview, RemoteAccess, RemoteProgram, Worker,
    start,
};
pub use stop::{Running, Selection, Stopped, status, stop};

/// Runs `act` for each host, for at most `at_once` hosts at a time. The outcomes come in the order in which they end.
pub fn on_each<'hosts, T, F>(
    hosts: &'hosts [Host],
    at_once: usize,
    mut act: impl FnMut(&'hosts Host) -> F,
) -> impl Stream<Item = (&'hosts Host, T)>
where
    F: Future<Output = T>,
{
    let acts = hosts.iter().map(move |host| {
        let act = act(host);
        async move { (host, act.await) }
    });
    stream::iter(acts.collect::<Vec<_>>()).buffer_unordered(at_once.max(1))
}
