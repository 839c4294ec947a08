//! Workers that are killed in the midst of computing.

use std::time::{Duration, Instant};

use super::{Figures, LITTLE, Work};
use crate::{Scene, Signal, until};

/// Kills one worker after the other while another works on, until the job has ended.
pub(super) fn kill(name: &str, work: &Work, figures: &mut Figures) {
    let scene = Scene::new("torture-workers");
    // Only the end of a connection can free the leases in time.
    let coordinator = scene.coordinator_with(&format!("{LITTLE} --lease-timeout 1h"));
    let steady = coordinator.worker_with("steady", "--threads 1");
    let job = work.submit(&coordinator);
    let mut spent = Duration::ZERO;
    for victim in 1.. {
        let victim_name = format!("victim-{victim}");
        let victim = coordinator.worker_with(&victim_name, "--threads 1");
        let is_midst = coordinator.try_freeze_midst(job, &victim_name, &victim);
        spent += victim.cpu_time();
        if !is_midst {
            break;
        }
        let frontier = coordinator.job(job)["frontier"].as_i64();
        let killed = Instant::now();
        victim.signal(Signal::KILL);
        victim.wait();
        until("its leases are free", || coordinator.find_worker(&victim_name).is_none().then_some(()));
        figures.leases_free.push(killed.elapsed());
        // What was not committed when it died is, some of it by now computed again.
        until("the job goes on", || {
            let now = coordinator.job(job)["frontier"].as_i64();
            (now.is_none() || now > frontier).then_some(())
        });
        figures.commit_after_worker.push(killed.elapsed());
        figures.worker_kills += 1;
    }
    work.compare(&scene, &coordinator, job, figures);
    figures.spend(name, spent + steady.cpu_time());
}
