//! TLS, credentials and roles: who gets in, who does not, and what they are told.

#![allow(clippy::unwrap_used, reason = "a panic is how a test fails")]

use std::{
    fs,
    io::{ErrorKind, Read, Write},
    net::TcpStream,
    os::unix::fs::PermissionsExt,
    time::Duration,
};

use serde_json::{Value, json};
use swath_tests::{Coordinator, DEADLINE, Rows, Scene, square, until, while_passes};

/// A certificate that nobody issues for so short a time is one that expires while a test runs.
fn issue(scene: &Scene, role: &str, file: &str, valid: &str) {
    scene.swath(&format!("access issue access --role {role} -o {file} --valid {valid}")).succeed();
}

fn expires_soon(scene: &Scene, file: &str) -> bool {
    scene.swath(&format!("access show {file}")).succeed().stderr().contains("expired at")
}

#[test]
fn access_files_are_secret_whole_and_never_replaced_by_accident() {
    let scene = Scene::new("access_files");
    let made = scene.swath("access create a/b --address example.org:7171,10.0.0.1:7171").succeed();
    let names = ["authority", "coordinator", "worker", "client", "admin"];
    let expected: Vec<_> = names.iter().map(|name| format!("a/b/{name}.toml")).collect();
    assert_eq!(made.stdout().lines().collect::<Vec<_>>(), expected);
    for file in &expected {
        assert_eq!(fs::metadata(scene.path(file)).unwrap().permissions().mode() & 0o777, 0o600, "{file}");
    }
    let before = fs::read(scene.path("a/b/authority.toml")).unwrap();
    let refused = scene.swath("access create a/b --address example.org:7171").end().assert_refused(1);
    assert!(refused.contains("a/b/authority.toml already exists"), "{refused}");
    assert_eq!(fs::read(scene.path("a/b/authority.toml")).unwrap(), before);

    let shown = scene.swath("access show a/b/worker.toml --output json").succeed().json();
    assert_eq!(shown["roles"], json!(["worker"]));
    assert_eq!(shown["coordinator"], "example.org:7171");
    for (arguments, reason) in [
        ("access create c", "--address"),
        ("access create c --address example.org:port", "it should be like host:port"),
        ("access create c --address http://example.org", "without TLS"),
        ("access create c --address h:1 --valid 0s", "cannot be valid for 0s: the shortest is 1s"),
        (
            "access create c --address h:1 --valid 101years",
            "cannot be valid for 101years: the shortest is 1s, and the longest 100years",
        ),
        // A clock that more is added to would overflow.
        ("access create c --address h:1 --valid 500000000000years", "the longest is 1000years"),
        ("worker start --grace 500000000000years", "the longest is 1000years"),
        ("coordinator start --lease-timeout 500000000000years", "the longest is 1000years"),
        ("launch --host h1 --coordinator h0:1 --join-timeout 584542046090years", "the longest is 1000years"),
        ("access issue a/b --role client --valid 21years -o x", "the authority expires on 20"),
        ("access issue a/b --role root -o x", "`root` is not a role"),
        ("access issue nowhere --role worker -o x", "nowhere/authority.toml"),
        ("access show nowhere.toml", "cannot read the access file nowhere.toml"),
        ("access show a/b/authority.toml", "is not an access file"),
    ] {
        let ended = scene.swath(arguments).end();
        assert_ne!(ended.code(), Some(0), "{arguments}");
        assert!(ended.stderr().contains(reason), "{arguments}: {}", ended.stderr());
    }
    assert!(!scene.path("c").exists());
    // What is named as the longest is possible, and the authority lasts as long.
    scene.swath("access create long --address h:1 --valid 100years").succeed();
    scene.swath("access issue long --role client --valid 100years -o long/ada.toml").succeed();
}

