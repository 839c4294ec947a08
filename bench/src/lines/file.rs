//! `file`: squares into Parquet.

use std::{
    cell::Cell,
    fs::{self, File},
    io::Write,
    path::Path,
    process::Command,
    rc::Rc,
    time::Instant,
};

use anyhow::{Context, Result};

use super::power;
use crate::{
    measure::{Contender, Kind, Line, Measure, Unit},
    peer::{self, Peer, peer},
    process,
    setting::Setting,
    statistics::size,
    verify,
};

const NUMBERS: u64 = 100_000_000;

const PEERS: &[Peer] = &[
    peer("multiprocessing + pyarrow, a file for each process", "multiprocessing_peer", "file"),
    peer("Ray + pyarrow, a file for each worker", "ray_peer", "file"),
    peer("Dask + pyarrow, a file for each worker", "dask_peer", "file"),
    peer("HyperQueue + pyarrow, a file for each core", "hyperqueue_peer", "file"),
    peer("Spark, a file for each core", "spark_peer", "file"),
    peer("pyarrow threads, uncompressed, a file for each", "pyarrow_peer", "file"),
    peer("DuckDB, one ordered file", "duckdb_peer", "file"),
    peer("DuckDB, uncompressed, a file for each thread", "duckdb_peer", "file-per-thread"),
    peer("Polars, one ordered file", "polars_peer", "file"),
];

pub(super) fn line(setting: &Setting) -> Line {
    let last = setting.numbers(NUMBERS);
    let (peers, mut remarks) = peer::enlist(setting, PEERS, |peer| peer.timed(last));
    remarks.push(
        "Swath is timed as a whole command that starts its own workers; its peers are up and warm before the clock \
         starts. Nobody syncs to the disk"
            .to_owned(),
    );
    let bytes = Rc::new(Cell::new(0));
    let mut contenders = vec![swath(last, Rc::clone(&bytes))];
    contenders.extend(peers);
    contenders.push(disk("limit: the bytes of Swath's file, written", move || bytes.get()));
    Line {
        name: "file",
        work: format!("{} squares as Parquet (n, value) on the local disk", power(last)),
        contenders,
        remarks,
    }
}

fn swath(last: u64, bytes: Rc<Cell<u64>>) -> Contender {
    let name = "Swath, one ordered file";
    Contender::new(name, Kind::Swath, move |setting| {
        let folder = setting.folder()?;
        let path = folder.path().join("squares.parquet");
        let ended = process::finish(setting, &mut run(setting, last, &path))?;
        let verified = verify::read_file(&path)?.check(&verify::squares(last))?;
        bytes.set(fs::metadata(&path)?.len());
        let measure = Measure::new(name, Kind::Swath, Unit::Seconds, ended.wall.as_secs_f64());
        Ok(measure.verified(verified).detail(format!("{} in 1 file", size(bytes.get()))))
    })
}

/// `swath run` of the squares of 1 to `last` into a file.
pub(super) fn run(setting: &Setting, last: u64, path: &Path) -> Command {
    let mut command = Command::new(&setting.swath);
    command.args(["run", &format!("1..={last}"), "-o"]).arg(path);
    command
}

/// So many bytes, on the disk that is measured.
pub(super) fn disk(name: &'static str, bytes: impl Fn() -> u64 + 'static) -> Contender {
    Contender::new(name, Kind::Limit, move |setting| {
        let bytes = bytes();
        let folder = setting.folder()?;
        let buffer: Vec<u8> = (0..1 << 20).map(|byte: u32| (byte.wrapping_mul(2_654_435_761) >> 24) as u8).collect();
        let begun = Instant::now();
        write(&folder.path().join("bytes"), &buffer, bytes).context("cannot write to the disk")?;
        let measure = Measure::new(name, Kind::Limit, Unit::Seconds, begun.elapsed().as_secs_f64());
        Ok(measure.detail(size(bytes)))
    })
}

fn write(path: &Path, buffer: &[u8], bytes: u64) -> Result<()> {
    let mut file = File::create(path)?;
    let mut left = bytes as usize;
    while left > 0 {
        let length = left.min(buffer.len());
        file.write_all(&buffer[..length])?;
        left -= length;
    }
    Ok(())
}
