//! Jobs that keep going without some chunks, and chunks whose results are lost.

use std::collections::BTreeMap;

use super::*;
use crate::{FailedChunk, NewFailedChunk};

fn keep_going() -> Limits {
    Limits { max_retries: 0, keep_going: true, ..Limits::default() }
}

fn failed() -> FailedChunk {
    FailedChunk::new(42, "no root".into())
}

/// A chunk of one number that failed: the worker blames 42, which the chunk does not have.
fn failed_at(chunk: u64) -> FailedChunk {
    FailedChunk::new(chunk as i64 + 1, "no root".into())
}

#[test]
fn a_chunk_that_fails_too_often_is_left_out() {
    let mut bench = Bench::new();
    bench.submit_with(JOB, 4, 1, keep_going());
    let given = bench.join(A, 1);
    let (first, second) = (given[0], given[1]);
    assert_eq!((first.chunks, second.chunks), (run(0, 2), run(2, 3)));
    bench.fail(first, 0);
    assert_eq!(bench.new_failed_chunks(), [NewFailedChunk { job: JOB, chunk: 0, failed: failed_at(0) }]);
    bench.fail(first, 0);
    assert_eq!(bench.new_failed_chunks(), [], "once");
    let view = bench.scheduler.job(JOB).unwrap();
    assert_eq!((view.failed_chunks, view.frontier, view.state), (1, 1, JobState::Active));
    bench.tell(Event::ChunksCommitted { job: JOB, chunks: run(1, 3) });
    let third =
        Given { lease: crate::LeaseId { incarnation: crate::Incarnation(0), sequence: 3 }, chunks: run(3, 4), ..first };
    let actions = bench.fail(third, 3);
    assert_eq!(ended(&actions), [(JOB, Outcome::Done)]);
    assert_eq!(bench.new_failed_chunks(), [NewFailedChunk { job: JOB, chunk: 3, failed: failed_at(3) }]);
    assert_eq!(bench.scheduler.failed_chunks(JOB).collect::<Vec<_>>(), [(0, &failed_at(0)), (3, &failed_at(3))]);
    let view = bench.scheduler.job(JOB).unwrap();
    assert_eq!((view.committed, view.failed_chunks, view.frontier), (2, 2, 4));
    assert_eq!(bench.scheduler.failed_chunks(OTHER).count(), 0);
}

#[test]
fn too_many_failed_chunks_end_the_job() {
    let mut bench = Bench::new();
    bench.submit_with(JOB, 1_000_000, 1, keep_going());
    let first = bench.join(A, 1)[0];
    for chunk in 0..FailedChunk::MOST as u64 {
        assert_eq!(ended(&bench.fail(first, chunk)), []);
    }
    let ended = ended(&bench.fail(first, 20_000));
    let reason = "more than 10000 chunks could not be computed; this one: no root".to_owned();
    assert_eq!(ended, [(JOB, Outcome::Failed { chunk: 20_000, number: 20_001, reason })]);
}

#[test]
fn failed_chunks_survive_a_restart_unless_they_are_committed() {
    let mut bench = Bench::new();
    let now = bench.now;
    let three: BTreeMap<u64, FailedChunk> = [1, 2, 4].map(|chunk| (chunk, failed())).into_iter().collect();
    let mut restore = |id, chunks, failed, committed| {
        let result = bench.scheduler.restore(now, id, spec(chunks, 1), ChunkSet::from(committed), failed);
        (result, bench.actions())
    };
    assert_eq!(restore(JOB, 6, three.clone(), run(0, 2)), (Ok(()), vec![]));
    let done = Action::JobEnded { job: OTHER, outcome: Outcome::Done };
    assert_eq!(restore(OTHER, 5, BTreeMap::from([(4, failed())]), run(0, 4)), (Ok(()), vec![done]));
    assert!(restore(JobId(3), 4, three, run(0, 1)).0.is_err(), "chunk 4 of 4");
    let view = bench.scheduler.job(JOB).unwrap();
    assert_eq!((view.failed_chunks, view.waiting, view.frontier), (2, 2, 3));
    assert_eq!(bench.join(A, 1).iter().map(|g| g.chunks).collect::<Vec<_>>(), [run(3, 4), run(5, 6)]);
}

#[test]
fn what_the_store_has_after_all_has_not_failed() {
    let mut bench = Bench::new();
    bench.submit_with(JOB, 3, 1, keep_going());
    let first = bench.join(A, 1)[0];
    bench.fail(first, 0);
    bench.tell(Event::ChunksReceived { job: JOB, chunks: run(0, 1) });
    assert_eq!(bench.scheduler.job(JOB).unwrap().failed_chunks, 1, "not yet");
    bench.tell(Event::ChunksCommitted { job: JOB, chunks: run(0, 3) });
    let view = bench.scheduler.job(JOB).unwrap();
    assert_eq!((view.failed_chunks, view.committed, view.state), (0, 3, JobState::Ended(Outcome::Done)));
}

#[test]
fn a_chunk_of_which_a_piece_is_lost_is_computed_again() {
    let mut bench = Bench::new();
    bench.submit(JOB, 1, 5_000_000);
    let mine = bench.join(A, 1)[0];
    bench.tell(Event::LeaseComputed { worker: A, lease: mine.lease, busy: ms(500) });
    let again = given(&bench.tell(Event::ChunksLost { job: JOB, chunks: mine.chunks }));
    assert_eq!(again[0].chunks, mine.chunks);
    assert!(!bench.scheduler.holds(mine.lease, mine.chunks), "what comes late is refused");
}

#[test]
fn the_rate_is_guessed_from_blocks_while_a_long_first_lease_is_under_way() {
    let mut bench = Bench::new();
    bench.submit(JOB, 1_000_000, 1024);
    let first = bench.join(A, 1)[0];
    assert_eq!(first.chunks.len(), 64);
    bench.now = bench.now + ms(100);
    bench.tell(Event::ChunksReceived { job: JOB, chunks: run(0, 2) });
    assert_eq!(bench.join(B, 1)[0].chunks.len(), 64, "too early to say");
    bench.now = bench.now + ms(3900);
    bench.tell(Event::ChunksReceived { job: JOB, chunks: run(2, 8) });
    // Two chunks a second.
    assert_eq!(bench.join(WorkerId(3), 1)[0].chunks.len(), 1);
    bench.tell(Event::LeaseComputed { worker: A, lease: first.lease, busy: ms(64) });
    assert_eq!(bench.join(WorkerId(4), 1)[0].chunks.len(), 500, "what is observed counts more");
}
