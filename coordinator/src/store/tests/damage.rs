//! Results that are damaged after they were taken in, in memory and on the disk.

use std::{
    fs::File,
    os::unix::fs::FileExt,
    path::{Path, PathBuf},
};

use bytes::Bytes;

use super::*;
use crate::store::Verdict;

const NUMBERS: u64 = 1000;

fn expected() -> Vec<i64> {
    (1..=NUMBERS as i64).map(|n| -n).collect()
}

fn flip(file: &Path, bit: u64) {
    let file = File::options().read(true).write(true).open(file).unwrap();
    let mut byte = [0];
    file.read_exact_at(&mut byte, bit / 8).unwrap();
    file.write_all_at(&[byte[0] ^ (1 << (bit % 8))], bit / 8).unwrap();
}

impl World {
    /// Waits until something of job 1 has to be computed again.
    async fn lost(&mut self) {
        loop {
            match self.facts.recv().await.unwrap() {
                Fact::Lost { job: JobId(1), chunks } => {
                    assert!(!chunks.is_empty());
                    return;
                }
                Fact::Committed { .. } => {}
                other => panic!("{other:?}"),
            }
        }
    }

    fn part(&self) -> PathBuf {
        self.folder.path().join("jobs/1/part-00000000000000000000.parquet")
    }
}

fn read(store: &Arc<Store>, results: &Arc<JobResults>) -> tokio::task::JoinHandle<Vec<i64>> {
    let (store, results) = (Arc::clone(store), Arc::clone(results));
    tokio::spawn(async move { read_all(&store, &results, all(&results)).await })
}

#[tokio::test]
async fn no_flipped_bit_of_a_part_gives_another_value() {
    let mut world = World::new(1 << 20, 1 << 20).await;
    let results = world.job(NUMBERS as i64, 10, ResultMode::Stored);
    world.accept(&results, 0..400).await;
    world.accept(&results, 400..NUMBERS).await;
    world.committed(100).await;
    let bytes = std::fs::read(world.part()).unwrap();
    let footer = bytes.len() - 8 - u32::from_le_bytes(*bytes[..bytes.len() - 4].last_chunk().unwrap()) as usize;
    // All bits of the footer and behind it; of the columns, many. Nobody looks at the magic at the start.
    let bits = (footer as u64 * 8..bytes.len() as u64 * 8).chain((4 * 8..footer as u64 * 8).step_by(13));
    for bit in bits {
        flip(&world.part(), bit);
        let reading = read(&world.store, &results);
        world.lost().await;
        world.accept(&results, 0..400).await;
        world.accept(&results, 400..NUMBERS).await;
        world.committed(100).await;
        assert!(reading.await.unwrap() == expected(), "bit {bit}");
        assert_eq!(world.parts(), 1);
    }
}

/// A block whose bytes are those of a file, and change with it.
fn mapped(folder: &TempDir, offsets: std::ops::Range<u64>) -> (Block, PathBuf) {
    let path = folder.path().join("mapped");
    let block = block(offsets);
    std::fs::write(&path, block.bytes()).unwrap();
    #[allow(unsafe_code, reason = "only so can memory be changed that is not ours to change")]
    // SAFETY: nothing is derived from the bytes that could not stand their change; that is what is tested.
    let map = unsafe { memmap2::Mmap::map(&File::open(&path).unwrap()).unwrap() };
    (Block::receive(Bytes::from_owner(map), block.layout(), block.covers(), block.digest().whole()).unwrap(), path)
}

#[tokio::test]
async fn a_block_that_was_damaged_in_memory_is_never_written_but_computed_again() {
    let mut world = World::new(1 << 20, 1 << 20).await;
    let folder = tempfile::tempdir().unwrap();
    let results = world.job(NUMBERS as i64, 10, ResultMode::Stored);
    let (damaged, file) = mapped(&folder, 0..400);
    flip(&file, 8 * 50);
    let room = world.store.reserve(damaged.bytes().len()).await;
    world.store.accept(&results, 0, damaged, sender(), room);
    world.lost().await;
    assert!(!world.part().exists());
    // What was begun is deleted soon.
    while world.parts() > 0 {
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    world.accept(&results, 0..NUMBERS).await;
    world.committed(100).await;
    assert!(read_all(&world.store, &results, all(&results)).await == expected());
}

#[tokio::test]
async fn a_block_that_a_reader_cannot_use_is_checked_and_computed_again_if_it_is_bad() {
    for retention in [ResultMode::Stored, ResultMode::Delivered] {
        // The blocks of a job that is stored would be made a part at once if they were all there.
        let mut world = World::with_age(Duration::from_secs(3600)).await;
        let folder = tempfile::tempdir().unwrap();
        let results = world.job(NUMBERS as i64, 10, retention);
        let (block, file) = mapped(&folder, 0..400);
        let room = world.store.reserve(block.bytes().len()).await;
        world.store.accept(&results, 0, block, sender(), room);
        assert_eq!(world.store.recheck(&results, 0, 400).await.unwrap(), Verdict::Good);
        flip(&file, 8 * 50);
        assert_eq!(world.store.recheck(&results, 0, 400).await.unwrap(), Verdict::Dropped);
        world.lost().await;
        assert_eq!(world.store.recheck(&results, 0, 400).await.unwrap(), Verdict::Gone);
        let reading = read(&world.store, &results);
        assert_eq!(world.accept(&results, 0..NUMBERS).await, held(0..100));
        assert!(reading.await.unwrap() == expected());
    }
}

#[tokio::test]
async fn a_damaged_part_of_a_job_that_is_wanted_once_is_computed_again() {
    let bytes = block(0..1000).bytes().len();
    let mut world = World::new(bytes * 10, bytes * 4).await;
    let results = world.job(100_000, 1000, ResultMode::Delivered);
    let reading = read(&world.store, &results);
    for first in (1000..100_000).step_by(1000) {
        world.accept(&results, first..first + 1000).await;
    }
    let parts: Vec<_> = std::fs::read_dir(world.folder.path().join("jobs/1")).unwrap().collect();
    assert!(!parts.is_empty());
    for part in parts {
        flip(&part.unwrap().path(), 8 * 50);
    }
    world.accept(&results, 0..1000).await;
    // Whatever is lost comes again, until all was read.
    while !reading.is_finished() {
        tokio::select! {
            () = world.lost() => {}
            () = tokio::time::sleep(Duration::from_millis(1)) => {}
        }
        for first in (1000..100_000).step_by(1000) {
            world.accept(&results, first..first + 1000).await;
        }
    }
    assert!(reading.await.unwrap() == (1..=100_000).map(|n| -n).collect::<Vec<i64>>());
}

#[tokio::test]
async fn a_block_that_was_delivered_and_is_of_no_use_comes_once_more() {
    let mut world = World::new(1 << 20, 1 << 20).await;
    let results = world.job(NUMBERS as i64, 10, ResultMode::Delivered);
    world.accept(&results, 0..400).await;
    world.accept(&results, 400..NUMBERS).await;
    results.end(Ending::Done);
    assert!(read_all(&world.store, &results, all(&results)).await == expected());
    // Neither what was not delivered in one block nor what cannot be one.
    assert_eq!(world.store.recheck(&results, 3, 10).await.unwrap(), Verdict::Gone);
    assert_eq!(world.store.recheck(&results, 400, 600).await.unwrap(), Verdict::Dropped);
    world.lost().await;
    assert_eq!(world.accept(&results, 400..NUMBERS).await, held(40..100));
    assert!(read_all(&world.store, &results, run(400, 1000)).await == expected()[400..]);
}
