//! What the shell carries out, and what it logs.

use std::{sync::Arc, time::Duration};

use swath_model::{ChunkRun, Fingerprint, JobId, JobSpec, JobState, JobStatus, LeaseId, WorkerId};

use crate::{Ending, Moment, PersistError, Record, Refusal};

/// Names a request that is answered later; chosen by the shell, never twice.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RequestId(pub u64);

/// What a request asked for.
#[derive(Debug, Clone)]
pub enum Answer {
    /// The job as it stands now.
    Job(Box<JobStatus>),
    /// The job is forgotten.
    Forgotten,
}

/// The answer to a request.
#[derive(Debug, Clone)]
pub struct Reply {
    /// Which request.
    pub request: RequestId,
    /// What it asked for, or why it is refused.
    pub answer: Result<Answer, Refusal>,
}

/// Something for the shell to carry out; see [`Core::poll_effect`](crate::Core::poll_effect).
#[derive(Debug, Clone)]
pub enum Effect {
    /// Send a message to a worker.
    Send {
        /// To whom.
        worker: WorkerId,
        /// What.
        message: ToWorker,
    },
    /// End the connection of a worker, whose session is over.
    CloseSession(WorkerId),
    /// Write records and the clock into the ledger, in this order, then report to
    /// [`Core::handle_persisted`](crate::Core::handle_persisted). No other batch comes until then.
    Persist {
        /// May be empty: then only the clock is written.
        records: Vec<Record>,
        /// What the clock of the ledger says now.
        clock: Moment,
    },
    /// Answer a request.
    Answer(Reply),
    /// Tell all who watch a job how it stands.
    Publish(Box<JobStatus>),
    /// Make room for the results of a new job.
    CreateResults {
        /// Which job.
        job: JobId,
        /// What it computes, how its range is split, and what becomes of its results.
        spec: Arc<JobSpec>,
    },
    /// A chunk failed for good: [`ResultIndex::fail_chunk`](crate::ResultIndex::fail_chunk).
    FailChunk {
        /// Which job.
        job: JobId,
        /// Which chunk.
        chunk: u64,
    },
    /// Accept no more blocks of a job and write those in memory, then report to
    /// [`Core::handle_closed`](crate::Core::handle_closed).
    CloseResults(JobId),
    /// No more results of a job will come.
    EndResults {
        /// Which job.
        job: JobId,
        /// Why.
        ending: Ending,
    },
    /// A job that was done is computed again, because results of it were lost.
    ReopenResults(JobId),
    /// Drop all results of a job; the ledger does not have them any more. Give the replies when the files are deleted.
    DropResults {
        /// Which job.
        job: JobId,
        /// Who waits for it.
        replies: Vec<Reply>,
    },
    /// Delete all results of a job that is forgotten; nobody can watch or read it any more. Give the replies when the
    /// files are deleted.
    DeleteJob {
        /// Which job.
        job: JobId,
        /// Who waits for it.
        replies: Vec<Reply>,
    },
    /// Write to the log.
    Log(Notice),
}

/// What the coordinator tells a worker.
#[derive(Debug, Clone)]
pub enum ToWorker {
    /// What a job computes: once in a session, before the first lease of the job.
    DescribeJob {
        /// Which job.
        job: JobId,
        /// What it computes.
        spec: Arc<JobSpec>,
        /// The same in 16 bytes.
        fingerprint: Fingerprint,
    },
    /// No lease of this job comes any more, unless it is described again.
    JobEnded(JobId),
    /// Compute chunks.
    Lease(Assignment),
    /// Give back those of these chunks that are untouched.
    ReturnChunks {
        /// Of which lease.
        lease: LeaseId,
        /// Which.
        chunks: ChunkRun,
    },
    /// The lease has ended: stop computing it.
    StopLease {
        /// Which lease.
        lease: LeaseId,
    },
    /// Finish the work in flight and leave.
    ShutDown,
}

/// A lease of a job that was described.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Assignment {
    /// Its id.
    pub lease: LeaseId,
    /// What to compute.
    pub chunks: ChunkRun,
    /// Of which job.
    pub job: JobId,
    /// What the job computes.
    pub fingerprint: Fingerprint,
}

/// Something worth a line in the log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Notice {
    /// The process was suspended; workers keep their leases.
    Suspended {
        /// How long no input came.
        away: Duration,
    },
    /// A session began.
    WorkerJoined {
        /// Its id.
        worker: WorkerId,
        /// The name of the worker.
        name: String,
        /// Its threads.
        threads: u32,
    },
    /// The session of a drained worker ended.
    WorkerLeft {
        /// Its id.
        worker: WorkerId,
        /// The name of the worker.
        name: String,
    },
    /// The session of a worker ended that was not drained: it may have crashed.
    WorkerLost {
        /// Its id.
        worker: WorkerId,
        /// The name of the worker.
        name: String,
    },
    /// A worker sends heartbeats but receives nothing: its session is closed.
    WorkerIsDeaf {
        /// Its id.
        worker: WorkerId,
        /// The name of the worker.
        name: String,
    },
    /// A worker offers work of a job that this coordinator does not have.
    UnknownOffer {
        /// The lease that it was given under.
        lease: LeaseId,
        /// The job that it names.
        job: JobId,
    },
    /// A worker sent a block that cannot be accepted.
    BlockRefused {
        /// Of which job.
        job: JobId,
        /// Who.
        worker: WorkerId,
        /// The name of the worker.
        name: String,
        /// The first number of the block.
        number: i64,
        /// What is wrong with it.
        reason: String,
    },
    /// A job was stored and begins.
    JobSubmitted(JobId, Arc<JobSpec>),
    /// A job has ended.
    JobEnded(JobId, JobState),
    /// A job is forgotten.
    JobForgotten(JobId),
    /// A job cannot be continued.
    JobNotResumed(JobId, String),
    /// A chunk failed for good.
    ChunkFailed {
        /// Of which job.
        job: JobId,
        /// Which chunk.
        chunk: u64,
        /// The number that failed.
        number: i64,
        /// Why.
        reason: String,
    },
    /// The end of a job is not in the ledger; it is tried again.
    EndNotPersisted(JobId, PersistError),
    /// The ledger does not say that a job that was done runs again; after the next start it does, too.
    ResumeNotPersisted(JobId, PersistError),
    /// A job is not forgotten.
    ForgetNotPersisted(JobId, PersistError),
    /// Failed chunks are not in the ledger; after the next start they are tried again.
    FailedChunksNotPersisted(PersistError),
    /// The shares of the workers are not in the ledger.
    SharesNotPersisted(PersistError),
}
