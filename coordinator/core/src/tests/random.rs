//! Random scripts: whatever happens in whatever order, the invariants hold, and in the end everything is answered.

use std::time::Duration;

use proptest::prelude::*;
use swath_model::{ChunkRun, JobId, JobState, OffsetRun, ResultMode, WorkerId};
use swath_scheduler::Event;

use super::world::{World, join};
use crate::{AfterCancel, Assignment, PersistErrorKind, RequestId, ToWorker};

#[derive(Debug, Clone)]
enum Step {
    Submit {
        chunks: u64,
        mode: ResultMode,
        token: Option<u8>,
    },
    Cancel {
        job: u64,
        after: AfterCancel,
    },
    Forget {
        job: u64,
    },
    ClientGone {
        request: u64,
    },
    Persist {
        error: Option<PersistErrorKind>,
    },
    Join,
    JoinAgain {
        worker: u64,
    },
    Disconnected {
        worker: u64,
    },
    Drain {
        worker: u64,
    },
    Deliver {
        lease: usize,
    },
    Fail {
        lease: usize,
    },
    /// A block of one chunk is lost.
    Lose {
        job: u64,
        chunk: u64,
    },
    Closed,
    Pause {
        job: u64,
    },
    Resume {
        job: u64,
    },
    Watch {
        job: u64,
    },
    Wait {
        ms: u64,
    },
    Suspend,
}

fn step() -> impl Strategy<Value = Step> {
    let job = || 1u64..5;
    let worker = || 1u64..5;
    let after = prop_oneof![Just(AfterCancel::KeepResults), Just(AfterCancel::DropResults)];
    let mode = prop_oneof![3 => Just(ResultMode::Stored), 1 => Just(ResultMode::Delivered)];
    let error = prop_oneof![
        4 => Just(None),
        1 => Just(Some(PersistErrorKind::Failed)),
        1 => Just(Some(PersistErrorKind::DiskFull)),
    ];
    prop_oneof![
        3 => (1u64..6, mode, prop::option::of(0u8..2)).prop_map(|(chunks, mode, token)| Step::Submit { chunks, mode, token }),
        1 => (job(), after).prop_map(|(job, after)| Step::Cancel { job, after }),
        1 => job().prop_map(|job| Step::Forget { job }),
        1 => (1u64..20).prop_map(|request| Step::ClientGone { request }),
        5 => error.prop_map(|error| Step::Persist { error }),
        2 => Just(Step::Join),
        1 => worker().prop_map(|worker| Step::JoinAgain { worker }),
        1 => worker().prop_map(|worker| Step::Disconnected { worker }),
        1 => worker().prop_map(|worker| Step::Drain { worker }),
        6 => (0usize..8).prop_map(|lease| Step::Deliver { lease }),
        1 => (0usize..8).prop_map(|lease| Step::Fail { lease }),
        1 => (job(), 0u64..5).prop_map(|(job, chunk)| Step::Lose { job, chunk }),
        2 => Just(Step::Closed),
        1 => job().prop_map(|job| Step::Pause { job }),
        1 => job().prop_map(|job| Step::Resume { job }),
        1 => job().prop_map(|job| Step::Watch { job }),
        3 => (0u64..1500).prop_map(|ms| Step::Wait { ms }),
        1 => Just(Step::Suspend),
    ]
}

fn leases(world: &World) -> Vec<(WorkerId, Assignment)> {
    let lease = |(worker, message): &(WorkerId, ToWorker)| match message {
        ToWorker::Lease(assignment) => Some((*worker, *assignment)),
        _ => None,
    };
    world.sent.iter().filter_map(lease).collect()
}

fn request_step(world: &mut World, step: &Step) -> bool {
    match *step {
        Step::Submit { chunks, mode, token } => {
            world.submit(chunks, |submit| {
                submit.spec.result_mode = mode;
                submit.token = token.map(|token| [token; 16]);
            });
        }
        Step::Cancel { job, after } => {
            let request = world.request();
            world.call(|core, now| core.cancel(now, request, JobId(job), after));
        }
        Step::Forget { job } => {
            let request = world.request();
            world.call(|core, now| core.forget(now, request, JobId(job)));
        }
        Step::ClientGone { request } => world.call(|core, _| core.handle_client_gone(RequestId(request))),
        Step::Watch { job } => drop(world.call(|core, now| core.watch(now, JobId(job)))),
        _ => return false,
    }
    true
}

