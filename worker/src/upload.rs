//! Blocks to the coordinator, within a memory bound.
//!
//! A block is kept until it is acknowledged. When the connection breaks, it is sent again in the next session, under the
//! lease that its numbers are then held under. One whose chunks are held no longer is dropped.

use std::{
    collections::VecDeque,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use futures::stream;
use swath_model::OffsetRun;
use swath_proto::{
    MAX_MESSAGE_BYTES,
    v1::{self, workers_client::WorkersClient},
};
use tokio::{
    runtime::Handle,
    sync::{Notify, OwnedSemaphorePermit, Semaphore},
};
use tonic::{Status, transport::Channel};
use tracing::{debug, info};

use crate::{
    compute::Encoded,
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
    offsets: OffsetRun,
    block: Encoded,
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
    pub(crate) fn send(&self, lease: &Arc<Lease>, offsets: OffsetRun, block: Encoded) {
        let shared = &*self.0;
        let units = u32::try_from(block.parquet.len().div_ceil(UNIT)).unwrap_or(u32::MAX).min(shared.units);
        if let Ok(room) = shared.runtime.block_on(Arc::clone(&shared.room).acquire_many_owned(units)) {
            let lease = Arc::clone(lease);
            shared.lock().blocks.push_back(Waiting { lease, offsets, block, _room: room });
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
                debug!(outcome = receipt.outcome().as_str_name(), "the coordinator did not keep a block");
            }
            self.settle_first()?;
        }
        Ok(())
    }

    /// What the coordinator still wants is known by now; the rest of what waits goes, and with it the room that it takes.
    fn begin_session(&self) -> u64 {
        let mut outgoing = self.0.lock();
        outgoing.sent = 0;
        outgoing.session += 1;
        let before = outgoing.blocks.len();
        outgoing.blocks.retain(|block| self.0.queue.claim(&block.lease, block.offsets).is_some());
        let dropped = before - outgoing.blocks.len();
        if dropped > 0 {
            info!(blocks = dropped, "blocks of former sessions are not wanted any more");
        }
        let session = outgoing.session;
        drop(outgoing);
        // The stream of the session before, if it still waits, sees that it is over.
        self.0.wake.notify_one();
        session
    }

    /// Receipts come in the order of the blocks.
    fn settle_first(&self) -> Result<(), Status> {
        let settled = {
            let mut outgoing = self.0.lock();
            let Some(left) = outgoing.sent.checked_sub(1) else {
                return Err(Status::internal("the coordinator sent a receipt for a block that it was not sent"));
            };
            outgoing.sent = left;
            outgoing.blocks.pop_front()
        };
        if let Some(block) = settled {
            self.0.queue.settle(&block.lease, block.offsets);
        }
        Ok(())
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
            match self.queue.claim(&next.lease, next.offsets) {
                Some(id) => {
                    let block = convert::upload_block(id, &next.lease, next.offsets, next.block.clone());
                    outgoing.sent += 1;
                    return Some(block);
                }
                // It is not wanted any more.
                None => drop(outgoing.blocks.remove(outgoing.sent)),
            }
        }
        None
    }

    fn lock(&self) -> MutexGuard<'_, Outgoing> {
        self.outgoing.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use swath_model::{ChunkRun, ChunkSet, Incarnation, LeaseId, OffsetSet, ResumedLease, Run};

    use super::*;
    use crate::queue::tests::lease;

    const BLOCK: usize = 3 * UNIT;

    fn run<R: Run>(start: u64, end: u64) -> R {
        R::new(start, end).unwrap()
    }

    fn next_id() -> LeaseId {
        LeaseId { incarnation: Incarnation(2), sequence: 1 }
    }

    fn granted(chunks: impl IntoIterator<Item = ChunkRun>) -> Vec<ResumedLease> {
        let lease = LeaseId { incarnation: Incarnation(1), sequence: 1 };
        vec![ResumedLease {
            lease,
            next: next_id(),
            chunks: chunks.into_iter().collect::<ChunkSet>(),
            again: OffsetSet::new(),
        }]
    }

    /// Lease 1-1 of 30 chunks of ten numbers is computed, and its session is over. Its blocks are of the chunks 0 to 8, 8 to
    /// 16, 16 to 24 and 24 to 30.
    async fn computed() -> (Arc<Queue>, Uploader) {
        let queue = Arc::new(Queue::new(1));
        let uploader = Uploader::new(Arc::clone(&queue), 1 << 20);
        queue.push(lease(1, 1000, 10, run(0, 30)));
        let (tasks, sender) = (Arc::clone(&queue), uploader.clone());
        let compute = move || {
            for _ in 0..4 {
                let task = tasks.take().unwrap();
                let parquet = vec![0; BLOCK].into();
                sender.send(&task.lease, task.offsets, Encoded { parquet, digest: 0 });
                tasks.finish(task);
            }
        };
        tokio::task::spawn_blocking(compute).await.unwrap();
        assert_eq!(queue.offer()[0].offsets, [run(0, 300)]);
        (queue, uploader)
    }

    /// What a session sends without waiting.
    fn sent(uploader: &Uploader) -> Vec<(u64, Option<v1::LeaseId>, i64)> {
        uploader.begin_session();
        let shared = &uploader.0;
        let next = || shared.take(&mut shared.lock());
        std::iter::from_fn(next).map(|block| (block.job_id, block.lease, block.first)).collect()
    }

    fn blocks_kept(uploader: &Uploader) -> usize {
        let shared = &uploader.0;
        (shared.units as usize - shared.room.available_permits()) * UNIT / BLOCK
    }

    #[tokio::test]
    async fn blocks_of_a_lease_that_was_not_granted_go_and_make_room() {
        let (queue, uploader) = computed().await;
        assert_eq!(blocks_kept(&uploader), 4);
        queue.resume(Vec::new());
        // The coordinator that comes next was given an older copy of its data, and counts as the one before it did.
        queue.push(lease(1, 1000, 10, run(0, 30)));
        uploader.begin_session();
        assert_eq!(blocks_kept(&uploader), 0);
        assert_eq!(sent(&uploader), []);
        assert_eq!(queue.offer()[0].offsets, [run(0, 300)], "nothing of the new lease is done");
    }

    #[tokio::test]
    async fn blocks_go_on_under_the_lease_that_was_granted() {
        let (queue, uploader) = computed().await;
        queue.resume(granted([run(8, 24)]));
        let next = Some(v1::LeaseId { incarnation: 2, sequence: 1 });
        assert_eq!(sent(&uploader), [(1, next, 81), (1, next, 161)]);
        assert_eq!(blocks_kept(&uploader), 2);
        uploader.settle_first().unwrap();
        uploader.settle_first().unwrap();
        assert!(queue.is_empty());
        assert!(uploader.settle_first().is_err(), "a receipt for nothing");
    }

    #[tokio::test]
    async fn a_block_with_chunks_that_were_not_granted_goes_and_the_others_of_it_are_computed_again() {
        let (queue, uploader) = computed().await;
        queue.resume(granted([run(0, 10), run(12, 16), run(25, 30)]));
        assert_eq!(sent(&uploader).iter().map(|(_, _, first)| *first).collect::<Vec<_>>(), [1]);
        assert_eq!(blocks_kept(&uploader), 1);
        let again = [(); 3].map(|()| queue.take().unwrap().offsets);
        assert_eq!(again, [run(80, 100), run(120, 160), run(250, 300)]);
    }

    #[tokio::test]
    async fn blocks_of_a_lease_that_ended_meanwhile_are_not_sent() {
        let (queue, uploader) = computed().await;
        queue.resume(granted([run(0, 30)]));
        uploader.begin_session();
        queue.stop(next_id());
        let shared = &uploader.0;
        assert!(shared.take(&mut shared.lock()).is_none());
        assert_eq!(blocks_kept(&uploader), 0);
    }
}
