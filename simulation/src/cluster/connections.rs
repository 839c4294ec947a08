//! What is sent arrives, or not.

use std::time::Duration;

use swath_model::Instant;
use swath_worker_core::{FromCoordinator, ToCoordinator};

use super::{Cluster, note};
use crate::{
    event::{Block, Event, LeasedJob, SessionId, Upload},
    network::{Session, Way},
};

/// When an end notices at the latest that the other one is not there.
const KEEPALIVE: Duration = Duration::from_secs(10);

/// What becomes of what one end had sent when it is gone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum InFlight {
    Arrives,
    Lost,
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
    pub(super) fn say(&mut self, session: SessionId, message: ToCoordinator) {
        match self.arrival(|session| &mut session.said, session) {
            Some(at) => self.agenda.plan(at, Event::Said { session, message }),
            None => self.tally.count("messages lost"),
        }
    }

    /// The coordinator says something.
    pub(super) fn tell_worker(&mut self, session: SessionId, message: FromCoordinator<LeasedJob>) {
        let link = self.network.get(session);
        if !matches!(message, FromCoordinator::Welcome(_)) {
            link.told_messages += 1;
        }
        if let FromCoordinator::ReturnChunks { lease, .. } = &message {
            link.asked.push_back((*lease, link.told_messages));
        }
        // A welcome that takes its time: the threads go on meanwhile, and chunks fail that are then granted.
        let is_late = match &message {
            FromCoordinator::Welcome(welcome) if !self.faults.is_calm => {
                !welcome.resumed.is_empty() || self.random.one_in(2)
            }
            _ => false,
        };
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

    pub(super) fn upload(&mut self, session: SessionId, block: Block) {
        let stream = self.network.get(session).stream;
        match self.arrival(|session| &mut session.uploads, session) {
            Some(at) => self.agenda.plan(at, Event::Uploaded(Upload { session, stream, block })),
            None => self.tally.count("messages lost"),
        }
    }

    pub(super) fn receipt(&mut self, session: SessionId, stream: u32) {
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
    pub(super) fn cut(&mut self, session: SessionId) {
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

    /// A worker hears nothing any more, and neither end notices: what it says still arrives.
    pub(super) fn deafen(&mut self, session: SessionId) {
        note!(self, "session {session} is deaf from now on");
        self.tally.count("workers that hear nothing");
        self.network.get(session).told.cut = true;
    }

    fn time_to_notice(&mut self) -> Duration {
        match self.random.below(3) {
            0 => self.random.millis(1, 50),
            1 => self.random.millis(100, 8000),
            _ => KEEPALIVE,
        }
    }

    /// The worker's end of a session is gone. What it has sent still arrives, unless it was `lost` with it.
    pub(super) fn close_worker_end(&mut self, session: SessionId, in_flight: InFlight) {
        let at = self.arrival(|session| &mut session.said, session);
        self.agenda.plan(at.unwrap_or(self.now + KEEPALIVE), Event::CoordinatorNotices { session });
        let lost = in_flight == InFlight::Lost;
        let link = self.network.get(session);
        link.told.cut = true;
        link.receipts.cut = true;
        link.said.cut |= lost;
        link.uploads.cut |= lost;
    }

    /// The coordinator's end of a session is gone.
    pub(super) fn close_coordinator_end(&mut self, session: SessionId, in_flight: InFlight) {
        let at = self.arrival(|session| &mut session.told, session);
        self.agenda.plan(at.unwrap_or(self.now + KEEPALIVE), Event::WorkerNotices { session });
        let lost = in_flight == InFlight::Lost;
        let link = self.network.get(session);
        link.closed = true;
        link.told.cut |= lost;
        link.said.cut |= lost;
        link.uploads.cut |= lost;
        link.receipts.cut |= lost;
    }
}
