//! What no worker with the real core reports, but a broken one may: facts about any lease there ever was.

use std::time::Duration;

use swath_model::WorkerId;
use swath_scheduler::Event;

use super::{Given, World, part, pick};

impl World {
    /// Of the last few leases mostly, of any sometimes.
    fn some_lease(&mut self, choice: u16) -> Option<Given> {
        let from = if choice.is_multiple_of(5) { 0 } else { self.given.len().saturating_sub(6) };
        let given = pick(&self.given[from..], choice)?;
        if self.scheduler.holder(given.lease).is_none() {
            self.seen.count("stale");
        }
        Some(given)
    }

    /// The worker that a lease was given to, or sometimes any other.
    fn some_reporter(&self, given: Given, choice: u16) -> WorkerId {
        self.some_worker(choice).filter(|_| choice.is_multiple_of(4)).unwrap_or(given.worker)
    }

    /// A heartbeat out of turn; of a worker that has never been there, too.
    pub(super) fn report_heartbeat(&mut self, a: u16) {
        let worker = self.some_worker(a).unwrap_or(WorkerId(99_999));
        self.on_heartbeat(worker);
    }

    pub(super) fn report_computed(&mut self, a: u16, b: u16) {
        let Some(given) = self.some_lease(a) else { return };
        let busy = Duration::from_micros(u64::from(b) * 10);
        let worker = self.some_reporter(given, b);
        self.tell(Event::LeaseComputed { worker, lease: given.lease, busy });
    }

    pub(super) fn report_returned(&mut self, a: u16, b: u16, c: u16) {
        let Some(given) = self.some_lease(a) else { return };
        let chunks = (!c.is_multiple_of(4)).then(|| part(given.chunks, b, c));
        self.on_returned(self.some_reporter(given, b), given.lease, chunks);
    }

    pub(super) fn report_failed(&mut self, a: u16, b: u16) {
        let Some(given) = self.some_lease(a) else { return };
        let chunk = part(given.chunks, b, 0).start();
        self.on_failed(self.some_reporter(given, b), given.lease, chunk, (7, "odd".to_owned()));
    }

    /// A block that the lease may be for, or may have been.
    pub(super) fn report_block(&mut self, a: u16, b: u16, c: u16) {
        let Some(given) = self.some_lease(a) else { return };
        let chunks = if c.is_multiple_of(2) { given.chunks } else { part(given.chunks, b, c) };
        self.accept(given.lease, given.job, chunks);
    }

    /// The last event comes twice, unless it would be news about what the store holds.
    pub(super) fn again(&mut self) {
        let event = self.last_event.clone();
        match event {
            Some(Event::ChunksReceived { .. } | Event::ChunksLost { .. }) | None => {}
            Some(Event::WorkerJoined { worker, .. }) if !self.workers.contains(&worker) => {}
            Some(event) => {
                self.seen.count("doubled");
                self.tell(event);
            }
        }
    }
}
