//! The log: it never holds up the work, and whatever becomes of it, the work goes on.

use std::{
    fs::{self, File},
    io::{ErrorKind, Read, Write},
    net::TcpListener,
    os::unix::fs::OpenOptionsExt,
    path::Path,
};

use rustix::fs::OFlags;
use swath_tests::{Coordinator, Rows, Scene, Signal, square, until};

/// A port that nobody listens at.
fn free_address() -> String {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().to_string()
}

/// A coordinator whose standard error goes where the shell says.
fn coordinator_with_log_to<'scene>(scene: &'scene Scene, redirection: &str, arguments: &str) -> Coordinator<'scene> {
    let address = free_address();
    let line = format!("exec $SWATH coordinator start --listen {address} {arguments} {redirection}");
    Coordinator::at(scene, scene.bash(&line).start(), &address)
}

/// Whether it serves: jobs come, are computed, and can be read.
fn assert_serves(scene: &Scene, coordinator: &Coordinator<'_>) {
    let _worker = coordinator.worker("able");
    for _ in 0..5 {
        coordinator.swath("submit 1..=10 --wait").succeed();
    }
    coordinator.swath("submit 1..=1000 --wait").succeed();
    coordinator.save(6, "squares.csv");
    Rows::open(&scene.path("squares.csv")).assert_are(1..=1000, square);
}

#[test]
fn a_coordinator_serves_and_stops_when_the_reader_of_its_log_has_gone() {
    let scene = Scene::new("the_reader_of_a_log_has_gone");
    let coordinator = coordinator_with_log_to(&scene, "2> >(head -n 1 >first)", "");
    until("the reader has read a line", || {
        fs::read_to_string(scene.path("first")).is_ok_and(|text| text.ends_with('\n')).then_some(())
    });
    assert_serves(&scene, &coordinator);
    coordinator.stop(Signal::TERM).assert_code(0);
}

#[test]
fn a_coordinator_serves_and_stops_when_its_log_is_on_a_full_disk() {
    let scene = Scene::new("a_log_on_a_full_disk");
    let coordinator = coordinator_with_log_to(&scene, "2>/dev/full", "");
    assert_serves(&scene, &coordinator);
    coordinator.stop(Signal::TERM).assert_code(0);
}

#[test]
fn a_log_on_a_disk_with_room_again_says_how_much_is_missing() {
    let scene = Scene::new("a_log_with_room_again");
    fs::create_dir(scene.path("log")).unwrap();
    let namespaces = if rustix::process::geteuid().is_root() { "-m" } else { "-Urm" };
    let address = free_address();
    // The disk of the log is mounted where only the coordinator sees it.
    let line = format!(
        "exec unshare {namespaces} bash -c 'mount -t tmpfs -o size=64k small-disk log && \
         exec $SWATH coordinator start --listen {address} 2>log/log'"
    );
    let coordinator = Coordinator::at(&scene, scene.bash(&line).start(), &address);
    let filler = coordinator.path("log/filler");
    swath_tests::fill(&filler);
    let said = || fs::read_to_string(coordinator.path("log/log")).unwrap();
    // What is left of the last page of the log.
    until("the log is full", || {
        let before = said();
        coordinator.submit("1..=10");
        (said() == before).then_some(())
    });
    let last = coordinator.submit("1..=10");
    fs::remove_file(&filler).unwrap();
    let next = coordinator.submit("1..=10");
    let log =
        until("the log goes on", || Some(said()).filter(|log| log.contains(&format!("job submitted id={next} "))));
    assert!(!log.contains(&format!("job submitted id={last} ")), "{log}");
    assert!(log.contains(" of this log could not be written and were lost\n"), "{log}");
    coordinator.stop(Signal::TERM).assert_code(0);
}

/// A pipe with a name, whose reader does not read.
struct Unread(File);

impl Unread {
    fn make(path: &Path) -> Self {
        rustix::fs::mknodat(rustix::fs::CWD, path, rustix::fs::FileType::Fifo, 0o600.into(), 0).unwrap();
        let flags = OFlags::NONBLOCK.bits() as i32;
        Self(File::options().read(true).write(true).custom_flags(flags).open(path).unwrap())
    }

    /// Leaves no room in it.
    fn fill(&mut self) {
        for bytes in [&[b'x'; 4096][..], b"x"] {
            while self.0.write(bytes).is_ok() {}
        }
    }

