use swath_kernel::Parameters;
use swath_model::{Incarnation, Range, Run};

use super::*;

pub(crate) fn lease(sequence: u64, last: i64, chunk_size: u64, run: ChunkRun) -> Lease {
    Lease {
        id: LeaseId { incarnation: Incarnation(1), sequence },
        job_id: 1,
        fingerprint: fingerprint(),
        kernel: swath_kernel::find("square", &Parameters::new()).unwrap(),
        value_type: ValueType::Int64,
        chunks: Chunks::new(Range::new(1, last).unwrap(), chunk_size).unwrap(),
        run,
        cancelled: AtomicBool::new(false),
    }
}

pub(crate) fn fingerprint() -> Fingerprint {
    Fingerprint([7; Fingerprint::BYTES])
}

/// Of chunks or of offsets, as it is needed.
fn run<R: Run>(start: u64, end: u64) -> R {
    R::new(start, end).unwrap()
}

fn take_all(queue: &Queue) -> Vec<OffsetRun> {
    let mut taken = Vec::new();
    while !queue.is_empty() {
        let task = queue.take().unwrap();
        taken.push(task.offsets);
        done(queue, task);
    }
    taken
}

/// The task is computed and its block acknowledged.
fn done(queue: &Queue, task: Task) -> Option<Computed> {
    let (lease, offsets) = (Arc::clone(&task.lease), task.offsets);
    let computed = queue.finish(task);
    queue.settle(&lease, offsets);
    computed
}

#[test]
fn blocks_are_whole_chunks_and_cover_the_lease() {
    let queue = Queue::new(2);
    queue.push(lease(1, 1000, 7, run(10, 100)));
    let taken = take_all(&queue);
    let chunks = lease(1, 1000, 7, run(10, 100)).chunks;
    assert!(taken.len() >= 8, "{taken:?}");
    assert_eq!(taken[0].start(), chunks.offsets(run(10, 11)).start());
    assert_eq!(taken[taken.len() - 1].end(), chunks.offsets(run(99, 100)).end());
    for (before, after) in taken.iter().zip(&taken[1..]) {
        assert_eq!(before.end(), after.start());
        let chunk = chunks.chunk_at(after.start());
        assert_eq!(chunks.offsets(run(chunk, chunk + 1)).start(), after.start());
    }
}

#[test]
fn a_large_chunk_is_cut_into_the_same_pieces_by_any_number_of_threads() {
    let pieces = |threads| {
        let queue = Queue::new(threads);
        queue.push(lease(1, 10_000_000, 5_000_000, run(1, 2)));
        take_all(&queue)
    };
    assert_eq!(pieces(1), pieces(64));
    assert_eq!(pieces(1)[0], run(5_000_000, 5_000_000 + MAX_ROWS as u64));
    assert_eq!(pieces(1).len(), 5);
}

#[test]
fn no_block_has_more_rows_than_a_block_may_have() {
    for chunk_size in [1, 3, 1000, 700_000, MAX_ROWS as u64 - 1, MAX_ROWS as u64, MAX_ROWS as u64 + 1] {
        let queue = Queue::new(1);
        let all = lease(1, 20_000_000, chunk_size, run(0, 1)).chunks.count();
        queue.push(lease(1, 20_000_000, chunk_size, run(0, all)));
        let taken = take_all(&queue);
        assert!(taken.iter().all(|block| block.len() <= MAX_ROWS as u64));
        assert_eq!(taken.iter().map(|taken| taken.len()).sum::<u64>(), 20_000_000);
    }
}

#[test]
fn only_what_was_not_begun_is_given_back() {
    let queue = Queue::new(1);
    queue.push(lease(1, 1000, 10, run(0, 100)));
    let first = queue.take().unwrap();
    assert_eq!(first.offsets, run(0, 250));
    assert_eq!(queue.give_back(first.lease.id, run(10, 100)).chunks, Some(run(25, 100)));
    assert_eq!(queue.give_back(first.lease.id, run(10, 100)).chunks, None);
    assert!(done(&queue, first).is_some());
    assert!(queue.is_empty());
}

