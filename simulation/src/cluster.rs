//! The cluster: everything there is, and the loop that lets it happen.

mod blocks;
mod connections;
mod faults;
mod parts;
mod persist;
mod readers;
mod requests;
mod sessions;
mod shell;
mod verdict;
mod workers;

use std::{collections::BTreeMap, time::Duration};

use swath_coordinator_core::Inherited;
use swath_model::{Incarnation, Instant, LeaseId, OffsetSet};

use crate::{
    agenda::Agenda,
    clients::Clients,
    coordinator::{Coordinator, GivenLease},
    disk::Disk,
    event::{Event, ProcessId, Wish},
    ledger::Ledger,
    network::Network,
    plan::{JobPlan, Plan, Tokens},
    process::Process,
    promises::Promises,
    random::Random,
    tally::Tally,
    trace::Trace,
};

/// More steps than this, and something goes round in circles.
const MOST_STEPS: u64 = 1_000_000;

/// Within this time after the faults have ended, plus what there is to do, every job must be over.
const PATIENCE: Duration = Duration::from_secs(300);

/// When every job is over, the cluster goes on for so long: what was lost is found, workers stop what nobody wants.
const LINGER: Duration = Duration::from_millis(2500);

/// The same if jobs expire.
const LINGER_FOR_EXPIRY: Duration = Duration::from_secs(8);

/// Notes a line in the trace.
macro_rules! note {
    ($cluster:expr, $($line:tt)*) => {
        $cluster.trace.note($cluster.now, format_args!($($line)*))
    };
}
use note;

#[derive(Debug)]
pub(crate) struct Cluster {
    plan: Plan,
    random: Random,
    now: Instant,
    agenda: Agenda,
    pub(crate) trace: Trace,
    pub(crate) tally: Tally,
    network: Network,
    processes: Vec<Process>,
    clients: Clients,
    coordinator: Coordinator,
    /// What survives a coordinator.
    ledger: Ledger,
    disk: Disk,
    promises: Promises,
    /// What was there when somebody copied it.
    copy: Option<Copy>,
    faults: Faults,
    last_part: u64,
    /// Every lease there ever was.
    leases: BTreeMap<LeaseId, GivenLease>,
    /// The offsets of each job that some worker has computed. Nobody in the cluster knows.
    computed: Vec<OffsetSet>,
    /// The first promise that was broken.
    pub(crate) broken: Option<String>,
    /// How many tasks there were.
    last_task: u64,
    /// For when the verdict is planned.
    judges_at: Option<Instant>,
    is_judged: bool,
}

/// A copy of what is durable. Somebody may put it back.
#[derive(Clone, Debug)]
struct Copy {
    ledger: Ledger,
    disk: Disk,
    promises: Promises,
}

/// What is wrong now.
#[derive(Debug, Default)]
struct Faults {
    disk_is_full: bool,
    ledger: LedgerFault,
    /// Whether faults are over.
    is_calm: bool,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum LedgerFault {
    #[default]
    None,
    /// It takes its time.
    Slow,
    /// Some of what is to be written is refused.
    Refuses,
}

impl Cluster {
    pub(crate) fn new(seed: u64, aloud: bool) -> Self {
        let mut random = Random::new(seed);
        let plan = Plan::draw(&mut random);
        Cluster {
            processes: plan.machines.iter().map(|machine| Process::new(machine, &plan)).collect(),
            clients: Clients::new(&plan.jobs, &mut random),
            coordinator: Coordinator::new(plan.config.clone(), Inherited::default(), Instant::ZERO, Incarnation(0)),
            ledger: Ledger::default(),
            disk: Disk::default(),
            promises: Promises::default(),
            copy: None,
            computed: vec![OffsetSet::new(); plan.jobs.len()],
            plan,
            random,
            now: Instant::ZERO,
            agenda: Agenda::default(),
            trace: Trace::new(aloud),
            tally: Tally::default(),
            network: Network::default(),
            faults: Faults::default(),
            last_part: 0,
            leases: BTreeMap::new(),
            broken: None,
            last_task: 0,
            judges_at: None,
            is_judged: false,
        }
    }

