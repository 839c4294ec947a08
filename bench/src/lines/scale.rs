//! `scale`: a thousand workers at one coordinator.

use std::{sync::atomic::Ordering::Relaxed, time::Duration};

use anyhow::{Context, Result, ensure};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use swath_client::{Client, Job, JobState};
use tokio::time::{Instant, sleep, timeout};

use crate::{
    client::{self, block_on},
    light::{LEASE, Sessions},
    measure::{Contender, Kind, Line, Measure, Unit},
    process::Cluster,
    sampling::{CpuTime, proportional_kib},
    setting::Setting,
    statistics::size,
    verify,
};

const CHUNK_NUMBERS: u64 = 8192;
/// While nothing is known of a worker, its leases have so many chunks of this size; it gets two.
const FIRST_CHUNKS: u64 = 2 * 65_536 / CHUNK_NUMBERS;

/// How long what takes.
#[derive(Clone, Copy)]
struct Span {
    /// Until rates are known.
    settle: Duration,
    /// What is measured.
    steady: Duration,
    /// For coming back.
    rest: Duration,
}

const FULL: Span =
    Span { settle: Duration::from_secs(3), steady: Duration::from_secs(20), rest: Duration::from_secs(8) };
const QUICK: Span =
    Span { settle: Duration::from_secs(2), steady: Duration::from_secs(2), rest: Duration::from_secs(2) };

const PATIENCE: Duration = Duration::from_secs(120);
const LOOK: Duration = Duration::from_millis(5);

pub(super) fn line(setting: &Setting) -> Line {
    let (few, many) = (100, setting.either(1000, 100));
    let contender = |workers: usize| {
        let name = format!("Swath, {workers} workers");
        Contender::with_several(name, Kind::Swath, move |setting| turn(setting, workers))
    };
    Line {
        name: "scale",
        work: format!("{many} workers as light sessions, leases of one second, one coordinator"),
        contenders: setting.either(vec![contender(few), contender(many)], vec![contender(many)]),
        remarks: vec![
            "Each session is the core of a worker with one connection for control and one for blocks; it takes a second \
             for each lease and sends correct blocks of 8,192 numbers. Then all connections are cut at once. The \
             sessions join again and offer their work in flight, which goes on; the pause is the longest time without a \
             lease accepted until as many were accepted as there are workers"
                .to_owned(),
        ],
    }
}

fn turn(setting: &Setting, workers: usize) -> Result<Vec<Measure>> {
    allow_many_files()?;
    let cluster = Cluster::coordinator(setting)?;
    let span = setting.either(FULL, QUICK);
    block_on(measure(&cluster, workers, span))
}

async fn measure(cluster: &Cluster, workers: usize, span: Span) -> Result<Vec<Measure>> {
    let client = Client::connect(cluster.address()).await?;
    let coordinator = cluster.coordinator_id();
    let memory = || proportional_kib(coordinator).context("the coordinator is gone");
    let alone = memory()?;
    let own_memory = || proportional_kib(std::process::id()).context("this process has no memory");
    let own_before = own_memory()?;
    let sessions = Sessions::start(cluster.address(), workers)?;
    all_joined(&sessions, workers).await.context("joining")?;
    let with_workers = memory()?;
    let own_memory = own_memory()?.saturating_sub(own_before) as f64 / workers as f64;

    // Enough for the first leases, and for all to work to the end of what is measured.
    let seconds = (span.settle + span.steady + span.rest).as_secs();
    let chunks = workers as u64 * (FIRST_CHUNKS + seconds / LEASE.as_secs());
    let last = chunks * CHUNK_NUMBERS;
    let mut spec = client::job("isqrt", last)?;
    spec.chunk_size = Some(CHUNK_NUMBERS);
    let job = client.submit(spec).await?;
    sleep(span.settle).await;

    let own_cpu = CpuTime::of(std::process::id());
    let (cpu, leases, before) = (CpuTime::of(coordinator), sessions.tally.leases.load(Relaxed), memory()?);
    sleep(span.steady).await;
    let busy = CpuTime::of(coordinator).since(cpu).busy.as_secs_f64();
    let own_busy = CpuTime::of(std::process::id()).since(own_cpu).busy.as_secs_f64();
    let leases = sessions.tally.leases.load(Relaxed) - leases;
    let after = memory()?;
    ensure!(leases > 0, "no lease was computed");

    let severed = Severed::cut(&sessions, workers).await?;
    let verified = finish(&client, &job, last).await?;

    let name = |what: &str| format!("Swath, {workers} workers: {what}");
    let per_million = busy * 1e6 / leases as f64;
    let rate = leases as f64 / span.steady.as_secs_f64();
    let own_cost = own_busy * 1e6 / leases as f64;
    let growth = (after as f64 - before as f64) / leases as f64;
    Ok(vec![
        Measure::new(name("coordinator"), Kind::Swath, Unit::CpuSecondsPerMillionLeases, per_million)
            .verified(verified)
            .detail(format!("{rate:.0} leases/s; its memory grows by {growth:.2} KiB a lease")),
        Measure::new(
            name("memory"),
            Kind::Swath,
            Unit::KibibytesPerWorker,
            with_workers.saturating_sub(alone) as f64 / workers as f64,
        )
        .detail(format!(
            "{} without workers, {} at the end; the sessions themselves: {own_memory:.0} KiB each, {own_cost:.0} CPU \
             s/10⁶ leases",
            size(alone << 10),
            size(after << 10)
        )),
        Measure::new(name("all back"), Kind::Swath, Unit::Seconds, severed.back.as_secs_f64()).detail(format!(
            "longest pause {:.2} s; {} blocks came in vain",
            severed.pause.as_secs_f64(),
            sessions.tally.dropped.load(Relaxed)
        )),
    ])
}

/// What came of cutting all connections at once.
struct Severed {
    /// Until all had joined again.
    back: Duration,
    /// The longest time without a lease accepted.
    pause: Duration,
}

impl Severed {
    async fn cut(sessions: &Sessions, workers: usize) -> Result<Self> {
        let cut = Instant::now();
        let leases = sessions.tally.leases.load(Relaxed);
        sessions.sever();
        until(|| sessions.tally.joined.load(Relaxed) == 0 || cut.elapsed() > LEASE).await?;
        all_joined(sessions, workers).await.context("coming back")?;
        let back = cut.elapsed();
        until(|| sessions.tally.leases.load(Relaxed) >= leases + workers as u64).await.context("after coming back")?;
        let pause = sessions.tally.longest_pause(cut, Instant::now());
        Ok(Self { back, pause })
    }
}

async fn finish(client: &Client, job: &Job, last: u64) -> Result<String> {
    let job = timeout(PATIENCE, client.wait(job.id, |_| {})).await.context("the job does not end")??;
    ensure!(job.state == JobState::Done, "the job ended otherwise: {:?}", job.state);
    client::tally(client, &job).await?.check(&verify::roots(last))
}

async fn all_joined(sessions: &Sessions, workers: usize) -> Result<()> {
    until(|| sessions.tally.joined.load(Relaxed) == workers).await
}

async fn until(mut condition: impl FnMut() -> bool) -> Result<()> {
    let waiting = async {
        while !condition() {
            sleep(LOOK).await;
        }
    };
    timeout(PATIENCE, waiting).await.context("waited in vain")
}

/// Two connections for each worker, here and in the coordinator, which inherits the limit.
fn allow_many_files() -> Result<()> {
    let maximum = getrlimit(Resource::Nofile).maximum;
    Ok(setrlimit(Resource::Nofile, Rlimit { current: maximum, maximum })?)
}
