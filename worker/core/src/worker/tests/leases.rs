//! Cutting, giving back, stopping, failing.

use super::*;

#[test]
fn blocks_are_whole_chunks_and_cover_the_lease() {
    let job = job(1000, 7);
    let mut bench = Bench::joined(2, &job);
    bench.lease(1, run(10, 100));
    let (taken, chunks) = (bench.take_all(), job.chunks);
    assert!(taken.len() >= 8, "{taken:?}");
    assert_eq!(taken[0].start(), chunks.offsets(run(10, 11)).start());
    assert_eq!(taken[taken.len() - 1].end(), chunks.offsets(run(99, 100)).end());
    for (before, after) in taken.iter().zip(&taken[1..]) {
        assert_eq!(before.end(), after.start());
        let chunk = chunks.chunk_at(after.start());
        assert_eq!(chunks.offsets(run(chunk, chunk + 1)).start(), after.start());
    }
    assert_eq!(bench.computed(), [lease_id(1)]);
    assert!(bench.holds_nothing());
}

#[test]
fn a_large_chunk_is_cut_into_the_same_pieces_by_any_number_of_slots() {
    let pieces = |slots| {
        let mut bench = Bench::joined(slots, &job(10_000_000, 5_000_000));
        bench.lease(1, run(1, 2));
        bench.take_all()
    };
    assert_eq!(pieces(1), pieces(64));
    assert_eq!(pieces(1)[0], run(5_000_000, 5_000_000 + MAX_ROWS));
    assert_eq!(pieces(1).len(), 5);
}

#[test]
fn no_block_has_more_rows_than_a_block_may_have() {
    for chunk_size in [1, 3, 1000, 700_000, MAX_ROWS - 1, MAX_ROWS, MAX_ROWS + 1] {
        let job = job(20_000_000, chunk_size);
        let mut bench = Bench::joined(1, &job);
        bench.lease(1, job.chunks.all());
        let taken = bench.take_all();
        assert!(taken.iter().all(|block| block.len() <= MAX_ROWS));
        assert_eq!(taken.iter().map(|taken| taken.len()).sum::<u64>(), 20_000_000);
    }
}

#[test]
fn only_what_was_not_begun_is_given_back() {
    let mut bench = Bench::joined(1, &job(1000, 10));
    bench.lease(1, run(0, 100));
    assert_eq!(bench.take(0), Some(run(0, 250)));
    let ask = FromCoordinator::ReturnChunks { lease: lease_id(1), chunks: run(10, 100) };
    bench.told(ask.clone());
    bench.told(ask);
    assert_eq!(bench.returned(), [(lease_id(1), Some(run(25, 100))), (lease_id(1), None)]);
    bench.deliver(0);
    assert_eq!(bench.computed(), [lease_id(1)]);
    assert!(bench.holds_nothing());
}

/// Chunks 0 and 1, of two pieces each, with one slot at each piece. The coordinator has lost the first piece of chunk
/// 1, and of chunk 0 if that is `also_lost`; the other pieces wait as blocks.
fn pieces_lost(also_lost: Option<OffsetRun>) -> Bench {
    let mut bench = Bench::joined(4, &job(4 * MAX_ROWS as i64, 2 * MAX_ROWS));
    bench.lease(1, run(0, 2));
    for slot in 0..4 {
        assert_eq!(bench.take(slot), Some(run(u64::from(slot) * MAX_ROWS, (u64::from(slot) + 1) * MAX_ROWS)));
    }
    let lost: Vec<u32> = if also_lost.is_some() { vec![0, 1, 2] } else { vec![2] };
    for slot in lost {
        bench.deliver(slot);
    }
    bench.lose();
    bench.offers();
    let again = also_lost.into_iter().chain([run(2 * MAX_ROWS, 3 * MAX_ROWS)]).collect();
    bench.welcome(vec![ResumedLease { again, ..resumed(1, [run(0, 2)]) }]);
    bench.said.clear();
    bench
}

#[test]
fn a_chunk_of_which_a_slot_has_a_later_piece_is_not_given_back() {
    let mut bench = pieces_lost(None);
    bench.told(FromCoordinator::ReturnChunks { lease: lease_id(101), chunks: run(0, 2) });
    assert_eq!(bench.returned(), [(lease_id(101), None)]);
    assert_eq!(bench.take(2), Some(run(2 * MAX_ROWS, 3 * MAX_ROWS)));
}

#[test]
fn an_untouched_chunk_before_one_that_was_begun_is_given_back() {
    let mut bench = pieces_lost(Some(run(0, 2 * MAX_ROWS)));
    bench.worker.handle_stop(at(20));
    bench.effects();
    assert_eq!(bench.returned(), [(lease_id(101), Some(run(0, 1)))]);
    assert_eq!(bench.take(0), Some(run(2 * MAX_ROWS, 3 * MAX_ROWS)));
}

#[test]
fn what_is_in_flight_goes_on_when_all_of_a_lease_is_asked_back_and_stops_when_it_ended() {
    let mut bench = Bench::joined(1, &job(1000, 10));
    bench.lease(1, run(0, 100));
    bench.take(0);
    bench.told(FromCoordinator::ReturnChunks { lease: lease_id(1), chunks: run(0, 100) });
    assert_eq!(bench.returned(), [(lease_id(1), Some(run(25, 100)))]);
    assert_eq!(bench.stopped, []);
    bench.told(FromCoordinator::StopLease { lease: lease_id(1) });
    assert_eq!(bench.stopped, [Slot(0)]);
    bench.finish(0);
    assert_eq!(bench.said, [], "nobody wants to know of it");
    assert!(bench.holds_nothing());
}

