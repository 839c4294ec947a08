//! The data folder: one meaning for every name, one coordinator whatever it is called, and room for results.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a panic is how a test fails")]

use std::{fs, os::unix::fs::symlink, path::Path};

use rustix::process::geteuid;
use swath_tests::{Coordinator, Rows, Scene, Signal, square, until};

/// Whether this is root, who may mount; otherwise says what is not tested.
fn may_mount(what: &str) -> bool {
    if geteuid().is_root() {
        return true;
    }
    eprintln!("\n*** SKIPPED: only root can mount, so {what} was NOT tested ***\n");
    false
}

/// What a coordinator says that does not start on this folder.
fn refusal(scene: &Scene, data: impl AsRef<Path>, code: i32) -> String {
    let start = scene.swath("coordinator start --listen 127.0.0.1:0 --data").arg(data.as_ref());
    start.end().assert_refused(code)
}

fn compute(scene: &Scene, coordinator: &Coordinator<'_>) {
    let _worker = coordinator.worker("able");
    let job = coordinator.submit("1..=1000");
    coordinator.await_done(job);
    read(scene, coordinator, job);
}

fn read(scene: &Scene, coordinator: &Coordinator<'_>, job: u64) {
    coordinator.save(job, "squares.csv");
    Rows::open(&scene.path("squares.csv")).assert_are(1..=1000, square);
}

/// Stops a coordinator in order.
fn stop(coordinator: &Coordinator<'_>) {
    coordinator.process().signal(Signal::TERM);
    until("it has ended", || fs::metadata(coordinator.process().proc("exe")).is_err().then_some(()));
}

#[test]
fn an_url_is_no_data_folder() {
    let scene = Scene::new("data_url");
    let real = scene.path("real").display().to_string();
    for data in [&format!("file://{real}"), &format!("file:{real}"), "file:x", "FILE:///x", "s3://bucket/a", "x://y"] {
        let said = refusal(&scene, data, 2);
        assert!(said.contains(&format!("`{data}` is a URL")) && said.contains("--store"), "{said}");
    }
    for store in ["file:///a%20b", "file:///a?b", "file:///a#b", "file:a"] {
        let start = scene.swath("coordinator start --listen 127.0.0.1:0 --store").arg(store);
        let said = start.end().assert_misused();
        assert!(said.contains(store), "{said}");
    }
    assert_eq!(scene.files(), [""; 0]);
}

#[test]
fn no_name_of_a_data_folder_leads_to_a_second_coordinator() {
    let scene = Scene::new("data_aliases");
    stop(&scene.coordinator_under(&["env", "SWATH_DATA=other"], ""));
    let coordinator = scene.coordinator();
    compute(&scene, &coordinator);

    let work = scene.path("").display().to_string();
    let work = work.trim_end_matches('/');
    symlink("data", scene.path("link")).unwrap();
    symlink(work, scene.path("around")).unwrap();
    fs::create_dir(scene.path("hard")).unwrap();
    fs::hard_link(scene.path("data/ledger.sqlite"), scene.path("hard/ledger.sqlite")).unwrap();
    // The ledger is another, and the parts are the same.
    let _ = fs::remove_dir(scene.path("other/jobs"));
    symlink("../data/jobs", scene.path("other/jobs")).unwrap();
    let absolute = [format!("{work}//data"), format!("/{work}/data/"), format!("{work}/../work/data/.")];
    let relative = ["data", "./data", "data//", "link", "around/data", "around/link/../data", "hard", "other"];
    for data in absolute.iter().map(String::as_str).chain(relative) {
        let said = refusal(&scene, data, 1);
        assert!(said.contains("in use by another coordinator"), "{data}: {said}");
    }
    fs::create_dir(scene.path("soft")).unwrap();
    symlink("../data/ledger.sqlite", scene.path("soft/ledger.sqlite")).unwrap();
    assert!(refusal(&scene, "soft", 1).contains("is a symbolic link"));
    if may_mount("a folder that is mounted elsewhere") {
        fs::create_dir(scene.path("mounted")).unwrap();
        let start = "mount --bind data mounted && exec $SWATH coordinator start --listen 127.0.0.1:0 --data mounted";
        let mounted = scene.bash(&format!("unshare -m bash -c '{start}'")).end().assert_refused(1);
        assert!(mounted.contains("in use by another coordinator"), "{mounted}");
    }

    // Nothing happened to the first one, and it lets others read its ledger.
    read(&scene, &coordinator, 1);
    assert_eq!(coordinator.job(1)["state"], "done");
    drop(coordinator);

    // With nobody there, what may be the ledger of two folders is still none for either.
    assert!(refusal(&scene, "hard", 1).contains("has more than one name"));
    assert!(refusal(&scene, "data", 1).contains("has more than one name"));
    assert!(refusal(&scene, "soft", 1).contains("is a symbolic link"));
    fs::remove_dir_all(scene.path("hard")).unwrap();
    let coordinator = scene.coordinator_under(&["env", "SWATH_DATA=around/link"], "");
    assert_eq!(coordinator.job(1)["results_location"], scene.path("data/jobs/1").display().to_string());
    read(&scene, &coordinator, 1);
}

