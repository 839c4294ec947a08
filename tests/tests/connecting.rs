//! Addresses as people write them, and what stands behind them: what answers is reached, and what does not is named.

#![allow(clippy::unwrap_used, reason = "a panic is how a test fails")]

use std::{
    io::{Read, Write},
    net::{TcpListener, TcpStream},
    thread,
    time::Duration,
};

use swath_tests::{Invocation, Process, Scene, Signal, until};

#[track_caller]
fn assert_says(said: &str, parts: &[&str]) {
    for part in parts {
        assert!(said.contains(part), "this should mention `{part}`:\n{said}");
    }
}

/// A port at which nobody listens, and which is free for a while.
fn free_address() -> String {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().to_string()
}

/// Something that accepts, reads, says this to each, and hangs up.
fn speaker(said: &'static [u8]) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap().to_string();
    thread::spawn(move || {
        for mut stream in listener.incoming().flatten() {
            let _ = stream.read(&mut [0; 1024]);
            let _ = stream.write_all(said);
        }
    });
    address
}

#[test]
fn a_coordinator_listens_where_it_is_told() {
    let scene = Scene::new("where_it_is_told");
    for (index, (listen, expected)) in
        [("localhost:0", "127.0.0.1:"), (":0", "127.0.0.1:"), ("0", "127.0.0.1:"), ("[::1]:0", "[::1]:")]
            .iter()
            .enumerate()
    {
        let health = format!("--health-listen {listen}");
        let coordinator = scene.coordinator_with(&format!("--data data{index} --listen {listen} {health}"));
        assert!(coordinator.address().starts_with(expected), "{listen}: {}", coordinator.address());
        let said = coordinator.process().stderr();
        let (_, rest) = said.split_once("answering health checks address=").unwrap();
        let health = rest.lines().next().unwrap().trim();
        assert!(health.starts_with(expected), "{listen}: {health}");
        let port = health.rsplit_once(':').unwrap().1;
        let host = if health.starts_with('[') { "[::1]" } else { "localhost" };
        scene.swath(&format!("health {host}:{port}")).succeed();
        coordinator.stop(Signal::TERM).assert_code(0);
    }
    let refused = scene.swath("coordinator start --listen no-such-host.invalid:0 --log error").end().assert_refused(2);
    assert_says(&refused, &["no-such-host.invalid:0"]);
    for listen in ["http://127.0.0.1:0", "1:2:3", "localhost:http"] {
        let refused = scene.swath(&format!("coordinator start --listen {listen}")).end().assert_misused();
        assert_says(&refused, &[listen, "HOST:PORT"]);
    }
    assert_says(&scene.swath("health localhost").end().assert_misused(), &["localhost", "no port"]);
}

#[test]
fn a_scheme_is_taken_where_it_fits() {
    let scene = Scene::new("a_scheme");
    let plain = scene.coordinator_with("--data plain");
    let secured = scene.secured_coordinator("access", "--data secured");
    let [at_plain, at_secured] = [&plain, &secured].map(|coordinator| coordinator.address().to_owned());
    let access = "--access access/client.toml";
    for (address, access, reads) in [
        (format!("http://{at_plain}"), "", true),
        (format!("grpc://{at_plain}/"), "", true),
        (format!("https://{at_secured}"), access, true),
        (format!("grpcs://{at_secured}/"), access, true),
        (format!("https://{at_plain}"), "", false),
        (format!("http://{at_secured}"), access, false),
    ] {
        let ended = scene.swath(&format!("job list --output json --coordinator {address} {access}")).end();
        if reads {
            assert_eq!(ended.assert_code(0).stdout().trim(), "[]", "{address}");
        } else {
            assert_says(&ended.assert_refused(2), &["scheme", if access.is_empty() { "--access" } else { "grpcs" }]);
        }
    }
    let refused = scene.swath("job list --coordinator ftp://h:1").end().assert_misused();
    assert_says(&refused, &["ftp://h:1", "grpcs"]);
    // The usual port, where only a host is named: nobody listens there in these tests, or somebody else's coordinator
    // does.
    let ended = scene.swath("job list --coordinator no-such-host.invalid").end().assert_refused(3);
    assert_says(&ended, &["no-such-host.invalid:7171"]);
}

