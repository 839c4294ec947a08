//! Between the messages of the protocol and the types of the worker; in no other place.

use std::{collections::BTreeMap, sync::atomic::AtomicBool};

use swath_kernel::ValueType;
use swath_proto::{
    Fingerprint, MAX_IN_HAND, MAX_IN_HAND_RUNS,
    v1::{self, worker_message::Kind},
};
use swath_model::{Chunks, LeaseId, Range, Run};

use crate::{
    compute::Encoded,
    queue::{Computed, InHand, Lease, Resumed},
};

/// A lease as the queue takes it; an error is a sentence that says what this worker cannot do.
pub(crate) fn lease(message: v1::Lease) -> Result<Lease, String> {
    let value_type_said = message.value_type();
    let value_type = match value_type_said {
        v1::ValueType::Int64 => ValueType::Int64,
        v1::ValueType::Boolean => ValueType::Boolean,
        v1::ValueType::Decimal128 => ValueType::Decimal128,
        v1::ValueType::Unspecified => {
            return Err("the lease has a value type that this worker does not know".to_owned());
        }
    };
    let id = lease_id(message.id).ok_or("the lease has no id")?;
    let spec = message.job.ok_or("the lease has no job")?;
    let fingerprint = Fingerprint::of(&spec, value_type_said);
    if Fingerprint::from_bytes(&message.fingerprint) != Some(fingerprint) {
        let (kernel, first, last) = (&spec.kernel, spec.first, spec.last);
        return Err(format!(
            "the lease does not fit its job, {kernel} over {first}..={last}: its fingerprint is not {fingerprint}"
        ));
    }
    let range = Range::new(spec.first, spec.last).map_err(|error| error.to_string())?;
    let chunks = Chunks::new(range, spec.chunk_size).map_err(|error| error.to_string())?;
    let run = message.chunks.and_then(run).filter(|run| run.end <= chunks.count());
    let run = run.ok_or("the lease has chunks that the job does not have")?;
    let parameters: BTreeMap<_, _> = spec.parameters.clone().into_iter().collect();
    let kernel = swath_kernel::find(&spec.kernel, &parameters).map_err(|error| error.to_string())?;
    let cancelled = AtomicBool::new(false);
    Ok(Lease { id, job_id: message.job_id, fingerprint, kernel, value_type, chunks, run, cancelled })
}

/// Work in hand, within the bounds of the protocol.
pub(crate) fn work_in_hand(offered: Vec<InHand>) -> Vec<v1::WorkInHand> {
    let work = |in_hand: InHand| v1::WorkInHand {
        lease: Some(lease_id_to_proto(in_hand.lease.id)),
        job_id: in_hand.lease.job_id,
        fingerprint: in_hand.lease.fingerprint.to_bytes(),
        offsets: (in_hand.offsets.iter().take(MAX_IN_HAND_RUNS))
            .map(|run| v1::OffsetRun { start: run.start, count: run.len() })
            .collect(),
    };
    offered.into_iter().take(MAX_IN_HAND).map(work).collect()
}

/// What goes on of it; an answer that cannot be meant stands for nothing.
pub(crate) fn resumed(resumed: Vec<v1::ResumedLease>) -> Vec<Resumed> {
    let resume = |resumed: v1::ResumedLease| {
        let (lease, next) = (lease_id(resumed.lease)?, lease_id(resumed.next)?);
        let offsets = |run: v1::OffsetRun| Run::new(run.start, run.start.checked_add(run.count)?);
        let again = resumed.again.into_iter().filter_map(offsets).collect();
        Some(Resumed { lease, next, chunks: resumed.chunks.into_iter().filter_map(run).collect(), again })
    };
    resumed.into_iter().filter_map(resume).collect()
}

pub(crate) fn lease_id(id: Option<v1::LeaseId>) -> Option<LeaseId> {
    id.map(|id| LeaseId { incarnation: id.incarnation, sequence: id.sequence })
}

pub(crate) fn run(run: v1::ChunkRun) -> Option<Run> {
    Run::new(run.start, run.start.checked_add(run.count)?)
}

/// A block of a lease that goes by this id now.
pub(crate) fn upload_block(id: LeaseId, lease: &Lease, offsets: Run, block: Encoded) -> v1::UploadBlock {
    v1::UploadBlock {
        lease: Some(lease_id_to_proto(id)),
        job_id: lease.job_id,
        first: lease.chunks.range().at(offsets.start).unwrap_or_default(),
        numbers: offsets.len() as u32,
        parquet: block.parquet,
        fingerprint: lease.fingerprint.to_bytes(),
        digest: block.digest,
    }
}

pub(crate) fn lease_computed(computed: &Computed) -> v1::WorkerMessage {
    say(Kind::LeaseComputed(v1::LeaseComputed {
        lease: Some(lease_id_to_proto(computed.lease)),
        busy_nanos: u64::try_from(computed.busy.as_nanos()).unwrap_or(u64::MAX),
    }))
}

pub(crate) fn chunks_returned(lease: LeaseId, chunks: Option<Run>) -> v1::WorkerMessage {
    say(Kind::ChunksReturned(v1::ChunksReturned {
        lease: Some(lease_id_to_proto(lease)),
        chunks: chunks.map(|run| v1::ChunkRun { start: run.start, count: run.len() }),
    }))
}

pub(crate) fn chunk_failed(lease: LeaseId, chunk: u64, number: i64, reason: String) -> v1::WorkerMessage {
    say(Kind::ChunkFailed(v1::ChunkFailed { lease: Some(lease_id_to_proto(lease)), chunk, number, reason }))
}

pub(crate) fn say(kind: Kind) -> v1::WorkerMessage {
    v1::WorkerMessage { kind: Some(kind) }
}

fn lease_id_to_proto(lease: LeaseId) -> v1::LeaseId {
    v1::LeaseId { incarnation: lease.incarnation, sequence: lease.sequence }
}
