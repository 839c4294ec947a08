//! Workers whose connection breaks, and who come back or do not.

use swath_model::{Incarnation, JobState, WorkerId};

use super::world::{World, join};
use crate::Join;

/// How often a worker with these former sessions may be lost before its only chunk is given up, of 20 times.
fn losses(former: impl Fn(&mut World, WorkerId) -> Option<(Incarnation, WorkerId)>) -> usize {
    let mut world = World::new();
    let job = world.job(1);
    let mut before = WorkerId(0);
    for losses in 0..20 {
        let former = (losses > 0).then(|| former(&mut world, before)).flatten();
        before = world.call(|core, now| core.join(now, Join { former, ..join() })).unwrap().worker;
        world.call(|core, now| core.handle_disconnected(now, before));
        if world.batch.is_some() {
            world.persist(None);
        }
        if world.core.job(job).unwrap().state != JobState::Running || world.closing.contains(&job) {
            return losses + 1;
        }
    }
    20
}

#[test]
fn a_process_that_comes_back_each_time_has_not_crashed() {
    // Once with the work that it was suspected for, and three times alone with it.
    assert_eq!(losses(|_, _| None), 4);
    let incarnation = |world: &World| world.core.config.scheduler.incarnation;
    assert_eq!(losses(|world, before| Some((incarnation(world), before))), 20);
}

#[test]
fn what_a_worker_says_of_others_absolves_nobody() {
    let incarnation = |world: &World| world.core.config.scheduler.incarnation;
    assert_eq!(losses(|_, before| Some((Incarnation(77), before))), 4, "of another start of the coordinator");
    assert_eq!(losses(|world, _| Some((incarnation(world), WorkerId(99)))), 4, "of a worker that there never was");
}
