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
mod records;
mod reserve;

use std::{
    io,
    sync::{Mutex, MutexGuard, PoisonError},
};

use bytesize::ByteSize;
use rusqlite::{Connection, ErrorCode, ffi};
use rustix::process::{Resource, getrlimit};

pub(crate) use self::{
    jobs::JobRow,
    lock::lock_results,
    parts::{BlockRow, FooterRow, PartRow, Sender},
    records::{Record, Standing},
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

    fn lock(&self) -> MutexGuard<'_, Connection> {
        self.connection.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use swath_model::{FailedChunk, JobId, Limits, ResultMode};

    use super::{jobs::time, *};
    use crate::{
        clock::{Moment, Stamp},
        job::{JobState, Share},
    };

    fn job(id: u64) -> JobRow {
        JobRow {
            id: JobId(id),
            kernel: "square".to_owned(),
            parameters: [("type".to_owned(), "auto".to_owned())].into(),
            first: i64::MIN,
            last: i64::MAX - 1,
            chunk_size: u64::MAX,
            retention: ResultMode::Stored,
            limits: Limits { max_retries: 7, crash_limit: u32::MAX, keep_going: true },
            retain: Some(Duration::from_secs(3600)),
            results_dropped: false,
            state: JobState::Running,
            submitted: stamp(0),
            ended: None,
            shares: Vec::new(),
            token: Some([7; 16]),
        }
    }

    fn stamp(ms: u64) -> Stamp {
        Stamp { at: time(1_700_000_000_123 + ms as i64), moment: Moment(Duration::from_millis(5 + ms)) }
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

    fn end(id: u64, drops_results: bool) -> Record {
        let share = Share { worker: "one".to_owned(), numbers: 5, chunks: 1 };
        Record::Standing(Standing {
            job: JobId(id),
            state: JobState::Failed("at 7".to_owned()),
            ended: Some(stamp(1000)),
            shares: vec![(3, share)],
            drops_results,
        })
    }

    fn write(ledger: &Ledger, records: &[Record]) {
        let written = ledger.write(records, Moment(Duration::from_secs(9)));
        assert!(written.len() == records.len() && written.iter().all(Result::is_ok), "{written:?}");
    }

    #[test]
    fn what_is_written_is_there_after_the_next_start() {
        let folder = tempfile::tempdir().unwrap();
        let id = JobId(4);
        let starts = {
            let ledger = Ledger::open(folder.path()).unwrap();
            assert_eq!((ledger.clock().unwrap(), ledger.last_job().unwrap()), (Moment::default(), 0));
            write(&ledger, &[Record::Submitted(job(4))]);
            assert!(ledger.insert_part(id, &part("a")).unwrap());
            assert!(ledger.insert_part(id, &part("b")).unwrap());
            ledger.delete_part("b").unwrap();
            let holes = vec![(id, u64::MAX, FailedChunk::new(-3, "odd".to_owned()))];
            write(&ledger, &[Record::Holes(holes), end(4, false)]);
            ledger.starts()
        };
        let ledger = Ledger::open(folder.path()).unwrap();
        assert_eq!(ledger.starts(), starts + 1);
        assert_eq!(ledger.clock().unwrap(), Moment(Duration::from_secs(9)));
        let [row] = &ledger.jobs().unwrap()[..] else { panic!("not one job") };
        assert_eq!((row.id, row.first, row.last, row.chunk_size), (id, i64::MIN, i64::MAX - 1, u64::MAX));
        assert_eq!((row.limits, row.retain, row.results_dropped), (job(4).limits, job(4).retain, false));
        assert_eq!((row.parameters.clone(), row.token), (job(4).parameters, Some([7; 16])));
        assert_eq!(row.state, JobState::Failed("at 7".to_owned()));
        assert_eq!((row.submitted, row.ended), (stamp(0), Some(stamp(1000))));
        assert_eq!((row.shares[0].0, row.shares[0].1.worker.as_str()), (3, "one"));
        assert_eq!(ledger.parts(id).unwrap(), [part("a")]);
        assert_eq!(ledger.holes(id).unwrap(), [(u64::MAX, FailedChunk::new(-3, "odd".to_owned()))].into());
        write(&ledger, &[end(4, true)]);
        assert!(ledger.parts(id).unwrap().is_empty() && ledger.jobs().unwrap()[0].results_dropped);
        write(&ledger, &[Record::Forgotten(id)]);
        assert!(ledger.jobs().unwrap().is_empty() && ledger.holes(id).unwrap().is_empty());
        assert_eq!(ledger.last_job().unwrap(), 4, "ids are not used again");
    }

    #[test]
    fn a_record_that_cannot_be_written_does_not_keep_out_the_others() {
        let ledger = Ledger::in_memory().unwrap();
        let same_token = Record::Submitted(job(2));
        let other_token = Record::Submitted(JobRow { token: Some([8; 16]), ..job(3) });
        let none = |id| Record::Submitted(JobRow { token: None, ..job(id) });
        let records = [Record::Submitted(job(1)), same_token, other_token, none(4), none(5)];
        let written: Vec<bool> = ledger.write(&records, Moment::default()).iter().map(Result::is_ok).collect();
        assert_eq!(written, [true, false, true, true, true]);
        let ids: Vec<u64> = ledger.jobs().unwrap().iter().map(|row| row.id.0).collect();
        assert_eq!(ids, [1, 3, 4, 5]);
    }

    #[test]
    fn a_part_that_was_written_while_its_job_was_dropped_or_forgotten_is_not_noted() {
        let ledger = Ledger::in_memory().unwrap();
        let other = JobRow { token: None, ..job(2) };
        write(&ledger, &[Record::Submitted(job(1)), Record::Submitted(other)]);
        assert!(ledger.insert_part(JobId(1), &part("1")).unwrap());
        write(&ledger, &[end(1, true), Record::Forgotten(JobId(2))]);
        for id in [1, 2] {
            assert!(!ledger.insert_part(JobId(id), &part(&format!("{id}"))).unwrap());
        }
        assert!(!ledger.has_parts().unwrap());
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