    /// All that is in it.
    fn read(&mut self) -> String {
        let mut bytes = Vec::new();
        match self.0.read_to_end(&mut bytes) {
            Err(error) if error.kind() == ErrorKind::WouldBlock => String::from_utf8_lossy(&bytes).into_owned(),
            read => panic!("a pipe that is open for writing has no end: {read:?}"),
        }
    }
}

#[test]
fn a_coordinator_serves_and_stops_when_nobody_reads_its_log() {
    let scene = Scene::new("nobody_reads_a_log");
    let mut pipe = Unread::make(&scene.path("pipe"));
    let health = free_address();
    let coordinator = coordinator_with_log_to(&scene, "2>pipe", &format!("--health-listen {health}"));
    pipe.fill();
    assert_serves(&scene, &coordinator);
    for service in ["liveness", "readiness"] {
        scene.swath(&format!("health {health} --service {service}")).succeed();
    }
    coordinator.stop(Signal::TERM).assert_code(0);
}

#[test]
fn a_log_that_was_not_read_in_time_says_how_much_is_missing() {
    let scene = Scene::new("a_log_not_read_in_time");
    let mut pipe = Unread::make(&scene.path("pipe"));
    let coordinator = coordinator_with_log_to(&scene, "2>pipe", "--log trace");
    pipe.fill();
    // Many times what may wait.
    for _ in 0..100 {
        coordinator.swath("job list").succeed();
    }
    let mut log = String::new();
    until("the log says what is missing", || {
        log += &pipe.read();
        coordinator.swath("job list").succeed();
        log.contains(" lines of this log could not be written and were lost\n").then_some(())
    });
    coordinator.stop(Signal::TERM).assert_code(0);
}

#[test]
fn workers_and_runs_do_not_need_a_log() {
    let scene = Scene::new("no_log");
    let coordinator = scene.coordinator();
    for redirection in ["2>/dev/full", "2>&-", "2> >(true)"] {
        let address = coordinator.address();
        let worker = scene.bash(&format!("exec $SWATH worker start -c {address} --log debug {redirection}")).start();
        coordinator.swath("submit 1..=1000 --wait").succeed();
        worker.signal(Signal::TERM);
        worker.wait().assert_code(0);
        scene.bash(&format!("exec $SWATH run 1..=1000 -o squares.csv --log debug {redirection}")).succeed();
        Rows::open(&scene.path("squares.csv")).assert_are(1..=1000, square);
        // What is wrong is told by the exit code, at least.
        scene.bash(&format!("exec $SWATH run 1..=1000 -o /nowhere/squares.csv {redirection}")).end().assert_code(2);
        scene.bash(&format!("exec $SWATH nonsense {redirection}")).end().assert_code(2);
    }
}

#[test]
fn colours_are_for_terminals_that_want_them() {
    let scene = Scene::new("colours");
    for (no_colour, is_coloured) in [(None, true), (Some(""), true), (Some("1"), false)] {
        // `script` gives it a terminal.
        let line = "exec script -qec \"$SWATH coordinator start --listen 127.0.0.1:0 --data data-$$\" /dev/null";
        let mut command = scene.bash(line).env_remove("NO_COLOR");
        if let Some(value) = no_colour {
            command = command.env("NO_COLOR", value);
        }
        let on_terminal = command.start();
        let said = until("it listens", || Some(on_terminal.stdout()).filter(|said| said.contains("is listening")));
        assert_eq!(said.contains('\x1b'), is_coloured, "NO_COLOR={no_colour:?}: {said:?}");
    }
}

#[test]
fn values_in_the_log_are_for_people() {
    let scene = Scene::new("values_in_the_log");
    let coordinator = scene.coordinator();
    let worker = coordinator.worker("able");
    coordinator.swath("submit 1..=10 --wait").succeed();
    let log = until("it is logged", || Some(coordinator.process().stderr()).filter(|log| log.contains("job ended")));
    assert!(log.contains("job ended id=1 state=done\n"), "{log}");
    worker.signal(Signal::TERM);
    let ended = worker.wait().assert_code(0);
    assert!(!ended.stderr().contains("WARN"), "{}", ended.stderr());
    let log = coordinator.stop(Signal::TERM).assert_code(0).stderr().to_owned();
    for debug in ["Some(", "None", "Done", "Running"] {
        assert!(!log.contains(debug), "{log}");
    }
}
