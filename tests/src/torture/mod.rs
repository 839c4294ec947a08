//! The long loops: faults of every kind, again and again, each shown to have struck, with figures.
//!
//! A round is one job for each kind of fault. All jobs are the same work, so that the oracle is asked once and the
//! processor time of the workers can be compared with that of a job that nothing happened to.

mod coordinators;
mod disks;
mod figures;
mod network;
mod stalls;
mod work;
mod workers;

use std::time::{Duration, Instant};

pub use self::figures::Figures;
use self::work::Work;
use crate::Scene;

/// A kind of fault: its name, and what makes it strike while one job runs.
type Fault = (&'static str, fn(&str, &Work, &mut Figures));

const FAULTS: [Fault; 5] = [
    ("workers killed", workers::kill),
    ("coordinator killed", coordinators::kill),
    ("processes stopped", stalls::stop),
    ("connections cut", network::cut),
    ("disk filled", disks::fill_up),
];

/// What a run must have seen at least, however short it is.
const WORKER_KILLS: u64 = 20;
const COORDINATOR_KILLS: u64 = 10;

/// A lease timeout that a fault outlasts soon, and the time that it does so for.
const SHORT_LEASES: &str = "--lease-timeout 1s";
const LONGER: Duration = Duration::from_millis(2500);

/// Makes everything go wrong for so long, or until there are figures enough if that takes longer. Panics, with all that
/// was said, where the program does not recover; wrong results are in the figures.
pub fn run(time: Duration) -> Figures {
    let work = Work::new();
    let mut figures = Figures::default();
    undisturbed(&work, &mut figures);
    let begun = Instant::now();
    while begun.elapsed() < time || figures.worker_kills < WORKER_KILLS || figures.coordinator_kills < COORDINATOR_KILLS
    {
        for (name, strike) in FAULTS {
            let begun = Instant::now();
            strike(name, &work, &mut figures);
            eprintln!("torture: {name}: {:.1} s", begun.elapsed().as_secs_f64());
        }
        undisturbed(&work, &mut figures);
    }
    figures
}

/// The work when nothing happens, for comparison.
fn undisturbed(work: &Work, figures: &mut Figures) {
    let scene = Scene::new("torture-undisturbed");
    let coordinator = scene.coordinator_with(LITTLE);
    let workers = ["one", "two"].map(|name| coordinator.worker_with(name, "--threads 1"));
    let job = work.submit(&coordinator);
    work.compare(&scene, &coordinator, job, figures);
    figures.undisturbed.push(workers.iter().map(|worker| worker.cpu_time()).sum());
}

/// Little memory, so that parts are written all the time.
const LITTLE: &str = "--memory 1MiB";
