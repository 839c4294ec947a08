//! Chunks that crash workers.

use std::collections::VecDeque;

use super::*;

/// Workers that compute one lease after the other in order; those that meet a culprit crash, and others come.
struct CrashingWorkers {
    bench: Bench,
    queues: Vec<(WorkerId, VecDeque<Given>)>,
    next_worker: u64,
    crashes: u64,
}

impl CrashingWorkers {
    fn new(bench: Bench, count: u64) -> Self {
        let mut workers = CrashingWorkers { bench, queues: Vec::new(), next_worker: 1, crashes: 0 };
        (0..count).for_each(|_| workers.join());
        workers
    }

    fn join(&mut self) {
        let worker = WorkerId(self.next_worker);
        self.next_worker += 1;
        self.queues.push((worker, VecDeque::new()));
        let actions = self.bench.tell(Event::WorkerJoined { worker, threads: 2 });
        self.take(&actions);
    }

    fn take(&mut self, actions: &[Action]) {
        for given in given(actions) {
            let (_, queue) = self.queues.iter_mut().find(|(worker, _)| *worker == given.worker).unwrap();
            queue.push_back(given);
        }
    }

    fn crash(&mut self, index: usize) -> Vec<Action> {
        let (worker, _) = self.queues.remove(index);
        self.crashes += 1;
        let actions = self.bench.tell(Event::WorkerCrashed { worker });
        self.take(&actions);
        self.join();
        actions
    }

    /// Every worker computes its first lease, at a million chunks a second.
    fn work(&mut self, culprits: &[u64]) -> Vec<Action> {
        let mut all = Vec::new();
        let mut index = 0;
        while index < self.queues.len() {
            let Some(&first) = self.queues[index].1.front() else {
                index += 1;
                continue;
            };
            if culprits.iter().any(|&culprit| first.chunks.contains(culprit)) {
                all.extend(self.crash(index));
                continue;
            }
            self.queues[index].1.pop_front();
            if self.bench.scheduler.holds(first.lease, first.chunks) {
                let actions = self.bench.complete(first, Duration::from_micros(first.chunks.len()));
                self.take(&actions);
                all.extend(actions);
            }
            index += 1;
        }
        all
    }
}

fn keep_going() -> Limits {
    Limits { keep_going: true, ..Limits::default() }
}

#[test]
fn the_culprit_among_a_million_chunks_is_found_in_few_crashes() {
    for culprit in [0, 65_536, 777_777, 999_999, 3_000_001] {
        let mut bench = Bench::new();
        bench.submit(JOB, 4_000_000, 1);
        let mut workers = CrashingWorkers::new(bench, 3);
        let outcome = loop {
            let actions = workers.work(&[culprit]);
            let view = workers.bench.scheduler.job(JOB).unwrap();
            assert!(view.committed_intervals < 100, "{view:?}");
            if let Some((_, outcome)) = ended(&actions).pop() {
                break outcome;
            }
        };
        let reason = "3 workers crashed while they computed this chunk alone".to_owned();
        assert_eq!(outcome, Outcome::Failed { chunk: culprit, number: culprit as i64 + 1, reason });
        assert!((4..=8).contains(&workers.crashes), "{} crashes for {culprit}", workers.crashes);
    }
}

#[test]
fn a_job_that_keeps_going_leaves_out_the_culprits_and_nothing_else() {
    let culprits = [0, 1, 5000, 5001, 5020, 31_999];
    let mut bench = Bench::new();
    bench.submit_with(JOB, 32_000, 100, keep_going());
    let mut workers = CrashingWorkers::new(bench, 4);
    let mut actions = Vec::new();
    while ended(&actions).is_empty() {
        actions.extend(workers.work(&culprits));
    }
    assert_eq!(ended(&actions), [(JOB, Outcome::Done)]);
    let failed = workers.bench.new_failed_chunks();
    let mut failed: Vec<_> = failed.iter().map(|new| (new.chunk, new.failed.number)).collect();
    failed.sort_unstable();
    assert_eq!(failed, culprits.map(|chunk| (chunk, chunk as i64 * 100 + 1)));
    assert_eq!(workers.bench.scheduler.failed_chunks(JOB).map(|(chunk, _)| chunk).collect::<Vec<_>>(), culprits);
    let view = workers.bench.scheduler.job(JOB).unwrap();
    assert_eq!((view.committed, view.failed_chunks, view.frontier), (32_000 - 6, 6, 32_000));
    assert!(workers.crashes <= 6 * 7, "{}", workers.crashes);
}

