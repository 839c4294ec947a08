//! What a seed stands for: a cluster, jobs, and how much goes wrong.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use swath_coordinator_core::{AfterCancel, Config};
use swath_model::{
    ChunkRun, Chunks, Fingerprint, JobSpec, Layout, Limits, OffsetRun, OffsetSet, Parameters, Range, ResultMode, Shape,
    ValueType,
};
use swath_scheduler::Config as SchedulerConfig;

use crate::{event::JobIndex, random::Random};

#[derive(Debug)]
pub(crate) struct Plan {
    pub(crate) machines: Vec<Machine>,
    pub(crate) jobs: Vec<JobPlan>,
    pub(crate) config: Config,
    /// How long a message travels: at least this, and up to ten times as long.
    pub(crate) delay: Duration,
    /// The mean time between two faults.
    pub(crate) fault_every: Duration,
    /// When the faults end.
    pub(crate) calm: Duration,
    /// Numbers in a piece of a large chunk.
    pub(crate) piece: u64,
    /// Into how many blocks for each thread a worker cuts a lease.
    pub(crate) blocks_per_slot: u64,
    /// Blocks that a worker may have without a receipt.
    pub(crate) upload_room: usize,
    /// How many of them may be on their way.
    pub(crate) upload_window: usize,
    /// The most leases that a worker offers when it comes back.
    pub(crate) max_offers: usize,
    /// How long workers that are told to stop take for what is in flight.
    pub(crate) grace: Duration,
    /// Blocks that the store holds in memory.
    pub(crate) memory_room: usize,
    /// Whether workers that come back say who they were.
    pub(crate) names_former: bool,
    /// Whether blocks of a store that cannot write turn out to be damaged.
    pub(crate) damages_blocks: bool,
    /// How long the ledger takes for a batch, in microseconds: up to this.
    pub(crate) ledger_micros: u64,
}

#[derive(Debug)]
pub(crate) struct Machine {
    pub(crate) threads: u32,
    /// In percent.
    pub(crate) speed: u64,
}

#[derive(Clone, Debug)]
pub(crate) struct JobPlan {
    /// What it computes: no two jobs have the same.
    pub(crate) fingerprint: u64,
    pub(crate) submitted: Duration,
    pub(crate) mode: ResultMode,
    pub(crate) keep_for: Option<Duration>,
    pub(crate) client: ClientPlan,
    pub(crate) chunks: Chunks,
    /// Whether each number has a row.
    pub(crate) shape: Shape,
    /// Whether workers fetch what evaluates it.
    pub(crate) has_program: bool,
    /// Nanoseconds that a thread of normal speed takes for a thousand numbers.
    pub(crate) cost: u64,
    pub(crate) limits: Limits,
    /// Offsets of numbers that the kernel fails at, and how often it does; at most one in a chunk.
    pub(crate) failing: BTreeMap<u64, u32>,
    /// Offsets of numbers that crash the worker; none in a chunk that fails.
    pub(crate) killers: BTreeSet<u64>,
}

/// What the client of a job does.
#[derive(Clone, Copy, Debug)]
pub(crate) struct ClientPlan {
    /// Whether its submit carries a token.
    pub(crate) tokens: Tokens,
    /// When it cancels the job, and how.
    pub(crate) cancels: Option<(Duration, AfterCancel)>,
    /// How long after the end it forgets the job.
    pub(crate) forgets: Option<Duration>,
    pub(crate) watches: bool,
    /// One in so many of its requests is not waited for; 0: all are.
    pub(crate) leaves: u64,
}

/// How a client names its submit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Tokens {
    None,
    One,
    /// With a token, and it is sent twice.
    Twice,
}

/// It fails whenever it is tried.
pub(crate) const ALWAYS: u32 = u32::MAX;

