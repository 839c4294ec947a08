use proptest::prelude::*;
use swath_model::{ChunkRun, ChunkSet, Chunks, Cut, OffsetRun, OffsetSet, Range, ResultMode};

use super::{Accepted, Ending, Kept, ResultIndex, chunks_of_block};

fn run(start: u64, end: u64) -> OffsetRun {
    OffsetRun::new(start, end).unwrap()
}

fn chunk_run(start: u64, end: u64) -> ChunkRun {
    ChunkRun::new(start, end).unwrap()
}

/// Five chunks of ten numbers.
fn index(mode: ResultMode) -> ResultIndex {
    ResultIndex::new(Chunks::new(Range::new(1, 50).unwrap(), 10).unwrap(), mode)
}

#[test]
fn a_block_completes_its_chunks() {
    let mut index = index(ResultMode::Stored);
    assert_eq!(index.accept(run(0, 20)), Accepted::Held { chunks: Some(chunk_run(0, 2)) });
    assert_eq!(index.accept(run(25, 30)), Accepted::Held { chunks: None });
    assert_eq!(index.accept(run(20, 25)), Accepted::Held { chunks: Some(chunk_run(2, 3)) });
    assert_eq!(index.accept(run(45, 51)), Accepted::Gone, "outside of the range");
    assert!(!index.is_complete());
    index.accept(run(30, 50));
    assert!(index.is_complete());
    index.check_invariants();
}

#[test]
fn what_is_held_is_not_taken_twice() {
    let mut index = index(ResultMode::Stored);
    index.accept(run(0, 15));
    assert_eq!(index.accept(run(0, 10)), Accepted::Duplicate { chunks: Some(chunk_run(0, 1)) });
    assert_eq!(index.accept(run(10, 15)), Accepted::Duplicate { chunks: None });
    assert_eq!(index.accept(run(0, 20)), Accepted::Overlapping { chunks: vec![chunk_run(0, 1)] });
    assert_eq!(index.accept(run(15, 20)), Accepted::Held { chunks: Some(chunk_run(1, 2)) });
}

/// Writes a part of these offsets.
fn commit(index: &mut ResultIndex, runs: &[OffsetRun]) -> Option<Vec<ChunkRun>> {
    index.begin_part(runs);
    index.commit(runs)
}

#[test]
fn a_chunk_is_committed_with_its_last_piece() {
    let mut index = index(ResultMode::Stored);
    index.accept(run(0, 20));
    assert_eq!(commit(&mut index, &[run(0, 5)]), Some(vec![]));
    assert_eq!(commit(&mut index, &[run(5, 20)]), Some(vec![chunk_run(0, 2)]));
    assert_eq!(index.committed_chunks(), ChunkSet::from(chunk_run(0, 2)));
    assert_eq!(index.commit(&[run(20, 30)]), None, "no such part was begun");
}

#[test]
fn delivered_chunks_are_committed_when_they_arrive() {
    let mut index = index(ResultMode::Delivered);
    index.accept(run(0, 20));
    index.fail_chunk(3);
    assert_eq!(commit(&mut index, &[run(0, 10)]), Some(vec![]), "a spilled part commits nothing");
    assert_eq!(index.committed_chunks(), ChunkSet::from(chunk_run(0, 2)));
    assert!(index.was_delivered(run(0, 10), Kept::Nothing));
    assert!(!index.was_delivered(run(0, 10), Kept::Something));
    assert!(!index.was_delivered(run(20, 30), Kept::Nothing), "it never came");
    index.end(Ending::ShuttingDown);
    assert!(!index.was_delivered(run(0, 10), Kept::Nothing));
}

#[test]
fn lost_offsets_are_wanted_again_but_not_those_of_failed_chunks() {
    let mut index = index(ResultMode::Stored);
    index.accept(run(0, 50));
    commit(&mut index, &[run(0, 50)]);
    index.fail_chunk(1);
    index.end(Ending::Done);
    assert_eq!(index.lose(&[run(5, 15)]), vec![chunk_run(0, 2)]);
    assert_eq!(index.ending(), None, "the job is not done any more");
    index.check_invariants_except_durable();
    assert_eq!(index.committed_chunks().iter().collect::<Vec<_>>(), vec![chunk_run(2, 5)]);
    let missing = index.missing(&ChunkSet::from(chunk_run(0, 5)), &OffsetSet::from(run(5, 7)));
    assert_eq!(missing.iter().collect::<Vec<_>>(), vec![run(7, 10)]);
    assert_eq!(index.end_of_failed(12), Some(20));
    assert_eq!(index.end_of_failed(5), None);
    assert_eq!(index.accept(run(5, 10)), Accepted::Held { chunks: Some(chunk_run(0, 1)) });
}

