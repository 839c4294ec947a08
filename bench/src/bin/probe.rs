//! Small fixed programs whose instructions are counted: `probe nothing`, `probe encode`, `probe accept`,
//! `probe decode`, `probe schedule`. What `nothing` takes is to be subtracted.

use std::{env, hint::black_box, process::ExitCode, time::Duration};

use anyhow::{Context, Result, bail};
use arrow_array::ArrayRef;
use bytes::Bytes;
use swath_block::{Block, BlockEncoder, Digest, MAX_ROWS, PAGE_ROWS};
use swath_kernel::{Parameters, Rows};
use swath_model::{Chunks, Covers, Instant, JobId, Layout, Limits, Numbers, Range, ValueType, WorkerId};
use swath_scheduler::{Action, Config, Event, JobPlan, Scheduler};

/// Events that the scheduler is given.
const STEPS: usize = 100_000;
const WORKERS: u64 = 100;
/// The numbers of the block.
const COVERS: Covers = Covers { first: 1, numbers: MAX_ROWS as u64 };

fn main() -> ExitCode {
    let program = env::args().nth(1).unwrap_or_default();
    let done = match program.as_str() {
        "nothing" => prepare().map(drop),
        "encode" => prepare().and_then(|pages| encode(&pages)).map(drop),
        "accept" => prepare().and_then(|pages| accept(encode(&pages)?)),
        "decode" => prepare().and_then(|pages| decode(&encode(&pages)?)),
        "schedule" => schedule(),
        _ => Err(anyhow::anyhow!("usage: probe nothing|encode|accept|decode|schedule")),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("probe: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn layout() -> Layout {
    Layout::values(ValueType::Int64)
}

/// The squares of a whole block, page by page.
fn prepare() -> Result<Vec<ArrayRef>> {
    let kernel = swath_kernel::find("square", &Parameters::new())?;
    let page = |first: usize| {
        let mut rows = Rows::new(&layout());
        kernel.evaluate(
            first as i64 + 1..=(first + PAGE_ROWS) as i64,
            &mut rows,
            &mut swath_kernel::Context::default(),
        )?;
        Ok(black_box(rows.take_columns()?.remove(0)))
    };
    (0..MAX_ROWS).step_by(PAGE_ROWS).map(page).collect()
}

fn encode(pages: &[ArrayRef]) -> Result<Bytes> {
    let mut encoder = BlockEncoder::new(&layout(), COVERS.first)?;
    for (page, first) in pages.iter().zip((COVERS.first..).step_by(PAGE_ROWS)) {
        encoder.push(Numbers::Consecutive { first, rows: page.len() }, std::slice::from_ref(page))?;
    }
    Ok(black_box(encoder.finish_with_digest(COVERS)?.0))
}

/// As the coordinator takes a block in; the digest that it should have costs little.
fn accept(bytes: Bytes) -> Result<()> {
    let digest = Digest::of(&bytes)?.whole();
    let block = Block::receive(bytes, &layout(), COVERS, digest)?;
    block.check()?;
    black_box(block);
    Ok(())
}

fn decode(bytes: &Bytes) -> Result<()> {
    let block = Block::parse(bytes.clone(), &layout(), COVERS)?;
    let batch = block.columns(&[1], block.rows())?.next().context("an empty block")??;
    black_box(batch);
    Ok(())
}

/// Leases go out, are computed, received and committed, by a hundred workers in turn.
fn schedule() -> Result<()> {
    let mut scheduler = Scheduler::new(Config::default());
    let chunks = Chunks::new(Range::new(1, 1 << 40)?, 1 << 16)?;
    let job = JobId(1);
    let mut now = Instant::ZERO;
    for worker in 1..=WORKERS {
        scheduler.handle_event(now, Event::WorkerJoined { worker: WorkerId(worker), threads: 1 });
    }
    scheduler.submit(now, job, JobPlan { chunks, limits: Limits::default() })?;
    let mut steps = 0;
    while steps < STEPS {
        let Some(action) = scheduler.poll_action() else { bail!("the scheduler has nothing to do") };
        let Action::Assign { worker, lease, chunks, .. } = action else { continue };
        now = now + Duration::from_millis(5);
        let busy = Duration::from_millis(500);
        for event in [
            Event::Heartbeat { worker },
            Event::ChunksReceived { job, chunks },
            Event::LeaseComputed { worker, lease, busy },
            Event::ChunksCommitted { job, chunks },
        ] {
            scheduler.handle_event(now, event);
            black_box(scheduler.poll_timeout());
            steps += 1;
        }
    }
    Ok(())
}
