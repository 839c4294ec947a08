//! Between the messages of the protocol and the types of the worker; in no other place.

use std::sync::atomic::AtomicBool;

use swath_model::{ChunkRun, Fingerprint, JobId, LeaseId, OffsetRun, Parameters, Range, ResumeOffer, ResumedLease};
use swath_proto::{
    MAX_IN_HAND, MAX_IN_HAND_RUNS,
    codec::{self, CodecError},
    v1::{self, worker_message::Kind},
};

use crate::{
    compute::Encoded,
    queue::{Computed, InHand, Lease},
};

/// A lease as the queue takes it; an error is a sentence that says what this worker cannot do.
pub(crate) fn lease(message: v1::Lease) -> Result<Lease, String> {
    let value_type = codec::value_type(message.value_type).map_err(|error| error.to_string())?;
    let id = codec::lease_id(message.id).map_err(|error| error.to_string())?;
    let spec = message.job.ok_or("the lease has no job")?;
    let resolve = |_: &str, _: &Parameters, _: Range| Ok::<_, CodecError>(value_type);
    let job = codec::job_spec(spec, resolve).map_err(|error| error.to_string())?;
    let fingerprint = swath_proto::fingerprint(&job);
    if Fingerprint::from_slice(&message.fingerprint) != Some(fingerprint) {
        return Err(format!(
            "the lease does not fit its job, {} over {}: its fingerprint is not {fingerprint}",
            job.kernel,
            job.range()
        ));
    }
    let chunks = job.chunks;
    let run = message.chunks.and_then(|run| codec::chunk_run(run).ok()).filter(|run| run.end() <= chunks.count());
    let run = run.ok_or("the lease has chunks that the job does not have")?;
    let kernel = swath_kernel::find(&job.kernel, &job.parameters).map_err(|error| error.to_string())?;
    let cancelled = AtomicBool::new(false);
    Ok(Lease { id, job_id: message.job_id, fingerprint, kernel, value_type, chunks, run, cancelled })
}

/// Work in hand, within the bounds of the protocol.
pub(crate) fn work_in_hand(offered: Vec<InHand>) -> Vec<v1::WorkInHand> {
    let offer = |in_hand: InHand| ResumeOffer {
        lease: in_hand.lease.id,
        job: JobId(in_hand.lease.job_id),
        fingerprint: Some(in_hand.lease.fingerprint),
        offsets: in_hand.offsets.into_iter().take(MAX_IN_HAND_RUNS).collect(),
    };
    offered.into_iter().take(MAX_IN_HAND).map(|in_hand| codec::resume_offer_to_proto(&offer(in_hand))).collect()
}

/// What goes on of it; malformed entries are ignored.
pub(crate) fn resumed(resumed: Vec<v1::ResumedLease>) -> Vec<ResumedLease> {
    resumed.into_iter().filter_map(|resumed| codec::resumed_lease(resumed).ok()).collect()
}

pub(crate) fn lease_id(id: Option<v1::LeaseId>) -> Option<LeaseId> {
    codec::lease_id(id).ok()
}

pub(crate) fn run(run: v1::ChunkRun) -> Option<ChunkRun> {
    codec::chunk_run(run).ok()
}

/// A block of a lease that goes by this id now.
pub(crate) fn upload_block(id: LeaseId, lease: &Lease, offsets: OffsetRun, block: Encoded) -> v1::UploadBlock {
    v1::UploadBlock {
        lease: Some(codec::lease_id_to_proto(id)),
        job_id: lease.job_id,
        first: lease.chunks.range().at(offsets.start()).unwrap_or_default(),
        numbers: offsets.len() as u32,
        parquet: block.parquet,
        fingerprint: codec::fingerprint_to_proto(lease.fingerprint),
        digest: block.digest,
    }
}

pub(crate) fn lease_computed(computed: &Computed) -> v1::WorkerMessage {
    say(Kind::LeaseComputed(v1::LeaseComputed {
        lease: Some(codec::lease_id_to_proto(computed.lease)),
        busy_nanos: u64::try_from(computed.busy.as_nanos()).unwrap_or(u64::MAX),
    }))
}

pub(crate) fn chunks_returned(lease: LeaseId, chunks: Option<ChunkRun>) -> v1::WorkerMessage {
    say(Kind::ChunksReturned(v1::ChunksReturned {
        lease: Some(codec::lease_id_to_proto(lease)),
        chunks: chunks.map(codec::chunk_run_to_proto),
    }))
}

pub(crate) fn chunk_failed(lease: LeaseId, chunk: u64, number: i64, reason: String) -> v1::WorkerMessage {
    say(Kind::ChunkFailed(v1::ChunkFailed { lease: Some(codec::lease_id_to_proto(lease)), chunk, number, reason }))
}

pub(crate) fn say(kind: Kind) -> v1::WorkerMessage {
    v1::WorkerMessage { kind: Some(kind) }
}