#[test]
fn a_closing_job_takes_nothing_and_is_closed_once() {
    let mut index = index(ResultMode::Stored);
    index.accept(run(0, 10));
    index.close();
    assert_eq!(index.accept(run(10, 20)), Accepted::Gone);
    assert!(index.is_closing());
    assert!(commit(&mut index, &[run(0, 10)]).is_some(), "what is in memory is still written");
    assert!(index.close_is_done());
    assert!(!index.close_is_done());
    assert!(index.end(Ending::Broken("cancelled".into())));
    index.end(Ending::ShuttingDown);
    assert_eq!(index.ending(), Some(Ending::Broken("cancelled".into())), "the first ending counts");
    assert_eq!(index.accept(run(10, 20)), Accepted::Gone);
}

#[test]
fn a_job_that_is_done_still_knows_duplicates() {
    let mut index = index(ResultMode::Stored);
    index.accept(run(0, 50));
    assert!(!index.end(Ending::Done), "what is in memory is still to be read");
    assert_eq!(index.accept(run(0, 10)), Accepted::Duplicate { chunks: Some(chunk_run(0, 1)) });
}

#[test]
fn dropped_results_stay_dropped() {
    let mut index = index(ResultMode::Stored);
    index.accept(run(0, 10));
    index.begin_part(&[run(0, 10)]);
    index.drop_all("forgotten".into());
    assert_eq!(index.accept(run(0, 10)), Accepted::Gone);
    assert_eq!(index.commit(&[run(0, 10)]), None);
    index.end(Ending::Done);
    assert_eq!(index.ending(), Some(Ending::Broken("forgotten".into())));
    index.close();
    assert!(!index.is_closing());
    index.check_invariants();
}

#[test]
fn a_block_is_whole_chunks_or_one_piece() {
    let chunks = Chunks::new(Range::new(0, 99).unwrap(), 25).unwrap();
    let of = |start, end| chunks_of_block(chunks, Cut::Pieces(10), run(start, end));
    assert_eq!(of(0, 25), Some(chunk_run(0, 1)));
    assert_eq!(of(25, 75), Some(chunk_run(1, 3)));
    assert_eq!(of(35, 45), Some(chunk_run(1, 2)), "the second piece");
    assert_eq!(of(45, 50), Some(chunk_run(1, 2)), "the rest of the chunk");
    assert_eq!(of(45, 49), None);
    assert_eq!(of(36, 46), None);
    assert_eq!(of(45, 60), None);
    assert_eq!(of(75, 101), None);
}

#[test]
fn where_rows_decide_a_block_is_any_part_of_one_chunk() {
    let chunks = Chunks::new(Range::new(0, 99).unwrap(), 25).unwrap();
    let of = |start, end| chunks_of_block(chunks, Cut::Anywhere, run(start, end));
    assert_eq!(of(36, 46), Some(chunk_run(1, 2)));
    assert_eq!(of(25, 75), Some(chunk_run(1, 3)));
    assert_eq!(of(45, 60), None, "parts of two chunks");
    assert_eq!(of(25, 60), None, "a chunk and a part of another");
}

impl ResultIndex {
    /// After a part was lost in which a failed chunk lay, that chunk is durable no longer, but still held.
    fn check_invariants_except_durable(&self) {
        self.check_invariants();
        assert!(!self.durable.overlaps(run(5, 15)));
    }
}

#[derive(Debug, Clone)]
enum Step {
    Accept(OffsetRun),
    Commit(OffsetRun),
    Lose(OffsetRun),
    Fail(u64),
}

fn step() -> impl Strategy<Value = Step> {
    let runs = || (0u64..50, 1u64..20).prop_map(|(start, len)| run(start, (start + len).min(50)));
    prop_oneof![
        4 => runs().prop_map(Step::Accept),
        2 => runs().prop_map(Step::Commit),
        1 => runs().prop_map(Step::Lose),
        1 => (0u64..5).prop_map(Step::Fail),
    ]
}

