//! Notices of the core as lines of the log.

use std::time::Duration;

use swath_coordinator_core::Notice;
use tracing::{debug, info, warn};

/// Writes a line.
pub(super) fn write(notice: &Notice) {
    match notice {
        Notice::Suspended { away } => {
            let away = humantime::format_duration(Duration::from_millis(away.as_millis() as u64));
            warn!(%away, "the coordinator stood still; its workers keep their leases");
        }
        Notice::WorkerJoined { worker, name, threads } => info!(%worker, name, threads, "worker joined"),
        Notice::WorkerLeft { worker, name } => info!(%worker, name, "worker left"),
        Notice::WorkerLost { worker, name } => info!(%worker, name, "worker lost"),
        Notice::WorkerIsDeaf { worker, name } => {
            warn!(%worker, name, "the worker receives nothing: its session is closed");
        }
        Notice::UnknownOffer { lease, job } => {
            info!(%lease, %job, "a worker offers work of a job that this coordinator does not have");
        }
        Notice::BlockRefused { job, worker, name, number, reason } => {
            warn!(
                %job, %worker, name, number, reason,
                "a worker sent a block that cannot be taken; its chunks are tried again"
            );
        }
        Notice::JobSubmitted(id, spec) => {
            info!(%id, kernel = spec.kernel, range = %spec.range(), chunks = spec.chunks.count(), "job submitted");
        }
        Notice::JobEnded(id, state) => info!(%id, %state, failure = state.failure(), "job ended"),
        Notice::JobForgotten(id) => info!(%id, "job forgotten"),
        Notice::JobNotResumed(id, error) => warn!(%id, error, "the job cannot continue"),
        Notice::ChunkFailed { job, chunk, number, reason } => {
            debug!(id = %job, chunk, number, reason, "chunk failed for good");
        }
        Notice::EndNotPersisted(id, error) => {
            warn!(%id, %error, "the end of the job is not in the ledger; it is tried again");
        }
        Notice::ResumeNotPersisted(id, error) => {
            warn!(%id, %error, "the ledger does not say that the job runs again; its lost results are found anew");
        }
        Notice::ForgetNotPersisted(id, error) => warn!(%id, %error, "the job is not forgotten"),
        Notice::FailedChunksNotPersisted(error) => warn!(%error, "failed chunks are not in the ledger"),
        Notice::SharesNotPersisted(error) => debug!(%error, "who computed how much is not in the ledger"),
    }
}