#[test]
fn what_is_in_hand_goes_on_when_all_of_a_lease_is_asked_back_and_stops_when_it_ended() {
    let queue = Queue::new(1);
    queue.push(lease(1, 1000, 10, run(0, 100)));
    let first = queue.take().unwrap();
    assert_eq!(queue.give_back(first.lease.id, run(0, 100)).chunks, Some(run(25, 100)));
    assert!(!first.lease.is_cancelled());
    queue.stop(first.lease.id);
    assert!(first.lease.is_cancelled());
    assert_eq!(queue.finish(first), None);
    assert!(queue.is_empty());
}

#[test]
fn a_worker_that_leaves_keeps_only_what_is_in_hand() {
    let queue = Queue::new(1);
    queue.push(lease(1, 1000, 10, run(0, 50)));
    queue.push(lease(2, 1000, 10, run(50, 100)));
    let first = queue.take().unwrap();
    let back = queue.give_all_back();
    assert_eq!(back[0].1.chunks, Some(run(13, 50)));
    assert_eq!(back[1].1, GivenBack { chunks: Some(run(50, 100)), computed: None });
    assert!(done(&queue, first).is_some());
    assert!(queue.is_empty());
}

/// Chunks 0 to 30 of ten numbers; the first block was acknowledged, the second is computed, the third in hand.
fn half_way() -> (Queue, Task) {
    let queue = Queue::new(1);
    queue.push(lease(1, 1000, 10, run(0, 30)));
    let [first, second, third] = [(); 3].map(|()| queue.take().unwrap());
    assert_eq!([&first, &second, &third].map(|task| task.offsets), [run(0, 80), run(80, 160), run(160, 240)]);
    done(&queue, first);
    queue.finish(second);
    (queue, third)
}

fn resumed(chunks: impl IntoIterator<Item = ChunkRun>) -> ResumedLease {
    let id = |incarnation, sequence| LeaseId { incarnation, sequence };
    ResumedLease {
        lease: id(Incarnation(1), 1),
        next: id(Incarnation(2), 7),
        chunks: chunks.into_iter().collect(),
        again: OffsetSet::new(),
    }
}

#[test]
fn what_is_in_hand_goes_on_under_another_lease() {
    let (queue, third) = half_way();
    let offered = queue.offer();
    assert_eq!(offered[0].offsets, [run(80, 300)]);
    assert_eq!(queue.resume(vec![resumed([run(8, 30)])]), []);
    assert_eq!(queue.claim(&third.lease, third.offsets), Some(resumed([]).next));
    queue.settle(&third.lease, run(80, 160));
    assert_eq!(done(&queue, third), None);
    let fourth = queue.take().unwrap();
    assert_eq!(fourth.offsets, run(240, 300));
    assert_eq!(done(&queue, fourth).map(|computed| computed.lease), Some(resumed([]).next));
    assert!(queue.is_empty());
}

#[test]
fn what_is_not_wanted_any_more_is_dropped() {
    let (queue, third) = half_way();
    queue.offer();
    // Others have meanwhile computed the rest of the block in hand, and some of what waited.
    assert_eq!(queue.resume(vec![resumed([run(8, 20), run(27, 30)])]), []);
    assert_eq!(queue.give_back(resumed([]).next, run(0, 30)).chunks, Some(run(27, 30)));
    queue.settle(&third.lease, run(80, 160));
    assert!(!third.lease.is_cancelled());
    // Its block has chunks that are not wanted: the others of it are computed again.
    assert_eq!(queue.claim(&third.lease, third.offsets), None);
    let lease = Arc::clone(&third.lease);
    assert_eq!(queue.finish(third), None);
    let again = queue.take().unwrap();
    assert_eq!((again.offsets, queue.claim(&lease, again.offsets)), (run(160, 200), Some(resumed([]).next)));
    assert!(done(&queue, again).is_some());
    assert!(queue.is_empty());
    let (queue, third) = half_way();
    queue.offer();
    assert_eq!(queue.resume(Vec::new()), []);
    assert!(third.lease.is_cancelled() && queue.is_empty());
    assert_eq!(queue.claim(&third.lease, third.offsets), None);
    assert_eq!(queue.finish(third), None);
}

