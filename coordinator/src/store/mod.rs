//! The result store: blocks in memory, parts in an object store, and which numbers are where.
//!
//! A block comes in ([`Store::accept`]), is served to readers from memory, becomes a piece of a part, and leaves
//! memory when the part is durable; that is its commit. Blocks of a job with retention `delivered` count as
//! committed when they are in memory and leave it when their reader has had them; they see the object store only
//! where the memory is short and the reader does not keep up.
//!
//! What is held is kept as intervals of *offsets*: positions of numbers in the range of the job, from 0. A number
//! is held at most once, so whatever was computed twice is committed once.

mod ahead;
mod disk;
mod doubt;
mod flush;
mod job;
mod memory;
mod objects;
mod owner;
mod part;
mod place;
mod reader;
mod recheck;
mod recover;
mod room;
mod trouble;

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use object_store::path::Path;
use ring::rand::{SecureRandom, SystemRandom};
use swath_block::Block;
use swath_model::{ChunkRun, Incarnation, JobId};
use tokio::sync::mpsc;

use self::{disk::Disk, doubt::Doubts, memory::Memory, objects::Objects};
pub(crate) use self::{
    job::{Accepted, Ending, JobResults},
    memory::Room,
    reader::{BlockReader, Piece, ReadError},
    recheck::Verdict,
    recover::Recovered,
};
pub use self::{
    place::{Place, PlaceError},
    trouble::Trouble,
};
use crate::{
    clock::Moment,
    ledger::{Ledger, LedgerError, PartRow, Record, Sender, lock_parts, memory::MemoryLedger, sqlite::SqliteLedger},
};

/// Where results are kept, and within which bounds.
#[derive(Debug, Clone)]
pub struct StoreConfig {
    /// The folder of the ledger, and of the parts unless they lie elsewhere; it is made if it is not there.
    pub folder: std::path::PathBuf,
    /// Where the parts lie.
    pub place: Place,
    /// Whether jobs outlive the coordinator: the ledger is then in the folder, otherwise in memory.
    pub durable: bool,
    /// Bytes of blocks that may wait in memory.
    pub memory_bytes: usize,
    /// Bytes of blocks that make a part.
    pub part_bytes: usize,
    /// Bytes that all parts together may have; `None`: as many as the disk takes.
    pub max_disk: Option<u64>,
    /// Bytes of a `delivered` job that may lie on the disk for a reader that does not keep up, before the job pauses.
    pub window_bytes: u64,
    /// A block waits no longer than this for its part to fill, or a fiftieth of the time that its job has taken so far if
    /// that is longer: a job of hours makes hundreds of parts, not tens of thousands.
    pub part_age: Duration,
}

impl StoreConfig {
    /// The folder from the root on, for people.
    fn folder_name(&self) -> String {
        std::path::absolute(&self.folder).unwrap_or_else(|_| self.folder.clone()).display().to_string()
    }

    /// There are results that the ledger cannot know.
    fn strange(&self) -> StoreError {
        match &self.place {
            Place::Data => LedgerError::NoLedger { folder: self.folder.display().to_string() }.into(),
            place => StoreError::Strange { place: place.to_string(), folder: self.folder_name() },
        }
    }
}

