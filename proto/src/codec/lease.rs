//! Leases, runs, and work that goes on from session to session.

use swath_model::{
    ChunkRun, Fingerprint, Incarnation, JobId, LeaseId, OffsetRun, OffsetSet, ResumeOffer, ResumedLease,
};

use super::CodecError;
use crate::v1;

/// The id of a lease.
///
/// # Errors
/// [`CodecError::Missing`].
pub fn lease_id(message: Option<v1::LeaseId>) -> Result<LeaseId, CodecError> {
    let message = message.ok_or(CodecError::Missing("lease"))?;
    Ok(LeaseId { incarnation: Incarnation(message.incarnation), sequence: message.sequence })
}

/// The id of a lease as a message.
pub fn lease_id_to_proto(lease: LeaseId) -> v1::LeaseId {
    v1::LeaseId { incarnation: lease.incarnation.0, sequence: lease.sequence }
}

/// A run of chunks.
///
/// # Errors
/// [`CodecError::Run`].
pub fn chunk_run(message: v1::ChunkRun) -> Result<ChunkRun, CodecError> {
    ChunkRun::from_start(message.start, message.count).ok_or(CodecError::Run("chunks"))
}

/// A run of chunks as a message.
pub fn chunk_run_to_proto(run: ChunkRun) -> v1::ChunkRun {
    v1::ChunkRun { start: run.start(), count: run.len() }
}

/// A run of offsets.
///
/// # Errors
/// [`CodecError::Run`].
pub fn offset_run(message: v1::OffsetRun) -> Result<OffsetRun, CodecError> {
    OffsetRun::from_start(message.start, message.count).ok_or(CodecError::Run("offsets"))
}

/// A run of offsets as a message.
pub fn offset_run_to_proto(run: OffsetRun) -> v1::OffsetRun {
    v1::OffsetRun { start: run.start(), count: run.len() }
}

/// A fingerprint as a message.
pub fn fingerprint_to_proto(fingerprint: Fingerprint) -> bytes::Bytes {
    bytes::Bytes::copy_from_slice(&fingerprint.0)
}

/// What a worker still has in flight.
///
/// # Errors
/// [`CodecError::Missing`], [`CodecError::Run`].
pub fn resume_offer(message: v1::ResumeOffer) -> Result<ResumeOffer, CodecError> {
    Ok(ResumeOffer {
        lease: lease_id(message.lease)?,
        job: JobId(message.job_id),
        fingerprint: Fingerprint::from_slice(&message.fingerprint),
        offsets: message.offsets.into_iter().map(offset_run).collect::<Result<OffsetSet, _>>()?,
    })
}

/// The same as a message.
pub fn resume_offer_to_proto(offer: &ResumeOffer) -> v1::ResumeOffer {
    v1::ResumeOffer {
        lease: Some(lease_id_to_proto(offer.lease)),
        job_id: offer.job.0,
        offsets: offer.offsets.iter().map(offset_run_to_proto).collect(),
        fingerprint: offer.fingerprint.map(fingerprint_to_proto).unwrap_or_default(),
    }
}

/// Work in flight that goes on.
///
/// # Errors
/// [`CodecError::Missing`], [`CodecError::Run`].
pub fn resumed_lease(message: v1::ResumedLease) -> Result<ResumedLease, CodecError> {
    Ok(ResumedLease {
        lease: lease_id(message.lease)?,
        next: lease_id(message.next)?,
        chunks: message.chunks.into_iter().map(chunk_run).collect::<Result<_, _>>()?,
        again: message.again.into_iter().map(offset_run).collect::<Result<_, _>>()?,
    })
}

/// The same as a message.
pub fn resumed_lease_to_proto(resumed: &ResumedLease) -> v1::ResumedLease {
    v1::ResumedLease {
        lease: Some(lease_id_to_proto(resumed.lease)),
        next: Some(lease_id_to_proto(resumed.next)),
        chunks: resumed.chunks.iter().map(chunk_run_to_proto).collect(),
        again: resumed.again.iter().map(offset_run_to_proto).collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn work_in_flight_is_read_as_it_was_written() {
        let lease = |sequence| LeaseId { incarnation: Incarnation(u64::MAX), sequence };
        let runs = [OffsetRun::new(0, 5).unwrap(), OffsetRun::new(9, u64::MAX).unwrap()];
        let offer = ResumeOffer {
            lease: lease(1),
            job: JobId(3),
            fingerprint: Some(Fingerprint([7; 16])),
            offsets: runs.into_iter().collect(),
        };
        assert_eq!(resume_offer(resume_offer_to_proto(&offer)), Ok(offer.clone()));
        let nameless = v1::ResumeOffer { fingerprint: vec![1, 2].into(), ..resume_offer_to_proto(&offer) };
        assert_eq!(resume_offer(nameless), Ok(ResumeOffer { fingerprint: None, ..offer }));
        let resumed = ResumedLease {
            lease: lease(1),
            next: lease(2),
            chunks: ChunkRun::one(4).into(),
            again: OffsetRun::new(40, 45).unwrap().into(),
        };
        assert_eq!(resumed_lease(resumed_lease_to_proto(&resumed)), Ok(resumed));
    }

    #[test]
    fn a_run_that_cannot_be_is_refused() {
        for (start, count) in [(0, 0), (u64::MAX, 1), (5, u64::MAX)] {
            assert_eq!(chunk_run(v1::ChunkRun { start, count }), Err(CodecError::Run("chunks")));
            assert_eq!(offset_run(v1::OffsetRun { start, count }), Err(CodecError::Run("offsets")));
        }
        assert_eq!(lease_id(None).unwrap_err().to_string(), "the message has no lease");
    }
}
