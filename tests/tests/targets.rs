//! What `-o` may name beside a new file: descriptors, devices, links, files that are there, and what cannot work.

use std::{
    fs,
    os::unix::{
        fs::{MetadataExt, PermissionsExt, chown, symlink},
        net::UnixListener,
    },
    process::{Command, Stdio},
};

use rustix::process::geteuid;
use swath_tests::{Rows, Scene, square, until};

/// Hours of work: whoever is refused in time did not wait for it.
const LONG: &str = "1..=1e14 -k collatz";

#[test]
fn what_others_write_to_a_descriptor_stays() {
    let scene = Scene::new("descriptors");
    symlink("/dev/stdout", scene.path("link")).unwrap();
    let run = "$SWATH run 1..=2 --format csv -o";
    for (target, descriptor) in [
        ("/dev/stdout", 1),
        ("/dev/fd/1", 1),
        ("link", 1),
        ("/dev/stderr", 2),
        ("/dev/fd/3", 3),
        ("/proc/self/fd/3", 3),
    ] {
        // What it says on standard error is not looked at here.
        let quiet = if descriptor == 2 { "" } else { "2>/dev/null" };
        for redirect in [">", ">>"] {
            fs::write(scene.path("log"), "old\n").unwrap();
            let group = format!("{{ echo before >&{descriptor}; {run} {target} {quiet}; echo after >&{descriptor}; }}");
            scene.bash(&format!("{group} {descriptor}{redirect}log")).succeed();
            let log = fs::read_to_string(scene.path("log")).unwrap();
            let log = log.lines().filter(|line| !line.starts_with("2 numbers in")).collect::<Vec<_>>().join("\n");
            let old = if redirect == ">" { "" } else { "old\n" };
            assert_eq!(log, format!("{old}before\nn,value\n1,1\n2,4\nafter"), "{target} with {redirect}");
        }
    }
    assert_eq!(scene.files(), ["link", "log"]);
}

#[test]
fn a_descriptor_that_cannot_be_written_is_refused() {
    let scene = Scene::new("bad_descriptors");
    fs::write(scene.path("log"), "old\n").unwrap();
    let cases = [
        // It has more open than it was given.
        ("/dev/fd/3", "", "descriptor 3 is not open"),
        ("/dev/fd/7", "", "descriptor 7 is not open"),
        ("/dev/fd/3", "3<log", "descriptor 3 is not open for writing"),
        ("/dev/stdout", ">&-", "closed"),
    ];
    for (target, redirect, sentence) in cases {
        let said = scene.bash(&format!("exec $SWATH run {LONG} --format csv -o {target} {redirect}")).end();
        let said = said.assert_refused(2);
        assert!(said.contains(sentence), "{target} {redirect}: {said}");
    }
    assert_eq!(fs::read_to_string(scene.path("log")).unwrap(), "old\n");
}

#[test]
fn a_pipe_that_nobody_reads_can_be_interrupted() {
    let scene = Scene::new("a_pipe_that_nobody_reads");
    scene.bash("mkfifo pipe").succeed();
    let run = scene.swath("run 1..=3 --format csv -o pipe").in_the_foreground().start();
    until("it listens for Ctrl-C", || {
        let status = fs::read_to_string(run.proc("status")).ok()?;
        let caught = status.lines().find_map(|line| line.strip_prefix("SigCgt:"))?;
        (u64::from_str_radix(caught.trim(), 16).ok()? & 1 << 1 != 0).then_some(())
    });
    run.press_ctrl_c();
    run.wait().assert_code(130);
}

#[test]
fn a_link_is_followed_also_to_where_nothing_is() {
    let scene = Scene::new("dangling_links");
    fs::create_dir(scene.path("folder")).unwrap();
    symlink("folder/second", scene.path("first.csv")).unwrap();
    symlink("target.csv", scene.path("folder/second")).unwrap();
    for _ in 0..2 {
        scene.swath("run 1..=10 -o first.csv").succeed();
        assert!(fs::symlink_metadata(scene.path("first.csv")).unwrap().is_symlink());
        assert!(fs::symlink_metadata(scene.path("folder/second")).unwrap().is_symlink());
        Rows::open(&scene.path("folder/target.csv")).assert_are(1..=10, square);
    }
    assert_eq!(scene.files(), ["first.csv", "folder"]);
}

