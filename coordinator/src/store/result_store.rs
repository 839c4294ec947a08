//! The store itself: what it is made of, and what comes in and goes out.

use std::{
    collections::BTreeMap,
    fs::File,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Instant,
};

use ring::rand::{SecureRandom, SystemRandom};
use swath_block::Block;
use swath_coordinator_core::{Accepted, Moment, PersistError, PersistErrorKind, Record};
use swath_model::{Incarnation, JobId};
use tokio::sync::{Notify, mpsc};
use tracing::info;

use super::{
    config::{LedgerPlace, StoreConfig},
    disk::Disk,
    error::StoreError,
    fact::Fact,
    folders,
    job::JobResults,
    memory::{BLOCK_OVERHEAD, Memory, Room},
    owner,
    part_store::{
        PartStore,
        bucket::Bucket,
        counted,
        folder::{Folder, delete_unfinished},
        path::folder_of,
    },
    place::Place,
};
use crate::ledger::{Ledger, LedgerError, PartRow, Sender, lock_parts, memory::MemoryLedger, sqlite::SqliteLedger};

/// All results of all jobs.
#[derive(Debug)]
pub(crate) struct Store {
    pub(super) config: StoreConfig,
    pub(super) parts: Arc<dyn PartStore>,
    pub(super) ledger: Arc<dyn Ledger>,
    pub(super) memory: Memory,
    /// For what readers hold.
    pub(crate) reader_memory: Arc<Memory>,
    pub(super) disk: Disk,
    jobs: Mutex<BTreeMap<JobId, Arc<JobResults>>>,
    facts: mpsc::UnboundedSender<Fact>,
    /// Wakes whoever writes parts.
    pub(super) flush: Notify,
    /// Held while a lost part is dropped.
    pub(super) dropping: tokio::sync::Mutex<()>,
    incarnation: Incarnation,
}

/// Parts that are no longer in the ledger.
#[derive(Debug)]
#[must_use]
pub(crate) struct DroppedParts {
    job: JobId,
    parts: Vec<Arc<PartRow>>,
}

impl Store {
    /// Opens the store and its ledger. Facts come out at the other end of `facts`.
    pub(crate) async fn open(
        mut config: StoreConfig,
        facts: mpsc::UnboundedSender<Fact>,
    ) -> Result<Arc<Self>, StoreError> {
        folders::prepare(&mut config)?;
        let incarnation = draw_incarnation()?;
        let mut lock = None;
        let ledger: Arc<dyn Ledger> = match config.ledger {
            LedgerPlace::Folder => {
                let prepare = || prepare_parts(&config).map(|locked| lock = locked);
                Arc::new(SqliteLedger::open(&config.folder, prepare)?)
            }
            LedgerPlace::Memory => Arc::new(MemoryLedger::new(format!("{:032x}", incarnation.0))),
        };
        let parts = open_parts(&config, incarnation, lock)?;
        owner::claim(&*parts, &*ledger, &config).await?;
        Ok(Arc::new(Self {
            parts,
            ledger,
            memory: Memory::new(config.memory_bytes),
            reader_memory: Arc::new(Memory::new(config.reader_memory_bytes)),
            disk: Disk::new(config.max_disk),
            jobs: Mutex::default(),
            facts,
            flush: Notify::new(),
            dropping: tokio::sync::Mutex::new(()),
            incarnation,
            config,
        }))
    }

    /// The name of this start of the coordinator. It is random: the data folder may be an older copy, so nothing in it
    /// could make a name that no other start has.
    pub(crate) fn incarnation(&self) -> Incarnation {
        self.incarnation
    }

    /// Makes room for the results of a job.
    pub(crate) fn create_job(&self, results: JobResults) -> Arc<JobResults> {
        let results = Arc::new(results);
        self.lock_jobs().insert(results.job(), Arc::clone(&results));
        results
    }

    /// The results of a job, if there is such a job.
    pub(crate) fn job(&self, job: JobId) -> Option<Arc<JobResults>> {
        self.lock_jobs().get(&job).cloned()
    }

    /// The results of all jobs.
    pub(super) fn jobs(&self) -> Vec<Arc<JobResults>> {
        self.lock_jobs().values().cloned().collect()
    }

    /// Where the parts of a job lie, for people and for other programs.
    pub(crate) fn location(&self, job: JobId) -> String {
        self.parts.location(&folder_of(job))
    }

    /// Waits for room in memory for a block of this size.
    pub(crate) async fn reserve(&self, bytes: usize) -> Room {
        self.memory.reserve(bytes + BLOCK_OVERHEAD).await
    }

    /// Takes a block in, unless some of its numbers are held already.
    pub(crate) fn accept(
        &self,
        results: &JobResults,
        first: u64,
        block: Block,
        sender: Arc<Sender>,
        room: Room,
    ) -> Accepted {
        let accepted = results.accept(first, block, sender, room);
        if results.wants_flush(&self.config) {
            self.flush.notify_one();
        }
        accepted
    }

