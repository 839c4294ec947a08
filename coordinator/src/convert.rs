//! Between the messages of the protocol and the types of the coordinator; in no other place.

use std::time::Duration;

use swath_console::{check_name, plain};
use swath_coordinator_core::{Join, Joined, PersistErrorKind, Refusal, Submit, ToWorker, Token};
use swath_evaluation::Evaluation;
use swath_model::{ChunkRun, Incarnation, JobId, JobSpec, LeaseId, ResumeOffer, WorkerId, WorkerInfo};
use swath_proto::{
    MAX_OFFERED_RUNS, MAX_OFFERS,
    codec::{self, CodecError},
    v1,
};
use swath_scheduler::Event;
use tonic::Status;

use crate::driver::Refused;

/// The longest name of a kernel, worker, host or parameter, in bytes.
const MAX_NAME: usize = 256;
/// The longest value of a parameter or reason of a failure, in bytes.
const MAX_TEXT: usize = 4096;
/// The most parameters of a job.
const MAX_PARAMETERS: usize = 64;
/// The most threads that a worker may say it has.
const MAX_THREADS: u32 = 65_536;

impl From<Refused> for Status {
    fn from(Refused(refusal): Refused) -> Self {
        let sentence = refusal.to_string();
        match refusal {
            Refusal::NoSuchJob(_) | Refusal::NoSuchWorker(_) => Self::not_found(sentence),
            Refusal::NotEnded(_) | Refusal::NotCancelled { .. } => Self::failed_precondition(sentence),
            Refusal::TooManyJobs { .. } | Refusal::TooManyWorkers { .. } | Refusal::NotScheduled(_) => {
                Self::resource_exhausted(sentence)
            }
            Refusal::TokenTaken(_) => Self::already_exists(sentence),
            Refusal::NotPersisted { error, .. } => match error.kind {
                PersistErrorKind::DiskFull => Self::resource_exhausted(sentence),
                PersistErrorKind::Failed => Self::internal(sentence),
            },
            Refusal::ShuttingDown => Self::unavailable(sentence),
        }
    }
}

/// A submit, checked before anything is stored.
pub(crate) fn submit(request: v1::SubmitRequest) -> Result<Submit, Status> {
    let token = token(&request.token)?;
    let spec = job_spec(request.spec)?;
    Ok(Submit { fingerprint: swath_proto::fingerprint(&spec), spec, token })
}

fn job_spec(spec: Option<v1::JobSpec>) -> Result<JobSpec, Status> {
    let spec = spec.ok_or_else(|| Status::invalid_argument("the request has no job"))?;
    check_text("the name of the kernel", &spec.kernel, MAX_NAME)?;
    if spec.parameters.len() > MAX_PARAMETERS {
        let count = spec.parameters.len();
        return Err(Status::invalid_argument(format!("{count} parameters are more than the {MAX_PARAMETERS} allowed")));
    }
    for (name, value) in &spec.parameters {
        check_text("the name of a parameter", name, MAX_NAME)?;
        check_text("the value of a parameter", value, MAX_TEXT)?;
    }
    // The condition and the reductions bound their texts themselves.
    let spec = codec::job_spec(spec, |request| Ok(Evaluation::bind(request).map_err(Invalid::Bind)?.layouts()));
    spec.map_err(|error: Invalid| Status::invalid_argument(error.to_string()))
}

