//! The scheduler's behaviour, one promise at a time.

mod bench;
mod crashes;
mod failed_chunks;
mod rejoin;
mod stalls;

use std::{collections::BTreeMap, time::Duration};

use bench::{Bench, Given, asked_back, ended, given, spec, stopped};

use crate::{
    Action, CancelError, ChunkRun, ChunkSet, Config, DrainError, Event, ForgetError, JobId, JobState, Limits, Outcome,
    SubmitError, WorkerId, WorkerState, estimate::FIRST_GUESS,
};

const A: WorkerId = WorkerId(1);
const B: WorkerId = WorkerId(2);
const JOB: JobId = JobId(1);
const OTHER: JobId = JobId(2);

fn run(start: u64, end: u64) -> ChunkRun {
    ChunkRun::new(start, end).unwrap()
}

fn ms(millis: u64) -> Duration {
    Duration::from_millis(millis)
}

#[test]
fn a_worker_gets_two_leases_in_order_and_the_next_when_one_is_computed() {
    let mut bench = Bench::new();
    bench.submit(JOB, 1_000_000, 1024);
    let leases = bench.join(A, 2);
    assert_eq!(leases.len(), 2);
    let length = 2 * FIRST_GUESS / 1024;
    assert_eq!(leases[0].chunks, run(0, length));
    assert_eq!(leases[1].chunks, run(length, 2 * length));
    assert!(leases[0].lease < leases[1].lease);

    let next = given(&bench.tell(Event::LeaseComputed { worker: A, lease: leases[0].lease, busy: ms(1) }));
    assert_eq!(next.len(), 1, "before any block has come");
    assert_eq!(next[0].chunks.start(), 2 * length);
    let view = bench.scheduler.worker(A).unwrap();
    assert_eq!((view.leases, view.state), (3, WorkerState::Active));
}

#[test]
fn leases_adapt_to_the_worker_and_shrink_at_the_end() {
    let mut bench = Bench::new();
    bench.submit(JOB, 10_000, 1000);
    let mut queue = bench.join(A, 1);
    let mut lengths = Vec::new();
    while !queue.is_empty() {
        let next = queue.remove(0);
        lengths.push(next.chunks.len());
        // A million numbers a second: a lease of the target length has 500 chunks.
        let busy = Duration::from_micros(next.chunks.len() * 1000);
        queue.extend(given(&bench.complete(next, busy)));
    }
    assert_eq!(lengths[0], 65, "the first guess");
    assert_eq!(lengths.iter().max(), Some(&500));
    assert!(lengths.windows(2).all(|w| w[1] <= 8 * w[0]), "{lengths:?}");
    let tail: Vec<_> = lengths.iter().rev().take(5).copied().collect();
    assert!(tail.is_sorted() && tail[0] <= 5, "{lengths:?}");
    assert_eq!(lengths.iter().sum::<u64>(), 10_000);
    let view = bench.scheduler.job(JOB).unwrap();
    assert_eq!(view.state, JobState::Ended(Outcome::Done));
    assert_eq!((view.committed, view.frontier), (10_000, 10_000));
    assert_eq!(view.committed_intervals, 1);
    let rate = view.numbers_per_second;
    assert!((0.9e6..1.1e6).contains(&rate), "{rate}");
}

#[test]
fn the_rate_is_learned_although_the_blocks_come_before_the_report() {
    let mut bench = Bench::new();
    bench.submit(JOB, 1_000_000, 1000);
    let leases = bench.join(A, 1);
    bench.now = bench.now + ms(650);
    let next = given(&bench.tell(Event::ChunksReceived { job: JOB, chunks: leases[0].chunks }));
    assert_eq!(next.len(), 1, "the lease has ended, so another goes out");
    bench.tell(Event::LeaseComputed { worker: A, lease: leases[0].lease, busy: ms(650) });
    // 65,000 numbers in 650 ms: known at once, and expected of others too.
    assert_eq!(bench.join(B, 1)[0].chunks.len(), 50);
}

