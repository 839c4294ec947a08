//! Opening a ledger, and what it is known by.

use std::{io, path::Path, sync::Mutex};

use rusqlite::{Connection, OpenFlags};

use super::{Ledger, LedgerError, lock::Locks, reserve::Reserve};

/// Without names that SQLite takes for URIs: what a name means is the same for all who use it.
const FLAGS: OpenFlags =
    OpenFlags::SQLITE_OPEN_READ_WRITE.union(OpenFlags::SQLITE_OPEN_CREATE).union(OpenFlags::SQLITE_OPEN_NO_MUTEX);

/// The longest path that SQLite opens, with the ending of its log.
const LONGEST_PATH: usize = 500;

/// The version of the data folder that this program reads and writes.
pub(super) const FORMAT: i64 = 3;

const SCHEMA: &str = "
    CREATE TABLE coordinator (epoch INTEGER NOT NULL);
    INSERT INTO coordinator VALUES (0);
    CREATE TABLE clock (ms INTEGER NOT NULL);
    INSERT INTO clock VALUES (0);
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
        submitted_clock_ms INTEGER NOT NULL,
        ended_at_ms INTEGER,
        ended_clock_ms INTEGER,
        token BLOB UNIQUE,
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
        footer_bytes INTEGER NOT NULL,
        footer_digest INTEGER NOT NULL,
        senders TEXT NOT NULL,
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

impl Ledger {
    /// Opens the ledger of a folder, or makes one, and counts this start.
    pub(crate) fn open(folder: &Path) -> Result<Self, LedgerError> {
        let name = || folder.display().to_string();
        let failed = |error| LedgerError::Folder { folder: name(), error };
        std::fs::create_dir_all(folder).map_err(failed)?;
        // One name for whoever opens a file in it, from the root on and without links.
        let folder = &std::fs::canonicalize(folder).map_err(failed)?;
        let path = folder.join("ledger.sqlite");
        let length = path.as_os_str().len();
        if length > LONGEST_PATH {
            let reason = format!("the path of the ledger in it has {length} bytes, and {LONGEST_PATH} are possible");
            return Err(failed(io::Error::new(io::ErrorKind::InvalidFilename, reason)));
        }
        let mut locks = Locks::of_folder(folder)?;
        let has_results = std::fs::read_dir(folder.join("jobs")).is_ok_and(|mut jobs| jobs.next().is_some());
        if !path.exists() && has_results {
            return Err(LedgerError::NoLedger { folder: name() });
        }
        locks.add_ledger(&path, folder)?;
        let unreadable = |error| LedgerError::Open { folder: name(), error };
        let connection =
            Connection::open_with_flags(path, FLAGS | OpenFlags::SQLITE_OPEN_NOFOLLOW).map_err(unreadable)?;
        let found: i64 = connection.pragma_query_value(None, "user_version", |row| row.get(0)).map_err(unreadable)?;
        match found {
            FORMAT => {}
            0 if has_results => return Err(LedgerError::NoLedger { folder: name() }),
            0 => {}
            _ => return Err(LedgerError::Format { folder: name(), found }),
        }
        connection.pragma_update(None, "journal_mode", "WAL")?;
        connection.pragma_update(None, "synchronous", "FULL")?;
        let ledger = Self::count_start(connection, found, Some(locks))?;
        Ok(Self { reserve: Some(Reserve::new(folder)), ..ledger })
    }

    /// A ledger for a coordinator whose jobs do not outlive it.
    pub(crate) fn in_memory() -> Result<Self, LedgerError> {
        Self::count_start(Connection::open_in_memory_with_flags(FLAGS)?, 0, None)
    }

    fn count_start(mut connection: Connection, format: i64, locks: Option<Locks>) -> Result<Self, LedgerError> {
        let transaction = connection.transaction()?;
        if format == 0 {
            transaction.execute_batch(SCHEMA)?;
            transaction.pragma_update(None, "user_version", FORMAT)?;
        }
        transaction.execute_batch(IDENTITY)?;
        let starts: i64 =
            transaction.query_row("UPDATE coordinator SET epoch = epoch + 1 RETURNING epoch", [], |row| row.get(0))?;
        transaction.commit()?;
        if format == 0 && locks.is_some() {
            // From now on the file says what it is, even without its log.
            connection.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(()))?;
        }
        Ok(Self { connection: Mutex::new(connection), starts: starts.unsigned_abs(), reserve: None, _locks: locks })
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
}
