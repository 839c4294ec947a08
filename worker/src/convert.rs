//! Between the messages of the protocol and the types of the worker; in no other place.

use std::{sync::Arc, time::Duration};

use swath_evaluation::{BindError, Evaluation};
use swath_model::{Fingerprint, Incarnation, JobId, Layouts, Range, WorkerId, WorkerInfo};
use swath_proto::{
    PROTOCOL_VERSION,
    codec::{self, CodecError},
    v1::{self, coordinator_message, worker_message::Kind},
};
use swath_worker_core::{FromCoordinator, Lease, ToCoordinator, Upload, Welcome};

use crate::compute::{Encoded, Job};

/// Why this worker cannot compute a job.
#[derive(Debug, thiserror::Error)]
enum JobError {
    #[error(transparent)]
    Message(#[from] CodecError),
    #[error(transparent)]
    Bind(#[from] BindError),
    #[error("the kernel {kernel} of this worker gives the columns {got}, and the coordinator expects {expected}")]
    Layout { kernel: String, expected: String, got: String },
    #[error("the job does not fit its description, {kernel} over {range}: its fingerprint is not {fingerprint}")]
    Fingerprint { kernel: String, range: Range, fingerprint: Fingerprint },
}

/// A message from the coordinator; `None` if it says nothing that this worker understands.
pub fn from_coordinator(message: v1::CoordinatorMessage) -> Option<FromCoordinator<Evaluation>> {
    use coordinator_message::Kind;
    Some(match message.kind? {
        Kind::Welcome(message) => FromCoordinator::Welcome(welcome(message)),
        Kind::DescribeJob(message) => FromCoordinator::Job {
            id: JobId(message.job_id),
            job: job(message).map(Arc::new).map_err(|error| error.to_string()),
        },
        Kind::JobEnded(message) => FromCoordinator::JobEnded { id: JobId(message.job_id) },
        Kind::Lease(message) => FromCoordinator::Lease(Lease {
            id: codec::lease_id(message.id).ok()?,
            job: JobId(message.job_id),
            fingerprint: Fingerprint::from_slice(&message.fingerprint),
            chunks: codec::chunk_run(message.chunks?).ok()?,
        }),
        Kind::ReturnChunks(message) => FromCoordinator::ReturnChunks {
            lease: codec::lease_id(message.lease).ok()?,
            chunks: codec::chunk_run(message.chunks?).ok()?,
        },
        Kind::StopLease(message) => FromCoordinator::StopLease { lease: codec::lease_id(message.lease).ok()? },
        Kind::ShutDown(_) => FromCoordinator::ShutDown,
    })
}

fn welcome(message: v1::Welcome) -> Welcome {
    Welcome {
        worker: WorkerId(message.worker_id),
        incarnation: Incarnation(message.incarnation),
        heartbeat: Duration::from_millis(message.heartbeat_interval_ms),
        // Malformed entries are ignored.
        resumed: message.resumed.into_iter().filter_map(|resumed| codec::resumed_lease(resumed).ok()).collect(),
    }
}

fn job(message: v1::DescribeJob) -> Result<Job, JobError> {
    let layout = codec::layout(message.layout)?;
    let spec = message.spec.ok_or(CodecError::Missing("job"))?;
    let mut evaluation = None;
    let spec = codec::job_spec(spec, |request| {
        let bound = Evaluation::bind(request)?;
        let kernel = bound.layouts().kernel;
        evaluation = Some(bound);
        Ok::<_, JobError>(Layouts { kernel, results: layout })
    })?;
    let fingerprint = swath_proto::fingerprint(&spec);
    if Fingerprint::from_slice(&message.fingerprint) != Some(fingerprint) {
        return Err(JobError::Fingerprint { range: spec.range(), kernel: spec.kernel, fingerprint });
    }
    let evaluation = evaluation.ok_or(CodecError::Missing("job"))?;
    if *evaluation.layout() != spec.layout {
        let (expected, got) = (spec.layout.to_string(), evaluation.layout().to_string());
        return Err(JobError::Layout { kernel: spec.kernel, expected, got });
    }
    Ok(Job {
        id: JobId(message.job_id),
        fingerprint,
        chunks: spec.chunks,
        bounds: spec.layout.block_bounds(spec.chunk_size),
        kernel: evaluation,
    })
}

/// A message to the coordinator, of a worker that describes itself as `info`.
pub fn to_coordinator(message: ToCoordinator, info: &WorkerInfo) -> v1::WorkerMessage {
    let kind = match message {
        ToCoordinator::Hello { former, offers } => Kind::Hello(v1::Hello {
            protocol_version: PROTOCOL_VERSION,
            program_version: info.program_version.clone(),
            name: info.name.clone(),
            host: info.host.clone(),
            process_id: info.process_id,
            threads: info.threads,
            offers: offers.iter().map(codec::resume_offer_to_proto).collect(),
            former: former
                .map(|(incarnation, worker)| v1::FormerWorker { incarnation: incarnation.0, worker_id: worker.0 }),
        }),
        ToCoordinator::Heartbeat { received } => Kind::Heartbeat(v1::Heartbeat { received }),
        ToCoordinator::LeaseComputed { lease, busy } => Kind::LeaseComputed(v1::LeaseComputed {
            lease: Some(codec::lease_id_to_proto(lease)),
            busy_nanos: swath_model::nanos(busy),
        }),
        ToCoordinator::ChunksReturned { lease, chunks } => Kind::ChunksReturned(v1::ChunksReturned {
            lease: Some(codec::lease_id_to_proto(lease)),
            chunks: chunks.map(codec::chunk_run_to_proto),
        }),
        ToCoordinator::ChunkFailed { lease, chunk, number, reason } => {
            Kind::ChunkFailed(v1::ChunkFailed { lease: Some(codec::lease_id_to_proto(lease)), chunk, number, reason })
        }
        ToCoordinator::Leaving => Kind::Leaving(v1::Leaving {}),
    };
    v1::WorkerMessage { kind: Some(kind) }
}

/// A block on its way.
pub fn upload_block(upload: &Upload<Evaluation>, block: Encoded) -> v1::UploadBlock {
    let job = &*upload.job;
    v1::UploadBlock {
        lease: Some(codec::lease_id_to_proto(upload.lease)),
        job_id: job.id.0,
        first: job.chunks.range().at(upload.offsets.start()).unwrap_or_default(),
        numbers: upload.offsets.len(),
        parquet: block.parquet,
        fingerprint: codec::fingerprint_to_proto(job.fingerprint),
        digest: block.digest,
    }
}
