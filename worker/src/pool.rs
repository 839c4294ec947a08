//! The threads that compute.

use std::{
    io,
    panic::{AssertUnwindSafe, catch_unwind},
    thread::JoinHandle,
};

use swath_worker_core::Slot;

use crate::{
    compute::{Computer, Product},
    work::Work,
};

/// Threads that compute until the worker has ended.
pub(crate) struct Pool {
    threads: Vec<JoinHandle<()>>,
}

impl Pool {
    pub(crate) fn start(threads: u32, work: &Work) -> io::Result<Self> {
        let start = |index| {
            let work = work.clone();
            std::thread::Builder::new().name(format!("compute-{index}")).spawn(move || drive_tasks(&work, Slot(index)))
        };
        Ok(Self { threads: (0..threads).map(start).collect::<io::Result<_>>()? })
    }

    /// Waits until all threads have left.
    pub(crate) fn join(self) {
        for thread in self.threads {
            // A thread that panicked has already logged that; nothing of it can be saved.
            let _ = thread.join();
        }
    }
}

fn drive_tasks(work: &Work, slot: Slot) {
    let mut computer = Computer::new();
    while let Some(task) = work.take(slot) {
        let compute = || {
            computer.compute(&task, &work.stop_of(slot), |product| match product {
                Product::Block { offsets, block } => work.deliver(slot, offsets, block),
                Product::Failed { chunk, number, reason } => work.fail(slot, chunk, number, reason),
            });
        };
        // A kernel that panics fails its chunk; whatever else panics must not leave chunks that nobody computes.
        let reason = match catch_unwind(AssertUnwindSafe(compute)) {
            Ok(()) => "the thread that computed it gave no result",
            Err(_) => {
                computer = Computer::new();
                "the worker panicked; its log says where"
            }
        };
        work.finish(slot, reason);
    }
}
