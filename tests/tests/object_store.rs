//! Results in a bucket, on a server of S3 that is not ours.

#![allow(clippy::unwrap_used, reason = "a panic is how a test fails")]

use std::fs;

use serde_json::{Value, json};
use swath_tests::{Coordinator, Direction, Process, Proxy, Rows, S3Server, Scene, Signal, collatz, square, until};

/// Squares that make dozens of small parts.
const LAST: i64 = 20_000_000;

/// Enough steps of `collatz` for a part or ten, and for time to break things.
const STEPS: i64 = 12_000_000;

#[track_caller]
fn assert_exact(scene: &Scene, coordinator: &Coordinator<'_>, job: u64, last: i64) {
    coordinator.save(job, "squares.txt");
    Rows::open(&scene.path("squares.txt")).assert_are(1..=last, square);
}

/// The names of all objects but the one that says whose they are.
#[track_caller]
fn parts(server: &S3Server<'_>) -> Vec<String> {
    let names = server.objects().into_keys();
    names.filter(|name| name != "swath/owner.json").collect()
}

/// A job of which a part is committed and the rest is not: the worker stands.
#[track_caller]
fn midst(coordinator: &Coordinator<'_>, worker: &Process<'_>) -> u64 {
    until("a job was stopped in its midst", || {
        let job = coordinator.submit(&format!("1..={STEPS} -k collatz"));
        is_midst(coordinator, worker, job).then_some(job)
    })
}

/// Waits for another part of a job, then stops the worker; false, and the worker goes on, if that was all of it.
#[track_caller]
fn is_midst(coordinator: &Coordinator<'_>, worker: &Process<'_>, job: u64) -> bool {
    let before = coordinator.committed(job);
    until("another part is committed", || (coordinator.committed(job) > before).then_some(()));
    worker.freeze();
    let shown = coordinator.job(job);
    let is_midst = shown["state"] == "running" && share(&shown) < STEPS as u64;
    if !is_midst {
        worker.thaw();
    }
    is_midst
}

/// Numbers of a job that were computed.
fn share(job: &Value) -> u64 {
    let workers = job["workers"].as_array().unwrap().iter();
    workers.map(|worker| worker["numbers"].as_u64().unwrap()).sum()
}

/// Waits until a job is paused; returns why it is.
#[track_caller]
fn await_paused(coordinator: &Coordinator<'_>, job: u64) -> String {
    until("the job is paused", || {
        let job = coordinator.job(job);
        assert!(job["state"] == "running" || job["state"] == "paused", "{job:#}");
        job["paused"].as_str().map(str::to_owned)
    })
}

/// A coordinator that must not start; returns what it says.
#[track_caller]
fn refused(scene: &Scene, variables: &[String], arguments: &str) -> String {
    let prefix: Vec<&str> = std::iter::once("env").chain(variables.iter().map(String::as_str)).collect();
    let start = format!("coordinator start --log error --listen 127.0.0.1:0 {arguments}");
    scene.swath_under(&prefix, &start).end().assert_refused(1)
}

