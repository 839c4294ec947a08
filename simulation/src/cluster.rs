//! The cluster: everything there is, and the loop that lets it happen.

use std::time::Duration;

use swath_model::Instant;

use crate::agenda::Agenda;
use crate::coordinator::Coordinator;
use crate::event::{Event, ProcessId};
use crate::ledger::Ledger;
use crate::network::Network;
use crate::plan::{JobPlan, Plan};
use crate::process::Process;
use crate::random::Random;
use crate::tally::Tally;
use crate::trace::Trace;

/// More steps than this, and something goes round in circles.
const MOST_STEPS: u64 = 1_000_000;

/// Within this time after the trouble has ended, plus what there is to do, every job must be over.
const PATIENCE: Duration = Duration::from_secs(300);

/// Notes a line in the trace.
macro_rules! note {
    ($cluster:expr, $($line:tt)*) => {
        $cluster.trace.note($cluster.now, format_args!($($line)*))
    };
}
pub(crate) use note;

#[derive(Debug)]
pub(crate) struct Cluster {
    pub(crate) plan: Plan,
    pub(crate) random: Random,
    pub(crate) now: Instant,
    pub(crate) agenda: Agenda,
    pub(crate) trace: Trace,
    pub(crate) tally: Tally,
    pub(crate) network: Network,
    pub(crate) processes: Vec<Process>,
    pub(crate) coordinator: Coordinator,
    /// What survives a coordinator.
    pub(crate) ledger: Ledger,
    /// What the ledger was when somebody copied it.
    pub(crate) copy: Option<Ledger>,
    pub(crate) disk_is_full: bool,
    /// Whether the trouble is over.
    pub(crate) is_calm: bool,
    /// The first promise that was broken.
    pub(crate) broken: Option<String>,
    /// How many tasks there were.
    pub(crate) last_token: u64,
}

impl Cluster {
    pub(crate) fn new(seed: u64, aloud: bool) -> Self {
        let mut random = Random::new(seed);
        let plan = Plan::draw(&mut random);
        let ledger = Ledger::new(&plan);
        Cluster {
            processes: plan.machines.iter().map(|machine| Process::new(machine, &plan)).collect(),
            coordinator: Coordinator::new(plan.config.clone()),
            ledger,
            copy: None,
            plan,
            random,
            now: Instant::ZERO,
            agenda: Agenda::default(),
            trace: Trace::new(aloud),
            tally: Tally::default(),
            network: Network::default(),
            disk_is_full: false,
            is_calm: false,
            broken: None,
            last_token: 0,
        }
    }

    /// Runs until every job is over, or a promise is broken.
    pub(crate) fn run(&mut self) {
        self.set_up();
        let mut steps = 0;
        while self.broken.is_none() {
            let Some((at, event)) = self.agenda.next() else {
                self.break_promise("nothing will ever happen, but jobs are not over".to_owned());
                break;
            };
            self.now = self.now.max(at);
            self.happen(event);
            steps += 1;
            if self.is_over() {
                self.judge();
                break;
            }
            if steps > MOST_STEPS || self.now > Instant::ZERO + self.plan.calm + PATIENCE + self.work() * 4 {
                self.break_promise(format!("a job is stuck: {}", self.open_jobs()));
            }
        }
        self.tally.add("steps", steps);
        self.tally.add("simulated milliseconds", self.now.as_nanos() / 1_000_000);
    }

    fn set_up(&mut self) {
        note!(self, "{:?}", self.plan);
        for process in 0..self.processes.len() {
            self.plan_in(self.plan.delay, Event::Start { process });
        }
        for job in 0..self.plan.jobs.len() {
            let JobPlan { submitted, cancelled, .. } = self.plan.jobs[job];
            self.agenda.plan(Instant::ZERO + submitted, Event::Submit { job });
            if let Some(cancelled) = cancelled {
                self.agenda.plan(Instant::ZERO + cancelled, Event::Cancel { job });
            }
        }
        self.start_coordinator();
        self.plan_trouble();
        self.agenda.plan(Instant::ZERO + self.plan.calm, Event::Calm);
    }

    fn happen(&mut self, event: Event) {
        if let Some(process) = self.concerns(&event)
            && let Some(until) = self.processes[process].stopped_until.filter(|&until| until > self.now)
        {
            // The process is stopped: this waits for it.
            self.agenda.plan(until, event);
            return;
        }
        match event {
            Event::Said { session, message } => self.on_said(session, message),
            Event::Told { session, message } => self.on_told(session, message),
            Event::Uploaded { session, stream, block } => self.on_uploaded(session, stream, block),
            Event::Receipted { session, stream } => self.on_receipted(session, stream),
            Event::CoordinatorNotices { session } => self.on_coordinator_notices(session),
            Event::WorkerNotices { session } => self.on_worker_notices(session),
            Event::TaskDone { process, thread, token } => self.on_task_done(process, thread, token),
            Event::TaskCrashes { process, thread, token } => self.on_task_crashes(process, thread, token),
            Event::ProcessWakes { process } => self.on_process_wakes(process),
            Event::Start { process } => self.start(process),
            Event::CoordinatorStarts => self.start_coordinator(),
            Event::Wake { incarnation } => self.on_wake(incarnation),
            Event::Look { incarnation } => self.on_look(incarnation),
            Event::PartWritten { incarnation, job, blocks } => self.on_part_written(incarnation, job, &blocks),
            Event::Fact { incarnation, job, fact } => self.on_fact(incarnation, job, &fact),
            Event::Submit { job } => self.on_submit(job),
            Event::Cancel { job } => self.on_cancel(job),
            Event::DiskHasRoom => self.on_disk_has_room(),
            Event::Trouble => self.on_trouble(),
            Event::Calm => self.on_calm(),
        }
    }

    /// The process that must be running for this to happen.
    fn concerns(&self, event: &Event) -> Option<ProcessId> {
        match *event {
            Event::Told { session, .. } | Event::Receipted { session, .. } | Event::WorkerNotices { session } => {
                Some(self.network.process(session))
            }
            Event::TaskDone { process, .. } | Event::TaskCrashes { process, .. } | Event::ProcessWakes { process } => {
                Some(process)
            }
            _ => None,
        }
    }

    pub(crate) fn plan_in(&mut self, span: Duration, event: Event) {
        self.agenda.plan(self.now + span, event);
    }

    /// Notes that something happened which must not; the run ends.
    pub(crate) fn break_promise(&mut self, what: String) {
        note!(self, "BROKEN: {what}");
        self.broken.get_or_insert(what);
    }

    fn is_over(&self) -> bool {
        self.is_calm && self.ledger.jobs.iter().all(|job| job.outcome.is_some())
    }

    /// What the slowest machine would need for all jobs.
    fn work(&self) -> Duration {
        let work = |job: &JobPlan| u128::from(job.chunks.range().count()) * u128::from(job.cost) / 1000;
        let work: u128 = self.plan.jobs.iter().map(work).sum();
        let slowest = self.plan.machines.iter().map(|machine| machine.speed).min().unwrap_or(100);
        Duration::from_nanos((work * 100 / u128::from(slowest)) as u64)
    }

    fn open_jobs(&self) -> String {
        let open = |(index, _): &(usize, _)| self.ledger.jobs[*index].outcome.is_none();
        let jobs = self.coordinator.scheduler.jobs();
        let views = jobs.map(|(id, view)| ((id.0 - 1) as usize, view)).filter(open);
        format!(
            "{:?}; workers {:?}",
            views.collect::<Vec<_>>(),
            self.coordinator.scheduler.workers().collect::<Vec<_>>()
        )
    }
}