proptest! {
    /// The index agrees with a table of one row an offset.
    #[test]
    fn it_agrees_with_a_table(steps in prop::collection::vec(step(), 1..60)) {
        let mut index = index(ResultMode::Stored);
        let (mut held, mut durable, mut failed) = ([false; 50], [false; 50], [false; 50]);
        for step in steps {
            match step {
                Step::Accept(run) => {
                    let of_run = || run.iter().map(|offset| held[offset as usize]);
                    let (any, all) = (of_run().any(|held| held), of_run().all(|held| held));
                    let accepted = index.accept(run);
                    prop_assert_eq!(matches!(accepted, Accepted::Held { .. }), !any);
                    prop_assert_eq!(matches!(accepted, Accepted::Duplicate { .. }), all);
                    if !any {
                        run.iter().for_each(|offset| held[offset as usize] = true);
                    }
                }
                Step::Commit(run) => {
                    // A part is made of blocks that are held.
                    if run.iter().all(|offset| held[offset as usize]) {
                        prop_assert!(commit(&mut index, &[run]).is_some());
                        run.iter().for_each(|offset| durable[offset as usize] = true);
                    }
                }
                Step::Lose(run) => {
                    index.lose(&[run]);
                    for offset in run {
                        held[offset as usize] = failed[offset as usize];
                        durable[offset as usize] = false;
                    }
                }
                Step::Fail(chunk) => {
                    for offset in index.fail_chunk(chunk) {
                        held[offset as usize] = true;
                        failed[offset as usize] = true;
                    }
                }
            }
            index.check_invariants();
            let whole = |table: &[bool; 50], chunk: u64| (0..10).all(|n| table[(chunk * 10 + n) as usize]);
            let committed = index.committed_chunks();
            for chunk in 0..5 {
                prop_assert_eq!(committed.contains(chunk), whole(&durable, chunk));
            }
            prop_assert_eq!(index.is_complete(), held.iter().all(|&held| held));
        }
    }
}

#[test]
fn what_is_neither_held_nor_in_flight_is_missing() {
    let mut index = ResultIndex::new(Chunks::new(Range::new(1, 100).unwrap(), 10).unwrap(), ResultMode::Stored);
    index.accept(run(0, 5));
    index.accept(run(50, 57));
    let missing = |chunks: &[(u64, u64)], in_flight: &[OffsetRun]| -> Vec<OffsetRun> {
        let chunks = chunks.iter().filter_map(|&(start, end)| ChunkRun::new(start, end)).collect();
        index.missing(&chunks, &in_flight.iter().copied().collect()).iter().collect()
    };
    assert_eq!(missing(&[(0, 3)], &[run(5, 35)]), []);
    assert_eq!(missing(&[(0, 4), (5, 6)], &[run(5, 35), run(58, 60)]), [run(35, 40), run(57, 58)]);
}

#[test]
fn a_job_is_not_done_while_results_of_it_are_lost() {
    let mut index = index(ResultMode::Stored);
    let all = index.chunks().offsets(index.chunks().all());
    index.accept(all);
    commit(&mut index, &[all]);
    index.lose(&[run(3, 5)]);
    index.end(Ending::Done);
    assert_eq!(index.ending(), None, "readers wait for what is computed again");
    index.accept(run(3, 5));
    index.end(Ending::Done);
    assert_eq!(index.ending(), Some(Ending::Done));
    // Whoever reads a job again that was delivered before the last start is told so.
    let mut delivered = ResultIndex::new(index.chunks(), ResultMode::Delivered);
    delivered.end(Ending::Done);
    assert_eq!(delivered.ending(), Some(Ending::Done));
}

#[test]
fn a_part_with_a_lost_block_is_not_committed_even_if_that_was_computed_again() {
    let mut index = index(ResultMode::Stored);
    index.accept(run(0, 20));
    index.begin_part(&[run(0, 20)]);
    index.lose(&[run(0, 20)]);
    // The worker cuts what it computes again into other blocks.
    index.accept(run(0, 10));
    index.accept(run(10, 20));
    assert_eq!(index.commit(&[run(0, 20)]), None, "these are other blocks");
    assert_eq!(commit(&mut index, &[run(0, 10)]), Some(vec![chunk_run(0, 1)]));
    assert_eq!(index.commit(&[run(0, 10)]), None, "a part is committed once");
}
