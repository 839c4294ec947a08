//! Workers that are launched over ssh, on hosts of their own with real ssh servers.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a panic is how a test fails")]

use std::{collections::BTreeMap, fs, ops::RangeInclusive};

use serde_json::Value;
use swath_tests::{
    Coordinator, DEADLINE, Door, ENOUGH, Hosts, Rows, Scene, Signal, Sshd, collatz, until, until_seen, while_passes,
};

/// Too small for the program.
const TOO_SMALL: u64 = 8 << 20;

/// Steps to 1 from numbers so large that each takes a while.
const NUMBERS: RangeInclusive<i64> = 1_000_000_000_000..=1_000_059_999_999;

/// Far more than is computed while a test runs.
const ENDLESS: &str = "1..=1e14 -k collatz";

fn submit(coordinator: &Coordinator<'_>) -> u64 {
    let (first, last) = (NUMBERS.start(), NUMBERS.end());
    coordinator.submit(&format!("{first}..={last} -k collatz --chunk-size 20000 --crash-limit 100"))
}

fn assert_exact(scene: &Scene, coordinator: &Coordinator<'_>, job: u64) {
    coordinator.await_done(job);
    coordinator.save(job, "steps.csv");
    Rows::open(&scene.path("steps.csv")).assert_are(NUMBERS, collatz);
}

/// Hosts with ssh servers, of which all accept the key; `None` where they cannot be had.
fn open_hosts(scene: &Scene, count: usize) -> Option<(Hosts<'_>, Sshd<'_>)> {
    let hosts = Hosts::create(scene, count)?;
    let sshd = Sshd::start(scene, &hosts, &vec![Door::Open; count])?;
    Some((hosts, sshd))
}

/// What `--output json` says of each host.
fn by_host(lines: &Value) -> BTreeMap<String, Value> {
    let lines = lines.as_array().expect("a list").iter();
    lines.map(|line| (line["host"].as_str().expect("a host").to_owned(), line.clone())).collect()
}

fn outcomes(lines: &Value) -> BTreeMap<String, String> {
    by_host(lines)
        .into_iter()
        .map(|(host, line)| (host, line["outcome"].as_str().expect("a word").to_owned()))
        .collect()
}

fn until_no_worker_runs_on(hosts: &Hosts<'_>, host: usize) {
    until("no worker runs there", || (hosts.workers_on(host) == 0).then_some(()));
}

fn until_nobody_is_logged_in(hosts: &Hosts<'_>, host: usize) {
    let logins = "pgrep -c -f '^sshd: root' || true";
    until("nobody is logged in", || (hosts.says(host, logins) == "0").then_some(()));
}

