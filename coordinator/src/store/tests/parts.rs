//! Parts that cannot be written, or take long, or have many blocks.

use std::{
    collections::BTreeMap,
    fs,
    ops::Range as Bytewise,
    sync::atomic::{AtomicUsize, Ordering},
};

use bytes::Bytes;
use futures::{FutureExt, future::BoxFuture};
use tokio::sync::Semaphore;

use super::*;
use crate::store::{
    error::StoreError,
    object_store_error::ObjectStoreError,
    part_store::{Answer, DeletedPart, PartStore, PartWriter, ReadAhead},
};

#[tokio::test(flavor = "multi_thread")]
async fn a_part_whose_name_is_taken_says_why_leaves_nothing_and_keeps_no_coordinator_from_starting() {
    let mut world = World::new(1 << 20, 1 << 20).await;
    let results = world.job(100, 10, ResultMode::Stored);
    let obstacle = world.folder.path().join("jobs/1/part-00000000000000000000.parquet");
    fs::create_dir_all(obstacle.join("folder")).unwrap();
    world.accept(&results, 0..100).await;
    let Some(Fact::Paused { reason, .. }) = world.facts.recv().await else { panic!("a pause") };
    assert!(reason.contains("cannot rename a finished file to"), "{reason}");
    assert!(reason.contains("part-00000000000000000000.parquet: Is a directory"), "{reason}");
    let folder = world.end().await;
    let left = || fs::read_dir(folder.path().join("jobs/1")).unwrap().count();
    assert_eq!(left(), 1, "after two attempts, there is only what is in the way");

    let mut world = World::on(folder, 1 << 20, 1 << 20).await;
    let recovered = world.store.recover().await.unwrap();
    assert_eq!(recovered.len(), 1);
    fs::remove_dir_all(&obstacle).unwrap();
    let results = world.store.job(JobId(1)).unwrap();
    world.accept(&results, 0..100).await;
    world.committed(10).await;
    assert_eq!(read_all(&world.store, &results, all(&results)).await.len(), 100);
}

/// Parts of the first job are not begun before the gate opens. Reads are counted.
#[derive(Debug)]
struct Watched {
    parts: Arc<dyn PartStore>,
    gate: Arc<Semaphore>,
    reads: Arc<AtomicUsize>,
}

impl Watched {
    /// A store of such parts, its gate and the count of its reads.
    async fn world() -> (World, Arc<Semaphore>, Arc<AtomicUsize>) {
        let folder = tempfile::tempdir().unwrap();
        let (tell, facts) = mpsc::unbounded_channel();
        let mut store = Store::open(World::config(&folder, 1 << 20, 1 << 20, None), tell).await.unwrap();
        let (gate, reads) = (Arc::new(Semaphore::new(0)), Arc::default());
        let parts = Self { parts: Arc::clone(&store.parts), gate: Arc::clone(&gate), reads: Arc::clone(&reads) };
        Arc::get_mut(&mut store).unwrap().parts = Arc::new(parts);
        let stop = CancellationToken::new();
        let flushes = tokio::spawn(Arc::clone(&store).drive_flushes(stop.clone()));
        (World { folder, store, facts, stop, flushes }, gate, reads)
    }
}

impl PartStore for Watched {
    fn place(&self) -> &Place {
        self.parts.place()
    }

    fn location(&self, path: &str) -> String {
        self.parts.location(path)
    }

    fn name_in_errors(&self, path: &str) -> String {
        self.parts.name_in_errors(path)
    }

    fn unusable(&self, reason: ObjectStoreError) -> StoreError {
        self.parts.unusable(reason)
    }

    fn part_path(&self, job: JobId, first: u64) -> String {
        self.parts.part_path(job, first)
    }

    fn create<'a>(&'a self, path: &'a str, size_hint: usize) -> Answer<'a, Box<dyn PartWriter>> {
        async move {
            if path.starts_with("jobs/1/") {
                let _turn = self.gate.acquire().await.unwrap();
            }
            self.parts.create(path, size_hint).await
        }
        .boxed()
    }

    fn read<'a>(&'a self, path: &'a str, bytes: Bytewise<u64>) -> Answer<'a, Bytes> {
        self.reads.fetch_add(1, Ordering::Relaxed);
        self.parts.read(path, bytes)
    }

    fn size<'a>(&'a self, path: &'a str) -> Answer<'a, u64> {
        self.parts.size(path)
    }

    fn read_ahead(&self) -> ReadAhead {
        self.parts.read_ahead()
    }

    fn delete(&self, parts: Vec<DeletedPart>) -> BoxFuture<'_, u64> {
        self.parts.delete(parts)
    }

    fn delete_job(&self, job: JobId, parts: Vec<DeletedPart>) -> BoxFuture<'_, u64> {
        self.parts.delete_job(job, parts)
    }

    fn retry_deletes(&self) -> BoxFuture<'_, u64> {
        self.parts.retry_deletes()
    }

    fn list(&self) -> Answer<'_, BTreeMap<String, u64>> {
        self.parts.list()
    }

    fn sweep(&self, paths: Vec<String>) -> Answer<'_, ()> {
        self.parts.sweep(paths)
    }

    fn get<'a>(&'a self, path: &'a str) -> Answer<'a, Bytes> {
        self.parts.get(path)
    }

    fn put_new<'a>(&'a self, path: &'a str, contents: Vec<u8>) -> Answer<'a, ()> {
        self.parts.put_new(path, contents)
    }

    fn put<'a>(&'a self, path: &'a str, contents: Vec<u8>) -> Answer<'a, ()> {
        self.parts.put(path, contents)
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn jobs_do_not_wait_for_the_part_of_another() {
    let (mut world, gate, _) = Watched::world().await;
    let slow = world.numbered_job(1, 100, 10, ResultMode::Stored);
    world.accept(&slow, 0..100).await;
    for id in 2..=40 {
        let quick = world.numbered_job(id, 100, 10, ResultMode::Stored);
        world.accept(&quick, 0..100).await;
    }
    let quick = tokio::time::timeout(Duration::from_secs(60), world.committed(390)).await;
    assert!(quick.is_ok(), "they wait for the part of the first job");
    assert_eq!(slow.committed_chunks().len(), 0);
    gate.add_permits(1);
    world.committed(10).await;
    assert_eq!(slow.committed_chunks().len(), 10);
}

#[tokio::test(flavor = "multi_thread")]
async fn small_blocks_of_a_part_are_read_together() {
    let (mut world, gate, reads) = Watched::world().await;
    gate.add_permits(1);
    let results = world.job(1000, 10, ResultMode::Stored);
    for first in (0..1000).step_by(10) {
        world.accept(&results, first..first + 10).await;
    }
    world.committed(100).await;
    let values = read_all(&world.store, &results, all(&results)).await;
    assert_eq!(values, (1..=1000).map(|n: i64| -n).collect::<Vec<_>>());
    let (reads, parts) = (reads.load(Ordering::Relaxed), world.parts());
    assert!(reads <= 2 * parts, "{reads} reads of {parts} parts: of each, its footer and its blocks");
}
