//! Connections. What is sent on one arrives late but in order, until it is cut: then nothing arrives any more, and the
//! ends learn of it later, each for itself.

use std::collections::{BTreeSet, VecDeque};

use swath_model::{Incarnation, Instant, JobId, LeaseId, WorkerId};

use crate::event::{ProcessId, SessionId};

#[derive(Debug, Default)]
pub(crate) struct Network {
    sessions: Vec<Session>,
}

/// The connections of one session of a worker: control in both directions, and uploads with their receipts.
#[derive(Debug)]
pub(crate) struct Session {
    process: ProcessId,
    /// Which start of the coordinator it is with.
    incarnation: Incarnation,
    pub(crate) worker: Option<WorkerId>,
    /// Messages that were sent to it, Welcome not counted.
    pub(crate) told_messages: u64,
    /// Which of them the core does not know of.
    pub(crate) stray_messages: Vec<u64>,
    /// The leases that it was asked to give something back of, and the count of messages that it had been sent by then.
    pub(crate) asked: VecDeque<(LeaseId, u64)>,
    /// The jobs that it was told of.
    pub(crate) described: BTreeSet<JobId>,
    /// Whether the worker has received Welcome.
    pub(crate) is_welcome: bool,
    /// Whether the coordinator has let it go.
    pub(crate) closed: bool,
    pub(crate) said: Way,
    pub(crate) told: Way,
    pub(crate) stream: u32,
    pub(crate) uploads: Way,
    pub(crate) receipts: Way,
}

/// One direction of a connection.
#[derive(Debug, Default)]
pub(crate) struct Way {
    /// When what was sent last arrives.
    pub(crate) busy_until: Instant,
    pub(crate) cut: bool,
}

impl Network {
    pub(crate) fn open(&mut self, process: ProcessId, incarnation: Incarnation) -> SessionId {
        self.sessions.push(Session {
            process,
            incarnation,
            worker: None,
            told_messages: 0,
            stray_messages: Vec::new(),
            asked: VecDeque::new(),
            described: BTreeSet::new(),
            is_welcome: false,
            closed: false,
            said: Way::default(),
            told: Way::default(),
            stream: 0,
            uploads: Way::default(),
            receipts: Way::default(),
        });
        self.sessions.len() - 1
    }

    pub(crate) fn process(&self, session: SessionId) -> ProcessId {
        self.sessions[session].process
    }

    pub(crate) fn get(&mut self, session: SessionId) -> &mut Session {
        &mut self.sessions[session]
    }

    /// Whether what a worker says arrives.
    pub(crate) fn hears(&self, session: SessionId, incarnation: Incarnation) -> bool {
        let session = &self.sessions[session];
        !session.said.cut && !session.closed && session.incarnation == incarnation
    }

    /// Whether what the coordinator tells arrives.
    pub(crate) fn tells(&self, session: SessionId) -> bool {
        !self.sessions[session].told.cut
    }

    pub(crate) fn uploads(&self, session: SessionId, stream: u32, incarnation: Incarnation) -> bool {
        let session = &self.sessions[session];
        !session.uploads.cut && session.stream == stream && session.incarnation == incarnation
    }

    pub(crate) fn receipts(&self, session: SessionId, stream: u32) -> bool {
        let session = &self.sessions[session];
        !session.receipts.cut && session.stream == stream
    }
}
