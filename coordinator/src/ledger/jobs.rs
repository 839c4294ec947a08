//! The jobs in the ledger.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use rusqlite::{OptionalExtension, Row, params};
use swath_kernel::Parameters;
use swath_scheduler::{JobId, Limits};

use super::{Ledger, LedgerError};
use crate::{
    job::{JobState, Share},
    store::Retention,
};

/// A job as the ledger has it.
#[derive(Debug, Clone)]
pub(crate) struct JobRow {
    pub(crate) id: JobId,
    pub(crate) kernel: String,
    pub(crate) parameters: Parameters,
    pub(crate) first: i64,
    pub(crate) last: i64,
    pub(crate) chunk_size: u64,
    pub(crate) retention: Retention,
    pub(crate) limits: Limits,
    pub(crate) retain: Option<Duration>,
    pub(crate) state: JobState,
    pub(crate) submitted_at: SystemTime,
    pub(crate) ended_at: Option<SystemTime>,
    pub(crate) shares: Vec<(u64, Share)>,
    pub(crate) results_dropped: bool,
}

impl Ledger {
    /// The highest id that a job was ever given; 0 if there was none.
    pub(crate) fn last_job(&self) -> Result<u64, LedgerError> {
        let last: Option<i64> = self
            .lock()
            .query_row("SELECT seq FROM sqlite_sequence WHERE name = 'jobs'", [], |row| row.get(0))
            .optional()?;
        Ok(last.unwrap_or(0).unsigned_abs())
    }

    /// Stores a job, which then has an id. `id` and everything that comes with its end are ignored.
    pub(crate) fn insert_job(&self, job: &JobRow) -> Result<JobId, LedgerError> {
        let parameters =
            serde_json::to_string(&job.parameters).map_err(|error| LedgerError::Damaged(error.to_string()))?;
        let connection = self.lock();
        // Not with RETURNING: the row would come before the commit, and then count although that fails.
        connection.execute(
            "INSERT INTO jobs (kernel, parameters, first, last, chunk_size, retention, max_retries, crash_limit,
                               keep_going, retain_ms, submitted_at_ms)
             VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            params![
                job.kernel,
                parameters,
                job.first,
                job.last,
                // As signed, for that is what SQLite has; it comes back the same way.
                job.chunk_size as i64,
                retention_name(job.retention),
                job.limits.max_retries,
                job.limits.crash_limit,
                job.limits.keep_going,
                job.retain.map(|retain| i64::try_from(retain.as_millis()).unwrap_or(i64::MAX)),
                milliseconds(job.submitted_at),
            ],
        )?;
        Ok(JobId(connection.last_insert_rowid().unsigned_abs()))
    }

    /// Notes where a job stands now.
    pub(crate) fn update_job(
        &self,
        id: JobId,
        state: &JobState,
        ended_at: Option<SystemTime>,
        shares: &[(u64, Share)],
    ) -> Result<(), LedgerError> {
        let (name, failure) = match state {
            JobState::Running => ("running", ""),
            JobState::Done => ("done", ""),
            JobState::Failed(failure) => ("failed", failure.as_str()),
            JobState::Cancelled => ("cancelled", ""),
        };
        self.lock().execute(
            "UPDATE jobs SET state = ?, failure = ?, ended_at_ms = ?, shares = ? WHERE id = ?",
            params![name, failure, ended_at.map(milliseconds), shares_to_text(shares)?, id.0 as i64],
        )?;
        Ok(())
    }

    /// Notes who computed how much of jobs that run; of one that has ended this is known already.
    pub(crate) fn update_shares(&self, jobs: &[(JobId, Vec<(u64, Share)>)]) -> Result<(), LedgerError> {
        let mut connection = self.lock();
        let transaction = connection.transaction()?;
        for (id, shares) in jobs {
            transaction.execute(
                "UPDATE jobs SET shares = ? WHERE id = ? AND state = 'running'",
                params![shares_to_text(shares)?, id.0 as i64],
            )?;
        }
        Ok(transaction.commit()?)
    }

    /// Drops the parts of a job, which is kept.
    pub(crate) fn drop_results(&self, id: JobId) -> Result<(), LedgerError> {
        self.make_room(|transaction| {
            transaction.execute("DELETE FROM parts WHERE job = ?", [id.0 as i64])?;
            transaction.execute("UPDATE jobs SET results_dropped = 1 WHERE id = ?", [id.0 as i64])
        })
    }

    /// Drops a job and the rows of its parts.
    pub(crate) fn delete_job(&self, id: JobId) -> Result<(), LedgerError> {
        self.make_room(|transaction| {
            for table in ["parts", "holes"] {
                transaction.execute(&format!("DELETE FROM {table} WHERE job = ?"), [id.0 as i64])?;
            }
            transaction.execute("DELETE FROM jobs WHERE id = ?", [id.0 as i64])
        })
    }

    /// All jobs, in the order of their ids.
    pub(crate) fn jobs(&self) -> Result<Vec<JobRow>, LedgerError> {
        let connection = self.lock();
        let mut query = connection.prepare(
            "SELECT id, kernel, parameters, first, last, chunk_size, retention, state, failure, submitted_at_ms,
                    ended_at_ms, shares, max_retries, crash_limit, keep_going, retain_ms, results_dropped
             FROM jobs ORDER BY id",
        )?;
        let rows = query.query_map([], |row| Ok(job_from_row(row)))?;
        rows.map(|row| row?).collect()
    }
}

