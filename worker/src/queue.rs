//! The leases that this worker holds, and what of them has not been begun.
//!
//! Threads take one block's worth of numbers at a time, in order. What has not been taken can be given back.

use std::{
    collections::VecDeque,
    sync::{
        Arc, Condvar, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};

use swath_block::MAX_ROWS;
use swath_kernel::{Kernel, ValueType};
use swath_scheduler::{Chunks, LeaseId, Run};

/// A lease is cut into at least this many blocks for each thread, so that threads finish it together.
const BLOCKS_PER_THREAD: u64 = 4;

/// What threads need to know of a lease.
#[derive(Debug)]
pub(crate) struct Lease {
    pub(crate) id: LeaseId,
    pub(crate) job_id: u64,
    pub(crate) kernel: Arc<dyn Kernel>,
    pub(crate) value_type: ValueType,
    pub(crate) chunks: Chunks,
    /// The chunks of the lease as it was given.
    pub(crate) run: Run,
    pub(crate) cancelled: AtomicBool,
}

impl Lease {
    pub(crate) fn is_cancelled(&self) -> bool {
        self.cancelled.load(Ordering::Relaxed)
    }
}

/// Numbers for one thread: one block, unless a number fails.
#[derive(Debug)]
pub(crate) struct Task {
    pub(crate) lease: Arc<Lease>,
    /// Offsets in the job's range: whole chunks, or one piece of a large chunk.
    pub(crate) offsets: Run,
}

/// A lease of which nothing is left to compute.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Computed {
    pub(crate) lease: LeaseId,
    pub(crate) busy: Duration,
}

/// What became of a request to give chunks back.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct GivenBack {
    pub(crate) chunks: Option<Run>,
    pub(crate) computed: Option<Computed>,
}

#[derive(Debug)]
pub(crate) struct Queue {
    threads: u64,
    state: Mutex<State>,
    wake: Condvar,
}

#[derive(Debug, Default)]
struct State {
    leases: VecDeque<Entry>,
    closed: bool,
}

#[derive(Debug)]
struct Entry {
    lease: Arc<Lease>,
    /// Offsets not yet taken.
    next: u64,
    end: u64,
    /// Rows that a block should have.
    rows: u64,
    /// Tasks that threads have in hand.
    in_hand: usize,
    begun: Option<Instant>,
}

impl Entry {
    fn is_computed(&self) -> bool {
        self.next == self.end && self.in_hand == 0
    }

    /// Takes the offsets of the next block.
    fn take(&mut self) -> Run {
        let chunks = self.lease.chunks;
        let limit = MAX_ROWS as u64;
        let chunk = chunks.chunk_at(self.next);
        let one = chunks.offsets(Run { start: chunk, end: chunk + 1 });
        let end = if one.len() > limit {
            // A piece: the same ones whoever computes the chunk.
            one.end.min(self.next.saturating_add(limit))
        } else {
            let last =
                chunks.chunk_at(self.next.saturating_add(self.rows.clamp(one.len(), limit) - 1).min(self.end - 1));
            let whole = chunks.offsets(Run { start: chunk, end: last + 1 });
            // The last chunk may reach over the limit: then the block ends before it.
            if whole.len() > limit { chunks.offsets(Run { start: chunk, end: last }).end } else { whole.end }
        };
        let taken = Run { start: self.next, end: end.min(self.end) };
        self.next = taken.end;
        taken
    }

    /// The first chunk of which nothing was taken.
    fn first_untouched(&self) -> u64 {
        if self.next == self.end {
            return self.lease.run.end;
        }
        let chunk = self.lease.chunks.chunk_at(self.next);
        let begin = self.lease.chunks.offsets(Run { start: chunk, end: chunk + 1 }).start;
        if begin == self.next { chunk } else { chunk + 1 }
    }
}

impl Queue {
    pub(crate) fn new(threads: u32) -> Self {
        Self { threads: u64::from(threads), state: Mutex::default(), wake: Condvar::new() }
    }

    pub(crate) fn push(&self, lease: Lease) {
        let offsets = lease.chunks.offsets(lease.run);
        let rows = offsets.len().div_ceil(self.threads * BLOCKS_PER_THREAD).max(1);
        let entry =
            Entry { lease: Arc::new(lease), next: offsets.start, end: offsets.end, rows, in_hand: 0, begun: None };
        self.lock().leases.push_back(entry);
        self.wake.notify_all();
    }