/// A listener at ::1 that answers nothing any more, not even by refusing: its backlog is full.
fn dead_end(port: u16) -> (TcpListener, Vec<TcpStream>) {
    let listener = TcpListener::bind(("::1", port)).unwrap();
    let address = listener.local_addr().unwrap();
    let mut waiting = Vec::new();
    while let Ok(stream) = TcpStream::connect_timeout(&address, Duration::from_millis(500)) {
        waiting.push(stream);
        assert!(waiting.len() < 10_000, "the backlog of ::1 is never full");
    }
    (listener, waiting)
}

/// A command that finds these addresses under the name `twofold`.
fn with_hosts<'scene>(scene: &'scene Scene, arguments: &str) -> Invocation<'scene> {
    std::fs::write(scene.path("hosts"), "::1 twofold\n127.0.0.1 twofold\n").unwrap();
    let namespaces = if rustix::process::geteuid().is_root() { "-m" } else { "-Urm" };
    scene.swath_under(
        &["unshare", namespaces, "bash", "-c", "mount --bind hosts /etc/hosts && exec \"$@\"", "bash"],
        arguments,
    )
}

#[test]
fn a_dead_address_of_a_name_does_not_keep_the_living_one_from_being_reached() {
    let scene = Scene::new("a_dead_address");
    for (folder, coordinator, access) in [
        ("plain", scene.coordinator_with("--data plain"), ""),
        ("secured", scene.secured_coordinator("access", "--data secured"), "--access access/client.toml"),
    ] {
        let port: u16 = coordinator.address().rsplit_once(':').unwrap().1.parse().unwrap();
        let _dead = dead_end(port);
        let list = format!("job list --output json --log swath_transport=debug --coordinator twofold:{port} {access}");
        let ended = with_hosts(&scene, &list).succeed();
        assert_eq!(ended.stdout().trim(), "[]", "{folder}");
        let tried = |address: &str| ended.stderr().contains(&format!("connecting address={address}:{port}"));
        assert!(tried("[::1]") && tried("127.0.0.1"), "{folder}: {}", ended.stderr());
        // Neither refused nor connected: it is dead.
        assert!(!ended.stderr().contains("not connected"), "{folder}: {}", ended.stderr());
        let worker = if access.is_empty() { String::new() } else { access.replace("client", "worker") };
        let worker = format!("worker start --name able --coordinator twofold:{port} {worker}");
        let _worker = with_hosts(&scene, &worker).start();
        until("it joins", || coordinator.find_worker("able"));
    }
}

#[test]
fn what_answers_and_is_no_coordinator_is_named() {
    let scene = Scene::new("what_is_no_coordinator");
    scene.swath("access create access --address 127.0.0.1:7171").succeed();
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let secured = scene.secured_coordinator("access", "");
    let cases = [
        (silent.local_addr().unwrap().to_string(), "accepted the connection, but did not answer within 5s"),
        (speaker(b"HTTP/1.1 400 Bad Request\r\nConnection: close\r\n\r\n"), "speaks HTTP/1, not gRPC"),
        (speaker(b"<!DOCTYPE HTML>\n<html>\n"), "speaks HTTP/1, not gRPC"),
        (speaker(b"SSH-2.0-OpenSSH_9.9\r\n"), "speaks SSH, not gRPC"),
        (speaker(b"220 mail.example.org ESMTP\r\n"), "speaks another protocol, not gRPC"),
        (speaker(b""), "closed"),
    ];
    let plain = [(secured.address().to_owned(), "speaks TLS"), (free_address(), "Connection refused")];
    for (address, part) in cases.iter().chain(&plain) {
        let refused = scene.swath(&format!("job list --coordinator {address}")).end().assert_refused(3);
        assert_says(&refused, &[part, address]);
    }
    for (address, part) in &cases {
        let list = format!("job list --access access/client.toml --coordinator {address}");
        assert_says(&scene.swath(&list).end().assert_refused(3), &[part, address]);
        if *part != "closed" {
            assert_says(
                &scene.swath(&format!("health {address} --timeout 10s")).end().assert_refused(3),
                &[part, address],
            );
        }
    }
    // Workers say the same at once, and go on trying.
    let worker = scene.swath(&format!("worker start --coordinator {}", cases[1].0)).start();
    until("it says so", || worker.stderr().contains("speaks HTTP/1, not gRPC patience=1m").then_some(()));
}

