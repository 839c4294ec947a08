//! The result store on a real folder.

use std::{
    sync::Arc,
    time::{Duration, UNIX_EPOCH},
};

use arrow_array::Int64Array;
use swath_block::{Block, BlockEncoder, PAGE_ROWS};
use swath_coordinator_core::{Accepted, Ending, Moment, Record, Stamp, Standing, Submitted};
use swath_model::{
    ChunkRun, Chunks, Covers, JobId, JobSpec, JobState, Layout, Limits, Numbers, OffsetRun, OffsetSet, Range,
    ResultMode, Run, ValueType,
};
use tempfile::TempDir;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use super::{Fact, JobResults, LedgerPlace, Piece, Place, Store, StoreConfig, Wanted};
use crate::{ledger::Sender, metrics::NoMetrics};

mod damage;
mod metrics;
mod parts;

struct World {
    folder: TempDir,
    store: Arc<Store>,
    facts: mpsc::UnboundedReceiver<Fact>,
    stop: CancellationToken,
    flushes: tokio::task::JoinHandle<()>,
}

impl World {
    async fn new(memory_bytes: usize, part_bytes: usize) -> Self {
        Self::on(tempfile::tempdir().unwrap(), memory_bytes, part_bytes).await
    }

    async fn on(folder: TempDir, memory_bytes: usize, part_bytes: usize) -> Self {
        Self::with(folder, memory_bytes, part_bytes, None).await
    }

    /// Blocks wait so long in memory.
    async fn with_age(part_age: Duration) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let config = Self::config(&folder, 1 << 20, 1 << 20, None);
        Self::start(folder, StoreConfig { part_age, ..config }).await
    }

    async fn with(folder: TempDir, memory_bytes: usize, part_bytes: usize, max_disk: Option<u64>) -> Self {
        let config = Self::config(&folder, memory_bytes, part_bytes, max_disk);
        Self::start(folder, config).await
    }

    fn config(folder: &TempDir, memory_bytes: usize, part_bytes: usize, max_disk: Option<u64>) -> StoreConfig {
        StoreConfig {
            folder: folder.path().to_owned(),
            place: Place::Data,
            ledger: LedgerPlace::Folder,
            memory_bytes,
            reader_memory_bytes: 1 << 20,
            part_bytes,
            max_disk,
            window_bytes: 1 << 30,
            part_age: Duration::from_millis(20),
            metrics: Arc::new(NoMetrics),
        }
    }

    async fn start(folder: TempDir, config: StoreConfig) -> Self {
        let (tell, facts) = mpsc::unbounded_channel();
        let store = Store::open(config, tell).await.unwrap();
        let stop = CancellationToken::new();
        let flushes = tokio::spawn(Arc::clone(&store).drive_flushes(stop.clone()));
        Self { folder, store, facts, stop, flushes }
    }

    /// Ends as a coordinator does; only the folder is left.
    async fn end(self) -> TempDir {
        self.stop.cancel();
        self.flushes.await.unwrap();
        self.folder
    }

    fn job(&self, last: i64, chunk_size: u64, retention: ResultMode) -> Arc<JobResults> {
        self.numbered_job(1, last, chunk_size, retention)
    }

    fn numbered_job(&self, id: u64, last: i64, chunk_size: u64, retention: ResultMode) -> Arc<JobResults> {
        let chunks = Chunks::new(Range::new(1, last).unwrap(), chunk_size).unwrap();
        // Refused where a job has another in its place in the same test: the row stays.
        self.store.ledger.write(&[submitted(JobId(id), last)], Moment::default());
        self.store.create_job(JobResults::new(JobId(id), chunks, Layout::values(ValueType::Int64), retention))
    }

    async fn accept(&self, results: &JobResults, offsets: std::ops::Range<u64>) -> Accepted {
        let block = block(offsets.clone());
        let room = self.store.reserve(block.bytes().len()).await;
        self.store.accept(results, offsets.start, block, sender(), room)
    }

    /// Waits until so many chunks are committed.
    async fn committed(&mut self, chunks: u64) {
        let mut committed = 0;
        while committed < chunks {
            match self.facts.recv().await.unwrap() {
                Fact::Committed { chunks, .. } => committed += chunks.len(),
                other => panic!("{other:?}"),
            }
        }
        assert_eq!(committed, chunks);
    }

    fn parts(&self) -> usize {
        std::fs::read_dir(self.folder.path().join("jobs/1")).map_or(0, Iterator::count)
    }
}