fn take(world: &mut World, step: &Step) {
    if request_step(world, step) {
        return;
    }
    match *step {
        Step::Persist { error } if world.batch.is_some() => drop(world.persist(error)),
        Step::Join => drop(world.call(|core, now| core.join(now, join()))),
        Step::JoinAgain { worker } => {
            let mut again = join();
            again.former = Some((swath_model::Incarnation(0), WorkerId(worker)));
            drop(world.call(|core, now| core.join(now, again)));
        }
        Step::Disconnected { worker } => world.call(|core, now| core.handle_disconnected(now, WorkerId(worker))),
        Step::Drain { worker } => drop(world.call(|core, now| core.drain(now, WorkerId(worker)))),
        Step::Deliver { lease } => {
            if let Some((worker, assignment)) = leases(world).get(lease) {
                world.deliver(*worker, *assignment, assignment.chunks);
            }
        }
        Step::Fail { lease } => {
            if let Some((worker, assignment)) = leases(world).get(lease) {
                let (worker, lease, chunk) = (*worker, assignment.lease, assignment.chunks.start());
                let event = Event::ChunkFailed { worker, lease, chunk, number: 1, reason: "odd".into() };
                world.call(|core, now| core.handle_event(now, event));
            }
        }
        Step::Lose { job, chunk } => {
            let run = OffsetRun::new(chunk * 10, chunk * 10 + 10).unwrap();
            let inside = |index: &mut crate::ResultIndex| run.end() <= index.chunks().range().count();
            if world.indexes.with(JobId(job), inside) == Some(true) {
                let lost = world.indexes.with(JobId(job), |index| index.lose(&[run])).unwrap();
                world.call(|core, now| core.handle_lost(now, JobId(job), &lost));
            }
        }
        Step::Closed => {
            if let Some(job) = world.closing.pop_first() {
                world.indexes.with(job, crate::ResultIndex::close_is_done);
                world.call(|core, now| core.handle_closed(now, job));
            }
        }
        Step::Pause { job } => world.call(|core, now| core.handle_paused(now, JobId(job), "full".into())),
        Step::Resume { job } => world.call(|core, now| core.handle_resumed(now, JobId(job))),
        Step::Wait { ms } => {
            world.wait(Duration::from_millis(ms));
            world.call(|core, now| core.handle_timeout(now));
        }
        Step::Suspend => world.wait(Duration::from_secs(30)),
        _ => {}
    }
}

/// Lets everything come to its end: the ledger writes, closing jobs close, and a fresh worker computes the rest.
fn settle(world: &mut World) {
    let ids: Vec<JobId> = world.core.jobs().iter().map(|status| status.id).collect();
    for id in ids {
        world.call(|core, now| core.handle_resumed(now, id));
    }
    world.call(|core, now| core.join(now, join())).unwrap();
    let mut rounds = 0;
    loop {
        rounds += 1;
        assert!(rounds < 500, "it does not come to an end");
        let mut is_quiet = true;
        if world.batch.is_some() {
            world.persist(None);
            is_quiet = false;
        }
        while let Some(job) = world.closing.pop_first() {
            world.call(|core, now| core.handle_closed(now, job));
            is_quiet = false;
        }
        for (worker, assignment) in leases(world) {
            world.deliver(worker, assignment, assignment.chunks);
        }
        is_quiet &= !world.core.jobs().iter().any(|status| status.state == JobState::Running);
        if is_quiet {
            return;
        }
        // Other workers stay silent and lose what they hold.
        for _ in 0..12 {
            world.wait(Duration::from_millis(1000));
            world.call(|core, now| core.handle_timeout(now));
            if world.batch.is_some() {
                world.persist(None);
            }
        }
        for worker in world.core.workers() {
            world.call(|core, now| core.handle_disconnected(now, worker.id));
        }
        world.call(|core, now| core.join(now, join())).unwrap();
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn every_script_keeps_the_invariants_and_ends(steps in prop::collection::vec(step(), 1..80)) {
        let mut world = World::new();
        for step in &steps {
            take(&mut world, step);
        }
        settle(&mut world);
        for status in world.core.jobs() {
            prop_assert!(status.state.has_ended());
            if status.state == JobState::Done {
                let whole = status.committed_chunks + status.failed_chunks;
                prop_assert_eq!(whole, status.spec.chunks.count(), "job {}", status.id);
                let all = ChunkRun::new(0, status.spec.chunks.count()).unwrap();
                let mut whole = world.indexes.with(status.id, |index| index.committed_chunks()).unwrap();
                for &chunk in world.core.failed_chunks(status.id).unwrap().0.keys() {
                    whole.insert(ChunkRun::one(chunk));
                }
                prop_assert!(whole.contains_run(all));
            }
        }
        prop_assert!(world.core.is_settled());
    }
}
