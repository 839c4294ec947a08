//! The leases that this worker holds, and how far each is.
//!
//! Threads take one block's worth of numbers at a time, in order. What has not been taken can be given back. A number
//! stays in hand until the coordinator has acknowledged its block, so that after a connection broke, work in hand can go
//! on under another lease.

use std::{
    collections::{BTreeSet, VecDeque},
    sync::{
        Arc, Condvar, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};

use swath_block::MAX_ROWS;
use swath_kernel::{Kernel, ValueType};
use swath_proto::v1;
use swath_scheduler::{Chunks, IntervalSet, LeaseId, Run};

/// A lease is cut into at least this many blocks for each thread, so that threads finish it together.
const BLOCKS_PER_THREAD: u64 = 4;

/// What threads need to know of a lease.
#[derive(Debug)]
pub(crate) struct Lease {
    /// As it was given; it is known by this here even where it goes on under another id.
    pub(crate) id: LeaseId,
    pub(crate) job_id: u64,
    /// The job as it came, for the coordinator to recognise it.
    pub(crate) job: v1::JobSpec,
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

/// What of a lease is in hand when a session begins.
#[derive(Debug)]
pub(crate) struct InHand {
    pub(crate) lease: Arc<Lease>,
    pub(crate) offsets: Vec<Run>,
}

/// Work in hand that goes on.
#[derive(Debug)]
pub(crate) struct Resumed {
    /// As the lease was given.
    pub(crate) lease: LeaseId,
    /// The lease that it goes on under.
    pub(crate) next: LeaseId,
    /// The chunks that are still held.
    pub(crate) chunks: IntervalSet,
    /// Offsets of them that are not in hand any more, and are wanted again.
    pub(crate) again: Vec<Run>,
}

/// What is to be said of work that goes on.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum News {
    /// These chunks failed or were lost since they were offered.
    Returned(LeaseId, Run),
    Computed(Computed),
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
    /// The id that it goes by now.
    id: LeaseId,
    /// Offsets that no thread has taken yet.
    untaken: IntervalSet,
    /// Offsets that are neither acknowledged, nor failed, nor given back.
    in_hand: IntervalSet,
    /// Chunks that failed since the work in hand was last offered.
    failed: BTreeSet<u64>,
    /// Rows that a block should have.
    rows: u64,
    /// Tasks that threads compute.
    tasks: usize,
    begun: Option<Instant>,
    /// How long it took, once it is computed.
    busy: Option<Duration>,
}

impl Entry {
    fn is_computed(&self) -> bool {
        self.untaken.is_empty() && self.tasks == 0
    }

    /// Takes the offsets of the next block.
    fn take(&mut self) -> Option<Run> {
        let untaken = self.untaken.first()?;
        let chunks = self.lease.chunks;
        let limit = MAX_ROWS as u64;
        let chunk = chunks.chunk_at(untaken.start);
        let one = chunks.offsets(one(chunk));
        let end = if one.len() > limit {
            // A piece: the same ones whoever computes the chunk.
            let piece = (untaken.start - one.start) / limit;
            one.end.min(one.start.saturating_add((piece + 1).saturating_mul(limit)))
        } else {
            let far = untaken.start.saturating_add(self.rows.clamp(one.len(), limit) - 1);
            let last = chunks.chunk_at(far.min(untaken.end - 1));
            let whole = chunks.offsets(Run { start: chunk, end: last + 1 });
            // The last chunk may reach over the limit: then the block ends before it.
            if whole.len() > limit { chunks.offsets(Run { start: chunk, end: last }).end } else { whole.end }
        };
        let taken = Run { start: untaken.start, end: end.min(untaken.end) };
        self.untaken.remove(taken);
        Some(taken)
    }

    /// The untouched chunks from this one on, up to the last that is left.
    fn untouched_from(&self, first: u64) -> Option<Run> {
        let chunks = self.lease.chunks;
        let last = self.untaken.last()?;
        // A chunk that is cut into pieces may be touched.
        let begin = chunks.chunk_at(last.start);
        let begin = if chunks.offsets(one(begin)).start == last.start { begin } else { begin + 1 };
        Run::new(begin.max(first), chunks.chunk_at(last.end - 1) + 1)
    }

    fn drop_chunks(&mut self, run: Run) {
        let offsets = self.lease.chunks.offsets(run);
        self.untaken.remove(offsets);
        self.in_hand.remove(offsets);
    }

    /// Says once that all of it is computed.
    fn report(&mut self) -> Option<Computed> {
        if !self.is_computed() || self.busy.is_some() {
            return None;
        }
        let busy = self.begun.map_or(Duration::ZERO, |begun| begun.elapsed());
        self.busy = Some(busy);
        self.begun.map(|_| Computed { lease: self.id, busy })
    }

    fn cancel(&self) {
        self.lease.cancelled.store(true, Ordering::Relaxed);
    }
}

fn one(chunk: u64) -> Run {
    Run { start: chunk, end: chunk + 1 }
}

impl Queue {
    pub(crate) fn new(threads: u32) -> Self {
        Self { threads: u64::from(threads), state: Mutex::default(), wake: Condvar::new() }
    }

    pub(crate) fn push(&self, lease: Lease) {
        let offsets = lease.chunks.offsets(lease.run);
        let entry = Entry {
            id: lease.id,
            untaken: offsets.into(),
            in_hand: offsets.into(),
            failed: BTreeSet::new(),
            rows: offsets.len().div_ceil(self.threads * BLOCKS_PER_THREAD).max(1),
            tasks: 0,
            begun: None,
            busy: None,
            lease: Arc::new(lease),
        };
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
            for entry in &mut state.leases {
                if let Some(offsets) = entry.take() {
                    entry.begun.get_or_insert_with(Instant::now);
                    entry.tasks += 1;
                    return Some(Task { lease: Arc::clone(&entry.lease), offsets });
                }
            }
            state = self.wake.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
    }

    /// A thread is done with a task, whatever came of it; its blocks may still wait to be acknowledged.
    pub(crate) fn finish(&self, task: &Task) -> Option<Computed> {
        self.with(task.lease.id, |entry| {
            entry.tasks -= 1;
            entry.report()
        })?
    }

    /// A block was acknowledged, or is not wanted.
    pub(crate) fn settle(&self, lease: LeaseId, offsets: Run) {
        self.with(lease, |entry| entry.in_hand.remove(offsets));
    }

    /// A chunk has failed. Returns the id that its lease goes by now; `None` if it is no longer held.
    pub(crate) fn fail(&self, lease: LeaseId, chunk: u64) -> Option<LeaseId> {
        self.with(lease, |entry| {
            entry.drop_chunks(one(chunk));
            entry.failed.insert(chunk);
            entry.id
        })
    }

    /// The id that a lease goes by now; `None` if it is no longer held.
    pub(crate) fn current_id(&self, lease: LeaseId) -> Option<LeaseId> {
        self.lock().leases.iter().find(|entry| entry.lease.id == lease).map(|entry| entry.id)
    }

    /// The lease has ended: stops it, what is being computed too.
    pub(crate) fn stop(&self, id: LeaseId) {
        let mut state = self.lock();
        if let Some(index) = state.leases.iter().position(|entry| entry.id == id) {
            state.leases[index].cancel();
            state.leases.remove(index);
        }
    }

    /// Gives back what was not begun of `chunks`, up to the end of the lease.
    pub(crate) fn give_back(&self, id: LeaseId, chunks: Run) -> GivenBack {
        let mut state = self.lock();
        let entry = state.leases.iter_mut().find(|entry| entry.id == id);
        let given_back = entry.and_then(|entry| {
            let returned = entry.untouched_from(chunks.start)?;
            entry.drop_chunks(returned);
            Some(GivenBack { chunks: Some(returned), computed: entry.report() })
        });
        state.remove_settled();
        given_back.unwrap_or(GivenBack { chunks: None, computed: None })
    }

    /// Gives back everything that was not begun; what is in hand goes on.
    pub(crate) fn give_all_back(&self) -> Vec<(LeaseId, GivenBack)> {
        let all: Vec<(LeaseId, Run)> = self.lock().leases.iter().map(|entry| (entry.id, entry.lease.run)).collect();
        let mut given_back = Vec::new();
        for (id, run) in all {
            // A lease that went on may have gaps.
            loop {
                let back = self.give_back(id, run);
                if back.chunks.is_none() {
                    break;
                }
                given_back.push((id, back));
            }
        }
        given_back
    }

    /// What is in hand, to be offered to the coordinator of the next session.
    pub(crate) fn offer(&self) -> Vec<InHand> {
        let mut state = self.lock();
        let offer = |entry: &mut Entry| {
            entry.failed.clear();
            InHand { lease: Arc::clone(&entry.lease), offsets: entry.in_hand.iter().collect() }
        };
        state.leases.iter_mut().map(offer).collect()
    }

    /// Goes on with what the coordinator still wants of what was offered, and drops the rest.
    pub(crate) fn resume(&self, resumed: &[Resumed]) -> Vec<News> {
        let mut state = self.lock();
        let mut news = Vec::new();
        for entry in &mut state.leases {
            let Some(resumed) = resumed.iter().find(|resumed| resumed.lease == entry.lease.id) else {
                entry.cancel();
                entry.in_hand = IntervalSet::new();
                continue;
            };
            entry.id = resumed.next;
            for unwanted in resumed.chunks.gaps(entry.lease.run) {
                entry.drop_chunks(unwanted);
            }
            let all = entry.lease.chunks.offsets(entry.lease.run);
            for again in resumed.again.iter().filter_map(|again| again.intersect(all)) {
                entry.untaken.insert(again);
                entry.in_hand.insert(again);
                entry.busy = None;
            }
            let failed = entry.failed.iter().filter(|&&chunk| resumed.chunks.contains(chunk));
            news.extend(failed.map(|&chunk| News::Returned(entry.id, one(chunk))));
            if let Some(busy) = entry.busy {
                news.push(News::Computed(Computed { lease: entry.id, busy }));
            } else {
                news.extend(entry.report().map(News::Computed));
            }
        }
        state.leases.retain(|entry| !entry.lease.is_cancelled());
        state.remove_settled();
        self.wake.notify_all();
        news
    }

    /// Nothing is held: all is computed and acknowledged.
    pub(crate) fn is_empty(&self) -> bool {
        self.lock().leases.is_empty()
    }

    /// Stops everything: threads leave as soon as they look.
    pub(crate) fn close(&self) {
        let mut state = self.lock();
        state.closed = true;
        for entry in state.leases.drain(..) {
            entry.cancel();
        }
        self.wake.notify_all();
    }

    /// Changes the lease that was given under this id, if it is still held.
    fn with<T>(&self, lease: LeaseId, change: impl FnOnce(&mut Entry) -> T) -> Option<T> {
        let mut state = self.lock();
        let entry = state.leases.iter_mut().find(|entry| entry.lease.id == lease)?;
        let changed = change(entry);
        state.remove_settled();
        Some(changed)
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn remove_settled(&mut self) {
        self.leases.retain(|entry| !(entry.in_hand.is_empty() && entry.is_computed()));
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
            job: v1::JobSpec::default(),
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
            done(queue, &task);
        }
        taken
    }

    /// The task is computed and its block acknowledged.
    fn done(queue: &Queue, task: &Task) -> Option<Computed> {
        let computed = queue.finish(task);
        queue.settle(task.lease.id, task.offsets);
        computed
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
        assert!(done(&queue, &first).is_some());
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
        assert!(done(&queue, &first).is_some());
        assert!(queue.is_empty());
    }

    /// Chunks 0 to 30 of ten numbers; the first block was acknowledged, the second is computed, the third in hand.
    fn half_way() -> (Queue, Task) {
        let queue = Queue::new(1);
        queue.push(lease(1, 1000, 10, run(0, 30)));
        let tasks: Vec<Task> = (0..3).map(|_| queue.take().unwrap()).collect();
        assert_eq!(
            tasks.iter().map(|task| task.offsets).collect::<Vec<_>>(),
            [run(0, 80), run(80, 160), run(160, 240)]
        );
        done(&queue, &tasks[0]);
        queue.finish(&tasks[1]);
        (queue, tasks.into_iter().nth(2).unwrap())
    }

    fn resumed(chunks: impl IntoIterator<Item = Run>) -> Resumed {
        let id = |epoch, sequence| LeaseId { epoch, sequence };
        Resumed { lease: id(1, 1), next: id(2, 7), chunks: chunks.into_iter().collect(), again: Vec::new() }
    }

    #[test]
    fn what_is_in_hand_goes_on_under_another_lease() {
        let (queue, third) = half_way();
        let offered = queue.offer();
        assert_eq!(offered[0].offsets, [run(80, 300)]);
        assert_eq!(queue.resume(&[resumed([run(8, 30)])]), []);
        assert_eq!(queue.current_id(third.lease.id), Some(resumed([]).next));
        queue.settle(third.lease.id, run(80, 160));
        assert_eq!(done(&queue, &third), None);
        let fourth = queue.take().unwrap();
        assert_eq!(fourth.offsets, run(240, 300));
        assert_eq!(done(&queue, &fourth).map(|computed| computed.lease), Some(resumed([]).next));
        assert!(queue.is_empty());
    }

    #[test]
    fn what_is_not_wanted_any_more_is_dropped() {
        let (queue, third) = half_way();
        queue.offer();
        // Others have meanwhile computed the rest of the block in hand, and some of what waited.
        assert_eq!(queue.resume(&[resumed([run(8, 20), run(27, 30)])]), []);
        assert_eq!(queue.give_back(resumed([]).next, run(0, 30)).chunks, Some(run(27, 30)));
        queue.settle(third.lease.id, run(80, 160));
        assert!(!third.lease.is_cancelled());
        assert!(done(&queue, &third).is_some());
        assert!(queue.is_empty());
        let (queue, third) = half_way();
        queue.offer();
        assert_eq!(queue.resume(&[]), []);
        assert!(third.lease.is_cancelled() && queue.is_empty());
        assert_eq!(queue.finish(&third), None);
    }

    #[test]
    fn what_the_coordinator_has_lost_is_computed_again() {
        let queue = Queue::new(2);
        queue.push(lease(1, 10_000_000, 5_000_000, run(1, 2)));
        let piece = MAX_ROWS as u64;
        let begin = 5_000_000;
        let tasks: Vec<Task> = (0..5).map(|_| queue.take().unwrap()).collect();
        // The first two were acknowledged, and the coordinator has lost the second.
        done(&queue, &tasks[0]);
        done(&queue, &tasks[1]);
        queue.finish(&tasks[2]);
        assert_eq!(queue.offer()[0].offsets, [run(begin + 2 * piece, 10_000_000)]);
        let lost = run(begin + piece, begin + 2 * piece);
        assert_eq!(queue.resume(&[Resumed { again: vec![lost], ..resumed([run(1, 2)]) }]), []);
        let again = queue.take().unwrap();
        assert_eq!(again.offsets, lost);
        queue.settle(again.lease.id, tasks[2].offsets);
        done(&queue, &tasks[3]);
        done(&queue, &tasks[4]);
        assert_eq!(done(&queue, &again).map(|computed| computed.lease), Some(resumed([]).next));
        assert!(queue.is_empty());
    }

    #[test]
    fn what_failed_or_was_computed_between_the_sessions_is_said_again() {
        let (queue, third) = half_way();
        queue.offer();
        assert_eq!(queue.fail(third.lease.id, 17), Some(third.lease.id));
        queue.finish(&third);
        let fourth = queue.take().unwrap();
        assert!(queue.finish(&fourth).is_some());
        let next = resumed([]).next;
        let news = queue.resume(&[resumed([run(8, 30)])]);
        assert_eq!(news[0], News::Returned(next, run(17, 18)));
        assert!(matches!(&news[1..], [News::Computed(Computed { lease, .. })] if *lease == next), "{news:?}");
    }
}
