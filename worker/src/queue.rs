//! The leases that this worker holds, and how far each is.
//!
//! Threads take one block's worth of numbers at a time, in order. What has not been taken can be given back. A number
//! stays in hand until the coordinator has acknowledged its block, so that after a connection broke, work in hand can go
//! on under another lease.
//!
//! Ids of leases are for the coordinator's messages alone. Within the worker a lease is its object: tasks and blocks hold
//! it, and find the entry of this very object or none, whatever ids a coordinator gives out.

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

use swath_model::{ChunkRun, Chunks, Fingerprint, LeaseId, OffsetRun, OffsetSet, ResumedLease};

/// A lease is cut into at least this many blocks for each thread, so that threads finish it together.
const BLOCKS_PER_THREAD: u64 = 4;

/// What threads need to know of a lease.
#[derive(Debug)]
pub(crate) struct Lease {
    /// As it was given, even where it goes on under another id.
    pub(crate) id: LeaseId,
    pub(crate) job_id: u64,
    /// What the job computes: with the same id, another coordinator's job may compute something else.
    pub(crate) fingerprint: Fingerprint,
    pub(crate) kernel: Arc<dyn Kernel>,
    pub(crate) value_type: ValueType,
    pub(crate) chunks: Chunks,
    /// The chunks of the lease as it was given.
    pub(crate) run: ChunkRun,
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
    pub(crate) offsets: OffsetRun,
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
    pub(crate) chunks: Option<ChunkRun>,
    pub(crate) computed: Option<Computed>,
}

/// What of a lease is in hand when a session begins.
#[derive(Debug)]
pub(crate) struct InHand {
    pub(crate) lease: Arc<Lease>,
    pub(crate) offsets: Vec<OffsetRun>,
}