#[test]
fn a_lease_never_exceeds_the_bound_but_holds_at_least_one_chunk() {
    let config = Config { max_lease_numbers: 1000, ..Config::default() };
    let mut bench = Bench::with(config);
    bench.submit(JOB, 1000, 300);
    bench.submit(OTHER, 1000, 5000);
    let leases = bench.join(A, 4);
    let length = |job| {
        let of_job = leases.iter().find(|g| g.job == job).unwrap();
        of_job.chunks.len()
    };
    assert_eq!((length(JOB), length(OTHER)), (3, 1));
}

#[test]
fn jobs_share_the_workers_by_time_whatever_their_chunks_are() {
    let mut bench = Bench::new();
    bench.submit(JOB, 1_000_000_000, 1000);
    let mut queue = bench.join(A, 1);
    // The first has had the worker for itself for a while; it is not owed to the second.
    for _ in 0..20 {
        let next = queue.remove(0);
        queue.extend(given(&bench.complete(next, ms(500))));
    }
    bench.submit(OTHER, 1_000_000_000, 10);
    let mut busy = [Duration::ZERO; 2];
    for _ in 0..200 {
        let next = queue.remove(0);
        // A number of the second takes ten times as long.
        let each = if next.job == JOB { 1 } else { 10 };
        let numbers = next.chunks.len() * if next.job == JOB { 1000 } else { 10 };
        let time = Duration::from_micros(numbers * each);
        busy[(next.job.0 - 1) as usize] += time;
        queue.extend(given(&bench.complete(next, time)));
    }
    let share = busy[0].as_secs_f64() / (busy[0] + busy[1]).as_secs_f64();
    assert!((0.45..0.55).contains(&share), "{share}: {busy:?}");
}

#[test]
fn an_idle_worker_gets_the_tail_of_what_another_has() {
    let mut bench = Bench::new();
    bench.submit(JOB, 1000, 1000);
    let leases = bench.join(A, 1);
    // Learn 100,000 numbers a second; then nothing is left that waits.
    let mut held = leases;
    for _ in 0..4 {
        let next = held.remove(0);
        let busy = Duration::from_millis(next.chunks.len() * 10);
        held.extend(given(&bench.complete(next, busy)));
    }
    bench.tell(Event::ChunksReceived { job: JOB, chunks: run(held[1].chunks.end(), 1000) });
    let left: u64 = held.iter().map(|g| g.chunks.len()).sum();
    assert_eq!(left, 100, "{held:?}");
    bench.scheduler.handle_event(bench.now, Event::WorkerJoined { worker: B, threads: 1 });
    let asked = asked_back(&bench.actions());
    let (worker, lease, chunks) = asked[0];
    assert_eq!((worker, asked.len()), (A, 1));
    let source = held.iter().find(|g| g.lease == lease).unwrap();
    assert_eq!(chunks.end(), source.chunks.end(), "the tail");
    assert_eq!(chunks.len(), left / 2, "both end at the same time");
    assert!(bench.scheduler.holds(lease, chunks), "until it is returned");

    let handed = bench.tell(Event::ChunksReturned { worker: A, lease, chunks: Some(chunks) });
    let handed = given(&handed);
    assert_eq!((handed[0].worker, handed[0].chunks), (B, chunks));
    assert!(!bench.scheduler.holds(lease, chunks));
    assert!(bench.scheduler.holds(handed[0].lease, chunks));
}

#[test]
fn a_lease_that_gave_nothing_back_is_not_asked_again() {
    let mut bench = Bench::new();
    // One lease of two chunks or more, and nothing known of the speed.
    bench.submit(JOB, 8, 1000);
    let leases = bench.join(A, 1);
    assert_eq!(leases.len(), 2, "half, then a quarter");
    bench.tell(Event::ChunksReceived { job: JOB, chunks: run(leases[1].chunks.start(), 8) });
    let held = bench.scheduler.worker(A).unwrap().leased_chunks;
    assert_eq!(held, 4);
    assert_eq!(bench.join(B, 1), []);
    assert_eq!(bench.scheduler.poll_timeout(), Some(bench.now + ms(50)));
    let asked = asked_back(&bench.pass(ms(50)));
    assert_eq!(asked, [(A, leases[0].lease, run(2, 4))]);
    assert_eq!(bench.pass(ms(500)), [], "asked once at a time");
    let refused = Event::ChunksReturned { worker: A, lease: leases[0].lease, chunks: None };
    assert_eq!(bench.tell(refused.clone()), []);
    assert_eq!(bench.tell(refused), [], "twice is nothing new");
    assert_eq!(bench.tell(Event::Heartbeat { worker: B }), []);
    assert_eq!(bench.pass(ms(500)), []);
}

