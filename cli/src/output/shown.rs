//! What is printed and is no type of a library.

use std::{
    path::Path,
    time::{Duration, SystemTime},
};

use swath_client::output::{FileFormat, Summary};
use swath_health::Service;

/// A coordinator that listens.
pub(crate) struct Listening {
    pub(crate) address: std::net::SocketAddr,
}

/// This process, as a worker.
pub(crate) struct JoinedWorker<'a> {
    pub(crate) id: u64,
    pub(crate) name: &'a str,
    pub(crate) threads: u32,
}

/// A file of results.
pub(crate) struct Written<'a> {
    pub(crate) file: &'a Path,
    pub(crate) format: FileFormat,
    pub(crate) summary: Summary,
    /// Its size; `None` where it is no regular file.
    pub(crate) bytes: Option<u64>,
    pub(crate) took: Duration,
}

/// How a process is.
pub(crate) struct HealthAnswer<'a> {
    pub(crate) address: &'a str,
    pub(crate) service: Service,
    pub(crate) serving: bool,
}

/// What an access file is for; nothing of it is secret.
pub(crate) struct ShownAccess<'a> {
    pub(crate) roles: Vec<&'static str>,
    pub(crate) subject: &'a str,
    pub(crate) coordinator: Option<&'a str>,
    pub(crate) expires: SystemTime,
}
