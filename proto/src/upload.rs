//! How an upload names its session.

use tonic::{Request, Status};

use crate::v1::{self, coordinator_message::Kind};

/// The header of an upload that names its session: the `upload_key` of its Welcome.
pub const UPLOAD_KEY_HEADER: &str = "swath-upload-key";

/// The request of an upload with this key.
pub fn upload_request<T>(key: &str, blocks: T) -> Result<Request<T>, Status> {
    let mut request = Request::new(blocks);
    let key = key.parse().map_err(|_| Status::internal("the key for uploads is not plain text"))?;
    request.metadata_mut().insert(UPLOAD_KEY_HEADER, key);
    Ok(request)
}

/// The key in a Welcome; empty in any other message.
pub fn upload_key(message: &v1::CoordinatorMessage) -> String {
    match &message.kind {
        Some(Kind::Welcome(welcome)) => welcome.upload_key.clone(),
        _ => String::new(),
    }
}
