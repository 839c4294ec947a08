//! Coordinators that are killed, every other one while it writes a part.

use std::time::Instant;

use super::{Figures, LITTLE, Work};
use crate::{Scene, Signal, unfinished_parts, until};

/// Workers that lose their coordinator again and again wait longer each time, so they are new after so many kills.
const KILLS: u64 = 4;

/// Kills one coordinator after the other on the same folder, then lets the job end.
pub(super) fn kill(name: &str, work: &Work, figures: &mut Figures) {
    let scene = Scene::new("torture-coordinators");
    let mut coordinator = scene.coordinator_with(LITTLE);
    let address = coordinator.address().to_owned();
    let workers = ["one", "two"].map(|name| coordinator.worker_with(name, "--threads 1"));
    let job = work.submit(&coordinator);
    let folder = scene.path(format!("data/jobs/{job}"));
    for kill in 1..=KILLS {
        if kill % 2 == 0 && !coordinator.try_freeze_writing(job, || coordinator.has_ended(job)) {
            break;
        }
        coordinator.stop(Signal::KILL);
        figures.coordinator_kills += 1;
        figures.kills_while_writing += u64::from(!unfinished_parts(&folder).is_empty());
        let started = Instant::now();
        coordinator = scene.coordinator_with(&format!("--listen {address} {LITTLE}"));
        let kept = coordinator.committed(job);
        let has_ended = until("a worker is back, and more is committed", || {
            let has_ended = coordinator.has_ended(job);
            (has_ended || coordinator.committed(job) > kept).then_some(has_ended)
        });
        if has_ended {
            break;
        }
        figures.commit_after_coordinator.push(started.elapsed());
    }
    work.compare(&scene, &coordinator, job, figures);
    figures.spend(name, workers.iter().map(|worker| worker.cpu_time()).sum());
}
