//! Parts that are damaged on the disk, through all doors.

use std::{fs, path::PathBuf};

use serde_json::json;
use swath_tests::{Coordinator, Rows, Scene, Signal, square, until};

const LAST: i64 = 2000;

/// The one part of a job.
fn part(scene: &Scene, job: u64) -> PathBuf {
    let parts: Vec<_> = fs::read_dir(scene.path(format!("data/jobs/{job}"))).unwrap().collect();
    assert_eq!(parts.len(), 1, "{parts:?}");
    parts[0].as_ref().unwrap().path()
}

fn damage(scene: &Scene, job: u64, at: impl FnOnce(usize) -> usize) {
    let part = part(scene, job);
    let mut bytes = fs::read(&part).unwrap();
    let at = at(bytes.len());
    bytes[at] ^= 0x10;
    fs::write(part, bytes).unwrap();
}

/// What the coordinator says of results that came to harm.
fn warnings(coordinator: &Coordinator<'_>) -> Vec<String> {
    let said = coordinator.process().stderr();
    said.lines().filter(|line| line.contains("turned out to be bad")).map(str::to_owned).collect()
}

fn read(scene: &Scene, coordinator: &Coordinator<'_>, job: u64, file: &str) {
    coordinator.save(job, file);
    Rows::open(&scene.path(file)).assert_are(1..=LAST, square);
}

#[test]
fn a_flipped_bit_anywhere_in_a_part_costs_time_and_nothing_else() {
    let scene = Scene::new("flipped");
    let coordinator = scene.coordinator();
    let _worker = coordinator.worker_with("able", "--threads 1");
    let job = coordinator.submit(&format!("1..={LAST} --chunk-size 1000"));
    coordinator.await_done(job);
    let size = fs::metadata(part(&scene, job)).unwrap().len() as usize;
    let mut flipped = 0;
    // Every seventh byte from behind: length, footer with its statistics, both columns.
    for back in (1..size - 4).step_by(7) {
        damage(&scene, job, |size| size - back);
        read(&scene, &coordinator, job, "squares.csv");
        coordinator.await_done(job);
        flipped += 1;
        // Lines of the log may come a moment later.
        let warnings = until("it is named", || {
            let warnings = warnings(&coordinator);
            (warnings.len() >= flipped).then_some(warnings)
        });
        assert_eq!(warnings.len(), flipped, "byte {back} from the end");
        assert!(warnings.iter().all(|line| line.contains("able") && line.contains("numbers=")), "{warnings:?}");
    }
    // After a restart it is still known who sent what.
    damage(&scene, job, |size| size - 100);
    let address = coordinator.address().to_owned();
    coordinator.stop(Signal::TERM).assert_code(0);
    let coordinator = scene.coordinator_with(&format!("--listen {address}"));
    read(&scene, &coordinator, job, "again.csv");
    until("it is named", || warnings(&coordinator).iter().any(|line| line.contains("able")).then_some(()));
}

#[test]
fn flight_serves_no_flipped_bit_of_a_part() {
    let scene = Scene::new("flipped_flight");
    let coordinator = scene.coordinator();
    let _worker = coordinator.worker_with("able", "--threads 1");
    let job = coordinator.submit(&format!("1..={LAST} --chunk-size 1000"));
    coordinator.await_done(job);
    let size = fs::metadata(part(&scene, job)).unwrap().len() as usize;
    for back in [9, 100, 240, 250, 276, size - 40] {
        damage(&scene, job, |size| size - back);
        let rows = scene.python("flight.py", [coordinator.address(), "values", &job.to_string()]);
        let numbers: Vec<i64> = (1..=LAST).collect();
        let squares: Vec<i64> = numbers.iter().map(|n| n * n).collect();
        assert!(rows == json!({ "n": numbers, "value": squares }), "byte {back} from the end: {rows}");
        coordinator.await_done(job);
    }
}
