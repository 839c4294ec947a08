//! A worker: the leases that it holds, the threads that compute them, what it has not uploaded. It keeps to the rules
//! of the real one: threads take a block's worth at a time and in order, what they have not taken can be given back,
//! and what is in hand stops when its lease has ended.

mod in_hand;

use std::collections::VecDeque;
use std::time::Duration;

use swath_model::{ChunkRun, ChunkSet, Chunks, Instant, LeaseId, OffsetRun};

use crate::event::{Block, LeasedJob, SessionId, Token};
use crate::plan::{Machine, Plan, one};

#[derive(Debug)]
#[expect(clippy::struct_excessive_bools, reason = "what may befall a process, each independent of the others")]
pub(crate) struct Process {
    pub(crate) threads: u32,
    /// In percent.
    pub(crate) speed: u64,
    pub(crate) is_running: bool,
    /// Until when it does nothing, although it is there.
    pub(crate) stopped_until: Option<Instant>,
    pub(crate) session: Option<SessionId>,
    /// Whether the coordinator has answered in this session: nothing is sent before.
    pub(crate) is_welcome: bool,
    /// The session before.
    pub(crate) former: Option<SessionId>,
    pub(crate) is_leaving: bool,
    pub(crate) leases: VecDeque<Entry>,
    pub(crate) hands: Vec<Option<Hand>>,
    /// Blocks without a receipt.
    pub(crate) on_the_way: VecDeque<Block>,
    /// Blocks of an earlier session, to be sent in this one.
    pub(crate) kept: VecDeque<Block>,
    cuts_blocks: bool,
    piece: u64,
    blocks_per_thread: u64,
}

#[derive(Debug)]
pub(crate) struct Entry {
    pub(crate) lease: LeaseId,
    pub(crate) job: LeasedJob,
    pub(crate) chunks: Chunks,
    pub(crate) run: ChunkRun,
    next: u64,
    end: u64,
    rows: u64,
    in_hand: usize,
    begun: Option<Instant>,
    /// Of one that was resumed, which chunks it holds.
    granted: Option<ChunkSet>,
    /// Of one of an earlier session, which chunks are in hand.
    kept: ChunkSet,
}

/// What a thread is at.
#[derive(Debug)]
pub(crate) struct Hand {
    pub(crate) token: Token,
    pub(crate) lease: LeaseId,
    pub(crate) job: LeasedJob,
    pub(crate) offsets: OffsetRun,
    /// What came of it and is not sent yet; `None` while it computes.
    pub(crate) products: Option<VecDeque<Product>>,
}

#[derive(Clone, Copy, Debug)]
pub(crate) enum Product {
    Block(OffsetRun),
    Failed { chunk: u64, number: i64 },
}

/// What a worker answers to a request to give back.
#[derive(Debug)]
pub(crate) struct GivenBack {
    pub(crate) chunks: Option<ChunkRun>,
    /// How long the lease took, if it is computed now.
    pub(crate) computed: Option<Duration>,
}

impl Process {
    pub(crate) fn new(machine: &Machine, plan: &Plan) -> Self {
        Process {
            threads: machine.threads,
            speed: machine.speed,
            is_running: false,
            stopped_until: None,
            session: None,
            is_welcome: false,
            former: None,
            is_leaving: false,
            leases: VecDeque::new(),
            hands: (0..machine.threads).map(|_| None).collect(),
            on_the_way: VecDeque::new(),
            kept: VecDeque::new(),
            cuts_blocks: plan.cuts_blocks,
            piece: plan.piece,
            blocks_per_thread: plan.blocks_per_thread,
        }
    }

    /// Forgets all leases and stops what is in hand.
    pub(crate) fn clear(&mut self) {
        self.leases.clear();
        self.kept.clear();
        self.hands.iter_mut().for_each(|hand| *hand = None);
        self.is_leaving = false;
        self.session = None;
        self.is_welcome = false;
        self.former = None;
    }

    pub(crate) fn push(&mut self, lease: LeaseId, job: LeasedJob, run: ChunkRun) {
        let offsets = job.chunks.offsets(run);
        let rows = offsets.len().div_ceil(u64::from(self.threads) * self.blocks_per_thread).max(1);
        self.leases.push_back(Entry { rows, ..Entry::new(lease, job, run) });
    }