#[test]
fn a_file_that_is_replaced_keeps_its_mode_and_owner() {
    let scene = Scene::new("mode_and_owner");
    for mode in [0o600, 0o640, 0o664, 0o755] {
        let file = scene.path("x.csv");
        fs::write(&file, "old").unwrap();
        fs::set_permissions(&file, fs::Permissions::from_mode(mode)).unwrap();
        if geteuid().is_root() {
            chown(&file, Some(1234), Some(2345)).unwrap();
        }
        let before = fs::metadata(&file).unwrap();
        scene.bash("umask 022 && $SWATH run 1..=10 -o x.csv").succeed();
        let after = fs::metadata(&file).unwrap();
        assert_eq!(after.mode(), before.mode(), "{:o} became {:o}", before.mode(), after.mode());
        assert_eq!((after.uid(), after.gid()), (before.uid(), before.gid()));
        Rows::open(&file).assert_are(1..=10, square);
        fs::remove_file(&file).unwrap();
    }
}

#[test]
fn another_name_of_a_file_keeps_what_is_there() {
    let scene = Scene::new("hard_links");
    fs::write(scene.path("one.csv"), "old").unwrap();
    fs::hard_link(scene.path("one.csv"), scene.path("two")).unwrap();
    scene.swath("run 1..=10 -o one.csv").succeed();
    Rows::open(&scene.path("one.csv")).assert_are(1..=10, square);
    assert_eq!(fs::read_to_string(scene.path("two")).unwrap(), "old");
}

#[test]
fn what_cannot_be_written_is_refused_before_the_first_number() {
    let scene = Scene::new("bad_targets");
    let long = format!("{}.csv", "n".repeat(300));
    fs::create_dir(scene.path("folder.csv")).unwrap();
    fs::write(scene.path("file.csv"), "old").unwrap();
    let _socket = UnixListener::bind(scene.path("socket.csv")).unwrap();
    symlink("circle.csv", scene.path("circle.csv")).unwrap();
    symlink("gone/x.csv", scene.path("dangling.csv")).unwrap();
    for (target, sentence) in [
        (long.as_str(), "File name too long"),
        ("gone/x.csv", "there is no folder gone"),
        ("dangling.csv", "there is no folder"),
        ("file.csv/x.csv", "is not a folder"),
        ("folder.csv", "it is a folder"),
        ("new.csv/", "it is a folder"),
        ("socket.csv", "it is a socket"),
        ("circle.csv", "circle of links"),
        ("x.unknown", "names no format"),
    ] {
        let said = scene.swath(&format!("run {LONG} -o {target}")).end().assert_refused(2);
        assert!(said.contains(sentence), "{target}: {said}");
    }
    assert_eq!(scene.files(), ["circle.csv", "dangling.csv", "file.csv", "folder.csv", "socket.csv"]);
}

#[test]
fn what_may_not_be_written_is_refused_before_the_first_number() {
    let scene = Scene::new("no_permission");
    fs::write(scene.path("file.csv"), "old").unwrap();
    fs::set_permissions(scene.path("file.csv"), fs::Permissions::from_mode(0o400)).unwrap();
    fs::create_dir(scene.path("folder")).unwrap();
    fs::set_permissions(scene.path("folder"), fs::Permissions::from_mode(0o500)).unwrap();
    // Root may write everywhere, but for what it is told not to.
    let ordinary: &[&str] =
        if geteuid().is_root() { &["setpriv", "--bounding-set=-dac_override,-dac_read_search"] } else { &[] };
    for target in ["file.csv", "folder/x.csv"] {
        let said = scene.swath_under(ordinary, &format!("run {LONG} -o {target}")).end().assert_refused(2);
        assert!(said.contains("ermission denied"), "{target}: {said}");
    }
    assert_eq!(fs::read_to_string(scene.path("file.csv")).unwrap(), "old");
}

#[test]
fn a_file_that_is_a_mount_is_refused() {
    let scene = Scene::new("a_file_that_is_a_mount");
    fs::write(scene.path("x.csv"), "old").unwrap();
    let mount = format!("mount --bind x.csv x.csv && exec $SWATH run {LONG} -o x.csv");
    let said = scene.bash(&format!("exec unshare {} bash -c '{mount}'", own_mounts())).end().assert_refused(2);
    assert!(said.contains("it is a mount of its own"), "{said}");
}

/// What makes `unshare` give a process mounts of its own: anybody is root in a user namespace of one's own.
fn own_mounts() -> &'static str {
    if geteuid().is_root() { "-m" } else { "-Urm" }
}

/// A line for bash with a disk of this size in the folder `disk`.
fn on_a_disk_of(size: &str, line: &str) -> String {
    let line = format!("mkdir -p disk && mount -t tmpfs -o size={size} small-disk disk && {line}");
    format!("exec unshare {} bash -c '{line}'", own_mounts())
}

