//! A ledger in memory, for a coordinator whose jobs end with it.

use std::{
    collections::BTreeMap,
    sync::{Mutex, MutexGuard, PoisonError},
};

use swath_coordinator_core::{Moment, Record, Standing, Stock, Submitted};
use swath_model::{FailedChunks, JobId, JobState};

use super::{
    Identity, Inserted, Ledger,
    error::LedgerError,
    rows::{JobRow, PartRow},
};

/// Never fails, except that it refuses an id or a token that another job has.
#[derive(Debug)]
pub(crate) struct MemoryLedger {
    id: String,
    tables: Mutex<Tables>,
}

#[derive(Debug, Default)]
struct Tables {
    place: String,
    clock: Moment,
    last_job: u64,
    jobs: BTreeMap<JobId, JobRow>,
    failed_chunks: BTreeMap<JobId, FailedChunks>,
    /// By path, each with its job.
    parts: BTreeMap<String, (JobId, PartRow)>,
}

impl MemoryLedger {
    /// An empty ledger with this name.
    pub(crate) fn new(id: String) -> Self {
        Self { id, tables: Mutex::default() }
    }

    fn lock(&self) -> MutexGuard<'_, Tables> {
        self.tables.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Ledger for MemoryLedger {
    fn identity(&self) -> Result<Identity, LedgerError> {
        Ok(Identity { id: self.id.clone(), place: self.lock().place.clone() })
    }

    fn set_place(&self, place: &str) -> Result<(), LedgerError> {
        place.clone_into(&mut self.lock().place);
        Ok(())
    }

    fn starts(&self) -> u64 {
        1
    }

    fn clock(&self) -> Result<Moment, LedgerError> {
        Ok(self.lock().clock)
    }

    fn last_job(&self) -> Result<u64, LedgerError> {
        Ok(self.lock().last_job)
    }

    fn jobs(&self) -> Result<Vec<JobRow>, LedgerError> {
        Ok(self.lock().jobs.values().cloned().collect())
    }

    fn failed_chunks(&self, job: JobId) -> Result<FailedChunks, LedgerError> {
        Ok(self.lock().failed_chunks.get(&job).cloned().unwrap_or_default())
    }

    fn parts(&self, job: JobId) -> Result<Vec<PartRow>, LedgerError> {
        let tables = self.lock();
        Ok(tables.parts.values().filter(|(of, _)| *of == job).map(|(_, part)| part.clone()).collect())
    }

    fn has_parts(&self) -> Result<bool, LedgerError> {
        Ok(!self.lock().parts.is_empty())
    }

    fn insert_part(&self, job: JobId, part: &PartRow) -> Result<Inserted, LedgerError> {
        let mut tables = self.lock();
        if tables.jobs.get(&job).is_none_or(|row| row.stock == Stock::Dropped) {
            return Ok(Inserted::JobGone);
        }
        tables.parts.insert(part.path.clone(), (job, part.clone()));
        Ok(Inserted::Inserted)
    }

    fn delete_part(&self, path: &str) -> Result<(), LedgerError> {
        self.lock().parts.remove(path);
        Ok(())
    }

    fn write(&self, records: &[Record], clock: Moment) -> Vec<Result<(), LedgerError>> {
        let mut tables = self.lock();
        tables.clock = tables.clock.max(clock);
        records.iter().map(|record| tables.apply(record)).collect()
    }

    /// Nothing survives a coordinator, so nothing can be left over.
    fn sweep(&self) -> Result<(), LedgerError> {
        Ok(())
    }

    fn handle_room_freed(&self) {}
}

impl Tables {
    fn apply(&mut self, record: &Record) -> Result<(), LedgerError> {
        match record {
            Record::Submitted(job) => return self.submit(job),
            Record::Standing(standing) => self.update(standing),
            Record::Shares(jobs) => {
                for (job, shares) in jobs {
                    if let Some(row) = self.jobs.get_mut(job).filter(|row| row.state == JobState::Running) {
                        row.shares.clone_from(shares);
                    }
                }
            }
            Record::FailedChunks(chunks) => {
                for (job, chunk, failure) in chunks {
                    self.failed_chunks.entry(*job).or_default().insert(*chunk, failure.clone());
                }
            }
            Record::Forgotten(job) => {
                self.jobs.remove(job);
                self.failed_chunks.remove(job);
                self.parts.retain(|_, (of, _)| of != job);
            }
        }
        Ok(())
    }

    fn submit(&mut self, job: &Submitted) -> Result<(), LedgerError> {
        let other = self.jobs.values().find(|known| {
            known.id == job.id || known.token.zip(job.token).is_some_and(|(known, token)| known == token)
        });
        if let Some(other) = other {
            return Err(LedgerError::Taken { reason: format!("it is job {}", other.id) });
        }
        self.last_job = self.last_job.max(job.id.0);
        self.jobs.insert(job.id, JobRow::from(job));
        Ok(())
    }

    fn update(&mut self, standing: &Standing) {
        let Some(row) = self.jobs.get_mut(&standing.job) else { return };
        row.state = standing.state.clone();
        row.ended = standing.ended;
        row.shares.clone_from(&standing.shares);
        if standing.drops_results {
            row.stock = Stock::Dropped;
            self.parts.retain(|_, (of, _)| *of != standing.job);
        }
    }
}
