//! What goes wrong.

use std::time::Duration;

use swath_model::JobId;

use crate::cluster::{Cluster, note};
use crate::event::{Event, ProcessId, SessionId};

impl Cluster {
    pub(crate) fn plan_trouble(&mut self) {
        let mean = self.plan.trouble_every.as_millis() as u64;
        let pause = self.random.millis(0, 2 * mean);
        self.plan_in(pause, Event::Trouble);
    }

    pub(crate) fn on_trouble(&mut self) {
        if self.is_calm {
            return;
        }
        match self.random.below(22) {
            0..=4 => self.kill_one(),
            5..=7 => self.stop_one(),
            8..=12 => self.cut_one(),
            13 => self.let_one_leave(),
            14 => self.drain_one(),
            15 => self.fill_disk(),
            16..=17 if self.coordinator.is_up => self.crash_coordinator(),
            18 => self.pause_one(),
            19 => self.copy_ledger(),
            _ => self.kill_many(),
        }
        self.plan_trouble();
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

    fn let_one_leave(&mut self) {
        let Some(process) = self.some_process() else { return };
        if self.processes[process].stopped_until.is_none_or(|until| until <= self.now) {
            self.leave(process);
        }
    }

    fn drain_one(&mut self) {
        let workers = self.coordinator.workers();
        if let Some(worker) = self.random.pick(&workers) {
            self.drain(worker);
        }
    }

    /// Right after a worker came back and got what it had in hand.
    pub(crate) fn trouble_after_resuming(&mut self, process: ProcessId, session: SessionId) {
        match self.random.below(60) {
            0 => {
                note!(self, "process {process} is killed right after it came back");
                self.tally.count("crashes right after coming back");
                self.crash(process);
            }
            1 => self.cut(session),
            2 if self.coordinator.is_up => self.crash_coordinator(),
            _ => {}
        }
    }

    fn fill_disk(&mut self) {
        note!(self, "the disk is full");
        self.disk_is_full = true;
        let span = Duration::from_millis(self.random.magnitude(50, 5000));
        self.plan_in(span, Event::DiskHasRoom);
    }

    /// A message about a job that is there, or was, or never is.
    fn pause_one(&mut self) {
        let jobs = self.plan.jobs.len() as u64 + 1;
        let job = JobId(self.random.within(1, jobs));
        if self.coordinator.is_up {
            self.pause(job);
        }
    }

    /// From now on nothing goes wrong that is not in the jobs themselves.
    pub(crate) fn on_calm(&mut self) {
        note!(self, "calm");
        self.is_calm = true;
        self.disk_is_full = false;
        for process in 0..self.processes.len() {
            if !self.processes[process].is_running() {
                self.plan_in(Duration::from_millis(1), Event::Start { process });
            }
        }
    }
}
