//! `swath launch` over logins that print what they like, and what else comes in its way.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a panic is how a test fails")]

use std::fs;

use swath_tests::{Door, Hosts, Scene, Sshd, until};

/// Hosts with ssh servers whose logins run these lines first; the first host runs none and is for the coordinator.
fn hosts_with_logins<'scene>(scene: &'scene Scene, lines: &[&str]) -> Option<(Hosts<'scene>, Sshd<'scene>)> {
    let hosts = Hosts::create(scene, lines.len() + 1)?;
    let sshd = Sshd::start(scene, &hosts, &vec![Door::Open; lines.len() + 1])?;
    for (index, line) in lines.iter().enumerate() {
        // For bash, which reads it for each command of ssh, too, and for whatever sh makes of a login.
        for file in [".bashrc", ".profile", ".zshenv"] {
            fs::write(hosts.path(index + 1, file), format!("{line}\n")).unwrap();
        }
    }
    Some((hosts, sshd))
}

fn names(count: usize) -> String {
    (1..=count).map(|host| format!("host{host}")).collect::<Vec<_>>().join(",")
}

#[test]
fn logins_may_print_what_they_like() {
    let scene = Scene::new("launch_noise");
    let logins = [
        // The title of a terminal.
        r"printf '\033]0;h\007'",
        r"printf '\0\0\0binary\377\376'",
        "echo hello; echo; printf 'ask the @swath team: '",
        "head -c 1000000 /dev/zero | tr '\\0' x",
        // In the midst of it, too, for as long as it takes.
        "(while printf 'tick '; do sleep 0.01; done) &",
    ];
    let Some((hosts, sshd)) = hosts_with_logins(&scene, &logins) else { return };
    let coordinator = hosts.coordinator(0, "--insecure");
    let all = names(logins.len());
    let launch = format!("--host {all} --copy --coordinator {} --output json", coordinator.address());
    let started = sshd.launch(&hosts, 0, &launch).succeed();
    assert!(!started.stderr().contains("hello"), "{}", started.stderr());
    assert_eq!(coordinator.workers().len(), logins.len());
    let each = |ended: &swath_tests::Ended, outcome: &str, state: &str| {
        for line in ended.json().as_array().unwrap() {
            assert_eq!((&line["outcome"], &line["workers"][0]["state"]), (&outcome.into(), &state.into()), "{line:#}");
        }
    };
    each(&sshd.launch(&hosts, 0, &format!("status --host {all} --output json")).succeed(), "running", "joined");
    each(&sshd.launch(&hosts, 0, &format!("stop --host {all} --output json")).succeed(), "stopped", "ended");
    for host in 1..=logins.len() {
        until("no worker runs there", || (hosts.workers_on(host) == 0).then_some(()));
    }

    // With one that is attached nothing is different.
    let launch = format!("--host {all} --copy --attached --coordinator {}", coordinator.address());
    let launcher = sshd.launch(&hosts, 0, &launch).start();
    until("all are held", || launcher.stderr().contains("5 workers attached").then_some(()));
    sshd.launch(&hosts, 0, &format!("stop --host {all}")).succeed();
    launcher.wait().assert_code(0);
}

#[test]
fn a_login_that_comes_to_nothing_is_shown() {
    let scene = Scene::new("launch_noise_shown");
    let logins = [
        "exec yes x",
        "echo hello; printf '\\033[1mWhich shell? '; exec sleep 1000",
        "echo This account is currently not available.; exit 1",
    ];
    let Some((hosts, sshd)) = hosts_with_logins(&scene, &logins) else { return };
    let status = "--connect-timeout 1s --output json --coordinator h0:7171 --join-timeout 1s";
    let launch = format!("--host {} {status}", names(logins.len()));
    let ended = sshd.launch(&hosts, 0, &launch).end().assert_code(1);
    let lines = ended.json();
    let of = |host: &str| {
        let line = lines.as_array().unwrap().iter().find(|line| line["host"] == host).unwrap();
        (line["outcome"].as_str().unwrap().to_owned(), line["message"].as_str().unwrap().to_owned())
    };
    let broken = |reason: &str| ("broken".to_owned(), format!("the connection broke: {reason}"));
    assert_eq!(of("host1"), broken("the host prints without end; the last line: x"));
    assert_eq!(of("host2"), ("silent".to_owned(), "no answer for 12s; it printed: [1mWhich shell?".to_owned()));
    assert_eq!(of("host3"), broken("it ended with exit code 1 and printed: This account is currently not available."));
}

#[test]
fn stop_goes_on_when_a_worker_does_not_end() {
    let scene = Scene::new("launch_immortal");
    let Some((hosts, sshd)) = hosts_with_logins(&scene, &[""]) else { return };
    let coordinator = hosts.coordinator(0, "--insecure");
    hosts.install(1);
    let launch = format!("--host host1 --force --coordinator {}", coordinator.address());
    sshd.launch(&hosts, 0, &launch).succeed();
    sshd.launch(&hosts, 0, &launch).succeed();
    // Nothing ends the first process of a host from within. Its record comes first.
    let record = "printf 'pid=1\\nsince=%s\\nbooted=%s\\n' \"$(cut -d ' ' -f 22 /proc/1/stat)\" \
                  \"$(cat /proc/sys/kernel/random/boot_id)\" >.cache/swath/workers/host1/0.worker";
    hosts.says(1, record);
    hosts.says(1, "pkill -STOP -o -x swath");
    let ended = sshd.launch(&hosts, 0, "stop --host host1 --grace 1s").end().assert_code(1);
    let expected = "host1  stopped 2 workers, 1 of them killed; process 1 was killed but still runs\n";
    assert_eq!(ended.stdout(), expected);
    assert_eq!(ended.stderr(), "swath: workers may still run on 1 of 1 host\n");
    until("no worker runs there", || (hosts.workers_on(1) == 0).then_some(()));
    assert_eq!(hosts.says(1, "ls .cache/swath/workers/host1/*.worker"), ".cache/swath/workers/host1/0.worker");
}

#[test]
fn what_ssh_said_is_shown_even_if_a_proxy_of_it_stays() {
    let scene = Scene::new("launch_proxy");
    let proxy = "ProxyCommand=sh -c 'sleep 1000 <&- >&- & exit 1'";
    let launch = "launch --host h1 --coordinator h0:7171 --output json --ssh-option";
    let ended = scene.swath(launch).arg(proxy).end().assert_code(1).json();
    assert_eq!(ended[0]["outcome"], "unreachable", "{ended:#}");
}