fn sender() -> Arc<Sender> {
    Arc::new(Sender { worker: 7, name: "able".to_owned() })
}

/// The block of these offsets of a range that begins at 1: each value is its number, negated.
fn block(offsets: std::ops::Range<u64>) -> Block {
    let values: Vec<i64> = offsets.clone().map(|offset| -(offset as i64 + 1)).collect();
    let layout = Layout::values(ValueType::Int64);
    let covers = Covers { first: offsets.start as i64 + 1, numbers: offsets.end - offsets.start };
    let mut encoder = BlockEncoder::new(&layout, covers.first).unwrap();
    for (page, first) in values.chunks(PAGE_ROWS).zip((covers.first..).step_by(PAGE_ROWS)) {
        let numbers = Numbers::Consecutive { first, rows: page.len() };
        encoder.push(numbers, &[Arc::new(Int64Array::from(page.to_vec()))]).unwrap();
    }
    Block::parse(encoder.finish_with_digest(covers).unwrap().0, &layout, covers).unwrap()
}

fn all(results: &JobResults) -> OffsetRun {
    run(0, results.chunks().range().count())
}

/// The values of these offsets.
async fn read_all(store: &Arc<Store>, results: &Arc<JobResults>, offsets: OffsetRun) -> Vec<i64> {
    let first = offsets.start();
    let mut reader = store.read(Arc::clone(results), offsets, Wanted::Whole, 0).unwrap();
    let mut values = Vec::new();
    while let Some(piece) = reader.next().await.unwrap() {
        let Piece::Block { first: offset, block, .. } = piece else { panic!("{piece:?}") };
        assert!(offset <= first + values.len() as u64);
        for batch in block.columns(&[1], 1000).unwrap() {
            let batch = batch.unwrap();
            let column = batch.column(0).as_any().downcast_ref::<arrow_array::Int64Array>().unwrap();
            values.extend_from_slice(column.values());
        }
        // The first block may begin before what was asked for.
        if offset < first {
            values.drain(..(first - offset) as usize);
        }
        // Nothing comes behind the block that holds the last.
        assert!(offset < offsets.end());
    }
    values.truncate(offsets.len() as usize);
    values
}

/// The offsets that a reader gets blocks of, and those that it is told are missing.
async fn read_pieces(
    store: &Arc<Store>,
    results: &Arc<JobResults>,
    wanted: Wanted,
) -> (Vec<OffsetRun>, Vec<OffsetRun>) {
    let mut reader = store.read(Arc::clone(results), all(results), wanted, 0).unwrap();
    let (mut there, mut missing) = (OffsetSet::new(), Vec::new());
    while let Some(piece) = reader.next().await.unwrap() {
        match piece {
            Piece::Block { first, block, .. } => there.insert(run(first, first + block.rows() as u64)),
            Piece::Missing(run) => missing.push(run),
        }
    }
    (there.iter().collect(), missing)
}

/// Of chunks or of offsets, as it is needed.
fn run<R: Run>(start: u64, end: u64) -> R {
    R::new(start, end).unwrap()
}

fn held(chunks: std::ops::Range<u64>) -> Accepted {
    Accepted::Held { chunks: ChunkRun::new(chunks.start, chunks.end) }
}