/// Why the result store failed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StoreError {
    /// The folder cannot be used.
    #[error("cannot use the data folder {folder}: {reason}")]
    Folder {
        /// The folder.
        folder: String,
        /// What the system said.
        reason: String,
    },
    /// A part could not be written.
    #[error("cannot write part {path}: {error}")]
    Write {
        /// The part.
        path: String,
        /// What the object store said.
        error: Trouble,
    },
    /// Results may take less than any part does.
    #[error(
        "{limit} bytes of disk are too little for any result: a part needs {part} at the least, and up to {most} where its \
         numbers are large; allow more"
    )]
    LimitTooSmall {
        /// What they may take, in bytes.
        limit: u64,
        /// What the smallest part needs.
        part: String,
        /// What the largest needs.
        most: String,
    },
    /// The disk of a folder is too small for what has to be there.
    #[error(
        "the disk of the folder {folder} {what}, and the ledger and the smallest part need {needed}; name another folder"
    )]
    TooSmall {
        /// The folder.
        folder: String,
        /// What is too little.
        what: String,
        /// What is needed.
        needed: String,
    },
    /// The next part is larger than what results may still take.
    #[error(
        "the next part needs {needed}, and {free} of the {limit} that --max-disk allows is free; forget jobs, or allow more"
    )]
    DiskLimit {
        /// What the part needs.
        needed: String,
        /// What results may still take.
        free: String,
        /// What they may take in all.
        limit: String,
    },
    /// A part could not be put together.
    #[error("cannot put part {path} together: {reason}")]
    Assemble {
        /// The part.
        path: String,
        /// What the writer said.
        reason: String,
    },
    /// A part could not be read.
    #[error("cannot read part {path}: {error}")]
    Read {
        /// The part.
        path: String,
        /// What the object store said.
        error: Trouble,
    },
    /// The ledger failed.
    #[error(transparent)]
    Ledger(#[from] LedgerError),
    /// A part is not what was written.
    #[error("part {path} is damaged: {reason}")]
    Damaged {
        /// The part.
        path: String,
        /// What is wrong with it.
        reason: String,
    },
    /// A block in memory is not what came.
    #[error("the block at offset {first} has come to harm in memory: {reason}")]
    BlockDamaged {
        /// Its first offset.
        first: u64,
        /// What is wrong with it.
        reason: String,
    },
    /// The settings of the store make no sense.
    #[error("cannot use the store {place}: {reason}")]
    Settings {
        /// The store.
        place: String,
        /// What is wrong.
        reason: Trouble,
    },
    /// The endpoint is not encrypted.
    #[error("the endpoint {endpoint} is not encrypted: set AWS_ALLOW_HTTP=true if the network is trusted")]
    Plain {
        /// The endpoint.
        endpoint: String,
    },
    /// The store cannot be reached.
    #[error("cannot reach the store {place} at {endpoint} with {credentials}: {reason}")]
    Unreachable {
        /// The store.
        place: String,
        /// The server.
        endpoint: String,
        /// What kind of credentials there are.
        credentials: &'static str,
        /// What went wrong.
        reason: Trouble,
    },
    /// The store does not accept the credentials.
    #[error("{endpoint} refuses {credentials} for the store {place}: {reason}")]
    Denied {
        /// The store.
        place: String,
        /// The server.
        endpoint: String,
        /// What kind of credentials there are.
        credentials: &'static str,
        /// What the server said.
        reason: Trouble,
    },
    /// There is no bucket.
    #[error("the bucket of the store {place} does not exist at {endpoint}; make it, or name another")]
    NoBucket {
        /// The store.
        place: String,
        /// The server.
        endpoint: String,
    },
    /// The store is another coordinator's.
    #[error(
        "the store {place} belongs since {since} to the coordinator of {owner}, not to that of {me}: name another prefix; \
         if the other one is gone for good, delete {object}, and this one takes over"
    )]
    Owned {
        /// The store.
        place: String,
        /// Whose it is.
        owner: String,
        /// Since when.
        since: String,
        /// Who asks for it.
        me: String,
        /// The object that says so.
        object: String,
    },
    /// The ledger is older than the store.
    #[error(
        "the store {place} was used by start {used} of its coordinator, and the ledger in {folder} knows of {known}: it is a \
         copy, or came out of a backup; use the newest ledger, or delete {object} to drop all results that this one does \
         not know"
    )]
    Older {
        /// The store.
        place: String,
        /// The folder of the ledger.
        folder: String,
        /// Which start of the coordinator used the store last.
        used: u64,
        /// How many starts the ledger knows of.
        known: u64,
        /// The object that says so.
        object: String,
    },
    /// The object that names the owner of the store does not.
    #[error("{object} does not say whose the store is ({reason}); name another prefix, or delete it")]
    Unowned {
        /// The object.
        object: String,
        /// What is wrong with it.
        reason: String,
    },
    /// The results are elsewhere.
    #[error(
        "the results of the data folder {folder} lie in {recorded}, not in {place}: start the coordinator with that store, or \
         name another data folder"
    )]
    Elsewhere {
        /// The data folder.
        folder: String,
        /// Where its results are.
        recorded: String,
        /// Where they were looked for.
        place: String,
    },
    /// The system has no random numbers.
    #[error("the system gives no random numbers, and without them this start could be taken for another one")]
    Randomness,
    /// There are results that the ledger cannot know.
    #[error(
        "the store {place} holds results of jobs that the ledger in {folder} never had; they were left as they are: name \
         another prefix, or put their ledger back"
    )]
    Strange {
        /// The store.
        place: String,
        /// The folder of the ledger.
        folder: String,
    },
}