#[test]
fn a_job_with_tls_is_exact_for_the_command_line_and_for_flight() {
    let scene = Scene::new("a_job_with_tls");
    let coordinator = scene.secured_coordinator("access", "");
    let _one = coordinator.worker("one");
    let _two = coordinator.worker("two");
    // A client's access is enough, from the environment too.
    let client = |arguments: &str| {
        scene.swath(arguments).env("SWATH_ACCESS", "access/client.toml").env("SWATH_COORDINATOR", coordinator.address())
    };
    client("run 1..=3000000 -o squares.csv").succeed();
    Rows::open(&scene.path("squares.csv")).assert_are(1..=3_000_000, square);
    let job: u64 = client("submit -1000..=1000").succeed().stdout().trim().parse().unwrap();
    client(&format!("job wait {job}")).succeed();
    client(&format!("job results {job} -o some.csv")).succeed();
    Rows::open(&scene.path("some.csv")).assert_are(-1000..=1000, square);

    let ticket = job.to_string();
    let flight = scene.python("flight.py", ["--access", "access/client.toml", coordinator.address(), "get", &ticket]);
    assert_eq!(flight["rows"], 2001);
    assert_eq!(flight["wrong"], 0);
}

#[test]
fn every_method_refuses_whoever_it_is_not_for() {
    let scene = Scene::new("every_method_refuses");
    let coordinator = scene.secured_coordinator("access", "");
    scene.swath("access create foreign --address 127.0.0.1:7171").succeed();
    issue(&scene, "admin", "expired.toml", "1s");
    until("a certificate has expired", || expires_soon(&scene, "expired.toml").then_some(()));
    let credentials = [
        "none",
        "foreign/admin.toml",
        "expired.toml",
        "access/coordinator.toml",
        "access/worker.toml",
        "access/client.toml",
        "access/admin.toml",
    ];
    let address = coordinator.address().replace("127.0.0.1", "localhost");
    let answers = scene.python("access.py", [&[address.as_str(), "access/admin.toml"], &credentials[..]].concat());

    let methods: Vec<String> = answers["none"].as_object().unwrap().keys().cloned().collect();
    for known in
        ["/swath.v1.Jobs/Submit", "/swath.v1.Workers/Join", "/swath.v1.Results/Read", "/grpc.health.v1.Health/Check"]
    {
        assert!(methods.iter().any(|method| method == known), "{known} among {methods:?}");
    }
    for method in &methods {
        for (credential, reason) in [
            ("none", "no certificate was shown"),
            ("foreign/admin.toml", "not signed by an authority that this coordinator trusts"),
            ("expired.toml", "expired"),
            // A certificate to be the coordinator is none to dial with.
            ("access/coordinator.toml", "is not accepted"),
        ] {
            let answer = &answers[credential][method];
            assert_eq!(answer[0], "UNAUTHENTICATED", "{method} with {credential}: {answer}");
            assert!(answer[1].as_str().unwrap().contains(reason), "{method} with {credential}: {answer}");
        }
        let service = method.trim_start_matches('/').split('/').next().unwrap();
        let allowed: &[&str] = match (service, method.as_str()) {
            (_, "/swath.v1.Workers/Join" | "/swath.v1.Workers/Upload") => &["worker"],
            (_, "/swath.v1.Workers/Drain") => &["admin"],
            (_, "/swath.v1.Artifacts/Fetch") => &["worker", "client", "admin"],
            ("swath.v1.Artifacts", _) => &["client", "admin"],
            ("swath.v1.Jobs" | "swath.v1.Results" | "swath.v1.Workers", _) => &["client", "admin"],
            ("arrow.flight.protocol.FlightService", _) => &["client", "admin"],
            _ => &["worker", "client", "admin"],
        };
        for role in ["worker", "client", "admin"] {
            let answer = &answers[format!("access/{role}.toml")][method];
            let code = answer[0].as_str().unwrap();
            assert_ne!(code, "UNAUTHENTICATED", "{method} as {role}: {answer}");
            assert_eq!(code != "PERMISSION_DENIED", allowed.contains(&role), "{method} as {role}: {answer}");
        }
    }
    // It is as well as before.
    let _worker = coordinator.worker("able");
    coordinator.swath("run 1..=10 -o after.csv").succeed();
}

