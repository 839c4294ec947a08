//! Disks that fill and have room again.

use std::fs;

use super::{Figures, LITTLE, Work};
use crate::{Scene, blames_full_disk, fill, until};

/// Room for all results and some more.
const DISK: u64 = 128 << 20;

/// Fills the disk of a coordinator and makes room again until the job has ended.
pub(super) fn fill_up(name: &str, work: &Work, figures: &mut Figures) {
    let scene = Scene::new("torture-disks");
    let coordinator = scene.coordinator_on_a_small_disk(DISK, LITTLE);
    let workers = ["one", "two"].map(|name| coordinator.worker_with(name, "--threads 1"));
    let job = work.submit(&coordinator);
    let filler = coordinator.path("data/filler");
    let grows = |than: u64| {
        until("more is committed", || (coordinator.committed(job) > than || coordinator.has_ended(job)).then_some(()));
    };
    loop {
        grows(coordinator.committed(job));
        if coordinator.has_ended(job) {
            break;
        }
        fill(&filler);
        let is_paused = until("the job is paused", || {
            let is_paused = coordinator.job(job)["paused"].as_str().is_some_and(blames_full_disk);
            (is_paused || coordinator.has_ended(job)).then_some(is_paused)
        });
        figures.disks_filled += u64::from(is_paused);
        let kept = coordinator.committed(job);
        fs::remove_file(&filler).expect("the file that filled the disk");
        grows(kept);
    }
    work.compare(&scene, &coordinator, job, figures);
    figures.spend(name, workers.iter().map(|worker| worker.cpu_time()).sum());
}
