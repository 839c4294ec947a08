//! Disks that fill.

use std::{fs, ops::RangeInclusive, path::PathBuf};

use swath_tests::{
    Coordinator, Process, Rows, Scene, Signal, blames_full_disk, fill, fill_up, square, unfinished_parts, until,
};

use crate::{assert_exact, submit};

const DISK: u64 = 32 << 20;

/// Waits until a job is paused; returns why it is.
fn await_paused(coordinator: &Coordinator<'_>, job: u64) -> String {
    until("the job is paused", || {
        let job = coordinator.job(job);
        assert!(job["state"] == "running" || job["state"] == "paused", "{job:#}");
        job["paused"].as_str().map(str::to_owned)
    })
}

#[test]
fn a_job_waits_for_room_on_a_full_disk_and_goes_on() {
    let scene = Scene::new("a_full_disk");
    let coordinator = scene.coordinator_on_a_small_disk(DISK, "--memory 1MiB");
    let _worker = coordinator.worker_with("able", "--threads 1");
    let job = submit(&coordinator);
    let (folder, filler) = (coordinator.path(&format!("data/jobs/{job}")), coordinator.path("data/filler"));
    for _ in 0..2 {
        let before = coordinator.committed(job);
        until("another part is there", || (coordinator.committed(job) > before).then_some(()));
        fill(&filler);
        let reason = await_paused(&coordinator, job);
        assert!(blames_full_disk(&reason), "{reason}");
        let said = coordinator.swath(&format!("job show {job}")).succeed();
        assert!(said.stdout().contains(&reason), "{}", said.stdout());
        // What a failed part had taken is free again, until it is taken here too.
        fill_up(coordinator.process(), &folder, &filler);
        assert_eq!(coordinator.find_worker("able").unwrap()["state"], "active");
        let (state, kept) = (coordinator.job(job)["state"].clone(), coordinator.committed(job));
        assert!(state == "paused" && kept > before, "{state}: {kept} numbers");
        fs::remove_file(&filler).unwrap();
        assert!(coordinator.committed(job) >= kept, "{kept} numbers were committed");
    }
    assert_exact(&scene, &coordinator, job);
    assert_eq!(unfinished_parts(&folder), [""; 0]);
}

#[test]
fn a_job_for_which_a_full_disk_has_no_room_is_refused() {
    let scene = Scene::new("no_room_for_a_job");
    let coordinator = scene.coordinator_on_a_small_disk(DISK, "");
    let filler = coordinator.path("data/filler");
    fill_up(coordinator.process(), &coordinator.path("data/jobs/1"), &filler);
    for _ in 0..3 {
        let refused = coordinator.swath("submit 1..=1000").end().assert_refused(1);
        assert!(refused.contains("disk is full"), "{refused}");
    }
    let jobs = coordinator.swath("job list --output json").succeed().json();
    assert_eq!(jobs.as_array().unwrap().len(), 0, "{jobs:#}");
    fs::remove_file(&filler).unwrap();
    let _worker = coordinator.worker("able");
    coordinator.swath("submit 1..=1000 --wait").succeed();
}

/// The squares of decimals whose results take more than half of the disk.
const SQUARES: RangeInclusive<i64> = 4_000_000_000_000_000_000..=4_000_000_000_002_499_999;

/// How full a disk is of the results of one job, so that another with as many waits.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Full {
    /// The next part does not fit.
    OfResults,
    /// No byte is free.
    ToTheLastByte,
}

fn forgotten_results_make_room(name: &str, full: Full) {
    let scene = Scene::new(name);
    let coordinator = scene.coordinator_on_a_small_disk(DISK, "--memory 1MiB");
    let _worker = coordinator.worker_with("able", "--threads 1");
    let range = format!("{}..={}", SQUARES.start(), SQUARES.end());
    let old = coordinator.submit(&range);
    coordinator.await_done(old);
    let new = coordinator.submit(&range);
    let reason = await_paused(&coordinator, new);
    assert!(blames_full_disk(&reason), "{reason}");
    if full == Full::ToTheLastByte {
        let folder = coordinator.path(&format!("data/jobs/{new}"));
        fill_up(coordinator.process(), &folder, &coordinator.path("data/filler"));
    }
    coordinator.swath(&format!("job forget {old}")).succeed();
    coordinator.await_done(new);
    coordinator.save(new, "squares.csv");
    Rows::open(&scene.path("squares.csv")).assert_are(SQUARES, square);
}