#[test]
fn the_command_line_says_what_is_wrong_with_your_identity() {
    let scene = Scene::new("what_is_wrong_with_your_identity");
    let coordinator = scene.secured_coordinator("access", "");
    scene.swath("access create foreign --address 127.0.0.1:7171").succeed();
    issue(&scene, "client", "expired.toml", "1s");
    until("a certificate has expired", || expires_soon(&scene, "expired.toml").then_some(()));
    let try_with = |arguments: &str, access: &str| {
        scene.swath(arguments).args(["--coordinator", coordinator.address(), "--access", access]).end()
    };
    // Refused on this side, before anything is sent.
    let refused = try_with("submit 1..=10", "access/worker.toml").assert_refused(2);
    assert!(refused.contains("is for the role worker, but this needs the role client or admin"), "{refused}");
    let refused = try_with("worker start", "access/client.toml").assert_refused(2);
    assert!(refused.contains("is for the role client, but this needs the role worker"), "{refused}");
    let refused = try_with("worker drain 1", "access/client.toml").assert_refused(2);
    assert!(refused.contains("needs the role admin"), "{refused}");
    // What answers is not trusted.
    let refused = try_with("job list", "foreign/client.toml").assert_refused(3);
    assert!(refused.contains("its certificate is not signed by an authority of the access file"), "{refused}");
    // The coordinator does not trust this one.
    let ended = try_with("job list", "expired.toml").assert_code(1);
    assert!(ended.stderr().contains("the certificate of swath client expired at"), "{}", ended.stderr());
    // Nobody shows who they are.
    let ended = scene.swath("job list").args(["--coordinator", coordinator.address()]).end().assert_code(3);
    assert!(ended.stderr().contains("--access"), "{}", ended.stderr());
    let ended = scene.swath("worker start --patience 1s").args(["--coordinator", coordinator.address()]).end();
    assert!(ended.stderr().contains("--access"), "{}", ended.stderr());

    // And the other way round: TLS where there is none.
    let plain = scene.coordinator_with("--data plain");
    let access = ["--coordinator", plain.address(), "--access", "access/client.toml"];
    let refused = scene.swath("job list").args(access).end().assert_refused(3);
    assert!(refused.contains("it does not speak TLS"), "{refused}");
}

#[test]
fn beyond_this_machine_there_is_tls_or_a_clear_word() {
    let scene = Scene::new("beyond_this_machine");
    let refused = scene.swath("coordinator start --listen 0.0.0.0:0").end().assert_refused(2);
    assert!(refused.contains("--access FILE") && refused.contains("--insecure"), "{refused}");
    scene.swath("access create access --address 127.0.0.1:7171").succeed();
    let ended = scene.swath("coordinator start --listen 0.0.0.0:0 --access access/client.toml").end().assert_code(2);
    assert!(
        ended.stderr().contains("is for the role client, but this needs the role coordinator"),
        "{}",
        ended.stderr()
    );
    let _listens = scene.coordinator_with("--listen 0.0.0.0:0 --access access/coordinator.toml");
}

#[test]
fn certificates_are_renewed_without_a_restart() {
    let scene = Scene::new("certificates_are_renewed");
    scene.swath("access create access --address 127.0.0.1:7171").succeed();
    let last_of_it = fs::read(scene.path("access/coordinator.toml")).unwrap();
    issue(&scene, "coordinator", "access/coordinator.toml", "20s");
    let coordinator = scene.secured_coordinator("access", "");
    until("it warns of the end", || coordinator.process().stderr().contains(" seconds, at ").then_some(()));
    let _worker = coordinator.worker("able");
    // What cannot be used does not replace what can.
    let good = fs::read(scene.path("access/coordinator.toml")).unwrap();
    assert_ne!(good, last_of_it);
    fs::write(scene.path("access/coordinator.toml"), &good[..good.len() / 2]).unwrap();
    until("it says so", || coordinator.process().stderr().contains("cannot be used").then_some(()));
    coordinator.submit("1..=10");
    issue(&scene, "coordinator", "access/coordinator.toml", "1day");
    until("it has the new one", || {
        coordinator.process().stderr().contains("the certificate was renewed").then_some(())
    });
    fs::write(scene.path("old.toml"), &good).unwrap();
    until("the old one has expired", || expires_soon(&scene, "old.toml").then_some(()));
    let job = coordinator.submit("1..=1000");
    coordinator.await_done(job);
}

