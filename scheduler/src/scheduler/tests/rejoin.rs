//! Workers that come back with what they have in flight.

use super::*;
use crate::{LeaseId, job::PROBES_COUNTED};

const C: WorkerId = WorkerId(3);

impl Bench {
    /// The worker joins with chunks of one job in flight; returns what it was granted, and the leases beside.
    fn rejoin(&mut self, worker: WorkerId, offers: &[ChunkRun]) -> (Option<(LeaseId, Vec<ChunkRun>)>, Vec<Given>) {
        let offers = [(JOB, offers.iter().copied().collect())];
        let mut granted = self.scheduler.rejoin(self.now, worker, 1, None, &offers);
        assert_eq!(granted.len(), 1);
        let granted = granted.remove(0).map(|(lease, chunks)| (lease, chunks.iter().collect()));
        (granted, given(&self.actions()))
    }
}

#[test]
fn a_worker_goes_on_with_what_it_has_in_flight_before_anybody_gets_it() {
    let mut bench = Bench::new();
    bench.submit(JOB, 1_000_000, 1024);
    let leases = bench.join(A, 1);
    bench.tell(Event::WorkerCrashed { worker: A });
    let offers = [(JOB, ChunkSet::from(run(3, 60))), (JOB, ChunkSet::from(run(64, 70)))];
    let granted = bench.scheduler.rejoin(bench.now, B, 1, None, &offers);
    let granted: Vec<_> = granted.into_iter().map(Option::unwrap).collect();
    assert_eq!((&granted[0].1, &granted[1].1), (&offers[0].1, &offers[1].1));
    assert!(leases[1].lease < granted[0].0 && granted[0].0 < granted[1].0, "never used again, and in order");
    assert_eq!(bench.actions(), [], "no room for more");
    assert!(!bench.scheduler.holds(leases[0].lease, run(3, 60)), "what comes late is refused");
    assert!(bench.scheduler.holds(granted[0].0, run(3, 60)));
    assert_eq!(bench.scheduler.holder(granted[1].0), Some(B));
    bench.tell(Event::ChunksReceived { job: JOB, chunks: run(3, 60) });
    let view = bench.scheduler.worker(B).unwrap();
    assert_eq!((view.leases, view.leased_chunks), (1, 6), "the suspects beside wait until it is idle");
}

#[test]
fn only_what_waits_is_granted() {
    let mut bench = Bench::new();
    bench.submit_with(JOB, 1000, 1000, Limits { max_retries: 1, keep_going: true, ..Limits::default() });
    let first = bench.join(A, 1)[0];
    for chunk in [1, 1, 2] {
        // Once is a retry, twice is a failed chunk.
        bench.tell(Event::ChunksReceived { job: JOB, chunks: run(10, 20) });
        bench.tell(Event::ChunksCommitted { job: JOB, chunks: run(15, 20) });
        if bench.fail(first, chunk).is_empty() {
            let again = bench.join(B, 1).into_iter().find(|g| g.chunks == run(1, 2));
            again.map(|g| bench.fail(g, 1));
            bench.tell(Event::WorkerLeft { worker: B });
        }
    }
    bench.tell(Event::WorkerLeft { worker: A });
    let held = bench.join(B, 1);
    assert_eq!(held[0].chunks, run(2, 3), "to be tried again");
    assert_eq!(held[1].chunks, run(0, 1), "what waits first");
    assert_eq!(bench.scheduler.failed_chunks(JOB).map(|(chunk, _)| chunk).collect::<Vec<_>>(), [1]);
    let (granted, others) = bench.rejoin(C, &[run(0, 30), run(990, u64::MAX)]);
    let (lease, chunks) = granted.unwrap();
    assert_eq!(chunks, [run(3, 10), run(20, 30), run(990, 1000)]);
    assert_eq!(others[0].chunks, run(30, 95), "and one lease more");
    assert!(!bench.scheduler.holds(lease, run(9, 21)), "not what lies between");
    let again = bench.scheduler.rejoin(bench.now, WorkerId(4), 1, None, &[(JOB, ChunkSet::from(run(0, 30)))]);
    assert_eq!(again, [None]);
}