#[test]
fn a_chunk_that_failed_is_said_once_and_not_delivered() {
    let mut bench = Bench::joined(1, &job(1000, 10));
    bench.lease(1, run(0, 4));
    assert_eq!(bench.take(0), Some(run(0, 10)));
    bench.said.clear();
    bench.worker.handle_failed(Slot(0), 0, 3, "it is odd".to_owned());
    assert_eq!(bench.worker.handle_block(Slot(0), run(0, 10)), None, "it was delivered as failed");
    bench.finish(0);
    let failed = ToCoordinator::ChunkFailed { lease: lease_id(1), chunk: 0, number: 3, reason: "it is odd".to_owned() };
    assert_eq!(bench.said, [failed]);
    assert_eq!(bench.take_all().len(), 3);
    assert!(bench.holds_nothing());
}

#[test]
fn what_a_slot_does_not_deliver_has_failed() {
    let mut bench = Bench::joined(1, &job(1000, 10));
    bench.lease(1, run(0, 12));
    assert_eq!(bench.take(0), Some(run(0, 30)));
    bench.said.clear();
    bench.worker.handle_block(Slot(0), run(0, 10));
    bench.finish(0);
    let reason = "it was given up".to_owned();
    let failed = ToCoordinator::ChunkFailed { lease: lease_id(1), chunk: 1, number: 11, reason };
    let returned = ToCoordinator::ChunksReturned { lease: lease_id(1), chunks: Some(run(2, 3)) };
    assert_eq!(bench.said, [failed, returned]);
    assert_eq!(bench.upload(), [(lease_id(1), run(0, 10))]);
}

#[test]
fn a_lease_of_a_job_that_is_unknown_or_another_is_refused() {
    let mut bench = Bench::joined(1, &job(1000, 10));
    let good = Lease { id: lease_id(1), job: JobId(1), fingerprint: Some(Fingerprint([7; 16])), chunks: run(5, 9) };
    let bad = [
        Lease { job: JobId(2), ..good },
        Lease { fingerprint: Some(Fingerprint([8; 16])), ..good },
        Lease { fingerprint: None, ..good },
        Lease { chunks: run(99, 101), ..good },
    ];
    for lease in bad {
        bench.said.clear();
        bench.told(FromCoordinator::Lease(lease));
        assert!(
            matches!(&bench.said[..], [ToCoordinator::ChunkFailed { chunk, .. }, _] if *chunk == lease.chunks.start())
        );
        assert_eq!(bench.returned(), [(lease_id(1), Some(lease.chunks))]);
        assert!(bench.holds_nothing());
    }
    bench.told(FromCoordinator::JobEnded { id: JobId(1) });
    bench.told(FromCoordinator::Lease(good));
    assert!(bench.holds_nothing());
    let reason = "there is no kernel `cube`".to_owned();
    bench.told(FromCoordinator::Job { id: JobId(1), job: Err(reason.clone()) });
    bench.said.clear();
    bench.told(FromCoordinator::Lease(good));
    assert!(matches!(&bench.said[0], ToCoordinator::ChunkFailed { reason: said, .. } if *said == reason));
}

#[test]
fn what_a_job_that_has_ended_left_behind_is_stopped() {
    let mut bench = Bench::joined(2, &job_in_pieces(1000, 500, 250));
    bench.lease(1, run(0, 1));
    assert!(bench.take(0).is_some() && bench.take(1).is_some());
    // The chunk fails in one slot, and the coordinator has no lease to stop any more.
    bench.worker.handle_failed(Slot(0), 0, 3, "it is odd".to_owned());
    bench.finish(0);
    assert!(bench.stopped.is_empty());
    bench.told(FromCoordinator::JobEnded { id: JobId(1) });
    assert_eq!(bench.stopped, [Slot(1)]);
    assert!(bench.holds_nothing());
}

#[test]
fn blocks_of_a_lease_that_was_stopped_do_not_count_for_a_later_one_of_the_same_chunks() {
    let mut bench = Bench::joined(1, &job(1000, 10));
    bench.lease(1, run(0, 4));
    bench.take(0);
    let sent = bench.compute(0).unwrap();
    assert_eq!(bench.upload(), [(lease_id(1), run(0, 10))]);
    bench.take(0);
    let unsent = bench.compute(0).unwrap();
    bench.told(FromCoordinator::StopLease { lease: lease_id(1) });
    bench.lease(2, run(0, 4));
    assert_eq!((bench.upload(), &bench.dropped[..]), (vec![], &[unsent][..]));
    bench.receipt().unwrap();
    assert_eq!(bench.dropped, [unsent, sent]);
    assert_eq!(bench.take_all().len(), 4, "lease 2 is computed as a whole");
    assert!(bench.holds_nothing());
}

#[test]
fn each_receipt_is_for_the_first_block_without_one() {
    let mut bench = Bench::joined(1, &job(1000, 10));
    bench.lease(1, run(0, 3));
    let blocks = [0, 10, 20].map(|begin| {
        assert_eq!(bench.take(0), Some(run(begin, begin + 10)));
        bench.compute(0).unwrap()
    });
    assert_eq!(bench.upload().len(), 3);
    bench.receipt().unwrap();
    assert_eq!(bench.dropped, blocks[..1]);
    bench.lose();
    assert_eq!(bench.offers()[0].offsets, run::<OffsetRun>(10, 30).into());
}
