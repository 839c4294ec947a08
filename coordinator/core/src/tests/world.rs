//! A core with a shell that keeps everything in memory and does nothing by itself.

use std::{
    collections::{BTreeMap, BTreeSet, VecDeque},
    time::{Duration, SystemTime},
};

use swath_model::{
    ChunkRun, ChunkSet, Chunks, Fingerprint, Instant, JobId, JobSpec, Layout, Limits, OffsetSet, Range, ResultMode,
    ValueType, WorkerId, WorkerInfo,
};

use crate::{
    Answer, Config, Core, Effect, Inherited, Join, Joined, Notice, Now, PersistError, PersistErrorKind, Record,
    Refusal, RequestId, ResultIndex, Results, Submit, ToWorker,
};

/// The indexes of all jobs, shared between the core and the shell.
#[derive(Debug, Clone, Default)]
pub(super) struct Indexes(std::rc::Rc<std::cell::RefCell<BTreeMap<JobId, ResultIndex>>>);

impl Indexes {
    pub(super) fn with<T>(&self, job: JobId, look: impl FnOnce(&mut ResultIndex) -> T) -> Option<T> {
        self.0.borrow_mut().get_mut(&job).map(look)
    }
}

impl Indexes {
    pub(super) fn insert(&self, job: JobId, index: ResultIndex) {
        let former = self.0.borrow_mut().insert(job, index);
        assert!(former.is_none(), "the results of job {job} are created twice");
    }
}

impl Results for Indexes {
    fn committed_chunks(&self, job: JobId) -> ChunkSet {
        self.with(job, |index| index.committed_chunks()).unwrap_or_default()
    }

    fn missing(&self, job: JobId, chunks: &ChunkSet, offsets: &OffsetSet) -> OffsetSet {
        self.with(job, |index| index.missing(chunks, offsets)).unwrap_or_default()
    }

    fn bytes(&self, _: JobId) -> u64 {
        0
    }

    fn location(&self, job: JobId) -> String {
        format!("jobs/{job}")
    }
}

pub(super) struct World {
    pub(super) core: Core<Indexes>,
    pub(super) indexes: Indexes,
    pub(super) time: Duration,
    last_request: u64,
    /// The batch under way.
    pub(super) batch: Option<Vec<Record>>,
    pub(super) answers: BTreeMap<RequestId, Result<Answer, Refusal>>,
    pub(super) sent: VecDeque<(WorkerId, ToWorker)>,
    /// The jobs that each session knows.
    described: BTreeSet<(WorkerId, JobId)>,
    pub(super) published: Vec<swath_model::JobStatus>,
    pub(super) notices: Vec<Notice>,
    pub(super) closing: BTreeSet<JobId>,
    pub(super) closed_sessions: Vec<WorkerId>,
    pub(super) deleted: Vec<JobId>,
    pub(super) dropped: Vec<JobId>,
}

impl World {
    pub(super) fn new() -> Self {
        Self::with(|_| ())
    }

    pub(super) fn with(change: impl FnOnce(&mut Config)) -> Self {
        let mut config = Config::new(swath_scheduler::Config::default(), None);
        change(&mut config);
        let indexes = Indexes::default();
        let start = now(Duration::ZERO);
        Self {
            core: Core::new(config, Inherited::default(), start, indexes.clone()),
            indexes,
            time: Duration::ZERO,
            last_request: 0,
            batch: None,
            answers: BTreeMap::new(),
            sent: VecDeque::new(),
            described: BTreeSet::new(),
            published: Vec::new(),
            notices: Vec::new(),
            closing: BTreeSet::new(),
            closed_sessions: Vec::new(),
            deleted: Vec::new(),
            dropped: Vec::new(),
        }
    }

    /// Calls the core, takes its effects and checks it.
    pub(super) fn call<T>(&mut self, input: impl FnOnce(&mut Core<Indexes>, Now) -> T) -> T {
        let result = input(&mut self.core, now(self.time));
        while let Some(effect) = self.core.poll_effect() {
            self.carry_out(effect);
        }
        self.core.check_invariants();
        self.indexes.0.borrow().values().for_each(ResultIndex::check_invariants);
        result
    }

    fn carry_out(&mut self, effect: Effect) {
        match effect {
            Effect::Send { worker, message } => {
                self.check_description(worker, &message);
                self.sent.push_back((worker, message));
            }
            Effect::CloseSession(worker) => self.closed_sessions.push(worker),
            Effect::Persist { records, .. } => {
                assert!(self.batch.replace(records).is_none(), "two batches are under way");
            }
            Effect::Answer(reply) => self.answered(reply.request, reply.answer),
            Effect::Publish(status) => self.published.push(*status),
            Effect::CreateResults { job, spec } => {
                self.indexes.insert(job, ResultIndex::new(spec.chunks, spec.result_mode));
            }
            Effect::FailChunk { job, chunk } => drop(self.indexes.with(job, |index| index.fail_chunk(chunk))),
            Effect::CloseResults(job) => {
                self.indexes.with(job, ResultIndex::close);
                self.closing.insert(job);
            }
            Effect::EndResults { job, ending } => drop(self.indexes.with(job, |index| index.end(ending))),
            Effect::ReopenResults(job) => drop(self.indexes.with(job, ResultIndex::reopen)),
            Effect::DropResults { job, replies } => {
                self.indexes.with(job, |index| index.drop_all("dropped".into()));
                self.dropped.push(job);
                replies.into_iter().for_each(|reply| self.answered(reply.request, reply.answer));
            }
            Effect::DeleteJob { job, replies } => {
                self.indexes.0.borrow_mut().remove(&job);
                self.closing.remove(&job);
                self.deleted.push(job);
                replies.into_iter().for_each(|reply| self.answered(reply.request, reply.answer));
            }
            Effect::Log(notice) => self.notices.push(notice),
        }
    }