#[test]
fn a_command_waits_for_its_coordinator_where_it_is_asked_to() {
    let scene = Scene::new("a_command_waits");
    let address = free_address();
    // Otherwise it ends at once.
    let refused = scene.swath(&format!("job list --coordinator {address}")).end().assert_refused(3);
    assert_says(&refused, &["Connection refused", &address]);
    let waiting = scene.swath(&format!("job list --output json --coordinator {address}")).env("SWATH_PATIENCE", "50s");
    let waiting = waiting.start();
    let said = format!("Connection refused (os error 111); trying {address} for 50s\n");
    until("it says what it tries", || waiting.stderr().contains(&said).then_some(()));
    let _coordinator = scene.coordinator_with(&format!("--listen {address}"));
    let ended = waiting.wait().assert_code(0);
    assert_eq!(ended.stdout().trim(), "[]");
    assert_eq!(ended.stderr().lines().count(), 1, "{}", ended.stderr());
}

#[test]
fn whoever_waits_for_a_job_is_told_when_the_coordinator_is_away() {
    let scene = Scene::new("when_the_coordinator_is_away");
    let first = scene.coordinator();
    let address = first.address().to_owned();
    let job = first.submit("1..=1000");
    let commands =
        [format!("job wait {job}"), format!("job results {job} -o squares.csv"), "run 1..=10 -o run.csv".to_owned()];
    let [waits, reads, runs] = commands.each_ref().map(|command| first.swath(command).start());
    let impatient = first.swath(&format!("job wait {job} --patience 1s")).start();
    until("the run has its job", || (first.jobs().len() == 2).then_some(()));
    let watchers = format!("{:04X}", address.rsplit_once(':').unwrap().1.parse::<u16>().unwrap());
    until("all have asked", || (established(&watchers) >= 4).then_some(()));
    first.stop(Signal::KILL);
    let told = |process: &Process<'_>, hint: &str| {
        until("it is told", || process.stderr().contains(&format!("trying {address} for 1m; {hint}\n")).then_some(()));
    };
    told(&waits, "`swath job wait 1` attaches again");
    told(&reads, "`swath job results 1` attaches again");
    told(&runs, "`swath job results 2` attaches again");
    let gave_up = impatient.wait().assert_code(3);
    assert_says(gave_up.stderr(), &["Connection refused", "tried for 1s", "`swath job wait 1` attaches again"]);

    let second = scene.coordinator_with(&format!("--listen {address}"));
    let _worker = second.worker("able");
    for process in [waits, reads, runs] {
        let ended = process.wait().assert_code(0);
        assert_eq!(ended.stderr().matches("attaches again").count(), 1, "{}", ended.stderr());
    }
}

/// Connections of a port of this machine that are open.
fn established(port: &str) -> usize {
    let table = std::fs::read_to_string("/proc/net/tcp").unwrap();
    let ends = table.lines().filter_map(|line| {
        let mut fields = line.split_whitespace().skip(2);
        Some((fields.next()?.to_owned(), fields.next()?.to_owned()))
    });
    ends.filter(|(remote, state)| remote.ends_with(&format!(":{port}")) && state == "01").count()
}
