//! The threads that compute.

use std::{io, sync::Arc, thread::JoinHandle};

use crate::{
    compute::{Computer, Product},
    convert,
    queue::Queue,
    session::Outbox,
    upload::Uploader,
};

/// Threads that take tasks from a queue until it is closed.
pub(crate) struct Pool {
    threads: Vec<JoinHandle<()>>,
}

impl Pool {
    pub(crate) fn start(threads: u32, queue: &Arc<Queue>, uploader: &Uploader, outbox: &Outbox) -> io::Result<Self> {
        let start = |index| {
            let (queue, uploader, outbox) = (Arc::clone(queue), uploader.clone(), outbox.clone());
            std::thread::Builder::new()
                .name(format!("compute-{index}"))
                .spawn(move || drive_tasks(&queue, &uploader, &outbox))
        };
        Ok(Self { threads: (0..threads).map(start).collect::<io::Result<_>>()? })
    }

    /// Waits until all threads have left; the queue must be closed.
    pub(crate) fn join(self) {
        for thread in self.threads {
            // A thread that panicked has already said so; there is nothing to save of it.
            let _ = thread.join();
        }
    }
}

fn drive_tasks(queue: &Queue, uploader: &Uploader, outbox: &Outbox) {
    let mut computer = Computer::new();
    while let Some(task) = queue.take() {
        computer.compute(&task, |product| match product {
            Product::Block { offsets, parquet } => uploader.send(convert::upload_block(&task.lease, offsets, parquet)),
            Product::Failed { chunk, number, reason } => {
                outbox.say(convert::chunk_failed(task.lease.id, chunk, number, reason));
            }
        });
        if let Some(computed) = queue.finish(&task) {
            outbox.say(convert::lease_computed(&computed));
        }
    }
}
