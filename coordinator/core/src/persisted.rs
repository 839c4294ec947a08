//! What the ledger has written, and the end of a coordinator.

use crate::{
    Core, Notice, Now, PersistError, Results,
    outgoing::{ClockDue, Sent},
};

impl<R: Results> Core<R> {
    /// The batch under way was written. There is one result for each record, in the same order; a record without one
    /// counts as written.
    pub fn handle_persisted(&mut self, now: Now, written: Vec<Result<(), PersistError>>) {
        self.begin(now);
        let written = written.into_iter().chain(std::iter::repeat(Ok(())));
        for (sent, written) in self.outgoing.under_way.take().unwrap_or_default().into_iter().zip(written) {
            match sent {
                Sent::Submit(job) => self.on_submit_persisted(job, written),
                Sent::Standing(job, state, ended) => self.on_standing_persisted(job, &state, ended, written),
                Sent::Forgotten(job) => self.on_forget_persisted(job, written),
                Sent::FailedChunks => self.log_error(written, Notice::FailedChunksNotPersisted),
                Sent::Shares => self.log_error(written, Notice::SharesNotPersisted),
            }
        }
        self.settle();
    }

    fn log_error(&mut self, written: Result<(), PersistError>, notice: fn(PersistError) -> Notice) {
        if let Err(error) = written {
            self.log(notice(error));
        }
    }

    /// The coordinator stops: the clock is written once more. Then persisted and closed facts are still handled until
    /// [`is_settled`](Self::is_settled).
    pub fn shut_down(&mut self, now: Now) {
        self.begin(now);
        self.outgoing.clock = ClockDue::Now;
        self.settle();
    }

    /// Whether every decision is durable and answered. Files may still be being deleted.
    pub fn is_settled(&self) -> bool {
        self.outgoing.is_idle()
            && self.outgoing.clock == ClockDue::WithTheNext
            && !self.jobs.values().any(|job| job.is_closing())
    }
}