#[test]
fn three_hosts_compute_while_others_say_why_they_do_not() {
    let scene = Scene::new("launch_three_hosts");
    // host0 is where the coordinator and the launcher are.
    let disks = [ENOUGH, ENOUGH, ENOUGH, ENOUGH, ENOUGH, TOO_SMALL];
    let Some(hosts) = Hosts::with_disks(&scene, &disks) else { return };
    let doors = [Door::Open, Door::Open, Door::Open, Door::Open, Door::Locked, Door::Open];
    let Some(sshd) = Sshd::start(&scene, &hosts, &doors) else { return };
    let coordinator = hosts.coordinator(0, "--insecure");
    let nobody = hosts.address_of_nobody();
    fs::write(
        scene.path("hosts.txt"),
        format!("# the rack\nhost1 slots=2\n1/root@host2\nhost3\n\nhost4 # locked\nhost5\n{nobody}\n"),
    )
    .unwrap();

    // From host1: packets to nobody are dropped on host0, which is no router.
    let arguments = format!("--hostfile hosts.txt --copy --connect-timeout 2s --coordinator {}", coordinator.address());
    let said = sshd.launch(&hosts, 1, &format!("{arguments} --output json")).end().assert_code(1);
    assert!(said.stderr().starts_with("swath: no worker on 3 of 6 hosts"), "{}", said.stderr());
    let lines = by_host(&said.json());
    let of = |host: &str| lines[host]["outcome"].as_str().unwrap().to_owned();
    assert_eq!(["host1", "root@host2", "host3"].map(&of), ["started"; 3], "{lines:#?}");
    assert_eq!([&nobody, "host4", "host5"].map(&of), ["unreachable", "permission_denied", "no_room"], "{lines:#?}");
    assert!(lines[&nobody]["message"].as_str().unwrap().contains("timed out"), "{lines:#?}");
    assert_eq!((&lines["host1"]["threads"], &lines["root@host2"]["threads"]), (&2.into(), &1.into()));
    assert!(lines["host3"]["threads"].as_u64().unwrap() > 0);
    // What did not fit was removed again.
    assert_eq!(hosts.says(5, "find .cache/swath -type f"), "");

    let job = submit(&coordinator);
    assert_exact(&scene, &coordinator, job);
    for name in ["host1", "host2", "host3"] {
        assert!(coordinator.share(job, name) > 0, "{name} computed nothing");
    }

    // Again: nothing is started or copied where a worker runs.
    let program = "ls -li .cache/swath/bin";
    let before = hosts.says(2, program);
    let again = sshd.launch(&hosts, 1, &format!("{arguments} --output json")).end().assert_code(1);
    assert_eq!(outcomes(&again.json())["root@host2"], "running");
    assert_eq!((hosts.workers_on(2), hosts.says(2, program)), (1, before.clone()));
    let forced = format!("--host host2 --copy --force --coordinator {}", coordinator.address());
    let forced = sshd.launch(&hosts, 1, &forced).succeed();
    assert!(forced.stdout().starts_with("host2  started "), "{}", forced.stdout());
    assert_eq!((hosts.workers_on(2), hosts.says(2, program)), (2, before));

    let three = "--host host1,host2,host3";
    let status = by_host(&sshd.launch(&hosts, 1, &format!("status {three} --output json")).succeed().json());
    assert_eq!(status["host2"]["workers"].as_array().unwrap().len(), 2);
    assert_eq!(status["host1"]["workers"][0]["coordinator"], coordinator.address());
    let other = sshd.launch(&hosts, 1, &format!("stop {three} --coordinator h9:7171 --output json")).succeed();
    assert!(outcomes(&other.json()).values().all(|outcome| outcome == "idle"), "{}", other.stdout());
    let stopped = sshd.launch(&hosts, 1, &format!("stop {three} --output json")).succeed().json();
    assert_eq!(outcomes(&stopped).values().collect::<Vec<_>>(), ["stopped"; 3]);
    assert!(by_host(&stopped)["host2"]["workers"].as_array().unwrap().iter().all(|worker| worker["state"] == "ended"));
    for host in 1..=3 {
        until_no_worker_runs_on(&hosts, host);
    }
    until("they have left", || coordinator.workers().is_empty().then_some(()));
}

#[test]
fn a_host_that_is_cut_off_in_the_midst_of_a_job_comes_back_to_it() {
    let scene = Scene::new("launch_cut");
    let Some((hosts, sshd)) = open_hosts(&scene, 3) else { return };
    let coordinator = hosts.coordinator(0, "--insecure --lease-timeout 1s");
    let launch = format!("--host 1/host1 --host 1/host2 --copy --coordinator {}", coordinator.address());
    sshd.launch(&hosts, 0, &launch).succeed();

    let job = submit(&coordinator);
    coordinator.await_midst(job, "host1");
    // The other one is stopped, so that there is work left when the plug is back.
    hosts.says(2, "pkill -STOP ^swath");
    hosts.cut(1);
    until("it has lost its leases", || {
        let worker = coordinator.find_worker("host1");
        worker.is_none_or(|worker| worker["leases"] == 0 && worker["state"] == "silent").then_some(())
    });
    assert_eq!(coordinator.job(job)["state"], "running", "nothing is left to compute");
    let share = coordinator.share(job, "host1");
    hosts.restore(1);
    until("it computes again", || (coordinator.share(job, "host1") > share).then_some(()));
    hosts.says(2, "pkill -CONT ^swath");
    assert_exact(&scene, &coordinator, job);
    assert_eq!((hosts.workers_on(1), hosts.workers_on(2)), (1, 1));
}

