//! Blocks that arrive: the fence, room, a look at them, the fence again, the index.

use std::time::Duration;

use swath_coordinator_core::{Accepted, AcceptedBlock, Claim, RefusedBlock, chunks_of_block};
use swath_model::{ChunkRun, Incarnation, JobId, ResultMode, WorkerId};

use super::{Cluster, note};
use crate::{
    event::{Block, Event, Fact, Upload},
    plan::fingerprint,
    store::Held,
};

const REFUSED: &str = "blocks refused";

impl Cluster {
    pub(super) fn on_uploaded(&mut self, upload: Upload) {
        let Upload { session, stream, .. } = upload;
        if !self.coordinator.is_up() || !self.network.uploads(session, stream, self.coordinator.incarnation) {
            self.tally.count("messages lost");
            return;
        }
        if !self.has_room() || self.is_stalled(upload) {
            self.tally.count("blocks that waited for room");
            self.coordinator.stalled.push_back(upload);
        } else {
            self.begin_block(upload);
        }
        if !self.has_room() && !self.faults.disk_is_full {
            self.write_parts();
        }
    }

    fn has_room(&self) -> bool {
        self.coordinator.store.blocks() < self.plan.memory_room
    }

    /// Blocks of one connection are taken in order.
    fn is_stalled(&self, upload: Upload) -> bool {
        let session = upload.session;
        self.coordinator.checking.contains(&session)
            || self.coordinator.stalled.iter().any(|stalled| stalled.session == session)
    }

    /// Blocks left memory within an effect: what waits for room comes in after it.
    pub(super) fn plan_room_freed(&mut self) {
        if !self.coordinator.stalled.is_empty() {
            self.plan_in(Duration::ZERO, Event::RoomFreed { incarnation: self.coordinator.incarnation });
        }
    }

    pub(super) fn on_room_freed(&mut self, incarnation: Incarnation) {
        if self.coordinator.is(incarnation) {
            self.take_stalled();
        }
    }

    pub(super) fn take_stalled(&mut self) {
        while self.coordinator.is_up() && self.has_room() {
            let checking = &self.coordinator.checking;
            let next = self.coordinator.stalled.iter().position(|stalled| !checking.contains(&stalled.session));
            let Some(upload) = next.and_then(|next| self.coordinator.stalled.remove(next)) else { break };
            if self.network.uploads(upload.session, upload.stream, self.coordinator.incarnation) {
                self.begin_block(upload);
            }
        }
    }

    fn begin_block(&mut self, upload: Upload) {
        let Some(worker) = self.fence(upload) else { return self.end_block(upload, REFUSED) };
        if !self.faults.is_calm && self.random.one_in(8) {
            // It takes its time to look at all of it.
            self.coordinator.checking.insert(upload.session);
            let span = self.random.millis(0, 20);
            self.plan_in(span, Event::BlockChecked { incarnation: self.coordinator.incarnation, upload });
        } else {
            self.keep_block(upload, worker);
        }
    }

    pub(super) fn on_block_checked(&mut self, incarnation: Incarnation, upload: Upload) {
        if !self.coordinator.is(incarnation) {
            return;
        }
        self.coordinator.checking.remove(&upload.session);
        match self.fence(upload) {
            Some(worker) => self.keep_block(upload, worker),
            None => self.end_block(upload, REFUSED),
        }
        self.take_stalled();
    }