#[test]
fn results_that_are_forgotten_make_room_on_a_disk_full_of_results() {
    forgotten_results_make_room("a_disk_full_of_results", Full::OfResults);
}

#[test]
fn results_that_are_forgotten_make_room_on_a_disk_full_to_the_last_byte() {
    forgotten_results_make_room("a_disk_full_to_the_last_byte", Full::ToTheLastByte);
}

/// A disk of its own for the folder `data`, which outlives the coordinators on it.
struct Disk<'scene> {
    scene: &'scene Scene,
    keeper: Process<'scene>,
}

impl<'scene> Disk<'scene> {
    fn mount(scene: &'scene Scene) -> Self {
        let mount = format!("mkdir data && mount -t tmpfs -o size={DISK} small data && touch data/mounted");
        let keeper = scene.bash(&format!("exec unshare -m bash -c '{mount} && exec sleep infinity'")).start();
        let disk = Self { scene, keeper };
        until("it is mounted", || disk.path("mounted").exists().then_some(()));
        disk
    }

    /// A file on it, as this process sees it.
    fn path(&self, name: &str) -> PathBuf {
        let folder = self.scene.path("data");
        self.keeper.proc("root").join(folder.strip_prefix("/").unwrap()).join(name)
    }

    fn coordinator(&self) -> Coordinator<'scene> {
        self.scene.coordinator_under(&["nsenter", "-t", &self.keeper.id().to_string(), "-m"], "")
    }

    fn fill(&self) {
        fill(&self.path("filler"));
        assert_eq!(fill(&self.path("filler")), 0);
    }
}

#[test]
fn a_coordinator_that_was_killed_on_a_full_disk_starts_on_it() {
    if !rustix::process::geteuid().is_root() {
        return eprintln!("\n*** SKIPPED: only root can mount, so a start on a full disk was NOT tested ***\n");
    }
    let scene = Scene::new("a_start_on_a_full_disk");
    let disk = Disk::mount(&scene);
    let coordinator = disk.coordinator();
    let worker = coordinator.worker("able");
    let job = coordinator.submit("1..=1000");
    coordinator.await_done(job);
    drop(worker);
    let waiting = coordinator.submit("1..=2000");
    coordinator.stop(Signal::KILL);

    // What the coordinator was writing, and then nothing but the reserve.
    let unfinished = disk.path("jobs/2/part-00000000000000000000.parquet#1");
    fs::create_dir_all(unfinished.parent().unwrap()).unwrap();
    fs::write(&unfinished, vec![7; 1 << 20]).unwrap();
    for what in ["an unfinished part", "the reserve", "nothing"] {
        disk.fill();
        let has_reserve = disk.path("reserve").exists();
        assert_eq!((unfinished.exists(), has_reserve), (what == "an unfinished part", what != "nothing"), "{what}");
        if what == "nothing" {
            break;
        }
        let coordinator = disk.coordinator();
        assert!(!unfinished.exists());
        assert_eq!(
            (&coordinator.job(job)["state"], &coordinator.job(waiting)["state"]),
            (&"done".into(), &"running".into())
        );
        coordinator.save(job, "squares.csv");
        Rows::open(&scene.path("squares.csv")).assert_are(1..=1000, square);
        // A forget makes room, and so does the next end.
        coordinator.stop(Signal::KILL);
    }
    fs::remove_file(disk.path("filler")).unwrap();
    let coordinator = disk.coordinator();
    until("the reserve is there again", || disk.path("reserve").exists().then_some(()));
    let _worker = coordinator.worker("able");
    coordinator.await_done(waiting);
}