#[test]
fn nothing_secret_is_logged() {
    let scene = Scene::new("nothing_secret_is_logged");
    let coordinator = scene.secured_coordinator("access", "--log trace");
    let worker = coordinator.worker_with("able", "--log trace");
    let ran = coordinator.swath("run 1..=1000 -o x.csv --log trace").succeed();
    let said = [coordinator.process().stderr(), worker.stderr(), ran.stderr().to_owned()].concat();
    assert!(said.contains("TRACE"), "it was loud");
    let mut secrets = 0;
    for role in ["coordinator", "worker", "admin"] {
        let file = fs::read_to_string(scene.path(format!("access/{role}.toml"))).unwrap();
        let (_, key) = file.split_once("-----BEGIN PRIVATE KEY-----").unwrap();
        for line in key.lines().filter(|line| line.len() > 20 && !line.contains("-----")) {
            assert!(!said.contains(line), "a line of the key of the {role} was logged");
            secrets += 1;
        }
    }
    assert!(secrets >= 6, "{secrets} lines");
}

/// A folder as Kubernetes and cert-manager lay it down.
#[test]
fn certificates_from_elsewhere_are_read_from_a_folder() {
    let scene = Scene::new("certificates_from_elsewhere");
    scene.swath("access create access --address 127.0.0.1:7171").succeed();
    for role in ["coordinator", "worker", "client"] {
        let folder = scene.path(format!("tls-{role}"));
        fs::create_dir(&folder).unwrap();
        for (name, part) in [("authority", "ca.crt"), ("certificate", "tls.crt"), ("key", "tls.key")] {
            let script = "import sys,tomllib; print(tomllib.load(open(sys.argv[1],'rb'))[sys.argv[2]])";
            let line = format!("python3 -c \"{script}\" access/{role}.toml {name} > tls-{role}/{part}");
            scene.bash(&line).succeed();
        }
    }
    let coordinator = scene.coordinator_with("--access tls-coordinator");
    let with = |arguments: &str| scene.swath(arguments).args(["--coordinator", coordinator.address()]);
    let _worker = with("worker start --access tls-worker").start();
    with("run 1..=1000 -o squares.csv --access tls-client").succeed();
    Rows::open(&scene.path("squares.csv")).assert_are(1..=1000, square);
    let refused = scene.swath("job list --access tls-client").end().assert_refused(2);
    assert!(refused.contains("name it with --coordinator"), "{refused}");
}

/// What a peer that means no good, or another protocol, says first.
fn nonsense() -> Vec<Vec<u8>> {
    let mut random = 0x9E37_79B9_7F4A_7C15u64;
    let mut next = move || {
        random ^= random << 13;
        random ^= random >> 7;
        random ^= random << 17;
        random
    };
    let preface = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\x00\x00\x00\x04\x00\x00\x00\x00\x00".to_vec();
    // A ClientHello of TLS 1.3, as far as its record and handshake headers.
    let mut hello = vec![0x16, 3, 1, 0, 200, 1, 0, 0, 196, 3, 3];
    hello.extend((0..194u8).map(|byte| byte.wrapping_mul(37)));
    let headers = {
        let mut frames = preface.clone();
        // HEADERS of stream 1 whose block is cut, then DATA of a stream that is not open.
        frames
            .extend(b"\x00\x00\x05\x01\x04\x00\x00\x00\x01\x82\x86\x84\x41\x8a\x00\x00\x03\x00\x01\x00\x00\x00\x09abc");
        frames
    };
    let seeds = [preface, hello, headers, b"GET / HTTP/1.1\r\nHost: x\r\n\r\n".to_vec(), b"SSH-2.0-x\r\n".to_vec()];
    let mut inputs: Vec<Vec<u8>> = seeds.to_vec();
    for _ in 0..1000 {
        let length = next() % 400;
        inputs.push((0..length).map(|_| next() as u8).collect());
        let mut mutated = seeds[(next() % seeds.len() as u64) as usize].clone();
        for _ in 0..=next() % 8 {
            let at = (next() % mutated.len() as u64) as usize;
            match next() % 3 {
                0 => mutated[at] = next() as u8,
                1 => mutated.truncate(at.max(1)),
                _ => mutated.insert(at, next() as u8),
            }
        }
        inputs.push(mutated);
    }
    inputs
}