/// With access files nobody has to name the coordinator: each file says where it is.
#[test]
fn three_hosts_compute_with_tls_while_one_is_cut_off_and_comes_back() {
    let scene = Scene::new("launch_tls");
    let Some((hosts, sshd)) = open_hosts(&scene, 3) else { return };
    let coordinator = hosts.secured_coordinator(0, "access", "--lease-timeout 1s");
    let launch = "--host 1/host1 --host 1/host2 --copy --worker-access access/worker.toml";
    sshd.launch(&hosts, 0, launch).succeed();

    let client = |arguments: &str| hosts.swath(2, arguments).env("SWATH_ACCESS", "access/client.toml");
    let (first, last) = (NUMBERS.start(), NUMBERS.end());
    let waits =
        client(&format!("submit {first}..={last} -k collatz --chunk-size 20000 --crash-limit 100 --wait")).start();
    let job = 1;
    until("it was submitted", || (!coordinator.jobs().is_empty()).then_some(()));
    coordinator.await_midst(job, "host1");
    // The other one is stopped, so that there is work left when the plug is back.
    hosts.says(2, "pkill -STOP ^swath");
    hosts.cut(1);
    until("it has lost its leases", || {
        let worker = coordinator.find_worker("host1");
        worker.is_none_or(|worker| worker["leases"] == 0 && worker["state"] == "silent").then_some(())
    });
    assert_eq!(coordinator.job(job)["state"], "running", "nothing is left to compute");
    let share = coordinator.share(job, "host1");
    hosts.restore(1);
    until("it computes again", || (coordinator.share(job, "host1") > share).then_some(()));
    hosts.says(2, "pkill -CONT ^swath");
    waits.wait().assert_code(0);
    client(&format!("job results {job} -o steps.csv")).succeed();
    Rows::open(&scene.path("steps.csv")).assert_are(NUMBERS, collatz);

    // Nobody else gets in on the same network.
    let address = coordinator.address();
    assert_ne!(hosts.swath(1, &format!("job list --coordinator {address}")).end().code(), Some(0));
    let refused = hosts.swath(1, "worker drain 1 --access access/client.toml").end().assert_refused(2);
    assert!(refused.contains("needs the role admin"), "{refused}");
    sshd.launch(&hosts, 0, "stop --host host1,host2").succeed();
}

#[test]
fn workers_that_are_attached_end_with_their_launcher_however_it_ends() {
    let scene = Scene::new("launch_attached");
    let Some((hosts, sshd)) = open_hosts(&scene, 3) else { return };
    let coordinator = hosts.coordinator(0, "--insecure");
    let launch = format!("--host host1 --host host2 --copy --attached --coordinator {}", coordinator.address());
    for signal in [Signal::KILL, Signal::INT] {
        let launcher = sshd.launch(&hosts, 0, &launch).start();
        until("both have joined", || (coordinator.workers().len() == 2).then_some(()));
        until("it says so", || launcher.stderr().contains("2 workers attached").then_some(()));
        assert_eq!((hosts.workers_on(1), hosts.workers_on(2)), (1, 1));
        coordinator.submit(ENDLESS);
        launcher.signal(signal);
        let ended = launcher.wait();
        match signal {
            Signal::KILL => assert_eq!(ended.signal(), Some(9)),
            _ => assert_eq!(ended.assert_code(130).stderr().lines().last(), Some("the workers have ended")),
        }
        for host in [1, 2] {
            until_no_worker_runs_on(&hosts, host);
            until("nothing of it is left", || {
                hosts.says(host, "find .cache/swath/workers -name '*.worker'").is_empty().then_some(())
            });
        }
        until("they are lost", || coordinator.workers().is_empty().then_some(()));
    }

    // The launcher ends when all its workers have.
    let launcher = sshd.launch(&hosts, 0, &launch).start();
    until("both have joined", || (coordinator.workers().len() == 2).then_some(()));
    until("it says so", || launcher.stderr().contains("2 workers attached").then_some(()));
    sshd.launch(&hosts, 0, "stop --host host1 --host host2").succeed();
    let ended = launcher.wait().assert_code(0);
    assert!(ended.stderr().contains("host1: its worker has ended"), "{}", ended.stderr());
}

