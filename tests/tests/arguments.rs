//! What people type and put into variables means what they think it does, or is named when it does not.

use std::{fs, os::unix::fs::PermissionsExt};

use swath_tests::{Scene, Signal, until};

#[track_caller]
fn assert_says(said: &str, parts: &[&str]) {
    for part in parts {
        assert!(said.contains(part), "this should mention `{part}`:\n{said}");
    }
}

const SQUARES: &str = "1\n4\n9\n";

#[test]
fn short_options_may_be_attached_and_stand_before_the_range() {
    let scene = Scene::new("short_options");
    for options in ["-w1 -t1 -ksquare", "-t 1 -ptype=auto", "--workers=1 -t1"] {
        assert_eq!(scene.swath(&format!("run {options} 1..=3")).succeed().stdout(), SQUARES, "{options}");
        let negative = scene.swath(&format!("run {options} -3..=-1")).succeed();
        assert_eq!(negative.stdout(), "9\n4\n1\n", "{options}");
    }
    assert_eq!(scene.swath("run -t1 -- -1..=1").succeed().stdout(), "1\n0\n1\n");
    scene.swath("run -t1 -ofile.csv -1..=1").succeed();
    assert_eq!(fs::read_to_string(scene.path("file.csv")).unwrap(), "n,value\n-1,1\n0,0\n1,1\n");
    let coordinator = scene.coordinator();
    let submitted = scene.swath(&format!("submit -c{} 1..=3", coordinator.address())).succeed();
    assert_eq!(submitted.stdout(), "1\n");
}

#[test]
fn a_mistyped_flag_is_named_itself() {
    let scene = Scene::new("a_mistyped_flag");
    let said = scene.swath("run --workres 2 1..=3").end().assert_misused();
    assert_says(&said, &["'--workres'", "'--workers'"]);
    assert!(!said.contains("1..=3"), "{said}");
    assert_says(&scene.swath("run -x -5..=5").end().assert_misused(), &["'-x'"]);
    assert_says(&scene.swath("run -5..=x").end().assert_misused(), &["'-5..=x'"]);
}

#[test]
fn variables_take_the_usual_words_and_none_when_empty() {
    let scene = Scene::new("the_usual_words");
    let coordinator = scene.coordinator();
    let _worker = coordinator.worker("able");
    for word in ["1", "true", "YES", "on"] {
        let ended = coordinator.swath("submit 1..=3").env("SWATH_WAIT", word).succeed();
        assert_says(ended.stdout(), &["done"]);
    }
    for word in ["0", "false", "No", "off", ""] {
        let ended = coordinator.swath("submit 1..=3").env("SWATH_WAIT", word).succeed();
        assert!(ended.stdout().trim().parse::<u64>().is_ok(), "{word}: {}", ended.stdout());
    }
    // Every kind of variable: a number, a text, a list, a path, a duration, a choice.
    let mut run = scene.swath("run 1..=3");
    for name in ["WORKERS", "THREADS", "KERNEL", "PARAM", "FILE", "ACCESS", "COORDINATOR", "PATIENCE", "OUTPUT", "LOG"]
    {
        run = run.env(&format!("SWATH_{name}"), "");
    }
    assert_eq!(run.succeed().stdout(), SQUARES);
    // What says no must not stand in the way of a flag.
    scene.swath("access create access --address 127.0.0.1:7171").succeed();
    let start = "coordinator start --data other --listen 127.0.0.1:0 --access access --log info";
    let other = scene.swath(start).env("SWATH_INSECURE", "0").start();
    until("it listens", || other.stderr().contains("coordinator is listening").then_some(()));
}

#[test]
fn an_error_names_the_variable_that_it_comes_from() {
    let scene = Scene::new("an_error_names_the_variable");
    for (variable, value, command, parts) in [
        ("SWATH_WAIT", "maybe", "submit 1..=3", &["SWATH_WAIT", "--wait", "'maybe'", "yes"][..]),
        ("SWATH_WORKERS", "many", "run 1..=3", &["SWATH_WORKERS", "--workers", "'many'"]),
        ("SWATH_WORKERS", "0", "run 1..=3", &["SWATH_WORKERS", "from 1 to 1024"]),
        ("SWATH_OUTPUT", "yaml", "run 1..=3", &["SWATH_OUTPUT", "text, json"]),
        ("SWATH_COORDINATOR", "a b", "job list", &["SWATH_COORDINATOR", "host:port"]),
        ("SWATH_PATIENCE", "soon", "job list", &["SWATH_PATIENCE", "10s"]),
        ("SWATH_PARAM", "a=1;speed", "run 1..=3", &["SWATH_PARAM", "'speed'"]),
        ("SWATH_COPY", "yes", "launch --host h --remote-swath x", &["SWATH_COPY", "--remote-swath"]),
    ] {
        let said = scene.swath(command).env(variable, value).end().assert_misused();
        assert_says(&said, parts);
    }
    // A flag counts more, and is blamed itself.
    let run = scene.swath("run 1..=3 --workers many").env("SWATH_WORKERS", "many").end();
    assert!(!run.assert_misused().contains("SWATH_WORKERS"));
    assert_eq!(scene.swath("run 1..=3 --workers 1").env("SWATH_WORKERS", "many").succeed().stdout(), SQUARES);
}

