//! The inner parts alone: kernels, encoding, decoding and the scheduler. `cargo bench` runs them; words after `--`
//! choose some by name.

#![expect(clippy::unwrap_used, reason = "what cannot fail here")]

use std::time::Duration;

use arrow_array::ArrayRef;
use bytes::Bytes;
use divan::{Bencher, black_box, counter::ItemsCount};
use swath_block::{Block, BlockEncoder, FileAssembler, MAX_ROWS, PAGE_ROWS};
use swath_kernel::{Context, Parameters, Rows};
use swath_model::{Chunks, Covers, Instant, JobId, Layout, Limits, Numbers, Range, ValueType, WorkerId};
use swath_scheduler::{Action, Config, Event, JobPlan, Scheduler};

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() {
    divan::main();
}

/// Integers whose differences repeat, some without a pattern, booleans, slow growth, and decimals.
const CASES: [&str; 5] = ["square", "collatz", "is-prime", "isqrt", "square-decimal"];

/// The first number of a case: the squares of large ones are decimals.
fn start(case: &str) -> i64 {
    if case == "square-decimal" { 4_000_000_000_000_000_000 } else { 1_000_000 }
}

fn page(case: &str, from: i64) -> ArrayRef {
    let start = start(case);
    let kernel = swath_kernel::find(case.trim_end_matches("-decimal"), &Parameters::new()).unwrap();
    let numbers = start + from..=start + from + PAGE_ROWS as i64 - 1;
    let mut rows = Rows::new(&layout(case));
    kernel.evaluate(numbers, &mut rows, &mut Context::default()).unwrap();
    rows.take_columns().unwrap().remove(0)
}

fn layout(case: &str) -> Layout {
    Layout::values(match case {
        "is-prime" => ValueType::Boolean,
        "square-decimal" => ValueType::Decimal128,
        _ => ValueType::Int64,
    })
}

/// The numbers of the block of a case.
fn covers(case: &str) -> Covers {
    Covers { first: start(case), numbers: MAX_ROWS as u64 }
}

fn pages(case: &str) -> Vec<ArrayRef> {
    (0..MAX_ROWS).step_by(PAGE_ROWS).map(|from| page(case, from as i64)).collect()
}

fn block(case: &str, pages: &[ArrayRef]) -> Bytes {
    let mut encoder = BlockEncoder::new(&layout(case), start(case)).unwrap();
    for (page, first) in pages.iter().zip((start(case)..).step_by(PAGE_ROWS)) {
        encoder.push(Numbers::Consecutive { first, rows: page.len() }, std::slice::from_ref(page)).unwrap();
    }
    encoder.finish_with_digest(covers(case)).unwrap().0
}

/// Numbers of one page.
#[divan::bench(args = CASES)]
fn evaluate(bencher: Bencher<'_, '_>, case: &str) {
    bencher.counter(ItemsCount::new(PAGE_ROWS)).bench(|| page(black_box(case), 0));
}

/// Values to a whole block.
#[divan::bench(args = CASES)]
fn encode(bencher: Bencher<'_, '_>, case: &str) {
    let pages = pages(case);
    bencher.counter(ItemsCount::new(MAX_ROWS)).bench(|| block(case, black_box(&pages)));
}

/// A block that came, with all its pages, as the coordinator looks at it.
#[divan::bench(args = CASES)]
fn accept(bencher: Bencher<'_, '_>, case: &str) {
    let pages = pages(case);
    let (bytes, layout) = (block(case, &pages), layout(case));
    let digest = Block::parse(bytes.clone(), &layout, covers(case)).unwrap().digest().whole();
    bencher.counter(ItemsCount::new(MAX_ROWS)).bench(|| {
        let block = Block::receive(black_box(&bytes).clone(), &layout, covers(case), digest).unwrap();
        block.check().unwrap();
        block
    });
}

/// A block to arrays.
#[divan::bench(args = CASES)]
fn decode(bencher: Bencher<'_, '_>, case: &str) {
    let pages = pages(case);
    let block = Block::parse(block(case, &pages), &layout(case), covers(case)).unwrap();
    bencher.counter(ItemsCount::new(MAX_ROWS)).bench(|| {
        for batch in block.columns(&[1], block.rows()).unwrap() {
            black_box(batch.unwrap());
        }
    });
}

/// Blocks to a file, as bytes.
#[divan::bench(args = CASES)]
fn assemble(bencher: Bencher<'_, '_>, case: &str) {
    const BLOCKS: usize = 8;
    let pages = pages(case);
    let block = Block::parse(block(case, &pages), &layout(case), covers(case)).unwrap();
    bencher.counter(ItemsCount::new(BLOCKS * MAX_ROWS)).bench(|| {
        let mut file = FileAssembler::new(Vec::new(), block.layout()).unwrap();
        for _ in 0..BLOCKS {
            file.append(&block).unwrap();
        }
        file.finish().unwrap()
    });
}

/// Leases from one to the next: assigned, computed, received and committed, by so many workers in turn.
#[divan::bench(args = [1, 100, 10_000])]
fn schedule(bencher: Bencher<'_, '_>, workers: u64) {
    const LEASES: usize = 1000;
    let chunks = Chunks::new(Range::new(1, 1 << 40).unwrap(), 1 << 16).unwrap();
    let job = JobId(1);
    let begin = || {
        let mut scheduler = Scheduler::new(Config::default());
        for worker in 1..=workers {
            scheduler.handle_event(Instant::ZERO, Event::WorkerJoined { worker: WorkerId(worker), threads: 1 });
        }
        scheduler.submit(Instant::ZERO, job, JobPlan { chunks, limits: Limits::default() }).unwrap();
        scheduler
    };
    bencher.counter(ItemsCount::new(LEASES)).with_inputs(begin).bench_local_values(|mut scheduler| {
        let (mut now, mut leases) = (Instant::ZERO, 0);
        while leases < LEASES {
            let Some(Action::Assign { worker, lease, chunks, .. }) = scheduler.poll_action() else { continue };
            now = now + Duration::from_millis(5);
            let busy = Duration::from_millis(500);
            for event in [
                Event::ChunksReceived { job, chunks },
                Event::LeaseComputed { worker, lease, busy },
                Event::ChunksCommitted { job, chunks },
            ] {
                scheduler.handle_event(now, event);
                black_box(scheduler.poll_timeout());
            }
            leases += 1;
        }
        scheduler
    });
}