#[tokio::test]
async fn what_is_stored_out_of_order_is_read_in_order_from_any_number() {
    let mut world = World::new(1 << 20, 1 << 20).await;
    let results = world.job(1000, 10, ResultMode::Stored);
    assert_eq!(world.accept(&results, 500..1000).await, held(50..100));
    assert_eq!(world.accept(&results, 0..10).await, held(0..1));
    world.committed(51).await;
    assert_eq!(world.accept(&results, 10..500).await, held(1..50));
    world.committed(49).await;
    results.end(Ending::Done);
    assert!(world.parts() >= 2);
    let expected: Vec<i64> = (1..=1000).map(|n| -n).collect();
    let ends = [0, 1, 9, 10, 11, 499, 500, 501, 777, 999, 1000];
    for (first, end) in ends.iter().flat_map(|&first| ends.map(|end| (first, end))).filter(|(first, end)| first < end) {
        let found = read_all(&world.store, &results, run(first, end)).await;
        assert_eq!(found, expected[first as usize..end as usize], "{first}..{end}");
    }
}

#[tokio::test]
async fn numbers_are_held_once() {
    let world = World::new(1 << 20, 1 << 20).await;
    let results = world.job(100, 10, ResultMode::Stored);
    assert_eq!(world.accept(&results, 0..20).await, held(0..2));
    let chunks = ChunkRun::new(0, 2);
    assert_eq!(world.accept(&results, 0..20).await, Accepted::Duplicate { chunks });
    let chunks = vec![ChunkRun::new(1, 2).unwrap()];
    assert_eq!(world.accept(&results, 10..30).await, Accepted::Overlapping { chunks });
    assert_eq!(world.accept(&results, 20..30).await, held(2..3));
}

