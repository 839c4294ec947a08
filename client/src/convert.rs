//! Between the messages of the protocol and the types of the client; in no other place.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use swath_model::{Fingerprint, Range};
use swath_proto::{codec, v1};

use crate::{
    ClientError, FailedChunk, Job, JobSpec, JobState, Retention, Share, WaitReason, Waiting, Worker, WorkerState,
};

pub(crate) fn spec_to_proto(spec: JobSpec) -> v1::JobSpec {
    let retention = match spec.retention {
        Retention::Stored => v1::Retention::Stored,
        Retention::Delivered => v1::Retention::Delivered,
    };
    v1::JobSpec {
        kernel: spec.kernel,
        parameters: spec.parameters.into_iter().collect(),
        first: spec.range.first(),
        last: spec.range.last(),
        chunk_size: spec.chunk_size.unwrap_or(0),
        retention: retention.into(),
        max_retries: spec.max_retries,
        crash_limit: spec.crash_limit,
        keep_going: spec.keep_going,
        retain_ms: spec.retain.map(|retain| u64::try_from(retain.as_millis()).unwrap_or(u64::MAX)),
    }
}

/// What a job computes. Its id does not say that, once the coordinator was given an older copy of its data.
pub(crate) fn fingerprint(job: &Job) -> Fingerprint {
    swath_proto::fingerprint_of(&job.kernel, &job.parameters, job.range, job.chunk_size, job.value_type)
}

pub(crate) fn job(job: v1::Job) -> Result<Job, ClientError> {
    let missing = |what: &str| ClientError::Protocol(format!("job {} has no {what} that this client knows", job.id));
    let value_type = codec::value_type(job.value_type).map_err(|_| missing("value type"))?;
    let state = match job.state() {
        v1::JobState::Running => JobState::Running,
        v1::JobState::Done => JobState::Done,
        v1::JobState::Failed => JobState::Failed(job.failure.clone()),
        v1::JobState::Cancelled => JobState::Cancelled,
        v1::JobState::Unspecified => return Err(missing("state")),
    };
    let spec = job.spec.clone().ok_or_else(|| missing("specification"))?;
    let range = Range::new(spec.first, spec.last).map_err(|error| ClientError::Protocol(error.to_string()))?;
    let retention = match spec.retention() {
        v1::Retention::Delivered => Retention::Delivered,
        v1::Retention::Stored | v1::Retention::Unspecified => Retention::Stored,
    };
    let share = |share: v1::WorkerShare| Share {
        worker_id: share.worker_id,
        worker: share.worker,
        numbers: share.numbers,
        chunks: share.chunks,
    };
    Ok(Job {
        id: job.id,
        kernel: spec.kernel,
        parameters: spec.parameters.into_iter().collect(),
        range,
        chunk_size: spec.chunk_size,
        retention,
        max_retries: spec.max_retries.unwrap_or_default(),
        crash_limit: spec.crash_limit.unwrap_or_default(),
        keep_going: spec.keep_going,
        retain: spec.retain_ms.map(Duration::from_millis),
        value_type,
        state,
        chunks: job.chunks,
        committed_chunks: job.committed_chunks,
        committed_numbers: job.committed_numbers,
        frontier: job.frontier,
        submitted_at: time(job.submitted_at_ms),
        ended_at: job.ended_at_ms.map(time),
        result_bytes: job.result_bytes,
        results_location: job.results_location,
        paused: job.paused,
        waiting: job.waiting.map(waiting),
        shares: job.shares.into_iter().map(share).collect(),
        failed_chunks: job.hole_chunks,
        failed_numbers: job.hole_numbers,
        results_dropped: job.results_dropped,
        took: Duration::from_millis(job.took_ms),
    })
}

fn waiting(waiting: v1::Waiting) -> Waiting {
    let reason = match waiting.reason() {
        v1::WaitReason::NoWorkers => WaitReason::NoWorkers,
        v1::WaitReason::WorkersDraining => WaitReason::WorkersDraining,
        v1::WaitReason::WorkersSilent => WaitReason::WorkersSilent,
        v1::WaitReason::Paused => WaitReason::Paused,
        v1::WaitReason::OtherJobs => WaitReason::OtherJobs,
        v1::WaitReason::Unspecified => WaitReason::Unknown,
    };
    Waiting { reason, text: waiting.text }
}

pub(crate) fn failed_chunk(failed: v1::Hole) -> FailedChunk {
    let v1::Hole { chunk, first, last, number, reason } = failed;
    FailedChunk { chunk, first, last, number, reason }
}

pub(crate) fn worker(worker: v1::Worker) -> Worker {
    let state = match worker.state() {
        v1::WorkerState::Draining => WorkerState::Draining,
        v1::WorkerState::Silent => WorkerState::Silent,
        v1::WorkerState::Active | v1::WorkerState::Unspecified => WorkerState::Active,
    };
    Worker {
        id: worker.id,
        name: worker.name,
        host: worker.host,
        process_id: worker.process_id,
        threads: worker.threads,
        state,
        leases: worker.leases,
        leased_chunks: worker.leased_chunks,
        numbers: worker.numbers,
        chunks: worker.chunks,
        joined_at: time(worker.joined_at_ms),
        address: worker.address,
        program_version: worker.program_version,
    }
}

fn time(milliseconds: i64) -> SystemTime {
    UNIX_EPOCH + Duration::from_millis(u64::try_from(milliseconds).unwrap_or(0))
}
