//! Between the messages of the protocol and the types of [`swath_model`], both ways; in no other place.
//!
//! `…_to_proto` cannot fail. What reads a message checks what every receiver must check, and says with a [`CodecError`]
//! what is wrong; bounds that only one side has are that side's.

mod error;
mod job;
mod lease;
mod status;

pub use error::CodecError;
pub(crate) use job::shape_to_proto;
pub use job::{
    artifact, artifact_to_proto, job_request, job_request_to_proto, job_spec, job_spec_to_proto, layout,
    layout_to_proto, program, program_to_proto,
};
pub use lease::{
    chunk_run, chunk_run_to_proto, fingerprint_to_proto, lease_id, lease_id_to_proto, offset_run, offset_run_to_proto,
    resume_offer, resume_offer_to_proto, resumed_lease, resumed_lease_to_proto,
};
pub use status::{
    failed_chunk, failed_chunks_to_proto, job_status, job_status_to_proto, worker_status, worker_status_to_proto,
};