#[tokio::test]
async fn a_large_chunk_is_committed_when_its_last_piece_is() {
    let mut world = World::new(1 << 20, 1 << 20).await;
    let results = world.job(100, 50, ResultMode::Stored);
    let nothing = Accepted::Held { chunks: None };
    assert_eq!(world.accept(&results, 20..50).await, nothing);
    assert_eq!(world.accept(&results, 50..70).await, nothing);
    // The pieces become durable before their chunks are whole.
    while world.parts() == 0 {
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    assert_eq!(world.accept(&results, 0..20).await, held(0..1));
    world.committed(1).await;
    // Another worker computes the chunk once more: its first piece is there already, and nothing is lost by that.
    assert_eq!(world.accept(&results, 50..70).await, Accepted::Duplicate { chunks: None });
    assert_eq!(world.accept(&results, 70..100).await, held(1..2));
    assert_eq!(world.accept(&results, 50..70).await, Accepted::Duplicate { chunks: ChunkRun::new(1, 2) });
    world.committed(1).await;
    assert_eq!(read_all(&world.store, &results, all(&results)).await, (1..=100).map(|n| -n).collect::<Vec<i64>>());
}

#[tokio::test]
async fn a_reader_that_keeps_up_never_sees_the_disk() {
    let world = World::new(1 << 20, 1 << 20).await;
    let results = world.job(100_000, 1000, ResultMode::Delivered);
    let reading = tokio::spawn({
        let (store, results) = (Arc::clone(&world.store), Arc::clone(&results));
        async move { read_all(&store, &results, all(&results)).await }
    });
    for first in (0..100_000).step_by(1000) {
        let chunk = first / 1000;
        assert_eq!(world.accept(&results, first..first + 1000).await, held(chunk..chunk + 1));
    }
    assert_eq!(reading.await.unwrap(), (1..=100_000).map(|n| -n).collect::<Vec<i64>>());
    assert_eq!(world.parts(), 0);
}

#[tokio::test]
async fn memory_full_of_later_blocks_goes_to_the_disk_so_that_the_next_one_can_come() {
    // Room for about ten blocks; the reader waits for the one that comes last.
    let bytes = block(0..1000).bytes().len();
    let world = World::new(bytes * 10, bytes * 4).await;
    let results = world.job(100_000, 1000, ResultMode::Delivered);
    let reading = tokio::spawn({
        let (store, results) = (Arc::clone(&world.store), Arc::clone(&results));
        async move { read_all(&store, &results, all(&results)).await }
    });
    for first in (1000..100_000).step_by(1000) {
        world.accept(&results, first..first + 1000).await;
    }
    assert!(world.parts() > 5);
    world.accept(&results, 0..1000).await;
    assert_eq!(reading.await.unwrap(), (1..=100_000).map(|n| -n).collect::<Vec<i64>>());
    assert_eq!(world.parts(), 0, "what its reader has had does not stay on the disk");
}

#[tokio::test]
async fn readers_of_a_broken_job_are_told_why() {
    let world = World::new(1 << 20, 1 << 20).await;
    let results = world.job(100, 10, ResultMode::Stored);
    world.accept(&results, 0..10).await;
    let mut reader = world.store.read(Arc::clone(&results), all(&results), Wanted::Whole, 0).unwrap();
    assert!(matches!(reader.next().await.unwrap().unwrap(), Piece::Block { first: 0, .. }));
    let waiting = tokio::spawn(async move { reader.next().await.map(|_| ()).unwrap_err().to_string() });
    results.end(Ending::Broken("job 1 was cancelled".to_owned()));
    assert_eq!(waiting.await.unwrap(), "job 1 was cancelled");
}

#[tokio::test]
async fn a_damaged_part_is_not_served_but_computed_again() {
    let damages: [fn(&std::path::Path); 3] = [
        |part| std::fs::File::options().write(true).open(part).unwrap().set_len(100).unwrap(),
        |part| std::fs::remove_file(part).unwrap(),
        |part| {
            let mut bytes = std::fs::read(part).unwrap();
            bytes[40] ^= 1;
            std::fs::write(part, bytes).unwrap();
        },
    ];
    for damage in damages {
        let mut world = World::new(1 << 20, 1 << 20).await;
        let results = world.job(1000, 10, ResultMode::Stored);
        world.accept(&results, 0..1000).await;
        world.committed(100).await;
        results.end(Ending::Done);
        damage(&world.folder.path().join("jobs/1/part-00000000000000000000.parquet"));
        let reading = tokio::spawn({
            let (store, results) = (Arc::clone(&world.store), Arc::clone(&results));
            async move { read_all(&store, &results, all(&results)).await }
        });
        assert!(matches!(world.facts.recv().await.unwrap(), Fact::Lost { job: JobId(1), .. }));
        assert!(results.committed_chunks().is_empty());
        assert_eq!(world.accept(&results, 0..1000).await, held(0..100));
        world.committed(100).await;
        assert_eq!(reading.await.unwrap(), (1..=1000).map(|n| -n).collect::<Vec<i64>>());
    }
}

#[tokio::test]
async fn the_next_coordinator_finds_what_was_committed_and_sweeps_the_rest() {
    let mut world = World::new(1 << 20, 1 << 20).await;
    let id = JobId(1);
    let results = world.job(1000, 10, ResultMode::Stored);
    world.accept(&results, 0..300).await;
    world.committed(30).await;
    world.accept(&results, 500..600).await;
    world.committed(10).await;
    let jobs = world.folder.path().join("jobs/1");
    std::fs::remove_file(jobs.join("part-00000000000000000500.parquet")).unwrap();
    std::fs::write(jobs.join("part-00000000000000000900.parquet"), b"never committed").unwrap();
    let folder = world.end().await;

    let next = World::on(folder, 1 << 20, 1 << 20).await;
    let recovered = next.store.recover().await.unwrap();
    let [recovered] = &recovered[..] else { panic!("not one job") };
    assert_eq!((recovered.id, &recovered.state), (id, &JobState::Running));
    let results = next.store.job(id).unwrap();
    assert_eq!(results.committed_chunks().iter().collect::<Vec<_>>(), [ChunkRun::new(0, 30).unwrap()]);
    assert_eq!(next.parts(), 1, "orphans are swept");
    next.accept(&results, 300..1000).await;
    assert_eq!(read_all(&next.store, &results, all(&results)).await, (1..=1000).map(|n| -n).collect::<Vec<i64>>());
}

fn submitted(id: JobId, last: i64) -> Record {
    let spec = JobSpec {
        kernel: "isqrt".to_owned(),
        parameters: swath_kernel::Parameters::new(),
        chunks: Chunks::new(Range::new(1, last).unwrap(), 10).unwrap(),
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
    let submitted = Stamp { at: UNIX_EPOCH, moment: Moment::default() };
    Record::Submitted(Submitted { id, spec: Arc::new(spec), submitted, token: None })
}

#[tokio::test]
async fn a_forgotten_job_leaves_no_part() {
    let mut world = World::new(1 << 20, 1 << 20).await;
    let results = world.job(100, 10, ResultMode::Stored);
    world.accept(&results, 0..100).await;
    world.committed(10).await;
    assert_eq!(world.parts(), 1);
    world.store.delete(world.store.forget(JobId(1))).await;
    assert_eq!(world.parts(), 0);
    assert_eq!(world.accept(&results, 0..100).await, Accepted::Gone);
}

#[tokio::test]
async fn a_part_that_cannot_be_written_pauses_the_job_until_it_can() {
    let mut world = World::new(1 << 20, 1 << 20).await;
    let results = world.job(100, 10, ResultMode::Stored);
    // A file where the folder of the job should be.
    let job = world.folder.path().join("jobs/1");
    std::fs::write(&job, b"in the way").unwrap();
    world.accept(&results, 0..100).await;
    match world.facts.recv().await.unwrap() {
        Fact::Paused { reason, .. } => assert!(reason.contains("cannot write part jobs/1/"), "{reason}"),
        other => panic!("{other:?}"),
    }
    std::fs::remove_file(&job).unwrap();
    world.committed(10).await;
    assert!(matches!(world.facts.recv().await.unwrap(), Fact::Resumed { .. }));
    assert_eq!(read_all(&world.store, &results, all(&results)).await.len(), 100);
}

#[tokio::test]
async fn failed_chunks_are_skipped_and_named() {
    let mut world = World::new(1 << 20, 1 << 20).await;
    let results = world.job(100, 10, ResultMode::Stored);
    world.accept(&results, 0..20).await;
    // A piece of the third chunk came before another one failed.
    world.accept(&results, 20..24).await;
    results.fail_chunk(2);
    results.fail_chunk(3);
    world.accept(&results, 40..90).await;
    results.fail_chunk(9);
    let expected = (vec![run(0, 20), run(40, 90)], vec![run(20, 40), run(90, 100)]);
    assert_eq!(read_pieces(&world.store, &results, Wanted::Whole).await, expected);
    world.committed(7).await;
    results.end(Ending::Done);
    assert_eq!(read_pieces(&world.store, &results, Wanted::Whole).await, expected);
    assert_eq!(world.accept(&results, 20..30).await, Accepted::Duplicate { chunks: ChunkRun::new(2, 3) });
}

#[tokio::test]
async fn a_block_stays_when_its_first_chunk_fails() {
    let world = World::new(1 << 20, 1 << 20).await;
    let results = world.job(30, 10, ResultMode::Stored);
    world.accept(&results, 0..30).await;
    results.fail_chunk(0);
    let expected = (vec![run(0, 30)], vec![run(0, 10)]);
    assert_eq!(read_pieces(&world.store, &results, Wanted::Whole).await, expected);
}

#[tokio::test]
async fn of_a_broken_job_what_is_committed_can_be_read_until_it_is_dropped() {
    let mut world = World::new(1 << 20, 1 << 20).await;
    let results = world.job(100, 10, ResultMode::Stored);
    world.accept(&results, 10..30).await;
    world.accept(&results, 50..60).await;
    world.committed(3).await;
    results.end(Ending::Broken("job 1 was cancelled".to_owned()));
    let missing = vec![run(0, 10), run(30, 50), run(60, 100)];
    assert_eq!(read_pieces(&world.store, &results, Wanted::Partial).await, (vec![run(10, 30), run(50, 60)], missing));
    world.store.delete(world.store.drop_results(JobId(1))).await;
    assert_eq!(world.parts(), 0);
    let mut reader = world.store.read(Arc::clone(&results), all(&results), Wanted::Partial, 0).unwrap();
    let error = reader.next().await.unwrap_err().to_string();
    assert!(error.contains("were dropped"), "{error}");
}

#[tokio::test]
async fn a_part_that_is_written_while_its_results_are_dropped_goes_with_them() {
    let world = World::new(1 << 20, 1 << 20).await;
    let results = world.job(100, 10, ResultMode::Stored);
    let dropped =
        Standing { job: JobId(1), state: JobState::Cancelled, ended: None, shares: Vec::new(), drops_results: true };
    // The ledger has dropped them; the store learns of it after the part is written.
    world.store.ledger.write(&[Record::Standing(dropped)], Moment::default());
    world.accept(&results, 10..30).await;
    let ledger = Arc::clone(&world.store.ledger);
    let folder = world.end().await;
    assert!(!ledger.has_parts().unwrap(), "a part of a job whose results were dropped");
    assert_eq!(std::fs::read_dir(folder.path().join("jobs/1")).map_or(0, Iterator::count), 0);
}

/// A job with blocks in memory that are not due for long, closed. What the driver is told of the rest of its life.
async fn closed(world: &mut World) -> (Arc<JobResults>, Option<String>) {
    let results = world.job(100, 10, ResultMode::Stored);
    world.accept(&results, 10..30).await;
    // A piece of a chunk.
    world.accept(&results, 50..55).await;
    world.store.close(&results);
    assert_eq!(world.accept(&results, 90..100).await, Accepted::Gone);
    loop {
        match world.facts.recv().await.unwrap() {
            Fact::Closed { job: JobId(1), lost } => return (results, lost),
            Fact::Committed { .. } => {}
            other => panic!("{other:?}"),
        }
    }
}

#[tokio::test]
async fn what_was_delivered_of_a_job_that_breaks_is_in_parts_before_its_end() {
    let mut world = World::with_age(Duration::from_secs(3600)).await;
    let (results, lost) = closed(&mut world).await;
    assert_eq!((lost, world.parts()), (None, 1));
    results.end(Ending::Broken("job 1 was cancelled".to_owned()));
    let missing = vec![run(0, 10), run(30, 50), run(55, 100)];
    assert_eq!(read_pieces(&world.store, &results, Wanted::Partial).await, (vec![run(10, 30), run(50, 55)], missing));
    assert_eq!(results.refusal(Wanted::Whole).as_deref(), Some("job 1 was cancelled"));
    assert_eq!(results.refusal(Wanted::Partial), None);
}

#[tokio::test]
async fn what_was_delivered_of_a_job_that_breaks_is_lost_where_it_cannot_be_written() {
    let mut world = World::with_age(Duration::from_secs(3600)).await;
    std::fs::write(world.folder.path().join("jobs/1"), b"in the way").unwrap();
    let (results, lost) = closed(&mut world).await;
    let lost = lost.unwrap();
    assert!(lost.starts_with("25 numbers that were delivered are lost: cannot write part"), "{lost}");
    assert_eq!(results.result_bytes(), 0);
}

#[tokio::test]
async fn results_that_take_all_they_may_pause_their_job_until_others_are_forgotten() {
    let mut world = World::with(tempfile::tempdir().unwrap(), 1 << 20, 1 << 20, Some(4 << 10)).await;
    let mut last = 0;
    'fill: loop {
        last += 1;
        let results = world.numbered_job(last, 100, 10, ResultMode::Stored);
        world.accept(&results, 0..100).await;
        let mut committed = 0;
        while committed < 10 {
            match world.facts.recv().await.unwrap() {
                Fact::Committed { chunks, .. } => committed += chunks.len(),
                Fact::Paused { job, reason } => {
                    assert!(job == JobId(last) && reason.contains("--max-disk"), "{job}: {reason}");
                    break 'fill;
                }
                other => panic!("{other:?}"),
            }
        }
    }
    assert!(last > 1);
    world.store.delete(world.store.forget(JobId(1))).await;
    world.committed(10).await;
}