/// What is to be said of work that goes on.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum News {
    /// These chunks failed or were lost since they were offered.
    Returned(LeaseId, ChunkRun),
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
    untaken: OffsetSet,
    /// Offsets that are neither acknowledged, nor failed, nor given back.
    in_hand: OffsetSet,
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
    fn take(&mut self) -> Option<OffsetRun> {
        let untaken = self.untaken.first()?;
        let chunks = self.lease.chunks;
        let limit = MAX_ROWS as u64;
        let chunk = chunks.chunk_at(untaken.start());
        let one = chunks.offsets(one(chunk));
        let end = if one.len() > limit {
            // A piece: the same ones whoever computes the chunk.
            let piece = (untaken.start() - one.start()) / limit;
            one.end().min(one.start().saturating_add((piece + 1).saturating_mul(limit)))
        } else {
            let far = untaken.start().saturating_add(self.rows.clamp(one.len(), limit) - 1);
            let last = chunks.chunk_at(far.min(untaken.end() - 1));
            let (first, last) = (one.start(), chunks.offsets(ChunkRun::one(last)));
            // The last chunk may reach over the limit: then the block ends before it.
            if last.end() - first > limit { last.start() } else { last.end() }
        };
        let taken = untaken.before(end)?;
        self.untaken.remove(taken);
        Some(taken)
    }

    /// The untouched chunks from this one on, up to the last that is left.
    fn untouched_from(&self, first: u64) -> Option<ChunkRun> {
        let chunks = self.lease.chunks;
        let last = self.untaken.last()?;
        // A chunk that is cut into pieces may be touched.
        let begin = chunks.chunk_at(last.start());
        let begin = if chunks.offsets(one(begin)).start() == last.start() { begin } else { begin + 1 };
        ChunkRun::new(begin.max(first), chunks.chunk_at(last.end() - 1) + 1)
    }

    fn drop_chunks(&mut self, run: ChunkRun) {
        let offsets = self.lease.chunks.offsets(run);
        self.untaken.remove(offsets);
        self.in_hand.remove(offsets);
    }

    /// These offsets are wanted, and nobody has them.
    fn compute_again(&mut self, offsets: OffsetRun) {
        self.untaken.insert(offsets);
        self.in_hand.insert(offsets);
        self.busy = None;
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

fn one(chunk: u64) -> ChunkRun {
    ChunkRun::one(chunk)
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

    /// A thread is done with a task, whatever came of it; its blocks may still wait to be acknowledged. A task is given
    /// out once and taken back once, so the count cannot go below zero.
    pub(crate) fn finish(&self, task: Task) -> Option<Computed> {
        let Task { lease, .. } = task;
        self.with(&lease, |entry| {
            entry.tasks -= 1;
            entry.report()
        })?
    }

    /// A block was acknowledged.
    pub(crate) fn settle(&self, lease: &Arc<Lease>, offsets: OffsetRun) {
        self.with(lease, |entry| entry.in_hand.remove(offsets));
    }

    /// A chunk has failed. Returns the id that its lease goes by now; `None` if it is no longer held.
    pub(crate) fn fail(&self, lease: &Arc<Lease>, chunk: u64) -> Option<LeaseId> {
        self.with(lease, |entry| {
            entry.drop_chunks(one(chunk));
            entry.failed.insert(chunk);
            entry.id
        })
    }

    /// The id under which a block of these offsets is to be sent. `None`: it is of no use, because its lease has ended or
    /// went on without some of its chunks. Those that are still wanted are then computed again, alone.
    pub(crate) fn claim(&self, lease: &Arc<Lease>, offsets: OffsetRun) -> Option<LeaseId> {
        let claimed = self.with(lease, |entry| {
            if entry.in_hand.contains_run(offsets) {
                return Ok(entry.id);
            }
            let wanted: Vec<OffsetRun> = entry.in_hand.intersection(offsets).collect();
            for &run in &wanted {
                entry.compute_again(run);
            }
            Err(!wanted.is_empty())
        })?;
        if claimed == Err(true) {
            self.wake.notify_all();
        }
        claimed.ok()
    }

    /// The lease has ended: stops it, what is being computed too.
    pub(crate) fn stop(&self, id: LeaseId) {
        let mut state = self.lock();
        let index = state.leases.iter().position(|entry| entry.id == id);
        if let Some(entry) = index.and_then(|index| state.leases.remove(index)) {
            entry.cancel();
        }
    }

    /// Gives back what was not begun of `chunks`, up to the end of the lease.
    pub(crate) fn give_back(&self, id: LeaseId, chunks: ChunkRun) -> GivenBack {
        let mut state = self.lock();
        let entry = state.leases.iter_mut().find(|entry| entry.id == id);
        let given_back = entry.and_then(|entry| {
            let returned = entry.untouched_from(chunks.start())?;
            entry.drop_chunks(returned);
            Some(GivenBack { chunks: Some(returned), computed: entry.report() })
        });
        state.remove_settled();
        given_back.unwrap_or(GivenBack { chunks: None, computed: None })
    }

    /// Gives back everything that was not begun; what is in hand goes on.
    pub(crate) fn give_all_back(&self) -> Vec<(LeaseId, GivenBack)> {
        let all: Vec<(LeaseId, ChunkRun)> =
            self.lock().leases.iter().map(|entry| (entry.id, entry.lease.run)).collect();
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
    pub(crate) fn resume(&self, mut resumed: Vec<ResumedLease>) -> Vec<News> {
        let mut state = self.lock();
        let mut news = Vec::new();
        for entry in &mut state.leases {
            let granted = resumed.iter().position(|resumed| resumed.lease == entry.lease.id);
            // Each grant is for one lease.
            let Some(resumed) = granted.map(|index| resumed.swap_remove(index)) else {
                entry.cancel();
                entry.in_hand = OffsetSet::new();
                continue;
            };
            entry.id = resumed.next;
            for unwanted in resumed.chunks.gaps(entry.lease.run) {
                entry.drop_chunks(unwanted);
            }
            let all = entry.lease.chunks.offsets(entry.lease.run);
            for again in resumed.again.iter().filter_map(|again| again.intersect(all)) {
                entry.compute_again(again);
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

    /// Changes the entry of this lease, if it is still held. Another lease is never changed for it, whatever its id.
    fn with<T>(&self, lease: &Arc<Lease>, change: impl FnOnce(&mut Entry) -> T) -> Option<T> {
        let mut state = self.lock();
        let entry = state.leases.iter_mut().find(|entry| Arc::ptr_eq(&entry.lease, lease))?;
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
pub(crate) mod tests;
