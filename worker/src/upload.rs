//! Blocks to the coordinator, within a memory bound.
//!
//! A block is kept until it is acknowledged. When the connection breaks, it is sent again in the next session, under the
//! lease that its numbers are then held under.

use std::{
    collections::VecDeque,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use bytes::Bytes;
use futures::stream;
use swath_proto::{
    MAX_MESSAGE_BYTES,
    v1::{self, workers_client::WorkersClient},
};
use swath_scheduler::Run;
use tokio::{
    runtime::Handle,
    sync::{Notify, OwnedSemaphorePermit, Semaphore},
};
use tonic::{Status, transport::Channel};
use tracing::debug;

use crate::{
    convert,
    queue::{Lease, Queue},
};

const UNIT: usize = 1 << 10;

/// Takes blocks from threads that compute; when its memory is full, they wait.
#[derive(Clone)]
pub(crate) struct Uploader(Arc<Shared>);

struct Shared {
    queue: Arc<Queue>,
    room: Arc<Semaphore>,
    units: u32,
    outgoing: Mutex<Outgoing>,
    wake: Notify,
    runtime: Handle,
}

#[derive(Default)]
struct Outgoing {
    blocks: VecDeque<Waiting>,
    /// How many of them, from the front, are on their way.
    sent: usize,
    /// The stream of an earlier session takes nothing any more.
    session: u64,
}

/// A block that waits for its receipt, and the room that it takes until then.
struct Waiting {
    lease: Arc<Lease>,
    offsets: Run,
    parquet: Bytes,
    _room: OwnedSemaphorePermit,
}

impl Uploader {
    /// An uploader with room for `bytes`.
    pub(crate) fn new(queue: Arc<Queue>, bytes: usize) -> Self {
        let units = u32::try_from(bytes.div_ceil(UNIT)).unwrap_or(u32::MAX).max(1);
        Self(Arc::new(Shared {
            queue,
            room: Arc::new(Semaphore::new(units as usize)),
            units,
            outgoing: Mutex::default(),
            wake: Notify::new(),
            runtime: Handle::current(),
        }))
    }

    /// Called by a thread that computes; waits for room. Once the uploader is closed, blocks are dropped.
    pub(crate) fn send(&self, lease: &Arc<Lease>, offsets: Run, parquet: Bytes) {
        let shared = &*self.0;
        let units = u32::try_from(parquet.len().div_ceil(UNIT)).unwrap_or(u32::MAX).min(shared.units);
        if let Ok(room) = shared.runtime.block_on(Arc::clone(&shared.room).acquire_many_owned(units)) {
            let lease = Arc::clone(lease);
            shared.lock().blocks.push_back(Waiting { lease, offsets, parquet, _room: room });
            shared.wake.notify_one();
        }
    }

    /// Lets threads that wait go on; what they bring is dropped.
    pub(crate) fn close(&self) {
        self.0.room.close();
    }

    /// Carries blocks until the session ends, those first that the session before had not delivered. An error says why
    /// the stream broke.
    pub(crate) async fn carry(&self, channel: Channel) -> Result<(), Status> {
        let session = self.begin_session();
        let shared = Arc::clone(&self.0);
        let blocks = stream::unfold(shared, move |shared| async move {
            let block = shared.next_block(session).await?;
            Some((block, shared))
        });
        let mut client = WorkersClient::new(channel).max_encoding_message_size(MAX_MESSAGE_BYTES);
        let mut receipts = client.upload(blocks).await?.into_inner();
        while let Some(receipt) = receipts.message().await? {
            if receipt.outcome() != v1::block_receipt::Outcome::Accepted {
                debug!(outcome = ?receipt.outcome(), "the coordinator did not keep a block");
            }
            self.settle_first();
        }
        Ok(())
    }

    fn begin_session(&self) -> u64 {
        let mut outgoing = self.0.lock();
        outgoing.sent = 0;
        outgoing.session += 1;
        let session = outgoing.session;
        drop(outgoing);
        // The stream of the session before, if it still waits, sees that it is over.
        self.0.wake.notify_one();
        session
    }

    /// Receipts come in the order of the blocks.
    fn settle_first(&self) {
        let settled = {
            let mut outgoing = self.0.lock();
            outgoing.sent = outgoing.sent.saturating_sub(1);
            outgoing.blocks.pop_front()
        };
        if let Some(block) = settled {
            self.0.queue.settle(block.lease.id, block.offsets);
        }
    }
}

impl Shared {
    /// The next block of a session, when there is one; `None` when the session is over.
    async fn next_block(&self, session: u64) -> Option<v1::UploadBlock> {
        loop {
            {
                let mut outgoing = self.lock();
                if outgoing.session != session {
                    // What woke this one was meant for the next.
                    self.wake.notify_one();
                    return None;
                }
                if let Some(block) = self.take(&mut outgoing) {
                    return Some(block);
                }
            }
            // A notification that came meanwhile is kept.
            self.wake.notified().await;
        }
    }

    fn take(&self, outgoing: &mut Outgoing) -> Option<v1::UploadBlock> {
        while let Some(next) = outgoing.blocks.get(outgoing.sent) {
            match self.queue.current_id(next.lease.id) {
                Some(id) => {
                    let block = convert::upload_block(id, &next.lease, next.offsets, next.parquet.clone());
                    outgoing.sent += 1;
                    return Some(block);
                }
                // The lease has ended.
                None => drop(outgoing.blocks.remove(outgoing.sent)),
            }
        }
        None
    }

    fn lock(&self) -> MutexGuard<'_, Outgoing> {
        self.outgoing.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
