//! The ledger: writes that take time, that are refused, that a crash tears; and an older copy that is put back.

use std::time::Duration;

use swath_coordinator_core::{Moment, PersistError, PersistErrorKind, Record};
use swath_model::{Incarnation, JobId, JobState, OffsetRun, OffsetSet, ResultMode};

use super::{Cluster, Copy, LedgerFault, note};
use crate::{
    clients::{Client, Stage},
    disk::Health,
    event::{Event, Wish},
    plan::one,
};

impl Cluster {
    pub(super) fn persist(&mut self, records: Vec<Record>, clock: Moment) {
        if self.coordinator.batch.is_some() {
            self.break_promise("two batches are under way".to_owned());
        }
        if clock < self.ledger.clock {
            self.break_promise(format!("the clock of the ledger goes back to {clock:?}"));
        }
        let span = self.ledger_takes();
        if records.len() > 1 && !self.faults.is_calm && self.random.one_in(40) {
            self.plan_in(span / 2, Event::CoordinatorCrashes { incarnation: self.coordinator.incarnation });
        }
        self.coordinator.batch = Some((records, clock));
        self.plan_in(span, Event::Persisted { incarnation: self.coordinator.incarnation });
    }

    pub(super) fn on_crash_while_writing(&mut self, incarnation: Incarnation) {
        if self.coordinator.is(incarnation) && !self.faults.is_calm {
            self.crash_coordinator();
        }
    }

    /// How long the ledger takes for a write.
    pub(super) fn ledger_takes(&mut self) -> Duration {
        if self.faults.ledger == LedgerFault::Slow {
            self.tally.count("slow writes of the ledger");
            return self.random.millis(100, 3000);
        }
        Duration::from_micros(self.random.within(20, self.plan.ledger_micros))
    }

    pub(super) fn on_persisted(&mut self, incarnation: Incarnation) {
        if !self.coordinator.is(incarnation) {
            return;
        }
        let Some((records, clock)) = self.coordinator.batch.take() else { return };
        let mut written = Vec::with_capacity(records.len());
        for record in &records {
            let error = self.refuses();
            match &error {
                Some(_) => self.note_refused(record),
                None => self.write(record, clock),
            }
            written.push(error.map_or(Ok(()), Err));
        }
        self.ledger.clock = self.ledger.clock.max(clock);
        self.input(|core, now| core.handle_persisted(now, written));
        self.end_if_settled();
    }

    /// Why the ledger does not take a record.
    fn refuses(&mut self) -> Option<PersistError> {
        let is_full = self.faults.disk_is_full && self.random.one_in(2);
        let kind = match self.faults.ledger {
            _ if is_full => PersistErrorKind::DiskFull,
            LedgerFault::Refuses if self.random.one_in(2) => PersistErrorKind::Failed,
            _ => return None,
        };
        self.tally.count(match kind {
            PersistErrorKind::DiskFull => "records refused: the disk is full",
            PersistErrorKind::Failed => "records refused",
        });
        Some(PersistError { kind, reason: "the disk says no".to_owned() })
    }

    fn note_refused(&mut self, record: &Record) {
        note!(self, "the ledger refuses {}", name(record));
        match record {
            Record::Submitted(_) | Record::Forgotten(_) | Record::Shares(_) => {}
            Record::Standing(standing) => drop(self.promises.refused.insert(standing.job)),
            Record::FailedChunks(chunks) => self.promises.refused_chunks.extend(chunks.iter().map(|(job, ..)| *job)),
        }
    }

    fn write(&mut self, record: &Record, clock: Moment) {
        note!(self, "the ledger has {}", name(record));
        match record {
            Record::Forgotten(job) => self.check_forgotten(*job, clock),
            Record::Standing(standing) => {
                let was_refused = self.promises.refused.remove(&standing.job);
                if was_refused && standing.state == JobState::Running {
                    // The end that was refused is gone with the coordinator that decided it.
                    self.promises.ended.remove(&standing.job);
                }
                if standing.state == JobState::Done {
                    self.check_done(standing.job);
                }
            }
            _ => {}
        }
        let applied = self.ledger.apply(record);
        self.check(applied);
    }

    /// The coordinator crashes while a batch is written: the ledger has the first records of it, or none, or all.
    pub(super) fn tear_batch(&mut self) {
        let Some((records, clock)) = self.coordinator.batch.take() else { return };
        let last = records.len() as u64;
        // Few batches have several records.
        let kept = if last > 1 && !self.random.one_in(4) {
            self.random.within(1, last - 1)
        } else {
            self.random.within(0, last)
        };
        let kept = kept as usize;
        self.tally.count(match kept {
            0 => "batches lost in a crash",
            kept if kept == records.len() => "batches written although unanswered",
            _ => "batches torn in a crash",
        });
        for record in &records[..kept] {
            self.write(record, clock);
        }
        if kept > 0 {
            self.ledger.clock = self.ledger.clock.max(clock);
        }
    }

    /// All of a job is durable that is not lost or failed, and every number once, for what it was computed for.
    fn check_done(&mut self, id: JobId) {
        let checked = self.find_undone(id);
        self.check(checked.map_err(|what| format!("job {id} is done, but {what}")));
    }