    /// Runs until every job is over, or a promise is broken.
    pub(crate) fn run(&mut self) {
        self.set_up();
        let mut steps = 0;
        while self.broken.is_none() && !self.is_judged {
            let Some((at, event)) = self.agenda.next() else {
                self.break_promise("nothing will ever happen, but jobs are not over".to_owned());
                break;
            };
            self.now = self.now.max(at);
            self.happen(event);
            steps += 1;
            if self.is_over() {
                if self.judges_at.is_none() {
                    self.plan_verdict();
                }
            } else {
                self.judges_at = None;
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
        for client in 0..self.clients.all.len() {
            let JobPlan { submitted, client: ref plan, .. } = self.plan.jobs[client];
            let times = if plan.tokens == Tokens::Twice { 2 } else { 1 };
            for _ in 0..times {
                self.agenda.plan(Instant::ZERO + submitted, Event::Asks { client, wish: Wish::Submit });
            }
        }
        self.start_coordinator();
        self.plan_fault();
        self.agenda.plan(Instant::ZERO + self.plan.calm, Event::Calm);
    }

    fn happen(&mut self, event: Event) {
        if let Some(until) = self.sleeps_until(&event) {
            // The process is stopped: this waits for it.
            self.agenda.plan(until, event);
            return;
        }
        match event {
            Event::Said { session, message } => self.on_said(session, message),
            Event::Told { session, message } => self.on_told(session, message),
            Event::Uploaded(upload) => self.on_uploaded(upload),
            Event::BlockChecked { incarnation, upload } => self.on_block_checked(incarnation, upload),
            Event::Receipted { session, stream } => self.on_receipted(session, stream),
            Event::CoordinatorNotices { session } => self.on_coordinator_notices(session),
            Event::WorkerNotices { session } => self.on_worker_notices(session),
            Event::Prepared { process, attempt, job, is_there } => self.on_prepared(process, attempt, &job, is_there),
            Event::TaskDone { process, thread, task } => self.on_task_done(process, thread, task),
            Event::TaskCrashes { process, thread, task } => self.on_task_crashes(process, thread, task),
            Event::ProcessWakes { process } => self.on_process_wakes(process),
            Event::Start { process } => self.start(process),
            Event::CoordinatorStarts => self.start_coordinator(),
            Event::Wake { incarnation } => self.on_wake(incarnation),
            Event::RoomFreed { incarnation } => self.on_room_freed(incarnation),
            Event::Look { incarnation } => self.on_look(incarnation),
            Event::PartWritten { incarnation, part } => self.on_part_written(incarnation, part),
            Event::RowInserted { incarnation, part } => self.on_row_inserted(incarnation, part),
            Event::PartDurable { incarnation, part } => self.on_part_known(incarnation, part),
            Event::CoordinatorCrashes { incarnation } => self.on_crash_while_writing(incarnation),
            Event::Fact { incarnation } => self.on_fact(incarnation),
            Event::Persisted { incarnation } => self.on_persisted(incarnation),
            Event::FilesDeleted { incarnation, files, replies } => self.on_files_deleted(incarnation, &files, replies),
            Event::Asks { client, wish } => self.on_asks(client, wish),
            Event::ClientGone { request } => self.on_client_gone(request),
            Event::PartRead { part } => self.on_part_read(part),
            Event::ReaderReads { incarnation, job } => self.on_reader_reads(incarnation, job),
            Event::ReaderKeepsUp { incarnation, job } => self.on_reader_keeps_up(incarnation, job),
            Event::DiskHasRoom => self.on_disk_has_room(),
            Event::LedgerIsWell => self.on_ledger_is_well(),
            Event::Fault => self.on_fault(),
            Event::Calm => self.on_calm(),
            Event::Judge => self.on_judge(),
        }
    }

    /// If the process that must be running for this to happen is suspended: until when.
    fn sleeps_until(&self, event: &Event) -> Option<Instant> {
        let until = match *event {
            Event::Told { session, .. } | Event::Receipted { session, .. } | Event::WorkerNotices { session } => {
                self.processes[self.network.process(session)].stopped_until
            }
            Event::TaskDone { process, .. }
            | Event::Prepared { process, .. }
            | Event::TaskCrashes { process, .. }
            | Event::ProcessWakes { process } => self.processes[process].stopped_until,
            Event::Start { .. }
            | Event::CoordinatorStarts
            | Event::CoordinatorCrashes { .. }
            | Event::DiskHasRoom
            | Event::LedgerIsWell
            | Event::Fault
            | Event::Calm
            | Event::Judge => None,
            _ => self.coordinator.suspended_until,
        };
        until.filter(|&until| until > self.now)
    }

    fn plan_in(&mut self, span: Duration, event: Event) {
        self.agenda.plan(self.now + span, event);
    }

    /// Notes that something happened which must not; the run ends.
    fn break_promise(&mut self, what: String) {
        note!(self, "BROKEN: {what}");
        self.broken.get_or_insert(what);
    }

    /// Whether the result of a check is fine.
    fn check(&mut self, checked: Result<(), String>) {
        if let Err(what) = checked {
            self.break_promise(what);
        }
    }

    fn is_over(&self) -> bool {
        self.faults.is_calm
            && self.coordinator.is_awake(self.now)
            && self.clients.are_settled()
            && self.coordinator.batch.is_none()
            && self.ledger.jobs.values().all(|job| job.state.has_ended())
            && self.disk.is_whole()
            && self.readers_have_all()
            // The ledger may have refused that one runs again.
            && self.coordinator.core.jobs().iter().all(|job| job.state.has_ended())
    }

    fn plan_verdict(&mut self) {
        note!(self, "every job is over");
        let expires = |job: &crate::ledger::JobRow| job.spec.keep_for.or(self.plan.config.keep_for).is_some();
        let linger = if self.ledger.jobs.values().any(expires) { LINGER_FOR_EXPIRY } else { LINGER };
        let at = self.now + linger + self.plan.delay * 20;
        self.judges_at = Some(at);
        self.agenda.plan(at, Event::Judge);
    }

    fn on_judge(&mut self) {
        if self.judges_at == Some(self.now) {
            self.judge();
            self.is_judged = true;
        }
    }

    /// What the slowest machine would need for all jobs.
    fn work(&self) -> Duration {
        let work = |job: &JobPlan| u128::from(job.chunks.range().count()) * u128::from(job.cost) / 1000;
        let work: u128 = self.plan.jobs.iter().map(work).sum();
        let slowest = self.plan.machines.iter().map(|machine| machine.speed).min().unwrap_or(100);
        Duration::from_nanos((work * 100 / u128::from(slowest)) as u64)
    }

    fn open_jobs(&self) -> String {
        let core = &self.coordinator.core;
        let running = self.ledger.jobs.iter().filter(|(_, job)| !job.state.has_ended()).map(|(id, _)| *id);
        let statuses: Vec<_> = running.filter_map(|id| core.job(id).ok()).collect();
        let clients: Vec<_> = self.clients.all.iter().map(|client| (client.id, client.stage)).collect();
        let (waiting, state) = (&self.clients.waiting, self.coordinator.state);
        format!("{state:?}, {clients:?}, {waiting:?}, {statuses:?}; workers {:?}", core.workers())
    }

    fn process_of(&self, session: crate::event::SessionId) -> ProcessId {
        self.network.process(session)
    }
}
