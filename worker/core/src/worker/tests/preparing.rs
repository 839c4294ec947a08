//! Jobs whose program is fetched first.

use super::*;

fn preparing(bench: &mut Bench, job: &Arc<Job<()>>) {
    bench.worker.handle_preparing(Arc::clone(job));
    bench.describe(job);
}

fn prepared(bench: &mut Bench, job: &Arc<Job<()>>, outcome: Result<(), String>) {
    bench.worker.handle_prepared(at(3), job, outcome);
    bench.effects();
}

fn joined() -> Bench {
    let mut bench = Bench::new(2);
    bench.join(Vec::new());
    bench
}

#[test]
fn leases_wait_until_the_program_is_there_and_other_jobs_do_not() {
    let mut bench = joined();
    let slow = job(1000, 10);
    let fast = Arc::new(Job { id: JobId(2), ..job(100, 10).as_ref().clone() });
    preparing(&mut bench, &slow);
    bench.describe(&fast);
    bench.lease(1, run(0, 4));
    let lease = Lease { id: lease_id(2), job: JobId(2), fingerprint: Some(fast.fingerprint), chunks: run(0, 1) };
    bench.told(FromCoordinator::Lease(lease));
    assert_eq!(bench.take(0), Some(run(0, 10)), "job 2 goes on");
    assert_eq!(bench.tasks[&Slot(0)].job.id, JobId(2));
    assert_eq!(bench.take(1), None);
    prepared(&mut bench, &slow, Ok(()));
    assert!(bench.take(1).is_some());
    assert_eq!(bench.tasks[&Slot(1)].job.id, JobId(1));
}

#[test]
fn what_is_asked_back_or_stopped_meanwhile_is_given_back() {
    let mut bench = joined();
    let slow = job(1000, 10);
    preparing(&mut bench, &slow);
    bench.lease(1, run(0, 4));
    bench.lease(2, run(4, 8));
    bench.told(FromCoordinator::ReturnChunks { lease: lease_id(1), chunks: run(2, 4) });
    assert_eq!(bench.returned(), [(lease_id(1), Some(run(2, 4)))]);
    bench.told(FromCoordinator::StopLease { lease: lease_id(2) });
    prepared(&mut bench, &slow, Ok(()));
    assert_eq!(bench.take_all().len(), 2, "two chunks of one lease are left");
}

#[test]
fn a_program_that_cannot_be_had_fails_a_chunk_of_each_lease_and_of_those_that_come() {
    let mut bench = joined();
    let slow = job(1000, 10);
    preparing(&mut bench, &slow);
    bench.lease(1, run(0, 4));
    bench.said.clear();
    prepared(&mut bench, &slow, Err("the disk is full".to_owned()));
    let failed = |said: &ToCoordinator| match said {
        ToCoordinator::ChunkFailed { chunk, number, reason, .. } => Some((*chunk, *number, reason.clone())),
        _ => None,
    };
    let reason = "the disk is full".to_owned();
    assert_eq!(bench.said.iter().filter_map(failed).collect::<Vec<_>>(), [(0, 1, reason)]);
    assert_eq!(bench.returned(), [(lease_id(1), Some(run(1, 4)))]);
    assert!(bench.holds_nothing());
    bench.said.clear();
    bench.lease(2, run(7, 9));
    assert_eq!(bench.said.iter().filter_map(failed).map(|(chunk, ..)| chunk).collect::<Vec<_>>(), [7]);
    // A second answer about the same job says nothing.
    prepared(&mut bench, &slow, Ok(()));
    assert!(bench.holds_nothing());
}

#[test]
fn a_session_that_ends_takes_leases_without_a_program_with_it() {
    let mut bench = joined();
    let (slow, known) = (job(1000, 10), Arc::new(Job { id: JobId(2), ..job(100, 10).as_ref().clone() }));
    preparing(&mut bench, &slow);
    bench.describe(&known);
    bench.lease(1, run(0, 4));
    let lease = Lease { id: lease_id(2), job: JobId(2), fingerprint: Some(known.fingerprint), chunks: run(0, 1) };
    bench.told(FromCoordinator::Lease(lease));
    let session = bench.session;
    bench.worker.handle_lost(at(3), session, Loss::Broken, 0);
    bench.effects();
    bench.worker.handle_timeout(at(100_000));
    bench.effects();
    bench.said.clear();
    bench.worker.handle_connected(bench.session);
    bench.effects();
    let [ToCoordinator::Hello { offers, .. }] = &bench.said[..] else { panic!("{:?}", bench.said) };
    assert_eq!(offers.iter().map(|offer| offer.job).collect::<Vec<_>>(), [JobId(2)]);
    // What comes of the fetch of that session is of no use.
    prepared(&mut bench, &slow, Ok(()));
}

#[test]
fn a_worker_that_leaves_gives_back_what_waits_for_its_program() {
    let mut bench = joined();
    let slow = job(1000, 10);
    preparing(&mut bench, &slow);
    bench.lease(1, run(0, 4));
    bench.said.clear();
    bench.told(FromCoordinator::ShutDown);
    assert_eq!(bench.returned(), [(lease_id(1), Some(run(0, 4)))]);
    assert!(bench.holds_nothing());
}
