//! The failed chunks in the ledger. Their table has an older name.

use rusqlite::{Connection, Transaction, params};

use swath_model::{FailedChunk, FailedChunks, JobId};

use super::error::SqliteError;

/// The failed chunks of a job.
pub(super) fn of_job(connection: &Connection, job: JobId) -> Result<FailedChunks, SqliteError> {
    let mut query = connection.prepare("SELECT chunk, number, reason FROM holes WHERE job = ?")?;
    let rows = query.query_map([job.0 as i64], |row| {
        Ok((row.get::<_, i64>(0)? as u64, FailedChunk::new(row.get(1)?, row.get(2)?)))
    })?;
    Ok(rows.collect::<Result<_, _>>()?)
}

/// Adds failed chunks: the job, the index of the chunk, and why.
pub(super) fn insert(transaction: &Transaction<'_>, chunks: &[(JobId, u64, FailedChunk)]) -> Result<(), SqliteError> {
    for (job, chunk, failure) in chunks {
        transaction.execute(
            "INSERT OR REPLACE INTO holes (job, chunk, number, reason) VALUES (?, ?, ?, ?)",
            params![job.0 as i64, *chunk as i64, failure.number, failure.reason],
        )?;
    }
    Ok(())
}

/// Deletes those of a job.
pub(super) fn delete(transaction: &Transaction<'_>, job: JobId) -> Result<(), SqliteError> {
    transaction.execute("DELETE FROM holes WHERE job = ?", [job.0 as i64])?;
    Ok(())
}

/// Deletes those without a job.
pub(super) fn sweep(transaction: &Transaction<'_>) -> Result<(), SqliteError> {
    transaction.execute("DELETE FROM holes WHERE job NOT IN (SELECT id FROM jobs)", [])?;
    Ok(())
}
