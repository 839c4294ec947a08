//! The jobs in the ledger.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use prost::Message;
use rusqlite::{Connection, Row, Transaction, params};
use swath_coordinator_core::{Moment, Stamp, Standing, Stock, Submitted};
use swath_model::{JobId, JobState, Limits, ResultMode, Share};
use swath_proto::{codec, v1};

use super::{error::SqliteError, failed_chunks};
use crate::ledger::{error::LedgerError, rows::JobRow};

/// All jobs, in the order of their ids.
pub(super) fn all(connection: &Connection) -> Result<Vec<JobRow>, SqliteError> {
    let mut query = connection.prepare(
        "SELECT id, kernel, parameters, first, last, chunk_size, retention, state, failure, submitted_at_ms,
                ended_at_ms, shares, max_retries, crash_limit, keep_going, retain_ms, results_dropped,
                submitted_clock_ms, ended_clock_ms, token, condition, reductions, program
         FROM jobs ORDER BY id",
    )?;
    let rows = query.query_map([], |row| Ok(job_from_row(row)))?;
    rows.map(|row| row?).collect()
}

/// Adds a job, as one that runs.
pub(super) fn insert(transaction: &Transaction<'_>, job: &Submitted) -> Result<(), SqliteError> {
    let spec = &job.spec;
    let parameters = serde_json::to_string(&spec.parameters).map_err(|error| unwritable(&error))?;
    transaction.execute(
        "INSERT INTO jobs (id, kernel, parameters, first, last, chunk_size, retention, max_retries, crash_limit,
                           keep_going, retain_ms, submitted_at_ms, submitted_clock_ms, token, condition, reductions, program)
         VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        params![
            job.id.0 as i64,
            spec.kernel,
            parameters,
            spec.range().first(),
            spec.range().last(),
            // SQLite has signed integers only; it is read back the same way.
            spec.chunk_size as i64,
            retention_name(spec.result_mode),
            spec.limits.max_retries,
            spec.limits.crash_limit,
            spec.limits.keep_going,
            spec.keep_for.map(milliseconds),
            unix_milliseconds(job.submitted.at),
            milliseconds(job.submitted.moment.0),
            job.token,
            spec.condition,
            spec.reductions,
            spec.program.clone().map(|program| codec::program_to_proto(program).encode_to_vec()),
        ],
    )?;
    Ok(())
}

/// Writes where a job stands now.
pub(super) fn update(transaction: &Transaction<'_>, standing: &Standing) -> Result<(), SqliteError> {
    let (name, failure) = match &standing.state {
        JobState::Running => ("running", ""),
        JobState::Done => ("done", ""),
        JobState::Failed(failure) => ("failed", failure.as_str()),
        JobState::Cancelled => ("cancelled", ""),
    };
    let id = standing.job.0 as i64;
    transaction.execute(
        "UPDATE jobs SET state = ?, failure = ?, ended_at_ms = ?, ended_clock_ms = ?, shares = ? WHERE id = ?",
        params![
            name,
            failure,
            standing.ended.map(|ended| unix_milliseconds(ended.at)),
            standing.ended.map(|ended| milliseconds(ended.moment.0)),
            shares_to_text(&standing.shares)?,
            id
        ],
    )?;
    if standing.drops_results {
        transaction.execute("DELETE FROM parts WHERE job = ?", [id])?;
        transaction.execute("UPDATE jobs SET results_dropped = 1 WHERE id = ?", [id])?;
    }
    Ok(())
}

/// Writes who computed how much of jobs that run. The row of a job that has ended is final.
pub(super) fn update_shares(
    transaction: &Transaction<'_>,
    jobs: &[(JobId, Vec<(u64, Share)>)],
) -> Result<(), SqliteError> {
    for (id, shares) in jobs {
        transaction.execute(
            "UPDATE jobs SET shares = ? WHERE id = ? AND state = 'running'",
            params![shares_to_text(shares)?, id.0 as i64],
        )?;
    }
    Ok(())
}

/// Deletes a job with its parts and failed chunks.
pub(super) fn delete(transaction: &Transaction<'_>, id: JobId) -> Result<(), SqliteError> {
    transaction.execute("DELETE FROM parts WHERE job = ?", [id.0 as i64])?;
    failed_chunks::delete(transaction, id)?;
    transaction.execute("DELETE FROM jobs WHERE id = ?", [id.0 as i64])?;
    Ok(())
}