impl Plan {
    pub(crate) fn draw(random: &mut Random) -> Self {
        let machines = (0..random.within(1, 6)).map(|_| Machine::draw(random)).collect();
        let piece = random.magnitude(20, 100_000);
        let calm = random.millis(500, 20_000);
        let jobs = (0..random.within(1, 3)).map(|_| JobPlan::draw(random, piece, calm)).collect();
        let scheduler = SchedulerConfig {
            lease_target: random.millis(50, 800),
            lease_timeout: random.millis(500, 10_000),
            stall_timeout: random.millis(2000, 60_000),
            max_lease_numbers: if random.one_in(4) { random.magnitude(100, 100_000) } else { 1 << 24 },
            leases_per_worker: if random.one_in(8) { random.within(1, 4) as usize } else { 2 },
            ..SchedulerConfig::default()
        };
        let keep_for = random.one_in(4).then(|| random.millis(500, 4000));
        let config = Config { max_jobs: if random.one_in(16) { 1 } else { 20 }, ..Config::new(scheduler, keep_for) };
        Plan {
            machines,
            jobs,
            config,
            delay: Duration::from_micros(random.magnitude(20, 20_000)),
            fault_every: Duration::from_millis(random.magnitude(50, 4000)),
            calm,
            piece,
            blocks_per_slot: random.within(1, 4),
            upload_room: random.magnitude(1, 64) as usize,
            memory_room: random.magnitude(2, 256) as usize,
            upload_window: random.magnitude(1, 64) as usize,
            max_offers: if random.one_in(8) { 1 } else { 64 },
            grace: random.millis(10, 5000),
            names_former: !random.one_in(3),
            damages_blocks: random.one_in(3),
            ledger_micros: random.magnitude(50, 40_000),
        }
    }

    /// The job of the plan that a spec stands for.
    pub(crate) fn index(&self, spec: &JobSpec) -> JobIndex {
        spec.kernel.parse().unwrap_or(usize::MAX)
    }

    pub(crate) fn spec(&self, index: JobIndex) -> JobSpec {
        let job = &self.jobs[index];
        JobSpec {
            kernel: index.to_string(),
            parameters: Parameters::new(),
            chunks: job.chunks,
            chunk_size: job.chunks.largest(),
            program: None,
            condition: None,
            reductions: None,
            kernel_layout: Layout::values(ValueType::Int64),
            layout: Layout::values(ValueType::Int64).with_shape(job.shape),
            result_mode: job.mode,
            limits: job.limits,
            keep_for: job.keep_for,
        }
    }

    pub(crate) fn fingerprint(&self, index: JobIndex) -> Fingerprint {
        fingerprint(self.jobs[index].fingerprint)
    }
}

/// A job as leases name it.
pub(crate) fn fingerprint(of: u64) -> Fingerprint {
    let mut bytes = [0; Fingerprint::BYTES];
    bytes.iter_mut().zip(of.to_le_bytes()).for_each(|(to, from)| *to = from);
    Fingerprint(bytes)
}

impl ClientPlan {
    fn draw(random: &mut Random, calm: Duration) -> Self {
        let calm = calm.as_millis() as u64;
        let after = if random.one_in(2) { AfterCancel::KeepResults } else { AfterCancel::DropResults };
        ClientPlan {
            tokens: match random.below(6) {
                0 => Tokens::None,
                1..=3 => Tokens::One,
                _ => Tokens::Twice,
            },
            cancels: random.one_in(5).then(|| (random.millis(0, calm), after)),
            forgets: random.one_in(4).then(|| random.millis(0, 3000)),
            watches: random.one_in(2),
            leaves: if random.one_in(2) { random.within(1, 6) } else { 0 },
        }
    }
}

impl Machine {
    fn draw(random: &mut Random) -> Self {
        let speed = if random.one_in(5) { random.within(5, 50) } else { random.within(80, 120) };
        Machine { threads: random.magnitude(1, 6) as u32, speed }
    }
}