#[test]
fn a_worker_that_is_attached_and_cut_off_ends() {
    let scene = Scene::new("launch_attached_cut");
    let Some((hosts, sshd)) = open_hosts(&scene, 3) else { return };
    let coordinator = hosts.coordinator(0, "--insecure");
    let options = "--ssh-option ServerAliveInterval=1 --ssh-option ServerAliveCountMax=2";
    let launch =
        format!("--host host1 --host host2 --copy --attached {options} --coordinator {}", coordinator.address());
    let launcher = sshd.launch(&hosts, 0, &launch).start();
    until("it says so", || launcher.stderr().contains("2 workers attached").then_some(()));
    hosts.cut(1);
    until("the launcher knows", || launcher.stderr().contains("host1: the connection broke: Timeout").then_some(()));
    // Nobody can tell it, and nothing closes there.
    assert_eq!((hosts.workers_on(1), hosts.workers_on(2)), (1, 1));
    until_no_worker_runs_on(&hosts, 1);
    assert_eq!(hosts.workers_on(2), 1);
    sshd.launch(&hosts, 0, "stop --host host2").succeed();
    let ended = launcher.wait().assert_code(1);
    assert!(ended.stderr().ends_with("swath: 1 of 2 workers failed\n"), "{}", ended.stderr());
}

#[test]
fn workers_outlive_a_launcher_and_a_worker_that_does_not_end_is_killed() {
    let scene = Scene::new("launch_stop");
    let Some((hosts, sshd)) = open_hosts(&scene, 2) else { return };
    let coordinator = hosts.coordinator(0, "--insecure");
    hosts.install(1);
    let launch = format!("--host host1 --coordinator {}", coordinator.address());
    sshd.launch(&hosts, 0, &launch).succeed();
    // No shell and no connection of the launcher is left, and the worker is there.
    until_nobody_is_logged_in(&hosts, 1);
    assert_eq!((hosts.workers_on(1), coordinator.workers().len()), (1, 1));
    assert_eq!(hosts.says(1, "stat -c %a .cache/swath .cache/swath/workers/host1"), "700\n700");

    hosts.says(1, "pkill -STOP -x swath");
    let stopped = sshd.launch(&hosts, 0, "stop --host host1 --grace 1s").succeed();
    assert_eq!(stopped.stdout(), "host1  stopped 1 worker, 1 of them killed\n");
    until_no_worker_runs_on(&hosts, 1);
    let again = sshd.launch(&hosts, 0, "stop --host host1").succeed();
    assert_eq!(again.stdout(), "host1  no worker runs there\n");
}

#[test]
fn stop_ends_no_process_that_has_got_the_number_of_a_worker() {
    let scene = Scene::new("launch_number");
    let Some((hosts, sshd)) = open_hosts(&scene, 2) else { return };
    hosts.says(1, "mkdir -p .cache/swath/workers/host1");
    let _other = hosts.sh(1, "echo $$ >number; exec sleep 1000").start();
    let number =
        until("it runs", || Some(hosts.says(1, "cat number 2>/dev/null || true")).filter(|number| !number.is_empty()));
    let boot = fs::read_to_string("/proc/sys/kernel/random/boot_id").unwrap();
    let record = format!("pid={number}\\nsince=1\\nbooted={}\\ncoordinator=h0:7171\\n", boot.trim());
    hosts.says(1, &format!("printf '{record}' >.cache/swath/workers/host1/old.worker"));
    let stopped = sshd.launch(&hosts, 0, "stop --host host1").succeed();
    assert_eq!(stopped.stdout(), "host1  no worker runs there\n");
    assert_eq!(hosts.says(1, &format!("ls .cache/swath/workers/host1; kill -0 {number} && echo lives")), "lives");
}