#[test]
fn nothing_is_granted_of_jobs_that_are_over_or_unknown_or_to_who_cannot_join() {
    let mut bench = Bench::with(Config { max_workers: 1, ..Config::default() });
    bench.submit(JOB, 10, 1);
    bench.submit(OTHER, 10, 1);
    bench.scheduler.cancel(bench.now, JOB).unwrap();
    let all = ChunkSet::from(run(0, 10));
    let offers = [(JOB, all.clone()), (JobId(9), all.clone()), (OTHER, ChunkSet::new()), (OTHER, all.clone())];
    let granted = bench.scheduler.rejoin(bench.now, A, 1, None, &offers);
    assert_eq!(granted[..3], [None, None, None]);
    let (lease, chunks) = granted[3].clone().unwrap();
    assert_eq!(chunks, all);
    assert_eq!(bench.scheduler.rejoin(bench.now, B, 1, None, &offers), [None, None, None, None], "no room");
    assert!(bench.scheduler.holds(lease, run(0, 10)));
    bench.actions();
    let granted = bench.scheduler.rejoin(bench.now, B, 1, Some(A), &offers);
    assert!(granted[3].as_ref().is_some_and(|(again, chunks)| *again > lease && *chunks == all), "A has made room");
    assert_eq!(bench.actions(), []);
}

#[test]
fn who_takes_the_place_of_its_former_self_gets_all_back_and_makes_no_suspects() {
    let mut bench = Bench::new();
    bench.submit(JOB, 1_000_000, 1024);
    let leases = bench.join(A, 1);
    bench.join(C, 1);
    let offers = [(JOB, ChunkSet::from(run(0, 10)))];
    let granted = bench.scheduler.rejoin(bench.now, B, 1, Some(A), &offers);
    assert_eq!(granted[0].as_ref().map(|(_, chunks)| chunks), Some(&offers[0].1));
    let others = given(&bench.actions());
    assert_eq!((others.len(), others[0].worker, others[0].chunks.start()), (1, B, 10), "the rest in order");
    assert_eq!(bench.scheduler.worker(A), None);
    assert_eq!(bench.tell(Event::WorkerCrashed { worker: A }), [], "known already");
    assert!(!bench.scheduler.holds(leases[0].lease, run(0, 1)));
}

#[test]
fn joining_twice_ends_the_leases_of_the_first_time() {
    let mut bench = Bench::new();
    bench.submit(JOB, 100, 1000);
    let (first, others) = bench.rejoin(A, &[run(0, 100)]);
    assert_eq!(others, []);
    let offers = [(JOB, ChunkSet::from(run(0, 100)))];
    let again = bench.scheduler.rejoin(bench.now, A, 1, Some(A), &offers);
    let (again, chunks) = again[0].clone().unwrap();
    let (first, _) = first.unwrap();
    assert!(again > first);
    assert_eq!(stopped(&bench.actions()), [(A, first)]);
    assert_eq!(chunks, offers[0].1);
    assert!(!bench.scheduler.holds(first, run(0, 1)) && bench.scheduler.holds(again, run(0, 100)));
}

#[test]
fn a_paused_job_and_a_worker_with_more_leases_than_usual_are_fine() {
    let mut bench = Bench::new();
    bench.submit(JOB, 1000, 1000);
    bench.tell(Event::JobPaused { job: JOB });
    let offers: Vec<_> = (0..70).map(|n| (JOB, ChunkSet::from(run(2 * n, 2 * n + 1)))).collect();
    let granted = bench.scheduler.rejoin(bench.now, A, 1, None, &offers);
    assert_eq!(granted.iter().flatten().count(), 64, "the most there are");
    assert!(granted.iter().take(64).all(Option::is_some));
    assert_eq!(bench.actions(), []);
    assert_eq!(bench.tell(Event::JobResumed { job: JOB }), []);
    let granted: Vec<_> = granted.into_iter().flatten().collect();
    for (lease, _) in &granted[..62] {
        assert_eq!(bench.tell(Event::LeaseComputed { worker: A, lease: *lease, busy: ms(0) }), []);
    }
    assert_eq!(bench.scheduler.worker(A).unwrap().leases, 64);
    for (_, chunks) in &granted[..62] {
        bench.tell(Event::ChunksReceived { job: JOB, chunks: chunks.first().unwrap() });
    }
    let next = given(&bench.tell(Event::LeaseComputed { worker: A, lease: granted[62].0, busy: ms(0) }));
    assert_eq!(next.len(), 1, "room again");
}

#[test]
fn what_a_worker_comes_back_with_did_not_crash_it() {
    let mut bench = Bench::new();
    bench.submit(JOB, 2, 1);
    let mut next = WorkerId(1);
    for round in 0..20 {
        let given = bench.join(next, 1);
        assert_eq!((given.len(), given[0].chunks), if round == 0 { (2, run(0, 1)) } else { (1, run(1, 2)) }, "{round}");
        // Alone with the second chunk it loses its connection, again and again.
        if round == 0 {
            bench.complete(given[0], ms(1));
        }
        bench.tell(Event::WorkerCrashed { worker: next });
        let back = WorkerId(next.0 + 1);
        let (granted, others) = bench.rejoin(back, &[run(1, 2)]);
        assert!(granted.is_some() && others.is_empty());
        bench.tell(Event::WorkerCrashed { worker: back });
        next = WorkerId(back.0 + 1);
    }
    assert_eq!(bench.scheduler.job(JOB).unwrap().state, JobState::Active);
}

