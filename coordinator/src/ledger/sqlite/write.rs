//! Writing records: many with one transaction.

use rusqlite::Transaction;
use swath_coordinator_core::{Moment, Record};

use super::{SqliteLedger, error::SqliteError, failed_chunks, jobs};
use crate::ledger::error::LedgerError;

impl SqliteLedger {
    /// See [`Ledger::write`](crate::ledger::Ledger::write). All records go into one transaction. If that fails, each
    /// goes into one of its own.
    pub(super) fn write_records(&self, records: &[Record], clock: Moment) -> Vec<Result<(), LedgerError>> {
        let all = |transaction: &Transaction<'_>| {
            records.iter().try_for_each(|record| apply(record, transaction))?;
            jobs::set_clock(transaction, clock)
        };
        if self.transact(all).is_ok() {
            return records.iter().map(|_| Ok(())).collect();
        }
        records.iter().map(|record| self.write_alone(record, clock)).collect()
    }

    fn write_alone(&self, record: &Record, clock: Moment) -> Result<(), LedgerError> {
        let one = |transaction: &Transaction<'_>| {
            apply(record, transaction)?;
            jobs::set_clock(transaction, clock)
        };
        if may_spend_reserve(record) { self.reserve.spend_if_full(|| self.transact(one)) } else { self.transact(one) }
    }
}

/// Whether it must be possible on a full disk, too: it ends something, or files can be deleted after it.
fn may_spend_reserve(record: &Record) -> bool {
    matches!(record, Record::Standing(_) | Record::Forgotten(_))
}

fn apply(record: &Record, transaction: &Transaction<'_>) -> Result<(), SqliteError> {
    match record {
        Record::Submitted(job) => jobs::insert(transaction, job),
        Record::Standing(standing) => jobs::update(transaction, standing),
        Record::Shares(shares) => jobs::update_shares(transaction, shares),
        Record::FailedChunks(chunks) => failed_chunks::insert(transaction, chunks),
        Record::Forgotten(id) => jobs::delete(transaction, *id),
    }
}
