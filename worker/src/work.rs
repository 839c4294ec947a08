//! What goes on from session to session: leases, the threads that compute them, and blocks that wait.

use std::{io, sync::Arc};

use crate::{outbox::Outbox, pool::Pool, queue::Queue, upload::Uploader};

pub(crate) struct Work {
    pub(crate) queue: Arc<Queue>,
    pub(crate) uploader: Uploader,
    pub(crate) outbox: Outbox,
    pool: Pool,
}

impl Work {
    pub(crate) fn start(threads: u32, upload_bytes: usize) -> io::Result<Self> {
        let queue = Arc::new(Queue::new(threads));
        let uploader = Uploader::new(Arc::clone(&queue), upload_bytes);
        let outbox = Outbox::default();
        let pool = Pool::start(threads, &queue, &uploader, &outbox)?;
        Ok(Self { queue, uploader, outbox, pool })
    }

    /// Stops everything. All threads have left when this returns.
    pub(crate) async fn end(self) {
        self.queue.close();
        self.uploader.close();
        // The threads look up between steps of some milliseconds.
        let _ = tokio::task::spawn_blocking(|| self.pool.join()).await;
    }
}