#[test]
fn a_worker_that_does_not_join_says_why() {
    let scene = Scene::new("launch_why");
    let Some((hosts, sshd)) = open_hosts(&scene, 2) else { return };
    let refused = |arguments: &str, outcome: &str, words: &str| {
        let ended = sshd.launch(&hosts, 0, &format!("--host host1 --output json {arguments}")).end().assert_code(1);
        let line = ended.json()[0].clone();
        assert_eq!(line["outcome"], outcome, "{line:#}");
        assert!(line["message"].as_str().unwrap().contains(words), "{line:#}");
        until_no_worker_runs_on(&hosts, 1);
    };
    let nowhere = format!("--coordinator {}:9", hosts.address(0));
    refused(&nowhere, "not_found", "install it, name its path with --remote-swath, or copy this program with --copy");
    hosts.install(1);
    refused(&format!("{nowhere} --join-timeout 1s"), "no_coordinator", "Connection refused");
    let said = sshd.launch(&hosts, 0, "--host host1 --coordinator nonsense:port").end().assert_misused();
    assert!(said.contains("nonsense:port"), "{said}");
    // A program that does not know what it is asked for, and one that the coordinator does not talk to.
    for (line, outcome, words) in [
        ("echo \"error: unexpected argument --ready-file found\" >&2; exit 2", "misunderstood", "unexpected argument"),
        (
            "[ \"$SWATH_LAUNCHED\" = true ] && echo \"@worker other_version the worker (swath 0.0.1) speaks version 1\" \
             >&2; exit 1",
            "other_version",
            "speaks version 1",
        ),
    ] {
        hosts.says(1, &format!("printf '#!/bin/sh\\n%s\\n' '{line}' >old; chmod +x old"));
        refused(&format!("{nowhere} --remote-swath ./old"), outcome, words);
    }
    hosts.says(1, "printf '#!/bin/sh\\necho no such thing >&2; exit 7' >old");
    refused(&format!("{nowhere} --remote-swath ~/old"), "ended", "exit code 7: no such thing");
    // Whoever may write to the folder could replace the program.
    hosts.says(1, "chmod 777 .cache/swath");
    refused(&nowhere, "folder", "others may write to it");
}

#[test]
fn a_copy_that_breaks_off_leaves_nothing_and_one_for_another_processor_is_not_begun() {
    let scene = Scene::new("launch_copy");
    let Some(hosts) = Hosts::create(&scene, 3) else { return };
    let Some(sshd) = Sshd::start(&scene, &hosts, &[Door::Open, Door::Open, Door::Foreign]) else { return };
    let coordinator = hosts.coordinator(0, "--insecure");
    let foreign = format!("--host host2 --copy --output json --coordinator {}", coordinator.address());
    let foreign = sshd.launch(&hosts, 0, &foreign).end().assert_code(1).json();
    assert_eq!(foreign[0]["outcome"], "other_system", "{foreign:#}");
    assert_eq!(hosts.says(2, "ls -A"), "");

    let files = || -> Vec<String> {
        let files = fs::read_dir(hosts.path(1, ".cache/swath/bin")).into_iter().flatten().flatten();
        files.map(|file| file.file_name().to_string_lossy().into_owned()).collect()
    };
    let is_partial = || files().iter().any(|name| name.ends_with(".part"));
    let launch = format!("--host host1 --copy --coordinator {}", coordinator.address());
    let mut broken = 0;
    while broken == 0 {
        let launcher = sshd.launch(&hosts, 0, &launch).start();
        until_seen("the copy has begun", || (!files().is_empty()).then_some(()));
        launcher.freeze();
        broken += usize::from(is_partial());
        // Dropped, it is killed where it stands.
        drop(launcher);
        until("what was copied in part is removed", || (!is_partial()).then_some(()));
        // What was whole before is started.
        until_nobody_is_logged_in(&hosts, 1);
        sshd.launch(&hosts, 0, "stop --host host1").succeed();
        hosts.says(1, "rm -rf .cache/swath/bin");
    }
    sshd.launch(&hosts, 0, &launch).succeed();
    assert_eq!((files().len(), hosts.workers_on(1)), (1, 1));
}