#[test]
fn a_crash_that_was_none_is_forgiven_although_somebody_else_tries_the_chunk_now() {
    let mut bench = Bench::new();
    bench.submit(JOB, 1, 1);
    let mut probe = |worker, count: u64| {
        let given = bench.join(worker, 1);
        assert_eq!((given.len(), given[0].chunks), (1, run(0, 1)), "{count}");
        bench.tell(Event::WorkerCrashed { worker });
    };
    (1..=3).for_each(|worker| probe(WorkerId(worker), worker));
    // The first crash made it a suspect; two were counted. The third worker comes back while a fourth tries.
    bench.join(WorkerId(4), 1);
    let (granted, _) = bench.rejoin(WorkerId(5), &[run(0, 1)]);
    assert_eq!(granted, None);
    bench.tell(Event::WorkerCrashed { worker: WorkerId(4) });
    assert_eq!(bench.scheduler.job(JOB).unwrap().state, JobState::Active, "one is counted");
}

#[test]
fn a_resumed_lease_with_gaps_is_given_back_taken_over_and_computed_as_any_other() {
    let mut bench = Bench::new();
    bench.submit(JOB, 100, 1000);
    bench.tell(Event::ChunksCommitted { job: JOB, chunks: run(20, 40) });
    bench.tell(Event::ChunksCommitted { job: JOB, chunks: run(60, 70) });
    let (granted, _) = bench.rejoin(A, &[run(0, 100)]);
    let (lease, chunks) = granted.unwrap();
    assert_eq!(chunks, [run(0, 20), run(40, 60), run(70, 100)]);
    bench.tell(Event::WorkerJoined { worker: B, threads: 1 });
    bench.now = bench.now + ms(500);
    bench.scheduler.handle_timeout(bench.now);
    let (worker, asked, tail) = asked_back(&bench.actions())[0];
    assert_eq!((worker, asked, tail), (A, lease, run(70, 100)), "half of it, as far as it is one run");
    let returned = Event::ChunksReturned { worker: A, lease, chunks: Some(run(50, 100)) };
    let handed = given(&bench.tell(returned));
    assert_eq!((handed[0].worker, handed[0].chunks), (B, run(50, 60)), "the first run of what comes back");
    assert_eq!(handed[1].chunks.start(), 70);
    bench.scheduler.drain(bench.now, A).unwrap();
    assert!(asked_back(&bench.actions()).iter().all(|&(_, asked, _)| asked != lease), "it is in work");
    bench.tell(Event::ChunksReceived { job: JOB, chunks: run(0, 20) });
    bench.tell(Event::LeaseComputed { worker: A, lease, busy: ms(0) });
    assert!(bench.scheduler.holds(lease, run(40, 50)));
    bench.tell(Event::ChunksReceived { job: JOB, chunks: run(40, 50) });
    assert_eq!(bench.scheduler.holder(lease), None, "all of it has come");
}

#[test]
fn what_is_resumed_tells_no_rate_and_is_paid_for_by_what_it_still_took() {
    let mut bench = Bench::new();
    bench.submit(JOB, 1_000_000_000, 1000);
    bench.submit(OTHER, 1_000_000_000, 1000);
    let (granted, mut queue) = bench.rejoin(A, &[run(0, 1_000_000)]);
    assert_eq!((queue[0].job, queue[0].chunks.len()), (JOB, 65), "it costs nothing yet");
    // A thousand million numbers in no time; but most of them were computed before.
    let (lease, _) = granted.unwrap();
    bench.now = bench.now + ms(5000);
    queue.extend(given(&bench.tell(Event::LeaseComputed { worker: A, lease, busy: ms(5000) })));
    assert_eq!((queue[1].job, queue[1].chunks.len()), (OTHER, 65), "nothing is known of the speed");
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
fn the_suspects_are_counted_once_for_all_workers_that_come_back() {
    let mut bench = Bench::new();
    bench.submit(JOB, 1_000_000, 1024);
    let workers = 1..=50;
    let leases: Vec<Given> = workers.clone().flat_map(|worker| bench.join(WorkerId(worker), 1)).collect();
    assert_eq!(leases.len(), 100);
    workers.for_each(|worker| drop(bench.tell(Event::WorkerCrashed { worker: WorkerId(worker) })));
    let counted = || PROBES_COUNTED.get();
    for lease in leases.iter().step_by(2) {
        let before = counted();
        let (granted, _) = bench.rejoin(WorkerId(100 + lease.worker.0), &[lease.chunks]);
        assert!(granted.is_some());
        assert!(counted() - before <= 1, "{} times, for {}", counted() - before, lease.worker);
    }
    assert!(counted() >= 49, "all but the first are held back, for probes of what the others had");
}
