//! Records on their way to the ledger.
//!
//! Nothing durable is waited for in the driver's loop: it decides on a record, the store writes it elsewhere, and
//! [`Fact::Persisted`](crate::store::Fact::Persisted) comes back. At most one batch is under way; what comes meanwhile waits
//! here and goes with the next, in one transaction. So all is written in the order in which it was decided.
//!
//! What waits is bounded by the jobs that are kept, also while the disk hangs: one submit, one end and one forgetting of
//! each, and the chunks of it that were given up.

use std::time::Duration;

use swath_model::JobId;
use tokio::sync::mpsc;
use tracing::{debug, warn};

use super::{Driver, Refusal};
use crate::{
    clock::Moment,
    ledger::{LedgerError, Record},
    store::Fact,
};

/// The most records in one transaction: parts are written between two.
const BATCH: usize = 1000;

/// The clock is written down with every record, and at least this often.
const CLOCK: Duration = Duration::from_secs(60);

/// What waits for the ledger.
#[derive(Debug, Default)]
pub(super) struct Outgoing {
    waiting: Vec<Record>,
    under_way: bool,
    /// What the ledger's clock says.
    written: Moment,
    /// The clock should be written soon.
    clock_is_due: bool,
}

impl Outgoing {
    /// `written`: what the ledger's clock says at the start.
    pub(super) fn new(written: Moment) -> Self {
        Self { written, ..Self::default() }
    }

    pub(super) fn push(&mut self, record: Record) {
        self.waiting.push(record);
    }

    /// The clock should not be far behind where there are durations to know later.
    pub(super) fn look_after_clock(&mut self, now: Moment) {
        self.clock_is_due |= now.since(self.written) >= CLOCK;
    }

    /// Nothing waits and nothing is under way.
    pub(super) fn is_idle(&self) -> bool {
        self.waiting.is_empty() && !self.under_way
    }

    /// The records to write next, if the ones before have been written; none if only the clock is due.
    fn poll(&mut self, now: Moment) -> Option<Vec<Record>> {
        if self.under_way || (self.waiting.is_empty() && !self.clock_is_due) {
            return None;
        }
        self.under_way = true;
        self.clock_is_due = false;
        self.written = now;
        let rest = self.waiting.split_off(self.waiting.len().min(BATCH));
        Some(std::mem::replace(&mut self.waiting, rest))
    }
}

impl Driver {
    /// Has the next records written, if it is their turn.
    pub(super) fn write_outgoing(&mut self) {
        let now = self.clock.now();
        if let Some(records) = self.outgoing.poll(now) {
            self.store.persist(records, now);
        }
    }

    /// Acts on what is durable now.
    pub(super) fn handle_persisted(&mut self, records: &[Record], written: Vec<Result<(), LedgerError>>) {
        self.outgoing.under_way = false;
        for (record, written) in records.iter().zip(written) {
            match (record, written) {
                (Record::Submitted(row), written) => self.on_submit_written(row.id, written),
                (Record::Standing(standing), written) => self.on_standing_written(standing, written),
                (Record::Forgotten(id), written) => self.on_forget_written(*id, written),
                // After the next start they are tried again.
                (Record::FailedChunks(_), Err(error)) => warn!(%error, "failed chunks are not in the ledger"),
                (Record::Shares(_), Err(error)) => debug!(%error, "who computed how much is not in the ledger"),
                (Record::FailedChunks(_) | Record::Shares(_), Ok(())) => {}
            }
        }
    }

    /// After the loop: what was decided is written, and answered, before the driver goes; so is the clock.
    pub(super) async fn finish(&mut self, facts: &mut mpsc::UnboundedReceiver<Fact>) {
        self.outgoing.clock_is_due = true;
        loop {
            self.write_outgoing();
            if self.outgoing.is_idle() && !self.is_closing_jobs() {
                return;
            }
            match facts.recv().await {
                Some(Fact::Persisted { records, written }) => self.handle_persisted(&records, written),
                Some(Fact::Closed { job, lost }) => self.on_closed(job, lost),
                Some(_) => {}
                None => return,
            }
        }
    }
}

/// Why something is not in the ledger, as the answer to who asked for it.
pub(super) fn not_written(what: &str, error: &LedgerError) -> Refusal {
    let sentence = format!("{what}: {error}");
    if error.is_disk_full() { Refusal::Exhausted(sentence) } else { Refusal::Internal(sentence) }
}

/// The sentence for a job that is not there.
pub(super) fn unknown(id: JobId) -> Refusal {
    Refusal::NotFound(format!("there is no job {id}"))
}