#[test]
fn whatever_words_are_made_of_they_are_words_on_the_host() {
    let scene = Scene::new("launch_words");
    let Some((hosts, sshd)) = open_hosts(&scene, 2) else { return };
    let coordinator = hosts.coordinator(0, "--insecure");
    let folder = "-it's $(touch hacked) `touch hacked`; \"touch\" hacked & *";
    let launch = |arguments: &str| sshd.launch(&hosts, 0, arguments).arg(format!("--remote-dir={folder}"));
    let start = format!("--host host1 --copy --coordinator {}", coordinator.address());
    launch(&start).args(["--", "--upload-memory", "64 MiB"]).succeed();
    assert_eq!(coordinator.workers().len(), 1);
    assert_eq!(hosts.says(1, "ls -A"), folder, "and nothing else is there");
    launch("stop --host host1").succeed();
    until_no_worker_runs_on(&hosts, 1);
}

#[test]
fn an_access_file_is_for_nobody_else_to_read_and_in_no_command_line() {
    let scene = Scene::new("launch_access");
    let Some((hosts, sshd)) = open_hosts(&scene, 2) else { return };
    // A worker that stands still when it has joined, so to say.
    let line = "while [ $# -gt 0 ]; do [ $1 != --ready-file ] || echo worker=7 threads=1 >$2; \
                [ $1 != --access ] || cp $2 got; shift; done; exec sleep 1000";
    hosts.says(1, &format!("printf '#!/bin/sh\\n%s\\n' '{line}' >fake; chmod +x fake"));
    scene.swath("access create access --address h0:7171").succeed();
    let read = || fs::read_to_string(scene.path("access/worker.toml")).unwrap();
    let file = read();
    let (_, key) = file.split_once("-----BEGIN PRIVATE KEY-----\n").unwrap();
    let secret = key.lines().next().unwrap();
    let launch = "--host host1 --remote-swath ./fake --worker-access access/worker.toml --log debug";
    let said = sshd.launch(&hosts, 0, launch).succeed();
    assert!(said.stdout().contains("started 1 thread (worker 7, process "), "{}", said.stdout());
    let dry = sshd.launch(&hosts, 0, &format!("{launch} --dry-run")).succeed();
    for text in [said.stdout(), said.stderr(), dry.stdout(), dry.stderr()] {
        assert!(!text.contains(secret), "{text}");
    }
    assert_eq!(hosts.says(1, "cat got"), file.trim());
    assert_eq!(hosts.says(1, "stat -c %a .cache/swath/access .cache/swath/access/*"), "700\n600");
    assert_eq!(hosts.says(1, "ls .cache/swath/access | wc -l"), "1");
    // The next one takes its place.
    scene.swath("access issue access --role worker -o access/worker.toml").succeed();
    assert_ne!(read(), file);
    sshd.launch(&hosts, 0, &format!("{launch} --force")).succeed();
    assert_eq!(hosts.says(1, "cat .cache/swath/access/*"), read().trim());
    let wrong = launch.replace("worker.toml", "client.toml");
    let refused = sshd.launch(&hosts, 0, &wrong).end().assert_refused(2);
    assert!(refused.contains("is for the role client, but this needs the role worker"), "{refused}");
    let stopped = sshd.launch(&hosts, 0, "stop --host host1 --coordinator h0:7171").succeed();
    assert_eq!(stopped.stdout(), "host1  stopped 2 workers\n");
}

