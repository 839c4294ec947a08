//! Workers on other hosts, over the ssh of the system.
//!
//! One connection for each host, and at its other end a script for plain `sh`, which reports what it finds and
//! does, a line each, and takes what is to be copied from its standard input:
//!
//! 1. the system is reported, and whether a worker of the same coordinator runs there already;
//! 2. the program and the worker's access file are copied if they should be: under another name, renamed when whole;
//! 3. the worker is started, with a log and a record of its process, and is reported when it has joined.
//!
//! The connection then ends, and the worker stays; unless it is attached: its standard input is the connection, and it
//! ends when that closes, or when nothing came through it for too long.
//!
//! A host that cannot be used is a [`Failure`] of that host, a sentence for people; others go on.

mod failure;
mod heard;
mod host;
mod hostfile;
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
pub use payload::{AccessFile, Program};
pub use report::End;
pub use script::WordError;
pub use ssh::Ssh;
pub use start::{
    Attached, CoordinatorSource, IfRunning, Lifetime, Outcome, Plan, Preview, RemoteAccess, RemoteProgram, Worker,
    start,
};
pub use stop::{Running, Selection, Stopped, status, stop};

/// Does something on each host, on so many at once; what comes of it comes as it ends.
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
