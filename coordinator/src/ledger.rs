//! The ledger: jobs, parts and the coordinator's epoch, in SQLite.
//!
//! A chunk is done when the ledger says so. The order is: a part is durable before its row, its row before its chunks
//! count as committed. A part without a row is garbage and is swept at the start; a row without its part, or with a
//! damaged one, is dropped, and its chunks are computed again.

mod reserve;

use std::{
    fs::{File, TryLockError},
    io,
    path::{Path, PathBuf},
    sync::{Mutex, MutexGuard, PoisonError},
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use rusqlite::{Connection, ErrorCode, OptionalExtension, Row, Transaction, params};
use swath_kernel::Parameters;
use swath_scheduler::{Hole, JobId, Limits};

use self::reserve::Reserve;
use crate::{
    job::{Holes, JobState, Share},
    store::Retention,
};

/// The version of the data folder that this program reads and writes.
const FORMAT: i64 = 2;

const SCHEMA: &str = "
    CREATE TABLE coordinator (epoch INTEGER NOT NULL);
    INSERT INTO coordinator VALUES (0);
    CREATE TABLE jobs (
        id INTEGER PRIMARY KEY AUTOINCREMENT,
        kernel TEXT NOT NULL,
        parameters TEXT NOT NULL,
        first INTEGER NOT NULL,
        last INTEGER NOT NULL,
        chunk_size INTEGER NOT NULL,
        retention TEXT NOT NULL,
        max_retries INTEGER NOT NULL,
        crash_limit INTEGER NOT NULL,
        keep_going INTEGER NOT NULL,
        retain_ms INTEGER,
        state TEXT NOT NULL DEFAULT 'running',
        failure TEXT NOT NULL DEFAULT '',
        submitted_at_ms INTEGER NOT NULL,
        ended_at_ms INTEGER,
        shares TEXT NOT NULL DEFAULT '[]',
        results_dropped INTEGER NOT NULL DEFAULT 0
    );
    CREATE TABLE holes (
        job INTEGER NOT NULL,
        chunk INTEGER NOT NULL,
        number INTEGER NOT NULL,
        reason TEXT NOT NULL,
        PRIMARY KEY (job, chunk)
    ) WITHOUT ROWID;
    CREATE TABLE parts (
        path TEXT PRIMARY KEY,
        job INTEGER NOT NULL,
        bytes INTEGER NOT NULL,
        blocks BLOB NOT NULL
    ) WITHOUT ROWID;
    CREATE INDEX parts_of_job ON parts (job);
";

/// What a ledger is known by, and where its parts lie. Ledgers of this format got it later.
const IDENTITY: &str = "
    CREATE TABLE IF NOT EXISTS identity (id TEXT NOT NULL, place TEXT NOT NULL);
    INSERT INTO identity (id, place)
        SELECT lower(hex(randomblob(16))), '' WHERE NOT EXISTS (SELECT 1 FROM identity);
";

/// Why the ledger failed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum LedgerError {
    /// Another coordinator uses the folder.
    #[error("the data folder {folder} is in use by another coordinator; stop it, or name another folder")]
    InUse {
        /// The folder.
        folder: String,
    },
    /// The folder is of another version of the program.
    #[error("the data folder {folder} has format {found}, and this swath knows format {FORMAT}; it was left as it is")]
    Format {
        /// The folder.
        folder: String,
        /// Its format.
        found: i64,
    },
    /// The ledger is not that of the results.
    #[error(
        "the data folder {folder} holds results but their ledger is missing, empty or older; it was left as it is: \
             name another folder, or put the ledger back"
    )]
    NoLedger {
        /// The folder.
        folder: String,
    },
    /// The folder cannot be used.
    #[error("cannot use the data folder {folder}: {error}")]
    Folder {
        /// The folder.
        folder: String,
        /// What the system said.
        error: io::Error,
    },
    /// It is no ledger, or cannot be read.
    #[error("the ledger of the data folder {folder} cannot be read: {error}; it was left as it is")]
    Open {
        /// The folder.
        folder: String,
        /// What SQLite said.
        error: rusqlite::Error,
    },
    /// SQLite failed.
    #[error("the ledger failed: {0}")]
    Sqlite(#[from] rusqlite::Error),
    /// A row cannot be what was written.
    #[error("the ledger is damaged: {0}")]
    Damaged(String),
}

impl LedgerError {
    /// Whether there was no room for it.
    pub(crate) fn is_disk_full(&self) -> bool {
        matches!(self, Self::Sqlite(error) if error.sqlite_error_code() == Some(ErrorCode::DiskFull))
    }
}

