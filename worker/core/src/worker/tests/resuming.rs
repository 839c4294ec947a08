//! Work that goes on in another session.

use super::*;

/// Chunks 0 to 30 of ten numbers; the first block was acknowledged, the second is computed, the third is being computed
/// by slot 2; then the session broke.
fn half_way() -> Bench {
    let mut bench = Bench::joined(1, &job(1000, 10));
    bench.worker.slots.resize_with(3, SlotState::default);
    bench.lease(1, run(0, 30));
    assert_eq!([0, 1, 2].map(|slot| bench.take(slot)), [run(0, 80), run(80, 160), run(160, 240)].map(Some));
    bench.deliver(0);
    bench.compute(1);
    bench.said.clear();
    bench.lose();
    bench
}

#[test]
fn what_is_in_flight_goes_on_under_another_lease() {
    let mut bench = half_way();
    assert_eq!(bench.offers()[0].offsets, run::<OffsetRun>(80, 300).into());
    bench.welcome(vec![resumed(1, [run(8, 30)])]);
    let next = lease_id(101);
    assert_eq!(bench.upload(), [(next, run(80, 160))]);
    bench.receipt().unwrap();
    bench.deliver(2);
    assert_eq!(bench.computed(), []);
    assert_eq!(bench.take(0), Some(run(240, 300)));
    bench.deliver(0);
    assert_eq!(bench.computed(), [next]);
    assert!(bench.holds_nothing());
    assert!(bench.receipt().is_err(), "a receipt for nothing");
}

#[test]
fn what_is_not_wanted_any_more_is_dropped() {
    let mut bench = half_way();
    bench.offers();
    // Others have meanwhile computed the rest of the block that is being computed, and some of what waited.
    bench.welcome(vec![resumed(1, [run(8, 20), run(27, 30)])]);
    assert_eq!(bench.stopped, []);
    bench.told(FromCoordinator::ReturnChunks { lease: lease_id(101), chunks: run(0, 30) });
    assert_eq!(bench.returned(), [(lease_id(101), Some(run(27, 30)))]);
    let third = bench.compute(2).unwrap();
    // It has chunks that are not wanted: the others of it are computed again.
    assert_eq!(bench.upload(), [(lease_id(101), run(80, 160))]);
    assert_eq!(bench.dropped.last(), Some(&third));
    bench.receipt().unwrap();
    assert_eq!(bench.take(0), Some(run(160, 200)));
    bench.deliver(0);
    assert_eq!(bench.computed(), [lease_id(101), lease_id(101)]);
    assert!(bench.holds_nothing());
}

#[test]
fn what_is_not_granted_stops_and_makes_room() {
    let mut bench = half_way();
    bench.offers();
    bench.dropped.clear();
    bench.welcome(Vec::new());
    assert_eq!(bench.stopped, [Slot(2)]);
    assert_eq!(bench.dropped.len(), 1);
    assert_eq!((bench.upload(), bench.compute(2)), (vec![], None));
    assert!(bench.holds_nothing());
}

#[test]
fn what_the_coordinator_has_lost_is_computed_again() {
    let mut bench = Bench::joined(5, &job(10_000_000, 5_000_000));
    bench.lease(1, run(1, 2));
    let (piece, begin) = (MAX_ROWS, 5_000_000);
    for slot in 0..5 {
        bench.take(slot);
    }
    // The first two were acknowledged, and the coordinator has lost the second.
    bench.deliver(0);
    bench.deliver(1);
    bench.compute(2);
    bench.lose();
    assert_eq!(bench.offers()[0].offsets, run::<OffsetRun>(begin + 2 * piece, 10_000_000).into());
    let lost: OffsetRun = run(begin + piece, begin + 2 * piece);
    // It may name what is in flight, too.
    let named: OffsetRun = run(begin + piece, 10_000_000);
    bench.welcome(vec![ResumedLease { again: named.into(), ..resumed(1, [run(1, 2)]) }]);
    assert_eq!(bench.take(0), Some(lost));
    for slot in [3, 4, 0] {
        bench.deliver(slot);
    }
    assert_eq!(bench.computed(), [lease_id(101)]);
    assert!(bench.holds_nothing());
}

#[test]
fn what_failed_or_was_computed_between_the_sessions_is_said_again() {
    let mut bench = half_way();
    bench.offers();
    bench.worker.handle_failed(Slot(2), 17, 175, "it is odd".to_owned());
    bench.worker.handle_block(Slot(2), run(160, 170));
    bench.worker.handle_block(Slot(2), run(180, 240));
    bench.finish(2);
    bench.take(0);
    bench.compute(0);
    assert_eq!(bench.said, [], "nobody listens");
    bench.welcome(vec![resumed(1, [run(8, 30)])]);
    assert_eq!(bench.computed(), [lease_id(101)]);
    assert_eq!(bench.returned(), [(lease_id(101), Some(run(17, 18)))]);
}