#[test]
fn a_data_folder_may_have_any_name() {
    let scene = Scene::new("data_names");
    let names = [
        "a b",
        "100%",
        "x%20y",
        "a#b?c&d=e",
        "ü-日本",
        "a:b",
        "s3:bucket",
        "./file:x",
        "it's \"quoted\"",
        "back\\slash",
        "[a]*",
        "deep/er/still",
        "trailing/",
        "gone/../kept",
        "new\nline",
    ];
    let mut prefixes: Vec<Vec<String>> =
        names.iter().map(|name| vec!["env".to_owned(), format!("SWATH_DATA={name}")]).collect();
    let no_text = "export SWATH_DATA=$(printf 'no\\377text'); exec \"$@\"";
    prefixes.push(["bash", "-c", no_text, "bash"].map(str::to_owned).into());
    fs::create_dir(scene.path("gone")).unwrap();
    for prefix in &prefixes {
        let prefix: Vec<&str> = prefix.iter().map(String::as_str).collect();
        let coordinator = scene.coordinator_under(&prefix, "");
        compute(&scene, &coordinator);
        stop(&coordinator);
        let coordinator = scene.coordinator_under(&prefix, "");
        read(&scene, &coordinator, 1);
    }
    // All that was written lies where it was said.
    let parts = "find . -name 'part-*.parquet' -printf 'x\\n' | wc -l; find . -name ledger.sqlite -printf 'x\\n' | wc -l; \
                 ls -d kept/jobs/1 file:x/jobs/1 'x%20y/jobs/1' $'no\\377text/jobs/1' | wc -l";
    let count = prefixes.len();
    assert_eq!(scene.bash(parts).succeed().stdout(), format!("{count}\n{count}\n4\n"));

    let long = ["x".repeat(200), "y".repeat(200), "z".repeat(200)].join("/");
    let said = refusal(&scene, &long, 1);
    assert!(said.contains("and SQLite opens up to 500"), "{said}");
}

#[test]
fn what_cannot_ever_hold_a_part_is_refused_at_the_start() {
    let scene = Scene::new("data_room");
    for limit in ["0", "4000"] {
        let start = scene.swath("coordinator start --listen 127.0.0.1:0 --data data --max-disk").arg(limit);
        let said = start.end().assert_refused(2);
        assert!(said.contains("a part needs 4.0 KiB at the least, and up to 17.0 MiB"), "{said}");
    }
    assert_eq!(scene.files(), [""; 0]);
    let coordinator = scene.coordinator_with("--max-disk 1MiB");
    until("it warns", || coordinator.process().stderr().contains("there is so little room for results").then_some(()));
    compute(&scene, &coordinator);
    drop(coordinator);

    if !may_mount("a disk that is too small") {
        return;
    }
    let on = |mount: &str, before: &str| {
        let start = "exec $SWATH coordinator start --listen 127.0.0.1:0 --data disk/data";
        let line = format!("mkdir -p disk; {mount} && {{ {before} true; }} && {start}");
        scene.bash("exec unshare -m bash -c \"$1\" bash").arg("bash").arg(line).end().assert_refused(1)
    };
    let small = on("mount -t tmpfs -o size=512k small disk", "");
    assert!(small.contains("has 512.0 KiB in all, and the ledger and the smallest part need 1.0 MiB"), "{small}");
    let full = on("mount -t tmpfs -o size=4m full disk", "head -c 3500000 /dev/zero >disk/zeros;");
    assert!(full.contains("left, and the ledger and the smallest part need 1.0 MiB"), "{full}");
    let inodes = on("mount -t tmpfs -o size=64m,nr_inodes=2 inodes disk", "mkdir disk/data;");
    assert!(inodes.contains("has no inode left"), "{inodes}");
    let inodes = on("mount -t tmpfs -o size=64m,nr_inodes=1 inodes disk", "");
    assert!(inodes.contains("no inode is left on its disk"), "{inodes}");
    let fixed = on("mount -t tmpfs -o size=64m fixed disk", "mkdir disk/data; mount -o remount,ro disk;");
    assert!(fixed.contains("cannot use the data folder") && fixed.contains("Read-only file system"), "{fixed}");
    let fixed = on(
        "mount -t tmpfs -o size=64m fixed disk",
        "mkdir -p disk/data/jobs; touch disk/data/ledger.sqlite; mount --bind disk/data/jobs disk/data/jobs; \
         mount -o remount,bind,ro disk/data/jobs;",
    );
    assert!(fixed.contains("disk/data/jobs: Read-only file system"), "{fixed}");
}