#[test]
fn a_healthy_job_survives_any_number_of_kills() {
    let mut bench = Bench::new();
    bench.submit(JOB, 20_000, 1000);
    let mut workers = CrashingWorkers::new(bench, 3);
    let mut state = 7_u64;
    let mut actions = Vec::new();
    while ended(&actions).is_empty() {
        actions.extend(workers.work(&[]));
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        workers.bench.now = workers.bench.now + ms(1);
        actions.extend(workers.crash((state >> 33) as usize % 3));
    }
    assert_eq!(ended(&actions), [(JOB, Outcome::Done)]);
    assert!(workers.crashes > 50, "{}", workers.crashes);
}

#[test]
fn a_worker_that_takes_its_leave_makes_no_suspects() {
    let mut bench = Bench::new();
    bench.submit(JOB, 1_000_000, 1024);
    let leases = bench.join(A, 1);
    bench.tell(Event::WorkerLeft { worker: A });
    let again = bench.join(B, 1);
    assert_eq!(again.iter().map(|g| g.chunks).collect::<Vec<_>>(), [leases[0].chunks, leases[1].chunks]);
}

#[test]
fn what_was_computed_is_not_suspected_and_the_next_lease_is() {
    let mut bench = Bench::new();
    bench.submit(JOB, 1_000_000, 1024);
    let leases = bench.join(A, 1);
    bench.tell(Event::LeaseComputed { worker: A, lease: leases[0].lease, busy: ms(500) });
    bench.tell(Event::WorkerCrashed { worker: A });
    let probe = bench.join(B, 1);
    assert_eq!(probe.len(), 1, "nothing beside a probe");
    assert_eq!(probe[0].chunks, run(64, 68), "a sixteenth of the second lease");
}

#[test]
fn a_trial_waits_for_an_idle_worker_and_holds_back_no_more_than_it_needs() {
    let mut bench = Bench::new();
    bench.submit(JOB, 1_000_000, 65_536);
    let leases: Vec<_> = (1..=4).map(|worker| bench.join(WorkerId(worker), 1)).collect();
    assert_eq!(leases[3][0].chunks.len(), 1);
    bench.tell(Event::WorkerCrashed { worker: WorkerId(4) });
    // Two suspects, one from each lease.
    assert_eq!(given(&bench.complete(leases[0][0], ms(500))), [], "held back");
    assert_eq!(given(&bench.complete(leases[1][0], ms(500))), [], "held back");
    let third = given(&bench.complete(leases[2][0], ms(500)));
    assert_eq!(third.len(), 1, "goes on");
    let probe = given(&bench.complete(leases[0][1], ms(500)));
    assert_eq!((probe.len(), probe[0].chunks), (1, leases[3][0].chunks));
    assert_eq!(bench.pass(ms(50)), [], "nor does anybody get more than that");
    let cleared = given(&bench.complete(probe[0], ms(500)));
    assert_eq!(cleared[0].chunks, leases[3][1].chunks, "the other one");
}

#[test]
fn a_chunk_that_fails_and_crashes_is_tried_alone() {
    let mut bench = Bench::new();
    bench.submit(JOB, 2, 1);
    let mine = bench.join(A, 1);
    bench.tell(Event::WorkerJoined { worker: B, threads: 1 });
    let retry = given(&bench.fail(mine[0], 0));
    assert_eq!((retry[0].worker, retry[0].chunks), (B, run(0, 1)));
    let mut actions = bench.tell(Event::WorkerCrashed { worker: B });
    assert_eq!(given(&actions), [], "A computes the other one");
    actions = bench.complete(mine[1], ms(1));
    for crash in 0..3 {
        let probe = given(&actions);
        assert_eq!((probe.len(), probe[0].chunks), (1, run(0, 1)), "{crash}");
        bench.tell(Event::WorkerCrashed { worker: probe[0].worker });
        actions = bench.tell(Event::WorkerJoined { worker: WorkerId(10 + crash), threads: 1 });
    }
    let state = bench.scheduler.job(JOB).unwrap().state;
    assert!(matches!(state, JobState::Ended(Outcome::Failed { chunk: 0, number: 1, .. })), "{state:?}");
}

#[test]
fn completing_in_between_forgives_the_crashes_before() {
    let mut bench = Bench::new();
    bench.submit(JOB, 1, 1);
    let mut next = WorkerId(1);
    for round in 0..20 {
        let given = bench.join(next, 1);
        assert_eq!(given[0].chunks, run(0, 1), "{round}");
        if round % 3 == 2 {
            bench.tell(Event::ChunksReceived { job: JOB, chunks: run(0, 1) });
            bench.tell(Event::ChunksLost { job: JOB, chunks: run(0, 1) });
        }
        bench.tell(Event::WorkerCrashed { worker: next });
        next = WorkerId(next.0 + 1);
    }
    assert_eq!(bench.scheduler.job(JOB).unwrap().state, JobState::Active);
}