/// The ledger of one data folder. Calls block for as long as the disk takes to sync.
#[derive(Debug)]
pub(crate) struct Ledger {
    connection: Mutex<Connection>,
    epoch: u64,
    reserve: Option<Reserve>,
    /// Held for as long as the coordinator lives.
    _lock: Option<File>,
}

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

/// A part as the ledger has it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct PartRow {
    /// Within the store.
    pub(crate) path: String,
    /// The size of the file.
    pub(crate) bytes: u64,
    /// Its row groups, in order.
    pub(crate) blocks: Vec<BlockRow>,
}

/// A row group of a part.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct BlockRow {
    /// The offset of its first number.
    pub(crate) first: u64,
    pub(crate) rows: u32,
    /// CRC-32 of its encoded columns.
    pub(crate) checksum: u32,
}

impl Ledger {
    /// Opens the ledger of a folder, or makes one; a new epoch begins.
    pub(crate) fn open(folder: &Path) -> Result<Self, LedgerError> {
        let name = || folder.display().to_string();
        let failed = |error| LedgerError::Folder { folder: name(), error };
        std::fs::create_dir_all(folder).map_err(failed)?;
        let lock = File::create(folder.join("lock")).map_err(failed)?;
        match lock.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => return Err(LedgerError::InUse { folder: name() }),
            Err(TryLockError::Error(error)) => return Err(failed(error)),
        }
        let path: PathBuf = folder.join("ledger.sqlite");
        let has_results = folder.join("jobs").exists();
        if !path.exists() && has_results {
            return Err(LedgerError::NoLedger { folder: name() });
        }
        let unreadable = |error| LedgerError::Open { folder: name(), error };
        let connection = Connection::open(path).map_err(unreadable)?;
        let found: i64 = connection.pragma_query_value(None, "user_version", |row| row.get(0)).map_err(unreadable)?;
        match found {
            FORMAT => {}
            0 if has_results => return Err(LedgerError::NoLedger { folder: name() }),
            0 => {}
            _ => return Err(LedgerError::Format { folder: name(), found }),
        }
        connection.pragma_update(None, "journal_mode", "WAL")?;
        connection.pragma_update(None, "synchronous", "FULL")?;
        let ledger = Self::begin_epoch(connection, found, Some(lock))?;
        Ok(Self { reserve: Some(Reserve::new(folder)), ..ledger })
    }

    /// A ledger for a coordinator whose jobs do not outlive it.
    pub(crate) fn in_memory() -> Result<Self, LedgerError> {
        Self::begin_epoch(Connection::open_in_memory()?, 0, None)
    }

    fn begin_epoch(mut connection: Connection, format: i64, lock: Option<File>) -> Result<Self, LedgerError> {
        let transaction = connection.transaction()?;
        if format == 0 {
            transaction.execute_batch(SCHEMA)?;
            transaction.pragma_update(None, "user_version", FORMAT)?;
        }
        transaction.execute_batch(IDENTITY)?;
        let epoch: i64 =
            transaction.query_row("UPDATE coordinator SET epoch = epoch + 1 RETURNING epoch", [], |row| row.get(0))?;
        transaction.commit()?;
        if format == 0 && lock.is_some() {
            // From now on the file says what it is, even without its log.
            connection.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(()))?;
        }
        Ok(Self { connection: Mutex::new(connection), epoch: epoch.unsigned_abs(), reserve: None, _lock: lock })
    }

    /// The highest id that a job was ever given; 0 if there was none.
    pub(crate) fn last_job(&self) -> Result<u64, LedgerError> {
        let last: Option<i64> = self
            .lock()
            .query_row("SELECT seq FROM sqlite_sequence WHERE name = 'jobs'", [], |row| row.get(0))
            .optional()?;
        Ok(last.unwrap_or(0).unsigned_abs())
    }

    /// What this ledger is known by, which no other has, and where its parts lie; see [`Place`](crate::store::Place).
    pub(crate) fn identity(&self) -> Result<(String, String), LedgerError> {
        Ok(self.lock().query_row("SELECT id, place FROM identity", [], |row| Ok((row.get(0)?, row.get(1)?)))?)
    }

    /// From now on its parts lie there.
    pub(crate) fn set_place(&self, place: &str) -> Result<(), LedgerError> {
        self.lock().execute("UPDATE identity SET place = ?1 WHERE place <> ?1", [place])?;
        Ok(())
    }

    /// Whether there is any part.
    pub(crate) fn has_parts(&self) -> Result<bool, LedgerError> {
        Ok(self.lock().query_row("SELECT EXISTS (SELECT 1 FROM parts)", [], |row| row.get(0))?)
    }

    /// There may be room on the disk again.
    pub(crate) fn keep_reserve(&self) {
        if let Some(reserve) = &self.reserve {
            reserve.keep();
        }
    }

    /// Which start of a coordinator on this folder this is.
    pub(crate) fn epoch(&self) -> u64 {
        self.epoch
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

    /// Notes chunks that were given up.
    pub(crate) fn insert_holes(&self, holes: &[(JobId, u64, Hole)]) -> Result<(), LedgerError> {
        let mut connection = self.lock();
        let transaction = connection.transaction()?;
        for (job, chunk, hole) in holes {
            transaction.execute(
                "INSERT OR REPLACE INTO holes (job, chunk, number, reason) VALUES (?, ?, ?, ?)",
                params![job.0 as i64, *chunk as i64, hole.number, hole.reason],
            )?;
        }
        Ok(transaction.commit()?)
    }

    /// The chunks of a job that were given up.
    pub(crate) fn holes(&self, job: JobId) -> Result<Holes, LedgerError> {
        let connection = self.lock();
        let mut query = connection.prepare("SELECT chunk, number, reason FROM holes WHERE job = ?")?;
        let rows = query
            .query_map([job.0 as i64], |row| Ok((row.get::<_, i64>(0)? as u64, Hole::new(row.get(1)?, row.get(2)?))))?;
        Ok(rows.collect::<Result<_, _>>()?)
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

    /// Makes a change after which files can be deleted. It must be possible on a full disk too.
    fn make_room(
        &self,
        change: impl Fn(&Transaction<'_>) -> Result<usize, rusqlite::Error>,
    ) -> Result<(), LedgerError> {
        let mut connection = self.lock();
        let mut make = || -> Result<(), LedgerError> {
            let transaction = connection.transaction()?;
            change(&transaction)?;
            Ok(transaction.commit()?)
        };
        match (make(), &self.reserve) {
            (Err(error), Some(reserve)) if error.is_disk_full() && reserve.spend().is_ok() => make(),
            (made, _) => made,
        }
    }

    /// Notes a durable part. From now on its blocks are committed.
    pub(crate) fn insert_part(&self, job: JobId, part: &PartRow) -> Result<(), LedgerError> {
        self.lock().execute(
            "INSERT OR REPLACE INTO parts (path, job, bytes, blocks) VALUES (?, ?, ?, ?)",
            params![part.path, job.0 as i64, part.bytes as i64, blocks_to_bytes(&part.blocks)],
        )?;
        Ok(())
    }

    /// Forgets a part that is lost or damaged.
    pub(crate) fn delete_part(&self, path: &str) -> Result<(), LedgerError> {
        self.lock().execute("DELETE FROM parts WHERE path = ?", [path])?;
        Ok(())
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

    /// The parts of a job, in the order of their names.
    pub(crate) fn parts(&self, job: JobId) -> Result<Vec<PartRow>, LedgerError> {
        let connection = self.lock();
        let mut query = connection.prepare("SELECT path, bytes, blocks FROM parts WHERE job = ? ORDER BY path")?;
        let rows = query.query_map([job.0 as i64], |row| {
            Ok((row.get::<_, String>(0)?, row.get::<_, i64>(1)?, row.get::<_, Vec<u8>>(2)?))
        })?;
        rows.map(|row| {
            let (path, bytes, blocks) = row?;
            let blocks = blocks_from_bytes(&blocks)
                .ok_or_else(|| LedgerError::Damaged(format!("the blocks of part {path} cannot be read")))?;
            Ok(PartRow { path, bytes: bytes.unsigned_abs(), blocks })
        })
        .collect()
    }

    fn lock(&self) -> MutexGuard<'_, Connection> {
        self.connection.lock().unwrap_or_else(PoisonError::into_inner)
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

/// 16 bytes for each block: first offset, rows and checksum, little-endian.
fn blocks_to_bytes(blocks: &[BlockRow]) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(blocks.len() * 16);
    for block in blocks {
        bytes.extend_from_slice(&block.first.to_le_bytes());
        bytes.extend_from_slice(&block.rows.to_le_bytes());
        bytes.extend_from_slice(&block.checksum.to_le_bytes());
    }
    bytes
}

fn blocks_from_bytes(bytes: &[u8]) -> Option<Vec<BlockRow>> {
    let (blocks, []) = bytes.as_chunks::<16>() else { return None };
    let block = |bytes: &[u8; 16]| {
        let (first, rest) = bytes.split_first_chunk::<8>()?;
        let (rows, checksum) = rest.split_first_chunk::<4>()?;
        Some(BlockRow {
            first: u64::from_le_bytes(*first),
            rows: u32::from_le_bytes(*rows),
            checksum: u32::from_le_bytes(*checksum.first_chunk()?),
        })
    };
    blocks.iter().map(block).collect()
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

fn time(milliseconds: i64) -> SystemTime {
    UNIX_EPOCH + Duration::from_millis(milliseconds.unsigned_abs())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn job() -> JobRow {
        JobRow {
            id: JobId(0),
            kernel: "square".to_owned(),
            parameters: [("type".to_owned(), "auto".to_owned())].into(),
            first: i64::MIN,
            last: i64::MAX - 1,
            chunk_size: u64::MAX,
            retention: Retention::Stored,
            limits: Limits { max_retries: 7, crash_limit: u32::MAX, keep_going: true },
            retain: Some(Duration::from_secs(3600)),
            results_dropped: false,
            state: JobState::Running,
            submitted_at: time(1_700_000_000_123),
            ended_at: None,
            shares: Vec::new(),
        }
    }

    fn part(path: &str) -> PartRow {
        let block = |first| BlockRow { first, rows: 1 << 20, checksum: 0xDEAD_BEEF };
        PartRow { path: path.to_owned(), bytes: 77, blocks: vec![block(0), block(u64::MAX - 5)] }
    }

    #[test]
    fn what_is_written_is_there_after_the_next_start() {
        let folder = tempfile::tempdir().unwrap();
        let (id, epoch) = {
            let ledger = Ledger::open(folder.path()).unwrap();
            let id = ledger.insert_job(&job()).unwrap();
            ledger.insert_part(id, &part("a")).unwrap();
            ledger.insert_part(id, &part("b")).unwrap();
            ledger.delete_part("b").unwrap();
            ledger.insert_holes(&[(id, u64::MAX, Hole::new(-3, "odd".to_owned()))]).unwrap();
            let share = Share { worker: "one".to_owned(), numbers: 5, chunks: 1 };
            let state = JobState::Failed("at 7".to_owned());
            ledger.update_job(id, &state, Some(time(1_700_000_001_000)), &[(3, share)]).unwrap();
            (id, ledger.epoch())
        };
        let ledger = Ledger::open(folder.path()).unwrap();
        assert_eq!(ledger.epoch(), epoch + 1);
        let [row] = &ledger.jobs().unwrap()[..] else { panic!("not one job") };
        assert_eq!((row.id, row.first, row.last, row.chunk_size), (id, i64::MIN, i64::MAX - 1, u64::MAX));
        assert_eq!((row.limits, row.retain, row.results_dropped), (job().limits, job().retain, false));
        assert_eq!(row.parameters, job().parameters);
        assert_eq!(row.state, JobState::Failed("at 7".to_owned()));
        assert_eq!((row.submitted_at, row.ended_at), (job().submitted_at, Some(time(1_700_000_001_000))));
        assert_eq!((row.shares[0].0, row.shares[0].1.worker.as_str()), (3, "one"));
        assert_eq!(ledger.parts(id).unwrap(), [part("a")]);
        assert_eq!(ledger.holes(id).unwrap(), [(u64::MAX, Hole::new(-3, "odd".to_owned()))].into());
        ledger.drop_results(id).unwrap();
        assert!(ledger.parts(id).unwrap().is_empty() && ledger.jobs().unwrap()[0].results_dropped);
        ledger.delete_job(id).unwrap();
        assert!(ledger.jobs().unwrap().is_empty() && ledger.holes(id).unwrap().is_empty());
        assert!(ledger.insert_job(&job()).unwrap() > id, "ids are not used again");
    }

    #[test]
    fn a_folder_that_is_in_use_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let _first = Ledger::open(folder.path()).unwrap();
        let error = Ledger::open(folder.path()).unwrap_err().to_string();
        assert!(error.contains("in use by another coordinator"), "{error}");
    }

    #[test]
    fn a_folder_of_another_format_is_refused_and_left_as_it_is() {
        let folder = tempfile::tempdir().unwrap();
        drop(Ledger::open(folder.path()).unwrap());
        let path = folder.path().join("ledger.sqlite");
        Connection::open(&path).unwrap().pragma_update(None, "user_version", 7).unwrap();
        let before = std::fs::read(&path).unwrap();
        let error = Ledger::open(folder.path()).unwrap_err().to_string();
        assert!(error.contains("has format 7"), "{error}");
        assert!(std::fs::read(&path).unwrap() == before);
    }

    #[test]
    fn a_folder_with_jobs_and_no_ledger_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::create_dir(folder.path().join("jobs")).unwrap();
        assert!(matches!(Ledger::open(folder.path()), Err(LedgerError::NoLedger { .. })));
    }
}
