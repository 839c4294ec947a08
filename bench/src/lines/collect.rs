//! `collect`: squares into the memory of a client.

use std::{
    cell::Cell,
    env,
    io::{Read, Write},
    net::{TcpListener, TcpStream},
    process::Command,
    rc::Rc,
    thread,
    time::Instant,
};

use anyhow::{Context, Result};

use super::{RayonAnswer, power};
use crate::{
    client::Collected,
    measure::{Contender, Kind, Line, Measure, Unit},
    peer::{self, Answer, Peer, peer},
    process::{self, Cluster, Place},
    setting::Setting,
    statistics::size,
    verify,
};

const NUMBERS: u64 = 100_000_000;

const PEERS: &[Peer] = &[
    peer("Ray, views of its shared memory", "ray_peer", "collect"),
    peer("Ray, one array", "ray_peer", "collect-one-array"),
    peer("multiprocessing, shared memory", "multiprocessing_peer", "collect"),
    peer("Dask, one array", "dask_peer", "collect"),
    peer("HyperQueue, one array from files", "hyperqueue_peer", "collect"),
    peer("Spark, toPandas with Arrow", "spark_peer", "collect"),
    peer("DuckDB, one process", "duckdb_peer", "collect"),
    peer("Polars, one process", "polars_peer", "collect"),
    peer("numpy, one thread", "numpy_peer", "collect"),
];

pub(super) fn line(setting: &Setting) -> Line {
    let last = setting.numbers(NUMBERS);
    let (peers, mut remarks) = peer::enlist(setting, PEERS, |peer| peer.timed(last));
    remarks.push(
        "All are up and have done the same once before the clock starts. Swath: coordinator, worker and client are \
         separate processes that talk gRPC over loopback"
            .to_owned(),
    );
    let encoded = Rc::new(Cell::new(0));
    let mut contenders = vec![swath(last, Rc::clone(&encoded))];
    if setting.has_peers() {
        contenders.push(flight(last));
    }
    contenders.extend(peers);
    contenders.push(rayon(last));
    contenders.push(loopback("limit: the bytes that Swath sends, over loopback", move || encoded.get()));
    contenders.push(loopback("limit: 8 bytes a value, over loopback", move || 8 * last));
    Line {
        name: "collect",
        work: format!("{} squares, all values as arrays in the client's memory", power(last)),
        contenders,
        remarks,
    }
}

/// The client that collects, as a process of its own.
pub(super) fn client(place: &Place, cluster: &Cluster, last: u64) -> Result<Command> {
    let mut command = place.command(&env::current_exe().context("cannot find this program")?);
    command.args(["collect", cluster.address(), &last.to_string()]);
    Ok(command)
}

fn swath(last: u64, encoded: Rc<Cell<u64>>) -> Contender {
    let name = "Swath, Arrow arrays, gRPC";
    Contender::new(name, Kind::Swath, move |setting| {
        let cluster = Cluster::start(setting)?;
        let ended = process::finish(setting, &mut client(&Place::default(), &cluster, last)?)?;
        let collected: Collected = serde_json::from_str(&ended.stdout)?;
        encoded.set(collected.bytes);
        let measure = Measure::new(name, Kind::Swath, Unit::Seconds, collected.seconds);
        let verified = collected.found.check(&verify::squares(last))?;
        Ok(measure.verified(verified).detail(format!("{} on the way", size(collected.bytes))))
    })
}

fn flight(last: u64) -> Contender {
    let name = "Swath, pyarrow.flight";
    Contender::new(name, Kind::Swath, move |setting| {
        let cluster = Cluster::start(setting)?;
        let mut command = peer::python(setting, "flight_client")?;
        command.args([&last.to_string(), cluster.address()]).arg(&setting.swath);
        let answer = Answer::parse(&process::finish(setting, &mut command)?)?;
        let measure = Measure::new(name, Kind::Swath, Unit::Seconds, answer.seconds);
        Ok(measure.verified(answer.check(last)?).detail("a stock client; the results are stored as well"))
    })
}

fn rayon(last: u64) -> Contender {
    let name = "limit: a rayon loop into fresh memory";
    Contender::new(name, Kind::Limit, move |setting| {
        let mut command = Command::new(setting.sibling("rayon-squares")?);
        let answer = RayonAnswer::parse(&process::finish(setting, command.arg(last.to_string()))?)?;
        let measure = Measure::new(name, Kind::Limit, Unit::Seconds, answer.seconds);
        Ok(measure.verified(answer.check(last)?))
    })
}

/// So many bytes through one TCP connection on loopback.
fn loopback(name: &'static str, bytes: impl Fn() -> u64 + 'static) -> Contender {
    Contender::new(name, Kind::Limit, move |_| {
        let bytes = bytes();
        let seconds = send(bytes)?;
        let measure = Measure::new(name, Kind::Limit, Unit::Seconds, seconds);
        Ok(measure.detail(format!("{}, {:.2} GB/s", size(bytes), bytes as f64 / 1e9 / seconds)))
    })
}

fn send(bytes: u64) -> Result<f64> {
    const BUFFER: usize = 256 << 10;
    let listener = TcpListener::bind("127.0.0.1:0")?;
    let mut sender = TcpStream::connect(listener.local_addr()?)?;
    let (mut receiver, _) = listener.accept()?;
    let begun = Instant::now();
    let sending = thread::spawn(move || -> std::io::Result<()> {
        let buffer = vec![7; BUFFER];
        let mut left = bytes as usize;
        while left > 0 {
            let length = left.min(BUFFER);
            sender.write_all(&buffer[..length])?;
            left -= length;
        }
        Ok(())
    });
    let (mut buffer, mut received) = (vec![0; BUFFER], 0);
    while let length @ 1.. = receiver.read(&mut buffer)? {
        received += length as u64;
    }
    let seconds = begun.elapsed().as_secs_f64();
    sending.join().map_err(|_| anyhow::anyhow!("the sender panicked"))??;
    anyhow::ensure!(received == bytes, "{received} of {bytes} bytes came");
    Ok(seconds)
}
