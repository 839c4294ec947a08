//! `types`: values that are no 64-bit integers, into Parquet.

use std::{fs, process::Command};

use anyhow::ensure;

use super::{file::disk, power};
use crate::{
    measure::{Contender, Kind, Line, Measure, Unit},
    peer::{self, Peer, peer},
    process,
    setting::Setting,
    statistics::size,
    verify,
};

const NUMBERS: u64 = 100_000_000;
/// From here on squares do not fit 64 bits.
const FIRST_DECIMAL: u64 = 5_000_000_000;

const DECIMALS: &[Peer] = &[
    peer("DuckDB, decimals, one ordered file", "duckdb_peer", "decimals"),
    peer("pyarrow threads, decimals, uncompressed, a file for each", "pyarrow_peer", "decimals"),
];
const FLOATS: &[Peer] =
    &[peer("pyarrow threads, random doubles, uncompressed, a file for each", "pyarrow_peer", "floats")];

pub(super) fn line(setting: &Setting) -> Line {
    let count = setting.numbers(NUMBERS);
    let (decimals, mut remarks) = peer::enlist(setting, DECIMALS, |peer| peer.counting(count, count));
    let (floats, _) = peer::enlist(setting, FLOATS, |peer| peer.counting(count, count));
    remarks.push("Swath is timed as a whole command; its peers are up and warm before the clock starts".to_owned());
    let decimal_range = format!("{FIRST_DECIMAL}..={}", FIRST_DECIMAL + count - 1);
    let mut contenders = vec![
        swath("Swath, decimals: squares from 5·10⁹ on", count, vec![decimal_range]),
        swath("Swath, random doubles", count, ["-k", "random", &format!("1..={count}")].map(str::to_owned).to_vec()),
    ];
    contenders.extend(decimals);
    contenders.extend(floats);
    contenders.push(disk("limit: the bytes of so many doubles, written", move || 8 * count));
    let work = format!("{} values of 128 bits, and doubles, as Parquet on the local disk", power(count));
    Line { name: "types", work, contenders, remarks }
}

fn swath(name: &'static str, count: u64, arguments: Vec<String>) -> Contender {
    Contender::new(name, Kind::Swath, move |setting| {
        let folder = setting.folder()?;
        let path = folder.path().join("values.parquet");
        let mut command = Command::new(&setting.swath);
        let ended = process::finish(setting, command.arg("run").args(&arguments).arg("-o").arg(&path))?;
        let rows = verify::count_rows(&path)?;
        ensure!(rows == count, "the file has {rows} rows instead of {count}");
        let measure = Measure::new(name, Kind::Swath, Unit::Seconds, ended.wall.as_secs_f64());
        Ok(measure.verified("count").detail(format!("{} in 1 file", size(fs::metadata(&path)?.len()))))
    })
}
