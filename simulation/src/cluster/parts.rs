//! The store: blocks become parts, which may fail; parts are found again at a start; files are deleted.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use swath_coordinator_core::{Reply, ResultIndex, Stock};
use swath_model::{Incarnation, JobId, JobState, OffsetRun, ResultMode};

use super::{Cluster, LedgerFault, note};
use crate::{
    disk::{Health, Part, PartId, runs},
    event::{Event, Fact},
    ledger::{Inserted, PartRow},
    store::JobResults,
};

/// How often the store looks for what is due.
const LOOK: Duration = Duration::from_millis(100);

impl Cluster {
    /// Recovers every job of the ledger, with the parts that are there.
    pub(super) fn recover(&mut self) {
        self.sweep();
        let jobs: Vec<_> = self.ledger.jobs.iter().map(|(id, row)| (*id, row.clone())).collect();
        for (id, row) in jobs {
            let index = self.plan.index(&row.spec);
            let mut results =
                JobResults::new(ResultIndex::new(row.spec.chunks, row.spec.result_mode), row.spec.result_mode);
            row.failed.keys().for_each(|&chunk| results.fail_chunk(chunk));
            self.tally.add("failed chunks read back", row.failed.len() as u64);
            self.promises.failed.insert(id, row.failed.keys().copied().collect());
            self.recover_parts(id, &mut results);
            if row.state == JobState::Running {
                self.tally.count("jobs resumed");
            }
            if row.spec.result_mode == ResultMode::Delivered {
                // Its reader went with the coordinator.
                results.position = row.spec.chunks.range().count();
            }
            if row.stock == Stock::Dropped {
                results.drop_all();
            }
            self.coordinator.store.create(id, results);
            let recovered = row.recovered(id, self.plan.fingerprint(index));
            self.input(|core, now| core.recover(now, recovered));
        }
    }

    /// Files that no row names are deleted.
    fn sweep(&mut self) {
        let rows = &self.ledger.parts;
        let before = self.disk.parts.len();
        self.disk.parts.retain(|part, _| rows.contains_key(part));
        self.tally.add("parts without a row", (before - self.disk.parts.len()) as u64);
    }

    fn recover_parts(&mut self, job: JobId, results: &mut JobResults) {
        let rows = self.ledger.parts.iter().filter(|(_, row)| row.job == job);
        for (part, row) in rows.map(|(part, row)| (*part, row.clone())).collect::<Vec<_>>() {
            if self.disk.parts.contains_key(&part) {
                results.index.recover(&row.runs);
                results.parts.insert(part, row.runs);
            } else {
                note!(self, "part {} of job {job} is not there", part.0);
                self.tally.count("parts lost, as a start finds");
                self.ledger.delete_part(part);
                self.promises.lose(job, &row.runs);
            }
        }
    }

    pub(super) fn on_look(&mut self, incarnation: Incarnation) {
        if !self.coordinator.is(incarnation) {
            return;
        }
        self.plan_in(LOOK, Event::Look { incarnation });
        self.write_parts();
    }

    /// Begins to write what is due: everything where memory is full.
    pub(super) fn write_parts(&mut self) {
        let is_full = self.coordinator.store.blocks() >= self.plan.memory_room;
        for job in self.coordinator.store.jobs() {
            if self.is_written_out(job) {
                continue;
            }
            let is_due = is_full || self.random.one_in(3) || !self.coordinator.is_up();
            let blocks = self.coordinator.store.with(job, |results| {
                let is_due = match results.mode {
                    ResultMode::Stored => is_due || results.index.is_closing() || results.index.is_complete(),
                    ResultMode::Delivered => is_full,
                };
                if is_due && results.writing.is_none() { results.blocks_for_part() } else { Vec::new() }
            });
            if let Some(blocks) = blocks.filter(|blocks| !blocks.is_empty()) {
                self.begin_part(job, blocks);
            }
        }
    }

    /// Nothing of a job is in memory or on its way to the disk.
    fn is_written_out(&mut self, job: JobId) -> bool {
        let is_full = self.coordinator.store.blocks() >= self.plan.memory_room;
        let done = self.coordinator.store.with(job, |results| {
            // Blocks of a job in `delivered` mode stay where they are if there is room.
            let stays = results.mode == ResultMode::Delivered && !is_full;
            if !(results.memory.is_empty() || stays) || results.writing.is_some() {
                return None;
            }
            let is_closed = results.memory.is_empty() && results.index.close_is_done();
            Some((is_closed, std::mem::take(&mut results.is_failing)))
        });
        let Some((is_closed, is_fine)) = done.flatten() else { return false };
        if is_fine {
            self.tell_fact(job, Fact::Resumed);
        }
        if is_closed {
            self.tell_fact(job, Fact::Closed);
        }
        true
    }