    pub(super) fn find_undone(&self, id: JobId) -> Result<(), String> {
        let Some(row) = self.ledger.jobs.get(&id) else { return Ok(()) };
        let (chunks, plan) = (row.spec.chunks, &self.plan.jobs[self.plan.index(&row.spec)]);
        if row.spec.result_mode == ResultMode::Delivered {
            // Failed chunks of such a job are not in the ledger.
            let state = self.coordinator.store.with(id, |results| (results.index.is_complete(), results.is_read()));
            return match state {
                Some((false, false)) if !self.promises.may_run_again(id) => Err("not all of it is there".to_owned()),
                _ => Ok(()),
            };
        }
        let impossible = plan.impossible();
        let has_failed = |chunk| self.promises.has_failed(id, chunk) || row.failed.contains_key(&chunk);
        if let Some(chunk) = impossible.iter().find(|&&chunk| !plan.limits.keep_going || !has_failed(chunk)) {
            return Err(format!("chunk {chunk} cannot be computed"));
        }
        let is_excused = |run: OffsetRun| {
            let failed = |chunk| has_failed(chunk) && chunks.offsets(one(chunk)).intersect(run).is_some();
            let offsets = |chunk| chunks.offsets(one(chunk)).intersect(run);
            let mut rest = chunks.touched(run).iter().filter(|&chunk| !failed(chunk)).filter_map(offsets);
            rest.all(|run| self.promises.is_lost(id, run))
        };
        let all = chunks.offsets(chunks.all());
        if let Some(run) = row.durable.gaps(all).find(|&run| !is_excused(run)) {
            return Err(format!("offsets {run} are in no part"));
        }
        Ok(())
    }

    /// Somebody copies what is durable.
    pub(super) fn copy_ledger(&mut self) {
        note!(self, "the ledger is copied");
        let (ledger, disk, promises) = (self.ledger.clone(), self.disk.clone(), self.promises.clone());
        self.copy = Some(Copy { ledger, disk, promises });
    }

    /// Somebody puts the copy in the place of the ledger, while no coordinator runs; with the parts of its time or
    /// those that are there now. The jobs that came after it was made are unknown then, and others are submitted, which
    /// get their ids.
    pub(super) fn put_back_copy(&mut self) {
        let Some(Copy { ledger, disk, promises }) = self.copy.clone() else { return };
        note!(self, "an older copy of the ledger is put back");
        self.tally.count("older copies of the ledger put back");
        self.ledger = ledger;
        self.promises = promises;
        if self.random.one_in(2) {
            self.disk = disk;
            for (&part, _) in self.disk.parts.iter().filter(|(_, found)| found.health == Health::Damaged) {
                self.agenda.plan(self.now + Duration::from_secs(1), Event::PartRead { part });
            }
        }
        for client in 0..self.clients.all.len() {
            self.client_sees_copy(client);
        }
    }

    fn client_sees_copy(&mut self, client: usize) {
        let Some(id) = self.clients.all[client].id else { return };
        let row = self.ledger.jobs.get(&id);
        let is_same = row.is_some_and(|row| self.plan.index(&row.spec) == self.clients.all[client].job);
        if is_same {
            let known = &mut self.clients.all[client];
            known.stage = Stage::Running;
            self.look_soon(client);
            return;
        }
        if self.clients.all[client].stage == Stage::Gone && self.promises.gone.contains(&id) {
            return;
        }
        self.tally.count("jobs lost with the newest ledger");
        self.clients.all[client].stage = Stage::GivenUp;
        self.clients.all[client].id = None;
        // The same job again, or another one, of another client.
        let old = self.clients.all[client].job;
        let job = if self.random.one_in(3) { old } else { self.add_plan(old) };
        let new = Client::new(job, &self.plan.jobs[job], &mut self.random);
        note!(self, "the client of job {id} submits another job: {:?}", self.plan.jobs[job]);
        self.clients.all.push(new);
        let submitted = self.random.millis(0, 4000);
        let client = self.clients.all.len() - 1;
        self.plan_in(submitted, Event::Asks { client, wish: Wish::Submit });
    }

    fn add_plan(&mut self, old: usize) -> usize {
        let (piece, calm) = (self.plan.piece, self.plan.calm);
        let other = self.plan.jobs[old].clone().draw_other(&mut self.random, piece, calm);
        self.plan.jobs.push(other);
        self.computed.push(OffsetSet::new());
        self.plan.jobs.len() - 1
    }

    pub(super) fn on_disk_has_room(&mut self) {
        note!(self, "the disk has room");
        self.faults.disk_is_full = false;
    }

    pub(super) fn on_ledger_is_well(&mut self) {
        note!(self, "the ledger is well again");
        self.faults.ledger = LedgerFault::None;
    }
}

fn name(record: &Record) -> String {
    match record {
        Record::Submitted(submitted) => format!("the submit of job {}", submitted.id),
        Record::Standing(standing) => format!("job {} as {}", standing.job, standing.state),
        Record::Shares(_) => "shares".to_owned(),
        Record::FailedChunks(chunks) => format!("{} failed chunks", chunks.len()),
        Record::Forgotten(job) => format!("that job {job} is forgotten"),
    }
}
