//! What comes in from the coordinator, and what goes out.

use std::{sync::Arc, time::Duration};

use swath_model::{ChunkRun, Fingerprint, Incarnation, JobId, LeaseId, ResumeOffer, ResumedLease, WorkerId};

use crate::{BlockId, Job, Outcome, SessionId, Slot};

/// A message from the coordinator.
#[derive(Clone, Debug)]
pub enum FromCoordinator<K> {
    /// The answer to Hello: the worker has joined.
    Welcome(Welcome),
    /// What a job computes; comes before the first lease of it in a session. An error is a sentence that says why this
    /// worker cannot compute it.
    Job {
        /// The job.
        id: JobId,
        /// What it computes.
        job: Result<Arc<Job<K>>, String>,
    },
    /// No lease of this job comes any more.
    JobEnded {
        /// The job.
        id: JobId,
    },
    /// Compute these chunks.
    Lease(Lease),
    /// Give back what has not been begun, from the first of these chunks to the end of the lease, and say what that is.
    ReturnChunks {
        /// The lease.
        lease: LeaseId,
        /// What is asked for.
        chunks: ChunkRun,
    },
    /// The lease has ended. There is no answer.
    StopLease {
        /// The lease.
        lease: LeaseId,
    },
    /// No more leases come: leave when the work in flight is delivered.
    ShutDown,
    /// A message that the shell cannot read, of a newer coordinator for instance. It counts as received: a worker that
    /// seems to receive nothing loses its session.
    Unknown,
}

/// See [`FromCoordinator::Welcome`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Welcome {
    /// Who the worker is in this session.
    pub worker: WorkerId,
    /// Which start of the coordinator it joined.
    pub incarnation: Incarnation,
    /// The time between two heartbeats.
    pub heartbeat: Duration,
    /// The offered work that continues; the rest is dropped.
    pub resumed: Vec<ResumedLease>,
}

/// See [`FromCoordinator::Lease`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Lease {
    /// Its name.
    pub id: LeaseId,
    /// The job.
    pub job: JobId,
    /// What the job computes; `None` if the message has none.
    pub fingerprint: Option<Fingerprint>,
    /// The chunks.
    pub chunks: ChunkRun,
}

/// A message to the coordinator.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ToCoordinator {
    /// The first message of a session.
    Hello {
        /// Who this worker was in its last session.
        former: Option<(Incarnation, WorkerId)>,
        /// What is still in flight from earlier sessions.
        offers: Vec<ResumeOffer>,
    },
    /// The worker is alive, and has received so many messages in this session, Welcome not counted.
    Heartbeat {
        /// How many.
        received: u64,
    },
    /// All of a lease is computed; its blocks may still be on the way.
    LeaseComputed {
        /// The lease.
        lease: LeaseId,
        /// From its first number to its last.
        busy: Duration,
    },
    /// The answer to [`FromCoordinator::ReturnChunks`], or chunks that the worker will not deliver; `None` if
    /// everything that was asked for has been begun.
    ChunksReturned {
        /// The lease.
        lease: LeaseId,
        /// The chunks.
        chunks: Option<ChunkRun>,
    },
    /// The kernel failed.
    ChunkFailed {
        /// The lease.
        lease: LeaseId,
        /// The chunk.
        chunk: u64,
        /// The number that it failed at.
        number: i64,
        /// The error of the kernel.
        reason: String,
    },
    /// The worker leaves as soon as its work in flight is delivered.
    Leaving,
}

/// Something for the shell to do; see [`Worker::poll_effect`](crate::Worker::poll_effect).
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Effect {
    /// Connect to the coordinator, then call [`Worker::handle_connected`](crate::Worker::handle_connected), or
    /// [`Worker::handle_lost`](crate::Worker::handle_lost).
    Connect(SessionId),
    /// Send a message in this session.
    Send(SessionId, ToCoordinator),
    /// There may be blocks for [`Worker::poll_upload`](crate::Worker::poll_upload).
    UploadReady(SessionId),
    /// There are tasks: slots that wait should call [`Worker::take`](crate::Worker::take) again.
    WakeSlots,
    /// What this slot computes is not wanted any more; it should stop, and call
    /// [`Worker::finish`](crate::Worker::finish).
    StopSlot(Slot),
    /// This block is acknowledged, or not wanted any more.
    DropBlock(BlockId),
    /// The coordinator was lost, and the worker begins to wait for it.
    Waiting,
    /// The worker has ended: close what is open. Comes once; only [`Effect::StopSlot`], [`Effect::DropBlock`] and
    /// [`Effect::WakeSlots`] come after it.
    End(Outcome),
}
