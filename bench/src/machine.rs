//! What machine this is, and which versions ran on it.

use std::{fs, path::Path, process::Command, time::SystemTime};

use crate::setting::{Setting, cores};

/// Properties by name, in the order of the table.
pub(crate) fn describe(setting: &Setting) -> Vec<(String, String)> {
    let time = humantime::format_rfc3339_seconds(SystemTime::now()).to_string();
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let commit = said(Command::new("git").arg("-C").arg(root).args(["describe", "--always", "--dirty", "--abbrev=10"]));
    let mut properties = vec![
        ("date", time),
        ("processor", processor()),
        ("cores", cores().to_string()),
        ("memory", memory()),
        ("kernel", said(Command::new("uname").args(["--kernel-name", "--kernel-release", "--machine"]))),
        ("swath", format!("{} ({commit})", said(Command::new(&setting.swath).arg("--version")))),
        ("rust", said(Command::new("rustc").arg("--version"))),
    ];
    if let Some(python) = &setting.python {
        properties.push(("python", said(Command::new(python).arg("--version"))));
    }
    properties.into_iter().map(|(name, value)| (name.to_owned(), value)).collect()
}

fn processor() -> String {
    let text = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let names = ["model name", "Model", "Hardware"];
    let found = names.iter().find_map(|name| text.lines().find(|line| line.starts_with(name)));
    found.and_then(|line| line.split_once(':')).map_or_else(|| "unknown".to_owned(), |(_, name)| name.trim().to_owned())
}

fn memory() -> String {
    let text = fs::read_to_string("/proc/meminfo").unwrap_or_default();
    let total = text.lines().find_map(|line| line.strip_prefix("MemTotal:")?.trim().strip_suffix("kB"));
    let kib: f64 = total.and_then(|total| total.trim().parse().ok()).unwrap_or(0.0);
    format!("{:.1} GiB", kib / f64::from(1 << 20))
}

/// What a command prints; `unknown` if it cannot.
fn said(command: &mut Command) -> String {
    let output = command.output().ok().filter(|output| output.status.success());
    let text = output.map(|output| String::from_utf8_lossy(&output.stdout).trim().to_owned());
    text.filter(|text| !text.is_empty()).unwrap_or_else(|| "unknown".to_owned())
}
