//! The threads that compute.

use std::{
    io,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::Arc,
    thread::JoinHandle,
};

use swath_model::ChunkRun;

use crate::{
    compute::{Computer, Product},
    convert,
    outbox::Outbox,
    queue::{Queue, Task},
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
        let compute = || {
            computer.compute(&task, |product| match product {
                Product::Block { offsets, block } => uploader.send(&task.lease, offsets, block),
                Product::Failed { chunk, number, reason } => {
                    if let Some(id) = queue.fail(&task.lease, chunk) {
                        outbox.say(convert::chunk_failed(id, chunk, number, reason));
                    }
                }
            });
        };
        // A kernel that panics fails its chunk; whatever else panics must not leave chunks that nobody computes.
        if catch_unwind(AssertUnwindSafe(compute)).is_err() {
            computer = Computer::new();
            fail(&task, queue, outbox);
        }
        if let Some(computed) = queue.finish(task) {
            outbox.say(convert::lease_computed(&computed));
        }
    }
}

/// The first chunk of the task has failed, and the others go back.
fn fail(task: &Task, queue: &Queue, outbox: &Outbox) {
    let chunks = task.lease.chunks;
    let (first, last) = (chunks.chunk_at(task.offsets.start()), chunks.chunk_at(task.offsets.end() - 1));
    let number = chunks.range().at(task.offsets.start()).unwrap_or_default();
    for chunk in first..=last {
        let Some(id) = queue.fail(&task.lease, chunk) else { return };
        outbox.say(if chunk == first {
            convert::chunk_failed(id, chunk, number, "the worker panicked; its log says where".to_owned())
        } else {
            convert::chunks_returned(id, Some(ChunkRun::one(chunk)))
        });
    }
}
