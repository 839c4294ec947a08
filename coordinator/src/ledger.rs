//! The ledger: jobs, parts, and how often a coordinator was started on it, in SQLite.
//!
//! A chunk is done when the ledger says so. The order is: a part is durable before its row, its row before its chunks
//! count as committed. A part without a row is garbage and is swept at the start; a row without its part, or with a
//! damaged one, is dropped, and its chunks are computed again.

mod holes;
mod jobs;
mod lock;
mod open;
mod parts;
mod reserve;

use std::{
    io,
    sync::{Mutex, MutexGuard, PoisonError},
};

use bytesize::ByteSize;
use rusqlite::{Connection, ErrorCode, Transaction, ffi};
use rustix::process::{Resource, getrlimit};

pub(crate) use self::{
    jobs::JobRow,
    lock::lock_results,
    parts::{BlockRow, FooterRow, PartRow, Sender},
};
use self::{lock::Locks, open::FORMAT, reserve::Reserve};

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
    /// The file of the ledger may be that of another folder.
    #[error(
        "the ledger of the data folder {folder} {reason}, so it may be that of another folder, too: name that folder, or put a \
         copy of the file in its place (--store keeps results elsewhere)"
    )]
    Linked {
        /// The folder.
        folder: String,
        /// What kind of link.
        reason: &'static str,
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
    #[error("the ledger failed: {}", describe(.0))]
    Sqlite(#[from] rusqlite::Error),
    /// A row cannot be what was written.
    #[error("the ledger is damaged: {0}")]
    Damaged(String),
}

impl LedgerError {
    /// Whether there was no room for it: on the disk, or within a limit of this process or its user.
    pub(crate) fn is_disk_full(&self) -> bool {
        matches!(self, Self::Sqlite(error) if error.sqlite_error_code() == Some(ErrorCode::DiskFull) || is_refused_write(error))
    }
}

/// SQLite says so of every write that failed but one on a full disk: beyond a quota or a limit on the size of files, too.
fn is_refused_write(error: &rusqlite::Error) -> bool {
    let code = error.sqlite_error().map(|error| error.extended_code);
    matches!(code, Some(ffi::SQLITE_IOERR_WRITE | ffi::SQLITE_IOERR_SHMSIZE | ffi::SQLITE_IOERR_TRUNCATE))
}

/// What SQLite said, with what it does not know of.
fn describe(error: &rusqlite::Error) -> String {
    let limit = getrlimit(Resource::Fsize).current;
    match limit.filter(|_| is_refused_write(error)) {
        Some(limit) => format!("{error}; files may not be larger than {} here (`ulimit -f`)", ByteSize(limit)),
        None => error.to_string(),
    }
}

/// The ledger of one data folder. Calls block for as long as the disk takes to sync.
#[derive(Debug)]
pub(crate) struct Ledger {
    connection: Mutex<Connection>,
    starts: u64,
    reserve: Option<Reserve>,
    /// Held for as long as the coordinator lives; closed after the connection, for what [`Locks`] says.
    _locks: Option<Locks>,
}

impl Ledger {
    /// There may be room on the disk again.
    pub(crate) fn keep_reserve(&self) {
        if let Some(reserve) = &self.reserve {
            reserve.keep();
        }
    }

    /// How often a coordinator was started on this ledger: tells an older copy of it from the newest one. It names no start,
    /// for a copy counts on from where it was made; that is what [`Store::incarnation`](crate::store::Store::incarnation) is
    /// for.
    pub(crate) fn starts(&self) -> u64 {
        self.starts
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

    fn lock(&self) -> MutexGuard<'_, Connection> {
        self.connection.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use swath_scheduler::{Hole, JobId, Limits};

    use super::{jobs::time, *};
    use crate::{
        job::{JobState, Share},
        store::Retention,
    };

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
        let block = |first| BlockRow { first, rows: 1 << 20, digest: u64::MAX - 3, sender: 1 };
        let sender = |worker, name: &str| Sender { worker, name: name.to_owned() };
        PartRow {
            path: path.to_owned(),
            bytes: 77,
            footer: FooterRow { bytes: 33, digest: u64::MAX - 9 },
            blocks: vec![block(0), block(u64::MAX - 5)],
            senders: vec![sender(3, "one"), sender(u64::MAX, "two")],
        }
    }

    #[test]
    fn what_is_written_is_there_after_the_next_start() {
        let folder = tempfile::tempdir().unwrap();
        let (id, starts) = {
            let ledger = Ledger::open(folder.path()).unwrap();
            let id = ledger.insert_job(&job()).unwrap();
            ledger.insert_part(id, &part("a")).unwrap();
            ledger.insert_part(id, &part("b")).unwrap();
            ledger.delete_part("b").unwrap();
            ledger.insert_holes(&[(id, u64::MAX, Hole::new(-3, "odd".to_owned()))]).unwrap();
            let share = Share { worker: "one".to_owned(), numbers: 5, chunks: 1 };
            let state = JobState::Failed("at 7".to_owned());
            ledger.update_job(id, &state, Some(time(1_700_000_001_000)), &[(3, share)]).unwrap();
            (id, ledger.starts())
        };
        let ledger = Ledger::open(folder.path()).unwrap();
        assert_eq!(ledger.starts(), starts + 1);
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
        std::fs::create_dir_all(folder.path().join("jobs/1")).unwrap();
        assert!(matches!(Ledger::open(folder.path()), Err(LedgerError::NoLedger { .. })));
    }
}
