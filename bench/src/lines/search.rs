//! `search`: a few hits in very many numbers, and what a coordinator keeps of them.

use std::{fs, process::Command, time::Instant};

use anyhow::{Context, Result, ensure};
use swath_client::counted;

use super::power;
use crate::{
    measure::{Contender, Kind, Line, Measure, Unit},
    process::{self, Cluster},
    setting::Setting,
    statistics::size,
};

const NUMBERS: u64 = 100_000_000_000;
/// One number in so many is a hit.
const APART: u64 = 100_000_000;

pub(super) fn line(setting: &Setting) -> Line {
    let last = setting.numbers(NUMBERS);
    Line {
        name: "search",
        work: format!("{} hits in {} numbers", last / APART, power(last)),
        contenders: vec![swath(last)],
        remarks: vec!["The job is submitted to a coordinator with one worker; the results are stored".to_owned()],
    }
}

fn swath(last: u64) -> Contender {
    let name = "Swath, peak of the coordinator's memory";
    Contender::with_several(name, Kind::Swath, move |setting| {
        let cluster = Cluster::start(setting)?;
        let begun = Instant::now();
        let mut submit = Command::new(&setting.swath);
        submit.args(["submit", &format!("1..={last}"), "--where", &format!("n % {APART} = 0"), "--wait"]);
        process::finish(setting, submit.args(["--coordinator", cluster.address()]))?;
        let seconds = begun.elapsed().as_secs_f64();
        let mut read = Command::new(&setting.swath);
        let read = read.args(["job", "results", "1", "--column", "n", "--coordinator", cluster.address()]);
        let hits = process::finish(setting, read)?.stdout.lines().count() as u64;
        ensure!(hits == last / APART, "{} instead of {}", counted(hits, "hit"), last / APART);
        let peak = peak_mib(cluster.coordinator_id())?;
        let ledger = size(ledger_bytes(&cluster)?);
        let speed = format!("{:.2}·10⁹ numbers/s", last as f64 / seconds / 1e9);
        let measure = |unit, value| Measure::new(name, Kind::Swath, unit, value).verified("count");
        Ok(vec![
            measure(Unit::Mebibytes, peak).detail(format!("a ledger of {ledger}")),
            Measure {
                system: "Swath, until the job is done".to_owned(),
                ..measure(Unit::Seconds, seconds).detail(speed)
            },
        ])
    })
}

/// The most memory that a process has had so far.
fn peak_mib(id: u32) -> Result<f64> {
    let status = fs::read_to_string(format!("/proc/{id}/status"))?;
    let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).context("the kernel tells no peak")?;
    let kib: f64 = peak.trim().trim_end_matches("kB").trim().parse().context("the peak of memory")?;
    Ok(kib / 1024.0)
}

/// The ledger with its write-ahead log.
fn ledger_bytes(cluster: &Cluster) -> Result<u64> {
    let mut bytes = 0;
    for entry in fs::read_dir(cluster.data())? {
        let entry = entry?;
        if entry.file_name().to_string_lossy().starts_with("ledger.sqlite") {
            bytes += entry.metadata()?.len();
        }
    }
    ensure!(bytes > 0, "there is no ledger in {}", cluster.data().display());
    Ok(bytes)
}
