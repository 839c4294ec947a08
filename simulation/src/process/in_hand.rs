//! What a worker has in hand when its session ends, and what becomes of it in the next one.

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use swath_model::{ChunkRun, ChunkSet, Chunks, Instant, LeaseId, OffsetRun, OffsetSet};

use super::{Entry, Hand, Process, Product};
use crate::event::{Block, InHand};
use crate::ledger::whole;
use crate::plan::one;

/// What a worker says when it knows what it was granted.
#[derive(Debug, Default)]
pub(crate) struct Resumed {
    /// What it will not deliver after all.
    pub(crate) back: Vec<ChunkRun>,
    /// How long the lease took, if it is computed now.
    pub(crate) computed: Option<Duration>,
}

impl Process {
    /// The session is over. Of its leases stays what is in hand as whole chunks: computed and without a receipt, in
    /// work, or the rest of a large chunk that is begun.
    pub(crate) fn lose_session(&mut self) {
        self.former = self.session.take();
        self.is_welcome = false;
        // Copies of what is kept are not kept.
        let sent = std::mem::take(&mut self.on_the_way);
        for &block in sent.iter().rev().filter(|block| !block.again) {
            self.kept.push_front(block);
        }
        for block in &self.kept {
            if !self.leases.iter().any(|entry| entry.lease == block.lease) {
                self.leases.push_back(Entry::computed(block));
            }
        }
        self.leases.make_contiguous().sort_by_key(|entry| entry.lease);
        for index in 0..self.leases.len() {
            self.leases[index].kept = self.in_hand_of(&self.leases[index]);
        }
        let kept: BTreeMap<LeaseId, ChunkSet> =
            self.leases.iter().map(|entry| (entry.lease, entry.kept.clone())).collect();
        self.kept.retain(|block| {
            kept.get(&block.lease).is_some_and(|kept| kept.contains_run(touched(block.job.chunks, block.offsets)))
        });
        for place in &mut self.hands {
            if let Some(hand) = place
                && !kept.get(&hand.lease).is_some_and(|kept| hand.keep(hand.job.chunks, kept))
            {
                *place = None;
            }
        }
        self.leases.retain(|entry| !entry.kept.is_empty());
        for index in 0..self.leases.len() {
            let kept = self.leases[index].kept.clone();
            self.leases[index].stop_after(&kept);
            self.count_hands(index);
        }
    }

    /// What it has to say of the session before.
    pub(crate) fn in_hand(&self) -> Vec<InHand> {
        let in_hand = |entry: &Entry| InHand { lease: entry.lease, job: entry.job, chunks: entry.kept.clone() };
        self.leases.iter().map(in_hand).collect()
    }

    /// Goes on with what was granted of a lease of the session before, and drops the rest of it.
    pub(crate) fn resume(&mut self, now: Instant, old: LeaseId, granted: Option<&(LeaseId, ChunkSet)>) -> Resumed {
        let mut resumed = Resumed::default();
        let Some(index) = self.leases.iter().position(|entry| entry.lease == old) else {
            resumed.back.extend(granted.and_then(|(_, granted)| granted.hull()));
            return resumed;
        };
        let nothing = (old, ChunkSet::new());
        let (lease, granted) = granted.unwrap_or(&nothing);
        let chunks = self.leases[index].chunks;
        let (blocks, others) = std::mem::take(&mut self.kept).into_iter().partition(|block| block.lease == old);
        self.kept = others;
        let blocks: VecDeque<Block> = blocks;
        for block in blocks {
            let touched = touched(chunks, block.offsets);
            if self.cuts_blocks || granted.contains_run(touched) {
                let cut = cut(chunks, granted, block.offsets);
                self.kept.extend(cut.into_iter().map(|offsets| Block { lease: *lease, offsets, ..block }));
            } else {
                resumed.back.extend(granted.intersection(touched).collect::<ChunkSet>().hull());
            }
        }
        for place in &mut self.hands {
            if let Some(hand) = place.as_mut().filter(|hand| hand.lease == old) {
                hand.lease = *lease;
                if !hand.keep(chunks, granted) {
                    *place = None;
                }
            }
        }
        let Some(run) = granted.hull() else {
            self.leases.remove(index);
            return resumed;
        };
        let entry = &mut self.leases[index];
        (entry.lease, entry.run, entry.granted) = (*lease, run, Some(granted.clone()));
        entry.stop_after(granted);
        self.count_hands(index);
        resumed.computed = self.remove_computed(now, index);
        resumed
    }

