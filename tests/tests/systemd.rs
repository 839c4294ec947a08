//! The units of `deploy/systemd`, as systemd itself judges them.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a panic is how a test fails")]

use std::{
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use swath_tests::Scene;

const UNITS: [&str; 2] = ["swath-coordinator.service", "swath-worker.service"];

/// The most that a unit may be exposed to, in tenths of what `systemd-analyze security` counts up to 10.
const EXPOSURE: u32 = 15;

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("the workspace").join("deploy/systemd")
}

/// Whether this machine has a systemd that judges units without running (252 or newer).
fn judges() -> bool {
    let mut analyze = Command::new("systemd-analyze");
    analyze.args(["security", "--offline=true", "--no-pager"]).arg(folder().join(UNITS[0]));
    if analyze.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).status().is_ok_and(|it| it.success()) {
        return true;
    }
    eprintln!("\nSKIPPED: there is no `systemd-analyze` of 252 or newer; the units for systemd were NOT judged\n");
    false
}

#[test]
fn the_units_are_sound_and_hardened() {
    if !judges() {
        return;
    }
    let scene = Scene::new("systemd");
    for unit in UNITS {
        let from = folder().join(unit);
        // The program is not installed here; all else is as it stands.
        let line = format!(
            r#"grep -q '^ExecStart=/usr/local/bin/swath ' '{from}' &&
            sed "s|^ExecStart=/usr/local/bin/swath |ExecStart=$SWATH |" '{from}' > {unit} &&
            systemd-analyze verify --man=no ./{unit}"#,
            from = from.display()
        );
        let said = scene.bash(&line).succeed();
        // A setting that systemd does not know is only warned of.
        assert_eq!(format!("{}{}", said.stdout(), said.stderr()), "", "{unit}");
        let judge = format!("systemd-analyze security --offline=true --no-pager --threshold={EXPOSURE} ./{unit}");
        scene.bash(&judge).succeed();

        // A judge that lets everything pass is none.
        let spoil = format!("sed 's/^ProtectSystem=/ProtectSytem=/' {unit} > spoilt.service");
        let said = scene.bash(&format!("{spoil} && systemd-analyze verify --man=no ./spoilt.service")).end();
        assert!(said.stderr().contains("ProtectSytem"), "{}", said.stderr());
        let spoil = format!("grep -v -e '^Capability' -e '^SystemCallFilter' {unit} > spoilt.service");
        let judge = format!("systemd-analyze security --offline=true --no-pager --threshold={EXPOSURE} spoilt.service");
        scene.bash(&format!("{spoil} && {judge}")).end().assert_code(1);
    }
}

/// The command of each unit and the variables that it sets are those of the program.
#[test]
fn the_units_start_what_there_is() {
    let scene = Scene::new("systemd_commands");
    for unit in UNITS {
        let text = std::fs::read_to_string(folder().join(unit)).expect("a unit");
        let command =
            text.lines().find_map(|line| line.strip_prefix("ExecStart=/usr/local/bin/swath ")).expect("a command");
        let help = scene.swath(&format!("{command} --help")).succeed();
        let variables =
            text.lines().filter_map(|line| line.strip_prefix("Environment=")).flat_map(str::split_whitespace);
        let mut count = 0;
        for (name, _) in variables.filter_map(|variable| variable.split_once('=')) {
            assert!(help.stdout().contains(&format!("[env: {name}=")), "{unit}: `swath {command}` has no {name}");
            count += 1;
        }
        assert!(count > 1, "{unit} sets nothing");
    }
}
