//! Blocks to the coordinator, within a memory bound.

use std::{
    collections::VecDeque,
    sync::{Arc, Mutex, PoisonError},
};

use swath_proto::{MAX_MESSAGE_BYTES, v1};
use tokio::{
    runtime::Handle,
    sync::{OwnedSemaphorePermit, Semaphore, mpsc},
};
use tokio_stream::{StreamExt, wrappers::UnboundedReceiverStream};
use tonic::{Status, transport::Channel};
use tracing::debug;

const UNIT: usize = 1 << 10;

/// Takes blocks from threads that compute; when its memory is full, they wait.
#[derive(Clone)]
pub(crate) struct Uploader {
    room: Arc<Semaphore>,
    units: u32,
    blocks: mpsc::UnboundedSender<Waiting>,
    runtime: Handle,
}

/// A block that waits for its receipt, and the room that it takes until then.
struct Waiting {
    block: v1::UploadBlock,
    room: OwnedSemaphorePermit,
}

/// The stream that carries the blocks.
pub(crate) struct Upload {
    channel: Channel,
    blocks: mpsc::UnboundedReceiver<Waiting>,
}

/// An uploader with room for `bytes`, and its stream.
pub(crate) fn open(channel: Channel, bytes: usize) -> (Uploader, Upload) {
    let units = u32::try_from(bytes.div_ceil(UNIT)).unwrap_or(u32::MAX).max(1);
    let (sender, blocks) = mpsc::unbounded_channel();
    let room = Arc::new(Semaphore::new(units as usize));
    (Uploader { room, units, blocks: sender, runtime: Handle::current() }, Upload { channel, blocks })
}

impl Uploader {
    /// Called by a thread that computes; waits for room. Once the upload has ended, blocks are dropped: their leases
    /// have ended with the session.
    pub(crate) fn send(&self, block: v1::UploadBlock) {
        let units = u32::try_from(block.parquet.len().div_ceil(UNIT)).unwrap_or(u32::MAX).min(self.units);
        if let Ok(room) = self.runtime.block_on(Arc::clone(&self.room).acquire_many_owned(units)) {
            let _ = self.blocks.send(Waiting { block, room });
        }
    }

    /// Nothing waits and nothing is on the way.
    pub(crate) fn is_idle(&self) -> bool {
        self.room.available_permits() == self.units as usize
    }

    /// Lets threads that wait go on; what they bring is dropped.
    pub(crate) fn close(&self) {
        self.room.close();
    }
}

impl Upload {
    /// Carries blocks until the session ends; an error says why the stream broke.
    pub(crate) async fn drive(self) -> Result<(), Status> {
        let on_the_way = Arc::new(Mutex::new(VecDeque::new()));
        let receipted = Arc::clone(&on_the_way);
        let lock = |queue: &Mutex<VecDeque<OwnedSemaphorePermit>>, act: &mut dyn FnMut(&mut VecDeque<_>)| {
            act(&mut queue.lock().unwrap_or_else(PoisonError::into_inner));
        };
        let blocks = UnboundedReceiverStream::new(self.blocks).map(move |waiting| {
            let mut room = Some(waiting.room);
            lock(&on_the_way, &mut |queue| queue.extend(room.take()));
            waiting.block
        });
        let mut client =
            v1::workers_client::WorkersClient::new(self.channel).max_encoding_message_size(MAX_MESSAGE_BYTES);
        let mut receipts = client.upload(blocks).await?.into_inner();
        while let Some(receipt) = receipts.message().await? {
            // Receipts come in the order of the blocks.
            lock(&receipted, &mut |queue| drop(queue.pop_front()));
            if receipt.outcome() != v1::block_receipt::Outcome::Accepted {
                debug!(outcome = ?receipt.outcome(), "the coordinator did not keep a block");
            }
        }
        Ok(())
    }
}