fn job_from_row(row: &Row<'_>) -> Result<JobRow, LedgerError> {
    let damaged = |what: &str| LedgerError::Damaged(format!("a job has an unknown {what}"));
    let parameters: String = row.get(2)?;
    let retention: String = row.get(6)?;
    let (state, failure): (String, String) = (row.get(7)?, row.get(8)?);
    let shares: String = row.get(11)?;
    let shares: Vec<(u64, String, u64, u64)> = serde_json::from_str(&shares).map_err(|_| damaged("list of workers"))?;
    Ok(JobRow {
        id: JobId(row.get::<_, i64>(0)?.unsigned_abs()),
        kernel: row.get(1)?,
        parameters: serde_json::from_str(&parameters).map_err(|_| damaged("set of parameters"))?,
        first: row.get(3)?,
        last: row.get(4)?,
        chunk_size: row.get::<_, i64>(5)? as u64,
        retention: match retention.as_str() {
            "stored" => Retention::Stored,
            "delivered" => Retention::Delivered,
            _ => return Err(damaged("retention")),
        },
        limits: Limits { max_retries: row.get(12)?, crash_limit: row.get(13)?, keep_going: row.get(14)? },
        retain: row.get::<_, Option<i64>>(15)?.map(|retain| Duration::from_millis(retain.unsigned_abs())),
        results_dropped: row.get(16)?,
        state: match state.as_str() {
            "running" => JobState::Running,
            "done" => JobState::Done,
            "failed" => JobState::Failed(failure),
            "cancelled" => JobState::Cancelled,
            _ => return Err(damaged("state")),
        },
        submitted_at: time(row.get(9)?),
        ended_at: row.get::<_, Option<i64>>(10)?.map(time),
        shares: shares
            .into_iter()
            .map(|(id, worker, numbers, chunks)| (id, Share { worker, numbers, chunks }))
            .collect(),
    })
}

fn shares_to_text(shares: &[(u64, Share)]) -> Result<String, LedgerError> {
    let shares: Vec<_> = shares.iter().map(|(id, share)| (id, &share.worker, share.numbers, share.chunks)).collect();
    serde_json::to_string(&shares).map_err(|error| LedgerError::Damaged(error.to_string()))
}

fn retention_name(retention: Retention) -> &'static str {
    match retention {
        Retention::Stored => "stored",
        Retention::Delivered => "delivered",
    }
}

fn milliseconds(at: SystemTime) -> i64 {
    at.duration_since(UNIX_EPOCH).map_or(0, |since| i64::try_from(since.as_millis()).unwrap_or(i64::MAX))
}

pub(super) fn time(milliseconds: i64) -> SystemTime {
    UNIX_EPOCH + Duration::from_millis(milliseconds.unsigned_abs())
}