    /// All of the block was looked at, and it has passed the fence after that.
    fn keep_block(&mut self, upload: Upload, worker: WorkerId) {
        let Block { lease, job, offsets, .. } = upload.block;
        let Some(chunks) = chunks_of_block(job.chunks, job.cut(), offsets) else { return };
        if !self.faults.is_calm && self.random.one_in(400) {
            *self.promises.bad_blocks.entry((job.id, chunks.start())).or_default() += 1;
            let number = job.chunks.range().at(offsets.start()).unwrap_or_default();
            let reason = "its bytes are not what was sent".to_owned();
            let refused = RefusedBlock { job: job.id, worker, lease, chunks, number, reason };
            self.input(|core, now| core.handle_refused(now, refused));
            return self.end_block(upload, "blocks damaged on their way");
        }
        let held = Held { end: offsets.end(), fingerprint: job.fingerprint };
        let accepted = self.coordinator.store.with(job.id, |results| {
            let accepted = results.index.accept(offsets);
            if matches!(accepted, Accepted::Held { .. }) {
                results.memory.insert(offsets.start(), held);
            }
            (accepted, results.mode)
        });
        let Some((accepted, mode)) = accepted else { return self.end_block(upload, REFUSED) };
        let outcome = match &accepted {
            Accepted::Held { chunks: Some(_) } => "blocks accepted",
            Accepted::Held { chunks: None } => "pieces accepted",
            Accepted::Duplicate { .. } => "blocks held already",
            Accepted::Overlapping { .. } => "blocks held in part",
            Accepted::Gone => "blocks of jobs that are over",
        };
        self.check_accepted(upload, &accepted);
        let is_held = matches!(accepted, Accepted::Held { .. });
        if is_held && !self.faults.is_calm && self.random.one_in(100) {
            self.overlap_block(upload, worker, chunks);
        }
        if mode == ResultMode::Delivered && matches!(accepted, Accepted::Held { .. }) {
            self.tally.add("numbers committed", offsets.len());
            self.promises.find(job.id, &[offsets]);
        }
        let block = AcceptedBlock { job: job.id, worker, lease, chunks, numbers: offsets.len(), accepted };
        if self.coordinator.facts.is_empty() && !self.random.one_in(8) {
            self.on_accepted(block);
        } else {
            self.tell_fact(job.id, Fact::Accepted(block));
        }
        self.end_block(upload, outcome);
    }

    /// Its worker has sent another block, which begins within this one and passes the fence before the core hears of
    /// this one: nothing of it is kept.
    fn overlap_block(&mut self, upload: Upload, worker: WorkerId, chunks: ChunkRun) {
        let Block { lease, job, .. } = upload.block;
        let Some(run) = ChunkRun::new(chunks.end() - 1, chunks.end() + 1) else { return };
        let is_given = self.leases.get(&lease).is_some_and(|given| given.chunks.contains_run(run));
        if !is_given {
            return;
        }
        let offsets = job.chunks.offsets(run);
        let is_block = chunks_of_block(job.chunks, job.cut(), offsets) == Some(run);
        let claim = Claim { lease, job: job.id, fingerprint: Some(fingerprint(job.fingerprint)), chunks: Some(run) };
        if !is_block || self.input(|core, now| core.fence(now, &claim)).is_none() {
            return;
        }
        self.tally.count("blocks that overlap another");
        let accepted = self.coordinator.store.with(job.id, |results| results.index.accept(offsets));
        let Some(accepted) = accepted else { return };
        if matches!(accepted, Accepted::Held { .. }) {
            self.break_promise(format!("offsets {offsets} of job {} are held, some of them twice", job.id));
        }
        let block = AcceptedBlock { job: job.id, worker, lease, chunks: run, numbers: offsets.len(), accepted };
        self.tell_fact(job.id, Fact::Accepted(block));
    }

    pub(super) fn on_accepted(&mut self, block: AcceptedBlock) {
        if let Accepted::Held { chunks: Some(whole) } = &block.accepted {
            self.coordinator.forgive(block.job, *whole);
        }
        let overlaps = matches!(block.accepted, Accepted::Overlapping { .. });
        let (job, lease, chunks) = (block.job, block.lease, Some(block.chunks));
        self.input(|core, now| core.handle_accepted(now, block));
        let row = self.ledger.jobs.get(&job).filter(|_| overlaps);
        if let Some(fingerprint) = row.map(|row| self.plan.fingerprint(self.plan.index(&row.spec))) {
            let claim = Claim { lease, job, fingerprint: Some(fingerprint), chunks };
            if self.input(|core, now| core.fence(now, &claim)).is_some() {
                self.break_promise(format!("what overlaps another block is not given back: {claim:?}"));
            }
        }
    }

    fn end_block(&mut self, upload: Upload, outcome: &'static str) {
        let Upload { session, stream, block } = upload;
        note!(self, "offsets {} of job {} under {}: {outcome}", block.offsets, block.job.id, block.lease);
        self.tally.count(outcome);
        if block.again {
            self.tally.count("blocks that came twice or late");
        }
        self.receipt(session, stream);
    }