impl JobPlan {
    fn draw(random: &mut Random, piece: u64, calm: Duration) -> Self {
        let range = draw_range(random, 500 * piece);
        let size = if random.one_in(4) {
            // Large chunks, which come in pieces.
            random.within(piece, 6 * piece)
        } else {
            let fewest = (range.count() / 3000).max(1);
            random.magnitude(fewest, piece.max(2 * fewest))
        };
        // `size` is above zero.
        let chunks = Chunks::new(range, size).unwrap_or_else(|_| unreachable!("a chunk size of zero"));
        let work = Duration::from_millis(random.magnitude(50, 20_000));
        let limits = Limits {
            max_retries: random.within(0, 3) as u32,
            crash_limit: random.within(2, 4) as u32,
            keep_going: random.one_in(2),
        };
        let mut job = JobPlan {
            fingerprint: random.next(),
            submitted: random.millis(0, calm.as_millis() as u64 / 2),
            mode: if random.one_in(4) { ResultMode::Delivered } else { ResultMode::Stored },
            keep_for: random.one_in(8).then(|| random.millis(500, 4000)),
            client: ClientPlan::draw(random, calm),
            chunks,
            has_program: random.one_in(3),
            shape: [Shape::Dense, Shape::Sparse, Shape::Reduced][random.below(3) as usize],
            cost: (work.as_nanos() as u64 / range.count()).max(1) * 1000,
            limits,
            failing: BTreeMap::new(),
            killers: BTreeSet::new(),
        };
        job.draw_defects(random);
        job
    }

    /// Another job after this one was lost with its ledger: often over the same range, in the same chunks.
    pub(crate) fn draw_other(&self, random: &mut Random, piece: u64, calm: Duration) -> Self {
        let other = JobPlan { submitted: self.submitted, ..JobPlan::draw(random, piece, calm) };
        match random.below(3) {
            0 => other,
            _ => JobPlan { fingerprint: other.fingerprint, ..self.clone() },
        }
    }

    fn draw_defects(&mut self, random: &mut Random) {
        let mut chunks = BTreeSet::new();
        let mut place = |job: &JobPlan, random: &mut Random| {
            let chunk = random.below(job.chunks.count());
            let offsets = job.chunks.offsets(one(chunk));
            chunks.insert(chunk).then(|| random.within(offsets.start(), offsets.end() - 1))
        };
        if random.one_in(2) {
            for _ in 0..random.magnitude(1, 24) {
                let always = random.one_in(3);
                let times = if always { ALWAYS } else { random.within(0, self.limits.max_retries.into()) as u32 };
                self.failing.extend(place(self, random).map(|offset| (offset, times)));
            }
        }
        if random.one_in(4) {
            for _ in 0..random.magnitude(1, 4) {
                self.killers.extend(place(self, random));
            }
        }
    }

    /// The chunks that can never be computed.
    pub(crate) fn impossible(&self) -> BTreeSet<u64> {
        let always = self.failing.iter().filter(|(_, times)| **times == ALWAYS).map(|(offset, _)| offset);
        always.chain(&self.killers).map(|&offset| self.chunks.chunk_at(offset)).collect()
    }

    /// Whether a number of this chunk crashes workers.
    pub(crate) fn kills(&self, chunk: u64) -> bool {
        let offsets = self.chunks.offsets(one(chunk));
        self.killers.range(offsets.start()..offsets.end()).next().is_some()
    }
}

fn draw_range(random: &mut Random, most: u64) -> Range {
    let count = random.magnitude(1, most) as i64;
    let first = match random.below(4) {
        0 => i64::MIN,
        1 => i64::MAX - count + 1,
        _ => random.below(1000) as i64 - 500,
    };
    // Within bounds by its making.
    Range::new(first, first + (count - 1)).unwrap_or_else(|_| unreachable!("a range out of bounds"))
}

/// The run of one index.
pub(crate) fn one(index: u64) -> ChunkRun {
    ChunkRun::one(index)
}

/// The chunks that touch `run` and lie whole in `offsets`.
pub(crate) fn whole_chunks(offsets: &OffsetSet, chunks: Chunks, run: OffsetRun) -> Option<ChunkRun> {
    let is_whole = |chunk: u64| offsets.contains_run(chunks.offsets(one(chunk)));
    let touched = chunks.touched(run);
    let (mut start, mut end) = (touched.start(), touched.end());
    if !is_whole(start) {
        start += 1;
    }
    if start < end && !is_whole(end - 1) {
        end -= 1;
    }
    ChunkRun::new(start, end)
}