/// Lease 1-1 was taken by two slots when its session broke, and was not granted; then another lease came with the same
/// id.
#[test]
fn tasks_and_blocks_of_a_lease_that_is_gone_do_not_touch_one_with_the_same_id() {
    let mut bench = Bench::joined(1, &job(1000, 10));
    bench.worker.slots.resize_with(3, SlotState::default);
    bench.lease(1, run(0, 30));
    bench.take(0);
    bench.take(1);
    bench.compute(0);
    bench.take(0);
    bench.lose();
    bench.offers();
    bench.welcome(Vec::new());
    bench.describe(&job(1000, 10));
    bench.lease(1, run(0, 30));
    bench.said.clear();
    bench.worker.handle_failed(Slot(1), 9, 95, "it is odd".to_owned());
    bench.finish(1);
    assert_eq!(bench.compute(0), None);
    assert_eq!((bench.upload(), &bench.said[..]), (vec![], &[][..]));
    bench.take(2);
    bench.lose();
    assert_eq!(bench.offers()[0].offsets, run::<OffsetRun>(0, 300).into(), "nothing of the new lease is done");
    bench.welcome(vec![resumed(1, [run(0, 30)])]);
    bench.deliver(2);
    assert_eq!(bench.take_all().len(), 3);
}

#[test]
fn one_grant_is_not_for_two_leases() {
    let mut bench = Bench::joined(1, &job(1000, 10));
    bench.lease(1, run(0, 30));
    bench.lease(1, run(0, 30));
    bench.lose();
    assert_eq!(bench.offers().len(), 2);
    bench.welcome(vec![resumed(1, [run(0, 30)])]);
    bench.lose();
    assert_eq!(bench.offers().len(), 1);
}

#[test]
fn offers_keep_within_their_bounds() {
    let config = Config { max_offers: 2, max_offer_runs: 3, slots: 9, ..Config::default() };
    let mut bench = Bench::with(config);
    bench.join(Vec::new());
    bench.describe(&job(1000, 10));
    for lease in 0..3 {
        bench.lease(lease + 1, run(lease * 10, lease * 10 + 10));
    }
    let mut uploads = 0;
    for slot in 0..9 {
        bench.take(slot);
        // Every second block is acknowledged, so that gaps come about.
        if slot % 2 == 0 {
            bench.compute(slot);
            uploads += bench.upload().len();
            bench.receipt().unwrap();
        }
    }
    bench.lose();
    let offers = bench.offers();
    assert_eq!((uploads, offers.len(), offers[0].offsets.intervals()), (5, 2, 3));
    bench.welcome(offers.iter().map(|offer| resumed(offer.lease.sequence, [run(0, 100)])).collect());
    bench.lose();
    assert_eq!(bench.offers().len(), 2, "what was not offered is not held");
}

/// What is not offered is known to be gone: the coordinator may want it again.
#[test]
fn a_chunk_that_failed_before_the_offer_is_computed_again_when_it_is_wanted_again() {
    let mut bench = half_way();
    bench.worker.handle_failed(Slot(2), 17, 175, "it is odd".to_owned());
    let offered: OffsetSet = [run(80, 170), run(180, 300)].into_iter().collect();
    assert_eq!(bench.offers()[0].offsets, offered);
    let again = [run(170, 180)].into_iter().collect();
    bench.welcome(vec![ResumedLease { again, ..resumed(1, [run(8, 30)]) }]);
    assert_eq!(bench.returned(), []);
    assert_eq!(bench.take(0), Some(run(170, 180)));
}

/// Nothing of the lease is left when the coordinator grants it, and nobody else would ever say so.
#[test]
fn a_lease_that_failed_whole_since_it_was_offered_is_given_back() {
    let mut bench = Bench::joined(1, &job(1000, 10));
    bench.lease(1, run(0, 1));
    bench.take(0);
    bench.lose();
    assert_eq!(bench.offers().len(), 1);
    bench.worker.handle_failed(Slot(0), 0, 7, "it is odd".to_owned());
    bench.worker.finish(at(5), Slot(0), "");
    bench.welcome(vec![resumed(1, [run(0, 1)])]);
    assert_eq!(bench.returned().len(), 1);
}