/// Parts that the ledger names no more.
#[derive(Debug)]
#[must_use]
pub(crate) struct Unwanted {
    job: JobId,
    parts: Vec<Arc<PartRow>>,
}

/// What a block takes beside its bytes: its footer, decoded.
const BLOCK_OVERHEAD: usize = 4 << 10;

/// What the store tells the driver.
#[derive(Debug)]
pub(crate) enum Fact {
    /// The parts with these chunks are durable.
    Committed { job: JobId, chunks: ChunkRun },
    /// A part could not be written; no more of the job should be handed out until it can.
    Paused { job: JobId, reason: String },
    /// Parts are written again.
    Resumed { job: JobId },
    /// A job that was closed has nothing in memory any more: it is in parts, or `lost` says why not all of it is.
    Closed { job: JobId, lost: Option<String> },
    /// These records were written into the ledger, but for those with an error.
    Persisted { records: Arc<Vec<Record>>, written: Vec<Result<(), LedgerError>> },
    /// A part or a block was lost or damaged: what was held of these chunks, all or some of each, is so no longer.
    Spoiled { job: JobId, chunks: Vec<ChunkRun> },
}

/// All results of all jobs.
#[derive(Debug)]
pub(crate) struct Store {
    objects: Arc<Objects>,
    config: StoreConfig,
    memory: Memory,
    disk: Disk,
    doubts: Doubts,
    jobs: Mutex<BTreeMap<JobId, Arc<JobResults>>>,
    facts: mpsc::UnboundedSender<Fact>,
    flush: tokio::sync::Notify,
    spoiling: tokio::sync::Mutex<()>,
    ledger: Arc<dyn Ledger>,
    incarnation: Incarnation,
    /// On the folder of the parts, if it lies in the data folder: it may be a link to that of another one.
    _lock: Option<std::fs::File>,
}

impl Store {
    /// Opens the store and its ledger. Facts come out at the other end of `facts`.
    pub(crate) async fn open(
        mut config: StoreConfig,
        facts: mpsc::UnboundedSender<Fact>,
    ) -> Result<Arc<Self>, StoreError> {
        config.settle()?;
        let incarnation = draw_incarnation()?;
        let ledger: Arc<dyn Ledger> = if config.durable {
            Arc::new(SqliteLedger::open(&config.folder)?)
        } else {
            Arc::new(MemoryLedger::new(format!("{:032x}", incarnation.0)))
        };
        let objects = Objects::open(&config.place, &config.folder)?;
        let lock = match config.place {
            Place::Data if config.durable => lock_parts(&config.folder)?,
            _ => None,
        };
        owner::claim(&objects, &*ledger, &config).await?;
        Ok(Arc::new(Self {
            objects: Arc::new(objects),
            memory: Memory::new(config.memory_bytes),
            disk: Disk::new(config.max_disk),
            doubts: Doubts::default(),
            jobs: Mutex::default(),
            facts,
            flush: tokio::sync::Notify::new(),
            spoiling: tokio::sync::Mutex::new(()),
            ledger,
            incarnation,
            _lock: lock,
            config,
        }))
    }

    /// Names this start of the coordinator, as nothing in the data folder could: that may be an older copy.
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