#[test]
fn a_silent_worker_loses_its_leases_and_its_late_blocks_are_refused() {
    let mut bench = Bench::new();
    bench.submit(JOB, 1_000_000, 1024);
    let leases = bench.join(A, 1);
    bench.pass(Duration::from_secs(6));
    bench.tell(Event::Heartbeat { worker: A });
    let deadline = bench.now + Duration::from_secs(10);
    assert_eq!(bench.scheduler.poll_timeout(), Some(deadline));
    assert_eq!(bench.pass(Duration::from_secs(9)), [], "renewed");

    let actions = bench.pass(Duration::from_secs(1));
    let wanted: Vec<_> = leases.iter().map(|g| (A, g.lease)).collect();
    assert_eq!(stopped(&actions), wanted);
    assert_eq!(given(&actions), [], "nothing for a silent worker");
    let view = bench.scheduler.worker(A).unwrap();
    assert_eq!((view.state, view.leases), (WorkerState::Silent, 0));
    assert_eq!(bench.scheduler.poll_timeout(), None);
    assert!(!bench.scheduler.holds(leases[0].lease, leases[0].chunks));
    assert_eq!(bench.scheduler.holder(leases[0].lease), None);

    let others = bench.join(B, 1);
    assert_eq!(others[0].chunks, leases[0].chunks, "in order again");
    let back = given(&bench.tell(Event::LeaseComputed { worker: A, lease: leases[0].lease, busy: ms(1) }));
    assert_eq!(back.len(), 2, "any sign of life counts");
    assert!(back[0].lease > others[1].lease);
    assert_eq!(bench.scheduler.worker(A).unwrap().state, WorkerState::Active);
}

#[test]
fn leases_end_at_once_when_a_worker_leaves_or_joins_again() {
    let mut bench = Bench::new();
    bench.submit(JOB, 1_000_000, 1024);
    let first = bench.join(A, 1);
    let again = bench.tell(Event::WorkerJoined { worker: A, threads: 1 });
    assert_eq!(stopped(&again).len(), 2);
    assert_eq!(given(&again)[0].chunks, first[0].chunks);
    assert_eq!(bench.tell(Event::WorkerLeft { worker: A }), []);
    let view = bench.scheduler.job(JOB).unwrap();
    assert_eq!((view.leased, view.waiting), (0, 1_000_000));
    assert_eq!(bench.tell(Event::WorkerLeft { worker: A }), []);
}

#[test]
fn a_failed_chunk_is_tried_on_another_worker_and_then_the_job_fails() {
    let mut bench = Bench::new();
    bench.submit(JOB, 1_000_000, 1024);
    let mine = bench.join(A, 1);
    let theirs = bench.join(B, 1);
    assert_eq!(bench.fail(mine[0], 5), [], "nobody has room");
    assert!(!bench.scheduler.holds(mine[0].lease, run(5, 6)));
    assert!(bench.scheduler.holds(mine[0].lease, run(6, 9)), "goes on");

    let next = given(&bench.complete(mine[1], ms(100)));
    assert!(!next[0].chunks.contains(5), "another worker can take it");
    let retry = given(&bench.complete(theirs[0], ms(100)));
    assert_eq!((retry[0].worker, retry[0].chunks), (B, run(5, 6)));

    assert_eq!(ended(&bench.fail(retry[0], 5)), [], "second of four");
    bench.tell(Event::WorkerLeft { worker: A });
    let mut retry = given(&bench.complete(theirs[1], ms(100)));
    assert_eq!(retry[0].chunks, run(5, 6), "the same worker, if alone");
    let again = bench.fail(retry[0], 5);
    retry = given(&again);
    assert_eq!(ended(&again), [], "third of four");
    assert_eq!(retry[0].chunks, run(5, 6));
    let last = bench.fail(retry[0], 5);
    let outcome = Outcome::Failed { chunk: 5, number: 5121, reason: "no root".into() };
    assert_eq!(ended(&last), [(JOB, outcome.clone())]);
    assert!(!stopped(&last).is_empty(), "the rest is stopped");
    assert_eq!(bench.scheduler.job(JOB).unwrap().state, JobState::Ended(outcome));
}