/// Says all of it, each on a connection of its own, and hears what comes for a moment.
fn assail(address: &str) -> usize {
    let mut answered = 0;
    for input in nonsense() {
        let mut stream = TcpStream::connect(address).unwrap();
        stream.set_read_timeout(Some(Duration::from_millis(2))).unwrap();
        // It may have hung up already.
        let _ = stream.write_all(&input);
        answered += usize::from(matches!(stream.read(&mut [0; 256]), Ok(1..)));
    }
    answered
}

#[test]
fn nonsense_on_its_port_leaves_a_coordinator_serving() {
    let scene = Scene::new("nonsense_on_its_port");
    let secured = scene.secured_coordinator("access", "--data secured");
    let plain = scene.coordinator_with("--data plain --health-listen 127.0.0.1:0");
    let said = plain.process().stderr();
    let (_, health) = said.split_once("answering health checks address=").unwrap();
    let health = health.lines().next().unwrap().trim();
    for (coordinator, addresses) in [(&secured, vec![secured.address()]), (&plain, vec![plain.address(), health])] {
        let _worker = coordinator.worker("able");
        let job = coordinator.submit("1..=1e12 -k collatz");
        for address in addresses {
            let answered = assail(address);
            assert!(answered > 100, "{address} heard them: {answered} were answered");
        }
        assert_serves(&scene, coordinator, job);
        let said = coordinator.process().stderr();
        assert!(!said.contains("panicked"), "{said}");
    }
    scene.swath(&format!("health {health}")).succeed();
}

/// Connections are bounded, so nobody may keep one for nothing.
#[test]
fn whoever_says_nothing_is_not_kept() {
    let scene = Scene::new("whoever_says_nothing");
    let secured = scene.secured_coordinator("access", "--data secured");
    let plain = scene.coordinator_with("--data plain");
    for mut silent in [&secured, &plain].map(|coordinator| TcpStream::connect(coordinator.address()).unwrap()) {
        silent.set_read_timeout(Some(DEADLINE)).unwrap();
        // What a coordinator says first, by itself, and then the end.
        let ended = silent.read_to_end(&mut Vec::new());
        assert!(!ended.is_err_and(|error| error.kind() == ErrorKind::WouldBlock), "it is still open");
    }
    let _worker = plain.worker("able");
    // Those who have said something may be silent for as long as they like.
    while_passes(Duration::from_secs(11));
    assert_eq!(plain.workers().len(), 1);
    assert_eq!(plain.process().stderr().matches("worker joined").count(), 1);
}

#[track_caller]
fn assert_serves(scene: &Scene, coordinator: &Coordinator<'_>, job: u64) {
    coordinator.swath(&format!("job cancel {job}")).succeed();
    coordinator.swath("run 1..=1000 -o after.csv").succeed();
    Rows::open(&scene.path("after.csv")).assert_are(1..=1000, square);
    let list: Value = coordinator.swath("job list --output json").succeed().json();
    assert!(list.as_array().is_some_and(|jobs| !jobs.is_empty()));
}