    /// A session hears once of each job, before its first lease.
    fn check_description(&mut self, worker: WorkerId, message: &ToWorker) {
        let is_right = match message {
            ToWorker::DescribeJob { job, .. } => self.described.insert((worker, *job)),
            ToWorker::Lease(lease) => self.described.contains(&(worker, lease.job)),
            ToWorker::JobEnded(job) => self.described.remove(&(worker, *job)),
            ToWorker::ReturnChunks { .. } | ToWorker::StopLease { .. } | ToWorker::ShutDown => true,
        };
        assert!(is_right, "worker {worker} does not expect {message:?}");
    }

    fn answered(&mut self, request: RequestId, answer: Result<Answer, Refusal>) {
        assert!(self.answers.insert(request, answer).is_none(), "{request:?} is answered twice");
    }

    pub(super) fn request(&mut self) -> RequestId {
        self.last_request += 1;
        RequestId(self.last_request)
    }

    /// Submits a job of so many chunks of ten numbers.
    pub(super) fn submit(&mut self, chunks: u64, change: impl FnOnce(&mut Submit)) -> RequestId {
        let mut submit = submit(chunks);
        change(&mut submit);
        let request = self.request();
        self.call(|core, now| core.submit(now, request, submit));
        request
    }

    /// Submits a job that is stored at once.
    pub(super) fn job(&mut self, chunks: u64) -> JobId {
        let request = self.submit(chunks, |_| ());
        self.persist(None);
        self.status_of(request).id
    }

    /// Writes the batch under way; all of it fails with `error`, if there is one.
    pub(super) fn persist(&mut self, error: Option<PersistErrorKind>) -> Vec<Record> {
        let batch = self.batch.take().expect("no batch is under way");
        let error = error.map(|kind| PersistError { kind, reason: "the disk says no".into() });
        let written = batch.iter().map(|_| error.clone().map_or(Ok(()), Err)).collect();
        self.call(|core, now| core.handle_persisted(now, written));
        batch
    }

    pub(super) fn status_of(&self, request: RequestId) -> swath_model::JobStatus {
        match &self.answers[&request] {
            Ok(Answer::Job(status)) => (**status).clone(),
            other => panic!("{request:?}: {other:?}"),
        }
    }

    pub(super) fn refusal_of(&self, request: RequestId) -> Refusal {
        match &self.answers[&request] {
            Err(refusal) => refusal.clone(),
            other => panic!("{request:?}: {other:?}"),
        }
    }

    pub(super) fn join(&mut self) -> Joined {
        self.call(|core, now| core.join(now, join())).unwrap()
    }

    /// The next lease for a worker.
    pub(super) fn lease(&mut self) -> (WorkerId, crate::Assignment) {
        while let Some((worker, message)) = self.sent.pop_front() {
            if let ToWorker::Lease(assignment) = message {
                return (worker, assignment);
            }
        }
        panic!("no lease was sent");
    }

    /// A worker delivers these chunks of a lease; they are durable at once.
    pub(super) fn deliver(&mut self, worker: WorkerId, assignment: crate::Assignment, chunks: ChunkRun) {
        let crate::Assignment { lease, job, fingerprint, .. } = assignment;
        let claim = crate::Claim { lease, job, fingerprint: Some(fingerprint), chunks: Some(chunks) };
        if self.call(|core, now| core.fence(now, &claim)).is_none() {
            return;
        }
        let offsets = self.indexes.with(job, |index| index.chunks().offsets(chunks)).unwrap();
        let accepted = self.indexes.with(job, |index| index.accept(offsets)).unwrap();
        let block = crate::AcceptedBlock { job, worker, lease, chunks, numbers: offsets.len(), accepted };
        self.call(|core, now| core.handle_accepted(now, block));
        let committed = self.indexes.with(job, |index| {
            index.begin_part(&[offsets]);
            index.commit(&[offsets])
        });
        let committed = committed.flatten();
        for chunks in committed.unwrap_or_default() {
            self.call(|core, now| core.handle_committed(now, job, chunks));
        }
    }

    pub(super) fn wait(&mut self, time: Duration) {
        self.time += time;
    }
}

pub(super) fn now(time: Duration) -> Now {
    Now { instant: Instant::ZERO + time, time_of_day: SystemTime::UNIX_EPOCH + time }
}

pub(super) fn join() -> Join {
    let info =
        WorkerInfo { name: "w".into(), host: "h".into(), process_id: 1, threads: 1, program_version: "1".into() };
    Join { info, address: "here".into(), former: None, offers: Vec::new() }
}

pub(super) fn submit(chunks: u64) -> Submit {
    let range = Range::new(1, i64::try_from(chunks).unwrap() * 10).unwrap();
    let spec = JobSpec {
        kernel: "square".into(),
        parameters: BTreeMap::new(),
        chunks: Chunks::new(range, 10).unwrap(),
        chunk_size: 10,
        program: None,
        condition: None,
        reductions: None,
        kernel_layout: Layout::values(ValueType::Int64),
        layout: Layout::values(ValueType::Int64),
        result_mode: ResultMode::Stored,
        limits: Limits::default(),
        keep_for: None,
    };
    Submit { spec, fingerprint: Fingerprint([u8::try_from(chunks).unwrap(); 16]), token: None }
}
