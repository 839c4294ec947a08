//! Readers that stop reading.

use std::{
    fs::{self, File},
    io::{BufRead, BufReader},
    path::Path,
};

use swath_tests::{Process, Rows, Scene, square, until};

/// Squares of decimals, because they are cheap to compute and make many bytes.
const FIRST: i64 = 1_000_000_000_000_000;
const LAST: i64 = FIRST + 35_999_999;

/// Whoever keeps the results in memory needs more than this; whoever does not, much less.
const MUCH: u64 = 240 << 20;

/// Of the results of a run, so many bytes at least lie on the disk when nobody takes them.
const SPILLED: u64 = 200 << 20;

fn assert_kept_little(process: &Process<'_>) {
    let peak = process.peak_memory();
    assert!(peak < MUCH, "it had {peak} bytes of memory");
}

/// The sizes of all files in a folder and the folders in it.
fn bytes_below(folder: &Path) -> u64 {
    // What goes while it is looked at counts no more.
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    let bytes = |entry: fs::DirEntry| match entry.metadata() {
        Ok(meta) if meta.is_dir() => bytes_below(&entry.path()),
        meta => meta.map_or(0, |meta| meta.len()),
    };
    entries.map(bytes).sum()
}

/// A reader stands still while its job runs to its end, and goes on then; it writes to `read.txt`.
fn stops_and_goes_on(scene: &Scene, more: &str) {
    let coordinator = scene.coordinator_with("--memory 8MiB");
    let job = coordinator.submit(&format!("{FIRST}..={LAST} {more}"));
    let reader = coordinator.swath(&format!("job results {job} --file read.txt")).start();
    let written = || reader.open_files_in(&scene.path("")).into_iter().max().filter(|length| *length > 0);
    let _worker = coordinator.worker_with("able", "--threads 1");
    until("it reads", written);
    reader.freeze();
    let read = written();
    coordinator.await_done(job);
    assert!(reader.is_frozen() && written() == read, "it did not stand still");
    let results = coordinator.job(job)["result_bytes"].as_u64().unwrap();
    assert!(results > MUCH, "{results} bytes of results prove nothing");
    assert_kept_little(coordinator.process());
    reader.thaw();
    reader.wait().assert_code(0);
    assert_kept_little(coordinator.process());
}

#[test]
fn a_reader_that_stops_holds_up_neither_its_job_nor_memory() {
    let scene = Scene::new("a_reader_that_stops");
    stops_and_goes_on(&scene, "");
    Rows::open(&scene.path("read.txt")).assert_are(FIRST..=LAST, square);
}

#[test]
fn a_reader_of_sparse_rows_that_stops_holds_up_neither_its_job_nor_memory() {
    let scene = Scene::new("a_sparse_reader_that_stops");
    stops_and_goes_on(&scene, "--where n%32<>5");
    let mut lines = BufReader::new(File::open(scene.path("read.txt")).unwrap()).lines();
    for n in (FIRST..=LAST).filter(|n| n % 32 != 5) {
        // Formatting is most of the work.
        let line = lines.next().unwrap().unwrap();
        let (number, value) = line.split_once('\t').unwrap();
        assert!(number.parse() == Ok(n) && value.parse() == Ok(square(n)), "{line} instead of {n}");
    }
    assert!(lines.next().is_none(), "nothing follows the last row");
}

#[test]
fn a_run_whose_output_nobody_takes_keeps_little_in_memory() {
    let scene = Scene::new("a_run_whose_output_nobody_takes");
    scene.bash("mkfifo pipe").succeed();
    let reader = scene.bash("exec cat pipe > read.txt").start();
    let run = scene.bash(&format!("exec $SWATH run {FIRST}..={LAST} --threads 1 -o - > pipe")).start();
    let written = || scene.path("read.txt").metadata().ok().map(|file| file.len()).filter(|length| *length > 0);
    until("it reads", written);
    reader.freeze();
    let read = written();
    let spilled = || (bytes_below(&scene.temporary_folder()) >= SPILLED).then_some(());
    until("results for which there is no room are on the disk", spilled);
    assert!(reader.is_frozen() && written() == read, "it did not stand still");
    assert_kept_little(&run);
    reader.thaw();
    run.wait().assert_code(0);
    reader.wait().assert_code(0);
    Rows::open(&scene.path("read.txt")).assert_are(FIRST..=LAST, square);
}