    /// The next task; waits for one. `None` when the queue is closed.
    pub(crate) fn take(&self) -> Option<Task> {
        let mut state = self.lock();
        loop {
            if state.closed {
                return None;
            }
            if let Some(entry) = state.leases.iter_mut().find(|entry| entry.next < entry.end) {
                entry.begun.get_or_insert_with(Instant::now);
                entry.in_hand += 1;
                return Some(Task { lease: Arc::clone(&entry.lease), offsets: entry.take() });
            }
            state = self.wake.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
    }

    /// A task is over, whatever came of it.
    pub(crate) fn finish(&self, task: &Task) -> Option<Computed> {
        let mut state = self.lock();
        let index = state.leases.iter().position(|entry| entry.lease.id == task.lease.id)?;
        state.leases[index].in_hand -= 1;
        state.remove_computed(index)
    }

    /// The lease has ended: stops it, what is being computed too.
    pub(crate) fn stop(&self, id: LeaseId) {
        let mut state = self.lock();
        if let Some(index) = state.leases.iter().position(|entry| entry.lease.id == id) {
            state.leases[index].lease.cancelled.store(true, Ordering::Relaxed);
            state.leases.remove(index);
        }
    }

    /// Gives back what was not begun of `chunks`, up to the end of the lease.
    pub(crate) fn give_back(&self, id: LeaseId, chunks: Run) -> GivenBack {
        let nothing = GivenBack { chunks: None, computed: None };
        let mut state = self.lock();
        let Some(index) = state.leases.iter().position(|entry| entry.lease.id == id) else { return nothing };
        let entry = &mut state.leases[index];
        let Some(end) = self.end_chunk(entry) else { return nothing };
        let Some(returned) = Run::new(entry.first_untouched().max(chunks.start), end) else { return nothing };
        entry.end = entry.lease.chunks.offsets(returned).start;
        let begun = entry.begun.is_some();
        let computed = state.remove_computed(index).filter(|_| begun);
        GivenBack { chunks: Some(returned), computed }
    }

    /// Gives back everything that was not begun; what is in hand goes on.
    pub(crate) fn give_all_back(&self) -> Vec<(LeaseId, GivenBack)> {
        let ids: Vec<(LeaseId, Run)> =
            self.lock().leases.iter().map(|entry| (entry.lease.id, entry.lease.run)).collect();
        let from_first_untouched = |(id, run): (LeaseId, Run)| {
            let untouched = {
                let state = self.lock();
                let entry = state.leases.iter().find(|entry| entry.lease.id == id)?;
                Run::new(entry.first_untouched().max(run.start), run.end)?
            };
            Some((id, self.give_back(id, untouched)))
        };
        ids.into_iter().filter_map(from_first_untouched).collect()
    }

    /// Nothing is left to compute and nothing in hand.
    pub(crate) fn is_empty(&self) -> bool {
        self.lock().leases.is_empty()
    }

    /// Stops everything: threads leave as soon as they look.
    pub(crate) fn close(&self) {
        let mut state = self.lock();
        state.closed = true;
        for entry in state.leases.drain(..) {
            entry.lease.cancelled.store(true, Ordering::Relaxed);
        }
        self.wake.notify_all();
    }

    /// One past the last chunk that was not given back yet.
    fn end_chunk(&self, entry: &Entry) -> Option<u64> {
        entry.end.checked_sub(1).map(|last| entry.lease.chunks.chunk_at(last) + 1)
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn remove_computed(&mut self, index: usize) -> Option<Computed> {
        if !self.leases[index].is_computed() {
            return None;
        }
        let entry = self.leases.remove(index)?;
        let busy = entry.begun.map_or(Duration::ZERO, |begun| begun.elapsed());
        Some(Computed { lease: entry.lease.id, busy })
    }
}

#[cfg(test)]
mod tests {
    use swath_kernel::Parameters;
    use swath_scheduler::Range;

    use super::*;

    fn lease(sequence: u64, last: i64, chunk_size: u64, run: Run) -> Lease {
        Lease {
            id: LeaseId { epoch: 1, sequence },
            job_id: 1,
            kernel: swath_kernel::find("square", &Parameters::new()).unwrap(),
            value_type: ValueType::Int64,
            chunks: Chunks::new(Range::new(1, last).unwrap(), chunk_size).unwrap(),
            run,
            cancelled: AtomicBool::new(false),
        }
    }

    fn run(start: u64, end: u64) -> Run {
        Run::new(start, end).unwrap()
    }

    fn take_all(queue: &Queue) -> Vec<Run> {
        let mut taken = Vec::new();
        while !queue.is_empty() {
            let task = queue.take().unwrap();
            taken.push(task.offsets);
            queue.finish(&task);
        }
        taken
    }

    #[test]
    fn blocks_are_whole_chunks_and_cover_the_lease() {
        let queue = Queue::new(2);
        queue.push(lease(1, 1000, 7, run(10, 100)));
        let taken = take_all(&queue);
        let chunks = lease(1, 1000, 7, run(10, 100)).chunks;
        assert!(taken.len() >= 8, "{taken:?}");
        assert_eq!(taken[0].start, chunks.offsets(run(10, 11)).start);
        assert_eq!(taken[taken.len() - 1].end, chunks.offsets(run(99, 100)).end);
        for (before, after) in taken.iter().zip(&taken[1..]) {
            assert_eq!(before.end, after.start);
            let chunk = chunks.chunk_at(after.start);
            assert_eq!(chunks.offsets(run(chunk, chunk + 1)).start, after.start);
        }
    }

    #[test]
    fn a_large_chunk_is_cut_into_the_same_pieces_by_any_number_of_threads() {
        let pieces = |threads| {
            let queue = Queue::new(threads);
            queue.push(lease(1, 10_000_000, 5_000_000, run(1, 2)));
            take_all(&queue)
        };
        assert_eq!(pieces(1), pieces(64));
        assert_eq!(pieces(1)[0], run(5_000_000, 5_000_000 + MAX_ROWS as u64));
        assert_eq!(pieces(1).len(), 5);
    }

    #[test]
    fn no_block_has_more_rows_than_a_block_may_have() {
        for chunk_size in [1, 3, 1000, 700_000, MAX_ROWS as u64 - 1, MAX_ROWS as u64, MAX_ROWS as u64 + 1] {
            let queue = Queue::new(1);
            let all = lease(1, 20_000_000, chunk_size, run(0, 1)).chunks.count();
            queue.push(lease(1, 20_000_000, chunk_size, run(0, all)));
            let taken = take_all(&queue);
            assert!(taken.iter().all(|block| block.len() <= MAX_ROWS as u64));
            assert_eq!(taken.iter().map(Run::len).sum::<u64>(), 20_000_000);
        }
    }

    #[test]
    fn only_what_was_not_begun_is_given_back() {
        let queue = Queue::new(1);
        queue.push(lease(1, 1000, 10, run(0, 100)));
        let first = queue.take().unwrap();
        assert_eq!(first.offsets, run(0, 250));
        assert_eq!(queue.give_back(first.lease.id, run(10, 100)).chunks, Some(run(25, 100)));
        assert_eq!(queue.give_back(first.lease.id, run(10, 100)).chunks, None);
        assert!(queue.finish(&first).is_some());
        assert!(queue.is_empty());
    }

    #[test]
    fn what_is_in_hand_goes_on_when_all_of_a_lease_is_asked_back_and_stops_when_it_ended() {
        let queue = Queue::new(1);
        queue.push(lease(1, 1000, 10, run(0, 100)));
        let first = queue.take().unwrap();
        assert_eq!(queue.give_back(first.lease.id, run(0, 100)).chunks, Some(run(25, 100)));
        assert!(!first.lease.is_cancelled());
        queue.stop(first.lease.id);
        assert!(first.lease.is_cancelled());
        assert_eq!(queue.finish(&first), None);
        assert!(queue.is_empty());
    }

    #[test]
    fn a_worker_that_leaves_keeps_only_what_is_in_hand() {
        let queue = Queue::new(1);
        queue.push(lease(1, 1000, 10, run(0, 50)));
        queue.push(lease(2, 1000, 10, run(50, 100)));
        let first = queue.take().unwrap();
        let back = queue.give_all_back();
        assert_eq!(back[0].1.chunks, Some(run(13, 50)));
        assert_eq!(back[1].1, GivenBack { chunks: Some(run(50, 100)), computed: None });
        assert!(queue.finish(&first).is_some());
        assert!(queue.is_empty());
    }
}
