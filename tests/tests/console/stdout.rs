//! Standard output: what is not written is an error of the command.

use std::io::Read;

use rustix::fs::{OFlags, fcntl_getfl, fcntl_setfl};
use swath_tests::{Coordinator, Ended, Scene, until};

/// What prints without a coordinator.
const ALONE: [&str; 8] = [
    "run 1..=3",
    "run 1..=3 --format csv",
    "kernels",
    "kernels --output json",
    "completions bash",
    "--version",
    "--help",
    "run --help",
];

/// What prints what a coordinator says; the job 1 is done.
const ASKING: [&str; 7] =
    ["job list", "job list --output json", "job show 1", "job results 1", "job wait 1", "worker list", "submit 1..=3"];

fn each_command(scene: &Scene, coordinator: &Coordinator<'_>, redirection: &str, judge: impl Fn(&str, Ended)) {
    let at = format!("-c {}", coordinator.address());
    let alone = ALONE.iter().map(|command| (*command).to_owned());
    for command in alone.chain(ASKING.iter().map(|command| format!("{command} {at}"))) {
        judge(&command, scene.bash(&format!("exec $SWATH {command} {redirection}")).end());
    }
}

#[test]
fn a_command_whose_output_is_not_written_fails() {
    let scene = Scene::new("output_that_is_not_written");
    let coordinator = scene.coordinator();
    let _worker = coordinator.worker("able");
    coordinator.swath("submit 1..=3 --wait").succeed();
    for redirection in [">/dev/full", ">&-", "1</dev/null"] {
        each_command(&scene, &coordinator, redirection, |command, ended| {
            let code = ended.code();
            assert!(code == Some(1) || code == Some(2), "`{command} {redirection}` ended with {code:?}");
            let said = ended.assert_refused(code.unwrap());
            assert!(said.contains("cannot write standard output: "), "`{command} {redirection}`: {said}");
        });
    }
}

#[test]
fn a_command_whose_output_nobody_wants_succeeds() {
    let scene = Scene::new("output_that_nobody_wants");
    let coordinator = scene.coordinator();
    let _worker = coordinator.worker("able");
    coordinator.swath("submit 1..=3 --wait").succeed();
    // Some programs open /dev/null for both when they start others.
    for redirection in [">/dev/null", "1<>/dev/null", "> >(true)", "<&- >/dev/null"] {
        each_command(&scene, &coordinator, redirection, |command, ended| {
            assert_eq!(ended.code(), Some(0), "`{command} {redirection}`: {}", ended.stderr());
        });
    }
}

#[test]
fn output_waits_for_room_in_a_pipe_that_somebody_made_non_blocking() {
    let scene = Scene::new("a_non_blocking_pipe");
    let (mut reader, writer) = std::io::pipe().unwrap();
    fcntl_setfl(&writer, fcntl_getfl(&writer).unwrap() | OFlags::NONBLOCK).unwrap();
    let run = scene.swath("run 1..=300000 --format csv").stdout_to(writer).start();
    until("the pipe is full", || (rustix::io::ioctl_fionread(&reader).unwrap() >= 65_536).then_some(()));
    let mut text = String::new();
    reader.read_to_string(&mut text).unwrap();
    run.wait().assert_code(0);
    let expected: String = (1..=300_000_u64).map(|n| format!("{n},{}\n", n * n)).collect();
    assert!(text == format!("n,value\n{expected}"), "{} bytes", text.len());
}
