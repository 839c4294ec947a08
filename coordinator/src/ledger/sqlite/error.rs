//! Errors of SQLite as errors of a ledger.

use bytesize::ByteSize;
use rusqlite::{ErrorCode, ffi};
use rustix::process::{Resource, getrlimit};

use crate::ledger::error::LedgerError;

/// An error of this ledger on its way out. It exists so that `?` turns errors of SQLite into those of a ledger here,
/// and nowhere else.
#[derive(Debug)]
pub(super) struct SqliteError(LedgerError);

impl From<rusqlite::Error> for SqliteError {
    fn from(error: rusqlite::Error) -> Self {
        let reason = describe(&error);
        Self(match error.sqlite_error_code() {
            Some(ErrorCode::DiskFull) => LedgerError::Full { reason },
            _ if is_refused_write(&error) => LedgerError::Full { reason },
            Some(ErrorCode::ConstraintViolation) => LedgerError::Taken { reason },
            _ => LedgerError::Failed { reason },
        })
    }
}

impl From<LedgerError> for SqliteError {
    fn from(error: LedgerError) -> Self {
        Self(error)
    }
}

impl From<SqliteError> for LedgerError {
    fn from(error: SqliteError) -> Self {
        error.0
    }
}

/// Whether the system refused a write. SQLite reports a full disk in another way, but a quota and a limit on the size
/// of files in this one.
fn is_refused_write(error: &rusqlite::Error) -> bool {
    let code = error.sqlite_error().map(|error| error.extended_code);
    matches!(code, Some(ffi::SQLITE_IOERR_WRITE | ffi::SQLITE_IOERR_SHMSIZE | ffi::SQLITE_IOERR_TRUNCATE))
}

/// The text of SQLite, with the limit on the size of files, which SQLite does not know.
fn describe(error: &rusqlite::Error) -> String {
    let limit = getrlimit(Resource::Fsize).current;
    match limit.filter(|_| is_refused_write(error)) {
        Some(limit) => format!("{error}; files may not be larger than {} here (`ulimit -f`)", ByteSize(limit)),
        None => error.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn converted(code: i32) -> LedgerError {
        SqliteError::from(rusqlite::Error::SqliteFailure(ffi::Error::new(code), None)).into()
    }

    #[test]
    fn a_write_that_finds_no_room_is_told_from_other_failures() {
        for code in [ffi::SQLITE_FULL, ffi::SQLITE_IOERR_WRITE, ffi::SQLITE_IOERR_TRUNCATE] {
            assert!(converted(code).is_disk_full(), "{code}");
        }
        for code in [ffi::SQLITE_IOERR_READ, ffi::SQLITE_CORRUPT, ffi::SQLITE_BUSY] {
            assert!(matches!(converted(code), LedgerError::Failed { .. }), "{code}");
        }
        assert!(matches!(converted(ffi::SQLITE_CONSTRAINT_UNIQUE), LedgerError::Taken { .. }));
    }
}