/// Writes how long coordinators have run.
pub(super) fn set_clock(transaction: &Transaction<'_>, clock: Moment) -> Result<(), SqliteError> {
    transaction.execute("UPDATE clock SET ms = ?1 WHERE ms < ?1", [milliseconds(clock.0)])?;
    Ok(())
}

fn job_from_row(row: &Row<'_>) -> Result<JobRow, SqliteError> {
    let damaged = |what: &str| LedgerError::Damaged { reason: format!("a job has an unknown {what}") };
    let parameters: String = row.get(2)?;
    let retention: String = row.get(6)?;
    let (state, failure): (String, String) = (row.get(7)?, row.get(8)?);
    let shares: String = row.get(11)?;
    let shares: Vec<(u64, String, u64, u64)> = serde_json::from_str(&shares).map_err(|_| damaged("list of workers"))?;
    let program: Option<Vec<u8>> = row.get(22)?;
    let program = program.map(|bytes| {
        let message = v1::Program::decode(bytes.as_slice()).map_err(|_| ())?;
        codec::program(message).map_err(|_| ())
    });
    Ok(JobRow {
        id: JobId(row.get::<_, i64>(0)?.unsigned_abs()),
        kernel: row.get(1)?,
        program: program.transpose().map_err(|_| damaged("program"))?,
        parameters: serde_json::from_str(&parameters).map_err(|_| damaged("set of parameters"))?,
        first: row.get(3)?,
        last: row.get(4)?,
        chunk_size: row.get::<_, i64>(5)? as u64,
        result_mode: match retention.as_str() {
            "stored" => ResultMode::Stored,
            "delivered" => ResultMode::Delivered,
            _ => return Err(damaged("retention").into()),
        },
        limits: Limits { max_retries: row.get(12)?, crash_limit: row.get(13)?, keep_going: row.get(14)? },
        keep_for: row.get::<_, Option<i64>>(15)?.map(|keep_for| Duration::from_millis(keep_for.unsigned_abs())),
        stock: if row.get(16)? { Stock::Dropped } else { Stock::Kept },
        state: match state.as_str() {
            "running" => JobState::Running,
            "done" => JobState::Done,
            "failed" => JobState::Failed(failure),
            "cancelled" => JobState::Cancelled,
            _ => return Err(damaged("state").into()),
        },
        submitted: Stamp { at: time(row.get(9)?), moment: moment(row.get(17)?) },
        ended: match (row.get::<_, Option<i64>>(10)?, row.get::<_, Option<i64>>(18)?) {
            (Some(at), Some(clock)) => Some(Stamp { at: time(at), moment: moment(clock) }),
            _ => None,
        },
        token: row.get(19)?,
        condition: row.get(20)?,
        reductions: row.get(21)?,
        shares: shares
            .into_iter()
            .map(|(id, worker, numbers, chunks)| (id, Share { worker, numbers, chunks }))
            .collect(),
    })
}

fn shares_to_text(shares: &[(u64, Share)]) -> Result<String, SqliteError> {
    let shares: Vec<_> = shares.iter().map(|(id, share)| (id, &share.worker, share.numbers, share.chunks)).collect();
    Ok(serde_json::to_string(&shares).map_err(|error| unwritable(&error))?)
}

/// Text and numbers can always be written as JSON; this is for the day when a row holds more.
fn unwritable(error: &serde_json::Error) -> LedgerError {
    LedgerError::Failed { reason: error.to_string() }
}

fn retention_name(retention: ResultMode) -> &'static str {
    match retention {
        ResultMode::Stored => "stored",
        ResultMode::Delivered => "delivered",
    }
}

fn unix_milliseconds(at: SystemTime) -> i64 {
    at.duration_since(UNIX_EPOCH).map_or(0, milliseconds)
}

fn milliseconds(duration: Duration) -> i64 {
    i64::try_from(duration.as_millis()).unwrap_or(i64::MAX)
}

pub(super) fn moment(milliseconds: i64) -> Moment {
    Moment(Duration::from_millis(milliseconds.unsigned_abs()))
}

fn time(milliseconds: i64) -> SystemTime {
    UNIX_EPOCH + Duration::from_millis(milliseconds.unsigned_abs())
}
