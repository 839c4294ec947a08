//! Where a worker stands with its coordinator.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use swath_model::{Instant, JobId, WorkerId};

use crate::Job;

/// Names one attempt of a worker to have a session, from connecting to the end of the session. Inputs that come late
/// from an earlier attempt are ignored.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SessionId(pub u64);

/// How a worker ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// The coordinator told it to stop.
    ShutDown,
    /// It was told to stop on its own machine.
    Stopped,
    /// It lost the coordinator, for good or for longer than its patience.
    Lost,
}

/// Where a worker stands with its coordinator.
#[derive(Debug)]
pub(crate) enum State<K> {
    /// No connection, until the next attempt.
    Away { until: Instant },
    /// It connects, or has sent Hello and waits for the answer.
    Joining { session: SessionId, since: Instant },
    /// In a session.
    Joined(Session<K>),
    /// In a session that ends when the work in flight is delivered, or at this time.
    Draining { session: Session<K>, until: Instant, outcome: Outcome },
    /// It has ended.
    Over,
}

/// A session that the coordinator has answered in.
#[derive(Debug)]
pub(crate) struct Session<K> {
    pub(crate) id: SessionId,
    pub(crate) worker: WorkerId,
    /// Since when the worker tried to join.
    pub(crate) since: Instant,
    pub(crate) heartbeat: Duration,
    pub(crate) next_heartbeat: Instant,
    /// Messages received, Welcome not counted.
    pub(crate) received: u64,
    /// The jobs that the coordinator has described in this session and that have not ended.
    pub(crate) jobs: BTreeMap<JobId, Result<Arc<Job<K>>, String>>,
}

impl<K> State<K> {
    /// The attempt that goes on.
    pub(crate) fn session_id(&self) -> Option<SessionId> {
        match self {
            Self::Joining { session, .. } => Some(*session),
            Self::Joined(session) | Self::Draining { session, .. } => Some(session.id),
            Self::Away { .. } | Self::Over => None,
        }
    }

    /// The session, if the coordinator has answered.
    pub(crate) fn session(&self) -> Option<&Session<K>> {
        match self {
            Self::Joined(session) | Self::Draining { session, .. } => Some(session),
            Self::Away { .. } | Self::Joining { .. } | Self::Over => None,
        }
    }

    pub(crate) fn session_mut(&mut self) -> Option<&mut Session<K>> {
        match self {
            Self::Joined(session) | Self::Draining { session, .. } => Some(session),
            Self::Away { .. } | Self::Joining { .. } | Self::Over => None,
        }
    }
}
