//! `primes`: primes that are counted and listed, beside the fastest sieve that is known.

use std::{
    fs::{self, File},
    process::{Command, Stdio},
    time::Instant,
};

use anyhow::{Context, ensure};

use super::{
    power,
    rows::{check_number, swath_prints},
};
use crate::{
    measure::{Contender, Kind, Line, Measure, Unit},
    process,
    setting::{Setting, cores, is_on_path},
    statistics::size,
    verify,
};

/// Numbers and how many primes are among them, from <https://oeis.org/A006880>.
const COUNTED: [(u64, u64); 2] = [(1_000_000_000, 50_847_534), (10_000_000_000, 455_052_511)];
const QUICKLY: [(u64, u64); 2] = [(10_000_000, 664_579), (100_000_000, 5_761_455)];

pub(super) fn line(setting: &Setting) -> Line {
    let counts = setting.either(COUNTED, QUICKLY);
    let (last, _) = counts[0];
    let names: [[&str; 2]; 2] = setting.either(
        [
            ["Swath, primes to 10⁹ counted", "primesieve, primes to 10⁹ counted"],
            ["Swath, primes to 10¹⁰ counted", "primesieve, primes to 10¹⁰ counted"],
        ],
        [
            ["Swath, primes to 10⁷ counted", "primesieve, primes to 10⁷ counted"],
            ["Swath, primes to 10⁸ counted", "primesieve, primes to 10⁸ counted"],
        ],
    );
    let mut contenders = Vec::new();
    for ((last, primes), [ours, _]) in counts.into_iter().zip(names) {
        let range = format!("1..={last}");
        let arguments = ["run", &range, "-k", "is-prime", "--where", "value", "--reduce", "count"].map(str::to_owned);
        contenders.push(swath_prints(ours, arguments.to_vec(), primes));
    }
    contenders.push(swath_lists(counts[0]));
    let mut remarks = Vec::new();
    if is_on_path("primesieve") {
        for ((last, primes), [_, theirs]) in counts.into_iter().zip(names) {
            contenders.push(primesieve_counts(theirs, last, primes));
        }
        contenders.push(primesieve_lists(counts[0]));
    } else {
        remarks.push("primesieve is left out: it is not on the path".to_owned());
    }
    remarks
        .push("All are whole commands; rows of another kind of work stand beside each other for their size".to_owned());
    Line { name: "primes", work: format!("primes to {} and beyond", power(last)), contenders, remarks }
}

fn swath_lists((last, primes): (u64, u64)) -> Contender {
    let name = "Swath, primes listed as Parquet";
    Contender::new(name, Kind::Swath, move |setting| {
        let folder = setting.folder()?;
        let path = folder.path().join("primes.parquet");
        let mut command = Command::new(&setting.swath);
        command.args(["run", &format!("1..={last}"), "-k", "is-prime", "--where", "value", "--column", "n", "-o"]);
        let ended = process::finish(setting, command.arg(&path))?;
        let rows = verify::count_rows(&path)?;
        ensure!(rows == primes, "the file has {rows} rows instead of {primes}");
        let measure = Measure::new(name, Kind::Swath, Unit::Seconds, ended.wall.as_secs_f64());
        Ok(measure.verified("count").detail(size(fs::metadata(&path)?.len())))
    })
}

fn primesieve(last: u64) -> Command {
    let mut command = Command::new("primesieve");
    command.args([&last.to_string(), "--quiet", "--threads", &cores().to_string()]);
    command
}

fn primesieve_counts(name: &'static str, last: u64, primes: u64) -> Contender {
    Contender::new(name, Kind::Peer, move |setting| {
        let ended = process::finish(setting, &mut primesieve(last))?;
        let verified = check_number(&ended.stdout, primes)?;
        Ok(Measure::new(name, Kind::Peer, Unit::Seconds, ended.wall.as_secs_f64()).verified(verified))
    })
}

fn primesieve_lists((last, _): (u64, u64)) -> Contender {
    let name = "primesieve --print, primes listed as text";
    Contender::new(name, Kind::Peer, move |setting| {
        let folder = setting.folder()?;
        let path = folder.path().join("primes.txt");
        let begun = Instant::now();
        let mut command = primesieve(last);
        let status = command.arg("--print").stdin(Stdio::null()).stdout(File::create(&path)?).status();
        ensure!(status.context("cannot start primesieve")?.success(), "primesieve failed");
        let measure = Measure::new(name, Kind::Peer, Unit::Seconds, begun.elapsed().as_secs_f64());
        Ok(measure.detail(size(fs::metadata(&path)?.len())))
    })
}
