//! `memory`: the peak of a whole tree of processes.

use super::{file::run, power};
use crate::{
    measure::{Contender, Kind, Line, Measure, Unit},
    peer::{self, Peer, peer},
    process,
    sampling::MemorySampler,
    setting::Setting,
    verify,
};

const NUMBERS: u64 = 100_000_000;

const PEERS: &[Peer] = &[
    peer("multiprocessing + pyarrow, into files", "multiprocessing_peer", "file"),
    peer("Ray + pyarrow, into files", "ray_peer", "file"),
    peer("Dask + pyarrow, into files", "dask_peer", "file"),
    peer("Spark, into files", "spark_peer", "file"),
    peer("DuckDB, into a file", "duckdb_peer", "file"),
    peer("Polars, into a file", "polars_peer", "file"),
    peer("numpy, collected", "numpy_peer", "collect"),
    peer("Ray, collected", "ray_peer", "collect"),
    peer("Dask, collected", "dask_peer", "collect"),
    peer("Spark, collected", "spark_peer", "collect"),
];

pub(super) fn line(setting: &Setting) -> Line {
    let last = setting.numbers(NUMBERS);
    let (peers, mut remarks) = peer::enlist(setting, PEERS, |peer| peer.memory(last));
    remarks.push(format!(
        "Peak of the sum of the proportional set sizes of all processes, looked at every 20 ms. Peers at {}; what they \
         collect grows with the numbers",
        power(last)
    ));
    let mut contenders = vec![swath(last)];
    if !setting.is_quick {
        contenders.push(swath(10 * last));
    }
    contenders.extend(peers);
    Line { name: "memory", work: format!("{} squares, peak of memory", power(last)), contenders, remarks }
}

fn swath(last: u64) -> Contender {
    let name = format!("Swath, {} into a file", power(last));
    Contender::new(name.clone(), Kind::Swath, move |setting| {
        let folder = setting.folder()?;
        let path = folder.path().join("squares.parquet");
        let mut command = run(setting, last, &path);
        let sampler = MemorySampler::watch(&mut command);
        process::finish(setting, &mut command)?;
        let peak = sampler.peak_mib();
        let verified = verify::read_file(&path)?.check(&verify::squares(last))?;
        Ok(Measure::new(name.clone(), Kind::Swath, Unit::Mebibytes, peak).verified(verified))
    })
}
