//! Blocks to the coordinator.

use futures::stream;
use swath_proto::{
    MAX_MESSAGE_BYTES, upload_request,
    v1::{self, workers_client::WorkersClient},
};
use swath_worker_core::SessionId;
use tonic::{Status, transport::Channel};
use tracing::debug;

use crate::work::{NextUpload, Work};

/// Carries blocks until the session ends, whose key this is. An error says why the stream broke.
pub(crate) async fn carry(work: &Work, session: SessionId, key: &str, channel: Channel) -> Result<(), Status> {
    let blocks = stream::unfold(work.clone(), move |work| async move {
        loop {
            match work.next_upload(session) {
                NextUpload::Block(block) => return Some((block, work)),
                // A notification that came meanwhile is kept.
                NextUpload::Wait(ready) => ready.notified().await,
                NextUpload::Over => return None,
            }
        }
    });
    let mut client = WorkersClient::new(channel).max_encoding_message_size(MAX_MESSAGE_BYTES);
    let mut receipts = client.upload(upload_request(key, blocks)?).await?.into_inner();
    while let Some(receipt) = receipts.message().await? {
        if receipt.outcome() != v1::block_receipt::Outcome::Accepted {
            debug!(outcome = receipt.outcome().as_str_name(), "the coordinator did not keep a block");
        }
        let settled = work.with(|core, now| core.handle_receipt(now, session));
        settled.map_err(|error| Status::internal(error.to_string()))?;
    }
    Ok(())
}