    /// Writes records into the ledger, on another thread; [`Fact::Persisted`] says what became of them. The next ones
    /// may be given when that has come, so that all are written in order.
    pub(crate) fn persist(self: &Arc<Self>, records: Vec<Record>, clock: Moment) {
        let store = Arc::clone(self);
        tokio::spawn(async move {
            let began = Instant::now();
            let count = records.len();
            let written = store.with_ledger(move |ledger| Ok(ledger.write(&records, clock))).await;
            let written = written.unwrap_or_else(|error| vec![Err(error); count]);
            let failed = written.iter().filter(|written| written.is_err()).count();
            store.config.metrics.ledger_written(count, failed, began.elapsed());
            let written = written.into_iter().map(|written| written.map_err(|error| not_persisted(&error))).collect();
            store.tell(Fact::Persisted { written });
        });
    }

    /// Takes no more blocks of a job that failed or was cancelled, and writes those in memory; then [`Fact::Closed`]
    /// comes.
    pub(crate) fn close(&self, results: &JobResults) {
        results.close();
        self.flush.notify_one();
    }

    /// A job is gone from the ledger, and now from here. Only its files are left to delete.
    pub(crate) fn forget(&self, job: JobId) -> DroppedParts {
        let results = self.lock_jobs().remove(&job);
        let parts = results.map(|results| results.clear(format!("job {job} was forgotten")));
        DroppedParts { job, parts: parts.unwrap_or_default() }
    }

    /// The same for the results alone of a job that was cancelled.
    pub(crate) fn drop_results(&self, job: JobId) -> DroppedParts {
        let parts = self.job(job).map(|results| results.clear(results_dropped(job)));
        DroppedParts { job, parts: parts.unwrap_or_default() }
    }

    /// Deletes the files of parts. What cannot be deleted now is tried again later, and swept at the next start.
    pub(crate) async fn delete(&self, dropped: DroppedParts) {
        let DroppedParts { job, parts } = dropped;
        let freed = self.parts.delete_job(job, counted(&parts)).await;
        self.free(freed);
        let told = |ledger: &dyn Ledger| {
            ledger.handle_room_freed();
            Ok(())
        };
        let _ = self.with_ledger(told).await;
        // Others may wait for the room.
        self.flush.notify_one();
    }

    /// Parts with so many bytes were deleted.
    pub(super) fn free(&self, bytes: u64) {
        if bytes > 0 {
            self.disk.remove(bytes);
            self.config.metrics.bytes_freed(bytes);
        }
    }

    /// Calls the ledger on a thread that may wait for the disk.
    pub(crate) async fn with_ledger<T: Send + 'static>(
        &self,
        call: impl FnOnce(&dyn Ledger) -> Result<T, LedgerError> + Send + 'static,
    ) -> Result<T, LedgerError> {
        let ledger = Arc::clone(&self.ledger);
        let called = tokio::task::spawn_blocking(move || call(&*ledger)).await;
        called.unwrap_or_else(|error| Err(LedgerError::Failed { reason: error.to_string() }))
    }

    pub(super) fn tell(&self, fact: Fact) {
        // The driver ends before the store only in the last moments of a shutdown, when nobody needs the fact.
        let _ = self.facts.send(fact);
    }

    fn lock_jobs(&self) -> MutexGuard<'_, BTreeMap<JobId, Arc<JobResults>>> {
        self.jobs.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Locks the parts in a data folder, if they lie there, and makes room for what its ledger writes at the start: a disk
/// that was full when a coordinator was killed has parts on it that were not finished.
fn prepare_parts(config: &StoreConfig) -> Result<Option<File>, LedgerError> {
    if config.place != Place::Data {
        return Ok(None);
    }
    let lock = lock_parts(&config.folder)?;
    let files = if lock.is_some() { delete_unfinished(&config.folder) } else { 0 };
    if files > 0 {
        info!(files, "deleted parts that were not finished");
    }
    Ok(lock)
}

fn open_parts(
    config: &StoreConfig,
    incarnation: Incarnation,
    lock: Option<File>,
) -> Result<Arc<dyn PartStore>, StoreError> {
    Ok(match &config.place {
        Place::Data => Arc::new(Folder::open(&config.place, &config.folder, lock)?),
        Place::Folder(folder) => Arc::new(Folder::open(&config.place, folder, None)?),
        Place::Bucket { bucket, prefix } => Arc::new(Bucket::open(&config.place, bucket, prefix, incarnation)?),
    })
}

fn not_persisted(error: &LedgerError) -> PersistError {
    let kind = if error.is_disk_full() { PersistErrorKind::DiskFull } else { PersistErrorKind::Failed };
    PersistError { kind, reason: error.to_string() }
}

/// 64 bits of the system's randomness: no two starts have the same.
fn draw_incarnation() -> Result<Incarnation, StoreError> {
    let mut bytes = [0; 8];
    SystemRandom::new().fill(&mut bytes).map_err(|_| StoreError::Randomness)?;
    Ok(Incarnation(u64::from_le_bytes(bytes)))
}

/// What a reader is told of results that were dropped.
pub(super) fn results_dropped(job: JobId) -> String {
    format!("the results of job {job} were dropped when it was cancelled")
}
