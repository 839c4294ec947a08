//! The metrics handle hears what the store does.

use std::sync::atomic::{AtomicU64, Ordering};

use super::*;
use crate::metrics::Metrics;

#[derive(Debug, Default)]
struct Counts {
    parts: AtomicU64,
    bytes: AtomicU64,
    blocks: AtomicU64,
    failed: AtomicU64,
    lost: AtomicU64,
    freed: AtomicU64,
    records: AtomicU64,
    failed_records: AtomicU64,
}

impl Metrics for Counts {
    fn part_written(&self, bytes: u64, blocks: usize, _took: Duration) {
        self.parts.fetch_add(1, Ordering::Relaxed);
        self.bytes.fetch_add(bytes, Ordering::Relaxed);
        self.blocks.fetch_add(blocks as u64, Ordering::Relaxed);
    }

    fn part_failed(&self) {
        self.failed.fetch_add(1, Ordering::Relaxed);
    }

    fn part_lost(&self) {
        self.lost.fetch_add(1, Ordering::Relaxed);
    }

    fn bytes_freed(&self, bytes: u64) {
        self.freed.fetch_add(bytes, Ordering::Relaxed);
    }

    fn ledger_written(&self, records: usize, failed: usize, _took: Duration) {
        self.records.fetch_add(records as u64, Ordering::Relaxed);
        self.failed_records.fetch_add(failed as u64, Ordering::Relaxed);
    }
}

async fn world() -> (World, Arc<Counts>) {
    let counts = Arc::<Counts>::default();
    let folder = tempfile::tempdir().unwrap();
    let config = StoreConfig { metrics: Arc::clone(&counts) as _, ..World::config(&folder, 1 << 20, 1 << 20, None) };
    (World::start(folder, config).await, counts)
}

fn count(of: &AtomicU64) -> u64 {
    of.load(Ordering::Relaxed)
}

#[tokio::test]
async fn parts_are_counted_when_they_are_written_lost_and_deleted() {
    let (mut world, counts) = world().await;
    let results = world.job(100, 10, ResultMode::Stored);
    world.accept(&results, 0..40).await;
    world.accept(&results, 40..100).await;
    world.committed(10).await;
    let path = world.folder.path().join("jobs/1/part-00000000000000000000.parquet");
    let bytes = std::fs::metadata(&path).unwrap().len();
    assert_eq!([count(&counts.parts), count(&counts.bytes), count(&counts.blocks)], [1, bytes, 2]);
    assert_eq!((count(&counts.records), count(&counts.lost)), (1, 0), "the row of the part");

    std::fs::write(&path, b"damaged").unwrap();
    let reading = tokio::spawn({
        let (store, results) = (Arc::clone(&world.store), Arc::clone(&results));
        async move { read_all(&store, &results, all(&results)).await }
    });
    assert!(matches!(world.facts.recv().await.unwrap(), Fact::Lost { .. }));
    assert_eq!((count(&counts.lost), count(&counts.freed)), (1, bytes));
    world.accept(&results, 0..100).await;
    world.committed(10).await;
    assert_eq!(reading.await.unwrap().len(), 100);

    world.store.delete(world.store.forget(JobId(1))).await;
    assert_eq!((count(&counts.parts), count(&counts.freed)), (2, count(&counts.bytes)));
    assert_eq!(count(&counts.failed), 0);
}

#[tokio::test]
async fn what_fails_is_counted() {
    let (mut world, counts) = world().await;
    let results = world.job(100, 10, ResultMode::Stored);
    // A file where the folder of the job should be.
    std::fs::write(world.folder.path().join("jobs/1"), b"in the way").unwrap();
    world.accept(&results, 0..100).await;
    assert!(matches!(world.facts.recv().await.unwrap(), Fact::Paused { .. }));
    assert!(count(&counts.failed) > 0);
    assert_eq!((count(&counts.parts), count(&counts.records)), (0, 0));

    // The ledger has this job already; the other record is written.
    let records = vec![submitted(JobId(1), 100), Record::Forgotten(JobId(9))];
    world.store.persist(records, Moment::default());
    loop {
        match world.facts.recv().await.unwrap() {
            Fact::Persisted { written, .. } => {
                assert_eq!(written.iter().map(Result::is_ok).collect::<Vec<_>>(), [false, true]);
                break;
            }
            Fact::Paused { .. } => {}
            other => panic!("{other:?}"),
        }
    }
    assert_eq!((count(&counts.records), count(&counts.failed_records)), (2, 1));
}