#[test]
fn no_room_for_what_will_certainly_come_is_found_before_the_first_number() {
    let scene = Scene::new("no_room");
    for (file, needed) in [("x.npy", "727.6 TiB"), ("x.arrow", "1.4 PiB"), ("x.txt", "181.9 TiB"), ("x.csv", "1.5 PiB")]
    {
        let line = on_a_disk_of("8m", &format!("exec $SWATH run {LONG} -o disk/{file}"));
        let said = scene.bash(&line).end().assert_refused(1);
        assert!(said.contains(needed) && said.contains("8.0 MiB free"), "{file}: {said}");
    }
    // Onto a descriptor, too.
    let line = on_a_disk_of("8m", &format!("exec $SWATH run {LONG} > disk/x"));
    let said = scene.bash(&line).end().assert_refused(1);
    assert!(said.contains("standard output") && said.contains("8.0 MiB free"), "{said}");
    // Without what fails, a file may be shorter.
    let job = "-999000..=999 -k isqrt --chunk-size 1000 --max-retries 0 --keep-going";
    let ended = scene.bash(&on_a_disk_of("8m", &format!("exec $SWATH run {job} -o disk/x.arrow"))).end();
    assert!(ended.stderr().contains("1,000 numbers in disk/x.arrow"), "{}", ended.stderr());
}

#[test]
fn a_file_that_will_not_fit_ends_the_run_early() {
    let scene = Scene::new("will_not_fit");
    for range in [LONG, "3037000500..=3037000500000"] {
        let said = scene.bash(&on_a_disk_of("64m", &format!("exec $SWATH run {range} -o disk/x.parquet"))).end();
        let said = said.assert_code(1).stderr().to_owned();
        assert!(said.contains("will not fit") && said.contains("free"), "{range}: {said}");
    }
    // What the first blocks say is right for squares.
    scene.bash(&on_a_disk_of("2m", "exec $SWATH run 1..=3e7 -o disk/x.parquet")).succeed();
}

#[test]
fn much_that_will_come_is_told_before_it_comes() {
    let scene = Scene::new("much_that_will_come");
    let run = scene.swath("run 1..=1e10 -o x.parquet").in_the_foreground().start();
    until("it says how much", || run.stderr().contains("decimal128 values will take about 74.51 GiB").then_some(()));
    run.press_ctrl_c();
    run.wait().assert_code(130);
}

#[test]
fn results_that_are_larger_than_the_disk_are_not_fetched() {
    let scene = Scene::new("no_room_for_results");
    let coordinator = scene.coordinator();
    let _worker = coordinator.worker("able");
    let job = coordinator.submit("1..=3e6 -k collatz");
    coordinator.await_done(job);
    let fetch = format!("exec $SWATH job results {job} -c {} -o disk/x.parquet", coordinator.address());
    let said = scene.bash(&on_a_disk_of("2m", &fetch)).end().assert_refused(1);
    assert!(said.contains("needs at least") && said.contains("2.0 MiB free"), "{said}");
    scene.bash(&on_a_disk_of("8m", &fetch)).succeed();
}

#[test]
fn a_name_is_given_when_the_data_are_on_the_disk() {
    let mut strace = Command::new("strace");
    if !strace.arg("-V").stdout(Stdio::null()).stderr(Stdio::null()).status().is_ok_and(|status| status.success()) {
        eprintln!("\nSKIPPED: there is no `strace`; in which order files are synced and named was NOT looked at\n");
        return;
    }
    let scene = Scene::new("a_name_is_given");
    let calls = "trace=fsync,fdatasync,linkat,renameat2,renameat,rename";
    // The second time there is a file to replace.
    for _ in 0..2 {
        scene.swath_under(&["strace", "-f", "-y", "-o", "calls", "-e", calls], "run 1..=1000 -o x.parquet").succeed();
        let calls = fs::read_to_string(scene.path("calls")).unwrap();
        let lines: Vec<_> = calls.lines().filter(|line| line.ends_with("= 0")).collect();
        let position = |what: &dyn Fn(&str) -> bool| {
            lines.iter().position(|line| what(line)).unwrap_or_else(|| panic!("a call is missing in\n{calls}"))
        };
        let folder = format!("<{}>)", scene.path("").display()).replace("/>", ">");
        let data = position(&|line| line.contains("sync(") && !line.contains(&folder));
        let named = position(&|line| !line.contains("sync(") && line.contains("/x.parquet\""));
        let synced = position(&|line| line.contains("sync(") && line.contains(&folder));
        assert!(data < named && named < synced, "{calls}");
    }
}
