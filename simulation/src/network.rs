//! Connections. What is sent on one arrives late but in order, until it is cut: then nothing arrives any more, and the
//! ends learn of it later, each for itself.

use std::collections::{BTreeSet, VecDeque};
use std::time::Duration;

use swath_model::{Incarnation, Instant, JobId, LeaseId, WorkerId};
use swath_worker_core::{FromCoordinator, ToCoordinator};

use crate::cluster::{Cluster, note};
use crate::event::{Block, Event, LeasedJob, ProcessId, SessionId};

/// When an end notices at the latest that the other one is not there.
const KEEPALIVE: Duration = Duration::from_secs(10);

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
    /// The leases that it was asked to give something back of, and the count of messages that it had been sent by then.
    pub(crate) asked: VecDeque<(LeaseId, u64)>,
    /// The jobs that it was told of.
    pub(crate) described: BTreeSet<JobId>,
    /// Whether the coordinator has let it go.
    pub(crate) closed: bool,
    said: Way,
    told: Way,
    pub(crate) stream: u32,
    uploads: Way,
    receipts: Way,
}

/// One direction of a connection.
#[derive(Debug, Default)]
struct Way {
    /// When what was sent last arrives.
    busy_until: Instant,
    cut: bool,
}

impl Network {
    pub(crate) fn open(&mut self, process: ProcessId, incarnation: Incarnation) -> SessionId {
        self.sessions.push(Session {
            process,
            incarnation,
            worker: None,
            told_messages: 0,
            asked: VecDeque::new(),
            described: BTreeSet::new(),
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

impl Cluster {
    fn arrival(&mut self, way: impl Fn(&mut Session) -> &mut Way, session: SessionId) -> Option<Instant> {
        let delay = self.plan.delay.as_nanos() as u64;
        let delay = if self.random.one_in(100) { delay * 10 } else { self.random.within(delay, delay * 2) };
        let way = way(self.network.get(session));
        if way.cut {
            return None;
        }
        way.busy_until = way.busy_until.max(self.now + Duration::from_nanos(delay));
        Some(way.busy_until)
    }

    /// A worker says something.
    pub(crate) fn say(&mut self, session: SessionId, message: ToCoordinator) {
        match self.arrival(|session| &mut session.said, session) {
            Some(at) => self.agenda.plan(at, Event::Said { session, message }),
            None => self.tally.count("messages lost"),
        }
    }

    /// The coordinator says something.
    pub(crate) fn tell_worker(&mut self, session: SessionId, message: FromCoordinator<LeasedJob>) {
        let link = self.network.get(session);
        if !matches!(message, FromCoordinator::Welcome(_)) {
            link.told_messages += 1;
        }
        if let FromCoordinator::ReturnChunks { lease, .. } = &message {
            link.asked.push_back((*lease, link.told_messages));
        }
        // A welcome that takes its time: the threads go on meanwhile, and chunks fail that are then granted.
        let is_late = matches!(message, FromCoordinator::Welcome(_)) && !self.is_calm && self.random.one_in(4);
        let late = is_late.then(|| Duration::from_millis(self.random.within(20, 2000)));
        if let Some(late) = late {
            let told = &mut self.network.get(session).told;
            told.busy_until = told.busy_until.max(self.now + late);
        }
        match self.arrival(|session| &mut session.told, session) {
            Some(at) => self.agenda.plan(at, Event::Told { session, message }),
            None => self.tally.count("messages lost"),
        }
    }

    pub(crate) fn upload(&mut self, session: SessionId, block: Block) {
        let stream = self.network.get(session).stream;
        match self.arrival(|session| &mut session.uploads, session) {
            Some(at) => self.agenda.plan(at, Event::Uploaded { session, stream, block }),
            None => self.tally.count("messages lost"),
        }
    }

    pub(crate) fn receipt(&mut self, session: SessionId, stream: u32) {
        if !self.network.receipts(session, stream) {
            self.tally.count("messages lost");
            return;
        }
        match self.arrival(|session| &mut session.receipts, session) {
            Some(at) => self.agenda.plan(at, Event::Receipted { session, stream }),
            None => self.tally.count("messages lost"),
        }
    }

    /// Something between the two ends breaks; each direction of each connection for itself.
    pub(crate) fn cut(&mut self, session: SessionId) {
        let which = self.random.within(1, 15);
        let cuts = |bit: u64| which & (1 << bit) != 0;
        note!(self, "session {session} is cut: {which:04b}");
        self.tally.count("cuts");
        let link = self.network.get(session);
        for (bit, way) in
            [&mut link.said, &mut link.told, &mut link.uploads, &mut link.receipts].into_iter().enumerate()
        {
            way.cut |= cuts(bit as u64);
        }
        if cuts(0) || cuts(1) {
            let noticed = (self.time_to_notice(), self.time_to_notice());
            self.plan_in(noticed.0, Event::WorkerNotices { session });
            self.plan_in(noticed.1, Event::CoordinatorNotices { session });
        }
        if cuts(2) || cuts(3) {
            let noticed = self.time_to_notice();
            self.plan_in(noticed, Event::WorkerNotices { session });
        }
    }

    fn time_to_notice(&mut self) -> Duration {
        match self.random.below(3) {
            0 => self.random.millis(1, 50),
            1 => self.random.millis(100, 8000),
            _ => KEEPALIVE,
        }
    }

    /// The worker's end of a session is gone. What it has sent still arrives, unless it was `lost` with it.
    pub(crate) fn close_worker_end(&mut self, session: SessionId, lost: bool) {
        let at = self.arrival(|session| &mut session.said, session);
        self.agenda.plan(at.unwrap_or(self.now + KEEPALIVE), Event::CoordinatorNotices { session });
        let link = self.network.get(session);
        link.told.cut = true;
        link.receipts.cut = true;
        link.said.cut |= lost;
        link.uploads.cut |= lost;
    }

    /// The coordinator's end of a session is gone.
    pub(crate) fn close_coordinator_end(&mut self, session: SessionId, lost: bool) {
        let at = self.arrival(|session| &mut session.told, session);
        self.agenda.plan(at.unwrap_or(self.now + KEEPALIVE), Event::WorkerNotices { session });
        let link = self.network.get(session);
        link.closed = true;
        link.told.cut |= lost;
        link.said.cut |= lost;
        link.uploads.cut |= lost;
        link.receipts.cut |= lost;
    }
}