#[test]
fn results_lie_in_a_bucket_for_every_reader_until_they_are_forgotten() {
    let scene = Scene::new("results_in_a_bucket");
    let server = S3Server::start(&scene);
    let coordinator = server.coordinator("--memory 2MiB");
    let _worker = coordinator.worker_with("able", "--threads 1");
    let job = coordinator.submit(&format!("1..={LAST}"));
    coordinator.await_done(job);
    let shown = coordinator.swath(&format!("job show {job}")).succeed();
    assert!(shown.stdout().contains(&format!("in s3://results/swath/jobs/{job}")), "{}", shown.stdout());
    assert_exact(&scene, &coordinator, job, LAST);

    let parts_of = |job: u64| {
        let names = parts(&server).into_iter();
        names.filter(|name| name.starts_with(&format!("swath/jobs/{job}/part-"))).count()
    };
    assert!(parts_of(job) > 0, "{:?}", parts(&server));
    assert_eq!(parts_of(job), parts(&server).len(), "nothing else lies there");
    assert!(!scene.path("data/jobs").exists(), "nothing lies in the data folder");
    assert_eq!(server.ask(&["unfinished"]), json!([]));
    let summary = json!({"rows": LAST, "first": 1, "last": LAST, "in_order": true, "wrong": 0});
    let seen = server.ask(&["squares", &format!("swath/jobs/{job}")]);
    assert_eq!(seen, json!({"pyarrow": summary, "polars": summary}));
    let flown = scene.python("flight.py", [coordinator.address(), "get", &job.to_string()]);
    assert_eq!((&flown["rows"], &flown["wrong"], &flown["in_order"]), (&json!(LAST), &json!(0), &json!(true)));

    // Without a pattern they take more room, and so many parts.
    let steps = coordinator.submit("1..=12000000 -k collatz");
    coordinator.await_done(steps);
    assert!(parts_of(steps) > 10, "{:?}", parts(&server));
    coordinator.save(steps, "steps.csv");
    Rows::open(&scene.path("steps.csv")).assert_are(1..=12_000_000, collatz);
    coordinator.swath(&format!("job forget {steps}")).succeed();

    coordinator.swath("run 1..=1000 --file run.txt").succeed();
    Rows::open(&scene.path("run.txt")).assert_are(1..=1000, square);

    let cancelled = coordinator.submit("1..=1e12");
    until("results of the second job are there", || (parts_of(cancelled) > 0).then_some(()));
    coordinator.swath(&format!("job cancel {cancelled} --drop-results")).succeed();
    until("they are gone", || (parts_of(cancelled) == 0).then_some(()));
    coordinator.swath(&format!("job forget {job}")).succeed();
    until("the bucket is as empty as before", || parts(&server).is_empty().then_some(()));
    coordinator.stop(Signal::TERM).assert_code(0);
    assert_eq!(parts(&server), [""; 0]);
}

#[test]
fn a_coordinator_that_is_killed_goes_on_with_what_lies_in_the_bucket() {
    let scene = Scene::new("killed_with_a_bucket");
    let server = S3Server::start(&scene);
    let mut coordinator = server.coordinator("--memory 1MiB");
    let address = coordinator.address().to_owned();
    let worker = coordinator.worker_with("able", "--threads 1");
    let job = midst(&coordinator, &worker);
    for kill in 0..3 {
        coordinator.stop(Signal::KILL);
        let orphan = format!("swath/jobs/{job}/part-{kill}.parquet");
        server.ask(&["put", &orphan, "left over from a kill"]);
        server.ask(&["put", &format!("swath/jobs/{job}/notes.txt"), "not ours"]);
        coordinator = server.coordinator(&format!("--memory 1MiB --listen {address}"));
        assert!(!server.objects().contains_key(&orphan), "what no commit names is swept");
        worker.thaw();
        if coordinator.has_ended(job) || !is_midst(&coordinator, &worker, job) {
            break;
        }
    }
    worker.thaw();
    coordinator.await_done(job);
    coordinator.save(job, "steps.txt");
    Rows::open(&scene.path("steps.txt")).assert_are(1..=STEPS, collatz);
    let names = parts(&server);
    assert!(names.contains(&format!("swath/jobs/{job}/notes.txt")), "what the store did not write is left");
    let lost = names.iter().rfind(|name| name.starts_with(&format!("swath/jobs/{job}/part-"))).unwrap().clone();

    // A part that is lost while nobody looks is computed again.
    coordinator.stop(Signal::TERM).assert_code(0);
    server.ask(&["delete", &lost]);
    coordinator = server.coordinator(&format!("--listen {address}"));
    assert!(coordinator.process().stderr().contains(&lost), "nothing was said of {lost}");
    coordinator.await_done(job);
    coordinator.save(job, "steps.txt");
    Rows::open(&scene.path("steps.txt")).assert_are(1..=STEPS, collatz);
    worker.signal(Signal::TERM);
    worker.wait().assert_code(0);
}