    fn begin_part(&mut self, job: JobId, blocks: Vec<(u64, OffsetRun)>) {
        self.last_part += 1;
        let part = PartId(self.last_part);
        let runs: Vec<_> = blocks.iter().map(|(_, run)| *run).collect();
        self.coordinator.store.with(job, |results| {
            results.writing = Some(part);
            results.index.begin_part(&runs);
        });
        self.coordinator.writing.insert(part, (job, blocks));
        let span = self.random.millis(1, 60);
        self.plan_in(span, Event::PartWritten { incarnation: self.coordinator.incarnation, part });
    }

    pub(super) fn on_part_written(&mut self, incarnation: Incarnation, part: PartId) {
        if !self.coordinator.is(incarnation) {
            if let Some((job, blocks)) = self.coordinator.writing.remove(&part) {
                // The coordinator is gone: its file may be there.
                self.disk.parts.insert(part, Part { job, blocks, health: Health::Whole });
            }
            return;
        }
        let Some((job, blocks)) = self.coordinator.writing.get(&part).cloned() else { return };
        if self.faults.disk_is_full {
            return self.on_part_failed(job, part);
        }
        self.disk.parts.insert(part, Part { job, blocks, health: Health::Whole });
        let span = self.ledger_takes();
        match self.coordinator.store.with(job, |results| results.mode) {
            // Such parts have no rows.
            Some(ResultMode::Delivered) | None => self.on_part_durable(job, part),
            Some(ResultMode::Stored) => self.plan_in(span, Event::RowInserted { incarnation, part }),
        }
    }

    pub(super) fn on_row_inserted(&mut self, incarnation: Incarnation, part: PartId) {
        if !self.coordinator.is(incarnation) {
            return;
        }
        let Some((job, _)) = self.coordinator.writing.get(&part).cloned() else { return };
        let is_refused = self.faults.ledger == LedgerFault::Refuses && self.random.one_in(2);
        let Some(file) = self.disk.parts.get(&part).filter(|_| !is_refused) else {
            self.tally.count("rows of parts refused");
            self.disk.parts.remove(&part);
            return self.on_part_failed(job, part);
        };
        if let Some((fingerprint, run)) = file.blocks.iter().find(|(fingerprint, _)| !self.is_of(job, *fingerprint)) {
            let what = format!("offsets {run} of job {job} were computed for {fingerprint:x}");
            self.break_promise(what);
            return;
        }
        let runs = file.runs();
        match self.ledger.insert_part(part, PartRow { job, runs: runs.clone() }) {
            Ok(Inserted::Inserted) => {
                self.promises.find(job, &runs);
                let span = self.random.millis(0, 3);
                self.plan_in(span, Event::PartDurable { incarnation, part });
            }
            Ok(Inserted::JobGone) => {
                self.tally.count("parts of jobs that are gone");
                self.disk.parts.remove(&part);
                self.coordinator.writing.remove(&part);
                self.coordinator.store.with(job, |results| results.writing = None);
            }
            Err(what) => self.break_promise(what),
        }
        self.end_if_settled();
    }

    pub(super) fn on_part_known(&mut self, incarnation: Incarnation, part: PartId) {
        if self.coordinator.is(incarnation)
            && let Some((job, _)) = self.coordinator.writing.get(&part)
        {
            self.on_part_durable(*job, part);
            self.end_if_settled();
        }
    }

    /// Whether this is what a job computes; also if nobody knows the job any more.
    fn is_of(&self, job: JobId, fingerprint: u64) -> bool {
        let row = self.ledger.jobs.get(&job);
        row.is_none_or(|row| self.plan.jobs[self.plan.index(&row.spec)].fingerprint == fingerprint)
    }

    /// A part is durable, and so is its row in the ledger.
    fn on_part_durable(&mut self, job: JobId, part: PartId) {
        let Some((_, blocks)) = self.coordinator.writing.remove(&part) else { return };
        let merged = runs(blocks.iter().map(|&(_, run)| run));
        let committed = self.coordinator.store.with(job, |results| {
            results.writing = None;
            let committed = results.index.commit(&merged)?;
            blocks.iter().for_each(|(_, run)| results.forget_block(*run));
            results.parts.insert(part, merged.clone());
            Some((committed, std::mem::take(&mut results.is_failing), results.mode))
        });
        let Some((committed, was_failing, mode)) = committed.flatten() else {
            self.tally.count("parts that are not wanted any more");
            self.ledger.delete_part(part);
            self.disk.parts.remove(&part);
            return self.take_stalled();
        };
        note!(self, "job {job}: a part with {} blocks is durable: {committed:?}", blocks.len());
        if mode == ResultMode::Stored {
            self.tally.add("numbers committed", merged.iter().map(|run| run.len()).sum());
        } else {
            self.tally.count("parts of delivered jobs");
        }
        for chunks in committed {
            self.tell_fact(job, Fact::Committed(chunks));
        }
        if was_failing {
            self.tell_fact(job, Fact::Resumed);
        }
        self.take_stalled();
    }