#[test]
fn a_dry_run_prints_what_would_be_run_and_changes_nothing() {
    let scene = Scene::new("launch_dry_run");
    let Some((hosts, sshd)) = open_hosts(&scene, 2) else { return };
    let launch = "--host 3/host1 --host ada@h9:2222 --copy --coordinator h0:7171 --dry-run -- --grace 1m";
    let said = sshd.launch(&hosts, 0, launch).succeed();
    assert!(said.stdout().contains("-- host1 \"exec sh -c "), "{}", said.stdout());
    assert!(said.stdout().contains("-l ada -p 2222 -- h9 "), "{}", said.stdout());
    let words = "set -- worker start --name host1 --coordinator h0:7171 --threads 3 --grace 1m\n";
    assert!(said.stdout().contains(words), "{}", said.stdout());
    assert_eq!(hosts.says(1, "ls -A"), "");

    // And it is what is run: by hand, it starts a worker.
    hosts.install(1);
    let coordinator = hosts.coordinator(0, "--insecure");
    let launch = format!("--host host1 --coordinator {} --dry-run --output json", coordinator.address());
    let said = sshd.launch(&hosts, 0, &launch).succeed().json();
    let words = said[0]["command"].as_array().unwrap().iter().map(|word| word.as_str().unwrap().to_owned());
    let command = hosts.beside(0).into_iter().chain(words).collect::<Vec<_>>();
    fs::write(scene.path("script"), said[0]["script"].as_str().unwrap()).unwrap();
    let by_hand = scene.bash("exec \"$@\" <script").arg("bash").args(command).succeed();
    assert!(by_hand.stdout().contains("@swath joined"), "{}", by_hand.stdout());
    assert_eq!(coordinator.workers().len(), 1);
}

#[test]
fn an_attached_worker_that_hears_nothing_ends() {
    let scene = Scene::new("launch_silence");
    let coordinator = scene.coordinator();
    let worker = format!("$SWATH worker start --name one --coordinator {} --attached", coordinator.address());
    // The standard input stays open, and is silent after a while.
    let pipe = format!("{{ sleep 1; echo; sleep 1; echo; sleep {}; }} | {worker} --silence 4s", 2 * DEADLINE.as_secs());
    let pipe = scene.bash(&format!("{pipe} & wait -n; echo ended; kill $(jobs -p)")).start();
    until("it has joined", || coordinator.find_worker("one"));
    let still = |time| {
        while_passes(std::time::Duration::from_secs(time));
        coordinator.find_worker("one")
    };
    assert!(still(2).is_some(), "it ended although it was spoken to");
    until("it has ended", || coordinator.workers().is_empty().then_some(()));
    until("it says why", || pipe.stderr().contains("nothing arrived on standard input").then_some(()));
}

#[test]
fn what_names_no_host_is_refused() {
    let scene = Scene::new("launch_misuse");
    let refused = |arguments: &[&str]| scene.swath("launch").args(arguments).end();
    for host in ["-oProxyCommand=touch hacked", "ada@-oX", "h1;touch hacked", "$(touch hacked)@h1"] {
        let said = refused(&[&format!("--host={host}"), "--coordinator", "h0:7171"]).assert_misused();
        assert!(said.contains("bad host name") || said.contains("bad user name"), "{said}");
    }
    let said = refused(&["--host", "h1"]).assert_refused(2);
    assert!(said.contains("no coordinator is named"), "{said}");
    let said = refused(&["--coordinator", "h0:7171"]).assert_refused(2);
    assert!(said.contains("no host is named"), "{said}");
    fs::write(scene.path("hosts.txt"), "h1\n-oProxyCommand=id\n").unwrap();
    let said = refused(&["--hostfile", "hosts.txt", "--coordinator", "h0:7171"]).assert_refused(2);
    assert!(said.contains("in the hostfile hosts.txt, line 2: bad `-oProxyCommand=id`: bad host name"), "{said}");
    let said = refused(&["--host", "h1", "--coordinator", "h0:7171", "--worker-access", "missing"]).assert_refused(2);
    assert!(said.contains("cannot read the access file missing"), "{said}");
    assert_eq!(scene.files(), ["hosts.txt"]);
}