/// A job whose bucket is away for a while, as `fault` makes it, which then lets the worker go on; one of
/// `reasons` must be blamed.
#[track_caller]
fn away_and_back(name: &str, more: &[&str], reasons: &[&str], fault: impl Fn(&Proxy, &dyn Fn())) {
    let scene = Scene::new(name);
    let server = S3Server::start(&scene);
    let proxy = server.proxy();
    let mut variables = server.variables(Some(&proxy));
    variables.extend(more.iter().map(|&variable| variable.to_owned()));
    let coordinator = server.coordinator_with(&variables, "--memory 1MiB");
    let worker = coordinator.worker_with("able", "--threads 1");
    let job = midst(&coordinator, &worker);
    fault(&proxy, &|| worker.thaw());
    let said = await_paused(&coordinator, job);
    assert!(
        said.contains(&format!("s3://results/swath/jobs/{job}/part-"))
            && reasons.iter().any(|reason| said.contains(reason)),
        "{said}"
    );
    let shown = coordinator.swath(&format!("job show {job}")).succeed();
    assert!(shown.stdout().contains(&said), "{}", shown.stdout());
    assert!(coordinator.committed(job) < STEPS as u64);
    // Who reads meanwhile waits.
    let mut reader = coordinator.swath(&format!("job results {job} --file steps.txt")).start();
    until("the reader waits", || coordinator.process().stderr().contains("a reader waits").then_some(()));
    assert!(reader.is_running());
    assert_eq!(coordinator.find_worker("able").unwrap()["state"], "active");
    let kept = coordinator.committed(job);
    proxy.mend();
    reader.wait().assert_code(0);
    Rows::open(&scene.path("steps.txt")).assert_are(1..=STEPS, collatz);
    coordinator.await_done(job);
    assert!(kept > 0 && coordinator.job(job)["paused"] == Value::Null);

    // What was written and not acknowledged is deleted, and stays away when the job is forgotten.
    let listed =
        |server: &S3Server<'_>| server.ask(&["squares", &format!("swath/jobs/{job}")])["pyarrow"]["rows"].clone();
    until("no part is there twice", || (listed(&server) == json!(STEPS)).then_some(()));
    for job in 1..=job {
        coordinator.swath(&format!("job forget {job}")).succeed();
    }
    until("the bucket is empty", || parts(&server).is_empty().then_some(()));
    let log = coordinator.process().stderr();
    assert!(!log.contains(server.secret()), "{log}");
    worker.signal(Signal::TERM);
    worker.wait().assert_code(0);
    coordinator.stop(Signal::TERM).assert_code(0);
}

#[test]
fn a_bucket_that_refuses_connections_pauses_its_jobs() {
    away_and_back("a_bucket_that_refuses", &[], &["onnection", "request", "body", "pipe"], |proxy, go_on| {
        proxy.refuse();
        proxy.sever();
        go_on();
        until("a request was refused", || (proxy.refused() > 0).then_some(()));
    });
}

#[test]
fn a_bucket_that_does_not_answer_pauses_its_jobs() {
    away_and_back("a_bucket_that_hangs", &["AWS_TIMEOUT=2s"], &["timed out"], |proxy, go_on| {
        Direction::BOTH.into_iter().for_each(|direction| proxy.cut(direction));
        go_on();
        until("a request was held", || (proxy.held(Direction::ToCoordinator) > 0).then_some(()));
    });
}

#[test]
fn answers_that_are_lost_leave_no_part_twice() {
    away_and_back("a_bucket_without_answers", &["AWS_TIMEOUT=2s"], &["timed out"], |proxy, go_on| {
        proxy.cut(Direction::FromCoordinator);
        go_on();
        until("an answer was held", || (proxy.held(Direction::FromCoordinator) > 0).then_some(()));
    });
}

#[test]
fn results_that_are_forgotten_make_room_in_a_bucket() {
    let scene = Scene::new("room_in_a_bucket");
    let server = S3Server::start(&scene);
    let coordinator = server.coordinator("--memory 1MiB --max-disk 6MiB");
    let _worker = coordinator.worker_with("able", "--threads 1");
    let old = coordinator.submit("1..=4000000 -k collatz");
    coordinator.await_done(old);
    let new = coordinator.submit("1..=4000000 -k collatz --retain 1s");
    let reason = await_paused(&coordinator, new);
    assert!(reason.contains("of the 6.0 MiB that --max-disk allows"), "{reason}");
    coordinator.swath(&format!("job forget {old}")).succeed();
    until("the second job is done, and forgotten after its time", || {
        let jobs = coordinator.swath("job list --output json").succeed().json();
        (jobs.as_array()?.is_empty() && parts(&server).is_empty()).then_some(())
    });
}