#[test]
fn what_the_coordinator_has_lost_is_computed_again() {
    let queue = Queue::new(2);
    queue.push(lease(1, 10_000_000, 5_000_000, run(1, 2)));
    let piece = MAX_ROWS as u64;
    let begin = 5_000_000;
    let [first, second, third, fourth, fifth] = [(); 5].map(|()| queue.take().unwrap());
    // The first two were acknowledged, and the coordinator has lost the second.
    done(&queue, first);
    done(&queue, second);
    let (lease, third_offsets) = (Arc::clone(&third.lease), third.offsets);
    queue.finish(third);
    assert_eq!(queue.offer()[0].offsets, [run(begin + 2 * piece, 10_000_000)]);
    let lost: OffsetRun = run(begin + piece, begin + 2 * piece);
    assert_eq!(queue.resume(vec![ResumedLease { again: lost.into(), ..resumed([run(1, 2)]) }]), []);
    let again = queue.take().unwrap();
    assert_eq!(again.offsets, lost);
    queue.settle(&lease, third_offsets);
    done(&queue, fourth);
    done(&queue, fifth);
    assert_eq!(done(&queue, again).map(|computed| computed.lease), Some(resumed([]).next));
    assert!(queue.is_empty());
}

#[test]
fn what_failed_or_was_computed_between_the_sessions_is_said_again() {
    let (queue, third) = half_way();
    queue.offer();
    assert_eq!(queue.fail(&third.lease, 17), Some(third.lease.id));
    queue.finish(third);
    let fourth = queue.take().unwrap();
    assert!(queue.finish(fourth).is_some());
    let next = resumed([]).next;
    let news = queue.resume(vec![resumed([run(8, 30)])]);
    assert_eq!(news[0], News::Returned(next, run(17, 18)));
    assert!(matches!(&news[1..], [News::Computed(Computed { lease, .. })] if *lease == next), "{news:?}");
}

/// Lease 1-1 was taken by two threads when its session ended, and was not granted; then another lease came, of another
/// job, and with the same id.
#[test]
fn tasks_and_blocks_of_a_lease_that_is_gone_do_not_touch_one_with_the_same_id() {
    let queue = Queue::new(1);
    queue.push(lease(1, 1000, 10, run(0, 30)));
    let (first, second) = (queue.take().unwrap(), queue.take().unwrap());
    queue.offer();
    assert_eq!(queue.resume(Vec::new()), []);
    queue.push(lease(1, 1000, 10, run(0, 30)));
    assert_eq!(queue.claim(&first.lease, first.offsets), None);
    assert_eq!(queue.fail(&first.lease, 0), None);
    queue.settle(&second.lease, second.offsets);
    // The other one has one task, and these are two.
    let mine = queue.take().unwrap();
    assert_eq!((queue.finish(first), queue.finish(second)), (None, None));
    assert_eq!(queue.offer()[0].offsets, [run(0, 300)]);
    assert_eq!(queue.claim(&mine.lease, mine.offsets), Some(mine.lease.id));
    assert_eq!(done(&queue, mine), None);
    assert_eq!(take_all(&queue).len(), 3);
}

#[test]
fn one_grant_is_not_for_two_leases() {
    let queue = Queue::new(1);
    queue.push(lease(1, 1000, 10, run(0, 30)));
    queue.push(lease(1, 1000, 10, run(0, 30)));
    queue.offer();
    queue.resume(vec![resumed([run(0, 30)])]);
    assert_eq!(queue.offer().len(), 1);
}
