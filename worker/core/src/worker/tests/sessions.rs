//! Joining, losing, leaving.

use super::*;

fn heartbeats(bench: &mut Bench) -> Vec<u64> {
    let received = |message: ToCoordinator| match message {
        ToCoordinator::Heartbeat { received } => Some(received),
        _ => None,
    };
    std::mem::take(&mut bench.said).into_iter().filter_map(received).collect()
}

#[test]
fn heartbeats_say_how_many_messages_were_received() {
    let mut bench = Bench::joined(1, &job(1000, 10));
    bench.worker.handle_timeout(at(0));
    bench.effects();
    bench.lease(1, run(0, 3));
    bench.told(FromCoordinator::Unknown);
    assert_eq!(bench.worker.poll_timeout(), Some(at(1000)));
    bench.worker.handle_timeout(at(999));
    bench.worker.handle_timeout(at(1200));
    bench.effects();
    assert_eq!(heartbeats(&mut bench), [1, 3]);
    assert_eq!(bench.worker.poll_timeout(), Some(at(2200)));
}

#[test]
fn what_comes_late_from_a_former_session_is_ignored() {
    let mut bench = Bench::joined(1, &job(1000, 10));
    bench.lease(1, run(0, 3));
    bench.lose();
    let stop = FromCoordinator::StopLease { lease: lease_id(1) };
    bench.worker.handle_message(at(10), S1, stop);
    bench.worker.handle_lost(at(10), S1, Loss::Refused, 0);
    bench.worker.handle_connected(S1);
    assert_eq!(bench.worker.handle_receipt(at(10), S1), Ok(()));
    assert!(bench.worker.poll_upload(S1).is_none());
    assert_eq!(bench.offers().len(), 1);
    assert_eq!(bench.ended, None);
}

#[test]
fn a_worker_says_who_it_was() {
    let mut bench = Bench::new(1);
    bench.worker.handle_connected(S1);
    bench.effects();
    assert_eq!(bench.said, [ToCoordinator::Hello { former: None, offers: vec![] }]);
    bench.welcome(Vec::new());
    assert_eq!(bench.worker.joined(), Some(WorkerId(1)));
    bench.lose();
    assert_eq!(bench.worker.joined(), None);
    bench.said.clear();
    bench.worker.handle_connected(bench.session);
    bench.effects();
    let former = Some((Incarnation(1), WorkerId(1)));
    assert_eq!(bench.said, [ToCoordinator::Hello { former, offers: vec![] }]);
}

#[test]
fn whether_joining_again_is_of_use_depends_on_the_loss() {
    let lost = |bench: &mut Bench, loss| {
        bench.worker.handle_lost(at(10), bench.session, loss, 0);
        bench.effects();
        bench.ended
    };
    for (loss, ended) in [(Loss::Unreachable, None), (Loss::Broken, None)] {
        assert_eq!(lost(&mut Bench::new(1), loss), ended);
    }
    for loss in [Loss::Denied, Loss::Refused] {
        assert_eq!(lost(&mut Bench::new(1), loss), Some(Outcome::Lost));
    }
    let mut bench = Bench::joined(1, &job(1000, 10));
    bench.lose();
    assert_eq!(lost(&mut bench, Loss::Denied), None);
    let mut once = Bench::with(Config { after_loss: AfterLoss::End, ..Config::default() });
    assert_eq!(lost(&mut once, Loss::Unreachable), None);
    let mut once = Bench::with(Config { after_loss: AfterLoss::End, ..Config::default() });
    assert_eq!(lost(&mut once, Loss::Broken), Some(Outcome::Lost));
    let mut impatient = Bench::with(Config { patience: Duration::from_millis(40), ..Config::default() });
    assert_eq!(lost(&mut impatient, Loss::Unreachable), Some(Outcome::Lost));
    assert!(matches!(impatient.worker.take(at(10), Slot(0)), NextTask::Leave));
}

