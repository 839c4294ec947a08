//! Readers: of jobs in `delivered` mode, which they want once; and of parts, which they find to be lost.

use std::time::Duration;

use swath_model::{Incarnation, JobId, OffsetRun, ResultMode};

use super::{Cluster, note};
use crate::{
    disk::{Health, PartId},
    event::{Event, Fact},
    store::{Found, JobResults},
};

impl Cluster {
    /// A job in `delivered` mode has a reader.
    pub(super) fn plan_reader(&mut self, job: JobId) {
        if self.coordinator.store.with(job, |results| results.mode) == Some(ResultMode::Delivered) {
            let span = self.random.millis(1, 400);
            self.plan_in(span, Event::ReaderReads { incarnation: self.coordinator.incarnation, job });
        }
    }

    pub(super) fn on_reader_reads(&mut self, incarnation: Incarnation, job: JobId) {
        if !self.coordinator.is(incarnation) {
            return;
        }
        for _ in 0..8 {
            match self.coordinator.store.with(job, JobResults::read_on).flatten() {
                Some(Found::Memory(run, fingerprint)) => self.read_block(job, run, fingerprint),
                Some(Found::Part(part)) => {
                    if !self.read_part(job, part) {
                        break;
                    }
                }
                None => break,
            }
        }
        self.take_stalled();
        let is_gone = self.coordinator.store.with(job, |results| results.index.is_dropped());
        if is_gone != Some(false) {
            return;
        }
        let pause = if !self.faults.is_calm && self.random.one_in(10) { 1500 } else { 60 };
        let span = self.random.millis(20, pause.max(21));
        self.plan_in(span, Event::ReaderReads { incarnation, job });
    }

    fn read_block(&mut self, job: JobId, run: OffsetRun, fingerprint: u64) {
        self.tally.add("numbers delivered", run.len());
        self.check_fingerprint(job, fingerprint);
        let done = self.coordinator.store.with(job, |results| results.delivered(run.end())).unwrap_or_default();
        self.delete_now(&done);
        if self.faults.is_calm || !self.random.one_in(60) {
            return;
        }
        let lost = self.coordinator.store.with(job, |results| results.lose_delivered(run)).unwrap_or_default();
        if !lost.is_empty() {
            note!(self, "the reader of job {job} cannot use offsets {run}");
            self.tally.count("blocks that a reader could not use");
            self.promises.lose(job, &[run]);
            self.tell_fact(job, Fact::Lost(lost));
        }
    }

    /// False if there is nothing to read now.
    fn read_part(&mut self, job: JobId, part: PartId) -> bool {
        let Some(found) = self.disk.parts.get(&part).filter(|found| found.health == Health::Whole).cloned() else {
            self.lose_part(job, part);
            return true;
        };
        let position = self.coordinator.store.with(job, |results| results.position).unwrap_or_default();
        let Some((fingerprint, run)) = found.blocks.iter().find(|(_, run)| run.contains(position)) else {
            return false;
        };
        self.read_block(job, *run, *fingerprint);
        true
    }

    fn check_fingerprint(&mut self, job: JobId, fingerprint: u64) {
        let row = self.ledger.jobs.get(&job).map(|row| self.plan.index(&row.spec));
        if row.is_some_and(|index| self.plan.jobs[index].fingerprint != fingerprint) {
            self.break_promise(format!("the reader of job {job} gets what was computed for another job"));
        }
    }

    pub(super) fn readers_have_all(&self) -> bool {
        let is_delivered = |id: &JobId| {
            let row = self.ledger.jobs.get(id);
            row.is_some_and(|row| {
                row.spec.result_mode == ResultMode::Delivered && row.state == swath_model::JobState::Done
            })
        };
        let mut jobs = self.coordinator.store.jobs().into_iter().filter(is_delivered);
        jobs.all(|job| self.coordinator.store.with(job, |results| results.is_read()) == Some(true))
    }

    /// Some part is lost or damaged; sooner or later somebody reads it.
    pub(super) fn damage_part(&mut self) {
        let parts: Vec<_> = self.disk.parts.keys().copied().collect();
        let Some(part) = self.random.pick(&parts) else { return };
        let Some(found) = self.disk.parts.get_mut(&part) else { return };
        let job = found.job;
        if self.random.one_in(2) {
            found.health = Health::Damaged;
            self.tally.count("parts damaged");
        } else {
            self.disk.parts.remove(&part);
            self.tally.count("parts deleted by somebody");
        }
        note!(self, "part {} of job {job} is lost or damaged", part.0);
        self.promises.note_loss(job);
        let read = self.random.millis(1, 2000);
        self.plan_in(read, Event::PartRead { part });
    }

    pub(super) fn on_part_read(&mut self, part: PartId) {
        if !self.coordinator.is_up() {
            self.plan_in(Duration::from_millis(500), Event::PartRead { part });
            return;
        }
        let holds =
            |job: &JobId| self.coordinator.store.with(*job, |results| results.parts.contains_key(&part)) == Some(true);
        if let Some(job) = self.coordinator.store.jobs().into_iter().find(holds) {
            let is_whole = self.disk.parts.get(&part).is_some_and(|found| found.health == Health::Whole);
            if !is_whole {
                self.lose_part(job, part);
            }
        } else if self.coordinator.writing.contains_key(&part) {
            self.plan_in(Duration::from_millis(500), Event::PartRead { part });
        } else if self.disk.parts.get(&part).is_some_and(|found| found.health == Health::Damaged) {
            // It is being deleted, or of no job any more.
            self.disk.parts.remove(&part);
        }
    }

    fn lose_part(&mut self, job: JobId, part: PartId) {
        let lost = self.coordinator.store.with(job, |results| {
            let mut runs = results.parts.remove(&part)?;
            if results.mode == ResultMode::Delivered {
                // What the reader had is not wanted again.
                let position = results.position;
                runs = runs.into_iter().filter_map(|run| run.from(position)).collect();
            }
            let touched = results.index.lose(&runs);
            Some((runs, touched))
        });
        let Some((runs, touched)) = lost.flatten() else { return };
        note!(self, "part {} of job {job} cannot be read: {runs:?}", part.0);
        self.tally.count("parts lost");
        self.ledger.delete_part(part);
        self.disk.parts.remove(&part);
        self.promises.lose(job, &runs);
        self.tell_fact(job, Fact::Lost(touched));
    }
}