#[test]
fn a_store_that_cannot_be_used_is_refused_with_a_sentence() {
    let scene = Scene::new("no_such_store");
    let server = S3Server::start(&scene);
    let replaced = |name: &str, value: &str| {
        let mut variables = server.variables(None);
        variables.retain(|variable| !variable.starts_with(&format!("{name}=")));
        variables.push(format!("{name}={value}"));
        variables
    };
    let check = |variables: &[String], store: &str, expected: &[&str]| {
        let said = refused(&scene, variables, &format!("--store {store}"));
        for part in expected {
            assert!(said.contains(part), "`{part}` is not in: {said}");
        }
        assert!(!said.contains(server.secret()) && !said.contains("hush"), "{said}");
    };
    let (store, endpoint) = ("s3://results/swath", server.endpoint());
    check(&server.variables(None), "s3://nowhere/swath", &["bucket", "s3://nowhere/swath", "does not exist", endpoint]);
    check(
        &replaced("AWS_ACCESS_KEY_ID", "AKIANOBODY"),
        store,
        &["refuses the credentials", "InvalidAccessKeyId", store],
    );
    let wrong = replaced("AWS_SECRET_ACCESS_KEY", "hush");
    check(&wrong, store, &["refuses the credentials", "SignatureDoesNotMatch", store, endpoint]);
    let nobody = replaced("AWS_ENDPOINT_URL", "http://127.0.0.1:1");
    check(&nobody, store, &["cannot reach the store s3://results/swath at http://127.0.0.1:1", "onnection refused"]);
    check(&replaced("AWS_ALLOW_HTTP", "false"), store, &["is not encrypted", "AWS_ALLOW_HTTP=true", endpoint]);
    assert!(server.objects().is_empty(), "nothing was written");
    for store in ["gs://bucket", "s3://", "results", "s3://AKIA:hush@results"] {
        let said = scene.swath(&format!("coordinator start --store {store}")).end().assert_misused();
        assert!(said.contains("s3://bucket/prefix"), "{said}");
    }
}

#[test]
fn a_store_belongs_to_one_ledger() {
    let scene = Scene::new("one_ledger");
    let server = S3Server::start(&scene);
    let variables = server.variables(None);
    let coordinator = server.coordinator("");
    let worker = coordinator.worker("able");
    coordinator.swath("submit 1..=1000 --wait").succeed();
    let store = "--store s3://results/swath";
    let folder = |name: &str| scene.path(name).display().to_string();

    // Another coordinator, also while the first one runs.
    let said = refused(&scene, &variables, &format!("{store} --data other"));
    for part in [folder("data"), folder("other"), "s3://results/swath/owner.json".to_owned()] {
        assert!(said.contains(&part), "`{part}` is not in: {said}");
    }
    coordinator.stop(Signal::TERM).assert_code(0);
    worker.signal(Signal::TERM);
    worker.wait().assert_code(0);

    // The same ledger with another store.
    let said = refused(&scene, &variables, "--data data");
    assert!(said.contains("s3://results/swath") && said.contains("its own folder"), "{said}");
    let said = refused(&scene, &variables, "--data data --store s3://results/other");
    assert!(said.contains("lie in s3://results/swath, not in s3://results/other"), "{said}");

    // A ledger out of a backup does not know all results.
    fs::create_dir(scene.path("backup")).unwrap();
    fs::copy(scene.path("data/ledger.sqlite"), scene.path("backup/ledger.sqlite")).unwrap();
    server.coordinator("").stop(Signal::TERM).assert_code(0);
    let said = refused(&scene, &variables, &format!("{store} --data backup"));
    assert!(said.contains("copy") && said.contains("owner.json"), "{said}");

    // Without its owner it is anybody's, but not results that nobody knows.
    server.ask(&["delete", "swath/owner.json"]);
    let said = refused(&scene, &variables, &format!("{store} --data third"));
    assert!(said.contains("never had") && said.contains(&folder("third")), "{said}");
    assert!(!parts(&server).is_empty(), "they were left as they were");
    let coordinator = server.coordinator("");
    assert_exact(&scene, &coordinator, 1, 1000);
}

#[test]
fn a_folder_of_its_own_is_a_store_too() {
    let scene = Scene::new("a_folder_of_its_own");
    let store = format!("--store file://{}", scene.path("elsewhere").display());
    let coordinator = scene.coordinator_with(&store);
    let _worker = coordinator.worker("able");
    coordinator.swath("submit 1..=100000 --wait").succeed();
    assert_exact(&scene, &coordinator, 1, 100_000);
    assert!(scene.path("elsewhere/jobs/1").is_dir() && !scene.path("data/jobs").exists());
    let said = refused(&scene, &[], &format!("{store} --data other"));
    assert!(said.contains("belongs since") && said.contains("owner.json"), "{said}");
    coordinator.swath("job forget 1").succeed();
    assert!(fs::read_dir(scene.path("elsewhere/jobs/1")).map_or(0, Iterator::count) == 0, "nothing is left");
}
