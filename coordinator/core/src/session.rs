//! What is known of a worker while its session lasts.

use std::{
    collections::BTreeSet,
    time::{Duration, SystemTime},
};

use swath_model::{Instant, JobId, WorkerId, WorkerInfo};

/// The session of one worker.
#[derive(Debug)]
pub(crate) struct Session {
    pub(crate) info: WorkerInfo,
    pub(crate) address: String,
    pub(crate) joined_at: SystemTime,
    pub(crate) numbers: u64,
    pub(crate) chunks: u64,
    /// Messages that were sent to it, and those that it says it received.
    pub(crate) sent: u64,
    received: u64,
    /// Since when it has not received what was sent to it.
    pub(crate) waiting_since: Option<Instant>,
    pub(crate) stay: Stay,
    /// The jobs that it knows.
    pub(crate) described: BTreeSet<JobId>,
}

/// A worker whose session ended without a word.
#[derive(Debug)]
pub(crate) struct LostWorker {
    pub(crate) worker: WorkerId,
    pub(crate) process: Process,
}

/// What tells a process from others: its id, host and name.
pub(crate) type Process = (u32, String, String);

/// The process of a worker.
pub(crate) fn process(info: &WorkerInfo) -> Process {
    (info.process_id, info.host.clone(), info.name.clone())
}

/// Whether a worker means to stay.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Stay {
    Stays,
    /// It was drained, by somebody or by itself.
    Leaves,
}

impl Session {
    pub(crate) fn new(info: WorkerInfo, address: String, joined_at: SystemTime) -> Self {
        Self {
            info,
            address,
            joined_at,
            numbers: 0,
            chunks: 0,
            sent: 0,
            received: 0,
            waiting_since: None,
            stay: Stay::Stays,
            described: BTreeSet::new(),
        }
    }

    pub(crate) fn name(&self) -> &str {
        &self.info.name
    }

    /// The worker has received so many messages in all. False if for longer than `limit` it received none of those that
    /// were sent to it.
    pub(crate) fn has_received(&mut self, now: Instant, messages: u64, limit: Duration) -> bool {
        if messages > self.received {
            self.received = messages;
            self.waiting_since = (messages < self.sent).then_some(now);
        }
        self.waiting_since.is_none_or(|since| now - since <= limit)
    }

    /// Counts what it computed.
    pub(crate) fn count(&mut self, numbers: u64, chunks: u64) {
        self.numbers += numbers;
        self.chunks += chunks;
    }
}
