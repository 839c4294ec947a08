//! What the driver writes into the ledger, many records with one transaction.

use rusqlite::Transaction;
use swath_model::{FailedChunk, JobId};

use super::{JobRow, Ledger, LedgerError, holes, jobs};
use crate::{
    clock::{Moment, Stamp},
    job::{JobState, Share},
};

/// A change to the ledger.
#[derive(Debug)]
pub(crate) enum Record {
    /// A job was submitted.
    Submitted(JobRow),
    /// A job has ended, or goes on after its end.
    Standing(Standing),
    /// Who computed how much of jobs that run.
    Shares(Vec<(JobId, Vec<(u64, Share)>)>),
    /// Chunks that were given up.
    Holes(Vec<(JobId, u64, FailedChunk)>),
    /// A job was forgotten, with its parts.
    Forgotten(JobId),
}

/// Where a job stands.
#[derive(Debug)]
pub(crate) struct Standing {
    pub(crate) job: JobId,
    pub(crate) state: JobState,
    pub(crate) ended: Option<Stamp>,
    pub(crate) shares: Vec<(u64, Share)>,
    /// Its parts go with the same transaction.
    pub(crate) drops_results: bool,
}

impl Record {
    /// Whether it must be possible on a full disk too: it ends something, or files can be deleted after it.
    fn may_spend_reserve(&self) -> bool {
        matches!(self, Self::Standing(_) | Self::Forgotten(_))
    }

    fn apply(&self, transaction: &Transaction<'_>) -> Result<(), LedgerError> {
        match self {
            Self::Submitted(row) => jobs::insert(transaction, row),
            Self::Standing(standing) => jobs::update(transaction, standing),
            Self::Shares(shares) => jobs::update_shares(transaction, shares),
            Self::Holes(noted) => holes::insert(transaction, noted),
            Self::Forgotten(id) => jobs::delete(transaction, *id),
        }
    }
}

impl Ledger {
    /// Writes records in this order, and the clock. All are durable after it, but for those with an error: one that cannot
    /// be written does not keep out the others.
    pub(crate) fn write(&self, records: &[Record], clock: Moment) -> Vec<Result<(), LedgerError>> {
        let all = |transaction: &Transaction<'_>| {
            records.iter().try_for_each(|record| record.apply(transaction))?;
            jobs::set_clock(transaction, clock)
        };
        if self.transact(all).is_ok() {
            return records.iter().map(|_| Ok(())).collect();
        }
        records.iter().map(|record| self.write_alone(record, clock)).collect()
    }

    fn write_alone(&self, record: &Record, clock: Moment) -> Result<(), LedgerError> {
        let one = |transaction: &Transaction<'_>| {
            record.apply(transaction)?;
            jobs::set_clock(transaction, clock)
        };
        match (self.transact(one), &self.reserve) {
            (Err(error), Some(reserve))
                if error.is_disk_full() && record.may_spend_reserve() && reserve.spend().is_ok() =>
            {
                self.transact(one)
            }
            (written, _) => written,
        }
    }

    fn transact(&self, change: impl Fn(&Transaction<'_>) -> Result<(), LedgerError>) -> Result<(), LedgerError> {
        let mut connection = self.lock();
        let transaction = connection.transaction()?;
        change(&transaction)?;
        Ok(transaction.commit()?)
    }
}