#[test]
fn a_retried_chunk_that_loses_its_worker_is_still_known_as_failed() {
    let mut bench = Bench::new();
    bench.submit(JOB, 2, 1);
    let mine = bench.join(A, 1);
    bench.join(B, 1);
    let retry = given(&bench.fail(mine[0], 0));
    assert_eq!(retry[0].worker, B);
    let after = given(&bench.tell(Event::WorkerLeft { worker: B }));
    assert_eq!((after[0].worker, after[0].chunks), (A, run(0, 1)));
}

#[test]
fn cancelling_stops_all_leases_and_what_comes_later_is_ignored() {
    let mut bench = Bench::new();
    bench.submit(JOB, 1_000_000, 1024);
    let leases = bench.join(A, 1);
    bench.scheduler.cancel(bench.now, JOB).unwrap();
    let actions = bench.actions();
    assert_eq!(stopped(&actions).len(), 2);
    assert_eq!(actions.last(), Some(&Action::JobEnded { job: JOB, outcome: Outcome::Cancelled }));
    for event in [
        Event::LeaseComputed { worker: A, lease: leases[0].lease, busy: ms(1) },
        Event::ChunksReceived { job: JOB, chunks: leases[0].chunks },
        Event::ChunksCommitted { job: JOB, chunks: run(0, 1_000_000) },
        Event::ChunksLost { job: JOB, chunks: run(0, 1_000_000) },
        Event::JobResumed { job: JOB },
    ] {
        assert_eq!(bench.tell(event), []);
    }
    assert_eq!(bench.fail(leases[0], 0), []);
    let cancel = bench.scheduler.cancel(bench.now, JOB);
    assert_eq!(cancel, Err(CancelError::Ended(JOB)));
}

#[test]
fn a_paused_job_gets_no_leases_but_finishes_those_it_has() {
    let mut bench = Bench::new();
    bench.submit(JOB, 1_000_000, 1024);
    let leases = bench.join(A, 1);
    bench.tell(Event::JobPaused { job: JOB });
    assert!(bench.scheduler.job(JOB).unwrap().paused);
    assert_eq!(bench.complete(leases[0], ms(500)), []);
    assert_eq!(bench.join(B, 1), []);
    assert_eq!(bench.pass(ms(100)), [], "nor is anything rebalanced");
    let resumed = given(&bench.tell(Event::JobResumed { job: JOB }));
    assert_eq!(resumed.len(), 3, "one for A, two for B");
}

#[test]
fn a_draining_worker_finishes_what_it_computes_and_gives_the_rest_back() {
    let mut bench = Bench::new();
    bench.submit(JOB, 1_000_000, 1024);
    let leases = bench.join(A, 1);
    bench.scheduler.drain(bench.now, A).unwrap();
    let asked = asked_back(&bench.actions());
    assert_eq!(asked, [(A, leases[1].lease, leases[1].chunks)]);
    let returned =
        bench.tell(Event::ChunksReturned { worker: A, lease: leases[1].lease, chunks: Some(leases[1].chunks) });
    assert_eq!(returned, []);
    assert_eq!(bench.complete(leases[0], ms(500)), []);
    let view = bench.scheduler.worker(A).unwrap();
    assert_eq!((view.state, view.leases), (WorkerState::Draining, 0));
    bench.scheduler.drain(bench.now, A).unwrap();
    assert_eq!(bench.actions(), []);
    assert_eq!(bench.join(B, 1)[0].chunks.start(), leases[1].chunks.start());
    let unknown = bench.scheduler.drain(bench.now, WorkerId(7));
    assert_eq!(unknown, Err(DrainError::Unknown(WorkerId(7))));
}

