//! `cold`: a small range from nothing.

use std::process::Command;

use anyhow::ensure;

use super::{file::run, power};
use crate::{
    measure::{Contender, Kind, Line, Measure, Unit},
    peer::{self, Peer, peer},
    process,
    setting::Setting,
    verify,
};

/// The same with --quick: it is short.
const NUMBERS: u64 = 1_000_000;

const PEERS: &[Peer] = &[
    peer("numpy", "numpy_peer", "cold"),
    peer("multiprocessing, Pool.map", "multiprocessing_peer", "cold"),
    peer("DuckDB", "duckdb_peer", "cold"),
    peer("Polars", "polars_peer", "cold"),
    peer("Dask", "dask_peer", "cold"),
    peer("HyperQueue", "hyperqueue_peer", "cold"),
    peer("Ray", "ray_peer", "cold"),
    peer("Spark", "spark_peer", "cold"),
];

pub(super) fn line(setting: &Setting) -> Line {
    let (peers, mut remarks) = peer::enlist(setting, PEERS, |peer| peer.whole(NUMBERS));
    remarks.push("Swath writes a Parquet file; the others sum their arrays up and print the sum".to_owned());
    let mut contenders = vec![swath()];
    contenders.extend(peers);
    contenders.push(rayon());
    Line {
        name: "cold",
        work: format!("{} squares by one command, everything started from nothing", power(NUMBERS)),
        contenders,
        remarks,
    }
}

fn swath() -> Contender {
    let name = "Swath, swath run -o";
    Contender::new(name, Kind::Swath, move |setting| {
        let folder = setting.folder()?;
        let path = folder.path().join("squares.parquet");
        let ended = process::finish(setting, &mut run(setting, NUMBERS, &path))?;
        let verified = verify::read_file(&path)?.check(&verify::squares(NUMBERS))?;
        Ok(Measure::new(name, Kind::Swath, Unit::Seconds, ended.wall.as_secs_f64()).verified(verified))
    })
}

fn rayon() -> Contender {
    let name = "limit: a rayon program";
    Contender::new(name, Kind::Limit, move |setting| {
        let mut command = Command::new(setting.sibling("rayon-squares")?);
        let ended = process::finish(setting, command.args([&NUMBERS.to_string(), "--cold"]))?;
        let (sum, expected) = (ended.stdout.trim(), verify::squares(NUMBERS).sum);
        ensure!(sum == expected, "the sum is {sum} instead of {expected}");
        Ok(Measure::new(name, Kind::Limit, Unit::Seconds, ended.wall.as_secs_f64()).verified("sum"))
    })
}
