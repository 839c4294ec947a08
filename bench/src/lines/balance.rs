//! `balance`: two workers of which one is slow.

use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use rayon::iter::{IntoParallelIterator, ParallelIterator};
use swath_client::{Client, ResultMode};

use super::power;
use crate::{
    client::{self, block_on},
    measure::{Contender, Kind, Line, Measure, Unit},
    process::Cluster,
    sampling::CpuTime,
    setting::Setting,
    throttle::Throttle,
    verify::Found,
};

const NUMBERS: u64 = 30_000_000;
/// With --quick not so few that it is over before leases have found their length.
const QUICK_NUMBERS: u64 = 3_000_000;

pub(super) fn line(setting: &Setting) -> Line {
    let last = setting.either(NUMBERS, QUICK_NUMBERS);
    let contender = Contender::with_several("Swath, two workers", Kind::Swath, move |setting| turn(setting, last));
    Line {
        name: "balance",
        work: format!("collatz of 1 to {}, two workers with one thread each, one slowed to half", power(last)),
        contenders: vec![contender],
        remarks: vec![
            "The slow worker is stopped and let go for 5 ms each. The ideal is what both would take together at the \
             rates that each shows alone, on the same range in the same turn. Idle is the share of a worker's time \
             that it was let run and neither ran nor waited for a processor"
                .to_owned(),
        ],
    }
}

fn turn(setting: &Setting, last: u64) -> Result<Vec<Measure>> {
    let fast = job(setting, last, &[false])?;
    let slow = job(setting, last, &[true])?;
    let both = job(setting, last, &[false, true])?;
    let ideal = 1.0 / (1.0 / fast.seconds + 1.0 / slow.seconds);
    let verified = both.found.check(&reference(last))?;
    let swath = |what: &str, unit, value| Measure::new(format!("Swath, two workers{what}"), Kind::Swath, unit, value);
    let alone = format!("alone: the fast worker {:.2} s, the slow one {:.2} s", fast.seconds, slow.seconds);
    Ok(vec![
        swath("", Unit::Seconds, both.seconds).verified(verified),
        Measure::new("limit: the ideal by their rates", Kind::Limit, Unit::Seconds, ideal).detail(alone),
        swath(": beyond the ideal", Unit::Percent, 100.0 * (both.seconds / ideal - 1.0)),
        swath(": the fast worker idles", Unit::Percent, 100.0 * both.idle[0]),
        swath(": the slow worker idles", Unit::Percent, 100.0 * both.idle[1]),
    ])
}

struct Done {
    seconds: f64,
    /// Of each worker, between 0 and 1.
    idle: Vec<f64>,
    found: Found,
}

/// A job on workers of one thread each; says which of them are slowed.
fn job(setting: &Setting, last: u64, slowed: &[bool]) -> Result<Done> {
    let mut cluster = Cluster::coordinator(setting)?;
    for _ in slowed {
        cluster.add_worker(1)?;
    }
    let throttles: Vec<Option<Throttle>> = (cluster.workers().iter().zip(slowed))
        .map(|(worker, &is_slowed)| is_slowed.then(|| Throttle::halve(worker.pid())))
        .collect();
    let address = cluster.address().to_owned();
    let at_the_start: Vec<Usage> = usage(&cluster, &throttles);
    block_on(async move {
        let client = Client::connect(&address).await?;
        let mut spec = client::job("collatz", last)?;
        spec.result_mode = ResultMode::Stored;
        let begun = Instant::now();
        let job = client.submit(spec).await?;
        let job = client.wait(job.id, |_| {}).await?;
        let wall = begun.elapsed();
        let at_the_end = usage(&cluster, &throttles);
        let idle = at_the_start.iter().zip(&at_the_end).map(|(start, end)| end.idle_since(start, wall)).collect();
        drop(throttles);
        let found = client::tally(&client, &job).await.context("the results")?;
        Ok(Done { seconds: wall.as_secs_f64(), idle, found })
    })
}

/// What a worker has had so far.
struct Usage {
    cpu: CpuTime,
    /// How long it was let run; `None` where it always is.
    let_run: Option<Duration>,
}

impl Usage {
    fn idle_since(&self, start: &Self, wall: Duration) -> f64 {
        let let_run = match (self.let_run, start.let_run) {
            (Some(end), Some(start)) => end.saturating_sub(start),
            _ => wall,
        };
        let cpu = self.cpu.since(start.cpu);
        1.0 - ((cpu.busy + cpu.waiting).as_secs_f64() / let_run.as_secs_f64()).min(1.0)
    }
}

fn usage(cluster: &Cluster, throttles: &[Option<Throttle>]) -> Vec<Usage> {
    let each = cluster.workers().iter().zip(throttles);
    each.map(|(worker, throttle)| Usage {
        cpu: CpuTime::of(worker.id()),
        let_run: throttle.as_ref().map(Throttle::running),
    })
    .collect()
}

/// The same by the definition, step by step.
fn reference(last: u64) -> Found {
    let steps = |start: u64| {
        let (mut n, mut steps) = (start, 0_i64);
        while n != 1 {
            n = if n.is_multiple_of(2) { n / 2 } else { 3 * n + 1 };
            steps += 1;
        }
        steps
    };
    let sum: i64 = (1..=last).into_par_iter().map(steps).sum();
    Found { count: last, sum: sum.to_string(), first: 0, last: steps(last) }
}