#[test]
fn lost_chunks_wait_again_and_committed_ones_never_do() {
    let mut bench = Bench::new();
    bench.submit(JOB, 10, 1);
    let chunks = run(0, 10);
    bench.tell(Event::ChunksReceived { job: JOB, chunks });
    bench.tell(Event::ChunksCommitted { job: JOB, chunks: run(2, 4) });
    bench.tell(Event::ChunksLost { job: JOB, chunks });
    let view = bench.scheduler.job(JOB).unwrap();
    assert_eq!((view.waiting, view.received, view.committed), (8, 0, 2));
    assert_eq!((view.frontier, view.committed_intervals), (0, 1));
    let first = bench.join(A, 1)[0];
    assert_eq!(first.chunks, run(0, 2), "up to what is committed");
}

#[test]
fn what_was_committed_and_turned_out_to_be_bad_waits_again_while_its_job_runs() {
    let mut bench = Bench::new();
    bench.submit(JOB, 10, 1);
    bench.tell(Event::ChunksReceived { job: JOB, chunks: run(0, 6) });
    bench.tell(Event::ChunksCommitted { job: JOB, chunks: run(2, 8) });
    bench.tell(Event::ResultsLost { job: JOB, chunks: run(1, 4) });
    let view = bench.scheduler.job(JOB).unwrap();
    assert_eq!((view.waiting, view.received, view.committed), (5, 1, 4));
    assert_eq!(bench.join(A, 1)[0].chunks.start(), 1);
    bench.tell(Event::ChunksCommitted { job: JOB, chunks: run(0, 10) });
    assert_eq!(bench.tell(Event::ResultsLost { job: JOB, chunks: run(0, 10) }), []);
    assert_eq!(bench.scheduler.job(JOB).unwrap().committed, 10, "it has ended");
}

#[test]
fn who_computes_what_is_committed_elsewhere_is_stopped() {
    let mut bench = Bench::new();
    bench.submit(JOB, 1_000_000, 1024);
    let leases = bench.join(A, 1);
    let actions = bench.tell(Event::ChunksCommitted { job: JOB, chunks: leases[0].chunks });
    assert_eq!(stopped(&actions), [(A, leases[0].lease)]);
    assert_eq!(given(&actions).len(), 1);
}

#[test]
fn commands_are_refused_with_a_reason() {
    let config = Config { max_jobs: 1, ..Config::default() };
    let mut bench = Bench::with(config);
    let now = bench.now;
    bench.submit(JOB, 10, 1);
    let submit = |bench: &mut Bench, id| bench.scheduler.submit(now, id, spec(10, 1));
    assert_eq!(submit(&mut bench, JOB), Err(SubmitError::Duplicate(JOB)));
    let too_many = SubmitError::TooManyJobs { max: 1 };
    assert_eq!(submit(&mut bench, OTHER), Err(too_many));
    let forget = bench.scheduler.forget(JOB);
    assert_eq!(forget, Err(ForgetError::NotEnded(JOB)));
    let unknown = bench.scheduler.cancel(now, OTHER);
    assert_eq!(unknown, Err(CancelError::Unknown(OTHER)));
    bench.scheduler.cancel(now, JOB).unwrap();
    assert_eq!(submit(&mut bench, JOB), Err(SubmitError::Duplicate(JOB)));
    bench.scheduler.forget(JOB).unwrap();
    assert_eq!(submit(&mut bench, JOB), Ok(()));
}

#[test]
fn a_restored_job_goes_on_where_it_was() {
    let mut bench = Bench::new();
    let now = bench.now;
    let committed: ChunkSet = [run(0, 3), run(5, 6)].into_iter().collect();
    let mut restore = |id, committed| {
        let result = bench.scheduler.restore(now, id, spec(10, 1), committed, BTreeMap::new());
        (result, bench.actions())
    };
    assert_eq!(restore(JOB, committed), (Ok(()), vec![]));
    let all = ChunkSet::from(run(0, 10));
    let done = Action::JobEnded { job: OTHER, outcome: Outcome::Done };
    assert_eq!(restore(OTHER, all), (Ok(()), vec![done]));
    let past = ChunkSet::from(run(9, 11));
    let (refused, _) = restore(JobId(3), past);
    let message = refused.unwrap_err().to_string();
    assert!(message.contains("chunk 10 of job 3"), "{message}");
    assert_eq!(bench.join(A, 1)[0].chunks, run(3, 5));
}

