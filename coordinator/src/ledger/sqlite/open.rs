//! Opening a ledger.

use std::{fs, io, path::Path, sync::Mutex};

use rusqlite::{Connection, OpenFlags};

use super::{
    SqliteLedger,
    error::SqliteError,
    reserve::Reserve,
    schema::{FORMAT, IDENTITY, SCHEMA, UPGRADES},
};
use crate::ledger::{error::LedgerError, lock::Locks};

/// Without names that SQLite takes for URIs: a name means the same for all who use it.
const FLAGS: OpenFlags =
    OpenFlags::SQLITE_OPEN_READ_WRITE.union(OpenFlags::SQLITE_OPEN_CREATE).union(OpenFlags::SQLITE_OPEN_NO_MUTEX);

/// The longest path that SQLite opens, with the ending of its log.
const LONGEST_PATH: usize = 500;

impl SqliteLedger {
    /// Opens the ledger of a folder, or makes one, and counts this start. Before anything is written, when it is sure
    /// that the folder may be used, it calls `prepare`. Where the disk is full, the reserve is spent.
    pub(crate) fn open(folder: &Path, prepare: impl FnOnce() -> Result<(), LedgerError>) -> Result<Self, LedgerError> {
        let name = || folder.display().to_string();
        let failed = |error: io::Error| LedgerError::Folder { folder: name(), reason: error.to_string() };
        fs::create_dir_all(folder).map_err(failed)?;
        // All files in it are opened by one path, from the root on and without links.
        let folder = &fs::canonicalize(folder).map_err(failed)?;
        let path = folder.join("ledger.sqlite");
        let length = path.as_os_str().len();
        if length > LONGEST_PATH {
            let reason = format!("the path of its ledger has {length} bytes, and SQLite opens up to {LONGEST_PATH}");
            return Err(LedgerError::Folder { folder: name(), reason });
        }
        let mut locks = Locks::of_folder(folder)?;
        let has_parts = fs::read_dir(folder.join("jobs")).is_ok_and(|mut jobs| jobs.next().is_some());
        if !path.exists() && has_parts {
            return Err(LedgerError::NoLedger { folder: name() });
        }
        locks.add_ledger(&path, folder)?;
        let reserve = Reserve::new(folder);
        let (mut connection, found) = reserve.spend_if_full(|| connect(&path, folder))?;
        match found {
            FORMAT => {}
            older if UPGRADES.iter().any(|(format, _)| *format == older) => {}
            0 if has_parts => return Err(LedgerError::NoLedger { folder: name() }),
            0 => {}
            _ => return Err(LedgerError::Format { folder: name(), found, known: FORMAT }),
        }
        prepare()?;
        let starts = reserve.spend_if_full(|| Ok(count_start(&mut connection, found)?))?;
        let connection = Mutex::new(connection);
        Ok(Self { connection, starts, reserve, _locks: locks })
    }
}

/// Opens the file of a ledger, and looks which format it has.
fn connect(path: &Path, folder: &Path) -> Result<(Connection, i64), LedgerError> {
    let unreadable = |error: rusqlite::Error| {
        let reason = error.to_string();
        match SqliteError::from(error).into() {
            full @ LedgerError::Full { .. } => full,
            _ => LedgerError::Unreadable { folder: folder.display().to_string(), reason },
        }
    };
    let connection = Connection::open_with_flags(path, FLAGS | OpenFlags::SQLITE_OPEN_NOFOLLOW).map_err(unreadable)?;
    let format = connection.pragma_query_value(None, "user_version", |row| row.get(0)).map_err(unreadable)?;
    Ok((connection, format))
}

/// Makes the tables if there are none or they are older ones, and counts this start.
fn count_start(connection: &mut Connection, format: i64) -> Result<u64, SqliteError> {
    connection.pragma_update(None, "journal_mode", "WAL")?;
    connection.pragma_update(None, "synchronous", "FULL")?;
    let transaction = connection.transaction()?;
    if format == 0 {
        transaction.execute_batch(SCHEMA)?;
    }
    for (_, upgrade) in UPGRADES.iter().filter(|(older, _)| format > 0 && *older >= format) {
        transaction.execute_batch(upgrade)?;
    }
    if format != FORMAT {
        transaction.pragma_update(None, "user_version", FORMAT)?;
    }
    transaction.execute_batch(IDENTITY)?;
    let starts: i64 =
        transaction.query_row("UPDATE coordinator SET epoch = epoch + 1 RETURNING epoch", [], |row| row.get(0))?;
    transaction.commit()?;
    if format != FORMAT {
        // From now on the file itself has the format, even without its log.
        connection.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(()))?;
    }
    Ok(starts.unsigned_abs())
}