    fn on_part_failed(&mut self, job: JobId, part: PartId) {
        let Some((_, blocks)) = self.coordinator.writing.remove(&part) else { return };
        let failed = self.coordinator.store.with(job, |results| {
            results.writing = None;
            if results.index.close_is_done() {
                // Who ended the job does not wait for the disk to have room again.
                results.memory.clear();
                return (true, false);
            }
            (false, !std::mem::replace(&mut results.is_failing, true))
        });
        let Some((is_closed, is_paused)) = failed else { return };
        if is_closed {
            self.tally.count("closing jobs that lost what was in memory");
            self.tell_fact(job, Fact::Closed);
            self.take_stalled();
        } else if is_paused {
            note!(self, "job {job}: a part cannot be written");
            self.tally.count("jobs paused by a full disk");
            self.tell_fact(job, Fact::Paused("the disk is full"));
        } else if self.plan.damages_blocks && self.random.one_in(2) {
            let blocks = blocks.iter().map(|(_, run)| *run);
            let damaged: Vec<_> = blocks.filter(|run| !run.start().is_multiple_of(3)).collect();
            self.lose_blocks(job, &damaged);
        }
        self.end_if_settled();
    }

    /// Some blocks turn out to be damaged, and with them chunks of which they may have been a piece only.
    pub(super) fn lose_blocks(&mut self, job: JobId, damaged: &[OffsetRun]) {
        let (lost, touched) =
            self.coordinator.store.with(job, |results| results.lose_blocks(damaged)).unwrap_or_default();
        if lost.is_empty() {
            return;
        }
        note!(self, "job {job}: offsets {lost:?} in memory are damaged");
        self.tally.add("chunks lost by the store", touched.len() as u64);
        self.promises.lose(job, &lost);
        self.tell_fact(job, Fact::Lost(touched.into_iter().collect()));
        self.take_stalled();
    }

    /// Facts of the store arrive at the core in order.
    pub(super) fn tell_fact(&mut self, job: JobId, fact: Fact) {
        self.coordinator.facts.push_back((job, fact));
        self.plan_in(Duration::from_micros(50), Event::Fact { incarnation: self.coordinator.incarnation });
    }

    pub(super) fn on_fact(&mut self, incarnation: Incarnation) {
        if !self.coordinator.is(incarnation) {
            return;
        }
        let Some((job, fact)) = self.coordinator.facts.pop_front() else { return };
        match fact {
            Fact::Accepted(block) => self.on_accepted(block),
            Fact::Committed(chunks) => self.input(|core, now| core.handle_committed(now, job, chunks)),
            Fact::Lost(chunks) => self.input(|core, now| core.handle_lost(now, job, &chunks)),
            Fact::Paused(reason) => self.input(|core, now| core.handle_paused(now, job, reason.to_owned())),
            Fact::Resumed => self.input(|core, now| core.handle_resumed(now, job)),
            Fact::Closed => self.input(|core, now| core.handle_closed(now, job)),
        }
        self.end_if_settled();
    }

    pub(super) fn delete_now(&mut self, files: &[PartId]) {
        files.iter().for_each(|file| drop(self.disk.parts.remove(file)));
    }

    /// Deletes files, which takes time, and gives the replies then.
    pub(super) fn delete_files(&mut self, files: Vec<PartId>, replies: Vec<Reply>) {
        let span = self.random.millis(0, 30);
        self.plan_in(span, Event::FilesDeleted { incarnation: self.coordinator.incarnation, files, replies });
    }

    pub(super) fn on_files_deleted(&mut self, incarnation: Incarnation, files: &[PartId], replies: Vec<Reply>) {
        if !self.coordinator.is(incarnation) {
            return;
        }
        self.delete_now(files);
        for reply in replies {
            // Whoever asked may have gone away meanwhile.
            if !self.clients.abandoned.contains(&reply.request) {
                self.on_late_reply(reply);
            }
        }
        self.take_stalled();
    }

    /// All parts of a job that the ledger has, as the disk has them: what is there once, and of this job.
    pub(super) fn check_parts(&self, id: JobId) -> Result<(), String> {
        let mut parts = BTreeMap::new();
        for (part, row) in self.ledger.parts.iter().filter(|(_, row)| row.job == id) {
            let Some(file) = self.disk.parts.get(part) else { return Err(format!("part {} is not there", part.0)) };
            if file.runs() != row.runs || file.job != id {
                return Err(format!("part {} has {:?} instead of {:?}", part.0, file.runs(), row.runs));
            }
            if let Some((_, run)) = file.blocks.iter().find(|(fingerprint, _)| !self.is_of(id, *fingerprint)) {
                return Err(format!("offsets {run} were computed for another job"));
            }
            for run in file.runs() {
                if parts.insert(run.start(), run.end()).is_some() {
                    return Err(format!("offsets {run} are in two parts"));
                }
            }
        }
        let ends: BTreeSet<_> = parts.iter().zip(parts.iter().skip(1)).filter(|(one, next)| one.1 > next.0).collect();
        if ends.is_empty() { Ok(()) } else { Err(format!("parts overlap: {ends:?}")) }
    }
}
