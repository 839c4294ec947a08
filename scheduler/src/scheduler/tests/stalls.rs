//! Workers that hold chunks and do nothing with them, or nothing that anybody sees.

use super::*;

/// How long passes until [`A`] has lost its leases although it is there all the time; `None` if it does not.
fn time_until_stopped(bench: &mut Bench) -> Option<Duration> {
    let begin = bench.now;
    for _ in 0..1000 {
        let actions = bench.pass(ms(2500));
        if stopped(&actions).iter().any(|&(worker, _)| worker == A) {
            return Some(bench.now - begin);
        }
        for worker in [A, B] {
            bench.tell(Event::Heartbeat { worker });
        }
    }
    None
}

/// [`A`] has two chunks, and says that it is there; [`B`] has computed all others.
fn all_but_two(limits: Limits) -> (Bench, Vec<Given>) {
    let config = Config { max_lease_numbers: 1, ..Config::default() };
    let mut bench = Bench::with(config);
    bench.submit_with(JOB, 20, 1, limits);
    let held = bench.join(A, 1);
    let mut queue = bench.join(B, 1);
    while let Some(next) = queue.pop() {
        queue.extend(given(&bench.complete(next, ms(10))));
    }
    assert_eq!(bench.scheduler.job(JOB).unwrap().committed, 18);
    (bench, held)
}

#[test]
fn who_only_says_that_it_is_there_keeps_nothing_that_others_could_do() {
    let (mut bench, held) = all_but_two(Limits::default());
    let time = time_until_stopped(&mut bench).expect("it should lose them");
    assert!(ms(60_000) <= time && time < ms(70_000), "{time:?}");
    assert!(held.iter().all(|given| !bench.scheduler.holds(given.lease, given.chunks)));
    let view = bench.scheduler.worker(B).unwrap();
    assert_eq!((view.leases, view.leased_chunks), (2, 2), "the other one has them");
    // It gets nothing more of this job, but of others.
    let others = given(&bench.submit(OTHER, 100, 1000));
    assert!(others.iter().any(|given| given.worker == A), "{others:?}");
}

#[test]
fn who_says_that_it_has_computed_and_delivers_nothing_loses_it_as_well() {
    let (mut bench, held) = all_but_two(Limits::default());
    for &Given { worker, lease, .. } in &held {
        bench.tell(Event::LeaseComputed { worker, lease, busy: ms(10) });
    }
    assert!(held.iter().all(|given| bench.scheduler.holds(given.lease, given.chunks)));
    assert!(time_until_stopped(&mut bench).is_some());
    assert_eq!(bench.scheduler.worker(B).unwrap().leased_chunks, 2);
}

#[test]
fn chunks_that_take_long_get_longer_with_each_worker() {
    let (mut bench, _) = all_but_two(Limits::default());
    let first = time_until_stopped(&mut bench).unwrap();
    // The other one does not get them done either. Now nobody is better than another, and the first one has some again.
    let begin = bench.now;
    let second = loop {
        let actions = bench.pass(ms(2500));
        if stopped(&actions).iter().any(|&(worker, _)| worker == B) {
            break bench.now - begin;
        }
        for worker in [A, B] {
            bench.tell(Event::Heartbeat { worker });
        }
    };
    assert!(second > first + first / 2, "{first:?}, then {second:?}");
    assert_ne!(bench.scheduler.worker(A).unwrap().leased_chunks, 0);
}

#[test]
fn nothing_is_taken_for_which_there_is_nobody_else() {
    let mut bench = Bench::new();
    bench.submit(JOB, 10, 1000);
    assert!(!bench.join(A, 1).is_empty());
    assert_eq!(time_until_stopped(&mut bench), None);
}

#[test]
fn who_delivers_now_and_then_has_not_stalled() {
    let (mut bench, held) = all_but_two(Limits::default());
    for given in held {
        for _ in 0..23 {
            assert!(stopped(&bench.pass(ms(2500))).is_empty());
            for worker in [A, B] {
                bench.tell(Event::Heartbeat { worker });
            }
        }
        assert!(bench.scheduler.holds(given.lease, given.chunks));
        bench.complete(given, ms(0));
    }
    assert_eq!(bench.scheduler.job(JOB).unwrap().state, JobState::Ended(Outcome::Done));
}

#[test]
fn a_pause_of_the_results_is_no_stall() {
    let (mut bench, held) = all_but_two(Limits::default());
    bench.tell(Event::JobPaused { job: JOB });
    assert_eq!(time_until_stopped(&mut bench), None);
    assert!(held.iter().all(|given| bench.scheduler.holds(given.lease, given.chunks)));
    bench.tell(Event::JobResumed { job: JOB });
    let time = time_until_stopped(&mut bench).expect("now it is");
    assert!(time >= ms(60_000), "{time:?}");
}

#[test]
fn a_worker_that_comes_back_has_not_crashed() {
    let mut bench = Bench::new();
    bench.submit(JOB, 1, 1000);
    // The connection of one process breaks again and again, always when it has the chunk alone.
    for session in 1..=20 {
        let worker = WorkerId(session);
        if session > 1 {
            bench.scheduler.absolve(WorkerId(session - 1));
        }
        assert_eq!(bench.join(worker, 1).len(), 1, "session {session}");
        assert!(ended(&bench.tell(Event::WorkerCrashed { worker })).is_empty(), "session {session}");
    }
    // It does not come back: three other workers crash.
    let crashed = (21..=24).find(|&session| {
        bench.join(WorkerId(session), 1);
        !ended(&bench.tell(Event::WorkerCrashed { worker: WorkerId(session) })).is_empty()
    });
    assert!(crashed.is_some());
}
