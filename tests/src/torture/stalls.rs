//! Processes that stand still for longer than the lease timeout, and go on.

use super::{Figures, LITTLE, LONGER, SHORT_LEASES, Work};
use crate::{Scene, until, while_passes};

/// Stops a worker, then the coordinator, and so on until the job has ended.
pub(super) fn stop(name: &str, work: &Work, figures: &mut Figures) {
    let scene = Scene::new("torture-stalls");
    let coordinator = scene.coordinator_with(&format!("{LITTLE} {SHORT_LEASES}"));
    let workers = ["sleeper", "steady"].map(|name| coordinator.worker_with(name, "--threads 1"));
    let job = work.submit(&coordinator);
    while coordinator.try_freeze_midst(job, "sleeper", &workers[0]) {
        until("its leases have ended", || {
            let sleeper = coordinator.find_worker("sleeper")?;
            (sleeper["state"] == "silent" && sleeper["leases"] == 0).then_some(())
        });
        figures.worker_stalls += 1;
        workers[0].thaw();
        until("it is heard again", || (coordinator.find_worker("sleeper")?["state"] == "active").then_some(()));
        if coordinator.has_ended(job) {
            break;
        }
        coordinator.process().freeze();
        while_passes(LONGER);
        figures.coordinator_stalls += u64::from(coordinator.process().is_frozen());
        coordinator.process().thaw();
    }
    work.compare(&scene, &coordinator, job, figures);
    figures.spend(name, workers.iter().map(|worker| worker.cpu_time()).sum());
}
