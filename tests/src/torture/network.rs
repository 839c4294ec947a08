//! Connections that are cut for longer than the lease timeout, or closed.

use super::{Figures, LITTLE, LONGER, SHORT_LEASES, Work};
use crate::{Direction, Proxy, Scene, until, while_passes};

/// Cuts a worker off one way, the other way and both ways, and closes its connections, until the job has ended.
pub(super) fn cut(name: &str, work: &Work, figures: &mut Figures) {
    let scene = Scene::new("torture-network");
    let coordinator = scene.coordinator_with(&format!("{LITTLE} {SHORT_LEASES}"));
    let proxy = Proxy::start(coordinator.address());
    let workers =
        [coordinator.worker_through(&proxy, "remote", "--threads 1"), coordinator.worker_with("near", "--threads 1")];
    let job = work.submit(&coordinator);
    let computes_again = || {
        let share = coordinator.share(job, "remote");
        until("it computes", || (coordinator.share(job, "remote") > share || coordinator.has_ended(job)).then_some(()));
    };
    let ways: [&[Direction]; 3] = [&[Direction::ToCoordinator], &[Direction::FromCoordinator], &Direction::BOTH];
    // A job is over after two or three: the next one begins with what was least.
    let first = (0..ways.len()).min_by_key(|&way| figures.cuts[way]).unwrap_or_default();
    for way in (0..ways.len()).cycle().skip(first) {
        computes_again();
        if coordinator.has_ended(job) {
            break;
        }
        let held: Vec<_> = ways[way].iter().map(|direction| proxy.held(*direction)).collect();
        ways[way].iter().for_each(|direction| proxy.cut(*direction));
        let strikes = until("bytes are held", || {
            let strikes = ways[way].iter().zip(&held).any(|(direction, held)| proxy.held(*direction) > *held);
            (strikes || coordinator.has_ended(job)).then_some(strikes)
        });
        while_passes(LONGER);
        figures.cuts[way] += u64::from(strikes);
        proxy.mend();
        computes_again();
        figures.severed += proxy.connections() as u64;
        proxy.sever();
    }
    work.compare(&scene, &coordinator, job, figures);
    figures.spend(name, workers.iter().map(|worker| worker.cpu_time()).sum());
}
