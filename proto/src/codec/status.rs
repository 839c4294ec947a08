//! Jobs and workers as they stand.

use std::{
    sync::Arc,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use swath_model::{
    ChunkRun, Chunks, FailedChunk, FailedChunks, JobId, JobState, JobStatus, Layouts, Share, WaitReason, Waiting,
    WorkerId, WorkerInfo, WorkerState, WorkerStatus,
};

use super::{CodecError, job_spec, job_spec_to_proto, layout, layout_to_proto};
use crate::v1;

/// A job as it stands.
///
/// # Errors
/// [`CodecError::Missing`], [`CodecError::Unknown`], or what is wrong with what it computes.
pub fn job_status(message: v1::Job) -> Result<JobStatus, CodecError> {
    let state = match message.state() {
        v1::JobState::Running => JobState::Running,
        v1::JobState::Done => JobState::Done,
        v1::JobState::Failed => JobState::Failed(message.failure),
        v1::JobState::Cancelled => JobState::Cancelled,
        v1::JobState::Unspecified => return Err(CodecError::Unknown(message.state, "state of a job")),
    };
    let layouts = Layouts { kernel: layout(message.kernel_layout)?, results: layout(message.layout)? };
    let spec = message.spec.ok_or(CodecError::Missing("specification of the job"))?;
    let share = |share: v1::WorkerShare| {
        (WorkerId(share.worker_id), Share { worker: share.worker, numbers: share.numbers, chunks: share.chunks })
    };
    Ok(JobStatus {
        id: JobId(message.id),
        spec: Arc::new(job_spec(spec, |_| Ok::<_, CodecError>(layouts))?),
        state,
        committed_chunks: message.committed_chunks,
        committed_numbers: message.committed_numbers,
        frontier: message.frontier,
        submitted_at: time(message.submitted_at_ms),
        ended_at: message.ended_at_ms.map(time),
        took: Duration::from_millis(message.took_ms),
        result_bytes: message.result_bytes,
        results_location: message.results_location,
        paused: message.paused,
        waiting: message.waiting.map(waiting),
        shares: message.shares.into_iter().map(share).collect(),
        failed_chunks: message.failed_chunks,
        failed_numbers: message.failed_numbers,
        results_dropped: message.results_dropped,
    })
}

/// The same as a message.
pub fn job_status_to_proto(status: &JobStatus) -> v1::Job {
    let state = match &status.state {
        JobState::Running => v1::JobState::Running,
        JobState::Done => v1::JobState::Done,
        JobState::Failed(_) => v1::JobState::Failed,
        JobState::Cancelled => v1::JobState::Cancelled,
    };
    let shares = status.shares.iter().map(|(worker, share)| v1::WorkerShare {
        worker_id: worker.0,
        worker: share.worker.clone(),
        numbers: share.numbers,
        chunks: share.chunks,
    });
    v1::Job {
        id: status.id.0,
        spec: Some(job_spec_to_proto(&status.spec)),
        layout: Some(layout_to_proto(&status.spec.layout)),
        kernel_layout: Some(layout_to_proto(&status.spec.kernel_layout)),
        state: state.into(),
        failure: status.state.failure().unwrap_or_default().to_owned(),
        chunks: status.spec.chunks.count(),
        committed_chunks: status.committed_chunks,
        numbers: status.spec.range().count(),
        committed_numbers: status.committed_numbers,
        frontier: status.frontier,
        submitted_at_ms: milliseconds(status.submitted_at),
        ended_at_ms: status.ended_at.map(milliseconds),
        result_bytes: status.result_bytes,
        shares: shares.collect(),
        results_location: status.results_location.clone(),
        paused: status.paused.clone(),
        failed_chunks: status.failed_chunks,
        failed_numbers: status.failed_numbers,
        results_dropped: status.results_dropped,
        waiting: status.waiting.as_ref().map(waiting_to_proto),
        took_ms: u64::try_from(status.took.as_millis()).unwrap_or(u64::MAX),
    }
}

fn waiting(message: v1::Waiting) -> Waiting {
    let reason = match message.reason() {
        v1::WaitReason::NoWorkers => WaitReason::NoWorkers,
        v1::WaitReason::WorkersDraining => WaitReason::WorkersDraining,
        v1::WaitReason::WorkersSilent => WaitReason::WorkersSilent,
        v1::WaitReason::Paused => WaitReason::Paused,
        v1::WaitReason::OtherJobs => WaitReason::OtherJobs,
        v1::WaitReason::Unspecified => WaitReason::Unknown,
    };
    Waiting { reason, text: message.text }
}

fn waiting_to_proto(waiting: &Waiting) -> v1::Waiting {
    let reason = match waiting.reason {
        WaitReason::NoWorkers => v1::WaitReason::NoWorkers,
        WaitReason::WorkersDraining => v1::WaitReason::WorkersDraining,
        WaitReason::WorkersSilent => v1::WaitReason::WorkersSilent,
        WaitReason::Paused => v1::WaitReason::Paused,
        WaitReason::OtherJobs => v1::WaitReason::OtherJobs,
        WaitReason::Unknown => v1::WaitReason::Unspecified,
    };
    v1::Waiting { reason: reason.into(), text: waiting.text.clone() }
}

/// A failed chunk: its index, its first and its last number, and why.
pub fn failed_chunk(message: v1::FailedChunk) -> (u64, (i64, i64), FailedChunk) {
    let failed = FailedChunk { number: message.number, reason: message.reason };
    (message.chunk, (message.first, message.last), failed)
}

/// All failed chunks of a job as a message.
pub fn failed_chunks_to_proto(failed: &FailedChunks, chunks: Chunks) -> v1::FailedChunksResponse {
    let one = |(&chunk, failed): (&u64, &FailedChunk)| {
        let numbers = chunks.numbers(ChunkRun::one(chunk));
        let (first, last) = (numbers.first(), numbers.last());
        v1::FailedChunk { chunk, first, last, number: failed.number, reason: failed.reason.clone() }
    };
    v1::FailedChunksResponse { failed: failed.iter().map(one).collect() }
}

/// A worker as it stands.
pub fn worker_status(message: v1::Worker) -> WorkerStatus {
    let state = match message.state() {
        v1::WorkerState::Draining => WorkerState::Draining,
        v1::WorkerState::Silent => WorkerState::Silent,
        v1::WorkerState::Active | v1::WorkerState::Unspecified => WorkerState::Active,
    };
    WorkerStatus {
        id: WorkerId(message.id),
        info: WorkerInfo {
            name: message.name,
            host: message.host,
            process_id: message.process_id,
            threads: message.threads,
            program_version: message.program_version,
        },
        address: message.address,
        state,
        leases: message.leases,
        leased_chunks: message.leased_chunks,
        numbers: message.numbers,
        chunks: message.chunks,
        joined_at: time(message.joined_at_ms),
    }
}

/// The same as a message.
pub fn worker_status_to_proto(status: &WorkerStatus) -> v1::Worker {
    let info = &status.info;
    let state = match status.state {
        WorkerState::Active => v1::WorkerState::Active,
        WorkerState::Silent => v1::WorkerState::Silent,
        WorkerState::Draining => v1::WorkerState::Draining,
    };
    v1::Worker {
        id: status.id.0,
        name: info.name.clone(),
        host: info.host.clone(),
        process_id: info.process_id,
        threads: info.threads,
        state: state.into(),
        leases: status.leases,
        leased_chunks: status.leased_chunks,
        numbers: status.numbers,
        chunks: status.chunks,
        joined_at_ms: milliseconds(status.joined_at),
        address: status.address.clone(),
        program_version: info.program_version.clone(),
    }
}

fn milliseconds(at: SystemTime) -> i64 {
    at.duration_since(UNIX_EPOCH).map_or(0, |since| i64::try_from(since.as_millis()).unwrap_or(i64::MAX))
}

fn time(milliseconds: i64) -> SystemTime {
    UNIX_EPOCH + Duration::from_millis(u64::try_from(milliseconds).unwrap_or(0))
}

#[cfg(test)]
mod tests {
    use swath_model::{JobRequest, Layout, ValueType};

    use super::*;

    fn job() -> JobStatus {
        let request = JobRequest::new("square", "1..=1000".parse().unwrap());
        JobStatus {
            id: JobId(3),
            spec: Arc::new(request.complete(Layout::values(ValueType::Decimal128)).unwrap()),
            state: JobState::Failed("at 7".into()),
            committed_chunks: 5,
            committed_numbers: 50,
            frontier: Some(i64::MIN),
            submitted_at: UNIX_EPOCH + Duration::from_millis(1_700_000_000_123),
            ended_at: Some(UNIX_EPOCH + Duration::from_millis(1_700_000_000_999)),
            took: Duration::from_millis(876),
            result_bytes: u64::MAX,
            results_location: "/data/jobs/3".into(),
            paused: "the disk is full".into(),
            waiting: Some(Waiting { reason: WaitReason::Paused, text: "paused".into() }),
            shares: [(WorkerId(9), Share { worker: "w".into(), numbers: 50, chunks: 5 })].into(),
            failed_chunks: 2,
            failed_numbers: 20,
            results_dropped: true,
        }
    }

    #[test]
    fn a_job_is_read_as_it_was_written() {
        for state in [JobState::Running, JobState::Done, JobState::Failed("at 7".into()), JobState::Cancelled] {
            let status = JobStatus { state, ..job() };
            assert_eq!(job_status(job_status_to_proto(&status)), Ok(status));
        }
        for reason in [
            WaitReason::NoWorkers,
            WaitReason::WorkersDraining,
            WaitReason::WorkersSilent,
            WaitReason::Paused,
            WaitReason::OtherJobs,
            WaitReason::Unknown,
        ] {
            let status = JobStatus { waiting: Some(Waiting { reason, text: "x".into() }), ..job() };
            assert_eq!(job_status(job_status_to_proto(&status)), Ok(status));
        }
    }

    #[test]
    fn a_job_that_this_version_cannot_know_is_refused() {
        let message = || job_status_to_proto(&job());
        let error = |message| job_status(message).unwrap_err();
        assert_eq!(error(v1::Job { spec: None, ..message() }), CodecError::Missing("specification of the job"));
        assert_eq!(error(v1::Job { state: 9, ..message() }), CodecError::Unknown(9, "state of a job"));
        assert_eq!(error(v1::Job { layout: None, ..message() }), CodecError::Missing("layout"));
    }

    #[test]
    fn a_worker_is_read_as_it_was_written() {
        let info =
            WorkerInfo { name: "w".into(), host: "h".into(), process_id: 7, threads: 8, program_version: "1.0".into() };
        for state in [WorkerState::Active, WorkerState::Silent, WorkerState::Draining] {
            let status = WorkerStatus {
                id: WorkerId(4),
                info: info.clone(),
                address: "192.0.2.1:7".into(),
                state,
                leases: 2,
                leased_chunks: 30,
                numbers: 400,
                chunks: 50,
                joined_at: UNIX_EPOCH + Duration::from_millis(5),
            };
            assert_eq!(worker_status(worker_status_to_proto(&status)), status);
        }
    }

    #[test]
    fn failed_chunks_name_their_numbers() {
        let chunks = Chunks::new("1..=30".parse().unwrap(), 10).unwrap();
        let failed: FailedChunks = [(2, FailedChunk::new(25, "odd".into()))].into();
        let message = failed_chunks_to_proto(&failed, chunks);
        let read: Vec<_> = message.failed.into_iter().map(failed_chunk).collect();
        assert_eq!(read, [(2, (21, 30), FailedChunk::new(25, "odd".into()))]);
    }
}
