//! What goes wrong.

use std::time::Duration;

use swath_model::{JobId, OffsetRun};

use super::{Cluster, LedgerFault, note};
use crate::{
    coordinator::State,
    event::{Event, Fact, ProcessId, SessionId},
};

impl Cluster {
    pub(super) fn plan_fault(&mut self) {
        let mean = self.plan.fault_every.as_millis() as u64;
        let pause = self.random.millis(0, 2 * mean);
        self.plan_in(pause, Event::Fault);
    }

    pub(super) fn on_fault(&mut self) {
        if self.faults.is_calm {
            return;
        }
        let is_awake = self.coordinator.is_awake(self.now);
        match self.random.below(32) {
            0..=4 => self.kill_one(),
            5..=7 => self.stop_one(),
            8..=11 => self.cut_one(),
            12 => self.deafen_one(),
            13 => self.let_one_leave(),
            14 if is_awake => self.drain_one(),
            15 => self.fill_disk(),
            16..=17 if self.coordinator.state != State::Down => self.crash_coordinator(),
            18 if is_awake => self.pause_one(),
            19 => self.copy_ledger(),
            20 if is_awake => self.suspend_coordinator(),
            21 if is_awake && self.random.one_in(2) => self.stop_coordinator(),
            22..=23 => self.break_ledger(),
            24..=26 => self.damage_part(),
            27 => self.kill_many(),
            28..=29 if is_awake => self.damage_block(),
            _ => {}
        }
        self.plan_fault();
    }

    fn some_process(&mut self) -> Option<ProcessId> {
        let running: Vec<_> =
            (0..self.processes.len()).filter(|&process| self.processes[process].is_running()).collect();
        self.random.pick(&running)
    }

    fn kill_one(&mut self) {
        let Some(process) = self.some_process() else { return };
        note!(self, "process {process} is killed");
        self.tally.count("crashes of workers");
        self.crash(process);
    }

    fn kill_many(&mut self) {
        if self.random.one_in(3) {
            (0..self.processes.len()).for_each(|_| self.kill_one());
        }
    }

    fn stop_one(&mut self) {
        let Some(process) = self.some_process() else { return };
        let span = Duration::from_millis(self.random.magnitude(5, 15_000));
        // One that is stopped goes on when it was to: what came meanwhile waits until then, and must not be overtaken.
        if self.processes[process].stopped_until.is_some_and(|until| until > self.now) {
            return;
        }
        note!(self, "process {process} is stopped for {span:?}");
        self.tally.count("workers stopped");
        self.processes[process].stopped_until = Some(self.now + span);
    }

    fn cut_one(&mut self) {
        if let Some(session) = self.some_process().and_then(|process| self.processes[process].session) {
            self.cut(session.0);
        }
    }

    /// One that was not welcomed yet would notice by itself.
    fn deafen_one(&mut self) {
        let session = self.some_process().and_then(|process| self.processes[process].session);
        if let Some((session, _)) = session.filter(|(session, _)| self.network.get(*session).is_welcome) {
            self.deafen(session);
        }
    }

    fn let_one_leave(&mut self) {
        let Some(process) = self.some_process() else { return };
        if self.processes[process].stopped_until.is_none_or(|until| until <= self.now) {
            self.leave(process);
        }
    }

    fn drain_one(&mut self) {
        let workers: Vec<_> = self.coordinator.sessions.keys().copied().collect();
        if let Some(worker) = self.random.pick(&workers) {
            self.drain(worker);
        }
    }

    /// Right after a worker came back and got what it had in flight.
    pub(super) fn fault_after_resuming(&mut self, process: ProcessId, session: SessionId) {
        match self.random.below(30) {
            0 => {
                note!(self, "process {process} is killed right after it came back");
                self.tally.count("crashes right after coming back");
                self.crash(process);
            }
            1 => self.cut(session),
            2 if self.coordinator.state != State::Down => self.crash_coordinator(),
            _ => {}
        }
    }

    /// A reader finds that a block in memory is damaged; it may be one whose part is being written.
    fn damage_block(&mut self) {
        let jobs = self.coordinator.store.jobs();
        let Some(job) = self.random.pick(&jobs) else { return };
        let blocks: Vec<_> = self
            .coordinator
            .store
            .with(job, |results| {
                results.memory.iter().filter_map(|(&first, held)| OffsetRun::new(first, held.end)).collect()
            })
            .unwrap_or_default();
        if let Some(block) = self.random.pick(&blocks) {
            self.tally.count("blocks damaged in memory");
            self.lose_blocks(job, &[block]);
        }
    }

    fn fill_disk(&mut self) {
        note!(self, "the disk is full");
        self.faults.disk_is_full = true;
        let span = Duration::from_millis(self.random.magnitude(50, 5000));
        self.plan_in(span, Event::DiskHasRoom);
    }

    fn break_ledger(&mut self) {
        self.faults.ledger = if self.random.one_in(2) { LedgerFault::Slow } else { LedgerFault::Refuses };
        note!(self, "the ledger is not well: {:?}", self.faults.ledger);
        let span = Duration::from_millis(self.random.magnitude(50, 4000));
        self.plan_in(span, Event::LedgerIsWell);
    }

    /// The reader of a job does not keep up for a while. A message about a job that is there, or was, or never is.
    fn pause_one(&mut self) {
        let job = JobId(self.random.within(1, self.ledger.last_job + 1));
        self.tally.count("jobs paused by their reader");
        note!(self, "job {job} is paused by its reader");
        self.tell_fact(job, Fact::Paused("its reader does not keep up"));
        let span = self.random.millis(10, 2000);
        let incarnation = self.coordinator.incarnation;
        self.plan_in(span, Event::ReaderKeepsUp { incarnation, job });
    }

    pub(super) fn on_reader_keeps_up(&mut self, incarnation: swath_model::Incarnation, job: JobId) {
        if self.coordinator.is(incarnation) {
            self.tell_fact(job, Fact::Resumed);
        }
    }

    /// From now on nothing goes wrong that is not in the jobs themselves.
    pub(super) fn on_calm(&mut self) {
        note!(self, "calm");
        self.faults.is_calm = true;
        self.faults.disk_is_full = false;
        self.faults.ledger = LedgerFault::None;
        for process in 0..self.processes.len() {
            if !self.processes[process].is_running() {
                self.plan_in(Duration::from_millis(1), Event::Start { process });
            }
        }
    }
}
