//! The ledger in SQLite: one file in the data folder, with its log beside it.

mod error;
mod failed_chunks;
mod jobs;
mod open;
mod parts;
mod reserve;
mod schema;
mod write;

use std::sync::{Mutex, MutexGuard, PoisonError};

use rusqlite::{Connection, OptionalExtension, Transaction};
use swath_coordinator_core::{Moment, Record};
use swath_model::{FailedChunks, JobId};

use self::{error::SqliteError, reserve::Reserve};
use super::{
    Identity, Inserted, Ledger,
    error::LedgerError,
    lock::Locks,
    rows::{JobRow, PartRow},
};

/// The ledger of one data folder.
#[derive(Debug)]
pub(crate) struct SqliteLedger {
    connection: Mutex<Connection>,
    starts: u64,
    reserve: Reserve,
    /// Held for as long as the coordinator lives; closed after the connection, for the reason that [`Locks`] gives.
    _locks: Locks,
}

impl SqliteLedger {
    fn lock(&self) -> MutexGuard<'_, Connection> {
        self.connection.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Carries out all of a change, or nothing.
    fn transact(&self, change: impl Fn(&Transaction<'_>) -> Result<(), SqliteError>) -> Result<(), LedgerError> {
        let transact = || {
            let mut connection = self.lock();
            let transaction = connection.transaction()?;
            change(&transaction)?;
            Ok::<_, SqliteError>(transaction.commit()?)
        };
        Ok(transact()?)
    }
}

impl Ledger for SqliteLedger {
    fn identity(&self) -> Result<Identity, LedgerError> {
        let identity = self.lock().query_row("SELECT id, place FROM identity", [], |row| {
            Ok(Identity { id: row.get(0)?, place: row.get(1)? })
        });
        Ok(identity.map_err(SqliteError::from)?)
    }

    fn set_place(&self, place: &str) -> Result<(), LedgerError> {
        let updated = self.lock().execute("UPDATE identity SET place = ?1 WHERE place <> ?1", [place]);
        Ok(updated.map(drop).map_err(SqliteError::from)?)
    }

    fn starts(&self) -> u64 {
        self.starts
    }

    fn clock(&self) -> Result<Moment, LedgerError> {
        let clock = self.lock().query_row("SELECT ms FROM clock", [], |row| Ok(jobs::moment(row.get(0)?)));
        Ok(clock.map_err(SqliteError::from)?)
    }

    fn last_job(&self) -> Result<u64, LedgerError> {
        let last: Result<Option<i64>, _> = self
            .lock()
            .query_row("SELECT seq FROM sqlite_sequence WHERE name = 'jobs'", [], |row| row.get(0))
            .optional();
        Ok(last.map_err(SqliteError::from)?.unwrap_or(0).unsigned_abs())
    }

    fn jobs(&self) -> Result<Vec<JobRow>, LedgerError> {
        Ok(jobs::all(&self.lock())?)
    }

    fn failed_chunks(&self, job: JobId) -> Result<FailedChunks, LedgerError> {
        Ok(failed_chunks::of_job(&self.lock(), job)?)
    }

    fn parts(&self, job: JobId) -> Result<Vec<PartRow>, LedgerError> {
        Ok(parts::of_job(&self.lock(), job)?)
    }

    fn has_parts(&self) -> Result<bool, LedgerError> {
        let has_parts = self.lock().query_row("SELECT EXISTS (SELECT 1 FROM parts)", [], |row| row.get(0));
        Ok(has_parts.map_err(SqliteError::from)?)
    }

    fn insert_part(&self, job: JobId, part: &PartRow) -> Result<Inserted, LedgerError> {
        Ok(parts::insert(&self.lock(), job, part)?)
    }

    fn delete_part(&self, path: &str) -> Result<(), LedgerError> {
        let deleted = self.lock().execute("DELETE FROM parts WHERE path = ?", [path]);
        Ok(deleted.map(drop).map_err(SqliteError::from)?)
    }

    fn write(&self, records: &[Record], clock: Moment) -> Vec<Result<(), LedgerError>> {
        self.write_records(records, clock)
    }

    fn sweep(&self) -> Result<(), LedgerError> {
        self.transact(|transaction| {
            let jobs = "SELECT id FROM jobs WHERE results_dropped = 0";
            transaction.execute(&format!("DELETE FROM parts WHERE job NOT IN ({jobs})"), [])?;
            failed_chunks::sweep(transaction)
        })
    }

    fn handle_room_freed(&self) {
        self.reserve.keep();
    }
}
