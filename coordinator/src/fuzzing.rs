//! What the fuzz targets reach of this crate; not for anybody else.
//!
//! Each function takes what a peer may send, and tells whether it was accepted.

use swath_model::{Fingerprint, WorkerId};
use swath_proto::{codec, v1};

use crate::{convert, services};

/// A ticket of Arrow Flight.
pub fn ticket(bytes: &[u8]) -> bool {
    services::flight::is_ticket(bytes)
}

/// A message of a worker, as the first of its session and as a later one.
pub fn worker_message(message: v1::WorkerMessage) -> bool {
    let joins = convert::join(Some(message.clone()), "192.0.2.1:7".to_owned()).is_ok();
    joins | convert::worker_event(WorkerId(1), message).is_ok()
}

/// A submit. If it is accepted, it has the same fingerprint when it is encoded and read again.
pub fn submit(request: v1::SubmitRequest) -> bool {
    let Ok(submit) = convert::submit(request) else { return false };
    let spec = Some(codec::job_spec_to_proto(&submit.spec));
    let sent_on = convert::submit(v1::SubmitRequest { spec, ..Default::default() });
    let same = sent_on.is_ok_and(|again| again.fingerprint == submit.fingerprint);
    assert!(same, "a job that was accepted is another one when it is sent on");
    true
}

/// The message around an uploaded block; its bytes are another target.
pub fn upload(upload: &v1::UploadBlock) -> bool {
    Fingerprint::from_slice(&upload.fingerprint).is_some() && convert::lease_id(upload.lease).is_ok()
}