#[test]
fn a_variable_that_is_none_is_warned_of_once() {
    let scene = Scene::new("a_variable_that_is_none");
    let run = scene.swath("run 1..=3 --workers 2").env("SWATH_THREAD", "1").env("SWATH_IMAGE", "x").succeed();
    assert_eq!(run.stdout(), SQUARES);
    assert_eq!(run.stderr(), "swath: unknown variable SWATH_THREAD is ignored; did you mean SWATH_THREADS?\n");
    // Kubernetes describes the services of a namespace in variables.
    let run = scene.swath("run 1..=3");
    let run = run.env("SWATH_X_SERVICE_HOST", "10.0.0.1").env("SWATH_X_PORT_7171_TCP_ADDR", "10.0.0.1");
    assert_eq!(run.succeed().stderr(), "");
}

#[test]
fn help_is_in_groups_and_says_where_the_work_is_done() {
    let scene = Scene::new("help_is_in_groups");
    let run = scene.swath("run --help").env("SWATH_WORKERS", "").succeed();
    for heading in
        ["Arguments:", "Job:", "Results:", "Connection:", "Local workers (if no coordinator is named):", "Everywhere:"]
    {
        assert!(run.stdout().lines().any(|line| line == heading), "{heading}:\n{}", run.stdout());
    }
    let text = run.stdout().split_whitespace().collect::<Vec<_>>().join(" ");
    assert_says(&text, &["starts a coordinator and workers of its own", "SWATH_COORDINATOR", "[env: SWATH_WORKERS=]"]);
    let submit = scene.swath("submit --help").succeed();
    assert_says(submit.stdout(), &["\nJob:\n", "\nConnection:\n", "\nEverywhere:\n"]);
}

#[test]
fn completions_know_the_kernels() {
    let scene = Scene::new("completions_know_the_kernels");
    let line = r#"source <("$SWATH" completions bash)
        COMP_WORDS=(swath run -k ""); COMP_CWORD=3; _swath swath "" -k; echo "${COMPREPLY[@]}""#;
    assert_eq!(scene.bash(line).succeed().stdout().trim(), "square isqrt is-prime collatz factor random");
    // A coordinator may have kernels that this program does not know.
    let coordinator = scene.coordinator();
    assert_says(&coordinator.swath("submit 1..=3 -k cube").end().assert_refused(2), &["cube"]);
}

#[test]
fn a_coordinator_says_where_its_data_is() {
    let scene = Scene::new("where_its_data_is");
    let coordinator = scene.coordinator_with("--data some/../data");
    let folder = fs::canonicalize(scene.path("data")).unwrap();
    assert_says(&coordinator.process().stderr(), &[&format!("folder={}\n", folder.display())]);
}

#[test]
fn of_a_folder_of_access_files_the_one_that_is_needed_is_used() {
    let scene = Scene::new("a_folder_of_access_files");
    scene.swath("access create access --address 127.0.0.1:7171").succeed();
    let coordinator = scene.coordinator_with("--access access");
    let with = |arguments: &str| scene.swath(arguments).args(["--coordinator", coordinator.address()]);
    let _worker = with("worker start --access access").start();
    assert_eq!(with("run 1..=3 --access access").succeed().stdout(), SQUARES);
    assert_says(&with("worker drain 7 --access access").end().assert_refused(1), &["no worker 7"]);
    fs::remove_file(scene.path("access/worker.toml")).unwrap();
    let refused = with("worker start --access access").end().assert_refused(2);
    assert_says(&refused, &["the folder access", "worker.toml", "tls.key"]);
    let refused = scene.swath("access show access").end().assert_refused(2);
    assert_says(&refused, &["access is a folder", "access/client.toml"]);
}

#[test]
fn access_files_that_others_may_read_are_warned_of_and_those_that_they_may_change_are_refused() {
    let scene = Scene::new("access_files_that_others_may_read");
    scene.swath("access create access --address 127.0.0.1:7171").succeed();
    let allow = |file: &str, mode| {
        fs::set_permissions(scene.path(format!("access/{file}.toml")), fs::Permissions::from_mode(mode)).unwrap();
    };
    let coordinator = scene.coordinator_with("--access access/coordinator.toml");
    let list = || {
        let list = scene.swath("job list --output json --access access/client.toml");
        list.args(["--coordinator", coordinator.address()])
    };
    assert_eq!(list().succeed().stderr(), "");
    assert!(!coordinator.process().stderr().contains("mode"), "{}", coordinator.process().stderr());
    allow("client", 0o640);
    let said = "swath: access/client.toml can be read by others (mode 0640): \
                `chmod 600 access/client.toml` makes it yours alone\n";
    assert_eq!(list().succeed().stderr(), said);
    allow("client", 0o602);
    assert_says(&list().end().assert_refused(2), &["can be changed by others (mode 0602)", "chmod 600"]);
    allow("authority", 0o644);
    let issue = scene.swath("access issue access --role client -o x.toml").succeed();
    assert_says(issue.stderr(), &["access/authority.toml can be read by others (mode 0644)"]);
    allow("authority", 0o666);
    let issue = scene.swath("access issue access --role client -o y.toml").end().assert_refused(1);
    assert_says(&issue, &["access/authority.toml can be changed by others"]);
    coordinator.stop(Signal::TERM).assert_code(0);

    allow("coordinator", 0o644);
    let coordinator = scene.coordinator_with("--access access/coordinator.toml");
    until("it warns", || coordinator.process().stderr().contains("can be read by others (mode 0644)").then_some(()));
}