    /// The worker that holds this block, if one does.
    fn fence(&mut self, upload: Upload) -> Option<WorkerId> {
        let Block { lease, job, offsets, .. } = upload.block;
        // The real one looks for the results of the job first.
        self.coordinator.store.with(job.id, |_| ())?;
        if self.coordinator.strays.contains(&lease) {
            self.break_promise(format!("lease {lease} was computed, which does not fit its job"));
        }
        let chunks = chunks_of_block(job.chunks, job.cut(), offsets);
        let Some(run) = chunks else {
            self.break_promise(format!("offsets {offsets} of job {} are no block", job.id));
            return None;
        };
        let claim = Claim { lease, job: job.id, fingerprint: Some(fingerprint(job.fingerprint)), chunks };
        let worker = self.input(|core, now| core.fence(now, &claim))?;
        if !self.faults.is_calm && self.random.one_in(500) {
            self.forge_block(upload, claim);
            return self.input(|core, now| core.fence(now, &claim));
        }
        self.check_fence(upload, worker, run);
        Some(worker)
    }

    /// Somebody sends blocks under a lease that is another's, or for something else: none passes the fence, and what
    /// the lease holds of them is given back.
    fn forge_block(&mut self, upload: Upload, claim: Claim) {
        self.tally.count("forged blocks");
        let given = self.leases.get(&claim.lease).copied();
        let outside = given.and_then(|given| {
            let count = upload.block.job.chunks.count();
            (given.chunks.end() < count)
                .then(|| ChunkRun::one(count - 1))
                .or((given.chunks.start() > 0).then_some(ChunkRun::one(0)))
        });
        let other = Some(fingerprint(!upload.block.job.fingerprint));
        let forged = match (self.random.below(3), outside) {
            (0, Some(_)) => Claim { chunks: outside, ..claim },
            (1, _) => Claim { job: JobId(claim.job.0 + 1), ..claim },
            _ => Claim { fingerprint: other, ..claim },
        };
        if self.input(|core, now| core.fence(now, &forged)).is_some() {
            self.break_promise(format!("a forged block passed the fence: {forged:?} for {claim:?}"));
        }
        let is_given_back = forged.fingerprint == other;
        if is_given_back && self.input(|core, now| core.fence(now, &claim)).is_some() {
            self.break_promise(format!("what was refused is not given back: {claim:?}"));
        }
    }

    /// What passes the fence is what a worker was given in the session in which it sends it.
    fn check_fence(&mut self, upload: Upload, worker: WorkerId, run: ChunkRun) {
        let Upload { session, block, .. } = upload;
        let (lease, job) = (block.lease, block.job);
        let is_given = self.leases.get(&lease).is_some_and(|given| {
            given.job == job.id && given.worker == worker && given.session == session && given.chunks.contains_run(run)
        });
        if !is_given || self.coordinator.sessions.get(&worker) != Some(&session) {
            self.break_promise(format!("chunks {run} passed under lease {lease}, which is not for them in {session}"));
        }
        let row = self.ledger.jobs.get(&job.id).map(|row| self.plan.index(&row.spec));
        if row.is_none_or(|index| self.plan.jobs[index].fingerprint != job.fingerprint) {
            self.break_promise(format!("a block of another job passed the fence as one of job {}", job.id));
        }
    }

    fn check_accepted(&mut self, upload: Upload, accepted: &Accepted) {
        let Block { job, offsets, .. } = upload.block;
        if matches!(accepted, Accepted::Held { .. }) && self.promises.dropped.contains(&job.id) {
            self.break_promise(format!("offsets {offsets} of job {} are held, whose results were dropped", job.id));
        }
        if matches!(accepted, Accepted::Held { .. }) && self.promises.cancelled.contains(&job.id) {
            self.break_promise(format!("offsets {offsets} of job {} are held, which was cancelled", job.id));
        }
        let chunk = job.chunks.chunk_at(offsets.start());
        // The row of a part that is being written may be there, and the store does not know yet that it is: if blocks
        // of it were lost, it goes again.
        let is_writing = self.coordinator.store.with(job.id, |results| results.writing.is_some()) == Some(true);
        let in_part = self.ledger.jobs.get(&job.id).is_some_and(|row| !is_writing && row.durable.overlaps(offsets));
        if matches!(accepted, Accepted::Held { .. }) && in_part && !self.promises.has_failed(job.id, chunk) {
            self.break_promise(format!("offsets {offsets} of job {} are held twice", job.id));
        }
    }
}