#[test]
fn a_worker_that_leaves_keeps_only_what_is_in_flight() {
    let mut bench = Bench::joined(1, &job(1000, 10));
    bench.lease(1, run(0, 50));
    bench.lease(2, run(50, 100));
    bench.take(0);
    bench.said.clear();
    bench.worker.handle_stop(at(100));
    bench.effects();
    assert_eq!(bench.said[0], ToCoordinator::Leaving);
    assert_eq!(bench.returned(), [(lease_id(1), Some(run(13, 50))), (lease_id(2), Some(run(50, 100)))]);
    bench.lease(3, run(0, 9));
    assert_eq!(bench.returned(), [(lease_id(3), Some(run(0, 9)))], "it begins nothing more");
    bench.deliver(0);
    assert_eq!(bench.computed(), [lease_id(1)]);
    let due = bench.worker.poll_timeout().unwrap();
    bench.worker.handle_timeout(due);
    bench.worker.handle_timeout(at(200));
    bench.effects();
    assert_eq!(bench.ended, Some(Outcome::Stopped));
}

#[test]
fn a_worker_that_is_shut_down_has_its_grace_and_no_longer() {
    let mut bench = Bench::joined(1, &job(1000, 10));
    bench.lease(1, run(0, 50));
    bench.take(0);
    let block = bench.compute(0).unwrap();
    bench.take(0);
    bench.told(FromCoordinator::ShutDown);
    bench.worker.handle_timeout(at(29_999));
    bench.worker.handle_stop(at(29_999));
    bench.effects();
    assert_eq!(bench.ended, None);
    bench.worker.handle_timeout(at(30_000));
    bench.effects();
    assert_eq!((bench.ended, bench.worker.poll_timeout()), (Some(Outcome::ShutDown), None));
    assert_eq!((&bench.stopped[..], &bench.dropped[..]), (&[Slot(0)][..], &[block][..]));
    bench.finish(0);
}

#[test]
fn a_worker_that_leaves_and_loses_its_session_has_left() {
    let mut bench = Bench::joined(1, &job(1000, 10));
    bench.lease(1, run(0, 50));
    bench.take(0);
    bench.told(FromCoordinator::ShutDown);
    bench.lose();
    assert_eq!(bench.ended, Some(Outcome::ShutDown));
}

/// Lease 1-1 of the session before was not granted; this session has a lease with the same id, and has sent a block of
/// it.
#[test]
fn what_comes_late_from_a_former_session_does_not_touch_the_one_that_holds() {
    let job = job(1000, 10);
    let mut bench = Bench::joined(1, &job);
    bench.lease(1, run(0, 3));
    bench.lose();
    bench.join(Vec::new());
    bench.describe(&job);
    bench.lease(1, run(0, 3));
    bench.take(0);
    bench.compute(0);
    assert_eq!(bench.upload().len(), 1);
    bench.said.clear();
    let late = [
        FromCoordinator::StopLease { lease: lease_id(1) },
        FromCoordinator::ReturnChunks { lease: lease_id(1), chunks: run(0, 3) },
        FromCoordinator::JobEnded { id: JobId(1) },
        FromCoordinator::ShutDown,
    ];
    for message in late {
        bench.worker.handle_message(at(20), S1, message);
        bench.effects();
    }
    assert_eq!(bench.worker.handle_receipt(at(20), S1), Ok(()));
    bench.worker.handle_lost(at(20), S1, Loss::Refused, 0);
    bench.effects();
    assert_eq!((&bench.said[..], bench.worker.waiting_blocks(), bench.ended), (&[][..], 1, None));
    bench.lease(2, run(3, 6));
    assert_eq!(bench.said, [], "the job is known still");
    bench.receipt().unwrap();
    assert_eq!(bench.worker.waiting_blocks(), 0);
}

#[test]
fn jobs_are_described_again_in_each_session() {
    let mut bench = Bench::joined(1, &job(1000, 10));
    bench.lose();
    bench.join(Vec::new());
    bench.said.clear();
    bench.lease(1, run(0, 3));
    assert!(matches!(bench.said[..], [ToCoordinator::ChunkFailed { chunk: 0, .. }, _]), "{:?}", bench.said);
    assert!(bench.holds_nothing());
}