    /// The next task for a thread: its lease, its job and its offsets.
    pub(crate) fn take(&mut self, now: Instant) -> Option<(LeaseId, LeasedJob, OffsetRun)> {
        let piece = self.piece;
        let entry = self.leases.iter_mut().find(|entry| entry.next < entry.end)?;
        entry.begun.get_or_insert(now);
        entry.in_hand += 1;
        Some((entry.lease, entry.job, entry.take(piece)))
    }

    /// A task is over; returns how long its lease took if that is computed now.
    pub(crate) fn finish(&mut self, now: Instant, lease: LeaseId) -> Option<Duration> {
        let index = self.leases.iter().position(|entry| entry.lease == lease)?;
        self.leases[index].in_hand -= 1;
        self.remove_computed(now, index)
    }

    /// The lease has ended: stops it, what is being computed too. What is being sent goes on.
    pub(crate) fn stop(&mut self, lease: LeaseId) {
        self.leases.retain(|entry| entry.lease != lease);
        for hand in &mut self.hands {
            if hand.as_ref().is_some_and(|hand| hand.lease == lease && hand.products.is_none()) {
                *hand = None;
            }
        }
    }

    pub(crate) fn give_back(&mut self, now: Instant, lease: LeaseId, chunks: ChunkRun) -> GivenBack {
        let nothing = GivenBack { chunks: None, computed: None };
        let Some(index) = self.leases.iter().position(|entry| entry.lease == lease) else { return nothing };
        let entry = &mut self.leases[index];
        let Some(last) = entry.end.checked_sub(1) else { return nothing };
        let end = entry.chunks.chunk_at(last) + 1;
        let Some(returned) = ChunkRun::new(entry.first_untouched().max(chunks.start()), end) else { return nothing };
        entry.end = entry.chunks.offsets(returned).start();
        let begun = entry.begun.is_some();
        let computed = self.remove_computed(now, index).filter(|_| begun);
        GivenBack { chunks: Some(returned), computed }
    }

    pub(crate) fn give_all_back(&mut self, now: Instant) -> Vec<(LeaseId, GivenBack)> {
        let untouched = |entry: &Entry| {
            Some((entry.lease, ChunkRun::new(entry.first_untouched().max(entry.run.start()), entry.run.end())?))
        };
        let all: Vec<(LeaseId, ChunkRun)> = self.leases.iter().filter_map(untouched).collect();
        all.into_iter().map(|(lease, run)| (lease, self.give_back(now, lease, run))).collect()
    }

    fn remove_computed(&mut self, now: Instant, index: usize) -> Option<Duration> {
        let entry = &self.leases[index];
        if entry.next < entry.end || entry.in_hand > 0 {
            return None;
        }
        let busy = entry.begun.map_or(Duration::ZERO, |begun| now - begun);
        self.leases.remove(index);
        Some(busy)
    }
}

impl Entry {
    fn new(lease: LeaseId, job: LeasedJob, run: ChunkRun) -> Self {
        let chunks = job.chunks;
        let offsets = chunks.offsets(run);
        let (next, end) = (offsets.start(), offsets.end());
        let kept = ChunkSet::new();
        Entry { lease, job, chunks, run, next, end, rows: 1, in_hand: 0, begun: None, granted: None, kept }
    }

    /// The offsets of the next block: whole chunks, or a piece of a large one.
    fn take(&mut self, piece: u64) -> OffsetRun {
        let chunk = self.chunks.chunk_at(self.next);
        let first = self.chunks.offsets(one(chunk));
        let end = if first.len() > piece {
            first.end().min(self.next + piece)
        } else {
            let last = self.chunks.chunk_at((self.next + self.rows.clamp(first.len(), piece) - 1).min(self.end - 1));
            let last = self.chunks.offsets(one(last));
            if last.end() - first.start() > piece { last.start() } else { last.end() }
        };
        let taken = OffsetRun::new(self.next, end.min(self.end)).expect("there is something to take");
        self.next = taken.end();
        taken
    }

    fn first_untouched(&self) -> u64 {
        if self.next == self.end {
            return self.run.end();
        }
        let chunk = self.chunks.chunk_at(self.next);
        if self.chunks.offsets(one(chunk)).start() == self.next { chunk } else { chunk + 1 }
    }
}
