//! The chunks in the ledger that were given up.

use rusqlite::{Transaction, params};
use swath_model::{FailedChunk, JobId};

use super::{Ledger, LedgerError};
use crate::job::Holes;

impl Ledger {
    /// The chunks of a job that were given up.
    pub(crate) fn holes(&self, job: JobId) -> Result<Holes, LedgerError> {
        let connection = self.lock();
        let mut query = connection.prepare("SELECT chunk, number, reason FROM holes WHERE job = ?")?;
        let rows = query.query_map([job.0 as i64], |row| {
            Ok((row.get::<_, i64>(0)? as u64, FailedChunk::new(row.get(1)?, row.get(2)?)))
        })?;
        Ok(rows.collect::<Result<_, _>>()?)
    }
}

/// Notes chunks that were given up.
pub(super) fn insert(transaction: &Transaction<'_>, holes: &[(JobId, u64, FailedChunk)]) -> Result<(), LedgerError> {
    for (job, chunk, hole) in holes {
        transaction.execute(
            "INSERT OR REPLACE INTO holes (job, chunk, number, reason) VALUES (?, ?, ?, ?)",
            params![job.0 as i64, *chunk as i64, hole.number, hole.reason],
        )?;
    }
    Ok(())
}