/// Why a job is refused.
#[derive(Debug, thiserror::Error)]
enum Invalid {
    #[error(transparent)]
    Spec(#[from] CodecError),
    #[error(transparent)]
    Bind(swath_evaluation::BindError),
}

/// The token of a submit, if it has one.
fn token(bytes: &[u8]) -> Result<Option<Token>, Status> {
    if bytes.is_empty() {
        return Ok(None);
    }
    bytes.try_into().map(Some).map_err(|_| {
        Status::invalid_argument(format!(
            "the token of a submit has 16 random bytes, or none; this one has {}",
            bytes.len()
        ))
    })
}

/// The first message of a worker, checked.
pub(crate) fn join(message: Option<v1::WorkerMessage>, address: String) -> Result<Join, Status> {
    let Some(v1::worker_message::Kind::Hello(hello)) = message.and_then(|message| message.kind) else {
        return Err(Status::invalid_argument("a worker must say Hello first"));
    };
    let ours = swath_proto::PROTOCOL_VERSION;
    if hello.protocol_version != ours {
        return Err(Status::failed_precondition(format!(
            "the worker (swath {}) speaks version {} of the protocol and this coordinator (swath {}) version {ours}: \
             run the same swath on both",
            plain(&hello.program_version),
            hello.protocol_version,
            env!("CARGO_PKG_VERSION"),
        )));
    }
    check_label("the name of the worker", &hello.name)?;
    check_label("the host of the worker", &hello.host)?;
    check_label("the version of the worker", &hello.program_version)?;
    if hello.threads == 0 || hello.threads > MAX_THREADS {
        let threads = hello.threads;
        return Err(Status::invalid_argument(format!("{threads} threads; 1 to {MAX_THREADS} are allowed")));
    }
    let former = hello.former.map(|former| (Incarnation(former.incarnation), WorkerId(former.worker_id)));
    let offers = offers(hello.offers)?;
    let info = WorkerInfo {
        name: hello.name,
        host: hello.host,
        process_id: hello.process_id,
        threads: hello.threads,
        program_version: hello.program_version,
    };
    Ok(Join { info, address, former, offers })
}

fn offers(work: Vec<v1::ResumeOffer>) -> Result<Vec<ResumeOffer>, Status> {
    if work.len() > MAX_OFFERS || work.iter().any(|work| work.offsets.len() > MAX_OFFERED_RUNS) {
        return Err(Status::invalid_argument(format!(
            "a worker may offer {MAX_OFFERS} leases of {MAX_OFFERED_RUNS} runs each to go on with, and no more"
        )));
    }
    work.into_iter().map(|work| codec::resume_offer(work).map_err(|error| malformed(&error))).collect()
}

fn malformed(error: &CodecError) -> Status {
    Status::invalid_argument(error.to_string())
}

/// The answer to Hello, with the key for uploads of this session.
pub(crate) fn welcome(joined: &Joined, upload_key: &str) -> v1::CoordinatorMessage {
    let welcome = v1::Welcome {
        worker_id: joined.worker.0,
        heartbeat_interval_ms: u64::try_from(joined.heartbeat.as_millis()).unwrap_or(u64::MAX),
        resumed: joined.resumed.iter().map(codec::resumed_lease_to_proto).collect(),
        incarnation: joined.incarnation.0,
        upload_key: upload_key.to_owned(),
    };
    v1::CoordinatorMessage { kind: Some(v1::coordinator_message::Kind::Welcome(welcome)) }
}

/// A message of a worker about its leases, as an event for the scheduler; `None` for any other message.
pub(crate) fn worker_event(worker: WorkerId, message: v1::WorkerMessage) -> Result<Option<Event>, Status> {
    use v1::worker_message::Kind;
    let event = match message.kind {
        Some(Kind::LeaseComputed(computed)) => Event::LeaseComputed {
            worker,
            lease: lease_id(computed.lease)?,
            busy: Duration::from_nanos(computed.busy_nanos),
        },
        Some(Kind::ChunksReturned(returned)) => Event::ChunksReturned {
            worker,
            lease: lease_id(returned.lease)?,
            chunks: returned.chunks.map(run).transpose()?,
        },
        Some(Kind::ChunkFailed(mut failed)) => {
            truncate(&mut failed.reason);
            Event::ChunkFailed {
                worker,
                lease: lease_id(failed.lease)?,
                chunk: failed.chunk,
                number: failed.number,
                reason: failed.reason,
            }
        }
        Some(Kind::Hello(_)) => return Err(Status::invalid_argument("a worker says Hello only once")),
        Some(Kind::Heartbeat(_) | Kind::Leaving(_)) | None => return Ok(None),
    };
    Ok(Some(event))
}

pub(crate) fn to_worker(message: &ToWorker) -> v1::CoordinatorMessage {
    use v1::coordinator_message::Kind;
    let kind = match message {
        ToWorker::DescribeJob { job, spec, fingerprint } => Kind::DescribeJob(v1::DescribeJob {
            job_id: job.0,
            spec: Some(codec::job_spec_to_proto(spec)),
            layout: Some(codec::layout_to_proto(&spec.layout)),
            fingerprint: codec::fingerprint_to_proto(*fingerprint),
        }),
        ToWorker::JobEnded(job) => Kind::JobEnded(v1::JobEnded { job_id: job.0 }),
        ToWorker::Lease(assignment) => Kind::Lease(v1::Lease {
            id: Some(codec::lease_id_to_proto(assignment.lease)),
            chunks: Some(codec::chunk_run_to_proto(assignment.chunks)),
            job_id: assignment.job.0,
            fingerprint: codec::fingerprint_to_proto(assignment.fingerprint),
        }),
        ToWorker::ReturnChunks { lease, chunks } => Kind::ReturnChunks(v1::ReturnChunks {
            lease: Some(codec::lease_id_to_proto(*lease)),
            chunks: Some(codec::chunk_run_to_proto(*chunks)),
        }),
        ToWorker::StopLease { lease } => {
            Kind::StopLease(v1::StopLease { lease: Some(codec::lease_id_to_proto(*lease)) })
        }
        ToWorker::ShutDown => Kind::ShutDown(v1::ShutDown {}),
    };
    v1::CoordinatorMessage { kind: Some(kind) }
}

pub(crate) fn lease_id(lease: Option<v1::LeaseId>) -> Result<LeaseId, Status> {
    codec::lease_id(lease).map_err(|error| malformed(&error))
}

fn run(run: v1::ChunkRun) -> Result<ChunkRun, Status> {
    codec::chunk_run(run).map_err(|error| malformed(&error))
}

pub(crate) fn job_id(id: u64) -> JobId {
    JobId(id)
}

fn check_text(what: &str, text: &str, limit: usize) -> Result<(), Status> {
    if text.len() > limit {
        let length = text.len();
        return Err(Status::invalid_argument(format!("{what} has {length} bytes; at most {limit} are allowed")));
    }
    Ok(())
}

/// Checks a text of a worker that people see in lists and logs.
fn check_label(what: &str, text: &str) -> Result<(), Status> {
    check_name(text).map_err(|error| Status::invalid_argument(format!("{what} `{}` is refused: {error}", plain(text))))
}

fn truncate(text: &mut String) {
    if text.len() > MAX_TEXT {
        let end = (0..=MAX_TEXT).rev().find(|&end| text.is_char_boundary(end)).unwrap_or(0);
        text.truncate(end);
    }
}