    /// What of it is to be sent.
    pub(crate) fn cut_products(&self, lease: LeaseId, products: VecDeque<Product>) -> VecDeque<Product> {
        let entry = self.leases.iter().find(|entry| entry.lease == lease);
        match entry.and_then(|entry| Some((entry.chunks, entry.granted.as_ref()?))) {
            Some((chunks, granted)) => cut_products(chunks, granted, products),
            None => products,
        }
    }

    fn in_hand_of(&self, entry: &Entry) -> ChunkSet {
        let mut offsets: OffsetSet = entry.rest_of_chunk().into_iter().collect();
        for block in self.kept.iter().filter(|block| block.lease == entry.lease) {
            offsets.insert(block.offsets);
        }
        for hand in self.hands.iter().flatten().filter(|hand| hand.lease == entry.lease) {
            match &hand.products {
                None => offsets.insert(hand.offsets),
                Some(products) => products.iter().for_each(|product| match *product {
                    Product::Block(run) => offsets.insert(run),
                    Product::Failed { chunk, .. } => {
                        let failed = entry.chunks.offsets(one(chunk)).intersect(hand.offsets);
                        failed.into_iter().for_each(|run| offsets.insert(run));
                    }
                }),
            }
        }
        let kept: Vec<ChunkRun> = offsets.iter().filter_map(|run| whole(&offsets, entry.chunks, run)).collect();
        match &entry.granted {
            Some(granted) => kept.into_iter().flat_map(|run| granted.intersection(run)).collect(),
            None => kept.into_iter().collect(),
        }
    }

    fn count_hands(&mut self, index: usize) {
        let lease = self.leases[index].lease;
        self.leases[index].in_hand = self.hands.iter().flatten().filter(|hand| hand.lease == lease).count();
    }
}

impl Entry {
    /// A lease of which nothing is left but blocks like this one.
    fn computed(block: &Block) -> Self {
        let entry = Entry::new(block.lease, block.job, touched(block.job.chunks, block.offsets));
        Entry { next: entry.end, ..entry }
    }

    /// What has not been taken of the chunk that was taken last.
    fn rest_of_chunk(&self) -> Option<OffsetRun> {
        let chunk = self.chunks.chunk_at(self.next.checked_sub(1)?);
        let rest = OffsetRun::new(self.next, self.chunks.offsets(one(chunk)).end().min(self.end))?;
        (self.next > self.chunks.offsets(self.run).start()).then_some(rest)
    }

    /// Nothing more is taken but the rest of a chunk of these.
    fn stop_after(&mut self, chunks: &ChunkSet) {
        let rest = self.rest_of_chunk().filter(|rest| chunks.contains(self.chunks.chunk_at(rest.start())));
        self.end = rest.map_or(self.next, |rest| rest.end());
    }
}

impl Hand {
    /// Keeps what is of these chunks; whether that is anything.
    fn keep(&mut self, chunks: Chunks, kept: &ChunkSet) -> bool {
        match self.products.take() {
            None => kept.overlaps(touched(chunks, self.offsets)),
            Some(products) => {
                let products = cut_products(chunks, kept, products);
                let any = !products.is_empty();
                self.products = Some(products);
                any
            }
        }
    }
}

fn cut_products(chunks: Chunks, kept: &ChunkSet, products: VecDeque<Product>) -> VecDeque<Product> {
    let cut_one = |product| match product {
        Product::Block(offsets) => cut(chunks, kept, offsets).into_iter().map(Product::Block).collect(),
        Product::Failed { chunk, .. } if !kept.contains(chunk) => Vec::new(),
        Product::Failed { .. } => vec![product],
    };
    products.into_iter().flat_map(cut_one).collect()
}

/// What of these offsets is of these chunks.
fn cut(chunks: Chunks, kept: &ChunkSet, offsets: OffsetRun) -> Vec<OffsetRun> {
    let parts = kept.intersection(touched(chunks, offsets));
    parts.filter_map(|part| chunks.offsets(part).intersect(offsets)).collect()
}

/// The chunks that these offsets are of.
fn touched(chunks: Chunks, offsets: OffsetRun) -> ChunkRun {
    chunks.touched(offsets)
}