    /// Where the parts of a job lie, for people and for other programs.
    pub(crate) fn location(&self, job: JobId) -> String {
        self.objects.name(&format!("jobs/{job}"))
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

    /// Reads the blocks of a job in order, from this offset on; `partial`: what there is, if the job broke. `None` for a
    /// job that is wanted once and has its reader.
    pub(crate) fn read(self: &Arc<Self>, results: Arc<JobResults>, first: u64, partial: bool) -> Option<BlockReader> {
        results.attach_reader().then(|| BlockReader::new(Arc::clone(self), results, first, partial))
    }

    /// Writes records into the ledger, away from who asks; [`Fact::Persisted`] says what became of them. The next ones may
    /// be given when that has come, so that all are written in order.
    pub(crate) fn persist(self: &Arc<Self>, records: Vec<Record>, clock: Moment) {
        let store = Arc::clone(self);
        let records = Arc::new(records);
        tokio::spawn(async move {
            let written = {
                let records = Arc::clone(&records);
                store.with_ledger(move |ledger| Ok(ledger.write(&records, clock))).await
            };
            let written = written.unwrap_or_else(|error| {
                records.iter().map(|_| Err(LedgerError::Failed { reason: error.to_string() })).collect()
            });
            store.tell(Fact::Persisted { records, written });
        });
    }

    /// Takes no more blocks of a job that failed or was cancelled, and writes those in memory; then [`Fact::Closed`] comes.
    pub(crate) fn close(&self, results: &JobResults) {
        results.close();
        self.flush.notify_one();
    }

    /// A job is gone from the ledger, and now from here. What is left to do is to delete its files.
    pub(crate) fn forget(&self, job: JobId) -> Unwanted {
        let results = self.lock_jobs().remove(&job);
        let parts = results.map(|results| results.clear(format!("job {job} was forgotten")));
        Unwanted { job, parts: parts.unwrap_or_default() }
    }

    /// The same for the results alone of a job that was cancelled.
    pub(crate) fn drop_results(&self, job: JobId) -> Unwanted {
        let parts = self.job(job).map(|results| results.clear(dropped(job)));
        Unwanted { job, parts: parts.unwrap_or_default() }
    }

    /// Deletes files. What cannot be deleted now is tried again later, and swept at the next start.
    pub(crate) async fn delete(&self, unwanted: Unwanted) {
        let Unwanted { job, parts } = unwanted;
        if self.objects.is_remote() {
            self.clear_remote(job, &parts).await;
        } else {
            for part in parts {
                self.delete_unwanted(&part).await;
            }
        }
        let kept = |ledger: &dyn Ledger| {
            ledger.handle_room_freed();
            Ok(())
        };
        let _ = self.with_ledger(kept).await;
        // Others may wait for the room.
        self.flush.notify_one();
    }

    /// Deletes the file of a part whose name no other part will have; later, if it cannot be now.
    async fn delete_unwanted(&self, part: &PartRow) {
        if let Err(error) = self.delete_part(part).await {
            tracing::warn!(%error, "a file that nobody wants is still there");
            self.doubts.unwanted(&part.path, part.bytes);
        }
    }

    /// Deletes the file of a part that nobody wants any more.
    async fn delete_part(&self, part: &PartRow) -> Result<(), StoreError> {
        match self.objects.delete(vec![Path::from(part.path.as_str())]).await {
            Ok(()) => {
                self.disk.remove(part.bytes);
                Ok(())
            }
            Err(_) if self.objects.is_remote() => {
                self.doubts.unwanted(&part.path, part.bytes);
                Ok(())
            }
            Err(error) => Err(StoreError::Write { path: self.objects.part_name(&part.path), error }),
        }
    }

    /// Calls the ledger away from the threads that serve: it waits for the disk.
    pub(crate) async fn with_ledger<T: Send + 'static>(
        &self,
        call: impl FnOnce(&dyn Ledger) -> Result<T, LedgerError> + Send + 'static,
    ) -> Result<T, LedgerError> {
        let ledger = Arc::clone(&self.ledger);
        let called = tokio::task::spawn_blocking(move || call(&*ledger)).await;
        called.unwrap_or_else(|error| Err(LedgerError::Failed { reason: error.to_string() }))
    }

    /// The path of a part. In a bucket no two have the same: a request that was given up can still be carried out, and
    /// must not take the place of what was committed since.
    fn part_path(&self, job: JobId, first: u64) -> Path {
        let name = match self.objects.is_remote() {
            true => format!("{first:020}-{:016x}-{}", self.incarnation.0, self.doubts.sequence()),
            false => format!("{first:020}"),
        };
        Path::from(format!("jobs/{job}/part-{name}.parquet"))
    }

    fn lock_jobs(&self) -> MutexGuard<'_, BTreeMap<JobId, Arc<JobResults>>> {
        self.jobs.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// 64 bits of the system's randomness: no two starts have the same.
fn draw_incarnation() -> Result<Incarnation, StoreError> {
    let mut bytes = [0; 8];
    SystemRandom::new().fill(&mut bytes).map_err(|_| StoreError::Randomness)?;
    Ok(Incarnation(u64::from_le_bytes(bytes)))
}

/// What a reader is told of results that are no more.
fn dropped(job: JobId) -> String {
    format!("the results of job {job} were dropped when it was cancelled")
}

#[cfg(test)]
mod tests;