#[test]
fn a_trillion_chunks_cost_what_ten_do() {
    let mut bench = Bench::new();
    bench.submit(JOB, 1_000_000_000_000, 1000);
    let mut queue: Vec<Given> = (1..=4).flat_map(|w| bench.join(WorkerId(w), 2)).collect();
    for round in 0..2000 {
        // Out of order by as much as eight leases allow.
        let next = queue.remove(round % queue.len());
        queue.extend(given(&bench.complete(next, ms(5))));
        let view = bench.scheduler.job(JOB).unwrap();
        assert!(view.committed_intervals <= 9, "{view:?}");
    }
    let view = bench.scheduler.job(JOB).unwrap();
    assert!(view.committed > 1_000_000, "{view:?}");
    let size = format!("{:?}", bench.scheduler).len();
    assert!(size < 20_000, "{size} bytes to write all that is kept");
}

#[test]
fn a_worker_that_never_uploads_gets_no_leases_without_end() {
    let mut bench = Bench::new();
    bench.submit(JOB, 1_000_000_000, 1000);
    let mut queue = bench.join(A, 1);
    let mut computed = 0;
    while !queue.is_empty() && computed < 1000 {
        let next = queue.remove(0);
        computed += 1;
        queue.extend(given(&bench.tell(Event::LeaseComputed { worker: A, lease: next.lease, busy: ms(500) })));
    }
    assert_eq!(computed, 64);
}

#[test]
fn what_a_worker_says_of_the_lease_of_another_is_ignored() {
    let mut bench = Bench::new();
    bench.submit(JOB, 1_000_000, 1024);
    let mine = bench.join(A, 1)[0];
    bench.join(B, 1);
    let (lease, chunks) = (mine.lease, mine.chunks);
    assert_eq!(bench.tell(Event::ChunksReturned { worker: B, lease, chunks: Some(chunks) }), []);
    assert_eq!(bench.tell(Event::LeaseComputed { worker: B, lease, busy: ms(1) }), []);
    assert_eq!(bench.fail(Given { worker: B, ..mine }, 0), []);
    assert_eq!(bench.fail(mine, chunks.end()), [], "nor of chunks beyond the lease");
    assert!(bench.scheduler.holds(lease, chunks));
    assert_eq!(bench.scheduler.holder(lease), Some(A));
    assert_eq!(bench.scheduler.worker(A).unwrap().leases, 2);
}

#[test]
fn a_job_pays_for_what_its_leases_really_took() {
    let mut bench = Bench::new();
    bench.submit(JOB, 1_000_000_000, 1000);
    bench.submit(OTHER, 1_000_000_000, 1000);
    let mut queue = bench.join(A, 1);
    assert_eq!((queue[0].job, queue[1].job), (JOB, OTHER));
    // Both were charged the same for the first lease, but one took ten times as long.
    let slow = queue.remove(0);
    queue.extend(given(&bench.complete(slow, ms(5000))));
    let mut caught_up = Duration::ZERO;
    loop {
        let next = queue.remove(0);
        if next.job == JOB && caught_up > Duration::ZERO {
            break;
        }
        let busy = Duration::from_micros(next.chunks.len() * 1000);
        caught_up += busy;
        queue.extend(given(&bench.complete(next, busy)));
    }
    assert!(caught_up >= ms(4000), "{caught_up:?}");
}

#[test]
fn a_chunk_to_be_tried_again_is_not_computed_again_by_the_worker_that_failed_it() {
    let mut bench = Bench::new();
    bench.submit(JOB, 2, 1);
    let mine = bench.join(A, 1);
    bench.join(B, 1);
    let (worker, lease, chunks) = asked_back(&bench.pass(ms(50)))[0];
    assert_eq!((worker, lease), (A, mine[1].lease));
    bench.tell(Event::ChunksReturned { worker, lease, chunks: Some(chunks) });
    let retry = given(&bench.fail(mine[0], 0));
    assert_eq!((retry[0].worker, retry[0].chunks), (B, run(0, 1)));
    assert_eq!(bench.scheduler.worker(B).unwrap().leases, 2);
    assert_eq!(bench.pass(ms(500)), [], "A is idle, but may not have it");
}
